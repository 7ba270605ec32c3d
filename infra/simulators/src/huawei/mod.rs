//! Simulated Huawei Cloud: CBR v3, the legacy CSBS v1, and as much IAM v3 as they need, all on one port by path.
//!
//! Source: API definitions of 2026-10-30, huaweicloudsdkcbr 3.1.219, OTC documents; 2026-11-21.

mod auth;
mod cbr;
mod csbs;
mod fields;
mod iam;
mod inventory;
mod reading;
mod routes;
mod seed;
mod store;
mod sts;
mod truth;

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::auth::Locks;
use self::seed::Inventory;
use self::store::{Backup, Item, Store, Vault};
use crate::SimOptions;
use crate::clock::{self, Moment};
use crate::cloud::{Answer, BadAdmin, Call, Cloud, Copies, Received, Refusal, Stock, Switches, Twist};
use crate::credentials::Account;
use crate::text::Draw;
use crate::truth::Entry;

/// The simulated cloud.
pub(super) struct Huawei {
    account: Account,
    /// Project tokens issued by the simulated IAM, with their end.
    tokens: HashMap<String, Timestamp>,
    locks: Locks,
    switches: Switches,
    store: Store,
    copies: Copies,
    draw: Draw,
    /// What Offsite's ledger would hold of the seeded inventory.
    ledger: Vec<Entry>,
}

/// Projects of the default inventory. The first two come from the API examples. Source: CopyBackup, CopyCheckpoint; 2026-11-21.
const PROJECTS: [(&str, &str); 7] = [
    ("4229d7a45436489f8c3dc2b1d35d4987", "region1"),
    ("68589cac08274b82b4e254268a3862d8", "region2"),
    ("f841e01fd2b14e7fa41b6ae7aa6b0594", "cn-north-4"),
    ("0605767b5780d5762fc5c0118072a564", "cn-east-3"),
    ("0d9da8861b80f5a32fb4c00645f2dbd7", "ap-southeast-1"),
    ("4800fde9-66f8-4458-b805-4c01066b9568", "cn-north-1"),
    ("e0b97bac-532c-4c51-96fa-4b3a32253be4", "cn-east-2"),
];

impl Huawei {
    pub(super) fn new(account: Account, options: &SimOptions, now: Timestamp) -> Self {
        let mut cloud = Self {
            account,
            tokens: HashMap::new(),
            locks: Locks::default(),
            switches: Switches { any_source: options.any_source, ..Switches::default() },
            store: Store::new(now),
            copies: Copies::default(),
            draw: Draw::new(options.seed ^ 0x4A3),
            ledger: Vec::new(),
        };
        if !options.any_source {
            cloud.default_inventory(now);
        }
        cloud
    }

    fn default_inventory(&mut self, now: Timestamp) {
        for (project, region) in PROJECTS {
            self.store.projects.insert(project.to_owned(), region.to_owned());
        }
        let (region1, region2) = (PROJECTS[0].0, PROJECTS[1].0);
        let source = "3b5816b5-f29c-4172-9d9a-76c719a659ce";
        for vault in [
            Vault::new(source, region1, "backup"),
            Vault::new("0ca3eb86-8800-46da-9c37-9d657a825274", region2, "replication"),
            Vault::new("6b1f7a52-3f0c-4e0e-9a64-0d6f3b1a2c11", region2, "backup"),
            Vault::new("a3c6b2f4-58a1-4d55-8a27-6a0f5a6be901", PROJECTS[2].0, "backup"),
            Vault::new("d41f0e7b-9c02-4c8e-b7a5-2f9e1b3c4d02", PROJECTS[3].0, "replication"),
        ] {
            self.store.vaults.insert(vault.id.clone(), vault);
        }
        let plain = |id: &str, age_s: f64| Backup::plain(id, region1, source, clock::later(now, -age_s));
        for backup in [
            plain("6df2b54c-dd62-4059-a07c-1b8f24f2725d", 3_600.0),
            plain("7558e1a3-7046-4787-95cd-14b0ad0642a8", 7_200.0),
            plain("aa00034d-ef40-443d-ab7a-dc846d988cdf", 10_800.0),
            Backup {
                resource_type: "OS::Cinder::Volume".to_owned(),
                ..plain("5d822633-2bbf-4af8-a16e-5ab1c7705235", 3_500.0)
            },
            Backup { contain_system_disk: false, ..plain("c0ffee00-2bbf-4af8-a16e-5ab1c7705236", 3_400.0) },
            Backup { status: "protecting".to_owned(), ..plain("b1c4afd9-e7a6-4888-9010-c2bac3aa7910", 30.0) },
            Backup::plain(
                "a5200268-74a5-4806-acc6-95793ab0228b",
                PROJECTS[2].0,
                "a3c6b2f4-58a1-4d55-8a27-6a0f5a6be901",
                clock::later(now, -3_600.0),
            ),
        ] {
            self.store.insert(backup);
        }
        for id in ["c4dfa74c-7e60-4361-86b9-9a3250115ed6", "bd3c8a42-7dd4-4400-b091-2777c51a5c9a"] {
            let item = Item::plain(id, PROJECTS[5].0, clock::later(now, -3_600.0));
            self.store.items.insert(id.to_owned(), item);
        }
    }

    /// The region of a project: known, named by the Host, or the fallback of any-source mode.
    fn region_of(&self, call: &Call, project: &str) -> String {
        self.store
            .projects
            .get(project)
            .cloned()
            .or_else(|| call.region.clone())
            .unwrap_or_else(|| "cn-north-4".to_owned())
    }
}

