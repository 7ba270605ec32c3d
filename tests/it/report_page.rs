//! How a report is shown: nothing that a name holds acts anywhere, every figure is there, and the page needs nothing else.
//! What a reader does with the page is tested in a browser: `tests/browser/run.sh`.

use std::collections::BTreeSet;

use offsite_local::report::{
    Filter, Reader, brief, csv, html, markdown, narrowed_html, narrowed_table, prometheus, resources_csv, table, word,
};
use offsite_shared::report::{Conclusion, Fault, Report, ResourceState};
use offsite_shared::sweep::findings::Counts;
use offsite_shared::sweep::verdict::Verdict;
use serde_json::Value;

#[path = "../../infra/local/examples/report_page/sample.rs"]
pub mod sample;

pub fn all() -> [(&'static str, Report); 7] {
    [
        ("rich", sample::rich()),
        ("holds", sample::holds()),
        ("unknown", sample::unknown()),
        ("grey", sample::grey()),
        ("empty", sample::empty()),
        ("large", sample::large(10_000)),
        ("front", sample::front()),
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
    assert_eq!(lists, 12 + 109 + 6 + 2, "all resources, exceptions, orphans and replications outside the policy");
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
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "Does not hold",
        "Of 4 rules 1 does not hold, 1 cannot be known, 1 is not judged and 1 holds. 2 replications outside the policy",
        "Note: OFFSITE_PAUSED is set",
        "backups: 2,460 covered: 2,353 replicated (12 inferred), 31 in progress",
        "lag 26h 5m of 24h; newest copies 31h of 24h (worst of 120 resources, 2 late)",
        "complete as of 2026-08-18 10:35 UTC (25m ago; the sweep took 3m 7s)",
        "late: disk-0000new1, no usable copy at all",
        "and 87 more: --format csv",
        "orphans: 6 copies whose source is gone",
        "no figures before the first complete sweep",
        "Outside the policy: 2",
    ] {
        assert!(one_line.contains(words), "{words:?} is not in\n{text}");
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
        let words = if field == "covered" { format!("{spelt} covered") } else { format!("{spelt} {label}") };
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
    assert!(text.contains("Not judged") && !page.contains("Every resource has"), "{text}");
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

/// The text on one line, so that it can be searched wherever it is broken.
fn flat(report: &Report) -> String {
    colourless(&table(report)).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn resources_come_before_backups_with_where_since_when_and_why() {
    let report = sample::rich();
    let (text, page) = (flat(&report), html(&report));
    let at = |of: &str, words: &str| of.find(words).unwrap_or_else(|| panic!("{words:?} is not in\n{of}"));
    at(
        &text,
        "Of 279 resources × destinations 6 are unprotected, 1 is stale, 2 are unknown and 1 is an accepted risk.",
    );
    let [first, accepted] = ["Resources that are not protected: 12", "Accepted risks: 2"].map(|words| at(&text, words));
    assert!(first < accepted && accepted < at(&text, "2,460 covered"));
    let places = ["resources", "accepted", "rules", "exceptions"].map(|id| at(&page, &format!("<section id=\"{id}\"")));
    assert!(places.is_sorted(), "{places:?}");
    at(
        &text,
        "240 resources × destinations: 6 unprotected, 1 stale, 2 unknown, 1 accepted risk, 2 pending, 228 protected",
    );
    // Which, where, its newest copy, and for how long; above them why and whose it is, below them what next.
    for words in [
        "disk-7f3k0q2a ap-singapore copy of 2026-08-12 11:00 for 49h",
        "disk-encrypt1 ap-singapore no copy for 40d 1h",
        "2 unprotected, cannot be copied (a person's to decide): encrypted snapshots are not copied",
        "1 unprotected, made and not copied (Offsite's to do): LimitExceeded.Snapshot: the snapshot quota",
        "1 unprotected, no new backup (the backup plan's to do): there is no backup left that could be copied",
        "2 unknown, not seen (nobody's fault yet): the listing of ap-beijing is incomplete or too old",
        "next: mend the cause (`offsite explain LimitExceeded.Snapshot`); sweeps ask again until then",
        "(a backup: nobody names its resource)",
    ] {
        at(&text, words);
    }
    for line in &report.rules[0].unprotected {
        at(&page, &format!("<bdi>{}</bdi>", line.resource));
    }
    assert!(page.contains("chip bad\">unprotected<") && page.contains("chip doubt\">unknown<"));
    let mut well = sample::holds();
    at(&html(&well), "Every resource has a usable copy, and no newer backup is due.");
    well.rules[0].conclusion = Conclusion::Unknown;
    assert!(!html(&well).contains("Every resource has"), "what is not known is not good");
}

#[test]
fn each_case_has_its_own_command_and_it_can_be_pasted() {
    let mut report = sample::rich();
    let pasted = |report: &Report| {
        let text = colourless(&table(report)).replace(" \\\n", " ");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let (text, page) = (pasted(&report), html(&report));
    let accept = "offsite risk accept --rule web-disks --resource";
    for rest in [
        "disk-encrypt1 --destination ap-singapore --cause encrypted --until DATE --reason WHY",
        "disk-0000new1 --destination ap-singapore --cause LimitExceeded.Snapshot --until DATE --reason WHY",
        "disk-noplan01 --gone --reason WHY",
    ] {
        let command = format!("{accept} {rest}");
        assert!(text.contains(&command) && page.contains(&format!("<code>{command}</code>")), "{command} in {text}");
    }
    // What is about to be copied, what nobody knows and what is accepted already has none.
    for resource in ["disk-7f3k0q2a", "disk-doubtful", "disk-unseen01", "disk-accepted", "disk-fresh001"] {
        let command = format!("--resource {resource}");
        assert!(!text.contains(&command) && !page.contains(&command), "{command}");
    }
    report.rules[0].unprotected[2].cause = "is a volume; rm -rf 'x'".to_owned();
    let command = r"--cause 'is a volume; rm -rf '\''x'\''' --until DATE";
    assert!(pasted(&report).contains(command), "{}", pasted(&report));
    assert!(html(&report).contains("--cause 'is a volume"));
    report.rules[0].unprotected[2].resource = "disk\u{1b}[2J".to_owned();
    assert!(!html(&report).contains("--cause 'is a volume"), "an ID that cannot be shown is in no command");
}

#[test]
fn accepted_risks_say_who_why_and_until_and_an_ended_one_that_it_is_over() {
    let mut report = sample::rich();
    let (text, page) = (flat(&report), html(&report));
    for words in [
        "web-disks/0: disk-accepted in ap-singapore, encrypted, accepted until 2026-09-17; ann@desk: replaced in March",
        "web-disks/1: disk-encrypt1, encrypted, accepted until 2026-08-15: it counts no longer; ann@desk",
        "web-disks/2: disk-scrapped, called gone, until its next backup; ann@desk",
        "next: encrypted, accepted until 2026-09-17, by ann@desk (web-disks/0): replaced in March, OPS-12",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let accepted = page.split_once("<section id=\"accepted\"").unwrap().1.split_once("</section>").unwrap().0;
    for words in ["<span class=\"count\">2<", "ann@desk", "replaced in March, OPS-12", "It counts no longer."] {
        assert!(accepted.contains(words), "{words}\n{accepted}");
    }
    let idle = "There is nothing now that it covers.";
    assert!(!accepted.contains(idle));
    let rule = &mut report.rules[0];
    rule.unprotected.retain(|line| line.state != ResourceState::AcceptedRisk);
    assert!(!html(&report).contains(idle), "of a list that is cut nobody can say that");
    report.rules[0].unprotected_total = report.rules[0].unprotected.len() as u64;
    assert_eq!(html(&report).matches(idle).count(), 1);
}

#[test]
fn causes_are_grouped_and_what_is_not_covered_has_its_reason() {
    let mut report = sample::rich();
    let (text, page) = (flat(&report), html(&report));
    let causes = "12 encrypted (encrypted snapshots are not copied), 8 system_disk";
    assert!(text.contains(&format!("ineligible: 20 snapshots × destinations of 5 disks: {causes}")), "{text}");
    assert!(page.contains("20 snapshots × destinations of 5 disks") && page.contains(causes));
    let owed =
        "25 due without a usable copy (gaps); backlog 1,200 from before the rule's first sweep, done about 2026-08-23";
    assert!(text.contains(owed) && page.contains(owed), "{text}");
    assert!(text.contains("not covered: 2: is in the recycle bin (snap-00c0ffee for instance)"), "{text}");
    let folded = page.split_once("<details class=\"uncovered\">").unwrap().1.split_once("</details>").unwrap().0;
    assert!(folded.contains("312 <bdi>is itself a copy"), "{folded}");
    assert!(folded.contains("For instance <bdi>snap-00c0ffee, snap-00c0ffef, "), "{folded}");
    report.rules[0].destinations.truncate(1);
    assert!(flat(&report).contains("ineligible: 20 snapshots of 5 disks: 12 encrypted"));
    // Where the list is cut nobody knows how many disks it is about.
    report.rules[0].exceptions_total += 1;
    assert!(flat(&report).contains("ineligible: 20 snapshots: 12 encrypted"));
}

#[test]
fn zeros_fold_away() {
    let page = html(&sample::holds());
    let (legend, folded) = page.split_once("<details class=\"zeros\">").unwrap();
    let (folded, _) = folded.split_once("</details>").unwrap();
    assert!(legend.contains("#def-replicated\">replicated</a> <b>300</b>"));
    assert!(!legend.contains("#def-missing") && folded.contains("#def-missing\">missing</a> <b>0</b>"), "{folded}");
    assert!(folded.contains("14 verdicts that no backup has"));
    assert!(!flat(&sample::holds()).contains("missing"));
}

#[test]
fn a_default_is_told_as_one_and_no_objective_is_grey() {
    let mut report = sample::holds();
    assert!(!flat(&report).contains("the default") && !html(&report).contains("(the default,"));
    report.rules[0].objective.is_default = true;
    let told = "24h after it was made (the default, since the rule names no max_lag)";
    assert!(flat(&report).contains(told) && html(&report).contains(told));
    let grey = sample::grey();
    let (text, page) = (flat(&grey), html(&grey));
    assert!(text.contains("Not judged The one rule promises nothing, so it is not judged."), "{text}");
    assert!(text.contains("promised: nothing (objective: none), so it is not judged"));
    let main = page.split_once("<main").unwrap().1;
    assert!(main.contains("class=\"verdict neutral\"") && main.contains("badge neutral"));
    assert!(!main.contains("badge good") && !main.contains("badge bad") && !main.contains("verdict good"));
}

#[test]
fn the_whole_can_be_unknown_although_every_rule_holds() {
    let mut report = sample::holds();
    report.conclusion = Conclusion::Unknown;
    report.remarks.push("3 replications of rule old are unfinished".to_owned());
    let text = flat(&report);
    assert!(text.contains("All the same it cannot be known whether everything holds."), "{text}");
    assert!(text.contains("Note: 3 replications of rule old"));
}

#[test]
fn backups_have_their_new_columns_at_the_end_and_resources_a_table_of_their_own() {
    let report = sample::rich();
    let lines = read_csv(&csv(&report));
    assert_eq!(lines[0][14..], ["reason", "key", "resource_kind", "cause"]);
    let refused = lines.iter().find(|line| line[4] == "refused").unwrap();
    assert_eq!(refused[17], "LimitExceeded.Snapshot");
    let lines = read_csv(&resources_csv(&report));
    let at = |name: &str| lines[0].iter().position(|head| head == name).unwrap();
    assert_eq!(lines.len(), 1 + report.rules[0].unprotected.len());
    assert!(lines.iter().all(|line| line.len() == lines[0].len()));
    let of = |id: &str, column: &str| lines.iter().find(|line| line[at("resource")] == id).unwrap()[at(column)].clone();
    for (id, column, wanted) in [
        ("disk-encrypt1", "state", "unprotected"),
        ("disk-encrypt1", "fault", "cannot_be_copied"),
        ("disk-encrypt1", "cause", "encrypted"),
        ("disk-encrypt1", "newest_copy_of", ""),
        ("disk-encrypt1", "since_seconds", "3459600"),
        ("disk-7f3k0q2a", "newest_copy_of", "2026-08-12T11:00:00Z"),
        ("disk-accepted", "accepted_by", "web-disks/0"),
        ("disk-accepted", "accepted_who", "ann@desk"),
        ("snap-its0own1", "is_backup", "true"),
    ] {
        assert_eq!(of(id, column), wanted, "{column} of {id}");
    }
    for cell in lines.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
    }
}

#[test]
fn csv_has_no_control_sign_and_an_id_is_what_it_was_without_its_guard() {
    let mut report = sample::rich();
    report.rules[0].exceptions[0].backup_id = "-0f3-9".to_owned();
    report.rules[0].exceptions[0].reason = Some("two\nlines".to_owned());
    report.rules[0].unprotected[0].resource = "-disk.1_2".to_owned();
    for text in [csv(&report), resources_csv(&report)] {
        let raw = text.replace("\r\n", "");
        assert_eq!(raw.chars().find(|sign| sign.is_control() || *sign == '\u{202e}'), None);
    }
    assert!(csv(&report).contains(",'-0f3-9,") && resources_csv(&report).contains(",'-disk.1_2,"));
}

fn filter(change: impl FnOnce(&mut Filter)) -> Filter {
    let mut filter = Filter::default();
    change(&mut filter);
    filter
}

/// The sample as a filter leaves it: its text and its lists.
fn narrowed(filter: &Filter) -> (String, Report) {
    let mut report = sample::rich();
    filter.apply(&mut report);
    let text = colourless(&narrowed_table(&report, filter, 100, &Reader::default()))
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    (text, report)
}

#[test]
fn a_filter_narrows_lists_and_never_the_conclusion() {
    let whole = sample::rich();
    let (text, report) = narrowed(&filter(|one| one.resources = vec!["disk-encrypt1".to_owned()]));
    let (rule, before) = (&report.rules[0], &whole.rules[0]);
    assert!(rule.unprotected.len() == 1 && rule.unprotected[0].fault == Fault::CannotBeCopied);
    assert!(rule.exceptions.iter().all(|line| line.resource.as_deref() == Some("disk-encrypt1")));
    assert_eq!((rule.exceptions.len(), rule.orphans.len(), report.outside.len()), (4, 0, 0));
    assert_eq!(report.conclusion, whole.conclusion);
    assert_eq!((rule.counts, rule.resources, &rule.why), (before.counts, before.resources, &before.why));
    let said = "Note: Listed is only what is of resource disk-encrypt1. The conclusion and the figures are those of \
                everything, listed or not.";
    assert!(text.contains(said) && text.contains("Does not hold"), "{text}");
    assert!(!text.contains("more: --format csv"), "nothing else matches, so there is no more: {text}");

    let words = || ["in doubt", "Stale"].map(|text| word(text).unwrap()).to_vec();
    let (_, report) = narrowed(&filter(|one| one.words = words()));
    assert!(report.rules[0].exceptions.iter().all(|line| line.verdict == Verdict::InDoubt));
    assert_eq!((report.rules[0].exceptions.len(), report.rules[0].unprotected.len(), report.outside.len()), (3, 1, 1));

    let of_disk = |line: &&offsite_shared::sweep::findings::Line| line.resource.as_deref() == Some("disk-encrypt1");
    let backup = whole.rules[0].exceptions.iter().find(of_disk).unwrap().backup_id.clone();
    let (_, report) = narrowed(&filter(|one| one.backups = vec![backup]));
    assert_eq!((report.rules[0].exceptions.len(), report.rules[0].unprotected.len()), (1, 1), "it leads to its disk");

    let (text, report) = narrowed(&filter(|one| one.resources = vec!["disk-nobody".to_owned()]));
    assert!(text.contains("Nothing in the lists is about that."), "{text}");
    assert_eq!(report.conclusion, Conclusion::Broken);
}

#[test]
fn a_filter_by_rule_shows_that_rule_and_judges_all() {
    let chosen = filter(|one| one.rules = vec!["vault-prod".to_owned()]);
    let (text, report) = narrowed(&chosen);
    assert!(text.contains("vault-prod holds") && !text.contains("web-disks does not hold"), "{text}");
    assert!(text.contains("Does not hold Of 279 resources") && text.contains("Of 4 rules 1 does not hold"), "{text}");
    let page = narrowed_html(&report, &chosen, &Reader::default());
    let tags = read_html(&page);
    let ids = attributes(&tags, "id");
    assert!(ids.contains(&"rule-2") && !ids.contains(&"rule-1"));
    for href in attributes(&tags, "href").into_iter().filter_map(|href| href.strip_prefix('#')) {
        assert!(ids.contains(&href), "{href} leads nowhere");
    }
    assert!(page.contains("Does not hold") && page.contains("those of everything, listed or not"));
}

#[test]
fn a_word_that_is_none_is_answered_with_those_that_are() {
    for (text, wanted) in [("in-doubt", "in_doubt"), ("Given up", "given_up"), ("unprotected", "unprotected")] {
        assert_eq!(word(text).as_deref(), Ok(wanted));
    }
    let complaint = word("broken").unwrap_err();
    assert!(complaint.starts_with("\"broken\" is no verdict"), "{complaint}");
    assert!(complaint.contains("known are accepted_risk, ended, failed,") && !complaint.contains('\n'), "{complaint}");
    assert_eq!(word("replicated").unwrap_err(), "what is replicated is counted and not listed");
}

/// A chat shows what is red, and nothing that a name holds acts there.
#[test]
fn markdown_is_short_and_inert() {
    for (name, report) in all() {
        let text = markdown(&report, &Reader::default());
        assert!(text.lines().count() <= 45 && text.starts_with("**Offsite: "), "{name}: {text}");
        for sign in ["<img", "](", "\u{1b}", "\u{202e}", "<svg"] {
            assert!(!text.contains(sign) || text.contains(&format!("\\{sign}")), "{name}: {sign} in {text}");
        }
    }
    let told = markdown(&sample::front(), &Reader::default());
    for part in [
        "**Offsite: Does not hold**",
        "`disk-7f3k0q2a` to ap-singapore",
        "offsite explain InsufficientSnapshotQuota",
        "- **servers** holds",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!markdown(&sample::holds(), &Reader::default()).contains("Not protected"));
}

/// Each line is one that Prometheus reads: a remark, or a name with quoted labels and a number.
#[test]
fn prometheus_gets_numbers_with_labels() {
    for (name, report) in all() {
        for line in prometheus(&report).lines().filter(|line| !line.starts_with("# ")) {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            assert!(value.parse::<u64>().is_ok(), "{name}: {line}");
            let (metric, labels) = series
                .split_once('{')
                .map_or((series, ""), |(metric, rest)| (metric, rest.strip_suffix('}').expect("an end")));
            assert!(metric.chars().all(|sign| sign.is_ascii_lowercase() || sign == '_'), "{name}: {line}");
            let bare = labels.replace("\\\\", "").replace("\\\"", "");
            assert_eq!(bare.matches('"').count() % 2, 0, "{name}: {line}");
        }
    }
    let told = prometheus(&sample::front());
    for line in [
        "offsite_report_holds 0",
        "offsite_rule_holds{rule=\"servers\",provider=\"huawei\",account=\"prod\"} 1",
        "offsite_resources{rule=\"web-disks\",provider=\"tencent\",account=\"prod\",state=\"unprotected\"} 1",
        "offsite_backups{rule=\"web-disks\",provider=\"tencent\",account=\"prod\",verdict=\"refused\"} 1",
    ] {
        assert!(told.lines().any(|one| one == line), "{line}: {told}");
    }
    assert!(prometheus(&sample::holds()).contains("offsite_report_holds 1"));
    assert!(prometheus(&sample::unknown()).contains("offsite_report_holds 0"), "what nobody knows does not hold");
}

/// In every width nothing is wider, and the brief form leaves out the sections of the rules alone.
#[test]
fn a_report_is_no_wider_than_its_terminal() {
    for (name, report) in all() {
        for width in [80, 120] {
            for text in [narrowed_table(&report, &Filter::default(), width, &Reader::default()), brief(&report, width)]
            {
                let text = colourless(&text);
                let widest = text.lines().filter(|line| !line.contains("--resource")).map(|line| line.chars().count());
                assert!(widest.max() <= Some(width), "{name} in {width}: {text}");
            }
        }
    }
    assert!(colourless(&brief(&sample::front(), 80)).ends_with("servers  holds: 31 resources: 31 protected\n"));
}
