//! Listening: connections in, the core's answers out, and leaving in good order.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::{HeaderMap, Method, Request, Response};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::Native;
use super::cli::{no_address, runtime, variables};
use super::client::Client;
use super::connect::proxies;
use super::console::{self, Level, tell};
use super::files::{self, Unaccepted};
use super::h1;
use super::log::Entry;
use super::memory::Memory;
use super::outgoing::Outgoing;
use super::reload::keep_reading;
use super::roots::Roots;
use super::stream::Stream;
use crate::config::{Config, LogFormat, Server};
use crate::error::{Error, Kind};
use crate::gateway::{Gateway, State};

/// How long requests that are cut off may take to be gone, and the last lines of the log to be read.
const CUT_OFF: Duration = Duration::from_millis(500);

/// The way to the upstreams, as the environment has it.
pub(super) fn client() -> Result<Client, String> {
    let variables = variables();
    let roots = Roots::named(&variables)?;
    if let Some(summary) = roots.summary() {
        tell(Level::Info, &summary);
    }
    Client::new(roots.certificates, proxies(&variables))
}

/// Serves until the process is told to stop. `reloads`: whether the configuration may be read again meanwhile.
pub(super) fn run(config: Config, server: &Server, reloads: bool) -> Result<(), String> {
    let client = client()?;
    if let Some(warning) = files::raise_limit(server.max_concurrent) {
        tell(Level::Warn, &warning);
    }
    let memory = Memory::of_this_process(server.body_memory);
    if let Some(warning) = memory.warning(config.body_limit) {
        tell(Level::Warn, &warning);
    }
    let (table, config) = watch::channel(Arc::new(config));
    let state = Serving {
        config,
        memory: Arc::default(),
        native: Native { client, memory },
        client: None,
        admission: Arc::new(Semaphore::new(server.max_concurrent)),
        log_format: server.log_format,
        send_timeout: server.send_timeout,
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
    console::flush(CUT_OFF);
    served
}

async fn listen(state: Serving, server: &Server) -> Result<(), String> {
    let address = (server.host.trim_matches(['[', ']']), server.port);
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| no_address(&server.host, server.port, &error))?;
    let bound = listener.local_addr().map_err(|error| error.to_string())?;
    let stop = |kind| signal(kind).map_err(|error| format!("signals cannot be handled: {error}"));
    let (mut terminate, mut interrupt) = (stop(SignalKind::terminate())?, stop(SignalKind::interrupt())?);
    tell(
        Level::Info,
        &format!("ai-gateway {} listens on http://{bound}", env!("CARGO_PKG_VERSION")),
    );

    let mut unaccepted = Unaccepted::default();
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    // Without it small chunks wait for the peer's delayed ACK.
                    let _ = stream.set_nodelay(true);
                    let serving = Serving {
                        client: Some(address.ip()),
                        ..state.clone()
                    };
                    tokio::spawn(h1::serve(stream, serving));
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
    let seconds = limit.as_secs();
    tell(
        Level::Info,
        &format!("stopping: open requests may finish for {seconds} s; a second signal stops at once"),
    );
    tokio::select! {
        () = state.stopping.closed() => {}
        () = tokio::time::sleep(limit) => tell(Level::Warn, "stopped before every request had finished"),
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
    /// The client's address, on a connection.
    client: Option<IpAddr>,
    admission: Arc<Semaphore>,
    log_format: LogFormat,
    send_timeout: Duration,
    /// Whether the process is to stop. It does when nobody listens to this any more.
    stopping: watch::Sender<bool>,
}

impl Serving {
    /// The line of a request that has come.
    fn entry(&self, gateway: &Gateway<Native>, headers: &HeaderMap) -> Entry {
        let mut record = gateway.record(headers);
        gateway.note_client(&mut record, || self.client.map(|address| address.to_string()));
        Entry::new(self.log_format, record)
    }

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

    /// How long a client may take nothing of what it is sent.
    pub(super) const fn send_timeout(&self) -> Duration {
        self.send_timeout
    }

    /// Tells when the process is to stop, which waits for whoever holds this.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
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
        let mut log = self.entry(&gateway, request.headers());
        let response = if held.0.is_none() && !exempt {
            let error = Error::new(
                Kind::Overloaded,
                "The gateway serves as many requests as it may; try again in a second.",
            );
            gateway.refuse(request.uri().path(), request.headers(), error, &mut log.record)
        } else {
            // A defect costs the request in which it shows, and nobody else's on this connection.
            let handled = AssertUnwindSafe(gateway.handle(request, &mut log.record))
                .catch_unwind()
                .await;
            handled.unwrap_or_else(|_| {
                let message =
                    "The gateway failed at this request; its operator finds the place in the log. Please report it.";
                gateway.refuse(
                    "",
                    &HeaderMap::new(),
                    Error::new(Kind::Internal, message),
                    &mut log.record,
                )
            })
        };
        response.map(|body| Outgoing::new(body, log, held))
    }

    /// Refuses a request that the gateway never gets to see.
    pub(super) fn refuse(&self, error: Error) -> Response<Outgoing> {
        let (gateway, unknown) = (self.gateway(), HeaderMap::new());
        let mut log = self.entry(&gateway, &unknown);
        let response = gateway.refuse("", &unknown, error, &mut log.record);
        response.map(|body| Outgoing::new(body, log, (None, self.stopping.subscribe())))
    }
}
