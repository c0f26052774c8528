//! A client's TCP connection: the transport of [`super::h1`], and what tokio does not do for a client that reads slowly or not
//! at all.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::h1::{Transport, Writer};

/// Writes as much as a socket has room for, past tokio, and returns the number of bytes, if any were written. tokio hears of room only
/// when a third of all that the system keeps for a client is free, and a slow client may take long to free that much.
pub(super) fn write_past(io: &TcpStream, bytes: &[u8]) -> Option<usize> {
    rustix::io::write(io, bytes).ok().filter(|written| *written > 0)
}

/// Lets a connection break when it is dropped: the system keeps nothing for a client that takes nothing.
pub(super) fn break_on_drop(io: &TcpStream) {
    let _ = io.set_zero_linger();
}

impl Transport for TcpStream {
    type Reader = OwnedReadHalf;
    type Writer = OwnedWriteHalf;

    fn split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.into_split()
    }

    fn reunite(reader: OwnedReadHalf, writer: OwnedWriteHalf) -> io::Result<Self> {
        reader.reunite(writer).map_err(io::Error::other)
    }
}

impl Writer for OwnedWriteHalf {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        Self::try_write(self, bytes)
    }

    fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        Self::try_write_vectored(self, pieces)
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.as_ref().poll_write_ready(context)
    }

    fn write_past(&self, bytes: &[u8]) -> Option<usize> {
        write_past(self.as_ref(), bytes)
    }

    fn break_on_drop(&self) {
        break_on_drop(self.as_ref());
    }

    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(self), context)
    }
}
