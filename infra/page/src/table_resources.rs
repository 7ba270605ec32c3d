//! Resources in the terminal, before all else: those that are not protected, grouped by why, with what to do; then what people have accepted.

use anstyle::Style;
use jiff::Timestamp;
use offsite_shared::model::text::exact;
use offsite_shared::report::{Report, ResourceLine, ResourceState, RuleReport};

use super::filter::Filter;
use super::reader::{Reader, said};
use super::resources::{self, STATES, command, decisions, each, fault, in_force, next, told, why};
use super::text::{Text, column, more, padded};
use super::words::{age, number};

/// Resources of one rule; all of them are in the CSV.
const SHOWN: usize = 20;
/// Resources of one group.
const ALIKE: usize = 8;
/// Decisions that are named.
const DECISIONS: usize = 20;
/// The widest column of IDs: a UUID and some.
const ID: usize = 40;

const BOLD: Style = Style::new().bold();

/// All resources that are not protected, rule by rule.
pub(super) fn unprotected(out: &mut Text<'_>, report: &Report, filter: &Filter) {
    let r = out.reader;
    let shown = || report.rules.iter().filter(|rule| filter.shows(&rule.rule) && !rule.unprotected.is_empty());
    let total: u64 = shown().map(|rule| rule.unprotected_total.max(rule.unprotected.len() as u64)).sum();
    if total == 0 {
        return;
    }
    out.blank();
    out.styled(BOLD, &said!(r, "Resources that are not protected: {}", number(total)));
    for rule in shown() {
        out.say(2, &said!(r, "of rule {}: {}", rule.rule, counts(r, rule)));
        of_rule(out, report.at, rule);
    }
}

/// How many resources are in which state.
pub(super) fn counts(r: &Reader, rule: &RuleReport) -> String {
    let counts: Vec<String> = STATES
        .iter()
        .map(|state| (resources::count(&rule.resources, *state), resources::state(*state).0))
        .filter(|(count, _)| *count > 0)
        .map(|(count, label)| format!("{} {}", number(count), r.word(label)))
        .collect();
    let each = each(r, rule);
    let all = number(resources::total(&rule.resources));
    match counts.is_empty() {
        true => said!(r, "{} resources{}", all, each),
        false => said!(r, "{} resources{}: {}", all, each, r.joined(&counts)),
    }
}

/// Resources of which the same is to be said.
struct Group<'r> {
    head: String,
    next: String,
    lines: Vec<&'r ResourceLine>,
}

fn groups<'r>(r: &Reader, rule: &'r RuleReport) -> Vec<Group<'r>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for line in &rule.unprotected {
        let label = r.word(resources::state(line.state).0);
        let (what, whose) = fault(line.fault);
        let head = match line.state {
            ResourceState::Pending | ResourceState::AcceptedRisk => format!("{label}{}{}", r.colon(), why(r, line)),
            _ => said!(r, "{}, {} ({}): {}", label, r.word(what), r.word(whose), why(r, line)),
        };
        let next = next(r, rule, line);
        match groups.iter_mut().find(|group| group.head == head && group.next == next) {
            Some(group) => group.lines.push(line),
            None => groups.push(Group { head, next, lines: vec![line] }),
        }
    }
    groups
}

fn of_rule(out: &mut Text<'_>, now: Timestamp, rule: &RuleReport) {
    let r = out.reader;
    let mut left = SHOWN;
    for group in groups(r, rule) {
        if left == 0 {
            break;
        }
        let shown = &group.lines[..group.lines.len().min(ALIKE).min(left)];
        left -= shown.len();
        out.say(4, &format!("{} {}", number(group.lines.len() as u64), group.head));
        let id = column(shown.iter().map(|line| line.resource.as_str()), "", ID);
        let destination = column(shown.iter().map(|line| line.destination.as_str()), "", 18);
        for line in shown {
            let copied = line.copied.map_or(said!(r, "no copy").to_owned(), |at| said!(r, "copy of {}", r.minute(at)));
            let since = line.since.map(|at| said!(r, "for {}", r.duration(age(now, at)))).unwrap_or_default();
            let resource = exact(&line.resource);
            let cells = [
                (resource.as_str(), id),
                (line.destination.as_str(), destination),
                (&copied, 24),
                (&since, r.columns(12)),
            ];
            out.with_note(6, &padded(&cells), &about(r, line));
        }
        let rest = group.lines.len() - shown.len();
        if rest > 0 {
            out.say(6, &said!(r, "and {} more alike: --csv resources", number(rest as u64)));
        }
        out.say(6, &said!(r, "next: {}", group.next));
        if let Some(command) = group.lines.iter().find_map(|line| command(rule, line)) {
            out.command(6, &command);
        }
    }
    let listed = rule.unprotected.len().min(SHOWN - left);
    more(out, rule.unprotected_total.max(rule.unprotected.len() as u64), listed, "--csv resources");
}

/// Its kind and its name, and what it is if it is no resource.
fn about(r: &Reader, line: &ResourceLine) -> String {
    let own = line.own.then(|| said!(r, "(a backup: nobody names its resource)").to_owned());
    [line.kind.as_deref().map(|kind| r.told(kind)), line.name.clone(), own]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

/// What people have accepted or called gone.
pub(super) fn accepted(out: &mut Text<'_>, report: &Report, filter: &Filter) {
    let r = out.reader;
    let shown = || report.rules.iter().filter(|rule| filter.shows(&rule.rule));
    let all: Vec<_> = shown().flat_map(decisions).collect();
    if all.is_empty() {
        return;
    }
    let standing: u64 = shown().map(|rule| in_force(rule, report.at)).sum();
    out.blank();
    out.styled(BOLD, &said!(r, "Accepted risks: {}", number(standing)));
    for act in all.iter().take(DECISIONS) {
        let told = told(r, act, Some(report.at));
        let over = if told.over { said!(r, ": it counts no longer") } else { "" };
        out.say(2, &said!(r, "{}: {}, {}{}; {}: {}", act.name(), told.of, told.how, over, act.who, act.reason));
    }
    more(out, all.len() as u64, all.len().min(DECISIONS), "offsite risk list");
}
