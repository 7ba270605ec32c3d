//! Reads before first attempts: those of one replication go out at once, and those of an event's replications are put together where one
//! call can stand for several. So are the reads of sources that commands are held against the policy by.
//!
//! Whoever may come to such a read has a seat. The reads of a round are planned when each of its seats has asked or was given up, and each
//! gets the replies that it would have got by itself. A replication that waits for anything but the ledger gives up its seat before; who
//! waits for one call with others has its next seat among those alone.
//!
//! **Invariant:** what an attempt reads here counts for a first one without doubt, and was asked for after the claim.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use futures_channel::oneshot;
use futures_util::FutureExt;
use futures_util::future::{Either, Shared, join, join_all, pending, select};
use jiff::Timestamp;

use crate::context::Context;
use crate::context::credentials::held;
use crate::exchange::{self, Target};
use crate::model::command::Replication;
use crate::model::failure::{Disposition, Failure};
use crate::model::http::Reply;
use crate::ports::Boxed;
use crate::providers::asked::Asked;
use crate::providers::call::Call;
use crate::providers::provider::Provider;

/// Where the replications of one event meet.
#[derive(Clone)]
pub(crate) struct Table<'c>(Arc<Open<'c>>);

struct Open<'c> {
    ctx: &'c Context,
    /// After this moment no read is begun.
    stop: Timestamp,
    /// The round that takes seats. Once somebody of it has asked, the next seats belong to another one, so that nobody waits for what
    /// began later.
    round: Mutex<Arc<Round<'c>>>,
}

#[derive(Default)]
struct Round<'c>(Mutex<Seats<'c>>);

#[derive(Default)]
struct Seats<'c> {
    /// How many may still ask.
    coming: usize,
    asked: Vec<Question<'c>>,
}

/// Reads of one replication, each by its number among those before a first attempt, and whom to tell how they are made.
struct Question<'c> {
    replication: Replication,
    calls: Vec<(usize, Call)>,
    planned: oneshot::Sender<Plan<'c>>,
}

/// How the reads of a question are made, and a seat among those who wait for the last of them too.
type Plan<'c> = (Reads<'c>, Option<Seat<'c>>);

/// The right of one replication to ask in a round.
pub(crate) struct Seat<'c> {
    table: Table<'c>,
    round: Arc<Round<'c>>,
}

/// What one replication was given: nothing if only its own read can tell.
type Given = Option<Result<Reply, Failure>>;

/// A read that several wait for: what each of them was given.
type Together<'c> = Shared<Boxed<'c, Arc<Vec<Given>>>>;

/// The reads of one replication, each with its place among those that it is made together with.
#[derive(Default)]
pub(crate) struct Reads<'c>(Vec<(Call, Together<'c>, usize)>);

impl<'c> Table<'c> {
    pub(crate) fn new(ctx: &'c Context, stop: Timestamp) -> Table<'c> {
        Table(Arc::new(Open { ctx, stop, round: Mutex::default() }))
    }

    /// Takes a seat in the round that is open.
    pub(crate) fn sit(&self) -> Seat<'c> {
        let round = held(&self.0.round).clone();
        self.sit_in(&round)
    }

    fn sit_in(&self, round: &Arc<Round<'c>>) -> Seat<'c> {
        held(&round.0).coming += 1;
        Seat { table: self.clone(), round: round.clone() }
    }
}

impl<'c> Seat<'c> {
    /// Where it stands.
    pub(crate) fn table(&self) -> Table<'c> {
        self.table.clone()
    }

    /// The reads of a replication, once all of the round have asked. None are begun before somebody waits for them.
    pub(crate) async fn ask(self, provider: &dyn Provider, replication: &Replication) -> Reads<'c> {
        let calls: Vec<_> = provider.reads_ahead(replication).into_iter().enumerate().collect();
        if calls.is_empty() {
            return Reads::default();
        }
        let (reads, next) = self.planned(replication, calls).await;
        drop(next);
        reads
    }

    /// Makes a read by which it is decided whether there will be an attempt. With the reply comes a seat for what follows, among those that
    /// this was read together with.
    ///
    /// # Errors
    /// A read that failed for good.
    pub(crate) async fn read_before(
        self,
        target: Target<'_>,
        replication: &Replication,
        call: &Call,
    ) -> (Result<Reply, Failure>, Option<Seat<'c>>) {
        let (ctx, stop) = (self.table.0.ctx, self.table.0.stop);
        let nth = target.provider.reads_ahead(replication).iter().position(|own| own == call);
        if let Some(nth) = nth {
            let (Reads(reads), next) = self.planned(replication, vec![(nth, call.clone())]).await;
            if let Some((_, told, place)) = reads.into_iter().next()
                && let Some(Some(given)) = told.await.get(place)
            {
                return (given.clone(), next);
            }
        } else {
            drop(self);
        }
        // Nobody waits for what only its own read can tell.
        (exchange::read(ctx, target, call, stop).await, None)
    }

    async fn planned(self, replication: &Replication, calls: Vec<(usize, Call)>) -> Plan<'c> {
        let (planned, plan) = oneshot::channel();
        {
            let mut open = held(&self.table.0.round);
            if Arc::ptr_eq(&open, &self.round) {
                *open = Arc::default();
            }
        }
        held(&self.round.0).asked.push(Question { replication: replication.clone(), calls, planned });
        drop(self);
        plan.await.unwrap_or_default()
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut seats = held(&self.round.0);
        seats.coming -= 1;
        if seats.coming > 0 {
            return;
        }
        let asked = std::mem::take(&mut seats.asked);
        drop(seats);
        plan(&self.table, asked);
    }
}

