//! A report for a chat or a mail, as Markdown: what it comes to, what is not protected, and each rule in a line.

use offsite_shared::model::text::plain;
use offsite_shared::report::{Report, ResourceState};

use super::reader::{Reader, said};
use super::resources::{next, why};
use super::summary::summary;
use super::text::told_remark;
use super::volume::waiting;
use super::words::{self, age, number};

/// Resources that are named; a chat is no place for more.
const SHOWN: usize = 20;

/// The report as Markdown of a few lines. Names cannot act in it: not as links, headings or mentions.
pub fn markdown(report: &Report, reader: &Reader) -> String {
    let r = reader;
    let mut out = format!("**Offsite: {}** ({})\n\n", r.word(words::headline(report)), r.moment(report.at));
    out += &format!("{}\n", inert(&summary(r, report)));
    for remark in &report.remarks {
        out += &format!("\n*{}*\n", inert(&told_remark(remark, r)));
    }
    let red = |state: ResourceState| {
        matches!(state, ResourceState::Unprotected | ResourceState::Stale | ResourceState::Unknown)
    };
    let lines = || report.rules.iter().flat_map(|rule| rule.unprotected.iter().map(move |line| (rule, line)));
    let total = lines().filter(|(_, line)| red(line.state)).count();
    if total > 0 {
        out += &format!("\n**{}**\n\n", said!(r, "Not protected"));
    }
    for (rule, line) in lines().filter(|(_, line)| red(line.state)).take(SHOWN) {
        let since = line.since.map(|at| said!(r, " for {}", r.duration(age(report.at, at)))).unwrap_or_default();
        out += &said!(
            r,
            "- `{}` to {} (rule {}){}: {}. Next: {}",
            code(&line.resource),
            inert(&line.destination),
            inert(&rule.rule),
            since,
            inert(&why(r, line)),
            inert(&next(r, rule, line)),
        );
        out.push('\n');
    }
    if total > SHOWN {
        out += &format!("- {}\n", said!(r, "and {} more: {}", number((total - SHOWN) as u64), "`offsite report`"));
    }
    if !report.rules.is_empty() {
        out += &format!("\n**{}**\n\n", said!(r, "Rules"));
    }
    for rule in &report.rules {
        let lag = r.against(rule.lag_seconds, rule.objective.max_lag_seconds, said!(r, "none"));
        out += &said!(
            r,
            "- **{}** {}: {} of {} backups have their copy, lag {}",
            inert(&rule.rule),
            r.word(words::conclusion(rule.conclusion)),
            number(rule.counts.replicated),
            number(rule.counts.covered),
            lag,
        );
        if let Some(waiting) = waiting(r, rule) {
            out += &said!(r, ", {}", waiting);
        }
        out.push('\n');
    }
    out
}

/// Text in which no sign means anything to Markdown.
fn inert(text: &str) -> String {
    let mut out = String::new();
    for sign in plain(text).chars() {
        if "\\`*_[]<>#|~@".contains(sign) {
            out.push('\\');
        }
        out.push(sign);
    }
    out
}

/// Text for between two backticks, of which it has none itself.
fn code(text: &str) -> String {
    plain(text).replace('`', "'")
}
