//! Tests of what a rule covers and commands, and of the reader's complaints. The tests of whole files are in tests/it/policy.rs.

use serde_json::{Value, json};

use super::*;
use crate::model::backup::Eligibility;
use crate::model::duration;
use crate::model::text::hash_of;
use crate::providers::alibaba::Alibaba;
use crate::providers::huawei::Huawei;
use crate::providers::provider::{Defaults, Provider};
use crate::providers::tencent::Tencent;

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
        resource_kind: None,
        vault_id: Some("v-1".into()),
        created_at: Some("2026-11-01T00:00:00Z".parse().unwrap()),
        completed_at: None,
        changed_at: None,
        size_gib: Some(50),
        eligibility: Eligibility::Usable,
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
    assert_eq!(why, r#"select.name_prefix: its name "a b\u001b[31m" does not begin with "db-""#);
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

#[test]
fn a_later_start_must_fit_what_is_promised_and_needs_single_backups() {
    let after = |text: &str, more: Value| {
        let mut rule = tencent(json!({"limits": {"start_after": text}}));
        merge(&mut rule, more);
        rule
    };
    let rule = one(after("6h", json!({})));
    assert_eq!(rule.to_json()["limits"], json!({"start_after": "6h"}));
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let finished = |completed_at| Backup { completed_at, ..backup() };
    assert_eq!(rule.starts_at(&finished(None), now), at("2026-11-21T18:00:00Z"));
    assert_eq!(rule.starts_at(&finished(at("2026-11-21T07:00:00Z")), now), at("2026-11-21T13:00:00Z"));
    assert_eq!(rule.starts_at(&finished(at("2026-11-21T05:00:00Z")), now), None);
    assert_eq!(one(tencent(json!({}))).starts_at(&finished(None), now), None);
    assert!(
        complaint(after("24h", json!({})))
            .contains("limits.start_after: 1d is not less than objective.max_lag (by default), 1d")
    );
    assert!(complaint(after("6h", json!({"objective": {"max_lag": "6h"}}))).contains("every copy would be late"));
    assert!(complaint(after("0h", json!({}))).contains("must be more than zero"));
    one(after("48h", json!({"objective": "none"})));
    let mut whole = alibaba("files", "v-2");
    merge(&mut whole, json!({"limits": {"start_after": "1h"}}));
    assert!(complaint(whole).contains("copies a whole vault at once"));
}

/// A rule's hash ties what is stored beside the ledger to the rule: a sweep that is under way, and its summary. With another hash a policy
/// that nobody has touched would count as changed, so the normalized form of existing policies stays as it is, byte for byte.
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

fn excluding(exclude: Value) -> Value {
    json!({"name_prefix": "web-", "exclude": exclude})
}

#[test]
fn what_is_excluded_is_not_covered_and_one_match_is_enough() {
    let nothing = |_: &mut Backup| {};
    assert_eq!(
        misses(excluding(json!({"resources": ["disk-9", "disk-1"], "name_prefix": "web-9"})), nothing),
        "select.exclude.resources: it is a backup of disk-1, which the rule excludes"
    );
    assert_eq!(
        misses(excluding(json!({"resources": "snap-1"})), |backup| backup.resource = None),
        "select.exclude.resources: it is snap-1, which the rule excludes"
    );
    assert_eq!(
        misses(excluding(json!({"tags": {"env": "dev", "team": "a"}, "resources": ["disk-9"]})), nothing),
        r#"select.exclude.tags.team: its value is "a", which the rule excludes"#
    );
    assert_eq!(
        misses(excluding(json!({"name_prefix": "web-7"})), nothing),
        r#"select.exclude.name_prefix: its name "web-7" begins with "web-7", which the rule excludes"#
    );
    assert_eq!(
        misses(excluding(json!({"name_prefix": "web-7"})), |backup| backup.name = Some("web-7\nb".into())),
        r#"select.exclude.name_prefix: its name "web-7 b" begins with "web-7", which the rule excludes"#
    );
    let none =
        json!({"resources": ["disk-9", "snap-1"], "tags": {"env": "dev", "tier": "prod"}, "name_prefix": "web-8"});
    let at = "2026-11-03T00:00:00Z";
    assert_eq!(coverage(excluding(none.clone()), &backup(), at), Coverage::Covered);
    // What the provider does not tell excludes nothing.
    let untold = Backup { name: None, tags: Vec::new(), resource: None, id: "snap-2".into(), ..backup() };
    assert_eq!(coverage(json!({ "exclude": none }), &untold, at), Coverage::Covered);
}

#[test]
fn a_rule_that_excludes_must_read_the_backup_first() {
    assert!(!one(tencent(json!({}))).is_choosy());
    for exclude in [json!({"resources": ["disk-1"]}), json!({"tags": {"a": ""}}), json!({"name_prefix": "x"})] {
        let rule = one(tencent(json!({"source": {"region": "ap-guangzhou", "select": {"exclude": exclude}}})));
        assert!(rule.is_choosy());
        // The exclusion also applies to a command that has waited.
        let seen = Backup { name: Some("x".into()), tags: vec![("a".into(), String::new())], ..backup() };
        assert!(matches!(rule.covers_since(&seen, Timestamp::UNIX_EPOCH), Coverage::NotCovered(_)), "{exclude}");
    }
}

#[test]
fn an_exclusion_of_all_that_is_selected_is_refused() {
    let with = |select: Value| tencent(json!({"source": {"region": "ap-guangzhou", "select": select}}));
    let both =
        |resources: Value, exclude: Value| with(json!({"resource": resources, "exclude": {"resources": exclude}}));
    assert_eq!(
        complaint(both(json!(["d-1", "d-2"]), json!(["d-2", "d-3", "d-1"]))),
        "rules[0].source.select.exclude.resources: excludes every one of select.resource: nothing would be covered; \
         name each in one of the two"
    );
    assert!(read(&[both(json!(["d-1", "d-2"]), json!(["d-2"]))]).is_ok());
    let named = |wanted: &str, out: &str| with(json!({"name_prefix": wanted, "exclude": {"name_prefix": out}}));
    for out in ["web-", "web-prod"] {
        assert_eq!(
            complaint(named("web-prod", out)),
            format!(
                "rules[0].source.select.exclude.name_prefix: \"{out}\" begins every name that select.name_prefix, \
                 \"web-prod\", asks for: nothing would be covered; exclude a longer one"
            )
        );
    }
    assert!(read(&[named("web-", "web-prod"),]).is_ok());
    let tagged = |exclude: Value| with(json!({"tags": {"env": "prod", "a": "1"}, "exclude": {"tags": exclude}}));
    assert_eq!(
        complaint(tagged(json!({"env": "prod", "a": "2"}))),
        "rules[0].source.select.exclude.tags.env: \"prod\" is what select.tags asks for: nothing would be covered; \
         name the tag in one of the two"
    );
    assert!(read(&[tagged(json!({"env": "dev", "b": "1"}))]).is_ok());
}

#[test]
fn an_exclusion_that_says_nothing_is_refused() {
    let with = |exclude: Value| tencent(json!({"source": {"region": "ap-guangzhou", "select": {"exclude": exclude}}}));
    let at = "rules[0].source.select.exclude";
    assert_eq!(
        complaint(with(json!({}))),
        format!("{at}: must say at least one of resources, tags, name_prefix; leave it out to exclude nothing")
    );
    assert_eq!(
        complaint(with(json!({"resource": "disk-1"}))),
        format!("{at}.resource: is not known here; known are resources, tags, name_prefix")
    );
    assert_eq!(
        complaint(with(json!({"resources": []}))),
        format!("{at}.resources: must name at least one disk or server; leave it out to exclude none")
    );
    assert_eq!(
        complaint(with(json!({"tags": {}}))),
        format!("{at}.tags: must name at least one tag; leave it out to exclude without tags")
    );
    let mut jobs = alibaba("files", "v-2");
    merge(
        &mut jobs,
        json!({"source": {"region": "cn-hangzhou", "vault_id": "v-1", "select": {"exclude": {"tags": {"a": "b"}}}}}),
    );
    assert_eq!(complaint(jobs), format!("{at}.tags: Alibaba's backup jobs carry no tags: nothing would be excluded"));
    let vault = json!({"region": "cn-north-4", "vault_id": "v1", "select": {"exclude": {"name_prefix": "x"}}});
    assert_eq!(
        complaint(huawei(json!({"operation": "copy-checkpoint", "source": vault}))),
        "rules[0].source.select: copy-checkpoint copies the whole vault and cannot select; operation: copy-backup can"
    );
}

fn promise(select: Value, objective: Value) -> Option<EffectiveObjective> {
    one(tencent(json!({"source": {"region": "ap-guangzhou", "select": select}, "objective": objective}))).effective()
}

#[test]
fn a_lag_that_is_left_out_is_a_day_and_always_one_that_can_be_exceeded() {
    for (select, lag) in [
        (json!({}), "1d"),
        (json!({"max_age": "7d"}), "1d"),
        (json!({"max_age": "25h"}), "1d"),
        (json!({"max_age": "24h"}), "12h"),
        (json!({"max_age": "3h"}), "90m"),
        (json!({"min_age": "0s"}), "1d"),
        (json!({"min_age": "2h"}), "26h"),
        (json!({"min_age": "2h", "max_age": "7d"}), "26h"),
        (json!({"min_age": "2h", "max_age": "26h"}), "14h"),
        (json!({"min_age": "6d", "max_age": "7d"}), "156h"),
        (json!({"min_age": "99999d"}), "100000d"),
    ] {
        let told = promise(select.clone(), json!({})).unwrap();
        assert_eq!((duration_text(told.max_lag).as_str(), told.is_default), (lag, true), "{select}");
        let bound = |name: &str| select[name].as_str().and_then(duration::read);
        assert!(bound("max_age").is_none_or(|max| told.max_lag < max), "{select}");
        assert!(bound("min_age").is_none_or(|min| told.max_lag > min), "{select}");
    }
}

#[test]
fn only_the_lag_has_a_default_and_what_is_written_stands() {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let told = |max_lag, is_default, rpo, history| Some(EffectiveObjective { max_lag, is_default, rpo, history });
    let all = json!({});
    assert_eq!(promise(all.clone(), json!({"rpo": "6h"})), told(hours(24), true, Some(hours(6)), false));
    assert_eq!(promise(all.clone(), json!({"history": true})), told(hours(24), true, None, true));
    assert_eq!(promise(all.clone(), json!({"max_lag": "24h"})), told(hours(24), false, None, false));
    assert_eq!(promise(json!({"max_age": "9h"}), json!({"max_lag": "8h"})), told(hours(8), false, None, false));
    assert_eq!(promise(all, json!("none")), None);
    assert_eq!(one(tencent(json!({}))).effective(), told(hours(24), true, None, false));
}

/// A default is shown with its rule, and never becomes part of the rule.
#[test]
fn a_default_is_not_part_of_the_normalised_form() {
    let bare = one(tencent(json!({}))).to_json();
    assert_eq!(bare.get("objective"), None);
    let silent = json!({"objective": {"history": false}, "copies": {}, "limits": {}});
    assert_eq!(one(tencent(silent)).to_json(), bare);
    let rule = one(tencent(json!({"objective": {"history": true}, "copies": {"keep": "720h"}})));
    assert_eq!(rule.to_json()["objective"], json!({"history": true}));
    assert_eq!(rule.to_json()["copies"], json!({"keep": "30d"}));
    assert_eq!(one(tencent(json!({"objective": "none"}))).to_json()["objective"], json!("none"));
    let excluded = json!({"resources": "d-1", "tags": {"b": "1", "a": ""}, "name_prefix": "web-x"});
    let rule = tencent(json!({
        "source": {"region": "ap-guangzhou", "select": excluding(excluded)}, "objective": "none", "copies": {"keep": "1s"},
    }));
    let policy = read(&[rule]).unwrap();
    assert_eq!(Policy::from_json(&policy.to_json()), Ok(policy.clone()));
    let written = &policy.to_json()["rules"][0]["source"]["select"]["exclude"];
    assert_eq!(*written, json!({"resources": ["d-1"], "tags": {"a": "", "b": "1"}, "name_prefix": "web-x"}));
}

#[test]
fn a_rule_that_is_not_judged_says_nothing_else_of_an_objective() {
    let at = "rules[0].objective";
    for objective in
        [json!({"none": true}), json!({"none": true, "max_lag": "1d"}), json!({"history": true, "none": ""})]
    {
        assert_eq!(
            complaint(tencent(json!({ "objective": objective }))),
            format!("{at}.none: stands alone: write objective: none, and no other key, for a rule that is not judged")
        );
    }
    for (objective, kind) in [(json!("None"), "a text"), (json!(["none"]), "an array"), (json!(false), "true or false")]
    {
        assert_eq!(
            complaint(tencent(json!({ "objective": objective }))),
            format!("{at}: must be an object, or the text none for a rule that is not judged; this is {kind}")
        );
    }
    assert_eq!(
        complaint(tencent(json!({"objective": {"history": "yes"}}))),
        format!("{at}.history: must be true or false, not a text")
    );
    assert_eq!(
        complaint(tencent(json!({"objective": {"lag": "1d"}}))),
        format!("{at}.lag: is not known here; known are max_lag, rpo, history")
    );
}

#[test]
fn copies_are_kept_as_long_as_the_objective_needs_them() {
    let with = |objective: Value, keep: &str| tencent(json!({"objective": objective, "copies": {"keep": keep}}));
    let at = "rules[0].copies.keep";
    let told = |keep: &str, name: &str, wanted: &str| {
        format!(
            "{at}: {keep} is less than {name}, {wanted}: what is promised would be let go; keep copies for {wanted} at least"
        )
    };
    assert_eq!(complaint(with(json!({"max_lag": "2d"}), "47h")), told("47h", "objective.max_lag", "2d"));
    assert_eq!(complaint(with(json!({"max_lag": "1h", "rpo": "2d"}), "1d")), told("1d", "objective.rpo", "2d"));
    assert_eq!(complaint(with(json!({}), "12h")), told("12h", "objective.max_lag (by default)", "1d"));
    assert_eq!(complaint(with(json!({"rpo": "1h"}), "12h")), told("12h", "objective.max_lag (by default)", "1d"));
    for (objective, keep) in [
        (json!({"max_lag": "2d", "rpo": "2d"}), "2d"),
        (json!({}), "24h"),
        (json!({"max_lag": "1h"}), "1h"),
        (json!("none"), "1s"),
    ] {
        assert!(read(&[with(objective.clone(), keep)]).is_ok(), "{objective} {keep}");
    }
    assert_eq!(complaint(with(json!("none"), "0d")), format!("{at}: must be more than zero"));
    let unknown = tencent(json!({"copies": {"keep": "30d", "days": 30}}));
    assert_eq!(complaint(unknown), "rules[0].copies.days: is not known here; known are keep");
}

#[test]
fn a_copy_may_go_once_its_source_is_older_than_what_is_kept() {
    let rule = one(tencent(json!({"copies": {"keep": "30d"}})));
    let made: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
    let gone = |rule: &Rule, made, now: &str| rule.lets_go(made, now.parse().unwrap());
    assert!(!gone(&rule, Some(made), "2026-12-01T00:00:00Z"), "exactly as old is not older");
    assert!(gone(&rule, Some(made), "2026-12-01T00:00:00.001Z"));
    assert!(!gone(&rule, Some(made), "2026-10-01T00:00:00Z"), "the future has no age");
    assert!(!gone(&rule, None, "2026-12-31T00:00:00Z"));
    assert!(!gone(&one(tencent(json!({}))), Some(made), "2099-12-31T00:00:00Z"));
}

fn project(id: &str) -> Defaults {
    Defaults { huawei_project_id: Some(id.into()) }
}

#[test]
fn a_scope_is_the_places_and_not_the_name() {
    let none = Defaults::default();
    let scope = |rule: Value, defaults: &Defaults| {
        let rule = one(rule);
        rule.scope_hash(&rule.destinations[0], defaults)
    };
    let here = scope(tencent(json!({})), &none);
    let edited = json!({
        "name": "other", "source": {"region": "ap-guangzhou", "select": {"name_prefix": "a"}},
        "objective": "none", "copies": {"keep": "2d"}, "limits": {"restart_lost": true},
        "destinations": [{"region": "ap-beijing"}, {"region": "ap-tokyo"}],
    });
    assert_eq!(scope(tencent(edited.clone()), &none), here);
    let rule = one(tencent(edited));
    assert_ne!(rule.scope_hash(&rule.destinations[1], &none), here, "each destination has its own");
    // What is remembered under this hash must be found again by the next release.
    assert_eq!(here, "7d98a34ad5398e164d59502cf5701bb1e3ff9a620b6a7ecf4f385eac0b9ae265");
    let elsewhere = |region: &str| json!({"region": region, "project_id": "p2", "vault_id": "v2"});
    let mut all = vec![
        here,
        scope(tencent(json!({"account": "prod"})), &none),
        scope(tencent(json!({"source": {"region": "ap-seoul"}})), &none),
        scope(alibaba("files", "v-2"), &none),
        scope(alibaba("files", "v-3"), &none),
        scope(huawei(json!({})), &project("p1")),
        scope(huawei(json!({})), &project("p3")),
        scope(huawei(json!({"source": {"region": "cn-north-4", "vault_id": "v1"}})), &project("p1")),
        scope(huawei(json!({"destinations": [elsewhere("cn-east-3")]})), &project("p1")),
    ];
    let written = huawei(json!({"source": {"region": "cn-north-4", "project_id": "p1"}}));
    assert_eq!(scope(written, &project("p9")), all[5], "a project that comes to be written out is the same place");
    let number = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), number);
}

