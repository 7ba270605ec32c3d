//! Where backups finish: a hundred in a minute, for three minutes, all begun in one second.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use offsite_shared::policy::Policy;
use offsite_shared::ports::Boxed;
use offsite_simulators::Provider;
use serde_json::{Value, json};

use super::{Draw, World};

/// The source of Tencent's snapshots.
pub const SOURCE: &str = "ap-guangzhou";

const PROJECT: &str = "4229d7a45436489f8c3dc2b1d35d4987";
const VAULT: &str = "3b5816b5-f29c-4172-9d9a-76c719a659ce";

/// A cloud with a policy over it.
pub trait Place {
    fn name(&self) -> &'static str;
    fn policy(&self) -> Arc<Policy>;
    /// Begins 300 backups; the ID of each, and when it is finished.
    fn begin(&self, world: &World, draw: &mut Draw) -> BTreeMap<String, Timestamp>;
    /// Has them finish, each at its time.
    fn finish<'w>(&'w self, world: &'w World, ends: &'w BTreeMap<String, Timestamp>) -> Boxed<'w, ()>;
}

pub struct Tencent;

pub struct Huawei {
    /// Whether the listing shows that a backup was changed when it was finished.
    pub tells_changes: bool,
}

fn policy(rule: &Value) -> Arc<Policy> {
    Arc::new(Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap())
}

fn ends(now: Timestamp, draw: &mut Draw, id: impl Fn(u64) -> String) -> BTreeMap<String, Timestamp> {
    (0..300).map(|at| (id(at), now + SignedDuration::from_secs(90 + draw.below(180) as i64))).collect()
}

impl Place for Tencent {
    fn name(&self) -> &'static str {
        "tencent"
    }

    fn policy(&self) -> Arc<Policy> {
        policy(&json!({
            "name": "web", "provider": "tencent", "limits": { "allow_empty": true },
            "source": { "region": SOURCE, "select": { "name_prefix": "tail-" } }, "destinations": [{ "region": "ap-singapore" }],
        }))
    }

    fn begin(&self, world: &World, draw: &mut Draw) -> BTreeMap<String, Timestamp> {
        let now = world.now();
        let ends = ends(now, draw, |at| format!("snap-busy{at:04}"));
        let row = |(id, end): (&String, &Timestamp)| {
            let seconds = end.duration_since(now).as_secs();
            json!({ "snapshot_id": id, "region": SOURCE, "name": format!("tail-{id}"), "creating_s": seconds })
        };
        world.seed(Provider::Tencent, &json!({ "snapshots": ends.iter().map(row).collect::<Vec<_>>() }));
        ends
    }

    fn finish<'w>(&'w self, _world: &'w World, _ends: &'w BTreeMap<String, Timestamp>) -> Boxed<'w, ()> {
        Box::pin(async {})
    }
}

impl Huawei {
    fn row(id: &str, status: &str, created: Timestamp, updated: Timestamp) -> Value {
        json!({
            "id": id, "project_id": PROJECT, "vault_id": VAULT, "status": status,
            "created": created.to_string(), "updated": updated.to_string(),
        })
    }
}

impl Place for Huawei {
    fn name(&self) -> &'static str {
        "huawei"
    }

    fn policy(&self) -> Arc<Policy> {
        policy(&json!({
            "name": "servers", "provider": "huawei", "operation": "copy-backup",
            "source": { "region": "region1", "project_id": PROJECT, "vault_id": VAULT },
            "destinations": [{ "region": "region2", "project_id": "68589cac08274b82b4e254268a3862d8",
                "vault_id": "0ca3eb86-8800-46da-9c37-9d657a825274" }],
        }))
    }

    fn begin(&self, world: &World, draw: &mut Draw) -> BTreeMap<String, Timestamp> {
        let now = world.now();
        let ends = ends(now, draw, |at| format!("00000000-0000-4000-8000-{at:012}"));
        let rows: Vec<Value> = ends.keys().map(|id| Huawei::row(id, "protecting", now, now)).collect();
        world.seed(Provider::Huawei, &json!({ "backups": rows }));
        ends
    }

    fn finish<'w>(&'w self, world: &'w World, ends: &'w BTreeMap<String, Timestamp>) -> Boxed<'w, ()> {
        let begun = world.now();
        let each = ends.iter().map(move |(id, end)| async move {
            world.until(*end).await;
            world.seed(Provider::Huawei, &json!({ "remove": [id] }));
            let updated = if self.tells_changes { *end } else { begun };
            world.seed(Provider::Huawei, &json!({ "backups": [Huawei::row(id, "available", begun, updated)] }));
        });
        let each: Vec<_> = each.collect();
        Box::pin(async move {
            join_all(each).await;
        })
    }
}
