//! What a made-up report says of resources: their states, the causes, what is not covered, and what people have accepted.

use std::collections::BTreeMap;

use offsite_shared::ledger::risks::{Act, Decision, FORMAT};
use offsite_shared::report::{Cause, Fault, ResourceLine, ResourceState};
use offsite_shared::sweep::findings::NotCovered;
use offsite_shared::sweep::verdict::Verdict;

use super::{DAY, HOSTILE, HOUR, ago, ahead};

/// State, ID, age of its newest copy and of the trouble in days, whose it is, cause, and reason.
type Row = (ResourceState, &'static str, Option<u64>, u64, Fault, &'static str, Option<&'static str>);

/// Resources in every state that is not simply protected, whosever the trouble is.
pub(super) fn resources() -> Vec<ResourceLine> {
    use Fault::{CannotBeCopied, NoNewBackup, NotCopied, NotSeen};
    use ResourceState::{AcceptedRisk, Pending, Stale, Unknown, Unprotected};
    let quota = "LimitExceeded.Snapshot";
    let rows = [
        (
            Unprotected,
            "disk-0000new1",
            None,
            5,
            NotCopied,
            quota,
            Some("the snapshot quota of ap-singapore is used up"),
        ),
        (Unprotected, "disk-7f3k0q2a", Some(6), 2, NotCopied, "missing", None),
        (
            Unprotected,
            "disk-encrypt1",
            None,
            40,
            CannotBeCopied,
            "encrypted",
            Some("encrypted snapshots are not copied"),
        ),
        (
            Unprotected,
            "disk-encrypt2",
            None,
            39,
            CannotBeCopied,
            "encrypted",
            Some("encrypted snapshots are not copied"),
        ),
        (Unprotected, "disk-noplan01", None, 9, NoNewBackup, "no_new_backup", None),
        (Unprotected, "disk-doubtful", Some(4), 3, NotCopied, "in_doubt", None),
        (Stale, "disk-stopped1", Some(12), 12, NoNewBackup, "no_new_backup", None),
        (Unknown, "disk-unseen01", Some(3), 3, NotSeen, "not_seen", None),
        (Unknown, "disk-unseen02", None, 3, NotSeen, "not_seen", None),
        (
            AcceptedRisk,
            "disk-accepted",
            None,
            30,
            CannotBeCopied,
            "encrypted",
            Some("encrypted snapshots are not copied"),
        ),
        (Pending, "disk-fresh001", None, 0, NotCopied, "missing", None),
        (Pending, "snap-its0own1", None, 0, NotCopied, "in_progress", None),
    ];
    let line = |(index, row): (usize, Row)| {
        let (state, id, copied, since, fault, cause, reason) = row;
        ResourceLine {
            state,
            resource: id.to_owned(),
            kind: None,
            name: HOSTILE.get(index).map(|name| (*name).to_owned()).or_else(|| Some(format!("web-{index:02}"))),
            own: id.starts_with("snap-"),
            destination: if state == Unknown { "ap-beijing" } else { "ap-singapore" }.to_owned(),
            copied: copied.map(|days| ago(days * DAY)),
            newest: Some(ago(if fault == NoNewBackup { since * DAY } else { 2 * HOUR })),
            since: Some(ago(since * DAY + HOUR)),
            fault,
            cause: cause.to_owned(),
            reason: reason.map(str::to_owned),
            accepted_by: (state == AcceptedRisk).then(|| "web-disks/0".to_owned()),
        }
    };
    rows.into_iter().enumerate().map(line).collect()
}

pub(super) fn causes() -> Vec<Cause> {
    let cause = |verdict, cause: &str, backups, resources, reason: Option<&str>| Cause {
        verdict,
        cause: cause.to_owned(),
        backups,
        resources,
        reason: reason.map(str::to_owned),
    };
    vec![
        cause(Verdict::InDoubt, "in_doubt", 3, 1, None),
        cause(Verdict::Refused, "LimitExceeded.Snapshot", 6, 1, Some("the snapshot quota of ap-singapore is used up")),
        cause(Verdict::Missing, "missing", 18, 9, None),
        cause(Verdict::Ineligible, "encrypted", 12, 3, Some("encrypted snapshots are not copied")),
        cause(Verdict::Ineligible, "system_disk", 8, 2, Some(HOSTILE[5])),
    ]
}

pub(super) fn not_covered() -> BTreeMap<String, NotCovered> {
    let examples = |count: u64, shown: u64| NotCovered {
        count,
        examples: (0..shown).map(|n| format!("snap-{:08x}", 0x00c0_ffee + n)).collect(),
    };
    BTreeMap::from([
        ("is itself a copy from another region, and copies are never copied on".to_owned(), examples(312, 20)),
        ("is in the recycle bin".to_owned(), examples(2, 2)),
        (format!("its name does not begin with {}", HOSTILE[4]), examples(7, 7)),
    ])
}

/// An acceptance that is in force, one that has ended, and a resource that is gone.
pub(super) fn accepted() -> Vec<Act> {
    let act = |number, decision, reason: &str| Act {
        format: FORMAT,
        rule: "web-disks".to_owned(),
        number,
        decision,
        reason: reason.to_owned(),
        who: "ann@desk".to_owned(),
        at: ago(60 * DAY),
    };
    let accept = |resource: &str, destination: Option<&str>, until| Decision::Accept {
        resource: resource.to_owned(),
        destination: destination.map(str::to_owned),
        cause: "encrypted".to_owned(),
        until,
    };
    vec![
        act(0, accept("disk-accepted", Some("ap-singapore"), ahead(30 * DAY)), "replaced in March, OPS-12"),
        act(1, accept("disk-encrypt1", None, ago(3 * DAY)), "until the new image is there"),
        act(2, Decision::Gone { resource: "disk-scrapped".to_owned() }, HOSTILE[0]),
    ]
}
