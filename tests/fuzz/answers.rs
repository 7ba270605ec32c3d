//! What clouds answer, through everything that reads an answer.

use std::sync::LazyLock;

use jiff::Timestamp;
use offsite_local::home::PROVIDERS;
use offsite_shared::model::command::{Cloud, Command, Operation, Replication};
use offsite_shared::model::evidence::{Evidence, How};
use offsite_shared::model::failure::Failure;
use offsite_shared::model::http::Reply;
use offsite_shared::model::receipt::Receipt;
use offsite_shared::model::text::steers;
use offsite_shared::providers::asked::{Asked, Need, after};
use offsite_shared::providers::huawei;
use offsite_shared::providers::inventory::InventoryQuery;
use offsite_shared::providers::provider::{Accepted, AttemptContext};
use offsite_shared::triggers::{self, Item};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::corpus::{config, replies};
use crate::spoil::{Change, changes, cut, cuts, spoilt};

static REPLIES: LazyLock<Vec<Value>> = LazyLock::new(replies);

const UUID: &str = "6df2b54c-dd62-4059-a07c-1b8f24f2725d";

fn replication(operation: Operation) -> Replication {
    let command = match operation {
        Operation::CreateVaultReplication => {
            json!({ "source": { "region": "cn-hangzhou", "vault_id": "v-0003rf9m17pap3ltpqx5" },
            "destinations": [{ "region": "cn-shanghai", "vault_id": "v-000bj2yk5r6zmm1q7d2c" }] })
        }
        Operation::CopySnapshot => json!({ "source": { "region": "ap-guangzhou", "snapshot_id": "snap-ckgjwkqh" },
            "destinations": [{ "region": "ap-beijing" }] }),
        _ => {
            let project = "f841e01fd2b14e7fa41b6ae7aa6b0594";
            let mut source = json!({ "region": "cn-north-4", "project_id": project });
            source[operation.source_field()] = json!(UUID);
            let mut destination = json!({ "region": "cn-east-3", "project_id": "0605767b5780d5762fc5c0118072a564" });
            if operation.destination_has_vault() {
                destination["vault_id"] = json!("d41f0e7b-9c02-4c8e-b7a5-2f9e1b3c4d02");
            }
            json!({ "source": source, "destinations": [destination] })
        }
    };
    let mut command = command;
    for (name, text) in
        [("action", "replicate"), ("provider", operation.cloud().name()), ("operation", operation.name())]
    {
        command[name] = json!(text);
    }
    if operation == Operation::CopyCheckpoint {
        command["occurrence"] = json!("2026-11-21T08:30:00Z");
    }
    let read = triggers::read(&command).unwrap();
    let command: &Command = match &read.records[0].items[0] {
        Ok(Item::Command(command)) => command,
        _ => panic!("{command} is no command"),
    };
    command.replications().into_iter().next().unwrap()
}

/// An answer of a contract: its changes, the cuts of its text, and another status.
#[derive(Clone, Debug)]
struct Spoilt {
    at: prop::sample::Index,
    changes: Vec<Change>,
    cuts: Vec<(usize, Vec<u8>, usize)>,
    status: Option<u16>,
    token: Option<String>,
}

fn answer() -> impl Strategy<Value = Spoilt> {
    let status = proptest::option::weighted(
        0.2,
        prop::sample::select(vec![200, 201, 202, 204, 302, 400, 401, 403, 404, 405, 409, 429, 500, 503]),
    );
    // Most texts stay JSON.
    let cuts = prop_oneof![4 => Just(Vec::new()), 1 => cuts()];
    (any::<prop::sample::Index>(), changes(), cuts, status, proptest::option::of(".*"))
        .prop_map(|(at, changes, cuts, status, token)| Spoilt { at, changes, cuts, status, token })
}

