//! A report as metrics in the text format of Prometheus, for the textfile collector of node_exporter.
//!
//! Source: prometheus.io, "Exposition formats", text format 0.0.4, 2026.

use offsite_shared::model::text::plain;
use offsite_shared::report::{Conclusion, Report, RuleReport};

use super::resources::{STATES, count, state};
use super::words;

/// The report as metrics. What cannot be known does not hold, as in the alarm on AWS.
pub fn prometheus(report: &Report) -> String {
    let mut out = String::new();
    let holds = |conclusion: Conclusion| u64::from(conclusion == Conclusion::Holds);
    metric(
        &mut out,
        "offsite_report_holds",
        "1 if all objectives hold; 0 if one does not, or nobody knows.",
        [(String::new(), holds(report.conclusion))],
    );
    let at = u64::try_from(report.at.as_second()).unwrap_or_default();
    metric(&mut out, "offsite_report_timestamp_seconds", "When the report was made.", [(String::new(), at)]);
    let each = |value: fn(&RuleReport) -> Option<u64>| {
        report.rules.iter().filter_map(move |rule| Some((labels(rule, []), value(rule)?))).collect::<Vec<_>>()
    };
    metric(
        &mut out,
        "offsite_rule_holds",
        "1 if the rule holds; 0 if it does not, or nobody knows.",
        each(|rule| Some(u64::from(rule.conclusion == Conclusion::Holds))),
    );
    metric(
        &mut out,
        "offsite_rule_lag_seconds",
        "Age of the oldest covered backup without a usable copy.",
        each(|rule| rule.lag_seconds),
    );
    metric(
        &mut out,
        "offsite_rule_complete_timestamp_seconds",
        "Until when the last complete sweep has seen everything.",
        each(|rule| u64::try_from(rule.complete_as_of?.as_second()).ok()),
    );
    let states = report.rules.iter().flat_map(|rule| {
        STATES.iter().map(move |one| (labels(rule, [("state", state(*one).0)]), count(&rule.resources, *one)))
    });
    metric(&mut out, "offsite_resources", "Resources and destinations in each state.", states);
    let backups = report.rules.iter().flat_map(|rule| {
        words::ORDER.iter().map(move |verdict| (labels(rule, [("verdict", verdict.name())]), rule.counts[*verdict]))
    });
    metric(&mut out, "offsite_backups", "Covered backups and destinations with each verdict.", backups);
    let sizes = report.rules.iter().flat_map(|rule| {
        rule.volumes.iter().flat_map(move |one| {
            let states = [("covered", one.covered_gib), ("copied", one.copied_gib), ("waiting", one.waiting_gib)];
            let place = ("destination", one.destination.as_str());
            states.map(|(state, gib)| (labels(rule, [place, ("state", state)]), gib.saturating_mul(1 << 30)))
        })
    });
    let help = "Sizes of covered backups. Those of Tencent and Huawei are the sizes of their disks.";
    metric(&mut out, "offsite_backup_bytes", help, sizes);
    out
}

fn metric(out: &mut String, name: &str, help: &str, values: impl IntoIterator<Item = (String, u64)>) {
    out.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n"));
    for (labels, value) in values {
        out.push_str(&format!("{name}{labels} {value}\n"));
    }
}

fn labels<'a>(rule: &'a RuleReport, more: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let known =
        [("rule", rule.rule.as_str()), ("provider", rule.provider.as_str()), ("account", rule.account.as_str())];
    let parts: Vec<String> =
        known.into_iter().chain(more).map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", parts.join(","))
}

fn escaped(value: &str) -> String {
    plain(value).replace('\\', "\\\\").replace('"', "\\\"")
}
