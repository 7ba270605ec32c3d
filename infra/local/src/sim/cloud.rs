//! What the three simulated clouds have in common: a request as received, an answer, the switches, the trait.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use axum::body::Bytes;
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::clock::Moment;
use super::credentials::Account;

/// One simulated cloud. Everything it knows is in memory and behind one mutex per port.
pub(super) trait Cloud: Send {
    fn provider(&self) -> &'static str;
    /// Authenticates the request and says which action it is; `Err` is the finished refusal.
    fn identify(&mut self, request: &Received, now: Moment) -> Result<Call, Answer>;
    /// Does what the action does.
    fn perform(&mut self, call: &Call, now: Timestamp, twist: &Twist) -> Answer;
    /// An error answer in this cloud's shape.
    fn refuse(&mut self, call: &Call, refusal: &Refusal) -> Answer;
    /// The refusals this cloud gives when it throttles and when it breaks.
    fn stock_refusal(&self, kind: Stock) -> Refusal;
    /// Rows of `GET /_sim/state`.
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
    /// What is true of that policy's rules now.
    fn truth(&self, now: Timestamp) -> Value;
}

/// Which stock refusal is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stock {
    Throttle,
    Internal,
}

/// A request as it came off the wire.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) method: String,
    /// Path as sent, still percent-encoded.
    pub(super) path: String,
    /// What follows `?`, as sent.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Received {
    /// A header's value, trimmed; several values of one name are joined by commas.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<Cow<'_, str>> =
            self.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        (!values.is_empty()).then(|| values.iter().map(|value| value.trim()).collect::<Vec<_>>().join(","))
    }

    /// The region in a Host of the form `service.region.…`; none for addresses and plain names.
    pub(super) fn host_region(&self) -> Option<String> {
        let host = self.header("host")?;
        let label = host.split(':').next()?.split('.').nth(1)?;
        (label.contains('-') && !label.ends_with("cloudapi")).then(|| label.to_owned())
    }
}

/// A request that passed authentication, in terms of the simulated cloud.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    pub(super) action: String,
    /// The main source of the call, for fault matching and the log.
    pub(super) source: Option<String>,
    /// Every region the call names, the called one first.
    pub(super) regions: Vec<String>,
    /// The region the request was sent to, where that can be told.
    pub(super) region: Option<String>,
    pub(super) request_id: String,
    pub(super) host: String,
    /// Path segments that carry identifiers.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    /// The JSON body; none if there is a body that is not JSON.
    pub(super) body: Option<Value>,
}

impl Call {
    /// The first value of a query or form parameter; empty counts as absent.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// An HTTP answer, and the word under which it is logged.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    pub(super) outcome: String,
}

impl Answer {
    pub(super) fn json(status: u16, body: &Value, outcome: impl Into<String>) -> Self {
        Self {
            status,
            content_type: "application/json",
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
            outcome: outcome.into(),
        }
    }

    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A provider's error before it takes the provider's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: Cow<'static, str>,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }
}

/// How a scripted fault bends an action while it is applied.
#[derive(Clone, Debug, Default)]
pub(super) struct Twist {
    /// Apply only a part and refuse the rest with this.
    pub(super) partial: Option<Refusal>,
    /// For a partial answer: the destination region that is refused; otherwise the last one.
    pub(super) partial_region: Option<String>,
    /// Accept the copy and let it fail when it is due.
    pub(super) fail_later: bool,
}

/// An admin request that cannot be followed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct BadAdmin(Cow<'static, str>);

impl BadAdmin {
    pub(super) fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(message.into())
    }
}

