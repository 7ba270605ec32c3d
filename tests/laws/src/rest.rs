//! What is compared once everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use offsite_oracle::{Answer, Standing};
use offsite_shared::report::{Conclusion, ResourceState, RuleReport};

use crate::play::{Life, Taken};
use crate::stage::labelled;

/// How long it takes until no doubt, back-off or late copy is open, in minutes: 49 hours, and an hour.
const LONG: u32 = 50 * 60;

impl Life<'_> {
    /// Mends everything, lets all that is open come to its end, and compares report, live report and oracle.
    pub(crate) fn come_to_rest(&mut self) -> Taken<Conclusion> {
        self.mend()?;
        let copy = self.stage.terms.copy_min + 2;
        // What was refused, failed or is in doubt is tried again, and a copy that nobody has seen is given up.
        for pause in [20, copy, 25 * 60, copy, LONG, copy, LONG, copy] {
            self.stage.pass(pause);
            self.all_sweeps()?;
            self.look()?;
        }
        self.stage.pass(16);
        self.all_sweeps()?;
        self.look()?;
        self.sweep()?;
        self.stage.look_at_tables();
        let report = self.report()?;
        self.compare(&report)?;
        self.live(&report)?;
        Ok(report.conclusion)
    }

    /// As many sweeps as the rule's limit on starts makes necessary.
    fn all_sweeps(&mut self) -> Taken {
        for _ in 0..40 {
            let swept = self.sweep()?;
            let left = swept.as_ref().and_then(|(swept, _)| swept["left"].as_u64()).unwrap_or_default();
            if swept.is_some() && left == 0 {
                break;
            }
        }
        Ok(())
    }

    fn compare(&mut self, report: &RuleReport) -> Taken {
        let says = self.stage.book.says(self.stage.now());
        let wanted = match says.holds {
            Answer::Yes => Some(Conclusion::Holds),
            Answer::No => Some(Conclusion::Broken),
            Answer::Either => None,
        };
        let told = |report: &RuleReport| {
            let lines: Vec<String> = report
                .exceptions
                .iter()
                .map(|line| {
                    format!("{} {} {}: {:?}", line.backup_id, line.destination, line.verdict.name(), line.reason)
                })
                .collect();
            format!("why {:?}; lines {lines:#?}; resources {:?}", report.why, report.unprotected)
        };
        if wanted.is_some_and(|wanted| wanted != report.conclusion) || report.conclusion == Conclusion::Unknown {
            return self.fail(
                "equality",
                format!("{wanted:?} is right ({:?}), told is {:?}: {}", says.why, report.conclusion, told(report)),
            );
        }
        let mut found: BTreeMap<(String, String), ResourceState> = BTreeMap::new();
        for line in &report.unprotected {
            if found.insert((labelled(line, self.stage.provider), line.destination.clone()), line.state).is_some() {
                return self.fail("equality", format!("{} is told twice: {}", line.resource, told(report)));
            }
        }
        for (place, may) in &says.resources {
            let standing = match found.remove(place) {
                None => Standing::Protected,
                Some(ResourceState::Unprotected) => Standing::Unprotected,
                Some(ResourceState::Stale) => Standing::Stale,
                Some(ResourceState::AcceptedRisk) => Standing::Accepted,
                Some(ResourceState::Pending) => Standing::Pending,
                Some(ResourceState::Protected) => Standing::Protected,
                Some(ResourceState::Unknown) => {
                    return self.fail("equality", format!("{place:?} is unknown at rest: {}", told(report)));
                }
            };
            // An acceptance counts for one cause; which one the report names, the oracle does not say.
            let accepted = may.contains(&Standing::Accepted) && standing == Standing::Unprotected;
            if !may.contains(&standing) && !accepted {
                return self.fail("equality", format!("{place:?} is {may:?}, told is {standing:?}: {}", told(report)));
            }
        }
        let missed: BTreeSet<(String, String)> = report
            .exceptions
            .iter()
            .filter(|line| matches!(line.verdict.name(), "missed" | "left"))
            .map(|line| (line.backup_id.clone(), line.destination.clone()))
            .collect();
        let open: BTreeSet<(String, String)> = report
            .exceptions
            .iter()
            .filter(|line| matches!(line.verdict.name(), "in_doubt" | "in_progress"))
            .map(|line| (line.backup_id.clone(), line.destination.clone()))
            .collect();
        for (place, answer) in &says.missed {
            if answer.surely() && !open.contains(place) && !missed.contains(place) {
                return self
                    .fail("equality", format!("{place:?} went without a copy, and nobody says so: {}", told(report)));
            }
        }
        if let Some(place) =
            missed.iter().find(|place| !says.missed.get(*place).is_some_and(|answer| answer.possibly()))
        {
            return self.fail("equality", format!("{place:?} is told as missed: {}", told(report)));
        }
        Ok(())
    }

    /// Law 5: with and without the ledger's sweeps the report says the same.
    fn live(&mut self, report: &RuleReport) -> Taken {
        self.premise(5);
        let live = self.staged(self.stage.live())?;
        let lines = |report: &RuleReport| -> Vec<String> {
            let line = |line: &offsite_shared::sweep::findings::Line| {
                format!("{} {} {}", line.backup_id, line.destination, line.verdict.name())
            };
            let mut lines: Vec<String> = report.exceptions.iter().map(line).collect();
            lines.extend(
                report.unprotected.iter().map(|one| format!("{} {} {:?}", one.resource, one.destination, one.state)),
            );
            lines.sort();
            lines
        };
        if (live.conclusion, live.resources, live.counts, lines(&live))
            != (report.conclusion, report.resources, report.counts, lines(report))
        {
            return self.fail(
                "5",
                format!(
                    "told is {:?} {:?} {:?} {:#?}, and live {:?} {:?} {:?} {:#?}",
                    report.conclusion,
                    report.resources,
                    report.counts,
                    lines(report),
                    live.conclusion,
                    live.resources,
                    live.counts,
                    lines(&live)
                ),
            );
        }
        Ok(())
    }
}
