//! How far the sweep of a rule is, written down so that the next invocation goes on from there.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use serde_json::json;

use super::budget;
use super::chunks::{CHUNK, chunk_name, each_line, short, write_chunks};
use super::due::Lanes;
use super::findings::Line;
use super::index::CopyIndex;
use super::progress::{FORMAT, Listing, Phase, SweepProgress, drop_chunks, name_of};
use super::register::Register;
use super::state::Sweep;
use super::stop::Stop;
use super::volume::Volume;
use crate::context::{Context, Invocation};
use crate::model::json;
use crate::model::text::hash_of;
use crate::model::time::later;
use crate::policy::Rule;
use crate::providers::provider::Provider;

/// How often a course that goes on is written down.
pub(super) const SAVED_EVERY_S: i64 = 120;

/// How long others leave a course alone after it was written down.
const LEASE: Duration = Duration::from_secs(300);

/// A course older than this began too long ago to say what is there now.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// A course that has come no further for so long is not resumed: after an outage the sweep begins anew.
const IDLE: Duration = Duration::from_secs(3600);

/// IDs that are kept for the overlap: more than two pages.
const LINES_KEPT: usize = 250;

impl<'c> Sweep<'c> {
    /// Takes up the course where it was left, or begins a new one.
    pub(super) async fn begin(ctx: &'c Context, rule: &'c Rule, invocation: &'c Invocation) -> Result<Sweep<'c>, Stop> {
        let cloud = rule.operation.cloud();
        let provider =
            ctx.provider(cloud).ok_or_else(|| Stop::Failed("this function does not serve its cloud".into()))?;
        let now = ctx.now();
        if ctx.is_over(invocation) {
            return Err(Stop::Time);
        }
        let rule_hash = hash_of(&[&rule.to_json().to_string()]);
        let note = ctx.ports.notes.note(&name_of(&rule.name)).await?;
        let version = note.as_ref().map_or(0, |note| note.version);
        let found = note.and_then(|note| json::typed::<SweepProgress>(&note.text).ok());
        if let Some(found) = found.as_ref().filter(|found| found.lease_until > now) {
            return Err(Stop::Busy(found.lease_until));
        }
        let fresh = |found: &SweepProgress| {
            let moving = later(found.answered.unwrap_or(found.begun), IDLE) > now;
            found.format == FORMAT && found.rule_hash == rule_hash && moving && later(found.begun, STALE) > now
        };
        let (course, resumed) = match found {
            Some(found) if fresh(&found) => (found, true),
            old => {
                let mut course = SweepProgress::new(ctx.ports.clock.nonce().0, rule_hash, Volume::each(rule), now);
                if let Some(old) = old {
                    drop_chunks(&*ctx.ports.notes, &rule.name, &old, true).await?;
                    course.tried_since = Some(old.tried_since());
                }
                (course, false)
            }
        };
        let mut sweep = Sweep::of(ctx, provider, rule, invocation, course, version);
        if resumed && let Err(stop) = sweep.restore().await {
            // A part is gone: what is left of the course proves nothing.
            tracing::warn!(rule = rule.name, reason = stop.reason(), "the sweep begins anew");
            let since = sweep.course.tried_since();
            let mut course =
                SweepProgress::new(ctx.ports.clock.nonce().0, sweep.course.rule_hash, Volume::each(rule), now);
            course.tried_since = Some(since);
            sweep = Sweep::of(ctx, provider, rule, invocation, course, version);
        }
        sweep.course.error = None;
        // This takes the lease: of two invocations that begin at once, one stops here.
        sweep.save(false).await?;
        budget::begin(ctx, rule, &sweep.course.run).await?;
        Ok(sweep)
    }

    fn of(
        ctx: &'c Context,
        provider: &'static dyn Provider,
        rule: &'c Rule,
        invocation: &'c Invocation,
        course: SweepProgress,
        version: u64,
    ) -> Sweep<'c> {
        Sweep {
            indexes: rule.destinations.iter().map(|_| CopyIndex::new(&course.run)).collect(),
            ctx,
            provider,
            rule,
            invocation,
            saved_at: course.begun,
            recent: course.recent.iter().copied().collect(),
            recent_set: course.recent.iter().copied().collect(),
            course,
            version,
            pair: None,
            open: HashSet::new(),
            being_made: HashSet::new(),
            lines: Vec::new(),
            lines_bytes: 0,
            exceptions: HashSet::new(),
            register: Register::new(rule.destinations.len()),
            due: Lanes::default(),
            since: Vec::new(),
            listed_before: Vec::new(),
            edited: false,
            lost: VecDeque::new(),
            running: Vec::new(),
            gates: BTreeMap::new(),
            may_start: rule.limits.max_new_per_sweep.map_or(u64::MAX, u64::from),
            at_once: ctx.settings.concurrency,
            no_more: false,
            hands: false,
            source_read: ctx.now(),
            paused: false,
        }
    }

