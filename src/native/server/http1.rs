//! An answer over HTTP/1.1: its head, and the framing of its body (RFC 9112 sections 6 and 9).

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Response, StatusCode, Version, header};
use tokio::net::TcpStream;

use super::outgoing::Outgoing;
use crate::native::h1::{self, RequestHead, begin_chunk, write_answer, write_field};
use crate::native::sending::Sending;

/// Room for the head of an answer, in bytes.
const HEAD: usize = 1024;

/// A client's connection.
pub(super) type Connection = h1::Connection<TcpStream>;

/// The facts of a request that decide how its answer is written.
pub(super) struct Terms {
    /// Whether the answer has no body, whatever its head says.
    head_only: bool,
    /// Whether the client speaks HTTP/1.0, which knows no chunks.
    old: bool,
    /// Whether the client would like to use the connection again.
    keep: bool,
}

impl Terms {
    /// The terms of an answer behind which the connection is closed.
    pub(super) const LAST: Self = Self {
        head_only: false,
        old: false,
        keep: false,
    };

    /// The terms of the answer to this request.
    pub(super) fn of(head: &RequestHead) -> Self {
        Self {
            head_only: head.parts.method == Method::HEAD,
            old: head.parts.version == Version::HTTP_10,
            keep: head.keep,
        }
    }
}

/// The form in which a body is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Absent,
    /// Unchanged: its length, or the end of the connection, says where it ends.
    Plain,
    Chunked,
}

impl Form {
    /// Appends what comes before a piece of a body to `out`, and returns what comes behind it. `ended`: whether no piece follows.
    fn frame(self, out: &mut BytesMut, piece: &[u8], ended: bool) -> &'static [u8] {
        if self != Self::Chunked {
            return b"";
        }
        if !piece.is_empty() {
            begin_chunk(out, piece.len());
        }
        match (piece.is_empty(), ended) {
            (false, false) => b"\r\n",
            (false, true) => b"\r\n0\r\n\r\n",
            (true, true) => b"0\r\n\r\n",
            (true, false) => b"",
        }
    }
}

/// Writes an answer, and returns whether the connection can serve another request.
///
/// # Errors
/// If the answer did not go out whole: its body broke, the client left, or it took nothing for too long.
pub(super) async fn respond(
    connection: &Connection,
    answer: &mut Response<Outgoing>,
    terms: &Terms,
    is_stopping: bool,
) -> io::Result<bool> {
    let mut keep = terms.keep && connection.is_body_read() && !is_stopping;
    let mut out = BytesMut::with_capacity(HEAD);
    out.extend_from_slice(connection.begin_answer());
    let announced = answer.headers().contains_key(header::CONTENT_LENGTH);
    let form = write_head(&mut out, answer, terms, &mut keep);
    // A stream may last: what is written is not kept.
    *answer.headers_mut() = HeaderMap::new();
    let body = answer.body_mut();
    if form == Form::Absent {
        body.skip();
    }
    let mut is_first = true;
    loop {
        let (piece, ended) = match next(connection, body, !is_first).await {
            Next::Piece(Ok(piece)) => (piece, body.is_end()),
            Next::Piece(Err(error)) => {
                if terms.old && !announced {
                    // The end of the connection would be that of the body.
                    connection.break_on_drop();
                }
                return Err(error);
            }
            Next::End => (Bytes::new(), true),
            Next::Nothing => (Bytes::new(), false),
            Next::Left => return Err(io::ErrorKind::ConnectionAborted.into()),
        };
        let tail = form.frame(&mut out, &piece, ended);
        connection.write([&out, &piece, tail]).await?;
        if ended {
            return Ok(keep);
        }
        // The head's room is given back: what follows needs a few bytes.
        if std::mem::take(&mut is_first) {
            out = BytesMut::new();
        }
        out.clear();
    }
}

/// Appends the head of an answer to `out`, and returns how its body is written. `keep`: whether the connection is to be used
/// again, which an answer may rule out.
fn write_head(out: &mut BytesMut, answer: &Response<Outgoing>, terms: &Terms, keep: &mut bool) -> Form {
    let status = answer.status();
    write_answer(out, status, answer.headers());
    let form = if status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        Form::Absent
    } else if answer.headers().contains_key(header::CONTENT_LENGTH) {
        Form::Plain
    } else if let Some(length) = answer.body().length() {
        write_field(out, "content-length", length.to_string().as_bytes());
        Form::Plain
    } else if terms.old {
        *keep = false;
        Form::Plain
    } else {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
        Form::Chunked
    };
    if !*keep {
        out.extend_from_slice(b"connection: close\r\n");
    } else if terms.old {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
    if terms.head_only { Form::Absent } else { form }
}

/// The next part of a body.
enum Next {
    Piece(io::Result<Bytes>),
    End,
    /// No piece yet.
    Nothing,
    /// No piece any more: the client has left.
    Left,
}

/// Returns the next part of a body. `wait`: whether to wait for it. The head waits for nothing: it goes out with the first
/// piece if that is there.
async fn next(connection: &Connection, body: &mut Outgoing, wait: bool) -> Next {
    poll_fn(|context| match body.poll_piece(context) {
        Poll::Ready(Some(piece)) => Poll::Ready(Next::Piece(piece)),
        Poll::Ready(None) => Poll::Ready(Next::End),
        Poll::Pending if wait => connection.poll_client_left(context).map(|()| Next::Left),
        Poll::Pending => Poll::Ready(Next::Nothing),
    })
    .await
}
