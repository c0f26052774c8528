//! Bodies on their way out: answers to clients, and requests to upstreams. HTTP/1.1 polls them itself; hyper, which speaks
//! HTTP/2, takes them as [`Frames`].

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// A body on its way out.
pub(super) trait Sending {
    /// Returns the next piece; nothing at the end.
    ///
    /// # Errors
    /// If the body cannot be completed: the stream or connection that carries it has to be broken off.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>>;

    /// Whether no piece follows. It may be known only when the next piece was asked for.
    fn is_end(&self) -> bool;

    /// Returns how many bytes are still to be sent, where that is known.
    fn length(&self) -> Option<u64>;
}

/// A body on its way out, as hyper takes it.
pub(super) struct Frames<P>(pub(super) P);

impl<P: Sending + Unpin> Body for Frames<P> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        // A defect ends this body, not the other ones of the connection.
        let piece = catch_unwind(AssertUnwindSafe(|| self.0.poll_piece(context)));
        let broken = |_| Poll::Ready(Some(Err(io::Error::other("a defect in the gateway"))));
        piece.unwrap_or_else(broken).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.length().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    struct Defective;

    impl Sending for Defective {
        fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
            panic!("on purpose");
        }

        fn is_end(&self) -> bool {
            false
        }

        fn length(&self) -> Option<u64> {
            None
        }
    }

    #[test]
    fn a_defect_breaks_a_body_and_nothing_else() {
        let mut body = Frames(Defective);
        let polled = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Some(Err(_)))));
    }
}
