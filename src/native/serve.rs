//! Listening: connections in, the core's answers out, and leaving in good order.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

use super::cli::{runtime, say, variable};
use super::client::Client;
use super::unparsed::Explained;
use super::{Native, log};
use crate::config::{Config, LogFormat, Server};
use crate::error::{Error, Kind};
use crate::gateway::{Answer, Body, Gateway, Record};
use crate::platform::Millis;

const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Well above the core's own limit, which can say what is wrong; only what is beyond this is cut off by hyper.
const HEAD_BUFFER: usize = 256 * 1024;
const MAX_HEADERS: usize = 512;

/// Serves until the process is told to stop.
pub(super) fn run(config: Config, server: &Server) -> Result<(), String> {
    let client = Client::new(variable("SSL_CERT_FILE").as_deref())?;
    let gateway = Gateway::new(Arc::new(config), Native { client });
    runtime()?.block_on(listen(gateway, server))
}

async fn listen(gateway: Gateway<Native>, server: &Server) -> Result<(), String> {
    let address = (server.host.trim_matches(['[', ']']), server.port);
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let hint = if error.kind() == std::io::ErrorKind::AddrInUse {
            "; stop what uses it, or set PORT to another one"
        } else {
            ""
        };
        format!("cannot listen on {}:{}: {error}{hint}", server.host, server.port)
    })?;
    let bound = listener.local_addr().map_err(|error| error.to_string())?;
    let stop = |kind| signal(kind).map_err(|error| format!("signals cannot be handled: {error}"));
    let (mut terminate, mut interrupt) = (stop(SignalKind::terminate())?, stop(SignalKind::interrupt())?);
    say(&format!(
        "ai-gateway {} listens on http://{bound}",
        env!("CARGO_PKG_VERSION")
    ));

    let state = State {
        gateway: gateway.clone(),
        admission: Arc::new(Semaphore::new(server.max_concurrent)),
        log_format: server.log_format,
    };
    let connections = GracefulShutdown::new();
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BUFFER)
        .max_headers(MAX_HEADERS);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BUFFER as u32);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Without it small chunks wait for the peer's delayed ACK.
                    let _ = stream.set_nodelay(true);
                    let (state, explaining) = (state.clone(), state.clone());
                    let explain = move |error| explaining.explain(error);
                    let ambiguous = Arc::new(AtomicBool::new(false));
                    let noticed = Arc::clone(&ambiguous);
                    let service = service_fn(move |request| {
                        let (state, two_lengths) = (state.clone(), noticed.swap(false, Ordering::Relaxed));
                        async move { Ok::<_, Infallible>(state.answer(request, two_lengths).await) }
                    });
                    let io = TokioIo::new(Explained::new(stream, explain, Arc::clone(&ambiguous)));
                    let connection = connections.watch(http.serve_connection(io, service).into_owned());
                    tokio::spawn(async move { drop(connection.await) });
                }
                // Out of file descriptors, most likely: others will be closed soon.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    gateway.drain();
    drop(listener);
    let limit = server.drain_timeout;
    say(&format!(
        "stopping: open requests may finish for {} s; a second signal stops at once",
        limit.as_secs()
    ));
    tokio::select! {
        () = connections.shutdown() => {}
        () = tokio::time::sleep(limit) => say("stopped before every request had finished"),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[derive(Clone)]
struct State {
    gateway: Gateway<Native>,
    admission: Arc<Semaphore>,
    log_format: LogFormat,
}

impl State {
    async fn answer(&self, request: Request<Incoming>, two_lengths: bool) -> Response<Outgoing> {
        let health = request.uri().path() == "/health";
        let permit = Arc::clone(&self.admission).try_acquire_owned().ok();
        let answer = if permit.is_none() && !health {
            let error = Error::new(
                Kind::Overloaded,
                "The gateway serves as many requests as it may; try again in a second.",
            );
            self.gateway.refuse(request.headers(), error)
        } else if two_lengths {
            let message = "The request has both Transfer-Encoding and Content-Length; send one of them.";
            self.gateway
                .refuse(request.headers(), Error::new(Kind::MalformedRequest, message))
        } else {
            self.gateway.handle(request).await
        };
        let Answer { response, record } = answer;
        let (mut head, body) = response.into_parts();
        if let Body::Full(bytes) = &body
            && head.status != http::StatusCode::NO_CONTENT
        {
            head.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
        }
        let body = Outgoing {
            source: body.into(),
            log: Log {
                format: self.log_format,
                record,
                bytes: 0,
                first_byte: None,
                complete: false,
            },
            _permit: permit,
        };
        Response::from_parts(head, body)
    }
}

impl State {
    /// A refusal as it goes over an HTTP/1.1 connection that is closed behind it.
    fn explain(&self, error: Error) -> Vec<u8> {
        let Answer { response, record } = self.gateway.refuse(&HeaderMap::new(), error);
        let (head, body) = response.into_parts();
        let body = if let Body::Full(body) = body {
            body
        } else {
            Bytes::new()
        };
        log::request(self.log_format, &record, body.len() as u64, Some(log::now()), true);
        let mut text = format!(
            "HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n",
            head.status,
            body.len()
        )
        .into_bytes();
        for (name, value) in &head.headers {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(&body);
        text
    }
}

/// An answer's body on its way out. Its end, or its loss, writes the log line.
struct Outgoing {
    source: Source,
    log: Log,
    _permit: Option<OwnedSemaphorePermit>,
}

enum Source {
    Full(Option<Bytes>),
    Paced {
        left: std::vec::IntoIter<Bytes>,
        pause: Duration,
        wait: Option<Pin<Box<Sleep>>>,
    },
    Untouched(Incoming),
}

impl From<Body<Incoming>> for Source {
    fn from(body: Body<Incoming>) -> Self {
        match body {
            Body::Full(bytes) => Self::Full(Some(bytes).filter(|bytes| !bytes.is_empty())),
            Body::Paced { chunks, pause } => Self::Paced {
                left: chunks.into_iter(),
                pause,
                wait: None,
            },
            Body::Untouched(stream) => Self::Untouched(stream),
        }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = match &mut self.source {
            Source::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Source::Paced { left, pause, wait } => {
                if let Some(waiting) = wait {
                    std::task::ready!(waiting.as_mut().poll(context));
                }
                *wait = Some(Box::pin(tokio::time::sleep(*pause)));
                Poll::Ready(left.next().map(|chunk| Ok(Frame::data(chunk))))
            }
            Source::Untouched(stream) => Pin::new(stream).poll_frame(context),
        };
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.log.bytes += length as u64;
                self.log.first_byte.get_or_insert_with(log::now);
                self.log.complete = self.is_end_stream();
            }
            Poll::Ready(None) => self.log.complete = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Full(bytes) => bytes.is_none(),
            Source::Paced { left, .. } => left.as_slice().is_empty(),
            Source::Untouched(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Source::Paced { .. } | Source::Untouched(_) => SizeHint::default(),
        }
    }
}

/// The log line of a request, written when the body is gone.
struct Log {
    format: LogFormat,
    record: Record,
    bytes: u64,
    first_byte: Option<Millis>,
    complete: bool,
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        let complete = self.log.complete || self.is_end_stream();
        log::request(
            self.log.format,
            &self.log.record,
            self.log.bytes,
            self.log.first_byte,
            complete,
        );
    }
}
