//! A report for the terminal, in 100 columns.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use offsite_shared::report::{Conclusion, Report, RuleReport};
use offsite_shared::sweep::findings::{Line, Orphan};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::words::{self, Weight, age, duration, minute, number, plain, plural};

/// Columns of a line.
const WIDTH: usize = 100;
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

/// The report as text of at most 100 columns with ANSI colours; print it through `anstream`, which drops them in a pipe.
pub fn table(report: &Report) -> String {
    let mut out = Text::default();
    let how = if report.live { ", read live from the providers, without a ledger" } else { "" };
    out.styled(BOLD, &format!("Offsite report of {} UTC{how}", minute(report.at)));
    out.styled(colour(report.conclusion), words::headline(report));
    out.say(0, &words::summary(report));
    for remark in &report.remarks {
        out.say(0, &format!("Note: {remark}"));
    }
    for rule in &report.rules {
        of_rule(&mut out, report.at, rule);
    }
    if !report.outside.is_empty() {
        out.blank();
        out.styled(BOLD, &format!("Outside the policy: {}", number(report.outside.len() as u64)));
        lines(&mut out, report.at, &report.outside, report.outside.len() as u64);
    }
    out.0
}

fn colour(conclusion: Conclusion) -> Style {
    match conclusion {
        Conclusion::Holds => GREEN,
        Conclusion::NotJudged => Style::new(),
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
    for why in &rule.why {
        out.say(2, &format!("Why: {why}"));
    }
    out.say(2, &figures(rule));
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
    out.say(2, &complete(now, rule));
    late_resources(out, rule);
    if !rule.exceptions.is_empty() {
        lines(out, now, &rule.exceptions, rule.exceptions_total);
    }
    orphans(out, now, &rule.orphans, rule.orphans_total);
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
    if rule.complete_as_of.is_none() && rule.counts.covered == 0 {
        return "no figures before the first complete sweep".to_owned();
    }
    let covered = number(rule.counts.covered);
    if parts.is_empty() { format!("covered {covered}") } else { format!("covered {covered}: {}", parts.join(", ")) }
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
        out.say(4, &format!("late: {}, {age}", late.resource));
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
        let named = [line.name.as_deref(), line.resource.as_deref()].into_iter().flatten().collect::<Vec<_>>();
        let detail = [named.join(" of "), line.reason.clone().unwrap_or_default()];
        let detail: Vec<&str> = detail.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        if !detail.is_empty() {
            out.say(16, &detail.join(": "));
        }
    }
    more(out, total, shown.len());
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
        let of = orphan.source_id.as_ref().map(|source| format!("copy of {source}"));
        let size = orphan.size_gib.map(|size| format!("{} GiB", number(size)));
        let detail: Vec<String> = [orphan.name.clone(), of, size].into_iter().flatten().collect();
        if !detail.is_empty() {
            out.say(16, &detail.join(", "));
        }
    }
    more(out, total, shown.len());
}

pub(super) fn more(out: &mut Text, total: u64, shown: usize) {
    let more = total.saturating_sub(shown as u64);
    if more > 0 {
        out.say(4, &format!("and {} more: --format csv", number(more)));
    }
}

pub(super) fn column<'a>(texts: impl Iterator<Item = &'a str>, head: &'a str, largest: usize) -> usize {
    texts.chain([head]).map(|text| plain(text).width()).max().unwrap_or(0).min(largest)
}

pub(super) fn row([verdict, id, destination, made, age]: [&str; 5], [ids, destinations]: [usize; 2]) -> String {
    let cells = [pad(verdict, 11), pad(id, ids), pad(destination, destinations), pad(made, 16), plain(age)];
    format!("    {}", cells.join(" ")).trim_end().to_owned()
}

fn pad(text: &str, width: usize) -> String {
    let text = plain(text);
    let space = width.saturating_sub(text.width());
    text + &" ".repeat(space)
}

/// What is printed, line by line.
#[derive(Default)]
pub(super) struct Text(pub(super) String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    pub(super) fn blank(&mut self) {
        self.0.push('\n');
    }

    pub(super) fn styled(&mut self, style: Style, line: &str) {
        self.line(&format!("{style}{line}{style:#}"));
    }

    pub(super) fn row(&mut self, cells: [&str; 5], widths: [usize; 2]) {
        let line = row(cells, widths);
        if line.width() <= WIDTH {
            self.line(&line);
        } else {
            self.say(4, &line);
        }
    }

    /// A sentence, broken at spaces and, where a word is longer than the line, in it.
    pub(super) fn say(&mut self, indent: usize, text: &str) {
        let text = plain(text);
        let (mut line, mut first) = (String::new(), true);
        let margin = |first: bool| indent + if first { 0 } else { 2 };
        for word in text.split_whitespace() {
            let room = WIDTH - margin(first);
            if !line.is_empty() && line.width() + 1 + word.width() > room {
                self.line(&format!("{}{line}", " ".repeat(margin(first))));
                line.clear();
                first = false;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            for sign in word.chars() {
                if line.width() + sign.width().unwrap_or(0) > WIDTH - margin(first) {
                    self.line(&format!("{}{line}", " ".repeat(margin(first))));
                    line.clear();
                    first = false;
                }
                line.push(sign);
            }
        }
        if !line.is_empty() {
            self.line(&format!("{}{line}", " ".repeat(margin(first))));
        }
    }
}
