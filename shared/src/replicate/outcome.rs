//! What became of each replication, and how a caller is told.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use serde_json::{Map, Value, json};

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
pub enum Outcome {
    /// The provider has it.
    Accepted {
        /// What the provider gave.
        receipts: Vec<Receipt>,
        /// Which attempt.
        attempt: u32,
        /// Whether the queue has the receipts.
        queued: bool,
        /// Whether an earlier delivery did the work.
        replayed: bool,
    },
    /// There was nothing to copy.
    NoWork {
        /// The provider's code.
        code: String,
    },
    /// Not accepted.
    Not(Trouble),
    /// A dry run: what would be done.
    Would {
        /// One of `start`, `adopt`, `replay`, `wait`, `nothing`.
        action: &'static str,
        /// Why.
        reason: String,
        /// What exists already.
        replication_id: Option<String>,
    },
    /// Nothing was to be started, which is no failure.
    Noted {
        /// `ignored`, `not_covered`, `ineligible` or `left_to_sweep`; `done` for another action.
        state: &'static str,
        /// Why.
        reason: String,
    },
}

/// Why a replication was not accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// `refused`, `failed`, `lost`, `in_doubt`, `ineligible`, `not_started` or `invalid`.
    pub state: &'static str,
    /// Fixed name and message.
    pub error: Error,
    /// The provider's code, or ours.
    pub code: Option<String>,
    /// The provider's request ID.
    pub request_id: Option<String>,
}

impl Outcome {
    /// Nothing was started, for a reason of ours.
    pub fn not_started(error: Error) -> Outcome {
        Outcome::Not(Trouble { state: "not_started", error, code: None, request_id: None })
    }

    /// A command or an event that cannot be read, or is not allowed.
    pub(crate) fn invalid(error: &FieldError, id: &str) -> Outcome {
        Outcome::Not(Trouble { state: "invalid", error: invalid(error, id), code: None, request_id: None })
    }

    /// What it adds to the figures of its provider and rule.
    pub(crate) fn tally(&self) -> Tally {
        let started = match self {
            Outcome::Accepted { receipts, replayed: false, .. } => {
                receipts.iter().filter(|receipt| !receipt.adopted).count() as u64
            }
            _ => 0,
        };
        let in_doubt = matches!(self, Outcome::Not(trouble) if trouble.state == "in_doubt");
        Tally { worked_on: 1, started, in_doubt: u64::from(in_doubt), throttled: 0 }
    }

    /// Why it was not accepted, in words; empty when it was.
    pub fn message(&self) -> String {
        match self {
            Outcome::Not(trouble) => trouble.error.message.clone(),
            _ => String::new(),
        }
    }

    /// Whether a queue's record with this outcome is done.
    pub fn is_done(&self) -> bool {
        match self {
            Outcome::Accepted { queued, .. } => *queued,
            Outcome::NoWork { .. } | Outcome::Would { .. } | Outcome::Noted { .. } => true,
            // A verdict, not a failure: repeating it changes nothing, and the ledger keeps the reason.
            Outcome::Not(trouble) => trouble.state == "ineligible",
        }
    }
}

/// One replication (or one command that never became one) with its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicationResult {
    /// Which; none for a command that could not be read.
    pub replication: Option<Replication>,
    /// What became of it.
    pub outcome: Outcome,
}

