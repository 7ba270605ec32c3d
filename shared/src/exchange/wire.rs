//! One request on the wire: signed and sent, with its answer or the failure that stands for it.

use std::time::Duration;

use jiff::Timestamp;

use crate::context::Context;
use crate::model::access::Access;
use crate::model::failure::{Disposition, Failure, Whose};
use crate::model::http::{HttpRequest, Manner, Reply, TransportError};
use crate::providers::call::{Call, Effect};
use crate::providers::provider::Provider;
use crate::settings::{LEAST_TO_CONNECT, Settings};
use crate::sign::Nonce;

const BUG: &str = "this is a fault of the program: report it, with what was run";

pub(crate) async fn send(
    ctx: &Context,
    provider: &dyn Provider,
    call: &Call,
    access: &Access,
    mutating: bool,
    stop: Timestamp,
) -> Result<Reply, Failure> {
    // Refused before it is signed: what is not signed cannot be sent by anybody.
    if ctx.settings.read_only && call.effect == Effect::Start {
        let why = format!("{} would start a copy, and this run only looks", call.action);
        return Err(local(Disposition::Permanent, "only_reads", &why, BUG));
    }
    let now = ctx.now();
    let left = Duration::try_from(stop.duration_since(now)).unwrap_or_default();
    // Less than that would not do to connect and be answered, and what is cut off while it is sent is in doubt.
    if left < if mutating { LEAST_TO_CONNECT * 2 } else { LEAST_TO_CONNECT } {
        return Err(local(
            Disposition::Retryable,
            "deadline",
            "no time is left before this function's deadline",
            "it is handed back and starts again",
        ));
    }
    let (host, request) =
        signed(&ctx.settings, provider, call, access, now, &ctx.ports.clock.nonce(), ctx.settings.timeout.min(left))?;
    let started = ctx.now();
    let result = ctx.ports.transport.send(request).await;
    let took_ms = ctx.now().duration_since(started).as_millis() as i64;
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
        Err(TransportError::Forbidden(reason)) => {
            tracing::error!(action = call.action, region = call.region, %reason, "not sent");
            Err(local(Disposition::Permanent, "only_reads", &reason, BUG))
        }
        Err(TransportError::NoAnswer(reason)) => {
            tracing::warn!(action = call.action, region = call.region, host, took_ms, %reason, "no answer");
            let disposition = if mutating { Disposition::Ambiguous } else { Disposition::Retryable };
            Err(local(disposition, "no_answer", &format!("{host} gave no answer: {reason}"), ""))
        }
    }
}

/// The request for a call, signed for the time `at` with `nonce`, and the host that it goes to.
///
/// # Errors
/// The request cannot be signed.
pub(crate) fn signed(
    settings: &Settings,
    provider: &dyn Provider,
    call: &Call,
    access: &Access,
    at: Timestamp,
    nonce: &Nonce,
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
        let failure =
            local(Disposition::Permanent, "signing", &error.to_string(), "check the credential and the endpoint");
        Failure { whose: Whose::Installation, ..failure }
    })?;
    let request = HttpRequest {
        method: call.draft.method.clone(),
        url: format!("{scheme}://{host}{}", signed.path_and_query),
        headers: signed.headers,
        body: call.draft.body.clone(),
        timeout,
        manner: Manner {
            longest_answer: if call.lists { Manner::LISTING } else { Manner::ANSWER },
            fresh_connection: call.goes_first,
            gives_credential: call.effect == Effect::SignIn,
        },
    };
    Ok((host.to_owned(), request))
}

pub(crate) fn local(disposition: Disposition, code: &str, message: &str, advice: &'static str) -> Failure {
    Failure::local(disposition, code, message, advice)
}
