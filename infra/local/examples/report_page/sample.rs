//! Made-up reports that show every part of a page, names that try to act among them.

// Tests take this file in by its path, so the others are named by their paths, too.
#[path = "resources.rs"]
mod resources;

#[path = "front.rs"]
mod front;

pub use front::front;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use jiff::{SignedDuration, Timestamp};
use offsite_shared::observe::arrivals::Arrival;
use offsite_shared::report::{Conclusion, Day, Late, Promise, Report, ResourceCounts, Rpo, RuleReport};
use offsite_shared::sweep::findings::{Counts, Line, Orphan, Point};
use offsite_shared::sweep::verdict::Verdict;
use offsite_shared::sweep::volume::Volume;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// Names that would act if a renderer let them. Each of them is inert text to whoever reads the report.
pub const HOSTILE: [&str; 6] = [
    "</script><img src=x onerror=\"window.pwned=1\">",
    "\"><svg onload=window.pwned=1>",
    "=HYPERLINK(\"https://example.com/?\"&A1,\"open\")",
    "\u{1b}[2J\u{1b}]0;owned\u{7}red \u{1b}[31malert",
    "abc\u{202e}gpj.exe",
    "<!--<script>window.pwned=1//",
];

/// When the made-up reports were made.
pub fn now() -> Timestamp {
    Timestamp::from_second(1_787_050_800).unwrap_or_default()
}

fn ago(seconds: u64) -> Timestamp {
    now().checked_sub(SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(0))).unwrap_or_default()
}

fn ahead(seconds: u64) -> Timestamp {
    now().checked_add(SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(0))).unwrap_or_default()
}

