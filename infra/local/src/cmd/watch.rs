//! `offsite watch`: looks, full sweeps, observation and the outbox on one machine, each on its own rhythm, until it is told to stop.

use std::io::Write;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use offsite_shared::context::{Context, Invocation};
use offsite_shared::handler::{drain, handle};
use offsite_shared::ledger::State;
use offsite_shared::ledger::store::RecordFilter;
use offsite_shared::model::error::Error;
use offsite_shared::model::time::later;
use offsite_shared::policy::{DURATION_WANTED, read_duration};
use offsite_shared::ports::Boxed;
use offsite_shared::settings::environment::Environment;
use offsite_shared::sweep::summary;
use serde_json::{Value, json};

use super::observe::under_way;
use super::stopping::{Told, finishing};
use crate::home;
use crate::terminal;

/// What the help says below the options.
pub const EXAMPLES: &str = "\
Examples:
  offsite watch                                   until Ctrl-C or SIGTERM: a look a minute, the rest on its own rhythm
  offsite watch --sweep-every 1h                  a full sweep an hour; what is new is still seen within a minute
  offsite watch --once                            everything that is due, once: for cron, once a minute

Exit codes:
  0  stopped as it was told, or with --once: all that could be looked at was
  1  it could not begin; or with --once something could not be looked at; or it was stopped twice before its work was finished
  2  the command line is wrong
  3  with --once: a copy was refused or is in doubt

Several may run at once, and beside `offsite sweep`: claims and leases are in the ledger, so each copy is started once.";

/// Options of `offsite watch`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct WatchArgs {
    /// How often to look at what is new
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = rhythm)]
    pub look_every: Duration,
    /// How often to list all backups and copies
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = rhythm)]
    pub sweep_every: Duration,
    /// How often to look at accepted copies in their destination
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = rhythm)]
    pub observe_every: Duration,
    /// How often to send receipts again that the queue did not take
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = rhythm)]
    pub outbox_every: Duration,
    /// Do all that is due once, and end: for cron
    #[arg(long)]
    pub once: bool,
}

/// Reads a rhythm: a duration from ten seconds to a day.
fn rhythm(text: &str) -> Result<Duration, String> {
    let duration = read_duration(text).ok_or_else(|| DURATION_WANTED.to_owned())?;
    match (10..=86_400).contains(&duration.as_secs()) {
        true => Ok(duration),
        false => Err("must be from 10s to 1d".to_owned()),
    }
}

/// What is done again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Look,
    Sweep,
    Observe,
    Outbox,
}

impl Job {
    const ALL: [Job; 4] = [Job::Look, Job::Sweep, Job::Observe, Job::Outbox];

    fn name(self) -> &'static str {
        match self {
            Job::Look => "look",
            Job::Sweep => "full sweep",
            Job::Observe => "observation",
            Job::Outbox => "outbox",
        }
    }

    /// How long it may take at a time. A full sweep goes on where it was, so that whoever stops waits for a minute at most.
    fn takes(self) -> Duration {
        match self {
            Job::Look | Job::Sweep | Job::Outbox => Duration::from_secs(60),
            Job::Observe => Duration::from_secs(120),
        }
    }

    fn every(self, args: &WatchArgs) -> Duration {
        match self {
            Job::Look => args.look_every,
            Job::Sweep => args.sweep_every,
            Job::Observe => args.observe_every,
            Job::Outbox => args.outbox_every,
        }
    }
}

/// How it ended, as an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As it should.
    Well,
    /// Something could not be looked at.
    NotAll,
    /// A copy was refused or is in doubt.
    Refused,
}

/// Watches until it is told to stop.
///
/// # Errors
/// There is no policy, or the ledger cannot be used, or it was stopped a second time before it had finished.
pub async fn run(
    args: &WatchArgs,
    environment: &Environment,
    mut told: Told,
    out: &mut impl Write,
) -> anyhow::Result<Ended> {
    let database = home::open(&home::database_path(environment), home::is_simulated(environment)).await?;
    let context = home::context(environment, &database)?;
    anyhow::ensure!(
        context.ports.policies.policy().await?.is_some(),
        "there is no policy to watch by: `offsite init` writes ./offsite.yaml to begin with; or set OFFSITE_POLICY"
    );
    match args.once {
        true => finishing(&context, &mut told, once(args, &context, out)).await?,
        false => watch(args, &context, told, out).await,
    }
}

