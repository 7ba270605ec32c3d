//! What YAML can do to a policy.

use super::*;

const RULE: &str = "name: web, provider: tencent, source: {region: ap-guangzhou}, destinations: [{region: ap-beijing}]";

fn problems(text: &str) -> Vec<String> {
    let problems = parse("p", text.as_bytes()).expect_err(text);
    problems.to_string().lines().map(str::to_owned).collect()
}

fn region(yaml: &str) -> Result<String, Vec<String>> {
    let text = format!("version: 1\nrules: [{{{}}}]\n", RULE.replace("ap-guangzhou", yaml));
    match parse("p", text.as_bytes()) {
        Ok(policy) => Ok(policy.rules[0].source.region.clone()),
        Err(problems) => Err(problems.to_string().lines().map(str::to_owned).collect()),
    }
}

#[test]
fn plain_words_are_texts_and_numbers_are_refused_with_advice() {
    for word in
        ["no", "on", "Yes", "y", "off", "'7'", "\"true\"", "0x", "1_000", "12:30:45", "1.2.3", "3-4", "e5", "1e"]
    {
        let refused = word.contains(':');
        assert_eq!(region(word).is_err(), refused, "{word}: {:?}", region(word));
        if !refused {
            assert_eq!(region(word).unwrap(), word.trim_matches(['\'', '"']));
        }
    }
    let number = "p:2:49: rules[0].source.region: must be a text, not a number: put it in quotes";
    for word in ["7", "-7", "007", "1.5", "1e3", ".5", "0o17", "0xff", "99999999999999999999999"] {
        assert_eq!(region(word), Err(vec![number.to_owned()]), "{word}");
    }
    for word in ["true", "False"] {
        let wanted = "p:2:49: rules[0].source.region: must be a text, not true or false: put it in quotes";
        assert_eq!(region(word), Err(vec![wanted.to_owned()]), "{word}");
    }
    for word in ["", "~", "null"] {
        let wanted = "p:2:49: rules[0].source.region: has no value: give one, or leave the key out";
        assert_eq!(region(word), Err(vec![wanted.to_owned()]), "{word}");
    }
}

#[test]
fn what_json_has_no_place_for_is_refused_where_it_stands() {
    let cases: [(&str, &[&str]); 12] = [
        ("version: 1\nversion: 1\nrules: []\n", &["p:2:1: version: is given twice, first on line 1"]),
        (
            "version: &v 1\nrules: []\nx: *v\n",
            &[
                "p:1:10: version: anchors (&name) are not read here: write it out",
                "p:3:4: x: aliases (*name) are not read here: write it out",
            ],
        ),
        ("version: !!int 1\nrules: []\n", &["p:1:10: version: tags (!name) are not read here: quotes make a text"]),
        ("version: 1\nrules: !set []\n", &["p:2:8: rules: tags (!name) are not read here: quotes make a text"]),
        (
            "version: 1\nrules: []\n---\nversion: 1\nrules: []\n",
            &["p:4:1: a second document begins here; a policy is one document"],
        ),
        ("version: 1\nrules: []\n...\nx\n", &["p:4:1: a second document begins here; a policy is one document"]),
        ("? [a]\n: 1\n", &["p:1:3: has a key that is not a text"]),
        (
            "version: 1\nrules:\n\t- x\n",
            &["p:3:2: is not YAML: tabs disallowed within this context (block indentation)"],
        ),
        ("version: 1\nrules: [\n", &["p:3:1: is not YAML: while parsing a node, did not find expected node content"]),
        ("", &["p: is empty; a policy without rules says version: 1 and rules: []"]),
        ("# nothing\n", &["p: is empty; a policy without rules says version: 1 and rules: []"]),
        ("- a\n", &["p:1:1: policy: must be an object, not an array"]),
    ];
    for (text, wanted) in cases {
        assert_eq!(problems(text), wanted, "{text:?}");
    }
}

#[test]
fn a_missing_field_is_complained_of_where_it_is_missing() {
    assert_eq!(
        problems("rules:\n  - name: a\n    provider: tencent\n    source: {}\n    destinations: [{}]\n"),
        [
            "p:1:1: version: is missing: write version: 1",
            "p:4:5: rules[0].source.region: is missing",
            "p:5:20: rules[0].destinations[0].region: is missing",
        ]
    );
}

