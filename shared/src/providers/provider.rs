//! The trait that each cloud implements, and the values that its functions take and return.

use std::time::Duration;

use jiff::Timestamp;

use super::asked::{Asked, Reading};
use super::call::{Call, Effect, Service};
use super::inventory::Inventory;
use super::refusal::unreadable;
use super::sts::Sts;
use crate::model::access::Access;
use crate::model::command::{Cloud, Command, Destination, Operation, Replication};
use crate::model::evidence::{Evidence, Observation};
use crate::model::failure::Failure;
use crate::model::fields::FieldError;
use crate::model::http::{HttpRequest, Reply};
use crate::model::receipt::Receipt;
use crate::sign::{Nonce, RequestDraft, SignError, Signed};

/// What is known about the attempt that a call belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptContext {
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// When this attempt was first claimed. Nothing that this attempt made can be older.
    pub since: Timestamp,
    /// Whether an earlier call of this attempt may have been applied.
    pub doubt: bool,
}

/// How long what a call did may stay unseen, so that only after it "nothing is there" means that nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// How long after it was signed a request may still be applied.
    pub applied: Duration,
    /// How long a copy may then stay hidden from a read.
    pub hidden: Duration,
}

/// By how much the clock that judges a wait may be ahead of the cloud's.
pub(crate) const CLOCKS_APART: Duration = Duration::from_secs(60);

impl Unseen {
    /// The least time that a doubt must wait.
    pub fn wait(&self) -> Duration {
        self.applied + self.hidden + CLOCKS_APART
    }
}

/// What an accepted call returned, before it is stamped with a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// One entry for each copy.
    pub receipts: Vec<FoundCopy>,
    /// The provider's ID of the request, if it told one.
    pub request_id: Option<String>,
}

/// One copy that a provider reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCopy {
    /// For a vault-wide call: the ID of the backup that is copied.
    pub backup_id: Option<String>,
    /// The provider's ID of the replication, if it told one.
    pub replication_id: Option<String>,
}

/// The IDs of the three clouds have 36 signs at most.
const LONGEST_ID: usize = 255;

impl Acceptance {
    /// An acceptance of a single copy.
    pub(crate) fn one(replication_id: Option<String>, request_id: Option<String>) -> Acceptance {
        Acceptance { receipts: vec![FoundCopy { backup_id: None, replication_id }], request_id }
    }

    /// The same, if each of its IDs can be one. What a record cannot hold would leave it claimed.
    ///
    /// # Errors
    /// One is longer than any cloud's: the answer cannot be read.
    pub(crate) fn bounded(self, reply: &Reply) -> Result<Acceptance, Failure> {
        let ids = self.receipts.iter().flat_map(|found| [&found.backup_id, &found.replication_id]);
        let too_long = ids.flatten().any(|id| id.len() > LONGEST_ID);
        match too_long {
            true => Err(unreadable(reply, self.request_id, "the answer names an ID that is longer than any")),
            false => Ok(self),
        }
    }

    /// The receipts for this acceptance, stamped with `time`.
    pub(crate) fn receipts(&self, attempt: u32, adopted: bool, time: Timestamp) -> Vec<Receipt> {
        let stamp = |found: &FoundCopy| Receipt {
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

/// The result of reading back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadBack {
    /// The copy exists or is running: adopt it.
    Found(Acceptance),
    /// A copy to this destination is running, but its ID cannot be seen yet.
    Running,
    /// There is no copy.
    Absent,
    /// The source cannot be copied yet, and why.
    NotReady(String),
    /// The source was not found, in words: it is gone, not listed yet, or was looked for in the wrong place.
    NoSource(String),
    /// The source can never be copied, and why.
    Ineligible(String),
}

/// One accepted copy that is observed together with others of its account, operation and destination region.
#[derive(Clone, Copy, Debug)]
pub struct Accepted<'c> {
    /// The replication that made the copy.
    pub replication: &'c Replication,
    /// The receipt that the provider gave for it.
    pub receipt: &'c Receipt,
}

/// Values for what a command may leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// The ID of Huawei's project for the source (`HUAWEICLOUD_SDK_PROJECT_ID`).
    pub huawei_project_id: Option<String>,
}

/// One cloud. It plans calls and interprets replies, and sends nothing itself.
pub trait Provider: Send + Sync {
    /// The cloud that this provider stands for.
    fn cloud(&self) -> Cloud;

    /// The cloud's lists of backups and copies.
    fn inventory(&self) -> &dyn Inventory;

    /// The cloud's token service, which issues temporary credentials.
    fn sts(&self) -> &dyn Sts;

