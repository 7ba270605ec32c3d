//! Seeded inventories: what the simulators say is true equals what the product finds by paging through them, exactly.

#![allow(clippy::unwrap_used)] // The lint's exception knows test functions only, not their helpers.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use offsite_shared::exchange;
use offsite_shared::io::http::HttpTransport;
use offsite_shared::ledger::limits::ObservationTimes;
use offsite_shared::ledger::{Claimant, Record, State};
use offsite_shared::model::access::Access;
use offsite_shared::model::backup::{Backup, CopyState, DestinationCopy, Eligibility, best};
use offsite_shared::model::command::{Command, Destination, Operation, Replication};
use offsite_shared::model::evidence::{Evidence, How};
use offsite_shared::model::failure::Failure;
use offsite_shared::model::http::{HttpRequest, Reply};
use offsite_shared::model::receipt::Receipt;
use offsite_shared::policy::{Coverage, Policy, Rule};
use offsite_shared::ports::Transport;
use offsite_shared::providers::alibaba::Alibaba;
use offsite_shared::providers::alibaba::inventory::read_pair;
use offsite_shared::providers::asked::over;
use offsite_shared::providers::call::Call;
use offsite_shared::providers::huawei::Huawei;
use offsite_shared::providers::inventory::{Cursor, Inventory, InventoryQuery};
use offsite_shared::providers::provider::{AttemptContext, Provider};
use offsite_shared::providers::tencent::Tencent;
use offsite_shared::sign::{Credential, Nonce};
use offsite_shared::sweep::pair::view;
use offsite_shared::sweep::verdict::{DestinationView, Judgement, judge};
use offsite_simulators::{SimOptions, Simulators};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::command_line;

const START: &str = "2026-11-21T08:30:00Z";
const BACKUPS: u64 = 2_000;
const WORDS: [&str; 10] = [
    "replicated",
    "in_progress",
    "missing",
    "not_ready",
    "ineligible",
    "failed",
    "in_doubt",
    "lost",
    "missed",
    "ended",
];

/// The simulators with an inventory, and a caller that signs what the providers plan.
struct Estate {
    simulators: Simulators,
    transport: HttpTransport,
    access: Access,
    sent: Cell<u32>,
}

impl Estate {
    async fn start(seed: u64, backups: u64) -> Estate {
        let estate = Estate::without_inventory().await;
        estate.simulators.make_inventories(seed, backups).unwrap();
        estate
    }

    async fn without_inventory() -> Estate {
        let options = SimOptions { start: Some(START.parse().unwrap()), ..SimOptions::default() };
        let credential = Credential {
            access_key_id: options.access_key_id.clone(),
            access_key_secret: SecretString::from(options.access_key_secret.clone()),
            security_token: None,
        };
        Estate {
            simulators: Simulators::start(options).await.unwrap(),
            transport: HttpTransport::new(Duration::from_secs(5)).unwrap(),
            access: Access::Key(credential.into()),
            sent: Cell::new(0),
        }
    }

    fn base(&self, provider: &str) -> String {
        match provider {
            "alibaba" => self.simulators.alibaba(),
            "huawei" => self.simulators.huawei(),
            _ => self.simulators.tencent(),
        }
    }

    async fn send(&self, method: &str, url: String, headers: Vec<(String, String)>, body: Vec<u8>) -> Reply {
        let method = method.to_owned();
        let request =
            HttpRequest { method, url, headers, body, timeout: Duration::from_secs(30), manner: Default::default() };
        self.transport.send(request).await.unwrap()
    }

    async fn ask(&self, provider: &dyn Provider, call: &Call) -> Reply {
        self.sent.set(self.sent.get() + 1);
        let base = self.base(provider.cloud().name());
        let mut draft = call.draft.clone();
        draft.host = base.replace("http://", "");
        let nonce = Nonce(format!("{:032x}", self.sent.get()));
        // The simulated clock may have been moved; that of the signatures has not.
        let signed = provider.sign(call, draft, &self.access, START.parse().unwrap(), &nonce).unwrap();
        let url = format!("{base}{}", signed.path_and_query);
        self.send(&call.draft.method, url, signed.headers, call.draft.body.clone()).await
    }

