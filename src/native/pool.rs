//! Connections to upstreams between two requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper::client::conn::http2::SendRequest;
use tokio::time::{Instant, sleep};

use super::connect::Io;
use super::frames::Frames;
use super::sent::Sent;

/// Below the keep-alive of common servers (nginx: 75 s), so that a connection is rarely used while it closes.
const IDLE: Duration = Duration::from_secs(55);
const SWEEP: Duration = Duration::from_secs(5);

/// The most requests that share one connection. Servers are advised to take no fewer (RFC 9113 section 6.5.2); where one does, those
/// beyond its limit wait for the others.
pub(super) const MOST: usize = 100;

/// Whom a connection leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Host {
    secure: bool,
    /// As it is written in the address.
    authority: Box<str>,
}

/// The connections to all hosts.
#[derive(Default)]
pub(super) struct Pool(Mutex<HashMap<Host, Home>>);

/// The connections to one host that wait for a request, and those that take many at once. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Home(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    http1: Vec<(Io, Instant)>,
    /// For streams, of which little is read ahead, and for everything else.
    http2: [Option<(Shared, Instant)>; 2],
}

/// What the requests of one connection have in common, which makes them countable.
pub(super) struct Crowd;

/// A connection that takes many requests at once.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) sender: SendRequest<Frames<Sent>>,
    pub(super) crowd: Arc<Crowd>,
}

/// A connection that can be used at once.
pub(super) enum Ready {
    Http1(Io),
    Http2(Shared),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Home {
    /// The connection that was used last: the others may be left to close.
    pub(super) fn take(&self, streams: bool) -> Option<Ready> {
        let mut waiting = lock(&self.0);
        let now = Instant::now();
        let http2 = &mut waiting.http2[usize::from(streams)];
        if let Some((shared, used)) = http2 {
            if !shared.sender.is_closed() && Arc::strong_count(&shared.crowd) <= MOST {
                *used = now;
                return Some(Ready::Http2(shared.clone()));
            }
            // What is under way on it goes on.
            *http2 = None;
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
        lock(&self.0).http1.push((io, Instant::now()));
    }

    /// Shares a connection that takes many requests at once.
    pub(super) fn share(&self, shared: Shared, streams: bool) {
        lock(&self.0).http2[usize::from(streams)] = Some((shared, Instant::now()));
    }

    /// Lets go of what has not been used for a while, or is closed. Whether anybody needs this any more.
    fn clean(&self, now: Instant) -> bool {
        let mut waiting = lock(&self.0);
        waiting
            .http1
            .retain_mut(|(io, since)| now - *since < IDLE && io.is_silent());
        // Requests that are under way hold it as well.
        for http2 in &mut waiting.http2 {
            http2.take_if(|(shared, used)| shared.sender.is_closed() || now - *used >= IDLE);
        }
        !waiting.http1.is_empty() || waiting.http2.iter().any(Option::is_some) || Arc::strong_count(&self.0) > 1
    }
}

impl Pool {
    /// Where connections to the host of an address wait. Nothing where it names no host.
    pub(super) fn home(&self, uri: &Uri) -> Option<Home> {
        let host = Host {
            secure: uri.scheme() == Some(&Scheme::HTTPS),
            authority: uri.authority()?.as_str().into(),
        };
        Some(lock(&self.0).entry(host).or_default().clone())
    }

    /// Looks after the connections again and again. Never returns.
    pub(super) async fn keep_clean(&self) {
        loop {
            sleep(SWEEP).await;
            let now = Instant::now();
            lock(&self.0).retain(|_, home| home.clean(now));
        }
    }
}
