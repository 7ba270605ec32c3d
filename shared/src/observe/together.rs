//! Asks for many copies with one question, where the provider has such a question.
//!
//! **Invariant:** a shared question makes no difference to any of its copies. The shared answer counts for the copies that it shows.
//! One that it does not show is asked for by itself, because only that answer says that it is not there.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use crate::context::Context;
use crate::exchange::{self, Target, credential};
use crate::ledger::Record;
use crate::ledger::observed::is_awaited;
use crate::model::command::Replication;
use crate::model::evidence::Observation;
use crate::model::failure::Disposition;
use crate::ports::Boxed;
use crate::providers::provider::{Accepted, Provider};

/// Records whose copies one question asks for, as positions in the list of records.
struct Group {
    provider: &'static dyn Provider,
    places: Vec<usize>,
}

/// The answers by `stop` of shared questions, one for each record in order. `None`: this copy is to be asked for by itself.
pub(super) async fn ask_together(
    ctx: &Context,
    records: &[(Replication, Record)],
    stop: Timestamp,
) -> Vec<Option<Observation>> {
    let questions = groups(ctx, records)
        .into_iter()
        .map(|group| -> Boxed<'_, Vec<(usize, Observation)>> { Box::pin(ask_group(ctx, group, records, stop)) });
    let questions: Vec<_> = questions.collect();
    let told: Vec<Vec<(usize, Observation)>> =
        stream::iter(questions).buffered(ctx.settings.concurrency).collect().await;
    let mut answers = vec![None; records.len()];
    for (place, observation) in told.into_iter().flatten() {
        if let Some(answer) = answers.get_mut(place) {
            *answer = Some(observation);
        }
    }
    answers
}

/// Groups two or more records of one account, operation and destination region for one question, as many as the provider takes.
fn groups(ctx: &Context, records: &[(Replication, Record)]) -> Vec<Group> {
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
        let Some(provider) = ctx.provider(replication.operation.cloud()) else { continue };
        let at_once = provider.observes_at_once(replication.operation);
        let several = places.chunks(at_once.max(1)).filter(|chunk| chunk.len() > 1);
        groups.extend(several.map(|chunk| Group { provider, places: chunk.to_vec() }));
    }
    groups
}

async fn ask_group(
    ctx: &Context,
    group: Group,
    records: &[(Replication, Record)],
    stop: Timestamp,
) -> Vec<(usize, Observation)> {
    let of_place = |place: &usize| {
        let (replication, record) = records.get(*place)?;
        Some(Accepted { replication, receipt: record.receipts.last()? })
    };
    let copies: Vec<Accepted<'_>> = group.places.iter().filter_map(of_place).collect();
    let Some(first) = copies.first() else { return Vec::new() };
    let (target, realm) = (Target::of(group.provider, first.replication), first.replication.source.realm());
    if copies.len() < group.places.len() || ctx.now() >= stop || credential::ready(ctx, target, realm).await.is_err() {
        return Vec::new();
    }
    let Some(call) = group.provider.observe_many(&copies) else { return Vec::new() };
    // The copies may be those of several rules, so the request counts for none of them.
    match exchange::read(ctx, Target { rule: None, ..target }, &call, stop).await {
        Ok(reply) => {
            let told = group.provider.observed_many(&copies, &reply);
            group.places.into_iter().zip(told).filter_map(|(place, told)| Some((place, told?))).collect()
        }
        Err(failure) if failure.disposition == Disposition::Authentication => {
            credential::pause(ctx, target, realm, &failure).await;
            Vec::new()
        }
        // The provider did not answer or throttles: asking for each copy by itself would end the same.
        Err(failure) if failure.disposition == Disposition::Throttled || failure.request_id.is_none() => {
            group.places.into_iter().map(|place| (place, Observation::Unanswered(failure.clone()))).collect()
        }
        // The reason may be one of the copies, or how many they are.
        Err(failure) => {
            tracing::info!(%failure, copies = copies.len(), "the question for many was refused; each is asked for by itself");
            Vec::new()
        }
    }
}
