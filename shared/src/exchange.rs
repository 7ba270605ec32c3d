//! One exchange with a provider: wait for the rate limit, sign anew, send, sort what went wrong, retry what certainly was not applied.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::lock::OwnedMutexGuard;
use jiff::Timestamp;

use crate::handler::Handler;
use crate::identity;
use crate::model::access::{Access, CredentialName, Pause};
use crate::model::command::{Cloud, Replication};
use crate::model::error::Error;
use crate::model::failure::{Disposition, Failure};
use crate::model::http::{HttpRequest, Reply, TransportError};
use crate::model::time::later;
use crate::providers::call::Call;
use crate::providers::provider::Provider;
use crate::settings::Settings;
use crate::sign::Nonce;

/// Time that is kept for recording and emitting after the last exchange.
pub const RESERVE: Duration = Duration::from_millis(1_500);

/// For whom an exchange is made.
#[derive(Clone, Copy, Debug)]
pub struct For<'a> {
    /// Whose credential signs it.
    pub account: &'a str,
    /// Which rule wants it.
    pub rule: Option<&'a str>,
}

impl<'a> From<&'a Replication> for For<'a> {
    fn from(replication: &'a Replication) -> For<'a> {
        For { account: &replication.account, rule: replication.rule.as_deref() }
    }
}

/// Sends `call` once, signed for this moment. `mutating` decides what silence means.
pub async fn once(
    handler: &Handler,
    provider: &dyn Provider,
    call: &Call,
    account: &str,
    mutating: bool,
    stop: Timestamp,
) -> Result<Reply, Failure> {
    let cloud = provider.cloud();
    let wait = handler.pacer.reserve(call.action, handler.settings.requests_per_second(cloud), handler.clock.now());
    if !wait.is_zero() {
        if later(handler.clock.now(), wait) >= stop {
            return Err(local(
                Disposition::Throttled,
                "rate_limit",
                "our own rate limit leaves no time before this function's deadline",
                "",
            ));
        }
        handler.clock.sleep(wait).await;
    }
    let given = |refused| handler.secrets.access(cloud, account, &call.region, refused);
    let unusable = |error: Error| {
        local(Disposition::Retryable, "credential", &error.message, "check the credential of this account")
    };
    let access = given(None).await.map_err(unusable)?;
    let outcome = in_turn(handler, provider, call, (account, &access), mutating, stop).await;
    if !is_refused(provider, call, &access, &outcome) {
        return outcome;
    }
    // Behind the gateway a service may have begun before it found the credential wanting: the next attempt reads back first.
    if mutating && outcome.as_ref().is_ok_and(|reply| reply.status >= 500) {
        return outcome;
    }
    // It may have ended, been revoked or been rotated since it was got: got once more, sent once more. What was refused was
    // certainly not applied.
    let refused = CredentialName::of(cloud, account, &access);
    let Ok(renewed) = given(Some(&refused)).await else { return outcome };
    if matches!(renewed, Access::Key(_)) && CredentialName::of(cloud, account, &renewed) == refused {
        return outcome;
    }
    tracing::info!(provider = cloud.name(), account, "the credential was refused; another one is used");
    in_turn(handler, provider, call, (account, &renewed), mutating, stop).await
}

/// The same with this credential, and by one at a time until the provider has taken it: who waited for another's turn hears what that
/// one was told of the credential.
async fn in_turn(
    handler: &Handler,
    provider: &dyn Provider,
    call: &Call,
    (account, access): (&str, &Access),
    mutating: bool,
    stop: Timestamp,
) -> Result<Reply, Failure> {
    let name = CredentialName::of(provider.cloud(), account, access);
    let asked = handler.clock.now();
    let turn = (!handler.pauses.is_proven(&name)).then(|| handler.pauses.turn(&name));
    let mut last = match &turn {
        Some(turn) => Some(turn.lock().await),
        None => None,
    };
    match last.as_deref() {
        Some(Some((at, refusal))) if asked < *at => return refusal.clone(),
        // The one before has proven it.
        _ if handler.pauses.is_proven(&name) => last = None,
        _ => {}
    }
    let outcome = send_as(handler, provider, call, (account, access), mutating, stop).await;
    if is_refused(provider, call, access, &outcome) {
        handler.pauses.doubt(&name);
        if let Some(last) = &mut last {
            **last = Some((handler.clock.now(), outcome.clone()));
        }
    } else if last.is_some() && outcome.as_ref().is_ok_and(|reply| provider.refused(call, reply).is_none()) {
        handler.pauses.prove(name);
    }
    outcome
}

