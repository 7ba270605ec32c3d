//! Probes of CBS: whose the key is, whether snapshots can be listed in both regions, and how many more a region takes.
//!
//! Source: tencentcloud-sdk-python-cbs 3.1.175; tencentcloud-sdk-python-sts 3.0.1459, GetCallerIdentity. No action of CBS
//! tells which regions replicate, and CopySnapshotCrossRegions has no dry run (API page 362/45941, 2026-05-15).

use std::time::Duration;

use serde::Deserialize;

use super::Tencent;
use super::calls::call;
use super::errors::read;
use super::model::{Answer, ApiError, DescribeSnapshots, Described, Head};
use crate::model::command::Operation;
use crate::model::failure::{Disposition, Failure, Whose};
use crate::model::http::Reply;
use crate::providers::asked::{Asked, ask};
use crate::providers::call::Effect;
use crate::providers::probe::{Finding, Health, Probe, Route, Topic};
use crate::providers::reading::request_id;
use crate::providers::refusal::unreadable;
use crate::providers::sts::Sts;

/// How many snapshots a region without disks holds, and how many each disk adds.
/// Source: tencentyun/intlcloud-documents, usage limits, 2023-07-10.
const QUOTA: u64 = 64;

impl Probe for Tencent {
    /// Source: signature v3 page, tencentyun/intlcloud-documents.
    fn clock_limit(&self) -> Duration {
        Duration::from_secs(300)
    }

    fn diagnose(&self, topic: Topic, route: &Route, replies: &[Reply]) -> Asked<Option<Finding>> {
        let reply = replies.first();
        let finding = match topic {
            Topic::Identity => identity(route, reply),
            Topic::Sources => count(&route.region, reply, |total| {
                Finding::ok(format!("snapshots can be listed; {total} in {}", route.region))
            }),
            Topic::Copies => count(&route.destination.region, reply, |total| {
                Finding::ok(format!("snapshots can be listed; {total} in {}", route.destination.region))
            }),
            Topic::Quota => count(&route.destination.region, reply, quota),
            Topic::Capability => Ok(Finding::new(
                Health::Unknown,
                "Tencent has no call that tells which regions replicate to which",
                "the first copy tells: start with one snapshot",
            )),
            Topic::Vault | Topic::Projects => return Ok(None),
        };
        finding.map(Some)
    }

    /// Source: CBS access management page, tencentyun/intlcloud-documents.
    fn permission(&self, topic: Topic, _operation: Operation) -> &'static str {
        match topic {
            Topic::Identity => "none (sts:GetCallerIdentity)",
            Topic::Sources | Topic::Copies | Topic::Quota => "cbs:DescribeSnapshots on *, or cvm:DescribeSnapshots",
            Topic::Projects | Topic::Vault | Topic::Capability => "none",
        }
    }

    fn start_permission(&self, _operation: Operation) -> &'static str {
        "cbs:CopySnapshotCrossRegions on *, or cvm:CopySnapshotCrossRegions (the API has no dry run)"
    }

    fn blind_spot(&self, topic: Topic, _operation: Operation) -> &'static str {
        match topic {
            Topic::Identity => "what the key may do",
            Topic::Sources => "which snapshots the API refuses to copy: system disks and encrypted ones may be",
            Topic::Copies => "whether the account has the money for copies there",
            Topic::Capability => "whether this pair of regions replicates",
            Topic::Quota => "how many disks the region has, each of which raises the limit; the rule is of 2023",
            Topic::Projects | Topic::Vault => "",
        }
    }

    fn is_denied(&self, failure: &Failure) -> bool {
        let named =
            failure.code == "AuthFailure.UnauthorizedOperation" || failure.code.starts_with("UnauthorizedOperation");
        named && failure.disposition == Disposition::Permanent && failure.whose == Whose::Backup
    }
}

#[derive(Deserialize)]
struct Caller {
    #[serde(rename = "Error")]
    error: Option<ApiError>,
    #[serde(rename = "RequestId", default, deserialize_with = "request_id")]
    request_id: Option<String>,
    #[serde(rename = "AccountId")]
    account: Option<String>,
    #[serde(rename = "Type", default)]
    kind: Option<String>,
    #[serde(rename = "Arn", default)]
    arn: Option<String>,
}

impl Answer for Caller {
    fn head(&mut self) -> Head {
        Head { error: self.error.take(), request_id: self.request_id.take() }
    }
}

fn identity(route: &Route, reply: Option<&Reply>) -> Asked<Finding> {
    let Some(reply) = reply else { return ask(Tencent.whose(&route.region)) };
    let answer = read::<Caller>(reply)?.body;
    let Some(account) = answer.account.filter(|account| !account.is_empty()) else {
        return Ok(Finding::new(Health::Unknown, "the answer names no account", ""));
    };
    let [kind, arn] = [answer.kind, answer.arn].map(Option::unwrap_or_default);
    Ok(Finding::ok(format!("account {account}: {kind} {arn}")))
}

