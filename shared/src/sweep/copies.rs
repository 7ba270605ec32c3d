//! Listing the copies of each destination.

use std::time::Duration;

use super::index::CopyIndex;
use super::state::Sweep;
use super::stop::Stop;
use crate::model::command::{Cloud, Destination};
use crate::model::failure::Disposition;
use crate::model::time::later;
use crate::providers::inventory::Cursor;

/// How long a destination may fail to answer before it counts as out of order.
const DARK_AFTER: Duration = Duration::from_secs(20);

impl Sweep<'_> {
    /// Lists the copies of each destination. One that cannot be listed keeps nothing from the others.
    pub(super) async fn copies(&mut self) -> Result<(), Stop> {
        while let Some(destination) = self.rule.destinations.get(self.course.destination) {
            if let Err(stop) = self.copies_in(destination).await {
                // What does not need this destination goes on without it.
                let Stop::Failed(reason) = stop else { return Err(stop) };
                tracing::warn!(rule = self.rule.name, region = destination.region, %reason, "a destination cannot be listed");
                if let Some(dark) = self.course.dark.get_mut(self.course.destination) {
                    *dark = Some(reason);
                }
            }
            if let Some(index) = self.indexes.get_mut(self.course.destination) {
                index.seal();
            }
            self.course.destination += 1;
            self.course.cursor = None;
        }
        match self.course.dark.iter().flatten().next().cloned() {
            Some(reason) if self.course.dark.iter().all(Option::is_some) => {
                // Nothing was learnt, so the next invocation lists them anew.
                self.course.destination = 0;
                self.course.dark.fill(None);
                self.indexes = self.rule.destinations.iter().map(|_| CopyIndex::new(&self.course.run)).collect();
                Err(Stop::Failed(reason))
            }
            _ => Ok(()),
        }
    }

    async fn copies_in(&mut self, destination: &Destination) -> Result<(), Stop> {
        let inventory = self.provider.inventory();
        let scope = self.scope(&destination.region, destination.project_id.as_deref());
        let alone = self.is_alone(destination).await?;
        loop {
            let cursor = self.course.cursor.clone().map(Cursor);
            let Some(call) = inventory.list_copies(&scope, cursor.as_ref()) else { return Ok(()) };
            // A destination that is out of order is not waited for: the others are.
            let (stop, patience) = (self.invocation.stop(), later(self.ctx.now(), DARK_AFTER));
            let listed = |reply| inventory.listed_copies(&scope, cursor.as_ref(), &reply);
            let page = match self.ask(&call, stop.min(patience), listed).await {
                Ok(page) => page,
                Err(failure) if stop > patience && failure.disposition != Disposition::Authentication => {
                    return Err(self.unread(&failure));
                }
                Err(failure) => return Err(self.failed(&failure).await),
            };
            if let Some(index) = self.indexes.get_mut(self.course.destination) {
                if let Some(total) = page.total.filter(|_| cursor.is_none()) {
                    index.expect(total);
                }
                for copy in &page.copies {
                    let key = inventory.key_of(copy, &self.rule.source.region);
                    index.add(copy, key.as_ref(), alone && copy.vault_id == destination.vault_id);
                }
            }
            self.course.cursor = page.next.map(|next| next.0);
            if self.course.cursor.is_none() {
                return Ok(());
            }
            self.tick().await?;
        }
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
