//! Inventories and verdicts against the simulators: what is listed, page by page, equals what was seeded, exactly.

#![allow(clippy::unwrap_used)] // The lint's exception knows test functions only, not their helpers.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_shared::exchange;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::ledger::limits::ObservationTimes;
use offsite_shared::model::access::Access;
use offsite_shared::model::backup::{Backup, CopyState, DestinationCopy, Eligibility, best};
use offsite_shared::model::command::{Destination, Operation, Options, Replication, Source};
use offsite_shared::model::failure::Failure;
use offsite_shared::model::http::{HttpRequest, Reply};
use offsite_shared::ports::Transport;
use offsite_shared::providers::alibaba::Alibaba;
use offsite_shared::providers::alibaba::inventory::read_pair;
use offsite_shared::providers::asked::over;
use offsite_shared::providers::call::{Call, Service};
use offsite_shared::providers::huawei::Huawei;
use offsite_shared::providers::inventory::{Cursor, Inventory, InventoryQuery, Pairing, VaultPair};
use offsite_shared::providers::provider::{AttemptContext, Provider};
use offsite_shared::providers::tencent::Tencent;
use offsite_shared::sign::{Credential, Nonce};
use offsite_shared::sweep::pair::view;
use offsite_shared::sweep::verdict::{DestinationView, Judgement, Proof, judge};
use offsite_simulators::{SimOptions, Simulators};
use secrecy::SecretString;
use serde_json::{Value, json};

const START: &str = "2026-11-21T08:30:00Z";

/// The simulators, and a caller that signs what the providers plan.
struct Estate {
    simulators: Simulators,
    transport: HttpTransport,
    access: Access,
    start: Timestamp,
    sent: Cell<u32>,
}

impl Estate {
    async fn start() -> Estate {
        let start: Timestamp = START.parse().unwrap();
        let options = SimOptions { start: Some(start), ..SimOptions::default() };
        let credential = Credential {
            access_key_id: options.access_key_id.clone(),
            access_key_secret: SecretString::from(options.access_key_secret.clone()),
            security_token: None,
        };
        Estate {
            simulators: Simulators::start(options).await.unwrap(),
            transport: HttpTransport::new(Duration::from_secs(5)).unwrap(),
            access: Access::Key(credential.into()),
            start,
            sent: Cell::new(0),
        }
    }

    fn base(&self, service: Service) -> String {
        match service {
            Service::Hbr => self.simulators.alibaba(),
            Service::Cbs => self.simulators.tencent(),
            _ => self.simulators.huawei(),
        }
    }

    async fn send(&self, request: HttpRequest) -> Reply {
        self.transport.send(request).await.unwrap()
    }

    async fn ask(&self, provider: &dyn Provider, call: &Call) -> Reply {
        self.sent.set(self.sent.get() + 1);
        let base = self.base(call.service);
        let mut draft = call.draft.clone();
        draft.host = base.replace("http://", "");
        let nonce = Nonce(format!("{:032x}", self.sent.get()));
        let signed = provider.sign(call, draft, &self.access, self.start, &nonce).unwrap();
        let request = HttpRequest {
            manner: Default::default(),
            method: call.draft.method.clone(),
            url: format!("{base}{}", signed.path_and_query),
            headers: signed.headers,
            body: call.draft.body.clone(),
            timeout: Duration::from_secs(30),
        };
        self.send(request).await
    }

    async fn admin(&self, service: Service, path: &str, body: Value) {
        let request = HttpRequest {
            manner: Default::default(),
            method: "POST".to_owned(),
            url: format!("{}/_sim/{path}", self.base(service)),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
            timeout: Duration::from_secs(30),
        };
        let reply = self.send(request).await;
        assert_eq!(reply.status, 200, "{path}: {}", String::from_utf8_lossy(&reply.body));
    }

    async fn seed(&self, service: Service, body: Value) {
        self.admin(service, "seed", body).await;
    }

    async fn advance(&self, seconds: u32) {
        self.admin(Service::Cbs, "clock", json!({"advance_s": seconds, "keep_signature_clock": true})).await;
    }

    /// Starts a copy as the product does, and gives its ID.
    async fn copy(&self, provider: &dyn Provider, replication: &Replication, attempt: u32) -> Option<String> {
        let intent = AttemptContext { attempt, since: self.start, doubt: false };
        let call = provider.start(replication, &intent);
        let reply = self.ask(provider, &call).await;
        let accepted = provider.started(replication, &reply).unwrap();
        accepted.receipts.into_iter().next().unwrap().replication_id
    }

