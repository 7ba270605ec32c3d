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
//! by name instead of by time. The quick set (`quick/`) is a test; the full set (`full.rs`) is a command. `mutations.py` breaks the product on purpose and expects this to notice.
//!
//! **What it does not show:** the planning and reading of Huawei and Alibaba (the model stands for them), a policy's sweep beyond what it
//! writes of a source that is gone, what a person acknowledges, and what needs more workers or faults than the bounds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // Helpers of tests may, as tests do.
#![allow(missing_docs)] // It is for tests; what a name does not say is said where it is needed.

mod alibaba;
mod huawei;
mod product;
pub mod properties;
pub mod provider;
mod rest;
pub mod search;
mod steps;
mod tables;
mod tencent;
mod trace;
mod tree;
mod worker;
pub mod world;
pub mod worlds;
