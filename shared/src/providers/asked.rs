//! The result of interpreting replies: a value, or what is needed before there is one.

use super::call::Call;
use crate::model::failure::{Disposition, Failure};
use crate::model::http::Reply;

/// Why the replies so far give no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// One more reply: send this call next, and hand on its reply.
    Ask(Box<Call>),
    /// There will be no result: a read failed, or what it returned forbids going on.
    Failed(Failure),
}

/// The result of the replies so far. What returns it is called first with no reply, then again after each one.
pub type Asked<T> = Result<T, Need>;

/// What reads replies one by one. It is called first with none, then with each reply to what it asked for, and keeps of a reply what it read in it.
pub type Reading<'a, T> = Box<dyn FnMut(Option<&Reply>) -> Asked<T> + Send + 'a>;

/// What `says` makes of all replies so far. They are kept, so it is for questions that few replies answer: once they hold more than
/// 8 MiB, it is given up.
pub fn over<T>(mut says: impl FnMut(&[Reply]) -> Asked<T>) -> impl FnMut(Option<&Reply>) -> Asked<T> {
    let (mut replies, mut bytes): (Vec<Reply>, usize) = (Vec::new(), 0);
    move |reply| {
        bytes = bytes.saturating_add(reply.map_or(0, |reply| reply.body.len()));
        replies.extend(reply.cloned());
        match says(&replies) {
            Err(Need::Ask(_)) if bytes >= MOST_BYTES => Err(Need::Failed(unanswered(replies.len()))),
            said => said,
        }
    }
}

/// So many bytes of replies are kept for one question.
const MOST_BYTES: usize = 8 << 20;

/// What `says` comes to after these replies, of which it takes as many as it asks for.
pub fn after<'r, T>(
    mut says: impl FnMut(Option<&Reply>) -> Asked<T>,
    replies: &mut impl Iterator<Item = &'r Reply>,
) -> Asked<T> {
    let mut said = says(None);
    while matches!(said, Err(Need::Ask(_))) {
        let Some(reply) = replies.next() else { break };
        said = says(Some(reply));
    }
    said
}

/// The failure of a question that goes on after so many replies.
pub(crate) fn unanswered(replies: usize) -> Failure {
    let why = format!("{replies} replies have not answered one question");
    Failure::local(Disposition::Retryable, "endless_listing", why, "check the endpoint setting and any proxy")
}

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
