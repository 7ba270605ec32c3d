//! What a rule covers and commands, and what the reader complains of. Whole files are in tests/it/policy.rs.

use serde_json::{Value, json};

use super::*;
use crate::model::backup::Standing;
use crate::model::duration;
use crate::model::text::hash_of;

fn tencent(changes: Value) -> Value {
    let mut rule = json!({
        "name": "web", "provider": "tencent", "source": {"region": "ap-guangzhou"},
        "destinations": [{"region": "ap-beijing"}],
    });
    merge(&mut rule, changes);
    rule
}

fn alibaba(name: &str, target: &str) -> Value {
    json!({
        "name": name, "provider": "alibaba", "source": {"region": "cn-hangzhou", "vault_id": "v-1"},
        "destinations": [{"region": "cn-shanghai", "vault_id": target}],
    })
}

fn huawei(changes: Value) -> Value {
    let mut rule = json!({
        "name": "ecs", "provider": "huawei", "source": {"region": "cn-north-4"},
        "destinations": [{"region": "cn-south-1", "project_id": "p2", "vault_id": "v2"}],
    });
    merge(&mut rule, changes);
    rule
}

fn merge(rule: &mut Value, changes: Value) {
    let changes = changes.as_object().unwrap().clone();
    rule.as_object_mut().unwrap().extend(changes);
}

fn read(rules: &[Value]) -> Result<Policy, Vec<String>> {
    let errors = |errors: Vec<crate::model::fields::FieldError>| errors.iter().map(ToString::to_string).collect();
    Policy::from_json(&json!({"version": 1, "rules": rules})).map_err(errors)
}

fn one(rule: Value) -> Rule {
    read(&[rule]).unwrap().rules.remove(0)
}

fn complaint(rule: Value) -> String {
    let mut complaints = read(&[rule]).unwrap_err();
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    complaints.remove(0)
}

fn backup() -> Backup {
    Backup {
        id: "snap-1".into(),
        name: Some("web-7".into()),
        tags: vec![("env".into(), "prod".into()), ("team".into(), "a".into())],
        resource: Some("disk-1".into()),
        vault_id: Some("v-1".into()),
        created_at: Some("2026-11-01T00:00:00Z".parse().unwrap()),
        completed_at: None,
        size_gib: Some(50),
        standing: Standing::Usable,
        hint: None,
        copies: Vec::new(),
        copies_told: false,
    }
}

fn coverage(select: Value, backup: &Backup, now: &str) -> Coverage {
    let rule = one(tencent(json!({"source": {"region": "ap-guangzhou", "select": select}})));
    rule.covers(backup, now.parse().unwrap())
}

fn misses(select: Value, change: impl FnOnce(&mut Backup)) -> String {
    let mut backup = backup();
    change(&mut backup);
    match coverage(select.clone(), &backup, "2026-11-03T03:00:00Z") {
        Coverage::NotCovered(why) => why,
        Coverage::Covered => panic!("{select} covers {backup:?}"),
    }
}

#[test]
fn everything_that_is_selected_must_hold() {
    let all = json!({
        "name_prefix": "web-", "tags": {"env": "prod"}, "max_age": "7d", "min_age": "1h", "resource": ["disk-2", "disk-1"],
    });
    assert_eq!(coverage(all, &backup(), "2026-11-03T00:00:00Z"), Coverage::Covered);
    assert_eq!(coverage(json!({}), &backup(), "2026-11-03T00:00:00Z"), Coverage::Covered);
}

