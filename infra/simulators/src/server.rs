//! One listening port: connections that can be cut, and what a request on the wire becomes.

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

use crate::answering::{Ending, answer, dated, pause};
use crate::cloud::{Answer, Received};
use crate::port::Port;

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
async fn receive(
    State(port): State<Arc<Port>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let date = dated(&port);
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
    let mut response = match answer(&port, &received).await {
        Ending::Answered(answer) => respond(answer),
        Ending::Cut => connection.cut(),
        Ending::Silent => {
            pause(LONGEST_HOLD, &port.stopping).await;
            connection.cut()
        }
    };
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert("date", date);
    }
    response
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