    /// Reads a source to its end. `disturb` names, after each page, what is deleted before the next one is read.
    async fn list<P: Provider + Inventory>(
        &self,
        provider: &P,
        scope: &InventoryQuery,
        mut disturb: impl FnMut(&[Backup]) -> Vec<String>,
    ) -> Listed {
        let mut listed = Listed::default();
        let mut cursor: Option<Cursor> = None;
        loop {
            let call = provider.list(scope, cursor.as_ref());
            let reply = self.ask(provider, &call).await;
            assert!(provider.refused(&call, &reply).is_none(), "{}", String::from_utf8_lossy(&reply.body));
            let page = provider.listed(scope, cursor.as_ref(), &reply).unwrap();
            listed.pages += 1;
            listed.total = listed.total.max(page.total);
            let gone = disturb(&page.backups);
            if !gone.is_empty() {
                self.seed(call.service, json!({"remove": gone})).await;
            }
            for backup in page.backups {
                listed.repeats += u32::from(listed.backups.insert(backup.id.clone(), backup).is_some());
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return listed,
            }
        }
    }

    async fn copies<P: Provider + Inventory>(
        &self,
        provider: &P,
        destination: &InventoryQuery,
    ) -> Vec<DestinationCopy> {
        let mut copies = BTreeMap::new();
        let mut cursor: Option<Cursor> = None;
        loop {
            let call = provider.list_copies(destination, cursor.as_ref()).unwrap();
            let reply = self.ask(provider, &call).await;
            let page = provider.listed_copies(destination, cursor.as_ref(), &reply).unwrap();
            copies.extend(page.copies.into_iter().map(|copy| (copy.id.clone(), copy)));
            match page.next {
                Some(next) => cursor = Some(next),
                None => return copies.into_values().collect(),
            }
        }
    }
}

#[derive(Default)]
struct Listed {
    backups: BTreeMap<String, Backup>,
    pages: u32,
    repeats: u32,
    total: Option<u64>,
}

impl Listed {
    fn ids(&self) -> BTreeSet<&str> {
        self.backups.keys().map(String::as_str).collect()
    }
}

fn undisturbed(_: &[Backup]) -> Vec<String> {
    Vec::new()
}

fn scope(operation: Operation, region: &str, project: Option<&str>, vault: Option<&str>) -> InventoryQuery {
    InventoryQuery {
        operation,
        region: region.to_owned(),
        project_id: project.map(str::to_owned),
        vault_id: vault.map(str::to_owned),
        name_prefix: None,
        since: None,
        source_types: Vec::new(),
    }
}

fn minutes(count: u32) -> SignedDuration {
    SignedDuration::from_mins(i64::from(count))
}

/// What the test knows of a backup, in one word for each kind.
fn kind(backup: &Backup) -> &'static str {
    match &backup.eligibility {
        Eligibility::Usable => "usable",
        Eligibility::NotReady(_) => "not ready",
        Eligibility::Ineligible(_) => "ineligible",
        Eligibility::NotCovered(_) => "not covered",
    }
}

fn word(verdict: &Judgement) -> &'static str {
    match verdict {
        Judgement::Replicated { proof: Proof::Observed, .. } => "observed",
        Judgement::Replicated { proof: Proof::Inferred, .. } => "inferred",
        Judgement::InProgress => "in progress",
        Judgement::Missing => "missing",
        Judgement::Ineligible(_) => "ineligible",
        Judgement::Failed(_) => "failed",
        Judgement::Refused(_) => "refused",
        Judgement::GivenUp(_) => "given up",
        Judgement::Ended(_) => "ended",
        Judgement::Unknown => "unknown",
        Judgement::Lost(_) => "lost",
        Judgement::InDoubt => "in doubt",
        Judgement::NotReady(_) => "not ready",
    }
}

// Tencent

const SNAPSHOTS: u32 = 330;
const NANJING: &str = "ap-nanjing";
const BEIJING: &str = "ap-beijing";

fn snapshot_id(n: u32) -> String {
    format!("snap-web{n:05}")
}

fn snapshot_kind(n: u32) -> &'static str {
    match n {
        n if n % 29 == 11 => "shared",
        n if n % 17 == 5 => "not covered",
        n if n % 23 == 7 => "not ready",
        _ => "usable",
    }
}

