//! The simulators of the three clouds, spoken to over TCP with the product's signers and with published vectors.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use offsite_shared::sign::{Credential, Nonce, Query, RequestDraft, Signed, SignedHeaders, acs3, sdk_hmac, tc3};
use offsite_simulators::{SimError, SimOptions, Simulators};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const START: &str = "2026-11-21T08:30:00Z";
const REGION1: &str = "4229d7a45436489f8c3dc2b1d35d4987";
const REGION2: &str = "68589cac08274b82b4e254268a3862d8";
const SOURCE_VAULT: &str = "3b5816b5-f29c-4172-9d9a-76c719a659ce";
const REPLICA_VAULT: &str = "0ca3eb86-8800-46da-9c37-9d657a825274";
const BACKUP: &str = "6df2b54c-dd62-4059-a07c-1b8f24f2725d";
const HBR_SOURCE: &str = "v-0003rf9m17pap3ltpqx5";
const HBR_TARGET: &str = "v-000bj2yk5r6zmm1q7d2c";
const CSBS_PROJECT: &str = "4800fde9-66f8-4458-b805-4c01066b9568";
const CSBS_START: &str = "/v1/4800fde9-66f8-4458-b805-4c01066b9568/providers/fc4d5750-22e7-4798-8a46-f48f62c4c1da/checkpoint_items/c4dfa74c-7e60-4361-86b9-9a3250115ed6/replicate";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time in a test")
}

fn options() -> SimOptions {
    SimOptions { start: Some(at(START)), ..SimOptions::default() }
}

/// The simulators and a caller that signs.
struct Clouds {
    simulators: Simulators,
    credential: Credential,
    now: Timestamp,
    nonce: std::cell::Cell<u32>,
}

#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Status and the code in whichever error shape this is.
    fn refusal(&self) -> (u16, String) {
        let body = self.json();
        let code = [&body["Code"], &body["error_code"], &body["Response"]["Error"]["Code"], &body["error"]["code"]]
            .into_iter()
            .find(|code| !code.is_null())
            .unwrap_or_else(|| panic!("no error code in {body}"));
        (self.status, code.as_str().map_or_else(|| code.to_string(), str::to_owned))
    }
}

async fn exchange(
    base: &str,
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> io::Result<Reply> {
    let address = base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await?;
    let mut request = format!("{method} {target} HTTP/1.1\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request.push_str(&format!("host: {address}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()));
    stream.write_all(&[request.as_bytes(), body].concat()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Reply { status, head, body: answer[end + 4..].to_vec() })
}