impl Cloud for Huawei {
    fn provider(&self) -> &'static str {
        "huawei"
    }

    fn identify(&mut self, request: &Received, now: Moment) -> Result<Call, Answer> {
        let request_id = self.draw.hex32();
        let route = routes::find(&request.method, &request.path).ok_or_else(|| {
            let missing =
                Refusal::new(404, "APIGW.0101", "The API does not exist or has not been published in the environment");
            error(&request_id, "", &missing)
        })?;
        if !["CreateToken", "AssumeAgencyWithOIDC"].contains(&route.action) {
            self.authenticate(request, now).map_err(|refusal| error(&request_id, route.action, &refusal))?;
        }
        Ok(routes::call(request, route, request_id))
    }

    fn perform(&mut self, call: &Call, now: Timestamp, twist: &Twist) -> Answer {
        let outcome = match call.action.as_str() {
            "CreateToken" => return self.create_token(call, now),
            "DeleteBackup" => self.delete_backup(call, now),
            "CopyBackup" => self.copy_backup(call, now, twist),
            "CopyCheckpoint" => self.copy_checkpoint(call, now, twist),
            "CopyCheckpointItem" => self.copy_item(call, now, twist),
            "ShowBackup" => self.show_backup(call, now),
            "ListBackups" => self.list_backups(call, now),
            "ShowCheckpoint" => self.show_checkpoint(call, now),
            "ListVault" => self.list_vaults(call),
            "ShowVault" => self.show_vault(call),
            "ListOpLogs" => self.list_operation_logs(call, now),
            "ShowOpLog" => self.show_operation_log(call, now),
            "ShowReplicationCapabilities" | "ShowCsbsReplicationCapabilities" => Ok(self.capabilities()),
            "ShowCheckpointItem" => self.show_item(call, now),
            "ListCheckpointItems" => self.list_items(call, now),
            "CountCheckpointItems" => self.count_items(call, now),
            "ListReplicationRecords" => self.list_item_records(call, now),
            "AssumeAgency" | "AssumeAgencyWithOIDC" => self.assume_agency(call, now),
            "ListProjects" => Ok(self.list_projects(call)),
            _ => Ok(
                json!({"domains": [{"id": "domain0000000000000000000000000001", "name": iam::DOMAIN, "enabled": true}]}),
            ),
        };
        match outcome {
            Ok(Value::Null) => Answer { body: Vec::new(), ..Answer::json(204, &Value::Null, "ok") }
                .with_header("x-request-id", &call.request_id),
            Ok(body) => Answer::json(200, &body, "ok").with_header("x-request-id", &call.request_id),
            Err(refusal) => self.refuse(call, &refusal),
        }
    }

    fn refuse(&mut self, call: &Call, refusal: &Refusal) -> Answer {
        error(&call.request_id, &call.action, refusal)
    }

    fn stock_refusal(&self, kind: Stock) -> Refusal {
        match kind {
            Stock::Throttle => Refusal::new(
                429,
                "APIGW.0308",
                "The throttling threshold has been reached: policy ip over ratelimit,limit:5,time:1 second",
            ),
            Stock::Internal => Refusal::new(500, "APIGW.0601", "Internal server error"),
        }
    }

    fn replications(&self, now: Timestamp) -> Vec<Value> {
        self.copies.rows(|_, id| self.store.record(id).map_or("failed", |record| record.neutral_state(now)))
    }

    fn seed(&mut self, inventory: &Value, now: Timestamp) -> Result<Value, BadAdmin> {
        let inventory: Inventory =
            serde_json::from_value(inventory.clone()).map_err(|error| BadAdmin::new(error.to_string()))?;
        let added = inventory.projects.len()
            + inventory.vaults.len()
            + inventory.backups.len()
            + inventory.checkpoint_items.len();
        for project in inventory.projects {
            self.store.projects.insert(project.id, project.region);
        }
        for vault in inventory.vaults {
            let vault = vault.into_vault();
            self.store.vaults.insert(vault.id.clone(), vault);
        }
        for backup in inventory.backups {
            self.store.insert(backup.into_backup(now)?);
        }
        for item in inventory.checkpoint_items {
            let item = item.into_item(now)?;
            self.store.items.insert(item.id.clone(), item);
        }
        let removed = inventory.remove.iter().filter(|id| self.store.remove(id)).count();
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

/// An error in the shape of the layer it comes from.
fn error(request_id: &str, action: &str, refusal: &Refusal) -> Answer {
    let gateway = refusal.code.starts_with("APIGW.");
    let body = if gateway {
        json!({"error_code": refusal.code, "error_msg": refusal.message, "request_id": request_id})
    } else if action == "CreateToken" {
        let title = if refusal.status == 401 { "Unauthorized" } else { "Bad Request" };
        json!({"error": {"code": refusal.status, "message": refusal.message, "title": title}})
    } else {
        json!({"error_code": refusal.code, "error_msg": refusal.message})
    };
    Answer::json(refusal.status, &body, refusal.code.clone()).with_header("x-request-id", request_id)
}

/// CBR's answer to a parameter it does not like.
fn verification_failed(why: impl std::fmt::Display) -> Refusal {
    Refusal::new(400, "BackupService.9900", format!("Parameter verification failed: {why}."))
}

/// Naive UTC with microseconds. Source: recorded traffic, reference section 2.6; 2026-11-21.
fn naive_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}
