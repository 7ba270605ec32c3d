//! What a complete sweep found, as it is kept for the report.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::chunks::{each_line, read_chunk};
use super::findings::{Counts, Line, MassLoss, NotCovered, Orphan, Point, place, unreplicated};
use super::progress::{SweepProgress, drop_chunks, name_of};
use super::register::Resource;
use super::state::Sweep;
use super::stop::Stop;
use super::volume::Volume;
use crate::ledger::store::LedgerError;
use crate::model::command::Destination;
use crate::model::json;
use crate::model::time::{later, seconds};
use crate::ports::Notes;

/// Orphans that are kept one by one.
const ORPHANS: usize = 1_000;

/// Earlier sweeps that are kept.
const POINTS: usize = 300;

/// What a complete sweep of a rule found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The hash of the rule as it was.
    pub rule_hash: String,
    /// When the listing began: what came later is not counted.
    pub complete_as_of: Timestamp,
    /// When the sweep ended.
    pub finished_at: Timestamp,
    /// Counts by verdict.
    pub counts: Counts,
    /// The same in GiB, by destination.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// How many of the replicated ones are concluded and not seen.
    pub inferred: u64,
    /// The first orphans.
    pub orphans: Vec<Orphan>,
    /// How many orphans there are in all.
    pub orphans_total: u64,
    /// Copies that should have been started, whether they were or not.
    #[serde(default)]
    pub due: u64,
    /// Why a destination could not be listed, by destination. The rest of the summary is complete.
    pub dark: Vec<Option<String>>,
    /// The source types that could not be listed, each with what the provider said.
    pub unlisted: BTreeMap<String, String>,
    /// What is not covered, by reason.
    pub not_covered: BTreeMap<String, NotCovered>,
    /// The destinations that have lost so many copies at once that a person must look first, each with what is gone.
    pub mass_loss: Vec<Option<MassLoss>>,
    /// When each destination was first swept to the end: what was made before is historic.
    pub since: Vec<Timestamp>,
    /// How many backups × destinations stand for themselves as resources and have their copy.
    pub own: u64,
    /// When each destination was last listed completely; absent if it never was.
    pub listed: Vec<Option<Timestamp>>,
    /// Whether orphans could be told at all.
    pub orphans_known: bool,
    /// Requests that were sent for pages.
    pub requests: u64,
    /// Sweeps so far, oldest first, this one last.
    pub points: Vec<Point>,
    run: String,
    findings: u32,
    register: u32,
}

/// The last summary of a rule, with the version of its note.
///
/// # Errors
/// The notes cannot be read.
pub async fn read(notes: &dyn Notes, rule: &str) -> Result<Option<(Summary, u64)>, LedgerError> {
    let note = notes.note(&summary_name(rule)).await?;
    Ok(note.and_then(|note| Some((json::typed(&note.text).ok()?, note.version))))
}

/// Why the last sweep of a rule has not come to its end, if it has not.
///
/// # Errors
/// The notes cannot be read.
pub(crate) async fn trouble(notes: &dyn Notes, rule: &str) -> Result<Option<String>, LedgerError> {
    super::progress::trouble(notes, rule).await
}

impl Summary {
    /// How many chunks of exceptions there are for [`Summary::exceptions`].
    pub(crate) fn chunks(&self) -> u32 {
        self.findings
    }

    /// One chunk of the exceptions.
    ///
    /// # Errors
    /// They cannot be read, in words.
    pub(crate) async fn exceptions(&self, notes: &dyn Notes, rule: &str, chunk: u32) -> Result<Vec<Line>, String> {
        let lines = read_chunk(notes, rule, &self.run, "findings", chunk).await.map_err(|stop| stop.reason())?;
        lines.iter().map(|line| json::typed(line).map_err(|error| error.to_string())).collect()
    }

    /// All resources of the rule.
    ///
    /// # Errors
    /// They cannot be read, in words.
    pub(crate) async fn register(&self, notes: &dyn Notes, rule: &str) -> Result<Vec<Resource>, String> {
        let mut all = Vec::new();
        let resource = |line: &str| {
            all.push(json::typed(line).ok()?);
            Some(())
        };
        let read = each_line(notes, (rule, &self.run), "register", self.register, resource);
        read.await.map_err(|stop| stop.reason())?;
        Ok(all)
    }
}

