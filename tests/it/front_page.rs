//! The first page: its picture is the report's own, and both languages say the same.

use std::path::Path;

use offsite_local::report::{Filter, Reader, narrowed_table};

use crate::report_page::sample;

/// Columns of the picture: as many as fit beside each other on a page.
const COLUMNS: usize = 88;

/// A reader sees the whole first page at a glance or two.
const LINES: usize = 65;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `OFFSITE_GOLDEN=write` draws it anew.
#[test]
#[allow(clippy::disallowed_methods, reason = "the edge of the tests: the file is written anew on demand")]
fn the_picture_is_the_report_as_it_is_now() {
    let report = narrowed_table(&sample::front(), &Filter::default(), COLUMNS, &Reader::default());
    let drawn = anstyle_svg::Term::new().render_svg(&report);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/report.svg");
    if std::env::var("OFFSITE_GOLDEN").is_ok_and(|wish| wish == "write") {
        std::fs::write(&path, &drawn).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept == drawn, "docs/report.svg is not what the report looks like: OFFSITE_GOLDEN=write draws it anew");
}

/// What stands in the blocks of code, without remarks.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```").skip(1).step_by(2);
    let line = |line: &str| line.split(" #").next().unwrap_or_default().trim().to_owned();
    blocks.flat_map(|block| block.lines().map(line)).filter(|line| !line.is_empty()).collect()
}

/// Every target of a link, in order.
fn links(page: &str) -> Vec<String> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.starts_with("README")).map(str::to_owned).collect()
}

#[test]
fn both_first_pages_say_the_same_commands_and_lead_to_the_same_places() {
    let [english, chinese] = [text("README.md"), text("README.zh-CN.md")];
    assert_eq!(commands(&english), commands(&chinese));
    assert_eq!(links(&english), links(&chinese));
    let headings = |page: &str| page.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(headings(&english), headings(&chinese));
    for two in ["cargo run -p offsite -- demo", "cargo test --workspace"] {
        assert!(commands(&english).iter().any(|line| line == two), "{two}");
    }
    for page in [&english, &chinese] {
        assert!(page.lines().count() <= LINES, "{} lines", page.lines().count());
        assert!(page.contains("](docs/report.svg)"));
    }
}

/// Each relative link of a document leads to a file, and to a heading of it where it names one.
#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages: Vec<_> = std::fs::read_dir(root.join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    pages.extend(["README.md", "README.zh-CN.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root.join(name)));
    let anchor = |heading: &str| -> String {
        let kept = heading.trim().to_lowercase();
        kept.chars()
            .filter(|sign| sign.is_alphanumeric() || " -_".contains(*sign))
            .collect::<String>()
            .replace(' ', "-")
    };
    let mut broken = Vec::new();
    for page in &pages {
        let prose: String = std::fs::read_to_string(page).unwrap().split("```").step_by(2).collect();
        for link in links(&prose).iter().filter(|link| !link.contains("://") && !link.contains(' ')) {
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let there = match part {
                "" => target.exists(),
                part => std::fs::read_to_string(&target).is_ok_and(|text| {
                    let headings = text.lines().filter(|line| line.starts_with('#'));
                    headings.map(|line| anchor(line.trim_start_matches('#'))).any(|known| known == part)
                }),
            };
            if !there {
                broken.push(format!("{}: {link}", page.file_name().unwrap().to_string_lossy()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
