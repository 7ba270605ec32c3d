//! Providers plan calls and interpret replies: plain functions over values. `handler.rs` awaits.

pub mod alibaba;
pub mod huawei;
mod reading;
pub mod tencent;

use std::time::Duration;

use jiff::Timestamp;

use crate::command::{Cloud, Command, Destination, Operation, Replication};
use crate::disposition::{self, Disposition, Failure, Row};
use crate::fields::{FieldError, one_line};
use crate::inventory::Inventory;
use crate::observation::{Evidence, Observation};
use crate::ports::{Access, Reply};
use crate::receipt::Receipt;
use crate::sign::{Nonce, RequestDraft, SignError, Signed};
use crate::sts::Sts;

pub(crate) use reading::{lenient, scalar, time_in};

/// A service of a provider, as far as its endpoint is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Alibaba HBR.
    Hbr,
    /// Alibaba STS, which tells whose key it is and hands out temporary ones.
    AlibabaSts,
    /// Huawei CBR.
    Cbr,
    /// Huawei CSBS.
    Csbs,
    /// Huawei IAM.
    Iam,
    /// Huawei STS, which hands out temporary keys.
    HuaweiSts,
    /// Tencent CBS.
    Cbs,
    /// Tencent STS, which tells whose key it is and hands out temporary ones.
    TencentSts,
}

/// A call as planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The provider's name of the action; also what the rate limit counts by.
    pub action: &'static str,
    /// Which endpoint.
    pub service: Service,
    /// In which region.
    pub region: String,
    /// The request; its `host` is filled in from the endpoint.
    pub draft: RequestDraft,
}

/// What is known of the attempt that a call belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Which attempt, from 1.
    pub attempt: u32,
    /// When this attempt was first claimed: nothing of ours can be older.
    pub since: Timestamp,
    /// Whether an earlier call of this attempt may have been applied.
    pub doubt: bool,
}

/// What an accepted call gave, before it is stamped with a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// One receipt for each copy.
    pub receipts: Vec<Found>,
    /// The provider's request ID.
    pub request_id: Option<String>,
}

/// One copy that a provider told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// For a vault-wide call: the backup.
    pub backup_id: Option<String>,
    /// The provider's ID of the replication.
    pub replication_id: Option<String>,
}

impl Acceptance {
    /// One copy.
    pub fn one(replication_id: Option<String>, request_id: Option<String>) -> Acceptance {
        Acceptance { receipts: vec![Found { backup_id: None, replication_id }], request_id }
    }

    /// As receipts of this moment.
    pub fn receipts(&self, attempt: u32, adopted: bool, time: Timestamp) -> Vec<Receipt> {
        let stamp = |found: &Found| Receipt {
            backup_id: found.backup_id.clone(),
            replication_id: found.replication_id.clone(),
            request_id: self.request_id.clone(),
            adopted,
            attempt,
            time,
        };
        self.receipts.iter().map(stamp).collect()
    }
}

/// What reading back has come to, given the replies so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadBack {
    /// Ask this next; the reply is appended to the replies.
    Ask(Box<Call>),
    /// The copy exists or is running: adopt it.
    Found(Acceptance),
    /// A copy to this destination is running, but its ID cannot be seen yet.
    Running,
    /// There is no copy.
    Absent,
    /// The source cannot be copied yet.
    NotReady(String),
    /// The source is not there: gone, not listed yet, or looked for in the wrong place.
    NoSource(String),
    /// The source can never be copied, and why.
    Ineligible(String),
    /// The provider's state forbids this copy, or a read failed.
    Failed(Failure),
}

/// What is left of what a destination takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Headroom {
    /// Ask this, a cheap read.
    Ask(Box<Call>),
    /// So many gigabytes.
    Known(u64),
    /// Nobody tells, or it grows by itself.
    Unknown,
}

/// One accepted copy that is to be looked at together with others of its account, operation and destination region.
#[derive(Clone, Copy, Debug)]
pub struct Accepted<'c> {
    /// Which.
    pub replication: &'c Replication,
    /// What the provider gave for it.
    pub receipt: &'c Receipt,
}

/// What a command may leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Huawei's project of the source (`HUAWEICLOUD_SDK_PROJECT_ID`).
    pub huawei_project_id: Option<String>,
}

/// One cloud.
pub trait Provider: Send + Sync {
    /// Which.
    fn cloud(&self) -> Cloud;

    /// Its inventories.
    fn inventory(&self) -> &dyn Inventory;

