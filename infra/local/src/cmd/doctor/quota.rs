//! The room that a destination has, held against what the policy would start there.

use offsite_shared::policy::{Policy, Rule};
use offsite_shared::ports::Notes;
use offsite_shared::sweep::summary;

use super::check::{Check, Status};

/// What a policy would start in one region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wanted {
    copies: u64,
    /// Whether a rule was never swept and has no limit: then nobody knows it.
    more: bool,
}

impl Wanted {
    fn and(self, rule: &Rule, due: Option<u64>) -> Wanted {
        let limit = rule.limits.max_new_per_sweep.map(u64::from);
        match (due, limit) {
            (Some(due), limit) => Wanted { copies: self.copies + due.min(limit.unwrap_or(due)), ..self },
            (None, Some(limit)) => Wanted { copies: self.copies + limit, ..self },
            (None, None) => Wanted { more: true, ..self },
        }
    }
}

/// Says of each quota whether the next sweep fits into it: by what the last sweep found due, else by the limit of the rule.
pub(super) async fn hold(checks: &mut [Check], policy: &Policy, notes: &dyn Notes) {
    for check in checks.iter_mut() {
        let (Some(room), Some((cloud, account))) = (check.room, check.of.clone()) else { continue };
        let mut wanted = Wanted::default();
        for rule in policy.rules.iter().filter(|rule| rule.operation.cloud() == cloud && rule.account == account) {
            if rule.destinations.iter().any(|destination| destination.region == check.subject) {
                let last = summary::read(notes, &rule.name).await.ok().flatten();
                wanted = wanted.and(rule, last.map(|(last, _)| last.due));
            }
        }
        judge(check, room, wanted);
    }
}

fn judge(check: &mut Check, room: u64, wanted: Wanted) {
    let copies = wanted.copies;
    if copies > room {
        check.status = Status::Warn;
        check.found += &format!(", and the policy would start up to {copies} at once");
        check.advice = "raise the quota of snapshots in this region, or lower limits.max_new_per_sweep".to_owned();
    } else if wanted.more {
        check.found += "; how many the policy would start is told by `offsite policy check --live`";
    } else {
        check.found += &format!("; the policy would start up to {copies} at once");
    }
}

#[cfg(test)]
mod tests {
    use offsite_shared::model::command::Cloud;
    use offsite_shared::providers::probe::Finding;
    use serde_json::json;

    use super::*;

    fn rule(limit: Option<u32>) -> Rule {
        let mut limits = json!({});
        if let Some(limit) = limit {
            limits["max_new_per_sweep"] = json!(limit);
        }
        let rule = json!({
            "name": "nightly", "provider": "tencent", "limits": limits,
            "source": { "region": "ap-guangzhou", "select": {} }, "destinations": [{ "region": "ap-beijing" }],
        });
        Policy::from_json(&json!({ "version": 1, "rules": [rule] })).unwrap().rules.remove(0)
    }

    fn judged(wanted: Wanted) -> Check {
        let finding = Finding::ok("1 snapshots there; room for at least 63 more").with_room(63);
        let mut check = Check::here("quota", "ap-beijing", finding, "").of(Cloud::Tencent, "default");
        judge(&mut check, 63, wanted);
        check
    }

    #[test]
    fn a_sweep_that_does_not_fit_is_told_of_before_it_is_refused() {
        let fits = Wanted::default().and(&rule(Some(20)), None);
        assert_eq!((judged(fits).status, fits.copies), (Status::Ok, 20));
        let full = Wanted::default().and(&rule(None), Some(64));
        let told = judged(full);
        assert!(told.status == Status::Warn && told.found.ends_with("up to 64 at once"), "{}", told.found);
        assert_eq!(judged(Wanted::default().and(&rule(Some(20)), Some(64))).status, Status::Ok, "the limit holds it");
        let unknown = judged(Wanted::default().and(&rule(None), None));
        assert!(unknown.status == Status::Ok && unknown.found.contains("policy check --live"), "{}", unknown.found);
    }
}
