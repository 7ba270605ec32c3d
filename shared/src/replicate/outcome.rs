//! What became of each replication, and the JSON that tells a caller.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use serde::Serialize;
use serde_json::Value;

use super::messages::source_of;
use crate::context::metrics::Tally;
use crate::exchange::credential::NotReady;
use crate::ledger::store::LedgerError;
use crate::model::command::Replication;
use crate::model::error::{Error, ErrorName};
use crate::model::fields::FieldError;
use crate::model::receipt::Receipt;

/// What became of one replication.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The provider accepted the replication, or a copy that existed was adopted.
    Accepted {
        /// How many copies there are.
        copies: u64,
        /// Their receipts; none if a vault-wide call is answered from its record, which has only their number.
        receipts: Vec<Receipt>,
        /// The number of the attempt that succeeded, from 1.
        attempt: u32,
        /// Whether the queue has the receipts.
        queued: bool,
        /// Whether an earlier delivery did the work.
        replayed: bool,
    },
    /// There was nothing to copy.
    NoWork {
        /// The provider's code, or `no_backups` if a vault-wide call copied none.
        code: String,
    },
    /// The replication was not accepted.
    Not(Trouble),
    /// A dry run: nothing was done.
    Would {
        /// What would be done now.
        action: Would,
        /// The reason, in words for a person.
        reason: String,
        /// The ID of the copy that exists already, if there is one.
        replication_id: Option<String>,
    },
    /// There was nothing to start, and that is no failure.
    Noted {
        /// The reason as a fixed word.
        state: NoteState,
        /// The reason, in words for a person.
        reason: String,
    },
}

/// The kind of reason why a replication was not accepted, as the `state` of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "&str")]
pub enum TroubleState {
    /// The provider said no.
    Refused,
    /// An earlier copy came to nothing.
    Failed,
    /// An earlier copy is gone.
    Lost,
    /// A call may have been applied, and nobody knows.
    InDoubt,
    /// The source cannot be copied.
    Ineligible,
    /// A person has stopped it. A sweep or a look starts it when that ends.
    Paused,
    /// Nothing was sent that could have been applied.
    NotStarted,
    /// The command or event cannot be read, or is not allowed.
    Invalid,
}

/// Why there was nothing to start, as the `state` of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "&str")]
pub enum NoteState {
    /// The event is not about a backup.
    Ignored,
    /// No rule wants a copy.
    NotCovered,
    /// The source cannot be copied.
    Ineligible,
    /// The next sweep decides whether a copy is wanted.
    LeftToSweep,
    /// An `observe` or `sweep` action was done.
    Done,
}

impl From<TroubleState> for &str {
    fn from(state: TroubleState) -> Self {
        match state {
            TroubleState::Refused => "refused",
            TroubleState::Failed => "failed",
            TroubleState::Lost => "lost",
            TroubleState::InDoubt => "in_doubt",
            TroubleState::Ineligible => "ineligible",
            TroubleState::Paused => "paused",
            TroubleState::NotStarted => "not_started",
            TroubleState::Invalid => "invalid",
        }
    }
}

impl From<NoteState> for &str {
    fn from(state: NoteState) -> Self {
        match state {
            NoteState::Ignored => "ignored",
            NoteState::NotCovered => "not_covered",
            NoteState::Ineligible => "ineligible",
            NoteState::LeftToSweep => "left_to_sweep",
            NoteState::Done => "done",
        }
    }
}

/// What a dry run would have done, as the `would` of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Would {
    /// Call the provider, which starts a copy.
    Start,
    /// Take a copy that exists as this replication's.
    Adopt,
    /// Answer from the ledger's record.
    Replay,
    /// Leave it for a later delivery.
    Wait,
    /// Start nothing, now or later.
    Nothing,
}

/// Why a replication was not accepted, in full.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trouble {
    /// The reason as a fixed word.
    pub state: TroubleState,
    /// The fixed name of the error, and a message for a person.
    pub error: Error,
    /// The provider's code, or one of ours; absent if there is none.
    pub code: Option<String>,
    /// The provider's ID of the request that failed; absent if it gave none.
    pub request_id: Option<String>,
}

impl Trouble {
    /// The message without what was asked for and the code, for where both stand beside it.
    pub(crate) fn sentence(&self) -> &str {
        let message = self.error.message.as_str();
        let after = self.code.as_ref().and_then(|code| message.split_once(&format!("{code}: ")));
        after.map_or(message, |(_, sentence)| sentence)
    }
}