/// Goes round until it is told to stop; then finishes what is under way and says what is left.
///
/// # Errors
/// It was told a second time before that.
pub async fn watch(args: &WatchArgs, context: &Context, mut told: Told, out: &mut impl Write) -> anyhow::Result<Ended> {
    say(context, out, "watching: stop with Ctrl-C or SIGTERM")?;
    let mut due: Vec<(Job, Timestamp)> = Job::ALL.into_iter().map(|job| (job, context.now())).collect();
    let mut running: FuturesUnordered<Boxed<'_, Worked>> = FuturesUnordered::new();
    while *told.borrow_and_update() == 0 {
        let now = context.now();
        for (job, at) in due.iter_mut().filter(|(_, at)| *at <= now) {
            running.push(Box::pin(work(context, *job)));
            // The next one is set when this one has ended.
            *at = Timestamp::MAX;
        }
        let next = due.iter().map(|(_, at)| *at).min().unwrap_or(now);
        let wait = Duration::try_from(next.duration_since(now)).unwrap_or_default().min(LONGEST);
        // While something runs, its end or its rhythm decides; a look that is due is never kept by a full sweep.
        tokio::select! {
            biased;
            changed = told.changed() => changed.context("nobody can stop this process any more")?,
            Some((job, begun, answer)) = running.next(), if !running.is_empty() => {
                tell(context, out, job, &answer)?;
                let again = if job == Job::Sweep && goes_on(&answer) { context.now() } else { later(begun, job.every(args)) };
                due.iter_mut().filter(|(one, _)| *one == job).for_each(|(_, at)| *at = again);
            }
            () = context.ports.clock.sleep(wait), if next < Timestamp::MAX => {}
        }
    }
    context.end_soon();
    say(
        context,
        out,
        &format!(
            "stopping: {} under way, which end within {} s; a second signal ends at once",
            running.len(),
            LAST.as_secs()
        ),
    )?;
    loop {
        tokio::select! {
            biased;
            ended = running.next() => match ended {
                Some((job, _, answer)) => tell(context, out, job, &answer)?,
                None => break,
            },
            _ = told.changed() => anyhow::bail!(
                "stopped before what was claimed was finished; its leases end by themselves, and whoever takes it up reads back first: run `offsite watch` or `offsite sweep` again"
            ),
        }
    }
    left(context, out, "stopped").await?;
    Ok(Ended::Well)
}

/// No sleep is longer, so that a clock that was moved is noticed.
const LONGEST: Duration = Duration::from_secs(60);

/// The longest that a job may still take after the signal.
const LAST: Duration = Duration::from_secs(120);

/// Whether a full sweep has only come to the end of its time.
fn goes_on(answer: &Result<Value, Error>) -> bool {
    let swept = answer.as_ref().ok().and_then(|answer| answer["swept"].as_array());
    swept.is_some_and(|swept| {
        let ended = |one: &Value| {
            one["complete_as_of"].is_string() || one["failed"] == json!(true) || one.get("began").is_none()
        };
        !swept.iter().all(ended)
    })
}

/// A job that was done: which, when it began, and its answer.
type Worked = (Job, Timestamp, Result<Value, Error>);

/// Does one job.
async fn work(context: &Context, job: Job) -> Worked {
    let begun = context.now();
    let invocation = Invocation { id: "watch".into(), deadline: later(begun, job.takes()) };
    let answer = match job {
        Job::Look => handle(context, &json!({ "action": "sweep", "depth": "recent" }), &invocation).await,
        Job::Sweep => handle(context, &json!({ "action": "sweep" }), &invocation).await,
        Job::Observe => handle(context, &json!({ "action": "observe" }), &invocation).await,
        Job::Outbox => drain(context, &invocation).await,
    };
    (job, begun, answer)
}

/// Does all that is due, once, one after the other: protection first.
async fn once(args: &WatchArgs, context: &Context, out: &mut impl Write) -> anyhow::Result<Ended> {
    let mut ended = Ended::Well;
    let mut jobs = vec![Job::Look];
    if sweep_is_due(args, context).await? {
        jobs.push(Job::Sweep);
    }
    jobs.extend([Job::Observe, Job::Outbox]);
    for job in jobs {
        loop {
            let (_, _, answer) = work(context, job).await;
            tell(context, out, job, &answer)?;
            ended = worse(ended, judged(&answer));
            if job != Job::Sweep || !goes_on(&answer) {
                break;
            }
        }
    }
    left(context, out, "done").await?;
    Ok(ended)
}

