//! Where there is a policy, a command is taken only if a rule wants what it asks for, whoever sent it. The functions' own wiring, with
//! the policy in SSM Parameter Store.

use std::collections::BTreeSet;
use std::sync::Arc;

use offsite_shared::context::Context;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::error::{Error, ErrorName};
use offsite_shared::ports::Clock;
use serde_json::{Value, json};

use crate::accounts::Site;
use crate::faults::ports::admin;
use crate::functions::batch;

const PARAMETER: &str = "/offsite/policy";

struct Guarded {
    site: Site,
    context: Context,
}

impl Guarded {
    /// A function of this cloud with the simulators' key, this policy, and whatever else is set.
    async fn start(cloud: Cloud, rules: Value, extra: &[(&str, &str)]) -> Guarded {
        let [id, secret, _] = offsite_shared::io::credentials::key_variables(cloud);
        let key = offsite_simulators::SimOptions::default();
        let mut site = Site::start()
            .await
            .with("OFFSITE_POLICY", format!("ssm:{PARAMETER}"))
            .with(id, key.access_key_id)
            .with(secret, key.access_key_secret);
        for (name, value) in extra {
            site = site.with(name, *value);
        }
        site.aws.keep_parameter(PARAMETER, &json!({"version": 1, "rules": rules}).to_string());
        let context = site.function(cloud).unwrap();
        Guarded { site, context }
    }

    async fn tencent(select: Value, extra: &[(&str, &str)]) -> Guarded {
        let rules = json!([{"name": "web", "provider": "tencent",
            "source": {"region": "ap-guangzhou", "select": select}, "destinations": [{"region": "ap-beijing"}, {"region": "ap-singapore"}]}]);
        let guarded = Guarded::start(Cloud::Tencent, rules, extra).await;
        let snapshots = json!({"snapshots": [
            {"snapshot_id": "snap-web00001", "region": "ap-guangzhou", "name": "web-1"},
            {"snapshot_id": "snap-dbs00001", "region": "ap-guangzhou", "name": "db-1"}], "switches": {"any_source": false}});
        admin(&guarded.site.http, &guarded.site.simulators.tencent(), "seed", &snapshots).await;
        guarded
    }

    async fn invoke(&self, event: &Value) -> Result<Value, Error> {
        self.site.invoke(&self.context, event).await
    }

    async fn refused(&self, event: &Value, expected: &str) {
        let error = self.invoke(event).await.unwrap_err();
        assert_eq!(error.name, ErrorName::InvalidCommand, "{error}");
        assert!(error.message.contains(expected), "{expected}: {error}");
        assert_eq!(self.site.copies(), 0, "{event}");
    }
}

fn copy(snapshot: &str, regions: &[&str]) -> Value {
    let destinations: Vec<Value> = regions.iter().map(|region| json!({ "region": region })).collect();
    json!({"action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
        "source": {"region": "ap-guangzhou", "snapshot_id": snapshot}, "destinations": destinations})
}

#[tokio::test]
async fn what_a_rule_wants_is_started_under_its_name() {
    let guarded = Guarded::tencent(json!({"name_prefix": "web-"}), &[]).await;
    let answer = guarded.invoke(&copy("snap-web00001", &["ap-beijing", "ap-singapore"])).await.unwrap();
    assert_eq!(answer["results"].as_array().unwrap().len(), 2, "{answer}");
    assert_eq!(guarded.site.copies(), 2);
    let page = guarded.context.ports.ledger.list(&Default::default(), None, 10).await.unwrap();
    assert!(page.records.iter().all(|record| record.rule() == Some("web")), "the rule is on record");
}

/// A rule was renamed while its commands waited in a queue.
#[tokio::test]
async fn what_names_a_rule_that_is_not_there_is_started_under_the_one_that_wants_it() {
    let guarded = Guarded::tencent(json!({"name_prefix": "web-"}), &[]).await;
    let mut waited = copy("snap-web00001", &["ap-beijing"]);
    waited["rule"] = json!("web-before");
    guarded.invoke(&waited).await.unwrap();
    let page = guarded.context.ports.ledger.list(&Default::default(), None, 10).await.unwrap();
    let rules: Vec<_> = page.records.iter().map(|record| record.rule()).collect();
    assert_eq!((guarded.site.copies(), rules), (1, vec![Some("web")]));
}

