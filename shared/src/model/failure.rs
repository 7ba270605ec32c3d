//! The kinds of failure, decided by one question: may the call have been applied?

use std::time::Duration;

/// What a failed call means for what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Certainly not applied: refused before the backend because of too many requests. Repeat later.
    Throttled,
    /// Certainly not applied; repeat later.
    Retryable,
    /// Certainly not applied and useless to repeat.
    Permanent,
    /// Certainly not applied: this source can never be copied.
    Unfit,
    /// Certainly not applied because the credential was refused. Never repeated in a loop:
    /// five bad signatures lock a Huawei key.
    Authentication,
    /// May have been applied: read back before anything else.
    Ambiguous,
    /// The provider says that this copy exists or is running: read back and adopt.
    Conflict,
    /// The provider says that there is nothing to copy.
    NoWork,
}

/// One row of a provider's table of error codes.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The code; a trailing `*` matches every code that starts so.
    pub code: &'static str,
    /// What it means for us.
    pub disposition: Disposition,
    /// What a person should do.
    pub advice: &'static str,
    /// Page or package and date.
    pub source: &'static str,
}

/// The row for `code`: an exact match first, then the longest prefix.
pub fn find<'t>(table: &'t [Row], code: &str) -> Option<&'t Row> {
    let prefix_of = |row: &&Row| row.code.strip_suffix('*').is_some_and(|prefix| code.starts_with(prefix));
    table
        .iter()
        .find(|row| row.code == code)
        .or_else(|| table.iter().filter(prefix_of).max_by_key(|row| row.code.len()))
}

/// A call that did not give what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// May it have been applied, and is it worth repeating?
    pub disposition: Disposition,
    /// The provider's code, or one of ours in lower case (`timeout`, `connect`, `unreadable`).
    pub code: String,
    /// The provider's message, on one line.
    pub message: String,
    /// The provider's request ID.
    pub request_id: Option<String>,
    /// What a person should do.
    pub advice: &'static str,
    /// How long the provider asks to wait.
    pub after: Option<Duration>,
}

impl Failure {
    /// A failure without a provider's answer behind it.
    pub fn local(disposition: Disposition, code: &str, message: impl Into<String>, advice: &'static str) -> Failure {
        Failure {
            disposition,
            code: code.to_owned(),
            message: crate::model::text::one_line(&message.into()),
            request_id: None,
            advice,
            after: None,
        }
    }

    /// The same failure seen by a call that changes nothing: what would be ambiguous is worth repeating.
    pub fn of_read(mut self) -> Failure {
        if matches!(self.disposition, Disposition::Ambiguous | Disposition::Conflict | Disposition::NoWork) {
            self.disposition = Disposition::Retryable;
        }
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request ID {id})")?;
        }
        if !self.advice.is_empty() {
            write!(f, "; {}", self.advice)?;
        }
        Ok(())
    }
}