impl Spoilt {
    fn reply(&self) -> Reply {
        let good = self.at.get(REPLIES.as_slice());
        let body = match &good["body"] {
            Value::String(text) => text.clone(),
            body => spoilt(body, &self.changes).to_string(),
        };
        let header = |name: &str| (name.to_owned(), self.token.clone().unwrap_or_default());
        Reply {
            status: self
                .status
                .or_else(|| good["status"].as_u64().and_then(|status| status.try_into().ok()))
                .unwrap_or(200),
            headers: ["x-subject-token", "x-request-id", "retry-after", "content-type"].map(header).to_vec(),
            body: cut(body.as_bytes(), &self.cuts),
        }
    }
}

fn is_plain(failure: &Failure) -> Result<(), TestCaseError> {
    let text = failure.to_string();
    prop_assert!(!text.contains(steers), "{text:?}");
    prop_assert!(text.chars().count() < 5_000, "{} signs", text.chars().count());
    Ok(())
}

fn of_asked<T>(asked: Asked<T>) -> Result<(), TestCaseError> {
    match asked {
        Err(Need::Failed(failure)) => is_plain(&failure),
        _ => Ok(()),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_answer_is_understood_or_refused(first in answer(), second in answer(), doubt in any::<bool>(), attempt in 1_u32..4) {
        let replies = [first.reply(), second.reply()];
        let since: Timestamp = "2026-11-21T08:30:00Z".parse().unwrap();
        let intent = AttemptContext { attempt, since, doubt };
        for operation in Operation::ALL {
            let one = replication(operation);
            let Some(provider) = PROVIDERS.into_iter().find(|provider| provider.cloud() == operation.cloud()) else { continue };
            let call = provider.start(&one, &intent);
            for reply in &replies {
                provider.refused(&call, reply).iter().try_for_each(is_plain)?;
                match provider.started(&one, reply) {
                    Err(failure) => is_plain(&failure)?,
                    // Whoever says that a copy was started says so with a success.
                    Ok(_) => prop_assert!((200..300).contains(&reply.status), "{}", reply.status),
                }
            }
            let id = (operation.cloud() == Cloud::Tencent).then_some("snap-1");
            let receipt = Receipt {
                backup_id: None, replication_id: id.map(str::to_owned), request_id: None, adopted: doubt, attempt, time: since,
            };
            let seen = Evidence {
                destination_id: Some("copy".into()), state: "NORMAL".into(), time: since, size_gib: None, expires_at: None,
                how: How::Observed,
            };
            for replies in [&replies[..0], &replies[..1], &replies[..]] {
                of_asked(after(provider.read_back(&one, &intent), &mut replies.iter()))?;
                of_asked(after(provider.observe(&one, &receipt, doubt.then_some(&seen)), &mut replies.iter()))?;
                of_asked(provider.headroom(operation, &one.destination, replies))?;
                of_asked(provider.inventory().read_pair(&one, replies))?;
            }
            let inventory = provider.inventory();
            let scope = InventoryQuery::of(operation, &one.source.region, one.source.project_id.clone());
            for reply in &replies {
                provider.observed_many(&[Accepted { replication: &one, receipt: &receipt }], reply);
                inventory.shown(&scope, &one.source.id, reply).err().iter().try_for_each(is_plain)?;
                inventory.shown_many(&scope, reply).err().iter().try_for_each(is_plain)?;
                inventory.listed_copies(&scope, None, reply).err().iter().try_for_each(is_plain)?;
                match inventory.listed(&scope, None, reply) {
                    Err(failure) => is_plain(&failure)?,
                    // A cursor leads on from what it was made of.
                    Ok(page) => {
                        if let Some(next) = page.next {
                            inventory.list(&scope, Some(&next));
                            inventory.listed(&scope, Some(&next), reply).err().iter().try_for_each(is_plain)?;
                        }
                    }
                }
                provider.sts().owner(reply).err().iter().try_for_each(is_plain)?;
                provider.sts().assumed(reply).err().iter().try_for_each(is_plain)?;
            }
        }
        for reply in &replies {
            match huawei::token::token(reply) {
                Err(failure) => is_plain(&failure)?,
                Ok(_) => prop_assert!((200..300).contains(&reply.status)),
            }
            huawei::project_of(reply).err().iter().try_for_each(is_plain)?;
        }
    }
}
