//! Starting what is due: newest first, round the resources, by this function itself or by others through the work queue.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::budget;
use super::due::{Due, Gate};
use super::state::Sweep;
use super::stop::Stop;
use super::verdict::Verdict;
use crate::context::{Context, Invocation};
use crate::exchange::{brake, pace};
use crate::ledger::store::Expect;
use crate::ledger::{Record, State};
use crate::model::command::{Command, Operation, Replication};
use crate::model::error::ErrorName;
use crate::model::failure::Whose;
use crate::model::order;
use crate::model::text::one_line;
use crate::model::time::later;
use crate::ports::Boxed;
use crate::providers::provider::Provider;
use crate::replicate::outcome::{Outcome, ReplicationResult, TroubleState};
use crate::replicate::{self, Known, log_result, update};

/// How long a command that was handed over is not sent again, so that a work queue that is behind does not fill with repetitions.
const HANDED_OVER_FOR: Duration = Duration::from_secs(900);

/// Whether something may be started now.
enum Turn {
    Now,
    /// Another copy is being tried for the same cause.
    Wait,
    /// The cause goes on.
    Closed {
        code: String,
        shown_by: String,
    },
}

/// Starts one replication by the path of every command, and logs what became of it.
pub(super) async fn start(
    ctx: &Context,
    provider: &dyn Provider,
    replication: Replication,
    known: Known<'_>,
    invocation: &Invocation,
) -> Outcome {
    let outcome = replicate::run_knowing(ctx, provider, &replication, known, invocation).await;
    let result = ReplicationResult { replication: Some(replication), outcome };
    log_result(&invocation.id, &result);
    result.outcome
}

