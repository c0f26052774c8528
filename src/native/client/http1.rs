//! One request and its answer over HTTP/1.1. The connection can be used again when both are whole.
//!
//! An [`Exchange`] sends while it waits: an upstream may answer before it has read the whole request. It lives as long as the
//! answer's body, which drives what is left of the request, and gives the connection back to the pool at the end.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::{Method, Response, StatusCode, header, request};
use tokio::io::AsyncWrite;

use super::connection::Io;
use super::pool::PerHost;
use super::upload::Upload;
use crate::native::h1::{
    AnswerHead, Decoder, Framing, LAST_CHUNK, Search, Unreadable, begin_chunk, malformed, poll_scratch, read_answer,
    write_field, write_request,
};
use crate::native::receiving::Receiving;
use crate::native::sending::Sending;

/// The longest body that is copied behind its head, in bytes: below it, a copy is cheaper than two pieces.
const TOGETHER: usize = 16 * 1024;

/// Room for the head of a request, in bytes.
const HEAD: usize = 1024;

/// The reason why no answer came.
pub(super) struct Broken {
    pub(super) error: io::Error,
    /// Whether not a byte of an answer has come.
    pub(super) unanswered: bool,
}

/// A request that is sent while its answer is waited for.
struct Exchange {
    io: Io,
    /// Bytes to be written first: a head, the framing of a piece.
    out: BytesMut,
    /// Pieces of the body to be written behind them.
    pieces: [Bytes; 3],
    /// The rest of the body.
    body: Option<Upload>,
    chunked: bool,
    /// Whether the upstream takes nothing more. An answer may still come: it may have answered early, and closed.
    deaf: bool,
    /// Bytes that have come and were not taken.
    buffer: BytesMut,
}

/// Sends a request over `io` and returns when the head of its answer is there. The connection goes back to `host` when all of
/// the answer was read, if it can be used again.
///
/// # Errors
/// If the connection, or the request body, breaks before.
pub(super) async fn send(
    io: Io,
    head: &request::Parts,
    body: Upload,
    host: &PerHost,
) -> Result<Response<Answer>, Broken> {
    let mut exchange = Box::new(Exchange::new(io, head, body));
    let answered = exchange.final_head().await?;
    let status = answered.parts.status;
    if status == StatusCode::SWITCHING_PROTOCOLS && !head.headers.contains_key(header::UPGRADE) {
        return Err(Broken {
            error: malformed("an answer to a question that was not asked"),
            unanswered: false,
        });
    }
    let mut body = Answer {
        decoder: Decoder::new(framing(&head.method, &answered)),
        exchange: Some(exchange),
        host: answered.keep.then(|| (host.clone(), answered.patience)),
    };
    body.leave_if_done();
    Ok(Response::from_parts(answered.parts, body))
}

/// Returns the framing of an answer's body, which depends on the request as well (RFC 9112 section 6.3).
fn framing(method: &Method, answered: &AnswerHead) -> Framing {
    match answered.parts.status {
        _ if method == Method::HEAD => Framing::Length(0),
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => Framing::Length(0),
        StatusCode::SWITCHING_PROTOCOLS => Framing::Close,
        _ => answered.framing,
    }
}

impl Exchange {
    /// An exchange that has sent nothing yet.
    fn new(io: Io, head: &request::Parts, body: Upload) -> Self {
        let length = body.length();
        let together = length.filter(|length| *length <= TOGETHER as u64);
        let mut out = BytesMut::with_capacity(HEAD + together.unwrap_or(0) as usize);
        write_request(&mut out, head, io.is_proxied());
        let has_content = matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
        match length {
            _ if head.headers.contains_key(header::CONTENT_LENGTH) => {}
            Some(0) if !has_content => {}
            Some(length) => write_field(&mut out, "content-length", length.to_string().as_bytes()),
            None => write_field(&mut out, "transfer-encoding", b"chunked"),
        }
        out.extend_from_slice(b"\r\n");
        let (mut pieces, mut rest) = (<[Bytes; 3]>::default(), None);
        match body {
            Upload::Full(whole) if together.is_some() => {
                for piece in &whole {
                    out.extend_from_slice(piece);
                }
            }
            Upload::Full(whole) => pieces = whole,
            stream @ Upload::Stream { .. } => rest = Some(stream),
        }
        Self {
            io,
            out,
            pieces,
            body: rest,
            chunked: length.is_none(),
            deaf: false,
            buffer: BytesMut::new(),
        }
    }