    async fn get(&self, provider: &str, path: &str) -> Value {
        let reply = self.send("GET", format!("{}/_sim/{path}", self.base(provider)), Vec::new(), Vec::new()).await;
        assert_eq!(reply.status, 200, "{path}: {}", String::from_utf8_lossy(&reply.body));
        serde_json::from_slice(&reply.body).unwrap()
    }

    async fn post(&self, provider: &str, path: &str, body: Value) -> (u16, Value) {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let url = format!("{}/_sim/{path}", self.base(provider));
        let reply = self.send("POST", url, headers, body.to_string().into_bytes()).await;
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    async fn change(&self, provider: &str, path: &str, body: Value) {
        let (status, answer) = self.post(provider, path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
    }

    async fn advance(&self, seconds: u64) {
        self.change("tencent", "clock", json!({"advance_s": seconds, "keep_signature_clock": true})).await;
    }

    async fn truth(&self, provider: &str) -> Value {
        self.get(provider, "truth").await
    }

    async fn policy(&self, provider: &str) -> Policy {
        Policy::from_json(&self.get(provider, "policy").await).unwrap()
    }

    async fn backups<P: Provider + Inventory>(&self, provider: &P, scope: &InventoryQuery) -> BTreeMap<String, Backup> {
        let mut found = BTreeMap::new();
        let mut cursor: Option<Cursor> = None;
        loop {
            let reply = self.ask(provider, &provider.list(scope, cursor.as_ref())).await;
            let page = provider.listed(scope, cursor.as_ref(), &reply).unwrap();
            found.extend(page.backups.into_iter().map(|backup| (backup.id.clone(), backup)));
            match page.next {
                Some(next) => cursor = Some(next),
                None => return found,
            }
        }
    }

    async fn copies<P: Provider + Inventory>(
        &self,
        provider: &P,
        scope: &InventoryQuery,
    ) -> BTreeMap<String, DestinationCopy> {
        let mut found = BTreeMap::new();
        let mut cursor: Option<Cursor> = None;
        loop {
            let reply = self.ask(provider, &provider.list_copies(scope, cursor.as_ref()).unwrap()).await;
            let page = provider.listed_copies(scope, cursor.as_ref(), &reply).unwrap();
            found.extend(page.copies.into_iter().map(|copy| (copy.id.clone(), copy)));
            match page.next {
                Some(next) => cursor = Some(next),
                None => return found,
            }
        }
    }

    /// What the product finds: the verdict for each rule, backup and destination, and the copies of what is gone.
    async fn found<P: Provider + Inventory>(&self, provider: &P) -> Found {
        let name = provider.cloud().name();
        let now: Timestamp = self.get(name, "clock").await["now"].as_str().unwrap().parse().unwrap();
        let mut found = Found::default();
        let records = records(&self.truth(name).await["ledger"]);
        for rule in self.policy(name).await.rules {
            let backups = self.backups(provider, &source_scope(&rule)).await;
            let orphans = found.orphans.entry(rule.name.clone()).or_default();
            for destination in &rule.destinations {
                let mut listed = BTreeMap::new();
                let looks = match provider.list_copies(&destination_scope(&rule, destination), None) {
                    Some(_) => {
                        let copies = self.copies(provider, &destination_scope(&rule, destination)).await;
                        let looks = looks(&rule, destination, &backups, &copies);
                        orphans.extend(orphaned(&rule, &backups, &copies, &looks));
                        listed = copies;
                        looks
                    }
                    None => self.looks_at_pair(&rule, &backups).await,
                };
                for (id, backup) in backups.iter().filter(|(_, one)| rule.covers(one, now) == Coverage::Covered) {
                    let key = (rule.name.clone(), id.clone(), destination.region.clone());
                    if matches!(backup.eligibility, Eligibility::NotCovered(_)) {
                        found.not_covered.insert(key);
                        continue;
                    }
                    let verdict = judge(backup, destination, None, &looks[id], &ObservationTimes::default(), now);
                    assert!(found.verdicts.insert(key.clone(), word(&verdict)).is_none());
                    // What no pair carries has nothing to do with the pair's record.
                    let source = match &rule.source.vault_id {
                        Some(vault) if rule.operation == Operation::CreateVaultReplication => vault,
                        _ => id,
                    };
                    let is_carried = source == id || backup.eligibility == Eligibility::Usable;
                    let record = records.get(&(source.clone(), destination.region.clone())).filter(|_| is_carried);
                    let look = match (&looks[id], record.and_then(|record| held(record, &listed))) {
                        (DestinationView::Nothing, Some(copy)) => DestinationView::of_listing(Some(copy)),
                        (look, _) => look.clone(),
                    };
                    found.with_ledger.insert(
                        key,
                        word(&judge(backup, destination, record, &look, &ObservationTimes::default(), now)),
                    );
                }
            }
        }
        found
    }

    async fn looks_at_pair(&self, rule: &Rule, jobs: &BTreeMap<String, Backup>) -> HashMap<String, DestinationView> {
        let replication = rule.command(jobs.values().next().unwrap()).replications().remove(0);
        let says = |replies: &[Reply]| read_pair(&replication, replies);
        let answer = |call| async move { Ok::<_, Failure>(self.ask(&Alibaba, &call).await) };
        let pair = exchange::ask_on(over(says), answer).await.unwrap();
        jobs.iter().map(|(id, job)| (id.clone(), view(job, &pair, None))).collect()
    }

    /// Starts a copy as the product does, and gives its ID.
    async fn copy(&self, provider: &dyn Provider, replication: &Replication) -> String {
        let intent = AttemptContext { attempt: 1, since: START.parse().unwrap(), doubt: false };
        let reply = self.ask(provider, &provider.start(replication, &intent)).await;
        let accepted = provider.started(replication, &reply).unwrap();
        accepted.receipts.into_iter().next().unwrap().replication_id.unwrap()
    }

    /// Starts the copy of one missing backup of each kind, and names it.
    async fn start_one_of_each(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut started = Vec::new();
        for (name, provider, rule) in [
            ("tencent", &Tencent as &dyn Provider, "database-disks"),
            ("huawei", &Huawei, "servers"),
            ("huawei", &Huawei, "legacy-servers"),
            ("alibaba", &Alibaba, "vault-unpaired"),
        ] {
            let truth = self.truth(name).await;
            let id = backup_with(&truth, rule, "missing", "missing");
            let policy = self.policy(name).await;
            let of_policy = policy.rules.into_iter().find(|one| one.name == rule).unwrap();
            let mut command = of_policy.command(&any_backup(&id));
            if command.operation == Operation::CreateVaultReplication {
                command.source.id = of_policy.source.vault_id.clone().unwrap();
            }
            self.copy(provider, &command.replications()[0]).await;
            started.push((name, rule, id));
        }
        started
    }
}

#[derive(Default)]
struct Found {
    verdicts: BTreeMap<(String, String, String), String>,
    with_ledger: BTreeMap<(String, String, String), String>,
    orphans: BTreeMap<String, BTreeSet<String>>,
    not_covered: BTreeSet<(String, String, String)>,
}

fn source_scope(rule: &Rule) -> InventoryQuery {
    InventoryQuery {
        operation: rule.operation,
        region: rule.source.region.clone(),
        project_id: rule.source.project_id.clone(),
        vault_id: rule.source.vault_id.clone(),
        name_prefix: None,
        since: None,
        source_types: Vec::new(),
    }
}

fn destination_scope(rule: &Rule, destination: &Destination) -> InventoryQuery {
    InventoryQuery {
        region: destination.region.clone(),
        project_id: destination.project_id.clone(),
        vault_id: None,
        ..source_scope(rule)
    }
}

/// Copies are found by the provider's record of them, or else by their names.
fn looks(
    rule: &Rule,
    destination: &Destination,
    backups: &BTreeMap<String, Backup>,
    copies: &BTreeMap<String, DestinationCopy>,
) -> HashMap<String, DestinationView> {
    let mut named: HashMap<&str, Vec<&DestinationCopy>> = HashMap::new();
    for copy in copies.values() {
        named.entry(copy.name.as_deref().unwrap_or_default()).or_default().push(copy);
    }
    let one = |(id, backup): (&String, &Backup)| {
        let told = backup.copy_to(destination).and_then(|copy| copies.get(copy.copy_id.as_ref()?));
        let names = copy_names(id, &rule.source.region);
        let by_name = names.iter().filter_map(|name| named.get(name.as_str())).flatten().copied();
        (id.clone(), DestinationView::of_listing(best(told.into_iter().chain(by_name))))
    };
    backups.iter().map(one).collect()
}

/// The ledger's records, by backup and destination region.
fn records(ledger: &Value) -> HashMap<(String, String), Record> {
    let time = |value: &Value| value.as_str().map(|at| at.parse::<Timestamp>().unwrap());
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let one = |entry: &Value| {
        let replication = Command::from_json(&entry["command"]).unwrap().replications().remove(0);
        let accepted = time(&entry["accepted_at"]).unwrap_or(START.parse().unwrap());
        let receipt = Receipt {
            backup_id: None,
            replication_id: text(&entry["replication_id"]),
            request_id: None,
            adopted: false,
            attempt: 1,
            time: accepted,
        };
        let has_receipt = receipt.replication_id.is_some();
        let by = Claimant { owner: "earlier".to_owned(), lease_until: accepted, now: accepted };
        let mut record = Record::accepted(&replication, receipt, &by);
        record.state = State::ALL.into_iter().find(|state| entry["state"] == state.name()).unwrap();
        record.receipts.retain(|_| has_receipt);
        record.evidence = text(&entry["destination_id"]).map(|id| Evidence {
            destination_id: Some(id),
            state: "usable".to_owned(),
            time: accepted,
            size_gib: None,
            expires_at: time(&entry["expires_at"]),
            how: How::Observed,
        });
        ((replication.source.id, replication.destination.region), record)
    };
    ledger.as_array().unwrap().iter().map(one).collect()
}

/// The copy whose ID a record holds.
fn held<'a>(record: &Record, copies: &'a BTreeMap<String, DestinationCopy>) -> Option<&'a DestinationCopy> {
    let seen = record.evidence.as_ref().and_then(|seen| seen.destination_id.as_ref());
    let given = record.receipts.iter().filter_map(|receipt| receipt.replication_id.as_ref());
    seen.into_iter().chain(given).find_map(|id| copies.get(id))
}