fn own(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Clouds {
    async fn start(options: SimOptions) -> Self {
        let credential = Credential {
            access_key_id: options.access_key_id.clone(),
            access_key_secret: SecretString::from(options.access_key_secret.clone()),
            security_token: options.security_token.clone().map(SecretString::from),
        };
        let now = options.start.unwrap_or_else(|| at(START));
        let simulators = Simulators::start(options).await.expect("simulators start");
        Self { simulators, credential, now, nonce: std::cell::Cell::new(0) }
    }

    fn sign_alibaba(&self, action: &str, parameters: &[(&str, &str)], nonce: &str) -> Signed {
        let version = if action == "GetCallerIdentity" || action == "AssumeRole" { "2015-04-01" } else { "2017-09-08" };
        let draft = RequestDraft {
            method: "POST".to_owned(),
            host: self.simulators.alibaba().replace("http://", ""),
            path: "/".to_owned(),
            query: Query::Pairs(own(parameters)),
            headers: own(&[("x-acs-action", action), ("x-acs-version", version)]),
            body: Vec::new(),
        };
        acs3::sign(&draft, &self.credential, self.now, &Nonce(nonce.to_owned()), SignedHeaders::Minimal).expect("signs")
    }

    async fn try_alibaba(&self, action: &str, parameters: &[(&str, &str)]) -> io::Result<Reply> {
        self.nonce.set(self.nonce.get() + 1);
        let signed = self.sign_alibaba(action, parameters, &format!("nonce-{}", self.nonce.get()));
        exchange(&self.simulators.alibaba(), "POST", &signed.path_and_query, &signed.headers, b"").await
    }

    async fn alibaba(&self, action: &str, parameters: &[(&str, &str)]) -> Reply {
        self.try_alibaba(action, parameters).await.expect("an answer")
    }

    async fn pair(&self) -> Reply {
        self.alibaba(
            "CreateVaultReplication",
            &[
                ("ReplicationSourceVaultId", HBR_SOURCE),
                ("ReplicationTargetVaultId", HBR_TARGET),
                ("ReplicationSourceRegionId", "cn-hangzhou"),
            ],
        )
        .await
    }

    async fn try_huawei(&self, method: &str, path: &str, query: &[(&str, &str)], body: &Value) -> io::Result<Reply> {
        let draft = RequestDraft {
            method: method.to_owned(),
            host: self.simulators.huawei().replace("http://", ""),
            path: path.to_owned(),
            query: if query.is_empty() { Query::None } else { Query::Pairs(own(query)) },
            headers: own(&[("content-type", "application/json")]),
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
        };
        let signed = sdk_hmac::sign(&draft, &self.credential, self.now, SignedHeaders::Minimal).expect("signs");
        exchange(&self.simulators.huawei(), method, &signed.path_and_query, &signed.headers, &draft.body).await
    }

    async fn huawei(&self, method: &str, path: &str, query: &[(&str, &str)], body: Value) -> Reply {
        self.try_huawei(method, path, query, &body).await.expect("an answer")
    }

    async fn copy_backup(&self, backup: &str, changes: Value) -> Reply {
        let mut replicate = json!({"destination_project_id": REGION2, "destination_region": "region2", "destination_vault_id": REPLICA_VAULT});
        for (key, value) in changes.as_object().expect("an object") {
            replicate[key] = value.clone();
        }
        self.huawei("POST", &format!("/v3/{REGION1}/backups/{backup}/replicate"), &[], json!({"replicate": replicate}))
            .await
    }

    async fn copy_vault(&self) -> Reply {
        let body = json!({"replicate": {"vault_id": SOURCE_VAULT, "destination_project_id": REGION2, "destination_region": "region2", "destination_vault_id": REPLICA_VAULT}});
        self.huawei("POST", &format!("/v3/{REGION1}/checkpoints/replicate"), &[], body).await
    }

    async fn copy_item(&self) -> Reply {
        let body = json!({"replication": {"destination_region": "cn-east-2", "destination_project_id": "e0b97bac-532c-4c51-96fa-4b3a32253be4"}});
        self.huawei("POST", CSBS_START, &[], body).await
    }

    async fn try_tencent(&self, action: &str, region: &str, body: &Value) -> io::Result<Reply> {
        let draft = RequestDraft {
            method: "POST".to_owned(),
            host: self.simulators.tencent().replace("http://", ""),
            path: "/".to_owned(),
            query: Query::None,
            headers: own(&[
                ("content-type", "application/json"),
                ("x-tc-action", action),
                ("x-tc-version", "2017-03-12"),
                ("x-tc-region", region),
            ]),
            body: body.to_string().into_bytes(),
        };
        let signed = tc3::sign(&draft, &self.credential, self.now, "cbs", SignedHeaders::Minimal).expect("signs");
        exchange(&self.simulators.tencent(), "POST", &signed.path_and_query, &signed.headers, &draft.body).await
    }

    async fn tencent(&self, action: &str, region: &str, body: Value) -> Reply {
        self.try_tencent(action, region, &body).await.expect("an answer")
    }

    async fn copy_snapshot(&self, source: &str, destinations: &[&str]) -> Reply {
        self.tencent(
            "CopySnapshotCrossRegions",
            "ap-guangzhou",
            json!({"SnapshotId": source, "DestinationRegions": destinations}),
        )
        .await
    }

    async fn admin(&self, base: &str, path: &str, body: Value) -> Value {
        let reply = exchange(base, "POST", path, &[], body.to_string().as_bytes()).await.expect("an answer");
        assert_eq!(reply.status, 200, "{body}: {}", reply.json());
        reply.json()
    }

    async fn fault(&self, base: &str, fault: Value) {
        self.admin(base, "/_sim/faults", json!({"clear": true, "faults": [fault]})).await;
    }

    async fn switch(&self, base: &str, switches: Value) {
        self.admin(base, "/_sim/seed", json!({"switches": switches})).await;
    }

    /// Moves the clouds by a minute; signatures stay held against the unmoved clock.
    async fn finish_copies(&self) {
        self.admin(&self.simulators.tencent(), "/_sim/clock", json!({"advance_s": 60, "keep_signature_clock": true}))
            .await;
    }

    /// Operation, source, destination, state and count of every copy.
    fn copies(&self) -> Vec<(String, String, String, String, u64)> {
        let state = self.simulators.state();
        let text = |row: &Value, key: &str| row[key].as_str().expect(key).to_owned();
        let rows = state["replications"].as_array().expect("rows");
        rows.iter()
            .map(|row| {
                (
                    text(row, "operation"),
                    text(row, "source"),
                    text(row, "destination"),
                    text(row, "state"),
                    row["created"].as_u64().expect("created"),
                )
            })
            .collect()
    }
}

fn copy(
    operation: &str,
    source: &str,
    destination: &str,
    state: &str,
    created: u64,
) -> (String, String, String, String, u64) {
    (operation.to_owned(), source.to_owned(), destination.to_owned(), state.to_owned(), created)
}

#[tokio::test]
async fn alibaba_sets_up_a_pair_once_and_shows_it_on_both_sides() {
    let clouds = Clouds::start(options()).await;
    let task = clouds.pair().await.json();
    assert_eq!((&task["Success"], &task["Code"]), (&json!(true), &json!("200")));
    let task = task["TaskId"].as_str().expect("a task").to_owned();
    assert_eq!(clouds.alibaba("DescribeTask", &[("TaskId", &task)]).await.json()["Description"], "created");
    assert_eq!(clouds.pair().await.refusal(), (400, "SourceVaultAlreadyHasReplication".to_owned()));
    clouds.finish_copies().await;
    let done = clouds.alibaba("DescribeTask", &[("TaskId", &task)]).await.json();
    assert_eq!((&done["Description"], &done["Progress"]), (&json!("completed"), &json!(100)));
    let target =
        clouds.alibaba("DescribeVaults", &[("VaultId", HBR_TARGET), ("VaultRegionId", "cn-shanghai")]).await.json();
    let target = &target["Vaults"]["Vault"][0];
    assert_eq!(
        (&target["ReplicationSourceVaultId"], &target["ReplicationSourceRegionId"]),
        (&json!(HBR_SOURCE), &json!("cn-hangzhou"))
    );
    assert_eq!(target["ReplicationProgress"]["HistoricalReplicationProgress"], 100);
    let source = clouds.alibaba("DescribeVaults", &[("VaultId", HBR_SOURCE)]).await.json();
    assert_eq!(source["Vaults"]["Vault"][0]["ReplicationTargetVaultId"], HBR_TARGET);
    let elsewhere =
        clouds.alibaba("DescribeVaults", &[("VaultId", HBR_TARGET), ("VaultRegionId", "cn-beijing")]).await.json();
    assert_eq!((&elsewhere["Vaults"], &elsewhere["TotalCount"]), (&json!({}), &json!(0)));
    assert_eq!(clouds.copies(), [copy("create-vault-replication", HBR_SOURCE, "cn-shanghai", "done", 1)]);
    clouds.simulators.stopped().await;
}

#[tokio::test]
async fn huawei_copies_backups_and_vaults_by_the_published_rules() {
    let clouds = Clouds::start(options()).await;
    let started = clouds.copy_backup(BACKUP, json!({"name": "备份-1_a"})).await.json()["replication"].clone();
    assert_eq!(
        (&started["source_region"], &started["provider_id"]),
        (&json!("region1"), &json!("0daac4c5-6707-4851-97ba-169e36266b66"))
    );
    assert_eq!(clouds.copy_backup(BACKUP, json!({})).await.refusal(), (400, "BackupService.1009".to_owned()));
    let vault = clouds.copy_vault().await.json();
    assert_eq!(vault["replication"]["backups"].as_array().map(Vec::len), Some(2));
    assert_eq!(clouds.copy_vault().await.refusal(), (400, "BackupService.6130".to_owned()));
    clouds.finish_copies().await;
    assert_eq!(clouds.copy_vault().await.refusal(), (400, "BackupService.0001".to_owned()));

    let list = format!("/v3/{REGION1}/backups");
    let query = [
        ("vault_id", SOURCE_VAULT),
        ("image_type", "backup"),
        ("resource_type", "OS::Nova::Server"),
        ("status", "available"),
        ("status", "error"),
        ("show_replication", "true"),
        ("sort", "created_at:asc"),
        ("limit", "2"),
    ];
    let page = clouds.huawei("GET", &list, &query, Value::Null).await.json();
    assert_eq!((page["backups"].as_array().map(Vec::len), &page["count"]), (Some(2), &json!(4)));
    let marker = page["backups"][1]["id"].as_str().expect("an id").to_owned();
    let next =
        clouds.huawei("GET", &list, &[&query[..], &[("marker", marker.as_str())]].concat(), Value::Null).await.json();
    assert_eq!(next["backups"].as_array().map(Vec::len), Some(2));
    assert_eq!(next["backups"][0]["replication_records"][0]["status"], "success");
    let plain = clouds.huawei("GET", &list, &[], Value::Null).await.json();
    assert!(plain["backups"].as_array().expect("backups").iter().all(|backup| backup["replication_records"].is_null()));

    let record = clouds
        .huawei("GET", &format!("{list}/{BACKUP}"), &[], Value::Null)
        .await
        .json()["backup"]["replication_records"][0]
        .clone();
    assert_eq!(record["id"], started["replication_record_id"]);
    let replica = record["destination_backup_id"].as_str().expect("a replica").to_owned();
    let replica_path = format!("/v3/{REGION2}/backups/{replica}");
    let shown = clouds.huawei("GET", &replica_path, &[], Value::Null).await.json()["backup"].clone();
    assert_eq!(
        (&shown["image_type"], &shown["status"], &shown["vault_id"]),
        (&json!("replication"), &json!("available"), &json!(REPLICA_VAULT))
    );
    assert_eq!(clouds.huawei("POST", &format!("{replica_path}/replicate"), &[], json!({"replicate": {"destination_region": "region1", "destination_project_id": REGION1, "destination_vault_id": REPLICA_VAULT}})).await.refusal().1, "BackupService.1002");

    // A lost replica can be made again by copy-backup only.
    assert_eq!(clouds.huawei("DELETE", &replica_path, &[], Value::Null).await.status, 204);
    assert_eq!(clouds.copy_vault().await.refusal().1, "BackupService.0001");
    assert_eq!(clouds.copy_backup(BACKUP, json!({})).await.status, 200);
    assert!(clouds.copies().contains(&copy("copy-backup", BACKUP, "region2", "running", 2)));
    let logs = clouds
        .huawei(
            "GET",
            &format!("/v3/{REGION1}/operation-logs"),
            &[("operation_type", "replication"), ("status", "success")],
            Value::Null,
        )
        .await
        .json();
    assert_eq!(logs["count"], 3);
    clouds.simulators.stopped().await;
}

#[tokio::test]
async fn csbs_copies_an_item_and_iam_opens_it_with_a_token() {
    let clouds = Clouds::start(options()).await;
    let started = clouds.copy_item().await.json()["replication"].clone();
    assert_eq!(clouds.copy_item().await.refusal(), (400, "CSBS.6031".to_owned()));
    clouds.finish_copies().await;
    assert_eq!(clouds.copy_item().await.refusal(), (400, "BackupService.1009".to_owned()));
    let wrong_provider = CSBS_START.replace("fc4d5750", "00000000");
    assert_eq!(
        clouds.huawei("POST", &wrong_provider, &[], json!({"replication": {}})).await.refusal(),
        (400, "CSBS.9001".to_owned())
    );

    let login = |password: &str| {
        json!({"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "offsite-user", "password": password, "domain": {"name": "offsite-domain"}}}},
            "scope": {"project": {"name": "cn-north-1"}}}})
    };
    let base = clouds.simulators.huawei();
    let tokens = "/v3/auth/tokens?nocatalog=true";
    let refused = exchange(&base, "POST", tokens, &[], login("wrong").to_string().as_bytes()).await.expect("an answer");
    assert_eq!(refused.refusal(), (401, "401".to_owned()));
    let granted = exchange(&base, "POST", tokens, &[], login("offsite-password").to_string().as_bytes())
        .await
        .expect("an answer");
    assert_eq!((granted.status, &granted.json()["token"]["project"]["id"]), (201, &json!(CSBS_PROJECT)));
    let token =
        granted.head.lines().find_map(|line| line.strip_prefix("x-subject-token: ")).expect("a token").to_owned();
    let records = format!("/v1/{CSBS_PROJECT}/replication_records?destination_region=cn-east-2");
    let listed =
        exchange(&base, "GET", &records, &own(&[("x-auth-token", &token)]), b"").await.expect("an answer").json();
    assert_eq!(
        (&listed["count"], &listed["replication_records"][0]["id"]),
        (&json!(1), &started["replication_record_id"])
    );
    let forged = exchange(&base, "GET", &records, &own(&[("x-auth-token", "forged")]), b"").await.expect("an answer");
    assert_eq!(forged.refusal(), (401, "APIGW.0301".to_owned()));
    clouds.admin(&base, "/_sim/clock", json!({"advance_s": 90_000})).await;
    let stale = exchange(&base, "GET", &records, &own(&[("x-auth-token", &token)]), b"").await.expect("an answer");
    assert!(stale.json()["error_msg"].as_str().expect("a message").contains("token expires"));
    clouds.simulators.stopped().await;
}

