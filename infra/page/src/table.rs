//! A report for the terminal.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use offsite_shared::model::text::{exact, plain};
use offsite_shared::report::{Conclusion, Report, RuleReport};
use offsite_shared::sweep::findings::{Line, Orphan};
use unicode_width::UnicodeWidthStr;

use super::filter::Filter;
use super::reader::{Reader, said};
use super::resources::{self, groups, owed, promise};
use super::summary::summary;
use super::table_resources::{accepted, counts, unprotected};
use super::text::{Text, WIDTH, column, more, row, told_remark};
use super::volume::volumes;
use super::words::{self, Weight, age, number};

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
    narrowed_table(report, &Filter::default(), WIDTH, &Reader::default())
}

/// The same for a reader, in `width` columns, with the sections of those rules alone that the filter shows.
pub fn narrowed_table(report: &Report, filter: &Filter, width: usize, reader: &Reader) -> String {
    let mut out = Text::of(width, reader);
    head(&mut out, report, filter);
    for rule in report.rules.iter().filter(|rule| filter.shows(&rule.rule)) {
        of_rule(&mut out, report.at, rule);
    }
    if !report.outside.is_empty() {
        out.blank();
        out.styled(BOLD, &said!(reader, "Outside the policy: {}", number(report.outside.len() as u64)));
        lines(&mut out, report.at, &report.outside, report.outside.len() as u64);
    }
    out.out
}

