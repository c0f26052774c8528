//! A connection in memory, for tests: a client's bytes come in the pieces that the test sends, and what the server writes has
//! as much room as the test gives.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

use super::transport::{Transport, Writer};

#[derive(Default)]
struct State {
    /// Bytes that the client has sent and nobody has read.
    sent: BytesMut,
    /// Whether the client has ended its side.
    is_ended: bool,
    reader: Option<Waker>,
    /// Bytes that the server has written and the client has not taken.
    written: Vec<u8>,
    /// The number of bytes that may still be written.
    room: usize,
    writer: Option<Waker>,
    is_shut: bool,
    breaks: bool,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server's end, whole or one of its halves.
pub(super) struct Pipe(Arc<Mutex<State>>);

/// The client's end, in the hands of a test.
pub(super) struct Client(Arc<Mutex<State>>);

/// Returns both ends of a connection with room for `room` bytes of what the server writes.
pub(super) fn pipe(room: usize) -> (Pipe, Client) {
    let state = Arc::new(Mutex::new(State {
        room,
        ..State::default()
    }));
    (Pipe(Arc::clone(&state)), Client(state))
}

impl Client {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }

    /// Changes the connection, and wakes the task that this concerns.
    fn change(&self, change: impl FnOnce(&mut State) -> Option<Waker>) {
        let task = change(&mut self.state());
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Sends bytes, which come with those that nobody has read yet.
    pub(super) fn send(&self, bytes: &[u8]) {
        self.change(|state| {
            state.sent.extend_from_slice(bytes);
            state.reader.take()
        });
    }

    /// Ends the client's side.
    pub(super) fn end(&self) {
        self.change(|state| {
            state.is_ended = true;
            state.reader.take()
        });
    }

    /// Makes room for so many bytes more.
    pub(super) fn make_room(&self, room: usize) {
        self.change(|state| {
            state.room = state.room.saturating_add(room);
            state.writer.take()
        });
    }

    /// Takes the bytes that the server has written since this was called last.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().written)
    }

    /// Whether the server has ended its side.
    pub(super) fn is_shut(&self) -> bool {
        self.state().is_shut
    }

    /// Whether the connection breaks when it is dropped.
    pub(super) fn breaks(&self) -> bool {
        self.state().breaks
    }
}

impl Transport for Pipe {
    type Reader = Self;
    type Writer = Self;

    fn split(self) -> (Self, Self) {
        (Self(Arc::clone(&self.0)), self)
    }

    fn reunite(reader: Self, writer: Self) -> io::Result<Self> {
        assert!(Arc::ptr_eq(&reader.0, &writer.0));
        Ok(writer)
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = lock(&self.0);
        if state.sent.is_empty() && !state.is_ended {
            state.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let read = state.sent.len().min(buffer.remaining());
        buffer.put_slice(&state.sent[..read]);
        state.sent.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl Writer for Pipe {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = lock(&self.0);
        let written = state.room.min(bytes.len());
        if written == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.room -= written;
        state.written.extend_from_slice(&bytes[..written]);
        Ok(written)
    }

    fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write(&pieces.iter().flat_map(|piece| piece.to_vec()).collect::<Vec<u8>>())
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = lock(&self.0);
        if state.room > 0 {
            return Poll::Ready(Ok(()));
        }
        state.writer = Some(context.waker().clone());
        Poll::Pending
    }

    fn write_past(&self, _: &[u8]) -> Option<usize> {
        None
    }

    fn break_on_drop(&self) {
        lock(&self.0).breaks = true;
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).is_shut = true;
        Poll::Ready(Ok(()))
    }
}
