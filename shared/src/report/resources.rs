//! What is to be said of each resource: pure functions over the register, the exceptions as they are now, and what people decided.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use super::{Cause, Fault, LINES, Late, ResourceLine, ResourceState, Rpo};
use crate::ledger::risks::Risks;
use crate::model::order;
use crate::model::time::{later, seconds};
use crate::policy::EffectiveObjective;
use crate::sweep::findings::Line;
use crate::sweep::register::{Copied, Resource, Side, Uncopied};
use crate::sweep::verdict::Verdict;

/// So many backups without a copy are kept for a resource. Of more, the next one is remembered by its time alone.
const KEPT: usize = 64;

/// A resource's ID and kind.
type Id = (String, Option<String>);

/// All resources of a rule, while the exceptions are read.
pub(super) struct Resources {
    known: HashMap<Id, Resource>,
    uncopied: HashMap<(Id, usize), BTreeMap<(Timestamp, String), Uncopied>>,
    causes: BTreeMap<(Verdict, String), Grouped>,
}

/// What one cause is about.
#[derive(Default)]
struct Grouped {
    backups: u64,
    resources: BTreeSet<String>,
    reason: Option<String>,
}

/// What decides about a resource beside what is known of it.
pub(super) struct Terms<'t> {
    pub(super) at: Timestamp,
    /// `None`: nothing is promised, so nothing is due.
    pub(super) objective: Option<EffectiveObjective>,
    pub(super) destinations: &'t [String],
    /// Whether a destination could not be listed, by destination.
    pub(super) dark: &'t [bool],
    /// Whether its last complete listing is too old, by destination.
    pub(super) old: &'t [bool],
    pub(super) risks: &'t Risks,
}

impl Resources {
    pub(super) fn new(register: Vec<Resource>) -> Resources {
        let mut resources = Resources { known: HashMap::new(), uncopied: HashMap::new(), causes: BTreeMap::new() };
        for mut resource in register {
            let id = (resource.id.clone(), resource.kind.clone());
            for (at, side) in resource.at.iter_mut().enumerate() {
                for uncopied in side.take_uncopied() {
                    resources.keep(id.clone(), at, uncopied);
                }
            }
            resources.known.insert(id, resource);
        }
        resources
    }

    /// Takes note of an exception as it is now.
    pub(super) fn add(&mut self, line: &Line, at: usize, destinations: usize) {
        let id = (line.resource_id().to_owned(), line.resource_kind.clone());
        let resource = self.known.entry(id.clone()).or_insert_with(|| Resource {
            id: id.0.clone(),
            kind: id.1.clone(),
            own: line.resource.is_none(),
            name: line.name.clone(),
            at: vec![Side::default(); destinations],
            ..Resource::default()
        });
        resource.newest = resource.newest.max(line.created_at.filter(|_| line.verdict != Verdict::NotReady));
        if let (Verdict::Replicated, Some(made), Some(side)) = (line.verdict, line.created_at, resource.at.get_mut(at))
        {
            // A copy that came after the sweep.
            side.copy(Copied { made, backup: line.backup_id.clone(), copy: None });
        }
        let is_told = !matches!(line.verdict, Verdict::InProgress | Verdict::Ended | Verdict::Overtaken);
        if line.verdict.is_uncopied() && is_told {
            let cause = line.cause.clone().unwrap_or_else(|| line.verdict.name().to_owned());
            let grouped = self.causes.entry((line.verdict, cause)).or_default();
            grouped.backups += 1;
            grouped.resources.insert(id.0.clone());
            if grouped.reason.is_none() {
                grouped.reason.clone_from(&line.reason);
            }
        }
        if let Some(uncopied) = Uncopied::of(line) {
            self.keep(id, at, uncopied);
        }
    }

    fn keep(&mut self, id: Id, at: usize, uncopied: Uncopied) {
        let kept = self.uncopied.entry((id, at)).or_default();
        kept.insert((uncopied.made, uncopied.backup.clone()), uncopied);
        if kept.len() > KEPT {
            // The last but one goes: the oldest are due first, and the newest shows that there is more.
            let last_but_one = kept.keys().rev().nth(1).cloned();
            last_but_one.and_then(|key| kept.remove(&key));
        }
    }

