//! Simulated Alibaba Cloud Backup (HBR 2017-09-08, RPC style) and the two STS calls beside it.
//!
//! On loopback one port serves every region: the vaults know theirs, and a Host such as `hbr.cn-shanghai.localhost`
//! names the called one. Source: HBR API pages, alibabacloud_hbr20170908 2.7.1; 2026-11-21.

mod auth;
mod fields;
mod inventory;
mod jobs;
mod pairs;
mod state;
mod store;
mod truth;
mod vaults;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use self::fields::{number, required};
use self::jobs::SeedJob;
use self::store::{Job, REGIONS};
use self::vaults::SeedVault;
use crate::clock::{self, Moment};
use crate::cloud::{Answer, Arrived, Call, Cloud, Received, Refusal, Stock, Switches, Twist};
use crate::credentials::Account;
use crate::identity_tokens;
use crate::text::BadAdmin;

pub(crate) use self::state::Alibaba;

impl Alibaba {
    fn assume_role(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let role = required(call, "RoleArn")?;
        let session = required(call, "RoleSessionName")?.to_owned();
        if !role.starts_with("acs:ram::") || !role.contains(":role/") {
            return Err(Refusal::new(400, "InvalidParameter.RoleArn", "The parameter RoleArn is wrongly formed."));
        }
        if !(2..=64).contains(&session.len()) {
            return Err(Refusal::new(
                400,
                "InvalidParameter.RoleSessionName",
                "The parameter RoleSessionName is wrongly formed.",
            ));
        }
        if call.action == "AssumeRoleWithOIDC" {
            required(call, "OIDCProviderArn")?;
            identity_tokens::check(required(call, "OIDCToken")?, now).map_err(|why| {
                Refusal::new(400, "AuthenticationFail.OIDCToken.Invalid", format!("The token is refused: {why}."))
            })?;
        }
        let life = number(call, "DurationSeconds")?.unwrap_or(3_600);
        if !(900..=43_200).contains(&life) {
            return Err(Refusal::new(
                400,
                "InvalidParameter.DurationSeconds",
                "The Min/Max value of DurationSeconds is 15min/12hrs.",
            ));
        }
        let arn = format!("{}/{session}", role.replace(":ram:", ":sts:").replace(":role/", ":assumed-role/"));
        let expires = clock::later(now, life as f64);
        let (id, secret, token) = (format!("STS.{}", self.draw.word(24)), self.draw.word(40), self.draw.word(80));
        self.account.issue(&id, &secret, &token, expires);
        Ok(json!({
            "Credentials": {"AccessKeyId": id, "AccessKeySecret": secret, "SecurityToken": token, "Expiration": seconds_utc(expires)},
            "AssumedRoleUser": {"AssumedRoleId": format!("300000000000000000:{session}"), "Arn": arn},
        }))
    }
}

