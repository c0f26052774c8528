//! Bodies as they come in, from clients and from upstreams.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body as _, Incoming};

use super::h1::{Answer, RequestBody};
use super::pool::Crowd;

/// A body that somebody sends.
pub(super) enum Stream {
    /// A client, over HTTP/1.1.
    Request(RequestBody),
    /// An upstream, over HTTP/1.1.
    Answer(Answer),
    /// Either, over HTTP/2; an upstream's counts among the requests of its connection.
    Http2 {
        body: Incoming,
        _counted: Option<Arc<Crowd>>,
    },
}

impl Stream {
    /// What a client sends over HTTP/2.
    pub(super) const fn from_client(body: Incoming) -> Self {
        Self::Http2 { body, _counted: None }
    }

    /// What an upstream sends over a connection that it has in common with others.
    pub(super) const fn from_crowd(body: Incoming, crowd: Arc<Crowd>) -> Self {
        Self::Http2 {
            body,
            _counted: Some(crowd),
        }
    }

    pub(super) const fn is_from_client(&self) -> bool {
        matches!(self, Self::Request(_) | Self::Http2 { _counted: None, .. })
    }

    /// Appends what has come to `out`; zero at the body's end. A caller may stop waiting: nothing is lost.
    pub(super) fn poll_fill(&mut self, out: &mut BytesMut, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self {
            Self::Request(body) => body.poll_fill(out, context),
            Self::Answer(answer) => answer.poll_fill(out, context),
            Self::Http2 { body, .. } => {
                let data = ready!(poll_http2(body, context)?);
                out.extend_from_slice(data.as_deref().unwrap_or_default());
                Poll::Ready(Ok(data.map_or(0, |data| data.len())))
            }
        }
    }

    /// What has come; nothing at the body's end.
    pub(super) fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if let Self::Http2 { body, .. } = self {
            return poll_http2(body, context);
        }
        let mut out = BytesMut::new();
        let read = ready!(self.poll_fill(&mut out, context))?;
        Poll::Ready(Ok((read > 0).then(|| out.freeze())))
    }

    pub(super) fn is_end(&self) -> bool {
        match self {
            Self::Request(body) => body.is_end(),
            Self::Answer(answer) => answer.is_end(),
            Self::Http2 { body, .. } => body.is_end_stream(),
        }
    }

    /// The length of what is still to come, where it is known.
    pub(super) fn left(&self) -> Option<u64> {
        match self {
            Self::Request(body) => body.left(),
            Self::Answer(answer) => answer.left(),
            Self::Http2 { body, .. } => body.size_hint().exact(),
        }
    }
}

fn poll_http2(body: &mut Incoming, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
    loop {
        match ready!(Pin::new(&mut *body).poll_frame(context)) {
            Some(Ok(frame)) => {
                // Trailers are not passed on.
                if let Ok(data) = frame.into_data()
                    && !data.is_empty()
                {
                    return Poll::Ready(Ok(Some(data)));
                }
            }
            Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
            None if body.is_end_stream() || body.size_hint().exact() == Some(0) => return Poll::Ready(Ok(None)),
            // Cancelled, or reset without an error: hyper takes that for an end, which it is where all of it had come.
            None => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}
