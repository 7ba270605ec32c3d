//! The suite that every store passes, on the emulator's DynamoDB.

#[path = "../it/ledger/contract.rs"]
pub mod contract;

use offsite_local::home::database::Database;

use crate::account::Account;
use crate::faults::world::Store;
use contract::{Subject, suite};

async fn on_ministack() -> Subject {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(&directory.path().join("unused.db")).unwrap();
    let account = Account::new();
    let queue = account.create_queue("receipts").await;
    let environment = account.environment().with("QUEUE_URL", queue);
    Subject::of(Store::on_aws(environment, database, directory).await)
}

suite!(dynamodb_of_ministack, super::on_ministack();
    writes_are_conditional, a_write_whose_answer_was_lost_is_recognised, of_racing_claims_one_wins,
    lists_are_paged_and_filtered, states_are_counted, the_beginning_of_a_key_finds_its_record, pauses_are_kept_for_each_credential,
    states_are_counted_over_pages, a_newer_record_is_refused_with_its_format, a_corrupt_record_is_refused);
