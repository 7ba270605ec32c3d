//! `offsite policy check --live`: what each rule covers now, and what its first sweep would copy, where to, and in what time.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use offsite_shared::context::{Context, Invocation};
use offsite_shared::handler::handle;
use offsite_shared::io::clock::SystemClock;
use offsite_shared::model::time::later;
use offsite_shared::policy::{Policy, Rule, duration_text};
use offsite_shared::ports::Clock;
use offsite_shared::report::RuleReport;
use offsite_shared::report::reading::{self, ReportRequest};
use offsite_shared::settings::environment::Environment;
use offsite_shared::sweep::summary;
use offsite_shared::sweep::verdict::Verdict;
use serde_json::{Value, json};

use super::progress::Progress;
use super::show;
use crate::home;
use crate::report::Reader;

/// What to do about a rule that covers so many, where it says so.
type Advice = fn(&Rule, u64) -> Option<String>;

/// What a first sweep would copy to one destination.
struct Wanted {
    destination: String,
    copies: u64,
    gib: u64,
    without_size: u64,
    at_most: bool,
    oldest: Option<Timestamp>,
}

/// How long a rule's copies take to start, by the limits that we hold ourselves to. How fast the cloud makes them nobody tells.
struct Pace {
    calls: u64,
    /// 0: as fast as they are answered.
    calls_per_second: u32,
    limit: Option<u32>,
}

/// Tells what each rule covers now, and what its first sweep would start. True when every rule could be read.
pub(super) async fn write(
    policy: Arc<Policy>,
    environment: &Environment,
    (json, advice): (bool, Advice),
    reader: &Reader,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let mut context = home::read_only(environment, &home::Reading::of(Some(policy.clone())))?;
    let age = Duration::from_secs(86_400);
    let invocation = Invocation { id: "policy".into(), deadline: later(SystemClock.now(), age) };
    let progress = Progress::of(&mut context);
    let payload = json!({ "action": "sweep" });
    let answer = progress.during("reading the clouds", None, handle(&context, &payload, &invocation)).await?;
    let wish = ReportRequest {
        at: SystemClock.now(),
        max_age: age,
        rule: None,
        live: true,
        lines: usize::MAX,
        defaults: context.settings.defaults.clone(),
    };
    let report = reading::read(&*context.ports.ledger, &*context.ports.notes, Some(&policy), &wish).await?;
    let mut well = true;
    for (rule, told) in policy.rules.iter().zip(&report.rules) {
        let swept = answer["swept"].as_array().into_iter().flatten().find(|one| one["rule"] == json!(rule.name));
        let Some((found, _)) = summary::read(&*context.ports.notes, &rule.name).await? else {
            well = false;
            let reason = swept.and_then(|one| one["reason"].as_str()).unwrap_or("it was not read");
            match json {
                true => writeln!(out, "{}", json!({ "rule": rule.name, "error": reason }))?,
                false => {
                    let told = format!("{}: cannot be told: {reason}", rule.name);
                    show::say(out, &told, 0, show::room())?;
                }
            }
            continue;
        };
        let wanted = wanted(told);
        let pace = Pace::of(&context, rule, found.due);
        match (json, advice(rule, told.counts.covered)) {
            (true, advice) => writeln!(out, "{}", as_json(told, found.due, &wanted, &pace, advice))?,
            (false, Some(advice)) => {
                let told = format!("{}: {advice}", rule.name);
                show::say(out, &told, 0, show::room())?;
            }
            (false, None) => write_text(rule, told, &wanted, &pace, reader, out)?,
        }
    }
    Ok(well)
}

impl Pace {
    fn of(context: &Context, rule: &Rule, due: u64) -> Pace {
        // A vault-wide call is one, whatever it copies.
        let calls = if rule.operation.source_field() == "vault_id" { due.min(1) } else { due };
        let calls_per_second = context.settings.requests_per_second(rule.operation.cloud());
        Pace { calls, calls_per_second, limit: rule.limits.max_new_per_sweep }
    }

    /// How many calls the first sweep makes.
    fn first(&self) -> u64 {
        self.limit.map_or(self.calls, |limit| self.calls.min(u64::from(limit)))
    }

    /// How many sweeps it takes; `None` where the limit lets none through.
    fn sweeps(&self) -> Option<u64> {
        match self.limit.map(u64::from) {
            Some(0) => None,
            Some(limit) => Some(self.calls.div_ceil(limit)),
            None => Some(self.calls.min(1)),
        }
    }

