//! Simulated Huawei Cloud: CBR v3, the legacy CSBS v1, and as much IAM v3 as they need, all on one port by path.
//!
//! Source: API definitions of 2026-10-30, huaweicloudsdkcbr 3.1.219, OTC documents; 2026-11-21.

mod answers;
mod auth;
mod cbr;
mod csbs;
mod fields;
mod iam;
mod inventory;
mod locks;
mod reading;
mod routes;
mod seed;
mod state;
mod store;
mod sts;
mod truth;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::answers::error;
use self::seed::Inventory;
use crate::clock::Moment;
use crate::cloud::{Answer, Arrived, Call, Cloud, Received, Refusal, Stock, Switches, Twist};
use crate::credentials::Account;
use crate::text::BadAdmin;

pub(crate) use self::state::Huawei;

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

    fn reads(&self) -> &'static [&'static str] {
        &[
            "CreateToken",
            "AssumeAgency",
            "AssumeAgencyWithOIDC",
            "ListDomains",
            "ListProjects",
            "ShowBackup",
            "ListBackups",
            "ShowCheckpoint",
            "ListVault",
            "ShowVault",
            "ListOpLogs",
            "ShowOpLog",
            "ShowReplicationCapabilities",
            "ShowCsbsReplicationCapabilities",
            "ShowCheckpointItem",
            "ListCheckpointItems",
            "CountCheckpointItems",
            "ListReplicationRecords",
        ]
    }

    /// Source: error codes of the API gateway; the wording is made up.
    fn lacks_right(&self, call: &Call) -> Refusal {
        Refusal::new(403, "APIGW.0302", format!("The IAM user is not authorized to perform {}", call.action))
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

    fn arrived(&self, now: Timestamp) -> Vec<Arrived> {
        self.usable_copies(now)
    }

    fn truth(&self, now: Timestamp) -> Value {
        self.tell_truth(now)
    }
}