#[test]
fn a_replication_belongs_to_every_rule_whose_places_contain_it() {
    let started = |rule: Value, id: &str, defaults: &Defaults| {
        let rule = one(rule);
        let clouds: [&dyn Provider; 3] = [&Alibaba, &Huawei, &Tencent];
        let cloud = clouds.into_iter().find(|cloud| cloud.cloud() == rule.operation.cloud()).unwrap();
        let command = cloud.complete(&rule.command_of(id), defaults);
        command.replications().remove(0)
    };
    let none = Defaults::default();
    let mut snapshot = started(tencent(json!({})), "snap-1", &none);
    for bears in [None, Some("retired".to_owned())] {
        snapshot.rule = bears;
        let holds = |rule: Value| one(rule).contains(&snapshot, &none);
        assert!(holds(tencent(json!({}))));
        assert!(holds(tencent(json!({"destinations": [{"region": "ap-tokyo"}, {"region": "ap-beijing"}]}))));
        assert!(holds(tencent(json!({"source": {"region": "ap-guangzhou", "select": {"name_prefix": "x"}}}))));
        assert!(!holds(tencent(json!({"account": "prod"}))));
        assert!(!holds(tencent(json!({"source": {"region": "ap-seoul"}}))));
        assert!(!holds(tencent(json!({"destinations": [{"region": "ap-tokyo"}]}))));
        assert!(!holds(alibaba("files", "v-2")));
    }
    let pair = started(alibaba("files", "v-2"), "", &none);
    assert!(one(alibaba("other", "v-2")).contains(&pair, &none));
    assert!(!one(alibaba("files", "v-3")).contains(&pair, &none));
    let mut other = alibaba("files", "v-2");
    merge(&mut other, json!({"source": {"region": "cn-hangzhou", "vault_id": "v-9"}}));
    assert!(!one(other).contains(&pair, &none), "another vault's pair");

    // A backup does not say in which vault it lies; a vault-wide call does.
    let (ours, theirs) = (project("p1"), project("p3"));
    let of_vault = |vault: &str, operation: &str| {
        huawei(json!({"operation": operation, "source": {"region": "cn-north-4", "vault_id": vault}}))
    };
    let backup = started(huawei(json!({})), "b-1", &ours);
    for rule in [huawei(json!({})), of_vault("v1", "copy-backup"), of_vault("v1", "copy-checkpoint")] {
        assert!(one(rule.clone()).contains(&backup, &ours), "{rule}");
        assert!(!one(rule.clone()).contains(&backup, &theirs), "{rule}");
        assert!(one(rule.clone()).contains(&backup, &none), "nobody says which project: {rule}");
    }
    let written = |id: &str| huawei(json!({"source": {"region": "cn-north-4", "project_id": id}}));
    assert!(one(written("p1")).contains(&backup, &theirs));
    assert!(!one(written("p3")).contains(&backup, &ours));
    let checkpoint = started(of_vault("v1", "copy-checkpoint"), "", &ours);
    assert!(one(of_vault("v1", "copy-checkpoint")).contains(&checkpoint, &ours));
    assert!(one(huawei(json!({}))).contains(&checkpoint, &ours));
    assert!(!one(of_vault("v9", "copy-checkpoint")).contains(&checkpoint, &ours));
    let csbs =
        json!({"operation": "copy-checkpoint-item", "destinations": [{"region": "cn-south-1", "project_id": "p2"}]});
    assert!(!one(huawei(csbs)).contains(&backup, &ours), "the older service has no vaults");
}