/// One a minute, the first the youngest, of many kinds.
fn snapshots(start: Timestamp) -> Vec<Value> {
    let one = |n: u32| {
        let mut one = json!({
            "snapshot_id": snapshot_id(n), "region": NANJING, "name": format!("web-{n}"), "disk_id": format!("disk-{}", n % 7),
            "created": (start - minutes(n)).to_string(),
            "disk_usage": if n % 10 == 3 { "SYSTEM_DISK" } else { "DATA_DISK" },
            "encrypt": n % 10 == 5, "instant": n % 10 == 7,
            "shared": snapshot_kind(n) == "shared", "copy_from_remote": snapshot_kind(n) == "not covered",
        });
        if snapshot_kind(n) == "not ready" {
            one["creating_s"] = json!(36_000);
        }
        one
    };
    (0..SNAPSHOTS).map(one).collect()
}

fn snapshot_copy(n: u32) -> Replication {
    Replication {
        operation: Operation::CopySnapshot,
        account: "default".to_owned(),
        source: Source { region: NANJING.to_owned(), project_id: None, id: snapshot_id(n) },
        destination: Destination { region: BEIJING.to_owned(), project_id: None, vault_id: None },
        options: Options::default(),
        occurrence: None,
        rule: None,
    }
}

#[tokio::test]
async fn tencent_s_snapshots_are_all_seen_while_others_come_and_go() {
    let estate = Estate::start().await;
    estate.seed(Service::Cbs, json!({"snapshots": snapshots(estate.start)})).await;
    let truth: BTreeMap<String, u32> =
        (0..SNAPSHOTS).filter(|n| snapshot_kind(*n) != "shared").map(|n| (snapshot_id(n), n)).collect();
    let scope = scope(Operation::CopySnapshot, NANJING, None, None);
    // Nine of each page vanish once they have been seen: the next page shifts by nine.
    let vanish = |page: &[Backup]| page.iter().step_by(11).take(9).map(|backup| backup.id.clone()).collect();
    let listed = estate.list(&Tencent, &scope, vanish).await;
    assert_eq!(listed.ids(), truth.keys().map(String::as_str).collect());
    assert!(listed.repeats > 0 && listed.total == Some(truth.len() as u64));
    for (id, n) in &truth {
        let backup = &listed.backups[id];
        assert_eq!(kind(backup), snapshot_kind(*n), "{id}");
        assert_eq!(backup.created_at, Some(estate.start - minutes(*n)), "{id}");
        assert_eq!(backup.name.as_deref(), Some(format!("web-{n}").as_str()));
        let disk = format!("disk-{}", n % 7);
        assert_eq!(backup.resource.as_deref(), (snapshot_kind(*n) != "not covered").then_some(disk.as_str()), "{id}");
        let hint = match n % 10 {
            3 => Some("system disk"),
            5 => Some("encrypted"),
            7 => Some("instant snapshot"),
            _ => None,
        };
        assert_eq!(backup.hint.as_deref(), hint, "{id}");
    }
    estate.simulators.stopped().await;
}

#[tokio::test]
async fn tencent_s_listing_ends_at_the_age_asked_for_and_new_snapshots_only_repeat_others() {
    let estate = Estate::start().await;
    estate.seed(Service::Cbs, json!({"snapshots": snapshots(estate.start)})).await;
    let young = InventoryQuery {
        since: Some(estate.start - minutes(120)),
        ..scope(Operation::CopySnapshot, NANJING, None, None)
    };
    let listed = estate.list(&Tencent, &young, undisturbed).await;
    let missed = (0..=120).filter(|n| snapshot_kind(*n) != "shared" && !listed.backups.contains_key(&snapshot_id(*n)));
    assert_eq!(missed.collect::<Vec<u32>>(), Vec::<u32>::new());
    assert_eq!(listed.pages, 3, "the third page is the first of which all is too old");

    // Five new ones between the first page and the second: five more repeats, and nothing missed.
    let whole = InventoryQuery { since: None, ..young };
    let first = Tencent.list(&whole, None);
    let reply = estate.ask(&Tencent, &first).await;
    let page = Tencent.listed(&whole, None, &reply).unwrap();
    let fresh: Vec<Value> =
        (0..5).map(|n| json!({"snapshot_id": format!("snap-fresh{n:03}"), "region": NANJING})).collect();
    estate.seed(Service::Cbs, json!({"snapshots": fresh})).await;
    let reply = estate.ask(&Tencent, &Tencent.list(&whole, page.next.as_ref())).await;
    let second = Tencent.listed(&whole, page.next.as_ref(), &reply).unwrap();
    let seen: BTreeSet<_> = page.backups.iter().map(|backup| &backup.id).collect();
    assert_eq!(second.backups.iter().filter(|backup| seen.contains(&backup.id)).count(), 15);
    estate.simulators.stopped().await;
}

