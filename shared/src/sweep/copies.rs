//! Listing the copies of each destination.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::index::CopyIndex;
use super::progress::Listing;
use super::state::Sweep;
use super::stop::Stop;
use crate::exchange;
use crate::model::command::{Cloud, Destination};
use crate::model::failure::{Disposition, Failure};
use crate::model::time::later;
use crate::ports::Boxed;
use crate::providers::inventory::{CopiesPage, Cursor};

/// One page of the copies in a destination, or why there is none.
type Asked<'c> = Boxed<'c, (usize, bool, Result<CopiesPage, Failure>)>;

impl<'c> Sweep<'c> {
    /// Lists the copies of all destinations, each at its own pace. One that cannot be listed keeps nothing from the others.
    pub(super) async fn copies(&mut self) -> Result<(), Stop> {
        let mut alone = Vec::new();
        for destination in &self.rule.destinations {
            alone.push(self.is_alone(destination).await?);
        }
        let mut asked = FuturesUnordered::new();
        for at in 0..self.rule.destinations.len() {
            self.ask_for_copies(at, &mut asked);
        }
        while let Some((at, patient, page)) = asked.next().await {
            match page {
                Ok(page) => {
                    self.take_copies(at, page, alone.get(at).copied().unwrap_or_default());
                    self.ask_for_copies(at, &mut asked);
                }
                Err(failure) => self.no_copies(at, patient, &failure).await?,
            }
            self.tick().await?;
        }
        match self.course.dark.iter().flatten().next().cloned() {
            Some(reason) if self.course.dark.iter().all(Option::is_some) => {
                // Nothing was learnt, so the next invocation lists them anew.
                self.course.listings.fill(Listing::At(None));
                self.course.dark.fill(None);
                self.indexes = self.rule.destinations.iter().map(|_| CopyIndex::new(&self.course.run)).collect();
                Err(Stop::Failed(reason))
            }
            _ => Ok(()),
        }
    }

    /// Asks for the next page of a destination, if there is one.
    fn ask_for_copies(&mut self, at: usize, asked: &mut FuturesUnordered<Asked<'c>>) {
        let Some(Listing::At(cursor)) = self.course.listings.get(at) else { return };
        if cursor.is_none()
            && let Some(proof) = self.course.proofs.get_mut(at)
        {
            *proof = Some((self.ctx.now(), 0));
        }
        let Some(destination) = self.rule.destinations.get(at) else { return };
        let inventory = self.provider.inventory();
        let scope = self.scope(&destination.region, destination.project_id.as_deref());
        let cursor = cursor.clone().map(Cursor);
        let Some(call) = inventory.list_copies(&scope, cursor.as_ref()) else { return self.listed(at) };
        self.course.requests += 1;
        let (ctx, target) = (self.ctx, self.target());
        // A destination that is out of order is not waited for longer than for one answer: what needs the others goes on.
        let (stop, patience) = (self.invocation.stop(), later(ctx.now(), ctx.settings.timeout));
        asked.push(Box::pin(async move {
            let listed = |reply| inventory.listed_copies(&scope, cursor.as_ref(), &reply);
            let page = exchange::read_as(ctx, target, &call, stop.min(patience), listed).await;
            (at, stop > patience, page)
        }));
    }

    fn take_copies(&mut self, at: usize, page: CopiesPage, alone: bool) {
        self.course.answered = Some(self.ctx.now());
        if let Some(proof) = self.course.proofs.get_mut(at) {
            // Where items went while it was listed, others may have come to a page that was read before.
            let whole = page.total.filter(|_| page.proves);
            *proof =
                proof.zip(whole).filter(|((_, last), total)| total >= last).map(|((begun, _), total)| (begun, total));
        }
        let (inventory, first) = (self.provider.inventory(), self.course.listings.get(at) == Some(&Listing::At(None)));
        let vault = self.rule.destinations.get(at).and_then(|destination| destination.vault_id.as_ref());
        if let Some(index) = self.indexes.get_mut(at) {
            if let Some(total) = page.total.filter(|_| first) {
                index.expect(total);
            }
            for copy in &page.copies {
                let key = inventory.key_of(copy, &self.rule.source.region);
                index.add(copy, key.as_ref(), alone && copy.vault_id.as_ref() == vault);
            }
        }
        match page.next {
            Some(next) => {
                if let Some(listing) = self.course.listings.get_mut(at) {
                    *listing = Listing::At(Some(next.0));
                }
            }
            None => self.listed(at),
        }
    }

    /// Takes note that a destination does not answer, and goes on without it.
    ///
    /// # Errors
    /// It is this invocation that has no time left.
    async fn no_copies(&mut self, at: usize, patient: bool, failure: &Failure) -> Result<(), Stop> {
        let region = self.region(at);
        let stop = match patient && failure.disposition != Disposition::Authentication {
            true => self.unread_in(region, failure),
            false => self.failed_in(region, failure).await,
        };
        let Stop::Failed(reason) = stop else { return Err(stop) };
        self.darken(at, reason);
        self.listed(at);
        Ok(())
    }

    /// Takes note that nothing is known of a destination.
    fn darken(&mut self, at: usize, reason: String) {
        let region = self.region(at);
        tracing::warn!(rule = self.rule.name, region, %reason, "a destination cannot be listed");
        if let Some(dark) = self.course.dark.get_mut(at) {
            *dark = Some(reason);
        }
        if let Some(proof) = self.course.proofs.get_mut(at) {
            *proof = None;
        }
    }

    /// Goes on without a destination that was listed and does not answer any more.
    ///
    /// # Errors
    /// The credential is refused, or it is this invocation that has no time left.
    pub(super) fn fell_silent(&mut self, at: usize, failure: &Failure) -> Result<(), Stop> {
        let region = self.region(at);
        let stop = self.stopped_in(region, failure);
        match stop {
            Stop::Failed(reason) if failure.disposition != Disposition::Authentication => self.darken(at, reason),
            stop => return Err(stop),
        }
        Ok(())
    }

    /// Takes note that a destination is listed as far as it is.
    fn listed(&mut self, at: usize) {
        if let Some(index) = self.indexes.get_mut(at) {
            index.seal();
        }
        if let Some(listing) = self.course.listings.get_mut(at) {
            *listing = Listing::Done;
        }
    }

    /// The region of a destination.
    fn region(&self, at: usize) -> &'c str {
        self.rule.destinations.get(at).map_or("", |destination| destination.region.as_str())
    }

    /// Whether a destination could not be listed.
    pub(super) fn is_dark(&self, at: usize) -> bool {
        self.course.dark.get(at).is_some_and(Option::is_some)
    }

    /// Whether no other rule copies to this place. Huawei's replicas do not name their source; in such a place, one that no backup
    /// leads to is an orphan.
    async fn is_alone(&self, destination: &Destination) -> Result<bool, Stop> {
        if self.rule.operation.cloud() != Cloud::Huawei {
            return Ok(false);
        }
        let policy = self.ctx.ports.policies.policy().await.map_err(|error| Stop::Failed(error.message))?;
        let others = policy.iter().flat_map(|policy| &policy.rules).filter(|rule| rule.name != self.rule.name);
        Ok(!others.flat_map(|rule| &rule.destinations).any(|other| {
            other.region == destination.region
                && other.project_id == destination.project_id
                && other.vault_id == destination.vault_id
        }))
    }
}
