//! The admin interface of a port, under `/_sim/`: state, faults, clock, seed, key, log, inventory and its truth. JSON in, JSON out, no
//! authentication.

use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cloud::{Answer, Received};
use crate::port::Port;
use crate::text::{BadAdmin, lock};

/// Backups of a seeded inventory where nobody says how many.
pub const BACKUPS: u64 = 10_000;
/// Backups of a seeded inventory at most.
pub const MOST_BACKUPS: u64 = 1_000_000;

/// Answers one admin request.
pub(crate) fn handle(port: &Port, request: &Received) -> Answer {
    match answer(port, request) {
        Ok(body) => Answer::json(200, &body, "ok"),
        Err(Wrong { status, message }) => Answer::json(status, &json!({"error": message}), "admin error"),
    }
}

/// The whole state of one port, as `GET /_sim/state` gives it.
pub(crate) fn state(port: &Port) -> Value {
    let now = port.clock.now().state;
    let (provider, replications) = {
        let cloud = lock(&port.cloud);
        (cloud.provider(), cloud.replications(now))
    };
    let calls: Map<String, Value> =
        lock(&port.traffic).calls.iter().map(|(action, count)| (action.clone(), json!(count))).collect();
    json!({"provider": provider, "clock": now.to_string(), "replications": replications, "calls": calls})
}

/// Makes the one seeded inventory of a port.
///
/// # Errors
/// There is one already, or the number of backups is out of bounds.
pub(crate) fn make_inventory(port: &Port, seed: u64, backups: u64) -> Result<Value, BadAdmin> {
    if !(1..=MOST_BACKUPS).contains(&backups) {
        return Err(BadAdmin::new(format!("backups must be 1 to {MOST_BACKUPS}")));
    }
    if port.inventory.swap(true, Ordering::AcqRel) {
        return Err(BadAdmin::new("there is a seeded inventory already; start anew for another one"));
    }
    Ok(lock(&port.cloud).make_inventory(seed, backups, port.clock.now().state))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    seed: u64,
    #[serde(default = "usual_backups")]
    backups: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    access_key_id: String,
    access_key_secret: String,
}

fn usual_backups() -> u64 {
    BACKUPS
}

struct Wrong {
    status: u16,
    message: String,
}

impl From<BadAdmin> for Wrong {
    fn from(error: BadAdmin) -> Self {
        Self { status: 400, message: error.to_string() }
    }
}

fn answer(port: &Port, request: &Received) -> Result<Value, Wrong> {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/_sim/state") => Ok(state(port)),
        ("GET", "/_sim/log") => Ok(json!({"requests": lock(&port.traffic).log.iter().cloned().collect::<Vec<_>>()})),
        ("GET", "/_sim/clock") => Ok(port.clock.describe()),
        ("POST", "/_sim/clock") => {
            port.clock.change(&body(request)?)?;
            Ok(port.clock.describe())
        }
        ("GET", "/_sim/faults") => Ok(lock(&port.faults).describe()),
        ("POST", "/_sim/faults") => {
            let body = body(request)?;
            let provider = lock(&port.cloud).provider();
            let mut faults = lock(&port.faults);
            faults.script(provider, &body)?;
            Ok(faults.describe())
        }
        ("GET", "/_sim/seed") => Ok(json!({"switches": switches(port)?})),
        ("POST", "/_sim/seed") => {
            let mut body = body(request)?;
            let inventory = body.as_object_mut().ok_or_else(|| BadAdmin::new("the body must be a JSON object"))?;
            let changes = inventory.remove("switches");
            let now = port.clock.now().state;
            let seeded = {
                let mut cloud = lock(&port.cloud);
                if let Some(changes) = changes {
                    cloud.switches().change(&changes)?;
                }
                cloud.seed(&body, now)?
            };
            Ok(json!({"seeded": seeded, "switches": switches(port)?}))
        }
        ("POST", "/_sim/inventory") => {
            let wanted: Wanted =
                serde_json::from_value(body(request)?).map_err(|error| BadAdmin::new(error.to_string()))?;
            Ok(json!({"made": make_inventory(port, wanted.seed, wanted.backups)?}))
        }
        ("POST", "/_sim/key") => {
            let key: Key = serde_json::from_value(body(request)?).map_err(|error| BadAdmin::new(error.to_string()))?;
            lock(&port.cloud).account().rotate(&key.access_key_id, &key.access_key_secret);
            Ok(json!({"accepted": key.access_key_id}))
        }
        ("GET", "/_sim/policy") => Ok(lock(&port.cloud).policy()),
        ("GET", "/_sim/truth") => {
            let cloud = lock(&port.cloud);
            Ok(cloud.truth(port.clock.now().state))
        }
        (_, path) if PATHS.contains(&path) => {
            Err(Wrong { status: 405, message: format!("{} is not allowed on {}", request.method, request.path) })
        }
        (_, path) => Err(Wrong { status: 404, message: format!("no {path}; there are {}", PATHS.join(", ")) }),
    }
}

const PATHS: [&str; 9] = [
    "/_sim/state",
    "/_sim/log",
    "/_sim/clock",
    "/_sim/faults",
    "/_sim/seed",
    "/_sim/inventory",
    "/_sim/key",
    "/_sim/policy",
    "/_sim/truth",
];

fn body(request: &Received) -> Result<Value, BadAdmin> {
    serde_json::from_slice(&request.body).map_err(|error| BadAdmin::new(format!("the body is not JSON: {error}")))
}

fn switches(port: &Port) -> Result<Value, BadAdmin> {
    serde_json::to_value(lock(&port.cloud).switches()).map_err(|error| BadAdmin::new(error.to_string()))
}
