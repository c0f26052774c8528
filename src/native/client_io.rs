//! A client's connection as HTTP/2 and WebSockets use it: some of what it sent was read before it was known what it is, and
//! a client that takes nothing for too long is given up.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// A client's socket.
pub(super) struct ClientIo {
    io: TcpStream,
    /// Comes before what is still to be read.
    first: Bytes,
    /// How long it may take nothing of what is written.
    patience: Duration,
    /// Runs while it takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// It has taken less in that time than tokio hears of.
    slow: bool,
}

impl ClientIo {
    pub(super) const fn new(io: TcpStream, first: Bytes, patience: Duration) -> Self {
        Self {
            io,
            first,
            patience,
            stalled: None,
            slow: false,
        }
    }

    /// What a write of `bytes` comes to when tokio sees no room for them.
    fn poll_stalled(&mut self, bytes: &[u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.slow = self.slow && {
            if let Some(written) = write_past(&self.io, bytes) {
                return Poll::Ready(Ok(written));
            }
            false
        };
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        ready!(stalled.as_mut().poll(context));
        self.stalled = None;
        let written = write_past(&self.io, bytes);
        self.slow = written.is_some();
        Poll::Ready(written.ok_or_else(|| given_up(&self.io)))
    }
}

/// Writes what a socket has room for, if that is anything, past tokio: that hears of room only when a good part of all that
/// the system keeps for a client is gone, which a slow one may take long for.
pub(super) fn write_past(io: &TcpStream, bytes: &[u8]) -> Option<usize> {
    rustix::io::write(io, bytes).ok().filter(|written| *written > 0)
}

/// What becomes of a connection whose client takes nothing: it breaks when it is dropped, so that nothing is kept for it.
pub(super) fn given_up(io: &TcpStream) -> io::Error {
    let _ = io.set_zero_linger();
    io::ErrorKind::TimedOut.into()
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.io).poll_read(context, buffer);
        }
        let read = self.first.len().min(buffer.remaining());
        buffer.put_slice(&self.first[..read]);
        self.first.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = Pin::new(&mut self.io).poll_write(context, bytes) {
            self.stalled = None;
            return Poll::Ready(written);
        }
        self.poll_stalled(bytes, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = Pin::new(&mut self.io).poll_write_vectored(context, slices) {
            self.stalled = None;
            return Poll::Ready(written);
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.poll_stalled(first.map_or(&[], |first| first), context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
