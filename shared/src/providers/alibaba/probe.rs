//! Probes of HBR: whose the key is, whether the vaults can be read and paired, and where HBR replicates to.
//!
//! Source: alibabacloud_hbr20170908 2.7.1; alibabacloud_sts20150401 1.2.0, GetCallerIdentity.

use std::time::Duration;

use serde::Deserialize;

use super::calls::call;
use super::errors::read;
use super::inventory::{CONTRADICTION, read_pair};
use super::model::Envelope;
use super::{Alibaba, codes};
use crate::model::command::{Operation, Options, Replication, Source};
use crate::model::failure::Failure;
use crate::model::http::Reply;
use crate::providers::asked::{Asked, Need, ask};
use crate::providers::call::Effect;
use crate::providers::inventory::{Pairing, VaultPair};
use crate::providers::probe::{Finding, Health, Probe, Route, Topic};
use crate::providers::refusal::{refusal, unreadable};
use crate::providers::sts::Sts;

impl Probe for Alibaba {
    /// Source: V3 request structure and signature, help document 2593177.
    fn clock_limit(&self) -> Duration {
        Duration::from_secs(900)
    }

    fn diagnose(&self, topic: Topic, route: &Route, replies: &[Reply]) -> Asked<Option<Finding>> {
        let finding = match topic {
            Topic::Identity => identity(route, replies.first()),
            Topic::Sources => sources(route, replies.first()),
            Topic::Copies => copies(route, replies.first()),
            Topic::Vault => vault(route, replies),
            Topic::Capability => capability(route, replies.first()),
            Topic::Quota => Ok(Finding::new(
                Health::Unknown,
                "HBR documents no call for quotas and no limit on what a target vault holds",
                "",
            )),
            Topic::Projects => return Ok(None),
        };
        finding.map(Some)
    }

    /// Source: HBR RAM page, where actions are named after operations.
    fn permission(&self, topic: Topic, _operation: Operation) -> &'static str {
        match topic {
            Topic::Identity => "none (sts:GetCallerIdentity is open to every key)",
            Topic::Sources => "hbr:DescribeBackupJobs2",
            Topic::Copies | Topic::Vault => "hbr:DescribeVaults",
            Topic::Capability => "hbr:DescribeVaultReplicationRegions",
            Topic::Projects | Topic::Quota => "none",
        }
    }

    fn start_permission(&self, _operation: Operation) -> &'static str {
        "hbr:CreateVaultReplication (the name is inferred: its page publishes none)"
    }

    fn blind_spot(&self, topic: Topic, _operation: Operation) -> &'static str {
        match topic {
            Topic::Identity => "what the key may do",
            Topic::Sources => "whether every source type may be read: one of nine is asked",
            Topic::Copies => "whether the backups in a target vault can be restored: no API shows them there",
            Topic::Vault => "whether a vault must be made as a replication target before it can be paired",
            Topic::Capability => "for which source regions the answer holds: the call names none",
            Topic::Quota => "whether the account's limit on vaults (100) or on storage is near",
            Topic::Projects => "",
        }
    }

    fn is_denied(&self, failure: &Failure) -> bool {
        let of = |name: &str| failure.code.split('.').next() == Some(name);
        (of("NoPermission") || of("Forbidden")) && failure.code != "Forbidden.RiskControl"
    }
}

fn identity(route: &Route, reply: Option<&Reply>) -> Asked<Finding> {
    let Some(reply) = reply else { return ask(Alibaba.whose(&route.region)) };
    Ok(caller(reply)?)
}