#[test]
fn what_is_not_covered_says_which_condition_and_which_value() {
    let nothing = |_: &mut Backup| {};
    assert_eq!(
        misses(json!({"name_prefix": "db-"}), nothing),
        r#"select.name_prefix: its name "web-7" does not begin with "db-""#
    );
    assert_eq!(
        misses(json!({"name_prefix": "db-"}), |backup| backup.name = None),
        r#"select.name_prefix: it has no name, and one that begins with "db-" is wanted"#
    );
    assert_eq!(misses(json!({"tags": {"env": "dev"}}), nothing), r#"select.tags.env: its value is "prod", not "dev""#);
    assert_eq!(
        misses(json!({"tags": {"tier": "1"}}), nothing),
        r#"select.tags.tier: it has no such tag, and "1" is wanted"#
    );
    assert_eq!(
        misses(json!({"resource": "disk-2"}), nothing),
        "select.resource: it is a backup of disk-1, not of disk-2"
    );
    assert_eq!(
        misses(json!({"resource": ["disk-2", "disk-3", "disk-4"]}), |backup| backup.resource = None),
        "select.resource: the provider does not say what it is a backup of; wanted is disk-2 or 2 others that the rule names"
    );
    assert_eq!(misses(json!({"max_age": "48h"}), nothing), "select.max_age: it is 2d 3h old, more than 2d");
    assert_eq!(misses(json!({"min_age": "3d"}), nothing), "select.min_age: it is 2d 3h old, less than 3d");
    assert_eq!(
        misses(json!({"min_age": "1s"}), |backup| backup.created_at = None),
        "select: the provider does not say when it was made, and the rule selects by age"
    );
}

#[test]
fn the_reason_is_one_line_whatever_a_name_holds() {
    let why = misses(json!({"name_prefix": "db-"}), |backup| backup.name = Some("a\nb\u{1b}[31m".into()));
    assert_eq!(why, r#"select.name_prefix: its name "a b [31m" does not begin with "db-""#);
}

#[test]
fn an_age_of_exactly_the_limit_is_covered_and_the_future_has_no_age() {
    let at = |select: Value, now: &str| coverage(select, &backup(), now) == Coverage::Covered;
    assert!(at(json!({"max_age": "7d"}), "2026-11-08T00:00:00Z"));
    assert!(!at(json!({"max_age": "7d"}), "2026-11-08T00:00:00.001Z"));
    assert!(at(json!({"min_age": "1h"}), "2026-11-01T01:00:00Z"));
    assert!(!at(json!({"min_age": "1h"}), "2026-11-01T00:59:59.999Z"));
    assert!(at(json!({"max_age": "7d"}), "2026-10-31T23:00:00Z"));
    assert!(!at(json!({"min_age": "1s"}), "2026-10-31T23:00:00Z"));
    assert!(at(json!({"min_age": "0s"}), "2026-10-31T23:00:00Z"));
}

#[test]
fn a_rule_for_a_vault_covers_that_vault_only() {
    let rule = one(huawei(json!({"source": {"region": "cn-north-4", "vault_id": "v-1"}})));
    let now = "2026-11-03T00:00:00Z".parse().unwrap();
    assert_eq!(rule.covers(&backup(), now), Coverage::Covered);
    let elsewhere = Backup { vault_id: Some("v-9".into()), ..backup() };
    let why = "source.vault_id: it lies in vault v-9, not in v-1".to_owned();
    assert_eq!(rule.covers(&elsewhere, now), Coverage::NotCovered(why));
    assert!(matches!(rule.covers(&Backup { vault_id: None, ..backup() }, now), Coverage::NotCovered(_)));
}

#[test]
fn the_command_of_a_backup_is_one_that_the_reader_of_commands_takes() {
    let vault = json!({"region": "cn-north-4", "vault_id": "v-1"});
    let csbs = json!([{"region": "cn-south-1", "project_id": "p2"}]);
    let cases = [
        (tencent(json!({"account": "prod"})), "snap-1"),
        (alibaba("files", "v-2"), "v-1"),
        (huawei(json!({"options": {"name": "copy", "enable_acceleration": true}})), "snap-1"),
        (huawei(json!({"operation": "copy-checkpoint", "source": vault})), "v-1"),
        (huawei(json!({"operation": "copy-checkpoint-item", "destinations": csbs})), "snap-1"),
    ];
    for (rule, id) in cases {
        let rule = one(rule);
        let command = rule.command(&backup());
        assert_eq!(command.source.id, id, "{}", rule.operation.name());
        assert_eq!(command.destinations, rule.destinations);
        assert_eq!((&command.account, &command.options), (&rule.account, &rule.options));
        assert_eq!(Command::from_json(&command.to_json()), Ok(command));
    }
}

#[test]
fn the_normalised_form_reads_back_as_the_same_policy() {
    let full = tencent(json!({
        "account": "prod",
        "source": {"region": "ap-guangzhou", "select": {
            "name_prefix": "web-", "tags": {"b": "2", "a": ""}, "max_age": "168h", "min_age": "90s", "resource": "disk-1",
        }},
        "objective": {"max_lag": "1440m", "rpo": "2d"},
        "limits": {"max_new_per_sweep": 200, "on_doubt": "hold", "restart_lost": true, "allow_empty": true},
    }));
    let policy = read(&[full, alibaba("files", "v-2"), huawei(json!({"options": {"description": ""}}))]).unwrap();
    let written = policy.to_json();
    assert_eq!(Policy::from_json(&written), Ok(policy));
    assert_eq!(written["rules"][0]["source"]["select"]["max_age"], "7d");
    assert_eq!(written["rules"][0]["objective"]["max_lag"], "1d");
    assert_eq!(written["rules"][0]["source"]["select"]["resource"], json!(["disk-1"]));
    assert_eq!(written["rules"][1]["operation"], "create-vault-replication");
    assert_eq!(written["rules"][2]["account"], "default");
    let empty = Policy { rules: Vec::new() };
    assert_eq!(Policy::from_json(&empty.to_json()), Ok(empty));
}

/// A rule's hash ties what is stored beside the ledger to the rule: a sweep that is under way, its summary. With another hash a policy
/// that nobody has touched would count as changed, so what existing policies normalise to stays as it is, byte for byte.
#[test]
fn what_a_rule_is_hashed_by_stays_byte_for_byte() {
    let vault = json!({"region": "cn-north-4", "project_id": "p1", "vault_id": "v1"});
    let csbs = json!([{"region": "cn-south-1", "project_id": "p2"}]);
    let full = tencent(json!({
        "account": "prod",
        "source": {"region": "ap-guangzhou", "select": {
            "name_prefix": "web-", "tags": {"b": "2", "a": ""}, "max_age": "168h", "min_age": "90s", "resource": "disk-1",
        }},
        "objective": {"max_lag": "1440m", "rpo": "2d"},
        "limits": {"max_new_per_sweep": 200, "on_doubt": "hold", "restart_lost": true, "allow_empty": true},
    }));
    let golden = [
        (
            tencent(json!({})),
            r#"{"account":"default","destinations":[{"region":"ap-beijing"}],"name":"web","operation":"copy-snapshot","provider":"tencent","source":{"region":"ap-guangzhou"}}"#,
            "ab0458313f910a171f61532e71d89d2a93d4d963d9d30fd73b4f4f372eaded51",
        ),
        (
            full,
            r#"{"account":"prod","destinations":[{"region":"ap-beijing"}],"limits":{"allow_empty":true,"max_new_per_sweep":200,"on_doubt":"hold","restart_lost":true},"name":"web","objective":{"max_lag":"1d","rpo":"2d"},"operation":"copy-snapshot","provider":"tencent","source":{"region":"ap-guangzhou","select":{"max_age":"7d","min_age":"90s","name_prefix":"web-","resource":["disk-1"],"tags":{"a":"","b":"2"}}}}"#,
            "dfc9cc43789f5d4cf1f497e692bb5cac249c8d96839332f2e307747140de5a6b",
        ),
        (
            tencent(json!({"objective": {"rpo": "2d"}, "limits": {}})),
            r#"{"account":"default","destinations":[{"region":"ap-beijing"}],"name":"web","objective":{"rpo":"2d"},"operation":"copy-snapshot","provider":"tencent","source":{"region":"ap-guangzhou"}}"#,
            "a6a8371c587d2fc7605b9e02e8aa0329ac8d79b3b91b1831f550f39ca527af8f",
        ),
        (
            tencent(json!({"objective": {}})),
            r#"{"account":"default","destinations":[{"region":"ap-beijing"}],"name":"web","operation":"copy-snapshot","provider":"tencent","source":{"region":"ap-guangzhou"}}"#,
            "ab0458313f910a171f61532e71d89d2a93d4d963d9d30fd73b4f4f372eaded51",
        ),
        (
            alibaba("files", "v-2"),
            r#"{"account":"default","destinations":[{"region":"cn-shanghai","vault_id":"v-2"}],"name":"files","operation":"create-vault-replication","provider":"alibaba","source":{"region":"cn-hangzhou","vault_id":"v-1"}}"#,
            "14ff267f80382ef362a34c16e27118fe42978c2a4d040fdb6d05d3d019885ca1",
        ),
        (
            huawei(json!({"options": {"name": "copy", "enable_acceleration": true}})),
            r#"{"account":"default","destinations":[{"project_id":"p2","region":"cn-south-1","vault_id":"v2"}],"name":"ecs","operation":"copy-backup","options":{"enable_acceleration":true,"name":"copy"},"provider":"huawei","source":{"region":"cn-north-4"}}"#,
            "1b95461bb11b710cfb799217bacad1f29a54a13af69f86b004661c981f623d25",
        ),
        (
            huawei(json!({"operation": "copy-checkpoint", "source": vault, "objective": {"max_lag": "3d"}})),
            r#"{"account":"default","destinations":[{"project_id":"p2","region":"cn-south-1","vault_id":"v2"}],"name":"ecs","objective":{"max_lag":"3d"},"operation":"copy-checkpoint","provider":"huawei","source":{"project_id":"p1","region":"cn-north-4","vault_id":"v1"}}"#,
            "9b899feb9ab9efcf3fe54a99d227b17bccb9ae9c57e6d31d1c68f3cf2213cf1c",
        ),
        (
            huawei(json!({"operation": "copy-checkpoint-item", "destinations": csbs})),
            r#"{"account":"default","destinations":[{"project_id":"p2","region":"cn-south-1"}],"name":"ecs","operation":"copy-checkpoint-item","provider":"huawei","source":{"region":"cn-north-4"}}"#,
            "a85813907a6740252595d91b950139e5c4e175c4741a290b391dfd21b5fa939b",
        ),
    ];
    for (rule, text, hash) in golden {
        let written = one(rule).to_json().to_string();
        assert_eq!((written.as_str(), hash_of(&[&written]).as_str()), (text, hash));
    }
}

#[test]
fn all_complaints_come_at_once() {
    let bad = json!({
        "version": 2,
        "owner": "me",
        "rules": [
            {"name": "a b", "provider": "tencent", "source": {"region": "ap/x", "zone": 1, "select": {"max_age": "7"}},
             "destinations": [{"region": "ap-beijing", "vault": "v"}, {}, 5], "options": {"name": "x"},
             "objective": {"max_lag": "0h", "rto": "1h"}, "limits": {"max_new_per_sweep": 0, "on_doubt": "guess", "allow_empty": "no"}},
            {"name": "b", "provider": "aws", "cloud": "x"},
            7,
            {"name": "b", "provider": "huawei", "operation": "copy-snapshot", "source": null, "destinations": []},
        ],
    });
    let fields: Vec<String> = Policy::from_json(&bad).unwrap_err().into_iter().map(|error| error.field).collect();
    assert_eq!(
        fields,
        [
            "rules[3].source",
            "version",
            "rules[0].name",
            "rules[0].objective.max_lag",
            "rules[0].objective.rto",
            "rules[0].limits.max_new_per_sweep",
            "rules[0].limits.on_doubt",
            "rules[0].limits.allow_empty",
            "rules[0].source.region",
            "rules[0].source.select.max_age",
            "rules[0].source.zone",
            "rules[0].destinations[0].vault",
            "rules[0].destinations[1].region",
            "rules[0].destinations[2]",
            "rules[0].options.name",
            "rules[1].provider",
            "rules[1].cloud",
            "rules[1].source",
            "rules[1].destinations",
            "rules[2]",
            "rules[3].operation",
            "rules[3].name",
            "owner",
        ]
    );
}

#[test]
fn an_alibaba_vault_has_one_destination_in_all_rules_together() {
    let complaints = read(&[alibaba("a", "v-2"), alibaba("b", "v-2"), alibaba("c", "v-3")]).unwrap_err();
    let wanted = "rules[2].destinations[0]: source vault v-1 goes to v-2 in cn-shanghai by rules[0] already, \
                  and an Alibaba vault has one destination";
    assert_eq!(complaints, [wanted]);
    assert!(read(&[alibaba("a", "v-2"), alibaba("b", "v-2")]).is_ok());
    let mut two = alibaba("a", "v-2");
    merge(
        &mut two,
        json!({"destinations": [
            {"region": "cn-shanghai", "vault_id": "v-2"}, {"region": "cn-beijing", "vault_id": "v-3"},
        ]}),
    );
    assert_eq!(complaint(two), "rules[0].destinations: an Alibaba source vault replicates to one target vault only");
    assert_eq!(complaint(alibaba("a", "v-1")), "rules[0].destinations[0].vault_id: is the source vault itself");
}

#[test]
fn a_null_is_not_an_absence() {
    let why = "has no value: give one, or leave the key out";
    let rule = tencent(json!({"source": {"region": "ap-guangzhou", "select": null}}));
    assert_eq!(complaint(rule), format!("rules[0].source.select: {why}"));
    let rule = tencent(json!({"source": {"region": "ap-guangzhou", "select": {"tags": {"env": null}}}}));
    assert_eq!(complaint(rule), format!("rules[0].source.select.tags.env: {why}"));
    assert_eq!(complaint(tencent(json!({"destinations": null}))), format!("rules[0].destinations: {why}"));
}

#[test]
fn what_a_provider_would_refuse_is_refused_here() {
    let rule = tencent(json!({"destinations": [{"region": "ap-beijing"}, {"region": "ap-shanghai-fsi"}]}));
    assert_eq!(
        complaint(rule),
        "rules[0].destinations[1].region: a finance zone (-fsi) copies to and from finance zones only"
    );
    let complaints = read(&[huawei(json!({
        "source": {"region": "cn-north-4", "project_id": "a.b"}, "options": {"name": "a b", "description": "<b>"},
    }))])
    .unwrap_err();
    let fields: Vec<&str> = complaints.iter().filter_map(|text| text.split(':').next()).collect();
    assert_eq!(fields, ["rules[0].source.project_id", "rules[0].options.name", "rules[0].options.description"]);
}

#[test]
fn durations_that_cannot_hold_together_are_refused() {
    let with = |select: Value, objective: Value| {
        tencent(json!({"source": {"region": "ap-guangzhou", "select": select}, "objective": objective}))
    };
    assert_eq!(
        complaint(with(json!({"min_age": "1d", "max_age": "24h"}), json!({}))),
        "rules[0].source.select.min_age: 1d is not less than max_age, 1d: nothing would be covered"
    );
    assert_eq!(
        complaint(with(json!({"min_age": "2h"}), json!({"max_lag": "1h"}))),
        "rules[0].objective.max_lag: 1h is not more than select.min_age, 2h: a backup would be late as soon as it is covered"
    );
    assert_eq!(
        complaint(with(json!({"max_age": "1d"}), json!({"max_lag": "1d"}))),
        "rules[0].objective.max_lag: 1d is not less than select.max_age, 1d: a backup would leave the rule before it is late"
    );
}

#[test]
fn durations_have_one_unit_and_come_back_in_the_largest_that_fits() {
    for (text, seconds) in
        [("7d", 604_800), ("24h", 86_400), ("30m", 1_800), ("45s", 45), ("0s", 0), ("99999d", 8_639_913_600)]
    {
        assert_eq!(duration::read(text), Some(Duration::from_secs(seconds)), "{text}");
    }
    for text in [
        "", "7", "d", "1.5h", "-1d", "+1d", "1d12h", "7 d", " 7d", "7D", "1w", "07d", "00s", "100000s", "1e3s", "٣d",
        "7d\n",
    ] {
        assert_eq!(duration::read(text), None, "{text:?}");
    }
    for (text, largest) in [("168h", "7d"), ("90s", "90s"), ("3600s", "1h"), ("0d", "0s"), ("99999h", "99999h")] {
        assert_eq!(duration::read(text).map(duration::text).as_deref(), Some(largest));
    }
}