/// One call of a plan, and whose reads it is: their numbers among the questions.
struct Planned {
    call: Call,
    replication: Replication,
    of: Vec<usize>,
}

/// Puts the reads of a round together and tells each question of its own.
fn plan<'c>(table: &Table<'c>, questions: Vec<Question<'c>>) {
    let (ctx, stop) = (table.0.ctx, table.0.stop);
    let mut alike: BTreeMap<(&str, String, usize, String), Vec<Planned>> = BTreeMap::new();
    for (number, Question { replication, calls, .. }) in questions.iter().enumerate() {
        for (nth, call) in calls {
            let key = (replication.operation.name(), replication.account.clone(), *nth, call.region.clone());
            let group = alike.entry(key).or_default();
            match group.iter_mut().find(|planned| planned.call == *call) {
                Some(planned) => planned.of.push(number),
                None => group.push(Planned { call: call.clone(), replication: replication.clone(), of: vec![number] }),
            }
        }
    }
    let mut plans: Vec<Plan<'_>> = questions.iter().map(|_| Plan::default()).collect();
    for ((_, _, nth, _), group) in alike {
        let Some(provider) = group.first().and_then(|one| ctx.provider(one.replication.operation.cloud())) else {
            continue;
        };
        let mut group = group.into_iter().peekable();
        while group.peek().is_some() {
            let members: Vec<Planned> = group.by_ref().take(provider.reads_at_once(nth).max(1)).collect();
            let asked: Vec<_> = members.iter().map(|one| (one.call.clone(), one.replication.clone())).collect();
            let told = async move {
                let size = asked.len();
                let told = AssertUnwindSafe(read(ctx, provider, nth, asked, stop)).catch_unwind().await;
                // A mistake on the way is that of one. Asked by itself, each meets its own.
                Arc::new(told.unwrap_or_else(|_| vec![None; size]))
            };
            let told = (Box::pin(told) as Boxed<'_, Arc<Vec<Given>>>).shared();
            let after = Arc::default();
            for (place, member) in members.into_iter().enumerate() {
                for number in member.of {
                    if let Some((reads, next)) = plans.get_mut(number) {
                        reads.0.push((member.call.clone(), told.clone(), place));
                        *next = Some(table.sit_in(&after));
                    }
                }
            }
        }
    }
    for (question, plan) in questions.into_iter().zip(plans) {
        // Whoever does not wait any more needs none.
        let _ = question.planned.send(plan);
    }
}

/// Makes one call for all of these reads. What refuses it for what is in it is asked in halves, and in the end each by itself.
fn read<'c>(
    ctx: &'c Context,
    provider: &'static dyn Provider,
    nth: usize,
    mut asked: Vec<(Call, Replication)>,
    stop: Timestamp,
) -> Boxed<'c, Vec<Given>> {
    Box::pin(async move {
        let ask = async |call: &Call| {
            // The request counts for a rule only if it is that of all.
            let rule = asked.first().and_then(|(_, one)| one.rule.as_deref());
            let rule = rule.filter(|rule| asked.iter().all(|(_, one)| one.rule.as_deref() == Some(rule)));
            let account = asked.first().map_or("", |(_, one)| one.account.as_str());
            exchange::read(ctx, Target { provider, account, rule }, call, stop).await
        };
        if let [(own, _)] = asked.as_slice() {
            return vec![Some(ask(own).await)];
        }
        let alike: Vec<&Replication> = asked.iter().map(|(_, one)| one).collect();
        let Some(call) = provider.read_together(nth, &alike) else { return vec![None; asked.len()] };
        match ask(&call).await {
            Ok(reply) => {
                if let Some(replies) = provider.read_apart(nth, &alike, &reply) {
                    return replies.into_iter().map(|reply| reply.map(Ok)).collect();
                }
            }
            Err(failure) if matches!(failure.disposition, Disposition::Permanent | Disposition::Unfit) => {}
            // Asked by itself, each would end the same.
            Err(failure) => return vec![Some(Err(failure)); asked.len()],
        }
        tracing::info!(
            action = call.action,
            reads = asked.len(),
            "what was read together was refused; it is read in halves"
        );
        let second = asked.split_off(asked.len() / 2);
        let (mut told, rest) =
            join(read(ctx, provider, nth, asked, stop), read(ctx, provider, nth, second, stop)).await;
        told.extend(rest);
        told
    })
}

impl Reads<'_> {
    /// Sends the reads that `says` asks for until the replies give a result. Those that were foreseen are under way from the beginning.
    ///
    /// # Errors
    /// A read that failed for good, or a failure that the replies stand for.
    pub(crate) async fn converse<T>(
        self,
        ctx: &Context,
        target: Target<'_>,
        stop: Timestamp,
        says: impl FnMut(Option<&Reply>) -> Asked<T>,
    ) -> Result<T, Failure> {
        let all = join_all(self.0.iter().map(|(_, told, _)| told.clone()));
        let mut foreseen = self.0;
        let talk = exchange::ask_on(says, |call: Call| {
            // A second question is another one, whatever it asks.
            let at = foreseen.iter().position(|(own, ..)| *own == call);
            let known = at.map(|at| foreseen.swap_remove(at));
            async move {
                if let Some((_, told, place)) = known
                    && let Some(Some(given)) = told.await.get(place)
                {
                    return given.clone();
                }
                exchange::read(ctx, target, &call, stop).await
            }
        });
        // The result may be there before all replies are.
        let all = async {
            all.await;
            pending::<()>().await;
        };
        match select(Box::pin(talk), Box::pin(all)).await {
            Either::Left((said, _)) => said,
            Either::Right(_) => Err(Failure::local(Disposition::Retryable, "no_answer", String::new(), "")),
        }
    }
}
