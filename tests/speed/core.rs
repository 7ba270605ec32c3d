//! What the parts of the core cost: planning, signing, interpreting, a record's transitions, and each envelope.
//!
//! `cargo bench -p offsite-speed [-- FILTER]`. Only figures of one machine and one run are compared; a quiet one, since wall time is measured.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A benchmark may, as tests do.
#![allow(missing_docs)] // Its public surface is what criterion makes of it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use offsite_shared::ledger::limits::Attempts;
use offsite_shared::ledger::{Claim, Claimant, Ending, Record, claim, emitted, settle};
use offsite_shared::model::access::Access;
use offsite_shared::model::command::{Cloud, Command, Replication};
use offsite_shared::model::http::Reply;
use offsite_shared::model::receipt::Receipt;
use offsite_shared::providers::alibaba::Alibaba;
use offsite_shared::providers::huawei::Huawei;
use offsite_shared::providers::provider::{AttemptContext, Provider};
use offsite_shared::providers::tencent::Tencent;
use offsite_shared::sign::{Credential, Nonce};
use offsite_shared::triggers;
use serde_json::{Value, json};

/// A command of each operation whose call is signed with a key.
fn commands() -> [(&'static str, &'static dyn Provider, Value); 3] {
    let uuid = "4229d7a4-5436-489f-8c3d-c2b1d35d4987";
    let project = "4229d7a45436489f8c3dc2b1d35d4987";
    [
        (
            "alibaba",
            &Alibaba,
            json!({
                "action": "replicate", "provider": "alibaba", "operation": "create-vault-replication",
                "source": { "region": "cn-hangzhou", "vault_id": "v-source0000000001" },
                "destinations": [{ "region": "cn-shanghai", "vault_id": "v-target0000000001" }],
            }),
        ),
        (
            "huawei",
            &Huawei,
            json!({
                "action": "replicate", "provider": "huawei", "operation": "copy-backup",
                "source": { "region": "cn-north-4", "project_id": project, "backup_id": uuid },
                "destinations": [{ "region": "cn-east-3", "project_id": project, "vault_id": uuid }],
            }),
        ),
        (
            "tencent",
            &Tencent,
            json!({
                "action": "replicate", "provider": "tencent", "operation": "copy-snapshot",
                "source": { "region": "ap-guangzhou", "snapshot_id": "snap-00000001" },
                "destinations": [{ "region": "ap-singapore" }],
            }),
        ),
    ]
}

/// What each cloud answers to its call.
fn reply(cloud: Cloud) -> Reply {
    let body = match cloud {
        Cloud::Alibaba => json!({ "RequestId": "r", "Success": true, "Code": "200", "TaskId": "t-1" }),
        Cloud::Huawei => json!({ "replication": { "replication_record_id": "1b1a3f1e-0000-4000-a000-000000000001" } }),
        Cloud::Tencent => json!({ "Response": { "RequestId": "r", "SnapshotCopyResultSet": [
            { "SnapshotId": "snap-00000002", "DestinationRegion": "ap-singapore", "Code": "Success", "Message": "" },
        ] } }),
    };
    Reply { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn now() -> Timestamp {
    "2026-11-28T04:00:00Z".parse().unwrap()
}

fn one(command: &Value) -> Replication {
    Command::from_json(command).unwrap().replications().remove(0)
}

fn intent() -> AttemptContext {
    AttemptContext { attempt: 1, since: now(), doubt: false }
}

fn calls(c: &mut Criterion) {
    let credential = Credential {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        access_key_secret: "not-a-real-secret".to_owned().into(),
        security_token: None,
    };
    let (access, nonce) = (Access::Key(Arc::new(credential)), Nonce("00112233445566778899aabbccddeeff".to_owned()));
    for (name, provider, command) in commands() {
        let replication = one(&command);
        let call = provider.start(&replication, &intent());
        let mut draft = call.draft.clone();
        draft.host = "api.example.com".to_owned();
        c.bench_function(&format!("plan/{name}"), |b| b.iter(|| provider.start(black_box(&replication), &intent())));
        c.bench_function(&format!("sign/{name}"), |b| {
            b.iter(|| provider.sign(&call, draft.clone(), &access, now(), &nonce).unwrap());
        });
        let answer = reply(provider.cloud());
        c.bench_function(&format!("interpret/{name}"), |b| {
            b.iter(|| provider.started(&replication, black_box(&answer)).unwrap());
        });
    }
}

fn transitions(c: &mut Criterion) {
    let [.., (_, _, command)] = commands();
    let replication = one(&command);
    let me = Claimant { owner: "me".to_owned(), lease_until: now() + Duration::from_secs(60), now: now() };
    let attempts = Attempts::default();
    let claimed = || match claim(None, &replication, &me, &attempts) {
        Claim::Write(record, _) => *record,
        _ => panic!("a new record is claimed"),
    };
    let record: Record = claimed();
    let receipt = Receipt {
        backup_id: None,
        replication_id: Some("snap-00000002".to_owned()),
        request_id: Some("r".to_owned()),
        adopted: false,
        attempt: 1,
        time: now(),
    };
    let ending = Ending::Accepted(vec![receipt]);
    let (accepted, _) = settle(&record, &ending, &me, &attempts).unwrap();
    let text = accepted.to_text().unwrap();
    c.bench_function("transition/claim", |b| b.iter(claimed));
    c.bench_function("transition/settle", |b| b.iter(|| settle(black_box(&record), &ending, &me, &attempts).unwrap()));
    c.bench_function("transition/mark", |b| b.iter(|| emitted(black_box(&accepted))));
    c.bench_function("transition/write", |b| b.iter(|| black_box(&accepted).to_text().unwrap()));
    c.bench_function("transition/read", |b| b.iter(|| Record::from_text(&accepted.key, black_box(&text)).unwrap()));
}

fn envelopes(c: &mut Criterion) {
    let [.., (_, _, command)] = commands();
    let text = command.to_string();
    let sqs = |count: usize| {
        let record = |id: usize| json!({ "messageId": id.to_string(), "eventSource": "aws:sqs", "body": text });
        json!({ "Records": (0..count).map(record).collect::<Vec<Value>>() })
    };
    let bridge = json!({
        "version": "0", "id": "e", "detail-type": "Backup Completed", "source": "custom", "account": "000000000000",
        "time": "2026-11-28T04:00:00Z", "region": "us-east-1", "resources": [], "detail": command,
    });
    let cloud = json!({
        "specversion": "1.0", "id": "e", "type": "t", "source": "s", "datacontenttype": "application/json", "data": command,
    });
    let sns = json!({ "Records": [{ "EventSource": "aws:sns", "EventVersion": "1.0", "Sns": { "MessageId": "m", "Message": text } }] });
    let envelopes = [
        ("direct", command.clone()),
        ("array", json!([command])),
        ("sqs", sqs(1)),
        ("sqs of ten", sqs(10)),
        ("sns", sns),
        ("eventbridge", bridge),
        ("cloudevents", cloud),
    ];
    for (name, envelope) in envelopes {
        assert!(triggers::read(&envelope).is_ok(), "{name}");
        c.bench_function(&format!("envelope/{name}"), |b| b.iter(|| triggers::read(black_box(&envelope)).unwrap()));
    }
}

criterion_group!(core, calls, transitions, envelopes);
criterion_main!(core);
