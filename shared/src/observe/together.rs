//! Many copies in one question, where the provider has one for them.
//!
//! **Invariant:** what many are asked for together makes no difference to any of them. The shared answer counts for the copies that
//! it shows; one that it does not show is asked for by itself, because only that answer says that it is not there.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};

use super::is_awaited;
use crate::context::{Handler, Invocation};
use crate::exchange::{self, For};
use crate::ledger::Record;
use crate::model::command::Replication;
use crate::model::evidence::Observation;
use crate::model::failure::Disposition;
use crate::ports::Boxed;
use crate::providers::provider::{Accepted, Provider};

/// Copies that one question can be put for: by their places.
struct Group<'p> {
    provider: &'p dyn Provider,
    places: Vec<usize>,
}

impl Handler {
    /// What shared questions say of these records, in order. `None`: to be asked for by itself.
    pub(super) async fn ask_together(
        &self,
        records: &[(Replication, Record)],
        invocation: &Invocation,
    ) -> Vec<Option<Observation>> {
        let questions = self.groups(records).into_iter().map(|group| -> Boxed<'_, Vec<(usize, Observation)>> {
            Box::pin(self.ask_group(group, records, invocation))
        });
        let questions: Vec<_> = questions.collect();
        let told: Vec<Vec<(usize, Observation)>> =
            stream::iter(questions).buffered(self.settings.concurrency).collect().await;
        let mut answers = vec![None; records.len()];
        for (place, observation) in told.into_iter().flatten() {
            if let Some(answer) = answers.get_mut(place) {
                *answer = Some(observation);
            }
        }
        answers
    }

    /// One question each: records of one account, operation and destination region, as many as the provider takes.
    fn groups(&self, records: &[(Replication, Record)]) -> Vec<Group<'_>> {
        let mut alike: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (place, (replication, record)) in records.iter().enumerate() {
            if is_awaited(record) {
                let place_of = (replication.operation.name(), &replication.account, &replication.destination.region);
                alike.entry(place_of).or_default().push(place);
            }
        }
        let mut groups = Vec::new();
        for places in alike.values() {
            let Some((replication, _)) = places.first().and_then(|place| records.get(*place)) else { continue };
            let Some(provider) = self.provider(replication.operation.cloud()) else { continue };
            let at_once = provider.observes_at_once(replication.operation);
            let several = places.chunks(at_once.max(1)).filter(|chunk| chunk.len() > 1);
            groups.extend(several.map(|chunk| Group { provider, places: chunk.to_vec() }));
        }
        groups
    }

    async fn ask_group(
        &self,
        group: Group<'_>,
        records: &[(Replication, Record)],
        invocation: &Invocation,
    ) -> Vec<(usize, Observation)> {
        let of_place = |place: &usize| {
            let (replication, record) = records.get(*place)?;
            Some(Accepted { replication, receipt: record.receipts.last()? })
        };
        let copies: Vec<Accepted<'_>> = group.places.iter().filter_map(of_place).collect();
        let stop = invocation.stop();
        let Some(first) = copies.first().filter(|_| copies.len() == group.places.len()) else { return Vec::new() };
        if self.clock.now() >= stop || self.ready(group.provider, first.replication).await.is_err() {
            return Vec::new();
        }
        let Some(call) = group.provider.observe_many(&copies) else { return Vec::new() };
        let whose = For { account: &first.replication.account, rule: None };
        match exchange::read(self, group.provider, &call, whose, stop).await {
            Ok(reply) => {
                let told = group.provider.observed_many(&copies, &reply);
                group.places.into_iter().zip(told).filter_map(|(place, told)| Some((place, told?))).collect()
            }
            Err(failure) if failure.disposition == Disposition::Authentication => {
                self.pause(group.provider, first.replication, &failure).await;
                Vec::new()
            }
            // Nobody is there, or too many ask: each by itself would hear the same.
            Err(failure) if failure.disposition == Disposition::Throttled || failure.request_id.is_none() => {
                group.places.into_iter().map(|place| (place, Observation::Unanswered(failure.clone()))).collect()
            }
            // One of them, or their number, may be what is wrong.
            Err(failure) => {
                tracing::info!(%failure, copies = copies.len(), "the question for many was refused; each is asked for by itself");
                Vec::new()
            }
        }
    }
}
