//! CSBS v1, the legacy server backup service: checkpoint items and their replication records.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answers::naive_time;
use super::state::Huawei;
use super::store::{Item, Record};
use crate::clock::later;
use crate::cloud::{Call, Refusal, Twist};
use crate::text::uuid_of;

/// The ID of the one backup provider that CSBS has. Source: CSBS API page of the call; 2026-11-21.
const PROVIDER: &str = "fc4d5750-22e7-4798-8a46-f48f62c4c1da";

impl Huawei {
    /// `POST /v1/{project}/providers/{provider}/checkpoint_items/{item}/replicate`.
    pub(super) fn copy_item(&mut self, call: &Call, now: Timestamp, twist: &Twist) -> Result<Value, Refusal> {
        let [project, id, provider] = &call.path[..] else {
            return Err(wrong("the path is incomplete"));
        };
        if provider != PROVIDER {
            return Err(wrong("provider_id is invalid"));
        }
        let body = call
            .body
            .as_ref()
            .and_then(|body| body["replication"].as_object())
            .ok_or_else(|| wrong("replication is required"))?;
        let known = ["destination_region", "destination_project_id", "name", "description", "enable_acceleration"];
        if let Some(key) = body.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(wrong(&format!("invalid key {key}")));
        }
        let text = |key: &str| {
            body.get(key)
                .filter(|value| !value.is_null())
                .map(|value| value.as_str().ok_or_else(|| wrong(&format!("{key} must be a string"))))
                .transpose()
        };
        let required =
            |key: &str| text(key)?.filter(|text| !text.is_empty()).ok_or_else(|| wrong(&format!("{key} is required")));
        let region = required("destination_region")?;
        let destination_project = required("destination_project_id")?;
        if let Some(name) = text("name")? {
            let fits = (1..=255).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            fits.then_some(()).ok_or_else(|| wrong("name is invalid"))?;
        }
        if text("description")?.is_some_and(|text| text.chars().count() > 255 || text.contains(['<', '>'])) {
            return Err(wrong("description is invalid"));
        }
        if body.get("enable_acceleration").is_some_and(|value| !value.is_boolean() && !value.is_null()) {
            return Err(wrong("enable_acceleration must be a boolean"));
        }
        let any = self.switches.any_source;
        let source_region = self.region_of(call, project);
        let item = self.store.item(id, project, any).cloned().ok_or_else(no_item)?;
        if item.status != "available" {
            return Err(Refusal::new(400, "CSBS.2003", "The checkpoint item is executing."));
        }
        if item.image_type != "backup" {
            return Err(wrong("a replica cannot be replicated"));
        }
        if any {
            self.store.projects.entry(destination_project.to_owned()).or_insert_with(|| region.to_owned());
        }
        if region == source_region || self.store.projects.get(destination_project).map(String::as_str) != Some(region) {
            return Err(wrong("destination_region or destination_project_id is invalid"));
        }
        for record in self.store.records_of(id).filter(|record| record.destination_region == region) {
            if record.neutral_state(now) == "running" {
                return Err(Refusal::new(400, "CSBS.6031", "A manual copy is executing."));
            }
            if self.store.blocks(record, now) {
                return Err(Refusal::new(
                    400,
                    self.switches.csbs_duplicate_code.clone(),
                    "The backup has been replicated to the destination region.",
                ));
            }
        }
        let record = Record {
            id: self.draw.uuid(),
            operation: "copy-checkpoint-item",
            source: id.clone(),
            source_project: project.clone(),
            source_region: source_region.clone(),
            source_vault: String::new(),
            destination_region: region.to_owned(),
            destination_project: destination_project.to_owned(),
            destination_vault: String::new(),
            replica: self.draw.uuid(),
            auto_trigger: false,
            started: now,
            visible: later(now, self.switches.record_visible_delay_s),
            ready: later(now, self.switches.copy_duration_s),
            fails: twist.fail_later,
        };
        if !record.fails {
            let name = text("name")?.map_or_else(|| item.name.clone(), str::to_owned);
            let replica = Item {
                id: record.replica.clone(),
                project: destination_project.to_owned(),
                name,
                image_type: "replication".to_owned(),
                created: record.ready,
                ..item
            };
            self.store.items.insert(replica.id.clone(), replica);
        }
        let answer = json!({"replication": {
            "project_id": project,
            "provider_id": PROVIDER,
            "checkpoint_item_id": id,
            "source_region": source_region,
            "destination_region": region,
            "destination_project_id": destination_project,
            "replication_record_id": record.id,
        }});
        self.copies.made("copy-checkpoint-item", id, region, &record.id);
        self.store.add_record(record);
        Ok(answer)
    }

    pub(super) fn show_item(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let item = self
            .store
            .item(&call.path[1], &call.path[0], self.switches.any_source)
            .cloned()
            .filter(|item| item.created <= now)
            .ok_or_else(no_item)?;
        Ok(json!({"checkpoint_item": self.show_one_item(&item, now)}))
    }

    pub(super) fn list_items(&self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let limit = positive(call, "limit")?.unwrap_or(1_000);
        let offset = positive(call, "offset")?.unwrap_or(0);
        let items = self.items(call, now);
        let start = match call.parameter("marker") {
            Some(marker) => items.iter().position(|item| item.id == marker).map_or(items.len(), |at| at + 1),
            None => offset,
        };
        let shown: Vec<Value> =
            items.iter().skip(start).take(limit).map(|item| self.show_one_item(item, now)).collect();
        Ok(json!({"checkpoint_items": shown, "count": items.len()}))
    }

    pub(super) fn count_items(&self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        Ok(json!({"count": self.items(call, now).len()}))
    }

    /// `GET /v1/{project}/replication_records`; known from an old SDK only, so it can be switched off.
    pub(super) fn list_item_records(&self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        if !self.switches.csbs_records_endpoint {
            return Err(Refusal::new(
                404,
                "APIGW.0101",
                "The API does not exist or has not been published in the environment",
            ));
        }
        let limit = positive(call, "limit")?.unwrap_or(1_000);
        let offset = positive(call, "offset")?.unwrap_or(0);
        let wanted = |name: &str, actual: &str| call.parameter(name).is_none_or(|value| value == actual);
        let of_item = call.parameter("source_checkpoint_item_id").or_else(|| call.parameter("checkpoint_item_id"));
        let matching: Vec<&Record> = self
            .store
            .records()
            .rev()
            .filter(|record| {
                record.operation == "copy-checkpoint-item"
                    && record.source_project == call.path[0]
                    && now >= record.visible
            })
            .filter(|record| of_item.is_none_or(|item| record.source == item))
            .filter(|record| {
                wanted("destination_region", &record.destination_region)
                    && wanted("status", record.status(now))
                    && wanted("id", &record.id)
            })
            .collect();
        let shown: Vec<Value> =
            matching.iter().skip(offset).take(limit).map(|record| show_record(record, now)).collect();
        Ok(json!({"replication_records": shown, "count": matching.len()}))
    }

    /// Items of the project that pass the filters, youngest first.
    fn items(&self, call: &Call, now: Timestamp) -> Vec<&Item> {
        let wanted = |name: &str, actual: &str| call.parameter(name).is_none_or(|value| value == actual);
        let since = |name: &str| call.parameter(name).and_then(|text| text.parse::<Timestamp>().ok());
        let (from, to) = (since("start_time"), since("end_time"));
        let fits = |item: &&Item| {
            item.project == call.path[0]
                && item.created <= now
                && wanted("status", &item.status)
                && wanted("image_type", &item.image_type)
                && wanted("resource_type", "OS::Nova::Server")
                && call.parameter("name").is_none_or(|name| self.switches.name_filter.accepts(&item.name, name))
                && wanted("checkpoint_id", &checkpoint_of(&item.id))
                && from.is_none_or(|from| item.created >= from)
                && to.is_none_or(|to| item.created <= to)
        };
        let mut items: Vec<&Item> = self.store.items.values().filter(fits).collect();
        items.sort_by(|one, two| (two.created, &two.id).cmp(&(one.created, &one.id)));
        items
    }

    fn show_one_item(&self, item: &Item, now: Timestamp) -> Value {
        let records: Vec<&Record> = self.store.records_of(&item.id).filter(|record| now >= record.visible).collect();
        let copy_status = match records.last().map(|record| record.status(now)) {
            None => "na",
            Some("waiting_replicate") => "waiting_copy",
            Some("replicating") => "copying",
            Some(other) => other,
        };
        let created = naive_time(item.created);
        let mut shown = json!({
            "id": item.id, "name": item.name, "status": item.status, "description": "--",
            "checkpoint_id": checkpoint_of(&item.id), "resource_id": item.resource_id, "resource_type": "OS::Nova::Server",
            "created_at": created, "updated_at": created, "protected_at": created, "expired_at": null, "tags": [],
            "backup_data": {"cloudservicetype": "QEMU", "imagetype": "gold"},
            "extend_info": {
                "copy_status": copy_status, "copy_from": null, "image_type": item.image_type, "progress": 100, "auto_trigger": false,
                "fail_code": null, "fail_op": null, "fail_reason": null, "finished_at": created, "incremental": true, "volume_backups": [],
            },
        });
        let records: Vec<Value> = records.into_iter().map(|record| show_record(record, now)).collect();
        shown["replication_records"] = match (self.switches.csbs_records_as_object, records.last()) {
            (true, Some(last)) => last.clone(),
            _ => json!(records),
        };
        shown
    }
}

