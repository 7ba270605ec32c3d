//! A seeded inventory: backups and checkpoint items, their records and replicas, and the ledger that Offsite would have of them.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::Huawei;
use super::store::{Backup, Item, Record, Vault};
use super::truth::{RULES, Rule};
use crate::clock::later;
use crate::fates::{Backing, Drawn, Fate, Fates, HOUR, base_of, between};
use crate::text::uuid_of;
use crate::truth::{Entry, Held};

impl Huawei {
    /// Makes `backups` backups for the rules of the reference policy, one in ten of them for the legacy service.
    pub(super) fn make(&mut self, seed: u64, backups: u64, now: Timestamp) -> Value {
        let base = base_of(now);
        let legacy = backups / 10;
        let before = self.store.records().count();
        for ((rule, count), number) in RULES.iter().zip([backups - legacy, legacy]).zip(11..) {
            for (project, region) in [(rule.project, rule.region), (rule.to_project, rule.to_region)] {
                self.store.projects.insert(project.to_owned(), region.to_owned());
            }
            let vaults = [(rule.vault, rule.project, "backup"), (rule.to_vault, rule.to_project, "replication")];
            for (vault, project, protect_type) in vaults {
                let vault = vault.map(|id| Vault::new(id, project, protect_type));
                self.store.vaults.extend(vault.map(|vault| (vault.id.clone(), vault)));
            }
            let fates = Fates::new(seed.wrapping_mul(100).wrapping_add(number), base, count);
            let mut maker = Maker { cloud: self, rule, fates, base, servers: HashMap::new() };
            while let Some(drawn) = maker.fates.next_backup() {
                maker.backup(&drawn);
            }
        }
        let records = self.store.records().count() - before;
        json!({"backups": backups, "records": records, "ledger": self.ledger.len()})
    }
}

struct Maker<'a> {
    cloud: &'a mut Huawei,
    rule: &'static Rule,
    fates: Fates,
    base: Timestamp,
    /// The IDs of the servers that were made so far, by name prefix and number.
    servers: HashMap<(&'static str, u64), String>,
}

/// What a backup and its replicas have in common.
struct Facts {
    id: String,
    name: String,
    resource: String,
    created: Timestamp,
}

/// A replication to be noted, and its replica.
#[derive(Clone, Copy)]
struct NewCopy<'a> {
    started: Timestamp,
    ready: Timestamp,
    fails: bool,
    /// Whether the replica is still there.
    kept: bool,
    name: Option<&'a str>,
}

/// The IDs of a replication: record and replica.
type Made = (String, String);

