//! The simulated clock: real time plus an offset that can be moved, shared by the three clouds. In one process with its callers it can be
//! stopped: then it goes on only when somebody moves it.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::text::{BadAdmin, lock};

/// What time it is for the resources, and what time the signature check believes it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Time of the simulated resources: copies finish by it, creation times come from it.
    pub(crate) state: Timestamp,
    /// Time the request signature is held against: `state` plus the configured skew.
    pub(crate) signature: Timestamp,
}

/// The clock of one set of simulators.
#[derive(Debug)]
pub(crate) struct SimClock {
    offsets: Mutex<Offsets>,
    /// Where a stopped clock stands before it is moved; `None` for one that runs.
    stopped: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Offsets {
    state: SignedDuration,
    skew: SignedDuration,
}

impl SimClock {
    /// A clock that starts at `start`, or at the real time.
    pub(crate) fn new(start: Option<Timestamp>) -> Self {
        let state = start.map_or(SignedDuration::ZERO, |start| start.duration_since(real_now()));
        Self { offsets: Mutex::new(Offsets { state, skew: SignedDuration::ZERO }), stopped: None }
    }

    /// A clock that stands at `start` until it is moved.
    pub(crate) fn stopped(start: Timestamp) -> Self {
        let offsets = Offsets { state: SignedDuration::ZERO, skew: SignedDuration::ZERO };
        Self { offsets: Mutex::new(offsets), stopped: Some(start) }
    }

    /// Whether it goes on only when somebody moves it.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// Moves a clock on.
    pub(crate) fn pass(&self, time: SignedDuration) {
        let mut offsets = lock(&self.offsets);
        offsets.state = offsets.state.saturating_add(time);
    }

    fn base(&self) -> Timestamp {
        self.stopped.unwrap_or_else(real_now)
    }

    pub(crate) fn now(&self) -> Moment {
        let offsets = *lock(&self.offsets);
        let state = self.base().checked_add(offsets.state).unwrap_or(Timestamp::MAX);
        Moment { state, signature: state.checked_add(offsets.skew).unwrap_or(Timestamp::MAX) }
    }

    /// Applies the body of `POST /_sim/clock`.
    ///
    /// # Errors
    /// `BadAdmin` names the key that is unknown or has a wrong value.
    pub(crate) fn change(&self, body: &Value) -> Result<(), BadAdmin> {
        let keys = body.as_object().ok_or_else(|| BadAdmin::new("the body must be a JSON object"))?;
        let mut offsets = *lock(&self.offsets);
        let keep = match keys.get("keep_signature_clock") {
            None => false,
            Some(flag) => flag.as_bool().ok_or_else(|| BadAdmin::new("keep_signature_clock must be true or false"))?,
        };
        for (key, value) in keys {
            let before = offsets.state;
            match key.as_str() {
                "advance_s" => offsets.state = offsets.state.saturating_add(seconds(key, value)?),
                "set" => offsets.state = time(key, value)?.duration_since(self.base()),
                "skew_s" => offsets.skew = seconds(key, value)?,
                "keep_signature_clock" => {}
                _ => {
                    return Err(BadAdmin::new(format!(
                        "unknown key `{key}`; known: advance_s, set, skew_s, keep_signature_clock"
                    )));
                }
            }
            if keep {
                offsets.skew = offsets.skew.saturating_sub(offsets.state.saturating_sub(before));
            }
        }
        *lock(&self.offsets) = offsets;
        Ok(())
    }

    /// The answer of `GET /_sim/clock`.
    pub(crate) fn describe(&self) -> Value {
        let offsets = *lock(&self.offsets);
        let now = self.now();
        json!({
            "now": now.state.to_string(),
            "signature_now": now.signature.to_string(),
            "offset_s": offsets.state.as_secs_f64(),
            "skew_s": offsets.skew.as_secs_f64(),
        })
    }
}

/// Reads an RFC 3339 time of an admin body.
///
/// # Errors
/// `BadAdmin` names the field.
pub(crate) fn time(field: &str, value: &Value) -> Result<Timestamp, BadAdmin> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| BadAdmin::new(format!("{field} must be an RFC 3339 time such as 2026-11-21T08:30:00Z")))
}

/// `seconds` as a duration; negative and absurd values are clipped.
pub(crate) fn span(seconds: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64(seconds.clamp(-1e9, 1e9)).unwrap_or(SignedDuration::ZERO)
}

/// `at` plus `seconds`.
pub(crate) fn later(at: Timestamp, seconds: f64) -> Timestamp {
    at.checked_add(span(seconds)).unwrap_or(Timestamp::MAX)
}

fn seconds(field: &str, value: &Value) -> Result<SignedDuration, BadAdmin> {
    value.as_f64().map(span).ok_or_else(|| BadAdmin::new(format!("{field} must be a number of seconds")))
}

/// The only look at the real clock in the simulators.
#[allow(clippy::disallowed_methods, reason = "a simulator is an edge: it stands in for the clouds' own clocks")]
fn real_now() -> Timestamp {
    Timestamp::now()
}
