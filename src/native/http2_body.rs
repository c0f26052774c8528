//! A body on its way in over HTTP/2, which is hyper's.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body as _, Incoming};

use super::receiving::Receiving;

/// A body that a client or an upstream sends over HTTP/2.
pub(super) struct Http2Body(Incoming);

impl Http2Body {
    /// A body as hyper delivers it.
    pub(super) const fn new(body: Incoming) -> Self {
        Self(body)
    }
}

impl Receiving for Http2Body {
    fn poll_fill(&mut self, out: &mut BytesMut, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let data = ready!(self.poll_data(context)?);
        out.extend_from_slice(data.as_deref().unwrap_or_default());
        Poll::Ready(Ok(data.map_or(0, |data| data.len())))
    }

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            match ready!(Pin::new(&mut self.0).poll_frame(context)) {
                Some(Ok(frame)) => {
                    // Trailers are not passed on.
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None if self.is_end() || self.left() == Some(0) => return Poll::Ready(Ok(None)),
                // Cancelled, or reset without an error: hyper takes that for an end, which it is where all of it had come.
                None => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            }
        }
    }

    fn is_end(&self) -> bool {
        self.0.is_end_stream()
    }

    fn left(&self) -> Option<u64> {
        self.0.size_hint().exact()
    }
}