    /// The least time that the first sweep's calls take, in seconds.
    fn seconds(&self) -> Option<u64> {
        (self.calls_per_second > 0).then(|| self.first().div_ceil(u64::from(self.calls_per_second)))
    }

    /// A line on the time that its calls take, and one on the sweeps.
    fn lines(&self, rule: &Rule) -> Vec<String> {
        let cloud = rule.operation.cloud().name().to_ascii_uppercase();
        let mut parts = Vec::new();
        if let Some(seconds) = self.seconds() {
            let time = duration_text(Duration::from_secs(seconds));
            parts.push(format!(
                "at {} calls a second (OFFSITE_{cloud}_RPS) its calls take {time} at least",
                self.calls_per_second
            ));
        }
        match (self.limit, self.sweeps()) {
            (Some(_), None) => parts.push("limits.max_new_per_sweep is 0, so nothing is started".to_owned()),
            (Some(limit), Some(sweeps)) if sweeps > 1 => {
                parts.push(format!("at {limit} a sweep (limits.max_new_per_sweep) all of it takes {sweeps} sweeps"));
            }
            _ => {}
        }
        parts
    }
}

/// What has no copy and nothing in its way, by destination.
fn wanted(rule: &RuleReport) -> Vec<Wanted> {
    let each = rule.destinations.iter().map(|destination| {
        let mine = || {
            rule.exceptions.iter().filter(|line| line.verdict == Verdict::Missing && line.destination == *destination)
        };
        Wanted {
            destination: destination.clone(),
            copies: mine().count() as u64,
            gib: mine().filter_map(|line| line.size_gib).map(|gib| u64::from(gib.get())).sum(),
            without_size: mine().filter(|line| line.size_gib.is_none()).count() as u64,
            at_most: rule.volumes.iter().any(|one| one.at_most),
            oldest: mine().filter_map(|line| line.created_at).min(),
        }
    });
    each.collect()
}

fn as_json(told: &RuleReport, due: u64, wanted: &[Wanted], pace: &Pace, advice: Option<String>) -> Value {
    let each = wanted.iter().map(|one| {
        json!({
            "destination": one.destination, "copies": one.copies, "gib": one.gib, "at_most": one.at_most,
            "unsized": one.without_size, "oldest": one.oldest.map(|at| at.to_string()),
        })
    });
    let mut line = json!({
        "rule": told.rule, "counts": told.counts, "due": due, "would_start": pace.first(),
        "would_copy": each.collect::<Vec<_>>(), "calls_per_second": pace.calls_per_second,
        "seconds": pace.seconds(), "sweeps": pace.sweeps(),
    });
    if let Some(advice) = advice {
        line["advice"] = json!(advice);
    }
    line
}

fn write_text(
    rule: &Rule,
    told: &RuleReport,
    wanted: &[Wanted],
    pace: &Pace,
    reader: &Reader,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let counts = told.counts;
    let parts = [
        (counts.replicated, "replicated"),
        (counts.in_progress, "in progress"),
        (counts.missing, "missing"),
        (counts.not_ready, "not ready"),
        (counts.ineligible, "ineligible"),
        (counts.failed, "failed"),
    ];
    let parts: Vec<String> =
        parts.into_iter().filter(|(many, _)| *many > 0).map(|(many, what)| format!("{many} {what}")).collect();
    let colon = if parts.is_empty() { "" } else { ": " };
    let mut say = |indent, text: &str| show::say(out, text, indent, show::room());
    say(0, &format!("{}: covers {} now{colon}{}", rule.name, counts.covered, parts.join(", ")))?;
    let calls = if pace.first() == 1 { "1 call".to_owned() } else { format!("{} calls", pace.first()) };
    say(2, &format!("its first sweep would make {calls}, if the provider refuses none"))?;
    for one in wanted.iter().filter(|one| one.copies > 0) {
        let copies = if one.copies == 1 { "1 copy".to_owned() } else { format!("{} copies", one.copies) };
        let at_most = if one.at_most { "up to " } else { "" };
        let unknown = match one.without_size {
            0 => String::new(),
            many => format!(" and {many} of unknown size"),
        };
        let oldest =
            one.oldest.map_or(String::new(), |at| format!("; the oldest backup was made {}", reader.moment(at)));
        say(2, &format!("to {}: {copies}, {at_most}{} GiB{unknown}{oldest}", one.destination, one.gib))?;
    }
    let lines = if pace.calls == 0 { Vec::new() } else { pace.lines(rule) };
    lines.iter().try_for_each(|line| say(2, line))
}
