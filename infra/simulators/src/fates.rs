//! What became of each backup of a seeded inventory, and of its copy: drawn in realistic shares, each kind at least once.

use jiff::Timestamp;

use crate::clock::later;
use crate::text::Draw;

/// An hour, in seconds.
pub(crate) const HOUR: f64 = 3_600.0;
/// A day, in seconds.
pub(crate) const DAY: f64 = 86_400.0;

/// What became of one backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backing {
    /// The backup can be copied; a [`Fate`] says what became of its copy.
    Finished,
    /// It is still being made.
    Unfinished,
    /// By its own state it cannot be copied; the number tells several reasons apart.
    Ineligible(u64),
    /// The API refused it, and the ledger knows.
    Refused,
    /// The rule does not select it; somebody copied it, or nobody did.
    Outside { copied: bool },
    /// It belongs to somebody else, or is itself a replica: no listing of sources shows it.
    Unlisted,
    /// It expired, and its copy lives on; the ledger may know of that.
    GoneCopied { recorded: bool },
    /// It expired, and its copy expired as planned.
    GoneExpired,
    /// It expired without ever having been copied: the ledger saw it, or had it as ineligible.
    GoneMissed { refused: bool },
}

/// What became of the copy of a backup that can be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Made by Offsite and recorded.
    Own,
    /// Made by Offsite, whose ledger of that time no longer exists.
    OwnUnrecorded,
    /// Made by Offsite and accepted; nobody has looked since.
    OwnUnseen,
    ByOthers,
    /// Recorded, and renamed since.
    Renamed,
    Running,
    RunningUnrecorded,
    Gap,
    /// There is no copy, and the ledger has a record of the backup as seen.
    GapSeen,
    /// Accepted, and then given up by the provider or thrown away.
    Failed,
    FailedUnrecorded,
    /// Failed, and made again.
    FailedThenMade,
    /// Recorded as usable, and gone.
    Lost,
    /// Recorded as usable and gone, and the ledger knows that it is gone.
    LostKnown,
    /// Recorded as usable and gone, and made again by somebody else.
    LostThenMade,
    /// Gone, and nobody had recorded it.
    DeletedUnrecorded,
    /// Gone, as was planned.
    Expired,
    /// A call of unknown outcome, of which nothing is to be seen.
    Doubt,
    /// A call of unknown outcome, whose copy is there.
    DoubtMade,
    /// Accepted, and nothing is to be seen.
    Silent,
}

/// How many of a thousand backups become what; the rest is finished.
const BACKINGS: [(Backing, u64); 14] = [
    (Backing::Unfinished, 15),
    (Backing::Ineligible(0), 10),
    (Backing::Ineligible(1), 10),
    (Backing::Ineligible(2), 5),
    (Backing::Refused, 15),
    (Backing::Outside { copied: false }, 60),
    (Backing::Outside { copied: true }, 40),
    (Backing::Unlisted, 10),
    (Backing::GoneCopied { recorded: true }, 30),
    (Backing::GoneCopied { recorded: false }, 10),
    (Backing::GoneExpired, 10),
    (Backing::GoneMissed { refused: false }, 10),
    (Backing::GoneMissed { refused: true }, 4),
    (Backing::Finished, 771),
];

/// How many of a thousand copies become what. A doubt without a copy occurs once for each rule, where each kind comes first once.
const FATES: [(Fate, u64); 20] = [
    (Fate::Own, 640),
    (Fate::OwnUnrecorded, 40),
    (Fate::OwnUnseen, 10),
    (Fate::ByOthers, 90),
    (Fate::Renamed, 30),
    (Fate::Running, 25),
    (Fate::RunningUnrecorded, 10),
    (Fate::Gap, 40),
    (Fate::GapSeen, 12),
    (Fate::Failed, 12),
    (Fate::FailedUnrecorded, 10),
    (Fate::FailedThenMade, 8),
    (Fate::Lost, 15),
    (Fate::LostKnown, 5),
    (Fate::LostThenMade, 5),
    (Fate::DeletedUnrecorded, 15),
    (Fate::Expired, 20),
    (Fate::Doubt, 0),
    (Fate::DoubtMade, 5),
    (Fate::Silent, 8),
];

