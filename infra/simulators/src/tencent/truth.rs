//! The reference policy, and what is true of its rules.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::state::Tencent;
use super::store::{Origin, Snapshot};
use crate::cloud::Arrived;
use crate::text::hex;
use crate::truth::{Entry, Index, Known, Life, RuleTruth, Standing, document};

/// One rule of the reference policy.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) region: &'static str,
    /// The rule selects only snapshots whose names begin with this.
    pub(super) prefix: Option<&'static str>,
    pub(super) destinations: &'static [&'static str],
}

/// A rule that selects and has two destinations, and one that takes all.
pub(super) const RULES: [Rule; 2] = [
    Rule {
        name: "web-disks",
        region: "ap-shanghai",
        prefix: Some("web-"),
        destinations: &["ap-chengdu", "ap-hongkong"],
    },
    Rule { name: "database-disks", region: "ap-tokyo", prefix: None, destinations: &["ap-seoul"] },
];

/// The policy as JSON.
pub(super) fn policy() -> Value {
    let rule = |rule: &Rule| {
        let mut source = json!({"region": rule.region});
        if let Some(prefix) = rule.prefix {
            source["select"] = json!({"name_prefix": prefix});
        }
        let destinations: Vec<Value> = rule.destinations.iter().map(|region| json!({"region": region})).collect();
        json!({
            "name": rule.name, "provider": "tencent", "account": "default", "source": source, "destinations": destinations,
            "objective": {"max_lag": "24h"},
        })
    };
    json!({"version": 1, "rules": RULES.iter().map(rule).collect::<Vec<_>>()})
}

/// The name that Offsite gives a copy: source and source region, or a hash of them where that is longer than 60.
pub(super) fn own_name(source: &Origin) -> String {
    let name = format!("offsite-{}-{}", source.id, source.region);
    if name.len() <= 60 {
        return name;
    }
    let mut hash = Sha256::new();
    for part in [&source.id, &source.region] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("offsite-{}", &hex(&hash.finalize())[..40])
}

/// The name that the provider gives a copy. Source: API page 362/45941; 2026-11-21.
pub(super) fn default_name(source: &Origin) -> String {
    format!("Copied {} from {}", source.id, source.region)
}

impl Tencent {
    /// The answer of `GET /_sim/truth`.
    pub(super) fn tell_truth(&self, now: Timestamp) -> Value {
        let index = Index::of(&self.ledger);
        let rules = RULES.iter().map(|rule| self.truth_of(rule, &index, now)).collect();
        document("tencent", now, &policy(), &self.ledger, rules)
    }

    /// Every finished copy that is not thrown away, by its origin.
    pub(super) fn usable_copies(&self, now: Timestamp) -> Vec<Arrived> {
        let usable = self.store.all().filter(|one| one.visible(now) && one.state(now) == "NORMAL");
        let copies = usable.filter_map(|one| Some((one, one.facts.origin.as_ref()?)));
        copies
            .map(|(copy, origin)| Arrived {
                source: origin.id.clone(),
                region: copy.facts.region.clone(),
                id: copy.facts.id.clone(),
            })
            .collect()
    }

