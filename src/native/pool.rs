//! Connections to upstreams between two requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};
use hyper::client::conn::http2::SendRequest;
use tokio::time::{Instant, sleep};

use super::connect::Io;
use super::sent::Sent;

/// Below the keep-alive of common servers (nginx: 75 s), so that a connection is rarely used while it closes.
const IDLE: Duration = Duration::from_secs(55);
const SWEEP: Duration = Duration::from_secs(5);

/// Whom a connection leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Host {
    secure: bool,
    authority: Authority,
}

impl Host {
    /// Nothing where the address names no host.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        Some(Self {
            secure: uri.scheme() == Some(&Scheme::HTTPS),
            authority: uri.authority()?.clone(),
        })
    }
}

/// The connections that wait for a request, and those that take many at once.
#[derive(Default)]
pub(super) struct Pool(Mutex<HashMap<Host, Waiting>>);

#[derive(Default)]
struct Waiting {
    http1: Vec<(Io, Instant)>,
    http2: Option<(SendRequest<Sent>, Instant)>,
}

/// A connection that can be used at once.
pub(super) enum Ready {
    Http1(Io),
    Http2(SendRequest<Sent>),
}

/// Where a connection is welcome when it is free again.
#[derive(Clone)]
pub(super) struct Home {
    pool: Arc<Pool>,
    host: Host,
}

impl Home {
    pub(super) const fn new(pool: Arc<Pool>, host: Host) -> Self {
        Self { pool, host }
    }

    /// The connection that was used last: the others may be left to close.
    pub(super) fn take(&self) -> Option<Ready> {
        let mut waiting = self.pool.waiting();
        let waiting = waiting.get_mut(&self.host)?;
        let now = Instant::now();
        if let Some((sender, used)) = &mut waiting.http2 {
            if !sender.is_closed() {
                *used = now;
                return Some(Ready::Http2(sender.clone()));
            }
            waiting.http2 = None;
        }
        while let Some((mut io, since)) = waiting.http1.pop() {
            if now - since < IDLE && io.is_silent() {
                return Some(Ready::Http1(io));
            }
        }
        None
    }

    /// Keeps a connection that is free.
    pub(super) fn welcome(&self, io: Io) {
        let mut waiting = self.pool.waiting();
        // Not `entry`, which needs the host by value, however often it is there.
        if let Some(waiting) = waiting.get_mut(&self.host) {
            waiting.http1.push((io, Instant::now()));
        } else {
            waiting
                .entry(self.host.clone())
                .or_default()
                .http1
                .push((io, Instant::now()));
        }
    }

    /// Shares a connection that takes many requests at once.
    pub(super) fn share(&self, sender: SendRequest<Sent>) {
        let mut waiting = self.pool.waiting();
        waiting.entry(self.host.clone()).or_default().http2 = Some((sender, Instant::now()));
    }
}

impl Pool {
    fn waiting(&self) -> MutexGuard<'_, HashMap<Host, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of connections that nobody has used for a while, or that the upstream has closed, again and again. Never
    /// returns.
    pub(super) async fn keep_clean(&self) {
        loop {
            sleep(SWEEP).await;
            let now = Instant::now();
            self.waiting().retain(|_, waiting| {
                waiting
                    .http1
                    .retain_mut(|(io, since)| now - *since < IDLE && io.is_silent());
                // Requests that are under way hold it as well.
                waiting
                    .http2
                    .take_if(|(sender, used)| sender.is_closed() || now - *used >= IDLE);
                !waiting.http1.is_empty() || waiting.http2.is_some()
            });
        }
    }
}
