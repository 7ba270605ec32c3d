//! The path of a request, and what faults do to it: the same for a request on a socket and for one in the process.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use tokio::sync::watch;

use crate::admin;
use crate::cloud::{Answer, Call, Received, Refusal, Stock, Twist};
use crate::faults::{Kind, Rule};
use crate::port::Port;
use crate::text::lock;

/// What the caller of a request gets.
pub(crate) enum Ending {
    /// An answer.
    Answered(Answer),
    /// The connection is reset.
    Cut,
    /// Nothing, for as long as the caller waits.
    Silent,
}

/// The date that signatures are held against, as the header of an answer has it.
pub(crate) fn dated(port: &Port) -> String {
    port.clock.now().signature.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Answers one request.
pub(crate) async fn answer(port: &Port, received: &Received) -> Ending {
    if received.path.starts_with("/_sim/") {
        return Ending::Answered(admin::handle(port, received));
    }
    let now = port.clock.now();
    let identified = lock(&port.cloud).identify(received, now);
    let call = match identified {
        Ok(call) => call,
        Err(answer) => {
            port.note("(refused before dispatch)", None, &answer.outcome);
            return Ending::Answered(answer);
        }
    };
    if let Some(answer) = without_right(port, &call) {
        port.note(&call.action, call.source.as_deref(), &answer.outcome);
        return Ending::Answered(answer);
    }
    let struck = lock(&port.faults).strike(&call);
    let Some(rule) = struck else {
        let answer = lock(&port.cloud).perform(&call, now.state, &Twist::default());
        port.note(&call.action, call.source.as_deref(), &answer.outcome);
        return Ending::Answered(answer);
    };
    disturb(port, &call, &rule).await
}

/// The refusal of a call that changes something, where the key may only read.
fn without_right(port: &Port, call: &Call) -> Option<Answer> {
    let mut cloud = lock(&port.cloud);
    if !cloud.switches().read_only || cloud.reads().contains(&call.action.as_str()) {
        return None;
    }
    let refusal = cloud.lacks_right(call);
    Some(cloud.refuse(call, &refusal))
}

/// Handles a call that a scripted fault hit.
async fn disturb(port: &Port, call: &Call, rule: &Rule) -> Ending {
    if rule.delay_ms > 0 {
        wait(port, Duration::from_millis(rule.delay_ms)).await;
    }
    let applied = match rule.kind {
        Kind::TimeoutAfter
        | Kind::ResetAfter
        | Kind::Http500After
        | Kind::Empty200After
        | Kind::Garbage200After
        | Kind::Partial
        | Kind::FailLater
        | Kind::Slow => {
            let twist = twist(rule);
            Some(lock(&port.cloud).perform(call, port.clock.now().state, &twist))
        }
        _ => None,
    };
    let outcome = match &applied {
        Some(answer) => format!("fault {:?}; applied: {}", rule.kind, answer.outcome),
        None => format!("fault {:?}; not applied", rule.kind),
    };
    port.note(&call.action, call.source.as_deref(), &outcome);
    let refuse = |refusal: Refusal| Ending::Answered(lock(&port.cloud).refuse(call, &refusal));
    match rule.kind {
        Kind::TimeoutBefore | Kind::TimeoutAfter => Ending::Silent,
        Kind::ResetBefore | Kind::ResetAfter => Ending::Cut,
        Kind::Throttle => refuse(stock(port, Stock::Throttle, rule)),
        Kind::Http500Before | Kind::Http500After => refuse(stock(port, Stock::Internal, rule)),
        Kind::Code => refuse(scripted(rule)),
        Kind::SuccessFalse => Ending::Answered(Answer::json(
            200,
            &json!({
                "RequestId": call.request_id, "Success": false,
                "Code": rule.code.as_deref().unwrap_or("InternalError"),
                "Message": rule.message.as_deref().unwrap_or("The request processing has failed due to some unknown error."),
            }),
            "success false",
        )),
        Kind::Html503 => Ending::Answered(Answer {
            content_type: "text/html",
            ..raw(503, b"<html><head><title>503 Service Temporarily Unavailable</title></head><body></body></html>")
        }),
        Kind::Empty200 | Kind::Empty200After => Ending::Answered(raw(200, b"")),
        Kind::Garbage200After => Ending::Answered(raw(200, b"{\"Response\":{\"Snap")),
        Kind::Partial | Kind::FailLater | Kind::Slow => applied.map_or(Ending::Cut, Ending::Answered),
    }
}

fn twist(rule: &Rule) -> Twist {
    Twist {
        partial: (rule.kind == Kind::Partial).then(|| scripted(rule)),
        partial_region: rule.matching.region.clone(),
        fail_later: rule.kind == Kind::FailLater,
    }
}

/// The refusal a rule spells out; the default code suits every cloud's table as a permanent answer.
fn scripted(rule: &Rule) -> Refusal {
    Refusal::new(
        rule.http_status.unwrap_or(400),
        rule.code.clone().unwrap_or_else(|| "InsufficientSnapshotQuota".to_owned()),
        rule.message.clone().unwrap_or_else(|| "Scripted by the simulator.".to_owned()),
    )
}

fn stock(port: &Port, kind: Stock, rule: &Rule) -> Refusal {
    let stock = lock(&port.cloud).stock_refusal(kind);
    Refusal {
        status: rule.http_status.unwrap_or(stock.status),
        code: rule.code.clone().map_or(stock.code, Into::into),
        message: rule.message.clone().unwrap_or(stock.message),
    }
}

fn raw(status: u16, body: &[u8]) -> Answer {
    Answer {
        status,
        content_type: "application/json",
        headers: Vec::new(),
        body: body.to_vec(),
        outcome: String::new(),
    }
}

/// Waits by the port's clock: a stopped clock is moved on, and nobody waits.
async fn wait(port: &Port, time: Duration) {
    if port.clock.is_stopped() {
        port.clock.pass(SignedDuration::try_from(time).unwrap_or(SignedDuration::ZERO));
    } else {
        pause(time, &port.stopping).await;
    }
}

/// Waits; ends early when the simulators stop. A client that goes away ends it too, since the request is dropped.
#[allow(
    clippy::disallowed_methods,
    reason = "a simulator is an edge: it imitates slow and silent servers in real time"
)]
pub(crate) async fn pause(time: Duration, stopping: &watch::Receiver<bool>) {
    let mut stopping = stopping.clone();
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
}
