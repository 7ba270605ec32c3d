//! The lists of a report as CSV (RFC 4180). One table for backups: a line for each exception, orphan and replication outside the policy.
//! Another one for resources, since their columns are others.

use offsite_shared::model::text::{exact, plain};
use offsite_shared::report::{Report, ResourceLine, RuleReport};
use offsite_shared::sweep::findings::Line;

use super::reader::Reader;
use super::resources::{command, next};
use super::words::age;

const HEADER: [&str; 18] = [
    "kind",
    "rule",
    "provider",
    "account",
    "verdict",
    "id",
    "name",
    "resource",
    "copy_of",
    "source_region",
    "destination",
    "created_at",
    "age_seconds",
    "size_gib",
    "reason",
    "key",
    "resource_kind",
    "cause",
];

const RESOURCES: [&str; 20] = [
    "rule",
    "provider",
    "account",
    "state",
    "resource",
    "resource_kind",
    "name",
    "is_backup",
    "destination",
    "newest_copy_of",
    "newest_backup",
    "since",
    "since_seconds",
    "fault",
    "cause",
    "reason",
    "accepted_by",
    "accepted_who",
    "next",
    "command",
];

/// The columns that hold IDs or keys.
pub(super) const IDS: [&str; 5] = ["id", "resource", "copy_of", "copy_id", "key"];

/// The report's lists as CSV with a header line. Figures are not in it: they are sums over it, or in the JSON.
pub fn csv(report: &Report) -> String {
    let mut out = String::new();
    header(&mut out, &HEADER);
    for rule in &report.rules {
        let of = [rule.rule.clone(), rule.provider.clone(), rule.account.clone()];
        for exception in &rule.exceptions {
            line(&mut out, &HEADER, of_line(report, "exception", &of, exception));
        }
        for orphan in &rule.orphans {
            let [rule, provider, account] = of.clone();
            line(
                &mut out,
                &HEADER,
                [
                    "orphan".to_owned(),
                    rule,
                    provider,
                    account,
                    String::new(),
                    orphan.copy_id.clone(),
                    orphan.name.clone().unwrap_or_default(),
                    String::new(),
                    orphan.source_id.clone().unwrap_or_default(),
                    String::new(),
                    orphan.region.clone(),
                    orphan.created_at.map(|at| at.to_string()).unwrap_or_default(),
                    orphan.created_at.map(|at| age(report.at, at).to_string()).unwrap_or_default(),
                    orphan.size_gib.map(|size| size.to_string()).unwrap_or_default(),
                    String::new(),
                    String::new(),
                    String::new(),
                    String::new(),
                ],
            );
        }
    }
    for outside in &report.outside {
        line(&mut out, &HEADER, of_line(report, "outside", &Default::default(), outside));
    }
    out
}

fn of_line(report: &Report, kind: &str, of: &[String; 3], line: &Line) -> [String; HEADER.len()] {
    let [rule, provider, account] = of.clone();
    [
        kind.to_owned(),
        rule,
        provider,
        account,
        line.verdict.name().to_owned(),
        line.backup_id.clone(),
        line.name.clone().unwrap_or_default(),
        line.resource.clone().unwrap_or_default(),
        String::new(),
        line.source_region.clone(),
        line.destination.clone(),
        line.created_at.map(|at| at.to_string()).unwrap_or_default(),
        line.created_at.map(|at| age(report.at, at).to_string()).unwrap_or_default(),
        String::new(),
        line.reason.clone().unwrap_or_default(),
        line.key.clone().unwrap_or_default(),
        line.resource_kind.clone().unwrap_or_default(),
        line.cause.clone().unwrap_or_default(),
    ]
}

/// The resources that are not protected as CSV with a header line.
pub fn resources_csv(report: &Report) -> String {
    let mut out = String::new();
    header(&mut out, &RESOURCES);
    for rule in &report.rules {
        for resource in &rule.unprotected {
            line(&mut out, &RESOURCES, of_resource(report, rule, resource));
        }
    }
    out
}

