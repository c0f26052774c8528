//! One buffer for all connections of a thread. A stream may stay open for hours and say little: a buffer of its own would be
//! most of what it weighs.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// The most that one read brings, in bytes, and so the most that waits for a slow reader.
pub(super) const READ: usize = 32 * 1024;

thread_local! {
    /// The buffer that every connection of a thread reads into, and in which it puts small pieces together for one write.
    pub(super) static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

/// Reads the bytes that are there, up to [`READ`] of them, and returns what `take` makes of them. The slice is empty at the end of the
/// connection. `take` must not read another connection: the buffer is in use.
pub(crate) fn poll_scratch<T>(
    io: &mut (impl AsyncRead + Unpin),
    context: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(io).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(take(buffer.filled())))
    })
}
