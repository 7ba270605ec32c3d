//! How resources are told: the words for their states, whose the trouble is, what happens next, and what a person can do.

use std::collections::BTreeSet;

use jiff::Timestamp;
use offsite_shared::ledger::risks::{Act, Decision};
use offsite_shared::model::text::plain;
use offsite_shared::report::{Fault, ResourceCounts, ResourceLine, ResourceState, RuleReport};
use offsite_shared::sweep::findings::Line;
use offsite_shared::sweep::verdict::Verdict;

use super::reader::{Reader, said};
use super::words::{self, Weight, number};

/// All states, what needs somebody first.
pub(super) const STATES: [ResourceState; 6] = [
    ResourceState::Unprotected,
    ResourceState::Stale,
    ResourceState::Unknown,
    ResourceState::AcceptedRisk,
    ResourceState::Pending,
    ResourceState::Protected,
];

/// The label, weight and definition of a state.
pub(super) fn state(state: ResourceState) -> (&'static str, Weight, &'static str) {
    match state {
        ResourceState::Unprotected => (
            "unprotected",
            Weight::Bad,
            "A due backup is newer than the newest usable copy, or something is due and there is no usable copy, for whatever \
             reason: missing, failed, lost, in doubt, refused, or because it cannot be copied.",
        ),
        ResourceState::Stale => {
            ("stale", Weight::Bad, "The newest usable copy is older than the rule allows (rpo), whatever the reason.")
        }
        ResourceState::Unknown => (
            "unknown",
            Weight::Doubt,
            "A listing that is needed is incomplete or too old, so nobody knows whether there is a usable copy.",
        ),
        ResourceState::AcceptedRisk => (
            "accepted risk",
            Weight::Neutral,
            "It is not protected, and a person has said, for this rule, this very ID and this cause, that it need not be until a \
             certain day. Another cause is not accepted by that.",
        ),
        ResourceState::Pending => ("pending", Weight::Waiting, "There is no copy yet, and nothing is due."),
        ResourceState::Protected => {
            ("protected", Weight::Good, "There is a usable copy, and no newer backup is due without one.")
        }
    }
}

/// How many are in a state.
pub(super) fn count(counts: &ResourceCounts, state: ResourceState) -> u64 {
    match state {
        ResourceState::Unprotected => counts.unprotected,
        ResourceState::Stale => counts.stale,
        ResourceState::Unknown => counts.unknown,
        ResourceState::AcceptedRisk => counts.accepted_risk,
        ResourceState::Pending => counts.pending,
        ResourceState::Protected => counts.protected,
    }
}

/// How many there are in all states together.
pub(super) fn total(counts: &ResourceCounts) -> u64 {
    STATES.iter().map(|state| count(counts, *state)).sum()
}

/// What the trouble is, and whose.
pub(super) fn fault(fault: Fault) -> (&'static str, &'static str) {
    match fault {
        Fault::NotCopied => ("made and not copied", "Offsite's to do"),
        Fault::CannotBeCopied => ("cannot be copied", "a person's to decide"),
        Fault::NoNewBackup => ("no new backup", "the backup plan's to do"),
        Fault::NotSeen => ("not seen", "nobody's fault yet"),
    }
}

/// Why a resource is in its state.
pub(super) fn why(r: &Reader, line: &ResourceLine) -> String {
    match line.fault {
        Fault::NotSeen => said!(r, "the listing of {} is incomplete or too old", line.destination),
        Fault::NoNewBackup if line.copied.is_some() => said!(r, "no newer backup was made").to_owned(),
        Fault::NoNewBackup if line.state == ResourceState::Pending => {
            said!(r, "its backup is not finished yet").to_owned()
        }
        Fault::NoNewBackup => said!(r, "there is no backup left that could be copied").to_owned(),
        Fault::NotCopied | Fault::CannotBeCopied => cause(r, &line.cause, line.reason.as_deref()),
    }
}

