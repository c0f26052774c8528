//! Listening: connections in, the core's answers out, and leaving in good order.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use super::cli::{runtime, say, variable};
use super::client::Client;
use super::outgoing::Outgoing;
use super::reload::keep_reading;
use super::unparsed::Explained;
use super::{Native, log};
use crate::config::{Config, LogFormat, Server};
use crate::error::{Error, Kind};
use crate::gateway::{Answer, Body, Gateway, State};

const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Above the core's own limit for heads, which can say what is wrong. It is also the most that waits for a slow client.
const HEAD_BUFFER: usize = 64 * 1024;
const MAX_HEADERS: usize = 512;

/// Serves until the process is told to stop. `reloads`: whether the configuration may be read again meanwhile.
pub(super) fn run(config: Config, server: &Server, reloads: bool) -> Result<(), String> {
    let client = Client::new(variable("SSL_CERT_FILE").as_deref())?;
    let (table, config) = watch::channel(Arc::new(config));
    let state = Serving {
        config,
        memory: Arc::default(),
        native: Native { client },
        admission: Arc::new(Semaphore::new(server.max_concurrent)),
        log_format: server.log_format,
    };
    runtime()?.block_on(async {
        if reloads {
            tokio::spawn(keep_reading(table));
        }
        listen(state, server).await
    })
}

async fn listen(state: Serving, server: &Server) -> Result<(), String> {
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

    let connections = GracefulShutdown::new();
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BUFFER)
        .max_headers(MAX_HEADERS);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BUFFER as u32)
        .max_send_buf_size(HEAD_BUFFER);
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
    state.memory.drain();
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

/// What every request needs.
#[derive(Clone)]
struct Serving {
    config: watch::Receiver<Arc<Config>>,
    memory: Arc<State>,
    native: Native,
    admission: Arc<Semaphore>,
    log_format: LogFormat,
}

impl Serving {
    /// A gateway with the table that is served now. What it begins with it keeps.
    fn gateway(&self) -> Gateway<Native> {
        Gateway::new(
            self.config.borrow().clone(),
            Arc::clone(&self.memory),
            self.native.clone(),
        )
    }

    async fn answer(&self, request: Request<Incoming>, two_lengths: bool) -> Response<Outgoing> {
        let health = request.uri().path() == "/health";
        let permit = Arc::clone(&self.admission).try_acquire_owned().ok();
        let answer = if permit.is_none() && !health {
            let error = Error::new(
                Kind::Overloaded,
                "The gateway serves as many requests as it may; try again in a second.",
            );
            self.gateway().refuse(request.headers(), error)
        } else if two_lengths {
            let message = "The request has both Transfer-Encoding and Content-Length; send one of them.";
            self.gateway()
                .refuse(request.headers(), Error::new(Kind::MalformedRequest, message))
        } else {
            self.gateway().handle(request).await
        };
        let Answer { response, record } = answer;
        let (mut head, body) = response.into_parts();
        if let Body::Full(bytes) = &body
            && head.status != http::StatusCode::NO_CONTENT
        {
            head.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
        }
        let body = Outgoing::new(body, self.log_format, record, permit);
        Response::from_parts(head, body)
    }
}

impl Serving {
    /// A refusal as it goes over an HTTP/1.1 connection that is closed behind it.
    fn explain(&self, error: Error) -> Vec<u8> {
        let Answer { response, record } = self.gateway().refuse(&HeaderMap::new(), error);
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
