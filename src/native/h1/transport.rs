//! The transport below a client's connection: all that the protocol asks of a socket, so that a test can put a pipe in memory in
//! its place.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use tokio::io::AsyncRead;

/// A connection that one task reads while another one writes.
pub(crate) trait Transport: Sized {
    /// The half that is read.
    type Reader: AsyncRead + Unpin;

    /// The half that is written.
    type Writer: Writer;

    /// Returns both halves.
    fn split(self) -> (Self::Reader, Self::Writer);

    /// Returns the connection in one piece again.
    ///
    /// # Errors
    /// If the halves are not those of one connection.
    fn reunite(reader: Self::Reader, writer: Self::Writer) -> io::Result<Self>;
}

/// The half of a connection that is written. Writes never wait: without room they fail with [`io::ErrorKind::WouldBlock`], and
/// [`Writer::poll_room`] waits.
pub(crate) trait Writer {
    /// Writes as much of `bytes` as there is room for, and returns the number of bytes.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Writes as much of `pieces` as there is room for, in one call, and returns the number of bytes.
    fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Waits until there is room, or an error that the next write returns. The task that asked last is woken.
    fn poll_room(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Writes to the system directly, since [`Writer::poll_room`] may say nothing of a little room. Returns the number of bytes,
    /// if any were written.
    fn write_past(&self, bytes: &[u8]) -> Option<usize>;

    /// Lets the connection break when it is dropped, rather than end: nothing is kept for the other side, which sees that
    /// something is missing.
    fn break_on_drop(&self);

    /// Ends this half: the other side reads the end behind all that was written.
    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
}
