//! What the simulated Tencent Cloud holds, and its default inventory.

use jiff::Timestamp;

use super::store::{NewSnapshot, Store};
use crate::clock;
use crate::cloud::{Copies, Switches};
use crate::credentials::Account;
use crate::options::SimOptions;
use crate::text::Draw;
use crate::truth::Entry;

/// The simulated Tencent Cloud: CBS and STS.
pub(crate) struct Tencent {
    pub(super) account: Account,
    pub(super) switches: Switches,
    pub(super) store: Store,
    pub(super) copies: Copies,
    pub(super) draw: Draw,
    /// What Offsite's ledger would hold of the seeded inventory.
    pub(super) ledger: Vec<Entry>,
}

impl Tencent {
    pub(crate) fn new(account: Account, options: &SimOptions, now: Timestamp) -> Self {
        let mut cloud = Self {
            account,
            switches: Switches::of(options),
            store: Store::new(now),
            copies: Copies::default(),
            draw: Draw::new(options.seed ^ 0x7C3),
            ledger: Vec::new(),
        };
        if !options.any_source {
            cloud.default_inventory(now);
        }
        cloud
    }

    /// The documented small inventory: copyable disks, and one of each kind that cannot be copied.
    fn default_inventory(&mut self, now: Timestamp) {
        let plain = |id: &str, region: &str, name: &str, age_s: f64| NewSnapshot {
            name: name.to_owned(),
            created: clock::later(now, -age_s),
            ..NewSnapshot::plain(id, region, now)
        };
        let inventory = [
            plain("snap-ckgjwkqh", "ap-guangzhou", "web-data-1", 3_600.0),
            plain("snap-0jfkjwl1", "ap-guangzhou", "web-data-2", 7_200.0),
            plain("snap-9k2m4q7r", "ap-singapore", "db-data-1", 5_400.0),
            NewSnapshot { system_disk: true, ..plain("snap-obgelzpb", "ap-guangzhou", "web-system", 3_500.0) },
            NewSnapshot { encrypt: true, ..plain("snap-e7c1r4pt", "ap-guangzhou", "secret-data", 3_400.0) },
            NewSnapshot {
                creating_until: Some(clock::later(now, 600.0)),
                ..plain("snap-cr8at1ng", "ap-guangzhou", "web-data-fresh", 5.0)
            },
        ];
        for snapshot in inventory {
            self.store.insert(snapshot);
        }
    }
}
