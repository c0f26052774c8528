//! A client's connection, as the task that serves it and the body of its request see it.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::body::{Decoder, Framing};
use super::head::{PREFACE, RequestHead, Search, Unreadable, request};
use super::{HEAD_BUFFER, READ, SCRATCH, poll_scratch};
use crate::native::client_io::{ClientIo, given_up, write_past};
use crate::native::{DISCARD_LIMIT, DISCARD_TIME, boxed};

/// What is written at once as one piece.
const TOGETHER: usize = 8 * 1024;

/// What a client waits for that sends a body only when it may (RFC 9110 section 10.1.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A client's connection.
pub(super) struct Connection {
    to: OwnedWriteHalf,
    /// How long the client may take nothing of what is written.
    patience: Duration,
    /// It has taken less in that time than tokio hears of.
    slow: AtomicBool,
    reading: Mutex<Reading>,
}

struct Reading {
    from: OwnedReadHalf,
    /// Has come, and is not taken.
    buffer: BytesMut,
    search: Search,
    /// Of the request that is served.
    body: Decoder,
    /// What is still to be written so that a client which waits for it sends the body.
    interim: &'static [u8],
    /// The task that serves the connection, while somebody else may be reading the body.
    server: Option<Waker>,
}

impl Reading {
    /// Writes what there is room for of an interim answer. The rest follows when there is more: meanwhile the body may come all
    /// the same.
    fn write_interim(&mut self, to: &OwnedWriteHalf, context: &mut Context<'_>) -> io::Result<()> {
        while !self.interim.is_empty() {
            match to.try_write(self.interim) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if to.as_ref().poll_write_ready(context)?.is_pending() {
                        break;
                    }
                }
                written => self.interim = &self.interim[written?..],
            }
        }
        Ok(())
    }
}

/// What begins on a connection.
pub(super) enum Begun {
    Request(Box<RequestHead>),
    Http2,
    /// The client has closed it.
    Closed,
}

