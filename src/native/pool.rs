//! Connections to upstreams between two requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper::client::conn::http2::SendRequest;
use tokio::time::{Instant, sleep};

use super::frames::Frames;
use super::io::Io;
use super::sent::Sent;

/// Below the keep-alive of common servers (nginx: 75 s), so that a connection is rarely used while it closes.
const IDLE: Duration = Duration::from_secs(55);

/// What an upstream that says when it closes a connection is credited less: it has counted from an earlier moment.
const MARGIN: Duration = Duration::from_secs(1);

/// How long a connection is used, however busy it is: what a name stands for may have changed.
const LIFETIME: Duration = Duration::from_secs(120);

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
    http1: Vec<Idle>,
    /// For streams, of which little is read ahead, and for everything else.
    http2: [Option<(Shared, Instant)>; 2],
}

/// A connection of HTTP/1.1 that nothing is asked on.
struct Idle {
    io: Io,
    /// Not to be used from then on.
    until: Instant,
}

impl Idle {
    fn is_usable(&mut self, now: Instant) -> bool {
        now < self.until && self.io.is_silent()
    }
}

/// What the requests of one connection have in common, which makes them countable.
pub(super) struct Crowd;

/// A connection that takes many requests at once.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) sender: SendRequest<Frames<Sent>>,
    pub(super) crowd: Arc<Crowd>,
    pub(super) opened: Instant,
}

impl Shared {
    fn is_usable(&self, now: Instant) -> bool {
        !self.sender.is_closed() && now < self.opened + LIFETIME
    }
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
            if shared.is_usable(now) && Arc::strong_count(&shared.crowd) <= MOST {
                *used = now;
                return Some(Ready::Http2(shared.clone()));
            }
            // What is under way on it goes on.
            *http2 = None;
        }
        while let Some(mut idle) = waiting.http1.pop() {
            if idle.is_usable(now) {
                return Some(Ready::Http1(idle.io));
            }
        }
        None
    }

    /// Keeps a connection that is free, for `patience` at most where the upstream said so.
    pub(super) fn welcome(&self, io: Io, patience: Option<Duration>) {
        let now = Instant::now();
        let patience = patience.map_or(IDLE, |patience| patience.saturating_sub(MARGIN).min(IDLE));
        let until = (now + patience).min(io.opened() + LIFETIME);
        if now < until {
            lock(&self.0).http1.push(Idle { io, until });
        }
    }

    /// Shares a connection that takes many requests at once.
    pub(super) fn share(&self, shared: Shared, streams: bool) {
        lock(&self.0).http2[usize::from(streams)] = Some((shared, Instant::now()));
    }

    /// Lets go of what has not been used for a while, or is closed. Whether anybody needs this any more.
    fn clean(&self, now: Instant) -> bool {
        let mut waiting = lock(&self.0);
        waiting.http1.retain_mut(|idle| idle.is_usable(now));
        // Requests that are under way hold it as well.
        for http2 in &mut waiting.http2 {
            http2.take_if(|(shared, used)| !shared.is_usable(now) || now - *used >= IDLE);
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

    /// Closes every connection that nothing is asked on, for want of room.
    pub(super) fn make_room(&self) {
        for home in lock(&self.0).values() {
            let mut waiting = lock(&home.0);
            waiting.http1.clear();
            for http2 in &mut waiting.http2 {
                http2.take_if(|(shared, _)| Arc::strong_count(&shared.crowd) == 1);
            }
        }
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

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use tokio::time::advance;

    use super::*;

    /// A connection, and its other end.
    fn connection() -> (Io, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        near.set_nonblocking(true).unwrap();
        let io = Io::plain(tokio::net::TcpStream::from_std(near).unwrap(), false);
        (io, listener.accept().unwrap().0)
    }

    fn take(home: &Home) -> Option<Io> {
        match home.take(false)? {
            Ready::Http1(io) => Some(io),
            Ready::Http2(_) => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_waits_as_long_as_its_upstream_keeps_it_and_no_longer_than_most_do() {
        let seconds = Duration::from_secs;
        for (patience, waits) in [
            (None, seconds(55)),
            (Some(seconds(300)), seconds(55)),
            (Some(seconds(5)), seconds(4)),
            (Some(seconds(2)), seconds(1)),
            (Some(seconds(1)), Duration::ZERO),
            (Some(Duration::ZERO), Duration::ZERO),
        ] {
            for (waited, is_there) in [
                (waits.saturating_sub(seconds(1)), waits > Duration::ZERO),
                (waits, false),
            ] {
                let home = Home::default();
                let (io, _peer) = connection();
                home.welcome(io, patience);
                advance(waited).await;
                assert_eq!(take(&home).is_some(), is_there, "{patience:?}, after {waited:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_always_busy_is_replaced_in_the_end() {
        let home = Home::default();
        let (mut io, _peer) = connection();
        for _ in 0..11 {
            home.welcome(io, None);
            advance(Duration::from_secs(10)).await;
            io = take(&home).unwrap();
        }
        home.welcome(io, None);
        advance(Duration::from_secs(10)).await;
        assert!(take(&home).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn for_want_of_room_everything_idle_goes() {
        let pool = Pool::default();
        let home = pool.home(&Uri::from_static("http://a.example/v1")).unwrap();
        let (io, _peer) = connection();
        home.welcome(io, None);
        pool.make_room();
        assert!(take(&home).is_none());
    }
}
