//! What all of it comes to at a moment.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::Answer;
use crate::book::{Book, Entry, Parted};

/// What is to be said of a resource in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// A backup is due and newer than the newest usable copy.
    Unprotected,
    /// The newest usable copy is too old.
    Stale,
    /// A person has accepted that it is not protected.
    Accepted,
    /// There is a usable copy.
    Protected,
    /// No copy yet, nothing due.
    Pending,
}

/// What a careful person says of the rule.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
    /// Whether the promise holds.
    pub holds: Answer,
    /// The resources × regions, with what may be said of each.
    pub resources: BTreeMap<(String, String), BTreeSet<Standing>>,
    /// Backups × regions that are due, can be copied and have no copy.
    pub gaps: BTreeSet<(String, String)>,
    /// Backups × regions that went without a copy; whether that must be told, or may.
    pub missed: BTreeMap<(String, String), Answer>,
    /// Why it does not hold, in words.
    pub why: Vec<String>,
}

impl Book {
    /// What a careful person says at this moment.
    pub fn says(&self, at: Timestamp) -> Outlook {
        let mut outlook = Outlook { holds: Answer::Yes, ..Outlook::default() };
        for region in &self.terms.regions {
            for entry in self.entries.values() {
                self.backup(entry, region, at, &mut outlook);
            }
            let resources: BTreeSet<&str> = self
                .entries
                .values()
                .filter(|entry| entry.known.possibly() || entry.is_listed())
                .map(|entry| entry.label.resource.as_str())
                .collect();
            for resource in resources {
                self.resource(resource, region, at, &mut outlook);
            }
        }
        outlook
    }

    fn has_copy(&self, entry: &Entry, region: &str) -> bool {
        self.arrived.contains(&(entry.label.id.clone(), region.to_owned()))
    }

    fn is_due(&self, entry: &Entry, at: Timestamp) -> bool {
        entry.label.made + self.terms.max_lag < at
    }

    fn backup(&self, entry: &Entry, region: &str, at: Timestamp, outlook: &mut Outlook) {
        let place = (entry.label.id.clone(), region.to_owned());
        if self.has_copy(entry, region) {
            if !self.is_sure(entry, region) {
                outlook.missed.insert(place, Answer::Either);
                outlook.holds = outlook.holds.and(Answer::Either);
            }
            return;
        }
        let side = entry.sides.get(region).cloned().unwrap_or_default();
        let due = self.is_due(entry, at);
        let runs = self.running.contains(&place);
        let mut red;
        if entry.is_listed() {
            let gap = Answer::from(due && entry.label.copyable).and(self.is_historic(entry, region).opposite());
            let kept = self.terms.keep.is_none_or(|keep| entry.label.made + keep >= at);
            if !kept && side.seen.possibly() {
                // Whether it went before its time, nobody here knows.
                red = gap.and(Answer::Either);
            } else {
                if gap.surely() {
                    outlook.gaps.insert(place.clone());
                }
                red = gap;
            }
            // A lost copy breaks the promise until it is settled, if its loss was recorded.
            if side.seen.possibly() && !runs {
                red = red.or(Answer::Either);
            }
        } else {
            let parted = match side.parted {
                // What was accepted stays open until the destination answers.
                _ if runs => Answer::from(due).and(self.is_historic(entry, region).opposite()),
                // What is in doubt is judged by its age until that ends, and a newer copy may have come by then.
                Some(Parted::Missed) if side.doubt && (!due || self.is_passed(entry, region)) => Answer::Either,
                Some(Parted::Missed) => Answer::Yes,
                Some(Parted::Either) => Answer::Either,
                // A copy that was lost before its source went stays lost, whatever is newer.
                Some(Parted::Overtaken) if side.seen.possibly() => Answer::Either,
                Some(Parted::Overtaken) => Answer::No,
                // Nobody has found out yet, and what is due is a gap as long as nobody has.
                None => {
                    if due && entry.label.copyable && self.is_historic(entry, region) == Answer::No {
                        Answer::Yes
                    } else {
                        Answer::Either
                    }
                }
            };
            // A copy that went with its source is no breach by itself, and one that was lost before stays one. Which it was, nobody here knows.
            let ended = if side.seen.possibly() { Answer::Either } else { Answer::Yes };
            let known = parted.and(entry.known).and(ended);
            if known.possibly() && !runs {
                outlook.missed.insert(place.clone(), known);
            }
            red = known;
        }
        if red.surely() {
            outlook.why.push(format!("{} has no copy in {region}", place.0));
        }
        outlook.holds = outlook.holds.and(red.opposite());
    }

