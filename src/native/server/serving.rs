//! One request from its head to its answer: the line in the log, a place among the requests that are served at once, and the
//! core. Every connection has a [`Serving`], whichever protocol it speaks.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::{HeaderMap, Method, Request, Response};
use tokio::sync::{Semaphore, watch};

use super::forwarded;
use super::outgoing::Outgoing;
use super::refusals::{defect, overloaded};
use crate::config::{Config, LogFormat, Network, Server};
use crate::error::Error;
use crate::gateway::{Gateway, State, dialect_of};
use crate::native::process::Entry;
use crate::native::runtime::Native;
use crate::native::stream::Stream;

/// The time limit for the head of a request, over either version of HTTP.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that a connection needs. Clones share all of it except the address at the other end.
#[derive(Clone)]
pub(super) struct Serving {
    config: watch::Receiver<Arc<Config>>,
    memory: Arc<State>,
    native: Native,
    /// The address at the other end, on a connection.
    peer: Option<IpAddr>,
    /// The proxies that say who is behind them.
    trusted_proxies: Arc<[Network]>,
    admission: Arc<Semaphore>,
    log_format: LogFormat,
    send_timeout: Duration,
    /// Whether the process is to stop. It does when nobody listens to this any more.
    stopping: watch::Sender<bool>,
}

impl Serving {
    /// Everything that connections need: the newest table of `config`, the runtime `native`, and the limits of `server`.
    pub(super) fn new(config: watch::Receiver<Arc<Config>>, native: Native, server: &Server) -> Self {
        Self {
            config,
            memory: Arc::default(),
            native,
            peer: None,
            trusted_proxies: server.trusted_proxies.as_slice().into(),
            admission: Arc::new(Semaphore::new(server.max_concurrent)),
            log_format: server.log_format,
            send_timeout: server.send_timeout,
            stopping: watch::Sender::new(false),
        }
    }

    /// Returns everything that a connection from `peer` needs.
    pub(super) fn of_peer(&self, peer: IpAddr) -> Self {
        Self {
            peer: Some(peer),
            ..self.clone()
        }
    }

    /// Returns the time in which a client may take nothing of what it is sent.
    pub(super) const fn send_timeout(&self) -> Duration {
        self.send_timeout
    }

    /// Begins the end of the process: `/health` says so from now on, and no connection serves another request.
    pub(super) fn stop(&self) {
        self.memory.drain();
        self.stopping.send_replace(true);
    }

    /// Waits until nobody holds a receiver of [`Serving::stopping`]: every answer is out or lost.
    pub(super) async fn stopped(&self) {
        self.stopping.closed().await;
    }

    /// Whether the process is to stop, so that no connection is kept for another request.
    pub(super) fn is_stopping(&self) -> bool {
        self.memory.is_draining()
    }

    /// Returns a receiver of the news that the process is to stop. The process waits until it is dropped.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Answers a request. Its line in the log is written when the body of the answer is dropped, or this future is.
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
            gateway.refuse(request.uri().path(), request.headers(), overloaded(), &mut log.record)
        } else {
            // A defect costs the request in which it shows, and no other one of this connection.
            let dialect = dialect_of(request.uri().path(), request.headers());
            let handled = AssertUnwindSafe(gateway.handle(request, &mut log.record))
                .catch_unwind()
                .await;
            handled.unwrap_or_else(|_| gateway.fail(dialect, defect(), &mut log.record))
        };
        response.map(|body| Outgoing::new(body, log, held))
    }

    /// Refuses a request that the core never sees. `path` and `headers` are empty where they are not known.
    pub(super) fn refuse(&self, path: &str, headers: &HeaderMap, error: Error) -> Response<Outgoing> {
        let gateway = self.gateway();
        let mut log = self.entry(&gateway, headers);
        let response = gateway.refuse(path, headers, error, &mut log.record);
        response.map(|body| Outgoing::new(body, log, (None, self.stopping.subscribe())))
    }

    /// Returns the entry of a request that has come.
    fn entry(&self, gateway: &Gateway<Native>, headers: &HeaderMap) -> Entry {
        let mut record = gateway.record(headers);
        gateway.note_client(&mut record, || {
            let client = forwarded::client(self.peer?, headers, &self.trusted_proxies)?;
            Some(client.to_string())
        });
        Entry::new(self.log_format, record)
    }

    /// Returns a gateway with the table that is served now. A request keeps the one with which it began.
    fn gateway(&self) -> Gateway<Native> {
        Gateway::new(
            self.config.borrow().clone(),
            Arc::clone(&self.memory),
            self.native.clone(),
        )
    }
}
