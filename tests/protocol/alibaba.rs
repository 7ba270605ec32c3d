//! Alibaba HBR as the product has it, in front of the model's cloud: the product plans, signs and reads here as it does for a customer. What
//! is made is a pair of vaults: the target names its source and how far it is, and nothing tells the ID of the task later.
//!
//! Source: alibabacloud_hbr20170908 2.7.1.

use serde_json::{Value, json};

use crate::product::{HttpRequest, Reply};
use crate::provider::{Asked, Fate, Read, Said, Target, backup_name, backup_number, copy_name};

pub const SOURCE: &str = "cn-hangzhou";
pub const DESTINATION: &str = "cn-shanghai";

/// The vault that stands for a backup.
pub fn vault(backup: &str) -> String {
    format!("v-{backup}")
}

/// The vault that it is copied to.
pub fn target(backup: &str) -> String {
    format!("t-{backup}")
}

/// Reads a request.
pub fn asked(request: &HttpRequest) -> Asked {
    let action = request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case("x-acs-action"));
    let pairs: Vec<(&str, &str)> =
        request.url.split_once('?').unwrap().1.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let value = |name: &str| pairs.iter().find(|(known, _)| *known == name).unwrap().1;
    match action.unwrap().1.as_str() {
        "CreateVaultReplication" => Asked::Call(Target::Backup(backup_number(value("ReplicationSourceVaultId")))),
        "DescribeVaults" if value("VaultRegionId") == DESTINATION => {
            Asked::Read(Read::Records(backup_number(value("VaultId"))))
        }
        "DescribeVaults" => Asked::Read(Read::Source(backup_number(value("VaultId")))),
        action => panic!("no such call: {action}"),
    }
}

/// What the model says, as it comes over the wire.
pub fn reply(read: Option<Read>, said: Said) -> Reply {
    let found = |vault: Value| {
        (200, json!({ "Success": true, "Code": "200", "TotalCount": 1, "Vaults": { "Vault": [vault] } }))
    };
    let error =
        |status, code: &str| (status, json!({ "Success": false, "Code": code, "Message": "as the model has it" }));
    let (status, mut body) = match (said, read) {
        (Said::Made(names), _) => {
            (200, json!({ "Success": true, "Code": "200", "TaskId": copy_name(names[0].unwrap().0) }))
        }
        (Said::Records(copies), Some(Read::Records(of))) => {
            let name = backup_name(of);
            let mut shown = json!({ "VaultId": target(&name), "VaultRegionId": DESTINATION, "Status": "CREATED" });
            // Of a pair that was deleted nothing is left, and the target has one source at a time.
            let last = copies.iter().flatten().rev().find(|(_, fate)| *fate != Fate::Deleted);
            if let Some((_, fate)) = last {
                shown["ReplicationSourceVaultId"] = json!(vault(&name));
                shown["ReplicationSourceRegionId"] = json!(SOURCE);
                match fate {
                    Fate::Failed => shown["Status"] = json!("ERROR"),
                    fate => {
                        let percent = if *fate == Fate::Done { 100 } else { 50 };
                        shown["ReplicationProgress"] = json!({ "HistoricalReplicationProgress": percent });
                    }
                }
            }
            found(shown)
        }
        (Said::Source { .. }, Some(Read::Source(of))) => {
            found(json!({ "VaultId": vault(&backup_name(of)), "VaultRegionId": SOURCE, "Status": "CREATED" }))
        }
        (Said::NoSource, _) => error(404, "VaultNotExist"),
        // What it says to a second pair is not published, so it is a code that nobody knows.
        (Said::Exists, _) => error(400, "VaultReplicationAlreadyExists"),
        (Said::Throttled, _) => error(400, "Throttling.User"),
        (Said::Refused, _) => error(403, "NoPermission"),
        (said, read) => panic!("no answer: {said:?} to {read:?}"),
    };
    body["RequestId"] = json!("request");
    Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}
