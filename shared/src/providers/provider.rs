//! What a cloud must bring: the trait, and the values that its functions take and give.

use std::time::Duration;

use jiff::Timestamp;

use super::asked::Asked;
use super::call::{Call, Service};
use super::inventory::Inventory;
use super::sts::Sts;
use crate::model::access::Access;
use crate::model::command::{Cloud, Command, Destination, Operation, Replication};
use crate::model::evidence::{Evidence, Observation};
use crate::model::failure::Failure;
use crate::model::fields::FieldError;
use crate::model::http::Reply;
use crate::model::receipt::Receipt;
use crate::sign::{Nonce, RequestDraft, SignError, Signed};

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

/// What reading back has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadBack {
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
    /// A failure with its disposition; an unreadable success is [`crate::model::failure::Disposition::Ambiguous`].
    fn started(&self, replication: &Replication, reply: &Reply) -> Result<Acceptance, Failure>;

    /// Whether there is a copy already, or can be one.
    ///
    /// # Errors
    /// What to ask next, a failed read, or a state of the provider's that forbids this copy.
    fn read_back(&self, replication: &Replication, intent: &Intent, replies: &[Reply]) -> Asked<ReadBack>;

    /// What the destination says of an accepted copy; `known` is what was seen before.
    ///
    /// # Errors
    /// What to ask next, or a failed read.
    fn observe(
        &self,
        replication: &Replication,
        receipt: &Receipt,
        known: Option<&Evidence>,
        replies: &[Reply],
    ) -> Asked<Observation>;

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

    /// How many more gigabytes a destination takes; `None` where nobody tells, or it grows by itself. It costs a cheap read.
    ///
    /// # Errors
    /// What to ask next, or a failed read.
    fn headroom(&self, _operation: Operation, _destination: &Destination, _replies: &[Reply]) -> Asked<Option<u64>> {
        Ok(None)
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