#[tokio::test]
async fn what_no_rule_wants_is_refused_whatever_it_claims() {
    let guarded = Guarded::tencent(json!({"name_prefix": "web-"}), &[]).await;
    let web = "snap-web00001";
    guarded.refused(&copy(web, &["eu-frankfurt"]), "eu-frankfurt: no rule of the policy asks for this copy").await;
    // One stranger among the destinations, and nothing of it is started.
    guarded.refused(&copy(web, &["ap-beijing", "eu-frankfurt"]), "destinations[1]").await;
    guarded.refused(&copy("snap-dbs00001", &["ap-beijing"]), "rule web does not cover it: select.name_prefix").await;
    let mut claimed = copy(web, &["eu-frankfurt"]);
    claimed["rule"] = json!("web");
    guarded.refused(&claimed, "no rule of the policy asks for this copy").await;
    let mut elsewhere = copy(web, &["ap-beijing"]);
    elsewhere["source"]["region"] = json!("ap-shanghai");
    guarded.refused(&elsewhere, "no rule of the policy asks for this copy").await;
    let mut account = copy(web, &["ap-beijing"]);
    account["account"] = json!("prod");
    guarded.refused(&account, "no rule of the policy asks for this copy").await;
    let mut dry = copy(web, &["eu-frankfurt"]);
    dry["dry_run"] = json!(true);
    guarded.refused(&dry, "no rule of the policy asks for this copy").await;
    // What cannot be found yet may be covered later: handed back, not refused.
    let error = guarded.invoke(&copy("snap-nowhere1", &["ap-beijing"])).await.unwrap_err();
    assert_eq!(error.name, ErrorName::Unavailable, "{error}");
    assert_eq!(guarded.site.copies(), 0);
}

#[tokio::test]
async fn a_forged_message_in_a_batch_goes_back_and_the_others_are_done() {
    let guarded = Guarded::tencent(json!({"name_prefix": "web-"}), &[]).await;
    let bodies = [copy("snap-web00001", &["ap-beijing"]), copy("snap-web00001", &["eu-frankfurt"])];
    let answer = guarded.invoke(&batch(&bodies)).await.unwrap();
    assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(guarded.site.copies(), 1);
}

#[tokio::test]
async fn a_command_may_have_waited_until_its_backup_was_too_old() {
    let guarded = Guarded::tencent(json!({"max_age": "1d"}), &[]).await;
    let created = (guarded.site.clock.now() - jiff::SignedDuration::from_hours(25)).to_string();
    let old = json!({"snapshots": [{"snapshot_id": "snap-old00001", "region": "ap-guangzhou", "name": "web-0", "created": created}]});
    admin(&guarded.site.http, &guarded.site.simulators.tencent(), "seed", &old).await;
    guarded.invoke(&copy("snap-old00001", &["ap-beijing"])).await.unwrap();
    assert_eq!(guarded.site.copies(), 1);
}

#[tokio::test]
async fn options_that_cost_money_are_the_rule_s_own() {
    let rules = json!([{"name": "servers", "provider": "huawei", "operation": "copy-backup",
        "source": {"region": "cn-north-4", "project_id": "f841e01fd2b14e7fa41b6ae7aa6b0594"},
        "destinations": [{"region": "cn-east-3", "project_id": "0605767b5780d5762fc5c0118072a564", "vault_id": "d41f0e7b-9c02-4c8e-b7a5-2f9e1b3c4d02"}]}]);
    let guarded = Guarded::start(Cloud::Huawei, rules, &[]).await;
    let mut command = json!({"action": "replicate", "provider": "huawei", "operation": "copy-backup",
        "source": {"region": "cn-north-4", "project_id": "f841e01fd2b14e7fa41b6ae7aa6b0594", "backup_id": "a5200268-74a5-4806-acc6-95793ab0228b"},
        "destinations": [{"region": "cn-east-3", "project_id": "0605767b5780d5762fc5c0118072a564", "vault_id": "d41f0e7b-9c02-4c8e-b7a5-2f9e1b3c4d02"}],
        "options": {"enable_acceleration": true}});
    guarded.refused(&command, "no rule of the policy asks for this copy").await;
    command["options"] = json!({});
    let answer = guarded.invoke(&command).await.unwrap();
    assert_eq!(answer["results"][0]["state"], "accepted", "{answer}");
}

