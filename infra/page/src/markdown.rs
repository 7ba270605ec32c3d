//! A report for a chat or a mail, as Markdown: what it comes to, what is not protected, and each rule in a line.

use offsite_shared::model::text::plain;
use offsite_shared::report::{Report, ResourceState};

use super::resources::{next, why};
use super::summary::summary;
use super::words::{self, age, duration, minute, number};

/// Resources that are named; a chat is no place for more.
const SHOWN: usize = 20;

/// The report as Markdown of a few lines. Names cannot act in it: not as links, headings or mentions.
pub fn markdown(report: &Report) -> String {
    let mut out = format!("**Offsite: {}** ({} UTC)\n\n", words::headline(report), minute(report.at));
    out += &format!("{}\n", inert(&summary(report)));
    for remark in &report.remarks {
        out += &format!("\n*{}*\n", inert(remark));
    }
    let red = |state: ResourceState| {
        matches!(state, ResourceState::Unprotected | ResourceState::Stale | ResourceState::Unknown)
    };
    let lines = || report.rules.iter().flat_map(|rule| rule.unprotected.iter().map(move |line| (rule, line)));
    let total = lines().filter(|(_, line)| red(line.state)).count();
    if total > 0 {
        out += "\n**Not protected**\n\n";
    }
    for (rule, line) in lines().filter(|(_, line)| red(line.state)).take(SHOWN) {
        let since = line.since.map(|at| format!(" for {}", duration(age(report.at, at)))).unwrap_or_default();
        out += &format!(
            "- `{}` to {} (rule {}){since}: {}. Next: {}\n",
            code(&line.resource),
            inert(&line.destination),
            inert(&rule.rule),
            inert(&why(line)),
            inert(&next(rule, line)),
        );
    }
    if total > SHOWN {
        out += &format!("- and {} more: `offsite report`\n", number((total - SHOWN) as u64));
    }
    if !report.rules.is_empty() {
        out += "\n**Rules**\n\n";
    }
    for rule in &report.rules {
        let lag = words::against(rule.lag_seconds, rule.objective.max_lag_seconds, "none");
        out += &format!(
            "- **{}** {}: {} of {} backups have their copy, lag {lag}\n",
            inert(&rule.rule),
            words::conclusion(rule.conclusion),
            number(rule.counts.replicated),
            number(rule.counts.covered),
        );
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
