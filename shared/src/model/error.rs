//! Errors that leave a handler, with the fixed names that workflow engines match on.

use super::text::one_line;

/// The fixed name of an error. The names are an interface: a Step Functions `Catch` compares these strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorName {
    /// The provider refused because of too many requests. Certainly nothing was applied.
    Throttled,
    /// It is unknown whether the copy was started; read-back will tell.
    InDoubt,
    /// The provider refused to make the copy.
    Rejected,
    /// The command is wrong or not allowed.
    InvalidCommand,
    /// A person has stopped it. Certainly nothing was applied.
    Paused,
    /// The policy is not there, so nobody knows what is wanted.
    NoPolicy,
    /// This function's configuration is wrong.
    Configuration,
    /// Something that is needed cannot be reached or is busy. Certainly nothing was applied.
    Unavailable,
}

impl ErrorName {
    /// The string that callers see and compare.
    pub fn name(self) -> &'static str {
        match self {
            ErrorName::Throttled => "Offsite.Throttled",
            ErrorName::InDoubt => "Offsite.InDoubt",
            ErrorName::Rejected => "Offsite.Rejected",
            ErrorName::InvalidCommand => "Offsite.InvalidCommand",
            ErrorName::Paused => "Offsite.Paused",
            ErrorName::NoPolicy => "Offsite.NoPolicy",
            ErrorName::Configuration => "Offsite.Configuration",
            ErrorName::Unavailable => "Offsite.Unavailable",
        }
    }
}

/// An error as a caller sees it: a fixed name and one line for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", name.name())]
pub struct Error {
    /// The kind of error, by its fixed name.
    pub name: ErrorName,
    /// One line for a person: what failed, on what, what happens next, and what to do.
    pub message: String,
}

impl Error {
    /// An error with this name. The message is put on one line.
    pub fn new(name: ErrorName, message: impl Into<String>) -> Error {
        Error { name, message: one_line(&message.into()) }
    }

    /// An error about a wrong or missing setting.
    pub fn configuration(message: impl Into<String>) -> Error {
        Error::new(ErrorName::Configuration, message)
    }
}

/// Why the queue did not take a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue did not take it: {0}")]
pub struct EmitError(pub String);