    fn resource(&self, resource: &str, region: &str, at: Timestamp, outlook: &mut Outlook) {
        let of = || self.entries.values().filter(|entry| entry.label.resource == resource);
        let mut may = BTreeSet::new();
        // Of a copy of which perhaps nobody knows, both may be said. When the newest copy is lost, older ones are known by the listing of their
        // sources alone.
        let seen = |entry: &&Entry| entry.sides.get(region).is_some_and(|side| side.seen.possibly());
        let newest = self.newest_copy(resource, region, Answer::possibly);
        let lost = of().filter(seen).any(|entry| !self.has_copy(entry, region) && Some(entry.label.made) > newest);
        for way in 0..8 {
            let [surely, listed, certain] = [way & 1 > 0, way & 2 > 0, way & 4 > 0];
            if listed && !lost {
                continue;
            }
            let known = if certain { Answer::surely } else { Answer::possibly };
            let counts = |entry: &&Entry| {
                self.has_copy(entry, region)
                    && (!surely || self.is_sure(entry, region))
                    && (!listed || entry.is_listed())
                    && (known(entry.known) || entry.is_listed())
            };
            let copied = of().filter(counts).map(|entry| entry.label.made).max();
            let mut unprotected = Answer::No;
            for entry in of() {
                let has = counts(&entry);
                let newer = copied.is_none_or(|made| entry.label.made > made);
                if !has && newer && self.is_due(entry, at) {
                    // A backup that nobody has seen does not count yet, and one that a listing shows counts in any case.
                    let ended = entry.sides.get(region).is_some_and(|side| side.seen.possibly());
                    // A newer copy made up for it, and if that goes, that is told as its own loss.
                    let settled = ended || self.is_passed(entry, region);
                    let gone = if settled { entry.known.and(Answer::Either) } else { entry.known };
                    unprotected = unprotected.or(if entry.is_listed() { Answer::Yes } else { gone });
                }
            }
            if self.terms.rpo.zip(copied).is_some_and(|(rpo, made)| made + rpo < at) {
                may.insert(Standing::Stale);
                continue;
            }
            if unprotected.possibly() {
                may.insert(Standing::Unprotected);
            }
            if !unprotected.surely() {
                may.insert(if copied.is_some() { Standing::Protected } else { Standing::Pending });
            }
        }
        let accepted = self.accepted.iter().any(|(of, place, until)| of == resource && place == region && at < *until);
        if accepted && may.remove(&Standing::Unprotected) | may.remove(&Standing::Stale) {
            may.insert(Standing::Accepted);
        }
        let bad = |standing: &Standing| matches!(standing, Standing::Unprotected | Standing::Stale);
        let red = match (may.iter().any(bad), may.iter().all(bad)) {
            (true, true) => Answer::Yes,
            (true, false) => Answer::Either,
            _ => Answer::No,
        };
        if red.surely() {
            outlook.why.push(format!("{resource} is unprotected in {region}"));
        }
        outlook.holds = outlook.holds.and(red.opposite());
        // Of a resource that perhaps nobody knows, nothing need be said: whoever only names a backup does not say of what it is, and its source
        // is read before a copy is begun.
        let begun = |entry: &Entry| self.started.contains(&(entry.label.id.clone(), region.to_owned()));
        let shown = |entry: &Entry| entry.known.surely() && (entry.shown || begun(entry));
        if of().any(|entry| entry.is_listed() || shown(entry)) {
            outlook.resources.insert((resource.to_owned(), region.to_owned()), may);
        }
    }
}
