//! A report for the terminal.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use offsite_shared::model::text::{exact, plain};
use offsite_shared::report::{Conclusion, Report, RuleReport};
use offsite_shared::sweep::findings::{Line, Orphan};
use unicode_width::UnicodeWidthStr;

use super::filter::Filter;
use super::resources::{self, groups, owed, promise};
use super::summary::summary;
use super::table_resources::{accepted, counts, unprotected};
use super::text::{Text, WIDTH, column, more, row};
use super::words::{self, Weight, age, duration, minute, number, plural};

/// Lines of a list; all of them are in the CSV.
pub(super) const SHOWN: usize = 20;
/// Late resources of a rule.
const LATE_SHOWN: usize = 5;
/// The widest column of IDs: a UUID and some.
pub(super) const ID: usize = 40;

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GREEN: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
pub(super) const YELLOW: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));
pub(super) const RED: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));

/// Reasons for which something is not covered.
const REASONS: usize = 5;

/// The report as text of at most [`WIDTH`] columns with ANSI colours; print it through `anstream`, which drops them in a pipe.
pub fn table(report: &Report) -> String {
    narrowed_table(report, &Filter::default(), WIDTH)
}

/// The same in `width` columns, with the sections of those rules alone that the filter shows.
pub fn narrowed_table(report: &Report, filter: &Filter, width: usize) -> String {
    let mut out = Text::of(width);
    head(&mut out, report, filter);
    for rule in report.rules.iter().filter(|rule| filter.shows(&rule.rule)) {
        of_rule(&mut out, report.at, rule);
    }
    if !report.outside.is_empty() {
        out.blank();
        out.styled(BOLD, &format!("Outside the policy: {}", number(report.outside.len() as u64)));
        lines(&mut out, report.at, &report.outside, report.outside.len() as u64);
    }
    out.out
}

/// What the report comes to and what is not protected, and each rule in a line.
pub fn brief(report: &Report, width: usize) -> String {
    let mut out = Text::of(width);
    head(&mut out, report, &Filter::default());
    out.blank();
    for rule in &report.rules {
        let (style, conclusion) = (colour(rule.conclusion), words::conclusion(rule.conclusion));
        let (name, counts) = (plain(&rule.rule), counts(rule));
        let head = format!("{BOLD}{name}{BOLD:#}  {style}{conclusion}{style:#}");
        match name.width() + conclusion.len() + counts.width() + 4 <= width {
            true => out.line(&format!("{head}: {counts}")),
            false => {
                out.line(&head);
                out.say(2, &counts);
            }
        }
    }
    out.out
}

fn head(out: &mut Text, report: &Report, filter: &Filter) {
    let how = if report.live { ", read live from the clouds" } else { "" };
    out.styled(BOLD, &format!("Offsite report of {} UTC{how}", minute(report.at)));
    out.styled(colour(report.conclusion), words::headline(report));
    out.say(0, &summary(report));
    for remark in &report.remarks {
        out.say(0, &format!("Note: {remark}"));
    }
    unprotected(out, report, filter);
    accepted(out, report, filter);
}

pub(super) fn colour(conclusion: Conclusion) -> Style {
    match conclusion {
        Conclusion::Holds => GREEN,
        Conclusion::NotJudged => DIM,
        Conclusion::Unknown => YELLOW,
        Conclusion::Broken => RED,
    }
}

fn of_rule(out: &mut Text, now: Timestamp, rule: &RuleReport) {
    out.blank();
    let (style, conclusion) = (colour(rule.conclusion), words::conclusion(rule.conclusion));
    out.line(&format!("{BOLD}{}{BOLD:#}  {style}{conclusion}{style:#}", plain(&rule.rule)));
    out.say(
        2,
        &format!(
            "{} {}, account {}: {} to {}",
            rule.provider,
            rule.operation,
            rule.account,
            rule.source,
            rule.destinations.join(", ")
        ),
    );
    out.say(2, &format!("promised: {}", promise(rule)));
    for why in &rule.why {
        out.say(2, &format!("{}: {why}", if rule.conclusion == Conclusion::NotJudged { "Seen" } else { "Why" }));
    }
    out.say(2, &complete(now, rule));
    if rule.complete_as_of.is_none() && rule.counts.covered == 0 {
        let lag = words::against(rule.lag_seconds, rule.objective.max_lag_seconds, "none");
        out.say(2, &format!("lag {lag}; no figures before the first complete sweep"));
        return;
    }
    out.say(2, &counts(rule));
    out.say(2, &figures(rule));
    for group in groups(rule) {
        let causes = group.causes.join(", ");
        let colon = if causes.is_empty() { "" } else { ": " };
        out.say(4, &format!("{}: {}{colon}{causes}", words::figure(group.verdict).label, group.head));
    }
    if let Some(owed) = owed(rule) {
        out.say(2, &owed);
    }
    let mut times = format!("lag {}", words::against(rule.lag_seconds, rule.objective.max_lag_seconds, "none"));
    if let Some(rpo) = &rule.rpo {
        let worst = words::against(rpo.worst_seconds, rule.objective.rpo_seconds, "0s");
        let late = match rpo.late {
            0 => "none late".to_owned(),
            late => format!("{} late", number(late)),
        };
        times += &format!("; newest copies {worst} (worst of {} resources, {late})", number(rpo.resources));
    }
    out.say(2, &times);
    late_resources(out, rule);
    if !rule.exceptions.is_empty() {
        lines(out, now, &rule.exceptions, rule.exceptions_total);
    }
    orphans(out, now, &rule.orphans, rule.orphans_total);
    not_covered(out, rule);
}

