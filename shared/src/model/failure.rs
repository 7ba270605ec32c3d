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

/// Whose matter a refusal is, and so whom it stops. What is not the backup's uses up nothing of the backup's, and holds up alike
/// all that goes the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Whose {
    /// The backup's, or that of the pair of vaults that is to be made: its state, its kind, or that this key may not do this with it.
    Backup,
    /// The destination's: its vault, its room, its region's quota.
    Destination,
    /// The account's: its money, its quota, its standing with the provider.
    Account,
    /// This installation's: a region, an endpoint or a parameter that is set here, this machine's clock, this program.
    Installation,
    /// Nobody says. Counts as not the backup's.
    Unknown,
}

impl Whose {
    /// All of them, in the order of the documents.
    pub const ALL: [Whose; 5] =
        [Whose::Backup, Whose::Destination, Whose::Account, Whose::Installation, Whose::Unknown];

    /// The word for it, in documents and in what is stored.
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

/// One row of a provider's table of error codes.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The code; a trailing `*` matches every code that starts so.
    pub code: &'static str,
    /// What it means for us.
    pub disposition: Disposition,
    /// Whose matter it is.
    pub whose: Whose,
    /// What a person should do.
    pub advice: &'static str,
    /// Page or package and date.
    pub source: &'static str,
}

impl Row {
    /// A row, written on one line.
    pub const fn new(
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

/// A call that did not give what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// May it have been applied, and is it worth repeating?
    pub disposition: Disposition,
    /// Whose matter it is, as far as the code tells.
    pub whose: Whose,
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
            whose: Whose::Unknown,
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

    /// The same failure of a read that a credential must pass before it is used for anything. There is no backup that a missing
    /// right could be about, and nothing may be sent without an answer, so the credential is what is refused.
    pub fn of_sign_in(self) -> Failure {
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