#[tokio::test]
async fn tencent_s_verdicts_equal_what_was_done() {
    let estate = Estate::start().await;
    let switches = json!({"copy_duration_s": 600, "name_filter": "substring"});
    estate.seed(Service::Cbs, json!({"snapshots": snapshots(estate.start), "switches": switches})).await;
    let plain: Vec<u32> = (0..SNAPSHOTS).filter(|n| snapshot_kind(*n) == "usable").collect();
    let of = |digit: u32| plain.iter().copied().filter(move |n| n % 10 == digit);
    let mut wanted: BTreeMap<String, &str> = (0..SNAPSHOTS)
        .filter(|n| snapshot_kind(*n) != "shared")
        .map(|n| (snapshot_id(n), untouched(snapshot_kind(n))))
        .collect();
    let mut ids: HashMap<String, String> = HashMap::new();
    // Finished copies of ours, of a second attempt for some; copies made before us, with the provider's name.
    for n in of(1) {
        ids.insert(snapshot_id(n), estate.copy(&Tencent, &snapshot_copy(n), 1 + n % 3).await.unwrap());
        wanted.insert(snapshot_id(n), "observed");
    }
    let remote = |id: String, name: String| json!({"snapshot_id": id, "region": BEIJING, "name": name, "copy_from_remote": true});
    let older = of(4).map(|n| remote(format!("snap-old{n:05}"), format!("Copied {} from {NANJING}", snapshot_id(n))));
    estate.seed(Service::Cbs, json!({"snapshots": older.collect::<Vec<_>>()})).await;
    for n in of(4) {
        ids.insert(snapshot_id(n), format!("snap-old{n:05}"));
        wanted.insert(snapshot_id(n), "observed");
    }
    // What only looks like a copy: other names, another source region, and snapshots of that name that are none.
    let mut decoys = Vec::new();
    for n in of(2) {
        let id = snapshot_id(n);
        decoys.push(remote(format!("snap-dec{n:05}a"), format!("offsite-{id}-{NANJING}-kept")));
        decoys.push(remote(format!("snap-dec{n:05}b"), format!("Copied {id} from ap-tokyo")));
        decoys.push(json!({"snapshot_id": format!("snap-dec{n:05}c"), "region": BEIJING, "name": format!("offsite-{id}-{NANJING}")}));
    }
    estate.seed(Service::Cbs, json!({"snapshots": decoys})).await;
    estate.advance(900).await;
    // Running ones, and one that fails when it is due: it disappears, as there is no failed state.
    for n in of(6) {
        ids.insert(snapshot_id(n), estate.copy(&Tencent, &snapshot_copy(n), 1).await.unwrap());
        wanted.insert(snapshot_id(n), "in progress");
    }
    let lost = of(1).next().unwrap();
    estate.seed(Service::Cbs, json!({"remove": [ids[&snapshot_id(lost)]]})).await;
    wanted.insert(snapshot_id(lost), "missing");

    let listed = estate.list(&Tencent, &scope(Operation::CopySnapshot, NANJING, None, None), undisturbed).await;
    let before = estate.sent.get();
    let copies = estate.copies(&Tencent, &scope(Operation::CopySnapshot, BEIJING, None, None)).await;
    assert!(estate.sent.get() - before <= 4, "a page for each ninety snapshots, not a read for each backup");
    let mut named: HashMap<&str, Vec<&DestinationCopy>> = HashMap::new();
    for copy in &copies {
        named.entry(copy.name.as_deref().unwrap()).or_default().push(copy);
    }
    let destination = snapshot_copy(0).destination;
    let mut found = BTreeMap::new();
    for (id, backup) in &listed.backups {
        let names = [format!("offsite-{id}-{NANJING}"), format!("Copied {id} from {NANJING}")];
        let copy = best(names.iter().filter_map(|name| named.get(name.as_str())).flatten().copied());
        let verdict = judge(
            backup,
            &destination,
            None,
            &DestinationView::of_listing(copy),
            &ObservationTimes::default(),
            estate.start,
        );
        if let Judgement::Replicated { id: copy_id, .. } = &verdict {
            assert_eq!(copy_id.as_ref(), ids.get(id), "{id}");
        }
        if word(&verdict) == "in progress" {
            assert_eq!(backup.copy_to(&destination).map(|copy| copy.state), Some(CopyState::Running), "{id}");
        }
        found.insert(id.clone(), word(&verdict));
    }
    assert_eq!(found, wanted);
    estate.simulators.stopped().await;
}

// Huawei