/// Reads the caller's account. STS sends neither Success nor Code when all is well.
fn caller(reply: &Reply) -> Result<Finding, Failure> {
    #[derive(Deserialize)]
    struct Caller {
        #[serde(rename = "AccountId")]
        account: String,
        #[serde(rename = "IdentityType", default)]
        kind: String,
        #[serde(rename = "Arn", default)]
        arn: String,
    }
    if (200..300).contains(&reply.status)
        && let Ok(caller) = serde_json::from_slice::<Caller>(&reply.body)
    {
        let found = format!("account {}: {} {}", caller.account, caller.kind, caller.arn);
        return Ok(match caller.kind.as_str() {
            "Account" => Finding::new(
                Health::Warn,
                format!("{found}; this is the root of the account and may do everything"),
                "use the key of a RAM user with the few rights that `offsite explain configuration` lists",
            ),
            _ => Finding::ok(found),
        });
    }
    match read(reply) {
        Err(failure) => Err(failure),
        Ok(answer) => Err(unreadable(reply, answer.request_id, "the answer names no account")),
    }
}

/// Asks for the smallest page, of one source type.
fn sources(route: &Route, reply: Option<&Reply>) -> Asked<Finding> {
    let Some(reply) = reply else {
        let mut pairs = vec![
            ("SourceType", "ECS_FILE".to_owned()),
            ("PageNumber", "1".to_owned()),
            ("PageSize", "1".to_owned()),
            ("SortDirection", "DESCEND".to_owned()),
        ];
        if let Some(vault) = &route.vault_id {
            pairs.extend([
                ("Filters.1.Key", "VaultId".to_owned()),
                ("Filters.1.Operator", "IN".to_owned()),
                ("Filters.1.Values.1", vault.clone()),
            ]);
        }
        return ask(call(Effect::Read, "DescribeBackupJobs2", &route.region, pairs));
    };
    read_answer(reply, |answer| {
        let total = answer.total_count.filter(|_| answer.backup_jobs.is_some() || answer.total_count == Some(0))?;
        Some(Finding::ok(format!("backup jobs can be listed; {total} of the type ECS_FILE")))
    })
}

fn copies(route: &Route, reply: Option<&Reply>) -> Asked<Finding> {
    let Some(reply) = reply else {
        let pairs = vec![
            ("PageNumber", "1".to_owned()),
            ("PageSize", "1".to_owned()),
            ("VaultRegionId", route.destination.region.clone()),
        ];
        return ask(call(Effect::Read, "DescribeVaults", &route.destination.region, pairs));
    };
    read_answer(reply, |answer| {
        let total = answer.total_count.filter(|_| answer.vaults.is_some() || answer.total_count == Some(0))?;
        Some(Finding::ok(format!("vaults can be listed; {total} in this region")))
    })
}

/// Asks for both vaults by their exact IDs: the target first, and the source if the target names no partner.
fn vault(route: &Route, replies: &[Reply]) -> Asked<Finding> {
    let (Some(source), Some(target)) = (&route.vault_id, &route.destination.vault_id) else {
        return Ok(unnamed());
    };
    let replication = Replication {
        operation: Operation::CreateVaultReplication,
        account: String::new(),
        source: Source { region: route.region.clone(), project_id: None, id: source.clone() },
        destination: route.destination.clone(),
        options: Options::default(),
        occurrence: None,
        rule: None,
    };
    match read_pair(&replication, replies) {
        Err(Need::Failed(failure)) if failure.code == CONTRADICTION => {
            Ok(Finding::new(Health::Fail, failure.message, failure.advice))
        }
        pair => Ok(judge(&pair?, source, target)),
    }
}

fn unnamed() -> Finding {
    Finding::new(Health::Unknown, "no vault is named, so none was looked at", "give a policy that names the vaults")
}

