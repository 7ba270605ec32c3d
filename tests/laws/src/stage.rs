//! The simulated clouds, the rule, and the handler, as a history finds them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_oracle::{Book, Label, Terms as Promise};
use offsite_shared::context::metrics::Metrics;
use offsite_shared::context::{Context, Invocation, Ports};
use offsite_shared::handler::handle;
use offsite_shared::io::credentials::{AccountSecrets, key_variables};
use offsite_shared::io::memory::{FixedPolicy, MemoryLedger};
use offsite_shared::io::overlay::Overlay;
use offsite_shared::ledger::Record;
use offsite_shared::ledger::store::RecordFilter;
use offsite_shared::model::command::Cloud;
use offsite_shared::model::error::Error;
use offsite_shared::policy::Policy;
use offsite_shared::ports::{Clock, Ledger, Meter, Notes};
use offsite_shared::providers::alibaba::Alibaba;
use offsite_shared::providers::huawei::Huawei;
use offsite_shared::providers::provider::{Defaults, Provider as Product};
use offsite_shared::providers::tencent::Tencent;
use offsite_shared::report::measuring::measure;
use offsite_shared::report::reading::{self, ReportRequest};
use offsite_shared::report::{Report, ResourceLine, RuleReport};
use offsite_shared::settings::Settings;
use offsite_shared::settings::environment::Environment;
use offsite_simulators::{InProcess, Provider, SimOptions};
use serde_json::{Value, json};

use crate::block::block_on;
use crate::ports::{BASES, Kept, LIVES, Queue, TheirClock, ToSimulators, World};
use crate::step::{Kind, Terms};

/// The clouds, in the order in which a history counts them.
pub const CLOUDS: [&str; 3] = ["alibaba", "huawei", "tencent"];

/// A fresh ledger with its notes.
pub type Store = (Arc<dyn Ledger>, Arc<dyn Notes>);

/// A store in memory.
pub fn in_memory() -> Store {
    let memory = Arc::new(MemoryLedger::default());
    (memory.clone(), memory)
}

/// Says that nobody has died, for what is done from outside.
pub(crate) static ALIVE: AtomicBool = AtomicBool::new(false);

/// When every history begins.
const START: Timestamp = Timestamp::constant(1_795_392_000, 0);
/// The rule's name.
pub(crate) const RULE: &str = "life";
const PROVIDERS: [&dyn Product; 3] = [&Alibaba, &Huawei, &Tencent];
const PROJECT: &str = "f841e01fd2b14e7fa41b6ae7aa6b0594";
const VAULT: &str = "7c1f1f6e-52a9-4d0e-9a3f-7a4f6d1e9b01";
const SOURCE_VAULT: &str = "v-000life0source00001s";
const TARGET_VAULT: &str = "v-000life0target00001t";

/// A cloud, the product over it, and the oracle's book.
pub(crate) struct Stage {
    pub(crate) terms: Terms,
    pub(crate) world: Arc<World>,
    pub(crate) provider: Provider,
    pub(crate) regions: Vec<String>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) book: Book,
    pub(crate) store: Store,
    pub(crate) context: Context,
    pub(crate) paused: bool,
    /// The resources that the rule leaves out.
    excluded: Vec<String>,
    /// The copies that were usable in sight of all.
    shown: BTreeSet<String>,
}