#[tokio::test]
async fn direct_commands_may_be_allowed_to_the_policy_s_destinations() {
    let guarded = Guarded::tencent(json!({"name_prefix": "web-"}), &[("OFFSITE_DIRECT_COMMANDS", "allow")]).await;
    guarded.refused(&copy("snap-dbs00001", &["eu-frankfurt"]), "no rule of the policy copies there").await;
    for (snapshot, rule) in [("snap-dbs00001", "web"), ("snap-web00001", "no-such-rule")] {
        let mut command = copy(snapshot, &["ap-beijing"]);
        command["rule"] = json!(rule);
        guarded.invoke(&command).await.unwrap();
    }
    assert_eq!(guarded.site.copies(), 2);
    let page = guarded.context.ports.ledger.list(&Default::default(), None, 10).await.unwrap();
    let rules: BTreeSet<Option<&str>> = page.records.iter().map(|record| record.rule()).collect();
    assert_eq!(rules, BTreeSet::from([None, Some("web")]), "a rule that is not there is not believed");
    // And what the environment names narrows that further.
    let narrow = [("OFFSITE_DIRECT_COMMANDS", "allow"), ("OFFSITE_ALLOWED_DESTINATIONS", "tencent:ap-singapore")];
    let guarded = Guarded::tencent(json!({}), &narrow).await;
    guarded.refused(&copy("snap-web00001", &["ap-beijing"]), "OFFSITE_ALLOWED_DESTINATIONS").await;
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_starts_nothing_and_loses_nothing() {
    let guarded = Guarded::tencent(json!({}), &[]).await;
    guarded.site.aws.keep_parameter(PARAMETER, "{\"version\":1}");
    let error = guarded.invoke(&copy("snap-web00001", &["ap-beijing"])).await.unwrap_err();
    assert!(error.message.contains("the policy ssm:/offsite/policy is wrong"), "{error}");
    let answer = guarded.invoke(&batch(&[copy("snap-web00001", &["ap-beijing"])])).await.unwrap();
    assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 1, "handed back: {answer}");
    assert_eq!(guarded.site.copies(), 0);
}

#[tokio::test]
async fn a_function_that_could_take_no_command_does_not_start() {
    let site = Site::start().await.with("OFFSITE_DIRECT_COMMANDS", "refuse");
    let site = site.with("TENCENTCLOUD_SECRET_ID", "AKIDEXAMPLE").with("TENCENTCLOUD_SECRET_KEY", "x");
    let error = site.function(Cloud::Tencent).err().unwrap();
    assert!(error.message.contains("OFFSITE_POLICY is not set"), "{error}");
    let site = site.with("OFFSITE_DIRECT_COMMANDS", "maybe");
    let error = site.function(Cloud::Tencent).err().unwrap();
    assert!(error.message.contains("must be refuse or allow"), "{error}");
}

