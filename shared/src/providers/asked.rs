//! What replies say, or what is still needed before they say anything.

use super::call::Call;
use crate::model::failure::Failure;

/// What is needed before there is a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// A further reply: this is to be asked next, and the reply is appended to those so far.
    Ask(Box<Call>),
    /// A result that there will not be: a read failed, or what it tells forbids going on.
    Failed(Failure),
}

/// What the replies so far say. Whoever gives it is called with no replies first, and asks for one after the other.
pub type Asked<T> = Result<T, Need>;

/// Asks for one more reply.
pub(crate) fn ask<T>(call: Call) -> Asked<T> {
    Err(Need::Ask(Box::new(call)))
}

/// All that is asked for in this way is a read, so a failure is that of a read.
impl From<Failure> for Need {
    fn from(failure: Failure) -> Need {
        Need::Failed(failure.of_read())
    }
}
