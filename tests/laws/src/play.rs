//! Plays a history, and holds the report against the laws after each step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offsite_oracle::Answer;
use offsite_shared::ledger::risks::{Act, Decision, FORMAT};
use offsite_shared::report::{Conclusion, RuleReport, risks};
use offsite_simulators::Provider;
use serde_json::{Value, json};

use crate::block::block_on;
use crate::ports::LIVES;
use crate::run::Premises;
use crate::stage::{ALIVE, RULE, Stage, Store, labelled};
use crate::step::{History, Kind, Step, Trouble};

/// A law that a history breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The law: its number, `soundness` or `equality`.
    pub law: String,
    /// What was told, and what is true.
    pub what: String,
    /// The number of the step after which it was told; `None` at rest.
    pub step: Option<usize>,
}

/// What a history came to.
#[derive(Clone, Debug)]
pub struct Played {
    /// What the report says at rest.
    pub conclusion: Conclusion,
    /// How often each law had something to say.
    pub premises: Premises,
}

/// Plays a history to its end, and to rest.
///
/// # Errors
/// The first law that it breaks.
pub fn play(history: &History, store: &dyn Fn() -> Store) -> Result<Played, Failure> {
    let mut life = Life::begin(history, store).map_err(|what| Failure { law: "stage".into(), what, step: None })?;
    for (number, step) in &history.steps {
        life.at = Some(*number);
        life.take(*step)?;
        life.after()?;
    }
    life.at = None;
    let conclusion = life.come_to_rest()?;
    Ok(Played { conclusion, premises: life.premises })
}

/// A backup as the generator made it.
#[derive(Clone, Copy)]
pub(crate) struct Made {
    pub(crate) resource: u8,
    pub(crate) kind: Kind,
    pub(crate) at: Timestamp,
    pub(crate) there: bool,
}

/// A history underway.
pub(crate) struct Life<'s> {
    pub(crate) stage: Stage,
    fresh: &'s dyn Fn() -> Store,
    pub(crate) made: BTreeMap<u16, Made>,
    pub(crate) premises: Premises,
    /// The number of the step that is taken.
    pub(crate) at: Option<usize>,
    /// What the oracle said at each moment so far.
    moments: Vec<Answer>,
    /// For each sweep the product's time when it began, and how many moments there were before it.
    marks: Vec<(Timestamp, usize)>,
    /// The resources that the rule leaves out.
    excluded: BTreeSet<u8>,
    pub(crate) troubles: BTreeSet<String>,
    /// Until when a key that was refused may be left alone.
    pub(crate) key_rests: Timestamp,
    /// What the last sweep of a comparison came to, for whoever reads why it failed.
    pub(crate) last: String,
    /// The last report, if only time has passed since.
    pub(crate) before: Option<Conclusion>,
}

/// The result of a step.
pub(crate) type Taken<T = ()> = Result<T, Failure>;