/// Four rules, one of each conclusion, with everything that a report can hold.
pub fn rich() -> Report {
    let mut broken = rule("web-disks", Conclusion::Broken);
    broken.why = vec![
        "3 resources are unprotected: backups were made and not copied".to_owned(),
        "2 resources are unprotected: their backups cannot be copied (`offsite risk accept` where that is all right)"
            .to_owned(),
        "2 resources are unprotected: there is no newer backup, which is the backup plan's to make".to_owned(),
        "25 backups are due and have no usable copy".to_owned(),
        "1 went without ever being copied; `offsite ledger resolve --acknowledge` ends that".to_owned(),
    ];
    broken.counts = Counts { covered: 2_460, replicated: 2_353, ..Counts::default() };
    let verdicts: [(Verdict, u64); 14] = [
        (Verdict::InProgress, 31),
        (Verdict::Missing, 18),
        (Verdict::NotReady, 9),
        (Verdict::Ineligible, 20),
        (Verdict::Failed, 5),
        (Verdict::InDoubt, 3),
        (Verdict::Lost, 2),
        (Verdict::Missed, 1),
        (Verdict::Refused, 6),
        (Verdict::Left, 2),
        (Verdict::Unknown, 4),
        (Verdict::GivenUp, 1),
        (Verdict::Overtaken, 3),
        (Verdict::Ended, 2),
    ];
    verdicts.iter().for_each(|(verdict, count)| broken.counts[*verdict] = *count);
    broken.resources =
        ResourceCounts { unprotected: 6, stale: 1, unknown: 2, accepted_risk: 1, pending: 2, protected: 228 };
    broken.unprotected = resources::resources();
    broken.unprotected_total = broken.unprotected.len() as u64;
    broken.gaps = 25;
    broken.backlog = 1_200;
    broken.backlog_end = Some(ahead(5 * DAY));
    broken.causes = resources::causes();
    broken.not_covered = resources::not_covered();
    broken.accepted = resources::accepted();
    broken.volumes = vec![volume("ap-beijing", 61_500, 58_900, 1_700), volume("ap-singapore", 61_500, 58_750, 1_650)];
    broken.inferred = 12;
    broken.lag_seconds = Some(26 * HOUR + 290);
    broken.rpo = Some(Rpo {
        worst_seconds: Some(31 * HOUR),
        worst_resource: Some("disk-7f3k0q2a".to_owned()),
        resources: 120,
        late: 2,
        late_resources: vec![
            Late { resource: "disk-0000new1".to_owned(), seconds: None },
            Late { resource: "disk-7f3k0q2a".to_owned(), seconds: Some(31 * HOUR) },
        ],
    });
    broken.exceptions = verdicts
        .iter()
        .flat_map(|(verdict, count)| (0..*count).map(move |n| (*verdict, n)))
        .enumerate()
        .map(|(index, (verdict, n))| exception(verdict, index as u64, n))
        .collect();
    for (line, name) in broken.exceptions.iter_mut().step_by(7).zip(HOSTILE) {
        line.name = Some(name.to_owned());
        line.reason = Some(format!("the provider said: {name}"));
    }
    broken.exceptions.sort_by_key(|line| line.created_at);
    broken.exceptions_total = broken.exceptions.len() as u64;
    broken.orphans = (0..6)
        .map(|n| Orphan {
            copy_id: format!("snap-or{n}h4n0x"),
            region: if n % 2 == 0 { "ap-beijing" } else { "ap-singapore" }.to_owned(),
            name: Some(HOSTILE.get(usize::try_from(n).unwrap_or(0)).map_or("备份", |name| *name).to_owned()),
            source_id: (n != 3).then(|| format!("snap-src{n}a1b2")),
            created_at: Some(ago((40 + n) * DAY)),
            size_gib: Some(50 * (n + 1)),
        })
        .collect();
    broken.orphans_total = 6;

    let mut holds = rule("vault-prod", Conclusion::Holds);
    holds.provider = "huawei".to_owned();
    holds.operation = "copy-checkpoint".to_owned();
    holds.source = "cn-north-4, vault 3f1c9f6e-5a0b-4a7e-9d36-0f2f5b8e7a11".to_owned();
    holds.destinations = vec!["cn-south-1".to_owned()];
    holds.counts = Counts { covered: 412, replicated: 410, in_progress: 2, ..Counts::default() };
    holds.volumes = vec![volume("cn-south-1", 20_600, 20_500, 100)];
    holds.resources = ResourceCounts { protected: 31, ..ResourceCounts::default() };
    holds.objective.is_default = true;
    holds.lag_seconds = Some(3 * HOUR + 700);
    holds.objective.rpo_seconds = None;
    holds.exceptions = (0..2).map(|n| exception(Verdict::InProgress, 900 + n, n)).collect();
    holds.exceptions_total = 2;
    holds.points.iter_mut().for_each(|point| point.lag_seconds /= 5);

    let mut unknown = rule(HOSTILE[0], Conclusion::Unknown);
    unknown.provider = "alibaba".to_owned();
    unknown.operation = "create-vault-replication".to_owned();
    unknown.source = "cn-hangzhou, vault v-000e0a1b2c3d".to_owned();
    unknown.destinations = vec!["cn-beijing".to_owned()];
    unknown.why = vec!["no sweep of this rule has come to its end yet".to_owned()];
    unknown.objective = Promise { max_lag_seconds: Some(48 * HOUR), ..Promise::default() };
    unknown.complete_as_of = None;
    unknown.days = Vec::new();
    unknown.sweep_seconds = None;
    unknown.counts = Counts::default();
    unknown.lag_seconds = None;
    unknown.points.clear();
    unknown.durations.clear();

    Report {
        at: now(),
        live: false,
        states: BTreeMap::new(),
        conclusion: Conclusion::Broken,
        remarks: vec!["OFFSITE_PAUSED is set: nothing new is started".to_owned()],
        rules: vec![broken, holds, unknown, unjudged()],
        outside: vec![
            Line { name: Some(HOSTILE[1].to_owned()), ..exception(Verdict::InDoubt, 5_000, 0) },
            exception(Verdict::Failed, 5_001, 1),
        ],
    }
}

/// A rule that promises nothing.
fn unjudged() -> RuleReport {
    let mut rule = rule("scratch", Conclusion::NotJudged);
    rule.objective = Promise::default();
    for day in &mut rule.days {
        (day.conclusion, day.minutes_not_holding) = (day.conclusion.map(|_| Conclusion::NotJudged), 0);
    }
    rule.counts = Counts { covered: 40, replicated: 12, missing: 28, ..Counts::default() };
    rule.resources = ResourceCounts { pending: 3, protected: 5, ..ResourceCounts::default() };
    rule
}

