//! Records of each state, messages of each type, and the hashes that hold them together.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_shared::ledger::limits::{Attempts, ObservationTimes};
use offsite_shared::ledger::observed::observed;
use offsite_shared::ledger::{
    self, About, BREAKABLE_AFTER, Claim, Claimant, Copies, Ending, Parting, Record, Resolution, State,
};
use offsite_shared::model::command::{Command, Operation, Replication};
use offsite_shared::model::error::ErrorName;
use offsite_shared::model::evidence::{Evidence, How, Observation};
use offsite_shared::model::failure::Whose;
use offsite_shared::model::receipt::{Origin, Receipt};
use offsite_shared::model::text::hash_of;
use offsite_shared::policy::Policy;
use offsite_shared::replicate::messages;
use serde_json::{Value, json};

use super::Lines;
use super::cloud::{FAR, start};
use super::world::{copy, replication, vault, with};

/// A moment some minutes after everything began.
fn at(minutes: i64) -> Timestamp {
    start() + SignedDuration::from_mins(minutes)
}

fn by(owner: &str, minutes: i64) -> Claimant {
    Claimant { owner: owner.to_owned(), lease_until: at(minutes + 1), now: at(minutes) }
}

fn command() -> Value {
    with(copy("snap-1", &[FAR]), "rule", json!("web"))
}

fn claimed(command: &Value) -> Record {
    match ledger::claim(None, &replication(command), &by("one", 0), &Attempts::default()) {
        Claim::Write(record, _) => *record,
        other => panic!("{other:?}"),
    }
}

fn claimed_again(record: &Record, minutes: i64) -> Record {
    match ledger::claim(Some(record), &replication(&command()), &by("two", minutes), &Attempts::default()) {
        Claim::Write(record, _) => *record,
        other => panic!("{other:?}"),
    }
}

fn settled(record: &Record, ending: &Ending) -> Record {
    let me = Claimant { owner: record.owner.clone(), ..by("", 1) };
    ledger::settle(record, ending, &me, &Attempts::default()).unwrap().0
}

fn receipt(backup: Option<&str>, id: Option<&str>, adopted: bool) -> Receipt {
    Receipt {
        backup_id: backup.map(str::to_owned),
        replication_id: id.map(str::to_owned),
        request_id: (!adopted).then(|| "request-1".to_owned()),
        adopted,
        attempt: 1,
        time: at(1),
    }
}

fn accepted() -> Record {
    settled(&claimed(&command()), &Ending::Accepted(vec![receipt(None, Some("snap-2"), false)]))
}

fn of_vault() -> Record {
    copied(2)
}

fn copied(recorded: u64) -> Record {
    let copies = Copies { count: 2, recorded, digest: hash_of(&["backup-1", "record-1"]) };
    let record = claimed(&vault());
    ledger::copied(&record, &copies, false, Some("request-1"), &by("one", 1)).unwrap().0
}

fn of_backup(vault: &Replication) -> Record {
    let receipt = receipt(None, Some("record-1"), false);
    let record = Record::accepted(&vault.of_backup("backup-1"), receipt, &by("one", 1));
    Record { outbox: true, started_by: Some(vault.key().0), ..record }
}

fn looked(record: &Record, observation: &Observation, minutes: i64) -> Record {
    let me = by("one", minutes);
    observed(record, observation, &me, &ObservationTimes::default(), Duration::from_secs(300)).unwrap().0
}

fn evidence() -> Evidence {
    Evidence {
        destination_id: Some("snap-2".to_owned()),
        state: "NORMAL".to_owned(),
        time: at(0),
        size_gib: Some(50),
        expires_at: Some(at(60)),
        how: How::Observed,
    }
}

fn seen() -> Observation {
    Observation::Seen(evidence())
}

fn gone() -> Observation {
    Observation::Gone(format!("the snapshot snap-2 is not in {FAR}"))
}

fn about() -> About {
    About { made: Some(at(-60)), resource: Some("disk-1".into()), kind: None, name: Some("web".into()), copying: None }
}

fn in_doubt() -> Ending {
    let (code, note) = ("http_502".to_owned(), "a gateway answered instead of the service".to_owned());
    Ending::InDoubt { code, note, request_id: None, called: true }
}

fn refused() -> Ending {
    let (code, note) = ("InsufficientSnapshotQuota".to_owned(), "So it is.".to_owned());
    Ending::Refused { code, note, request_id: Some("request-1".to_owned()), whose: Whose::Account }
}

fn released() -> Ending {
    let (code, note) = ("RequestLimitExceeded".to_owned(), "So it is.".to_owned());
    Ending::Released { name: ErrorName::Throttled, code, note, request_id: Some("request-1".to_owned()) }
}

