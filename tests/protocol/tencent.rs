//! Tencent as the product has it, in front of the model's cloud: the product plans, signs and reads here as it does for a customer. What
//! it asks is read back from the request as it would go out, and what the model says is put into the words of CBS.
//!
//! Source: international API page 362/45941 of 2026-05-15; tencentcloud-sdk-python-cbs 3.1.175.

use serde_json::{Value, json};

use crate::product::{HttpRequest, Reply};
use crate::provider::{Asked, Fate, Read, Said, Target, backup_name, backup_number, copy_name, copy_number};

pub const SOURCE: &str = "ap-guangzhou";
pub const DESTINATION: &str = "ap-singapore";

/// Reads a request.
pub fn asked(request: &HttpRequest) -> Asked {
    let header = |name: &str| {
        let found = request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let (action, region) = (header("x-tc-action"), header("x-tc-region"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let ids = &body["SnapshotIds"];
    match (action, region) {
        ("CopySnapshotCrossRegions", SOURCE) => {
            assert_eq!(body["DestinationRegions"], json!([DESTINATION]));
            Asked::Call(Target::Backup(backup_number(body["SnapshotId"].as_str().unwrap())))
        }
        // A sweep lists whole regions, and its world has one backup.
        ("DescribeSnapshots", SOURCE) if ids.is_null() => Asked::Read(Read::Source(0)),
        ("DescribeSnapshots", DESTINATION) if body["Filters"][0]["Name"] == "snapshot-type" => {
            Asked::Read(Read::Records(0))
        }
        ("DescribeSnapshots", SOURCE) => Asked::Read(Read::Source(backup_number(ids[0].as_str().unwrap()))),
        ("DescribeSnapshots", DESTINATION) if ids.is_array() => {
            assert_eq!(ids.as_array().unwrap().len(), 1, "a world of this cloud has one copy to look at");
            Asked::Read(Read::Copy(copy_number(ids[0].as_str().unwrap())))
        }
        ("DescribeSnapshots", DESTINATION) => {
            let names = body["Filters"][0]["Values"].as_array().unwrap();
            let backup = (0..2).find(|backup| names.contains(&json!(name(*backup)))).expect("the provider's own name");
            Asked::Read(Read::Backup(backup))
        }
        _ => panic!("no such call: {action} in {region}"),
    }
}

/// The name that the provider gives a copy, among those that the product asks for.
fn name(backup: u8) -> String {
    format!("Copied snap-{} from {SOURCE}", backup_name(backup))
}

/// What the model says, as it comes over the wire.
pub fn reply(read: Option<Read>, said: Said) -> Reply {
    let copy = |(number, backup): (u8, u8), state: &str| {
        json!({
            "SnapshotId": format!("snap-{}", copy_name(number)), "SnapshotName": name(backup), "SnapshotState": state,
            "CopyFromRemote": true, "CreateTime": format!("2026-01-01 08:00:0{number}"), "Percent": 100, "DiskSize": 10,
            "Placement": { "Zone": format!("{DESTINATION}-1") },
        })
    };
    // A copy that failed is not there any more: there is no state for it.
    let so_far = |number: u8, fate: Fate| match fate {
        Fate::Running => Some(copy((number, 0), "COPYING_FROM_REMOTE")),
        Fate::Done => Some(copy((number, 0), "NORMAL")),
        Fate::Failed | Fate::Deleted => None,
    };
    let list = |shown: Vec<Value>| json!({ "TotalCount": shown.len(), "SnapshotSet": shown });
    let error = |code: &str| json!({ "Error": { "Code": code, "Message": "as the model has it" } });
    let mut response = match (said, read) {
        (Said::Made(names), _) => {
            let result = |(number, _): &(u8, u8)| {
                json!({
                    "SnapshotId": format!("snap-{}", copy_name(*number)), "DestinationRegion": DESTINATION,
                    "Code": "Success", "Message": "",
                })
            };
            json!({ "SnapshotCopyResultSet": names.iter().flatten().map(result).collect::<Vec<_>>() })
        }
        (Said::Visible(names), _) => {
            list(names.iter().copied().flatten().map(|found: (u8, u8)| copy(found, "NORMAL")).collect())
        }
        (Said::Copy(fate), Some(Read::Copy(number))) => {
            list(fate.and_then(|fate| so_far(number, fate)).into_iter().collect())
        }
        (Said::Records(copies), _) => {
            list(copies.iter().flatten().filter_map(|(number, fate)| so_far(*number, *fate)).collect())
        }
        (Said::Source { copying }, Some(Read::Source(backup))) => list(vec![json!({
            "SnapshotId": format!("snap-{}", backup_name(backup)), "SnapshotName": "nightly", "SnapshotState": "NORMAL",
            "CopyFromRemote": false, "CopyingToRegions": if copying { vec![DESTINATION] } else { Vec::new() },
            "CreateTime": "2026-01-01 07:00:00", "Percent": 100, "DiskSize": 10, "DiskUsage": "DATA_DISK",
            "Placement": { "Zone": format!("{SOURCE}-1") },
        })]),
        (Said::NoSource, Some(_)) => list(Vec::new()),
        (Said::NoSource, None) => error("InvalidSnapshotId.NotFound"),
        (Said::Exists, _) => error("ResourceInUse.CopySnapshotConflict"),
        (Said::Throttled, _) => error("RequestLimitExceeded"),
        (Said::Refused, _) => error("UnauthorizedOperation"),
        (said, read) => panic!("no answer: {said:?} to {read:?}"),
    };
    response["RequestId"] = json!("request");
    Reply { status: 200, headers: Vec::new(), body: json!({ "Response": response }).to_string().into_bytes() }
}
