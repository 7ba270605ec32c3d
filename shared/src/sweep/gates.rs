//! Causes that are not the backup's, such as a full quota: one copy is tried, and when that passes all that waited are started.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::due::Gate;
use super::findings::place;
use super::state::Sweep;
use super::stop::Stop;
use crate::model::failure::Whose;
use crate::model::json;
use crate::model::text::hash_of;
use crate::model::time::later;

/// In the first hour of a cause every sweep tries one copy.
const EAGER: Duration = Duration::from_secs(3_600);

/// After that one copy is tried this often.
const EVERY: Duration = Duration::from_secs(900);

/// A code of which nobody says whose it is stops the rest only after as many refusals in a row.
const UNKNOWN_IN_A_ROW: u32 = 3;

/// Since when a cause lasts, and when a copy was tried last.
#[derive(Serialize, Deserialize)]
struct Known {
    since: Timestamp,
    tried: Timestamp,
}

impl Sweep<'_> {
    /// Reads whether a copy may be tried now for each cause that something waits for.
    pub(super) async fn read_gates(&mut self) -> Result<(), Stop> {
        let waiting: Vec<(usize, String)> =
            self.due.iter().filter_map(|due| Some((due.at, due.gate.clone()?))).collect();
        for (at, code) in waiting {
            if self.gates.contains_key(&(at, code.clone())) {
                continue;
            }
            let note = self.ctx.ports.notes.note(&self.gate_name(at, &code)).await?;
            let known = note.and_then(|note| json::typed::<Known>(&note.text).ok());
            let now = self.ctx.now();
            let may = known.is_none_or(|known| later(known.since, EAGER) > now || later(known.tried, EVERY) <= now);
            let gate = if may { Gate::Untried } else { Gate::Closed("an earlier one".to_owned()) };
            self.gates.insert((at, code), gate);
        }
        Ok(())
    }

    /// Takes note of a refusal: whether it stops others, from now on and for the sweeps to come.
    pub(super) async fn refused_by(&mut self, at: usize, code: &str, whose: Whose, backup: &str) -> Result<(), Stop> {
        if whose == Whose::Backup {
            return Ok(());
        }
        let key = (at, code.to_owned());
        let before = self.gates.get(&key).cloned();
        let next = match (whose, &before) {
            (_, Some(closed @ Gate::Closed(_))) => closed.clone(),
            (Whose::Unknown, Some(Gate::Trying)) => Gate::Closed(backup.to_owned()),
            (Whose::Unknown, Some(Gate::Counting(count))) if count + 1 >= UNKNOWN_IN_A_ROW => {
                Gate::Closed(backup.to_owned())
            }
            (Whose::Unknown, Some(Gate::Counting(count))) => Gate::Counting(count + 1),
            (Whose::Unknown, _) => Gate::Counting(1),
            _ => Gate::Closed(backup.to_owned()),
        };
        self.gates.insert(key, next);
        let now = self.ctx.now();
        let name = self.gate_name(at, code);
        let note = self.ctx.ports.notes.note(&name).await?;
        let version = note.as_ref().map_or(0, |note| note.version);
        let known = note.and_then(|note| json::typed::<Known>(&note.text).ok());
        // What was tried a day ago and passed since was another trouble.
        let since = known.filter(|known| later(known.tried, 2 * EAGER) > now).map_or(now, |known| known.since);
        if let Ok(text) = serde_json::to_string(&Known { since, tried: now }) {
            // If another sweep has written meanwhile, it has tried as well.
            self.ctx.ports.notes.put_note(&name, &text, version).await?;
        }
        Ok(())
    }

    /// Takes note that a trial has ended otherwise than by the refusal that it was to try.
    pub(super) fn tried(&mut self, at: usize, code: &str) {
        if let Some(gate @ Gate::Trying) = self.gates.get_mut(&(at, code.to_owned())) {
            *gate = Gate::Open;
        }
    }

    /// Takes note that a destination took a copy.
    pub(super) fn passed(&mut self, at: usize) {
        for (_, gate) in self.gates.iter_mut().filter(|((of, _), _)| *of == at) {
            if !matches!(gate, Gate::Closed(_)) {
                *gate = Gate::Open;
            }
        }
    }

    /// The name of the note that keeps a cause: it is the same for every rule that copies to this place.
    fn gate_name(&self, at: usize, code: &str) -> String {
        let destination = self.rule.destinations.get(at);
        let region = destination.map(place).unwrap_or_default();
        let vault = destination.and_then(|destination| destination.vault_id.as_deref()).unwrap_or_default();
        let cloud = self.rule.operation.cloud().name();
        format!("gate/{}", hash_of(&[cloud, &self.rule.account, &region, vault, code]))
    }
}
