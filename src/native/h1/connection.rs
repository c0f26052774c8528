//! A client's connection of HTTP/1.1. Two parties share it: the task that serves it, and the reader of the request's body. They
//! are one task when the body is collected or sent on over HTTP/1.1, and two when it is sent on over HTTP/2, which has a task of
//! its own for each connection.
//!
//! # Order of calls
//!
//! For each request, the task that serves calls:
//!
//! 1. [`Connection::poll_arrival`] until it is ready. [`Connection::has_partial_head`] says meanwhile which time limit holds:
//!    the one for a next request, or the one for the rest of a head. With [`Arrival::Http2`] the connection leaves this
//!    protocol: [`Connection::into_transport`] returns it with the bytes that came.
//! 2. [`RequestBody::new`], for whoever is to read the body. Nobody has to.
//! 3. [`Connection::poll_client_left`] while the answer is made. When it is ready, nobody waits for the answer any more.
//! 4. [`Connection::is_body_read`], which says whether another request may follow, and then [`Connection::begin_answer`], once.
//!    The bytes that this returns are written first.
//! 5. [`Connection::write`] as often as needed, and [`Connection::poll_client_left`] while there is nothing to write.
//! 6. Step 1 again, if another request may follow. Otherwise [`Connection::close`] if the answer went out whole, or
//!    [`Connection::abandon`] if it did not.
//!
//! # Contract
//!
//! - The half that is read is behind a mutex, which is never held across an await. The half that is written belongs to the task
//!   that serves. The reader of a body writes nothing with it except `100 Continue`, and nothing after
//!   [`Connection::begin_answer`].
//! - One task is woken for each half. While a body is unread, its reader waits for bytes, and the task that serves waits for the
//!   reader: whoever reads the last byte of the body wakes it, so that it notices when the client leaves.
//! - The bytes that a client sends behind a request (pipelining) are kept for the next one, up to the largest head. Beyond it
//!   nothing is read, and a client that leaves is noticed at the next write only.
//! - Between two reads a connection holds nothing except bytes that have come and were not taken.
//! - A write fails if the client takes nothing for the send timeout. Such a connection breaks when it is dropped.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};

use super::head::Unreadable;
use super::reading::{Arrival, Reading};
use super::scratch::SCRATCH;
use super::transport::{Transport, Writer};

/// The most that is copied into one piece to be written, in bytes.
const TOGETHER: usize = 8 * 1024;

/// A client's connection.
pub(crate) struct Connection<T: Transport> {
    writer: T::Writer,
    /// The time in which the client may take nothing of what is written.
    send_timeout: Duration,
    /// Whether it has taken less in that time than the runtime hears of.
    is_slow: AtomicBool,
    reading: Mutex<Reading<T::Reader>>,
}

impl<T: Transport> Connection<T> {
    /// A connection on which nothing was read. `send_timeout`: the time in which the client may take nothing of what is written.
    pub(crate) fn new(transport: T, send_timeout: Duration) -> Self {
        let (reader, writer) = transport.split();
        Self {
            writer,
            send_timeout,
            is_slow: AtomicBool::new(false),
            reading: Mutex::new(Reading::new(reader)),
        }
    }

    /// Returns the half that is read, which nobody else uses meanwhile.
    fn reading(&self) -> MutexGuard<'_, Reading<T::Reader>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads until it is known what the client begins with.
    ///
    /// # Errors
    /// If that is not a head, or a head that is refused. The connection can still be written to and closed.
    pub(crate) fn poll_arrival(&self, context: &mut Context<'_>) -> Poll<Result<Arrival, Unreadable>> {
        self.reading().poll_arrival(context)
    }

    /// Whether a part of a head has come.
    pub(crate) fn has_partial_head(&self) -> bool {
        self.reading().has_partial_head()
    }

    /// Returns the path of a request whose head could not be read, as far as it has come.
    pub(crate) fn begun_path(&self) -> Option<String> {
        self.reading().begun_path()
    }

    /// Waits until the client leaves. Meanwhile what it sends next is kept, up to a limit.
    pub(crate) fn poll_client_left(&self, context: &mut Context<'_>) -> Poll<()> {
        self.reading().poll_client_left(context)
    }

    /// Whether all of the request's body was read. Otherwise the rest of it would be taken for a request.
    pub(crate) fn is_body_read(&self) -> bool {
        self.reading().is_body_read()
    }

