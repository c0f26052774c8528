//! The way to upstreams: HTTP/1.1 and HTTP/2, over connections that are used again.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode, Uri, header, request};
use hyper::client::conn::http2;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::CertificateDer;

use super::boxed;
use super::connect::{Connector, has_run_out};
use super::frames::Frames;
use super::h1::{Exchange, Malformed};
use super::io::Io;
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
    /// A client that trusts the Mozilla roots, and the certificates `listed` as well.
    pub(super) fn new(listed: Vec<CertificateDer<'static>>, proxies: Matcher) -> Result<Self, String> {
        Ok(Self {
            connector: Connector::new(listed, proxies)?,
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
            fresh,
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
        // Any other connection may be closing while the request is on its way, and what cannot be sent again has to arrive.
        if let Some(again) = body.again()
            && !(upgrades || fresh)
        {
            match home.take(streams) {
                Some(Ready::Http1(io)) => match Exchange::begin(io, &head, body, &home).await {
                    Ok(answer) => return self.through_proxy(answer, &head.uri),
                    Err(broken) if broken.unanswered => {}
                    Err(broken) => return Err(self::broken(&broken.error)),
                },
                Some(Ready::Http2(Shared { mut sender, crowd, .. })) => {
                    let request = Request::from_parts(head.clone(), Frames(body));
                    match boxed(|| sender.try_send_request(request)).await {
                        Ok(answer) => return Ok(answer.map(|body| Stream::from_crowd(body, crowd))),
                        Err(error) if is_unanswered(error.error()) => {}
                        Err(error) => return Err(broken(error.error())),
                    }
                }
                None => {}
            }
            body = again;
        }
        // Boxed, as what follows: most requests need no new connection, and all would have to have room for one.
        let io = boxed(|| self.connect(&head.uri, upgrades, within)).await?;
        if io.speaks_http2() {
            return boxed(|| http2(io, Request::from_parts(head, Frames(body)), &home, streams)).await;
        }
        let answer = Exchange::begin(io, &head, body, &home).await;
        self.through_proxy(answer.map_err(|broken| self::broken(&broken.error))?, &head.uri)
    }

    /// Opens a connection. Where there is no room for it, those that nobody uses are closed.
    async fn connect(&self, uri: &Uri, only_http1: bool, within: Duration) -> Result<Io, Fault> {
        let mut may_make_room = true;
        let why = loop {
            match tokio::time::timeout(within, self.connector.connect(uri, only_http1)).await {
                Ok(Ok(io)) => return Ok(io),
                Ok(Err(error)) if has_run_out(&*error) => {
                    if !std::mem::take(&mut may_make_room) {
                        return Err(Fault::Exhausted(cause(&*error)));
                    }
                    self.pool.make_room();
                }
                Ok(Err(error)) => break cause(&*error),
                Err(_) => break format!("no connection within {} seconds", within.as_secs_f64()),
            }
        };
        Err(Fault::Connect(match self.connector.proxy_name(uri) {
            Some(proxy) => format!("through the proxy {proxy}: {why}"),
            None => why,
        }))
    }

    /// An answer, unless it is a proxy's own: a client of the gateway has no credentials for that.
    fn through_proxy(&self, answer: Response<Stream>, uri: &Uri) -> Result<Response<Stream>, Fault> {
        if answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            && let Some(proxy) = self.connector.proxy_name(uri)
        {
            let why = format!("the proxy {proxy} wants credentials, or others than it got (status 407)");
            return Err(Fault::Connect(why));
        }
        Ok(answer)
    }
}

/// Sends a request over a new connection, which others may share from then on.
async fn http2(io: Io, request: Request<Frames<Sent>>, home: &Home, streams: bool) -> Result<Response<Stream>, Fault> {
    let opened = io.opened();
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(if streams { STREAM_WINDOW } else { WINDOW })
        .initial_connection_window_size(CONNECTION_WINDOW)
        // A path that swallows packets says nothing: without this a connection on it would be used for ever.
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .handshake(TokioIo::new(io))
        .await
        .map_err(|error| broken(&error))?;
    tokio::spawn(async move { drop(connection.await) });
    let crowd = Arc::new(Crowd);
    let shared = Shared {
        sender: sender.clone(),
        crowd: Arc::clone(&crowd),
        opened,
    };
    home.share(shared, streams);
    let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
    Ok(answer.map(|body| Stream::from_crowd(body, crowd)))
}

/// Whether a connection that others use as well ended, or was never any good, before it brought an answer; or the upstream
/// says that it has not begun with the request (RFC 9113 section 8.7). Another connection may do better.
fn is_unanswered(error: &hyper::Error) -> bool {
    match http2_error(error) {
        Some(error) if error.is_reset() => error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM),
        Some(_) | None => true,
    }
}

fn http2_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a h2::Error> {
    let mut sources = std::iter::successors(Some(error), |error| StdError::source(*error));
    sources.find_map(|error| error.downcast_ref())
}

/// What it means that a connection broke, or what came over it is not HTTP.
pub(super) fn broken(error: &(dyn StdError + 'static)) -> Fault {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let ours = inner.is_some_and(|inner| inner.is::<Malformed>());
    // What h2 itself objects to, rather than the upstream.
    let theirs = |error: &h2::Error| error.is_library() && !error.is_io();
    if ours || http2_error(error).is_some_and(theirs) {
        return Fault::Malformed(cause(error));
    }
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
