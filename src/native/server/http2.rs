//! Clients that speak HTTP/2. The connection is hyper's; what it does not look after is here: who a request is for, a client
//! that takes nothing of one answer while others go on, and what of an answer did not go out.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::outgoing::Outgoing;
use super::refusals::no_host;
use super::rewind::Rewind;
use super::serving::{HEAD_TIMEOUT, Serving};
use crate::native::alarm::Alarm;
use crate::native::from_client::FromClient;
use crate::native::h1::is_host;
use crate::native::http2_body::Http2Body;
use crate::native::sending::{Frames, Sending};
use crate::native::stream::Stream;

/// The amount of a stream that may wait for a slow client when hyper asks for the next piece, in bytes: as good as nothing.
const SEND_BUFFER: usize = 1;

/// The most that is handed to hyper at once, in bytes: a client may take as long as it likes for one such piece.
const PIECE: usize = 16 * 1024;

/// The most requests of one connection at once.
const MOST: u32 = 200;

/// The amount of each request's body that may wait for a slow upstream, in bytes. A connection takes as much for each of its
/// requests, so that no upload is in another one's way.
const WINDOW: u32 = 256 * 1024;

/// The largest head that is read, in bytes. Beyond it hyper refuses by itself, in fewer words.
const FIELDS: u32 = 256 * 1024;

/// The time between two questions to a client whether it is there.
const PING: Duration = Duration::from_secs(20);

/// The time that it may take to answer.
const PONG: Duration = Duration::from_secs(10);

/// Serves a connection until one of both sides ends it.
pub(super) async fn serve(io: Rewind, serving: &Serving) {
    let mut stopping = serving.stopping();
    let asks = Notify::new();
    let service = service_fn(|request: Request<Incoming>| {
        asks.notify_one();
        let serving = serving.clone();
        async move {
            let is_head = request.method() == Method::HEAD;
            let mut answer = if names_host(&request) {
                serving.answer(request.map(of_client)).await
            } else {
                serving.refuse(request.uri().path(), request.headers(), no_host())
            };
            if is_head {
                answer.body_mut().skip();
            }
            Ok::<_, Infallible>(answer.map(|body| Frames(Pieces::new(body))))
        }
    });
    let mut connection = pin!(
        http2::Builder::new(Patient(serving.send_timeout()))
            .timer(TokioTimer::new())
            .max_header_list_size(FIELDS)
            .max_send_buf_size(SEND_BUFFER)
            .max_concurrent_streams(MOST)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(MOST * WINDOW)
            // A client that never asks for anything, or never finishes to ask, does not answer this either.
            .keep_alive_interval(PING)
            .keep_alive_timeout(PONG)
            .serve_connection(TokioIo::new(io), service)
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

/// Returns a request's body as the core reads it.
const fn of_client(body: Incoming) -> Stream {
    Stream::Client(FromClient::Http2(Http2Body::new(body)))
}

/// Whether a request says in one way which host it is for (RFC 9113 section 8.3.1).
fn names_host<B>(request: &Request<B>) -> bool {
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next().map(header::HeaderValue::as_bytes);
    let differ = authority
        .zip(host)
        .is_some_and(|(authority, host)| !authority.eq_ignore_ascii_case(host));
    authority.or(host).is_some_and(is_host) && !differ && hosts.next().is_none()
}

tokio::task_local! {
    /// The progress of the answer that a task sends.
    static SENDING: Progress;
}

/// The progress of an answer on its way out.
#[derive(Default)]
struct Progress {
    /// The time at which the last piece was handed over, until hyper asks for another one: the client takes nothing meanwhile.
    owed_since: Cell<Option<Instant>>,
    /// Whether its client was given up.
    given_up: Cell<bool>,
}

/// An executor of hyper's tasks. Each sends one answer, and is ended when its client takes nothing for so long: hyper would wait
/// for ever. The answer's stream is reset then, and the connection goes on.
#[derive(Clone)]
struct Patient(Duration);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Patient {
    fn execute(&self, answering: F) {
        tokio::spawn(SENDING.scope(Progress::default(), in_time(answering, self.0)));
    }
}

/// Runs a task that sends an answer, until it is done or its client has taken nothing for `patience`.
async fn in_time(answering: impl Future, patience: Duration) {
    let mut answering = pin!(answering);
    let mut alarm: Option<Alarm> = None;
    poll_fn(|context| {
        if answering.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let Some(since) = SENDING.with(|sending| sending.owed_since.get()) else {
            return Poll::Pending;
        };
        let alarm = alarm.get_or_insert_with(|| Alarm::new(patience));
        ready!(alarm.poll(since + patience, context));
        SENDING.with(|sending| sending.given_up.set(true));
        Poll::Ready(())
    })
    .await;
}

/// An answer's body, in pieces that hyper takes one by one.
struct Pieces {
    body: Outgoing,
    /// The rest of the last piece, which was not handed over yet.
    left: Bytes,
}

impl Pieces {
    const fn new(body: Outgoing) -> Self {
        Self {
            body,
            left: Bytes::new(),
        }
    }
}

impl Sending for Pieces {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let owed = |since| SENDING.try_with(|sending| sending.owed_since.set(since));
        let _ = owed(None);
        if self.left.is_empty() {
            match ready!(self.body.poll_piece(context)) {
                Some(Ok(bytes)) => self.left = bytes,
                end => return Poll::Ready(end),
            }
        }
        let length = self.left.len().min(PIECE);
        let _ = owed(Some(Instant::now()));
        Poll::Ready(Some(Ok(self.left.split_to(length))))
    }

    fn is_end(&self) -> bool {
        self.left.is_empty() && self.body.is_end()
    }

    fn length(&self) -> Option<u64> {
        Some(self.body.length()? + self.left.len() as u64)
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        let given_up = SENDING.try_with(|sending| sending.given_up.get());
        self.body.lost(self.left.len(), given_up.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_in_one_way_which_host_it_is_for() {
        let is_fine = |uri: &str, hosts: &[&str]| {
            let mut request = Request::get(uri).body(()).unwrap();
            for host in hosts {
                request.headers_mut().append(header::HOST, host.parse().unwrap());
            }
            names_host(&request)
        };
        assert!(is_fine("http://h:1/v1", &[]));
        assert!(is_fine("http://h:1/v1", &["H:1"]));
        assert!(is_fine("/v1", &["h:1"]));
        for hosts in [&[][..], &[""], &["a b"], &["h", "h"], &["user@h"]] {
            assert!(!is_fine("/v1", hosts), "{hosts:?}");
        }
        for hosts in [&["h"][..], &["h:1", "h:1"], &["other"], &[""]] {
            assert!(!is_fine("http://h:1/v1", hosts), "{hosts:?}");
        }
        assert!(!is_fine("http://user@h:1/v1", &[]));
    }
}
