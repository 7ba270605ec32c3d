//! `offsite explain`: what a code or state means and what to do, as docs/errors.md and the tables of the clouds have it.

use std::collections::BTreeSet;
use std::io::Write;

use clap::Args;
use offsite_shared::model::failure::{self, Disposition};
use offsite_shared::providers::{alibaba, huawei, tencent};

use super::{find, show};
use crate::report::paragraph;

/// What the document says, as it is in the checkout from which this was built.
const DOCUMENT: &str = include_str!("../../../../docs/errors.md");

/// The documents that commands name, so that whoever has the command has them too.
const PAGES: [(&str, &str); 5] = [
    ("aws", include_str!("../../../../docs/aws.md")),
    ("configuration", include_str!("../../../../docs/configuration.md")),
    ("notify", include_str!("../../../../docs/notify.md")),
    ("start", include_str!("../../../../docs/start.md")),
    ("witness", include_str!("../../../../docs/witness.md")),
];

/// Options of `offsite explain`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  offsite explain InsufficientSnapshotQuota\n  offsite explain in_doubt\n  offsite explain Offsite.Throttled\n  offsite explain configuration          every variable, and how an account gets its credential\n\nExit codes:\n  0  it is explained   1  nothing knows it; the nearest known one is named"
)]
pub struct CodeArgs {
    /// A code of a cloud, an error name, or a state of a result or record; or a document: aws, configuration, notify, start, witness
    #[arg(value_name = "CODE")]
    pub code: String,
}

/// Writes what is known of the code.
///
/// # Errors
/// Nothing knows it.
pub fn run(args: &CodeArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let code = args.code.trim().trim_matches('`');
    if let Some((_, page)) = PAGES.iter().find(|(name, _)| *name == code) {
        return Ok(out.write_all(page.as_bytes())?);
    }
    let width = show::width();
    let mut told = from_tables(code, width) + &from_document(code, width);
    if told.is_empty() {
        let known = known();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        match find::nearest(code, &known) {
            Some(near) => anyhow::bail!("nothing here knows the code {code}; did you mean {near}?"),
            None => anyhow::bail!(
                "nothing here knows the code {code}; it may be one that the cloud does not document: look into its console by the request ID beside it"
            ),
        }
    }
    let bold = anstyle::Style::new().bold();
    told.insert_str(0, &format!("{bold}{code}{bold:#}\n"));
    Ok(out.write_all(told.as_bytes())?)
}

/// What the clouds' own tables say.
fn from_tables(code: &str, width: usize) -> String {
    let mut out = String::new();
    for (cloud, table) in tables() {
        let Some(row) = failure::find(table, code) else { continue };
        out += &paragraph(
            &format!("{cloud}: {}; whose matter it is: {}", what_follows(row.disposition), row.whose.name()),
            2,
            width,
        );
        if !row.advice.is_empty() {
            out += &paragraph(&format!("to do: {}", row.advice), 4, width);
        }
    }
    out
}

fn what_follows(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Throttled => "too many calls; nothing was applied, and it is repeated after a wait",
        Disposition::Retryable => "nothing was applied, and it is repeated later",
        Disposition::Permanent => "refused; nothing was applied, and repeating at once is useless",
        Disposition::Unfit => "this source can never be copied",
        Disposition::Authentication => "the credential was refused, and is left alone for 5 minutes",
        Disposition::Ambiguous => "it may have been applied, so the cloud is asked for the copy first",
        Disposition::Conflict => "the copy exists or is running, and is looked up and taken over",
        Disposition::NoWork => "there is nothing to copy",
    }
}

fn tables() -> [(&'static str, &'static [failure::Row]); 3] {
    [("alibaba", alibaba::codes::TABLE), ("huawei", huawei::codes::TABLE), ("tencent", tencent::codes::TABLE)]
}

/// Every row of the document's tables that begins with the code, each cell with its heading.
fn from_document(code: &str, width: usize) -> String {
    let mut out = String::new();
    for (headings, cells) in rows() {
        if !names(cells[0]).any(|name| name == code) {
            continue;
        }
        for (heading, cell) in headings.iter().zip(&cells).skip(1) {
            let cell = readable(cell);
            if !cell.is_empty() {
                out += &paragraph(&format!("{heading}: {cell}"), 2, width);
            }
        }
    }
    // A state that has a section of its own has a table of codes there.
    let section = DOCUMENT.split_once(&format!("\n### {code}\n")).map(|(_, after)| after);
    let lines = section.into_iter().flat_map(|after| after.lines().take_while(|line| !line.starts_with('#')));
    for row in lines.filter(|line| line.starts_with("| ") && !line.starts_with("| code")) {
        let cells: Vec<String> = row.trim_matches('|').split('|').map(|cell| readable(cell.trim())).collect();
        out += &paragraph(&cells.join(": "), 4, width);
    }
    out
}

/// The rows of all tables in the document, with the headings above them.
fn rows() -> Vec<(Vec<&'static str>, Vec<&'static str>)> {
    let cells =
        |line: &'static str| -> Vec<&'static str> { line.trim().trim_matches('|').split('|').map(str::trim).collect() };
    let (mut found, mut headings): (Vec<_>, Option<Vec<&'static str>>) = (Vec::new(), None);
    for line in DOCUMENT.lines() {
        match (line.starts_with('|'), &headings) {
            (false, _) => headings = None,
            (true, None) => headings = Some(cells(line)),
            (true, Some(_)) if line.starts_with("|---") => {}
            (true, Some(above)) => found.push((above.clone(), cells(line))),
        }
    }
    found
}

/// What stands between backticks.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Without the marks of Markdown: the text of links, and no backticks.
fn readable(cell: &str) -> String {
    let mut out = String::new();
    let mut rest = cell;
    while let Some((before, after)) = rest.split_once("](") {
        out += &before.replacen('[', "", 1);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    (out + rest).replace('`', "")
}

/// Every code that this can explain.
fn known() -> BTreeSet<String> {
    let of_tables = tables().into_iter().flat_map(|(_, table)| table.iter().map(|row| row.code.to_owned()));
    let of_document = rows().into_iter().flat_map(|(_, cells)| names(cells[0]).map(str::to_owned).collect::<Vec<_>>());
    of_tables.chain(of_document).filter(|code| !code.contains('*')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: &str) -> String {
        let mut out = Vec::new();
        match run(&CodeArgs { code: code.to_owned() }, &mut out) {
            Ok(()) => String::from_utf8(out).unwrap(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn a_code_is_explained_and_a_misspelt_one_leads_to_the_right_one() {
        assert!(told("InsufficientSnapshotQuota").contains("to do: raise the snapshot quota"));
        assert!(told("in_doubt").contains("may have been applied"));
        assert!(told("Offsite.Throttled").contains("yes, with backoff"));
        assert!(told("too_many_doubts").contains("five calls of unknown outcome"));
        assert_eq!(
            told("InsufficientSnapshotQota"),
            "error: nothing here knows the code InsufficientSnapshotQota; did you mean InsufficientSnapshotQuota?"
        );
        assert!(told("zzz").starts_with("error: nothing here knows the code zzz; it may be"));
    }

    /// No code that stands in the document or in a table is left without words.
    #[test]
    fn every_known_code_is_explained() {
        let known = known();
        assert!(known.len() > 100, "{}", known.len());
        for code in known {
            assert!(told(&code).lines().count() > 1, "{code}: {}", told(&code));
        }
    }
}
