//! Listening: connections in, the core's answers out, and leaving in good order.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use super::Native;
use super::begun::Begun;
use super::cli::{runtime, say, variables};
use super::client::Client;
use super::frames::Frames;
use super::h1::{self, HEAD_TIMEOUT};
use super::log::{self, Entry};
use super::outgoing::Outgoing;
use super::reload::keep_reading;
use super::stream::Stream;
use crate::config::{Config, LogFormat, Server};
use crate::error::{Error, Kind};
use crate::gateway::{Gateway, State};

/// How long requests that are cut off may take to be gone, and the last lines of the log to be read.
const CUT_OFF: Duration = Duration::from_millis(500);

/// How much of a stream may wait for a slow HTTP/2 client, in bytes, when the next piece is asked for: as good as nothing.
const SEND_BUFFER: usize = 1;

/// The most requests of one HTTP/2 connection, and how much of each one's body may wait for a slow upstream, in bytes: no upload is in
/// another one's way.
const MOST: u32 = 200;
const WINDOW: u32 = 256 * 1024;

/// The largest head that is read over HTTP/2, in bytes. Beyond it hyper refuses by itself, in fewer words.
const FIELDS: u32 = 256 * 1024;

/// How often an HTTP/2 client is asked whether it is there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);

/// The way to the upstreams, as the environment has it.
pub(super) fn client() -> Result<Client, String> {
    Client::new(variables().get("SSL_CERT_FILE"), Matcher::from_env())
}

/// Serves until the process is told to stop. `reloads`: whether the configuration may be read again meanwhile.
pub(super) fn run(config: Config, server: &Server, reloads: bool) -> Result<(), String> {
    let client = client()?;
    log::keep_writing();
    if let Some(warning) = files::raise_limit(server.max_concurrent) {
        say(&warning);
    }
    let (table, config) = watch::channel(Arc::new(config));
    let state = Serving {
        config,
        memory: Arc::default(),
        native: Native { client },
        admission: Arc::new(Semaphore::new(server.max_concurrent)),
        log_format: server.log_format,
        stopping: watch::Sender::new(false),
    };
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        if reloads {
            tokio::spawn(keep_reading(table));
        }
        tokio::spawn(state.native.client.clone().keep_clean());
        listen(state, server).await
    });
    // What is cut off leaves its line as well.
    runtime.shutdown_timeout(CUT_OFF);
    log::flush(CUT_OFF);
    served
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

    let mut unaccepted = Unaccepted::default();
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Without it small chunks wait for the peer's delayed ACK.
                    let _ = stream.set_nodelay(true);
                    tokio::spawn(h1::serve(stream, state.clone()));
                }
                Err(error) => if let Some(pause) = unaccepted.note(&error) {
                    tokio::time::sleep(pause).await;
                },
            },
        }
    }
    state.memory.drain();
    drop(listener);
    let limit = server.drain_timeout;
    state.stopping.send_replace(true);
    say(&format!(
        "stopping: open requests may finish for {} s; a second signal stops at once",
        limit.as_secs()
    ));
    tokio::select! {
        () = state.stopping.closed() => {}
        () = tokio::time::sleep(limit) => say("stopped before every request had finished"),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// What an answer holds until it has gone out: its place among the requests that are served at once, and the process.
pub(super) type Held = (Option<OwnedSemaphorePermit>, watch::Receiver<bool>);

/// What every connection needs.
#[derive(Clone)]
pub(super) struct Serving {
    config: watch::Receiver<Arc<Config>>,
    memory: Arc<State>,
    native: Native,
    admission: Arc<Semaphore>,
    log_format: LogFormat,
    /// Whether the process is to stop. It does when nobody listens to this any more.
    stopping: watch::Sender<bool>,
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

    pub(super) fn is_stopping(&self) -> bool {
        self.memory.is_draining()
    }

    pub(super) async fn answer(&self, request: Request<Stream>) -> Response<Outgoing> {
        // Neither takes a place: a full house is healthy, and a browser that may not ask never gets to read why.
        let exempt = request.uri().path() == "/health" || request.method() == Method::OPTIONS;
        let held = (
            Arc::clone(&self.admission).try_acquire_owned().ok(),
            self.stopping.subscribe(),
        );
        let gateway = self.gateway();
        // From here on: a request whose client does not wait for its answer leaves a line as well.
        let mut log = Entry::new(self.log_format, gateway.record(request.headers()));
        let response = if held.0.is_none() && !exempt {
            let error = Error::new(
                Kind::Overloaded,
                "The gateway serves as many requests as it may; try again in a second.",
            );
            gateway.refuse(request.uri().path(), request.headers(), error, &mut log.record)
        } else {
            gateway.handle(request, &mut log.record).await
        };
        response.map(|body| Outgoing::new(body, log, held))
    }

    /// Refuses a request that the gateway never gets to see.
    pub(super) fn refuse(&self, error: Error) -> Response<Outgoing> {
        let (gateway, unknown) = (self.gateway(), HeaderMap::new());
        let mut log = Entry::new(self.log_format, gateway.record(&unknown));
        let response = gateway.refuse("", &unknown, error, &mut log.record);
        response.map(|body| Outgoing::new(body, log, (None, self.stopping.subscribe())))
    }

    /// Serves a connection on which HTTP/2 has begun.
    pub(super) async fn serve_http2(&self, io: TcpStream, begun: Bytes) {
        let mut stopping = self.stopping.subscribe();
        let asks = Notify::new();
        let service = service_fn(|request: Request<Incoming>| {
            asks.notify_one();
            let serving = self.clone();
            async move {
                let is_head = request.method() == Method::HEAD;
                let mut answer = serving.answer(request.map(Stream::from_client)).await;
                if is_head {
                    answer.body_mut().skip();
                }
                Ok::<_, Infallible>(answer.map(Frames))
            }
        });
        let mut connection = pin!(
            http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_header_list_size(FIELDS)
                .max_send_buf_size(SEND_BUFFER)
                .max_concurrent_streams(MOST)
                .initial_stream_window_size(WINDOW)
                .initial_connection_window_size(MOST * WINDOW)
                // A client that never asks for anything, or never finishes to ask, does not answer this either.
                .keep_alive_interval(PING)
                .keep_alive_timeout(PONG)
                .serve_connection(TokioIo::new(Begun::new(io, begun)), service)
        );
        // The head of its first request has as long as one over HTTP/1.1; later ones are looked after by the pings.
        tokio::select! {
            _ = connection.as_mut() => return,
            begun = tokio::time::timeout(HEAD_TIMEOUT, asks.notified()) => if begun.is_err() { return },
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stopping.wait_for(|stopping| *stopping) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}