#[test]
fn bytes_before_and_between_are_what_editors_write() {
    let plain = format!("version: 1\nrules:\n- {{{RULE}}}\n");
    let policy = parse("p", plain.as_bytes()).unwrap();
    let crlf = plain.replace('\n', "\r\n");
    for text in [format!("\u{feff}{plain}"), crlf, format!("---\n{plain}...\n"), format!("# a\n\n{plain}# b")] {
        assert_eq!(parse("p", text.as_bytes()), Ok(policy.clone()), "{text:?}");
    }
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, told) in [
        (b"\xff\xfe".iter().copied().chain(utf16).collect(), "p: is UTF-16; save it as UTF-8"),
        (b"version: 1\nrules: [\xe9]".to_vec(), "p: is not UTF-8 text (byte 20)"),
    ] {
        assert_eq!(parse("p", &bytes).unwrap_err().to_string(), told);
    }
    assert!(problems("version: 1\0\n")[0].starts_with("p:1:"));
}

#[test]
fn json_is_read_with_its_own_escapes() {
    let json = r#"{
	"version": 1,
	"rules": [{"name": "a", "provider": "tencent",
		"source": {"region": "ap\u002dguangzhou", "select": {"name_prefix": "\ud83d\ude00 \\ud83d\\ude00 \/ \u00e9\t"}},
		"destinations": [{"region": "ap-beijing"}]}]
}"#;
    let policy = parse("p", json.as_bytes()).unwrap();
    assert_eq!(policy.rules[0].source.region, "ap-guangzhou");
    assert_eq!(policy.rules[0].source.select.name_prefix.as_deref(), Some("\u{1f600} \\ud83d\\ude00 / \u{e9}\t"));
    assert_eq!(
        problems("{\"version\": 1,\n \"rules\": [],\n \"x\": \"\\ud83d\\ude00\"}")[0].split(": ").next(),
        Some("p:3:2")
    );
    let lone = problems(r#"{"version": 1, "rules": [], "x": "\ud83d"}"#);
    assert_eq!(
        lone,
        ["p:1:34: is not YAML: while parsing a quoted scalar, found invalid Unicode character escape code"]
    );
    assert_eq!(
        problems(r#"{"version": 1, "rules": [], "rules": []}"#),
        ["p:1:29: rules: is given twice, first on line 1"]
    );
}

#[test]
fn size_depth_and_expansion_are_bounded() {
    let huge = format!("version: 1\nrules: []\n#{}", "x".repeat(10 * 1024 * 1024));
    assert_eq!(problems(&huge), ["p: is greater than 1048576 bytes"]);
    for open in ["[", "{a: ", "- ", "? "] {
        let deep = open.repeat(MAX_BYTES as usize / open.len());
        assert_eq!(problems(&deep).len(), 1, "{open}");
    }
    let laughs: String = (1..30).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1)).collect();
    let laughed = problems(&format!("a0: &a0 [x]\n{laughs}"));
    assert_eq!(laughed.len(), 30 + 58);
    let many = format!("version: 1\nrules: [{}]\n", "7, ".repeat(300_000));
    let many = problems(&many);
    assert_eq!(many.len(), 101);
    assert_eq!(many[100], "p: and 299900 more problems");
}

#[test]
fn an_odd_name_cannot_split_a_line() {
    let shown = problems("\"ver\\nsion\\e[31m\": 1\nversion: 1\nrules: []\n");
    assert_eq!(shown, ["p:1:1: ver sion\\u001b[31m: is not known here; known are version, rules"]);
}

/// Every prefix of a policy, and thousands of damaged ones, end in a policy or in problems with a place, never in a panic.
#[test]
fn damaged_files_never_panic() {
    let whole = include_str!("../../../../../docs/policies/tencent.yaml");
    for (end, _) in whole.char_indices() {
        let _ = parse("p", &whole.as_bytes()[..end]);
    }
    let mut random = fastrand::Rng::with_seed(7);
    let odd = b"{}[]:,-?&*!|>'\"%@`#\t\n \\\0~<=.0u\xef\xbb\xbf";
    for _ in 0..1_000 {
        let mut bytes = whole.as_bytes().to_vec();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[at] = odd[random.usize(..odd.len())],
                1 => bytes.insert(at, odd[random.usize(..odd.len())]),
                _ => drop(bytes.remove(at)),
            }
        }
        if let Err(problems) = parse("p", &bytes) {
            assert!(!problems.list.is_empty());
        }
    }
}
