//! What the simulated Alibaba Cloud holds, and its default inventory.

use std::collections::HashMap;

use jiff::Timestamp;

use super::auth::Nonces;
use super::store::{Job, Task, Vault, Vaults};
use crate::clock;
use crate::cloud::{Copies, Switches};
use crate::credentials::Account;
use crate::options::SimOptions;
use crate::text::Draw;
use crate::truth::Entry;

/// The simulated Alibaba Cloud: HBR and STS.
pub(crate) struct Alibaba {
    pub(super) account: Account,
    pub(super) nonces: Nonces,
    pub(super) switches: Switches,
    pub(super) vaults: Vaults,
    pub(super) tasks: HashMap<String, Task>,
    pub(super) jobs: Vec<Job>,
    /// Jobs that are gone, each with the moment at which it went: what a pair had carried by then stays in its target.
    pub(super) gone_jobs: Vec<(Job, Timestamp)>,
    /// The pairs that were made, by source vault and target vault; `GET /_sim/state` names the target's region instead.
    pub(super) copies: Copies,
    pub(super) draw: Draw,
    /// What Offsite's ledger would hold of the seeded inventory.
    pub(super) ledger: Vec<Entry>,
}

impl Alibaba {
    pub(crate) fn new(account: Account, options: &SimOptions, now: Timestamp) -> Self {
        let mut vaults = Vaults::default();
        if !options.any_source {
            let old = clock::later(now, -86_400.0);
            vaults.insert(Vault::new("v-0003rf9m17pap3ltpqx5", Some("cn-hangzhou"), "primary", old));
            vaults.insert(Vault::new("v-0001aa2b3c4d5e6f7g8h", Some("cn-hangzhou"), "secondary", old));
            vaults.insert(Vault {
                target_made: true,
                ..Vault::new("v-000bj2yk5r6zmm1q7d2c", Some("cn-shanghai"), "mirror", old)
            });
            vaults.insert(Vault {
                target_made: true,
                ..Vault::new("v-0002zz9y8x7w6v5u4t3s", Some("cn-beijing"), "mirror-beijing", old)
            });
        }
        let jobs = if options.any_source { Vec::new() } else { Job::default_inventory(now) };
        Self {
            account,
            nonces: Nonces::default(),
            switches: Switches::of(options),
            vaults,
            tasks: HashMap::new(),
            jobs,
            gone_jobs: Vec::new(),
            copies: Copies::default(),
            draw: Draw::new(options.seed ^ 0xA11),
            ledger: Vec::new(),
        }
    }
}