impl Cloud for Alibaba {
    fn provider(&self) -> &'static str {
        "alibaba"
    }

    fn identify(&mut self, request: &Received, now: Moment) -> Result<Call, Answer> {
        let request_id = self.draw.uuid().to_ascii_uppercase();
        let host = request.header("host").unwrap_or_default();
        auth::identify(request, &self.account, &mut self.nonces, now.signature, request_id.clone())
            .map_err(|refusal| error(&request_id, &host, &refusal))
    }

    fn perform(&mut self, call: &Call, now: Timestamp, twist: &Twist) -> Answer {
        let outcome = match call.action.as_str() {
            "CreateVaultReplication" => self.create_replication(call, now, twist).map(successful),
            "DeleteVaultReplication" => self.delete_replication(call, now).map(successful),
            "DescribeVaults" => self.describe_vaults(call, now).map(successful),
            "DescribeTask" => self.describe_task(call, now).map(successful),
            "CreateVault" => self.create_vault(call, now).map(successful),
            "DescribeVaultReplicationRegions" => Ok(successful(json!({"Regions": {"RegionId": REGIONS}}))),
            "DescribeBackupJobs2" => self.describe_jobs(call).map(successful),
            "AssumeRole" | "AssumeRoleWithOIDC" => self.assume_role(call, now),
            _ => Ok(json!({
                "IdentityType": "RAMUser", "AccountId": "1000000000000001", "PrincipalId": "200000000000000001",
                "UserId": "200000000000000001", "Arn": "acs:ram::1000000000000001:user/offsite", "RoleId": "",
            })),
        };
        match outcome {
            Ok(mut body) => {
                body["RequestId"] = json!(call.request_id);
                Answer::json(200, &body, "ok").with_header("x-acs-request-id", &call.request_id)
            }
            Err(refusal) => self.refuse(call, &refusal),
        }
    }

    fn refuse(&mut self, call: &Call, refusal: &Refusal) -> Answer {
        error(&call.request_id, &call.host, refusal)
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "DescribeVaults",
            "DescribeTask",
            "DescribeVaultReplicationRegions",
            "DescribeBackupJobs2",
            "GetCallerIdentity",
            "AssumeRole",
            "AssumeRoleWithOIDC",
        ]
    }

    /// Source: error codes of HBR; the wording is made up.
    fn lacks_right(&self, call: &Call) -> Refusal {
        Refusal::new(403, "NoPermission", format!("You are not authorized to do this action: hbr:{}.", call.action))
    }

    fn stock_refusal(&self, kind: Stock) -> Refusal {
        match kind {
            Stock::Throttle => Refusal::new(400, "Throttling.User", "Request was denied due to user flow control."),
            Stock::Internal => {
                Refusal::new(500, "InternalError", "The request processing has failed due to some unknown error.")
            }
        }
    }

    fn replications(&self, now: Timestamp) -> Vec<Value> {
        let mut rows = self.copies.rows(|_, task| self.tasks.get(task).map_or("failed", |task| task.state(now)));
        for row in &mut rows {
            let vault = row["destination"].as_str().unwrap_or_default().to_owned();
            let region = self.vaults.get(&vault).and_then(|vault| vault.region.clone());
            row["destination"] = json!(region.unwrap_or_else(|| "unknown".to_owned()));
            row["destination_vault"] = json!(vault);
        }
        rows
    }

    fn seed(&mut self, inventory: &Value, now: Timestamp) -> Result<Value, BadAdmin> {
        let inventory: Inventory =
            serde_json::from_value(inventory.clone()).map_err(|error| BadAdmin::new(error.to_string()))?;
        let added = inventory.vaults.len() + inventory.jobs.len();
        for vault in inventory.vaults {
            self.vaults.insert(vault.into_vault(now)?);
        }
        for job in inventory.jobs {
            self.jobs.push(job.into_job(now)?);
        }
        let before = self.jobs.len();
        let jobs = std::mem::take(&mut self.jobs);
        let (gone, kept): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| inventory.remove.contains(&job.id));
        self.jobs = kept;
        self.gone_jobs.extend(gone.into_iter().map(|job| (job, now)));
        let removed = inventory.remove.iter().filter(|id| self.vaults.remove(id)).count() + before - self.jobs.len();
        Ok(json!({"added": added, "removed": removed}))
    }

    fn switches(&mut self) -> &mut Switches {
        &mut self.switches
    }

    fn account(&mut self) -> &mut Account {
        &mut self.account
    }

    fn make_inventory(&mut self, seed: u64, backups: u64, now: Timestamp) -> Value {
        self.make(seed, backups, now)
    }

    fn policy(&self) -> Value {
        truth::policy()
    }

    fn arrived(&self, now: Timestamp) -> Vec<Arrived> {
        self.usable_copies(now)
    }

    fn truth(&self, now: Timestamp) -> Value {
        self.tell_truth(now)
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Inventory {
    vaults: Vec<SeedVault>,
    jobs: Vec<SeedJob>,
    remove: Vec<String>,
}

/// Adds what every successful HBR answer carries.
fn successful(mut body: Value) -> Value {
    body["Success"] = json!(true);
    body["Code"] = json!("200");
    body["Message"] = json!("successful");
    body
}

fn error(request_id: &str, host: &str, refusal: &Refusal) -> Answer {
    let body = json!({
        "RequestId": request_id,
        "HostId": host.split(':').next().unwrap_or(host),
        "Code": refusal.code,
        "Message": refusal.message,
        "Recommend": format!("https://error-center.aliyun.com/status/search?Keyword={}&source=PopGw", refusal.code),
    });
    Answer::json(refusal.status, &body, refusal.code.clone()).with_header("x-acs-request-id", request_id)
}

fn seconds_utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
