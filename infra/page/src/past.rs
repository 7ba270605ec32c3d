//! What was known on a day that has passed, for a terminal.

use jiff::civil::Date;
use offsite_shared::model::text::exact;
use offsite_shared::report::memory::{Remembered, Unprotected};
use offsite_shared::report::{Conclusion, Day};
use serde::Serialize;

use super::resources::{self, STATES};
use super::table::{BOLD, colour};
use super::text::Text;
use super::words::{self, duration, minute, number};

/// What is remembered of a day.
#[derive(Debug, Serialize)]
pub struct Past {
    /// The day, in UTC.
    pub day: Date,
    /// What the last complete sweeps of that day come to together.
    pub conclusion: Conclusion,
    /// What must be said of it as a whole.
    pub remarks: Vec<String>,
    /// One for each rule that is remembered for that day.
    pub rules: Vec<PastRule>,
}

/// One rule on that day.
#[derive(Debug, Serialize)]
pub struct PastRule {
    /// The rule's name.
    pub rule: String,
    /// What is remembered.
    #[serde(flatten)]
    pub remembered: Remembered,
}

/// The day as text of at most `width` columns with ANSI colours.
pub fn past_table(past: &Past, width: usize) -> String {
    let mut out = Text::of(width);
    out.styled(BOLD, &format!("Offsite report of {}: what was known then", past.day));
    let mut head = words::conclusion(past.conclusion).to_owned();
    if let Some(first) = head.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    out.styled(colour(past.conclusion), &head);
    for remark in &past.remarks {
        out.say(0, &format!("Note: {remark}"));
    }
    for rule in &past.rules {
        out.blank();
        of_rule(&mut out, rule);
    }
    out.out
}

fn of_rule(out: &mut Text, PastRule { rule, remembered }: &PastRule) {
    let Some(last) = &remembered.last else {
        out.styled(BOLD, &format!("{rule}: nobody looked"));
        out.say(2, &format!("no complete sweep of it ended on this day{}", minutes(&remembered.day)));
        return;
    };
    out.styled(BOLD, &format!("{rule}: {}", words::conclusion(last.conclusion)));
    out.say(
        2,
        &format!(
            "by the last complete sweep of the day: complete as of {} UTC, judged {} UTC",
            minute(last.complete_as_of),
            minute(last.at)
        ),
    );
    let worst = remembered.day.conclusion.unwrap_or(last.conclusion);
    out.say(2, &format!("the worst of the day: {}{}", words::conclusion(worst), minutes(&remembered.day)));
    let states = STATES.iter().map(|state| (resources::count(&last.resources, *state), resources::state(*state).0));
    out.say(2, &format!("resources: {}", counted(states, "none")));
    let verdicts = words::ORDER.iter().map(|verdict| (last.counts[*verdict], words::figure(*verdict).label));
    out.say(2, &format!("backups: {} covered: {}", number(last.counts.covered), counted(verdicts, "none")));
    out.say(2, &format!("gaps {}; backlog {}", number(last.gaps), number(last.backlog)));
    for line in &remembered.unprotected {
        out.say(4, &named(line));
    }
    let red = last.resources.unprotected + last.resources.stale;
    let more = red.saturating_sub(remembered.unprotected.len() as u64);
    if more > 0 {
        out.say(4, &format!("and {} more, whose names are not kept", number(more)));
    }
}

fn named(line: &Unprotected) -> String {
    let since = line.since.map(|since| format!(", since {} UTC", minute(since))).unwrap_or_default();
    let (what, whose) = resources::fault(line.fault);
    let state = resources::state(line.state).0;
    format!("{} in {}: {state}{since}: {what} ({}), {whose}", exact(&line.resource), line.destination, line.cause)
}

fn minutes(day: &Day) -> String {
    let part =
        |minutes: u32, what: &str| (minutes > 0).then(|| format!("{} {what}", duration(u64::from(minutes) * 60)));
    let parts = [part(day.minutes_not_holding, "not holding"), part(day.minutes_unknown, "not known")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

fn counted<'w>(parts: impl Iterator<Item = (u64, &'w str)>, none: &str) -> String {
    let parts: Vec<String> =
        parts.filter(|(count, _)| *count > 0).map(|(count, word)| format!("{} {word}", number(count))).collect();
    if parts.is_empty() { none.to_owned() } else { parts.join(", ") }
}
