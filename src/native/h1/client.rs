//! The upstream's side: one request and its answer on a connection, which can be used again when both are whole.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::{Method, Response, StatusCode, header, request};
use tokio::io::AsyncWrite;

use super::body::{Decoder, Framing, LAST_CHUNK, begin_chunk};
use super::head::{AnswerHead, Search, Unreadable, answer};
use super::{malformed, poll_scratch, write};
use crate::native::frames::Sending;
use crate::native::io::Io;
use crate::native::pool::Home;
use crate::native::sent::Sent;
use crate::native::stream::Stream;

/// A body up to this length is copied behind its head, which is cheaper than to write two pieces.
const TOGETHER: usize = 16 * 1024;

/// Room for the head of a request.
const HEAD: usize = 1024;

/// Why there is no answer.
pub(in crate::native) struct Broken {
    pub(in crate::native) error: io::Error,
    /// Not a byte of one has come.
    pub(in crate::native) unanswered: bool,
}

/// A request that is sent, and its answer that is waited for.
pub(in crate::native) struct Exchange {
    io: Io,
    /// To be written: a head, the framing of a piece.
    out: BytesMut,
    /// To be written behind it, of the body.
    pieces: [Bytes; 3],
    /// The rest of the body.
    body: Option<Sent>,
    chunked: bool,
    /// The upstream takes nothing more. An answer may still come: it may have answered early, and closed.
    deaf: bool,
    /// Has come, and is not taken.
    buffer: BytesMut,
}

impl Exchange {
    /// Sends a request over `io` and returns when the head of its answer is there. The connection goes to `home` when all
    /// of the answer was read, if it can be used again.
    ///
    /// # Errors
    /// When the connection, or the body, breaks before.
    pub(in crate::native) async fn begin(
        io: Io,
        head: &request::Parts,
        body: Sent,
        home: &Home,
    ) -> Result<Response<Stream>, Broken> {
        let mut exchange = Box::new(Self::new(io, head, body));
        let mut search = Search::new();
        let upgrades = head.headers.contains_key(header::UPGRADE);
        let mut unanswered = true;
        let answered = loop {
            let answered = poll_fn(|context| exchange.poll_head(&mut search, context)).await;
            let answered = answered.map_err(|error| Broken {
                error,
                unanswered: unanswered && exchange.buffer.is_empty(),
            })?;
            // Others come before the answer (RFC 9110 section 15.2).
            if !answered.parts.status.is_informational() || answered.parts.status == StatusCode::SWITCHING_PROTOCOLS {
                break answered;
            }
            unanswered = false;
        };
        let status = answered.parts.status;
        let switched = status == StatusCode::SWITCHING_PROTOCOLS;
        if switched && !upgrades {
            return Err(Broken {
                error: malformed("an answer to a question that was not asked"),
                unanswered: false,
            });
        }
        let empty = head.method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let framing = if empty {
            Framing::Length(0)
        } else if switched {
            Framing::Close
        } else {
            answered.framing
        };
        let mut body = Answer {
            decoder: Decoder::new(framing),
            exchange: Some(exchange),
            home: answered.keep.then(|| (home.clone(), answered.patience)),
        };
        body.leave_if_done();
        Ok(Response::from_parts(answered.parts, Stream::Answer(body)))
    }

    fn new(io: Io, head: &request::Parts, body: Sent) -> Self {
        let length = body.length();
        let together = length.filter(|length| *length <= TOGETHER as u64);
        let mut out = BytesMut::with_capacity(HEAD + together.unwrap_or(0) as usize);
        write::request(&mut out, head, io.is_proxied());
        let has_content = matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
        match length {
            _ if head.headers.contains_key(header::CONTENT_LENGTH) => {}
            Some(0) if !has_content => {}
            Some(length) => write::field(&mut out, "content-length", length.to_string().as_bytes()),
            None => write::field(&mut out, "transfer-encoding", b"chunked"),
        }
        out.extend_from_slice(b"\r\n");
        let (mut pieces, mut rest) = (<[Bytes; 3]>::default(), None);
        match body {
            Sent::Full(whole) if together.is_some() => {
                for piece in &whole {
                    out.extend_from_slice(piece);
                }
            }
            Sent::Full(whole) => pieces = whole,
            stream @ Sent::Stream { .. } => rest = Some(stream),
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

    fn is_sent(&self) -> bool {
        self.body.is_none() && self.is_written()
    }

    fn is_written(&self) -> bool {
        self.out.is_empty() && self.pieces.iter().all(Bytes::is_empty)
    }

    /// Sends what can be sent now. Fails only where the body does.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
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

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.deaf && ready!(Pin::new(&mut self.io).poll_flush(context)).is_err() {
            self.deaf = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_head(&mut self, search: &mut Search, context: &mut Context<'_>) -> Poll<io::Result<AnswerHead>> {
        if let Poll::Ready(Err(error)) = self.poll_send(context) {
            return Poll::Ready(Err(error));
        }
        loop {
            if !self.buffer.is_empty() {
                let head = answer(search, &mut self.buffer).map_err(|unreadable| match unreadable {
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
}

/// The body of an answer. Dropping it before its end ends the request upstream.
pub(in crate::native) struct Answer {
    /// Until the body's end.
    exchange: Option<Box<Exchange>>,
    decoder: Decoder,
    /// Where the connection goes then, if it can be used again, and how long the upstream keeps it.
    home: Option<(Home, Option<Duration>)>,
}

impl Answer {
    /// Appends what has come of the body to `out`; zero at its end.
    pub(in crate::native) fn poll_fill(
        &mut self,
        out: &mut BytesMut,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
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

    /// At the body's end, gives the connection back if it can be used again.
    fn leave_if_done(&mut self) {
        if !self.decoder.is_done() {
            return;
        }
        if let (Some(exchange), Some((home, patience))) = (self.exchange.take(), self.home.take())
            && exchange.is_sent()
            && exchange.buffer.is_empty()
            && !exchange.deaf
        {
            home.welcome(exchange.io, patience);
        }
    }

    pub(in crate::native) const fn is_end(&self) -> bool {
        self.decoder.is_done()
    }

    pub(in crate::native) const fn left(&self) -> Option<u64> {
        self.decoder.left()
    }

    /// The connection behind an answer that has switched protocols, and what has come over it already.
    pub(in crate::native) fn into_parts(self) -> Option<(Io, Bytes)> {
        let exchange = self.exchange?;
        Some((exchange.io, exchange.buffer.freeze()))
    }
}
