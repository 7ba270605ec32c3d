//! Input that is spoilt at random, and what must hold whatever it is: nothing panics, nothing that steers a terminal is repeated, what was
//! read is read again as the same, and no secret is told.
//!
//! The inputs are the sample events, the contracts, the sample policies and the golden records, each with a few changes, made smaller by
//! proptest where one fails. Coverage-guided fuzzing needs a nightly compiler and tools beside cargo; this needs neither. `PROPTEST_CASES`
//! sets how many cases each target plays; CONTRIBUTING.md has the long run. A crash that is found becomes a named test beside the code.
// Helpers of tests may unwrap as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod canonical;
mod corpus;
mod kept;
mod read;
mod spoil;
