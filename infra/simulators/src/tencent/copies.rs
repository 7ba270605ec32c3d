//! CopySnapshotCrossRegions and the calls that end a snapshot's life.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::auth::is_region;
use super::fields::{missing, object, refusal, text, texts};
use super::state::Tencent;
use super::store::{CopyLife, NewSnapshot, Origin, is_snapshot_id};
use crate::cloud::{Call, FailedElementId, Refusal, Twist};

/// The longest name of a snapshot. Source: CBS documentation on limits and ModifySnapshotAttribute; 2026-11-21.
const LONGEST_NAME: usize = 60;

impl Tencent {
    /// Starts one copy per destination region; each has its own Code.
    pub(super) fn copy(&mut self, call: &Call, now: Timestamp, twist: &Twist) -> Result<Value, Refusal> {
        let body = object(call, &["SnapshotId", "DestinationRegions", "SnapshotName"])?;
        let destinations = texts(body, "DestinationRegions")?.ok_or_else(|| missing("DestinationRegions"))?;
        let source_id = text(body, "SnapshotId")?.ok_or_else(|| missing("SnapshotId"))?;
        let region = call.region.as_deref().ok_or_else(|| missing("Region"))?;
        if destinations.is_empty() {
            return Err(refusal("InvalidParameterValue", "DestinationRegions must not be empty."));
        }
        let name = text(body, "SnapshotName")?;
        if name.is_some_and(|name| name.chars().count() > LONGEST_NAME) {
            return Err(refusal("InvalidParameterValue", "The length of SnapshotName exceeds 60 characters."));
        }
        if !is_snapshot_id(source_id) {
            return Err(refusal(
                "InvalidParameterValue",
                format!("The value `{source_id}` of SnapshotId is malformed."),
            ));
        }
        for destination in &destinations {
            if !is_region(destination, self.switches.any_source) {
                return Err(refusal("InvalidParameterValue", format!("The region `{destination}` is invalid.")));
            }
        }
        let slot = self.store.find(source_id, region, self.switches.any_source).ok_or_else(|| not_found(source_id))?;
        self.may_be_copied(slot, now)?;
        let name = name
            .filter(|name| !name.is_empty())
            .map_or_else(|| format!("Copied {source_id} from {region}"), str::to_owned);
        let refused_by_fault = twist.partial_region.as_deref().or(destinations.last().copied());
        let mut results = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for destination in destinations {
            let outcome = match &twist.partial {
                Some(scripted) if refused_by_fault == Some(destination) => Err(scripted.clone()),
                _ if seen.contains(&destination) => Err(refusal("InvalidParameterValue", "The region is named twice.")),
                _ => self.copy_to(slot, source_id, region, destination, &name, now, twist.fail_later),
            };
            seen.push(destination);
            match outcome {
                Err(conflict) if self.switches.conflict_fails_call && conflict.code == CONFLICT => {
                    return Err(conflict);
                }
                outcome => results.push(self.element(destination, outcome)),
            }
        }
        Ok(json!({"SnapshotCopyResultSet": results}))
    }

    fn may_be_copied(&self, slot: u32, now: Timestamp) -> Result<(), Refusal> {
        let Some(snapshot) = self.store.get(slot).filter(|snapshot| snapshot.visible(now)) else {
            return Err(refusal("InvalidSnapshotId.NotFound", "The snapshot does not exist."));
        };
        let not_copyable = |why: &str| {
            Err(refusal(
                "UnsupportedOperation.SnapshotNotSupportCopy",
                format!("{why} cannot be copied across regions."),
            ))
        };
        match snapshot.state(now) {
            "NORMAL" => {}
            "CREATING" => {
                return Err(refusal("ResourceUnavailable.SnapshotCreating", "The snapshot is being created."));
            }
            state => {
                return Err(refusal("UnsupportedOperation.StateError", format!("The snapshot is in state {state}.")));
            }
        }
        if snapshot.facts.system_disk && self.switches.refuse_system_disk {
            return not_copyable("A snapshot of a system disk");
        }
        if snapshot.facts.encrypt && self.switches.refuse_encrypted {
            return not_copyable("An encrypted snapshot");
        }
        if snapshot.facts.instant {
            return not_copyable("An instant snapshot");
        }
        if snapshot.facts.from_remote && self.switches.refuse_copy_of_copy {
            return not_copyable("A copied snapshot");
        }
        if snapshot.facts.shared {
            return Err(refusal("InvalidSnapshot.NotSupported", "A shared snapshot does not support this operation."));
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "the facts of one copy; a struct would be built and taken apart once")]
    fn copy_to(
        &mut self,
        slot: u32,
        source_id: &str,
        region: &str,
        destination: &str,
        name: &str,
        now: Timestamp,
        fails: bool,
    ) -> Result<String, Refusal> {
        if destination == region {
            return Err(refusal("InvalidParameterValue", "The destination region equals the source region."));
        }
        if destination.ends_with("-fsi") != region.ends_with("-fsi") {
            return Err(refusal("InvalidParameterValue", "Finance zones copy to finance zones only."));
        }
        let source = self.store.get(slot).ok_or_else(|| not_found(source_id))?;
        let running = self.store.copying_to(source, now).iter().any(|to| to == destination);
        let finished = !running && self.store.has_copy(source, destination, now);
        if (running && self.switches.queue_conflict_while_running) || (finished && !self.switches.double_finished) {
            return Err(refusal(CONFLICT, format!("The snapshot `{source_id}` is being copied to `{destination}`.")));
        }
        let held = self.store.region(destination).map_or(0, |region| region.order.len());
        if self.switches.snapshot_quota.is_some_and(|quota| held >= quota) {
            return Err(refusal("InsufficientSnapshotQuota", "Insufficient snapshot quota."));
        }
        let id = format!("snap-{}", self.draw.word(8));
        let facts = NewSnapshot {
            name: name.to_owned(),
            disk_id: String::new(),
            system_disk: source.facts.system_disk,
            encrypt: source.facts.encrypt,
            from_remote: true,
            origin: Some(Origin { id: source_id.to_owned(), region: region.to_owned() }),
            ..NewSnapshot::plain(&id, destination, now)
        };
        let life = CopyLife::new(now, self.switches.copy_duration_s, self.switches.visibility_delay_s, fails);
        self.store.insert_copy(facts, life, slot).ok_or_else(|| refusal("InternalError", "The new ID is taken."))?;
        self.copies.made("copy-snapshot", source_id, destination, &id);
        Ok(id)
    }