/// Living copies that are of no backup that is there: by their names, or else since no record points to them.
fn orphaned(
    rule: &Rule,
    backups: &BTreeMap<String, Backup>,
    copies: &BTreeMap<String, DestinationCopy>,
    looks: &HashMap<String, DestinationView>,
) -> Vec<String> {
    let taken: BTreeSet<&str> = looks.values().filter_map(copy_id).collect();
    let is_orphan = |copy: &&DestinationCopy| {
        let by_name = || {
            let source = source_in(copy.name.as_deref().unwrap_or_default(), &rule.source.region);
            source.is_some_and(|id| !backups.contains_key(id))
        };
        copy.state != CopyState::Failed
            && !taken.contains(copy.id.as_str())
            && (rule.operation != Operation::CopySnapshot || by_name())
    };
    copies.values().filter(is_orphan).map(|copy| copy.id.clone()).collect()
}

/// The snapshot that a copy's name says it is of.
fn source_in<'a>(name: &'a str, region: &str) -> Option<&'a str> {
    if let Some(rest) = name.strip_prefix("Copied ") {
        return rest.strip_suffix(&format!(" from {region}"));
    }
    name.strip_prefix("offsite-")?.strip_suffix(&format!("-{region}"))
}

/// The names of a copy, where it is known by its name.
fn copy_names(source: &str, region: &str) -> [String; 2] {
    [format!("offsite-{source}-{region}"), format!("Copied {source} from {region}")]
}

