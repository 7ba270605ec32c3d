//! Listings that never end: every one of them is given up by name, whichever provider answers what.

use std::cell::Cell;

use offsite_shared::exchange::ask_on;
use offsite_shared::model::command::{Cloud, Operation};
use offsite_shared::model::failure::Failure;
use offsite_shared::model::http::Reply;
use offsite_shared::providers::call::Call;
use offsite_shared::providers::inventory::InventoryQuery;
use offsite_shared::providers::provider::{AttemptContext, Provider};
use serde_json::{Value, json};

use crate::only_reads::{at, replication};

/// How a service has no end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    /// It does not know offsets or page numbers: the first page comes again and again.
    Same,
    /// Each page is another one, and each counts more to come.
    Growing,
}

fn provider(cloud: Cloud) -> &'static dyn Provider {
    offsite_local::home::PROVIDERS.into_iter().find(|provider| provider.cloud() == cloud).unwrap()
}

/// A full page of a hundred items that are not what is looked for.
fn page(call: &Call, manner: Manner, number: u64) -> Reply {
    let (number, total) = match manner {
        Manner::Same => (0, 1_000),
        Manner::Growing => (number, 200 + number * 1_000),
    };
    let id = |at: u64| format!("{number:08x}-0000-4000-8000-{at:012x}");
    let items = |make: &dyn Fn(String) -> Value| (0..100).map(|at| make(id(at))).collect::<Vec<Value>>();
    let body = match call.action {
        "DescribeSnapshots" => {
            json!({ "Response": { "RequestId": "r", "TotalCount": total, "SnapshotSet": items(&|id| {
            json!({ "SnapshotId": format!("snap-{id}"), "SnapshotName": id, "SnapshotState": "NORMAL", "CopyFromRemote": true,
                "CreateTime": "2026-11-21 16:30:00" })
        }) } })
        }
        "DescribeBackupJobs2" => {
            json!({ "Success": true, "TotalCount": total, "BackupJobs": { "BackupJob": items(&|id| {
            json!({ "JobId": id, "VaultId": "v-1", "SourceType": "ECS_FILE", "Status": "COMPLETE" })
        }) } })
        }
        "DescribeVaults" => json!({ "Success": true, "TotalCount": total, "Vaults": { "Vault": items(&|id| {
            json!({ "VaultId": format!("v-{id}") })
        }) } }),
        "ShowBackup" => json!({ "backup": { "id": call.draft.path.rsplit('/').next(), "status": "available" } }),
        "ShowCheckpointItem" | "ShowItem" => {
            json!({ "checkpoint_item": { "id": call.draft.path.rsplit('/').next(), "status": "available" } })
        }
        "ListOpLogs" | "ListOperationLogs" => json!({ "count": total, "operation_logs": items(&|id| {
            json!({ "id": id, "status": "success", "created_at": "2026-11-21T12:00:00.000000" })
        }) }),
        _ if call.draft.path.ends_with("replication_records") => {
            json!({ "count": total, "replication_records": items(&|id| json!({ "id": id, "status": "success" })) })
        }
        _ if call.draft.path.ends_with("checkpoint_items") => {
            json!({ "count": total, "checkpoint_items": items(&|id| json!({ "id": id, "status": "available" })) })
        }
        "ListBackups" => json!({ "count": total, "backups": items(&|id| {
            json!({ "id": id, "status": "available", "replication_records": [] })
        }) }),
        other => panic!("{other} {} is no listing that this test knows", call.draft.path),
    };
    Reply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
}

/// Ends with a name, after no more pages than a listing of that size may have.
fn is_given_up(what: &str, pages: u64, outcome: Result<(), Failure>) {
    let failure = outcome.expect_err(what);
    assert!(["repeated_page", "endless_listing"].contains(&failure.code.as_str()), "{what}: {failure}");
    assert!(pages <= 310, "{what}: {pages} pages");
    println!("{what}: {} after {pages} pages", failure.code);
}

#[test]
fn every_listing_of_an_inventory_ends() {
    for operation in Operation::ALL {
        let one = replication(operation);
        let inventory = provider(operation.cloud()).inventory();
        let vault = (operation.cloud() == Cloud::Alibaba).then(|| "v-1".to_owned());
        let scope = InventoryQuery {
            vault_id: vault,
            ..InventoryQuery::of(operation, &one.source.region, one.source.project_id.clone())
        };
        for manner in [Manner::Same, Manner::Growing] {
            for copies in [false, true] {
                let (mut cursor, mut pages) = (None, 0);
                let outcome = loop {
                    let call = match copies {
                        false => inventory.list(&scope, cursor.as_ref()),
                        true => match inventory.list_copies(&scope, cursor.as_ref()) {
                            Some(call) => call,
                            None => break None,
                        },
                    };
                    let reply = page(&call, manner, pages);
                    pages += 1;
                    let next = match copies {
                        false => inventory.listed(&scope, cursor.as_ref(), &reply).map(|page| page.next),
                        true => inventory.listed_copies(&scope, cursor.as_ref(), &reply).map(|page| page.next),
                    };
                    match next {
                        Ok(Some(next)) if pages < 1_000 => cursor = Some(next),
                        Ok(_) => break Some(Ok(())),
                        Err(failure) => break Some(Err(failure)),
                    }
                };
                if let Some(outcome) = outcome {
                    is_given_up(&format!("{operation:?} {manner:?}, copies: {copies}"), pages, outcome);
                }
            }
        }
    }
}

#[tokio::test]
async fn every_listing_of_a_read_back_ends() {
    for operation in Operation::ALL {
        let (one, provider) = (replication(operation), provider(operation.cloud()));
        for manner in [Manner::Same, Manner::Growing] {
            // In doubt more is listed. What is told of a backup without records leads to the list of tasks.
            let intent = AttemptContext { attempt: 1, since: at(), doubt: true };
            let pages = Cell::new(0);
            let says = provider.read_back(&one, &intent);
            let answer = |call: Call| {
                let number = pages.replace(pages.get() + 1);
                async move { Ok::<Reply, Failure>(page(&call, manner, number)) }
            };
            let outcome = ask_on(says, answer).await.map(drop);
            is_given_up(&format!("{operation:?} {manner:?}"), pages.get(), outcome);
        }
    }
}
