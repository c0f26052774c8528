//! The client's side: requests in, answers out, one after the other.

use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version, header};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::body::begin_chunk;
use super::connection::{Begun, Connection, RequestBody};
use super::head::{RequestHead, Unreadable};
use super::write;
use crate::error::{Error, Kind};
use crate::native::alarm::Alarm;
use crate::native::boxed;
use crate::native::frames::Sending;
use crate::native::http2;
use crate::native::outgoing::Outgoing;
use crate::native::serve::Serving;
use crate::native::socket;
use crate::native::stream::Stream;

/// How long a head may take.
pub(in crate::native) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection is kept for another request.
const KEPT: Duration = Duration::from_secs(75);

/// Room for the head of an answer.
const HEAD: usize = 1024;

/// Serves a client's connection until one of both sides ends it.
///
/// What most connections never do is boxed: a connection has room in memory for the largest thing that it may do.
pub(in crate::native) async fn serve(io: TcpStream, serving: Serving) {
    let connection = Arc::new(Connection::new(io, serving.send_timeout()));
    let mut alarm = Alarm::new(HEAD_TIMEOUT);
    let mut patience = HEAD_TIMEOUT;
    loop {
        let head = match begun(&connection, &mut alarm, patience).await {
            Ok(Begun::Request(head)) => *head,
            Ok(Begun::Http2) => {
                if let Some(connection) = Arc::into_inner(connection)
                    && let Ok(io) = connection.into_io()
                {
                    boxed(|| http2::serve(io, &serving)).await;
                }
                return;
            }
            Ok(Begun::Closed) => return,
            Err(unreadable) => {
                let mut answer = serving.refuse(explained(unreadable));
                let responded = respond(&connection, &mut answer, &Terms::LAST, &serving).await;
                drop(answer);
                if responded.is_ok()
                    && let Some(connection) = Arc::into_inner(connection)
                {
                    boxed(|| connection.close()).await;
                }
                return;
            }
        };
        let terms = Terms::of(&head);
        let body = Stream::Request(RequestBody(Arc::clone(&connection)));
        let answer = {
            // Boxed, so that a connection holds no room for a request while it serves none.
            let mut answer = boxed(|| serving.answer(Request::from_parts(head.parts, body)));
            poll_fn(|context| match answer.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending => connection.poll_left(context).map(|()| None),
            })
            .await
        };
        let Some(mut answer) = answer else { return };
        if let Some(socket) = answer.body_mut().take_socket() {
            let mut out = BytesMut::new();
            write::answer(&mut out, answer.status(), answer.headers());
            out.extend_from_slice(b"\r\n");
            if connection.write([&out, &[], &[]]).await.is_ok()
                && let Some(connection) = Arc::into_inner(connection)
                && let Ok(client) = connection.into_io()
                && let Stream::Answer(upstream) = socket.stream
                && let Some(upstream) = upstream.into_parts()
            {
                let log = answer.body_mut().log();
                boxed(|| socket::join(client, upstream, socket.idle_timeout, log)).await;
            }
            return;
        }
        let responded = respond(&connection, &mut answer, &terms, &serving).await;
        if responded.is_err() {
            answer.body_mut().lost(0, true);
        }
        // Before the connection is closed, which may take as long as its client likes.
        drop(answer);
        match responded {
            Ok(true) => {}
            Ok(false) => {
                if let Some(connection) = Arc::into_inner(connection) {
                    boxed(|| connection.close()).await;
                }
                return;
            }
            Err(_) => {
                // In one piece: its halves would say goodbye.
                drop(Arc::into_inner(connection).map(Connection::into_io));
                return;
            }
        }
        patience = KEPT;
    }
}

/// Waits for a request: for `patience` until it begins, and then for its head.
async fn begun(connection: &Connection, alarm: &mut Alarm, patience: Duration) -> Result<Begun, Unreadable> {
    let (mut limit, mut waits_for_head) = (None, false);
    poll_fn(|context| {
        if let Poll::Ready(begun) = connection.poll_begun(context) {
            return Poll::Ready(begun);
        }
        if !waits_for_head && connection.has_begun() {
            waits_for_head = true;
            limit = Some(Instant::now() + HEAD_TIMEOUT);
        }
        let limit = *limit.get_or_insert_with(|| Instant::now() + patience);
        alarm.poll(limit, context).map(|()| {
            if waits_for_head {
                Err(Unreadable::Slow)
            } else {
                Ok(Begun::Closed)
            }
        })
    })
    .await
}