#[tokio::test]
async fn tencent_copies_live_through_their_states_and_can_be_doubled() {
    let clouds = Clouds::start(options()).await;
    let base = clouds.simulators.tencent();
    let source = "snap-ckgjwkqh";
    clouds.switch(&base, json!({"copy_duration_s": 100.0, "visibility_delay_s": 20.0})).await;
    let reply = clouds.copy_snapshot(source, &["ap-beijing", "ap-singapore"]).await;
    assert!(reply.head.contains("content-type: application/json\r\n"), "exactly application/json: {}", reply.head);
    let results = reply.json()["Response"]["SnapshotCopyResultSet"].clone();
    let copied = results[0]["SnapshotId"].as_str().expect("an id").to_owned();
    assert_eq!(results[1]["Code"], "Success");
    let conflict = clouds.copy_snapshot(source, &["ap-beijing"]).await.json();
    assert_eq!(conflict["Response"]["SnapshotCopyResultSet"][0]["Code"], "ResourceInUse.CopySnapshotConflict");
    let name = format!("Copied {source} from ap-guangzhou");
    let by_name = json!({"Filters": [{"Name": "snapshot-name", "Values": [name]}], "Order": "DESC", "Limit": 100});
    let found = |reply: Reply| reply.json()["Response"]["SnapshotSet"].as_array().expect("a set").clone();
    assert!(
        found(clouds.tencent("DescribeSnapshots", "ap-beijing", by_name.clone()).await).is_empty(),
        "invisible at first"
    );
    let shown = found(clouds.tencent("DescribeSnapshots", "ap-guangzhou", json!({"SnapshotIds": [source]})).await);
    assert_eq!(shown[0]["CopyingToRegions"], json!(["ap-beijing", "ap-singapore"]));
    for (advance, state) in [(30, "COPYING_FROM_REMOTE"), (55, "CHECKING_COPIED"), (20, "NORMAL")] {
        clouds.admin(&base, "/_sim/clock", json!({"advance_s": advance, "keep_signature_clock": true})).await;
        let copies = found(clouds.tencent("DescribeSnapshots", "ap-beijing", by_name.clone()).await);
        assert_eq!((&copies[0]["SnapshotState"], &copies[0]["SnapshotId"]), (&json!(state), &json!(copied)));
        assert_eq!((&copies[0]["DiskId"], &copies[0]["CreateTime"]), (&json!(""), &json!("2026-11-21 16:30:00")));
    }
    // The costlier reading of the documentation: a finished copy is simply made again.
    assert_eq!(
        clouds.copy_snapshot(source, &["ap-beijing"]).await.json()["Response"]["SnapshotCopyResultSet"][0]["Code"],
        "Success"
    );
    assert!(clouds.copies().contains(&copy("copy-snapshot", source, "ap-beijing", "running", 2)));
    clouds.switch(&base, json!({"double_finished": false})).await;
    let refused = clouds.copy_snapshot(source, &["ap-singapore"]).await.json();
    assert_eq!(refused["Response"]["SnapshotCopyResultSet"][0]["Code"], "ResourceInUse.CopySnapshotConflict");
    clouds.switch(&base, json!({"conflict_fails_call": true})).await;
    assert_eq!(clouds.copy_snapshot(source, &["ap-singapore"]).await.refusal().1, "ResourceInUse.CopySnapshotConflict");

    let part = json!({"Filters": [{"Name": "snapshot-name", "Values": ["ckgjwkqh from"]}]});
    assert_eq!(found(clouds.tencent("DescribeSnapshots", "ap-singapore", part.clone()).await).len(), 1);
    clouds.switch(&base, json!({"name_filter": "exact"})).await;
    assert!(found(clouds.tencent("DescribeSnapshots", "ap-singapore", part).await).is_empty());
    clouds.tencent("DeleteSnapshots", "ap-singapore", json!({"SnapshotIds": [results[1]["SnapshotId"]]})).await;
    assert!(
        found(clouds.tencent("DescribeSnapshots", "ap-singapore", json!({})).await)
            .iter()
            .all(|snapshot| snapshot["SnapshotId"] != results[1]["SnapshotId"])
    );
    clouds.simulators.stopped().await;
}

