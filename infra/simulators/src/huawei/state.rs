//! What the simulated Huawei Cloud holds, and its default inventory.

use std::collections::HashMap;

use jiff::Timestamp;

use super::locks::Locks;
use super::store::{Backup, Item, Store, Vault};
use crate::clock;
use crate::cloud::{Call, Copies, Switches};
use crate::credentials::Account;
use crate::options::SimOptions;
use crate::text::Draw;
use crate::truth::Entry;

/// The simulated Huawei Cloud: CBR, CSBS, IAM and STS.
pub(crate) struct Huawei {
    pub(super) account: Account,
    /// Tokens issued by the simulated IAM, with their end and their project.
    pub(super) tokens: HashMap<String, (Timestamp, String)>,
    pub(super) locks: Locks,
    pub(super) switches: Switches,
    pub(super) store: Store,
    pub(super) copies: Copies,
    pub(super) draw: Draw,
    /// What Offsite's ledger would hold of the seeded inventory.
    pub(super) ledger: Vec<Entry>,
}

/// Projects of the default inventory. The first two come from the API examples. Source: CopyBackup, CopyCheckpoint; 2026-11-21.
pub(super) const PROJECTS: [(&str, &str); 7] = [
    ("4229d7a45436489f8c3dc2b1d35d4987", "region1"),
    ("68589cac08274b82b4e254268a3862d8", "region2"),
    ("f841e01fd2b14e7fa41b6ae7aa6b0594", "cn-north-4"),
    ("0605767b5780d5762fc5c0118072a564", "cn-east-3"),
    ("0d9da8861b80f5a32fb4c00645f2dbd7", "ap-southeast-1"),
    ("4800fde9-66f8-4458-b805-4c01066b9568", "cn-north-1"),
    ("e0b97bac-532c-4c51-96fa-4b3a32253be4", "cn-east-2"),
];

impl Huawei {
    pub(crate) fn new(account: Account, options: &SimOptions, now: Timestamp) -> Self {
        let mut cloud = Self {
            account,
            tokens: HashMap::new(),
            locks: Locks::default(),
            switches: Switches::of(options),
            store: Store::new(now),
            copies: Copies::default(),
            draw: Draw::new(options.seed ^ 0x4A3),
            ledger: Vec::new(),
        };
        if !options.any_source {
            cloud.default_inventory(now);
        }
        cloud
    }

    fn default_inventory(&mut self, now: Timestamp) {
        for (project, region) in PROJECTS {
            self.store.projects.insert(project.to_owned(), region.to_owned());
        }
        let (region1, region2) = (PROJECTS[0].0, PROJECTS[1].0);
        let source = "3b5816b5-f29c-4172-9d9a-76c719a659ce";
        for vault in [
            Vault::new(source, region1, "backup"),
            Vault::new("0ca3eb86-8800-46da-9c37-9d657a825274", region2, "replication"),
            Vault::new("6b1f7a52-3f0c-4e0e-9a64-0d6f3b1a2c11", region2, "backup"),
            Vault::new("a3c6b2f4-58a1-4d55-8a27-6a0f5a6be901", PROJECTS[2].0, "backup"),
            Vault::new("d41f0e7b-9c02-4c8e-b7a5-2f9e1b3c4d02", PROJECTS[3].0, "replication"),
        ] {
            self.store.vaults.insert(vault.id.clone(), vault);
        }
        let plain = |id: &str, age_s: f64| Backup::plain(id, region1, source, clock::later(now, -age_s));
        for backup in [
            plain("6df2b54c-dd62-4059-a07c-1b8f24f2725d", 3_600.0),
            plain("7558e1a3-7046-4787-95cd-14b0ad0642a8", 7_200.0),
            plain("aa00034d-ef40-443d-ab7a-dc846d988cdf", 10_800.0),
            Backup {
                resource_type: "OS::Cinder::Volume".to_owned(),
                ..plain("5d822633-2bbf-4af8-a16e-5ab1c7705235", 3_500.0)
            },
            Backup { contain_system_disk: false, ..plain("c0ffee00-2bbf-4af8-a16e-5ab1c7705236", 3_400.0) },
            Backup { status: "protecting".to_owned(), ..plain("b1c4afd9-e7a6-4888-9010-c2bac3aa7910", 30.0) },
            Backup::plain(
                "a5200268-74a5-4806-acc6-95793ab0228b",
                PROJECTS[2].0,
                "a3c6b2f4-58a1-4d55-8a27-6a0f5a6be901",
                clock::later(now, -3_600.0),
            ),
        ] {
            self.store.insert(backup);
        }
        for id in ["c4dfa74c-7e60-4361-86b9-9a3250115ed6", "bd3c8a42-7dd4-4400-b091-2777c51a5c9a"] {
            let item = Item::plain(id, PROJECTS[5].0, clock::later(now, -3_600.0));
            self.store.items.insert(id.to_owned(), item);
        }
    }

    /// The region of a project: known, named by the Host, or the fallback of any-source mode.
    pub(super) fn region_of(&self, call: &Call, project: &str) -> String {
        self.store
            .projects
            .get(project)
            .cloned()
            .or_else(|| call.region.clone())
            .unwrap_or_else(|| "cn-north-4".to_owned())
    }
}
