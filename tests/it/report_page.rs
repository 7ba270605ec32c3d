//! How a report is shown: nothing that a name holds acts anywhere, every figure is there, and the page needs nothing else.
//! What a reader does with the page is tested in a browser: `tests/browser/run.sh`.

use std::collections::BTreeSet;

use offsite_local::report::{csv, html, table};
use offsite_shared::report::{Conclusion, Report};
use offsite_shared::sweep::findings::Counts;
use offsite_shared::sweep::verdict::Verdict;
use serde_json::Value;

#[path = "../../infra/local/examples/report_page/sample.rs"]
mod sample;

fn all() -> [(&'static str, Report); 6] {
    [
        ("rich", sample::rich()),
        ("holds", sample::holds()),
        ("unknown", sample::unknown()),
        ("grey", sample::grey()),
        ("empty", sample::empty()),
        ("large", sample::large(10_000)),
    ]
}

/// The text without colours, as `anstream` leaves it in a pipe.
fn colourless(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        out += &rest[..at];
        let end = rest[at..].find('m').expect("only colours");
        assert!(rest[at + 1..at + end].bytes().all(|b| b"[0123456789;".contains(&b)), "no colour: {:?}", &rest[at..]);
        rest = &rest[at + end + 1..];
    }
    out + rest
}

/// Reads CSV as RFC 4180 has it.
fn read_csv(text: &str) -> Vec<Vec<String>> {
    let (mut lines, mut cells, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut signs) = (false, text.chars().peekable());
    while let Some(sign) = signs.next() {
        match (sign, quoted) {
            ('"', true) if signs.peek() == Some(&'"') => cell.push(signs.next().unwrap()),
            ('"', true) => quoted = false,
            ('"', false) => {
                assert!(cell.is_empty(), "a quote inside an unquoted cell");
                quoted = true;
            }
            (',', false) => cells.push(std::mem::take(&mut cell)),
            ('\r', false) => {
                assert_eq!(signs.next(), Some('\n'));
                cells.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut cells));
            }
            ('\n', false) => panic!("a bare line feed"),
            (sign, _) => cell.push(sign),
        }
    }
    assert!(!quoted && cell.is_empty() && cells.is_empty(), "the last line is not ended");
    lines
}

/// An element of a page with its attributes.
type Tag = (String, Vec<(String, String)>);

/// Reads a page strictly: every element is closed in its turn, every attribute quoted, nothing twice. Returns what it opens.
fn read_html(page: &str) -> Vec<Tag> {
    const VOID: [&str; 5] = ["meta", "link", "br", "input", "hr"];
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    let (mut open, mut tags): (Vec<String>, Vec<Tag>) = (Vec::new(), Vec::new());
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a bare > in {:?}", &rest[..at]);
        rest = &rest[at + 1..];
        if let Some(closing) = rest.strip_prefix('/') {
            let end = closing.find('>').expect("an end");
            assert_eq!(open.pop().as_deref(), Some(&closing[..end]), "closed out of turn");
            rest = &closing[end + 1..];
            continue;
        }
        let name: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        assert!(!name.is_empty(), "a bare < before {:?}", &rest[..rest.len().min(40)]);
        rest = &rest[name.len()..];
        let mut attributes: Vec<(String, String)> = Vec::new();
        while let Some(more) = rest.strip_prefix(' ') {
            let end = more.find(['=', ' ', '>']).expect("an end");
            let key = more[..end].to_owned();
            assert!(key.chars().all(|c| c.is_ascii_alphabetic() || "-:0123456789".contains(c)), "attribute {key:?}");
            assert!(attributes.iter().all(|(other, _)| *other != key), "{key} twice in {name}");
            rest = &more[end..];
            let value = rest.strip_prefix("=\"").map(|value| value.split_once('"').expect("an end"));
            rest = value.map_or(rest, |(_, after)| after);
            attributes.push((key, value.map(|(value, _)| value.to_owned()).unwrap_or_default()));
        }
        rest = rest.strip_prefix('>').unwrap_or_else(|| panic!("{name} goes on with {:?}", &rest[..40]));
        if ["script", "style"].contains(&name.as_str()) {
            let end = rest.find(&format!("</{name}>")).expect("an end");
            rest = &rest[end + name.len() + 3..];
        } else if !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        tags.push((name, attributes));
    }
    assert_eq!(open, Vec::<String>::new(), "never closed");
    tags
}

fn attributes<'a>(tags: &'a [Tag], key: &str) -> Vec<&'a str> {
    tags.iter().flat_map(|(_, all)| all).filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
}

