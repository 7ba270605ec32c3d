//! Policies as files: the samples, the schema beside the strict reader, and `offsite policy`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write;
use std::path::{Path, PathBuf};

use offsite_local::cmd::policy::{PolicyAction, PolicyArgs, run};
use offsite_local::cmd::show::Form;
use offsite_local::home::policy_file;
use offsite_shared::policy::{Policy, SCHEMA};
use offsite_shared::settings::environment::Environment;
use serde_json::{Value, json};

use crate::sweeping::Estate;

fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policies");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 3, "one sample for each provider");
    files
}

fn schema() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

#[test]
fn every_sample_is_good_and_its_normalised_form_is_the_same_policy() {
    for file in samples() {
        let provider = file.file_stem().unwrap().to_str().unwrap();
        let policy = policy_file::read(&file).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(policy.rules.len() >= 2);
        assert!(policy.rules.iter().all(|rule| rule.operation.cloud().name() == provider), "{provider}");
        let written = policy.to_json();
        assert!(schema().is_valid(&written), "{provider}");
        assert_eq!(Policy::from_json(&written).as_ref(), Ok(&policy), "{provider}");
        // As JSON on one line it is the same policy, too.
        assert_eq!(policy_file::parse("x", written.to_string().as_bytes()).as_ref(), Ok(&policy), "{provider}");
    }
}

fn rule(provider: &str) -> Value {
    match provider {
        "tencent" => json!({
            "name": "t", "provider": "tencent", "source": {"region": "ap-guangzhou"},
            "destinations": [{"region": "ap-beijing"}],
        }),
        "alibaba" => json!({
            "name": "a", "provider": "alibaba", "source": {"region": "cn-hangzhou", "vault_id": "v-1"},
            "destinations": [{"region": "cn-shanghai", "vault_id": "v-2"}],
        }),
        _ => json!({
            "name": "h", "provider": "huawei", "source": {"region": "cn-north-4"},
            "destinations": [{"region": "cn-south-1", "project_id": "p2", "vault_id": "v2"}],
        }),
    }
}

/// A policy with one rule of a provider, changed at JSON pointers; null removes, and `"null"` sets null.
fn with(provider: &str, changes: &[(&str, Value)]) -> Value {
    let mut rule = rule(provider);
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = rule.pointer_mut(parent).unwrap();
        match (parent, value) {
            (Value::Object(object), Value::Null) => drop(object.remove(key)),
            (Value::Object(object), value) if value == "null" => drop(object.insert(key.to_owned(), Value::Null)),
            (Value::Object(object), value) => drop(object.insert(key.to_owned(), value.clone())),
            (Value::Array(items), value) => items.push(value.clone()),
            _ => panic!("{pointer} leads nowhere"),
        }
    }
    json!({"version": 1, "rules": [rule]})
}

fn select(select: Value) -> Value {
    with("tencent", &[("/source/select", select)])
}