/// Whether a rule was not swept for so long, or never.
async fn sweep_is_due(args: &WatchArgs, context: &Context) -> anyhow::Result<bool> {
    let Some(policy) = context.ports.policies.policy().await? else { return Ok(false) };
    for rule in &policy.rules {
        let last = summary::read(&*context.ports.notes, &rule.name).await?.map(|(summary, _)| summary.complete_as_of);
        if last.is_none_or(|last| later(last, args.sweep_every) <= context.now()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn worse(one: Ended, other: Ended) -> Ended {
    match (one, other) {
        (Ended::Refused, _) | (_, Ended::Refused) => Ended::Refused,
        (Ended::NotAll, _) | (_, Ended::NotAll) => Ended::NotAll,
        _ => Ended::Well,
    }
}

fn judged(answer: &Result<Value, Error>) -> Ended {
    let Ok(answer) = answer else { return Ended::NotAll };
    let parts = || ["looked", "swept"].into_iter().filter_map(|name| answer[name].as_array()).flatten();
    let some = |part: &Value, name: &str| part[name].as_u64().is_some_and(|count| count > 0);
    let refused = |part: &Value| some(part, "refused") || some(part, "in_doubt") || some(&part["counts"], "in_doubt");
    match parts().any(refused) {
        true => Ended::Refused,
        // A sweep whose time was over goes on, and a look that is busy is somebody's.
        false
            if parts().all(|part| {
                part["complete"] == json!(true) || part["state"] == json!("busy") || is_under_way(part)
            }) =>
        {
            Ended::Well
        }
        false => Ended::NotAll,
    }
}

fn is_under_way(part: &Value) -> bool {
    part.get("began").is_some() && part["failed"] != json!(true)
}

/// One line for what a job came to, if there is something to tell.
fn tell(context: &Context, out: &mut impl Write, job: Job, answer: &Result<Value, Error>) -> anyhow::Result<()> {
    match answer {
        Err(error) => say(context, out, &format!("{}: {}; it is done again", job.name(), error.message)),
        Ok(answer) => {
            for line in words(job, answer) {
                say(context, out, &line)?;
            }
            Ok(())
        }
    }
}

/// What an answer says, in words. A look at which nothing happened says nothing.
fn words(job: Job, answer: &Value) -> Vec<String> {
    let counted = |part: &Value, names: &[(&str, &str)]| {
        let told = names.iter().filter_map(|(name, words)| {
            let count = part[*name].as_u64().filter(|count| *count > 0)?;
            Some(format!("{count} {words}"))
        });
        told.collect::<Vec<_>>().join(", ")
    };
    let text = |part: &Value, name: &str| part[name].as_str().unwrap_or_default().to_owned();
    let (mut lines, name) = (Vec::new(), job.name());
    for part in answer["looked"].as_array().into_iter().flatten() {
        let place = format!("{} {}", text(part, "provider"), text(part, "region"));
        let what = counted(
            part,
            &[
                ("started", "started"),
                ("adopted", "found and taken over"),
                ("refused", "refused"),
                ("in_doubt", "in doubt"),
                ("left", "left to the full sweep"),
            ],
        );
        let waiting = counted(part, &[("pending", "not finished yet")]);
        match (part["complete"] == json!(true), what.is_empty()) {
            (true, true) => {}
            (true, false) => {
                let waiting = if waiting.is_empty() { String::new() } else { format!("; {waiting}") };
                lines.push(format!("{name} at {place}: {what}{waiting}"));
            }
            (false, _) => lines.push(format!(
                "{name} at {place}: {}{}",
                text(part, "reason"),
                if what.is_empty() { String::new() } else { format!(" ({what})") }
            )),
        }
    }
    for part in answer["swept"].as_array().into_iter().flatten() {
        let what =
            counted(part, &[("started", "started"), ("refused", "refused"), ("left", "left for the next sweep")]);
        let what = if what.is_empty() { "nothing to start".to_owned() } else { what };
        let rule = text(part, "rule");
        match part["complete"] == json!(true) {
            true => lines.push(format!("{name} of {rule}: {what}")),
            false => lines.push(format!("{name} of {rule}: {what}; {}", not_complete(part))),
        }
    }
    let seen = counted(
        &answer["observed"],
        &[("replicated", "arrived"), ("failed", "failed"), ("lost", "lost"), ("unanswered", "not answered")],
    );
    if !seen.is_empty() {
        lines.push(format!("{name}: {seen}"));
    }
    let sent =
        counted(&answer["outbox"], &[("drained", "receipts sent that had waited"), ("left", "receipts still wait")]);
    if !sent.is_empty() {
        lines.push(format!("outbox: {sent}"));
    }
    lines
}

fn not_complete(part: &Value) -> String {
    match (part["reason"].as_str(), part["not_seen"].as_object()) {
        (Some(reason), _) => reason.to_owned(),
        (None, Some(not_seen)) => {
            let told: Vec<String> =
                not_seen.iter().map(|(place, why)| format!("{place}: {}", why.as_str().unwrap_or_default())).collect();
            format!("not seen: {}", told.join("; "))
        }
        (None, None) => "it did not come to its end".to_owned(),
    }
}

/// Says what is left, from the ledger.
async fn left(context: &Context, out: &mut impl Write, ended: &str) -> anyhow::Result<()> {
    let of = |filter: RecordFilter| async move {
        let mut count = 0_usize;
        home::each_page(&*context.ports.ledger, &filter, |page| {
            count += page.records.len();
            Ok(())
        })
        .await
        .map(|()| count)
    };
    let in_state = |state: State| RecordFilter { state: Some(state.name().to_owned()), ..RecordFilter::default() };
    let claimed = of(in_state(State::Claimed)).await?;
    let doubts = of(in_state(State::InDoubt)).await?;
    let waiting = of(RecordFilter { outbox: true, ..RecordFilter::default() }).await?;
    let (copies, _) = under_way(context).await?;
    say(
        context,
        out,
        &format!(
            "{ended}: {claimed} claimed, {doubts} in doubt, {copies} copies under way in the clouds, {waiting} receipts not sent; the next start goes on from here"
        ),
    )
}

/// A line with the time.
fn say(context: &Context, out: &mut impl Write, line: &str) -> anyhow::Result<()> {
    write!(out, "{}", terminal::timed(context.now(), line)).context("standard error cannot be written")?;
    out.flush().context("standard error cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rhythm_is_a_duration_that_makes_sense() {
        assert_eq!(rhythm("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(rhythm("1d"), Ok(Duration::from_secs(86_400)));
        assert!(rhythm("5s").is_err() && rhythm("2d").is_err() && rhythm("often").is_err());
    }

    #[test]
    fn an_answer_is_told_in_words_and_an_idle_look_says_nothing() {
        let look = |part: Value| words(Job::Look, &json!({ "looked": [part] }));
        let quiet =
            json!({ "provider": "tencent", "region": "ap-guangzhou", "complete": true, "started": 0, "pending": 3 });
        assert!(look(quiet).is_empty());
        let busy = json!({ "provider": "tencent", "region": "ap-guangzhou", "complete": true, "started": 2, "left": 1, "pending": 3 });
        assert_eq!(
            look(busy),
            ["look at tencent ap-guangzhou: 2 started, 1 left to the full sweep; 3 not finished yet"]
        );
        let dark = json!({ "provider": "huawei", "region": "cn-north-4", "complete": false, "reason": "no answer" });
        assert_eq!(look(dark), ["look at huawei cn-north-4: no answer"]);
        let swept = json!({ "swept": [{ "rule": "web", "complete": true, "started": 0 }], "outbox": { "drained": 2, "left": 0 } });
        assert_eq!(
            words(Job::Sweep, &swept),
            ["full sweep of web: nothing to start", "outbox: 2 receipts sent that had waited"]
        );
    }

    #[test]
    fn a_refusal_is_worse_than_what_could_not_be_seen() {
        let dark = Ok(json!({ "looked": [{ "complete": false, "state": "failed" }] }));
        assert_eq!(judged(&dark), Ended::NotAll);
        let refused = Ok(json!({ "swept": [{ "complete": true, "refused": 1 }] }));
        assert_eq!(worse(judged(&dark), judged(&refused)), Ended::Refused);
        let elsewhere = Ok(json!({ "looked": [{ "complete": false, "state": "busy" }] }));
        assert_eq!(judged(&elsewhere), Ended::Well);
    }

    #[test]
    fn only_a_sweep_whose_time_was_over_goes_on_at_once() {
        let of = |part: Value| goes_on(&Ok(json!({ "swept": [part] })));
        assert!(of(json!({ "complete": false, "began": "2026-11-21T08:00:00Z" })));
        assert!(!of(json!({ "complete": false, "began": "2026-11-21T08:00:00Z", "failed": true })));
        assert!(!of(json!({ "complete": true, "complete_as_of": "2026-11-21T08:00:00Z" })));
        // Another one is at it.
        assert!(!of(json!({ "complete": false })));
    }
}