#[test]
fn every_page_is_well_formed_and_needs_nothing_else() {
    for (name, report) in all() {
        let page = html(&report);
        let tags = read_html(&page);
        let ids = attributes(&tags, "id");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{name}: an id twice");
        for href in attributes(&tags, "href") {
            let inside = href.strip_prefix('#').is_some_and(|id| ids.contains(&id));
            assert!(inside || href == "data:,", "{name}: {href}");
        }
        for outside in ["src", "srcset", "action", "style", "background", "poster", "ping", "xlink:href"] {
            assert_eq!(attributes(&tags, outside), Vec::<&str>::new(), "{name}: {outside}");
        }
        let handlers = tags.iter().flat_map(|(_, all)| all).filter(|(key, _)| key.starts_with("on"));
        assert_eq!(handlers.count(), 0, "{name}: an event handler in an attribute");
        let known: BTreeSet<&str> = tags.iter().map(|(tag, _)| tag.as_str()).collect();
        for tag in ["img", "iframe", "object", "embed", "base", "audio", "video", "foreignObject"] {
            assert!(!known.contains(tag), "{name}: {tag}");
        }
        let scripts = tags.iter().filter(|(tag, all)| tag == "script" && all.iter().all(|(key, _)| key != "type"));
        assert_eq!(scripts.count(), 1, "{name}");
        assert!(!page.contains("@import") && !page.contains("url(h") && !page.contains("url(/"), "{name}");
        let heads = tags.iter().filter(|(tag, all)| tag == "th" && all.iter().all(|(key, _)| key != "scope"));
        assert_eq!(heads.count(), 0, "{name}: a head of a table without a scope");
        let steering = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert_eq!(page.chars().find(|&c| steering(c)), None, "{name}");
    }
    // The sample's own names hold an address; nothing else may.
    let page = html(&sample::holds());
    assert!(!page.contains("http://") && !page.contains("https://"));
}

#[test]
fn the_pages_policy_allows_its_own_style_and_script_and_nothing_else() {
    let page = html(&sample::rich());
    let tags = read_html(&page);
    let policy = attributes(&tags, "content").into_iter().find(|content| content.starts_with("default-src")).unwrap();
    let parts: Vec<&str> = policy.split("; ").collect();
    assert_eq!(parts[0], "default-src &#39;none&#39;".replace("&#39;", "'"));
    for (part, kind) in [(parts[1], "script-src"), (parts[2], "style-src")] {
        assert!(part.starts_with(&format!("{kind} 'sha256-")) && part.ends_with("='"), "{part}");
    }
    assert_eq!(parts[3..], ["img-src data:", "base-uri 'none'", "form-action 'none'"]);
    assert!(!policy.contains("unsafe"));
}

#[test]
fn a_name_is_text_in_the_page_and_in_its_data() {
    let page = html(&sample::rich());
    assert!(page.contains("&lt;/script&gt;&lt;img src=x onerror=&quot;window.pwned=1&quot;&gt;"));
    assert!(!page.contains("<img") && !page.contains("<svg onload") && !page.contains("<!--"));
    let mut rest = page.as_str();
    let mut lists = 0;
    while let Some((_, after)) = rest.split_once("type=\"application/json\"") {
        let (data, after) = after.split_once('>').unwrap().1.split_once("</script>").unwrap();
        assert!(!data.contains('<'), "a sign that could end the data");
        let data: Value = serde_json::from_str(data).expect("JSON");
        lists += data["rows"].as_array().unwrap().len();
        rest = after;
    }
    assert_eq!(lists, 109 + 6 + 2, "all exceptions, orphans and replications outside the policy");
}

#[test]
fn csv_holds_every_exception_orphan_and_stranger_and_no_formula() {
    for (name, report) in all() {
        let lines = read_csv(&csv(&report));
        let rules = report.rules.iter();
        let wanted: usize =
            rules.map(|rule| rule.exceptions.len() + rule.orphans.len()).sum::<usize>() + report.outside.len();
        assert_eq!(lines.len(), wanted + 1, "{name}");
        for line in &lines {
            assert_eq!(line.len(), lines[0].len(), "{name}: {line:?}");
            for cell in line {
                assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{name}: {cell:?}");
            }
        }
    }
    let lines = read_csv(&csv(&sample::rich()));
    let at = |name: &str| lines[0].iter().position(|head| head == name).unwrap();
    let orphan = lines.iter().find(|line| line[at("id")] == "snap-or2h4n0x").unwrap();
    assert_eq!(orphan[at("name")], format!("'{}", sample::HOSTILE[2]));
    assert_eq!(orphan[at("size_gib")], "150");
    let missed = lines.iter().find(|line| line[at("verdict")] == "missed").unwrap();
    assert_eq!(missed[at("key")].len(), 64);
    assert_eq!((missed[at("created_at")].as_str(), missed[at("age_seconds")].as_str()), ("", ""));
}

