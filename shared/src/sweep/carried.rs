//! What earlier sweeps knew of each resource, checked against what the destinations show now.

use super::gone::Source;
use super::register::{Copied, Resource, Side, Uncopied};
use super::state::Sweep;
use super::stop::Stop;
use super::summary;
use crate::ledger::{Parting, State};
use crate::providers::inventory::Pairing;

impl Sweep<'_> {
    /// Takes over what earlier sweeps knew of each resource. A copy counts as long as its destination shows it.
    pub(super) async fn carry(&mut self) -> Result<(), Stop> {
        let notes = &*self.ctx.ports.notes;
        let Some((before, _)) = summary::read(notes, &self.rule.name).await? else { return Ok(()) };
        let lines = before.register(notes, &self.rule.name).await.map_err(Stop::Failed)?;
        let inventory = self.provider.inventory();
        let paired = self.pair.as_ref().map(|(pair, _)| pair.pairing == Pairing::Paired);
        let mut parted = Vec::new();
        for mut known in lines {
            self.copied_since(&mut known).await?;
            let (indexes, dark, region) = (&self.indexes, &self.course.dark, &self.rule.source.region);
            let mut still_there = |at: usize, copied: &Copied| match paired {
                Some(paired) => paired,
                None if dark.get(at).is_some_and(Option::is_some) => true,
                None => {
                    let keys = inventory.source_keys(&copied.backup, region);
                    let there = indexes.get(at).is_some_and(|index| index.shows(&keys, copied.copy.as_deref()));
                    if !there {
                        parted.push((at, copied.backup.clone()));
                    }
                    there
                }
            };
            self.register.carry(known, self.rule, &mut still_there);
        }
        for (at, backup) in parted {
            self.let_go(at, &backup).await?;
        }
        Ok(())
    }

    /// Ends what the ledger still has as copied, whose copy is not listed any more and whose source the rule does not cover any more. Of
    /// what it covers the listing has judged.
    async fn let_go(&mut self, at: usize, backup: &str) -> Result<(), Stop> {
        let mass = self.course.mass_loss.get(at).is_some_and(Option::is_some);
        let Some(replication) = self.replication(at, backup).filter(|_| !mass && !self.ctx.settings.read_only) else {
            return Ok(());
        };
        let record = self.ctx.ports.ledger.get(&replication.key()).await?;
        let Some(record) = record.filter(|record| record.state == State::Replicated) else { return Ok(()) };
        if let Some(Source::Gone(why) | Source::Left(why) | Source::Excluded(why)) =
            self.source(&replication, &record.about).await?
        {
            self.part(&replication, record, Parting::Ended, &why).await?;
        }
        Ok(())
    }

    /// Takes note of a copy that came after its source was last listed.
    async fn copied_since(&mut self, known: &mut Resource) -> Result<(), Stop> {
        for (at, side) in known.at.iter_mut().enumerate() {
            for uncopied in side.take_uncopied() {
                self.one_copied_since(side, at, uncopied).await?;
            }
        }
        Ok(())
    }

    async fn one_copied_since(&mut self, side: &mut Side, at: usize, uncopied: Uncopied) -> Result<(), Stop> {
        let keys = self.provider.inventory().source_keys(&uncopied.backup, &self.rule.source.region);
        let Some(index) = self.indexes.get(at) else {
            side.miss(uncopied);
            return Ok(());
        };
        let mut copy = None;
        let mut shown = index.shows(&keys, None);
        if let (false, Some(replication)) = (shown, self.replication(at, &uncopied.backup)) {
            // Where the destination does not name the source, the ledger knows the copy's ID.
            let record = self.ctx.ports.ledger.get(&replication.key()).await?;
            let seen = record.filter(|record| record.state == State::Replicated).and_then(|record| record.evidence);
            copy = seen.and_then(|seen| seen.destination_id);
            shown = copy.as_deref().is_some_and(|copy| index.shows(&[], Some(copy)));
        }
        match shown {
            true => side.copy(Copied { made: uncopied.made, backup: uncopied.backup, copy }),
            false => side.miss(uncopied),
        }
        Ok(())
    }
}