    /// Writes down all that the next invocation needs. `leave`: this one stops, and the lease ends.
    pub(super) async fn checkpoint(&mut self, leave: bool) -> Result<(), Stop> {
        for at in 0..self.indexes.len() {
            let (Some(index), Some(from)) = (self.indexes.get(at), self.course.copies.get(at)) else { continue };
            let until = self.write(&format!("copies{at}"), *from, index.fresh_lines()).await?;
            if let (Some(index), Some(count)) = (self.indexes.get_mut(at), self.course.copies.get_mut(at)) {
                index.kept_all();
                *count = until;
            }
        }
        // All of it is written anew each time. If this invocation dies before the course is saved, matching again changes nothing.
        if self.course.phase != Phase::Copies {
            for at in 0..self.indexes.len() {
                let lines = self.indexes.get(at).map(CopyIndex::matched).unwrap_or_default();
                let count = self.write(&format!("matched{at}"), 0, lines.into_iter()).await?;
                if let Some(found) = self.course.matched.get_mut(at) {
                    *found = count;
                }
            }
        }
        let due: Vec<String> = self.running.iter().chain(self.due.iter()).map(|due| json!(due).to_string()).collect();
        let before = [("due", self.course.due_chunks), ("lost", self.course.lost_chunks)];
        let number = self.course.queued + 1;
        let due_chunks = self.write(&format!("due{number}"), 0, due.into_iter()).await?;
        let lost: Vec<String> = self.lost.iter().map(|due| json!(due).to_string()).collect();
        let lost_chunks = self.write(&format!("lost{number}"), 0, lost.into_iter()).await?;
        (self.course.queued, self.course.due_chunks, self.course.lost_chunks) = (number, due_chunks, lost_chunks);
        self.write_findings().await?;
        self.save(leave).await?;
        for (kind, chunks) in before {
            for chunk in 0..chunks {
                let name = chunk_name(&self.rule.name, &self.course.run, &format!("{kind}{}", number - 1), chunk);
                self.ctx.ports.notes.drop_note(&name).await?;
            }
        }
        Ok(())
    }

    /// Writes down what the summary needs: the exceptions and the register.
    pub(super) async fn write_findings(&mut self) -> Result<(), Stop> {
        self.flush().await?;
        let lines: Vec<String> = self.register.lines().collect();
        self.course.register = self.write("register", 0, lines.into_iter()).await?;
        Ok(())
    }

    /// Writes the exceptions that are not written yet; those that cannot be written are kept.
    pub(super) async fn flush(&mut self) -> Result<(), Stop> {
        self.course.findings = self.write("findings", self.course.findings, self.lines.iter().cloned()).await?;
        self.lines.clear();
        self.lines_bytes = 0;
        Ok(())
    }

    /// Writes the exceptions once there are enough of them.
    pub(super) async fn flush_if_many(&mut self) -> Result<(), Stop> {
        if self.lines_bytes >= CHUNK { self.flush().await } else { Ok(()) }
    }

    /// Adds an exception. This cannot fail, so that each one that is counted is also listed.
    pub(super) fn find(&mut self, line: &Line) {
        self.exceptions.extend(line.key.as_deref().map(short));
        let text = json!(line).to_string();
        self.lines_bytes += text.len() + 1;
        self.lines.push(text);
    }

    async fn restore(&mut self) -> Result<(), Stop> {
        let (notes, course) = (&*self.ctx.ports.notes, &self.course);
        let whose = (self.rule.name.as_str(), course.run.as_str());
        for (at, index) in self.indexes.iter_mut().enumerate() {
            let chunks = course.copies.get(at).copied().unwrap_or(0);
            each_line(notes, whose, &format!("copies{at}"), chunks, |line| index.restore(line)).await?;
            if course.phase != Phase::Copies || course.listings.get(at) == Some(&Listing::Done) {
                index.seal();
            }
            let chunks = course.matched.get(at).copied().unwrap_or(0);
            let mut lines = Vec::new();
            let keep = |line: &str| {
                lines.push(line.to_owned());
                Some(())
            };
            each_line(notes, whose, &format!("matched{at}"), chunks, keep).await?;
            index.restore_matched(&lines);
        }
        let exceptions = &mut self.exceptions;
        let exception = |line: &str| {
            let line: Line = json::typed(line).ok()?;
            exceptions.extend(line.key.as_deref().map(short));
            Some(())
        };
        each_line(notes, whose, "findings", course.findings, exception).await?;
        let due = &mut self.due;
        let waiting = |line: &str| {
            due.push(json::typed(line).ok()?);
            Some(())
        };
        each_line(notes, whose, &format!("due{}", course.queued), course.due_chunks, waiting).await?;
        let lost = &mut self.lost;
        let gone = |line: &str| {
            lost.push_back(json::typed(line).ok()?);
            Some(())
        };
        each_line(notes, whose, &format!("lost{}", course.queued), course.lost_chunks, gone).await?;
        let register = &mut self.register;
        each_line(notes, whose, "register", course.register, |line| register.restore(line)).await
    }

    async fn write(&self, kind: &str, from: u32, lines: impl Iterator<Item = String>) -> Result<u32, Stop> {
        write_chunks(&*self.ctx.ports.notes, &self.rule.name, &self.course.run, kind, from, lines).await
    }

    async fn save(&mut self, leave: bool) -> Result<(), Stop> {
        let now = self.ctx.now();
        self.course.recent = self.recent.iter().rev().take(LINES_KEPT).rev().copied().collect();
        self.course.lease_until = if leave { now } else { later(now, LEASE) };
        let text = serde_json::to_string(&self.course).map_err(|error| Stop::Failed(error.to_string()))?;
        let name = name_of(&self.rule.name);
        if !self.ctx.ports.notes.put_note(&name, &text, self.version).await? {
            // A write of ours that was sent twice looks like a write by somebody else.
            let found = self.ctx.ports.notes.note(&name).await?;
            if found.is_none_or(|found| found.text != text) {
                return Err(Stop::Busy(later(now, LEASE)));
            }
        }
        self.version += 1;
        self.saved_at = now;
        Ok(())
    }
}