/// A cause with its reason, without saying anything twice.
fn cause(r: &Reader, cause: &str, reason: Option<&str>) -> String {
    let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.name() == cause);
    let label = verdict.map_or_else(|| r.told(cause), |verdict| r.word(words::figure(verdict).label).to_owned());
    match reason {
        Some(reason) if reason.starts_with(cause) => r.told(reason),
        Some(reason) => format!("{label}{}{}", r.colon(), r.told(reason)),
        None => label,
    }
}

/// A cause as one of several: `encrypted (encrypted snapshots are not copied)`.
fn in_short(r: &Reader, cause: &str, reason: Option<&str>) -> String {
    match reason {
        Some(reason) if reason != cause => said!(r, "{} ({})", r.told(cause), r.told(reason)),
        _ => r.told(cause),
    }
}

/// Why a backup has its verdict, where there is something to say.
pub(super) fn cause_of(r: &Reader, line: &Line) -> String {
    match (&line.cause, &line.reason) {
        (Some(word), _) if word == line.verdict.name() => r.told(line.reason.as_deref().unwrap_or_default()),
        (Some(word), reason) => cause(r, word, reason.as_deref()),
        (None, reason) => r.told(reason.as_deref().unwrap_or_default()),
    }
}

/// Whether a state is one that keeps a rule from holding.
pub(super) fn is_red(state: ResourceState) -> bool {
    matches!(state, ResourceState::Unprotected | ResourceState::Stale)
}

/// What happens next, as far as nobody does anything; or what somebody has to do first.
pub(super) fn next(r: &Reader, rule: &RuleReport, line: &ResourceLine) -> String {
    let acts = |name: &String| rule.accepted.iter().find(|act| act.name() == *name);
    let text = match (line.state, line.fault) {
        (ResourceState::AcceptedRisk, _) => {
            return match line.accepted_by.as_ref().and_then(acts) {
                Some(act) => {
                    said!(r, "{}, by {} ({}): {}", told(r, act, None).how, act.who, act.name(), act.reason)
                }
                None => said!(r, "a person has accepted that").to_owned(),
            };
        }
        (ResourceState::Pending, Fault::NoNewBackup) => said!(r, "sweeps copy it once it is finished"),
        (ResourceState::Pending, Fault::NotCopied) => said!(r, "sweeps copy it before it is due"),
        (ResourceState::Protected, _) => "",
        (_, Fault::NotSeen) => said!(r, "the next complete sweep tells"),
        (_, Fault::NoNewBackup) => said!(r, "look at its backup plan; what it makes is copied"),
        (_, Fault::CannotBeCopied) => {
            said!(r, "no retry changes that: protect it in another way, or accept the risk")
        }
        (_, Fault::NotCopied) => match line.cause.as_str() {
            "missing" => said!(r, "the next sweep starts it, within its limits"),
            "in_progress" => said!(r, "the copy is on its way"),
            "in_doubt" => said!(r, "the next sweep asks the provider whether there is a copy"),
            "failed" => said!(r, "it is tried again, with growing intervals"),
            "lost" => said!(r, "made again where the rule says restart_lost, else by `offsite ledger resolve --retry`"),
            "missed" | "left" | "given_up" | "overtaken" | "ended" => {
                said!(r, "only the copy of another backup protects it")
            }
            code if !code.contains(char::is_whitespace) => {
                return said!(r, "mend the cause (`offsite explain {}`); sweeps ask again until then", plain(code));
            }
            _ => said!(r, "mend the cause; sweeps ask again until then"),
        },
    };
    text.to_owned()
}

/// The command by which a person settles it, where there is one for its case, in the parts at which it may be broken.
pub(super) fn command(rule: &RuleReport, line: &ResourceLine) -> Option<Vec<String>> {
    if !is_red(line.state) {
        return None;
    }
    let (name, resource) = (quoted(&rule.rule)?, quoted(&line.resource)?);
    let mut parts = vec!["offsite risk accept".to_owned(), format!("--rule {name}"), format!("--resource {resource}")];
    let is_verdict = Verdict::ALL.iter().any(|verdict| verdict.name() == line.cause);
    match line.fault {
        Fault::NoNewBackup => parts.push("--gone".to_owned()),
        // Where a copy is about to be made there is nothing to accept.
        Fault::NotCopied if is_verdict => return None,
        Fault::NotSeen => return None,
        Fault::NotCopied | Fault::CannotBeCopied => {
            if rule.destinations.len() > 1 {
                parts.push(format!("--destination {}", quoted(&line.destination)?));
            }
            parts.push(format!("--cause {}", quoted(&line.cause)?));
            parts.push("--until DATE".to_owned());
        }
    }
    parts.push("--reason WHY".to_owned());
    Some(parts)
}

