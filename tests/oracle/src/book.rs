//! What is written down while a history is played: labels, what was seen, and what has arrived.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::Answer;

/// What the rule promises, and where its copies go.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How old a covered backup may be without a copy.
    pub max_lag: SignedDuration,
    /// How old the newest copy of a resource may be.
    pub rpo: Option<SignedDuration>,
    /// How long copies are kept: what goes after that is no loss.
    pub keep: Option<SignedDuration>,
    /// The regions of the destinations.
    pub regions: Vec<String>,
    /// Whether a pair of vaults carries the backups, so that of one that is gone nobody can be asked whether it was carried.
    pub by_pair: bool,
}

/// What whoever makes a backup says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its ID.
    pub id: String,
    /// What a person wants back.
    pub resource: String,
    /// When it was made.
    pub made: Timestamp,
    /// Whether it can be copied at all.
    pub copyable: bool,
}

/// What became of a backup that was never copied and is not covered any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parted {
    /// Somebody must know: it was never copied.
    Missed,
    /// A newer copy of its resource makes up for it.
    Overtaken,
    /// One or the other: nobody saw when it was found out.
    Either,
}

/// One backup in one destination.
#[derive(Clone, Debug, Default)]
pub(crate) struct Side {
    /// Whether a copy was seen there once.
    pub(crate) seen: Answer,
    /// Whether a sweep found a copy while its source was there.
    pub(crate) confirmed: bool,
    /// Whether a start was perhaps refused.
    pub(crate) refused: bool,
    /// Whether it is perhaps in doubt.
    pub(crate) doubt: bool,
    /// What became of it when it went.
    pub(crate) parted: Option<Parted>,
}

/// One backup.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) label: Label,
    /// Whether its source still exists.
    pub(crate) there: bool,
    /// Whether the rule takes it, by what it is called now.
    pub(crate) covered: bool,
    /// Whether the rule knows of it: a listing has shown it, or a command was about it.
    pub(crate) known: Answer,
    /// Whether a complete listing has shown it.
    pub(crate) shown: bool,
    pub(crate) sides: BTreeMap<String, Side>,
}

impl Entry {
    /// Whether the rule takes it now.
    pub(crate) fn is_listed(&self) -> bool {
        self.there && self.covered
    }
}

/// All that is known of one rule.
#[derive(Clone, Debug)]
pub struct Book {
    pub(crate) terms: Terms,
    pub(crate) entries: BTreeMap<String, Entry>,
    /// Backup and region of every copy that is usable now.
    pub(crate) arrived: BTreeSet<(String, String)>,
    /// Backup and region of every copy that is being made now.
    pub(crate) running: BTreeSet<(String, String)>,
    /// Backup and region of every copy that was ever begun.
    pub(crate) started: BTreeSet<(String, String)>,
    /// When each region was first listed completely.
    pub(crate) since: BTreeMap<String, Timestamp>,
    /// When a listing of any region first began, though it may have been broken off and taken up later.
    pub(crate) tried: Option<Timestamp>,
    /// Resource, region and end of the risks that a person accepts.
    pub(crate) accepted: Vec<(String, String, Timestamp)>,
}

impl Book {
    /// A book about a rule that nobody has swept.
    pub fn new(terms: Terms) -> Book {
        Book {
            terms,
            entries: BTreeMap::new(),
            arrived: BTreeSet::new(),
            running: BTreeSet::new(),
            started: BTreeSet::new(),
            since: BTreeMap::new(),
            tried: None,
            accepted: Vec::new(),
        }
    }

    /// A backup was made.
    pub fn make(&mut self, label: Label, covered: bool) {
        let entry = Entry { label, there: true, covered, known: Answer::No, shown: false, sides: BTreeMap::new() };
        self.entries.insert(entry.label.id.clone(), entry);
    }