#[tokio::test]
async fn tencent_pages_through_many_snapshots_in_both_orders() {
    let clouds = Clouds::start(options()).await;
    let base = clouds.simulators.tencent();
    let generate = json!({"generate": {"count": 20_000, "region": "ap-tokyo", "prefix": "disk-", "every_s": 60}});
    assert_eq!(clouds.admin(&base, "/_sim/seed", generate).await["seeded"]["added"], 20_000);
    let filters = json!([{"Name": "snapshot-state", "Values": ["NORMAL"]}, {"Name": "snapshot-type", "Values": ["PRIVATE_SNAPSHOT"]}]);
    let mut seen = std::collections::HashSet::new();
    let mut last: Option<String> = None;
    for page in 0..200 {
        let body = json!({"Filters": filters, "Order": "DESC", "Limit": 100, "Offset": page * 100});
        let answer = clouds.tencent("DescribeSnapshots", "ap-tokyo", body).await.json();
        assert_eq!(answer["Response"]["TotalCount"], 20_000);
        for snapshot in answer["Response"]["SnapshotSet"].as_array().expect("a set") {
            let time = snapshot["CreateTime"].as_str().expect("a time").to_owned();
            assert!(last.as_ref().is_none_or(|last| *last >= time), "newest first");
            last = Some(time);
            seen.insert(snapshot["SnapshotId"].as_str().expect("an id").to_owned());
        }
    }
    assert_eq!(seen.len(), 20_000);
    let oldest = clouds.tencent("DescribeSnapshots", "ap-tokyo", json!({"Order": "ASC", "Limit": 1})).await.json();
    assert_eq!(oldest["Response"]["SnapshotSet"][0]["SnapshotName"], "disk-0019999");
    clouds.simulators.stopped().await;
}

/// Requests signed by the official SDKs, byte for byte. Source: tests/vectors, 2026-11-21.
#[tokio::test]
async fn requests_signed_by_the_official_sdks_are_accepted_and_altered_ones_are_not() {
    let replay = |vectors: &'static str, name: &'static str| {
        let all: Value = serde_json::from_str(vectors).expect("vectors are JSON");
        all["vectors"]
            .as_array()
            .expect("vectors")
            .iter()
            .find(|vector| vector["name"] == name)
            .unwrap_or_else(|| panic!("no vector {name}"))
            .clone()
    };
    let headers = |object: &Value| -> Vec<(String, String)> {
        object
            .as_object()
            .expect("headers")
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
            .collect()
    };
    let text = |value: &Value| value.as_str().expect("text").to_owned();

    let vector = replay(include_str!("../vectors/acs3.json"), "sdk-CreateVaultReplication-local-endpoint");
    let clouds = Clouds::start(SimOptions {
        access_key_id: text(&vector["access_key_id"]),
        access_key_secret: text(&vector["access_key_secret"]),
        start: Some(at(&text(&vector["date"]))),
        ..options()
    })
    .await;
    let mut sent = headers(&vector["headers"]);
    sent.push(("Authorization".to_owned(), text(&vector["expected"]["authorization"])));
    let target = text(&vector["wire_url"]).split_once(":18080").expect("a port").1.to_owned();
    let base = clouds.simulators.alibaba();
    let altered =
        exchange(&base, "POST", &target.replace("hangzhou", "shenzhen"), &sent, b"").await.expect("an answer");
    assert_eq!(altered.refusal(), (400, "SignatureDoesNotMatch".to_owned()));
    assert!(
        altered.json()["Message"].as_str().expect("a message").contains("cn-shenzhen"),
        "echoes the canonical request"
    );
    let accepted = exchange(&base, "POST", &target, &sent, b"").await.expect("an answer");
    assert_eq!(accepted.json()["Success"], true);
    let again = exchange(&base, "POST", &target, &sent, b"").await.expect("an answer");
    assert_eq!(again.refusal(), (400, "SignatureNonceUsed".to_owned()));
    clouds.simulators.stopped().await;

    let vector = replay(include_str!("../vectors/sdk_hmac.json"), "post_copy_backup_sdk_style");
    let clouds = Clouds::start(SimOptions {
        access_key_id: text(&vector["ak"]),
        access_key_secret: text(&vector["sk"]),
        start: Some(at("2019-11-15T03:36:55Z")),
        ..options()
    })
    .await;
    let sent = headers(&vector["headers_after_signing"]);
    let (base, target, body) =
        (clouds.simulators.huawei(), text(&vector["wire_request_target"]), text(&vector["body"]));
    let altered = exchange(&base, "POST", &target, &sent, body.replace("backup_name", "other_name").as_bytes())
        .await
        .expect("an answer");
    assert_eq!(altered.refusal(), (401, "APIGW.0301".to_owned()));
    assert!(altered.json()["error_msg"].as_str().expect("a message").contains("canonicalRequest:POST|/v3/"));
    let accepted = exchange(&base, "POST", &target, &sent, body.as_bytes()).await.expect("an answer");
    assert_eq!(accepted.json()["replication"]["source_region"], "cn-north-4");
    clouds.simulators.stopped().await;

    let vector = replay(include_str!("../vectors/tc3.json"), "copy-host-port");
    let input = &vector["input"];
    let clouds = Clouds::start(SimOptions {
        access_key_id: text(&input["secret_id"]),
        access_key_secret: text(&input["secret_key"]),
        start: Timestamp::from_second(1_795_262_400).ok(),
        ..options()
    })
    .await;
    let (base, sent, body) = (clouds.simulators.tencent(), headers(&vector["sdk_headers"]), text(&input["body_utf8"]));
    let altered =
        exchange(&base, "POST", "/", &sent, body.replace("beijing", "tokyo").as_bytes()).await.expect("an answer");
    assert_eq!(altered.refusal(), (200, "AuthFailure.SignatureFailure".to_owned()));
    let accepted = exchange(&base, "POST", "/", &sent, body.as_bytes()).await.expect("an answer");
    assert_eq!(accepted.json()["Response"]["SnapshotCopyResultSet"][0]["Code"], "Success");
    clouds.simulators.stopped().await;
}