    fn element(&self, destination: &str, outcome: Result<String, Refusal>) -> Value {
        let failure = match outcome {
            Ok(id) => {
                return json!({"SnapshotId": id, "DestinationRegion": destination, "Code": "Success", "Message": ""});
            }
            Err(failure) => failure,
        };
        let mut element = json!({"DestinationRegion": destination, "Code": failure.code, "Message": failure.message});
        match self.switches.failed_element_id {
            FailedElementId::Empty => element["SnapshotId"] = json!(""),
            FailedElementId::Null => element["SnapshotId"] = Value::Null,
            FailedElementId::Absent => {}
        }
        element
    }

    /// Deletes all the snapshots that a call names, or none of them.
    pub(super) fn delete(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let body = object(call, &["SnapshotIds", "DeleteBindImages"])?;
        let ids = texts(body, "SnapshotIds")?.ok_or_else(|| missing("SnapshotIds"))?;
        let region = call.region.as_deref().ok_or_else(|| missing("Region"))?;
        if ids.is_empty() {
            return Err(refusal("InvalidParameterValue", "SnapshotIds must not be empty."));
        }
        for id in &ids {
            let slot = self.store.find(id, region, self.switches.any_source).ok_or_else(|| not_found(id))?;
            let snapshot =
                self.store.get(slot).filter(|snapshot| snapshot.visible(now)).ok_or_else(|| not_found(id))?;
            match snapshot.state(now) {
                "CREATING" => {
                    return Err(refusal("ResourceUnavailable.SnapshotCreating", "The snapshot is being created."));
                }
                "NORMAL" if self.store.copying_to(snapshot, now).is_empty() => {}
                _ => {
                    return Err(refusal("ResourceBusy", "The snapshot is busy, please retry later."));
                }
            }
        }
        for id in ids {
            self.store.remove(id);
        }
        Ok(json!({}))
    }

    /// Renames a snapshot or gives it a deadline.
    pub(super) fn modify(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let body = object(call, &["SnapshotId", "SnapshotName", "IsPermanent", "Deadline"])?;
        let id = text(body, "SnapshotId")?.ok_or_else(|| missing("SnapshotId"))?;
        let region = call.region.as_deref().ok_or_else(|| missing("Region"))?;
        let slot = self.store.find(id, region, self.switches.any_source).ok_or_else(|| not_found(id))?;
        if self.store.get(slot).is_none_or(|snapshot| !snapshot.visible(now)) {
            return Err(not_found(id));
        }
        let name = text(body, "SnapshotName")?;
        if name.is_some_and(|name| name.chars().count() > LONGEST_NAME) {
            return Err(refusal("InvalidParameterValue", "The length of SnapshotName exceeds 60 characters."));
        }
        let deadline = match text(body, "Deadline")? {
            None => None,
            Some(text) => {
                let at: Timestamp =
                    text.parse().map_err(|_| refusal("InvalidParameterValue", "Deadline must be an ISO 8601 time."))?;
                if at.duration_since(now) < SignedDuration::from_hours(24) {
                    return Err(refusal("InvalidParameterValue", "Deadline must be at least one day ahead."));
                }
                Some(Some(at))
            }
        };
        let permanent = body.get("IsPermanent").and_then(Value::as_bool);
        self.store.edit(slot, name, if permanent == Some(true) { Some(None) } else { deadline });
        Ok(json!({}))
    }
}

const CONFLICT: &str = "ResourceInUse.CopySnapshotConflict";

fn not_found(id: &str) -> Refusal {
    refusal("InvalidSnapshotId.NotFound", format!("The snapshot `{id}` does not exist."))
}
