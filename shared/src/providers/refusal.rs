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
