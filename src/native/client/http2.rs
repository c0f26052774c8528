//! Requests over HTTP/2, which is hyper's: many at once on one connection.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, request};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::body::FromUpstream;
use super::connection::Io;
use super::fault::{broken, is_unanswered};
use super::pool::{InFlight, MOST, PerHost, Shared};
use super::upload::Upload;
use crate::native::http2_body::Http2Body;
use crate::native::sending::Frames;
use crate::platform::Fault;

/// The most that is read ahead of a slow client, in bytes, for each stream. What is on its way besides makes 64 KiB of it at
/// most: a piece that is put together (4 KiB and a frame of 16), and a frame to a client of HTTP/2.
const STREAM_WINDOW: u32 = 28 * 1024;

/// The most that is read ahead of any other answer, in bytes: it is read whole, or downloaded.
const WINDOW: u32 = 256 * 1024;

/// The most that is read ahead of all requests of a connection, in bytes. It is enough for each of them, so that no slow
/// client is in another one's way.
const CONNECTION_WINDOW: u32 = MOST as u32 * WINDOW;

/// The time between two questions to an upstream that owes an answer whether it is there.
const PING: Duration = Duration::from_secs(15);

/// The time that it may take to answer them.
const PONG: Duration = Duration::from_secs(10);

/// Sends a request over a connection that others use as well. Returns its answer, or nothing if the request may not have
/// arrived and another connection may do better.
///
/// # Errors
/// If the connection, or the request body, breaks.
pub(super) async fn send_shared(
    shared: Shared,
    head: &request::Parts,
    body: Upload,
) -> Result<Option<Response<FromUpstream>>, Fault> {
    let Shared {
        mut sender, in_flight, ..
    } = shared;
    let request = Request::from_parts(head.clone(), Frames(body));
    match sender.try_send_request(request).await {
        Ok(answer) => Ok(Some(counted(answer, in_flight))),
        Err(error) if is_unanswered(error.error()) => Ok(None),
        Err(error) => Err(broken(error.error())),
    }
}

/// Sends a request over a new connection, which others may share from then on.
///
/// # Errors
/// If the connection, or the request body, breaks.
pub(super) async fn send_first(
    io: Io,
    request: Request<Frames<Upload>>,
    host: &PerHost,
    streams: bool,
) -> Result<Response<FromUpstream>, Fault> {
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
    let in_flight = Arc::new(InFlight);
    let shared = Shared {
        sender: sender.clone(),
        in_flight: Arc::clone(&in_flight),
        opened,
    };
    host.share(shared, streams);
    let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
    Ok(counted(answer, in_flight))
}

/// Returns an answer that counts among those of its connection until its body is gone.
fn counted(answer: Response<hyper::body::Incoming>, in_flight: Arc<InFlight>) -> Response<FromUpstream> {
    answer.map(|body| FromUpstream::Http2 {
        body: Http2Body::new(body),
        _in_flight: in_flight,
    })
}
