//! The reference policy, and what is true of its rules.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::Huawei;
use super::store::{Backup, Item, Record};
use crate::clock::later;
use crate::cloud::Arrived;
use crate::truth::{Entry, Index, Known, Life, RuleTruth, Standing, document};

/// How long after its copy was begun a replica may take to appear: two days.
const LATE_S: f64 = 172_800.0;

/// One rule of the reference policy: of CBR with vaults, or of CSBS without.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) operation: &'static str,
    pub(super) region: &'static str,
    pub(super) project: &'static str,
    pub(super) vault: Option<&'static str>,
    /// The rule selects only backups whose names begin with this.
    pub(super) prefix: Option<&'static str>,
    pub(super) to_region: &'static str,
    pub(super) to_project: &'static str,
    pub(super) to_vault: Option<&'static str>,
}

/// Servers in a vault, selected by name; and items of the legacy service.
pub(super) const RULES: [Rule; 2] = [
    Rule {
        name: "servers",
        operation: "copy-backup",
        region: "cn-north-4",
        project: "f841e01fd2b14e7fa41b6ae7aa6b0594",
        vault: Some("8f1d6a3c-0f5e-4c7b-9a42-6d1be27c5a10"),
        prefix: Some("prod-"),
        to_region: "cn-east-3",
        to_project: "0605767b5780d5762fc5c0118072a564",
        to_vault: Some("27c4b9e0-7d33-4b1a-8e6f-94a0c5d3f821"),
    },
    Rule {
        name: "legacy-servers",
        operation: "copy-checkpoint-item",
        region: "cn-north-1",
        project: "4800fde9-66f8-4458-b805-4c01066b9568",
        vault: None,
        prefix: None,
        to_region: "cn-east-2",
        to_project: "e0b97bac-532c-4c51-96fa-4b3a32253be4",
        to_vault: None,
    },
];

impl Rule {
    /// The one destination.
    pub(super) fn destination(&self) -> Value {
        let mut destination = json!({"region": self.to_region, "project_id": self.to_project});
        if let Some(vault) = self.to_vault {
            destination["vault_id"] = json!(vault);
        }
        destination
    }

    /// Whether the rule is about the legacy service, CSBS.
    pub(super) fn is_legacy(&self) -> bool {
        self.vault.is_none()
    }

    fn selects(&self, name: &str) -> bool {
        self.prefix.is_none_or(|prefix| name.starts_with(prefix))
    }

    /// Whether a record is of the rule's source and goes to its destination.
    fn has(&self, record: &Record) -> bool {
        record.source_project == self.project
            && (record.operation == "copy-checkpoint-item") == self.is_legacy()
            && self.vault.is_none_or(|vault| record.source_vault == vault)
            && record.destination_region == self.to_region
    }
}

/// The policy as JSON.
pub(super) fn policy() -> Value {
    let rule = |rule: &Rule| {
        let mut source = json!({"region": rule.region, "project_id": rule.project});
        if let Some(vault) = rule.vault {
            source["vault_id"] = json!(vault);
        }
        if let Some(prefix) = rule.prefix {
            source["select"] = json!({"name_prefix": prefix});
        }
        json!({
            "name": rule.name, "provider": "huawei", "operation": rule.operation, "account": "default", "source": source,
            "destinations": [rule.destination()], "objective": {"max_lag": "24h"},
        })
    };
    json!({"version": 1, "rules": RULES.iter().map(rule).collect::<Vec<_>>()})
}

impl Huawei {
    /// The answer of `GET /_sim/truth`.
    pub(super) fn tell_truth(&self, now: Timestamp) -> Value {
        let index = Index::of(&self.ledger);
        let rules = RULES.iter().map(|rule| self.truth_of(rule, &index, now)).collect();
        document("huawei", now, &policy(), &self.ledger, rules)
    }

    /// Every replica that its destination shows as usable, by the record that made it.
    pub(super) fn usable_copies(&self, now: Timestamp) -> Vec<Arrived> {
        let done = self.store.records().filter(|record| record.status(now) == "success");
        let there = done.filter(|record| {
            let backup = self.store.find(&record.replica).filter(|one| one.there(now)).map(|one| &one.status);
            let item = self.store.items.get(&record.replica).filter(|one| one.created <= now).map(|one| &one.status);
            backup.or(item).is_some_and(|status| status == "available")
        });
        there
            .map(|record| Arrived {
                source: record.source.clone(),
                region: record.destination_region.clone(),
                id: record.replica.clone(),
            })
            .collect()
    }