impl Sweep<'_> {
    /// When each destination was first swept to the end; now, if this is the first time. It is kept by the places alone, so that neither
    /// another name nor another selection makes what exists historic once more.
    pub(super) async fn first_sweeps(&self) -> Result<Vec<Timestamp>, Stop> {
        let mut since = Vec::new();
        for destination in &self.rule.destinations {
            let note = self.ctx.ports.notes.note(&self.since_name(destination)).await?;
            since.push(note.and_then(|note| note.text.parse().ok()).unwrap_or(self.course.begun));
        }
        Ok(since)
    }

    /// Notes for each resource what came after its newest copy, and which backup waits longest: only now are all copies known. A backlog
    /// does not wait.
    async fn compare(&mut self) -> Result<(), Stop> {
        let (notes, register) = (&*self.ctx.ports.notes, &mut self.register);
        let destinations = &self.rule.destinations;
        let (since, begun, mut oldest) = (&self.since, self.course.begun, None::<Timestamp>);
        let (objective, now) = (self.rule.effective(), self.ctx.now());
        let history = objective.is_some_and(|objective| objective.history);
        let due = |made| objective.is_some_and(|objective| later(made, objective.max_lag) < now);
        let except = |line: &str| {
            let line: Line = json::typed(line).ok()?;
            let at = destinations.iter().position(|destination| place(destination) == line.destination)?;
            let forgiven = line.is_historic(since.get(at).copied()) && !history && !line.is_for_a_person();
            let backlog = forgiven && register.has_copy(&line, at, line.created_at);
            if line.verdict.is_late() && !backlog {
                let made = line.created_at.unwrap_or(begun);
                oldest = Some(oldest.map_or(made, |oldest| oldest.min(made)));
            }
            register.except(&line, at, due);
            Some(())
        };
        each_line(notes, (&self.rule.name, &self.course.run), "findings", self.course.findings, except).await?;
        self.course.oldest = oldest;
        Ok(())
    }

    fn since_name(&self, destination: &Destination) -> String {
        format!("since/{}", self.rule.scope_hash(destination, &self.ctx.settings.defaults))
    }

    /// Puts the summary in force, and drops what only the course needed.
    pub(super) async fn publish(&mut self) -> Result<Summary, Stop> {
        self.flush().await?;
        if self.since.len() != self.rule.destinations.len() {
            self.since = self.first_sweeps().await?;
        }
        self.compare().await?;
        self.write_findings().await?;
        let notes = &*self.ctx.ports.notes;
        let before = read(notes, &self.rule.name).await?;
        let version = match &before {
            Some((_, version)) => *version,
            None => notes.note(&summary_name(&self.rule.name)).await?.map_or(0, |note| note.version),
        };
        let before = before.map(|(before, _)| before);
        let orphans_known = self.pair.is_none() && self.rule.source.select.max_age.is_none();
        let mut orphans = Vec::new();
        let mut orphans_total = 0;
        for (index, destination) in self.indexes.iter().zip(&self.rule.destinations).filter(|_| orphans_known) {
            for (id, made) in index.orphans() {
                orphans_total += 1;
                if orphans.len() < ORPHANS {
                    orphans.push(Orphan {
                        copy_id: id.to_owned(),
                        region: destination.region.clone(),
                        name: None,
                        source_id: None,
                        created_at: made,
                        size_gib: None,
                    });
                }
            }
        }
        let course = &self.course;
        let now = self.ctx.now();
        let lag = course.oldest.and_then(|oldest| seconds(oldest, course.begun)).unwrap_or(0);
        let mut points = before.as_ref().map(|before| before.points.clone()).unwrap_or_default();
        points.push(Point {
            at: course.begun,
            lag_seconds: lag,
            covered: course.counts.covered,
            replicated: course.counts.replicated,
            uncopied: unreplicated(&course.counts),
        });
        let points = points.split_off(points.len().saturating_sub(POINTS));
        let mut summary = Summary {
            rule_hash: course.rule_hash.clone(),
            complete_as_of: course.begun,
            finished_at: now,
            counts: course.counts,
            volumes: course.volumes.clone(),
            inferred: course.inferred,
            orphans,
            orphans_total,
            due: course.due,
            orphans_known,
            requests: course.requests,
            points,
            run: course.run.clone(),
            findings: course.findings,
            register: course.register,
            dark: course.dark.clone(),
            unlisted: course.unlisted.clone(),
            not_covered: course.not_covered.clone(),
            mass_loss: course.mass_loss.clone(),
            since: self.since.clone(),
            own: course.own,
            listed: listed(&course.dark, before.as_ref(), course.begun),
        };
        let text = serde_json::to_string(&summary).map_err(|error| Stop::Failed(error.to_string()))?;
        if !notes.put_note(&summary_name(&self.rule.name), &text, version).await? {
            return Err(Stop::Busy(now));
        }
        self.tell_mass_losses(&mut summary, version + 1).await?;
        for (at, destination) in self.rule.destinations.iter().enumerate() {
            // Another rule of the same places may have been first.
            if course.dark.get(at).is_some_and(Option::is_none) {
                notes.put_note(&self.since_name(destination), &course.begun.to_string(), 0).await?;
            }
        }
        // From here on the sweep counts as complete. Notes that are not dropped cost a little room and nothing else.
        let tidy = async {
            drop_chunks(notes, &self.rule.name, course, false).await?;
            if let Some(before) = before {
                drop_chunks(
                    notes,
                    &self.rule.name,
                    &SweepProgress::of_summary(&before.run, before.findings, before.register, before.finished_at),
                    true,
                )
                .await?;
            }
            notes.drop_note(&name_of(&self.rule.name)).await
        };
        if let Err(error) = tidy.await {
            tracing::warn!(rule = self.rule.name, %error, "what the sweep needed underway is not removed");
        }
        Ok(summary)
    }
}

pub(super) fn summary_name(rule: &str) -> String {
    format!("summary/{rule}")
}

/// When each destination was last listed completely.
fn listed(dark: &[Option<String>], before: Option<&Summary>, now: Timestamp) -> Vec<Option<Timestamp>> {
    let known = |at: usize| before.and_then(|before| before.listed.get(at).copied().flatten());
    dark.iter().enumerate().map(|(at, dark)| if dark.is_none() { Some(now) } else { known(at) }).collect()
}
