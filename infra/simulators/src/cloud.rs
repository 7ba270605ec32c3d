//! What the three simulated clouds have in common: a request as received, an answer, the switches, the trait.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Moment;
use crate::credentials::Account;
use crate::options::SimOptions;
use crate::text::BadAdmin;

/// One simulated cloud. Everything it knows is in memory and behind one mutex per port.
pub(crate) trait Cloud: Send {
    fn provider(&self) -> &'static str;
    /// Authenticates the request and says which action it is; `Err` is the finished refusal.
    fn identify(&mut self, request: &Received, now: Moment) -> Result<Call, Answer>;
    /// Does what the action does.
    fn perform(&mut self, call: &Call, now: Timestamp, twist: &Twist) -> Answer;
    /// An error answer in this cloud's shape.
    fn refuse(&mut self, call: &Call, refusal: &Refusal) -> Answer;
    /// The actions that change nothing: reads, and sign-ins that give a temporary key.
    fn reads(&self) -> &'static [&'static str];
    /// How this cloud refuses a key that lacks the right to an action.
    fn lacks_right(&self, call: &Call) -> Refusal;
    /// The refusals this cloud gives when it throttles and when it breaks.
    fn stock_refusal(&self, kind: Stock) -> Refusal;
    /// The rows of `GET /_sim/state`: one for each operation, source and destination.
    fn replications(&self, now: Timestamp) -> Vec<Value>;
    /// Puts resources into the inventory or takes them out.
    fn seed(&mut self, inventory: &Value, now: Timestamp) -> Result<Value, BadAdmin>;
    fn switches(&mut self) -> &mut Switches;
    /// The keys that are accepted.
    fn account(&mut self) -> &mut Account;
    /// Makes an inventory of so many backups, their copies, and the ledger that Offsite would have of them; tells how many of each.
    fn make_inventory(&mut self, seed: u64, backups: u64, now: Timestamp) -> Value;
    /// The policy that the inventory is made for.
    fn policy(&self) -> Value;
    /// Every copy that is usable in its destination now, by the cloud's own links between a backup and its copies.
    fn arrived(&self, now: Timestamp) -> Vec<Arrived>;
    /// The verdicts that are true of that policy's rules now, as `GET /_sim/truth` answers them.
    fn truth(&self, now: Timestamp) -> Value;
}

/// A copy that is usable in its destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The backup that it is a copy of, whether that is still there or not.
    pub source: String,
    /// The region that it lies in.
    pub region: String,
    /// Its own ID; on Alibaba, where one backup's copy has none, that of the target vault.
    pub id: String,
}

/// The refusals that every cloud has in its own words: too many requests, and an internal error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stock {
    Throttle,
    Internal,
}

/// A request as it came off the wire.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// Path as sent, still percent-encoded.
    pub(crate) path: String,
    /// The query as sent: what follows `?`.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    /// A header's value, trimmed; several values of one name are joined by commas.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<Cow<'_, str>> =
            self.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        (!values.is_empty()).then(|| values.iter().map(|value| value.trim()).collect::<Vec<_>>().join(","))
    }

    /// The region in a Host of the form `service.region.…`; none for addresses and plain names.
    pub(crate) fn host_region(&self) -> Option<String> {
        let host = self.header("host")?;
        let label = host.split(':').next()?.split('.').nth(1)?;
        (label.contains('-') && !label.ends_with("cloudapi")).then(|| label.to_owned())
    }
}

/// A request that passed authentication, in terms of the simulated cloud.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    pub(crate) action: String,
    /// The main source of the call, for fault matching and the log.
    pub(crate) source: Option<String>,
    /// Every region the call names, the called one first.
    pub(crate) regions: Vec<String>,
    /// The region the request was sent to, where that can be told.
    pub(crate) region: Option<String>,
    pub(crate) request_id: String,
    pub(crate) host: String,
    /// Path segments that carry identifiers.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    /// The JSON body; none if there is a body that is not JSON.
    pub(crate) body: Option<Value>,
}

impl Call {
    /// The first value of a query or form parameter; empty counts as absent.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// An HTTP answer, and the word under which it is logged.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) outcome: String,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value, outcome: impl Into<String>) -> Self {
        Self {
            status,
            content_type: "application/json",
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
            outcome: outcome.into(),
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A provider's error before it takes the provider's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }
}

/// How a scripted fault changes what an action does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Twist {
    /// The refusal of one part of the call, while the rest of it is done.
    pub(crate) partial: Option<Refusal>,
    /// The destination region that a partial answer refuses; without it the last one.
    pub(crate) partial_region: Option<String>,
    /// Whether the copy is accepted, and fails when it is due.
    pub(crate) fail_later: bool,
}

