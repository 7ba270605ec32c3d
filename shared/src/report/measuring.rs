//! What a report measures, and whether an installation holds: the one number that an alarm watches.

use jiff::Timestamp;

use super::{Conclusion, Report, RuleReport};
use crate::context::metrics::{Metric, Metrics};
use crate::model::command::Cloud;

/// Measures whether the whole holds, and of each rule that could be judged how many resources are unprotected.
///
/// `report` is `None` where none could be made, and `is_kept` is false where it could not be written. Either is as bad as a red one: nobody
/// can rely on what nobody has.
///
/// **Invariant:** `Holds` is 1 only for a report that concludes so and is written; everything else, and silence, is for the alarm.
pub fn measure(metrics: &Metrics, at: Timestamp, report: Option<&Report>, is_kept: bool) {
    let holds = is_kept && report.is_some_and(|report| report.conclusion == Conclusion::Holds);
    for rule in report.into_iter().flat_map(|report| &report.rules).filter(|rule| is_judged(rule)) {
        let unprotected = rule.resources.unprotected + rule.resources.stale;
        if let Some(cloud) = Cloud::from_name(&rule.provider) {
            metrics.put(at, cloud, Some(&rule.rule), &[(Metric::Unprotected, vec![unprotected])]);
        }
    }
    metrics.put_whole(at, &[(Metric::Holds, vec![u64::from(holds)])]);
}

/// Whether the figures are about all of the rule: those of a part would look better than the rule is.
fn is_judged(rule: &RuleReport) -> bool {
    matches!(rule.conclusion, Conclusion::Holds | Conclusion::Broken)
}
