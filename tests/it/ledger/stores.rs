//! The suite of the stores over each: in memory, in the SQLite file, and on DynamoDB as the local AWS answers it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use offsite_shared::io::aws::Aws;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::io::dynamodb::DynamoLedger;
use offsite_shared::io::memory::MemoryLedger;
use offsite_shared::ledger::store::{Expect, LedgerError};
use offsite_shared::model::command::Operation;
use offsite_shared::ports::{Boxed, Clock};
use offsite_shared::sign::Nonce;

use super::contract::{Subject, first_claim, new_replication, refused, suite};
use crate::faults::world::{Home, Store, TABLE, aws_environment, command, http};

pub use super::contract::mutating_calls;

async fn in_memory() -> Subject {
    Subject { ledger: Arc::new(MemoryLedger::default()), store: None }
}

async fn open(home: Home) -> Subject {
    Subject::of(Store::open(home).await)
}

suite!(memory, super::in_memory();
    writes_are_conditional, a_write_whose_answer_was_lost_is_recognised, of_racing_claims_one_wins,
    lists_are_paged_and_filtered, states_are_counted,
    the_beginning_of_a_key_finds_its_record, pauses_are_kept_for_each_credential);
suite!(sqlite, super::open(crate::faults::world::Home::Sqlite);
    writes_are_conditional, a_write_whose_answer_was_lost_is_recognised, of_racing_claims_one_wins,
    lists_are_paged_and_filtered, states_are_counted,
    the_beginning_of_a_key_finds_its_record, pauses_are_kept_for_each_credential,
    states_are_counted_over_pages, a_newer_record_is_refused_with_its_format, a_corrupt_record_is_refused);
suite!(dynamodb, super::open(crate::faults::world::Home::Dynamo);
    writes_are_conditional, a_write_whose_answer_was_lost_is_recognised, of_racing_claims_one_wins,
    lists_are_paged_and_filtered, states_are_counted,
    the_beginning_of_a_key_finds_its_record, pauses_are_kept_for_each_credential,
    states_are_counted_over_pages, a_newer_record_is_refused_with_its_format, a_corrupt_record_is_refused);

/// Time that passes only where somebody waits.
#[derive(Default)]
pub struct Waiting(AtomicI64);

impl Clock for Waiting {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        self.0.fetch_add(duration.as_millis() as i64, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }

    fn nonce(&self) -> Nonce {
        SystemClock.nonce()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_cannot_be_reached_starts_nothing() {
    let mut store = Store::open(Home::Dynamo).await;
    let aws = store.aws.take().unwrap();
    let environment = aws_environment(&aws);
    let client = Arc::new(Aws::from_environment(&environment, Arc::new(http()), Arc::new(Waiting::default())).unwrap());
    store.ledger = Arc::new(DynamoLedger::from_environment(&environment, client, TABLE).unwrap());
    aws.shutdown().await;
    let subject = Subject::of(store);
    let replication = new_replication(6);
    let error = subject.ledger.put(&first_claim(&replication, "one"), &Expect::Absent).await.unwrap_err();
    assert!(matches!(error, LedgerError::Unavailable(_)), "{error}");
    let message = refused(&subject, &command(Operation::CopySnapshot, &mut Rng::with_seed(6))).await;
    assert!(message.contains("DynamoDB") && message.contains("it can be repeated"), "{message}");
}