#[tokio::test]
async fn unknown_keys_wrong_secrets_and_tokens_are_refused_in_each_clouds_words() {
    let with = |id: Option<&str>, secret: Option<&str>, token: Option<&str>| {
        let options = options();
        Credential {
            access_key_id: id.map_or(options.access_key_id, str::to_owned),
            access_key_secret: SecretString::from(secret.map_or(options.access_key_secret, str::to_owned)),
            security_token: token.map(SecretString::from),
        }
    };
    let cases = [
        (
            None,
            with(Some("UNKNOWNKEY"), None, None),
            ["InvalidAccessKeyId.NotFound", "ak not exist", "AuthFailure.SecretIdNotFound"],
        ),
        (
            None,
            with(None, Some("wrong"), None),
            ["SignatureDoesNotMatch", "verify aksk signature fail", "AuthFailure.SignatureFailure"],
        ),
        (
            None,
            with(None, None, Some("unasked")),
            ["InvalidSecurityToken.MismatchWithAccessKey", "verify security token fail", "AuthFailure.TokenFailure"],
        ),
        (
            Some("session-token"),
            with(None, None, None),
            ["MissingSecurityToken", "verify security token fail", "AuthFailure.TokenFailure"],
        ),
        (
            Some("session-token"),
            with(None, None, Some("other")),
            ["InvalidSecurityToken.MismatchWithAccessKey", "verify security token fail", "AuthFailure.TokenFailure"],
        ),
    ];
    for (required, credential, [alibaba, huawei, tencent]) in cases {
        let mut clouds = Clouds::start(SimOptions { security_token: required.map(str::to_owned), ..options() }).await;
        clouds.credential = credential;
        assert_eq!(clouds.pair().await.refusal().1, alibaba);
        let refused = clouds.copy_backup(BACKUP, json!({})).await;
        assert_eq!(refused.refusal(), (401, "APIGW.0301".to_owned()));
        assert!(
            refused.json()["error_msg"].as_str().expect("a message").contains(huawei),
            "{huawei}: {}",
            refused.json()
        );
        assert_eq!(clouds.copy_snapshot("snap-ckgjwkqh", &["ap-beijing"]).await.refusal(), (200, tencent.to_owned()));
        assert!(clouds.copies().is_empty(), "nothing is applied");
        clouds.simulators.stopped().await;
    }
    let clouds = Clouds::start(SimOptions { security_token: Some("session-token".to_owned()), ..options() }).await;
    assert_eq!(clouds.pair().await.status, 200);
    assert_eq!(clouds.copy_backup(BACKUP, json!({})).await.status, 200);
    assert!(clouds.copy_snapshot("snap-ckgjwkqh", &["ap-beijing"]).await.json()["Response"]["Error"].is_null());
    clouds.simulators.stopped().await;
}

#[tokio::test]
async fn requests_outside_the_clock_window_are_refused() {
    let mut clouds = Clouds::start(options()).await;
    for (skew_s, in_fifteen_minutes, in_five_minutes) in [
        (0, true, true),
        (280, true, true),
        (-280, true, true),
        (320, true, false),
        (-320, true, false),
        (880, true, false),
        (-880, true, false),
        (920, false, false),
        (-920, false, false),
    ] {
        clouds.admin(&clouds.simulators.alibaba(), "/_sim/clock", json!({"skew_s": skew_s})).await;
        let caller = clouds.alibaba("GetCallerIdentity", &[]).await;
        let projects = clouds.huawei("GET", "/v3/projects", &[("name", "region2")], Value::Null).await;
        let snapshots = clouds.tencent("DescribeSnapshots", "ap-beijing", json!({})).await.json();
        assert_eq!(caller.status == 200, in_fifteen_minutes, "alibaba at {skew_s}");
        assert_eq!(projects.status == 200, in_fifteen_minutes, "huawei at {skew_s}");
        assert_eq!(snapshots["Response"]["Error"].is_null(), in_five_minutes, "tencent at {skew_s}");
        if !in_fifteen_minutes {
            assert_eq!(caller.refusal(), (400, "InvalidTimeStamp.Expired".to_owned()));
            assert_eq!(projects.refusal(), (401, "APIGW.0301".to_owned()));
            assert_eq!(snapshots["Response"]["Error"]["Code"], "AuthFailure.SignatureExpire");
        }
    }
    let set = clouds
        .admin(&clouds.simulators.huawei(), "/_sim/clock", json!({"set": "2030-01-01T00:00:00Z", "skew_s": 0}))
        .await;
    assert!(set["now"].as_str().expect("a time").starts_with("2030-01-01T00:00:0"), "one clock for all ports: {set}");
    clouds.now = at("2030-01-01T00:00:00Z");
    assert_eq!(clouds.alibaba("GetCallerIdentity", &[]).await.status, 200);
    clouds.simulators.stopped().await;
}

#[tokio::test]
async fn a_nonce_is_accepted_once_and_five_wrong_signatures_lock_a_huawei_key() {
    let mut clouds = Clouds::start(options()).await;
    let signed = clouds.sign_alibaba("GetCallerIdentity", &[], "the-same-nonce");
    let base = clouds.simulators.alibaba();
    let send = || exchange(&base, "POST", &signed.path_and_query, &signed.headers, b"");
    assert_eq!(send().await.expect("an answer").status, 200);
    assert_eq!(send().await.expect("an answer").refusal(), (400, "SignatureNonceUsed".to_owned()));

    let right = clouds.credential.clone();
    clouds.credential.access_key_secret = SecretString::from("wrong");
    for _ in 0..5 {
        assert!(
            clouds.copy_vault().await.json()["error_msg"]
                .as_str()
                .expect("a message")
                .contains("verify aksk signature fail")
        );
    }
    clouds.credential = right;
    let locked = clouds.copy_vault().await.json();
    assert!(
        locked["error_msg"].as_str().expect("a message").contains("AK access failed to reach the limit"),
        "{locked}"
    );
    clouds.admin(&clouds.simulators.huawei(), "/_sim/clock", json!({"advance_s": 301})).await;
    assert_eq!(clouds.copy_vault().await.status, 200);
    clouds.simulators.stopped().await;
}

#[tokio::test]
async fn every_fault_kind_does_what_it_says() {
    // Kind, whether the copy is made, and what the client sees: an HTTP status, or none when there is no answer.
    let cases: [(&str, bool, Option<u16>); 13] = [
        ("throttle", false, Some(0)),
        ("timeout_before", false, None),
        ("timeout_after", true, None),
        ("reset_before", false, None),
        ("reset_after", true, None),
        ("http_500_before", false, Some(500)),
        ("http_500_after", true, Some(500)),
        ("html_503", false, Some(503)),
        ("empty_200", false, Some(200)),
        ("empty_200_after", true, Some(200)),
        ("garbage_200_after", true, Some(200)),
        ("slow", true, Some(200)),
        ("fail_later", true, Some(200)),
    ];
    for (kind, made, seen) in cases {
        let clouds = Clouds::start(options()).await;
        let (alibaba, huawei, tencent) =
            (clouds.simulators.alibaba(), clouds.simulators.huawei(), clouds.simulators.tencent());
        for base in [&alibaba, &huawei, &tencent] {
            clouds.fault(base, json!({"action": "*", "kind": kind, "times": 1, "delay_ms": 5})).await;
        }
        let pair = [
            ("ReplicationSourceVaultId", HBR_SOURCE),
            ("ReplicationTargetVaultId", HBR_TARGET),
            ("ReplicationSourceRegionId", "cn-hangzhou"),
        ];
        let replicate = json!({"replicate": {"destination_project_id": REGION2, "destination_region": "region2", "destination_vault_id": REPLICA_VAULT}});
        let path = format!("/v3/{REGION1}/backups/{BACKUP}/replicate");
        let snapshot = json!({"SnapshotId": "snap-ckgjwkqh", "DestinationRegions": ["ap-beijing"]});
        let patience = Duration::from_millis(400);
        let replies = [
            tokio::time::timeout(patience, clouds.try_alibaba("CreateVaultReplication", &pair))
                .await
                .ok()
                .and_then(Result::ok),
            tokio::time::timeout(patience, clouds.try_huawei("POST", &path, &[], &replicate))
                .await
                .ok()
                .and_then(Result::ok),
            tokio::time::timeout(patience, clouds.try_tencent("CopySnapshotCrossRegions", "ap-guangzhou", &snapshot))
                .await
                .ok()
                .and_then(Result::ok),
        ];
        let statuses: Vec<Option<u16>> = replies.iter().map(|reply| reply.as_ref().map(|reply| reply.status)).collect();
        if kind == "throttle" {
            assert_eq!(statuses, [Some(400), Some(429), Some(200)]);
            let codes: Vec<String> = replies.iter().flatten().map(|reply| reply.refusal().1).collect();
            assert_eq!(codes, ["Throttling.User", "APIGW.0308", "RequestLimitExceeded"]);
        } else {
            assert_eq!(statuses, [seen; 3], "{kind}");
        }
        assert_eq!(clouds.copies().len(), if made { 3 } else { 0 }, "{kind}: {:?}", clouds.copies());
        if kind == "fail_later" {
            clouds.finish_copies().await;
            assert!(clouds.copies().iter().all(|(_, _, _, state, _)| state == "failed"), "{:?}", clouds.copies());
            let record =
                clouds.huawei("GET", &format!("/v3/{REGION1}/backups/{BACKUP}"), &[], Value::Null).await.json();
            assert_eq!(record["backup"]["replication_records"][0]["status"], "fail");
            let target = clouds.alibaba("DescribeVaults", &[("VaultId", HBR_TARGET)]).await.json();
            assert_eq!(target["Vaults"]["Vault"][0]["VaultStatusMessage"], "UNKNOWN_ERROR");
            assert_eq!(
                clouds.tencent("DescribeSnapshots", "ap-beijing", json!({})).await.json()["Response"]["TotalCount"],
                0
            );
        }
        clouds.simulators.stopped().await;
    }
}