#[test]
fn the_schema_and_the_strict_reader_agree() {
    let (t, a, h) = ("tencent", "alibaba", "huawei");
    let checkpoint = ("/operation", json!("copy-checkpoint"));
    let item = ("/operation", json!("copy-checkpoint-item"));
    let csbs = ("/destinations", json!([{"region": "cn-south-1", "project_id": "p2"}]));
    let long = "x".repeat(65);
    let named = |name: &str| with(t, &[("/name", json!(name))]);
    let good = [
        named("每晚磁盘"),
        named("रात्रि"),
        named("ночь_7"),
        with(t, &[("/account", json!("生产"))]),
        with(t, &[("/account", json!("ops@example.com:1/a+b"))]),
        json!({"version": 1, "rules": []}),
        json!({"version": 1.0, "rules": []}),
        with(t, &[]),
        with(a, &[]),
        with(h, &[]),
        with(t, &[("/operation", json!("copy-snapshot")), ("/account", json!("prod")), ("/options", json!({}))]),
        with(
            h,
            &[
                ("/operation", json!("copy-backup")),
                ("/source/vault_id", json!("v")),
                ("/source/project_id", json!("p")),
            ],
        ),
        with(h, &[checkpoint.clone(), ("/source/vault_id", json!("v")), ("/options", json!({"auto_trigger": true}))]),
        with(h, &[checkpoint.clone(), ("/source/vault_id", json!("v")), ("/source/select", json!({}))]),
        with(h, &[item.clone(), csbs.clone(), ("/source/select", json!({"name_prefix": "a"}))]),
        with(h, &[("/options", json!({"name": "备份_1", "description": "", "enable_acceleration": false}))]),
        with(a, &[("/source/select", json!({"name_prefix": "a", "resource": "i-1"}))]),
        select(json!({"tags": {"a": "", "b": "1"}, "min_age": "0s", "max_age": "99999d", "resource": ["d-1", "d-2"]})),
        with(t, &[("/objective", json!({"max_lag": "24h", "rpo": "45s"})), ("/limits", json!({}))]),
        with(
            t,
            &[(
                "/limits",
                json!({"max_new_per_sweep": 100_000, "on_doubt": "hold", "restart_lost": true, "allow_empty": false}),
            )],
        ),
        with(t, &[("/limits", json!({"max_new_per_sweep": 1.0}))]),
        select(json!({"exclude": {"resources": ["d-1", "d-2"], "tags": {"a": ""}, "name_prefix": "tmp-"}})),
        select(json!({"exclude": {"resources": "d-1"}})),
        with(a, &[("/source/select", json!({"exclude": {"resources": ["i-1"], "name_prefix": "tmp-"}}))]),
        with(h, &[("/source/select", json!({"exclude": {"tags": {"a": "1"}}}))]),
        with(t, &[("/objective", json!("none"))]),
        with(t, &[("/objective", json!({"history": true}))]),
        with(t, &[("/objective", json!({"max_lag": "1h", "history": false})), ("/copies", json!({"keep": "30d"}))]),
        with(t, &[("/objective", json!({})), ("/copies", json!({}))]),
    ];
    let bad = [
        json!([]),
        json!({}),
        json!({"version": 1}),
        json!({"version": "1", "rules": []}),
        json!({"version": 2, "rules": []}),
        json!({"version": 1, "rules": {}}),
        json!({"version": 1, "rules": null}),
        json!({"version": 1, "rules": [7]}),
        json!({"version": 1, "rules": [], "owner": "me"}),
        with(t, &[("/name", json!("a b"))]),
        with(t, &[("/name", json!(long))]),
        with(t, &[("/name", json!(""))]),
        named("每晚\u{7}"),
        named("\u{202e}每晚"),
        named("每\u{200b}晚"),
        named("每晚，磁盘"),
        named("'每晚'"),
        named("a.b"),
        with(t, &[("/account", json!("a b"))]),
        with(t, &[("/account", json!("生产\u{2066}"))]),
        with(t, &[("/account", json!("$(id)"))]),
        with(t, &[("/name", json!(null))]),
        with(t, &[("/provider", json!("aws"))]),
        with(t, &[("/provider", json!(null))]),
        with(t, &[("/operation", json!("copy-backup"))]),
        with(a, &[("/operation", json!("copy-backup"))]),
        with(h, &[("/operation", json!("copy-snapshot"))]),
        with(h, &[("/operation", json!("null"))]),
        with(t, &[("/account", json!(""))]),
        with(t, &[("/account", json!(7))]),
        with(t, &[("/description", json!("x"))]),
        with(t, &[("/source", json!(null))]),
        with(t, &[("/source", json!("ap-guangzhou"))]),
        with(t, &[("/source/region", json!("ap guangzhou"))]),
        with(t, &[("/source/region", json!(false))]),
        with(t, &[("/source/vault_id", json!("v"))]),
        with(t, &[("/source/project_id", json!("p"))]),
        with(t, &[("/source/select", json!("null"))]),
        with(a, &[("/source/vault_id", json!(null))]),
        with(a, &[("/source/vault_id", json!(".."))]),
        with(a, &[("/source/select", json!({"tags": {"a": "b"}}))]),
        with(h, &[("/source/project_id", json!("a.b"))]),
        with(h, std::slice::from_ref(&checkpoint)),
        with(h, &[checkpoint.clone(), ("/source/vault_id", json!("v")), ("/source/select", json!({"max_age": "1d"}))]),
        with(h, std::slice::from_ref(&item)),
        with(h, &[item.clone(), csbs.clone(), ("/source/vault_id", json!("v"))]),
        with(t, &[("/destinations", json!(null))]),
        with(t, &[("/destinations", json!([]))]),
        with(t, &[("/destinations", json!({"region": "ap-beijing"}))]),
        with(t, &[("/destinations/-", json!({}))]),
        with(t, &[("/destinations/-", json!({"region": "ap-tokyo", "vault_id": "v"}))]),
        with(a, &[("/destinations/-", json!({"region": "cn-beijing", "vault_id": "v-3"}))]),
        with(a, &[("/destinations", json!([{"region": "cn-beijing"}]))]),
        with(h, &[("/destinations", json!([{"region": "cn-south-1", "vault_id": "v"}]))]),
        with(h, &[("/destinations", json!([{"region": "cn-south-1", "project_id": "p"}]))]),
        with(t, &[("/options", json!({"name": "x"}))]),
        with(h, &[("/options", json!({"auto_trigger": true}))]),
        with(h, &[("/options", json!({"name": long}))]),
        with(h, &[("/options", json!({"description": "<b>"}))]),
        with(h, &[item.clone(), csbs.clone(), ("/options", json!({"name": "备份"}))]),
        with(h, &[checkpoint.clone(), ("/source/vault_id", json!("v")), ("/options", json!({"name": "x"}))]),
        select(json!({"name_prefix": ""})),
        select(json!({"name": "web"})),
        select(json!({"tags": {}})),
        select(json!({"tags": {"": "x"}})),
        select(json!({"tags": {"a": 1}})),
        select(json!({"tags": ["a"]})),
        select(json!({"resource": []})),
        select(json!({"resource": ["a", "a"]})),
        select(json!({"resource": [""]})),
        select(json!({"resource": 7})),
        select(json!({"max_age": "0d"})),
        select(json!({"max_age": "7"})),
        select(json!({"max_age": 7})),
        select(json!({"max_age": "1.5d"})),
        select(json!({"max_age": "100000s"})),
        select(json!({"min_age": "07d"})),
        with(t, &[("/objective", json!({"max_lag": "0s"}))]),
        with(t, &[("/objective", json!({"lag": "1d"}))]),
        with(t, &[("/objective", json!([]))]),
        with(t, &[("/limits", json!({"max_new_per_sweep": 0}))]),
        with(t, &[("/limits", json!({"max_new_per_sweep": 100_001}))]),
        with(t, &[("/limits", json!({"max_new_per_sweep": 1.5}))]),
        with(t, &[("/limits", json!({"max_new_per_sweep": "1"}))]),
        with(t, &[("/limits", json!({"on_doubt": "guess"}))]),
        with(t, &[("/limits", json!({"restart_lost": "yes"}))]),
        select(json!({"exclude": {}})),
        select(json!({"exclude": []})),
        select(json!({"exclude": {"resource": "d-1"}})),
        select(json!({"exclude": {"resources": []}})),
        select(json!({"exclude": {"resources": ["d-1", "d-1"]}})),
        select(json!({"exclude": {"tags": {}}})),
        select(json!({"exclude": {"tags": {"a": 1}}})),
        select(json!({"exclude": {"name_prefix": ""}})),
        select(json!({"exclude": {"max_age": "1d"}})),
        with(a, &[("/source/select", json!({"exclude": {"tags": {"a": "b"}}}))]),
        with(
            h,
            &[
                checkpoint.clone(),
                ("/source/vault_id", json!("v")),
                ("/source/select", json!({"exclude": {"name_prefix": "a"}})),
            ],
        ),
        with(t, &[("/objective", json!("None"))]),
        with(t, &[("/objective", json!(["none"]))]),
        with(t, &[("/objective", json!({"none": true, "max_lag": "1d"}))]),
        with(t, &[("/objective", json!({"history": "yes"}))]),
        with(t, &[("/copies", json!("30d"))]),
        with(t, &[("/copies", json!({"keep": "0d"}))]),
        with(t, &[("/copies", json!({"keep": 30}))]),
        with(t, &[("/copies", json!({"for": "30d"}))]),
    ];
    let schema = schema();
    for policy in &good {
        assert_eq!(Policy::from_json(policy).err(), None, "the reader refuses {policy}");
        assert!(schema.is_valid(policy), "the schema refuses {policy}");
    }
    for policy in &bad {
        assert!(Policy::from_json(policy).is_err(), "the reader takes {policy}");
        assert!(!schema.is_valid(policy), "the schema takes {policy}");
    }
}