impl Connection {
    pub(super) fn new(io: TcpStream, patience: Duration) -> Self {
        let (from, to) = io.into_split();
        Self {
            to,
            patience,
            slow: AtomicBool::new(false),
            reading: Mutex::new(Reading {
                from,
                buffer: BytesMut::new(),
                search: Search::new(),
                body: Decoder::strict(Framing::Length(0)),
                interim: b"",
                server: None,
            }),
        }
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads until a head is whole.
    pub(super) fn poll_begun(&self, context: &mut Context<'_>) -> Poll<Result<Begun, Unreadable>> {
        let mut reading = self.reading();
        let reading = &mut *reading;
        loop {
            let buffer = &mut reading.buffer;
            if buffer.starts_with(PREFACE) {
                return Poll::Ready(Ok(Begun::Http2));
            }
            if !PREFACE.starts_with(buffer)
                && let Some(head) = request(&mut reading.search, buffer)?
            {
                reading.body = Decoder::strict(head.framing);
                reading.interim = if head.expects { CONTINUE } else { b"" };
                return Poll::Ready(Ok(Begun::Request(Box::new(head))));
            }
            match ready!(poll_more(&mut reading.from, buffer, context)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(Ok(Begun::Closed)),
            }
        }
    }

    /// Whether a part of a head has come.
    pub(super) fn has_begun(&self) -> bool {
        !self.reading().buffer.is_empty()
    }

    /// Ready when the client has left. Meanwhile what it sends next is kept, up to a limit.
    pub(super) fn poll_left(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut reading = self.reading();
        let reading = &mut *reading;
        if !reading.body.is_done() {
            // Whoever reads the body is told.
            if reading
                .server
                .as_ref()
                .is_none_or(|server| !server.will_wake(context.waker()))
            {
                reading.server = Some(context.waker().clone());
            }
            return Poll::Pending;
        }
        while reading.buffer.len() < HEAD_BUFFER {
            match ready!(poll_more(&mut reading.from, &mut reading.buffer, context)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    /// Whether all of the request's body was read. What is left over belongs to nobody.
    pub(super) fn is_body_read(&self) -> bool {
        self.reading().body.is_done()
    }

    /// To be called when the answer begins: the client need not be told any more that it may send the body. What has to go out
    /// before the answer, where that has been told in part.
    pub(super) fn answers(&self) -> &'static [u8] {
        let interim = std::mem::take(&mut self.reading().interim);
        if interim.len() < CONTINUE.len() { interim } else { b"" }
    }

    /// Writes all of `pieces`, in as few calls as the operating system allows.
    ///
    /// # Errors
    /// Also where the client takes nothing for too long.
    pub(super) async fn write(&self, mut pieces: [&[u8]; 3]) -> io::Result<()> {
        while pieces.iter().any(|piece| !piece.is_empty()) {
            let mut written = match self.try_write(&pieces) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                // Boxed: most clients read as fast as they are written to.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => boxed(|| self.room(&pieces)).await?,
                written => written?,
            };
            for piece in &mut pieces {
                let gone = written.min(piece.len());
                piece.advance(gone);
                written -= gone;
            }
        }
        Ok(())
    }

    /// Waits for room in the socket. How much was written meanwhile.
    async fn room(&self, pieces: &[&[u8]; 3]) -> io::Result<usize> {
        let write_past = || {
            let first = pieces.iter().find(|piece| !piece.is_empty())?;
            let written = write_past(self.to.as_ref(), first);
            self.slow.store(written.is_some(), Ordering::Relaxed);
            written
        };
        if self.slow.load(Ordering::Relaxed)
            && let Some(written) = write_past()
        {
            return Ok(written);
        }
        match tokio::time::timeout(self.patience, self.to.writable()).await {
            Ok(room) => room.map(|()| 0),
            Err(_) => write_past().ok_or_else(|| given_up(self.to.as_ref())),
        }
    }

    fn try_write(&self, pieces: &[&[u8]; 3]) -> io::Result<usize> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        if length > TOGETHER {
            return self.to.try_write_vectored(&pieces.map(IoSlice::new));
        }
        // To copy a little costs less than to have the operating system collect it.
        SCRATCH.with_borrow_mut(|scratch| {
            let mut end = 0;
            for piece in pieces {
                scratch[end..end + piece.len()].copy_from_slice(piece);
                end += piece.len();
            }
            self.to.try_write(&scratch[..length])
        })
    }

    /// The socket in one piece, with what has come over it already.
    pub(super) fn into_io(self) -> io::Result<ClientIo> {
        let reading = self.reading.into_inner().unwrap_or_else(PoisonError::into_inner);
        let io = reading.from.reunite(self.to).map_err(io::Error::other)?;
        Ok(ClientIo::new(io, reading.buffer.freeze(), self.patience))
    }

    /// Lets the connection break when it is dropped, rather than end.
    pub(super) fn reset(&self) {
        let _ = self.to.as_ref().set_zero_linger();
    }

    /// Closes it, and reads past what the client still sends: otherwise it may never get to read the answer.
    pub(super) async fn close(mut self) {
        if self.to.shutdown().await.is_err() {
            return;
        }
        let from = &mut self.reading.get_mut().unwrap_or_else(PoisonError::into_inner).from;
        let mut left = DISCARD_LIMIT;
        let discarding = poll_fn(|context| {
            while let Poll::Ready(read) = poll_scratch(from, context, <[u8]>::len) {
                match read {
                    Ok(read @ 1..) if read < left => left -= read,
                    _ => return Poll::Ready(()),
                }
            }
            Poll::Pending
        });
        let _ = tokio::time::timeout(DISCARD_TIME, discarding).await;
    }
}

/// Appends what has come to `buffer`.
fn poll_more(from: &mut OwnedReadHalf, buffer: &mut BytesMut, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
    poll_scratch(from, context, |bytes| {
        buffer.extend_from_slice(bytes);
        bytes.len()
    })
}

/// Reads into the room that `out` has, at most `left` bytes.
fn poll_straight(
    from: &OwnedReadHalf,
    out: &mut BytesMut,
    left: u64,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let room = (out.capacity() - out.len()).min(usize::try_from(left).unwrap_or(usize::MAX));
    loop {
        match from.try_read_buf(&mut (&mut *out).limit(room)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                ready!(from.as_ref().poll_read_ready(context))?;
            }
            read => return Poll::Ready(read),
        }
    }
}

/// The body of the request that a connection serves. It can be read by whoever has it, in any task.
pub(in crate::native) struct RequestBody(pub(super) Arc<Connection>);

impl RequestBody {
    /// Appends what has come of the body to `out`; zero at its end.
    pub(in crate::native) fn poll_fill(
        &mut self,
        out: &mut BytesMut,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let connection = &*self.0;
        let mut reading = connection.reading();
        let before = out.len();
        while !reading.body.is_done() && out.len() == before {
            let Reading { buffer, body, .. } = &mut *reading;
            if !buffer.is_empty() {
                let read = body.decode(buffer, out)?;
                buffer.advance(read);
                continue;
            }
            reading.write_interim(&connection.to, context)?;
            let Reading { from, buffer, body, .. } = &mut *reading;
            let room = out.capacity() - out.len();
            let read = match body.left() {
                // A large body goes where it is wanted without a detour.
                Some(left) if room > 0 && left >= READ as u64 => {
                    ready!(poll_straight(from, out, left, context)).inspect(|read| body.skip(*read as u64))
                }
                _ => ready!(poll_more(from, buffer, context)),
            }?;
            if read == 0 {
                body.end()?;
            }
        }
        let reader = context.waker();
        if reading.body.is_done()
            && let Some(server) = reading.server.take()
            && !server.will_wake(reader)
        {
            server.wake();
        }
        Poll::Ready(Ok(out.len() - before))
    }

    pub(in crate::native) fn is_end(&self) -> bool {
        self.0.is_body_read()
    }

    /// The length of what is to come, if the client has said it.
    pub(in crate::native) fn left(&self) -> Option<u64> {
        self.0.reading().body.left()
    }
}

#[cfg(test)]
mod tests;
