//! Connections to upstreams between two requests: which one a request gets, and how long one is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper::client::conn::http2::SendRequest;
use tokio::time::{Instant, sleep};

use super::connection::Io;
use super::upload::Upload;
use crate::native::sending::Frames;

/// The time in which a connection waits for a request. It is less than the keep-alive of common servers (nginx: 75 s), so that a
/// connection is rarely used while it closes.
const IDLE: Duration = Duration::from_secs(55);

/// The time by which a connection is given up earlier than the upstream says: it has counted from an earlier moment.
const MARGIN: Duration = Duration::from_secs(1);

/// The time for which a connection is used, however busy it is: the address of a name may have changed.
const LIFETIME: Duration = Duration::from_secs(120);

/// The time between two searches for connections that nobody uses any more.
const SWEEP: Duration = Duration::from_secs(5);

/// The most requests that share one connection. Servers are advised to take no fewer (RFC 9113 section 6.5.2); where one does,
/// those beyond its limit wait for the others.
pub(super) const MOST: usize = 100;

/// The host that a connection leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Host {
    secure: bool,
    /// The host and port as they are written in the address.
    authority: Box<str>,
}

/// The connections to all hosts.
#[derive(Default)]
pub(super) struct Pool(Mutex<HashMap<Host, PerHost>>);

/// The connections to one host: those that wait for a request, and those that take many at once. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct PerHost(Arc<Mutex<Waiting>>);

/// The connections that wait.
#[derive(Default)]
struct Waiting {
    http1: Vec<Idle>,
    /// One for streams, which are read ahead only a little, and one for everything else; each with its last use.
    http2: [Option<(Shared, Instant)>; 2],
}

/// A connection of HTTP/1.1 on which no request is under way.
struct Idle {
    io: Io,
    /// The moment at which it stops being usable.
    until: Instant,
}

impl Idle {
    fn is_usable(&mut self, now: Instant) -> bool {
        now < self.until && self.io.is_silent()
    }
}

/// Held by every request on an HTTP/2 connection; its strong count is the number in flight, and one more for the pool.
pub(crate) struct InFlight;

/// A connection that takes many requests at once.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) sender: SendRequest<Frames<Upload>>,
    pub(super) in_flight: Arc<InFlight>,
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

impl PerHost {
    /// Takes the connection that was used last, if there is one, so that the others may be left to close. `streams`: whether the answer is
    /// asked for as a stream.
    pub(super) fn take(&self, streams: bool) -> Option<Ready> {
        let mut waiting = lock(&self.0);
        let now = Instant::now();
        let http2 = &mut waiting.http2[usize::from(streams)];
        if let Some((shared, used)) = http2 {
            if shared.is_usable(now) && Arc::strong_count(&shared.in_flight) <= MOST {
                *used = now;
                return Some(Ready::Http2(shared.clone()));
            }
            // Requests that are under way on it go on.
            *http2 = None;
        }
        while let Some(mut idle) = waiting.http1.pop() {
            if idle.is_usable(now) {
                return Some(Ready::Http1(idle.io));
            }
        }
        None
    }

    /// Keeps a connection that is free, for `patience` at most if the upstream has said how long it keeps it.
    pub(super) fn put_back(&self, io: Io, patience: Option<Duration>) {
        let now = Instant::now();
        let patience = patience.map_or(IDLE, |patience| patience.saturating_sub(MARGIN).min(IDLE));
        let until = (now + patience).min(io.opened() + LIFETIME);
        if now < until {
            lock(&self.0).http1.push(Idle { io, until });
        }
    }

    /// Offers a connection that takes many requests at once to the requests that follow.
    pub(super) fn share(&self, shared: Shared, streams: bool) {
        lock(&self.0).http2[usize::from(streams)] = Some((shared, Instant::now()));
    }

    /// Drops the connections that were not used for a while, or are closed. Returns whether anybody needs this host any more.
    fn clean(&self, now: Instant) -> bool {
        let mut waiting = lock(&self.0);
        waiting.http1.retain_mut(|idle| idle.is_usable(now));
        // Requests that are under way hold their connection as well.
        for http2 in &mut waiting.http2 {
            http2.take_if(|(shared, used)| !shared.is_usable(now) || now - *used >= IDLE);
        }
        !waiting.http1.is_empty() || waiting.http2.iter().any(Option::is_some) || Arc::strong_count(&self.0) > 1
    }
}

impl Pool {
    /// Returns the connections to the host of an address, if it names one.
    pub(super) fn per_host(&self, uri: &Uri) -> Option<PerHost> {
        let host = Host {
            secure: uri.scheme() == Some(&Scheme::HTTPS),
            authority: uri.authority()?.as_str().into(),
        };
        Some(lock(&self.0).entry(host).or_default().clone())
    }

    /// Closes every connection on which no request is under way: the process has no room for new ones.
    pub(super) fn make_room(&self) {
        for host in lock(&self.0).values() {
            let mut waiting = lock(&host.0);
            waiting.http1.clear();
            for http2 in &mut waiting.http2 {
                http2.take_if(|(shared, _)| Arc::strong_count(&shared.in_flight) == 1);
            }
        }
    }

    /// Drops connections that nobody uses, again and again. Never returns.
    pub(super) async fn keep_clean(&self) {
        loop {
            sleep(SWEEP).await;
            let now = Instant::now();
            lock(&self.0).retain(|_, host| host.clean(now));
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

    fn take(host: &PerHost) -> Option<Io> {
        match host.take(false)? {
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
                let host = PerHost::default();
                let (io, _peer) = connection();
                host.put_back(io, patience);
                advance(waited).await;
                assert_eq!(take(&host).is_some(), is_there, "{patience:?}, after {waited:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_always_busy_is_replaced_in_the_end() {
        let host = PerHost::default();
        let (mut io, _peer) = connection();
        for _ in 0..11 {
            host.put_back(io, None);
            advance(Duration::from_secs(10)).await;
            io = take(&host).unwrap();
        }
        host.put_back(io, None);
        advance(Duration::from_secs(10)).await;
        assert!(take(&host).is_none());
    }

    #[tokio::test]
    async fn a_connection_over_which_something_came_unasked_is_not_used() {
        use std::io::Write;
        for words in [&b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"[..], b"\r\n", b""] {
            let host = PerHost::default();
            let (mut io, mut peer) = connection();
            assert!(io.is_silent());
            host.put_back(io, None);
            peer.write_all(words).unwrap();
            if words.is_empty() {
                drop(peer);
            }
            // It may take a moment to arrive.
            while let Some(io) = take(&host) {
                host.put_back(io, None);
                sleep(Duration::from_millis(1)).await;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn for_want_of_room_everything_idle_goes() {
        let pool = Pool::default();
        let host = pool.per_host(&Uri::from_static("http://a.example/v1")).unwrap();
        let (io, _peer) = connection();
        host.put_back(io, None);
        pool.make_room();
        assert!(take(&host).is_none());
    }
}