#[tokio::test]
async fn a_reset_is_a_reset_and_not_an_orderly_end() {
    let clouds = Clouds::start(options()).await;
    clouds.fault(&clouds.simulators.tencent(), json!({"kind": "reset_before"})).await;
    let error = clouds.try_tencent("DescribeSnapshots", "ap-beijing", &json!({})).await.expect_err("no answer");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    clouds.simulators.stopped().await;
}

#[tokio::test]
async fn scripted_codes_partial_answers_and_matches_hit_what_they_name() {
    let clouds = Clouds::start(options()).await;
    let (alibaba, huawei, tencent) =
        (clouds.simulators.alibaba(), clouds.simulators.huawei(), clouds.simulators.tencent());
    clouds
        .fault(
            &alibaba,
            json!({"action": "CreateVaultReplication", "kind": "success_false", "code": "InternalError", "times": 1}),
        )
        .await;
    let reply = clouds.pair().await;
    assert_eq!(
        (reply.status, &reply.json()["Success"], &reply.json()["Code"]),
        (200, &json!(false), &json!("InternalError"))
    );
    clouds.fault(&huawei, json!({"action": "CopyBackup", "match": {"source": BACKUP}, "kind": "code", "code": "BackupService.6118", "message": "try later", "http_status": 400})).await;
    assert_eq!(
        clouds.copy_backup("7558e1a3-7046-4787-95cd-14b0ad0642a8", json!({})).await.status,
        200,
        "another source is not hit"
    );
    assert_eq!(clouds.copy_backup(BACKUP, json!({})).await.refusal(), (400, "BackupService.6118".to_owned()));
    clouds.fault(&huawei, json!({"action": "CopyCheckpoint", "kind": "partial"})).await;
    assert_eq!(
        clouds.copy_vault().await.json()["replication"]["backups"].as_array().map(Vec::len),
        Some(1),
        "two were left, one is left out"
    );
    clouds
        .fault(
            &tencent,
            json!({"match": {"region": "ap-shanghai"}, "kind": "partial", "code": "InsufficientSnapshotQuota"}),
        )
        .await;
    let results = clouds
        .copy_snapshot("snap-ckgjwkqh", &["ap-shanghai", "ap-beijing"])
        .await
        .json()["Response"]["SnapshotCopyResultSet"]
        .clone();
    assert_eq!((&results[0]["Code"], &results[0]["SnapshotId"]), (&json!("InsufficientSnapshotQuota"), &json!("")));
    assert_eq!(results[1]["Code"], "Success");
    clouds.admin(&tencent, "/_sim/faults", json!({"clear": true})).await;
    assert_eq!(
        clouds.copy_snapshot("snap-ckgjwkqh", &["ap-shanghai"]).await.json()["Response"]["SnapshotCopyResultSet"][0]["Code"],
        "Success"
    );

    let log = exchange(&tencent, "GET", "/_sim/log", &[], b"").await.expect("an answer").json();
    assert_eq!(
        (&log["requests"][0]["action"], &log["requests"][0]["source"]),
        (&json!("CopySnapshotCrossRegions"), &json!("snap-ckgjwkqh"))
    );
    assert!(!log.to_string().contains(&SimOptions::default().access_key_secret));
    let state = exchange(&tencent, "GET", "/_sim/state", &[], b"").await.expect("an answer").json();
    assert_eq!((&state["provider"], &state["calls"]["CopySnapshotCrossRegions"]), (&json!("tencent"), &json!(2)));
    clouds.simulators.stopped().await;
}