/// Asks for the smallest page, because only the count matters.
fn count(region: &str, reply: Option<&Reply>, found: impl FnOnce(u64) -> Finding) -> Asked<Finding> {
    let Some(reply) = reply else {
        let body = DescribeSnapshots { limit: 1, ..Default::default() };
        return ask(call(Effect::Read, "DescribeSnapshots", region, &body));
    };
    let answer = read::<Described>(reply)?;
    Ok(match answer.body.total_count {
        Some(total) => found(total),
        None if answer.body.snapshots.is_none() => {
            return Err(unreadable(reply, answer.request_id, "the answer holds no snapshots").into());
        }
        None => Finding::new(Health::Unknown, "snapshots can be listed, but the answer gives no count", ""),
    })
}

fn quota(total: u64) -> Finding {
    match QUOTA.checked_sub(total).filter(|left| *left > 0) {
        Some(left) => Finding::ok(format!("{total} snapshots there; room for at least {left} more")).with_room(left),
        None => Finding::new(
            Health::Unknown,
            format!("{total} snapshots there; the limit is {QUOTA} and as many more for each disk of the region"),
            "compare with the quota page of the console; InsufficientSnapshotQuota is what a full region answers",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::command::Destination;
    use crate::providers::asked::Need;
    use crate::providers::call::Service;
    use crate::providers::provider::Provider;

    fn route() -> Route {
        Route {
            operation: Operation::CopySnapshot,
            region: "ap-guangzhou".into(),
            project_id: None,
            vault_id: None,
            destination: Destination { region: "ap-beijing".into(), project_id: None, vault_id: None },
        }
    }

    fn diagnose(topic: Topic, response: Value) -> Asked<Option<Finding>> {
        let body = json!({"Response": response}).to_string().into_bytes();
        Tencent.diagnose(topic, &route(), &[Reply { status: 200, headers: Vec::new(), body }])
    }

    fn found(found: Asked<Option<Finding>>) -> Finding {
        found.unwrap().unwrap()
    }

    #[test]
    fn only_reads_are_planned_and_each_goes_to_its_region() {
        for topic in Topic::ALL {
            if let Err(Need::Ask(call)) = Tencent.diagnose(topic, &route(), &[]) {
                assert!(["GetCallerIdentity", "DescribeSnapshots"].contains(&call.action), "{}", call.action);
                let destination = matches!(topic, Topic::Copies | Topic::Quota);
                assert_eq!(call.region == "ap-beijing", destination, "{topic:?}");
            }
        }
    }

    #[test]
    fn the_identity_service_has_a_host_of_its_own() {
        let of = |region: &str| Tencent.endpoint(Service::TencentSts, region);
        assert_eq!(of("ap-guangzhou"), "https://sts.tencentcloudapi.com");
        assert_eq!(of("ap-shanghai-fsi"), "https://sts.ap-shanghai-fsi.tencentcloudapi.com");
    }

    #[test]
    fn the_caller_is_told() {
        let body = json!({"AccountId": "100000000001", "Type": "CAMUser", "Arn": "qcs::cam::uin/1:uin/1"});
        assert_eq!(found(diagnose(Topic::Identity, body)).found, "account 100000000001: CAMUser qcs::cam::uin/1:uin/1");
        assert_eq!(found(diagnose(Topic::Identity, json!({}))).health, Health::Unknown);
    }

    #[test]
    fn a_missing_right_is_not_a_wrong_key() {
        for (code, denied) in [
            ("AuthFailure.UnauthorizedOperation", true),
            ("UnauthorizedOperation", true),
            ("AuthFailure.SignatureFailure", false),
            ("UnauthorizedOperation.InvalidToken", false),
        ] {
            let Err(Need::Failed(failure)) = diagnose(Topic::Sources, json!({"Error": {"Code": code, "Message": "m"}}))
            else {
                panic!()
            };
            let wanted = if denied { Disposition::Permanent } else { Disposition::Authentication };
            assert_eq!((failure.disposition, Tencent.is_denied(&failure)), (wanted, denied));
        }
    }

    #[test]
    fn the_quota_is_known_below_what_every_region_has() {
        let of = |total: u64| found(diagnose(Topic::Quota, json!({"TotalCount": total, "SnapshotSet": []}))).health;
        assert_eq!((of(0), of(63), of(64), of(500)), (Health::Ok, Health::Ok, Health::Unknown, Health::Unknown));
        assert_eq!(found(diagnose(Topic::Quota, json!({"SnapshotSet": []}))).health, Health::Unknown);
        assert!(matches!(diagnose(Topic::Sources, json!({})), Err(Need::Failed(_))), "it shows nothing");
    }
}
