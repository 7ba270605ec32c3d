//! Everything behind one port: its cloud, its faults, its clock, and what went through it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::clock::SimClock;
use crate::cloud::Cloud;
use crate::credentials::Account;
use crate::faults::Faults;
use crate::options::SimOptions;
use crate::text::lock;
use crate::{alibaba, huawei, tencent};

/// Requests that the log of a port holds.
const LOG_LENGTH: usize = 1000;

/// Everything behind one port.
pub(crate) struct Port {
    pub(crate) cloud: Mutex<Box<dyn Cloud>>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) traffic: Mutex<Traffic>,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) stopping: watch::Receiver<bool>,
    /// Whether an inventory was made; there is one for each port at most.
    pub(crate) inventory: AtomicBool,
}

/// What went through a port: counters per action and the last requests.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) log: VecDeque<Value>,
}

impl Port {
    /// Counts a call and writes it into the log.
    pub(crate) fn note(&self, action: &str, source: Option<&str>, outcome: &str) {
        let now = self.clock.now().state.to_string();
        let mut traffic = lock(&self.traffic);
        *traffic.calls.entry(action.to_owned()).or_default() += 1;
        if traffic.log.len() == LOG_LENGTH {
            traffic.log.pop_front();
        }
        traffic.log.push_back(json!({"time": now, "action": action, "source": source, "outcome": outcome}));
    }
}

/// The ports of the three clouds, in the order Alibaba, Huawei, Tencent.
pub(crate) fn ports(options: &SimOptions, clock: &Arc<SimClock>, stopping: &watch::Receiver<bool>) -> [Arc<Port>; 3] {
    let now = clock.now().state;
    let account = Account::new(options);
    let clouds: [Box<dyn Cloud>; 3] = [
        Box::new(alibaba::Alibaba::new(account.clone(), options, now)),
        Box::new(huawei::Huawei::new(account.clone(), options, now)),
        Box::new(tencent::Tencent::new(account, options, now)),
    ];
    clouds.map(|cloud| {
        Arc::new(Port {
            cloud: Mutex::new(cloud),
            faults: Mutex::new(Faults::new(options.seed)),
            traffic: Mutex::default(),
            clock: Arc::clone(clock),
            stopping: stopping.clone(),
            inventory: AtomicBool::new(false),
        })
    })
}
