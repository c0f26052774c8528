//! A client's connection as HTTP/2 and WebSockets use it.
//!
//! Some of what the client sent was read before it was known which protocol it speaks: those bytes are read once more. And a
//! client that takes nothing for too long is given up, as over HTTP/1.1: hyper would wait for ever.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::native::tcp::{break_on_drop, write_past};

/// A client's connection whose first bytes come again.
pub(super) struct Rewind {
    io: TcpStream,
    /// Bytes that come before those that are still to be read.
    first: Bytes,
    /// The time in which the client may take nothing of what is written.
    send_timeout: Duration,
    /// The timer that runs while it takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether it has taken less in that time than tokio hears of.
    is_slow: bool,
}

impl Rewind {
    /// A connection whose beginning, `first`, was read already. `send_timeout`: the time in which the client may take nothing of
    /// what is written.
    pub(super) const fn new(io: TcpStream, first: Bytes, send_timeout: Duration) -> Self {
        Self {
            io,
            first,
            send_timeout,
            stalled: None,
            is_slow: false,
        }
    }

    /// Writes `bytes` when tokio sees no room for them: past tokio if the client was slow before, or when the time is over.
    fn poll_stalled(&mut self, bytes: &[u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.is_slow = self.is_slow && {
            if let Some(written) = write_past(&self.io, bytes) {
                return Poll::Ready(Ok(written));
            }
            false
        };
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.send_timeout)));
        ready!(stalled.as_mut().poll(context));
        self.stalled = None;
        let written = write_past(&self.io, bytes);
        self.is_slow = written.is_some();
        Poll::Ready(written.ok_or_else(|| {
            break_on_drop(&self.io);
            io::ErrorKind::TimedOut.into()
        }))
    }
}

impl AsyncRead for Rewind {
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

impl AsyncWrite for Rewind {
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