    /// Waits for the head of the answer, past those of interim answers (RFC 9110 section 15.2).
    async fn final_head(&mut self) -> Result<AnswerHead, Broken> {
        let mut search = Search::new();
        let mut unanswered = true;
        loop {
            let answered = poll_fn(|context| self.poll_head(&mut search, context)).await;
            let answered = answered.map_err(|error| Broken {
                error,
                unanswered: unanswered && self.buffer.is_empty(),
            })?;
            let status = answered.parts.status;
            if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(answered);
            }
            unanswered = false;
        }
    }

    /// Sends, and returns the next head that comes.
    fn poll_head(&mut self, search: &mut Search, context: &mut Context<'_>) -> Poll<io::Result<AnswerHead>> {
        if let Poll::Ready(Err(error)) = self.poll_send(context) {
            return Poll::Ready(Err(error));
        }
        loop {
            if !self.buffer.is_empty() {
                let head = read_answer(search, &mut self.buffer).map_err(|unreadable| match unreadable {
                    Unreadable::TooLarge => malformed("the head of an answer is too large"),
                    _ => malformed("the head of an answer is malformed"),
                })?;
                if let Some(head) = head {
                    return Poll::Ready(Ok(head));
                }
            }
            let buffer = &mut self.buffer;
            let read = ready!(poll_scratch(&mut self.io, context, |bytes| {
                buffer.extend_from_slice(bytes);
                bytes.len()
            }))?;
            if read == 0 {
                let why = "connection closed before the head of an answer was whole";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, why)));
            }
        }
    }

    /// Whether the whole request was sent.
    fn is_sent(&self) -> bool {
        self.body.is_none() && self.is_written()
    }

    /// Whether everything that is here was written.
    fn is_written(&self) -> bool {
        self.out.is_empty() && self.pieces.iter().all(Bytes::is_empty)
    }

    /// Sends what can be sent now.
    ///
    /// # Errors
    /// If the request body breaks. An upstream that takes nothing more is not an error.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_write(context));
            if self.deaf {
                self.body = None;
            }
            let Some(body) = &mut self.body else {
                // Frees what they were part of.
                (self.out, self.pieces) = Default::default();
                return self.poll_flush(context);
            };
            match body.poll_piece(context) {
                Poll::Pending => {
                    ready!(self.poll_flush(context))?;
                    return Poll::Pending;
                }
                Poll::Ready(Some(piece)) => {
                    let piece = piece?;
                    if self.chunked {
                        begin_chunk(&mut self.out, piece.len());
                        self.out.extend_from_slice(&piece);
                        self.out.extend_from_slice(b"\r\n");
                    } else {
                        self.pieces[0] = piece;
                    }
                }
                Poll::Ready(None) => {
                    if self.chunked {
                        self.out.extend_from_slice(LAST_CHUNK);
                    }
                    self.body = None;
                }
            }
        }
    }

    /// Writes everything that is to be written, or finds the upstream deaf.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while !(self.deaf || self.is_written()) {
            let io = Pin::new(&mut self.io);
            let [first, second, third] = &self.pieces;
            let written = if first.is_empty() && second.is_empty() && third.is_empty() {
                io.poll_write(context, &self.out)
            } else {
                let slices = [&self.out, &**first, second, third].map(IoSlice::new);
                io.poll_write_vectored(context, &slices)
            };
            match ready!(written) {
                Ok(mut written @ 1..) => {
                    let ahead = written.min(self.out.len());
                    self.out.advance(ahead);
                    written -= ahead;
                    for piece in &mut self.pieces {
                        let gone = written.min(piece.len());
                        piece.advance(gone);
                        written -= gone;
                    }
                }
                Ok(0) | Err(_) => self.deaf = true,
            }
        }
        Poll::Ready(())
    }

    /// Lets what was written go out, or finds the upstream deaf.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.deaf && ready!(Pin::new(&mut self.io).poll_flush(context)).is_err() {
            self.deaf = true;
        }
        Poll::Ready(Ok(()))
    }
}

/// The body of an answer. Dropping it before its end ends the request upstream.
pub(crate) struct Answer {
    /// The connection, until the body's end.
    exchange: Option<Box<Exchange>>,
    decoder: Decoder,
    /// The host to which the connection goes back then, if it can be used again, and how long the upstream keeps it.
    host: Option<(PerHost, Option<Duration>)>,
}

impl Answer {
    /// Gives the connection back at the body's end, if it can be used again.
    fn leave_if_done(&mut self) {
        if !self.decoder.is_done() {
            return;
        }
        if let (Some(exchange), Some((host, patience))) = (self.exchange.take(), self.host.take())
            && exchange.is_sent()
            && exchange.buffer.is_empty()
            && !exchange.deaf
        {
            host.put_back(exchange.io, patience);
        }
    }

    /// Returns the connection behind an answer that has switched protocols, and the bytes that have come over it already.
    pub(super) fn into_io(self) -> Option<(Io, Bytes)> {
        let exchange = self.exchange?;
        Some((exchange.io, exchange.buffer.freeze()))
    }
}

impl Receiving for Answer {
    fn poll_fill(&mut self, out: &mut BytesMut, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let before = out.len();
        while let Some(exchange) = &mut self.exchange
            && out.len() == before
        {
            if !exchange.is_sent()
                && let Poll::Ready(Err(error)) = exchange.poll_send(context)
            {
                return Poll::Ready(Err(error));
            }
            let decoder = &mut self.decoder;
            let (buffer, io) = (&mut exchange.buffer, &mut exchange.io);
            if buffer.is_empty() {
                let read = ready!(poll_scratch(io, context, |bytes| {
                    let taken = decoder.decode(bytes, out)?;
                    buffer.extend_from_slice(&bytes[taken..]);
                    Ok::<_, io::Error>(bytes.len())
                }))??;
                if read == 0 {
                    decoder.end()?;
                }
            } else {
                let taken = decoder.decode(buffer, out)?;
                buffer.advance(taken);
                if buffer.is_empty() {
                    *buffer = BytesMut::new();
                }
            }
            self.leave_if_done();
        }
        Poll::Ready(Ok(out.len() - before))
    }

    fn is_end(&self) -> bool {
        self.decoder.is_done()
    }

    fn left(&self) -> Option<u64> {
        self.decoder.left()
    }
}
