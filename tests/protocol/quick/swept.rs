//! Worlds in which a sweep has just recorded that there is no copy, so that the first attempt calls without a look.
//!
//! **What they do not show:** another hand that copies at the same time. It shares no ledger, so a copy of its own may always come second; how
//! long after the listing it may begin unseen is in docs/assumptions.md.

use offsite_protocol::provider::Guard;
use offsite_protocol::world::Kind::Delivery;
use offsite_protocol::world::World;
use offsite_protocol::worlds::{CORE, LOOP, RETRIED, SHORT, holds};

#[test]
fn two_deliveries_after_a_sweep_make_one_copy_and_lose_nothing() {
    let world = World { swept: true, ceiling: 70_000, reaches: LOOP, ..CORE };
    holds("swept, two deliveries", world);
}

#[test]
fn three_deliveries_after_a_sweep_make_one_copy_and_lose_nothing() {
    let workers = &[Delivery(0); 3];
    let world = World { workers, swept: true, minutes: 1, ceiling: 200_000, reaches: LOOP, ..SHORT };
    holds("swept, three deliveries", world);
}

/// A further attempt, also one that a person asks for, reads again: the evidence was of the first one.
#[test]
fn a_retry_after_a_sweep_reads_again() {
    let world = World { swept: true, guard: Guard::None, ..RETRIED };
    holds("swept, two deliveries, a look and a retry", world);
}