impl Stage {
    /// # Errors
    /// What the simulators or the product do not take; a mistake of the stage.
    pub(crate) fn new(terms: &Terms, store: Store) -> Result<Stage, String> {
        let options = SimOptions { seed: terms.seed, ..SimOptions::default() };
        let world = Arc::new(World::new(InProcess::new(&options, START)));
        let (provider, _, regions) = place(terms, &[]);
        let policy = policy(terms, &[])?;
        let hours = |hours: u32| SignedDuration::from_hours(i64::from(hours));
        let promise = Promise {
            max_lag: hours(terms.lag_h),
            rpo: terms.rpo_h.map(hours),
            keep: terms.keep_h.map(hours),
            regions: regions.clone(),
            by_pair: provider == Provider::Alibaba,
        };
        let context = context(&world, &policy, &store, false)?;
        let stage = Stage {
            terms: terms.clone(),
            world,
            provider,
            regions,
            policy,
            book: Book::new(promise),
            store,
            context,
            paused: false,
            excluded: Vec::new(),
            shown: BTreeSet::new(),
        };
        stage.seed(json!({ "switches": {
            "copy_duration_s": terms.copy_min * 60, "visibility_delay_s": terms.hidden_s,
        } }))?;
        match provider {
            Provider::Alibaba => stage.seed(json!({ "vaults": [
                { "vault_id": SOURCE_VAULT, "region": "cn-shenzhen" },
                { "vault_id": TARGET_VAULT, "region": "cn-chengdu", "replication": true },
            ] }))?,
            Provider::Huawei => stage.seed(json!({ "vaults": [
                { "id": VAULT, "project_id": PROJECT },
                { "id": "b9b3a0c5-3f3e-4d39-9a51-0c5a7b1d2e11", "project_id": "0d9da8861b80f5a32fb4c00645f2dbd7", "protect_type": "replication" },
            ] }))?,
            Provider::Tencent => {}
        }
        Ok(stage)
    }

    pub(crate) fn seed(&self, body: Value) -> Result<(), String> {
        self.world.clouds.post(self.provider, "seed", &body).map(drop)
    }

    pub(crate) fn faults(&self, body: &Value) -> Result<(), String> {
        self.world.clouds.post(self.provider, "faults", body).map(drop)
    }

    /// The time as the product has it.
    pub(crate) fn now(&self) -> Timestamp {
        TheirClock(self.world.clone()).now()
    }

    pub(crate) fn pass(&self, minutes: u32) {
        self.world.clouds.pass(Duration::from_secs(u64::from(minutes) * 60));
    }

    /// Edits the rule to another `max_lag`, or so that it leaves a resource out.
    pub(crate) fn edit(&mut self, lag_h: Option<u32>, excluded: Option<String>) -> Result<(), String> {
        self.terms.lag_h = lag_h.unwrap_or(self.terms.lag_h);
        self.excluded.extend(excluded);
        self.policy = policy(&self.terms, &self.excluded)?;
        self.restart()
    }

    /// Whether the alarm about the whole is on after a report: by what the report's function measures.
    pub(crate) fn alarms(&self) -> Result<bool, String> {
        let kept = Arc::new(Lines::default());
        let report = self.whole_report(&self.store, false)?;
        measure(&Metrics::to(kept.clone()), self.now(), Some(&report), true);
        let lines = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = lines.iter().find_map(|line| line.get("Holds")?.as_f64());
        // What nobody measures alarms as well.
        Ok(holds != Some(1.0))
    }

    /// A process that remembers nothing.
    pub(crate) fn restart(&mut self) -> Result<(), String> {
        self.context = context(&self.world, &self.policy, &self.store, self.paused)?;
        Ok(())
    }

    /// Gives the handler one event; `None` if the process died underway.
    pub(crate) fn handle(&mut self, payload: &Value) -> Result<Option<Result<Value, Error>>, String> {
        self.world.dead.store(false, Ordering::SeqCst);
        let deadline = self.now() + SignedDuration::from_secs(900);
        let invocation = Invocation { id: "history".to_owned(), deadline };
        let answer = block_on(handle(&self.context, payload, &invocation), &self.world.dead);
        self.world.dies_after.store(LIVES, Ordering::SeqCst);
        if answer.is_none() {
            self.restart()?;
        }
        // Moments of different steps differ.
        self.world.clouds.pass(Duration::from_secs(1));
        Ok(answer)
    }

