//! The laws about what a sweep starts, and what must not keep it from that.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use offsite_shared::ledger::State;
use offsite_simulators::Provider;
use serde_json::{Value, json};

use crate::play::{Life, Taken};
use crate::step::Kind;

/// How long one request to a provider may take: the default of `OFFSITE_TIMEOUT_MS`.
const TIMEOUT: SignedDuration = SignedDuration::from_secs(15);

/// What a sweep needs beside that: pauses between repeated questions.
const BESIDE: SignedDuration = SignedDuration::from_secs(15);

impl Life<'_> {
    /// Backups × regions of which nothing stands in the way of a start, and of which nothing is recorded yet.
    pub(crate) fn startable(&mut self) -> Taken<BTreeSet<(String, String)>> {
        let mut wanted = BTreeSet::new();
        if self.stage.provider == Provider::Alibaba || self.stage.terms.most.is_some() {
            return Ok(wanted);
        }
        let records = self.staged(self.stage.records())?;
        let known: BTreeSet<(String, String)> = records
            .iter()
            .filter_map(|record| record.replication().ok())
            .map(|one| (one.source.id, one.destination.region))
            .collect();
        for (backup, made) in &self.made {
            let id = self.stage.id(*backup);
            for region in self.stage.regions.iter().filter(|_| made.there && made.kind == Kind::Plain) {
                let place = (id.clone(), region.clone());
                let begun = self.stage.book.was_begun(&place);
                if !known.contains(&place) && !begun && !self.stage.book.has_arrived(&id, region) {
                    wanted.insert(place);
                }
            }
        }
        Ok(wanted)
    }

    /// Laws 9 and 12: a destination that does not answer, and a queue that takes nothing, keep nothing else from being started.
    pub(crate) fn protection_first(
        &mut self,
        wanted: &BTreeSet<(String, String)>,
        lit: &[String],
        took: SignedDuration,
    ) -> Taken {
        let only = |prefixes: &[&str]| {
            !self.troubles.is_empty()
                && self.troubles.iter().all(|trouble| prefixes.iter().any(|prefix| trouble.starts_with(prefix)))
        };
        let law = match () {
            () if only(&["Dark(", "Silent("]) => 9,
            () if only(&["Queue"]) => 12,
            () => return Ok(()),
        };
        let wanted: Vec<&(String, String)> = wanted.iter().filter(|(_, region)| lit.contains(region)).collect();
        if law == 9 && lit.len() < self.stage.regions.len() {
            self.premise(law);
            let report = self.report()?;
            let of_lit = report
                .unprotected
                .iter()
                .find(|line| line.state.name() == "unknown" && lit.contains(&line.destination));
            if let Some(line) = of_lit {
                return self
                    .fail("9", format!("{} was listed, and {} is unknown there", line.destination, line.resource));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        self.premise(law);
        let records = self.staged(self.stage.records())?;
        for (id, region) in wanted {
            let record = records.iter().find(|record| {
                record.replication().is_ok_and(|one| one.source.id == *id && one.destination.region == *region)
            });
            if !record.is_some_and(|record| matches!(record.state, State::Accepted | State::Replicated)) {
                let state = record.map(|record| record.state.name());
                return self.fail(&law.to_string(), format!("{id} was not started to {region}: {state:?}"));
            }
        }
        if took > TIMEOUT + BESIDE {
            return self.fail(&law.to_string(), format!("the sweep took {took:?}, with {:?}", self.troubles));
        }
        Ok(())
    }

    /// Law 10: as many messages as the answer of the sweep says that it started; each refused one is told once for its cause.
    pub(crate) fn told_what_it_did(&mut self, swept: &Value, before: usize, begun: Timestamp) -> Taken {
        let well = ["Queue", "Key", "LoseReply", "LoseCall", "Error"];
        if self.troubles.iter().any(|trouble| well.contains(&trouble.as_str())) {
            return Ok(());
        }
        let wanted = json!("offsite.replication.accepted");
        let mut started: BTreeSet<String> = BTreeSet::new();
        let messages = self.stage.world.messages();
        // What is sent once more has the ID of the first time.
        let earlier: BTreeSet<&str> = messages.iter().take(before).filter_map(|event| event["id"].as_str()).collect();
        let of_now = |event: &Value| event["time"].as_str().and_then(|at| at.parse::<Timestamp>().ok()) >= Some(begun);
        let new = |event: &&Value| of_now(event) && event["id"].as_str().is_some_and(|id| !earlier.contains(id));
        for event in messages.iter().skip(before).filter(new) {
            if event["type"] == wanted && event["data"]["adopted"] == json!(false) {
                started.insert(event["id"].as_str().unwrap_or_default().to_owned());
            }
        }
        drop(earlier);
        drop(messages);
        let said = swept["started"].as_u64().unwrap_or_default();
        // A doubt that ends with a new call counts as a start for the queue only.
        let doubts = self.stage.book.has_doubts();
        if started.len() as u64 != said && !doubts {
            return self.fail("10", format!("the sweep says that it started {said}, and {} are told", started.len()));
        }
        Ok(())
    }

    /// Whether one of two destinations answers with errors, and nothing else is wrong. Not one that is silent: here waits that happen at the same
    /// time add up, and the other one would have no time left. A key that was refused rests for a while after it was mended.
    pub(crate) fn only_one_is_dark(&self) -> bool {
        let only = self.troubles.len() == 1;
        let dark = |trouble: &String| trouble.starts_with("Dark(");
        let key_rests = self.stage.now() < self.key_rests;
        only && self.stage.regions.len() == 2 && self.troubles.iter().all(dark) && !key_rests
    }

    /// Law 8: what was refused for a cause that is not the backup's has used up nothing, and starts with the next sweep that tries it.
    pub(crate) fn mend_and_see(&mut self) -> Taken {
        let quota = self.troubles.len() == 1 && self.troubles.contains("Quota");
        self.mend()?;
        if !quota {
            return Ok(());
        }
        let code = self.stage.quota_code();
        let waiting = |life: &Life<'_>| -> Taken<Vec<String>> {
            let records = life.staged(life.stage.records())?.into_iter();
            let waits = records.filter(|record| {
                record.state == State::Refused && record.last().is_some_and(|last| last.code.as_deref() == Some(code))
            });
            Ok(waits.map(|record| record.key).collect())
        };
        let before = waiting(self)?;
        // A pair of vaults is set up for backups that are there.
        let idle = self.stage.provider == Provider::Alibaba
            && !self.made.values().any(|made| made.there && made.kind == Kind::Plain);
        if before.is_empty() || idle {
            return Ok(());
        }
        self.stage.pass(16);
        let swept = self.sweep()?;
        let Some((swept, true)) = swept else { return Ok(()) };
        self.premise(8);
        let still = waiting(self)?;
        if swept["refused"] != json!(0) || (self.stage.terms.most.is_none() && !still.is_empty()) {
            return self.fail("8", format!("the cause has ended, and {} still wait: {swept}", still.len()));
        }
        for record in self.staged(self.stage.records())? {
            let other = record.history.iter().any(|line| matches!(line.state, State::Failed | State::Lost));
            if before.contains(&record.key) && record.attempt != 1 && !other {
                return self
                    .fail("8", format!("a refusal has used up an attempt: it is number {} now", record.attempt));
            }
        }
        Ok(())
    }
}