#[test]
fn a_terminal_shows_a_hundred_columns_and_obeys_no_name() {
    for (name, mut report) in all() {
        for line in report.rules.iter_mut().flat_map(|rule| &mut rule.exceptions).take(3) {
            line.name = Some("备份".repeat(90));
            line.backup_id = "b".repeat(130);
        }
        for line in colourless(&table(&report)).lines() {
            let wide = line.chars().map(|c| if ('\u{2e80}'..='\u{ffef}').contains(&c) { 2 } else { 1 }).sum::<usize>();
            assert!(wide <= 100, "{name}: {wide} columns: {line}");
            assert!(!line.chars().any(char::is_control), "{name}: {line:?}");
        }
    }
    let text = colourless(&table(&sample::rich()));
    for words in [
        "Does not hold",
        "1 of 4 rules does not hold, and 1 cannot be judged. 2 replications outside the policy need somebody.",
        "Note: OFFSITE_PAUSED is set",
        "covered 2,460: 2,353 replicated (12 inferred), 31 in progress",
        "lag 26h 5m of 24h; newest copies 31h of 24h (worst of 120 resources, 2 late)",
        "complete as of 2026-08-18 10:35 UTC (25m ago; the sweep took 3m 7s)",
        "late: disk-0000new1, no usable copy at all",
        "and 87 more: --format csv",
        "orphans: 6 copies whose source is gone",
        "no figures before the first complete sweep",
        "Outside the policy: 2",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
}

#[test]
fn every_count_is_shown_with_its_definition() {
    let mut counts = Counts { covered: 45_001, ..Counts::default() };
    for (index, verdict) in (1..).zip(Verdict::ALL) {
        counts[verdict] = index * 1_001;
    }
    let mut report = sample::holds();
    report.rules[0].counts = counts;
    let page = html(&report);
    let text = colourless(&table(&report)).split_whitespace().collect::<Vec<_>>().join(" ");
    let Value::Object(fields) = serde_json::to_value(counts).unwrap() else { panic!("no object") };
    for (field, count) in fields {
        let count = count.as_u64().unwrap();
        let spelt = format!("{},{:03}", count / 1_000, count % 1_000);
        let label = field.replace('_', " ");
        assert!(page.contains(&format!("<b>{spelt}</b>")), "{field} in the page");
        assert!(page.contains(&format!("<dt id=\"def-{field}\">{label}</dt>")), "the definition of {field}");
        let words = if field == "covered" { format!("covered {spelt}") } else { format!("{spelt} {label}") };
        assert!(text.contains(&words), "{words} in the table:\n{text}");
    }
}

#[test]
fn an_empty_report_says_so() {
    let report = sample::empty();
    let sentence = "This report is empty: there is no rule, and no replication needs anybody.";
    let text = colourless(&table(&report));
    assert!(text.contains(sentence) && text.contains("Note: There is no policy"), "{text}");
    let page = html(&report);
    assert!(page.contains(sentence) && page.contains("verdict neutral") && !page.contains("Every covered backup"));
    assert_eq!(read_csv(&csv(&report)).len(), 1, "a header line alone");
}

#[test]
fn what_is_unknown_never_looks_good() {
    let mut report = sample::unknown();
    report.rules[0].rule = "vault".to_owned();
    let (page, text) = (html(&report), colourless(&table(&report)));
    let verdict = page.split_once("<main").unwrap().1;
    assert!(verdict.contains("Cannot be known") && !verdict.contains("badge good"));
    assert!(page.contains("There are no figures before the first complete sweep.") && !page.contains("100 %</"));
    assert!(!page.contains("Every covered backup") && !page.contains("was found"), "an empty list proves nothing");
    assert!(text.contains("Cannot be known") && text.contains("lag not known of 48h"), "{text}");
    assert!(text.contains("no sweep was complete yet"), "{text}");
    assert_eq!(report.conclusion, Conclusion::Unknown);
}

#[test]
fn a_long_list_is_cut_and_says_so() {
    let report = sample::large(10_000);
    let page = html(&report);
    assert!(page.contains("1,000 of 10,000 shown."), "the page's status line");
    assert!(page.contains("offsite report --format csv"));
    let (rows, _) = page.split_once("id=\"exceptions-rows\"").unwrap();
    assert_eq!(rows.split_once("id=\"exceptions\"").unwrap().1.matches("<tr").count(), 1_001);
    // The short list of the second rule is whole: the long one does not hide it.
    assert_eq!(rows.matches("chip bad\">failed<").count(), 100);
    assert!(colourless(&table(&report)).contains("and 9,880 more: --format csv"));
}
