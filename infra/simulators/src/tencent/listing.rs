//! DescribeSnapshots: filters, order, pages.

use jiff::tz::Offset;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::fields::{missing, number, object, refusal, text, texts};
use super::state::Tencent;
use super::store::{Listing, Snapshot, is_snapshot_id};
use crate::cloud::{Call, NameFilter, Refusal};

/// The filters that DescribeSnapshots knows. Source: tencentcloud-sdk-python-cbs 3.1.175; `zone` from the official example;
/// 2026-11-21.
const FILTERS: [&str; 9] = [
    "snapshot-id",
    "snapshot-name",
    "snapshot-state",
    "disk-usage",
    "project-id",
    "disk-id",
    "encrypt",
    "snapshot-type",
    "zone",
];
const LARGEST_PAGE: u64 = 100;

struct Filter {
    name: String,
    values: Vec<String>,
}

impl Tencent {
    pub(super) fn describe(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let body = object(call, &["SnapshotIds", "Filters", "Limit", "Offset", "OrderField", "Order"])?;
        let region = call.region.clone().ok_or_else(|| missing("Region"))?;
        let limit = number(call, body, "Limit")?.unwrap_or(20);
        if limit > LARGEST_PAGE {
            return Err(refusal("InvalidParameterValue", "Limit must not be greater than 100."));
        }
        let offset = number(call, body, "Offset")?.unwrap_or(0);
        if text(body, "OrderField")?.is_some_and(|field| field != "CREATE_TIME") {
            return Err(refusal("InvalidParameterValue", "OrderField must be CREATE_TIME."));
        }
        let ascending = match text(body, "Order")? {
            None | Some("DESC") => false,
            Some("ASC") => true,
            Some(_) => {
                return Err(refusal("InvalidParameterValue", "Order must be ASC or DESC."));
            }
        };
        let ids = texts(body, "SnapshotIds")?.filter(|ids| !ids.is_empty());
        let filters = filters(body.get("Filters"))?;
        let slots = match ids {
            Some(_) if !filters.is_empty() => {
                return Err(refusal("InvalidParameter", "SnapshotIds and Filters cannot be given together."));
            }
            Some(ids) => self.by_ids(&ids, &region, now)?,
            None => self.by_filters(&filters, &region, now),
        };
        let total = slots.len();
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        let take = usize::try_from(limit).unwrap_or(usize::MAX);
        let page: Vec<u32> = if ascending {
            slots.iter().skip(skip).take(take).copied().collect()
        } else {
            slots.iter().rev().skip(skip).take(take).copied().collect()
        };
        let shown: Vec<Value> =
            page.into_iter().filter_map(|slot| self.store.get(slot)).map(|snapshot| self.show(snapshot, now)).collect();
        Ok(json!({"TotalCount": total, "SnapshotSet": shown}))
    }

    fn by_ids(&mut self, ids: &[&str], region: &str, now: Timestamp) -> Result<Vec<u32>, Refusal> {
        if let Some(wrong) = ids.iter().find(|id| !is_snapshot_id(id)) {
            return Err(refusal("InvalidParameterValue", format!("The value `{wrong}` of SnapshotIds is malformed.")));
        }
        let mut slots: Vec<u32> =
            ids.iter().filter_map(|id| self.store.find(id, region, self.switches.any_source)).collect();
        slots.retain(|slot| self.store.get(*slot).is_some_and(|snapshot| snapshot.visible(now)));
        slots.sort_by_key(|slot| self.store.get(*slot).map(|snapshot| (snapshot.facts.created, *slot)));
        slots.dedup();
        Ok(slots)
    }

    /// Matching slots, oldest first. A name goes through the index; other listings are remembered between pages.
    fn by_filters(&mut self, filters: &[Filter], region: &str, now: Timestamp) -> Vec<u32> {
        let name_filter = self.switches.name_filter;
        let fits = |snapshot: &Snapshot| {
            snapshot.visible(now) && filters.iter().all(|filter| filter.fits(snapshot, name_filter, now))
        };
        let Some(index) = self.store.region(region) else {
            return Vec::new();
        };
        if let Some(filter) = filters.iter().find(|filter| filter.name == "snapshot-name") {
            let mut slots: Vec<u32> =
                filter.values.iter().flat_map(|wanted| index.names.candidates(name_filter, wanted)).collect();
            slots.retain(|slot| self.store.get(*slot).is_some_and(fits));
            slots.sort_by_key(|slot| self.store.get(*slot).map(|snapshot| (snapshot.facts.created, *slot)));
            slots.dedup();
            return slots;
        }
        let key = filters.iter().map(|filter| format!("{}={:?};", filter.name, filter.values)).collect::<String>();
        if let Some(known) = &index.listing
            && known.filters == key
            && known.version == index.version
            && known.from <= now
            && now < known.until
        {
            return known.slots.clone();
        }
        let mut until = Timestamp::MAX;
        let mut slots = Vec::new();
        for slot in &index.order {
            if let Some(snapshot) = self.store.get(*slot) {
                until = until.min(snapshot.next_change(now));
                if fits(snapshot) {
                    slots.push(*slot);
                }
            }
        }
        let version = index.version;
        self.store.remember(region, Listing { filters: key, version, from: now, until, slots: slots.clone() });
        slots
    }

