//! Clouds, a queue and a clock of a few fixed words: what they say follows from the ID that is asked about, and from nothing else.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_shared::model::access::{Access, CredentialName};
use offsite_shared::model::command::{Cloud, Command, Realm};
use offsite_shared::model::error::{EmitError, Error};
use offsite_shared::model::http::{HttpRequest, Reply, TransportError};
use offsite_shared::model::receipt::Message;
use offsite_shared::ports::{Boxed, Clock, Emitter, Secrets, Transport, WorkQueue};
use offsite_shared::sign::{Credential, Nonce};
use serde_json::{Value, json};

/// Where every source lies.
pub const HERE: &str = "ap-guangzhou";
/// Where the ID of a source decides what becomes of its copy.
pub const FAR: &str = "ap-beijing";
/// Where every copy is accepted.
pub const SAFE: &str = "ap-singapore";

/// A clock that stands still unless somebody waits, and whose chance is always the same.
pub struct Still {
    pub passed_ms: AtomicI64,
    pub nonce: Mutex<String>,
}

impl Still {
    pub fn new() -> Still {
        Still { passed_ms: AtomicI64::new(0), nonce: Mutex::new(String::new()) }
    }
}

/// When everything begins.
pub fn start() -> Timestamp {
    "2026-11-21T08:30:00Z".parse().unwrap()
}

impl Clock for Still {
    fn now(&self) -> Timestamp {
        start() + SignedDuration::from_millis(self.passed_ms.load(Ordering::SeqCst))
    }

    fn sleep(&self, duration: Duration) -> Boxed<'_, ()> {
        self.passed_ms.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }

    fn nonce(&self) -> Nonce {
        Nonce(self.nonce.lock().unwrap().clone())
    }
}

/// The queue, and the work queue.
#[derive(Default)]
pub struct Queue {
    pub full: AtomicBool,
    pub taken: Mutex<Vec<String>>,
}

impl Queue {
    fn take(&self, text: String) -> Result<(), EmitError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(EmitError("it is full".to_owned()));
        }
        self.taken.lock().unwrap().push(text);
        Ok(())
    }

    pub fn drain(&self) -> Vec<String> {
        std::mem::take(&mut *self.taken.lock().unwrap())
    }
}

impl Emitter for Queue {
    fn emit<'a>(&'a self, messages: &'a [Message], _until: Timestamp) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        let taken = messages.iter().map(|message| {
            assert_eq!(message.event["id"], json!(message.id));
            self.take(message.event.to_string())
        });
        let taken: Vec<_> = taken.collect();
        Box::pin(std::future::ready(taken))
    }
}

impl WorkQueue for Queue {
    fn hand_over<'a>(&'a self, commands: &'a [Command]) -> Boxed<'a, Vec<Result<(), EmitError>>> {
        let taken: Vec<_> = commands.iter().map(|command| self.take(command.to_json().to_string())).collect();
        Box::pin(std::future::ready(taken))
    }
}

/// One key for everything.
pub struct Keys;

impl Secrets for Keys {
    fn access<'a>(
        &'a self,
        _cloud: Cloud,
        _account: &'a str,
        _realm: Realm<'a>,
        _refused: Option<&'a CredentialName>,
    ) -> Boxed<'a, Result<Access, Error>> {
        let credential = Credential {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            access_key_secret: "not-a-real-secret".to_owned().into(),
            security_token: None,
        };
        Box::pin(std::future::ready(Ok(Access::Key(credential.into()))))
    }

    fn identity(&self, _cloud: Cloud, _account: &str) -> Option<&str> {
        None
    }
}

/// The clouds. What a snapshot's ID begins with says what becomes of it in [`FAR`].
#[derive(Default)]
pub struct Clouds {
    /// Lists are refused, and questions about copies too.
    pub down: AtomicBool,
    /// Copies that were there are there no more.
    pub emptied: AtomicBool,
}

impl Transport for Clouds {
    fn send(&self, request: HttpRequest) -> Boxed<'_, Result<Reply, TransportError>> {
        let header = |name: &str| {
            let found = request.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let answer = match header("x-tc-action") {
            "" => huawei(&request.method, &request.url, &body),
            "CopySnapshotCrossRegions" => copy(&body),
            _ => self.snapshots(&body, header("x-tc-region")),
        };
        Box::pin(std::future::ready(answer))
    }
}

fn reply(status: u16, body: &Value) -> Result<Reply, TransportError> {
    let headers = vec![("x-request-id".to_owned(), "request-1".to_owned())];
    Ok(Reply { status, headers, body: body.to_string().into_bytes() })
}

fn response(mut body: Value) -> Result<Reply, TransportError> {
    body["RequestId"] = json!("request-1");
    reply(200, &json!({ "Response": body }))
}

fn error(code: &str) -> Result<Reply, TransportError> {
    response(json!({ "Error": { "Code": code, "Message": "So it is." } }))
}