    fn truth_of(&self, rule: &Rule, index: &Index<'_>, now: Timestamp) -> RuleTruth {
        let mut truth = RuleTruth::new(rule.name);
        let copies: Vec<Copies<'_>> =
            rule.destinations.iter().map(|destination| self.copies_in(destination, rule.region, now)).collect();
        let sources: HashMap<&str, &Snapshot> = self.shown(rule.region, now).map(|one| (&*one.facts.id, one)).collect();
        // A shared snapshot belongs to another account, and no listing of one's own shows it.
        let is_covered = |snapshot: &&&Snapshot| {
            !snapshot.facts.shared && rule.prefix.is_none_or(|prefix| snapshot.facts.name.starts_with(prefix))
        };
        for source in sources.values().filter(is_covered) {
            let running_to =
                if self.switches.copying_to_regions { self.store.copying_to(source, now) } else { Vec::new() };
            for (destination, copies) in rule.destinations.iter().zip(&copies) {
                let entry = index.find(&source.facts.id, destination);
                let told = running_to.iter().any(|to| to == destination).then_some(("", Life::Running));
                let known = |entry| Known {
                    standing: standing(source, now),
                    seen: copies.best(&source.facts.id, entry),
                    told,
                    overdue: false,
                };
                truth.add(&source.facts.id, destination, entry, [known(entry), known(None)], now);
            }
        }
        for (destination, copies) in rule.destinations.iter().zip(&copies) {
            for (id, made) in copies.0.iter().filter(|(id, _)| !sources.contains_key(**id)) {
                let entry = index.find(id, destination);
                let findable = made.iter().filter(|copy| copy.can_be_found(entry) && copy.life != Life::Failed);
                truth.orphans.extend(findable.map(|copy| copy.id.to_owned()));
            }
            let of_rule =
                |entry: &&Entry| entry.destination == *destination && entry.command["source"]["region"] == rule.region;
            for entry in self.ledger.iter().filter(of_rule) {
                let is_gone = !sources.contains_key(&*entry.source);
                if is_gone && copies.best(&entry.source, Some(entry)).is_none_or(|(_, life)| life == Life::Failed) {
                    truth.add_gone(entry);
                }
            }
        }
        truth
    }

    /// The copies in `region` of snapshots of the region `of`, by source.
    fn copies_in(&self, region: &str, of: &str, now: Timestamp) -> Copies<'_> {
        let mut copies: HashMap<&str, Vec<Copy<'_>>> = HashMap::new();
        for snapshot in self.shown(region, now).filter(|snapshot| snapshot.facts.from_remote) {
            let Some(origin) = snapshot.facts.origin.as_ref().filter(|origin| origin.region == of) else {
                continue;
            };
            let name = &snapshot.facts.name;
            let named = *name == default_name(origin) || *name == own_name(origin);
            let life = match snapshot.state(now) {
                "NORMAL" => Life::Done,
                "TORECYCLE" => Life::Failed,
                _ => Life::Running,
            };
            copies.entry(&origin.id).or_default().push(Copy { id: &snapshot.facts.id, named, life });
        }
        Copies(copies)
    }

    fn shown(&self, region: &str, now: Timestamp) -> impl Iterator<Item = &Snapshot> {
        let order = self.store.region(region).map(|region| &region.order);
        order.into_iter().flatten().filter_map(|slot| self.store.get(*slot)).filter(move |one| one.visible(now))
    }
}

/// Copies by their source.
struct Copies<'a>(HashMap<&'a str, Vec<Copy<'a>>>);

struct Copy<'a> {
    id: &'a str,
    /// Whether its name tells what it is a copy of.
    named: bool,
    life: Life,
}

impl Copy<'_> {
    fn can_be_found(&self, entry: Option<&Entry>) -> bool {
        self.named || entry.is_some_and(|entry| entry.names(self.id))
    }
}

impl Copies<'_> {
    /// The best copy that can be recognized as one: by its name, or because the ledger holds its ID.
    fn best(&self, source: &str, entry: Option<&Entry>) -> Option<(&str, Life)> {
        let found = self.0.get(source).into_iter().flatten().filter(|copy| copy.can_be_found(entry));
        found.min_by_key(|copy| copy.life).map(|copy| (copy.id, copy.life))
    }
}

fn standing(snapshot: &Snapshot, now: Timestamp) -> Standing {
    match snapshot.state(now) {
        _ if snapshot.facts.from_remote => Standing::NotCovered,
        "TORECYCLE" => Standing::NotCovered,
        "CREATING" => Standing::NotReady,
        _ => Standing::Usable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        let short = Origin { id: "snap-ckgjwkqh".into(), region: "ap-guangzhou".into() };
        assert_eq!(own_name(&short), "offsite-snap-ckgjwkqh-ap-guangzhou");
        assert_eq!(default_name(&short), "Copied snap-ckgjwkqh from ap-guangzhou");
        let long = Origin { id: format!("snap-{}", "a".repeat(32)), region: "na-siliconvalley".into() };
        let name = own_name(&long);
        assert!(name.len() == 48 && name.starts_with("offsite-"), "{name}");
    }
}