impl Life<'_> {
    fn begin<'s>(history: &History, fresh: &'s dyn Fn() -> Store) -> Result<Life<'s>, String> {
        Ok(Life {
            stage: Stage::new(&history.terms, fresh())?,
            fresh,
            made: BTreeMap::new(),
            premises: Premises::default(),
            at: None,
            moments: Vec::new(),
            marks: Vec::new(),
            excluded: BTreeSet::new(),
            troubles: BTreeSet::new(),
            key_rests: Timestamp::MIN,
            last: String::new(),
            before: None,
        })
    }

    pub(crate) fn fail<T>(&self, law: &str, what: impl Into<String>) -> Taken<T> {
        Err(Failure { law: law.to_owned(), what: what.into(), step: self.at })
    }

    pub(crate) fn staged<T>(&self, done: Result<T, String>) -> Taken<T> {
        done.or_else(|what| self.fail("stage", what))
    }

    /// Counts that a law had something to say.
    pub(crate) fn premise(&mut self, law: usize) {
        self.premises.count(law, self.stage.terms.cloud);
    }

    fn take(&mut self, step: Step) -> Taken {
        if !matches!(step, Step::Pass { .. }) {
            self.before = None;
        }
        match step {
            Step::Make { backup, resource, kind } => self.make(backup, resource, kind),
            Step::Rename { backup, inside } => self.rename(backup, inside),
            Step::Remove { backup } => self.remove(backup),
            Step::RemoveCopy { backup, at } => self.remove_copy(backup, at),
            Step::Trouble(trouble) => self.trouble(trouble),
            Step::Mend => self.mend_and_see(),
            Step::Event { backup, twice } => self.event(backup, twice),
            Step::Crash { after } => {
                self.stage.world.dies_after.store(u32::from(after), Ordering::SeqCst);
                Ok(())
            }
            Step::LoseLedger => {
                self.stage.store = (self.fresh)();
                self.stage.book.forget(self.stage.provider == Provider::Huawei);
                self.marks.clear();
                let restarted = self.stage.restart();
                self.staged(restarted)
            }
            Step::Pass { minutes } => {
                self.stage.pass(minutes);
                Ok(())
            }
            Step::Accept { resource } => self.accept(resource),
            Step::Lag { hours } => {
                self.stage.book.promise(SignedDuration::from_hours(i64::from(hours)));
                let edited = self.stage.edit(Some(hours), None);
                self.staged(edited)
            }
            Step::Exclude { resource } => self.exclude(resource),
            Step::Sweep => self.sweep().map(drop),
            Step::Look => self.look(),
        }
    }

    /// What is checked after every step.
    fn after(&mut self) -> Taken {
        self.observe();
        let report = self.report()?;
        self.time_alone(&report)?;
        self.alarmed(&report)?;
        self.sound(&report)
    }

    /// Has the oracle say what it says of now.
    pub(crate) fn observe(&mut self) {
        self.stage.look_at_tables();
        let at = self.stage.now();
        let says = self.stage.book.says(at).holds;
        self.moments.push(says);
    }

    pub(crate) fn report(&self) -> Taken<RuleReport> {
        self.staged(self.stage.report())
    }

    /// The report holds only if a careful person says so of some moment since its listing began.
    fn sound(&mut self, report: &RuleReport) -> Taken {
        if report.conclusion != Conclusion::Holds {
            return Ok(());
        }
        self.premise(0);
        let as_of = report.complete_as_of.unwrap_or(Timestamp::MIN);
        let from = self.marks.iter().rev().find(|(begun, _)| *begun <= as_of).map_or(0, |(_, at)| *at);
        if self.moments[from..].iter().any(|said| said.possibly()) {
            return Ok(());
        }
        let says = self.stage.book.says(self.stage.now());
        self.fail("soundness", format!("the report holds, and {:?}", says.why))
    }

    fn make(&mut self, backup: u16, resource: u8, kind: Kind) -> Taken {
        if self.made.contains_key(&backup) {
            return Ok(());
        }
        let at = Timestamp::from_second(self.stage.world.clouds.now().as_second()).unwrap_or(Timestamp::MIN);
        let kind = if self.excluded.contains(&resource) { Kind::Outside } else { kind };
        // Only a resource of which the rule knows nothing else can be the new one of the second law.
        let new = !self.made.values().any(|made| made.resource == resource);
        let probe = kind == Kind::Fixed && new && self.is_calm();
        let before = if probe { self.settled_conclusion()? } else { None };
        self.staged(self.stage.put(backup, resource, kind, at))?;
        let label = self.stage.label(backup, resource, kind, at);
        self.stage.book.make(label, kind != Kind::Outside);
        self.made.insert(backup, Made { resource, kind, at, there: true });
        self.stage.world.clouds.pass(Duration::from_secs(1));
        self.never_greener(2, before, || format!("a resource that cannot be copied was added: backup {backup}"))
    }

    fn rename(&mut self, backup: u16, inside: bool) -> Taken {
        let Some(made) = self.made.get(&backup).copied().filter(|made| made.there) else { return Ok(()) };
        if self.stage.provider == Provider::Alibaba || self.excluded.contains(&made.resource) {
            // A job keeps its name.
            return Ok(());
        }
        let id = self.stage.id(backup);
        let before = if inside { None } else { self.without_copy(&id)? };
        let kind = match (inside, made.kind) {
            (false, _) => Kind::Outside,
            (true, Kind::Outside) => Kind::Plain,
            (true, kind) => kind,
        };
        if made.kind == Kind::Fixed {
            return Ok(());
        }
        self.staged(self.stage.rename(backup, made.resource, kind, made.at))?;
        self.stage.book.rename(&id, inside);
        self.made.insert(backup, Made { kind, ..made });
        self.stage.world.clouds.pass(Duration::from_secs(1));
        self.never_greener(1, before, || format!("backup {backup} was renamed without a copy"))
    }

    fn remove(&mut self, backup: u16) -> Taken {
        let Some(made) = self.made.get(&backup).copied().filter(|made| made.there) else { return Ok(()) };
        let id = self.stage.id(backup);
        let before = self.without_copy(&id)?;
        self.staged(self.stage.seed(json!({ "remove": [id] })))?;
        self.stage.book.remove(&id);
        self.made.insert(backup, Made { there: false, ..made });
        self.stage.world.clouds.pass(Duration::from_secs(1));
        self.never_greener(1, before, || format!("backup {backup} was removed without a copy"))
    }

    fn remove_copy(&mut self, backup: u16, at: u8) -> Taken {
        let Some(region) = self.stage.regions.get(usize::from(at) % self.stage.regions.len()).cloned() else {
            return Ok(());
        };
        // The backup itself, or the next one that has a copy there.
        self.stage.look_at_tables();
        let numbers: Vec<u16> = self.made.keys().copied().collect();
        let from = numbers.iter().position(|number| *number >= backup).unwrap_or_default();
        let mut others = numbers.iter().cycle().skip(from).take(numbers.len());
        let has = |number: &&u16| self.stage.book.has_arrived(&self.stage.id(**number), &region);
        let Some(backup) = others.find(has).copied() else { return Ok(()) };
        let id = self.stage.id(backup);
        let arrived = self.stage.world.clouds.arrived(self.stage.provider).into_iter();
        let copies: Vec<String> =
            arrived.filter(|one| one.source == id && one.region == region).map(|one| one.id).collect();
        if copies.is_empty() || self.stage.provider == Provider::Alibaba {
            return Ok(());
        }
        self.staged(self.stage.seed(json!({ "remove": copies })))?;
        self.copy_is_gone(backup, &id, &region)
    }

    fn trouble(&mut self, trouble: Trouble) -> Taken {
        self.troubles.insert(format!("{trouble:?}"));
        let start = self.stage.start_action();
        let fault = |kind: &str, times: u64| json!({ "action": start, "kind": kind, "times": times });
        let dark = |stage: &Stage, region: &str, kind: &str| -> Value {
            let of = |action: &&str| json!({ "action": action, "match": { "region": region }, "kind": kind });
            stage.read_actions().iter().map(of).collect()
        };
        let region = |at: u8| self.stage.regions.get(usize::from(at) % self.stage.regions.len()).cloned();
        let faults = match trouble {
            Trouble::FailLater => json!([fault("fail_later", 1)]),
            Trouble::Throttle => json!([{ "action": "*", "kind": "throttle", "times": 3 }]),
            Trouble::LoseReply => json!([fault("timeout_after", 1)]),
            Trouble::LoseCall => json!([fault("timeout_before", 1)]),
            Trouble::Error => json!([fault("http_500_after", 1)]),
            Trouble::Quota => json!([{ "action": start, "kind": "code", "code": self.stage.quota_code() }]),
            Trouble::Dark(at) => dark(&self.stage, &region(at).unwrap_or_default(), "http_500_before"),
            Trouble::Silent(at) => dark(&self.stage, &region(at).unwrap_or_default(), "timeout_before"),
            Trouble::DarkSource => dark(&self.stage, self.stage.source_region(), "http_500_before"),
            Trouble::DarkType if self.stage.provider == Provider::Alibaba => {
                json!([{ "action": "DescribeBackupJobs2", "match": { "source": "NAS" }, "kind": "http_500_before" }])
            }
            Trouble::DarkType => return Ok(()),
            Trouble::Key => {
                let key = json!({ "access_key_id": "SOMEBODYELSESKEY0001", "access_key_secret": "another-secret-not-a-real-one-001" });
                return self.staged(self.stage.world.clouds.post(self.stage.provider, "key", &key).map(drop));
            }
            Trouble::Queue => {
                self.stage.world.queue.store(false, Ordering::SeqCst);
                return Ok(());
            }
            Trouble::Clock(minutes) => {
                self.stage.world.skew_s.store(i64::from(minutes) * 60, Ordering::SeqCst);
                return Ok(());
            }
            Trouble::Pause => {
                self.stage.paused = true;
                self.stage.context.settings.paused = true;
                return Ok(());
            }
        };
        self.staged(self.stage.faults(&json!({ "faults": faults })))
    }

    pub(crate) fn mend(&mut self) -> Taken {
        if self.troubles.contains("Key") {
            self.key_rests = self.stage.now() + SignedDuration::from_mins(30);
        }
        self.troubles.clear();
        let options = offsite_simulators::SimOptions::default();
        let key = json!({ "access_key_id": options.access_key_id, "access_key_secret": options.access_key_secret });
        self.staged(self.stage.world.clouds.post(self.stage.provider, "key", &key).map(drop))?;
        self.stage.world.queue.store(true, Ordering::SeqCst);
        self.stage.world.skew_s.store(0, Ordering::SeqCst);
        self.stage.paused = false;
        self.stage.context.settings.paused = false;
        self.staged(self.stage.faults(&json!({ "clear": true })))
    }

    fn event(&mut self, backup: u16, twice: bool) -> Taken {
        if !self.made.get(&backup).is_some_and(|made| made.there && made.kind != Kind::Outside) {
            return Ok(());
        }
        let id = self.stage.id(backup);
        let Some(rule) = self.stage.policy.rule(RULE) else { return Ok(()) };
        let command = rule.command_of(&id).to_json();
        self.doubts();
        for _ in 0..=u8::from(twice) {
            let answer = self.stage.handle(&command);
            let answer = self.staged(answer)?;
            let done = matches!(answer, Some(Ok(_)));
            // An event about a pair of vaults is about no backup.
            if self.stage.provider != Provider::Alibaba {
                self.stage.book.told_of(&id, done);
            }
        }
        Ok(())
    }

    /// Edits the rule so that it leaves out a resource of which nothing is open.
    fn exclude(&mut self, resource: u8) -> Taken {
        self.stage.look_at_tables();
        let id = self.stage.resource(resource);
        let labels = self.stage.labels(resource);
        let doubtful = !self.is_calm() || self.stage.book.has_doubts();
        if doubtful || self.excluded.contains(&resource) || labels.iter().any(|label| self.stage.book.is_open(label)) {
            return Ok(());
        }
        for label in &labels {
            self.stage.book.exclude(label);
        }
        for made in self.made.values_mut().filter(|made| made.resource == resource) {
            made.kind = Kind::Outside;
        }
        self.excluded.insert(resource);
        let edited = self.stage.edit(None, Some(id));
        self.staged(edited)
    }

    fn accept(&mut self, resource: u8) -> Taken {
        let report = self.report()?;
        let resource = self.stage.resource(resource);
        let lines: Vec<_> = report
            .unprotected
            .iter()
            .filter(|line| line.resource == resource && matches!(line.state.name(), "unprotected" | "stale"))
            .cloned()
            .collect();
        let until = self.stage.now() + SignedDuration::from_hours(72);
        for line in lines {
            let act = Act {
                format: FORMAT,
                rule: RULE.to_owned(),
                number: u64::try_from(report.accepted.len()).unwrap_or_default(),
                decision: Decision::Accept {
                    resource: resource.clone(),
                    destination: Some(line.destination.clone()),
                    cause: line.cause.clone(),
                    until,
                },
                reason: "it holds nothing".to_owned(),
                who: "somebody".to_owned(),
                at: self.stage.now(),
            };
            let added = block_on(risks::add(&*self.stage.store.1, act), &ALIVE);
            if !matches!(added, Some(Ok(_))) {
                return self.fail("stage", format!("a risk could not be accepted: {added:?}"));
            }
            self.stage.book.accept(&labelled(&line, self.stage.provider), &line.destination, until);
        }
        Ok(())
    }

    pub(crate) fn look(&mut self) -> Taken {
        let answer = self.stage.handle(&json!({ "action": "observe" }));
        self.staged(answer)?;
        self.stage.look_at_tables();
        self.stage.book.looked();
        Ok(())
    }

    /// Notes what may become a doubt in the invocation that follows.
    fn doubts(&mut self) {
        let doubtful = ["LoseReply", "LoseCall", "Error", "FailLater"].iter().any(|one| self.troubles.contains(*one));
        if doubtful || self.stage.world.dies_after.load(Ordering::SeqCst) != LIVES {
            self.stage.book.doubt();
        }
        if self.troubles.contains("Quota") {
            self.stage.book.refuse();
        }
    }

    /// Sweeps; the answer about the rule, and whether all of it happened now.
    pub(crate) fn sweep(&mut self) -> Taken<Option<(Value, bool)>> {
        let begun = self.stage.now();
        self.marks.push((begun, self.moments.len()));
        self.observe();
        self.doubts();
        let wanted = self.startable()?;
        let told = self.stage.world.messages().len();
        let answer = self.stage.handle(&json!({ "action": "sweep" }));
        let answer = self.staged(answer)?;
        let took = self.stage.now().duration_since(begun);
        self.stage.look_at_tables();
        let now = self.stage.now();
        let swept = match &answer {
            Some(Ok(answer)) => Some(answer["swept"][0].clone()),
            _ => None,
        };
        let as_of = swept.as_ref().and_then(|swept| swept["complete_as_of"].as_str()?.parse::<Timestamp>().ok());
        let whole = as_of.is_some_and(|as_of| as_of >= begun);
        let not_seen = swept.as_ref().and_then(|swept| swept["not_seen"].as_object()).cloned().unwrap_or_default();
        let lit: Vec<String> =
            self.stage.regions.iter().filter(|region| !not_seen.contains_key(*region)).cloned().collect();
        self.stage.book.swept(as_of.unwrap_or(begun), now, &lit, whole);
        let Some(swept) = swept else { return Ok(None) };
        if swept["failed"] == json!(true) && self.only_one_is_dark() {
            return self.fail("9", format!("one of two destinations is dark, and the other is not swept: {swept}"));
        }
        if whole {
            self.told_what_it_did(&swept, told, begun)?;
            self.protection_first(&wanted, &lit, took)?;
            self.swept(&swept, &lit)?;
        }
        Ok(Some((swept, whole && not_seen.is_empty())))
    }
}
