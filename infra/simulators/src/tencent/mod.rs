//! Simulated Tencent CBS (2017-03-12) and the two STS calls beside it.
//!
//! Every answer is HTTP 200 with Content-Type exactly `application/json`; errors are in `Response.Error`.
//! Source: API pages 362/45941 and 362/15647, tencentcloud-sdk-python-cbs 3.1.175; 2026-11-21.

mod auth;
mod copies;
mod fields;
mod inventory;
mod listing;
mod names;
mod seed;
mod state;
mod store;
mod truth;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::fields::{missing, number, object, refusal, text};
use self::store::NewSnapshot;
use crate::clock::{self, Moment};
use crate::cloud::{Answer, Arrived, Call, Cloud, Received, Refusal, Stock, Switches, Twist};
use crate::credentials::Account;
use crate::identity_tokens;
use crate::text::BadAdmin;

pub(crate) use self::state::Tencent;

impl Tencent {
    fn create(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let body = object(call, &["DiskId", "SnapshotName", "Deadline", "DiskBackupId", "Tags"])?;
        let disk = text(body, "DiskId")?.ok_or_else(|| missing("DiskId"))?.to_owned();
        let region = call.region.clone().ok_or_else(|| missing("Region"))?;
        let id = format!("snap-{}", self.draw.word(8));
        let name = text(body, "SnapshotName")?.unwrap_or_default().to_owned();
        let creating_until = Some(clock::later(now, self.switches.copy_duration_s));
        self.store.insert(NewSnapshot { name, disk_id: disk, creating_until, ..NewSnapshot::plain(&id, &region, now) });
        Ok(json!({"SnapshotId": id}))
    }

    fn assume_role(&mut self, call: &Call, now: Timestamp) -> Result<Value, Refusal> {
        let body = object(
            call,
            &[
                "RoleArn",
                "RoleSessionName",
                "DurationSeconds",
                "Policy",
                "ExternalId",
                "Tags",
                "SourceIdentity",
                "SerialNumber",
                "TokenCode",
                "ProviderId",
                "WebIdentityToken",
            ],
        )?;
        let role = text(body, "RoleArn")?.ok_or_else(|| missing("RoleArn"))?;
        text(body, "RoleSessionName")?
            .filter(|name| (2..=128).contains(&name.len()))
            .ok_or_else(|| missing("RoleSessionName"))?;
        if !role.starts_with("qcs::cam::uin/") {
            return Err(Refusal::new(200, "InvalidParameter.ParamError", "RoleArn must start with qcs::cam::uin/."));
        }
        if call.action == "AssumeRoleWithWebIdentity" {
            text(body, "ProviderId")?.ok_or_else(|| missing("ProviderId"))?;
            let token = text(body, "WebIdentityToken")?.ok_or_else(|| missing("WebIdentityToken"))?;
            identity_tokens::check(token, now).map_err(|why| {
                refusal("InvalidParameter.WebIdentityTokenError", format!("The token is refused: {why}."))
            })?;
        }
        let life = number(call, body, "DurationSeconds")?.unwrap_or(7_200);
        if !(1..=43_200).contains(&life) {
            return Err(Refusal::new(
                200,
                "InvalidParameter.ParamError",
                "DurationSeconds must be between 1 and 43200.",
            ));
        }
        let expires = clock::later(now, life as f64);
        let (id, secret, token) = (format!("AKID{}", self.draw.word(28)), self.draw.word(32), self.draw.word(64));
        self.account.issue(&id, &secret, &token, expires);
        Ok(json!({
            "Credentials": {"Token": token, "TmpSecretId": id, "TmpSecretKey": secret},
            "ExpiredTime": expires.as_second(),
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }))
    }
}

impl Cloud for Tencent {
    fn provider(&self) -> &'static str {
        "tencent"
    }

    fn identify(&mut self, request: &Received, now: Moment) -> Result<Call, Answer> {
        let request_id = self.draw.uuid();
        auth::identify(request, &self.account, now.signature, request_id.clone(), self.switches.any_source)
            .map_err(|refusal| error(&request_id, &refusal))
    }

    fn perform(&mut self, call: &Call, now: Timestamp, twist: &Twist) -> Answer {
        let outcome = match call.action.as_str() {
            "CopySnapshotCrossRegions" => self.copy(call, now, twist),
            "DescribeSnapshots" => self.describe(call, now),
            "DeleteSnapshots" => self.delete(call, now),
            "ModifySnapshotAttribute" => self.modify(call, now),
            "CreateSnapshot" => self.create(call, now),
            "AssumeRole" | "AssumeRoleWithWebIdentity" => self.assume_role(call, now),
            _ => Ok(json!({"AccountId": "100000000001", "UserId": "100000000001", "PrincipalId": "100000000001",
                "Type": "CAMUser", "Arn": "qcs::cam::uin/100000000001:uin/100000000001"})),
        };
        match outcome {
            Ok(mut body) => {
                body["RequestId"] = json!(call.request_id);
                Answer::json(200, &json!({"Response": body}), "ok")
            }
            Err(refusal) => self.refuse(call, &refusal),
        }
    }

    fn refuse(&mut self, call: &Call, refusal: &Refusal) -> Answer {
        error(&call.request_id, refusal)
    }

    fn reads(&self) -> &'static [&'static str] {
        &["DescribeSnapshots", "GetCallerIdentity", "AssumeRole", "AssumeRoleWithWebIdentity"]
    }

    /// Source: common error codes of API 3.0; the wording is made up.
    fn lacks_right(&self, call: &Call) -> Refusal {
        let why =
            format!("you are not authorized to perform operation (cbs:{}) resource (*) has no permission", call.action);
        refusal("UnauthorizedOperation", why)
    }

    fn stock_refusal(&self, kind: Stock) -> Refusal {
        match kind {
            Stock::Throttle => Refusal::new(
                200,
                "RequestLimitExceeded",
                "Your current request times equals to `21` in a second, which exceeds the frequency limit `20` for a second. Please reduce the frequency of calls.",
            ),
            Stock::Internal => Refusal::new(500, "InternalError", "An internal error has occurred."),
        }
    }

    fn replications(&self, now: Timestamp) -> Vec<Value> {
        self.copies.rows(|_, id| self.store.copy_state(id, now))
    }

    fn seed(&mut self, inventory: &Value, now: Timestamp) -> Result<Value, BadAdmin> {
        self.seed_inventory(inventory, now)
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

/// Any refusal: HTTP 200 unless a fault says that the gateway itself broke.
fn error(request_id: &str, refusal: &Refusal) -> Answer {
    let status = if refusal.status >= 500 { refusal.status } else { 200 };
    let body = json!({"Response": {
        "Error": {"Code": refusal.code, "Message": refusal.message},
        "RequestId": request_id,
    }});
    Answer::json(status, &body, refusal.code.clone())
}