/// A word of a command as a shell takes it; `None` where it cannot be shown unchanged, or would be an option.
fn quoted(word: &str) -> Option<String> {
    if word.is_empty() || word.starts_with('-') || plain(word) != word {
        return None;
    }
    let bare = |c: char| c.is_ascii_alphanumeric() || "._:/@-".contains(c);
    Some(if word.chars().all(bare) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) })
}

/// The causes of one verdict together: `ineligible: 24 snapshots of 2 disks`, then each cause.
pub(super) struct Group {
    pub(super) verdict: Verdict,
    pub(super) head: String,
    pub(super) causes: Vec<String>,
}

/// Why there are no copies, grouped by verdict and cause.
pub(super) fn groups(r: &Reader, rule: &RuleReport) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for verdict in Verdict::ALL {
        let causes: Vec<_> = rule.causes.iter().filter(|cause| cause.verdict == verdict).collect();
        let backups: u64 = causes.iter().map(|cause| cause.backups).sum();
        // How many resources all causes together are about is known only where the whole list is.
        let resources = match causes.as_slice() {
            [one] => Some(one.resources),
            _ if rule.exceptions.len() as u64 == rule.exceptions_total => {
                let lines = rule.exceptions.iter().filter(|line| line.verdict == verdict);
                let ids: BTreeSet<&str> =
                    lines.map(|line| line.resource.as_deref().unwrap_or(&line.backup_id)).collect();
                Some(ids.len() as u64)
            }
            _ => None,
        };
        let head = match resources {
            Some(resources) => said!(r, "{} of {}", made(r, rule, backups), things(r, rule, resources)),
            None => made(r, rule, backups),
        };
        if backups > 0 {
            groups.push(Group {
                verdict,
                head,
                causes: causes
                    .iter()
                    .filter(|one| one.cause != verdict.name() || one.reason.is_some())
                    .map(|one| format!("{} {}", number(one.backups), in_short(r, &one.cause, one.reason.as_deref())))
                    .collect(),
            });
        }
    }
    groups
}

/// What is said where each resource counts once for each destination.
pub(super) fn each(r: &Reader, rule: &RuleReport) -> &'static str {
    if rule.destinations.len() > 1 { said!(r, " × destinations") } else { "" }
}

/// So many disks, or resources where the provider has several kinds.
fn things(r: &Reader, rule: &RuleReport, count: u64) -> String {
    match (rule.provider.as_str(), count) {
        ("tencent", 1) => said!(r, "1 disk").to_owned(),
        ("tencent", _) => said!(r, "{} disks", number(count)),
        (_, 1) => said!(r, "1 resource").to_owned(),
        _ => said!(r, "{} resources", number(count)),
    }
}

/// So many snapshots or backups; with several destinations each counts once for each.
fn made(r: &Reader, rule: &RuleReport, count: u64) -> String {
    let each = each(r, rule);
    let one = count == 1 && each.is_empty();
    let told = match (rule.provider.as_str(), one) {
        ("tencent", true) => said!(r, "1 snapshot").to_owned(),
        ("tencent", false) => said!(r, "{} snapshots", number(count)),
        (_, true) => said!(r, "1 backup").to_owned(),
        (_, false) => said!(r, "{} backups", number(count)),
    };
    told + each
}

/// A decision of a person as it is told.
pub(super) struct Told {
    /// The resource, and where.
    pub(super) of: String,
    /// What is accepted: `accepted until 2026-12-01`.
    pub(super) how: String,
    /// Whether it is over.
    pub(super) over: bool,
}

