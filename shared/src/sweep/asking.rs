//! The requests of a sweep, and what it means for the sweep if one fails.

use std::time::Duration;

use jiff::Timestamp;

use super::state::Sweep;
use super::stop::Stop;
use crate::exchange::{self, credential};
use crate::ledger::State;
use crate::model::failure::{Disposition, Failure};
use crate::model::http::Reply;
use crate::model::time::later;
use crate::providers::asked::{Need, over};
use crate::providers::call::Call;
use crate::providers::inventory::Pairing;
use crate::replicate;

impl Sweep<'_> {
    /// Reads the state of the pair of vaults, where the rule is for one.
    pub(super) async fn read_pair(&mut self) -> Result<(), Stop> {
        let Some(whole) = Sweep::whole(self.ctx, self.provider, self.rule) else { return Ok(()) };
        let (provider, ctx) = (self.provider, self.ctx);
        let (mut requests, mut answered) = (0, None);
        let says = |replies: &[Reply]| {
            if !replies.is_empty() {
                answered = Some(ctx.now());
            }
            let pair = provider.inventory().read_pair(&whole, replies);
            requests += u64::from(matches!(pair, Err(Need::Ask(_))));
            pair
        };
        let read = exchange::converse(ctx, self.target(), self.invocation.stop(), over(says)).await;
        self.course.requests += requests;
        self.course.answered = answered.or(self.course.answered);
        let pair = match read {
            Ok(Some(pair)) => pair,
            Ok(None) => return Ok(()),
            Err(failure) => return Err(self.failed(&failure).await),
        };
        if let Pairing::Missing(vault) = &pair.pairing {
            return Err(Stop::Failed(format!("the vault {vault}, which the rule names, is not there")));
        }
        let target = whole.destination.vault_id.as_deref().unwrap_or_default();
        let pair = pair.conclusive(target, self.ctx.now()).map_err(Stop::Failed)?;
        let mut record = self.ctx.ports.ledger.get(&whole.key()).await?;
        // An attempt that was refused had not seen the pair that is there: the path of every command adopts it.
        let refused = record.as_ref().is_some_and(|record| record.state == State::Refused);
        if refused && pair.pairing == Pairing::Paired && !self.is_dry_run() {
            replicate::run(self.ctx, self.provider, &whole, &self.soon()).await;
            record = self.ctx.ports.ledger.get(&whole.key()).await?;
        }
        self.pair = Some((pair, record));
        Ok(())
    }

    /// One read of a page, repeated until `stop` where that is worth while.
    pub(super) async fn ask<T>(
        &mut self,
        call: &Call,
        stop: Timestamp,
        interpret: impl Fn(Reply) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.course.requests += 1;
        let answer = exchange::read_as(self.ctx, self.target(), call, stop, interpret).await?;
        self.course.answered = Some(self.ctx.now());
        Ok(answer)
    }

    /// Pauses a credential that was refused, and stops.
    pub(super) async fn failed(&self, failure: &Failure) -> Stop {
        self.failed_in(&self.rule.source.region, failure).await
    }

    /// The same, where a listing in this region failed.
    pub(super) async fn failed_in(&self, region: &str, failure: &Failure) -> Stop {
        if failure.disposition == Disposition::Authentication
            && let Some(whole) = Sweep::whole(self.ctx, self.provider, self.rule)
        {
            credential::pause(self.ctx, self.target(), whole.source.realm(), failure).await;
        }
        self.stopped_in(region, failure)
    }

    /// Why a failed request stops the sweep: this invocation's time is over, or something cannot be read.
    pub(super) fn stopped_by(&self, failure: &Failure) -> Stop {
        self.stopped_in(&self.rule.source.region, failure)
    }

    /// The same, where what was asked for is in this region.
    pub(super) fn stopped_in(&self, region: &str, failure: &Failure) -> Stop {
        let late = later(self.ctx.now(), Duration::from_secs(1)) >= self.invocation.stop();
        if failure.code == "deadline" || late { Stop::Time } else { self.unread_in(region, failure) }
    }

    /// The stop for a listing in this region that ended early.
    pub(super) fn unread_in(&self, region: &str, failure: &Failure) -> Stop {
        Stop::Failed(format!("rule {}: the listing in {region} ended: {failure}", self.rule.name))
    }
}