/// One rule, and it promises nothing.
pub fn grey() -> Report {
    Report { remarks: Vec::new(), rules: vec![unjudged()], ..empty() }
}

/// One rule, all of whose backups have their copies.
pub fn holds() -> Report {
    let mut rule = rule("web-disks", Conclusion::Holds);
    rule.counts = Counts { covered: 300, replicated: 300, ..Counts::default() };
    rule.resources = ResourceCounts { protected: 30, ..ResourceCounts::default() };
    rule.lag_seconds = Some(0);
    rule.points.iter_mut().for_each(|point| point.lag_seconds = 0);
    Report { conclusion: Conclusion::Holds, remarks: Vec::new(), rules: vec![rule], ..empty() }
}

/// One rule that was never swept.
pub fn unknown() -> Report {
    let rules: Vec<RuleReport> = rich().rules.into_iter().skip(2).take(1).collect();
    Report { conclusion: Conclusion::Unknown, remarks: Vec::new(), rules, ..empty() }
}

/// Neither a policy nor a ledger.
pub fn empty() -> Report {
    Report {
        at: now(),
        live: false,
        states: BTreeMap::new(),
        conclusion: Conclusion::NotJudged,
        remarks: vec!["There is no policy, and the ledger is empty: there is nothing to report.".to_owned()],
        rules: Vec::new(),
        outside: Vec::new(),
    }
}

/// So many exceptions in two rules, many sweeps and many arrivals.
pub fn large(exceptions: u64) -> Report {
    let mut report = rich();
    report.rules.truncate(2);
    let [first, second] = &mut report.rules[..] else { return report };
    first.counts =
        Counts { covered: 1_000_000, replicated: 1_000_000 - exceptions, missing: exceptions, ..Counts::default() };
    first.exceptions = (0..exceptions - 100).map(|n| exception(Verdict::Missing, n, n)).collect();
    first.exceptions_total = exceptions - 100;
    second.exceptions = (0..100).map(|n| exception(Verdict::Failed, exceptions + n, n)).collect();
    second.exceptions_total = 100;
    second.counts = Counts { covered: 512, replicated: 412, failed: 100, ..Counts::default() };
    let wave = |n: u64| (n * 7_919) % 5_000;
    first.points = (0..3_000)
        .map(|n| Point {
            at: ago((3_000 - n) * 600),
            lag_seconds: 9_000 + wave(n),
            covered: 990_000 + n,
            replicated: 980_000,
            uncopied: 10_000,
        })
        .collect();
    first.durations = (0..5_000).map(|n| Arrival { at: ago((5_000 - n) * 300), seconds: 240 + wave(n) / 3 }).collect();
    report
}

/// A year of days: most held, some did not, and for a while nobody looked.
fn days() -> Vec<Day> {
    let today = now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    let first = today.saturating_sub(jiff::Span::new().days(365));
    let day = |(index, day)| {
        let (conclusion, minutes_not_holding, minutes_unknown) = match index {
            70..=83 => (None, 0, 1_440),
            84 => (Some(Conclusion::Holds), 0, 700),
            170..=172 => (Some(Conclusion::Broken), 1_440, 0),
            200 => (Some(Conclusion::Unknown), 0, 130),
            n if n % 61 == 0 => (Some(Conclusion::Broken), 150, 0),
            _ => (Some(Conclusion::Holds), 0, 0),
        };
        Day { day, conclusion, minutes_not_holding, minutes_unknown }
    };
    first.series(jiff::Span::new().days(1)).take(366).enumerate().map(day).collect()
}