fn copy_id(look: &DestinationView) -> Option<&str> {
    match look {
        DestinationView::Copy { id, .. } => id.as_deref(),
        _ => None,
    }
}

/// The verdict's name as the truth writes it.
fn word(verdict: &Judgement) -> String {
    let shown = format!("{verdict:?}");
    let name: String = shown.chars().take_while(char::is_ascii_alphanumeric).collect();
    let mut word = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}

/// One column of the truth.
fn column(truth: &Value, name: &str) -> BTreeMap<(String, String, String), String> {
    let mut words = BTreeMap::new();
    for (rule, told) in truth["rules"].as_object().unwrap() {
        for row in told["backups"].as_array().unwrap() {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            let key = (rule.clone(), text("backup_id"), text("destination"));
            if let Some(word) = row[name].as_str() {
                assert!(words.insert(key, word.to_owned()).is_none(), "a doubled row: {row}");
            }
        }
    }
    words
}

/// What a column says of one backup.
fn told(truth: &Value, column: &str, rule: &str, backup: &str) -> String {
    let rows = truth["rules"][rule]["backups"].as_array().unwrap();
    rows.iter().find(|row| row["backup_id"] == backup).unwrap()[column].as_str().unwrap().to_owned()
}

fn backup_with(truth: &Value, rule: &str, with: &str, without: &str) -> String {
    let rows = truth["rules"][rule]["backups"].as_array().unwrap();
    let fits = |row: &&Value| row["with_ledger"] == with && row["without_ledger"] == without;
    rows.iter().find(fits).unwrap_or_else(|| panic!("{rule}: no {with}, {without}"))["backup_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn equals_what_is_found<P: Provider + Inventory>(estate: &Estate, provider: &P) {
    let name = provider.cloud().name();
    let truth = estate.truth(name).await;
    let found_all = estate.found(provider).await;
    for key in column(&truth, "without_ledger").keys() {
        assert!(!found_all.not_covered.contains(key), "{key:?}");
    }
    for (which, found) in [("without_ledger", &found_all.verdicts), ("with_ledger", &found_all.with_ledger)] {
        let mut wanted = column(&truth, which);
        // A missed one is in no listing, and what was begun for one that is not covered is open business of the ledger.
        let listed: BTreeSet<_> = found_all.verdicts.keys().collect();
        wanted.retain(|key, word| word != "missed" && listed.contains(key));
        let differ: Vec<_> = wanted
            .iter()
            .filter(|(key, word)| found.get(*key) != Some(word))
            .map(|(key, word)| format!("{key:?}: {word} is true, {:?} was found", found.get(key)))
            .collect();
        let (some, many) = (&differ[..differ.len().min(5)], wanted.len());
        assert!(differ.is_empty(), "{name} {which}, {} of {many}: {some:#?}", differ.len());
        assert_eq!(found.len(), many, "{name} {which}: what was found and is not true");
    }
    for (rule, told) in truth["rules"].as_object().unwrap() {
        let orphans: BTreeSet<String> = serde_json::from_value(told["orphans"].clone()).unwrap();
        assert_eq!(found_all.orphans[rule], orphans, "{name} {rule}");
    }
}

#[tokio::test]
async fn the_truth_is_what_the_product_finds_with_a_ledger_and_without() {
    for seed in 1..=3 {
        let estate = Estate::start(seed, BACKUPS).await;
        equals_what_is_found(&estate, &Tencent).await;
        equals_what_is_found(&estate, &Huawei).await;
        equals_what_is_found(&estate, &Alibaba).await;
        // When time goes on, running copies end and snapshots get ready.
        estate.advance(12 * 3_600).await;
        equals_what_is_found(&estate, &Tencent).await;
        equals_what_is_found(&estate, &Huawei).await;
        equals_what_is_found(&estate, &Alibaba).await;
        estate.simulators.stopped().await;
    }
}

#[tokio::test]
async fn a_truth_is_complete_and_adds_up() {
    let estate = Estate::start(1, BACKUPS).await;
    for (name, absent) in [
        ("tencent", &[][..]),
        ("huawei", &[]),
        // A pair has one record for all jobs of a vault, so no single job is ever missed, and its failures are the vault's.
        ("alibaba", &["not_ready", "failed", "missed", "ended"]),
    ] {
        let truth = estate.truth(name).await;
        assert_eq!(truth["provider"], name);
        assert_eq!(truth["policy"], estate.get(name, "policy").await);
        let policy = estate.policy(name).await;
        let (with, without) = (column(&truth, "with_ledger"), column(&truth, "without_ledger"));
        let mut kinds = BTreeSet::new();
        for (rule, told) in truth["rules"].as_object().unwrap() {
            assert!(policy.rules.iter().any(|one| one.name == *rule && one.account == "default"), "{rule}");
            let rows = told["backups"].as_array().unwrap();
            assert_eq!(told["covered"], rows.len());
            for column in ["with_ledger", "without_ledger"] {
                let tally = told[column].as_object().unwrap();
                let keys: BTreeSet<&str> = tally.keys().map(String::as_str).collect();
                assert_eq!(keys, BTreeSet::from(WORDS));
                for (word, count) in tally {
                    let counted = rows.iter().filter(|row| row[column] == *word).count();
                    assert_eq!(*count, counted, "{name} {rule} {column} {word}");
                }
            }
            kinds.extend(rows.iter().map(|row| row["with_ledger"].as_str().unwrap()));
            let orphans: Vec<&str> =
                told["orphans"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
            assert!(orphans.is_sorted() && (name == "alibaba") == orphans.is_empty(), "{name} {rule}");
        }
        assert_eq!(truth["rules"].as_object().unwrap().len(), policy.rules.len());
        assert_eq!(kinds, WORDS.into_iter().filter(|word| !absent.contains(word)).collect(), "{name}");
        let mut known: BTreeSet<(String, String)> = BTreeSet::new();
        for entry in truth["ledger"].as_array().unwrap() {
            let command = Command::from_json(&entry["command"]).unwrap();
            assert_eq!(command.to_json(), entry["command"]);
            let [destination] = &command.destinations[..] else { panic!("{entry}") };
            assert!(known.insert((command.source.id.clone(), destination.region.clone())), "two records: {entry}");
            let state = entry["state"].as_str().unwrap();
            let was_accepted = ["accepted", "replicated", "lost"].contains(&state);
            assert!(was_accepted || ["seen", "ineligible", "in_doubt"].contains(&state), "{entry}");
            assert_eq!(entry["replication_id"].is_string(), was_accepted, "{entry}");
            assert_eq!(entry["accepted_at"].is_string(), was_accepted, "{entry}");
            assert_eq!(entry["destination_id"].is_string(), was_accepted && state != "accepted", "{entry}");
        }
        // The ledger is all that tells the two apart.
        for (key, word) in without.iter().filter(|_| name != "alibaba") {
            let has_record = known.contains(&(key.1.clone(), key.2.clone()));
            assert!(has_record || with.get(key) == Some(word), "{key:?}");
        }
        let share = |word: &str| with.values().filter(|found| *found == word).count() * 100 / with.len();
        assert!(name == "alibaba" || (70..90).contains(&share("replicated")), "{}", share("replicated"));
    }
    estate.simulators.stopped().await;
}

#[tokio::test]
async fn an_inventory_follows_from_its_seed_and_is_made_once() {
    let told = async |seed: u64| {
        let estate = Estate::start(seed, 700).await;
        let mut truths = Vec::new();
        for name in ["alibaba", "huawei", "tencent"] {
            let mut truth = estate.truth(name).await;
            assert!(truth["as_of"].as_str().unwrap().starts_with("2026-11-21T08:30:"), "{}", truth["as_of"]);
            truth["as_of"] = Value::Null;
            truths.push(truth);
        }
        let (status, answer) = estate.post("tencent", "inventory", json!({"seed": 2})).await;
        assert!(status == 400 && answer["error"].as_str().unwrap().contains("already"), "{answer}");
        estate.simulators.stopped().await;
        truths
    };
    let one = told(1).await;
    assert_eq!(one, told(1).await);
    assert_ne!(one, told(2).await);

    // One port at a time, from outside.
    let estate = Estate::without_inventory().await;
    for (body, complaint) in [
        (json!({"seed": 1, "backups": 0}), "backups must be 1 to 1000000"),
        (json!({"seed": 1, "backups": 1_000_001}), "backups must be 1 to 1000000"),
        (json!({"backups": 5}), "seed"),
        (json!({"seed": 1, "backup": 5}), "backup"),
        (json!({"seed": -1}), "-1"),
    ] {
        let (status, answer) = estate.post("huawei", "inventory", body).await;
        assert!(status == 400 && answer["error"].as_str().unwrap().contains(complaint), "{answer}");
    }
    let (status, answer) = estate.post("huawei", "inventory", json!({"seed": 1, "backups": 700})).await;
    assert!(status == 200 && answer["made"]["backups"] == 700, "{answer}");
    let mut truth = estate.truth("huawei").await;
    truth["as_of"] = Value::Null;
    assert_eq!(truth, one[1]);
    assert_eq!(estate.truth("tencent").await["ledger"], json!([]));
    assert!(estate.simulators.make_inventories(1, 5).is_err(), "one port has one");
    estate.simulators.stopped().await;
}

#[tokio::test]
async fn several_backups_of_one_disk_and_several_of_one_second() {
    let estate = Estate::start(2, BACKUPS).await;
    let rule = estate.policy("tencent").await.rules.remove(0);
    let backups = estate.backups(&Tencent, &source_scope(&rule)).await;
    let mut of_disk: HashMap<&str, u32> = HashMap::new();
    let mut of_second: HashMap<Timestamp, u32> = HashMap::new();
    for backup in backups.values() {
        *of_disk.entry(backup.resource.as_deref().unwrap_or_default()).or_default() += 1;
        *of_second.entry(backup.created_at.unwrap()).or_default() += 1;
    }
    assert!(of_disk.len() > 20 && of_disk.values().filter(|count| **count > 10).count() > 20, "{}", of_disk.len());
    assert!(of_second.values().filter(|count| **count >= 5).count() > 20);
    let (first, last) = (of_second.keys().min().unwrap(), of_second.keys().max().unwrap());
    assert!(last.duration_since(*first).as_hours() > 24 * 29);
    estate.simulators.stopped().await;
}

#[tokio::test]
async fn the_truth_follows_what_is_done() {
    let estate = Estate::start(3, BACKUPS).await;
    for name in ["alibaba", "huawei", "tencent"] {
        estate.change(name, "seed", json!({"switches": {"copy_duration_s": 600}})).await;
    }
    let started = estate.start_one_of_each().await;
    for wanted in ["in_progress", "replicated"] {
        for (name, rule, id) in &started {
            let truth = estate.truth(name).await;
            for column in ["with_ledger", "without_ledger"] {
                assert_eq!(told(&truth, column, rule, id), wanted, "{name} {rule} {column}");
            }
        }
        equals_what_is_found(&estate, &Tencent).await;
        equals_what_is_found(&estate, &Huawei).await;
        equals_what_is_found(&estate, &Alibaba).await;
        estate.advance(900).await;
    }
    estate.simulators.stopped().await;
}

#[tokio::test]
async fn the_truth_is_found_where_copies_come_late_or_come_to_nothing() {
    for fails in [false, true] {
        let estate = Estate::start(2, 500).await;
        for (name, switches) in [
            ("tencent", json!({"visibility_delay_s": 300, "copying_to_regions": fails})),
            ("huawei", json!({"visibility_delay_s": 300, "record_visible_delay_s": 60})),
            ("alibaba", json!({"visibility_delay_s": 300, "new_progress_lag_s": 3 * 86_400})),
        ] {
            estate.change(name, "seed", json!({"switches": switches})).await;
            estate.change(name, "seed", json!({"switches": {"copy_duration_s": 600}})).await;
            if fails {
                estate.change(name, "faults", json!({"faults": [{"kind": "fail_later"}]})).await;
            }
        }
        estate.start_one_of_each().await;
        for step in [0, 100, 300, 300, 600] {
            estate.advance(step).await;
            equals_what_is_found(&estate, &Tencent).await;
            equals_what_is_found(&estate, &Huawei).await;
            equals_what_is_found(&estate, &Alibaba).await;
        }
        estate.simulators.stopped().await;
    }
}

/// What anyone can do from outside, with the command alone.
#[tokio::test]
async fn the_command_makes_an_inventory_where_a_seed_is_given() {
    for (seed, backups) in [(None, 0), (Some("7"), 300)] {
        let count = backups.to_string();
        let mut arguments = vec!["simulate"];
        arguments.extend(seed.into_iter().flat_map(|seed| ["--seed", seed, "--backups", &count]));
        let mut child = command_line::command(&arguments, &[]).stdout(Stdio::piped()).spawn().unwrap();
        let endpoints: Value = serde_json::from_str(&command_line::first_line(&mut child).await).unwrap();
        let transport = HttpTransport::new(Duration::from_secs(5)).unwrap();
        for name in ["alibaba", "huawei", "tencent"] {
            let request = HttpRequest {
                manner: Default::default(),
                method: "GET".to_owned(),
                url: format!("{}/_sim/truth", endpoints[name].as_str().unwrap()),
                headers: Vec::new(),
                body: Vec::new(),
                timeout: Duration::from_secs(30),
            };
            let reply = transport.send(request).await.unwrap();
            let truth: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(truth["ledger"].as_array().unwrap().is_empty(), seed.is_none(), "{name}");
            let rules = truth["rules"].as_object().unwrap().values();
            let covered: u64 = rules.map(|rule| rule["covered"].as_u64().unwrap()).sum();
            // The small inventory that is always there has two items of the legacy service.
            assert!(if seed.is_some() { covered > 200 } else { covered <= 2 }, "{name}: {covered}");
        }
        command_line::terminate(&child);
        assert!(child.wait().await.unwrap().success());
    }
}

#[tokio::test]
async fn what_is_deleted_or_expires_changes_the_truth_by_the_simulators_own_clock() {
    let estate = Estate::start(3, BACKUPS).await;
    let truth = estate.truth("tencent").await;
    let entries = truth["ledger"].as_array().unwrap();
    let words = column(&truth, "with_ledger");
    // Of the replicated ones that both find: a copy that is deleted, and one that is to expire.
    let lasting = |expires: bool| {
        let fits = |entry: &&Value| {
            let id = entry["command"]["source"]["snapshot_id"].as_str().unwrap();
            let is_young = entry["expires_at"].as_str().is_some_and(|at| at > START);
            entry["command"]["source"]["region"] == "ap-tokyo"
                && entry["state"] == "replicated"
                && is_young == expires
                && words.contains_key(&("database-disks".to_owned(), id.to_owned(), "ap-seoul".to_owned()))
                && told(&truth, "without_ledger", "database-disks", id) == "replicated"
        };
        // The first of them are the odd kinds, one of each.
        let entry = entries.iter().rfind(fits).unwrap();
        let id = entry["command"]["source"]["snapshot_id"].as_str().unwrap().to_owned();
        (id, entry["destination_id"].as_str().unwrap().to_owned())
    };
    let ((kept, copy), (expiring, _)) = (lasting(false), lasting(true));
    let says = async |id: &str| {
        let truth = estate.truth("tencent").await;
        ["with_ledger", "without_ledger"].map(|column| told(&truth, column, "database-disks", id))
    };
    assert_eq!(says(&kept).await, ["replicated", "replicated"]);
    estate.change("tencent", "seed", json!({"remove": [copy]})).await;
    assert_eq!(says(&kept).await, ["lost", "missing"]);
    // A skewed signature clock is no clock of the resources.
    estate.change("tencent", "clock", json!({"skew_s": 90 * 86_400})).await;
    assert_eq!(says(&expiring).await, ["replicated", "replicated"]);
    assert!(estate.truth("tencent").await["as_of"].as_str().unwrap().starts_with("2026-11-21T08:3"));
    estate.change("tencent", "clock", json!({"skew_s": 0})).await;
    estate.advance(61 * 86_400).await;
    assert_eq!(says(&expiring).await, ["ended", "missing"], "it expired as planned");
    let truth = estate.truth("tencent").await;
    assert!(truth["as_of"].as_str().unwrap().starts_with("2027-01-21T08:3"), "{}", truth["as_of"]);
    // A source that the ledger has only seen is gone, without a copy.
    let fits = |entry: &&Value| entry["state"] == "seen" && entry["command"]["source"]["region"] == "ap-tokyo";
    let seen = truth["ledger"].as_array().unwrap().iter().filter(fits);
    let seen: Vec<&str> = seen.map(|entry| entry["command"]["source"]["snapshot_id"].as_str().unwrap()).collect();
    let there = seen.iter().find(|id| told(&truth, "with_ledger", "database-disks", id) == "missing").unwrap();
    estate.change("tencent", "seed", json!({"remove": [there]})).await;
    assert_eq!(told(&estate.truth("tencent").await, "with_ledger", "database-disks", there), "missed");
    equals_what_is_found(&estate, &Tencent).await;
    estate.simulators.stopped().await;
}

/// A backup of which only the ID matters.
fn any_backup(id: &str) -> Backup {
    Backup {
        id: id.to_owned(),
        name: None,
        tags: Vec::new(),
        resource: None,
        resource_kind: None,
        vault_id: None,
        created_at: None,
        completed_at: None,
        changed_at: None,
        size_gib: None,
        eligibility: Eligibility::Usable,
        hint: None,
        copies: Vec::new(),
        copies_told: false,
    }
}
