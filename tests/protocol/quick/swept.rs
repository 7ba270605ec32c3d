//! Worlds in which a sweep has just recorded that there is no copy, so that the first attempt calls without a look; and what sweeps say of a
//! backup that comes back without its copy.
//!
//! **What they do not show:** another hand that copies at the same time. It shares no ledger, so a copy of its own may always come second; how
//! long after the listing it may begin unseen is in docs/assumptions.md.

use offsite_protocol::properties::Mark;
use offsite_protocol::provider::Guard;
use offsite_protocol::world::Kind::{Back, Delivery, Observe, SweepOfRule};
use offsite_protocol::world::{Begins, Front, World};
use offsite_protocol::worlds::{CORE, LOOP, RETRIED, SHORT, holds};

#[test]
fn two_deliveries_after_a_sweep_make_one_copy_and_lose_nothing() {
    let world = World { begins: Begins::Swept, ceiling: 70_000, reaches: LOOP, ..CORE };
    holds("swept, two deliveries", world);
}

#[test]
fn three_deliveries_after_a_sweep_make_one_copy_and_lose_nothing() {
    let workers = &[Delivery(0); 3];
    let world = World { workers, begins: Begins::Swept, minutes: 1, ceiling: 200_000, reaches: LOOP, ..SHORT };
    holds("swept, three deliveries", world);
}

/// A further attempt, also one that a person asks for, reads again: the evidence was of the first one.
#[test]
fn a_retry_after_a_sweep_reads_again() {
    let world = World { begins: Begins::Swept, guard: Guard::None, ..RETRIED };
    holds("swept, two deliveries, a look and a retry", world);
}

/// It is lost like any other: told once, and made again by nobody but a person.
#[test]
fn what_comes_back_without_its_copy_is_lost_and_not_made_again() {
    let world = World {
        workers: &[Delivery(0), Observe, Back],
        minutes: 1,
        finish: true,
        delete: true,
        guard: Guard::WhileThere,
        ceiling: 12_000,
        reaches: &[Mark::Ended, Mark::CameBack, Mark::Lost, Mark::Conflict, Mark::InDoubt],
        ..SHORT
    };
    holds("a delivery and a look, and it comes back", world);
}

/// A whole sweep of a rule, as the product does it: listings of both regions, the start of what is missing, and what it records.
#[test]
fn a_delivery_beside_a_sweep_of_the_rule_makes_one_copy() {
    let world = World {
        workers: &[Delivery(0), SweepOfRule],
        front: Front::Tencent,
        guard: Guard::WhileRunning,
        finish: true,
        minutes: 1,
        ceiling: 400_000,
        reaches: &[Mark::Accepted, Mark::Replicated, Mark::InDoubt, Mark::TakeOver, Mark::Conflict],
        ..SHORT
    };
    holds("Tencent, a delivery and a sweep of the rule", world);
}

#[test]
fn two_sweeps_of_a_rule_make_one_copy() {
    let world = World {
        workers: &[SweepOfRule, SweepOfRule],
        front: Front::Tencent,
        guard: Guard::None,
        faults: 0,
        minutes: 1,
        ceiling: 100_000,
        reaches: &[Mark::Accepted, Mark::Conflict],
        ..SHORT
    };
    holds("Tencent, two sweeps of the rule", world);
}
