//! The kinds of failure, decided by one question: may the call have been applied?

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::ErrorName;
use super::text::{exact, plain};

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
    /// Certainly not applied: the credential was refused. Never repeated in a loop, because five bad signatures lock a Huawei key.
    Authentication,
    /// May have been applied: read back before anything else.
    Ambiguous,
    /// The provider says that this copy exists or is running: read back and adopt.
    Conflict,
    /// The provider says that there is nothing to copy.
    NoWork,
}

/// What a refusal is about, and so what it stops. A refusal that is not about the backup uses up none of the backup's attempts, and
/// stops everything else that depends on the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// The backup, or the pair of vaults that is to be made: its state, its kind, or a right to it that this key lacks.
    Backup,
    /// The destination: its vault, its free space, its region's quota.
    Destination,
    /// The account: its money, its quota, its standing with the provider.
    Account,
    /// This installation: a region, an endpoint or a parameter that is set here, this machine's clock, this program.
    Installation,
    /// No source says. It counts as not being about the backup.
    Unknown,
}

impl Whose {
    /// All values, in the order in which the documents list them.
    pub const ALL: [Whose; 5] =
        [Whose::Backup, Whose::Destination, Whose::Account, Whose::Installation, Whose::Unknown];

    /// The word that documents and stored data use.
    pub fn name(self) -> &'static str {
        match self {
            Whose::Backup => "backup",
            Whose::Destination => "destination",
            Whose::Account => "account",
            Whose::Installation => "installation",
            Whose::Unknown => "unknown",
        }
    }
}

/// The code of the failure that no credential could be got. What gives it was asked again already.
pub const NO_CREDENTIAL: &str = "credential";

/// One row of a provider's table of error codes.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The provider's code. A trailing `*` matches every code that begins with what stands before it.
    pub code: &'static str,
    /// What the code means for the next step.
    pub disposition: Disposition,
    /// What a refusal with this code is about.
    pub whose: Whose,
    /// What a person should do.
    pub advice: &'static str,
    /// Where the meaning is documented: page or package, and date.
    pub source: &'static str,
}

impl Row {
    /// A row from its five fields, so that a table needs few lines.
    pub(crate) const fn new(
        code: &'static str,
        disposition: Disposition,
        whose: Whose,
        advice: &'static str,
        source: &'static str,
    ) -> Row {
        Row { code, disposition, whose, advice, source }
    }
}

/// The row for `code`: an exact match first, then the longest prefix.
pub fn find<'t>(table: &'t [Row], code: &str) -> Option<&'t Row> {
    let prefix_of = |row: &&Row| row.code.strip_suffix('*').is_some_and(|prefix| code.starts_with(prefix));
    table
        .iter()
        .find(|row| row.code == code)
        .or_else(|| table.iter().filter(prefix_of).max_by_key(|row| row.code.len()))
}

/// Why a call did not give what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether the call may have been applied, and whether it is worth repeating.
    pub disposition: Disposition,
    /// What the failure is about, as far as the code says.
    pub whose: Whose,
    /// The provider's code, or one of Offsite's own in lower case (`timeout`, `connect`, `unreadable`).
    pub code: String,
    /// The provider's message, on one line.
    pub message: String,
    /// The provider's request ID, if the provider gave one.
    pub request_id: Option<String>,
    /// What a person should do.
    pub advice: &'static str,
    /// How long the provider asks to wait, if it does.
    pub after: Option<Duration>,
}

impl Failure {
    /// A failure that does not come from a provider's answer.
    pub fn local(disposition: Disposition, code: &str, message: impl Into<String>, advice: &'static str) -> Failure {
        Failure {
            disposition,
            whose: Whose::Unknown,
            code: code.to_owned(),
            message: crate::model::text::one_line(&message.into()),
            request_id: None,
            advice,
            after: None,
        }
    }

    /// Whether a setting of this installation is wrong. Nothing was applied, and it says nothing against a backup.
    pub fn is_of_settings(&self) -> bool {
        self.whose == Whose::Installation && (self.disposition == Disposition::Permanent || self.code == NO_CREDENTIAL)
    }

    /// The name of the error for a caller, if nothing was applied.
    pub(crate) fn error_name(&self) -> ErrorName {
        match self.disposition {
            _ if self.is_of_settings() => ErrorName::Configuration,
            Disposition::Authentication | Disposition::Permanent | Disposition::Unfit => ErrorName::Rejected,
            Disposition::Throttled => ErrorName::Throttled,
            _ => ErrorName::Unavailable,
        }
    }

    /// This failure, if the call was a read. A read changes nothing, so what would be ambiguous is worth repeating.
    pub fn of_read(mut self) -> Failure {
        if matches!(self.disposition, Disposition::Ambiguous | Disposition::Conflict | Disposition::NoWork) {
            self.disposition = Disposition::Retryable;
        }
        self
    }

    /// This failure, if the call was a read that a credential must pass before any other use, answered with this HTTP status. A missing
    /// right cannot be about a backup there, and nothing may be sent without an answer, so the failure counts as a refusal of the credential.
    /// Of a code that nobody explains, a 4xx says that the question itself is wrong: asking again would end the same.
    pub(crate) fn of_sign_in(self, status: u16) -> Failure {
        let refused = (400..500).contains(&status) && !matches!(status, 408 | 429);
        if refused && self.disposition == Disposition::Ambiguous {
            return Failure { disposition: Disposition::Permanent, whose: Whose::Installation, ..self };
        }
        let failure = self.of_read();
        if failure.disposition == Disposition::Permanent && failure.whose == Whose::Backup {
            let advice = "check the role's name and its trust, and that this key may be used so";
            return Failure { disposition: Disposition::Authentication, whose: Whose::Installation, advice, ..failure };
        }
        failure
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", plain(&self.code), plain(&self.message))?;
        if let Some(id) = &self.request_id {
            write!(f, " (request ID {})", exact(id))?;
        }
        if !self.advice.is_empty() {
            write!(f, "; {}", self.advice)?;
        }
        Ok(())
    }
}
