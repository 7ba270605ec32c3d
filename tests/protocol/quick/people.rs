//! Worlds in which a person decides while processes are at work, or a doubt is held for one; and what a sweep says of a source that is gone.

use offsite_protocol::properties::{Mark, Property};
use offsite_protocol::provider::Guard;
use offsite_protocol::search;
use offsite_protocol::world::Kind::{Abandon, Adopt, Delivery, Gone, Hand, Observe, Pause};
use offsite_protocol::world::World;
use offsite_protocol::worlds::{CORE, SHORT, holds};

/// The owner of the call settles late, with the same copy or with another one.
#[test]
fn a_person_who_adopts_a_copy_beside_a_late_settle_loses_no_receipt() {
    let world = World {
        workers: &[Delivery(0), Delivery(0), Adopt],
        minutes: 1,
        ceiling: 60_000,
        reaches: &[Mark::AdoptedByHand, Mark::LateSettle, Mark::TakeOver, Mark::InDoubt, Mark::Conflict],
        ..SHORT
    };
    holds("two deliveries and an adoption", world);
}

/// The first copy failed, another hand made one, and a person takes that for ours: what was accepted before stays in the record.
#[test]
fn a_person_who_adopts_another_copy_takes_no_receipt_away() {
    let world = World {
        workers: &[Delivery(0), Observe, Adopt, Hand],
        faults: 0,
        minutes: 1,
        fail: true,
        guard: Guard::WhileThere,
        ceiling: 5_000,
        reaches: &[Mark::AdoptedByHand, Mark::OtherHand, Mark::Failed],
        ..SHORT
    };
    holds("a delivery, a look, another hand and an adoption", world);
}

/// What is accepted after all is told all the same: a receipt is never dropped because somebody gave up waiting for it.
#[test]
fn a_person_who_gives_it_up_beside_a_late_settle_loses_no_receipt() {
    let world = World {
        workers: &[Delivery(0), Delivery(0), Abandon],
        minutes: 1,
        ceiling: 60_000,
        reaches: &[Mark::Abandoned, Mark::LateSettle, Mark::TakeOver, Mark::InDoubt, Mark::Conflict],
        ..SHORT
    };
    holds("two deliveries, given up", world);
}

/// With a wait that is too short for anything else: who holds needs none.
#[test]
fn a_doubt_that_is_held_is_never_called_again() {
    let world = World {
        hold: true,
        wait: 1,
        minutes: 2,
        ceiling: 120_000,
        reaches: &[Mark::Held, Mark::Accepted, Mark::Adopted, Mark::TakeOver, Mark::LateCall],
        ..CORE
    };
    holds("two deliveries, held", world);
}

#[test]
fn missed_is_said_of_nothing_that_was_started() {
    let world = World {
        workers: &[Delivery(0), Delivery(0), Gone],
        minutes: 1,
        refusals: true,
        guard: Guard::WhileThere,
        ceiling: 60_000,
        reaches: &[Mark::Missed, Mark::Accepted, Mark::InDoubt, Mark::LateSettle, Mark::Refused, Mark::Conflict],
        ..SHORT
    };
    holds("two deliveries, and the source goes", world);
}

/// Between the read and the call, and where the brake cannot be read.
#[test]
fn what_a_person_has_stopped_is_not_started() {
    let world = World {
        workers: &[Delivery(0), Delivery(0), Pause],
        // A process goes on in the next minute, in which it asks again whether it may.
        deadline_s: 110,
        minutes: 2,
        ceiling: 95_000,
        reaches: &[Mark::Stopped, Mark::Accepted, Mark::InDoubt, Mark::LateSettle],
        ..SHORT
    };
    holds("two deliveries, stopped", world);
}

/// Takes the protection away: the same world without `hold` has its second copy.
#[test]
fn what_is_not_held_needs_the_wait() {
    let world = World { wait: 1, minutes: 2, ceiling: 120_000, ..CORE };
    let explored = search::explore(world);
    let found = explored.violation.as_ref().map(|(violation, _)| violation.property);
    println!("{}", explored.told("two deliveries, not held"));
    assert_eq!(found, Some(Property::P12));
}