const REGION1: &str = "4229d7a45436489f8c3dc2b1d35d4987";
const REGION2: &str = "68589cac08274b82b4e254268a3862d8";
const REPLICA_VAULT: &str = "0ca3eb86-8800-46da-9c37-9d657a825274";
const FLEET_VAULT: &str = "11111111-f29c-4172-9d9a-76c719a659ce";
const BACKUPS: u32 = 260;

fn uuid(kind: u32, n: u32) -> String {
    format!("{kind:08x}-0000-4000-8000-{n:012x}")
}

fn is_replica(n: u32) -> bool {
    n % 31 == 9
}

/// What nothing was done for yet.
fn untouched(kind: &'static str) -> &'static str {
    match kind {
        "usable" => "missing",
        "not covered" => "ineligible",
        other => other,
    }
}

fn backup_kind(n: u32) -> &'static str {
    match n {
        n if is_replica(n) || n % 41 == 6 => "not covered",
        n if [5, 8].contains(&(n % 17)) => "ineligible",
        n if n % 23 == 7 => "not ready",
        _ => "usable",
    }
}

fn backups(start: Timestamp) -> Vec<Value> {
    let one = |n: u32| {
        let status = match n {
            n if n % 41 == 6 => "error",
            n if n % 23 == 7 => "protecting",
            _ => "available",
        };
        json!({
            "id": uuid(1, n), "project_id": REGION1, "vault_id": FLEET_VAULT, "name": format!("fleet-{n}"), "status": status,
            "image_type": if is_replica(n) { "replication" } else if n % 3 == 1 { "sync" } else { "backup" },
            "resource_type": if n % 17 == 5 { "OS::Cinder::Volume" } else { "OS::Nova::Server" },
            "contain_system_disk": n % 17 != 8, "created": (start - minutes(n)).to_string(),
        })
    };
    (0..BACKUPS).map(one).collect()
}

fn backup_copy(n: u32) -> Replication {
    Replication {
        operation: Operation::CopyBackup,
        account: "default".to_owned(),
        source: Source { region: "region1".to_owned(), project_id: Some(REGION1.to_owned()), id: uuid(1, n) },
        destination: Destination {
            region: "region2".to_owned(),
            project_id: Some(REGION2.to_owned()),
            vault_id: Some(REPLICA_VAULT.to_owned()),
        },
        options: Options::default(),
        occurrence: None,
        rule: None,
    }
}

fn fleet() -> InventoryQuery {
    scope(Operation::CopyBackup, "region1", Some(REGION1), Some(FLEET_VAULT))
}

async fn huawei_estate(switches: Value) -> Estate {
    let estate = Estate::start().await;
    let vaults = [json!({"id": FLEET_VAULT, "project_id": REGION1})];
    let body = json!({"vaults": vaults, "backups": backups(estate.start), "switches": switches});
    estate.seed(Service::Cbr, body).await;
    estate
}

#[tokio::test]
async fn huawei_s_backups_are_all_seen_while_others_go() {
    let estate = huawei_estate(json!({})).await;
    let truth: BTreeMap<String, u32> = (0..BACKUPS).map(|n| (uuid(1, n), n)).collect();
    let vanish = |page: &[Backup]| page.iter().step_by(11).take(9).map(|backup| backup.id.clone()).collect();
    let listed = estate.list(&Huawei, &fleet(), vanish).await;
    assert_eq!(listed.ids(), truth.keys().map(String::as_str).collect(), "no other vault's, and every kind");
    for (id, n) in &truth {
        let backup = &listed.backups[id];
        assert_eq!(kind(backup), backup_kind(*n), "{id}");
        assert_eq!(backup.created_at, Some(estate.start - minutes(*n)), "{id}");
        assert_eq!((backup.vault_id.as_deref(), backup.copies_told), (Some(FLEET_VAULT), true), "{id}");
    }
    estate.simulators.stopped().await;
    let estate = huawei_estate(json!({"show_backup_records": false})).await;
    let since = estate.start - minutes(99);
    let listed = estate.list(&Huawei, &InventoryQuery { since: Some(since), ..fleet() }, undisturbed).await;
    let young: BTreeSet<String> = truth.into_iter().filter(|(_, n)| *n <= 99).map(|(id, _)| id).collect();
    assert_eq!(listed.ids(), young.iter().map(String::as_str).collect());
    assert!(listed.backups.values().all(|backup| !backup.copies_told), "a partner cloud tells of no records");
    estate.simulators.stopped().await;
}

