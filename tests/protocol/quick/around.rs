//! Worlds in which what stands around a delivery is less simple: a list that lags behind, two pieces of work in one process, another hand
//! that copies, time that passes in a sleep, and the product's own planning and reading for a cloud.

use offsite_protocol::properties::Mark;
use offsite_protocol::provider::Guard;
use offsite_protocol::world::Kind::{Both, Delivery, Hand, Observe, Otherwise, Sweep, Twice};
use offsite_protocol::world::{Front, World};
use offsite_protocol::worlds::{CORE, LOOP, SHORT, holds};

#[test]
fn a_sweep_that_is_shown_an_older_outbox_loses_and_forges_nothing() {
    let world = World {
        workers: &[Delivery(0), Sweep],
        lags: true,
        finish: false,
        faults: 2,
        minutes: 1,
        ceiling: 60_000,
        reaches: &[Mark::OlderList, Mark::Drained, Mark::Accepted, Mark::InDoubt, Mark::Conflict],
        ..SHORT
    };
    holds("delivery and sweep, list lags", world);
}

#[test]
fn a_look_that_is_shown_an_older_record_tells_the_truth() {
    let world = World {
        workers: &[Delivery(0), Observe, Observe],
        lags: true,
        finish: true,
        fail: true,
        delete: true,
        minutes: 1,
        ceiling: 120_000,
        reaches: &[Mark::OlderList, Mark::Replicated, Mark::Failed, Mark::Lost, Mark::Conflict],
        ..SHORT
    };
    holds("delivery and two looks, list lags", world);
}

/// They share pauses, credentials and the turn to ask; each has its own claim.
#[test]
fn two_replications_of_one_process_do_not_disturb_each_other() {
    let world = World {
        workers: &[Both],
        backups: 2,
        minutes: 0,
        ceiling: 40_000,
        reaches: &[Mark::Accepted, Mark::InDoubt, Mark::Adopted, Mark::LateCall],
        ..SHORT
    };
    holds("one delivery of two", world);
}

#[test]
fn one_delivery_that_holds_a_command_twice_makes_one_copy() {
    let world = World {
        workers: &[Twice],
        faults: 2,
        minutes: 1,
        ceiling: 60_000,
        reaches: &[Mark::Accepted, Mark::InDoubt, Mark::TakeOver, Mark::Adopted, Mark::Conflict],
        ..SHORT
    };
    holds("a delivery of the same twice", world);
}

/// The vault is no part of the key. Only where nothing was applied does the other command take its place.
#[test]
fn a_command_with_another_payload_takes_nothing_over() {
    let world = World {
        workers: &[Delivery(0), Otherwise],
        faults: 2,
        refusals: true,
        minutes: 1,
        ceiling: 60_000,
        reaches: &[Mark::OtherPayload, Mark::Accepted, Mark::InDoubt, Mark::Refused, Mark::Conflict],
        ..SHORT
    };
    holds("two deliveries with different payloads", world);
}

/// It shares no ledger with us, so its copy may come second; but what it was seen to have is adopted, and ours is never lost.
#[test]
fn a_copy_of_another_hand_that_is_seen_is_adopted() {
    let world = World {
        workers: &[Delivery(0), Delivery(0), Hand],
        minutes: 1,
        guard: Guard::WhileThere,
        ceiling: 60_000,
        reaches: &[Mark::OtherHand, Mark::Adopted, Mark::Accepted, Mark::InDoubt, Mark::TakeOver],
        ..SHORT
    };
    holds("two deliveries and another hand", world);
}

#[test]
fn time_that_passes_in_a_sleep_is_noticed_before_the_next_call() {
    let world = World {
        sleeps: true,
        minutes: 2,
        ceiling: 80_000,
        reaches: &[Mark::Accepted, Mark::InDoubt, Mark::TakeOver, Mark::LateSettle, Mark::Adopted, Mark::CalledAgain],
        ..CORE
    };
    holds("two deliveries, sleep is a step", world);
}

/// Two deliveries, in front of whose cloud a provider of the product plans and reads.
const DELIVERED: World = World { finish: true, minutes: 2, ceiling: 200_000, reaches: LOOP, ..CORE };

/// A delivery and a look, the same.
const LOOKED: World = World {
    workers: &[Delivery(0), Observe],
    finish: true,
    delete: true,
    minutes: 1,
    ceiling: 60_000,
    reaches: &[Mark::Accepted, Mark::Replicated, Mark::Lost, Mark::InDoubt],
    ..SHORT
};

/// CBS as the product plans and reads it: by name in the destination, then the source, which tells of a running copy.
#[test]
fn with_the_planning_and_reading_of_tencent_two_deliveries_make_one_copy() {
    let world = World { front: Front::Tencent, guard: Guard::WhileRunning, ..DELIVERED };
    holds("Tencent, two deliveries", world);
}

/// CBR: the backup's records tell of its copies, and a copy that is there already is refused.
#[test]
fn with_the_planning_and_reading_of_huawei_two_deliveries_make_one_copy() {
    let world = World { front: Front::Huawei, guard: Guard::WhileThere, ..DELIVERED };
    holds("Huawei, two deliveries", world);
}

#[test]
fn with_the_planning_and_reading_of_huawei_a_look_tells_the_truth() {
    let world = World { front: Front::Huawei, guard: Guard::WhileThere, fail: true, ..LOOKED };
    holds("Huawei, delivery and look", world);
}

/// HBR: the two vaults are a pair or not, and what a second call is told is not known.
#[test]
fn with_the_planning_and_reading_of_alibaba_two_deliveries_make_one_pair() {
    let world = World { front: Front::Alibaba, guard: Guard::WhileThere, ..DELIVERED };
    holds("Alibaba, two deliveries", world);
}

#[test]
fn with_the_planning_and_reading_of_alibaba_a_look_tells_the_truth() {
    let world = World {
        front: Front::Alibaba,
        guard: Guard::WhileThere,
        // A pair that failed stays until a person deletes it, and nothing that can be read tells a second pair from the first.
        delete: false,
        reaches: &[Mark::Accepted, Mark::Replicated, Mark::InDoubt, Mark::Adopted],
        ..LOOKED
    };
    holds("Alibaba, delivery and look", world);
}

#[test]
fn with_the_planning_and_reading_of_tencent_a_look_tells_the_truth() {
    let world = World { front: Front::Tencent, guard: Guard::WhileRunning, ..LOOKED };
    holds("Tencent, delivery and look", world);
}
