//! Every interleaving of a few workers over one or two records, up to stated bounds.
//!
//! The product's own, unchanged handler runs here against a small model of store, provider, queue and clock, and every order of
//! their steps is visited, with so many faults on the way as each world allows: a write that is stored and not heard of, a call that
//! is applied when nobody waits for it any more, a process that ends anywhere. Nothing of the handler is written twice: a worker is
//! the real future, run over the answers that it got so far (`tree.rs`, `worker.rs`).
//!
//! A state is the stored records, the place of each worker, the copies and the calls still in the network (`provider.rs`), the queue,
//! the clock, and the faults that are left (`world.rs`). All that can happen next is in `steps.rs`, what must hold in `properties.rs`
//! and `rest.rs`. The search is breadth first (`search.rs`), so a violation comes with a shortest way to it, printed as a table
//! (`trace.rs`).
//!
//! Each world states what it must reach, because an exploration of a world in which nothing happens is green too; which known
//! findings it shows, so that their list cannot go stale; and how many states it may have, so that a change that blows it up fails
//! by name instead of by time. `mutations.py` breaks the product on purpose and expects this to notice.
//!
//! **What it does not show:** the three providers (one model stands for them), several replications in one process, an index of the
//! store that lags, a policy's sweep, what a person adopts, abandons or acknowledges, and what needs more workers or faults than the bounds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // Helpers of tests may, as tests do.
#![allow(missing_docs)] // A test has no public surface; what a name does not say is said where it is needed.

mod product;
mod properties;
mod provider;
mod rest;
mod search;
mod steps;
mod swept;
mod tables;
mod trace;
mod tree;
mod worker;
mod world;

use std::collections::BTreeSet;

use properties::{Finding, Mark, Property};
use provider::Guard;
use world::{Kind, World};

use Kind::{BreakLease, Delivery, Observe, Retry, Sweep, VaultWide};

/// The core loop: two deliveries of one command, one fault, honest clocks, and a provider that guards nothing. A call may be applied
/// up to a minute after it was sent, a copy may be hidden for another one, and the wait is the two minutes that cover both.
const CORE: World = World {
    workers: &[Delivery(0), Delivery(0)],
    backups: 1,
    faults: 1,
    minutes: 3,
    deadline_s: 50,
    ends_processes: false,
    attempts: 5,
    wait: 2,
    delay: 1,
    hidden: 1,
    guard: Guard::None,
    finish: false,
    fail: false,
    delete: false,
    refusals: false,
    swept: false,
    ahead: [0; world::WORKERS],
    ceiling: 0,
    reaches: &[],
    shows: &[],
};

/// The same where a call is applied in the minute of its sending or never: less time is enough, so more faults fit in.
const SHORT: World = World { wait: 1, delay: 0, minutes: 2, ..CORE };

/// A copy fails, or is lost once it was made, and a person has it tried again.
const RETRIED: World = World {
    workers: &[Delivery(0), Delivery(0), Observe, Retry],
    attempts: 1,
    faults: 0,
    minutes: 1,
    finish: true,
    fail: true,
    delete: true,
    ceiling: 60_000,
    reaches: &[Mark::Retried, Mark::Failed, Mark::Lost, Mark::SecondAttempt],
    ..SHORT
};

/// What every world with two deliveries must come across.
const LOOP: &[Mark] = &[
    Mark::Accepted,
    Mark::Replicated,
    Mark::InDoubt,
    Mark::TakeOver,
    Mark::LateSettle,
    Mark::Adopted,
    Mark::CalledAgain,
    Mark::Conflict,
    Mark::LateCall,
    Mark::Drained,
];

/// Explores a world and fails on anything that it does not say of itself.
fn holds(name: &str, world: World) {
    let explored = search::explore(world);
    let told = explored.told(name);
    println!("{told}");
    if let Some((violation, table)) = &explored.violation {
        panic!("{told}\n{:?}: {}\n{table}", violation.property, violation.what);
    }
    assert!(!explored.too_many, "{told}\nmore states than {}: raise the ceiling if that is meant", world.ceiling);
    let explorer = explored.explorer;
    let missed: Vec<&Mark> = world.reaches.iter().filter(|mark| !explorer.marks.contains(mark)).collect();
    assert!(missed.is_empty(), "{told}\nnever reached: {missed:?}");
    let shown: BTreeSet<Finding> = explorer.known.into_keys().collect();
    let missed: Vec<&Finding> = world.shows.iter().filter(|finding| !shown.contains(finding)).collect();
    assert!(
        missed.is_empty(),
        "{told}\nno longer shows {missed:?}: take it off this world, and in the end out of `Finding`"
    );
}

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

#[test]
fn a_vault_wide_call_and_a_delivery_share_one_copy() {
    let world = World {
        workers: &[Delivery(0), VaultWide],
        minutes: 2,
        guard: Guard::WhileThere,
        ceiling: 250_000,
        reaches: &[Mark::BackupOpened, Mark::NoWork, Mark::Adopted, Mark::LateSettle, Mark::TakeOver],
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