    /// A backup was renamed.
    pub fn rename(&mut self, id: &str, covered: bool) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.covered = covered;
        }
    }

    /// A source backup was deleted.
    pub fn remove(&mut self, id: &str) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.there = false;
        }
    }

    /// The rule promises another lag from now on.
    pub fn promise(&mut self, max_lag: SignedDuration) {
        self.terms.max_lag = max_lag;
    }

    /// The rule leaves a resource out from now on: nothing is promised of it, and nobody is to be told what it lacks.
    pub fn exclude(&mut self, resource: &str) {
        self.entries.retain(|_, entry| entry.label.resource != resource);
    }

    /// Whether anything of a resource is open: being made, gone, or not covered by its name.
    pub fn is_open(&self, resource: &str) -> bool {
        self.entries.values().filter(|entry| entry.label.resource == resource).any(|entry| {
            let running = self.running.iter().any(|(id, _)| *id == entry.label.id);
            running || !entry.is_listed()
        })
    }

    /// A person accepts that a resource is not protected in a region, until then.
    pub fn accept(&mut self, resource: &str, region: &str, until: Timestamp) {
        self.accepted.push((resource.to_owned(), region.to_owned(), until));
    }

    /// What is usable, what is being made, and what was ever begun, by the clouds' own tables: backup and region.
    pub fn tables(
        &mut self,
        arrived: BTreeSet<(String, String)>,
        running: BTreeSet<(String, String)>,
        started: BTreeSet<(String, String)>,
    ) {
        self.started = started;
        self.arrived = arrived;
        self.running = running;
        // Where the source tells of its copies, one may have been noted that nobody has looked at.
        self.looked();
    }

    /// Starts are refused: whether what has no copy now was refused or never tried, the product knows.
    pub fn refuse(&mut self) {
        let regions = self.terms.regions.clone();
        for entry in self.entries.values_mut() {
            for region in &regions {
                entry.sides.entry(region.clone()).or_default().refused = true;
            }
        }
    }

    /// A start was lost, or its answer: whether what had no copy then was copied is in doubt until the product finds out.
    pub fn doubt(&mut self) {
        let regions = self.terms.regions.clone();
        for entry in self.entries.values_mut().filter(|entry| entry.is_listed() || entry.known.possibly()) {
            for region in &regions {
                if !self.arrived.contains(&(entry.label.id.clone(), region.clone())) {
                    entry.sides.entry(region.clone()).or_default().doubt = true;
                }
            }
        }
    }

    /// Whether anything may have been in doubt.
    pub fn has_doubts(&self) -> bool {
        self.entries.values().any(|entry| entry.sides.values().any(|side| side.doubt))
    }

    /// Whether a copy of this backup is being made for this region.
    pub fn is_running(&self, place: &(String, String)) -> bool {
        self.running.contains(place)
    }

    /// Whether a copy of this backup was ever begun for this region.
    pub fn was_begun(&self, place: &(String, String)) -> bool {
        self.started.contains(place)
    }

    /// Whether a usable copy of this backup is in this region.
    pub fn has_arrived(&self, id: &str, region: &str) -> bool {
        self.arrived.contains(&(id.to_owned(), region.to_owned()))
    }

    /// Whether a copy of this backup was perhaps seen in this region.
    pub fn was_seen(&self, id: &str, region: &str) -> bool {
        self.entries.get(id).and_then(|entry| entry.sides.get(region)).is_some_and(|side| side.seen.possibly())
    }

    /// Whether that copy may have gone after the time for which copies are kept.
    pub fn may_have_ended(&self, id: &str, region: &str, at: Timestamp) -> bool {
        let made = self.entries.get(id).map(|entry| entry.label.made);
        self.was_seen(id, region) && made.zip(self.terms.keep).is_some_and(|(made, keep)| made + keep < at)
    }

    /// Backup and region of what is being made now and has no usable copy, of backups that the rule knows and takes.
    pub fn under_way(&self) -> Vec<(String, String)> {
        let known = |place: &&(String, String)| self.entries.get(&place.0).is_some_and(|entry| entry.known.surely());
        self.running.iter().filter(known).filter(|place| !self.arrived.contains(*place)).cloned().collect()
    }

    /// A command was about this backup. `done`: it was answered.
    pub fn told_of(&mut self, id: &str, done: bool) {
        if let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.is_listed()) {
            entry.known = entry.known.or(if done { Answer::Yes } else { Answer::Either });
        }
    }

    /// Somebody looked at the destinations. Which copies were due to be looked at, nobody here knows.
    pub fn looked(&mut self) {
        for (id, region) in &self.arrived {
            if let Some(entry) = self.entries.get_mut(id) {
                let side = entry.sides.entry(region.clone()).or_default();
                side.seen = side.seen.or(Answer::Either);
            }
        }
    }

    /// Everything that was remembered is lost. `kept`: the source itself keeps a record of each copy that was ever made of it.
    pub fn forget(&mut self, kept: bool) {
        self.looked();
        self.entries.retain(|_, entry| entry.there);
        for entry in self.entries.values_mut() {
            entry.known = Answer::No;
            entry.shown = false;
            for side in entry.sides.values_mut() {
                let told = kept && side.seen.possibly();
                *side = Side { seen: if told { Answer::Either } else { Answer::No }, ..Side::default() };
            }
        }
        self.since.clear();
        self.tried = None;
        self.accepted.clear();
    }

    /// A sweep of this rule ended. `begun` is when its listing began, `lit` the regions that it could list, and `whole` whether all of it
    /// happened now: not begun by an earlier invocation, and not broken off.
    pub fn swept(&mut self, begun: Timestamp, now: Timestamp, lit: &[String], whole: bool) {
        self.tried.get_or_insert(begun);
        if whole {
            for region in lit {
                self.since.entry(region.clone()).or_insert(begun);
            }
        }
        for entry in self.entries.values_mut().filter(|entry| entry.is_listed()) {
            entry.known = entry.known.or(if whole { Answer::Yes } else { Answer::Either });
            entry.shown |= whole;
        }
        for (id, region) in self.arrived.iter().filter(|_| whole) {
            if let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.is_listed()) {
                entry.sides.entry(region.clone()).or_default().confirmed = true;
            }
        }
        let found: Vec<(String, String, Parted)> = self.parted(now, lit);
        for (id, region, found) in found {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let side = entry.sides.entry(region).or_default();
            side.parted = Some(match side.parted {
                Some(before) if before != found => Parted::Either,
                None if !whole => Parted::Either,
                _ => found,
            });
        }
        self.looked();
        let back: Vec<String> =
            self.entries.values().filter(|entry| entry.is_listed()).map(|entry| entry.label.id.clone()).collect();
        for id in back {
            for side in self.entries.get_mut(&id).into_iter().flat_map(|entry| entry.sides.values_mut()) {
                // It is there again, so it is judged like any other.
                side.parted = None;
            }
        }
    }

    /// What a sweep finds out now of backups that went without a copy.
    fn parted(&self, now: Timestamp, lit: &[String]) -> Vec<(String, String, Parted)> {
        let mut found = Vec::new();
        for entry in self.entries.values().filter(|entry| entry.known.possibly() && !entry.is_listed()) {
            for region in lit {
                let place = (entry.label.id.clone(), region.clone());
                let side = entry.sides.get(region);
                let started = self.started.contains(&place);
                // What was begun is open until the destination answers, and nobody here knows when the product takes it for answered.
                let settled =
                    !started && side.is_some_and(|side| side.parted.is_some_and(|parted| parted != Parted::Either));
                let open = !self.arrived.contains(&place) && !self.running.contains(&place);
                if settled || !open {
                    continue;
                }
                let due = entry.label.made + self.terms.max_lag < now;
                let historic = self.is_historic(entry, region);
                let is_newer = |made: Option<Timestamp>| made.is_some_and(|made| made > entry.label.made);
                let resource = &entry.label.resource;
                // Whether anybody knows of the newer copy cannot always be told.
                let newer = match self.newest_copy(resource, region, Answer::surely) {
                    made if is_newer(made) => Answer::Yes,
                    _ if is_newer(self.newest_copy(resource, region, Answer::possibly)) => Answer::Either,
                    _ => Answer::No,
                };
                let refused = side.is_some_and(|side| side.refused || side.doubt);
                let late = Answer::from(due).and(historic.opposite());
                let found_now = match newer.and(late.opposite()) {
                    Answer::Yes => Parted::Overtaken,
                    // What cannot be copied speaks through its resource; if nobody has tried it, nobody knows that.
                    Answer::No if entry.label.copyable && !(newer.possibly() && refused) => Parted::Missed,
                    _ => Parted::Either,
                };
                found.push((place.0, place.1, found_now));
            }
        }
        found
    }

    /// Whether a backup was made before its region was first listed completely.
    pub(crate) fn is_historic(&self, entry: &Entry, region: &str) -> Answer {
        let made = entry.label.made;
        match (self.tried, self.since.get(region)) {
            (_, Some(since)) if made >= *since => Answer::No,
            (Some(tried), _) if made >= tried => Answer::Either,
            _ => Answer::Yes,
        }
    }

    /// Whether a newer backup of its resource had a copy there once.
    pub(crate) fn is_passed(&self, entry: &Entry, region: &str) -> bool {
        let newer = |one: &&Entry| one.label.resource == entry.label.resource && one.label.made > entry.label.made;
        let copied = |one: &Entry| one.sides.get(region).is_some_and(|side| side.seen.possibly());
        self.entries.values().filter(newer).any(copied)
    }

    /// Whether somebody can know of a copy that it has arrived.
    pub(crate) fn is_sure(&self, entry: &Entry, region: &str) -> bool {
        !self.terms.by_pair || entry.is_listed() || entry.sides.get(region).is_some_and(|side| side.confirmed)
    }

    /// When the backup was made of which the newest usable copy of a resource is, among those that are `known`. A copy is as old as its backup.
    pub(crate) fn newest_copy(&self, resource: &str, region: &str, known: fn(Answer) -> bool) -> Option<Timestamp> {
        let of = self.entries.values().filter(|entry| entry.label.resource == resource);
        let known = of.filter(|entry| known(entry.known) || entry.is_listed());
        known
            .filter(|entry| self.arrived.contains(&(entry.label.id.clone(), region.to_owned())))
            .map(|entry| entry.label.made)
            .max()
    }
}