fn rule(name: &str, conclusion: Conclusion) -> RuleReport {
    let lag = |n: u64| if n > 42 { (n - 42) * 4 * HOUR + 2 * HOUR } else { 1_200 + (n * 7_919) % (4 * HOUR) };
    RuleReport {
        rule: name.to_owned(),
        provider: "tencent".to_owned(),
        operation: "copy-snapshot".to_owned(),
        account: "prod".to_owned(),
        source: "ap-guangzhou".to_owned(),
        destinations: vec!["ap-beijing".to_owned(), "ap-singapore".to_owned()],
        objective: Promise { max_lag_seconds: Some(DAY), rpo_seconds: Some(DAY), is_default: false, history: false },
        conclusion,
        why: Vec::new(),
        complete_as_of: Some(ago(25 * 60)),
        sweep_seconds: Some(187),
        counts: Counts::default(),
        volumes: Vec::new(),
        inferred: 0,
        lag_seconds: Some(0),
        rpo: None,
        exceptions: Vec::new(),
        exceptions_total: 0,
        orphans: Vec::new(),
        orphans_total: 0,
        points: (0..49)
            .map(|n| Point {
                at: ago((49 - n) * HOUR),
                lag_seconds: lag(n),
                covered: 2_400 + n,
                replicated: 2_330 + n,
                uncopied: 70,
            })
            .collect(),
        durations: (0..180)
            .map(|n| Arrival {
                at: ago((180 - n) * 960),
                seconds: 420 + (n * 7_919) % 1_900 + if n % 41 == 0 { 5_000 } else { 0 },
            })
            .collect(),
        resources: ResourceCounts::default(),
        unprotected: Vec::new(),
        unprotected_total: 0,
        gaps: 0,
        backlog: 0,
        backlog_end: None,
        causes: Vec::new(),
        not_covered: BTreeMap::new(),
        accepted: Vec::new(),
        days: days(),
    }
}

/// The sizes of one destination, with one backup whose size nobody tells.
fn volume(destination: &str, covered_gib: u64, copied_gib: u64, waiting_gib: u64) -> Volume {
    Volume { destination: destination.to_owned(), covered_gib, copied_gib, waiting_gib, without_size: 1, at_most: true }
}

fn exception(verdict: Verdict, index: u64, n: u64) -> Line {
    let reason = match verdict {
        Verdict::Ineligible if n < 12 => Some("encrypted snapshots are not copied"),
        Verdict::Ineligible => Some("snapshots of system disks are not copied"),
        Verdict::Failed => Some("InsufficientSnapshotQuota: the snapshot quota of ap-singapore is used up"),
        Verdict::NotReady => Some("the snapshot is CREATING"),
        Verdict::InDoubt => Some("the call timed out after it was sent; read back 3 times, nothing seen yet"),
        Verdict::Lost => Some("seen NORMAL on 2026-08-12, not in the destination since 2026-08-17"),
        Verdict::Missed => Some("deleted at its source before a copy was started"),
        Verdict::Refused => Some("the snapshot quota of ap-singapore is used up"),
        Verdict::Left => Some("its name does not begin with web- any more"),
        Verdict::Overtaken => Some("deleted at its source; its disk has a newer copy"),
        Verdict::Ended => Some("the copy expired as planned"),
        Verdict::GivenUp => Some("was given up by a person: not wanted"),
        _ => None,
    };
    let cause = match verdict {
        Verdict::Ineligible if n < 12 => Some("encrypted"),
        Verdict::Ineligible => Some("system_disk"),
        Verdict::Refused => Some("LimitExceeded.Snapshot"),
        Verdict::Failed => Some("failed"),
        _ => None,
    };
    Line {
        verdict,
        backup_id: format!("snap-{:08x}", 0x1a2b_3c4d_u64.wrapping_add(index * 2_654_435) & 0xffff_ffff),
        name: Some(format!("web-{:02}-daily", index % 40)),
        resource: Some(match verdict {
            Verdict::Ineligible if n < 12 => format!("disk-encrypt{}", n % 3),
            Verdict::Ineligible => format!("disk-system{}", n % 2),
            _ => format!("disk-{:06x}", (index * 40_503) % 0xff_ffff),
        }),
        resource_kind: None,
        source_region: "ap-guangzhou".to_owned(),
        destination: if n.is_multiple_of(2) { "ap-singapore" } else { "ap-beijing" }.to_owned(),
        created_at: (verdict != Verdict::Missed).then(|| ago(600 + (index * 977) % (26 * HOUR))),
        size_gib: NonZeroU32::new(50),
        cause: cause.map(str::to_owned),
        reason: reason.map(str::to_owned),
        key: (verdict != Verdict::Missing).then(|| format!("{:064x}", index * 0x9e37_79b9)),
    }
}