impl Outcome {
    /// Accepted, with these receipts.
    pub(crate) fn of_receipts(receipts: Vec<Receipt>, attempt: u32, queued: bool, replayed: bool) -> Outcome {
        Outcome::Accepted { copies: receipts.len() as u64, receipts, attempt, queued, replayed }
    }

    /// Nothing was started, for a reason of ours.
    pub(crate) fn not_started(error: Error) -> Outcome {
        Outcome::Not(Trouble { state: TroubleState::NotStarted, error, code: None, request_id: None })
    }

    /// A command or an event that cannot be read, or is not allowed.
    pub(crate) fn invalid(error: &FieldError, id: &str) -> Outcome {
        Outcome::Not(Trouble { state: TroubleState::Invalid, error: invalid(error, id), code: None, request_id: None })
    }

    /// How many copies were begun by this. What was found, or is of an earlier attempt, was begun before.
    pub(crate) fn started(&self) -> u64 {
        match self {
            Outcome::Accepted { receipts, attempt, replayed: false, .. } => {
                receipts.iter().filter(|receipt| !receipt.adopted && receipt.attempt == *attempt).count() as u64
            }
            _ => 0,
        }
    }

    /// What this outcome adds to the metrics of its provider and rule.
    pub(crate) fn tally(&self) -> Tally {
        let in_doubt = matches!(self, Outcome::Not(trouble) if trouble.state == TroubleState::InDoubt);
        Tally { worked_on: 1, started: self.started(), in_doubt: u64::from(in_doubt), throttled: 0 }
    }

    /// Why it was not accepted, in words; empty when it was.
    pub(crate) fn message(&self) -> String {
        match self {
            Outcome::Not(trouble) => trouble.error.message.clone(),
            _ => String::new(),
        }
    }

    /// Whether a queue may drop the record with this outcome. If not, the queue delivers it again.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Outcome::Accepted { queued, .. } => *queued,
            Outcome::NoWork { .. } | Outcome::Would { .. } | Outcome::Noted { .. } => true,
            // A verdict, not a failure: repeating it changes nothing, and the ledger keeps the reason. What is paused is kept there too.
            Outcome::Not(trouble) => matches!(trouble.state, TroubleState::Ineligible | TroubleState::Paused),
        }
    }
}

/// One replication (or what never became one) with its outcome.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReplicationResult {
    /// Absent for a command that could not be read, and for what is no command.
    pub replication: Option<Replication>,
    /// What became of it.
    pub outcome: Outcome,
}

/// One object of an answer: which replication, and what became of it.
#[derive(Serialize)]
struct ResultObject<'a> {
    #[serde(flatten)]
    subject: Option<Subject<'a>>,
    #[serde(flatten)]
    body: Body<'a>,
}

