//! The quick set: worlds that are small enough for every run of the tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // Helpers of tests may, as tests do.
#![allow(missing_docs)] // A test has no public surface.

mod around;
mod people;
mod swept;

use offsite_protocol::properties::{Mark, Property};
use offsite_protocol::provider::Guard;
use offsite_protocol::search;
use offsite_protocol::world::Kind::{BreakLease, Delivery, Observe, Retry, Sweep, VaultWide};
use offsite_protocol::world::{Begins, World};
use offsite_protocol::worlds::{CORE, LOOP, RETRIED, SHORT, holds};

#[test]
fn two_deliveries_with_a_fault_make_one_copy_and_lose_nothing() {
    holds("two deliveries", World { ceiling: 70_000, reaches: LOOP, ..CORE });
}

#[test]
fn two_deliveries_with_two_faults_make_one_copy_and_lose_nothing() {
    let world = World { faults: 2, ceiling: 100_000, reaches: LOOP, ..SHORT };
    holds("two deliveries, two faults", world);
}

#[test]
fn with_one_attempt_and_refusals_nobody_goes_beyond_the_limit() {
    let world = World {
        attempts: 1,
        refusals: true,
        ceiling: 70_000,
        reaches: &[Mark::Refused, Mark::InDoubt, Mark::Accepted, Mark::TakeOver],
        ..CORE
    };
    holds("two deliveries, limit 1", world);
}

#[test]
fn a_refusal_keeps_its_attempt_and_its_time() {
    let world = World {
        attempts: 2,
        faults: 2,
        refusals: true,
        ceiling: 120_000,
        reaches: &[Mark::Refused, Mark::CalledAgain, Mark::LateSettle],
        ..SHORT
    };
    holds("two deliveries, limit 2", world);
}

#[test]
fn a_process_that_has_two_minutes_calls_no_copy_twice() {
    let world =
        World { deadline_s: 110, minutes: 3, guard: Guard::WhileRunning, ceiling: 80_000, reaches: LOOP, ..SHORT };
    holds("two deliveries, long deadline", world);
}

#[test]
fn three_deliveries_with_two_faults_make_one_copy_and_lose_nothing() {
    let workers = &[Delivery(0); 3];
    let world = World { workers, faults: 2, minutes: 1, ceiling: 400_000, reaches: LOOP, ..SHORT };
    holds("three deliveries", world);
}

#[test]
fn a_look_tells_the_truth_of_a_copy_that_ends_or_is_deleted() {
    let world = World {
        workers: &[Delivery(0), Observe],
        finish: true,
        fail: true,
        delete: true,
        ceiling: 70_000,
        reaches: &[Mark::Replicated, Mark::Failed, Mark::Lost, Mark::SecondAttempt, Mark::Conflict],
        ..CORE
    };
    holds("delivery and look", world);
}

/// The first process outlives its lease and settles late, and its copy goes before the second one looks for it. That one reads its record again
/// before it calls: a copy that it made then would be named by nobody if it died over it.
#[test]
fn a_copy_that_is_settled_late_and_deleted_is_not_made_again_by_a_doubt() {
    let world = World {
        workers: &[Delivery(0), Delivery(0), Observe],
        faults: 0,
        minutes: 2,
        finish: true,
        delete: true,
        ceiling: 120_000,
        reaches: &[Mark::LateSettle, Mark::TakeOver, Mark::Replicated, Mark::Lost, Mark::CalledAgain],
        ..SHORT
    };
    holds("two deliveries and a look", world);
}

#[test]
fn two_looks_at_once_tell_the_truth_and_tell_it_once() {
    let world = World {
        workers: &[Delivery(0), Observe, Observe],
        faults: 0,
        minutes: 2,
        finish: true,
        fail: true,
        delete: true,
        ceiling: 60_000,
        reaches: &[Mark::Replicated, Mark::Failed, Mark::Lost, Mark::SecondAttempt, Mark::Conflict],
        ..CORE
    };
    holds("delivery and two looks", world);
}

#[test]
fn a_sweep_beside_a_delivery_empties_the_outbox() {
    let world = World {
        workers: &[Delivery(0), Sweep],
        ceiling: 15_000,
        reaches: &[Mark::Drained, Mark::Accepted, Mark::InDoubt, Mark::Conflict],
        ..CORE
    };
    holds("delivery and sweep", world);
}

/// A look finds the copy ended before its acceptance was told, so that a record holds two messages; the queue takes the first of them only, and
/// the look dies before it tells the other one itself.
#[test]
fn a_record_of_which_the_queue_has_a_part_stays_in_the_outbox() {
    let world = World {
        workers: &[Delivery(0), Observe, Sweep],
        faults: 2,
        minutes: 1,
        finish: true,
        ceiling: 90_000,
        reaches: &[Mark::Drained, Mark::Accepted, Mark::Replicated, Mark::Conflict],
        ..SHORT
    };
    holds("delivery, look and sweep", world);
}

