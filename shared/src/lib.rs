//! The core of Offsite: a trigger becomes commands, a command becomes replications, and each replication is
//! started once, recorded, and put on the queue.
//!
//! Modules in reading order: [`handler`] is the whole path of one event, with `attempt` (read back, call) and `outbox`
//! (emit, mark) beside it; [`event`], [`command`] and [`hint`] say what comes in, and `through_policy` turns a hint into commands;
//! `trust` holds a command against the policy; [`accounts`], [`sts`] and `identity` say whose credential it is and where it comes from;
//! [`ledger`] decides who may act; [`exchange`] talks to a provider; [`providers`] plan and interpret; [`sign`] signs;
//! [`receipt`], [`outcome`] and [`metrics`] say what goes out. [`ports`] are the seams, [`io`] is the only impure module.
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
pub mod triggers;