fn of_resource(report: &Report, rule: &RuleReport, line: &ResourceLine) -> [String; RESOURCES.len()] {
    let act = rule.accepted.iter().find(|act| line.accepted_by.as_ref() == Some(&act.name()));
    let fault = serde_json::to_value(line.fault).ok();
    [
        rule.rule.clone(),
        rule.provider.clone(),
        rule.account.clone(),
        line.state.name().to_owned(),
        line.resource.clone(),
        line.kind.clone().unwrap_or_default(),
        line.name.clone().unwrap_or_default(),
        line.own.to_string(),
        line.destination.clone(),
        line.copied.map(|at| at.to_string()).unwrap_or_default(),
        line.newest.map(|at| at.to_string()).unwrap_or_default(),
        line.since.map(|at| at.to_string()).unwrap_or_default(),
        line.since.map(|at| age(report.at, at).to_string()).unwrap_or_default(),
        fault.as_ref().and_then(|fault| fault.as_str()).unwrap_or_default().to_owned(),
        line.cause.clone(),
        line.reason.clone().unwrap_or_default(),
        line.accepted_by.clone().unwrap_or_default(),
        act.map(|act| act.who.clone()).unwrap_or_default(),
        next(&Reader::default(), rule, line),
        command(rule, line).map(|parts| parts.join(" ")).unwrap_or_default(),
    ]
}

pub(super) fn header(out: &mut String, columns: &[&str]) {
    out.push_str(&columns.join(","));
    out.push_str("\r\n");
}

pub(super) fn line<const N: usize>(out: &mut String, columns: &[&str; N], cells: [String; N]) {
    for (index, (cell, column)) in cells.iter().zip(columns).enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&quoted(cell, IDS.contains(column)));
    }
    out.push_str("\r\n");
}

/// A cell that a spreadsheet shows and never runs, without signs that steer. Where it begins like a formula a `'` stands before it, and where it
/// begins with a `'` another one: who takes one `'` off the beginning has what it was.
///
/// Source: OWASP, CSV Injection, read 2026-08: the signs that begin a formula, their full-width forms among them.
pub(super) fn quoted(cell: &str, is_id: bool) -> String {
    let guard = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠', '\'']);
    let text = if is_id { exact(cell) } else { plain(cell) };
    let guarded = if guard { format!("'{text}") } else { text };
    let ends = guarded.starts_with(' ') || guarded.ends_with(' ');
    if ends || guarded.contains(['"', ',']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_text_whatever_it_begins_with() {
        let cases = [
            ("plain", "plain"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\\u0009x"),
            ("\rx", "'\\u000dx"),
            ("'=1", "''=1"),
            ("＝1", "'＝1"),
            (" a", "\" a\""),
            ("a\"b", "\"a\"\"b\""),
            ("a,b", "\"a,b\""),
            ("a\r\nb", "a\\u000d\\u000ab"),
            ("a\u{1b}[2J\u{202e}b", "a\\u001b[2J\\u202eb"),
            ("a=b", "a=b"),
            ("", ""),
        ];
        for (cell, wanted) in cases {
            assert_eq!(quoted(cell, false), wanted, "{cell:?}");
        }
    }

    #[test]
    fn an_id_is_as_it_was_once_the_guard_is_off() {
        for id in ["snap-1.2_3", "nightly/3", ""] {
            assert_eq!(quoted(id, true), id);
        }
        for (id, cell) in [
            ("-0f3", "'-0f3"),
            ("'-0f3", "''-0f3"),
            ("=cmd|x", "'=cmd|x"),
            ("a\u{1b}b", "a\\u001bb"),
            ("a ", "a\\u0020"),
            ("a\u{200b}", "a\\u200b"),
        ] {
            assert_eq!(quoted(id, true), cell, "{id:?}");
        }
    }
}