fn named_records() -> Vec<(&'static str, Record)> {
    let fresh = claimed(&command());
    let replication = replication(&command());
    let refused = settled(&fresh, &refused());
    let in_doubt = settled(&fresh, &in_doubt());
    let no_work = Ending::NoWork { code: "BackupService.0001".to_owned(), request_id: Some("request-1".to_owned()) };
    let ineligible = Ending::Ineligible { code: None, reason: "is itself a copy from another region".to_owned() };
    let resolve = |record: &Record, how: Resolution| {
        ledger::resolve(record, &how, "person:ann", "looked at the console", at(90)).unwrap().0
    };
    let replicated = looked(&accepted(), &seen(), 5);
    let put_off = ledger::put_off(&replication, about(), &by("sweep", 0), Some(at(30)));
    let parted = |record: &Record, how: Parting| ledger::part(record, how, &by("sweep", 40), "so it is").unwrap().0;
    let missed = ledger::part(&put_off, Parting::Missed, &by("sweep", 40), "the snapshot snap-1 is gone").unwrap().0;
    vec![
        ("seen", put_off.clone()),
        ("seen, given back", settled(&fresh, &released())),
        ("seen, retried", resolve(&refused, Resolution::Retry)),
        ("claimed", fresh.clone()),
        ("claimed, second attempt", claimed_again(&refused, 10)),
        ("in_doubt, taken over", claimed_again(&fresh, 3)),
        ("in_doubt", in_doubt.clone()),
        ("in_doubt, by a broken lease", resolve(&fresh, Resolution::BreakLease(BREAKABLE_AFTER))),
        ("accepted", accepted()),
        ("accepted, adopted without ID", settled(&fresh, &Ending::Accepted(vec![receipt(None, None, true)]))),
        ("accepted, on the queue", ledger::emitted(&accepted()).0),
        ("accepted, still running", looked(&accepted(), &Observation::Running("COPYING (40 %)".to_owned()), 2)),
        ("accepted, a vault", of_vault()),
        ("accepted, a backup of a vault", of_backup(&super::world::replication(&vault()))),
        ("in_doubt, a vault whose copies are not all recorded", copied(1)),
        ("accepted, by a person", resolve(&in_doubt, Resolution::Adopt("snap-3".to_owned()))),
        ("refused", refused.clone()),
        ("ineligible", settled(&fresh, &ineligible)),
        ("no_work", settled(&claimed(&vault()), &no_work)),
        ("abandoned", resolve(&in_doubt, Resolution::Abandon)),
        ("abandoned, acknowledged", resolve(&refused, Resolution::Acknowledge)),
        ("replicated", replicated.clone()),
        ("replicated, expired", looked(&replicated, &gone(), 90)),
        ("failed", looked(&accepted(), &Observation::Failed("the provider gave up".to_owned()), 5)),
        ("failed, at the deadline", looked(&accepted(), &gone(), 49 * 60)),
        ("lost", looked(&replicated, &gone(), 30)),
        ("missed", missed.clone()),
        ("left", parted(&put_off, Parting::Left)),
        ("overtaken", parted(&put_off, Parting::Overtaken)),
        ("ended", parted(&replicated, Parting::Ended)),
        ("found", ledger::found(&put_off, evidence(), &by("sweep", 40)).unwrap().0),
        ("missed, all attempts used", Record { attempt: 5, ..missed }),
    ]
}

/// The record of this name.
pub fn record(name: &str) -> Record {
    named_records().into_iter().find(|(found, _)| *found == name).unwrap_or_else(|| panic!("{name}")).1
}

pub fn records() -> Lines {
    let records = named_records();
    let states: BTreeSet<&str> = records.iter().map(|(_, record)| record.state.name()).collect();
    assert_eq!(states, State::ALL.map(State::name).into(), "one of each state");
    for (name, record) in &records {
        assert!(name.starts_with(record.state.name()), "{name}: {}", record.state.name());
    }
    records.into_iter().map(|(name, record)| (name.to_owned(), record.to_text().unwrap())).collect()
}

pub fn messages() -> Lines {
    let replication = replication(&command());
    let one = |id| messages::accepted(&replication, &receipt(None, Some(id), false), &Origin::default());
    let vault = super::world::replication(&vault());
    let mut messages = vec![
        ("accepted".to_owned(), one("snap-2")),
        ("accepted, a further copy".to_owned(), one("snap-3")),
        (
            "accepted, adopted".to_owned(),
            messages::accepted(&replication, &receipt(None, None, true), &Origin::default()),
        ),
        (
            "accepted, a backup of a vault".to_owned(),
            messages::acceptances(&vault.of_backup("backup-1"), &of_backup(&vault), &Origin::default()).remove(0),
        ),
    ];
    let origin = Origin { stack: Some("offsite-prod".into()), account_number: Some("100001234567".into()) };
    for (name, record) in named_records() {
        for news in &record.news {
            messages.push((
                format!("{}, of {name}", news.state.name()),
                messages::changed(&replication, &record, news, &origin),
            ));
        }
    }
    for kind in ["accepted", "replicated", "failed", "lost", "missed"] {
        let event_type = format!("offsite.replication.{kind}");
        assert!(messages.iter().any(|(_, message)| message.event["type"] == event_type.as_str()), "{kind}");
    }
    messages
        .into_iter()
        .map(|(name, message)| {
            assert_eq!(message.event["id"], message.id.as_str());
            (name, message.event.to_string())
        })
        .collect()
}