/// What is not covered, the most frequent reason first.
fn not_covered(out: &mut Text, rule: &RuleReport) {
    let mut reasons: Vec<_> = rule.not_covered.iter().collect();
    reasons.sort_by_key(|(_, found)| std::cmp::Reverse(found.count));
    for (reason, found) in reasons.iter().take(REASONS) {
        let example = found.examples.first().map(|id| format!(" ({} for instance)", exact(id))).unwrap_or_default();
        out.say(2, &format!("not covered: {}: {reason}{example}", number(found.count)));
    }
    if reasons.len() > REASONS {
        out.say(4, &format!("and {} more reasons: --format html", reasons.len() - REASONS));
    }
}

/// What is covered, and every part of it that is not zero.
fn figures(rule: &RuleReport) -> String {
    let mut parts = Vec::new();
    for verdict in words::ORDER {
        let (count, figure) = (rule.counts[verdict], words::figure(verdict));
        match (count, figure.weight) {
            (0, _) => {}
            (_, Weight::Good) if rule.inferred > 0 => {
                parts.push(format!("{} {} ({} inferred)", number(count), figure.label, number(rule.inferred)));
            }
            _ => parts.push(format!("{} {}", number(count), figure.label)),
        }
    }
    let covered = number(rule.counts.covered);
    match parts.is_empty() {
        true => format!("backups: {covered} covered"),
        false => format!("backups: {covered} covered: {}", parts.join(", ")),
    }
}

fn complete(now: Timestamp, rule: &RuleReport) -> String {
    let took = rule.sweep_seconds.map(|seconds| format!("; the sweep took {}", duration(seconds))).unwrap_or_default();
    match rule.complete_as_of {
        Some(at) => format!("complete as of {} UTC ({} ago{took})", minute(at), duration(age(now, at))),
        None => "no sweep was complete yet".to_owned(),
    }
}

fn late_resources(out: &mut Text, rule: &RuleReport) {
    let Some(rpo) = &rule.rpo else { return };
    for late in rpo.late_resources.iter().take(LATE_SHOWN) {
        let age = late.seconds.map_or("no usable copy at all".to_owned(), |seconds| {
            format!("newest usable copy is {} old", duration(seconds))
        });
        out.say(4, &format!("late: {}, {age}", exact(&late.resource)));
    }
    let shown = rpo.late_resources.len().min(LATE_SHOWN) as u64;
    if rpo.late > shown && shown > 0 {
        out.say(4, &format!("and {} more: --format html", number(rpo.late - shown)));
    }
}

fn lines(out: &mut Text, now: Timestamp, lines: &[Line], total: u64) {
    let shown = &lines[..lines.len().min(SHOWN)];
    let id = column(shown.iter().map(|line| line.backup_id.as_str()), "backup", ID);
    let destination = column(shown.iter().map(|line| line.destination.as_str()), "destination", 18);
    let head = ["verdict", "backup", "destination", "made (UTC)", "age"];
    out.styled(DIM, &row(head, [id, destination]));
    for line in shown {
        let made = line.created_at.map(minute).unwrap_or_default();
        let old = line.created_at.map(|at| duration(age(now, at))).unwrap_or_default();
        let cells = [words::figure(line.verdict).label, &line.backup_id, &line.destination, &made, &old];
        out.row(cells, [id, destination]);
        let named = [line.name.clone(), line.resource.as_deref().map(exact)].into_iter().flatten().collect::<Vec<_>>();
        let detail = [named.join(" of "), resources::cause_of(line)];
        let detail: Vec<&str> = detail.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        if !detail.is_empty() {
            out.say(16, &detail.join(": "));
        }
    }
    more(out, total, shown.len(), "--format csv");
}

fn orphans(out: &mut Text, now: Timestamp, orphans: &[Orphan], total: u64) {
    let total = total.max(orphans.len() as u64);
    if total == 0 {
        return;
    }
    let copies = plural(usize::try_from(total).unwrap_or(usize::MAX), "copy", "copies");
    out.say(2, &format!("orphans: {} {copies} whose source is gone", number(total)));
    let shown = &orphans[..orphans.len().min(SHOWN)];
    let id = column(shown.iter().map(|orphan| orphan.copy_id.as_str()), "", ID);
    let region = column(shown.iter().map(|orphan| orphan.region.as_str()), "", 18);
    for orphan in shown {
        let made = orphan.created_at.map(minute).unwrap_or_default();
        let old = orphan.created_at.map(|at| duration(age(now, at))).unwrap_or_default();
        out.row(["orphan", &orphan.copy_id, &orphan.region, &made, &old], [id, region]);
        let of = orphan.source_id.as_ref().map(|source| format!("copy of {}", exact(source)));
        let size = orphan.size_gib.map(|size| format!("{} GiB", number(size)));
        let detail: Vec<String> = [orphan.name.clone(), of, size].into_iter().flatten().collect();
        if !detail.is_empty() {
            out.say(16, &detail.join(", "));
        }
    }
    more(out, total, shown.len(), "--format csv");
}
