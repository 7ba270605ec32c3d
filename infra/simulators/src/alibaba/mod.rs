//! Simulated Alibaba Cloud Backup (HBR 2017-09-08, RPC style) and the two STS calls beside it.
//!
//! On loopback one port serves every region: the vaults know theirs, and a Host such as `hbr.cn-shanghai.localhost`
//! names the called one. Source: HBR API pages, alibabacloud_hbr20170908 2.7.1; 2026-11-21.

mod auth;
mod inventory;
mod jobs;
mod pairs;
mod truth;
mod vaults;

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use self::auth::Nonces;
use self::jobs::{Job, SeedJob};
use self::vaults::{SeedVault, Task, Vault, Vaults};
use crate::SimOptions;
use crate::clock::{self, Moment};
use crate::cloud::{Answer, BadAdmin, Call, Cloud, Copies, Received, Refusal, Stock, Switches, Twist};
use crate::credentials::Account;
use crate::identity_tokens;
use crate::text::Draw;
use crate::truth::Entry;

/// The simulated cloud.
pub(super) struct Alibaba {
    account: Account,
    nonces: Nonces,
    switches: Switches,
    vaults: Vaults,
    tasks: HashMap<String, Task>,
    jobs: Vec<Job>,
    /// Keyed by source vault and target vault; the state names the target's region.
    copies: Copies,
    draw: Draw,
    /// What Offsite's ledger would hold of the seeded inventory.
    ledger: Vec<Entry>,
}

/// Regions with HBR endpoints that follow the naming rule. Source: OpenAPI metadata; 2026-11-21.
const REGIONS: [&str; 29] = [
    "cn-qingdao",
    "cn-beijing",
    "cn-zhangjiakou",
    "cn-huhehaote",
    "cn-wulanchabu",
    "cn-hangzhou",
    "cn-shanghai",
    "cn-shenzhen",
    "cn-heyuan",
    "cn-guangzhou",
    "cn-chengdu",
    "cn-hongkong",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "us-east-1",
    "us-west-1",
    "eu-west-1",
    "eu-central-1",
    "me-east-1",
    "me-central-1",
    "cn-hangzhou-finance",
    "cn-shanghai-finance-1",
    "cn-shenzhen-finance-1",
    "cn-beijing-finance-1",
];

/// Actions by version: HBR and STS.
const VERSIONS: [(&str, &[&str]); 2] = [
    (
        "2017-09-08",
        &[
            "CreateVaultReplication",
            "DeleteVaultReplication",
            "DescribeVaults",
            "DescribeTask",
            "CreateVault",
            "DescribeVaultReplicationRegions",
            "DescribeBackupJobs2",
        ],
    ),
    ("2015-04-01", &["GetCallerIdentity", "AssumeRole", "AssumeRoleWithOIDC"]),
];

impl Alibaba {
    pub(super) fn new(account: Account, options: &SimOptions, now: Timestamp) -> Self {
        let mut vaults = Vaults::default();
        if !options.any_source {
            let old = clock::later(now, -86_400.0);
            vaults.insert(Vault::new("v-0003rf9m17pap3ltpqx5", Some("cn-hangzhou"), "primary", old));
            vaults.insert(Vault::new("v-0001aa2b3c4d5e6f7g8h", Some("cn-hangzhou"), "secondary", old));
            vaults.insert(Vault {
                target_made: true,
                ..Vault::new("v-000bj2yk5r6zmm1q7d2c", Some("cn-shanghai"), "mirror", old)
            });
            vaults.insert(Vault {
                target_made: true,
                ..Vault::new("v-0002zz9y8x7w6v5u4t3s", Some("cn-beijing"), "mirror-beijing", old)
            });
        }
        let jobs = if options.any_source { Vec::new() } else { Job::default_inventory(now) };
        Self {
            account,
            nonces: Nonces::default(),
            switches: Switches { any_source: options.any_source, ..Switches::default() },
            vaults,
            tasks: HashMap::new(),
            jobs,
            copies: Copies::default(),
            draw: Draw::new(options.seed ^ 0xA11),
            ledger: Vec::new(),
        }
    }

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
        self.jobs.retain(|job| !inventory.remove.contains(&job.id));
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

fn required<'a>(call: &'a Call, name: &str) -> Result<&'a str, Refusal> {
    call.parameter(name)
        .ok_or_else(|| Refusal::new(400, format!("Missing{name}"), format!("{name} is mandatory for this action.")))
}

fn number(call: &Call, name: &str) -> Result<Option<i64>, Refusal> {
    call.parameter(name).map(|text| text.parse().map_err(|_| invalid(name))).transpose()
}

fn invalid(name: &str) -> Refusal {
    Refusal::new(400, format!("Invalid{name}"), format!("The specified {name} is invalid."))
}

fn seconds_utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