#[tokio::test]
async fn required_fields_and_limits_are_checked() {
    let clouds = Clouds::start(options()).await;
    let (source, target) = (("ReplicationSourceVaultId", HBR_SOURCE), ("ReplicationTargetVaultId", HBR_TARGET));
    /// Action, parameters, HTTP status, code.
    type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, u16, &'a str);
    let alibaba: [Case<'_>; 12] = [
        ("CreateVaultReplication", vec![target], 400, "MissingReplicationSourceVaultId"),
        ("CreateVaultReplication", vec![source], 400, "MissingReplicationTargetVaultId"),
        // The default source region is the one being called: the target's.
        ("CreateVaultReplication", vec![source, target], 404, "VaultNotExist"),
        ("CreateVaultReplication", vec![source, ("ReplicationTargetVaultId", HBR_SOURCE)], 400, "BadRequest"),
        ("DescribeVaults", vec![("PageSize", "101")], 400, "InvalidPageSize"),
        ("DescribeTask", vec![("TaskId", "t-unknown")], 404, "TaskNotFound"),
        ("DescribeBackupJobs2", vec![], 400, "MissingSourceType"),
        ("DescribeBackupJobs2", vec![("SourceType", "CONTAINER")], 400, "InvalidSourceType"),
        ("DescribeBackupJobs2", vec![("SourceType", "UDM_ECS_DISK")], 400, "MissingParentId"),
        ("DescribeBackupJobs2", vec![("SourceType", "COMMON_NAS")], 400, "MissingBackupType"),
        (
            "DescribeBackupJobs2",
            vec![("SourceType", "ECS_FILE"), ("Filters.1.Key", "CompleteTime"), ("Filters.1.Values.1", "1")],
            400,
            "InvalidFilters",
        ),
        ("NoSuchAction", vec![], 404, "InvalidApi.NotFound"),
    ];
    for (action, parameters, status, code) in alibaba {
        assert_eq!(
            clouds.alibaba(action, &parameters).await.refusal(),
            (status, code.to_owned()),
            "{action} {parameters:?}"
        );
    }
    let huawei = [
        (BACKUP, json!({"name": "with space"}), 400, "BackupService.9900"),
        (BACKUP, json!({"name": "x".repeat(65)}), 400, "BackupService.9900"),
        (BACKUP, json!({"description": "<b>"}), 400, "BackupService.9900"),
        (BACKUP, json!({"destination_region": null}), 400, "BackupService.9900"),
        (BACKUP, json!({"unknown": 1}), 400, "BackupService.9900"),
        (BACKUP, json!({"enable_acceleration": "no"}), 400, "BackupService.9900"),
        (BACKUP, json!({"destination_region": "nowhere"}), 400, "BackupService.1005"),
        (BACKUP, json!({"destination_project_id": REGION1}), 400, "BackupService.1011"),
        (BACKUP, json!({"destination_vault_id": SOURCE_VAULT}), 400, "BackupService.6120"),
        (BACKUP, json!({"destination_vault_id": "6b1f7a52-3f0c-4e0e-9a64-0d6f3b1a2c11"}), 400, "BackupService.6119"),
        ("00000000-0000-4000-a000-000000000000", json!({}), 404, "BackupService.6200"),
        ("5d822633-2bbf-4af8-a16e-5ab1c7705235", json!({}), 400, "BackupService.1003"),
        ("c0ffee00-2bbf-4af8-a16e-5ab1c7705236", json!({}), 400, "BackupService.1002"),
        ("b1c4afd9-e7a6-4888-9010-c2bac3aa7910", json!({}), 500, "BackupService.0002"),
    ];
    for (backup, changes, status, code) in huawei {
        assert_eq!(
            clouds.copy_backup(backup, changes.clone()).await.refusal(),
            (status, code.to_owned()),
            "{backup} {changes}"
        );
    }
    clouds.switch(&clouds.simulators.huawei(), json!({"acceleration_gated": true})).await;
    let gated = clouds.copy_backup(BACKUP, json!({"enable_acceleration": true})).await.json();
    assert!(gated["error_msg"].as_str().expect("a message").contains("invalid key enable_acceleration"));
    assert_eq!(clouds.huawei("GET", "/v3/x/nowhere", &[], Value::Null).await.refusal(), (404, "APIGW.0101".to_owned()));
    let tencent = [
        ("CopySnapshotCrossRegions", json!({"SnapshotId": "snap-ckgjwkqh"}), "MissingParameter"),
        ("CopySnapshotCrossRegions", json!({"DestinationRegions": ["ap-beijing"]}), "MissingParameter"),
        (
            "CopySnapshotCrossRegions",
            json!({"SnapshotId": "snap-ckgjwkqh", "DestinationRegions": "ap-beijing"}),
            "InvalidParameter",
        ),
        (
            "CopySnapshotCrossRegions",
            json!({"SnapshotId": "snap-ckgjwkqh", "DestinationRegions": ["ap-nowhere"]}),
            "InvalidParameterValue",
        ),
        (
            "CopySnapshotCrossRegions",
            json!({"SnapshotId": "snap-ckgjwkqh", "DestinationRegions": ["ap-beijing"], "SnapshotName": "x".repeat(61)}),
            "InvalidParameterValue",
        ),
        (
            "CopySnapshotCrossRegions",
            json!({"SnapshotId": "snap-ckgjwkqh", "DestinationRegions": ["ap-beijing"], "ClientToken": "x"}),
            "UnknownParameter",
        ),
        (
            "CopySnapshotCrossRegions",
            json!({"SnapshotId": "snap-00000000", "DestinationRegions": ["ap-beijing"]}),
            "InvalidSnapshotId.NotFound",
        ),
        (
            "CopySnapshotCrossRegions",
            json!({"SnapshotId": "snap-obgelzpb", "DestinationRegions": ["ap-beijing"]}),
            "UnsupportedOperation.SnapshotNotSupportCopy",
        ),
        (
            "CopySnapshotCrossRegions",
            json!({"SnapshotId": "snap-cr8at1ng", "DestinationRegions": ["ap-beijing"]}),
            "ResourceUnavailable.SnapshotCreating",
        ),
        ("DescribeSnapshots", json!({"Limit": 101}), "InvalidParameterValue"),
        ("DescribeSnapshots", json!({"Filters": [{"Name": "created-since", "Values": ["x"]}]}), "InvalidFilter"),
        (
            "DescribeSnapshots",
            json!({"SnapshotIds": ["snap-ckgjwkqh"], "Filters": [{"Name": "encrypt", "Values": ["true"]}]}),
            "InvalidParameter",
        ),
        ("NoSuchAction", json!({}), "InvalidAction"),
    ];
    for (action, body, code) in tencent {
        assert_eq!(
            clouds.tencent(action, "ap-guangzhou", body.clone()).await.refusal(),
            (200, code.to_owned()),
            "{action} {body}"
        );
    }
    assert_eq!(clouds.tencent("DescribeSnapshots", "nowhere", json!({})).await.refusal().1, "UnsupportedRegion");
    assert!(clouds.copies().is_empty());
    clouds.simulators.stopped().await;
}

#[tokio::test]
async fn in_any_source_mode_every_well_formed_source_can_be_copied_and_asking_twice_changes_nothing() {
    let clouds = Clouds::start(SimOptions { any_source: true, ..options() }).await;
    let region = json!({"destination_region": "cn-east-3", "destination_project_id": "11111111111111111111111111111111", "destination_vault_id": "22222222-2222-4222-a222-222222222222"});
    let project = "33333333333333333333333333333333";
    let vault = "44444444-4444-4444-a444-444444444444";
    let list = format!("/v3/{project}/backups");
    let held = clouds.huawei("GET", &list, &[("vault_id", vault)], Value::Null).await.json();
    assert_eq!(held["count"], 3);
    let mut whole = region.clone();
    whole["vault_id"] = json!(vault);
    let started = clouds
        .huawei("POST", &format!("/v3/{project}/checkpoints/replicate"), &[], json!({"replicate": whole}))
        .await
        .json();
    assert_eq!(started["replication"]["backups"].as_array().map(Vec::len), Some(3));
    let backup = "55555555-5555-4555-a555-555555555555";
    assert_eq!(
        clouds.huawei("POST", &format!("{list}/{backup}/replicate"), &[], json!({"replicate": region})).await.status,
        200
    );
    let item = "66666666-6666-4666-a666-666666666666";
    let item_path =
        format!("/v1/{project}/providers/fc4d5750-22e7-4798-8a46-f48f62c4c1da/checkpoint_items/{item}/replicate");
    let body = json!({"replication": {"destination_region": "cn-east-3", "destination_project_id": "11111111111111111111111111111111"}});
    assert_eq!(clouds.huawei("POST", &item_path, &[], body).await.status, 200);
    let pair = [
        ("ReplicationSourceVaultId", "v-anything0001"),
        ("ReplicationTargetVaultId", "r-anything0002"),
        ("ReplicationSourceRegionId", "cn-hangzhou"),
    ];
    let seen = clouds
        .alibaba("DescribeVaults", &[("VaultId", "r-anything0002"), ("VaultRegionId", "cn-shanghai")])
        .await
        .json();
    assert_eq!(seen["Vaults"]["Vault"][0]["Status"], "CREATED");
    assert_eq!(clouds.alibaba("CreateVaultReplication", &pair).await.json()["Success"], true);
    let copied = clouds.copy_snapshot("snap-anything1", &["ap-beijing"]).await.json();
    assert_eq!(copied["Response"]["SnapshotCopyResultSet"][0]["Code"], "Success");
    let wrong_region =
        clouds.tencent("DescribeSnapshots", "ap-tokyo", json!({"SnapshotIds": ["snap-anything1"]})).await.json();
    assert_eq!(wrong_region["Response"]["TotalCount"], 0, "a snapshot has one region");
    let mut operations: Vec<String> =
        clouds.copies().into_iter().map(|(operation, _, _, _, created)| format!("{operation} {created}")).collect();
    operations.dedup();
    assert_eq!(
        operations,
        [
            "create-vault-replication 1",
            "copy-backup 1",
            "copy-checkpoint 1",
            "copy-checkpoint-item 1",
            "copy-snapshot 1"
        ]
    );
    assert!(clouds.copies().iter().any(
        |(operation, _, destination, _, _)| operation == "create-vault-replication" && destination == "cn-shanghai"
    ));
    clouds.simulators.stopped().await;
}