/// The same with this credential, after its owner has been confirmed.
async fn send_as(
    handler: &Handler,
    provider: &dyn Provider,
    call: &Call,
    (account, access): (&str, &Access),
    mutating: bool,
    stop: Timestamp,
) -> Result<Reply, Failure> {
    identity::confirm(handler, provider, account, &call.region, access, stop).await?;
    send(handler, provider, call, access, mutating, stop).await
}

/// Whether the credential was the reason. A list of backups is none, so long answers are not read twice.
fn is_refused(provider: &dyn Provider, call: &Call, access: &Access, outcome: &Result<Reply, Failure>) -> bool {
    const LONGEST_ERROR: usize = 16_384;
    match (outcome, access) {
        (Ok(reply), Access::Token(_)) => reply.status == 401,
        (Ok(reply), Access::Key(_)) => {
            reply.body.len() <= LONGEST_ERROR
                && provider
                    .refused(call, reply)
                    .is_some_and(|failure| failure.disposition == Disposition::Authentication)
        }
        (Err(failure), _) => {
            failure.disposition == Disposition::Authentication && failure.code != identity::ANOTHER_ACCOUNT
        }
    }
}

pub(crate) async fn send(
    handler: &Handler,
    provider: &dyn Provider,
    call: &Call,
    access: &Access,
    mutating: bool,
    stop: Timestamp,
) -> Result<Reply, Failure> {
    let now = handler.clock.now();
    let left = Duration::try_from(stop.duration_since(now)).unwrap_or_default();
    if left < Duration::from_millis(200) {
        return Err(local(
            Disposition::Retryable,
            "deadline",
            "no time is left before this function's deadline",
            "it is handed back and starts again",
        ));
    }
    let (host, request) = signed(
        &handler.settings,
        provider,
        call,
        access,
        (now, &handler.clock.nonce()),
        handler.settings.timeout.min(left),
    )?;
    let started = handler.clock.now();
    let result = handler.transport.send(request).await;
    let took_ms = handler.clock.now().duration_since(started).as_millis() as i64;
    match result {
        Ok(reply) => {
            tracing::debug!(action = call.action, region = call.region, status = reply.status, took_ms, "exchange");
            Ok(reply)
        }
        Err(TransportError::NotSent(reason)) => {
            tracing::warn!(action = call.action, region = call.region, host, took_ms, %reason, "endpoint cannot be reached");
            Err(local(
                Disposition::Retryable,
                "connect",
                &format!("{host} cannot be reached: {reason}"),
                "check the network, the proxy and the endpoint setting",
            ))
        }
        Err(TransportError::NoAnswer(reason)) => {
            tracing::warn!(action = call.action, region = call.region, host, took_ms, %reason, "no answer");
            let disposition = if mutating { Disposition::Ambiguous } else { Disposition::Retryable };
            Err(local(disposition, "no_answer", &format!("{host} gave no answer: {reason}"), ""))
        }
    }
}