    /// Writes the clouds' own tables into the book.
    pub(crate) fn look_at_tables(&mut self) {
        let arrived: BTreeSet<(String, String)> =
            self.world.clouds.arrived(self.provider).into_iter().map(|one| (one.source, one.region)).collect();
        let state = self.world.clouds.state(self.provider);
        let rows = state["replications"].as_array().cloned().unwrap_or_default();
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let place = |row: &Value| (text(row, "source"), text(row, "destination"));
        let started: BTreeSet<(String, String)> = rows.iter().map(place).collect();
        // What is done and was never shown is hidden, and will be.
        let hidden = |row: &&Value| row["state"] == json!("done") && !self.shown.contains(&text(row, "id"));
        let in_sight = rows.iter().filter(hidden).filter(|row| arrived.contains(&place(row)));
        let in_sight: Vec<String> = in_sight.map(|row| text(row, "id")).collect();
        let made = |row: &&Value| row["state"] == json!("running") || hidden(row) && !arrived.contains(&place(row));
        let mut running: BTreeSet<(String, String)> = rows.iter().filter(made).map(place).collect();
        self.shown.extend(in_sight);
        if self.provider == Provider::Alibaba {
            // A pair carries every backup that is there and that it carries at all.
            running.clear();
        }
        self.book.tables(arrived, running, started);
    }

    /// The rule's report, now.
    pub(crate) fn report(&self) -> Result<RuleReport, String> {
        Ok(of_rule(self.whole_report(&self.store, false)?))
    }

    /// The rule's report of the clouds as they are now, without writing anything.
    pub(crate) fn live(&self) -> Result<RuleReport, String> {
        let over = Arc::new(Overlay::over(self.store.0.clone(), self.store.1.clone()));
        let store: Store = (over.clone(), over);
        let mut context = context(&self.world, &self.policy, &store, false)?;
        context.settings.read_only = true;
        let invocation = Invocation { id: "live".to_owned(), deadline: self.now() + SignedDuration::from_hours(24) };
        let swept = block_on(handle(&context, &json!({ "action": "sweep" }), &invocation), &ALIVE);
        match swept {
            Some(Ok(_)) => Ok(of_rule(self.whole_report(&store, true)?)),
            other => Err(format!("the live sweep: {other:?}")),
        }
    }

    fn whole_report(&self, store: &Store, live: bool) -> Result<Report, String> {
        let wish = ReportRequest {
            at: self.now(),
            max_age: Duration::from_secs(7_200),
            rule: Some(RULE),
            live,
            lines: usize::MAX,
            defaults: Defaults::default(),
        };
        let read = reading::read(&*store.0, &*store.1, Some(&self.policy), &wish);
        match block_on(read, &ALIVE) {
            Some(Ok(report)) => Ok(report),
            other => Err(format!("the report: {:?}", other.map(|read| read.err()))),
        }
    }

    /// Every record of the ledger.
    pub(crate) fn records(&self) -> Result<Vec<Record>, String> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let filter = RecordFilter::default();
            let page = block_on(self.store.0.list(&filter, after.as_ref(), 500), &ALIVE);
            let page = page.ok_or("the ledger hangs")?.map_err(|error| error.to_string())?;
            all.extend(page.records);
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// The ID of a backup.
    pub(crate) fn id(&self, backup: u16) -> String {
        match self.provider {
            Provider::Alibaba => format!("job-life{backup:06}"),
            Provider::Huawei => format!("00000000-0000-4000-a000-{backup:012}"),
            Provider::Tencent => format!("snap-life{backup:06}"),
        }
    }

    /// The ID of a resource.
    pub(crate) fn resource(&self, resource: u8) -> String {
        match self.provider {
            Provider::Alibaba => format!("i-life{resource:06}"),
            Provider::Huawei => format!("11111111-0000-4000-a000-{resource:012}"),
            Provider::Tencent => format!("disk-life{resource:04}"),
        }
    }

    /// Puts a backup into the account, as it is called from now on.
    pub(crate) fn put(&self, backup: u16, resource: u8, kind: Kind, made: Timestamp) -> Result<(), String> {
        let (id, resource) = (self.id(backup), self.resource(resource));
        let name = name(backup, kind);
        let made = made.to_string();
        let fixed = kind == Kind::Fixed;
        self.seed(match self.provider {
            Provider::Alibaba => json!({ "jobs": [{
                "job_id": id, "vault_id": SOURCE_VAULT, "name": name, "instance_id": resource, "created": made, "completed": made,
                "source_type": if fixed { "UDM_ECS" } else { "ECS_FILE" },
            }] }),
            Provider::Huawei => json!({ "backups": [{
                "id": id, "project_id": PROJECT, "vault_id": VAULT, "name": name, "resource_id": resource, "created": made,
                "contain_system_disk": !fixed,
            }] }),
            Provider::Tencent => json!({ "snapshots": [{
                "snapshot_id": id, "region": "ap-shanghai", "name": name, "disk_id": resource, "created": made, "encrypt": fixed,
            }] }),
        })
    }