/// A pattern that every validator of patterns reads has no classes of letters. So it names what it refuses, and never refuses what is a name.
#[test]
fn the_schema_takes_every_sign_that_the_reader_takes_in_a_name() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let pattern = |name: &str| {
        let field = &schema["$defs"]["rule"]["properties"][name];
        jsonschema::draft202012::new(&json!({ "pattern": field["pattern"] })).unwrap()
    };
    for (field, pattern) in [("name", pattern("name")), ("account", pattern("account"))] {
        let (mut taken, mut open) = (0, 0);
        for sign in (0..=0xffff_u32).filter_map(char::from_u32) {
            let name = json!(format!("a{sign}"));
            let reads = Policy::from_json(&with("tencent", &[(&format!("/{field}"), name.clone())])).is_ok();
            assert!(pattern.is_valid(&name) || !reads, "the schema refuses {field} {sign:?}, which the reader takes");
            taken += usize::from(reads);
            open += usize::from(pattern.is_valid(&name) && !reads);
        }
        // What it takes beyond the reader are signs that nobody has assigned, other spellings, and the punctuation of single scripts.
        assert!(taken > 40_000 && open < 8_000, "{field}: {taken} taken, {open} that the reader refuses");
    }
}

/// A schema cannot compare two values, so these are the reader's alone.
#[test]
fn what_the_schema_cannot_say_the_reader_does() {
    let t = "tencent";
    let two = |a: Value, b: Value| json!({"version": 1, "rules": [a, b]});
    let renamed = |mut rule: Value, name: &str, target: &str| {
        rule["name"] = json!(name);
        rule["destinations"][0]["vault_id"] = json!(target);
        rule
    };
    let vault = |target: &str| ("/destinations", json!([{"region": "cn-shanghai", "vault_id": target}]));
    let cases = [
        (two(rule(t), rule(t)), "rules[1].name"),
        (with(t, &[("/destinations/-", json!({"region": "ap-guangzhou"}))]), "rules[0].destinations[1].region"),
        (with(t, &[("/destinations/-", json!({"region": "ap-beijing"}))]), "rules[0].destinations[1].region"),
        (with(t, &[("/destinations/-", json!({"region": "ap-shanghai-fsi"}))]), "rules[0].destinations[1].region"),
        (with("alibaba", &[vault("v-1")]), "rules[0].destinations[0].vault_id"),
        (two(rule("alibaba"), renamed(rule("alibaba"), "b", "v-3")), "rules[1].destinations[0]"),
        (select(json!({"min_age": "2d", "max_age": "24h"})), "rules[0].source.select.min_age"),
        (
            with(t, &[("/source/select", json!({"min_age": "2d"})), ("/objective", json!({"max_lag": "1d"}))]),
            "rules[0].objective.max_lag",
        ),
        (
            with(t, &[("/source/select", json!({"max_age": "2d"})), ("/objective", json!({"max_lag": "48h"}))]),
            "rules[0].objective.max_lag",
        ),
        (with(t, &[("/copies", json!({"keep": "23h"}))]), "rules[0].copies.keep"),
        (
            select(json!({"resource": "d-1", "exclude": {"resources": ["d-1", "d-2"]}})),
            "rules[0].source.select.exclude.resources",
        ),
        (
            select(json!({"name_prefix": "web-", "exclude": {"name_prefix": "w"}})),
            "rules[0].source.select.exclude.name_prefix",
        ),
        (
            select(json!({"tags": {"env": "dev"}, "exclude": {"tags": {"env": "dev"}}})),
            "rules[0].source.select.exclude.tags.env",
        ),
    ];
    let schema = schema();
    for (policy, field) in cases {
        assert!(schema.is_valid(&policy), "the schema can say more than this list tells: {policy}");
        let errors = Policy::from_json(&policy).unwrap_err();
        assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), [field], "{policy}");
    }
}

