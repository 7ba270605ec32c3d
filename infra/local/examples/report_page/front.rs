//! The made-up report whose picture is in the README: one rule that does not hold, and one that does.

use offsite_shared::report::{Conclusion, Fault, Report, ResourceCounts, ResourceLine, ResourceState};
use offsite_shared::sweep::findings::Counts;
use offsite_shared::sweep::volume::Volume;

use super::{DAY, HOUR, ago, empty, rule};

/// Two rules, short enough for a picture.
pub fn front() -> Report {
    let quota = "the snapshot quota of ap-singapore is used up";
    let mut disks = rule("web-disks", Conclusion::Broken);
    disks.why = vec!["1 resource is unprotected: a backup was made and not copied".to_owned()];
    disks.counts = Counts { covered: 148, replicated: 146, in_progress: 1, refused: 1, ..Counts::default() };
    disks.volumes = vec![Volume {
        destination: "ap-singapore".to_owned(),
        covered_gib: 7_400,
        copied_gib: 7_300,
        waiting_gib: 100,
        without_size: 0,
        at_most: true,
    }];
    disks.resources = ResourceCounts { unprotected: 1, pending: 1, protected: 22, ..ResourceCounts::default() };
    disks.lag_seconds = Some(31 * HOUR);
    disks.destinations = vec!["ap-singapore".to_owned()];
    let line = |state, resource: &str, since, cause: &str, reason: Option<&str>| ResourceLine {
        state,
        resource: resource.to_owned(),
        kind: None,
        name: Some("web-daily".to_owned()),
        own: false,
        destination: "ap-singapore".to_owned(),
        copied: Some(ago(since + DAY)),
        newest: Some(ago(HOUR / 2)),
        since: Some(ago(since)),
        fault: Fault::NotCopied,
        cause: cause.to_owned(),
        reason: reason.map(str::to_owned),
        accepted_by: None,
    };
    let stuck = line(ResourceState::Unprotected, "disk-7f3k0q2a", 31 * HOUR, "InsufficientSnapshotQuota", Some(quota));
    let young = line(ResourceState::Pending, "disk-4j5k6l7m", HOUR / 2, "in_progress", None);
    disks.unprotected = vec![stuck, young];
    disks.unprotected_total = 2;

    let mut servers = rule("servers", Conclusion::Holds);
    servers.provider = "huawei".to_owned();
    servers.operation = "copy-backup".to_owned();
    servers.source = "cn-north-4, vault 7c1f1f6e-52a9-4d0e-9a3f-7a4f6d1e9b01".to_owned();
    servers.destinations = vec!["cn-east-3".to_owned()];
    servers.counts = Counts { covered: 412, replicated: 412, ..Counts::default() };
    servers.resources = ResourceCounts { protected: 31, ..ResourceCounts::default() };
    Report { conclusion: Conclusion::Broken, remarks: Vec::new(), rules: vec![disks, servers], ..empty() }
}