impl ReplicationResult {
    /// The result's JSON objects: one, or for a vault-wide call one for each backup.
    pub fn to_json(&self) -> Vec<Value> {
        let base = self.base();
        match &self.outcome {
            Outcome::Accepted { receipts, attempt, queued, replayed } => receipts
                .iter()
                .map(|receipt| {
                    let mut object = base.clone();
                    if let Some(replication) = &self.replication {
                        object.insert("source".into(), source_of(replication, receipt));
                    }
                    object.insert("state".into(), json!("accepted"));
                    object.insert("replication_id".into(), json!(receipt.replication_id));
                    object.insert("adopted".into(), json!(receipt.adopted));
                    object.insert("request_id".into(), json!(receipt.request_id));
                    object.insert("attempt".into(), json!(attempt));
                    object.insert("queued".into(), json!(queued));
                    if *replayed {
                        object.insert("replayed".into(), json!(true));
                    }
                    Value::Object(object)
                })
                .collect(),
            Outcome::NoWork { code } => {
                let mut object = base;
                object.insert("state".into(), json!("no_work"));
                object.insert("code".into(), json!(code));
                vec![Value::Object(object)]
            }
            Outcome::Not(trouble) => {
                let mut object = base;
                object.insert("state".into(), json!(trouble.state));
                let mut error = Map::new();
                error.insert("name".into(), json!(trouble.error.name.name()));
                if let Some(code) = &trouble.code {
                    error.insert("code".into(), json!(code));
                }
                error.insert("message".into(), json!(trouble.error.message));
                if let Some(id) = &trouble.request_id {
                    error.insert("request_id".into(), json!(id));
                }
                object.insert("error".into(), Value::Object(error));
                vec![Value::Object(object)]
            }
            Outcome::Would { action, reason, replication_id } => {
                let mut object = base;
                object.insert("state".into(), json!("dry_run"));
                object.insert("would".into(), json!(action));
                object.insert("reason".into(), json!(reason));
                if let Some(id) = replication_id {
                    object.insert("replication_id".into(), json!(id));
                }
                vec![Value::Object(object)]
            }
            Outcome::Noted { state, reason } => {
                let mut object = base;
                object.insert("state".into(), json!(state));
                object.insert("reason".into(), json!(reason));
                vec![Value::Object(object)]
            }
        }
    }

    fn base(&self) -> Map<String, Value> {
        let mut object = Map::new();
        if let Some(replication) = &self.replication {
            object.insert("provider".into(), json!(replication.operation.cloud().name()));
            object.insert("operation".into(), json!(replication.operation.name()));
            object.insert("account".into(), json!(replication.account));
            object.insert("source".into(), replication.source_json());
            object.insert("destination".into(), replication.destination.to_json());
        }
        object
    }
}

pub(crate) fn in_doubt(replication: &Replication, code: &str, note: &str, request_id: Option<String>) -> Trouble {
    let message = format!(
        "{} is in doubt: {code}: {note}; nothing is repeated blindly: deliver the same command again later and it reads back first",
        replication.describe()
    );
    Trouble {
        state: "in_doubt",
        error: Error::new(ErrorName::InDoubt, message),
        code: Some(code.to_owned()),
        request_id,
    }
}

pub(crate) fn ineligible(replication: &Replication, reason: &str) -> Trouble {
    let error = Error::new(ErrorName::Rejected, format!("{} cannot be done: {reason}", replication.describe()));
    Trouble { state: "ineligible", error, code: None, request_id: None }
}

pub(crate) fn unavailable(replication: &Replication, reason: &str) -> Error {
    Error::new(ErrorName::Unavailable, format!("{} was not started: {reason}", replication.describe()))
}

pub(crate) fn ledger_trouble(replication: &Replication, error: &LedgerError) -> Error {
    unavailable(replication, &format!("{error}; nothing was started that could not be recorded, it can be repeated"))
}

/// Why a replication was not started, when its credential could not be used.
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
                state: "not_started",
                error: Error::new(ErrorName::Rejected, message),
                code: Some("credential_paused".into()),
                request_id: None,
            })
        }
        NotReady::Unknown(error) => Outcome::not_started(ledger_trouble(replication, &error)),
    }
}

/// What `run` comes to; a panic in it leaves the replication in doubt.
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

pub(crate) fn log_result(event_id: &str, result: &ReplicationResult) {
    if let Outcome::Noted { state, reason } = &result.outcome {
        tracing::info!(event_id, state, "{reason}");
    }
    if let Outcome::Not(trouble) = &result.outcome {
        tracing::warn!(
            event_id,
            state = trouble.state,
            name = trouble.error.name.name(),
            code = trouble.code,
            request_id = trouble.request_id,
            "{}",
            trouble.error.message
        );
    }
}