#[test]
fn every_property_of_the_schema_is_described() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let described = |property: &Value| {
        let target = property["$ref"].as_str().map(|name| &schema["$defs"][name.trim_start_matches("#/$defs/")]);
        let says = |value: &Value| value["description"].as_str().is_some_and(|text| text.len() > 6);
        // What only narrows a property that is described above it has a definition of its own.
        says(property) || target.is_some_and(|target| says(target) || target["properties"].is_object())
    };
    let mut seen = 0;
    let mut left = vec![&schema];
    while let Some(value) = left.pop() {
        if let Some(properties) = value["properties"].as_object() {
            for (name, property) in properties {
                // In a condition nothing is described.
                assert!(described(property) || property.get("const").is_some(), "{name}: {property}");
                seen += 1;
            }
        }
        left.extend(value.as_object().into_iter().flatten().map(|(_, inner)| inner));
        left.extend(value.as_array().into_iter().flatten());
    }
    assert!(seen > 50, "{seen}");
}

async fn command(action: PolicyAction, environment: &Environment) -> (anyhow::Result<bool>, String) {
    let mut out = Vec::new();
    let result = run(&PolicyArgs { action }, environment, &mut out).await;
    (result, String::from_utf8(out).unwrap())
}

fn file(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}

const GOOD: &str = "\
version: 1
rules:
  - {name: web, provider: tencent, account: prod, source: {region: ap-guangzhou, select: {name_prefix: web-, max_age: 7d}},
     destinations: [{region: ap-beijing}, {region: ap-singapore}], objective: {max_lag: 24h}}
  - {name: files, provider: alibaba, source: {region: cn-hangzhou, vault_id: v-1},
     destinations: [{region: cn-shanghai, vault_id: v-2}]}