/// A decision of a person; `at` tells whether it has ended by then.
pub(super) fn told(r: &Reader, act: &Act, at: Option<Timestamp>) -> Told {
    match &act.decision {
        Decision::Accept { resource, destination, cause, until } => {
            let of =
                destination.as_ref().map_or_else(|| resource.clone(), |region| said!(r, "{} in {}", resource, region));
            let over = at.is_some_and(|at| *until <= at);
            Told { of, how: said!(r, "{}, accepted until {}", r.told(cause), r.day(*until)), over }
        }
        Decision::Gone { resource } => {
            Told { of: resource.clone(), how: said!(r, "called gone, until its next backup").to_owned(), over: false }
        }
        Decision::Revoke { act } => Told { of: String::new(), how: said!(r, "revokes {}", act), over: true },
        Decision::Retire => Told { of: String::new(), how: said!(r, "retires the rule").to_owned(), over: true },
        Decision::ConfirmLoss { destination, copies, until } => Told {
            of: destination.clone(),
            how: said!(r, "{} copies are lost, confirmed until {}", copies, r.day(*until)),
            over: at.is_some_and(|at| *until <= at),
        },
    }
}

/// The decisions that a report lists: about resources of a rule that is there.
pub(super) fn decisions(rule: &RuleReport) -> impl Iterator<Item = &Act> {
    rule.accepted.iter().filter(|act| act.decision.resource().is_some())
}

/// How many acceptances are in force.
pub(super) fn in_force(rule: &RuleReport, at: Timestamp) -> u64 {
    decisions(rule).filter(|act| !told(&Reader::default(), act, Some(at)).over).count() as u64
}

/// What a rule promises.
pub(super) fn promise(r: &Reader, rule: &RuleReport) -> String {
    let Some(lag) = rule.objective.max_lag_seconds else {
        return said!(r, "nothing (objective: none), so it is not judged").to_owned();
    };
    let is_default = rule.objective.is_default;
    let default = if is_default { said!(r, " (the default, since the rule names no max_lag)") } else { "" };
    let rpo = rule
        .objective
        .rpo_seconds
        .map(|rpo| said!(r, "; newest copy of each resource at most {} old", r.duration(rpo)));
    let history =
        if rule.objective.history { said!(r, "; backups from before its first sweep count, too") } else { "" };
    let lag = said!(r, "each backup has its copy {} after it was made", r.duration(lag));
    format!("{lag}{default}{}{history}", rpo.unwrap_or_default())
}

/// Gaps and backlog of a rule, as far as there are any.
pub(super) fn owed(r: &Reader, rule: &RuleReport) -> Option<String> {
    let gaps = (rule.gaps > 0).then(|| said!(r, "{} due without a usable copy (gaps)", number(rule.gaps)));
    let end = match rule.backlog_end {
        Some(end) => said!(r, "done about {} if it goes on as in the last days", r.day(end)),
        None => said!(r, "its end cannot be told yet").to_owned(),
    };
    let backlog = (rule.backlog > 0)
        .then(|| said!(r, "backlog {} from before the rule's first sweep, {}", number(rule.backlog), end));
    let parts: Vec<String> = [gaps, backlog].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(said!(r, "; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_command_is_taken_as_it_is_or_not_shown() {
        for (word, wanted) in [
            ("disk-1", Some("disk-1")),
            ("LimitExceeded.Snapshot", Some("LimitExceeded.Snapshot")),
            ("is encrypted; rm", Some("'is encrypted; rm'")),
            ("it's", Some("'it'\\''s'")),
            ("$(x)", Some("'$(x)'")),
            ("--gone", None),
            ("a\u{1b}b", None),
            ("", None),
        ] {
            assert_eq!(quoted(word).as_deref(), wanted, "{word:?}");
        }
    }

    #[test]
    fn a_cause_is_not_said_twice() {
        let cause = |word: &str, reason| cause(&Reader::default(), word, reason);
        assert_eq!(cause("Quota", Some("Quota: full")), "Quota: full");
        assert_eq!(cause("is a copy", Some("is a copy")), "is a copy");
        assert_eq!(cause("in_doubt", None), "in doubt");
        assert_eq!(cause("encrypted", Some("no encrypted ones")), "no encrypted ones");
        assert_eq!(cause("encrypted", Some("the API says no")), "encrypted: the API says no");
    }
}