/// The request of a call, signed for this moment with this nonce, and the host that it goes to.
///
/// # Errors
/// It cannot be signed.
pub(crate) fn signed(
    settings: &Settings,
    provider: &dyn Provider,
    call: &Call,
    access: &Access,
    (at, nonce): (Timestamp, &Nonce),
    timeout: Duration,
) -> Result<(String, HttpRequest), Failure> {
    let base = settings.endpoint(provider, call.service, &call.region);
    let (scheme, rest) = base.split_once("://").unwrap_or(("https", base.as_str()));
    let (host, prefix) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let mut draft = call.draft.clone();
    draft.host = host.to_owned();
    if !prefix.is_empty() {
        draft.path = format!("/{prefix}{}", draft.path);
    }
    let signed = provider.sign(call, draft, access, at, nonce).map_err(|error| {
        local(Disposition::Permanent, "signing", &error.to_string(), "check the credential and the command")
    })?;
    let request = HttpRequest {
        method: call.draft.method.clone(),
        url: format!("{scheme}://{host}{}", signed.path_and_query),
        headers: signed.headers,
        body: call.draft.body.clone(),
        timeout,
    };
    Ok((host.to_owned(), request))
}

/// Sends a call that changes nothing, repeating what is worth repeating; an answer that is an error is a failure.
pub async fn read(
    handler: &Handler,
    provider: &dyn Provider,
    call: &Call,
    whose: For<'_>,
    stop: Timestamp,
) -> Result<Reply, Failure> {
    read_as(handler, provider, call, whose, stop, |reply| match provider.refused(call, &reply) {
        Some(failure) => Err(failure.of_read()),
        None => Ok(reply),
    })
    .await
}

/// One read of which `interpret` makes something. What it cannot read is a failure that may be repeated.
///
/// # Errors
/// As [`read`], and what `interpret` says.
pub async fn read_as<T>(
    handler: &Handler,
    provider: &dyn Provider,
    call: &Call,
    whose: For<'_>,
    stop: Timestamp,
    interpret: impl Fn(Reply) -> Result<T, Failure>,
) -> Result<T, Failure> {
    with_retry(handler, (provider.cloud(), whose.rule), stop, || async {
        let reply = once(handler, provider, call, whose.account, false, stop).await?;
        interpret(reply)
    })
    .await
}

/// Repeats `attempt` while it fails with something that certainly was not applied and time is left.
pub async fn with_retry<T, F>(
    handler: &Handler,
    (cloud, rule): (Cloud, Option<&str>),
    stop: Timestamp,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let seed = u64::from_str_radix(handler.clock.nonce().0.get(..16).unwrap_or_default(), 16).unwrap_or(1);
    let mut delays = ExponentialBuilder::default()
        .with_min_delay(handler.settings.backoff)
        .with_max_delay(Duration::from_secs(20))
        .with_max_times(6)
        .with_jitter()
        .with_jitter_seed(seed)
        .build();
    loop {
        let failure = match attempt().await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        if failure.disposition == Disposition::Throttled {
            handler.metrics.count_throttled(cloud, rule);
        }
        if !matches!(failure.disposition, Disposition::Throttled | Disposition::Retryable) || failure.code == "deadline"
        {
            return Err(failure);
        }
        let Some(delay) = delays.next() else { return Err(failure) };
        let delay = delay.max(failure.after.unwrap_or_default());
        if later(handler.clock.now(), delay + RESERVE) >= stop {
            return Err(failure);
        }
        tracing::info!(code = failure.code, delay_ms = delay.as_millis() as u64, "certainly not applied; trying again");
        handler.clock.sleep(delay).await;
    }
}

fn local(disposition: Disposition, code: &str, message: &str, advice: &'static str) -> Failure {
    Failure::local(disposition, code, message, advice)
}

/// Spaces calls so that no second holds more of one action than the limit.
#[derive(Default)]
pub struct Pacer {
    sent: Mutex<HashMap<&'static str, VecDeque<Timestamp>>>,
}

impl Pacer {
    /// Books the next slot of `action` and tells how long to wait for it. `limit` 0 is no limit.
    pub fn reserve(&self, action: &'static str, limit: u32, now: Timestamp) -> Duration {
        /// A little over a second: arrival at the provider jitters.
        const WINDOW: Duration = Duration::from_millis(1_050);
        if limit == 0 {
            return Duration::ZERO;
        }
        let mut sent = held(&self.sent);
        let slots = sent.entry(action).or_default();
        let slot = match slots.len() >= limit as usize {
            true => slots.pop_front().map_or(now, |oldest| later(oldest, WINDOW).max(now)),
            false => now,
        };
        slots.push_back(slot);
        Duration::try_from(slot.duration_since(now)).unwrap_or_default()
    }
}