    /// Gives a backup of Huawei's or Tencent's another name. What was copied from it stays.
    pub(crate) fn rename(&self, backup: u16, resource: u8, kind: Kind, made: Timestamp) -> Result<(), String> {
        match self.provider {
            Provider::Tencent => self.seed(json!({ "rename": { self.id(backup): name(backup, kind) } })),
            _ => self.put(backup, resource, kind, made),
        }
    }

    /// What the generator says of a backup.
    pub(crate) fn label(&self, backup: u16, resource: u8, kind: Kind, made: Timestamp) -> Label {
        let resource = match (self.provider, kind) {
            // An instance is one resource with each kind of its backups.
            (Provider::Alibaba, Kind::Fixed) => format!("{} UDM_ECS", self.resource(resource)),
            (Provider::Alibaba, _) => format!("{} ECS_FILE", self.resource(resource)),
            _ => self.resource(resource),
        };
        Label { id: self.id(backup), resource, made, copyable: kind != Kind::Fixed }
    }

    /// What the generator calls a resource: one label for each kind of its backups.
    pub(crate) fn labels(&self, resource: u8) -> Vec<String> {
        let at = Timestamp::MIN;
        let kinds = [Kind::Plain, Kind::Fixed].map(|kind| self.label(0, resource, kind, at).resource);
        kinds.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The action that starts a copy.
    pub(crate) fn start_action(&self) -> &'static str {
        match self.provider {
            Provider::Alibaba => "CreateVaultReplication",
            Provider::Huawei => "CopyBackup",
            Provider::Tencent => "CopySnapshotCrossRegions",
        }
    }

    /// The actions that list and show in a region.
    pub(crate) fn read_actions(&self) -> &'static [&'static str] {
        match self.provider {
            Provider::Alibaba => &["DescribeVaults", "DescribeBackupJobs2"],
            Provider::Huawei => &["ListBackups", "ShowBackup"],
            Provider::Tencent => &["DescribeSnapshots"],
        }
    }

    /// The region of the source.
    pub(crate) fn source_region(&self) -> &'static str {
        match self.provider {
            Provider::Alibaba => "cn-shenzhen",
            Provider::Huawei => "cn-north-4",
            Provider::Tencent => "ap-shanghai",
        }
    }

    /// A code that refuses a start and is not the backup's.
    pub(crate) fn quota_code(&self) -> &'static str {
        match self.provider {
            Provider::Alibaba => "ServiceNotActivated",
            Provider::Huawei => "BackupService.6114",
            Provider::Tencent => "InsufficientSnapshotQuota",
        }
    }
}

/// What a backup is called.
fn name(backup: u16, kind: Kind) -> String {
    if kind == Kind::Outside { format!("other-{backup}") } else { format!("life-{backup}") }
}

/// A resource of the report as the labels have it.
pub(crate) fn labelled(line: &ResourceLine, provider: Provider) -> String {
    match (&line.kind, provider) {
        (Some(kind), Provider::Alibaba) => format!("{} {kind}", line.resource),
        _ => line.resource.clone(),
    }
}

/// Keeps the documents of metrics.
#[derive(Default)]
struct Lines(Mutex<Vec<Value>>);

impl Meter for Lines {
    fn put(&self, line: &Value) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
    }
}

fn policy(terms: &Terms, excluded: &[String]) -> Result<Arc<Policy>, String> {
    let (_, rule, _) = place(terms, excluded);
    let policy = json!({ "version": 1, "rules": [rule] });
    Policy::from_json(&policy).map(Arc::new).map_err(|problems| format!("the policy: {problems:?}"))
}

fn of_rule(mut report: Report) -> RuleReport {
    report.rules.remove(0)
}