/// Which replication an object is about.
#[derive(Serialize)]
struct Subject<'a> {
    provider: &'static str,
    operation: &'static str,
    account: &'a str,
    source: Value,
    destination: Value,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Success(Success<'a>),
    Not { state: TroubleState, error: ErrorObject<'a> },
    Noted { state: NoteState, reason: &'a str },
}

#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Success<'a> {
    Accepted {
        #[serde(skip_serializing_if = "Option::is_none")]
        copies: Option<u64>,
        replication_id: Option<&'a str>,
        adopted: bool,
        request_id: Option<&'a str>,
        attempt: u32,
        queued: bool,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        replayed: bool,
    },
    NoWork {
        code: &'a str,
    },
    DryRun {
        would: Would,
        reason: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        replication_id: Option<&'a str>,
    },
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl ReplicationResult {
    /// The result's JSON objects: one, or for a vault-wide call one for each backup where they are known.
    pub(crate) fn to_json(&self) -> Box<dyn Iterator<Item = Value> + '_> {
        let one = |body| -> Box<dyn Iterator<Item = Value> + '_> { Box::new(std::iter::once(self.object(None, body))) };
        match &self.outcome {
            Outcome::Accepted { copies, receipts, attempt, queued, replayed } if receipts.is_empty() => {
                one(Body::Success(Success::Accepted {
                    copies: Some(*copies),
                    replication_id: None,
                    adopted: false,
                    request_id: None,
                    attempt: *attempt,
                    queued: *queued,
                    replayed: *replayed,
                }))
            }
            Outcome::Accepted { receipts, attempt, queued, replayed, .. } => Box::new(receipts.iter().map(|receipt| {
                let accepted = Success::Accepted {
                    copies: None,
                    replication_id: receipt.replication_id.as_deref(),
                    adopted: receipt.adopted,
                    request_id: receipt.request_id.as_deref(),
                    attempt: *attempt,
                    queued: *queued,
                    replayed: *replayed,
                };
                self.object(Some(receipt), Body::Success(accepted))
            })),
            Outcome::NoWork { code } => one(Body::Success(Success::NoWork { code })),
            Outcome::Not(trouble) => {
                let error = ErrorObject {
                    name: trouble.error.name.name(),
                    code: trouble.code.as_deref(),
                    message: &trouble.error.message,
                    request_id: trouble.request_id.as_deref(),
                };
                one(Body::Not { state: trouble.state, error })
            }
            Outcome::Would { action, reason, replication_id } => one(Body::Success(Success::DryRun {
                would: *action,
                reason,
                replication_id: replication_id.as_deref(),
            })),
            Outcome::Noted { state, reason } => one(Body::Noted { state: *state, reason }),
        }
    }

    fn object(&self, receipt: Option<&Receipt>, body: Body<'_>) -> Value {
        let subject = self.replication.as_ref().map(|replication| Subject {
            provider: replication.operation.cloud().name(),
            operation: replication.operation.name(),
            account: &replication.account,
            source: receipt.map_or_else(|| replication.source_json(), |receipt| source_of(replication, receipt)),
            destination: replication.destination.to_json(),
        });
        // This cannot fail: the object holds only texts and numbers, under text keys.
        serde_json::to_value(ResultObject { subject, body }).unwrap_or_default()
    }
}

pub(crate) fn in_doubt(replication: &Replication, code: &str, note: &str, request_id: Option<String>) -> Trouble {
    let message = format!(
        "{} is in doubt: {code}: {note}; nothing is repeated blindly: deliver the same command again later and it reads back first",
        replication.describe()
    );
    Trouble {
        state: TroubleState::InDoubt,
        error: Error::new(ErrorName::InDoubt, message),
        code: Some(code.to_owned()),
        request_id,
    }
}

pub(crate) fn ineligible(replication: &Replication, code: Option<&str>, reason: &str) -> Trouble {
    let code = code.map(str::to_owned);
    let prefix = code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
    let message = format!("{} cannot be done: {prefix}{reason}", replication.describe());
    Trouble { state: TroubleState::Ineligible, error: Error::new(ErrorName::Rejected, message), code, request_id: None }
}

pub(crate) fn unavailable(replication: &Replication, reason: &str) -> Error {
    Error::new(ErrorName::Unavailable, format!("{} was not started: {reason}", replication.describe()))
}

pub(crate) fn ledger_trouble(replication: &Replication, error: &LedgerError) -> Error {
    unavailable(replication, &format!("{error}; nothing was started that could not be recorded, it can be repeated"))
}

/// The outcome of a replication that was not started because its credential could not be used.
pub(crate) fn not_ready(replication: &Replication, why: NotReady) -> Outcome {
    let describe = replication.describe();
    match why {
        NotReady::Missing(error) => {
            let message = format!("{describe} was not started: {}", error.message);
            Outcome::not_started(Error::new(error.name, message))
        }
        NotReady::Paused(pause) => {
            let message = format!(
                "{describe} was not started: this credential of account {} is paused until {} because {}; a corrected credential is used within half a minute",
                replication.account, pause.until, pause.reason
            );
            Outcome::Not(Trouble {
                state: TroubleState::NotStarted,
                error: Error::new(ErrorName::Rejected, message),
                code: Some("credential_paused".into()),
                request_id: None,
            })
        }
        NotReady::Unknown(error) => Outcome::not_started(ledger_trouble(replication, &error)),
    }
}

/// Awaits `run`. If it panics, the outcome is a replication in doubt.
pub(crate) async fn unless_panic(replication: &Replication, run: impl Future<Output = Outcome>) -> Outcome {
    AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|_| {
        Outcome::Not(in_doubt(
            replication,
            "panic",
            "this function failed inside (see the log); the ledger keeps what was intended",
            None,
        ))
    })
}

pub(crate) fn invalid(error: &FieldError, id: &str) -> Error {
    Error::new(ErrorName::InvalidCommand, format!("event {id}: {error}"))
}
