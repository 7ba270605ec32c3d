//! Worlds in which a sweep has just recorded that there is no copy, so that the first attempt calls without a look.
//!
//! **What they do not show:** another hand that copies at the same time. It shares no ledger, so a copy of its own may always come second; how
//! long after the listing it may begin unseen is in docs/assumptions.md.

use jiff::Timestamp;
use serde_json::Value;

use crate::product::{About, Absent, Claimant, Command, Record, put_off};
use crate::provider::Guard;
use crate::world::{Kind, World};
use crate::{CORE, LOOP, RETRIED, SHORT, holds};

use Kind::Delivery;

/// What a sweep writes of a backup that it saw in the first minute, with what it had read.
pub fn record(command: &Value, at: Timestamp) -> Record {
    let replication = Command::from_json(command).unwrap().replications().remove(0);
    let me = Claimant { owner: "sweep".to_owned(), lease_until: at, now: at };
    let mut record = put_off(&replication, About::default(), &me, None);
    let absent = Absent { listing_begun: at, source_read: at, run: "sweep".to_owned(), version: 0 };
    record.absent = Some(absent.with(&record));
    record
}

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
