//! The result of interpreting replies: a value, or what is needed before there is one.

use super::call::Call;
use crate::model::failure::Failure;

/// Why the replies so far give no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// One more reply: send this call next, and append its reply to those so far.
    Ask(Box<Call>),
    /// There will be no result: a read failed, or what it returned forbids going on.
    Failed(Failure),
}

/// The result of the replies so far. A function that returns it is called first with no replies, then again after each reply.
pub type Asked<T> = Result<T, Need>;

/// Asks for one more reply, to `call`.
pub(crate) fn ask<T>(call: Call) -> Asked<T> {
    Err(Need::Ask(Box::new(call)))
}

/// Only reads are asked for in this way, so a failure is that of a read.
impl From<Failure> for Need {
    fn from(failure: Failure) -> Need {
        Need::Failed(failure.of_read())
    }
}
