//! How many GiB a rule covers in each destination, how many are copied, and how many wait.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::findings::place;
use super::verdict::Verdict;
use crate::model::command::Cloud;
use crate::policy::Rule;

/// One destination of a rule in GiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// The region of the destination.
    pub destination: String,
    /// All that is covered.
    pub covered_gib: u64,
    /// What has a usable copy.
    pub copied_gib: u64,
    /// What should have one and has none.
    pub waiting_gib: u64,
    /// Covered backups whose size nobody tells, or tells as nothing. They are in none of these sums.
    #[serde(rename = "unsized")]
    pub without_size: u64,
    /// Whether these are the sizes of the disks, so that a backup is at most as large.
    pub at_most: bool,
}

impl Volume {
    /// Nothing yet, for each destination of a rule in its order.
    pub(super) fn each(rule: &Rule) -> Vec<Volume> {
        let each = rule.destinations.iter().map(|destination| Volume {
            destination: place(destination),
            covered_gib: 0,
            copied_gib: 0,
            waiting_gib: 0,
            without_size: 0,
            at_most: tells_disks(rule.operation.cloud()),
        });
        each.collect()
    }

    /// Adds a backup with this verdict.
    pub(super) fn add(&mut self, verdict: Verdict, gib: Option<u64>) {
        match gib {
            Some(gib) if gib > 0 => self.covered_gib = self.covered_gib.saturating_add(gib),
            _ => self.without_size += 1,
        }
        if let Some(part) = self.part(verdict) {
            *part = part.saturating_add(gib.unwrap_or(0));
        }
    }

    /// Moves a backup that had the verdict `from` to `to`.
    pub(crate) fn change(&mut self, from: Verdict, to: Verdict, size: Option<NonZeroU32>) {
        let gib = size.map_or(0, |gib| u64::from(gib.get()));
        if let Some(part) = self.part(from) {
            *part = part.saturating_sub(gib);
        }
        if let Some(part) = self.part(to) {
            *part = part.saturating_add(gib);
        }
    }

    fn part(&mut self, verdict: Verdict) -> Option<&mut u64> {
        match verdict {
            Verdict::Replicated => Some(&mut self.copied_gib),
            verdict if verdict.is_late() => Some(&mut self.waiting_gib),
            _ => None,
        }
    }
}

/// A size as a line keeps it: there may be a million of them, and nothing is as good as unknown there.
pub(super) fn kept(gib: Option<u64>) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(gib?).unwrap_or(u32::MAX))
}

/// Whether a cloud lists the size of what was backed up, not that of the backup.
///
/// Source: Tencent Cloud CBS API 2017-03-12, DescribeSnapshots, `DiskSize`; Huawei Cloud CBR API v3, backups, `resource_size`; Alibaba Cloud
/// HBR API 2017-09-08, DescribeBackupJobs2, `BytesTotal`, which is the amount of data; 2026.
fn tells_disks(cloud: Cloud) -> bool {
    match cloud {
        Cloud::Tencent | Cloud::Huawei => true,
        Cloud::Alibaba => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_or_waits_is_part_of_what_is_covered() {
        let mut volume = Volume {
            destination: "r2".into(),
            covered_gib: 0,
            copied_gib: 0,
            waiting_gib: 0,
            without_size: 0,
            at_most: true,
        };
        volume.add(Verdict::Replicated, Some(50));
        volume.add(Verdict::Missing, Some(20));
        volume.add(Verdict::NotReady, Some(10));
        volume.add(Verdict::InProgress, None);
        let sums = |volume: &Volume| (volume.covered_gib, volume.copied_gib, volume.waiting_gib, volume.without_size);
        assert_eq!(sums(&volume), (80, 50, 20, 1));
        volume.change(Verdict::Missing, Verdict::InProgress, kept(Some(20)));
        assert_eq!(sums(&volume), (80, 50, 20, 1));
        volume.change(Verdict::InProgress, Verdict::Replicated, kept(Some(20)));
        volume.change(Verdict::InProgress, Verdict::Replicated, kept(None));
        assert_eq!(sums(&volume), (80, 70, 0, 1));
    }

    #[test]
    fn a_line_is_no_larger_for_its_size() {
        assert_eq!(size_of::<Option<NonZeroU32>>(), 4);
        assert_eq!((kept(Some(0)), kept(None), kept(Some(7))), (None, None, NonZeroU32::new(7)));
        assert_eq!(kept(Some(u64::MAX)), NonZeroU32::new(u32::MAX));
    }
}
