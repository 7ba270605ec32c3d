//! A seeded inventory: vaults, what became of their pairs, their jobs, and the ledger that Offsite would have of them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::Alibaba;
use super::store::{Job, Pair, Task, Vault};
use super::truth::{Pairing, RULES, Rule, SOURCE, TARGET};
use crate::clock::later;
use crate::fates::{Backing, DAY, Fates, HOUR, base_of};
use crate::truth::{Entry, Held};

/// The source types of seeded jobs, as often as they are to occur. Jobs of whole instances and of containers are made apart.
const SOURCE_TYPES: [&str; 8] = ["ECS_FILE", "ECS_FILE", "ECS_FILE", "NAS", "COMMON_NAS", "OSS", "OTS", "File"];

impl Alibaba {
    /// Makes `backups` jobs, shared out among the rules of the reference policy.
    pub(super) fn make(&mut self, seed: u64, backups: u64, now: Timestamp) -> Value {
        let base = base_of(now);
        let others: u64 = RULES.iter().skip(1).map(|rule| backups * rule.share / 100).sum();
        for (rule, number) in RULES.iter().zip(20..) {
            // The first rule takes what the others leave.
            let count = if number == 20 { backups - others } else { backups * rule.share / 100 };
            let mut fates = Fates::new(seed.wrapping_mul(100).wrapping_add(number), base, count);
            self.make_vaults(rule, fates.draw().word(21), base);
            self.make_jobs(rule, &mut fates);
        }
        json!({"backups": backups, "jobs": self.jobs.len(), "vaults": 2 * RULES.len(), "ledger": self.ledger.len()})
    }

    fn make_vaults(&mut self, rule: &Rule, word: String, base: Timestamp) {
        let old = later(base, -40.0 * DAY);
        self.vaults.insert(Vault::new(rule.vault, Some(SOURCE), rule.name, old));
        let days_ago = |days: f64| later(base, -days * DAY);
        let (started, ready) = match rule.pairing {
            Pairing::Starting => (later(base, -HOUR), later(base, 6.0 * HOUR)),
            _ => (days_ago(20.0), days_ago(19.0)),
        };
        let pair = Pair {
            source: rule.vault.to_owned(),
            source_region: Some(SOURCE.to_owned()),
            started,
            visible: started,
            ready,
            fails: false,
            stalled: (rule.pairing == Pairing::Behind).then(|| days_ago(10.0)),
        };
        let is_paired = matches!(rule.pairing, Pairing::Complete | Pairing::Behind | Pairing::Starting);
        self.vaults.insert(Vault {
            target_made: true,
            pair: is_paired.then_some(pair),
            ..Vault::new(rule.target, Some(TARGET), rule.name, old)
        });
        let task = format!("t-{word}");
        if is_paired {
            self.tasks.insert(task.clone(), Task { created: started, ready, fails: false });
        }
        let state = match rule.pairing {
            Pairing::Complete | Pairing::Behind | Pairing::Lost => Held::Replicated,
            Pairing::Starting => Held::Accepted,
            Pairing::Doubt => Held::InDoubt,
            Pairing::None => return,
        };
        let command = json!({
            "action": "replicate", "provider": "alibaba", "operation": "create-vault-replication", "account": "default", "rule": rule.name,
            "source": {"region": SOURCE, "vault_id": rule.vault},
            "destinations": [{"region": TARGET, "vault_id": rule.target}],
        });
        let entry = Entry::new(rule.vault, TARGET, command, state);
        let has_receipt = state != Held::InDoubt;
        self.ledger.push(Entry {
            replication_id: has_receipt.then_some(task),
            accepted_at: has_receipt.then_some(started),
            destination_id: (state == Held::Replicated).then(|| rule.target.to_owned()),
            ..entry
        });
    }

    fn make_jobs(&mut self, rule: &Rule, fates: &mut Fates) {
        while let Some(drawn) = fates.next_backup() {
            let usual = SOURCE_TYPES[(fates.below(SOURCE_TYPES.len() as u64)) as usize];
            let (source_type, status) = match drawn.backing {
                // A job that expired leaves nothing: the ledger has a record of the pair and none of the job.
                Backing::GoneCopied { .. } | Backing::GoneExpired | Backing::GoneMissed { .. } => continue,
                Backing::Ineligible(_) => ("UDM_ECS", "COMPLETE"),
                // No listing shows container backups.
                Backing::Refused => ("CONTAINER", "COMPLETE"),
                Backing::Unfinished => (usual, "RUNNING"),
                Backing::Unlisted => (usual, "FAILED"),
                _ if fates.below(25) == 0 => (usual, "PARTIAL_COMPLETE"),
                _ => (usual, "COMPLETE"),
            };
            let is_outside = rule.prefix.is_some() && matches!(drawn.backing, Backing::Outside { .. });
            let prefix = if is_outside { "scratch" } else { "files" };
            let word = fates.draw().word(20);
            self.jobs.push(Job {
                id: format!("job-{word}"),
                name: format!("{prefix}-{}-{}", drawn.resource, drawn.created.strftime("%Y%m%d")),
                vault: rule.vault.to_owned(),
                source_type: source_type.to_owned(),
                status: status.to_owned(),
                instance: format!("i-{}{:06}", rule.name, drawn.resource),
                created: drawn.created,
                completed: later(drawn.created, 60.0 + fates.below(1_800) as f64),
            });
        }
    }
}