    /// The causes, the most frequent first.
    pub(super) fn causes(&self) -> Vec<Cause> {
        let of = |(verdict, cause): &(Verdict, String), grouped: &Grouped| Cause {
            verdict: *verdict,
            cause: cause.clone(),
            backups: grouped.backups,
            resources: grouped.resources.len() as u64,
            reason: grouped.reason.clone(),
        };
        let mut causes: Vec<Cause> = self.causes.iter().map(|(key, grouped)| of(key, grouped)).collect();
        order::by(&mut causes, |a, b| (a.verdict, b.backups).cmp(&(b.verdict, a.backups)));
        causes
    }

    /// Whether the resource of an exception has a usable copy in a destination that is newer than this backup.
    pub(super) fn has_newer_copy(&self, line: &Line, at: usize) -> bool {
        let id = (line.resource_id().to_owned(), line.resource_kind.clone());
        let copied = self.known.get(&id).and_then(|resource| resource.at.get(at)?.copied.as_ref());
        copied.zip(line.created_at).is_some_and(|(copied, made)| copied.made > made)
    }

    /// Every resource × destination, judged. What a person has called gone is left out.
    pub(super) fn judged(&self, terms: &Terms<'_>) -> impl Iterator<Item = ResourceLine> {
        let mut ids: Vec<&Id> = self.known.keys().collect();
        order::by(&mut ids, Ord::cmp);
        ids.into_iter()
            .filter_map(|id| Some((id, self.known.get(id)?)))
            .filter(|(_, resource)| !terms.risks.is_gone(&resource.id, resource.newest))
            .flat_map(|(id, resource)| {
                (0..terms.destinations.len()).filter_map(|at| self.line(resource, id, at, terms)).collect::<Vec<_>>()
            })
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The age of the newest usable copy of each resource, in the worst of its destinations. One of which nothing is due yet is counted, and
    /// not late.
    pub(super) fn rpo(&self, terms: &Terms<'_>, promised: Duration) -> Rpo {
        let age = |resource: &Resource| -> Option<u64> {
            let times = resource.at.iter().map(|side| side.copied.as_ref().map(|copied| copied.made));
            let oldest = times.collect::<Option<Vec<Timestamp>>>()?.into_iter().min()?;
            seconds(oldest, terms.at)
        };
        let pending = |id: &Id, resource: &Resource| {
            let without = |at: &usize| resource.at.get(*at).is_none_or(|side| side.copied.is_none());
            let mut without = (0..terms.destinations.len()).filter(without);
            without.all(|at| self.judge(resource, id, at, terms).0 == ResourceState::Pending)
        };
        let counted: Vec<(&Id, &Resource)> = self
            .known
            .iter()
            .filter(|(_, resource)| !resource.own && !terms.risks.is_gone(&resource.id, resource.newest))
            .collect();
        let resources = counted.len() as u64;
        let mut ages: Vec<Late> = counted
            .into_iter()
            .map(|(id, resource)| (age(resource), id, resource))
            .filter(|(age, id, resource)| age.is_some() || !pending(id, resource))
            .map(|(seconds, _, resource)| Late { resource: resource.id.clone(), seconds })
            .collect();
        // A resource without any copy is worse than one with a copy of any age.
        order::by(&mut ages, |a, b| {
            (b.seconds.is_none(), b.seconds, &a.resource).cmp(&(a.seconds.is_none(), a.seconds, &b.resource))
        });
        let worst = ages.first().cloned();
        ages.retain(|one| one.seconds.is_none_or(|age| age > promised.as_secs()));
        let late = ages.len() as u64;
        ages.truncate(LINES);
        Rpo {
            worst_seconds: worst.as_ref().and_then(|worst| worst.seconds),
            worst_resource: worst.map(|worst| worst.resource),
            resources,
            late,
            late_resources: ages,
        }
    }

    /// The state, the newest copy, and the oldest backup after it without one.
    fn judge<'r>(
        &'r self,
        resource: &'r Resource,
        id: &Id,
        at: usize,
        terms: &Terms<'_>,
    ) -> (ResourceState, Option<&'r Copied>, Option<&'r Uncopied>) {
        let copied = resource.at.get(at).and_then(|side| side.copied.as_ref());
        let due = |made| terms.objective.is_some_and(|objective| later(made, objective.max_lag) < terms.at);
        let after =
            |uncopied: &&Uncopied| copied.is_none_or(|copied| uncopied.made > copied.made) && uncopied.counts(due);
        let uncopied = self.uncopied.get(&(id.clone(), at)).and_then(|kept| kept.values().find(after));
        let Some(objective) = terms.objective else {
            let state = if copied.is_some() { ResourceState::Protected } else { ResourceState::Pending };
            return (state, copied, uncopied);
        };
        let stale = |limit: Duration| copied.is_some_and(|copied| later(copied.made, limit) < terms.at);
        // Without a copy of its newest backup it counts when that was made, listed or not: what went away makes nothing better.
        let newer = resource.newest.filter(|newest| copied.is_none_or(|copied| copied.made < *newest));
        let bare = newer.is_some_and(due);
        let state = if terms.dark.get(at).copied().unwrap_or(true) {
            ResourceState::Unknown
        } else if objective.rpo.is_some_and(stale) {
            ResourceState::Stale
        } else if uncopied.is_some_and(|uncopied| due(uncopied.made)) || bare {
            ResourceState::Unprotected
        } else if terms.old.get(at).copied().unwrap_or(true) {
            // Time alone makes nothing better: only what would be well becomes unknown.
            ResourceState::Unknown
        } else if copied.is_some() {
            ResourceState::Protected
        } else {
            ResourceState::Pending
        };
        (state, copied, uncopied)
    }