/// A call for a copy.
fn copy(body: &Value) -> Result<Reply, TransportError> {
    let (id, region) = (body["SnapshotId"].as_str().unwrap(), body["DestinationRegions"][0].as_str().unwrap());
    let fate = if region == FAR { id } else { "" };
    match fate {
        "snap-full" => error("InsufficientSnapshotQuota"),
        "snap-system" => error("UnsupportedOperation.SnapshotNotSupportCopy"),
        "snap-busy" => error("RequestLimitExceeded"),
        "snap-key" => error("AuthFailure.SignatureFailure"),
        "snap-silent" => Err(TransportError::NoAnswer("nothing came".to_owned())),
        "snap-cut" => Err(TransportError::NotSent("nobody is there".to_owned())),
        _ => response(json!({ "SnapshotCopyResultSet": [
            { "SnapshotId": format!("{id}-in-{region}"), "DestinationRegion": region, "Code": "Success", "Message": "" },
        ] })),
    }
}

fn snapshot(id: &str, name: &str, more: Value) -> Value {
    let mut snapshot = json!({
        "SnapshotId": id, "SnapshotName": name, "SnapshotState": "NORMAL", "DiskId": "disk-1", "DiskSize": 50,
        "CreateTime": "2026-11-21 14:30:00", "CopyFromRemote": false, "CopyingToRegions": [], "SnapshotType": "PRIVATE_SNAPSHOT",
    });
    for (field, value) in more.as_object().unwrap() {
        snapshot[field] = value.clone();
    }
    snapshot
}

fn source(id: &str) -> Option<Value> {
    Some(match id {
        "snap-absent" => return None,
        "snap-new" => snapshot(id, "web-new", json!({ "SnapshotState": "CREATING" })),
        "snap-replica" => snapshot(id, "web-replica", json!({ "CopyFromRemote": true })),
        "snap-running" => snapshot(id, "web-running", json!({ "CopyingToRegions": [FAR] })),
        "snap-other" => snapshot(id, "db-other", json!({})),
        _ => snapshot(id, &id.replace("snap", "web"), json!({})),
    })
}

impl Clouds {
    fn snapshots(&self, body: &Value, region: &str) -> Result<Reply, TransportError> {
        let filter = body["Filters"][0]["Name"].as_str();
        if self.down.load(Ordering::SeqCst) && (filter == Some("snapshot-type") || region != HERE) {
            return error("InvalidParameter");
        }
        let found: Vec<Value> = match (filter, region) {
            (Some("snapshot-type"), HERE) => {
                let ids =
                    ["snap-made", "snap-full", "snap-replica", "snap-new", "snap-other", "snap-plain", "snap-seen"];
                ids.into_iter().filter_map(source).collect()
            }
            (Some("snapshot-type"), _) => {
                let copied = |id: &str, of: &str, state: &str| {
                    let name = format!("offsite-{of}-{HERE}");
                    snapshot(id, &name, json!({ "CopyFromRemote": true, "SnapshotState": state }))
                };
                vec![
                    copied("snap-found", "snap-seen", "NORMAL"),
                    copied("snap-orphan", "snap-long-gone", "NORMAL"),
                    copied("snap-half", "snap-made", "COPYING_FROM_REMOTE"),
                ]
            }
            (Some(_), _) => {
                let name = body["Filters"][0]["Values"][0].as_str().unwrap();
                let is_there = name.starts_with("offsite-snap-made-") && region == FAR;
                is_there.then(|| snapshot("snap-found", name, json!({ "CopyFromRemote": true }))).into_iter().collect()
            }
            (None, HERE) => {
                let id = body["SnapshotIds"][0].as_str().unwrap();
                if id == "snap-unread" {
                    return error("InvalidParameter");
                }
                source(id).into_iter().collect()
            }
            (None, _) => {
                let ids = body["SnapshotIds"].as_array().unwrap().iter().filter_map(Value::as_str);
                let there = ids.filter(|_| !self.emptied.load(Ordering::SeqCst));
                let state = |id: &str| if id.starts_with("snap-slow") { "COPYING_FROM_REMOTE" } else { "NORMAL" };
                let end = |id: &str| if id.starts_with("snap-ends") { "2026-11-22 14:30:00" } else { "" };
                let copy = |id: &str| {
                    let more = json!({ "SnapshotState": state(id), "Percent": 40, "DeadlineTime": end(id) });
                    snapshot(id, "", more)
                };
                there.map(copy).collect()
            }
        };
        response(json!({ "TotalCount": found.len(), "SnapshotSet": found }))
    }
}

/// A call for a whole vault, and the reads around it.
fn huawei(method: &str, url: &str, body: &Value) -> Result<Reply, TransportError> {
    if method == "GET" {
        let list = if url.contains("operation-logs") { "operation_logs" } else { "backups" };
        return reply(200, &json!({ list: [], "count": 0 }));
    }
    if !url.ends_with("/checkpoints/replicate") {
        return reply(200, &json!({ "replication": { "replication_record_id": "record-0" } }));
    }
    if body.to_string().contains("vault-empty") {
        return reply(400, &json!({ "error_code": "BackupService.0001", "error_msg": "nothing to copy" }));
    }
    let backup = |n: u32| json!({ "backup_id": format!("backup-{n}"), "replication_record_id": format!("record-{n}") });
    reply(200, &json!({ "replication": { "backups": [backup(1), backup(2)] } }))
}