";

#[tokio::test]
async fn check_says_each_rule_on_a_line() {
    let file = file(GOOD);
    let check = PolicyAction::Check {
        file: Some(file.path().to_owned()),
        format: Form::Table,
        live: false,
        explain: None,
        clock: Default::default(),
    };
    let (result, text) = command(check, &Environment::default()).await;
    assert!(result.unwrap());
    let text = words(&text);
    for part in [
        "rule call from to promise",
        "web tencent copy-snapshot as prod ap-guangzhou, name web-*, up to 7d old ap-beijing, ap-singapore lag up to 1d",
        "files alibaba create-vault-replication cn-hangzhou, vault v-1 cn-shanghai vault v-2 lag up to 1d (default)",
        &format!("{}: good, 2 rules", file.path().display()),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// The words of a table, wherever its lines are broken.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn check_tells_what_is_excluded_promised_and_kept() {
    let file = file(
        "\
version: 1
rules:
  - {name: a, provider: tencent, destinations: [{region: ap-beijing}], objective: none,
     source: {region: ap-seoul, select: {resource: d-1, exclude: {tags: {env: dev}, name_prefix: tmp-}}}}
  - {name: b, provider: tencent, destinations: [{region: ap-beijing}], objective: {rpo: 2d, history: true},
     source: {region: ap-seoul, select: {max_age: 12h, exclude: {resources: [d-1, d-2]}}}, copies: {keep: 30d}}
",
    );
    let check = |json: bool| PolicyAction::Check {
        file: Some(file.path().to_owned()),
        format: if json { Form::Json } else { Form::Table },
        live: false,
        explain: None,
        clock: Default::default(),
    };
    let (result, text) = command(check(false), &Environment::default()).await;
    assert!(result.unwrap(), "{text}");
    let text = words(&text);
    for part in [
        "a tencent copy-snapshot ap-seoul, d-1, without tag env=dev, without name tmp-* ap-beijing not judged",
        "b tencent copy-snapshot ap-seoul, up to 12h old, without 2 resources ap-beijing lag up to 6h (default), rpo 2d, with history, copies kept 30d",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (_, text) = command(check(true), &Environment::default()).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    let told = json!({"max_lag": "6h", "max_lag_is_default": true, "rpo": "2d", "history": true});
    assert_eq!(answer["objectives"], json!({"a": null, "b": told}));
    assert_eq!(answer["policy"]["rules"][0]["objective"], json!("none"));
    assert_eq!(answer["policy"]["rules"][1]["objective"], json!({"rpo": "2d", "history": true}), "as it is written");
}

#[tokio::test]
async fn check_names_what_contradicts_itself_with_its_place() {
    let file = file(
        "\
version: 1
rules:
  - name: web
    provider: tencent
    source:
      region: ap-guangzhou
      select:
        name_prefix: web-
        exclude:
          name_prefix: web
    destinations: [{region: ap-beijing}]
    objective:
      none: true
      history: true
  - name: db
    provider: tencent
    source: {region: ap-guangzhou}
    destinations: [{region: ap-beijing}]
    copies:
      keep: 6h
",
    );
    let name = file.path().display().to_string();
    let check = PolicyAction::Check {
        file: Some(file.path().to_owned()),
        format: Form::Table,
        live: false,
        explain: None,
        clock: Default::default(),
    };
    let (result, text) = command(check, &Environment::default()).await;
    assert!(!result.unwrap());
    let lines: Vec<String> = text.lines().map(|line| line.replace(&name, "F")).collect();
    assert_eq!(
        lines,
        [
            "F:10:11: rules[0].source.select.exclude.name_prefix: \"web\" begins every name that select.name_prefix, \"web-\", asks for: nothing would be covered; exclude a longer one",
            "F:13:7: rules[0].objective.none: stands alone: write objective: none, and no other key, for a rule that is not judged",
            "F:20:7: rules[1].copies.keep: 6h is less than objective.max_lag (by default), 1d: what is promised would be let go; keep copies for 1d at least",
        ]
    );
}

/// A key of each cloud is not needed to learn about one backup.
#[tokio::test]
async fn an_explanation_asks_the_one_cloud_that_the_id_can_be_of() {
    let estate = Estate::plain().await;
    let rules: Vec<Value> = ["tencent", "alibaba", "huawei"].into_iter().map(rule).collect();
    let file = file(&json!({"version": 1, "rules": rules}).to_string());
    let id = "0d9d2b7c-6f0e-4a58-9b61-3c5d7e8f9a0b";
    for (id, asked, host) in [("snap-absent01", "t", "tencent"), (id, "h", "huawei"), ("job-9", "a", "alibaba")] {
        // The clouds that have no business here have no key.
        let variables = estate.environment.variables().iter();
        let needed = |name: &str| name.starts_with("OFFSITE_") || name.starts_with(&host.to_uppercase());
        let environment = variables
            .filter(|(name, _)| needed(name))
            .fold(Environment::default(), |environment, (name, value)| environment.with(name, value))
            .with("HUAWEICLOUD_SDK_PROJECT_ID", "0605767b3d80d5762fd7c0133d4bf09e");
        let check = PolicyAction::Check {
            file: Some(file.path().to_owned()),
            format: Form::Table,
            live: false,
            explain: Some(id.into()),
            clock: Default::default(),
        };
        let (result, text) = command(check, &environment).await;
        assert!(result.unwrap(), "{text}");
        let mut told = 0;
        for (rule, cloud, region) in
            [("t", "tencent", "ap-guangzhou"), ("a", "alibaba", "cn-hangzhou"), ("h", "huawei", "cn-north-4")]
        {
            let line = match rule == asked {
                true => format!("{rule}: not covered: {id} is not among the backups of {region}"),
                false => format!("{rule}: not covered: {id} has not the form of a backup's ID of {cloud}"),
            };
            told += usize::from(text.lines().any(|found| found == line));
        }
        assert_eq!(told, 3, "{text}");
    }
}

#[tokio::test]
async fn a_rule_that_covers_nothing_gets_a_line_that_says_what_to_do() {
    let estate = Estate::plain().await;
    let named = |name: &str, limits: Value| {
        json!({
            "name": name, "provider": "tencent", "source": {"region": "ap-seoul", "select": {"name_prefix": "wbe-"}},
            "destinations": [{"region": "ap-beijing"}], "limits": limits,
        })
    };
    let rules = [named("typo", json!({})), named("empty", json!({"allow_empty": true}))];
    let file = file(&json!({"version": 1, "rules": rules}).to_string());
    let check = |json: bool| PolicyAction::Check {
        file: Some(file.path().to_owned()),
        format: if json { Form::Json } else { Form::Table },
        live: true,
        explain: None,
        clock: Default::default(),
    };
    let advice = "covers nothing now: no backup is in ap-seoul, name wbe-*; widen source.select, or say limits.allow_empty: true";
    let (result, text) = command(check(false), &estate.environment).await;
    assert!(result.unwrap(), "{text}");
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("covers")).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[0], format!("typo: {advice}"));
    assert!(lines[1].starts_with("empty: covers 0 now"), "{text}");
    let (_, text) = command(check(true), &estate.environment).await;
    let told: Vec<Value> = text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&told[0]["rule"], &told[0]["advice"]), (&json!("typo"), &json!(advice)));
    assert_eq!(told[1].get("advice"), None);
}

