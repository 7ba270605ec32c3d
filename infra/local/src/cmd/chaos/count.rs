//! Copies as the simulated clouds count them, against the receipts on the queue.

use std::collections::{HashMap, HashSet};

use offsite_shared::ledger::State;
use offsite_shared::ledger::store::{RecordFilter, RecordPage};
use offsite_shared::model::command::{Command, Operation};
use serde_json::Value;

use super::plan::Work;
use crate::fleet::Fleet;
use crate::home;

#[derive(Default)]
pub(super) struct Count {
    pub(super) wanted: u64,
    pub(super) copies: u64,
    pub(super) receipts: u64,
    pub(super) doubles: u64,
    pub(super) lost: u64,
    pub(super) in_doubt: u64,
    pub(super) notes: Vec<String>,
}

/// Copies as the simulated clouds count them, against the receipts on the queue.
pub(super) async fn count(fleet: &Fleet, work: &[Work]) -> anyhow::Result<Count> {
    let mut count = Count::default();
    let messages = fleet.messages().await?;
    let events: HashSet<&str> = messages.iter().filter_map(|message| message.get("id")?.as_str()).collect();
    count.receipts = events.len() as u64;
    let of = |message: &Value| {
        let source = message.pointer("/data/source")?.as_object()?;
        let id = ["snapshot_id", "backup_id", "checkpoint_item_id", "vault_id"]
            .iter()
            .find_map(|name| source.get(*name)?.as_str())?;
        Some((id.to_owned(), message.pointer("/data/destination/region")?.as_str()?.to_owned()))
    };
    let told: HashMap<(String, String), Option<String>> = messages
        .iter()
        .filter_map(|message| {
            Some((of(message)?, message.pointer("/data/replication_id").and_then(Value::as_str).map(str::to_owned)))
        })
        .collect();
    let mut made = HashSet::new();
    for row in fleet.copies() {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let created = row.get("created").and_then(Value::as_u64).unwrap_or(0);
        count.copies += created;
        made.insert(text("source"));
        if created > 1 {
            count.doubles += created - 1;
            count.notes.push(format!(
                "double: {} of {} to {} was made {created} times",
                text("operation"),
                text("source"),
                text("destination")
            ));
        }
        match told.get(&(text("source"), text("destination"))) {
            // No API gives an adopted pair's TaskId back.
            Some(Some(id)) if *id == text("id") => {}
            Some(None) if text("operation") == Operation::CreateVaultReplication.name() => {}
            other => {
                count.lost += 1;
                count.notes.push(format!(
                    "lost: the copy {} of {} to {}: the queue says {other:?}",
                    text("id"),
                    text("source"),
                    text("destination")
                ));
            }
        }
    }
    for one in work {
        let Some(replication) = serde_json::from_str(&one.body)
            .ok()
            .and_then(|body| Command::from_json(&body).ok())
            .and_then(|command| command.replications().into_iter().next())
        else {
            continue;
        };
        if replication.operation == Operation::CopyCheckpoint {
            // Its backups are counted as the simulator has them; the vault's own record says which.
            let record = fleet.ledger()?.get(&replication.key()).await?;
            let backups = record.map_or(0, |record| record.copies.map_or(0, |copies| copies.count));
            count.wanted += backups.max(3);
            if backups < 3 {
                count.lost += 3 - backups;
                count.notes.push(format!("lost: {} of 3 backups of the vault {}", 3 - backups, replication.source.id));
            }
        } else {
            count.wanted += 1;
            if !made.contains(&replication.source.id) {
                count.lost += 1;
                count.notes.push(format!("lost: no copy of {}", replication.source.id));
            }
        }
    }
    let filter = RecordFilter { state: Some(State::InDoubt.name().to_owned()), ..RecordFilter::default() };
    let ledger = fleet.ledger()?;
    let count_page = |page: RecordPage| {
        count.in_doubt += page.records.len() as u64;
        Ok(())
    };
    home::each_page(&*ledger, &filter, count_page).await?;
    Ok(count)
}