/// What this process knows of its credentials: pauses read lately, so that a batch does not ask for each record,
/// and which credentials have worked.
#[derive(Default)]
pub struct Pauses {
    known: Mutex<HashMap<CredentialName, (Timestamp, Option<Pause>)>>,
    proven: Mutex<HashSet<CredentialName>>,
    owners: Mutex<HashMap<String, String>>,
    gates: Mutex<HashMap<CredentialName, Arc<futures_util::lock::Mutex<()>>>>,
    turns: Mutex<HashMap<CredentialName, Arc<Turn>>>,
}

/// Held by the one that tries a credential; the last refusal and when it came.
type Turn = futures_util::lock::Mutex<Option<(Timestamp, Result<Reply, Failure>)>>;

impl Pauses {
    /// What was read, unless it is older than a moment.
    pub fn recent(&self, credential: &CredentialName, now: Timestamp) -> Option<Option<Pause>> {
        let known = held(&self.known);
        let (read_at, pause) = known.get(credential)?;
        (now < later(*read_at, Duration::from_secs(2))).then(|| pause.clone())
    }

    /// Remembers what was set at `now`, or read by a reading that began then.
    pub fn remember(&self, credential: &CredentialName, now: Timestamp, pause: Option<Pause>) {
        let mut known = held(&self.known);
        // A reading that began before a pause was set, and ended after it, knows nothing of it and must not undo it.
        if known.get(credential).is_some_and(|(since, _)| *since > now) {
            return;
        }
        if pause.is_some() {
            held(&self.proven).remove(credential);
        }
        known.insert(credential.clone(), (now, pause));
    }

    /// Whether a provider has taken this credential.
    pub fn is_proven(&self, credential: &CredentialName) -> bool {
        held(&self.proven).contains(credential)
    }

    /// A provider has taken this credential.
    pub fn prove(&self, credential: CredentialName) {
        held(&self.proven).insert(credential);
    }

    /// A provider has refused this credential: again it is used by one at a time.
    fn doubt(&self, credential: &CredentialName) {
        held(&self.proven).remove(credential);
    }

    /// Lets one at a time try a credential that is not proven; other credentials are not held up by it.
    pub async fn gate(&self, credential: &CredentialName) -> OwnedMutexGuard<()> {
        of_credential(&self.gates, credential).lock_owned().await
    }

    fn turn(&self, credential: &CredentialName) -> Arc<Turn> {
        of_credential(&self.turns, credential)
    }

    /// Whose a credential is, as far as it was asked.
    pub(crate) fn owner(&self, credential: &str) -> Option<String> {
        held(&self.owners).get(credential).cloned()
    }

    pub(crate) fn remember_owner(&self, credential: String, owner: String) {
        held(&self.owners).insert(credential, owner);
    }
}

/// What belongs to this credential; what nobody uses any more is dropped.
fn of_credential<T: Default>(all: &Mutex<HashMap<CredentialName, Arc<T>>>, credential: &CredentialName) -> Arc<T> {
    let mut all = held(all);
    all.retain(|name, one| name == credential || Arc::strong_count(one) > 1);
    all.entry(credential.clone()).or_default().clone()
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_that_began_before_a_pause_does_not_undo_it() {
        let pauses = Pauses::default();
        let credential = CredentialName("tencent#default#AK#0011".to_owned());
        let at = |second| Timestamp::from_second(second).unwrap();
        let pause = Some(Pause { until: at(400), reason: "it was refused".to_owned() });
        pauses.remember(&credential, at(99), None);
        assert_eq!(pauses.recent(&credential, at(100)), Some(None));
        pauses.remember(&credential, at(101), pause.clone());
        pauses.remember(&credential, at(100), None);
        assert_eq!(pauses.recent(&credential, at(102)), Some(pause));
        // One that began later counts.
        pauses.remember(&credential, at(103), None);
        assert_eq!(pauses.recent(&credential, at(103)), Some(None));
    }
}
