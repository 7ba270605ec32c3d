//! The definitions of a report's words, beside those of verdicts (`words`) and of resources' states (`resources`).

/// An anchor, the word, its definition.
pub(super) const TERMS: [(&str, &str, &str); 32] = [
    (
        "calendar",
        "calendar",
        "A square for each day of the last year, in UTC: the worst that a complete sweep of that day came to. A day on which no \
         complete sweep ended is grey, also while copying went on: nobody looked. Minutes run from one complete sweep to the next; \
         where two are further apart than the objective allows, they are not known.",
    ),
    (
        "holds",
        "holds",
        "No resource is unprotected, stale or unknown; there is no gap; nothing missed, left or lost is unsettled; and all that is \
         known from complete listings that are young enough. offsite report then ends with 0, so that a script can rely on it.",
    ),
    (
        "broken",
        "does not hold",
        "At least one objective is certainly not met. The command ends with 3. For each resource it is said whether a backup was \
         made and not copied, cannot be copied, or was not made at all.",
    ),
    (
        "not-known",
        "cannot be known",
        "There was no complete sweep, or the last one is too old or failed, a listing is incomplete, or a clock is wrong. What \
         cannot be known is never reported as good. The command ends with 1.",
    ),
    (
        "not-judged",
        "not judged",
        "Nothing is promised: the rule says objective: none, or there is no rule. It is neither good nor bad. Where nothing \
         else is to be said the command ends with 1.",
    ),
    (
        "resource",
        "resource",
        "What a person wants back: a disk, a server, an instance, a file system or a bucket. Where nobody names what a backup is \
         a backup of, the backup stands for itself. A resource is counted once for each destination.",
    ),
    (
        "made-and-not-copied",
        "made and not copied",
        "A backup is there and its copy is not: Offsite has to make it, or says why it could not.",
    ),
    (
        "cannot-be-copied",
        "cannot be copied",
        "The provider copies no such backups, encrypted ones for instance. No retry changes that: protect the resource in another \
         way, or accept the risk.",
    ),
    (
        "no-new-backup",
        "no new backup",
        "All that was made is copied or gone, and nothing newer was made: look at the backup plan. If the resource is no \
         more, say so (offsite risk accept --gone).",
    ),
    (
        "cause",
        "cause",
        "Why there is no copy, as a fixed word or the provider's code. Causes are grouped by it, and offsite risk accept takes it.",
    ),
    (
        "decision",
        "decision",
        "What a person accepted or called gone, with reason and name. An acceptance is for one rule, one ID and one cause, and \
         ends on a certain day, at most 366 days on. A resource that is gone comes back with its next backup.",
    ),
    (
        "not-covered",
        "not covered",
        "Backups that the rule does not take, counted by reason: copies and replicas, backups that are being deleted, in the recycle \
         bin or failed by themselves, and what select or exclude leaves out.",
    ),
    ("due", "due", "Covered, and older than the largest lag that the rule allows (max_lag)."),
    (
        "usable",
        "usable copy",
        "A copy that the destination itself showed as usable, or that follows from what the provider says elsewhere (inferred).",
    ),
    ("age", "age of a copy", "The age of the backup that it is a copy of, not the time since it was copied."),
    (
        "size",
        "size",
        "GiB of what is covered, of what has a usable copy, and of what should have one and has none (waiting). Tencent and Huawei list \
         the size of the disk, not of the backup: then it is at most so much.",
    ),
    (
        "gap",
        "gap",
        "A due backup without a usable copy that can be copied and was made after the rule's first complete sweep began. A \
         backup that cannot be copied is never a gap; its resource may be unprotected.",
    ),
    ("historic", "historic", "Made before the rule's first complete sweep began."),
    (
        "backlog",
        "backlog",
        "Historic backups without a usable copy whose resource is protected. They are copied as the limits allow and break \
         nothing, unless the rule says objective.history: true. The end is estimated from the last days.",
    ),
    (
        "default-objective",
        "default objective",
        "A rule that names no max_lag is judged by 24 hours after min_age, or by half of the time for which it covers a backup.",
    ),
    (
        "mass-loss",
        "mass loss",
        "More than 10 copies and more than 5 % of those known in a destination are gone at once. Nothing is made again before a \
         person has looked, since a wrong key lists an empty account.",
    ),
    (
        "inferred",
        "inferred",
        "Of the replicated ones, those whose copy is concluded and was not itself seen in the destination.",
    ),
    (
        "lag",
        "lag",
        "The age of the oldest covered backup that should have a usable copy and has none; none when all have one. A backlog does \
         not count. Its objective (max_lag) is the largest lag that the rule allows. Shown durations are rounded up.",
    ),
    (
        "rpo",
        "newest copies (rpo)",
        "Of each resource the age of the newest backup that has a usable copy in every destination: how much work is lost if \
         the source region is lost now. Shown is the worst resource, against the largest age that the rule allows (rpo).",
    ),
    (
        "late",
        "late",
        "A resource whose newest usable copy is older than the rule allows, or that has no usable copy at all.",
    ),
    (
        "complete-as-of",
        "complete as of",
        "When the listing of backups behind the figures began. Backups made later are not counted yet.",
    ),
    (
        "bar",
        "coverage bar",
        "What is covered, divided by verdict. A part below 1.5 % is drawn as wide as 1.5 %, so that it can be seen; the figures \
         beside it are exact.",
    ),
    ("exception", "exception", "One backup and one destination with any verdict other than replicated."),
    (
        "orphan",
        "orphan",
        "A copy in a destination region whose source is gone. Orphans are listed and never deleted: they may be all that is \
         left, and they may cost money.",
    ),
    (
        "outside",
        "outside the policy",
        "Unfinished replications that belong to no rule of the policy. Those of a rule that is gone make the report one that cannot \
         be known, until offsite rule retire settles them.",
    ),
    (
        "durations",
        "durations of copies",
        "For each copy that arrived lately, the time from the provider's acceptance until it was first seen usable in the \
         destination. Copies are looked at from time to time, so a copy may have been there a little earlier.",
    ),
    (
        "live",
        "read live",
        "The report was read from the clouds now. The ledger of what was started was only read, and nothing was started.",
    ),
];