#[tokio::test]
async fn check_names_every_problem_with_its_place() {
    let file = file(
        "\
version: 1
rules:
  - name: web
    provider: tencent
    source: {region: 7, selct: {}}
    destinations:
      - region: ap-beijing
      - region: ap-beijing
    limits:
      restart_lost: yes
  - name: web
    provider: huawei
    source: {region: cn-north-4}
",
    );
    let name = file.path().display().to_string();
    let check = |json: bool| PolicyAction::Check {
        file: Some(file.path().to_owned()),
        format: if json { Form::Json } else { Form::Table },
        live: false,
        explain: None,
        clock: Default::default(),
    };
    let (result, text) = command(check(false), &Environment::default()).await;
    assert!(!result.unwrap());
    let lines: Vec<String> = text.lines().map(|line| line.replace(&name, "F")).collect();
    assert_eq!(
        lines,
        [
            "F:5:14: rules[0].source.region: must be a text, not a number: put it in quotes",
            "F:5:25: rules[0].source.selct: is not known here; known are region, select",
            "F:8:9: rules[0].destinations[1].region: ap-beijing is named twice",
            "F:10:7: rules[0].limits.restart_lost: must be true or false, not a text: YAML 1.2 has no yes, no, on or off, and quotes make a text",
            "F:11:5: rules[1].destinations: is missing",
            "F:11:5: rules[1].name: \"web\" is the name of rules[0] already",
        ]
    );
    let (result, text) = command(check(true), &Environment::default()).await;
    assert!(!result.unwrap());
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&answer["valid"], &answer["file"]), (&json!(false), &json!(name)));
    assert_eq!(answer["errors"].as_array().unwrap().len(), 6);
    assert_eq!(
        answer["errors"][2],
        json!({"line": 8, "column": 9, "path": "rules[0].destinations[1].region", "reason": "ap-beijing is named twice"})
    );
}