    /// Checks required fields and limits that the general reading of a command does not know.
    ///
    /// # Errors
    /// The field, and the limit that it breaks.
    fn check(&self, command: &Command) -> Result<(), FieldError>;

    /// Fills in what the command left out and the configuration knows (Huawei: the source's project).
    fn complete(&self, command: &Command, defaults: &Defaults) -> Command {
        let _ = defaults;
        command.clone()
    }

    /// The mutating call that starts the replication.
    fn start(&self, replication: &Replication, intent: &AttemptContext) -> Call;

    /// What the reply to [`Provider::start`] means.
    ///
    /// # Errors
    /// A failure with its disposition; an unreadable success is [`crate::model::failure::Disposition::Ambiguous`].
    fn started(&self, replication: &Replication, reply: &Reply) -> Result<Acceptance, Failure>;

    /// Reads whether a copy exists already, or can be made: it ends with that, with a failed read, or with a state at the provider that forbids
    /// this copy. A vault has many pages, so it keeps what it read in them.
    fn read_back<'a>(&'a self, replication: &'a Replication, intent: &'a AttemptContext) -> Reading<'a, ReadBack>;

    /// The reads that [`Provider::read_back`] asks for before a first attempt if there is no copy, in its order. They are sent at once.
    fn reads_ahead(&self, _replication: &Replication) -> Vec<Call> {
        Vec::new()
    }

    /// How many different reads, each the `nth` of those of its replication and in one region, one call can stand for.
    fn reads_at_once(&self, _nth: usize) -> usize {
        1
    }

    /// The call that stands for the `nth` read of each of these replications.
    fn read_together(&self, _nth: usize, _alike: &[&Replication]) -> Option<Call> {
        None
    }

    /// The reply that each of these replications would have got to its own read. A missing reply means that only its own read can tell;
    /// `None` means that the call as a whole was refused.
    fn read_apart(&self, _nth: usize, _alike: &[&Replication], _reply: &Reply) -> Option<Vec<Option<Reply>>> {
        None
    }

    /// Reads what the destination says about an accepted copy: it ends with that, or with a failed read. `known` is what was seen before.
    fn observe<'a>(
        &'a self,
        replication: &'a Replication,
        receipt: &'a Receipt,
        known: Option<&'a Evidence>,
    ) -> Reading<'a, Observation>;

    /// How many copies one call of [`Provider::observe_many`] can cover. With 1, each copy is asked about by itself.
    fn observes_at_once(&self, _operation: Operation) -> usize {
        1
    }

    /// The call that asks about all these copies at once, of which there are at most [`Provider::observes_at_once`].
    fn observe_many(&self, _copies: &[Accepted<'_>]) -> Option<Call> {
        None
    }

    /// What the reply to [`Provider::observe_many`] says about each copy, in order. `None` means that the reply does not show the copy:
    /// only a call for this copy alone can tell that it is gone.
    fn observed_many(&self, copies: &[Accepted<'_>], _reply: &Reply) -> Vec<Option<Observation>> {
        vec![None; copies.len()]
    }

    /// How many more gigabytes a destination takes; `None` if nobody tells, or it grows by itself. It costs a cheap read.
    ///
    /// # Errors
    /// The next call to send, or a failed read.
    fn headroom(&self, _operation: Operation, _destination: &Destination, _replies: &[Reply]) -> Asked<Option<u64>> {
        Ok(None)
    }

    /// The failure that the reply to a read stands for; `None` if it can be interpreted.
    fn refused(&self, call: &Call, reply: &Reply) -> Option<Failure>;

    /// Whether a copy found by read-back settles the replication at once. After a vault-wide call more records may still become visible, so
    /// only a read-back after the visibility wait settles it.
    fn settles_at_once(&self, _replication: &Replication) -> bool {
        true
    }

    /// Whether an attempt must read back before its first call.
    fn reads_first(&self, _replication: &Replication) -> bool {
        true
    }

    /// Signs a draft, or adds a token to it, for sending at this moment.
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

    /// What a finished request does at this cloud, told from what goes on the wire alone and not from its plan. `None` if it is no call
    /// that this provider plans: nobody knows what it does.
    fn effect_of(&self, _request: &HttpRequest) -> Option<Effect> {
        None
    }

    /// The default base URL of a service; `{region}` stands for the region.
    fn endpoint(&self, service: Service, region: &str) -> String;

    /// How long what a call did may stay unseen.
    fn unseen(&self) -> Unseen;

    /// How long a request that bears a token, and so no time of its own, may still be applied; `None` where a documented guard refuses
    /// a second copy, so that it makes no difference.
    fn token_lives(&self, _operation: Operation) -> Option<Duration> {
        None
    }

    /// How many requests per second one process may send, for each action.
    fn requests_per_second(&self) -> u32;
}