impl Sweep<'_> {
    /// Starts what is due, within the limits, and counts each with what came of it.
    pub(super) async fn starts(&mut self) -> Result<(), Stop> {
        self.hands |= replicate::hands::are_seen(self.ctx, &self.rule.name).await?;
        self.order();
        self.read_brake().await?;
        if self.is_dry_run() {
            for due in self.due.take_all() {
                self.course.left += u64::from(!due.doubt);
                self.found(due.line);
            }
            return Ok(());
        }
        self.read_gates().await?;
        self.may_start = budget::of_sweep(self.ctx, self.rule, &self.course.run).await?;
        let ended = if self.ctx.ports.work_queue.is_some() { self.hand_over().await } else { self.run_here().await };
        // What is left of the limit is the looks' until the next sweep begins.
        budget::used_by_sweep(self.ctx, self.rule, &self.course.run, self.course.started).await?;
        ended?;
        for due in self.due.take_all() {
            self.course.left += 1;
            self.found(due.line);
        }
        Ok(())
    }

    /// Puts what is due in order: doubts first, then for each resource its newest backup, then the second newest, and so on. A resource that
    /// has a copy waits for those that have none.
    fn order(&mut self) {
        let mut due = self.due.take_all();
        order::by_key(&mut due, |one| std::cmp::Reverse(one.line.created_at));
        let mut rounds: HashMap<(usize, String), usize> = HashMap::new();
        let mut ordered: Vec<(bool, usize, Due)> = Vec::with_capacity(due.len());
        for one in due {
            let resource = one.line.resource_id().to_owned();
            let has_one = usize::from(self.register.has_copy(&one.line, one.at, None));
            let round = rounds.entry((one.at, resource)).or_insert(has_one);
            ordered.push((!one.doubt, *round, one));
            *round += 1;
        }
        // The sort is stable: within a round the newest stay first.
        order::by_key(&mut ordered, |(sure, round, _)| (*sure, *round));
        self.due = ordered.into_iter().map(|(_, _, due)| due).collect();
    }

    fn turn(&mut self, due: &Due) -> Turn {
        if due.doubt {
            return Turn::Now;
        }
        let mut wait = false;
        for ((_, code), gate) in self.gates.range((due.at, String::new())..).take_while(|((at, _), _)| *at == due.at) {
            let own = due.gate.as_ref() == Some(code);
            match gate {
                Gate::Closed(shown_by) => return Turn::Closed { code: code.clone(), shown_by: shown_by.clone() },
                Gate::Trying => wait = true,
                // What never was refused goes after the trial of what was.
                Gate::Untried => wait |= !own,
                Gate::Open | Gate::Counting(_) => {}
            }
        }
        if wait {
            return Turn::Wait;
        }
        if let Some(code) = &due.gate
            && let Some(gate @ Gate::Untried) = self.gates.get_mut(&(due.at, code.clone()))
        {
            *gate = Gate::Trying;
        }
        Turn::Now
    }

    /// Starts replications in this function by the path of every command, several at once in each destination.
    async fn run_here(&mut self) -> Result<(), Stop> {
        let (ctx, provider) = (self.ctx, self.provider);
        let limit = self.limit();
        let mut runs: FuturesUnordered<Boxed<'_, (Due, Outcome)>> = FuturesUnordered::new();
        loop {
            let mut waiting = Vec::new();
            let mut late;
            let mut busy = vec![0; self.rule.destinations.len()];
            for due in &self.running {
                if let Some(busy) = busy.get_mut(due.at) {
                    *busy += 1;
                }
            }
            loop {
                late = ctx.is_over(self.invocation);
                let begun = self.running.iter().filter(|due| !due.doubt).count() as u64;
                let full = self.no_more || self.course.started + begun >= limit;
                let may = |at: usize| !late && busy.get(at).is_some_and(|busy| *busy < self.at_once);
                let Some((place, due)) = self.due.take(may) else { break };
                if full && !due.doubt {
                    // In each lane doubts go first, so nothing that may go on follows.
                    waiting.push((place, due));
                    if let Some(busy) = busy.get_mut(waiting.last().map_or(0, |(_, due)| due.at)) {
                        *busy = usize::MAX;
                    }
                    continue;
                }
                match self.turn(&due) {
                    Turn::Wait => waiting.push((place, due)),
                    Turn::Closed { code, shown_by } => self.wait_for(due, &code, &shown_by),
                    Turn::Now => {
                        let Some(replication) = self.replication(due.at, &due.line.backup_id) else { continue };
                        self.running.push(due.clone());
                        if let Some(busy) = busy.get_mut(due.at) {
                            *busy += 1;
                        }
                        let invocation = self.soon();
                        let hands = self.hands;
                        runs.push(Box::pin(async move {
                            let known = due.absent.as_ref().filter(|_| !hands).map_or(Known::Nothing, Known::Listed);
                            let outcome = start(ctx, provider, replication, known, &invocation).await;
                            (due, outcome)
                        }));
                    }
                }
            }
            while let Some(due) = waiting.pop() {
                self.due.put_back(due);
            }
            let Some((due, outcome)) = runs.next().await else {
                return if late && !self.due.is_empty() { Err(Stop::Time) } else { Ok(()) };
            };
            let (at, backup) = (due.at, due.line.backup_id.clone());
            self.became(due, outcome).await?;
            // Taken off only now: what cannot be counted is looked at again when the sweep goes on.
            self.running.retain(|one| one.at != at || one.line.backup_id != backup);
            if !ctx.is_over(self.invocation) {
                self.tick().await?;
            }
        }
    }

    /// Counts one copy with what came of its start.
    async fn became(&mut self, due: Due, outcome: Outcome) -> Result<(), Stop> {
        let Due { at, mut line, doubt, gate, .. } = due;
        // A doubt that ends with a new call counts for the queue only.
        self.course.started += if doubt { 0 } else { outcome.started() };
        match outcome {
            Outcome::Accepted { replayed, receipts, .. } => {
                self.hands |= !doubt && !replayed && receipts.iter().any(|receipt| receipt.adopted);
                self.passed(at);
                // Only what was answered from the record can be further than accepted.
                let record = if replayed { self.record(at, &line.backup_id).await? } else { None };
                line.verdict = match record.map(|record| record.state) {
                    Some(State::Replicated) => Verdict::Replicated,
                    _ => Verdict::InProgress,
                };
                line.cause = None;
                line.reason = None;
            }
            Outcome::NoWork { .. } | Outcome::Would { .. } | Outcome::Noted { .. } => {}
            Outcome::Not(trouble) => {
                let code = trouble.code.clone().unwrap_or_else(|| "not started".to_owned());
                let verdict = match trouble.state {
                    TroubleState::Refused => Verdict::Refused,
                    TroubleState::Failed => Verdict::Failed,
                    TroubleState::InDoubt => Verdict::InDoubt,
                    TroubleState::Ineligible => Verdict::Ineligible,
                    TroubleState::Lost => Verdict::Lost,
                    TroubleState::Paused | TroubleState::NotStarted | TroubleState::Invalid => line.verdict,
                };
                // A credential that is refused is not tried for every other backup.
                self.no_more |= trouble.error.name == ErrorName::Paused
                    || (trouble.error.name == ErrorName::Rejected
                        && matches!(trouble.state, TroubleState::NotStarted | TroubleState::Invalid));
                if trouble.error.name == ErrorName::Configuration {
                    // A wrong setting stops all that goes there, and is recorded nowhere.
                    self.gates.insert((at, code.clone()), Gate::Closed(line.backup_id.clone()));
                }
                line.reason = Some(one_line(trouble.sentence()));
                line.verdict = verdict;
                if matches!(verdict, Verdict::Refused | Verdict::Ineligible) {
                    let record = self.record(at, &line.backup_id).await?;
                    let (last, whose) =
                        (record.as_ref().and_then(Record::last), record.as_ref().and_then(|one| one.whose));
                    line.cause =
                        last.and_then(|last| last.code.clone().or_else(|| last.note.clone())).or(Some(code.clone()));
                    line.reason = last.and_then(|last| last.note.as_deref().map(one_line)).or(line.reason);
                    if verdict == Verdict::Refused {
                        self.course.refused += 1;
                        self.refused_by(at, &code, whose.unwrap_or(Whose::Backup), &line.backup_id).await?;
                    } else {
                        self.passed(at);
                    }
                } else {
                    line.cause = Some(code);
                }
            }
        }
        if let Some(code) = gate {
            self.tried(at, &code);
        }
        self.found(line);
        Ok(())
    }

    /// Counts one copy that waits for a cause to end.
    fn wait_for(&mut self, due: Due, code: &str, shown_by: &str) {
        let mut line = due.line;
        self.course.refused += 1;
        line.verdict = Verdict::Refused;
        line.cause = Some(code.to_owned());
        line.reason =
            Some(format!("it waits until this ends, which the next sweep tries with one copy (shown by {shown_by})"));
        self.found(line);
    }

    /// Finds out whether a person has stopped this rule. What the sweep sees it records all the same.
    pub(super) async fn read_brake(&mut self) -> Result<(), Stop> {
        self.paused = match brake::on(self.ctx, self.provider.cloud(), Some(&self.rule.name)).await {
            Ok(found) => found.is_some(),
            Err(error) if error.is_transient() => return Err(error.into()),
            // A brake that nobody can read stops every start, and not the view of what there is.
            Err(_) => true,
        };
        Ok(())
    }

    pub(super) fn is_dry_run(&self) -> bool {
        self.paused || self.ctx.settings.read_only
    }

    /// Hands one command for each backup to the work queue, with the destinations that are due. What waits for a cause to end is tried here.
    async fn hand_over(&mut self) -> Result<(), Stop> {
        if self.due.iter().any(|due| due.gate.is_some()) {
            let (waiting, rest): (Vec<Due>, Vec<Due>) =
                self.due.take_all().into_iter().partition(|due| due.gate.is_some());
            self.due = waiting.into_iter().collect();
            self.run_here().await?;
            rest.into_iter().for_each(|due| self.due.push(due));
        }
        let limit = self.limit();
        let Some(queue) = &self.ctx.ports.work_queue else { return Ok(()) };
        let mut commands: Vec<(Command, Vec<Due>)> = Vec::new();
        let mut rest = Vec::new();
        for due in self.due.take_all() {
            if !due.doubt && self.course.started >= limit {
                rest.push(due);
                continue;
            }
            if let Turn::Closed { code, shown_by } = self.turn(&due) {
                self.wait_for(due, &code, &shown_by);
                continue;
            }
            let Some(replication) = self.replication(due.at, &due.line.backup_id) else { continue };
            self.course.started += u64::from(!due.doubt);
            match commands.iter_mut().rev().take(8).find(|(last, _)| last.source.id == due.line.backup_id) {
                Some((last, all)) => {
                    last.destinations.push(replication.destination);
                    all.push(due);
                }
                None => commands.push((replication.command(), vec![due])),
            }
        }
        let only: Vec<Command> = commands.iter().map(|(command, _)| command.clone()).collect();
        if only.is_empty() {
            self.due = rest.into_iter().collect();
            return Ok(());
        }
        // Those who work on the commands begin now, and what this process still asks for is little.
        pace::give_back(self.ctx, self.rule.operation.cloud(), &self.rule.account).await;
        let sent = queue.hand_over(&only).await;
        for ((command, all), outcome) in commands.into_iter().zip(sent) {
            match outcome {
                Ok(()) => {
                    self.course.handed_over += 1;
                    self.put_off(&all).await?;
                }
                Err(error) => {
                    let sure = all.iter().filter(|due| !due.doubt).count() as u64;
                    self.course.started = self.course.started.saturating_sub(sure);
                    tracing::error!(source = command.source.id, %error, "the work queue has not taken this command; the next sweep sends it again");
                }
            }
            for due in all {
                self.found(due.line);
            }
        }
        self.due = rest.into_iter().collect();
        Ok(())
    }

    /// Keeps the next sweeps from handing the same over again while the work queue has it.
    async fn put_off(&self, all: &[Due]) -> Result<(), Stop> {
        for due in all.iter().filter(|due| !due.doubt) {
            let Some(replication) = self.replication(due.at, &due.line.backup_id) else { continue };
            let until = later(self.ctx.now(), HANDED_OVER_FOR);
            let wait = |found: Option<&Record>| {
                let found = found.filter(|found| found.state == State::Seen).ok_or(())?;
                let mut next = found.clone();
                next.not_before = Some(until);
                next.version += 1;
                next.absent = due.absent.clone().filter(|_| !self.hands).map(|absent| absent.with(&next));
                Ok((next, Expect::Was { version: found.version, owner: found.owner.clone() }))
            };
            let known = self.ctx.ports.ledger.get(&replication.key()).await?;
            update::<()>(&*self.ctx.ports.ledger, known, wait).await?;
        }
        Ok(())
    }

    /// The replications of one backup, in the order of the rule's destinations. Where the rule's call is for a whole vault they are those of
    /// the backup all the same.
    pub(super) fn replications(&self, backup_id: &str) -> Vec<Replication> {
        let command = self.provider.complete(&self.rule.command_of(backup_id), &self.ctx.settings.defaults);
        let of_backup = |replication: Replication| match self.rule.operation {
            Operation::CopyCheckpoint => replication.of_backup(backup_id),
            _ => replication,
        };
        command.replications().into_iter().map(of_backup).collect()
    }

    /// The replication of one backup to one destination of the rule.
    pub(super) fn replication(&self, at: usize, backup_id: &str) -> Option<Replication> {
        self.replications(backup_id).into_iter().nth(at)
    }

    /// How many new copies this sweep may start.
    pub(super) fn limit(&self) -> u64 {
        self.may_start
    }

    async fn record(&self, at: usize, backup_id: &str) -> Result<Option<Record>, Stop> {
        let Some(replication) = self.replication(at, backup_id) else { return Ok(None) };
        Ok(self.ctx.ports.ledger.get(&replication.key()).await?)
    }
}
