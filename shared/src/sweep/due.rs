//! What is due, and what may stand in its way.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::findings::Line;
use crate::ledger::Absent;
use crate::model::order;

/// So many copies are started in one course. What is more is found again by the next one.
pub(super) const MOST: usize = 20_000;

/// One copy that is due.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Due {
    /// The position of its destination.
    pub(super) at: usize,
    /// What is said of it until it is started.
    pub(super) line: Line,
    /// Whether a call may have been applied: then it is read back, which counts for no limit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) doubt: bool,
    /// The code for which it waits, if the last refusal was not the backup's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gate: Option<String>,
    /// What was read of it, where its start may rely on that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) absent: Option<Absent>,
}

/// What is due, in order, with a lane for each destination: one that is stuck keeps nothing from the others.
#[derive(Default)]
pub(super) struct Lanes {
    lanes: Vec<VecDeque<(u64, Due)>>,
    next: u64,
}

impl Lanes {
    pub(super) fn push(&mut self, due: Due) {
        if self.lanes.len() <= due.at {
            self.lanes.resize_with(due.at + 1, VecDeque::new);
        }
        if let Some(lane) = self.lanes.get_mut(due.at) {
            lane.push_back((self.next, due));
        }
        self.next += 1;
    }

    /// Takes the first one, and its place in the order, of the destinations that `may` have one.
    pub(super) fn take(&mut self, may: impl Fn(usize) -> bool) -> Option<(u64, Due)> {
        let first = |at: usize| self.lanes.get(at).and_then(VecDeque::front).map(|(place, _)| *place);
        let at = (0..self.lanes.len()).filter(|at| may(*at) && first(*at).is_some()).min_by_key(|at| first(*at))?;
        self.lanes.get_mut(at)?.pop_front()
    }

    /// Puts back what was taken. What was taken last goes back first.
    pub(super) fn put_back(&mut self, (place, due): (u64, Due)) {
        if let Some(lane) = self.lanes.get_mut(due.at) {
            lane.push_front((place, due));
        }
    }

    /// Takes all, in order.
    pub(super) fn take_all(&mut self) -> Vec<Due> {
        let mut all: Vec<(u64, Due)> = self.lanes.drain(..).flatten().collect();
        order::by_key(&mut all, |(place, _)| *place);
        all.into_iter().map(|(_, due)| due).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Due> {
        self.lanes.iter().flatten().map(|(_, due)| due)
    }

    pub(super) fn len(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.iter().all(VecDeque::is_empty)
    }
}

impl FromIterator<Due> for Lanes {
    fn from_iter<I: IntoIterator<Item = Due>>(all: I) -> Lanes {
        let mut lanes = Lanes::default();
        all.into_iter().for_each(|due| lanes.push(due));
        lanes
    }
}

/// One cause in one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Nobody has tried in this sweep.
    Untried,
    /// One copy is being tried.
    Trying,
    /// The cause has ended.
    Open,
    /// The cause goes on, as the refusal of this backup shows.
    Closed(String),
    /// So many refusals came in a row, and nobody says whose they are.
    Counting(u32),
}