impl Maker<'_> {
    fn backup(&mut self, drawn: &Drawn) {
        let backing = match drawn.backing {
            Backing::Outside { .. } if self.rule.prefix.is_none() => Backing::Finished,
            backing => backing,
        };
        let prefix =
            if matches!(backing, Backing::Outside { .. }) { "test-" } else { self.rule.prefix.unwrap_or("legacy-") };
        let facts = Facts {
            id: self.fates.draw().uuid(),
            name: format!("{prefix}{}-{}", drawn.resource, drawn.created.strftime("%Y%m%d")),
            resource: self.server(prefix, drawn.resource),
            created: drawn.created,
        };
        match backing {
            Backing::GoneCopied { .. } | Backing::GoneExpired | Backing::GoneMissed { .. } => {
                self.cloud.store.note_gone(&facts.id);
            }
            _ => self.insert(&facts, backing),
        }
        let started = later(drawn.created, 600.0 + self.fates.below(1_800) as f64);
        let ready = later(started, 300.0 + self.fates.below(900) as f64);
        let copy = NewCopy { started, ready, fails: false, kept: true, name: None };
        match backing {
            Backing::Finished => {
                let fate = self.fates.next_fate(true);
                self.fate(fate, &facts, copy);
            }
            Backing::Unfinished | Backing::Ineligible(_) | Backing::Unlisted => {}
            Backing::Outside { copied: false } => {}
            Backing::Outside { copied: true } => {
                self.copy(&facts, copy);
            }
            Backing::Refused => self.record(&facts, Held::Ineligible),
            Backing::GoneCopied { recorded } => {
                let made = self.copy(&facts, copy);
                if recorded {
                    self.receipt(&facts, Held::Replicated, made, started, None);
                }
            }
            Backing::GoneExpired => {
                let made = self.copy(&facts, NewCopy { kept: false, ..copy });
                self.receipt(&facts, Held::Replicated, made, started, Some(between(ready, self.base)));
            }
            Backing::GoneMissed { refused } => {
                self.record(&facts, if refused { Held::Ineligible } else { Held::Seen });
            }
        }
    }

    fn server(&mut self, prefix: &'static str, number: u64) -> String {
        let id = || uuid_of(&format!("server/{prefix}{number}"));
        self.servers.entry((prefix, number)).or_insert_with(id).clone()
    }

    fn fate(&mut self, fate: Fate, facts: &Facts, copy: NewCopy<'_>) {
        let started = copy.started;
        let later_on = NewCopy { started: later(copy.ready, 600.0), ready: later(copy.ready, 1_200.0), ..copy };
        let begun = later(self.base, -(self.fates.below(1_200) as f64));
        let ending = later(self.base, 2.0 * HOUR + self.fates.below(14_400) as f64);
        let running = NewCopy { started: begun, ready: ending, ..copy };
        let failing = NewCopy { fails: true, ..copy };
        let gone = NewCopy { kept: false, ..copy };
        match fate {
            Fate::Own => {
                let made = self.copy(facts, copy);
                self.receipt(facts, Held::Replicated, made, started, None);
            }
            Fate::OwnUnrecorded | Fate::ByOthers => {
                self.copy(facts, copy);
            }
            Fate::OwnUnseen => {
                let made = self.copy(facts, copy);
                self.receipt(facts, Held::Accepted, made, started, None);
            }
            Fate::Renamed => {
                let name = format!("archive-{}", self.fates.draw().word(6));
                let made = self.copy(facts, NewCopy { name: Some(&name), ..copy });
                self.receipt(facts, Held::Replicated, made, started, None);
            }
            Fate::Running => {
                let made = self.copy(facts, running);
                self.receipt(facts, Held::Accepted, made, begun, None);
            }
            Fate::RunningUnrecorded => {
                self.copy(facts, running);
            }
            Fate::Gap => {}
            Fate::GapSeen => self.record(facts, Held::Seen),
            Fate::Failed => {
                let made = self.copy(facts, failing);
                self.receipt(facts, Held::Accepted, made, started, None);
            }
            Fate::FailedUnrecorded => {
                self.copy(facts, failing);
            }
            Fate::FailedThenMade => {
                self.copy(facts, failing);
                let made = self.copy(facts, later_on);
                self.receipt(facts, Held::Replicated, made, later_on.started, None);
            }
            Fate::Lost | Fate::LostKnown | Fate::LostThenMade => {
                let made = self.copy(facts, gone);
                if fate == Fate::LostThenMade {
                    self.copy(facts, later_on);
                }
                let state = if fate == Fate::Lost { Held::Replicated } else { Held::Lost };
                self.receipt(facts, state, made, started, None);
            }
            Fate::DeletedUnrecorded => {
                self.copy(facts, gone);
            }
            Fate::Expired => {
                let made = self.copy(facts, gone);
                self.receipt(facts, Held::Replicated, made, started, Some(between(copy.ready, self.base)));
            }
            Fate::Doubt => self.record(facts, Held::InDoubt),
            Fate::DoubtMade => {
                self.copy(facts, copy);
                self.record(facts, Held::InDoubt);
            }
            Fate::Silent => {
                let made = (self.fates.draw().uuid(), String::new());
                self.receipt(facts, Held::Accepted, made, started, None);
            }
        }
    }

    fn insert(&mut self, facts: &Facts, backing: Backing) {
        let status = match backing {
            Backing::Unfinished => "protecting",
            Backing::Ineligible(2) => "error",
            Backing::Ineligible(_) if self.rule.is_legacy() => "error",
            _ => "available",
        };
        let image_type = match backing {
            Backing::Unlisted => "replication",
            // A backup of the kind `sync` was brought in from elsewhere, and is copied like one that was made here.
            _ if !self.rule.is_legacy() && facts.id.ends_with(['3', '7']) => "sync",
            _ => "backup",
        };
        let resource_type = match backing {
            Backing::Ineligible(0) => "OS::Cinder::Volume",
            // Only the API knows that this region does not copy file systems.
            Backing::Refused => "OS::Sfs::Turbo",
            _ => "OS::Nova::Server",
        };
        match self.rule.vault {
            Some(vault) => self.cloud.store.insert(Backup {
                name: facts.name.clone(),
                status: status.to_owned(),
                image_type: image_type.to_owned(),
                resource_type: resource_type.to_owned(),
                contain_system_disk: backing != Backing::Ineligible(1),
                ..Backup::of_server(facts.resource.clone(), &facts.id, self.rule.project, vault, facts.created)
            }),
            None => {
                let item = Item {
                    name: facts.name.clone(),
                    status: status.to_owned(),
                    image_type: image_type.to_owned(),
                    resource_id: facts.resource.clone(),
                    ..Item::plain(&facts.id, self.rule.project, facts.created)
                };
                self.cloud.store.items.insert(item.id.clone(), item);
            }
        }
    }

    fn copy(&mut self, facts: &Facts, new: NewCopy<'_>) -> Made {
        let rule = self.rule;
        let (id, replica) = (self.fates.draw().uuid(), self.fates.draw().uuid());
        let name = new.name.unwrap_or(&facts.name).to_owned();
        if !new.kept {
            self.cloud.store.note_gone(&replica);
        } else if new.fails {
            // A copy that came to nothing leaves a record only.
        } else if rule.is_legacy() {
            let item = Item {
                name,
                image_type: "replication".to_owned(),
                resource_id: facts.resource.clone(),
                ..Item::plain(&replica, rule.to_project, new.ready)
            };
            self.cloud.store.items.insert(replica.clone(), item);
        } else {
            let vault = rule.to_vault.unwrap_or_default();
            self.cloud.store.insert(Backup {
                name,
                image_type: "replication".to_owned(),
                appears: Some(new.ready),
                ..Backup::of_server(facts.resource.clone(), &replica, rule.to_project, vault, new.started)
            });
        }
        self.cloud.store.add_record(Record {
            id: id.clone(),
            operation: rule.operation,
            source: facts.id.clone(),
            source_project: rule.project.to_owned(),
            source_region: rule.region.to_owned(),
            source_vault: rule.vault.unwrap_or_default().to_owned(),
            destination_region: rule.to_region.to_owned(),
            destination_project: rule.to_project.to_owned(),
            destination_vault: rule.to_vault.unwrap_or_default().to_owned(),
            replica: replica.clone(),
            auto_trigger: false,
            started: new.started,
            visible: new.started,
            ready: new.ready,
            fails: new.fails,
        });
        (id, replica)
    }

    fn record(&mut self, facts: &Facts, state: Held) {
        let entry = Entry::new(&facts.id, self.rule.to_region, self.command(facts), state);
        self.cloud.ledger.push(entry);
    }

    fn receipt(
        &mut self,
        facts: &Facts,
        state: Held,
        (record, replica): Made,
        accepted: Timestamp,
        expires_at: Option<Timestamp>,
    ) {
        self.cloud.ledger.push(Entry {
            replication_id: Some(record),
            accepted_at: Some(accepted),
            destination_id: matches!(state, Held::Replicated | Held::Lost).then_some(replica),
            expires_at,
            ..Entry::new(&facts.id, self.rule.to_region, self.command(facts), state)
        });
    }

    fn command(&self, facts: &Facts) -> Value {
        let id = if self.rule.is_legacy() { "checkpoint_item_id" } else { "backup_id" };
        json!({
            "action": "replicate", "provider": "huawei", "operation": self.rule.operation, "account": "default", "rule": self.rule.name,
            "source": {"region": self.rule.region, "project_id": self.rule.project, id: facts.id},
            "destinations": [self.rule.destination()],
        })
    }
}