fn explained(unreadable: Unreadable) -> Error {
    match unreadable {
        Unreadable::TooLarge => Error::new(
            Kind::HeadersTooLarge,
            "The request's headers are too large or too many; send fewer or shorter ones.",
        ),
        Unreadable::Malformed => Error::new(
            Kind::MalformedRequest,
            "The request is not well-formed HTTP; look for control characters and bare line feeds in its headers, and for its length.",
        ),
        Unreadable::NoHost => no_host(),
        Unreadable::TwoLengths => Error::new(
            Kind::MalformedRequest,
            "The request has both Transfer-Encoding and Content-Length; send one of them.",
        ),
        Unreadable::Slow => Error::new(
            Kind::RequestTimeout,
            "The request's headers stopped arriving; send it again.",
        ),
    }
}

/// The refusal of a request that names no host, or several.
pub(in crate::native) fn no_host() -> Error {
    Error::new(
        Kind::MalformedRequest,
        "The request does not say in one way which host it is for; send one Host header, with a name or an address.",
    )
}

/// What of a request decides how it is answered.
struct Terms {
    head_only: bool,
    old: bool,
    keep: bool,
}

impl Terms {
    /// For an answer behind which the connection is closed.
    const LAST: Self = Self {
        head_only: false,
        old: false,
        keep: false,
    };

    fn of(head: &RequestHead) -> Self {
        Self {
            head_only: head.parts.method == Method::HEAD,
            old: head.parts.version == Version::HTTP_10,
            keep: head.keep,
        }
    }
}

/// How the answer's body is written.
enum Written {
    Not,
    Plain,
    Chunked,
}

/// Writes an answer. Whether the connection can serve another request.
async fn respond(
    connection: &Connection,
    answer: &mut Response<Outgoing>,
    terms: &Terms,
    serving: &Serving,
) -> io::Result<bool> {
    let mut keep = terms.keep && connection.is_body_read() && !serving.is_stopping();
    let mut out = BytesMut::with_capacity(HEAD);
    out.extend_from_slice(connection.answers());
    let status = answer.status();
    write::answer(&mut out, status, answer.headers());
    let bare = status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let announced = answer.headers().contains_key(header::CONTENT_LENGTH);
    // A stream may last: what is written is not kept.
    *answer.headers_mut() = HeaderMap::new();
    let body = answer.body_mut();
    let written = if bare {
        Written::Not
    } else if announced {
        Written::Plain
    } else if let Some(length) = body.length() {
        write::field(&mut out, "content-length", length.to_string().as_bytes());
        Written::Plain
    } else if terms.old {
        keep = false;
        Written::Plain
    } else {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
        Written::Chunked
    };
    let written = if terms.head_only { Written::Not } else { written };
    if !keep {
        out.extend_from_slice(b"connection: close\r\n");
    } else if terms.old {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
    if matches!(written, Written::Not) {
        body.skip();
    }
    let mut first = true;
    loop {
        let (piece, ended) = match next(connection, body, !first).await {
            Next::Piece(Ok(piece)) => (piece, body.is_end()),
            Next::Piece(Err(error)) => {
                if terms.old && !announced {
                    // The end of the connection would be that of the body.
                    connection.reset();
                }
                return Err(error);
            }
            Next::End => (Bytes::new(), true),
            Next::Nothing => (Bytes::new(), false),
            Next::Left => return Err(io::ErrorKind::ConnectionAborted.into()),
        };
        let tail: &[u8] = match (&written, piece.is_empty(), ended) {
            (Written::Chunked, false, false) => b"\r\n",
            (Written::Chunked, false, true) => b"\r\n0\r\n\r\n",
            (Written::Chunked, true, true) => b"0\r\n\r\n",
            _ => b"",
        };
        if matches!(written, Written::Chunked) && !piece.is_empty() {
            begin_chunk(&mut out, piece.len());
        }
        connection.write([&out, &piece, tail]).await?;
        if ended {
            return Ok(keep);
        }
        if std::mem::take(&mut first) {
            out = BytesMut::new();
        }
        out.clear();
    }
}

enum Next {
    Piece(io::Result<Bytes>),
    End,
    /// Nothing yet.
    Nothing,
    /// The client has left.
    Left,
}

/// The next piece of a body. `wait`: the head has gone out, so that nothing else is to be written meanwhile.
async fn next(connection: &Connection, body: &mut Outgoing, wait: bool) -> Next {
    poll_fn(|context| match body.poll_piece(context) {
        Poll::Ready(Some(piece)) => Poll::Ready(Next::Piece(piece)),
        Poll::Ready(None) => Poll::Ready(Next::End),
        Poll::Pending if wait => connection.poll_left(context).map(|()| Next::Left),
        Poll::Pending => Poll::Ready(Next::Nothing),
    })
    .await
}
