//! What was known on a day that has passed, for a terminal.

use jiff::civil::Date;
use offsite_shared::model::text::exact;
use offsite_shared::report::memory::{Remembered, Unprotected};
use offsite_shared::report::{Conclusion, Day};
use serde::Serialize;

use super::reader::{Reader, said};
use super::resources::{self, STATES};
use super::table::{BOLD, colour};
use super::text::{Text, told_remark};
use super::words::{self, number};

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

/// The day for a reader as text of at most `width` columns with ANSI colours.
pub fn past_table(past: &Past, width: usize, reader: &Reader) -> String {
    let r = reader;
    let mut out = Text::of(width, r);
    out.styled(BOLD, &said!(r, "Offsite report of {}: what was known then", past.day));
    let mut head = r.word(words::conclusion(past.conclusion)).to_owned();
    if let Some(first) = head.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    out.styled(colour(past.conclusion), &head);
    for remark in &past.remarks {
        out.say(0, &said!(r, "Note: {}", told_remark(remark, r)));
    }
    for rule in &past.rules {
        out.blank();
        of_rule(&mut out, rule);
    }
    out.out
}

fn of_rule(out: &mut Text<'_>, PastRule { rule, remembered }: &PastRule) {
    let r = out.reader;
    let Some(last) = &remembered.last else {
        out.styled(BOLD, &said!(r, "{}: nobody looked", rule));
        out.say(2, &said!(r, "no complete sweep of it ended on this day{}", minutes(r, &remembered.day)));
        return;
    };
    out.styled(BOLD, &format!("{rule}{}{}", r.colon(), r.word(words::conclusion(last.conclusion))));
    out.say(
        2,
        &said!(
            r,
            "by the last complete sweep of the day: complete as of {}, judged {}",
            r.moment(last.complete_as_of),
            r.moment(last.at)
        ),
    );
    let worst = remembered.day.conclusion.unwrap_or(last.conclusion);
    out.say(2, &said!(r, "the worst of the day: {}{}", r.word(words::conclusion(worst)), minutes(r, &remembered.day)));
    let states = STATES.iter().map(|state| (resources::count(&last.resources, *state), resources::state(*state).0));
    out.say(2, &said!(r, "resources: {}", counted(r, states)));
    let verdicts = words::ORDER.iter().map(|verdict| (last.counts[*verdict], words::figure(*verdict).label));
    out.say(2, &said!(r, "backups: {} covered: {}", number(last.counts.covered), counted(r, verdicts)));
    out.say(2, &said!(r, "gaps {}; backlog {}", number(last.gaps), number(last.backlog)));
    for line in &remembered.unprotected {
        out.say(4, &named(r, line));
    }
    let red = last.resources.unprotected + last.resources.stale;
    let more = red.saturating_sub(remembered.unprotected.len() as u64);
    if more > 0 {
        out.say(4, &said!(r, "and {} more, whose names are not kept", number(more)));
    }
}

fn named(r: &Reader, line: &Unprotected) -> String {
    let since = line.since.map(|since| said!(r, ", since {}", r.moment(since))).unwrap_or_default();
    let (what, whose) = resources::fault(line.fault);
    let (what, whose) = (r.word(what), r.word(whose));
    let state = r.word(resources::state(line.state).0);
    let resource = exact(&line.resource);
    said!(r, "{} in {}: {}{}: {} ({}), {}", resource, line.destination, state, since, what, r.told(&line.cause), whose)
}

fn minutes(r: &Reader, day: &Day) -> String {
    let parts = r.minutes(u64::from(day.minutes_not_holding), u64::from(day.minutes_unknown));
    if parts.is_empty() { String::new() } else { said!(r, " ({})", r.joined(&parts)) }
}

fn counted(r: &Reader, parts: impl Iterator<Item = (u64, &'static str)>) -> String {
    let parts: Vec<String> = parts
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{} {}", number(count), r.word(word)))
        .collect();
    if parts.is_empty() { said!(r, "none").to_owned() } else { r.joined(&parts) }
}