/// One switch for each thing the provider references call unknown, plus the speed of copies.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Switches {
    pub(crate) any_source: bool,
    /// Whether the key may only read and sign in.
    pub(crate) read_only: bool,
    /// How long a copy runs.
    pub(crate) copy_duration_s: f64,
    /// How long a new copy stays invisible in its destination.
    pub(crate) visibility_delay_s: f64,
    /// How long a new replication record stays invisible at its source (Huawei).
    pub(crate) record_visible_delay_s: f64,
    pub(crate) name_filter: NameFilter,
    /// Tencent: whether a copy that is finished can be made a second time.
    pub(crate) double_finished: bool,
    /// Tencent: a second copy while one runs is refused with the conflict code; otherwise it is doubled.
    pub(crate) queue_conflict_while_running: bool,
    /// Tencent: the conflict fails the whole call instead of one element.
    pub(crate) conflict_fails_call: bool,
    /// Tencent: the source lists `CopyingToRegions` while a copy runs.
    pub(crate) copying_to_regions: bool,
    pub(crate) refuse_system_disk: bool,
    pub(crate) refuse_encrypted: bool,
    pub(crate) refuse_copy_of_copy: bool,
    /// Tencent: snapshots a region holds at most.
    pub(crate) snapshot_quota: Option<usize>,
    /// Tencent: what a refused element carries as SnapshotId.
    pub(crate) failed_element_id: FailedElementId,
    /// Alibaba: what a repeated or conflicting pair is answered with.
    pub(crate) existing_pair: ExistingPair,
    pub(crate) existing_pair_code: String,
    /// Alibaba: a VaultId filter also lets another vault through, first.
    pub(crate) loose_vault_id_filter: bool,
    /// Alibaba: the undocumented ReplicationStatus; absent unless set.
    pub(crate) replication_status: Option<String>,
    /// Alibaba: how far NewReplicationProgress is behind the clock.
    pub(crate) new_progress_lag_s: f64,
    /// Huawei: a second vault-wide copy while one runs is refused with 6130.
    pub(crate) vault_busy_while_replicating: bool,
    /// Huawei: backups carry replication_records (partner clouds omit them).
    pub(crate) show_backup_records: bool,
    /// Huawei: the account may not set enable_acceleration at all.
    pub(crate) acceleration_gated: bool,
    pub(crate) csbs_duplicate_code: String,
    pub(crate) csbs_records_endpoint: bool,
    pub(crate) csbs_records_as_object: bool,
    /// Huawei: five wrong signatures lock the key for five minutes.
    pub(crate) lock_after_wrong_signatures: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            any_source: false,
            read_only: false,
            copy_duration_s: 2.0,
            visibility_delay_s: 0.0,
            record_visible_delay_s: 0.0,
            name_filter: NameFilter::Substring,
            double_finished: true,
            queue_conflict_while_running: true,
            conflict_fails_call: false,
            copying_to_regions: true,
            refuse_system_disk: true,
            refuse_encrypted: true,
            refuse_copy_of_copy: false,
            snapshot_quota: None,
            failed_element_id: FailedElementId::Empty,
            existing_pair: ExistingPair::Error,
            existing_pair_code: "SourceVaultAlreadyHasReplication".to_owned(),
            loose_vault_id_filter: false,
            replication_status: None,
            new_progress_lag_s: 0.0,
            vault_busy_while_replicating: true,
            show_backup_records: true,
            acceleration_gated: false,
            csbs_duplicate_code: "BackupService.1009".to_owned(),
            csbs_records_endpoint: true,
            csbs_records_as_object: false,
            lock_after_wrong_signatures: true,
        }
    }
}

impl Switches {
    /// The switches as the simulators are started.
    pub(crate) fn of(options: &SimOptions) -> Self {
        Self { any_source: options.any_source, read_only: options.read_only, ..Self::default() }
    }

    /// Sets the switches that `changes` names, and leaves the others as they are.
    ///
    /// # Errors
    /// `BadAdmin` names the unknown switch or the wrong value.
    pub(crate) fn change(&mut self, changes: &Value) -> Result<(), BadAdmin> {
        let changes = changes.as_object().ok_or_else(|| BadAdmin::new("switches must be a JSON object"))?;
        let mut all = serde_json::to_value(&*self).map_err(|error| BadAdmin::new(error.to_string()))?;
        for (name, value) in changes {
            all[name.as_str()] = value.clone();
        }
        *self = serde_json::from_value(all).map_err(|error| BadAdmin::new(format!("switches: {error}")))?;
        Ok(())
    }
}

/// How a name filter matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NameFilter {
    Exact,
    Prefix,
    Substring,
}

impl NameFilter {
    pub(crate) fn accepts(self, name: &str, wanted: &str) -> bool {
        match self {
            Self::Exact => name == wanted,
            Self::Prefix => name.starts_with(wanted),
            Self::Substring => name.contains(wanted),
        }
    }
}

/// What a refused element of a Tencent copy carries as SnapshotId.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailedElementId {
    Empty,
    Null,
    Absent,
}

/// What Alibaba answers to a pair that exists, or to a source that has another target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExistingPair {
    /// 400 with `existing_pair_code`.
    Error,
    /// 200 with a new task for the same pair; a conflicting pair is still an error.
    Accept,
    /// 200 with a task that fails; a conflicting target shows SOURCE_VAULT_ALREADY_HAS_REPLICATION.
    VaultStatus,
}

/// Which copies were really made: per operation, source and destination, how often and the latest ID.
#[derive(Debug, Default)]
pub(crate) struct Copies(BTreeMap<(&'static str, String, String), (String, u64)>);

impl Copies {
    pub(crate) fn made(&mut self, operation: &'static str, source: &str, destination: &str, id: &str) {
        let row = self.0.entry((operation, source.to_owned(), destination.to_owned())).or_default();
        row.0 = id.to_owned();
        row.1 += 1;
    }

    /// The rows of the state, with `state_of` giving `running`, `done` or `failed` for a copy's ID.
    pub(crate) fn rows(&self, mut state_of: impl FnMut(&str, &str) -> &'static str) -> Vec<Value> {
        self.0
            .iter()
            .map(|((operation, source, destination), (id, created))| {
                json!({
                    "operation": operation, "source": source, "destination": destination,
                    "id": id, "state": state_of(operation, id), "created": created,
                })
            })
            .collect()
    }
}