#[test]
fn a_vault_wide_call_and_a_delivery_share_one_copy() {
    let world = World {
        workers: &[Delivery(0), VaultWide],
        minutes: 2,
        guard: Guard::WhileThere,
        ceiling: 250_000,
        // F8: a delivery for a backup finds the copy that the vault-wide call made, and tells the queue before it says so.
        reaches: &[
            Mark::BackupOpened,
            Mark::NoWork,
            Mark::Adopted,
            Mark::LateSettle,
            Mark::TakeOver,
            Mark::ToldForVault,
        ],
        ..CORE
    };
    holds("delivery and vault-wide call", world);
}

#[test]
fn two_deliveries_of_a_vault_wide_call_copy_each_backup_once() {
    let world = World {
        workers: &[VaultWide, VaultWide],
        backups: 2,
        guard: Guard::WhileThere,
        ceiling: 240_000,
        reaches: &[Mark::BackupOpened, Mark::TakeOver, Mark::LateSettle, Mark::Adopted, Mark::Conflict],
        ..SHORT
    };
    holds("two vault-wide calls", world);
}

/// The first call was lost. The next one is applied, and its copies get no records: whoever comes then waits from this call on, since what it
/// made may not show yet.
#[test]
fn a_vault_wide_doubt_is_as_old_as_its_last_call() {
    let world = World {
        workers: &[VaultWide, VaultWide],
        begins: Begins::VaultDoubted,
        guard: Guard::WhileThere,
        ceiling: 40_000,
        reaches: &[Mark::BackupOpened, Mark::PartlyRecorded, Mark::CalledAgain],
        ..CORE
    };
    holds("doubted, two vault-wide calls", world);
}

#[test]
fn a_vault_wide_call_opens_a_record_for_each_backup() {
    let world = World {
        workers: &[VaultWide],
        backups: 2,
        guard: Guard::WhileThere,
        ceiling: 16_000,
        reaches: &[Mark::BackupOpened, Mark::PartlyRecorded, Mark::Accepted, Mark::InDoubt, Mark::Adopted],
        ..CORE
    };
    holds("vault-wide call", world);
}

#[test]
fn a_sweep_beside_a_vault_wide_call_sends_the_receipts_of_all_its_copies() {
    let world = World {
        workers: &[VaultWide, Sweep],
        backups: 2,
        guard: Guard::WhileThere,
        ceiling: 120_000,
        reaches: &[Mark::BackupOpened, Mark::PartlyRecorded, Mark::Drained, Mark::Conflict],
        ..SHORT
    };
    holds("vault-wide call and sweep", world);
}

#[test]
fn an_answer_about_a_failed_copy_is_not_credited_to_the_copy_that_follows_it() {
    let world = World {
        workers: &[Delivery(0), VaultWide, Observe],
        faults: 0,
        minutes: 1,
        finish: true,
        fail: true,
        guard: Guard::WhileThere,
        ceiling: 260_000,
        reaches: &[Mark::Replicated, Mark::Failed, Mark::NoWork, Mark::SecondAttempt, Mark::LateSettle],
        ..CORE
    };
    holds("delivery, vault-wide call and look", world);
}

#[test]
fn a_person_who_breaks_a_lease_makes_a_doubt_and_no_second_copy() {
    let world = World {
        workers: &[Delivery(0), Delivery(0), BreakLease],
        minutes: 1,
        ceiling: 40_000,
        reaches: &[Mark::LeaseBroken, Mark::LateSettle, Mark::InDoubt, Mark::CalledAgain, Mark::Conflict],
        ..SHORT
    };
    holds("two deliveries and a broken lease", world);
}

#[test]
fn a_person_who_retries_beside_a_claim_lifts_the_limit_once() {
    let world = World {
        workers: &[Delivery(0), Delivery(0), Retry],
        attempts: 1,
        refusals: true,
        minutes: 1,
        ceiling: 25_000,
        reaches: &[Mark::Retried, Mark::Refused, Mark::Accepted, Mark::InDoubt, Mark::Conflict],
        ..SHORT
    };
    holds("two deliveries and a retry", world);
}

#[test]
fn a_retry_of_a_copy_that_failed_or_was_lost_is_an_attempt_of_its_own() {
    holds("two deliveries, a look and a retry", RETRIED);
}

/// Takes the protection away (F9): with a wait that does not cover how long a call may be under way and a copy hidden, there are two.
#[test]
fn a_wait_that_is_too_short_makes_two_copies() {
    let explored = search::explore(World { wait: 1, ceiling: 70_000, ..CORE });
    let found = explored.violation.as_ref().map(|(violation, _)| violation.property);
    println!("{}", explored.told("two deliveries, wait too short"));
    assert_eq!(found, Some(Property::P12));
}

/// Takes the protection away (F9): the same when clocks are a minute apart and nothing is kept in reserve for it.
#[test]
fn clocks_that_are_apart_make_two_copies_of_a_wait_without_reserve() {
    let world = World { ahead: [0, 1, 0, 0], ends_processes: true, ceiling: 20_000, ..CORE };
    let explored = search::explore(world);
    println!("{}", explored.told("two deliveries, clocks apart"));
    assert_eq!(explored.violation.as_ref().map(|(violation, _)| violation.property), Some(Property::P12));
    let world = World { wait: 3, minutes: 4, reaches: LOOP, ..world };
    holds("two deliveries, clocks apart, reserve", world);
}