    fn show(&self, snapshot: &Snapshot, now: Timestamp) -> Value {
        let facts = &snapshot.facts;
        let copying = if self.switches.copying_to_regions { self.store.copying_to(snapshot, now) } else { Vec::new() };
        let mut shown = json!({
            "SnapshotId": facts.id,
            "SnapshotName": facts.name,
            "SnapshotState": snapshot.state(now),
            "Percent": snapshot.percent(now),
            "DiskId": facts.disk_id,
            "DiskSize": 50,
            "DiskUsage": if facts.system_disk { "SYSTEM_DISK" } else { "DATA_DISK" },
            "Placement": {
                "Zone": format!("{}-1", facts.region), "ProjectId": 0, "CageId": "", "CdcId": "", "CdcName": "", "ProjectName": "",
            },
            "CreateTime": china_time(facts.created),
            "DeadlineTime": snapshot.deadline.map(china_time).unwrap_or_default(),
            "IsPermanent": snapshot.deadline.is_none(),
            "CopyFromRemote": facts.from_remote,
            "CopyingToRegions": copying,
            "Encrypt": facts.encrypt,
            "Images": [],
            "ImageCount": 0,
            "ShareReference": 0,
            "SnapshotType": if facts.shared { "SHARED_SNAPSHOT" } else { "PRIVATE_SNAPSHOT" },
            "Tags": [],
        });
        // The recorded answers of older regions lack the newer keys; these come only when they say something.
        if facts.instant {
            shown["SnapshotMode"] = json!("INSTANT_SNAPSHOT");
        }
        if let Some(policy) = &facts.policy_id {
            shown["AutoSnapshotPolicyId"] = json!(policy);
        }
        shown
    }
}

impl Filter {
    fn fits(&self, snapshot: &Snapshot, name_filter: NameFilter, now: Timestamp) -> bool {
        let facts = &snapshot.facts;
        let any = |actual: &str| self.values.iter().any(|wanted| wanted == actual);
        match self.name.as_str() {
            "snapshot-id" => any(&facts.id),
            "snapshot-name" => self.values.iter().any(|wanted| name_filter.accepts(&facts.name, wanted)),
            "snapshot-state" => any(snapshot.state(now)),
            "disk-usage" => any(if facts.system_disk { "SYSTEM_DISK" } else { "DATA_DISK" }),
            "project-id" => any("0"),
            "disk-id" => any(&facts.disk_id),
            "encrypt" => self
                .values
                .iter()
                .any(|wanted| wanted.eq_ignore_ascii_case(if facts.encrypt { "true" } else { "false" })),
            "snapshot-type" => any(if facts.shared { "SHARED_SNAPSHOT" } else { "PRIVATE_SNAPSHOT" }),
            _ => any(&format!("{}-1", facts.region)),
        }
    }
}

fn filters(value: Option<&Value>) -> Result<Vec<Filter>, Refusal> {
    let wrong = || refusal("InvalidParameter", "The value type of parameter `Filters` is incorrect.");
    let items = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(value) => value.as_array().ok_or_else(wrong)?,
    };
    let mut filters = Vec::new();
    for item in items {
        let item = item.as_object().ok_or_else(wrong)?;
        let name = text(item, "Name")?.ok_or_else(|| missing("Filters.Name"))?.to_owned();
        let values: Vec<String> =
            texts(item, "Values")?.ok_or_else(|| missing("Filters.Values"))?.into_iter().map(str::to_owned).collect();
        if !FILTERS.contains(&name.as_str()) {
            return Err(refusal("InvalidFilter", format!("The filter `{name}` is not supported.")));
        }
        if values.is_empty() || (name == "disk-id" && values.len() > 10) {
            return Err(refusal(
                "InvalidParameterValue",
                format!("The number of values of the filter `{name}` is invalid."),
            ));
        }
        filters.push(Filter { name, values });
    }
    Ok(filters)
}

/// `YYYY-MM-DD HH:MM:SS` in UTC+8, in every region. Source: recorded traffic, reference section 2; 2026-11-21.
fn china_time(at: Timestamp) -> String {
    let zone = TimeZone::fixed(Offset::constant(8));
    at.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
