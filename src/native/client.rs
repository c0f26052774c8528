//! The way to upstreams: HTTP/1.1 and HTTP/2, over connections that are used again.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, header, request};
use hyper::client::conn::http2;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::boxed;
use super::connect::{Connector, Io};
use super::frames::Frames;
use super::h1::Exchange;
use super::pool::{Crowd, Home, MOST, Pool, Ready, Shared};
use super::sent::Sent;
use super::stream::Stream;
use crate::platform::{Fault, Limits, Payload};

/// The most that is read ahead of a slow client, for each stream. What is on its way besides makes 64 KiB of it at most: a piece that is
/// put together (4 KiB and a frame of 16), and a frame to a client of HTTP/2.
const STREAM_WINDOW: u32 = 28 * 1024;

/// The same of any other answer: it is read whole, or downloaded.
const WINDOW: u32 = 256 * 1024;

/// All of a connection's requests may read as far ahead as one of them: no slow client is in another one's way.
const CONNECTION_WINDOW: u32 = MOST as u32 * WINDOW;

/// How often an upstream that owes an answer over HTTP/2 is asked whether it is there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(15);
const PONG: Duration = Duration::from_secs(10);

/// A pooled client. Cheap to clone.
#[derive(Clone)]
pub(super) struct Client {
    connector: Connector,
    pool: Arc<Pool>,
}

impl Client {
    /// A client that trusts the Mozilla roots, and those in the PEM file `extra_roots` as well.
    pub(super) fn new(extra_roots: Option<&str>, proxies: Matcher) -> Result<Self, String> {
        Ok(Self {
            connector: Connector::new(extra_roots, proxies)?,
            pool: Arc::default(),
        })
    }

    /// Lets go of connections that are not used, again and again. Never returns.
    pub(super) async fn keep_clean(self) {
        self.pool.keep_clean().await;
    }

    /// Sends a request and returns when the head of the answer is there.
    pub(super) async fn send(
        &self,
        request: Request<Payload<Stream>>,
        limits: Limits,
    ) -> Result<Response<Stream>, Fault> {
        let (head, payload) = request.into_parts();
        let (body, progress) = Sent::new(payload);
        let answer = self.exchange(head, body, &limits);
        let Some(progress) = progress else {
            return answer.await;
        };
        let answer = tokio::select! {
            answer = answer => answer,
            () = progress.stalled(&limits) => Err(Fault::Timeout),
        };
        match answer {
            Err(Fault::Timeout) if progress.waits_for_client() => Err(Fault::Client),
            Err(_) if progress.client_broke() => Err(Fault::Client),
            answer => answer,
        }
    }

    async fn exchange(
        &self,
        mut head: request::Parts,
        mut body: Sent,
        &Limits {
            connect: within,
            streams,
            ..
        }: &Limits,
    ) -> Result<Response<Stream>, Fault> {
        let nowhere = || Fault::Connect("the address names no host".into());
        let home = self.pool.home(&head.uri).ok_or_else(nowhere)?;
        if let Some(credentials) = self.connector.credentials(&head.uri) {
            head.headers.insert(header::PROXY_AUTHORIZATION, credentials);
        }
        // A WebSocket begins in HTTP/1.1 and takes its connection with it.
        let upgrades = head.headers.contains_key(header::UPGRADE);
        if !upgrades {
            match home.take(streams) {
                Some(Ready::Http1(io)) => {
                    return Exchange::begin(io, &head, body, home)
                        .await
                        .map_err(|error| reset(&error));
                }
                Some(Ready::Http2(Shared { mut sender, crowd })) => {
                    let again = body.again().map(|body| (head.clone(), body));
                    match boxed(|| sender.try_send_request(Request::from_parts(head, Frames(body)))).await {
                        Ok(answer) => return Ok(answer.map(|body| Stream::from_crowd(body, crowd))),
                        // Its connection is closing: it was not sent, or surely not processed.
                        Err(mut error) => match (error.take_message(), again) {
                            (Some(request), _) => (head, Frames(body)) = request.into_parts(),
                            (None, Some(again)) if is_unprocessed(error.error()) => (head, body) = again,
                            (None, _) => return Err(reset(error.error())),
                        },
                    }
                }
                None => {}
            }
        }
        let late = |_| Fault::Connect(format!("no connection within {} seconds", within.as_secs_f64()));
        // Boxed, as what follows: most requests need no new connection, and all would have to have room for one.
        let io = tokio::time::timeout(within, boxed(|| self.connector.connect(&head.uri, upgrades)))
            .await
            .map_err(late)?
            .map_err(|error| Fault::Connect(cause(&*error)))?;
        if io.speaks_http2() {
            return boxed(|| http2(io, Request::from_parts(head, Frames(body)), &home, streams)).await;
        }
        Exchange::begin(io, &head, body, home)
            .await
            .map_err(|error| reset(&error))
    }
}

/// Sends a request over a new connection, which others may share from then on.
async fn http2(io: Io, request: Request<Frames<Sent>>, home: &Home, streams: bool) -> Result<Response<Stream>, Fault> {
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(if streams { STREAM_WINDOW } else { WINDOW })
        .initial_connection_window_size(CONNECTION_WINDOW)
        // A path that swallows packets says nothing: without this a connection on it would be used for ever.
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .handshake(TokioIo::new(io))
        .await
        .map_err(|error| reset(&error))?;
    tokio::spawn(async move { drop(connection.await) });
    let crowd = Arc::new(Crowd);
    let shared = Shared {
        sender: sender.clone(),
        crowd: Arc::clone(&crowd),
    };
    home.share(shared, streams);
    let answer = sender.send_request(request).await.map_err(|error| reset(&error))?;
    Ok(answer.map(|body| Stream::from_crowd(body, crowd)))
}

/// Whether an upstream says that it has not begun with a request (RFC 9113 section 8.7).
fn is_unprocessed(error: &hyper::Error) -> bool {
    let error = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    error.is_some_and(|error| {
        let leaves = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
        error.is_remote() && (leaves || error.reason() == Some(h2::Reason::REFUSED_STREAM))
    })
}

fn reset(error: &(dyn StdError + 'static)) -> Fault {
    Fault::Reset(cause(error))
}

/// The innermost cause of an error: what the operating system or the peer said.
pub(super) fn cause(error: &dyn StdError) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
