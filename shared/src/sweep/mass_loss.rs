//! So many copies gone at once that it may be something else: a wrong key lists an empty account. A person looks first.

use serde_json::json;

use super::decisions;
use super::findings::{MassLoss, place};
use super::state::Sweep;
use super::stop::Stop;
use super::summary::{self, Summary, summary_name};
use crate::ledger::risks::in_force;
use crate::model::name::ascii;
use crate::model::receipt::{Envelope, Message};
use crate::model::text::hash_of;

/// As many copies may go at once without anybody being asked.
const FEW: u64 = 10;

/// And as large a part of a destination's copies, in percent.
const PART: u64 = 5;

/// The type of the event that asks a person to look.
const MASS_LOSS: &str = "offsite.rule.mass_loss";

impl Sweep<'_> {
    /// Decides for each destination whether so much is gone that a person must look first, and no person has.
    pub(super) async fn find_mass_losses(&mut self) -> Result<(), Stop> {
        for at in 0..self.rule.destinations.len() {
            let gone = self.course.gone_copies.get(at).copied().unwrap_or_default();
            let known = gone + self.course.shown_copies.get(at).copied().unwrap_or_default();
            if gone <= FEW || gone * 100 <= PART * known {
                continue;
            }
            let notes = &*self.ctx.ports.notes;
            let acts = decisions::read(notes, &self.rule.name).await?;
            let Some(destination) = self.rule.destinations.get(at) else { continue };
            if in_force(&acts, self.ctx.now()).confirms_loss(&destination.region, gone, self.ctx.now()) {
                continue;
            }
            let before = summary::read(notes, &self.rule.name).await?;
            let earlier = before.and_then(|(before, _)| before.mass_loss.get(at).cloned().flatten());
            let loss = MassLoss {
                gone,
                known,
                since: earlier.as_ref().map_or(self.course.begun, |earlier| earlier.since),
                told: earlier.is_some_and(|earlier| earlier.told),
            };
            if let Some(found) = self.course.mass_loss.get_mut(at) {
                *found = Some(loss);
            }
        }
        Ok(())
    }

    /// Tells consumers of the queue of each mass loss, and notes in the summary that they know: until then each sweep tells it again,
    /// under the same ID.
    pub(super) async fn tell_mass_losses(&self, summary: &mut Summary, version: u64) -> Result<(), Stop> {
        if self.ctx.settings.read_only {
            return Ok(());
        }
        let untold: Vec<usize> = (0..summary.mass_loss.len())
            .filter(|at| summary.mass_loss[*at].as_ref().is_some_and(|loss| !loss.told))
            .collect();
        let messages: Vec<Message> = untold.iter().filter_map(|at| self.message(*at, summary)).collect();
        if messages.is_empty() {
            return Ok(());
        }
        let outcomes = self.ctx.ports.emitter.emit(&messages, self.invocation.last_moment()).await;
        for (at, outcome) in untold.into_iter().zip(outcomes) {
            match (outcome, summary.mass_loss.get_mut(at)) {
                (Ok(()), Some(Some(loss))) => loss.told = true,
                (Err(error), _) => {
                    tracing::warn!(rule = self.rule.name, %error, "the queue has not taken the message about a mass loss; the next sweep sends it again");
                }
                _ => {}
            }
        }
        let text = serde_json::to_string(summary).map_err(|error| Stop::Failed(error.to_string()))?;
        // If another sweep has published meanwhile, it tells what it found.
        self.ctx.ports.notes.put_note(&summary_name(&self.rule.name), &text, version).await?;
        Ok(())
    }

    fn message(&self, at: usize, summary: &Summary) -> Option<Message> {
        let loss = summary.mass_loss.get(at)?.as_ref()?;
        let destination = self.rule.destinations.get(at)?;
        let (rule, since) = (&self.rule.name, loss.since.to_string());
        let id = hash_of(&[MASS_LOSS, rule, &place(destination), &since]);
        let cloud = self.rule.operation.cloud();
        let data = json!({
            "rule": rule,
            "provider": cloud.name(),
            "account": self.rule.account,
            "destination": destination.to_json(),
            "gone": loss.gone,
            "known": loss.known,
            "since": since,
        });
        let source = format!("/offsite/rules/{}", ascii(rule));
        let time = summary.finished_at.to_string();
        let envelope = Envelope { id, event_type: MASS_LOSS, source, subject: rule, time, schema: "alert" };
        Some(envelope.around(data, &self.ctx.origin(cloud, &self.rule.account)))
    }
}