    fn truth_of(&self, rule: &Rule, index: &Index<'_>, now: Timestamp) -> RuleTruth {
        let mut truth = RuleTruth::new(rule.name);
        let sources = self.sources(rule, now);
        for (id, name, standing) in &sources {
            if !rule.selects(name) {
                continue;
            }
            let entry = index.find(id, rule.to_region);
            let known = |entry| self.known(rule, id, *standing, entry, now);
            truth.add(id, rule.to_region, entry, [known(entry), known(None)], now);
        }
        let present: HashSet<&str> = sources.iter().map(|(id, ..)| *id).collect();
        let is_gone = |id: &str| !present.contains(id);
        let copies = self
            .store
            .records()
            .filter(|record| rule.has(record) && is_gone(&record.source) && record.status(now) == "success");
        let living =
            copies.filter(|record| self.replica(rule, &record.replica, now).is_some_and(|life| life != Life::Failed));
        truth.orphans.extend(living.map(|record| record.replica.clone()));
        truth.orphans.sort();
        truth.orphans.dedup();
        let of_rule = |entry: &&Entry| entry.command["operation"] == rule.operation;
        for entry in self.ledger.iter().filter(of_rule).filter(|entry| is_gone(&entry.source)) {
            let copied = self.known(rule, &entry.source, Standing::Usable, Some(entry), now).seen;
            if copied.is_none_or(|(_, life)| life == Life::Failed) {
                truth.add_gone(entry);
            }
        }
        truth
    }

    /// What the rule's source lists: ID, name, and whether it can be copied. CBR lists replicas too, CSBS is asked for backups only.
    fn sources(&self, rule: &Rule, now: Timestamp) -> Vec<(&str, &str, Standing)> {
        let of_item = |item: &&Item| item.project == rule.project && item.created <= now && item.image_type == "backup";
        if rule.is_legacy() {
            let items = self.store.items.values().filter(of_item);
            return items.map(|item| (&*item.id, &*item.name, standing_of(&item.status))).collect();
        }
        let backups = self.store.list(rule.project, rule.vault);
        let shown = backups.filter(|backup| backup.there(now));
        shown.map(|backup| (&*backup.id, &*backup.name, standing(backup))).collect()
    }

    fn known<'a>(
        &'a self,
        rule: &Rule,
        id: &str,
        standing: Standing,
        entry: Option<&'a Entry>,
        now: Timestamp,
    ) -> Known<'a> {
        let shown = rule.is_legacy() || self.switches.show_backup_records;
        let records = || {
            let visible = self.store.records_of(id).filter(|record| rule.has(record) && now >= record.visible);
            visible.filter(|_| shown)
        };
        let done = records().filter(|record| record.status(now) == "success").map(|record| record.replica.as_str());
        let held = entry.and_then(|entry| entry.destination_id.as_deref());
        let seen = done.chain(held).filter_map(|id| Some((id, self.replica(rule, id, now)?)));
        // Of records of one age the later one counts.
        let newest = records().max_by_key(|record| record.started);
        let told = newest.map(|record| {
            let life = match record.status(now) {
                "success" => Life::Done,
                "fail" => Life::Failed,
                _ => Life::Running,
            };
            (record.id.as_str(), life)
        });
        let overdue = newest.is_some_and(|record| later(record.started, LATE_S) <= now);
        Known { standing, seen: seen.min_by_key(|(_, life)| *life), told, overdue }
    }

    /// How far a replica is, if the destination shows it.
    fn replica(&self, rule: &Rule, id: &str, now: Timestamp) -> Option<Life> {
        let status = if rule.is_legacy() {
            let of_rule = |item: &&Item| item.project == rule.to_project && item.created <= now;
            let item = self.store.items.get(id).filter(of_rule)?;
            (item.image_type == "replication").then_some(&item.status)?
        } else {
            let backup = self.store.find(id).filter(|one| one.project == rule.to_project && one.there(now))?;
            (backup.image_type == "replication").then_some(&backup.status)?
        };
        Some(match status.as_str() {
            "available" | "restoring" | "waiting_restore" => Life::Done,
            "error" | "deleting" | "waiting_delete" | "deleted" => Life::Failed,
            _ => Life::Running,
        })
    }
}

/// Whether a backup can be copied, by the published rule. Source: cloud-backup-recovery user manual cbr_03_0018 and cbr_03_0009;
/// 2026-11-21.
fn standing(backup: &Backup) -> Standing {
    if backup.image_type == "replication" {
        return Standing::NotCovered;
    }
    match (backup.resource_type.as_str(), backup.contain_system_disk) {
        // Some regions copy file systems, and only the API knows which.
        ("OS::Nova::Server", true) | ("OS::Sfs::Turbo", _) => standing_of(&backup.status),
        _ => Standing::Ineligible,
    }
}

fn standing_of(status: &str) -> Standing {
    match status {
        "available" => Standing::Usable,
        "error" | "deleting" | "waiting_delete" | "deleted" => Standing::NotCovered,
        _ => Standing::NotReady,
    }
}