#[tokio::test]
async fn huawei_s_verdicts_equal_what_was_done() {
    let estate = huawei_estate(json!({"copy_duration_s": 600})).await;
    let of = |digit: u32| (0..BACKUPS).filter(move |n| backup_kind(*n) == "usable" && n % 10 == digit);
    let mut wanted: BTreeMap<String, &str> = (0..BACKUPS).map(|n| (uuid(1, n), untouched(backup_kind(n)))).collect();
    for n in of(1) {
        estate.copy(&Huawei, &backup_copy(n), 1).await.unwrap();
        wanted.insert(uuid(1, n), "observed");
    }
    estate.admin(Service::Cbr, "faults", json!({"faults": [{"action": "CopyBackup", "kind": "fail_later"}]})).await;
    for n in of(2).chain(of(3)) {
        estate.copy(&Huawei, &backup_copy(n), 1).await.unwrap();
        wanted.insert(uuid(1, n), "failed");
    }
    estate.admin(Service::Cbr, "faults", json!({"clear": true})).await;
    estate.advance(900).await;
    // A second attempt after a failure, which still runs: the newer record counts. And first attempts that run.
    for n in of(3).chain(of(6)) {
        estate.copy(&Huawei, &backup_copy(n), 2).await.unwrap();
        wanted.insert(uuid(1, n), "in progress");
    }
    let listed = estate.list(&Huawei, &fleet(), undisturbed).await;
    let destination = backup_copy(0).destination;
    let there = scope(Operation::CopyBackup, "region2", Some(REGION2), None);
    let verdicts = |copies: Option<Vec<DestinationCopy>>| {
        let judged = listed.backups.iter().map(|(id, backup)| {
            let copy_id = backup.copy_to(&destination).and_then(|copy| copy.copy_id.as_ref());
            let view = copies.as_ref().map_or(DestinationView::Untried, |copies| {
                DestinationView::of_listing(copies.iter().find(|copy| Some(&copy.id) == copy_id))
            });
            (id.clone(), word(&judge(backup, &destination, None, &view, &ObservationTimes::default(), estate.start)))
        });
        judged.collect::<BTreeMap<_, _>>()
    };
    assert_eq!(verdicts(Some(estate.copies(&Huawei, &there).await)), wanted);
    let unseen = wanted.iter().map(|(id, word)| (id.clone(), if *word == "observed" { "inferred" } else { *word }));
    assert_eq!(verdicts(None), unseen.collect(), "the source's record alone proves less");
    // A replica that is gone in the destination is no copy, whatever the record at the source says.
    let lost = uuid(1, of(1).next().unwrap());
    let replica = listed.backups[&lost].copies[0].copy_id.clone().unwrap();
    estate.seed(Service::Cbr, json!({"remove": [replica]})).await;
    wanted.insert(lost, "in progress");
    assert_eq!(verdicts(Some(estate.copies(&Huawei, &there).await)), wanted);
    estate.simulators.stopped().await;
}

#[tokio::test]
async fn csbs_items_have_an_inventory_of_their_own() {
    const SOURCE: &str = "4800fde9-66f8-4458-b805-4c01066b9568";
    const TARGET: &str = "e0b97bac-532c-4c51-96fa-4b3a32253be4";
    let estate = Estate::start().await;
    let item = |n: u32| {
        json!({
            "id": uuid(2, n), "project_id": SOURCE, "name": format!("legacy-{n}"), "created": (estate.start - minutes(n)).to_string(),
            "status": if n % 13 == 4 { "protecting" } else { "available" },
            "image_type": if n % 19 == 6 { "replication" } else { "backup" },
        })
    };
    let items: Vec<Value> = (0..150).map(item).collect();
    // What the default inventory has there would be in the way.
    let others = ["c4dfa74c-7e60-4361-86b9-9a3250115ed6", "bd3c8a42-7dd4-4400-b091-2777c51a5c9a"];
    estate.seed(Service::Csbs, json!({"checkpoint_items": items, "remove": others})).await;
    let replication = |n: u32| Replication {
        operation: Operation::CopyCheckpointItem,
        source: Source { region: "cn-north-1".to_owned(), project_id: Some(SOURCE.to_owned()), id: uuid(2, n) },
        destination: Destination {
            region: "cn-east-2".to_owned(),
            project_id: Some(TARGET.to_owned()),
            vault_id: None,
        },
        ..backup_copy(n)
    };
    let mut wanted: BTreeMap<String, &str> = (0..150)
        .filter(|n| n % 19 != 6)
        .map(|n| (uuid(2, n), if n % 13 == 4 { "not ready" } else { "missing" }))
        .collect();
    for n in (0..150).filter(|n| n % 19 != 6 && n % 13 != 4 && n % 10 == 1) {
        estate.copy(&Huawei, &replication(n), 1).await.unwrap();
        wanted.insert(uuid(2, n), "observed");
    }
    estate.advance(60).await;
    let vanish = |page: &[Backup]| page.iter().step_by(11).take(9).map(|backup| backup.id.clone()).collect();
    let here = scope(Operation::CopyCheckpointItem, "cn-north-1", Some(SOURCE), None);
    let listed = estate.list(&Huawei, &here, vanish).await;
    let there = scope(Operation::CopyCheckpointItem, "cn-east-2", Some(TARGET), None);
    let copies = estate.copies(&Huawei, &there).await;
    let destination = replication(0).destination;
    let judged = listed.backups.iter().map(|(id, backup)| {
        let copy_id = backup.copy_to(&destination).and_then(|copy| copy.copy_id.as_ref());
        let view = DestinationView::of_listing(copies.iter().find(|copy| Some(&copy.id) == copy_id));
        (id.clone(), word(&judge(backup, &destination, None, &view, &ObservationTimes::default(), estate.start)))
    });
    assert_eq!(judged.collect::<BTreeMap<_, _>>(), wanted);
    estate.simulators.stopped().await;
}