/// A sender could use up tomorrow's copy today.
#[tokio::test]
async fn an_occurrence_that_is_yet_to_come_cannot_be_used_up() {
    let guarded = Guarded::tencent(json!({}), &[]).await;
    let tomorrow = (guarded.site.clock.now() + jiff::SignedDuration::from_hours(24)).to_string();
    let mut command = copy("snap-web00001", &["ap-beijing"]);
    command["occurrence"] = json!(tomorrow);
    guarded.refused(&command, "is yet to come").await;
    let answer = guarded.invoke(&batch(std::slice::from_ref(&command))).await.unwrap();
    assert_eq!(answer["batchItemFailures"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(guarded.site.copies(), 0);
    let page = guarded.context.ports.ledger.list(&Default::default(), None, 10).await.unwrap();
    assert!(page.records.is_empty(), "no record bears tomorrow's key");
    // Of the same command with an occurrence of now a copy is made.
    command["occurrence"] = json!(guarded.site.clock.now().to_string());
    guarded.invoke(&command).await.map(drop).unwrap();
    assert_eq!(guarded.site.copies(), 1);
}

/// On AWS: the sweep sends commands to the work queue, and the function that takes them from there takes these.
#[tokio::test]
async fn what_a_sweep_hands_to_the_work_queue_is_wanted() {
    let guarded = Guarded::tencent(json!({"name_prefix": "web-"}), &[]).await;
    let url = guarded.site.aws.create_queue("work").await.unwrap();
    let Guarded { site, .. } = guarded;
    let site = site.with("OFFSITE_WORK_QUEUE_URL", url);
    let sweeper = site.function(Cloud::Tencent).unwrap();
    let answer = site.invoke(&sweeper, &json!({"action": "sweep"})).await.unwrap();
    assert_eq!(site.copies(), 0, "handed over, not started: {answer}");
    let handed = offsite_local::home::queue::Queue::named(site.database.clone(), "work").list(100).await.unwrap();
    let bodies: Vec<Value> = handed.iter().map(|message| serde_json::from_str(&message.body).unwrap()).collect();
    assert!(!bodies.is_empty(), "{answer}");
    let worker = Arc::new(site.function(Cloud::Tencent).unwrap());
    let answer = site.invoke(&worker, &batch(&bodies)).await.unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
    assert_eq!(site.copies(), 2, "one snapshot in two regions");
}

/// A queue keeps a command for 14 days; what was too old for the rule before that was never wanted, nor what is too young yet.
#[tokio::test]
async fn an_age_that_the_rule_never_wanted_is_refused() {
    for (select, hours, expected) in
        [(json!({"max_age": "1d"}), 24 * 400, "select.max_age"), (json!({"min_age": "7d"}), 1, "select.min_age")]
    {
        let guarded = Guarded::tencent(select, &[]).await;
        let created = (guarded.site.clock.now() - jiff::SignedDuration::from_hours(hours)).to_string();
        let seed = json!({"snapshots": [{"snapshot_id": "snap-aged0001", "region": "ap-guangzhou", "name": "web-0", "created": created}]});
        admin(&guarded.site.http, &guarded.site.simulators.tencent(), "seed", &seed).await;
        guarded.refused(&copy("snap-aged0001", &["ap-beijing"]), expected).await;
    }
}

/// What a vault-wide call has left in doubt is sent on as a command for that backup, which has none of the vault's options.
#[tokio::test]
async fn a_backup_of_a_vault_that_is_copied_as_a_whole_may_be_copied_alone() {
    let vault = "3b5816b5-f29c-4172-9d9a-76c719a659ce";
    let destination = json!({"region": "region2", "project_id": "68589cac08274b82b4e254268a3862d8", "vault_id": "0ca3eb86-8800-46da-9c37-9d657a825274"});
    let rules = json!([{"name": "servers", "provider": "huawei", "operation": "copy-checkpoint", "options": {"auto_trigger": true},
        "source": {"region": "region1", "vault_id": vault}, "destinations": [destination]}]);
    let project = "4229d7a45436489f8c3dc2b1d35d4987";
    let guarded = Guarded::start(Cloud::Huawei, rules, &[("HUAWEICLOUD_SDK_PROJECT_ID", project)]).await;
    let backup = |id: &str| json!({"id": id, "project_id": project, "vault_id": if id.starts_with('1') { vault } else { "5b5816b5-f29c-4172-9d9a-76c719a659ce" }});
    let (inside, outside) = ("1df2b54c-dd62-4059-a07c-1b8f24f2725d", "2df2b54c-dd62-4059-a07c-1b8f24f2725d");
    let seed = json!({"backups": [backup(inside), backup(outside)]});
    admin(&guarded.site.http, &guarded.site.simulators.huawei(), "seed", &seed).await;
    let of = |id: &str| {
        json!({"action": "replicate", "provider": "huawei", "operation": "copy-backup",
        "source": {"region": "region1", "backup_id": id}, "destinations": [destination]})
    };
    guarded.refused(&of(outside), "source.vault_id").await;
    let mut fast = of(inside);
    fast["options"] = json!({"enable_acceleration": true});
    guarded.refused(&fast, "no rule of the policy asks for this copy").await;
    guarded.invoke(&of(inside)).await.unwrap();
    assert_eq!(guarded.site.copies(), 1);
}

/// Every operation, with all that a rule may choose by, set as an option, or leave to the environment: what a sweep sends is what its
/// own function takes.
#[tokio::test]
async fn nothing_that_a_sweep_of_any_cloud_hands_over_is_refused() {
    for (cloud, wanted) in [
        (Cloud::Alibaba, &["create-vault-replication"][..]),
        (Cloud::Huawei, &["copy-backup", "copy-checkpoint", "copy-checkpoint-item"]),
        (Cloud::Tencent, &["copy-snapshot"]),
    ] {
        let guarded = Guarded::start(cloud, json!([]), &[]).await;
        let url = guarded.site.aws.create_queue("work").await.unwrap();
        let mut site = guarded.site.with("OFFSITE_WORK_QUEUE_URL", url);
        site.simulators.make_inventories(11, 300).unwrap();
        let mut operations = BTreeSet::new();
        let mut policy = site.told(cloud, "policy").await;
        let rules = policy["rules"].as_array_mut().unwrap();
        for rule in rules.iter_mut() {
            rule["source"]["select"]["max_age"] = json!("3000d");
            rule["source"]["select"]["min_age"] = json!("1s");
        }
        if cloud == Cloud::Huawei {
            // Each project with its own function, which knows the project from its environment.
            for rule in rules.clone() {
                let mut rules = vec![rule.clone()];
                if rule["operation"] == "copy-backup" {
                    let mut whole = rule.clone();
                    whole["name"] = json!("whole");
                    whole["operation"] = json!("copy-checkpoint");
                    whole["options"] = json!({"auto_trigger": true});
                    whole["source"].as_object_mut().unwrap().remove("select");
                    rules[0]["options"] = json!({"enable_acceleration": true, "name": "offsite"});
                    rules.push(whole);
                }
                let project = rule["source"]["project_id"].as_str().unwrap().to_owned();
                for rule in &mut rules {
                    rule["source"].as_object_mut().unwrap().remove("project_id");
                }
                site = site.with("HUAWEICLOUD_SDK_PROJECT_ID", project);
                operations.extend(all_taken(&site, cloud, &json!(rules)).await);
            }
        } else {
            operations.extend(all_taken(&site, cloud, &policy["rules"]).await);
        }
        assert_eq!(operations.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
    }
}

/// Sweeps these rules, and gives what comes of it to the function that takes the work queue's messages; the operations that came.
async fn all_taken(site: &Site, cloud: Cloud, rules: &Value) -> BTreeSet<String> {
    site.aws.keep_parameter(PARAMETER, &json!({"version": 1, "rules": rules}).to_string());
    let answer = site.invoke(&site.function(cloud).unwrap(), &json!({"action": "sweep"})).await.unwrap();
    assert!(answer["swept"].as_array().unwrap().iter().all(|rule| rule["complete"] == true), "{answer}");
    let handed = offsite_local::home::queue::Queue::named(site.database.clone(), "work").list(10_000).await.unwrap();
    let worker = site.function(cloud).unwrap();
    let mut operations = BTreeSet::new();
    for message in handed {
        let command: Value = serde_json::from_str(&message.body).unwrap();
        if !rules.as_array().unwrap().iter().any(|rule| rule["name"] == command["rule"]) {
            continue;
        }
        operations.insert(command["operation"].as_str().unwrap().to_owned());
        if let Err(error) = site.invoke(&worker, &command).await {
            assert_ne!(error.name, ErrorName::InvalidCommand, "{command}: {error}");
        }
    }
    operations
}