fn judge(pair: &VaultPair, source: &str, target: &str) -> Finding {
    let fail = |found: String, advice: &str| Finding::new(Health::Fail, found, advice);
    match &pair.pairing {
        Pairing::Missing(id) => {
            fail(format!("the vault {id} is not there"), "check the vault ID and its region in the policy")
        }
        Pairing::Elsewhere(id) => fail(
            format!("one of the two vaults already replicates with {id}"),
            "a vault has one partner: choose another target, or end the other replication",
        ),
        pairing => {
            let state = match pairing {
                Pairing::Paired | Pairing::Broken(_) => format!("{target} already replicates from {source}"),
                _ => format!("{target} is there and has no partner yet"),
            };
            match pair.status.as_deref() {
                Some("CREATED") => Finding::ok(state),
                Some("ERROR") => fail(
                    format!(
                        "{target} is in the state ERROR: {}",
                        pair.status_message.as_deref().unwrap_or("no reason given")
                    ),
                    "mend or replace the target vault in the console",
                ),
                other => Finding::new(
                    Health::Warn,
                    format!("{state}; its state is {}", other.unwrap_or("not told")),
                    "look again when it is CREATED",
                ),
            }
        }
    }
}

fn capability(route: &Route, reply: Option<&Reply>) -> Asked<Finding> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "Regions")]
        regions: Option<Regions>,
    }
    #[derive(Deserialize)]
    struct Regions {
        #[serde(rename = "RegionId", default)]
        ids: Vec<String>,
    }
    let Some(reply) = reply else {
        return ask(call(Effect::Read, "DescribeVaultReplicationRegions", &route.region, Vec::new()));
    };
    read(reply)?;
    let regions = serde_json::from_slice::<Answer>(&reply.body).ok().and_then(|answer| answer.regions);
    let Some(Regions { ids }) = regions else {
        return Err(unreadable(reply, None, "the answer holds no regions").into());
    };
    let wanted = &route.destination.region;
    Ok(if ids.contains(wanted) {
        Finding::ok(format!("HBR replicates to {wanted}"))
    } else {
        Finding::new(
            Health::Fail,
            format!("{wanted} is not among the {} regions to which HBR says it replicates", ids.len()),
            format!("choose one of: {}", ids.join(", ")),
        )
    })
}

