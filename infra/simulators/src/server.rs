//! One listening port: connections that can be cut, the path of a request, and what faults do to it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::admin;
use crate::cloud::{Answer, Call, Received, Refusal, Stock, Twist};
use crate::faults::{Kind, Rule};
use crate::port::Port;
use crate::text::lock;

/// Longest time an unanswered request is held open.
const LONGEST_HOLD: Duration = Duration::from_secs(120);
/// The largest request body, which is that of the most generous cloud. Source: API gateway of Huawei, 12 MB; 2026-11-21.
const LARGEST_BODY_BYTES: usize = 12 * 1024 * 1024;

/// Serves `port` on `listener` until the stop signal.
pub(crate) async fn serve(listener: TcpListener, port: Arc<Port>) -> io::Result<()> {
    let mut stopping = port.stopping.clone();
    let router = Router::new().fallback(receive).with_state(port);
    axum::serve(Loopback(listener), router.into_make_service_with_connect_info::<Connection>())
        .with_graceful_shutdown(async move {
            // An error means that the owner of the simulators is gone, which is a stop as well.
            let _ = stopping.wait_for(|stop| *stop).await;
        })
        .await
}

/// Every answer carries the date that signatures are held against, as the clouds' own do.
async fn receive(port: State<Arc<Port>>, connection: ConnectInfo<Connection>, request: Request) -> Response {
    let date = port.clock.now().signature.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut response = answer(port, connection, request).await;
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert("date", date);
    }
    response
}

async fn answer(
    State(port): State<Arc<Port>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY_BYTES).await else {
        return respond(Answer::json(413, &json!({"error": "the body is larger than 12 MB"}), "body too large"));
    };
    let received = Received {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    if received.path.starts_with("/_sim/") {
        return respond(admin::handle(&port, &received));
    }
    let now = port.clock.now();
    let identified = lock(&port.cloud).identify(&received, now);
    let call = match identified {
        Ok(call) => call,
        Err(answer) => {
            port.note("(refused before dispatch)", None, &answer.outcome);
            return respond(answer);
        }
    };
    if let Some(answer) = without_right(&port, &call) {
        port.note(&call.action, call.source.as_deref(), &answer.outcome);
        return respond(answer);
    }
    let struck = lock(&port.faults).strike(&call);
    let Some(rule) = struck else {
        let answer = lock(&port.cloud).perform(&call, now.state, &Twist::default());
        port.note(&call.action, call.source.as_deref(), &answer.outcome);
        return respond(answer);
    };
    disturb(&port, &connection, &call, &rule).await
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
async fn disturb(port: &Port, connection: &Connection, call: &Call, rule: &Rule) -> Response {
    if rule.delay_ms > 0 {
        pause(Duration::from_millis(rule.delay_ms), &port.stopping).await;
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
    let refuse = |refusal: Refusal| respond(lock(&port.cloud).refuse(call, &refusal));
    match rule.kind {
        Kind::TimeoutBefore | Kind::TimeoutAfter => {
            pause(LONGEST_HOLD, &port.stopping).await;
            connection.cut()
        }
        Kind::ResetBefore | Kind::ResetAfter => connection.cut(),
        Kind::Throttle => refuse(stock(port, Stock::Throttle, rule)),
        Kind::Http500Before | Kind::Http500After => refuse(stock(port, Stock::Internal, rule)),
        Kind::Code => refuse(scripted(rule)),
        Kind::SuccessFalse => respond(Answer::json(
            200,
            &json!({
                "RequestId": call.request_id, "Success": false,
                "Code": rule.code.as_deref().unwrap_or("InternalError"),
                "Message": rule.message.as_deref().unwrap_or("The request processing has failed due to some unknown error."),
            }),
            "success false",
        )),
        Kind::Html503 => respond(Answer {
            content_type: "text/html",
            ..raw(503, b"<html><head><title>503 Service Temporarily Unavailable</title></head><body></body></html>")
        }),
        Kind::Empty200 | Kind::Empty200After => respond(raw(200, b"")),
        Kind::Garbage200After => respond(raw(200, b"{\"Response\":{\"Snap")),
        Kind::Partial | Kind::FailLater | Kind::Slow => match applied {
            Some(answer) => respond(answer),
            None => connection.cut(),
        },
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

fn respond(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("content-type", HeaderValue::from_static(answer.content_type));
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Waits; ends early when the simulators stop. A client that goes away ends it too, since the request is dropped.
#[allow(
    clippy::disallowed_methods,
    reason = "a simulator is an edge: it imitates slow and silent servers in real time"
)]
async fn pause(time: Duration, stopping: &watch::Receiver<bool>) {
    let mut stopping = stopping.clone();
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
}

/// A TCP connection's switch: once cut, nothing more is written and the peer sees a reset.
#[derive(Clone, Debug)]
struct Connection {
    cut: Arc<AtomicBool>,
}

impl Connection {
    /// Marks the connection; the returned response only makes the server try to write, which then fails.
    fn cut(&self) -> Response {
        self.cut.store(true, Ordering::Release);
        Response::new(Body::empty())
    }
}

impl Connected<IncomingStream<'_, Loopback>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Loopback>) -> Self {
        stream.remote_addr().clone()
    }
}

struct Loopback(TcpListener);

impl Listener for Loopback {
    type Io = CuttableStream;
    type Addr = Connection;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((stream, _)) = self.0.accept().await {
                // Latency only; a failure changes nothing else.
                let _ = stream.set_nodelay(true);
                let connection = Connection { cut: Arc::new(AtomicBool::new(false)) };
                return (CuttableStream { stream, cut: Arc::clone(&connection.cut) }, connection);
            }
            // Out of file descriptors, most likely: give others the chance to close some.
            tokio::task::yield_now().await;
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(Connection { cut: Arc::new(AtomicBool::new(false)) })
    }
}

struct CuttableStream {
    stream: TcpStream,
    cut: Arc<AtomicBool>,
}

impl CuttableStream {
    fn check(&self) -> io::Result<()> {
        if !self.cut.load(Ordering::Acquire) {
            return Ok(());
        }
        // With no linger, closing sends RST instead of FIN.
        let _ = self.stream.set_zero_linger();
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check()?;
        Pin::new(&mut this.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check()?;
        Pin::new(&mut this.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check()?;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check()?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}

/// Binds 127.0.0.1, on `port` or an ephemeral one.
pub(crate) async fn bind(port: Option<u16>) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
