//! The failure for an answer that refuses, or that cannot be read.

use std::time::Duration;

use crate::model::failure::{self, Disposition, Failure, Row, Whose};
use crate::model::http::Reply;
use crate::model::text::one_line;

/// The failure for a provider's error code. A code that `table` does not have is [`Disposition::Permanent`] with a 4xx, throttled with 429,
/// and otherwise ambiguous. A provider that must read back after an unknown code changes that itself.
pub(crate) fn refusal(table: &[Row], code: &str, message: &str, request_id: Option<String>, reply: &Reply) -> Failure {
    let row = failure::find(table, code);
    let unknown = match reply.status {
        429 => Disposition::Throttled,
        400..=499 => Disposition::Permanent,
        _ => Disposition::Ambiguous,
    };
    Failure {
        disposition: row.map_or(unknown, |row| row.disposition),
        whose: row.map_or(Whose::Unknown, |row| row.whose),
        code: one_line(code),
        message: one_line(message),
        request_id,
        advice: row.map_or("this code is not in our table: look it up in the provider's documents", |row| row.advice),
        after: retry_after(reply),
    }
}

/// The failure for an answer that says neither yes nor no: the call may have been applied.
pub(crate) fn unreadable(reply: &Reply, request_id: Option<String>, why: &str) -> Failure {
    let disposition = if reply.status == 429 { Disposition::Throttled } else { Disposition::Ambiguous };
    Failure {
        disposition,
        whose: Whose::Unknown,
        code: format!("http_{}", reply.status),
        message: why.to_owned(),
        request_id,
        advice: "",
        after: retry_after(reply),
    }
}

/// The code of an answer that is about something else than what was asked for.
pub(crate) const OTHER_SUBJECT: &str = "answer_about_another";

/// Checks that an answer is about what was asked for: `found` is what its field of this name says. A field that is missing or empty says
/// nothing. Of what is not about the question nothing is read, and a call that was answered so may have been applied.
///
/// # Errors
/// [`OTHER_SUBJECT`], with both values.
pub(crate) fn same(reply: &Reply, field: &str, wanted: Option<&str>, found: Option<&str>) -> Result<(), Failure> {
    let given = |text: Option<&'_ str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    match (given(wanted), given(found)) {
        (Some(wanted), Some(found)) if wanted != found => {
            let why = one_line(&format!("the answer is about {field} {found}, and {wanted} was asked for"));
            let advice = "nothing of it was used: check the endpoint setting and any proxy that may keep answers";
            Err(Failure { code: OTHER_SUBJECT.to_owned(), message: why, advice, ..unreadable(reply, None, "") })
        }
        _ => Ok(()),
    }
}

/// How long the provider asks to wait: `Retry-After` in seconds, Alibaba's `x-acs-retry-after` in milliseconds.
/// Source: alibabacloud_tea_openapi 0.4.6 (milliseconds, capped at 120 s); RFC 9110.
fn retry_after(reply: &Reply) -> Option<Duration> {
    let cap = Duration::from_secs(120);
    let number = |name: &str| reply.header(name).and_then(|value| value.trim().parse::<u64>().ok());
    let wait = number("x-acs-retry-after")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))?;
    Some(wait.min(cap))
}