/// The cloud of the terms, its rule, and the regions of the destinations.
fn place(terms: &Terms, excluded: &[String]) -> (Provider, Value, Vec<String>) {
    let (provider, source, mut destinations) = match terms.cloud {
        0 => (
            Provider::Alibaba,
            json!({ "region": "cn-shenzhen", "vault_id": SOURCE_VAULT }),
            vec![json!({ "region": "cn-chengdu", "vault_id": TARGET_VAULT })],
        ),
        1 => (
            Provider::Huawei,
            json!({ "region": "cn-north-4", "project_id": PROJECT, "vault_id": VAULT }),
            vec![
                json!({ "region": "cn-east-3", "project_id": "0605767b5780d5762fc5c0118072a564", "vault_id": "d41f0e7b-9c02-4c8e-b7a5-2f9e1b3c4d02" }),
                json!({ "region": "ap-southeast-1", "project_id": "0d9da8861b80f5a32fb4c00645f2dbd7", "vault_id": "b9b3a0c5-3f3e-4d39-9a51-0c5a7b1d2e11" }),
            ],
        ),
        _ => (
            Provider::Tencent,
            json!({ "region": "ap-shanghai" }),
            vec![json!({ "region": "ap-chengdu" }), json!({ "region": "ap-hongkong" })],
        ),
    };
    destinations.truncate(terms.destinations);
    let regions = destinations.iter().map(|one| one["region"].as_str().unwrap_or_default().to_owned()).collect();
    let mut rule = json!({
        "name": RULE, "provider": CLOUDS[terms.cloud], "source": source, "destinations": destinations,
        "objective": terms.objective(), "limits": terms.limits(),
    });
    rule["source"]["select"] = json!({ "name_prefix": "life-" });
    if !excluded.is_empty() {
        rule["source"]["select"]["exclude"] = json!({ "resources": excluded });
    }
    if let Some(keep) = terms.keep_h {
        rule["copies"] = json!({ "keep": format!("{keep}h") });
    }
    if terms.cloud == 1 {
        rule["operation"] = json!("copy-backup");
    }
    (provider, rule, regions)
}

fn environment() -> Environment {
    let options = SimOptions::default();
    let bases = [
        ("OFFSITE_ALIBABA_ENDPOINT", 0),
        ("OFFSITE_ALIBABA_STS_ENDPOINT", 0),
        ("OFFSITE_HUAWEI_CBR_ENDPOINT", 1),
        ("OFFSITE_HUAWEI_CSBS_ENDPOINT", 1),
        ("OFFSITE_HUAWEI_IAM_ENDPOINT", 1),
        ("OFFSITE_HUAWEI_STS_ENDPOINT", 1),
        ("OFFSITE_TENCENT_ENDPOINT", 2),
        ("OFFSITE_TENCENT_STS_ENDPOINT", 2),
    ];
    let mut environment =
        bases.into_iter().fold(Environment::default(), |environment, (name, at)| environment.with(name, BASES[at].0));
    for cloud in Cloud::ALL {
        let [id, secret, _] = key_variables(cloud);
        environment = environment
            .with(id, options.access_key_id.clone())
            .with(secret, options.access_key_secret.clone())
            .with(&format!("OFFSITE_{}_RPS", cloud.name().to_uppercase()), "0");
    }
    environment
}

fn context(world: &Arc<World>, policy: &Arc<Policy>, store: &Store, paused: bool) -> Result<Context, String> {
    let environment = environment();
    let mut settings = Settings::from_environment(&environment, &PROVIDERS).map_err(|error| error.to_string())?;
    settings.paused = paused;
    let transport = Arc::new(ToSimulators(world.clone()));
    let clock = Arc::new(TheirClock(world.clone()));
    let secrets = AccountSecrets::new(&environment, settings.clone(), &PROVIDERS, transport.clone(), clock.clone());
    let ports = Ports {
        providers: PROVIDERS.to_vec(),
        transport,
        ledger: store.0.clone(),
        notes: store.1.clone(),
        policies: Arc::new(FixedPolicy(Some(policy.clone()))),
        work_queue: None,
        emitter: Arc::new(Queue(world.clone())),
        secrets: Arc::new(secrets),
        clock,
    };
    Ok(Context::new(ports, settings, Metrics::to(Arc::new(Kept(world.clone())))))
}
