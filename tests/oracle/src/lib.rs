//! What a careful person would say of a rule at a moment.
//!
//! It knows what was made, because whoever makes a backup labels it, and what has arrived, because the simulated clouds keep a table of
//! that. It knows when somebody looked, since what nobody ever saw cannot be told. It shares no code and no type with the product: the
//! words are those of the requirement, written down a second time.
//!
//! Where the requirement leaves two answers open, or where what happened cannot be told from outside (a sweep that died underway), the
//! answer is [`Answer::Either`], and nothing is held against the product.

mod book;
mod judge;

pub use book::{Book, Label, Terms};
pub use judge::{Outlook, Standing};

/// An answer that may be open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// No.
    #[default]
    No,
    /// It cannot be told from outside, or the requirement allows both.
    Either,
    /// Yes.
    Yes,
}

impl Answer {
    /// Whether the answer may be yes.
    pub fn possibly(self) -> bool {
        self != Answer::No
    }

    /// Whether the answer is yes for certain.
    pub fn surely(self) -> bool {
        self == Answer::Yes
    }

    /// The answer to "this or that".
    #[must_use]
    pub fn or(self, other: Answer) -> Answer {
        self.max(other)
    }

    /// The answer to "this and that".
    #[must_use]
    pub fn and(self, other: Answer) -> Answer {
        self.min(other)
    }

    /// The answer to the opposite question.
    #[must_use]
    pub fn opposite(self) -> Answer {
        match self {
            Answer::No => Answer::Yes,
            Answer::Either => Answer::Either,
            Answer::Yes => Answer::No,
        }
    }
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Answer {
        if yes { Answer::Yes } else { Answer::No }
    }
}