fn show_record(record: &Record, now: Timestamp) -> Value {
    let status = record.status(now);
    let failed = status == "fail";
    let done = status == "success";
    json!({
        "id": record.id,
        "status": status,
        "source_region": record.source_region,
        "source_project_id": record.source_project,
        "source_checkpoint_id": checkpoint_of(&record.source),
        "source_checkpoint_item_id": record.source,
        "destination_region": record.destination_region,
        "destination_project_id": record.destination_project,
        "destination_checkpoint_id": if done { checkpoint_of(&record.replica) } else { String::new() },
        "destination_checkpoint_item_id": if done { record.replica.clone() } else { String::new() },
        "plan_id": uuid_of(&format!("plan/{}", record.source)),
        "created_at": naive_time(record.started),
        "extra_info": {
            "auto_trigger": record.auto_trigger,
            "progress": record.progress(now),
            "fail_code": if failed { "CSBS.9999" } else { "" },
            "fail_reason": if failed { "Scripted by the simulator." } else { "" },
        },
    })
}

fn checkpoint_of(item: &str) -> String {
    uuid_of(&format!("checkpoint/{item}"))
}

fn positive(call: &Call, name: &str) -> Result<Option<usize>, Refusal> {
    call.parameter(name).map(|text| text.parse().map_err(|_| wrong(&format!("{name} is invalid")))).transpose()
}

fn wrong(why: &str) -> Refusal {
    Refusal::new(400, "CSBS.9001", format!("Parameter verification failed: {why}."))
}

fn no_item() -> Refusal {
    Refusal::new(404, "CSBS.3001", "The checkpoint item does not exist.")
}
