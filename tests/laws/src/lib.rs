//! The laws of the report, for every life history that a seed gives.
//!
//! A history is a list of steps (`step`), drawn by seed (`draw`). `stage` sets up the simulated clouds in this process, a clock that nobody
//! waits for, and the product's handler as it is. `play` goes through the steps, and holds after each of them what the report says against
//! the laws (`laws`) and against the oracle; `rest` compares the two once everything has come to rest. `run` plays many histories and counts
//! how often each law had something to say; a history that fails is made shorter by `shrink`.

mod block;
mod draw;
mod laws;
mod play;
mod ports;
mod rest;
mod run;
mod shrink;
mod stage;
mod starts;
mod step;

pub use draw::history;
pub use play::{Failure, Played, play};
pub use run::{Premises, Summary, run};
pub use shrink::shrink;
pub use stage::{CLOUDS, Store, in_memory};
pub use step::{History, Step, Terms, table};