    /// Ends the interim answer: a client that gets its answer need not be asked for the body. Returns the bytes that have to go
    /// out before the answer, which are the rest of an interim answer that has gone out in part.
    pub(crate) fn begin_answer(&self) -> &'static [u8] {
        self.reading().end_interim()
    }

    /// Writes all of `pieces`, in as few calls as the operating system allows.
    ///
    /// # Errors
    /// If the connection breaks, or the client takes nothing for the send timeout.
    pub(crate) async fn write(&self, mut pieces: [&[u8]; 3]) -> io::Result<()> {
        while pieces.iter().any(|piece| !piece.is_empty()) {
            let mut written = match self.try_write(&pieces) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_for_room(&pieces).await?,
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

    /// Waits for room. Returns the number of bytes that were written meanwhile.
    ///
    /// Boxed, and made outside of an async function: most clients read as fast as they are written to, and a future that may
    /// wait here would have room for this one all the time.
    fn wait_for_room<'a>(&'a self, pieces: &'a [&[u8]; 3]) -> Pin<Box<impl Future<Output = io::Result<usize>> + 'a>> {
        let write_past = || {
            let first = pieces.iter().find(|piece| !piece.is_empty())?;
            let written = self.writer.write_past(first);
            self.is_slow.store(written.is_some(), Ordering::Relaxed);
            written
        };
        Box::pin(async move {
            if self.is_slow.load(Ordering::Relaxed)
                && let Some(written) = write_past()
            {
                return Ok(written);
            }
            let room = poll_fn(|context| self.writer.poll_room(context));
            match tokio::time::timeout(self.send_timeout, room).await {
                Ok(room) => room.map(|()| 0),
                Err(_) => write_past().ok_or_else(|| {
                    self.break_on_drop();
                    io::ErrorKind::TimedOut.into()
                }),
            }
        })
    }

    /// Writes as much of `pieces` as there is room for, and returns the number of bytes.
    fn try_write(&self, pieces: &[&[u8]; 3]) -> io::Result<usize> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        if length > TOGETHER {
            return self.writer.try_write_vectored(&pieces.map(IoSlice::new));
        }
        // To copy a little costs less than to have the operating system collect it.
        SCRATCH.with_borrow_mut(|scratch| {
            let mut end = 0;
            for piece in pieces {
                scratch[end..end + piece.len()].copy_from_slice(piece);
                end += piece.len();
            }
            self.writer.try_write(&scratch[..length])
        })
    }

    /// Returns the connection in one piece, for another protocol, and the bytes that have come over it already.
    ///
    /// # Errors
    /// If [`Transport::reunite`] fails.
    pub(crate) fn into_transport(self) -> io::Result<(T, Bytes)> {
        let reading = self.reading.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (reader, first) = reading.into_parts();
        Ok((T::reunite(reader, self.writer)?, first))
    }

    /// Drops the connection in one piece. Its halves would end it one after the other, and an answer that was cut might look
    /// whole.
    pub(crate) fn abandon(self) {
        drop(self.into_transport());
    }

    /// Lets the connection break when it is dropped, rather than end. For an answer that is cut and whose end only the end of
    /// the connection says.
    pub(crate) fn break_on_drop(&self) {
        self.writer.break_on_drop();
    }

    /// Closes the connection, and reads past what the client still sends, up to `limit` bytes and for `within`: a connection
    /// that is dropped with bytes unread breaks, and then the client may never get to read the answer.
    pub(crate) async fn close(mut self, mut limit: usize, within: Duration) {
        if poll_fn(|context| self.writer.poll_shutdown(context)).await.is_err() {
            return;
        }
        let reading = self.reading.get_mut().unwrap_or_else(PoisonError::into_inner);
        let discarding = poll_fn(|context| reading.poll_discard(&mut limit, context));
        let _ = tokio::time::timeout(within, discarding).await;
    }
}

/// The body of the request that a connection serves. Any task may read it.
pub(crate) struct RequestBody<T: Transport>(Arc<Connection<T>>);

impl<T: Transport> RequestBody<T> {
    /// The body of the request that has arrived last on `connection`.
    pub(crate) const fn new(connection: Arc<Connection<T>>) -> Self {
        Self(connection)
    }

    /// Appends the bytes of the body that have come to `out`, and returns their number; zero at its end.
    ///
    /// # Errors
    /// If the body's framing is wrong, or the connection ends or breaks within it.
    pub(crate) fn poll_fill(&mut self, out: &mut BytesMut, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let connection = &*self.0;
        connection.reading().poll_body(&connection.writer, out, context)
    }

    /// Whether all of the body was read.
    pub(crate) fn is_end(&self) -> bool {
        self.0.is_body_read()
    }

    /// Returns how many bytes are still to come, if the client has said it.
    pub(crate) fn left(&self) -> Option<u64> {
        self.0.reading().body_left()
    }
}

#[cfg(test)]
mod tests;
