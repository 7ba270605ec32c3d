//! What there is of each backup's copy, judged from the two listings alone.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use offsite_shared::model::backup::{Backup, CopyState, DestinationCopy, Eligibility, best};
use offsite_shared::model::command::{Cloud, Destination};
use offsite_shared::model::text::one_line;
use offsite_shared::policy::{Coverage, Rule};
use offsite_shared::providers::inventory::{Pairing, VaultPair};
use offsite_shared::sweep::pair;
use offsite_shared::sweep::verdict::{DestinationView, Judgement, Proof, judge};

use super::look::{Account, Listing};
use crate::report::witness::{Listed, Place, Standing};

impl Account<'_> {
    /// Judges each backup that a rule covers, for one destination.
    pub(super) fn judged(
        &self,
        rule: &Rule,
        destination: &Destination,
        sources: &Listing<Backup>,
        pair: &Result<Option<VaultPair>, String>,
        copies: &Listing<DestinationCopy>,
    ) -> Place {
        let now = self.context.now();
        let mut place = self.place(rule, destination);
        place.unseen.extend(sources.broken.iter().chain(&copies.broken).chain(pair.as_ref().err()).cloned());
        if let Ok(Some(pair)) = pair {
            place.notes.extend(of_pair(pair));
        }
        let region = &rule.source.region;
        let inventory = self.provider.inventory();
        let mut by_key: HashMap<String, Vec<&DestinationCopy>> = HashMap::new();
        let mut by_id: HashMap<&str, &DestinationCopy> = HashMap::new();
        let mut nameless: HashSet<&str> = HashSet::new();
        for copy in &copies.items {
            by_id.insert(&copy.id, copy);
            match inventory.key_of(copy, region) {
                Some(key) => by_key.entry(key.text).or_default().push(copy),
                None if copy.state != CopyState::Failed => drop(nameless.insert(&copy.id)),
                None => {}
            }
        }
        let told = |backup: &Backup| backup.copy_to(destination).and_then(|copy| copy.copy_id.clone());
        for id in sources.items.iter().filter_map(told) {
            nameless.remove(id.as_str());
        }
        if !nameless.is_empty() {
            place.notes.push(format!("copies in {} that name no source: {}", destination.region, nameless.len()));
        }
        for backup in &sources.items {
            if let Some(reason) = not_asked_for(rule, backup, now) {
                *place.not_covered.entry(reason).or_default() += 1;
                continue;
            }
            let keys = inventory.source_keys(&backup.id, region);
            let named = keys.iter().filter_map(|key| by_key.get(key)).flatten().copied();
            let told = told(backup).and_then(|id| by_id.get(id.as_str()).copied());
            let size = inventory.size_of_copies(backup);
            let fits = |copy: &&DestinationCopy| copy.size_gib.zip(size).is_none_or(|(one, other)| one == other);
            let found = best(named.chain(told).filter(fits));
            let view = match pair {
                Ok(Some(pair)) => pair::view(backup, pair, None),
                _ => DestinationView::of_listing(found),
            };
            let is_whole = copies.broken.is_empty() && pair.is_ok();
            // Only Huawei keeps records, and where it does not tell them any replica without a source may be the copy.
            let may_be_nameless = self.provider.cloud() == Cloud::Huawei && !backup.copies_told && !nameless.is_empty();
            let times = &self.context.settings.observation;
            let mut judgement = judge(backup, destination, None, &view, times, now);
            if let Ok(Some(pair)) = pair {
                judgement = pair::with_pair(judgement, pair);
            }
            let (standing, copy_id, why) = match judgement {
                Judgement::Replicated { proof: Proof::Observed, id } => (Standing::Copied, id, None),
                _ if !is_whole => (Standing::Unseen, None, None),
                Judgement::Missing if may_be_nameless => {
                    let why = "its records are not told, and a replica without a source may be its copy";
                    (Standing::Unseen, None, Some(why.to_owned()))
                }
                Judgement::Ineligible(_) if is_copied_by_its_plan(self.provider.cloud(), backup) => {
                    (Standing::Unseen, None, backup.hint.clone())
                }
                judgement => told_as(judgement, backup, destination, &view),
            };
            place.backups.push(Listed {
                standing,
                id: backup.id.clone(),
                name: backup.name.as_deref().map(one_line),
                resource: backup.resource.clone(),
                created_at: backup.created_at,
                copy_id,
                why: why.as_deref().map(one_line),
            });
        }
        if place.backups.is_empty() && place.unseen.is_empty() && !rule.limits.allow_empty {
            place.unseen.push(format!(
                "no backup that is asked for is listed in {region}: that may be so, or region, project or key is another one than meant"
            ));
        }
        place
    }
}

/// Why a backup is not asked for, without its ID; `None` if it is.
fn not_asked_for(rule: &Rule, backup: &Backup, now: Timestamp) -> Option<String> {
    if let Eligibility::NotCovered(why) = &backup.eligibility {
        return Some((*why).to_owned());
    }
    match rule.covers(backup, now) {
        Coverage::Covered => None,
        // The value stands after the condition, and differs from backup to backup.
        Coverage::NotCovered(why) => Some(format!("outside {}", why.split(':').next().unwrap_or(&why))),
    }
}

/// Whether Alibaba says of a whole-instance backup that its own plan copies it. No API shows whether it did.
fn is_copied_by_its_plan(cloud: Cloud, backup: &Backup) -> bool {
    cloud == Cloud::Alibaba && backup.hint.is_some()
}

/// How a judgement without a ledger is told: what there is, the copy's ID, and why.
fn told_as(
    judgement: Judgement,
    backup: &Backup,
    destination: &Destination,
    view: &DestinationView,
) -> (Standing, Option<String>, Option<String>) {
    match judgement {
        Judgement::Replicated { proof: Proof::Observed, id } => (Standing::Copied, id, None),
        Judgement::Replicated { proof: Proof::Inferred, id } => (Standing::Inferred, id, None),
        Judgement::InProgress => {
            let told = backup.copy_to(destination).map(|copy| copy.state);
            let why = match (view, told) {
                (DestinationView::Copy { id: None, .. }, _) => "the pair's progress has not reached it",
                (DestinationView::Copy { .. }, _) => "the destination shows it unfinished",
                (_, Some(CopyState::Done)) => "the source says that it was made, and the destination does not show it",
                _ => "the source says that it is being made",
            };
            (Standing::OnItsWay, None, Some(why.to_owned()))
        }
        Judgement::Failed(why) => (Standing::Failed, None, Some(why.text)),
        Judgement::Ineligible(why) => (Standing::Uncopyable, None, Some(why.text)),
        Judgement::NotReady(why) => (Standing::Unfinished, None, Some(why)),
        Judgement::Lost(why) => (Standing::None, None, Some(why)),
        // The rest is what a ledger would know.
        _ => (Standing::None, None, backup.hint.clone()),
    }
}

fn of_pair(pair: &VaultPair) -> Option<String> {
    match &pair.pairing {
        Pairing::Elsewhere(vault) => Some(format!("one of the two vaults is paired with {vault}, not with the other")),
        Pairing::Unpaired => Some("the two vaults are no pair".to_owned()),
        Pairing::Broken(why) => Some(why.clone()),
        Pairing::Paired | Pairing::Missing(_) => None,
    }
}
