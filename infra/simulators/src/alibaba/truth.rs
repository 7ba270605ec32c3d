//! The reference policy, and what can be concluded of its vaults' jobs.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::state::Alibaba;
use super::store::{Job, Pair};
use crate::cloud::Arrived;
use crate::truth::{Index, Known, Life, RuleTruth, Standing, document};

/// Region of the source vaults.
pub(super) const SOURCE: &str = "cn-shenzhen";
/// Region of the target vaults.
pub(super) const TARGET: &str = "cn-chengdu";

/// What became of the pair of a rule's vaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pairing {
    /// The pair has carried every job.
    Complete,
    /// The pair has carried nothing for ten days.
    Behind,
    /// The first synchronization of the pair still runs.
    Starting,
    /// There is no pair.
    None,
    /// There is no pair, and the ledger's record is in doubt.
    Doubt,
    /// The pair is gone, and the ledger has seen that.
    Lost,
}

/// One rule of the reference policy.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) vault: &'static str,
    pub(super) target: &'static str,
    /// The rule selects only jobs whose names begin with this.
    pub(super) prefix: Option<&'static str>,
    pub(super) pairing: Pairing,
    /// How many of a hundred backups belong to this rule.
    pub(super) share: u64,
}

/// One rule for each vault, as a source vault has one target.
pub(super) const RULES: [Rule; 6] = [
    rule("vault-complete", "v-000fleet0complete001s", "v-000fleet0complete001t", Pairing::Complete, 50),
    rule("vault-behind", "v-000fleet0behind00001s", "v-000fleet0behind00001t", Pairing::Behind, 20),
    rule("vault-starting", "v-000fleet0starting001s", "v-000fleet0starting001t", Pairing::Starting, 10),
    rule("vault-unpaired", "v-000fleet0unpaired001s", "v-000fleet0unpaired001t", Pairing::None, 10),
    rule("vault-in-doubt", "v-000fleet0indoubt0001s", "v-000fleet0indoubt0001t", Pairing::Doubt, 5),
    rule("vault-lost", "v-000fleet0lost0000001s", "v-000fleet0lost0000001t", Pairing::Lost, 5),
];

const fn rule(name: &'static str, vault: &'static str, target: &'static str, pairing: Pairing, share: u64) -> Rule {
    let prefix = if matches!(pairing, Pairing::Complete) { Some("files-") } else { None };
    Rule { name, vault, target, prefix, pairing, share }
}

/// The policy as JSON.
pub(super) fn policy() -> Value {
    let rule = |rule: &Rule| {
        let mut source = json!({"region": SOURCE, "vault_id": rule.vault});
        if let Some(prefix) = rule.prefix {
            source["select"] = json!({"name_prefix": prefix});
        }
        json!({
            "name": rule.name, "provider": "alibaba", "account": "default", "source": source,
            "destinations": [{"region": TARGET, "vault_id": rule.target}], "objective": {"max_lag": "24h"},
        })
    };
    json!({"version": 1, "rules": RULES.iter().map(rule).collect::<Vec<_>>()})
}

impl Alibaba {
    /// The answer of `GET /_sim/truth`.
    pub(super) fn tell_truth(&self, now: Timestamp) -> Value {
        let index = Index::of(&self.ledger);
        let rules = RULES.iter().map(|rule| self.truth_of(rule, &index, now)).collect();
        document("alibaba", now, &policy(), &self.ledger, rules)
    }

    /// The job of every backup that a pair has carried to its target. A job that is gone was carried before it went, or never.
    pub(super) fn usable_copies(&self, now: Timestamp) -> Vec<Arrived> {
        let lag = self.switches.new_progress_lag_s;
        let there = self.jobs.iter().map(|job| (job, now)).chain(self.gone_jobs.iter().map(|(job, at)| (job, *at)));
        let carried = |job: &Job, at: Timestamp| -> Option<Arrived> {
            let target = self.vaults.get(self.vaults.get(&job.vault)?.target.as_deref()?)?;
            let pair = target.pair.as_ref().filter(|pair| pair.source == job.vault && pair.alive(now))?;
            let until = pair.carried_until(lag, at)?;
            let finished = matches!(job.status.as_str(), "COMPLETE" | "PARTIAL_COMPLETE");
            // A pair does not carry whole instances.
            let carries = job.source_type != "UDM_ECS" && finished && until >= job.completed;
            carries.then(|| Arrived {
                source: job.id.clone(),
                region: target.region.clone().unwrap_or_default(),
                id: target.id.clone(),
            })
        };
        there.filter_map(|(job, at)| carried(job, at)).collect()
    }

    fn truth_of(&self, rule: &Rule, index: &Index<'_>, now: Timestamp) -> RuleTruth {
        let mut truth = RuleTruth::new(rule.name);
        let pair = self.pair_of(rule, now);
        // A job that runs or failed has made no backup, and container backups have no listing.
        let is_covered = |job: &&Job| {
            job.vault == rule.vault
                && matches!(job.status.as_str(), "COMPLETE" | "PARTIAL_COMPLETE")
                && job.source_type != "CONTAINER"
                && rule.prefix.is_none_or(|prefix| job.name.starts_with(prefix))
        };
        for job in self.jobs.iter().filter(is_covered) {
            if job.source_type == "UDM_ECS" {
                // The pair does not carry these, so what the ledger says of the pair says nothing of them.
                let known = Known { standing: Standing::Ineligible, seen: None, told: None, overdue: false };
                truth.add(&job.id, TARGET, None, [known; 2], now);
                continue;
            }
            let until = pair.map(|pair| pair.carried_until(self.switches.new_progress_lag_s, now));
            let life = until.map(|until| {
                // The progress is told in whole seconds.
                let carried = until.is_some_and(|until| until.as_second() >= job.completed.as_second());
                if carried { Life::Done } else { Life::Running }
            });
            let known = Known {
                standing: Standing::Usable,
                seen: life.map(|life| (rule.target, life)),
                told: None,
                overdue: false,
            };
            truth.add(&job.id, TARGET, index.find(rule.vault, TARGET), [known; 2], now);
        }
        truth
    }

    /// The pair of a rule, if it exists now and DescribeVaults shows it.
    fn pair_of(&self, rule: &Rule, now: Timestamp) -> Option<&Pair> {
        let target = self.vaults.get(rule.target).filter(|vault| vault.region.as_deref() == Some(TARGET))?;
        let from_there = |pair: &&Pair| {
            pair.source == rule.vault && pair.source_region.as_deref().is_none_or(|region| region == SOURCE)
        };
        target.pair.as_ref().filter(from_there).filter(|pair| pair.alive(now) && now >= pair.visible)
    }
}