    fn line(&self, resource: &Resource, id: &Id, at: usize, terms: &Terms<'_>) -> Option<ResourceLine> {
        let (mut state, copied, uncopied) = self.judge(resource, id, at, terms);
        // A backup that stands for itself and has another destination's copy only is a resource there, and unknown to this one.
        if resource.own && copied.is_none() && uncopied.is_none() && state != ResourceState::Unknown {
            return None;
        }
        let fault = match (state, uncopied) {
            (ResourceState::Unknown, _) => Fault::NotSeen,
            (_, Some(uncopied)) if matches!(uncopied.verdict, Verdict::Ineligible | Verdict::NotReady) => {
                Fault::CannotBeCopied
            }
            (_, Some(_)) => Fault::NotCopied,
            (_, None) => Fault::NoNewBackup,
        };
        let cause = match (fault, uncopied) {
            (Fault::NoNewBackup, _) => "no_new_backup".to_owned(),
            (Fault::NotSeen, _) => "not_seen".to_owned(),
            (_, Some(uncopied)) => uncopied.cause.clone().unwrap_or_else(|| uncopied.verdict.name().to_owned()),
            (_, None) => String::new(),
        };
        let destination = terms.destinations.get(at)?.clone();
        let accepted = matches!(state, ResourceState::Unprotected | ResourceState::Stale)
            .then(|| terms.risks.accepted(&resource.id, &destination, &cause, terms.at))
            .flatten();
        if accepted.is_some() {
            state = ResourceState::AcceptedRisk;
        }
        Some(ResourceLine {
            state,
            resource: resource.id.clone(),
            kind: resource.kind.clone(),
            name: resource.name.clone(),
            own: resource.own,
            destination,
            copied: copied.map(|copied| copied.made),
            newest: resource.newest,
            since: uncopied.map(|uncopied| uncopied.made).or(copied.map(|copied| copied.made)).or(resource.newest),
            fault,
            cause,
            reason: uncopied.and_then(|uncopied| uncopied.reason.clone()),
            accepted_by: accepted.map(|act| act.name()),
        })
    }
}