/// What the report comes to and what is not protected, and each rule in a line.
pub fn brief(report: &Report, width: usize) -> String {
    let reader = &Reader::default();
    let mut out = Text::of(width, reader);
    head(&mut out, report, &Filter::default());
    out.blank();
    for rule in &report.rules {
        let (style, conclusion) = (colour(rule.conclusion), words::conclusion(rule.conclusion));
        let (name, counts) = (plain(&rule.rule), counts(reader, rule));
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

fn head(out: &mut Text<'_>, report: &Report, filter: &Filter) {
    let r = out.reader;
    let head = match report.live {
        true => said!(r, "Offsite report of {}, read live from the clouds", r.moment(report.at)),
        false => said!(r, "Offsite report of {}", r.moment(report.at)),
    };
    out.styled(BOLD, &head);
    out.styled(colour(report.conclusion), r.word(words::headline(report)));
    out.say(0, &summary(r, report));
    for remark in &report.remarks {
        out.say(0, &said!(r, "Note: {}", told_remark(remark, r)));
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

fn of_rule(out: &mut Text<'_>, now: Timestamp, rule: &RuleReport) {
    let r = out.reader;
    out.blank();
    let (style, conclusion) = (colour(rule.conclusion), r.word(words::conclusion(rule.conclusion)));
    out.line(&format!("{BOLD}{}{BOLD:#}  {style}{conclusion}{style:#}", plain(&rule.rule)));
    out.say(
        2,
        &said!(
            r,
            "{} {}, account {}: {} to {}",
            rule.provider,
            rule.operation,
            rule.account,
            r.told(&rule.source),
            rule.destinations.join(", ")
        ),
    );
    out.say(2, &said!(r, "promised: {}", promise(r, rule)));
    for why in &rule.why {
        let head = if rule.conclusion == Conclusion::NotJudged { said!(r, "Seen") } else { said!(r, "Why") };
        out.say(2, &format!("{head}{}{}", r.colon(), r.told(why)));
    }
    out.say(2, &complete(r, now, rule));
    let lag = r.against(rule.lag_seconds, rule.objective.max_lag_seconds, said!(r, "none"));
    if rule.complete_as_of.is_none() && rule.counts.covered == 0 {
        out.say(2, &said!(r, "lag {}; no figures before the first complete sweep", lag));
        return;
    }
    out.say(2, &counts(r, rule));
    out.say(2, &figures(r, rule));
    for volume in volumes(r, rule) {
        out.say(4, &volume);
    }
    for group in groups(r, rule) {
        let causes = r.joined(&group.causes);
        let colon = if causes.is_empty() { "" } else { r.colon() };
        let label = r.word(words::figure(group.verdict).label);
        out.say(4, &format!("{label}{}{}{colon}{causes}", r.colon(), group.head));
    }
    if let Some(owed) = owed(r, rule) {
        out.say(2, &owed);
    }
    let mut times = said!(r, "lag {}", lag);
    if let Some(rpo) = &rule.rpo {
        let worst = r.against(rpo.worst_seconds, rule.objective.rpo_seconds, said!(r, "0s"));
        let late = match rpo.late {
            0 => said!(r, "none late").to_owned(),
            late => said!(r, "{} late", number(late)),
        };
        times += &said!(r, "; newest copies {} (worst of {} resources, {})", worst, number(rpo.resources), late);
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
fn not_covered(out: &mut Text<'_>, rule: &RuleReport) {
    let r = out.reader;
    let mut reasons: Vec<_> = rule.not_covered.iter().collect();
    reasons.sort_by_key(|(_, found)| std::cmp::Reverse(found.count));
    for (reason, found) in reasons.iter().take(REASONS) {
        let example = found.examples.first().map(|id| said!(r, " ({} for instance)", exact(id))).unwrap_or_default();
        out.say(2, &said!(r, "not covered: {}: {}{}", number(found.count), r.told(reason), example));
    }
    if reasons.len() > REASONS {
        out.say(4, &said!(r, "and {} more reasons: --format html", reasons.len() - REASONS));
    }
}

/// What is covered, and every part of it that is not zero.
fn figures(r: &Reader, rule: &RuleReport) -> String {
    let mut parts = Vec::new();
    for verdict in words::ORDER {
        let (count, figure) = (rule.counts[verdict], words::figure(verdict));
        match (count, figure.weight) {
            (0, _) => {}
            (_, Weight::Good) if rule.inferred > 0 => {
                let label = r.word(figure.label);
                parts.push(said!(r, "{} {} ({} inferred)", number(count), label, number(rule.inferred)));
            }
            _ => parts.push(format!("{} {}", number(count), r.word(figure.label))),
        }
    }
    let covered = number(rule.counts.covered);
    match parts.is_empty() {
        true => said!(r, "backups: {} covered", covered),
        false => said!(r, "backups: {} covered: {}", covered, r.joined(&parts)),
    }
}

fn complete(r: &Reader, now: Timestamp, rule: &RuleReport) -> String {
    let took = rule.sweep_seconds.map(|seconds| said!(r, "; the sweep took {}", r.duration(seconds)));
    match rule.complete_as_of {
        Some(at) => {
            let ago = r.duration(age(now, at));
            said!(r, "complete as of {} ({} ago{})", r.moment(at), ago, took.unwrap_or_default())
        }
        None => said!(r, "no sweep was complete yet").to_owned(),
    }
}

fn late_resources(out: &mut Text<'_>, rule: &RuleReport) {
    let r = out.reader;
    let Some(rpo) = &rule.rpo else { return };
    for late in rpo.late_resources.iter().take(LATE_SHOWN) {
        let age = late.seconds.map_or(said!(r, "no usable copy at all").to_owned(), |seconds| {
            said!(r, "newest usable copy is {} old", r.duration(seconds))
        });
        out.say(4, &said!(r, "late: {}, {}", exact(&late.resource), age));
    }
    let shown = rpo.late_resources.len().min(LATE_SHOWN) as u64;
    if rpo.late > shown && shown > 0 {
        out.say(4, &said!(r, "and {} more: {}", number(rpo.late - shown), "--format html"));
    }
}

fn lines(out: &mut Text<'_>, now: Timestamp, lines: &[Line], total: u64) {
    let r = out.reader;
    let made_in = said!(r, "made ({})", r.clock(now));
    let shown = &lines[..lines.len().min(SHOWN)];
    let id = column(shown.iter().map(|line| line.backup_id.as_str()), said!(r, "backup"), ID);
    let destination = column(shown.iter().map(|line| line.destination.as_str()), said!(r, "destination"), 18);
    let head = [said!(r, "verdict"), said!(r, "backup"), said!(r, "destination"), &made_in, said!(r, "age")];
    out.styled(DIM, &row(head, [id, destination]));
    for line in shown {
        let made = line.created_at.map(|at| r.minute(at)).unwrap_or_default();
        let old = line.created_at.map(|at| r.duration(age(now, at))).unwrap_or_default();
        let cells = [r.word(words::figure(line.verdict).label), &line.backup_id, &line.destination, &made, &old];
        out.row(cells, [id, destination]);
        let named = [line.name.clone(), line.resource.as_deref().map(exact)].into_iter().flatten().collect::<Vec<_>>();
        let named = match named.as_slice() {
            [name, of] => said!(r, "{} of {}", name, of),
            other => other.concat(),
        };
        let detail = [named, resources::cause_of(r, line)];
        let detail: Vec<&str> = detail.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        if !detail.is_empty() {
            out.say(16, &detail.join(r.colon()));
        }
    }
    more(out, total, shown.len(), "--format csv");
}

fn orphans(out: &mut Text<'_>, now: Timestamp, orphans: &[Orphan], total: u64) {
    let r = out.reader;
    let total = total.max(orphans.len() as u64);
    if total == 0 {
        return;
    }
    out.say(
        2,
        &match total {
            1 => said!(r, "orphans: 1 copy whose source is gone").to_owned(),
            _ => said!(r, "orphans: {} copies whose source is gone", number(total)),
        },
    );
    let shown = &orphans[..orphans.len().min(SHOWN)];
    let id = column(shown.iter().map(|orphan| orphan.copy_id.as_str()), "", ID);
    let region = column(shown.iter().map(|orphan| orphan.region.as_str()), "", 18);
    for orphan in shown {
        let made = orphan.created_at.map(|at| r.minute(at)).unwrap_or_default();
        let old = orphan.created_at.map(|at| r.duration(age(now, at))).unwrap_or_default();
        out.row([said!(r, "orphan"), &orphan.copy_id, &orphan.region, &made, &old], [id, region]);
        let of = orphan.source_id.as_ref().map(|source| said!(r, "copy of {}", exact(source)));
        let size = orphan.size_gib.map(|size| format!("{} GiB", number(size)));
        let detail: Vec<String> = [orphan.name.clone(), of, size].into_iter().flatten().collect();
        if !detail.is_empty() {
            out.say(16, &detail.join(", "));
        }
    }
    more(out, total, shown.len(), "--format csv");
}
