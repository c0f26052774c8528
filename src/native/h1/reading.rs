//! The half of a client's connection that is read: heads, one after the other, and the body of each request.
//!
//! It is a machine that is polled by whoever holds it. [`Connection`](super::connection) puts it behind a lock, since the task
//! that serves and the reader of a body share it; the rules for both stand there.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::body::{Decoder, Framing};
use super::head::{HEAD_BUFFER, PREFACE, RequestHead, Search, Unreadable, read_request};
use super::scratch::{READ, poll_scratch};
use super::transport::Writer;

/// The interim answer to a client that sends its body only when it may (RFC 9110 section 10.1.1).
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The thing that a client begins with.
pub(crate) enum Arrival {
    /// A request, whose body may still be on its way.
    Request(Box<RequestHead>),
    /// The preface of HTTP/2. It is still to be read.
    Http2,
    /// The end of the connection.
    Closed,
}

/// The half of a connection that is read, and all that belongs to it.
pub(super) struct Reading<R> {
    reader: R,
    /// Bytes that have come and were not taken.
    buffer: BytesMut,
    search: Search,
    /// Whether all that has come may be the preface of HTTP/2, with which a connection begins or never (RFC 9113 section 3.4).
    may_be_http2: bool,
    /// The decoder of the current request's body.
    body: Decoder,
    /// The rest of an interim answer, without which the client may not send the body.
    interim: &'static [u8],
    /// The task that serves the connection, while somebody else may be reading the body.
    server: Option<Waker>,
}

impl<R: AsyncRead + Unpin> Reading<R> {
    /// A half from which nothing was read.
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: BytesMut::new(),
            search: Search::new(),
            may_be_http2: true,
            body: Decoder::strict(Framing::Length(0)),
            interim: b"",
            server: None,
        }
    }

    /// Reads until it is known what the client begins with.
    ///
    /// # Errors
    /// If that is not a head, or a head that is refused.
    pub(super) fn poll_arrival(&mut self, context: &mut Context<'_>) -> Poll<Result<Arrival, Unreadable>> {
        loop {
            if self.may_be_http2 && self.buffer.starts_with(PREFACE) {
                return Poll::Ready(Ok(Arrival::Http2));
            }
            // The preface looks like a request, so more is waited for while it may become one.
            self.may_be_http2 &= PREFACE.starts_with(&self.buffer);
            if !self.may_be_http2
                && let Some(head) = read_request(&mut self.search, &mut self.buffer)?
            {
                self.body = Decoder::strict(head.framing);
                self.interim = if head.expects { CONTINUE } else { b"" };
                return Poll::Ready(Ok(Arrival::Request(Box::new(head))));
            }
            match ready!(self.poll_more(context)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(Ok(Arrival::Closed)),
            }
        }
    }

    /// Whether a part of a head has come.
    pub(super) fn has_partial_head(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Returns the path of the request whose head has begun, as far as its first line has come; nothing where it does not say one.
    pub(super) fn begun_path(&self) -> Option<String> {
        let line = self.buffer[..].split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
        let target = line.split(|byte| *byte == b' ').nth(1)?;
        let path = target.split(|byte| *byte == b'?').next()?;
        String::from_utf8(path.to_vec()).ok()
    }

    /// Waits until the client leaves. Meanwhile what it sends next is kept, up to a limit.
    pub(super) fn poll_client_left(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.body.is_done() {
            // Only the reader of the body may read now, and it notices when the client leaves.
            let task = context.waker();
            if self.server.as_ref().is_none_or(|server| !server.will_wake(task)) {
                self.server = Some(task.clone());
            }
            return Poll::Pending;
        }
        while self.buffer.len() < HEAD_BUFFER {
            match ready!(self.poll_more(context)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    /// Whether all of the request's body was read.
    pub(super) const fn is_body_read(&self) -> bool {
        self.body.is_done()
    }

    /// Returns how many bytes of the body are still to come, if the client has said it.
    pub(super) const fn body_left(&self) -> Option<u64> {
        self.body.left()
    }

    /// Ends the interim answer. Returns the rest of it, if a part has gone out.
    pub(super) fn end_interim(&mut self) -> &'static [u8] {
        let interim = std::mem::take(&mut self.interim);
        if interim.len() < CONTINUE.len() { interim } else { b"" }
    }

    /// Appends the bytes of the body that have come to `out`, and returns their number; zero at its end. A client that waits for
    /// leave to send the body gets it over `writer`.
    ///
    /// # Errors
    /// If the body's framing is wrong, or the connection ends or breaks within it.
    pub(super) fn poll_body(
        &mut self,
        writer: &impl Writer,
        out: &mut BytesMut,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let before = out.len();
        while !self.body.is_done() && out.len() == before {
            if !self.buffer.is_empty() {
                let read = self.body.decode(&self.buffer, out)?;
                self.buffer.advance(read);
                continue;
            }
            self.write_interim(writer, context)?;
            let has_room = out.capacity() > out.len();
            let read = match self.body.left() {
                // A large body goes where it is wanted without a detour.
                Some(left) if has_room && left >= READ as u64 => ready!(self.poll_straight(out, left, context)),
                _ => ready!(self.poll_more(context)),
            }?;
            if read == 0 {
                self.body.end()?;
            }
        }
        let task = context.waker();
        if self.body.is_done()
            && let Some(server) = self.server.take()
            && !server.will_wake(task)
        {
            server.wake();
        }
        Poll::Ready(Ok(out.len() - before))
    }

    /// Writes as much of an interim answer as there is room for. The rest follows when there is more room: the body may come all
    /// the same.
    fn write_interim(&mut self, writer: &impl Writer, context: &mut Context<'_>) -> io::Result<()> {
        while !self.interim.is_empty() {
            match writer.try_write(self.interim) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if writer.poll_room(context)?.is_pending() {
                        break;
                    }
                }
                written => self.interim = &self.interim[written?..],
            }
        }
        Ok(())
    }

    /// Appends the bytes that have come to the buffer, and returns their number; zero at the end of the connection.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let buffer = &mut self.buffer;
        poll_scratch(&mut self.reader, context, |bytes| {
            buffer.extend_from_slice(bytes);
            bytes.len()
        })
    }

    /// Reads bytes of a body into the room that `out` has, which must not be empty: `left` of them at most. Returns their number.
    fn poll_straight(&mut self, out: &mut BytesMut, left: u64, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let room = (out.capacity() - out.len()).min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut room = (&mut *out).limit(room);
        // A future that keeps nothing between two polls.
        let read = ready!(pin!(self.reader.read_buf(&mut room)).poll(context));
        Poll::Ready(read.inspect(|read| self.body.skip(*read as u64)))
    }

    /// Reads past all that the client sends, up to `limit` bytes, or until it ends or breaks the connection.
    pub(super) fn poll_discard(&mut self, limit: &mut usize, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match ready!(poll_scratch(&mut self.reader, context, <[u8]>::len)) {
                Ok(read @ 1..) if read < *limit => *limit -= read,
                _ => return Poll::Ready(()),
            }
        }
    }

    /// Returns the half, and the bytes that have come and were not taken.
    pub(super) fn into_parts(self) -> (R, Bytes) {
        (self.reader, self.buffer.freeze())
    }
}
