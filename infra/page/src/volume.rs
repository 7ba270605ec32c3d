//! How many GiB are covered, copied and waiting, in words.

use offsite_shared::report::RuleReport;
use offsite_shared::sweep::volume::Volume;

use super::reader::{Reader, said};
use super::words::number;

/// Each destination of a rule in a line; none before the first complete sweep, and none where nothing is covered.
pub(super) fn volumes(r: &Reader, rule: &RuleReport) -> Vec<String> {
    let shown = rule.volumes.iter().filter(|one| one.covered_gib > 0 || one.without_size > 0);
    let told = shown.map(|one| {
        let covered = match one.at_most {
            true => said!(r, "up to {}", number(one.covered_gib)),
            false => number(one.covered_gib),
        };
        let (copied, waiting) = (number(one.copied_gib), number(one.waiting_gib));
        let rest = match one.without_size {
            0 => String::new(),
            1 => said!(r, "; 1 backup of unknown size").to_owned(),
            many => said!(r, "; {} backups of unknown size", number(many)),
        };
        said!(r, "{}: {} GiB covered, {} copied, {} waiting{}", one.destination, covered, copied, waiting, rest)
    });
    told.collect()
}

/// What waits of what is covered, all destinations of a rule together; `None` where no size is known.
pub(super) fn waiting(r: &Reader, rule: &RuleReport) -> Option<String> {
    let sum = |part: fn(&Volume) -> u64| rule.volumes.iter().map(part).sum::<u64>();
    let (covered, waiting) = (sum(|one| one.covered_gib), sum(|one| one.waiting_gib));
    let told = match rule.volumes.iter().any(|one| one.at_most) {
        true => said!(r, "up to {} of {} GiB waiting", number(waiting), number(covered)),
        false => said!(r, "{} of {} GiB waiting", number(waiting), number(covered)),
    };
    (covered > 0).then_some(told)
}
