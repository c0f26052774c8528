//! A client's connection, from its first request to its last. What it begins with decides the protocol; what each request
//! ends with decides whether another one follows.
//!
//! A connection has room in memory for the largest thing that its task may wait for, and thousands of them wait. So what most
//! connections never do is boxed, and so is a request while it is served.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, Request, Response};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::bridge;
use super::http1::{Connection, Terms, respond};
use super::http2;
use super::outgoing::Outgoing;
use super::refusals::explained;
use super::rewind::Rewind;
use super::serving::{HEAD_TIMEOUT, Serving};
use super::websocket;
use crate::gateway::{Bridge, Raw};
use crate::native::alarm::Alarm;
use crate::native::boxed::boxed;
use crate::native::from_client::FromClient;
use crate::native::h1::{Arrival, RequestBody, RequestHead, Unreadable, write_answer, write_field};
use crate::native::runtime::{DISCARD_LIMIT, DISCARD_TIME};
use crate::native::stream::Stream;

/// The time for which a connection is kept for another request.
const KEPT: Duration = Duration::from_secs(75);

/// Serves a client's connection until one of both sides ends it.
pub(super) async fn serve(io: TcpStream, serving: Serving) {
    let connection = Arc::new(Connection::new(io, serving.send_timeout()));
    let mut alarm = Alarm::new(HEAD_TIMEOUT);
    let mut patience = HEAD_TIMEOUT;
    loop {
        let head = match arrival(&connection, &mut alarm, patience).await {
            Ok(Arrival::Request(head)) => head,
            Ok(Arrival::Http2) => return boxed(|| speak_http2(connection, &serving)).await,
            Ok(Arrival::Closed) => return,
            Err(unreadable) => return boxed(|| refuse(connection, unreadable, &serving)).await,
        };
        let terms = Terms::of(&head);
        let answering = answering(&connection, *head, &serving);
        let Some(mut answer) = unless_left(&connection, answering).await else {
            return;
        };
        if let Some(upstream) = answer.body_mut().take_websocket() {
            return boxed(|| join(connection, answer, *upstream, &serving)).await;
        }
        if let Some(bridge) = answer.body_mut().take_bridge() {
            return boxed(|| answer_messages(connection, answer, *bridge, &serving)).await;
        }
        let responded = respond(&connection, &mut answer, &terms, serving.is_stopping()).await;
        if responded.is_err() {
            answer.body_mut().lost(0, true);
        }
        // Before the connection is closed, which may take as long as its client likes.
        drop(answer);
        match responded {
            Ok(true) => patience = KEPT,
            Ok(false) => return boxed(|| close(connection)).await,
            Err(_) => {
                if let Some(connection) = Arc::into_inner(connection) {
                    connection.abandon();
                }
                return;
            }
        }
    }
}

/// Waits for a request: for `patience` until it begins, and then for the rest of its head.
async fn arrival(connection: &Connection, alarm: &mut Alarm, patience: Duration) -> Result<Arrival, Unreadable> {
    let (mut limit, mut waits_for_head) = (None, false);
    poll_fn(|context| {
        if let Poll::Ready(arrival) = connection.poll_arrival(context) {
            return Poll::Ready(arrival);
        }
        if !waits_for_head && connection.has_partial_head() {
            waits_for_head = true;
            limit = Some(Instant::now() + HEAD_TIMEOUT);
        }
        let limit = *limit.get_or_insert_with(|| Instant::now() + patience);
        alarm.poll(limit, context).map(|()| {
            if waits_for_head {
                Err(Unreadable::Slow)
            } else {
                Ok(Arrival::Closed)
            }
        })
    })
    .await
}

/// Returns the making of an answer. It is boxed, so that a connection holds no room for a request while it serves none.
fn answering<'a>(
    connection: &Arc<Connection>,
    head: RequestHead,
    serving: &'a Serving,
) -> Pin<Box<impl Future<Output = Response<Outgoing>> + use<'a>>> {
    let body = FromClient::Http1(RequestBody::new(Arc::clone(connection)));
    boxed(|| serving.answer(Request::from_parts(head.parts, Stream::Client(body))))
}

/// Waits for an answer, or until the client leaves: then nobody waits for one.
async fn unless_left<F: Future>(connection: &Connection, mut answering: Pin<Box<F>>) -> Option<F::Output> {
    poll_fn(|context| match answering.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => connection.poll_client_left(context).map(|()| None),
    })
    .await
}

/// Serves the connection as one of HTTP/2.
async fn speak_http2(connection: Arc<Connection>, serving: &Serving) {
    if let Some(io) = rewound(connection, serving) {
        http2::serve(io, serving).await;
    }
}

/// Refuses what cannot be read, and closes the connection: nobody knows where a next request would begin.
async fn refuse(connection: Arc<Connection>, unreadable: Unreadable, serving: &Serving) {
    // What is behind a head that was read to its end is not a request's first line.
    let path = matches!(unreadable, Unreadable::TooLarge | Unreadable::Slow).then(|| connection.begun_path());
    let path = path.flatten().unwrap_or_default();
    let mut answer = serving.refuse(&path, &HeaderMap::new(), explained(unreadable));
    let responded = respond(&connection, &mut answer, &Terms::LAST, true).await;
    drop(answer);
    if responded.is_ok() {
        close(connection).await;
    }
}

/// Writes the head of an answer that switches to WebSocket, and then moves the bytes of both sides.
async fn join(connection: Arc<Connection>, mut answer: Response<Outgoing>, upstream: Raw<Stream>, serving: &Serving) {
    let mut out = BytesMut::new();
    write_answer(&mut out, answer.status(), answer.headers());
    out.extend_from_slice(b"\r\n");
    if connection.write([&out, &[], &[]]).await.is_ok()
        && let Some(client) = rewound(connection, serving)
        && let Stream::Upstream(stream) = upstream.stream
        && let Some(stream) = stream.into_io()
    {
        websocket::join(client, stream, upstream.idle_timeout, answer.body_mut().log()).await;
    }
}

/// Writes the head of an answer that switches to WebSocket, and then answers the client's messages.
async fn answer_messages(
    connection: Arc<Connection>,
    mut answer: Response<Outgoing>,
    bridge: Bridge,
    serving: &Serving,
) {
    let mut out = BytesMut::new();
    write_answer(&mut out, answer.status(), answer.headers());
    write_field(&mut out, "sec-websocket-accept", bridge::accept(&bridge).as_bytes());
    out.extend_from_slice(b"\r\n");
    if connection.write([&out, &[], &[]]).await.is_ok()
        && let Some(client) = rewound(connection, serving)
    {
        bridge::run(client, bridge, serving, answer.body_mut().log()).await;
    }
}

/// Returns the connection for another protocol, which reads all that has come over it; nothing if a request still has it.
fn rewound(connection: Arc<Connection>, serving: &Serving) -> Option<Rewind> {
    let (io, first) = Arc::into_inner(connection)?.into_transport().ok()?;
    Some(Rewind::new(io, first, serving.send_timeout()))
}

/// Closes the connection behind a whole answer.
async fn close(connection: Arc<Connection>) {
    if let Some(connection) = Arc::into_inner(connection) {
        connection.close(DISCARD_LIMIT, DISCARD_TIME).await;
    }
}