// Alibaba

const HBR_SOURCE: &str = "v-0003rf9m17pap3ltpqx5";
const HBR_TARGET: &str = "v-000bj2yk5r6zmm1q7d2c";
const JOBS: u32 = 400;

fn job_type(n: u32) -> &'static str {
    match n {
        n if n % 2 == 0 => "ECS_FILE",
        n if n % 9 == 1 => "UDM_ECS",
        n if n % 7 == 1 => "COMMON_NAS",
        n if n % 25 == 5 => "CONTAINER",
        n if n % 25 == 7 => "UDM_ECS_DISK",
        _ => "NAS",
    }
}

fn job_status(n: u32) -> &'static str {
    match n {
        n if n % 13 == 4 => "FAILED",
        n if n % 17 == 6 => "RUNNING",
        n if n % 11 == 3 => "PARTIAL_COMPLETE",
        _ => "COMPLETE",
    }
}

/// Whether it is a finished backup of the vault, and of a kind that can be listed.
fn is_listed_job(n: u32) -> bool {
    let is_hidden = Alibaba
        .hidden_kinds(&scope(Operation::CreateVaultReplication, "cn-hangzhou", None, None))
        .iter()
        .any(|kind| kind.name == job_type(n));
    !is_hidden && n % 37 != 5 && matches!(job_status(n), "COMPLETE" | "PARTIAL_COMPLETE")
}

fn job_id(n: u32) -> String {
    format!("job-fleet{n:05}")
}

/// A job finishes every minute, each after ten minutes; some are of another vault.
async fn alibaba_estate() -> Estate {
    let estate = Estate::start().await;
    let vault = |n: u32| if n % 37 == 5 { "v-0001aa2b3c4d5e6f7g8h" } else { HBR_SOURCE };
    let job = |n: u32| {
        json!({
            "job_id": job_id(n), "vault_id": vault(n), "source_type": job_type(n), "status": job_status(n), "instance_id": format!("i-{}", n % 5),
            "created": (estate.start - minutes(n + 10)).to_string(), "completed": (estate.start - minutes(n)).to_string(),
        })
    };
    let jobs: Vec<Value> = (0..JOBS).map(job).collect();
    let others = ["job-000g1simulated0001", "job-000g1simulated0002", "job-000g1simulated0003"];
    estate.seed(Service::Hbr, json!({"jobs": jobs, "remove": others})).await;
    estate
}

fn vault_pair() -> Replication {
    Replication {
        operation: Operation::CreateVaultReplication,
        account: "default".to_owned(),
        source: Source { region: "cn-hangzhou".to_owned(), project_id: None, id: HBR_SOURCE.to_owned() },
        destination: Destination {
            region: "cn-shanghai".to_owned(),
            project_id: None,
            vault_id: Some(HBR_TARGET.to_owned()),
        },
        options: Options::default(),
        occurrence: None,
        rule: None,
    }
}

impl Estate {
    async fn pair(&self) -> VaultPair {
        let says = |replies: &[Reply]| read_pair(&vault_pair(), replies);
        let answer = |call| async move { Ok::<_, Failure>(self.ask(&Alibaba, &call).await) };
        exchange::ask_on(over(says), answer).await.unwrap()
    }
}

