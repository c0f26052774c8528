//! Bodies on their way in, whoever sends them and over whichever version of HTTP.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};

/// A body on its way in. A caller may stop waiting and ask again later: nothing is lost.
pub(super) trait Receiving {
    /// Appends what has come to `out`, and returns how many bytes that is; zero at the body's end.
    ///
    /// # Errors
    /// If the body breaks, or its framing is wrong.
    fn poll_fill(&mut self, out: &mut BytesMut, context: &mut Context<'_>) -> Poll<io::Result<usize>>;

    /// Returns what has come, in one piece; nothing at the body's end.
    ///
    /// # Errors
    /// If the body breaks, or its framing is wrong.
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let mut out = BytesMut::new();
        let read = ready!(self.poll_fill(&mut out, context))?;
        Poll::Ready(Ok((read > 0).then(|| out.freeze())))
    }

    /// Whether all of the body was read.
    fn is_end(&self) -> bool;

    /// Returns how many bytes are still to come, where that is known.
    fn left(&self) -> Option<u64>;
}