/// Draws one rule's backups, oldest first.
pub(crate) struct Fates {
    draw: Draw,
    base: Timestamp,
    count: u64,
    made: u64,
    finished: u64,
}

/// One backup as drawn.
pub(crate) struct Drawn {
    pub(crate) backing: Backing,
    /// Which of the rule's disks or servers it is a backup of.
    pub(crate) resource: u64,
    pub(crate) created: Timestamp,
}

impl Fates {
    /// `count` backups as they are at `base`.
    pub(crate) fn new(seed: u64, base: Timestamp, count: u64) -> Self {
        Self { draw: Draw::new(seed), base, count, made: 0, finished: 0 }
    }

    /// The source of identifiers and of all other chance.
    pub(crate) fn draw(&mut self) -> &mut Draw {
        &mut self.draw
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.draw.next() % limit.max(1)
    }

    /// The next backup, until all are drawn. Each kind occurs once before chance decides.
    pub(crate) fn next_backup(&mut self) -> Option<Drawn> {
        if self.made == self.count {
            return None;
        }
        let number = self.made;
        self.made += 1;
        let backing = match usize::try_from(number).ok().and_then(|at| BACKINGS.get(at)) {
            Some((backing, _)) => *backing,
            None => pick(&BACKINGS, &mut self.draw, Backing::Finished),
        };
        // One each day from each disk or server.
        let resource = number % self.count.div_ceil(30);
        // Spread over thirty days, the youngest two hours old; every fifth group of seven was made in one second.
        let at = if (number / 7).is_multiple_of(5) { number / 7 * 7 } else { number };
        let age = 2.0 * HOUR + (30.0 * DAY - 3.0 * HOUR) * ((self.count - at) as f64 / self.count as f64);
        let created = match backing {
            Backing::Unfinished => later(self.base, -(self.below(1_200) as f64)),
            _ => later(self.base, -age.floor()),
        };
        Some(Drawn { backing, resource, created })
    }

    /// What became of the copy of a finished backup; `is_first` for the first destination, where each kind comes once.
    pub(crate) fn next_fate(&mut self, is_first: bool) -> Fate {
        let number = self.finished;
        self.finished += u64::from(is_first);
        match usize::try_from(number).ok().and_then(|at| FATES.get(at)).filter(|_| is_first) {
            Some((fate, _)) => *fate,
            None => pick(&FATES, &mut self.draw, Fate::Own),
        }
    }
}

/// The full hour that an inventory of this moment is made for, so that a moment later gives the same one.
pub(crate) fn base_of(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second().div_euclid(3_600) * 3_600).unwrap_or(now)
}

/// The moment halfway between two others.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Timestamp {
    later(from, (to.duration_since(from).as_secs_f64() / 2.0).floor())
}

fn pick<T: Copy>(shares: &[(T, u64)], draw: &mut Draw, otherwise: T) -> T {
    let mut at = draw.next() % 1_000;
    for (kind, share) in shares {
        if at < *share {
            return *kind;
        }
        at -= share;
    }
    otherwise
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_a_thousand() {
        assert_eq!(BACKINGS.iter().map(|(_, share)| share).sum::<u64>(), 1_000);
        assert_eq!(FATES.iter().map(|(_, share)| share).sum::<u64>(), 1_000);
    }

    #[test]
    fn a_draw_is_reproducible_and_in_order() {
        let base = base_of("2026-11-21T08:31:59Z".parse().unwrap());
        assert_eq!(base.to_string(), "2026-11-21T08:00:00Z");
        let drawn = |seed| {
            let mut fates = Fates::new(seed, base, 500);
            std::iter::from_fn(move || fates.next_backup()).map(|one| (one.backing, one.created)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let finished: Vec<Timestamp> =
            drawn(1).into_iter().filter(|(backing, _)| *backing != Backing::Unfinished).map(|(_, at)| at).collect();
        assert!(finished.is_sorted() && finished.windows(2).any(|pair| pair[0] == pair[1]));
    }
}
