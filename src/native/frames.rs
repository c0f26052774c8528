//! Bodies as hyper takes them, which speaks HTTP/2 here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// A body on its way out.
pub(super) trait Sending {
    /// The next piece; nothing at the end.
    ///
    /// # Errors
    /// Where the body cannot be completed: what it is sent on has to be broken off.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>>;

    fn is_end(&self) -> bool;

    /// The length of what is still to come, where it is known.
    fn length(&self) -> Option<u64>;
}

/// The same for hyper.
pub(super) struct Frames<P>(pub(super) P);

impl<P: Sending + Unpin> Body for Frames<P> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_piece(context).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.length().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