#[tokio::test]
async fn render_gives_what_check_reads_and_fails_on_a_bad_policy() {
    let file = file(GOOD);
    // The environment names the policy.
    let environment = Environment::default().with("OFFSITE_POLICY", file.path().to_str().unwrap());
    let (result, text) = command(PolicyAction::Render { file: None }, &environment).await;
    assert!(result.unwrap());
    assert_eq!(policy_file::parse("x", text.as_bytes()), policy_file::parse("x", GOOD.as_bytes()));
    let (_, checked) = command(
        PolicyAction::Check { file: None, format: Form::Json, live: false, explain: None, clock: Default::default() },
        &environment,
    )
    .await;
    let checked: Value = serde_json::from_str(&checked).unwrap();
    assert_eq!(checked["policy"], serde_json::from_str::<Value>(&text).unwrap());

    let bad = self::file("version: 1\n");
    let (result, text) = command(PolicyAction::Render { file: Some(bad.path().to_owned()) }, &environment).await;
    assert_eq!(text, "", "nothing that looks like a policy");
    let wanted = format!("{}:1:1: rules: is missing; a policy without rules says rules: []", bad.path().display());
    assert_eq!(result.unwrap_err().to_string(), wanted);
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_says_so() {
    let missing = PolicyAction::Check {
        file: Some("/nowhere/offsite.yaml".into()),
        format: Form::Table,
        live: false,
        explain: None,
        clock: Default::default(),
    };
    let (result, text) = command(missing, &Environment::default()).await;
    assert!(!result.unwrap());
    assert_eq!(text, "/nowhere/offsite.yaml: cannot be read: No such file or directory (os error 2)\n");
    for uri in ["s3://bucket/policy.json", "ssm:///offsite/policy", "arn:aws:s3:::bucket/policy.json"] {
        let environment = Environment::default().with("OFFSITE_POLICY", uri);
        let (result, _) = command(
            PolicyAction::Check {
                file: None,
                format: Form::Table,
                live: false,
                explain: None,
                clock: Default::default(),
            },
            &environment,
        )
        .await;
        let wanted = format!("OFFSITE_POLICY is {uri}, which the functions on AWS read: name a file on this machine");
        assert_eq!(result.unwrap_err().to_string(), wanted);
    }
}

#[tokio::test]
async fn the_schema_is_printed_as_it_is_published() {
    let (result, text) = command(PolicyAction::Schema, &Environment::default()).await;
    assert!(result.unwrap());
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/policy.schema.json");
    assert_eq!(text, std::fs::read_to_string(published).unwrap());
}
