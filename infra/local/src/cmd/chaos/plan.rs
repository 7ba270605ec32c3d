//! What the chaos starts: operations with IDs of their own, drawn by seed.

use fastrand::Rng;
use jiff::Timestamp;
use offsite_shared::model::command::{Cloud, Command, Operation};
use serde_json::{Value, json};

/// One message of the work queue.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) id: u64,
    pub(super) cloud: Cloud,
    pub(super) body: String,
    pub(super) key: String,
    pub(super) not_before: Timestamp,
}

pub(super) fn plan(operations: u32, seed: u64) -> Vec<Work> {
    let mut rng = Rng::with_seed(seed ^ 0x5eed);
    (0..u64::from(operations))
        .filter_map(|id| {
            let operation = Operation::ALL.get(id as usize % Operation::ALL.len()).copied()?;
            let command = command(operation, id, &mut rng);
            let key = Command::from_json(&command).ok()?.replications().first()?.key().0;
            Some(Work {
                id,
                cloud: operation.cloud(),
                body: command.to_string(),
                key,
                not_before: Timestamp::UNIX_EPOCH,
            })
        })
        .collect()
}

fn command(operation: Operation, id: u64, rng: &mut Rng) -> Value {
    let mut hex = |length: usize| -> String {
        (0..length).map(|_| char::from_digit(rng.u32(0..16), 16).unwrap_or('0')).collect()
    };
    let uuid =
        |hex: &mut dyn FnMut(usize) -> String| format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12));
    // A project belongs to one region.
    let project = "4229d7a45436489f8c3dc2b1d35d4987";
    let elsewhere = "68589cac08274b82b4e254268a3862d8";
    let legacy = "4800fde966f84458b8054c01066b9568";
    let legacy_elsewhere = "e0b97bac532c4c5196fa4b3a32253be4";
    let (source, destination) = match operation {
        // No command asks for what a pair carries; the pair itself is as good.
        Operation::CreateVaultReplication | Operation::CarryBackup => (
            json!({ "region": "cn-hangzhou", "vault_id": format!("v-{}", hex(20)) }),
            json!({ "region": "cn-shanghai", "vault_id": format!("v-{}", hex(20)) }),
        ),
        Operation::CopySnapshot => (
            json!({ "region": "ap-guangzhou", "snapshot_id": format!("snap-{}", hex(8)) }),
            json!({ "region": "ap-singapore" }),
        ),
        Operation::CopyCheckpointItem => (
            json!({ "region": "cn-north-1", "project_id": legacy, "checkpoint_item_id": uuid(&mut hex) }),
            json!({ "region": "cn-east-2", "project_id": legacy_elsewhere }),
        ),
        Operation::CopyBackup => (
            json!({ "region": "cn-north-4", "project_id": project, "backup_id": uuid(&mut hex) }),
            json!({ "region": "cn-east-3", "project_id": elsewhere, "vault_id": uuid(&mut hex) }),
        ),
        Operation::CopyCheckpoint => (
            json!({ "region": "cn-north-4", "project_id": project, "vault_id": uuid(&mut hex) }),
            json!({ "region": "cn-east-3", "project_id": elsewhere, "vault_id": uuid(&mut hex) }),
        ),
    };
    let mut command = json!({
        "action": "replicate", "provider": operation.cloud().name(), "operation": operation.name(), "source": source, "destinations": [destination],
    });
    if operation == Operation::CopyCheckpoint {
        command["occurrence"] = json!(format!("firing-{id}"));
    }
    command
}
