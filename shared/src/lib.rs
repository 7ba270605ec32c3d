//! The core of Offsite: a trigger becomes commands, a command becomes replications, and each replication is
//! started once, recorded, and put on the queue.
//!
//! Modules in reading order, from the front door down. A module uses only what stands below it.
//!
//! - [`io`]: clock, environment, HTTP, AWS, Lambda; the only impure module.
//! - [`handler`]: one event in, one answer out. [`report`]: what sweeps left, judged now.
//! - `admit`: whether it may be worked on: commands, hints, policy. [`observe`]: looks at accepted copies. [`sweep`]: finds what
//!   has no copy.
//! - [`replicate`]: one replication: claim, read back, call, settle, emit, mark.
//! - [`exchange`]: one call to a provider: credential, turn, identity, wire, retry.
//! - [`context`]: what a process holds: ports, settings, and what it remembers (pauses, pacer, metrics).
//! - [`ports`]: the seams on one page: traits only.
//! - [`policy`]: which backup goes where. [`settings`]: numbers, accounts, environment.
//! - [`providers`]: the trait, calls, and a folder for each cloud, each of the same files.
//! - [`ledger`]: the record, its transitions, limits, and what a store is asked. [`triggers`]: envelopes and hints.
//! - [`model`]: values: command, backup, receipt, evidence, failure, access, HTTP, time, text.
//! - [`sign`]: three schemes over values.
//!
//! **Invariant:** without the feature `io` nothing here reads a clock, the environment, or randomness, or opens a socket.
//! **Invariant:** no mutating call is sent before the intent is durable, and none is repeated without a read-back in between.

mod admit;
pub mod context;
pub mod exchange;
pub mod handler;
#[cfg(feature = "io")]
pub mod io;
pub mod ledger;
pub mod model;
pub mod observe;
pub mod policy;
pub mod ports;
pub mod providers;
pub mod replicate;
pub mod report;
pub mod settings;
pub mod sign;
pub mod sweep;
mod tail;
pub mod triggers;