    /// Its token service.
    fn sts(&self) -> &dyn Sts;

    /// Checks required fields and limits that the general reading of a command does not know.
    ///
    /// # Errors
    /// Names the field and the limit.
    fn check(&self, command: &Command) -> Result<(), FieldError>;

    /// Fills in what the configuration knows and the command left out (Huawei: the source's project).
    fn complete(&self, command: &Command, defaults: &Defaults) -> Command {
        let _ = defaults;
        command.clone()
    }

    /// The mutating call that starts the replication.
    fn start(&self, replication: &Replication, intent: &Intent) -> Call;

    /// What the reply to [`Provider::start`] means.
    ///
    /// # Errors
    /// A failure with its disposition; an unreadable success is [`crate::disposition::Disposition::Ambiguous`].
    fn started(&self, replication: &Replication, reply: &Reply) -> Result<Acceptance, Failure>;

    /// What to ask next, or what the replies so far say. Called with no replies first.
    fn read_back(&self, replication: &Replication, intent: &Intent, replies: &[Reply]) -> ReadBack;

    /// What the destination says of an accepted copy. Called with no replies first; `known` is what was seen before.
    fn observe(
        &self,
        replication: &Replication,
        receipt: &Receipt,
        known: Option<&Evidence>,
        replies: &[Reply],
    ) -> Observation;

    /// How many copies one question can tell of; with 1 each is asked for by itself.
    fn observes_at_once(&self, _operation: Operation) -> usize {
        1
    }

    /// The question that tells of all these copies, of which there are at most [`Provider::observes_at_once`].
    fn observe_many(&self, _copies: &[Accepted<'_>]) -> Option<Call> {
        None
    }

    /// What the reply to [`Provider::observe_many`] says of each copy, in order. `None`: it does not show it, and only the
    /// question for this copy by itself can tell that it is not there.
    fn observed_many(&self, copies: &[Accepted<'_>], _reply: &Reply) -> Vec<Option<Observation>> {
        vec![None; copies.len()]
    }

    /// What is left of what a destination takes. Called without a reply first.
    fn headroom(&self, _operation: Operation, _destination: &Destination, _reply: Option<&Reply>) -> Headroom {
        Headroom::Unknown
    }

    /// What is wrong with the reply to a read, if anything is.
    fn refused(&self, call: &Call, reply: &Reply) -> Option<Failure>;

    /// Whether a copy found by read-back is the whole truth at once. For a vault-wide call further
    /// records may still become visible, so only a read-back after the visibility wait settles it.
    fn settles_at_once(&self, _replication: &Replication) -> bool {
        true
    }

    /// Whether anything need be read before the first call of an attempt.
    fn reads_first(&self, _replication: &Replication) -> bool {
        true
    }

    /// Signs (or marks with a token) a draft for sending at this moment.
    ///
    /// # Errors
    /// A header value or key that cannot be signed.
    fn sign(
        &self,
        call: &Call,
        draft: RequestDraft,
        access: &Access,
        at: Timestamp,
        nonce: &Nonce,
    ) -> Result<Signed, SignError>;

    /// The default base URL of a service; `{region}` stands for the region.
    fn endpoint(&self, service: Service, region: &str) -> String;

    /// How long an accepted copy may stay invisible to read-back.
    fn visibility_wait(&self) -> Duration;

    /// Requests per second that one process may send, for each action.
    fn requests_per_second(&self) -> u32;
}

/// The failure that a provider's code stands for. An unknown code is [`Disposition::Permanent`] with a 4xx and ambiguous otherwise;
/// a provider whose unknown codes must be read back first says so in its own table.
pub fn refusal(table: &[Row], code: &str, message: &str, request_id: Option<String>, reply: &Reply) -> Failure {
    let row = disposition::find(table, code);
    let unknown = match reply.status {
        429 => Disposition::Throttled,
        400..=499 => Disposition::Permanent,
        _ => Disposition::Ambiguous,
    };
    Failure {
        disposition: row.map_or(unknown, |row| row.disposition),
        code: one_line(code),
        message: one_line(message),
        request_id,
        advice: row.map_or("this code is not in our table: look it up in the provider's documents", |row| row.advice),
        after: retry_after(reply),
    }
}

/// The failure of an answer that says neither yes nor no: the call may have been applied.
pub fn unreadable(reply: &Reply, request_id: Option<String>, why: &str) -> Failure {
    let disposition = if reply.status == 429 { Disposition::Throttled } else { Disposition::Ambiguous };
    Failure {
        disposition,
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
