//! Huawei CBR as the product has it, in front of the model's cloud: the product plans, signs and reads here as it does for a customer. A
//! backup keeps a record of each of its copies, which stays when the copy goes; the copy itself is asked for in the destination.
//!
//! Source: huawei-cloud-api-definitions-CBR 0.1.20261030.

use serde_json::{Value, json};

use crate::product::{HttpRequest, Reply};
use crate::provider::{Asked, Fate, Read, Said, Target, backup_name, backup_number, copy_name, copy_number};

pub const SOURCE: (&str, &str) = ("cn-north-4", "4229d7a45436489f8c3dc2b1d35d4987");
pub const DESTINATION: (&str, &str) = ("cn-east-3", "68589cac08274b82b4e254268a3862d8");

/// Reads a request.
pub fn asked(request: &HttpRequest) -> Asked {
    let path = request.url.splitn(4, '/').nth(3).unwrap();
    let parts: Vec<&str> = path.split('?').next().unwrap().split('/').collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("POST", ["v3", project, "backups", id, "replicate"]) if *project == SOURCE.1 => {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            assert_eq!(body["replicate"]["destination_region"], json!(DESTINATION.0));
            Asked::Call(Target::Backup(backup_number(id)))
        }
        ("GET", ["v3", project, "backups", id]) if *project == SOURCE.1 => {
            Asked::Read(Read::Records(backup_number(id)))
        }
        ("GET", ["v3", project, "backups", id]) if *project == DESTINATION.1 => {
            Asked::Read(Read::Copy(copy_number(id)))
        }
        (method, path) => panic!("no such call: {method} {path:?}"),
    }
}

/// What the model says, as it comes over the wire.
pub fn reply(read: Option<Read>, said: Said) -> Reply {
    let backup = |id: String, project: &str, status: &str| json!({ "id": id, "project_id": project, "status": status });
    let error = |status, code: &str| (status, json!({ "error_code": code, "error_msg": "as the model has it" }));
    let (status, body) = match (said, read) {
        (Said::Made(names), _) => {
            let (copy, of) = names[0].unwrap();
            let replication = json!({
                "backup_id": backup_name(of), "replication_record_id": copy_name(copy), "project_id": SOURCE.1,
                "source_region": SOURCE.0, "destination_region": DESTINATION.0, "destination_project_id": DESTINATION.1,
            });
            (202, json!({ "replication": replication }))
        }
        (Said::Records(copies), Some(Read::Records(of))) => {
            let record = |(copy, fate): &(u8, Fate)| {
                json!({
                    "id": copy_name(*copy), "source_backup_id": backup_name(of), "source_region": SOURCE.0,
                    "destination_region": DESTINATION.0, "destination_project_id": DESTINATION.1,
                    "destination_backup_id": copy_name(*copy), "created_at": format!("2026-01-01T00:00:0{copy}Z"),
                    "status": match fate {
                        Fate::Running => "replicating",
                        Fate::Done | Fate::Deleted => "success",
                        Fate::Failed => "fail",
                    },
                })
            };
            let mut shown = backup(backup_name(of), SOURCE.1, "available");
            shown["replication_records"] = copies.iter().flatten().map(record).collect();
            (200, json!({ "backup": shown }))
        }
        (Said::Copy(Some(Fate::Running)), Some(Read::Copy(copy))) => {
            (200, json!({ "backup": backup(copy_name(copy), DESTINATION.1, "replicating") }))
        }
        (Said::Copy(Some(Fate::Done)), Some(Read::Copy(copy))) => {
            (200, json!({ "backup": backup(copy_name(copy), DESTINATION.1, "available") }))
        }
        (Said::Copy(Some(Fate::Failed | Fate::Deleted) | None), _) => error(404, "BackupService.6200"),
        (Said::Exists, _) => error(400, "BackupService.1009"),
        (Said::Throttled, _) => error(429, "APIGW.0308"),
        (Said::Refused, _) => error(400, "BackupService.1002"),
        (said, read) => panic!("no answer: {said:?} to {read:?}"),
    };
    let headers = vec![("x-request-id".to_owned(), "request".to_owned())];
    Reply { status, headers, body: body.to_string().into_bytes() }
}