#[tokio::test]
async fn admin_mistakes_are_named_and_change_nothing() {
    let clouds = Clouds::start(options()).await;
    let base = clouds.simulators.tencent();
    for (method, path, body, status, part) in [
        ("POST", "/_sim/faults", "{", 400, "not JSON"),
        ("POST", "/_sim/faults", r#"{"faults":[{"kind":"explode"}]}"#, 400, "explode"),
        ("POST", "/_sim/faults", r#"{"faults":[{"kind":"success_false"}]}"#, 400, "Alibaba"),
        ("POST", "/_sim/clock", r#"{"forward":1}"#, 400, "forward"),
        ("POST", "/_sim/clock", r#"{"set":"noon"}"#, 400, "RFC 3339"),
        ("POST", "/_sim/seed", r#"{"switches":{"name_filter":"fuzzy"}}"#, 400, "fuzzy"),
        ("POST", "/_sim/seed", r#"{"switches":{"no_such_switch":1}}"#, 400, "no_such_switch"),
        ("POST", "/_sim/seed", r#"{"snapshots":[{"snapshot_id":"disk-1","region":"ap-tokyo"}]}"#, 400, "disk-1"),
        ("POST", "/_sim/state", "{}", 405, "not allowed"),
        ("GET", "/_sim/nothing", "", 404, "/_sim/state"),
    ] {
        let reply = exchange(&base, method, path, &[], body.as_bytes()).await.expect("an answer");
        let error = reply.json()["error"].as_str().expect("an error").to_owned();
        assert_eq!(reply.status, status, "{path} {body}");
        assert!(error.contains(part), "{path} {body}: {error}");
    }
    clouds.simulators.stopped().await;
}

#[tokio::test]
async fn temporary_keys_of_the_simulated_sts_open_the_service_until_they_expire() {
    let mut clouds = Clouds::start(options()).await;
    let role = [
        ("RoleArn", "acs:ram::1000000000000001:role/offsite"),
        ("RoleSessionName", "offsite"),
        ("DurationSeconds", "900"),
    ];
    let issued = clouds.alibaba("AssumeRole", &role).await.json()["Credentials"].clone();
    let text = |key: &str| issued[key].as_str().expect(key).to_owned();
    clouds.credential = Credential {
        access_key_id: text("AccessKeyId"),
        access_key_secret: SecretString::from(text("AccessKeySecret")),
        security_token: Some(SecretString::from(text("SecurityToken"))),
    };
    assert_eq!(clouds.pair().await.status, 200);
    clouds.admin(&clouds.simulators.alibaba(), "/_sim/clock", json!({"advance_s": 901})).await;
    clouds.now = at("2026-11-21T08:45:01Z");
    assert_eq!(clouds.pair().await.refusal(), (400, "InvalidSecurityToken.Expired".to_owned()));
    clouds.simulators.stopped().await;
}

#[tokio::test]
async fn a_port_in_use_is_named_and_options_hide_the_secret() {
    let first = Clouds::start(options()).await;
    let taken: u16 = first.simulators.huawei().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let error =
        Simulators::start(SimOptions { port: Some(taken), ..options() }).await.err().expect("the port is taken");
    assert!(matches!(&error, SimError::Port { provider: "alibaba", port, .. } if *port == taken), "{error}");
    assert!(error.to_string().contains(&taken.to_string()));
    assert!(matches!(
        Simulators::start(SimOptions { port: Some(65_534), ..options() }).await.err(),
        Some(SimError::PortRange(65_534))
    ));
    assert!(!format!("{:?}", options()).contains("secret"));
    first.simulators.stopped().await;
}

#[tokio::test]
async fn switches_turn_what_the_references_call_unknown() {
    let clouds = Clouds::start(options()).await;
    let (alibaba, huawei) = (clouds.simulators.alibaba(), clouds.simulators.huawei());
    let shown = |reply: Reply| reply.json()["Vaults"]["Vault"].clone();
    clouds.switch(&alibaba, json!({"visibility_delay_s": 10.0, "loose_vault_id_filter": true})).await;
    clouds.pair().await;
    let vaults = shown(clouds.alibaba("DescribeVaults", &[("VaultId", HBR_TARGET)]).await);
    assert_ne!(vaults[0]["VaultId"], HBR_TARGET, "another vault comes first");
    assert_eq!((&vaults[1]["VaultId"], &vaults[1]["ReplicationSourceVaultId"]), (&json!(HBR_TARGET), &Value::Null));
    clouds.finish_copies().await;
    let vaults = shown(clouds.alibaba("DescribeVaults", &[("VaultId", HBR_TARGET)]).await);
    assert_eq!(vaults[1]["ReplicationSourceVaultId"], HBR_SOURCE);
    clouds.switch(&alibaba, json!({"existing_pair": "accept"})).await;
    assert_eq!(clouds.pair().await.json()["Success"], true);
    assert_eq!(clouds.copies()[0].4, 2, "an accepted repetition is counted");
    clouds.switch(&alibaba, json!({"existing_pair": "vault_status"})).await;
    let conflict = [
        ("ReplicationSourceVaultId", HBR_SOURCE),
        ("ReplicationTargetVaultId", "v-0002zz9y8x7w6v5u4t3s"),
        ("ReplicationSourceRegionId", "cn-hangzhou"),
    ];
    let task = clouds.alibaba("CreateVaultReplication", &conflict).await.json()["TaskId"].clone();
    let task = clouds.alibaba("DescribeTask", &[("TaskId", task.as_str().expect("a task"))]).await.json();
    assert_eq!(task["Progress"], -1);
    let target = shown(clouds.alibaba("DescribeVaults", &[("VaultRegionId", "cn-beijing")]).await);
    assert_eq!(target[0]["VaultStatusMessage"], "SOURCE_VAULT_ALREADY_HAS_REPLICATION");

    clouds.switch(&huawei, json!({"record_visible_delay_s": 10.0})).await;
    assert_eq!(clouds.copy_backup(BACKUP, json!({})).await.status, 200);
    let path = format!("/v3/{REGION1}/backups/{BACKUP}");
    let records = |reply: Reply| reply.json()["backup"]["replication_records"].clone();
    assert_eq!(records(clouds.huawei("GET", &path, &[], Value::Null).await), json!([]));
    assert_eq!(
        clouds.copy_backup(BACKUP, json!({})).await.refusal().1,
        "BackupService.1009",
        "refused before it is visible"
    );
    clouds.finish_copies().await;
    assert_eq!(records(clouds.huawei("GET", &path, &[], Value::Null).await)[0]["status"], "success");
    clouds.switch(&huawei, json!({"show_backup_records": false})).await;
    assert_eq!(records(clouds.huawei("GET", &path, &[], Value::Null).await), Value::Null);
    clouds.simulators.stopped().await;
}