/// One switch for each thing the provider references call unknown, plus the speed of copies.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Switches {
    pub(super) any_source: bool,
    /// How long a copy runs.
    pub(super) copy_duration_s: f64,
    /// How long a new copy stays invisible in its destination.
    pub(super) visibility_delay_s: f64,
    /// How long a new replication record stays invisible at its source (Huawei).
    pub(super) record_visible_delay_s: f64,
    pub(super) name_filter: NameFilter,
    /// Tencent: a finished copy can be made again.
    pub(super) double_finished: bool,
    /// Tencent: a second copy while one runs is refused with the conflict code; otherwise it is doubled.
    pub(super) queue_conflict_while_running: bool,
    /// Tencent: the conflict fails the whole call instead of one element.
    pub(super) conflict_fails_call: bool,
    /// Tencent: the source lists `CopyingToRegions` while a copy runs.
    pub(super) copying_to_regions: bool,
    pub(super) refuse_system_disk: bool,
    pub(super) refuse_encrypted: bool,
    pub(super) refuse_copy_of_copy: bool,
    /// Tencent: snapshots a region holds at most.
    pub(super) snapshot_quota: Option<usize>,
    /// Tencent: what a refused element carries as SnapshotId.
    pub(super) failed_element_id: FailedElementId,
    /// Alibaba: what a repeated or conflicting pair is answered with.
    pub(super) existing_pair: ExistingPair,
    pub(super) existing_pair_code: String,
    /// Alibaba: a VaultId filter also lets another vault through, first.
    pub(super) loose_vault_id_filter: bool,
    /// Alibaba: the undocumented ReplicationStatus; absent unless set.
    pub(super) replication_status: Option<String>,
    /// Alibaba: how far NewReplicationProgress is behind the clock.
    pub(super) new_progress_lag_s: f64,
    /// Huawei: a second vault-wide copy while one runs is refused with 6130.
    pub(super) vault_busy_while_replicating: bool,
    /// Huawei: backups carry replication_records (partner clouds omit them).
    pub(super) show_backup_records: bool,
    /// Huawei: the account may not set enable_acceleration at all.
    pub(super) acceleration_gated: bool,
    pub(super) csbs_duplicate_code: String,
    pub(super) csbs_records_endpoint: bool,
    pub(super) csbs_records_as_object: bool,
    /// Huawei: five wrong signatures lock the key for five minutes.
    pub(super) lock_after_wrong_signatures: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            any_source: false,
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
    /// Overlays the switches named in `changes`.
    ///
    /// # Errors
    /// `BadAdmin` names the unknown switch or the wrong value.
    pub(super) fn change(&mut self, changes: &Value) -> Result<(), BadAdmin> {
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
pub(super) enum NameFilter {
    Exact,
    Prefix,
    Substring,
}

impl NameFilter {
    pub(super) fn accepts(self, name: &str, wanted: &str) -> bool {
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
pub(super) enum FailedElementId {
    Empty,
    Null,
    Absent,
}

/// What Alibaba answers to a pair that exists, or to a source that has another target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ExistingPair {
    /// 400 with `existing_pair_code`.
    Error,
    /// 200 with a new task for the same pair; a conflicting pair is still an error.
    Accept,
    /// 200 with a task that fails; a conflicting target shows SOURCE_VAULT_ALREADY_HAS_REPLICATION.
    VaultStatus,
}

/// Which copies were really made: per operation, source and destination, how often and the latest ID.
#[derive(Debug, Default)]
pub(super) struct Copies(BTreeMap<(&'static str, String, String), (String, u64)>);

impl Copies {
    pub(super) fn made(&mut self, operation: &'static str, source: &str, destination: &str, id: &str) {
        let row = self.0.entry((operation, source.to_owned(), destination.to_owned())).or_default();
        row.0 = id.to_owned();
        row.1 += 1;
    }

    /// The rows of the state, with `state_of` giving `running`, `done` or `failed` for a copy's ID.
    pub(super) fn rows(&self, mut state_of: impl FnMut(&str, &str) -> &'static str) -> Vec<Value> {
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

/// The state even if a thread died holding it: the simulators have no invariant a panic could break half-way.
pub(super) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