#[tokio::test]
async fn alibaba_s_jobs_are_all_seen_type_by_type() {
    let estate = alibaba_estate().await;
    let mut truth: BTreeMap<String, u32> = (0..JOBS).filter(|n| is_listed_job(*n)).map(|n| (job_id(n), n)).collect();
    let here = scope(Operation::CreateVaultReplication, "cn-hangzhou", None, Some(HBR_SOURCE));
    // What expires is old, so it shifts nothing: the oldest job goes while a page before its own is read.
    let expired = (0..JOBS).rev().find(|n| is_listed_job(*n) && job_type(*n) == "ECS_FILE").map(job_id).unwrap();
    let expire = |page: &[Backup]| if page.len() == 99 { vec![expired.clone()] } else { Vec::new() };
    let listed = estate.list(&Alibaba, &here, expire).await;
    assert!(truth.remove(&expired).is_some());
    assert_eq!(listed.ids(), truth.keys().map(String::as_str).collect());
    assert_eq!(listed.pages, 9, "two of ECS_FILE and NAS, one of each other type");
    for (id, n) in &truth {
        let job = &listed.backups[id];
        assert_eq!(kind(job), if job_type(*n) == "UDM_ECS" { "ineligible" } else { "usable" }, "{id}");
        assert_eq!(job.completed_at, Some(estate.start - minutes(*n)), "{id}");
        assert_eq!(job.created_at, Some(estate.start - minutes(*n + 10)), "{id}");
        assert_eq!(job.resource.as_deref(), Some(format!("i-{}", n % 5).as_str()), "{id}");
    }
    estate.simulators.stopped().await;
    let estate = alibaba_estate().await;
    let since = InventoryQuery { since: Some(estate.start - minutes(60)), ..here };
    let listed = estate.list(&Alibaba, &since, undisturbed).await;
    let young: BTreeSet<String> = truth.into_iter().filter(|(_, n)| *n <= 60).map(|(id, _)| id).collect();
    assert_eq!(listed.ids(), young.iter().map(String::as_str).collect());
    estate.simulators.stopped().await;
}

#[tokio::test]
async fn alibaba_s_verdicts_follow_the_pair() {
    let estate = alibaba_estate().await;
    let here = scope(Operation::CreateVaultReplication, "cn-hangzhou", None, Some(HBR_SOURCE));
    let jobs = estate.list(&Alibaba, &here, undisturbed).await.backups;
    let usable = |n: u32| is_listed_job(n) && job_type(n) != "UDM_ECS";
    let verdicts = |pair: &VaultPair, since: Option<Timestamp>| {
        let judged = jobs.iter().map(|(id, job)| {
            let view = view(job, pair, since);
            (
                id.clone(),
                word(&judge(job, &vault_pair().destination, None, &view, &ObservationTimes::default(), estate.start)),
            )
        });
        judged.collect::<BTreeMap<_, _>>()
    };
    let wanted = |carried: &dyn Fn(u32) -> &'static str| {
        let one = |n: u32| (job_id(n), if usable(n) { carried(n) } else { "ineligible" });
        (0..JOBS).filter(|n| is_listed_job(*n)).map(one).collect::<BTreeMap<_, _>>()
    };
    let pair = estate.pair().await;
    assert_eq!(pair.pairing, Pairing::Unpaired);
    assert_eq!(verdicts(&pair, None), wanted(&|_| "missing"));

    let switches = json!({"copy_duration_s": 600, "new_progress_lag_s": 1_800, "loose_vault_id_filter": true});
    estate.seed(Service::Hbr, json!({"switches": switches})).await;
    estate.copy(&Alibaba, &vault_pair(), 1).await.unwrap();
    estate.advance(300).await;
    let pair = estate.pair().await;
    assert_eq!(pair.pairing, Pairing::Paired);
    assert!(pair.historical_progress.is_some_and(|progress| (1..100).contains(&progress)), "{pair:?}");
    assert_eq!(verdicts(&pair, Some(estate.start)), wanted(&|_| "in progress"));

    // A quarter of an hour after the start, with half an hour of lag: what was done in the quarter before it has not arrived.
    estate.advance(600).await;
    let pair = estate.pair().await;
    assert_eq!(pair.historical_progress, Some(100));
    let until = pair.new_progress_until.unwrap();
    let behind = estate.start.duration_since(until);
    assert!((minutes(14)..=minutes(15)).contains(&behind), "{behind}");
    let arrived = |n: u32| if n >= 15 { "inferred" } else { "in progress" };
    assert_eq!(verdicts(&pair, Some(estate.start)), wanted(&arrived));
    assert_eq!(verdicts(&pair, None), wanted(&arrived));
    estate.simulators.stopped().await;
}
