//! The lists of a report as CSV (RFC 4180): one line for each exception, orphan and replication outside the policy.

use offsite_shared::report::Report;
use offsite_shared::sweep::findings::Line;

use super::words::age;

const HEADER: [&str; 16] = [
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
];

/// The report's lists as CSV with a header line. Figures are not in it: they are sums over it, or in the JSON.
pub fn csv(report: &Report) -> String {
    let mut out = String::new();
    line(&mut out, HEADER.map(str::to_owned));
    for rule in &report.rules {
        let of = [rule.rule.clone(), rule.provider.clone(), rule.account.clone()];
        for exception in &rule.exceptions {
            line(&mut out, of_line(report, "exception", &of, exception));
        }
        for orphan in &rule.orphans {
            let [rule, provider, account] = of.clone();
            line(
                &mut out,
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
                ],
            );
        }
    }
    for outside in &report.outside {
        line(&mut out, of_line(report, "outside", &Default::default(), outside));
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
    ]
}

fn line(out: &mut String, cells: [String; HEADER.len()]) {
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&quoted(cell));
    }
    out.push_str("\r\n");
}

/// A cell that a spreadsheet shows and never runs.
///
/// Source: OWASP, CSV Injection, read 2026-08: the signs that begin a formula, their full-width forms among them.
pub(super) fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let guarded = if formula { format!("'{cell}") } else { cell.to_owned() };
    if guarded.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
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
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("a\"b", "\"a\"\"b\""),
            ("a,b", "\"a,b\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("a=b", "a=b"),
            ("", ""),
        ];
        for (cell, wanted) in cases {
            assert_eq!(quoted(cell), wanted, "{cell:?}");
        }
    }
}