/// Reads an answer. A code that the table does not have is a refusal here, because there is nothing to read back.
/// One in which nothing is `found` holds nothing of what was asked for.
fn read_answer(reply: &Reply, found: impl FnOnce(&Envelope) -> Option<Finding>) -> Asked<Finding> {
    match read(reply) {
        Ok(answer) => match found(&answer) {
            Some(finding) => Ok(finding),
            None => Err(unreadable(reply, answer.request_id, "the answer holds nothing of what was asked for").into()),
        },
        Err(failure) if failure.advice.is_empty() => Err(failure.into()),
        Err(failure) => {
            let known = refusal(codes::TABLE, &failure.code, &failure.message, failure.request_id.clone(), reply);
            Err(known.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::command::Destination;
    use crate::model::failure::Disposition;
    use crate::providers::call::Service;
    use crate::providers::provider::Provider;

    fn route() -> Route {
        Route {
            operation: Operation::CreateVaultReplication,
            region: "cn-hangzhou".into(),
            project_id: None,
            vault_id: Some("v-1".into()),
            destination: Destination { region: "cn-shanghai".into(), project_id: None, vault_id: Some("v-2".into()) },
        }
    }

    fn reply(status: u16, body: &Value) -> Reply {
        Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    fn found(found: Asked<Option<Finding>>) -> Finding {
        found.unwrap().unwrap()
    }

    #[test]
    fn only_reads_are_planned() {
        for topic in Topic::ALL {
            if let Err(Need::Ask(call)) = Alibaba.diagnose(topic, &route(), &[]) {
                assert!(call.action.starts_with("Describe") || call.action == "GetCallerIdentity", "{}", call.action);
            }
        }
    }

    #[test]
    fn the_identity_service_has_a_host_of_its_own() {
        let of = |region: &str| Alibaba.endpoint(Service::AlibabaSts, region);
        assert_eq!(of("cn-hangzhou"), "https://sts.cn-hangzhou.aliyuncs.com");
        assert_eq!(of("cn-hangzhou-finance"), "https://sts.aliyuncs.com");
    }

    #[test]
    fn the_caller_is_told_and_the_root_is_warned_of() {
        let body =
            |kind: &str| json!({"IdentityType": kind, "AccountId": "1000000000000001", "Arn": "acs:ram::1:user/o"});
        let of = |kind: &str| found(Alibaba.diagnose(Topic::Identity, &route(), &[reply(200, &body(kind))]));
        assert_eq!(of("RAMUser").found, "account 1000000000000001: RAMUser acs:ram::1:user/o");
        assert_eq!((of("RAMUser").health, of("Account").health), (Health::Ok, Health::Warn));
        let refused = reply(404, &json!({"Code": "InvalidAccessKeyId.NotFound", "Message": "m"}));
        let Err(Need::Failed(failure)) = Alibaba.diagnose(Topic::Identity, &route(), &[refused]) else { panic!() };
        assert_eq!(failure.disposition, Disposition::Authentication);
        assert!(!Alibaba.is_denied(&failure));
    }

    #[test]
    fn a_missing_right_is_not_a_wrong_key() {
        let refused = reply(403, &json!({"Code": "NoPermission", "Message": "m"}));
        let Err(Need::Failed(failure)) = Alibaba.diagnose(Topic::Sources, &route(), &[refused]) else { panic!() };
        assert!(Alibaba.is_denied(&failure), "{failure:?}");
    }

    #[test]
    fn vaults_are_judged_by_their_state() {
        let vault =
            |fields: Value| reply(200, &json!({"Success": true, "TotalCount": 1, "Vaults": {"Vault": [fields]}}));
        let none = || reply(200, &json!({"Success": true, "TotalCount": 0, "Vaults": {}}));
        let target = |more: Value| {
            let mut fields = json!({"VaultId": "v-2", "Status": "CREATED"});
            fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            vault(fields)
        };
        let source = || vault(json!({"VaultId": "v-1", "Status": "CREATED"}));
        for (replies, health) in [
            (vec![none()], Health::Fail),
            (vec![target(json!({})), none()], Health::Fail),
            (vec![target(json!({})), source()], Health::Ok),
            (vec![target(json!({"ReplicationSourceVaultId": "v-1"})), source()], Health::Ok),
            (vec![target(json!({"ReplicationSourceVaultId": "v-9"}))], Health::Fail),
            (vec![target(json!({"Status": "ERROR"})), source()], Health::Fail),
            (
                vec![
                    target(json!({"ReplicationSourceVaultId": "v-1"})),
                    vault(json!({"VaultId": "v-1", "ReplicationTargetVaultId": "v-9"})),
                ],
                Health::Fail,
            ),
            (vec![target(json!({"Status": "INITIALIZING"})), source()], Health::Warn),
        ] {
            let finding = found(Alibaba.diagnose(Topic::Vault, &route(), &replies));
            assert_eq!(finding.health, health, "{finding:?}");
        }
    }

    #[test]
    fn the_destination_must_be_listed() {
        let listed =
            |regions: Value| reply(200, &json!({"Success": true, "Code": "200", "Regions": {"RegionId": regions}}));
        let of = |regions| found(Alibaba.diagnose(Topic::Capability, &route(), &[listed(regions)])).health;
        assert_eq!(of(json!(["cn-hangzhou", "cn-shanghai"])), Health::Ok);
        assert_eq!(of(json!(["cn-hangzhou"])), Health::Fail);
        let silent = reply(200, &json!({"Success": true}));
        for topic in [Topic::Sources, Topic::Copies] {
            let asked = Alibaba.diagnose(topic, &route(), std::slice::from_ref(&silent));
            assert!(matches!(asked, Err(Need::Failed(_))), "{topic:?}: a success that shows nothing proves nothing");
        }
        assert!(matches!(Alibaba.diagnose(Topic::Capability, &route(), &[silent]), Err(Need::Failed(_))));
    }
}
