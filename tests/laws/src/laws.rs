//! The laws that are held after each step.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use offsite_shared::ledger::State;
use offsite_shared::report::{Conclusion, RuleReport};
use serde_json::{Value, json};

use crate::play::{Life, Taken};
use crate::step::Kind;

impl Life<'_> {
    /// Law 3: time alone makes no report better.
    pub(crate) fn time_alone(&mut self, report: &RuleReport) -> Taken {
        // What is known from a clock that was ahead becomes readable as time passes: that is the clock, and not time alone.
        let ahead = report.complete_as_of.is_some_and(|as_of| as_of > self.stage.now());
        let before = std::mem::replace(&mut self.before, Some(report.conclusion).filter(|_| !ahead));
        if let Some(before) = before {
            self.premise(3);
            if report.conclusion < before {
                return self
                    .fail("3", format!("{before:?} became {:?} by time alone: {:?}", report.conclusion, report.why));
            }
        }
        Ok(())
    }

    /// Law 11: whatever makes a report other than holding turns the alarm on as well.
    pub(crate) fn alarmed(&mut self, report: &RuleReport) -> Taken {
        if report.conclusion == Conclusion::Holds {
            return Ok(());
        }
        self.premise(11);
        if !self.staged(self.stage.alarms())? {
            return self.fail("11", format!("no alarm is on, and the report says {:?}", report.conclusion));
        }
        Ok(())
    }

    /// Whether nothing is wrong at the moment, so that two sweeps one after the other say the same.
    pub(crate) fn is_calm(&self) -> bool {
        self.troubles.is_empty()
    }

    /// Sweeps, and tells what the report says then; nothing if the sweep was not complete, left lost copies for the next one to make again, or
    /// settled what an edit leaves out.
    pub(crate) fn settled_conclusion(&mut self) -> Taken<Option<Conclusion>> {
        let swept = self.sweep()?;
        if !swept.is_some_and(|(_, whole)| whole) {
            return Ok(None);
        }
        let report = self.report()?;
        if self.stage.terms.restart_lost && self.stage.terms.most.is_some() && report.counts.lost > 0 {
            return Ok(None);
        }
        // What an edit leaves out is named once, by the sweep that settles it.
        if report.exceptions.iter().any(|line| line.cause.as_deref() == Some("excluded")) {
            return Ok(None);
        }
        self.last = format!("{:?} {:?}", report.why, report.exceptions);
        Ok(Some(report.conclusion))
    }

    /// Law 1 begins: what the report says while a covered backup without a copy is there.
    pub(crate) fn without_copy(&mut self, id: &str) -> Taken<Option<Conclusion>> {
        if !self.is_calm() {
            return Ok(None);
        }
        let before = self.settled_conclusion()?;
        self.stage.look_at_tables();
        let covered = self.made.iter().any(|(backup, made)| self.stage.id(*backup) == id && made.kind == Kind::Plain);
        let bare = covered && self.stage.regions.iter().any(|region| !self.stage.book.has_arrived(id, region));
        if before.is_none() || !bare {
            return Ok(None);
        }
        Ok(before)
    }

    /// Laws 1 and 2 end: the same question again, after what was done.
    pub(crate) fn never_greener(&mut self, law: usize, before: Option<Conclusion>, what: impl Fn() -> String) -> Taken {
        let Some(before) = before else { return Ok(()) };
        let first = std::mem::take(&mut self.last);
        let Some(after) = self.settled_conclusion()? else { return Ok(()) };
        self.premise(law);
        if after < before {
            let report = self.report()?;
            let told = (first, report.why, &report.exceptions);
            return self.fail(&law.to_string(), format!("{}: {before:?} became {after:?}: {told:?}", what()));
        }
        Ok(())
    }

    /// Law 4: once a complete sweep has seen that a copy is gone, it counts no more, and what follows from that follows at once.
    pub(crate) fn copy_is_gone(&mut self, backup: u16, id: &str, region: &str) -> Taken {
        let replicated = |life: &Life<'_>| -> Taken<bool> {
            let records = life.staged(life.stage.records())?;
            Ok(records.iter().any(|record| {
                let of = record.replication().is_ok_and(|one| one.source.id == id && one.destination.region == region);
                of && record.state == State::Replicated
            }))
        };
        let recorded = replicated(self)?;
        let now = self.stage.now();
        let keep = self.stage.terms.keep_h.map(|hours| SignedDuration::from_hours(i64::from(hours)));
        let kept = |made: Timestamp| keep.is_none_or(|keep| now.duration_since(made) < keep);
        let there = self.made.get(&backup);
        let there = there.is_some_and(|made| made.there && made.kind != Kind::Outside && kept(made.at));
        let told = |life: &Life<'_>, kind: &str| {
            let wanted = json!(format!("offsite.replication.{kind}"));
            life.stage.world.messages().iter().filter(|event| event["type"] == wanted).count()
        };
        let calm = self.is_calm();
        let lost = told(self, "lost");
        let swept = self.sweep()?;
        if !swept.is_some_and(|(_, whole)| whole) {
            return Ok(());
        }
        self.premise(4);
        self.stage.look_at_tables();
        if self.stage.book.has_arrived(id, region) {
            return Ok(());
        }
        if there && replicated(self)? {
            return self.fail("4", format!("{id} still counts as copied to {region} in the ledger"));
        }
        let report = self.report()?;
        if there && !report.exceptions.iter().any(|line| line.backup_id == id && line.destination == region) {
            return self.fail("4", format!("{id} is not listed, and has no copy in {region}"));
        }
        let again = self.stage.terms.restart_lost && self.stage.terms.most.is_none();
        if there && recorded && calm && again {
            let records = self.staged(self.stage.records())?;
            let begun = records.iter().any(|record| {
                let of = record.replication().is_ok_and(|one| one.source.id == id && one.destination.region == region);
                of && (matches!(record.state, State::Accepted | State::Replicated) || record.attempt > 4)
            });
            if !begun {
                return self.fail("4", format!("the copy of {id} in {region} is lost, and no new one was begun"));
            }
        }
        if there && recorded && calm && told(self, "lost") == lost {
            return self.fail("4", format!("nobody was told that the copy of {id} in {region} is lost"));
        }
        Ok(())
    }

    /// What is held after each sweep that was complete.
    pub(crate) fn swept(&mut self, swept: &Value, lit: &[String]) -> Taken {
        let report = self.report()?;
        self.remembered(lit)?;
        self.one_story(swept, &report)?;
        self.each_once(&report, lit.len() == self.stage.regions.len())?;
        self.accepted_is_not_forgotten(&report)
    }

    /// Law 1: every covered backup without a copy is remembered before the sweep ends. That a copy went which was seen before, nobody can
    /// know as long as its destination cannot be listed.
    fn remembered(&mut self, lit: &[String]) -> Taken {
        let records = self.staged(self.stage.records())?;
        let known: BTreeSet<(String, String)> = records
            .iter()
            .filter_map(|record| record.replication().ok())
            .map(|one| (one.source.id, one.destination.region))
            .collect();
        for (backup, _) in self.made.iter().filter(|(_, made)| made.there && made.kind == Kind::Plain) {
            for region in &self.stage.regions {
                let place = (self.stage.id(*backup), region.clone());
                let hidden = !lit.contains(region) && self.stage.book.was_seen(&place.0, region);
                let ended = self.stage.book.may_have_ended(&place.0, region, self.stage.now());
                if known.contains(&place) || hidden || ended || self.stage.book.has_arrived(&place.0, region) {
                    continue;
                }
                return self.fail("1", format!("{place:?} is covered, has no copy, and nothing is remembered of it"));
            }
        }
        Ok(())
    }

    /// Law 10: the answer of a sweep and the report tell the same story.
    fn one_story(&mut self, swept: &Value, report: &RuleReport) -> Taken {
        self.premise(10);
        let counts = serde_json::to_value(report.counts).unwrap_or(Value::Null);
        if swept["counts"] != counts {
            return self.fail("10", format!("the sweep says {}, the report {counts}", swept["counts"]));
        }
        let sum: u64 = counts
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| *name != "covered")
            .filter_map(|(_, count)| count.as_u64())
            .sum();
        if sum != report.counts.covered {
            return self
                .fail("6", format!("{} are covered, and {sum} have a verdict: {counts}", report.counts.covered));
        }
        Ok(())
    }

    /// Law 6: every backup that the source lists is in exactly one verdict, or counted as not covered.
    fn each_once(&mut self, report: &RuleReport, lit: bool) -> Taken {
        let there = || self.made.iter().filter(|(_, made)| made.there);
        let of_now =
            |id: &str| there().any(|(backup, made)| self.stage.id(*backup) == id && made.kind != Kind::Outside);
        let places = there().filter(|(_, made)| made.kind != Kind::Outside).count() * self.stage.regions.len();
        let others = report.exceptions.iter().filter(|line| !of_now(&line.backup_id)).count();
        let covered = usize::try_from(report.counts.covered).unwrap_or(usize::MAX);
        if covered != places + others {
            let what = format!("{places} places and {others} others are to be told, and {covered} are counted");
            return self.fail("6", format!("{what}: {:?} {:?}", report.counts, report.exceptions));
        }
        if !lit {
            return Ok(());
        }
        self.premise(6);
        let there = || self.made.iter().filter(|(_, made)| made.there);
        for (backup, made) in there() {
            let id = self.stage.id(*backup);
            for region in &self.stage.regions {
                let lines = report.exceptions.iter().filter(|line| line.backup_id == id && line.destination == *region);
                let lines = lines.count();
                let copied = self.stage.book.has_arrived(&id, region);
                let wanted = usize::from(made.kind != Kind::Outside && !copied);
                if made.kind != Kind::Outside && lines != wanted && !(copied && self.stage.terms.hidden_s > 0) {
                    return self.fail("6", format!("{id} is told {lines} times for {region}, and {wanted} is right"));
                }
            }
        }
        let outside = there().filter(|(_, made)| made.kind == Kind::Outside).count() as u64;
        let counted: u64 = report.not_covered.values().map(|one| one.count).sum();
        // Beside those of the history there is what the simulators begin with.
        if counted < outside {
            return self
                .fail("6", format!("{outside} are not covered, and {counted} are counted: {:?}", report.not_covered));
        }
        Ok(())
    }

    /// Law 7: what was accepted is never told as never copied.
    fn accepted_is_not_forgotten(&mut self, report: &RuleReport) -> Taken {
        for (backup, region) in self.stage.book.under_way() {
            self.premise(7);
            let line = report.exceptions.iter().find(|line| line.backup_id == backup && line.destination == region);
            let wrong = line
                .filter(|line| !matches!(line.verdict.name(), "in_progress" | "in_doubt" | "unknown" | "replicated"));
            if let Some(line) = wrong.cloned() {
                let fresh = self.staged(self.stage.records())?.len();
                return self.fail(
                    "7",
                    format!(
                        "the copy of {backup} in {region} is being made, and told is {:?} ({fresh} records): {line:?}",
                        line.verdict
                    ),
                );
            }
        }
        Ok(())
    }
}