fn of_operation(operation: Operation) -> Value {
    let (here, there) = ("4229d7a45436489f8c3dc2b1d35d4987", "68589cac08274b82b4e254268a3862d8");
    let mut command = match operation {
        Operation::CopySnapshot | Operation::CarryBackup => return copy("snap-1", &[FAR]),
        Operation::CopyCheckpoint => return vault(),
        Operation::CreateVaultReplication => json!({
            "provider": "alibaba", "source": { "region": "cn-hangzhou", "vault_id": "v-1" },
            "destinations": [{ "region": "cn-shanghai", "vault_id": "v-2" }],
        }),
        Operation::CopyBackup => json!({
            "provider": "huawei", "source": { "region": "cn-north-4", "project_id": here, "backup_id": "backup-1" },
            "destinations": [{ "region": "cn-east-3", "project_id": there, "vault_id": "vault-2" }],
        }),
        Operation::CopyCheckpointItem => json!({
            "provider": "huawei", "source": { "region": "cn-north-1", "project_id": here, "checkpoint_item_id": "item-1" },
            "destinations": [{ "region": "cn-east-2", "project_id": there }],
        }),
    };
    command["action"] = json!("replicate");
    command["operation"] = json!(operation.name());
    command
}

pub fn keys() -> Lines {
    let mut lines = Lines::new();
    for operation in Operation::ALL {
        let plain = of_operation(operation);
        let options = match operation {
            Operation::CreateVaultReplication | Operation::CopySnapshot => None,
            Operation::CopyCheckpoint => Some(json!({ "auto_trigger": true, "enable_acceleration": false })),
            _ => Some(json!({ "name": "n", "description": "d", "enable_acceleration": true })),
        };
        let mut forms =
            vec![("", plain.clone()), (" of another account", with(plain.clone(), "account", json!("prod")))];
        forms.extend(options.map(|options| (" with options", with(plain.clone(), "options", options))));
        for (form, command) in forms {
            let command = Command::from_json(&command).unwrap();
            let replication = command.replications().remove(0);
            let name = format!("{}{form}", operation.name());
            lines.push((format!("{name}, command"), command.to_json().to_string()));
            lines.push((format!("{name}, key"), replication.key().0));
            lines.push((format!("{name}, payload"), replication.payload_hash()));
        }
    }
    let (source, far) = (replication(&vault()), replication(&of_operation(Operation::CopySnapshot)));
    lines.push(("a backup of a vault, key".to_owned(), source.of_backup("backup-1").key().0));
    for kind in ["accepted", "replicated", "failed", "lost", "missed"] {
        let event_type = format!("offsite.replication.{kind}");
        let of = |copy| messages::event_id(&far.key(), &event_type, copy, 2);
        lines.push((format!("the second attempt's event {kind}"), of(None)));
        lines.push((format!("a copy's event {kind}"), of(Some("snap-2"))));
    }
    lines.push(("two parts".to_owned(), hash_of(&["one", "two"])));
    lines
}

pub fn rules() -> Lines {
    let policy = json!({ "version": 1, "rules": [
        {
            "name": "web", "provider": "tencent", "account": "prod", "objective": { "max_lag": "24h", "rpo": "7d" },
            "source": {
                "region": "ap-guangzhou",
                "select": {
                    "name_prefix": "web-", "tags": { "env": "prod", "team": "a" }, "max_age": "30d", "min_age": "1h",
                    "resource": ["disk-1", "disk-2"],
                },
            },
            "destinations": [{ "region": "ap-beijing" }, { "region": "ap-singapore" }],
            "limits": { "max_new_per_sweep": 100, "on_doubt": "hold", "restart_lost": true, "allow_empty": true },
        },
        {
            "name": "servers", "provider": "huawei", "operation": "copy-backup", "objective": { "max_lag": "2h" },
            "source": { "region": "cn-north-4", "project_id": "4229d7a45436489f8c3dc2b1d35d4987", "vault_id": "vault-1" },
            "destinations": [{ "region": "cn-east-3", "project_id": "68589cac08274b82b4e254268a3862d8", "vault_id": "vault-2" }],
            "options": { "enable_acceleration": true },
        },
        {
            "name": "files", "provider": "alibaba", "source": { "region": "cn-hangzhou", "vault_id": "v-1" },
            "destinations": [{ "region": "cn-shanghai", "vault_id": "v-2" }],
        },
    ]});
    let policy = Policy::from_json(&policy).unwrap();
    let mut lines = Lines::new();
    for rule in &policy.rules {
        lines.push((format!("{}, normal form", rule.name), rule.to_json().to_string()));
        lines.push((format!("{}, hash", rule.name), hash_of(&[&rule.to_json().to_string()])));
    }
    lines.push(("policy".to_owned(), policy.to_json().to_string()));
    lines
}
