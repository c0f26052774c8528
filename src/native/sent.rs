//! Request bodies on their way to an upstream, and whether they still move.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Instant;

use crate::platform::Payload;

/// A body that is sent whole, or as it comes from the client.
pub(super) enum Sent {
    Full(Option<Bytes>),
    Stream {
        read: Option<Bytes>,
        rest: Incoming,
        left: Option<u64>,
        progress: Sending,
    },
}

/// When the last byte of a streamed body moved, and who is waited for since.
#[derive(Clone)]
pub(super) struct Progress {
    started: Instant,
    moves: Arc<Moves>,
}

#[derive(Default)]
struct Moves {
    millis: AtomicU64,
    /// The upstream would take more than the client has sent.
    waits_for_client: AtomicBool,
    client_broke: AtomicBool,
    over: AtomicBool,
}

/// The progress as the body itself holds it: when that is gone, all of it was sent, or nobody takes it any more.
pub(super) struct Sending(Progress);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.moves.over.store(true, Ordering::Relaxed);
    }
}

impl Progress {
    fn note(&self) {
        let since = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moves.millis.store(since, Ordering::Relaxed);
    }

    pub(super) fn waits_for_client(&self) -> bool {
        self.moves.waits_for_client.load(Ordering::Relaxed)
    }

    /// Whether the client's body has ended early, or was no body.
    pub(super) fn client_broke(&self) -> bool {
        self.moves.client_broke.load(Ordering::Relaxed)
    }

    /// Whether the connection upstream is done with the body.
    pub(super) fn is_over(&self) -> bool {
        self.moves.over.load(Ordering::Relaxed)
    }

    /// Waits until nothing has moved for `silence`.
    pub(super) async fn stalled(&self, silence: Duration) {
        loop {
            let limit = self.started + Duration::from_millis(self.moves.millis.load(Ordering::Relaxed)) + silence;
            if Instant::now() >= limit {
                return;
            }
            tokio::time::sleep_until(limit).await;
        }
    }
}

impl Sent {
    /// The body, and its progress where it is streamed.
    pub(super) fn new(payload: Payload<Incoming>) -> (Self, Option<Progress>) {
        match payload {
            Payload::Full(bytes) => (Self::Full(Some(bytes).filter(|bytes| !bytes.is_empty())), None),
            Payload::Stream { read, stream, length } => {
                let progress = Progress {
                    started: Instant::now(),
                    moves: Arc::default(),
                };
                let body = Self::Stream {
                    read: Some(read).filter(|read| !read.is_empty()),
                    rest: stream,
                    left: length,
                    progress: Sending(progress.clone()),
                };
                (body, Some(progress))
            }
        }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream {
                read,
                rest,
                left,
                progress: Sending(progress),
            } => {
                let frame = match read.take() {
                    Some(bytes) => Some(Ok(Frame::data(bytes))),
                    None => {
                        let frame = Pin::new(rest).poll_frame(context);
                        let moves = &progress.moves;
                        moves.waits_for_client.store(frame.is_pending(), Ordering::Relaxed);
                        ready!(frame)
                    }
                };
                progress.note();
                if matches!(frame, Some(Err(_))) {
                    progress.moves.client_broke.store(true, Ordering::Relaxed);
                }
                if let (Some(left), Some(Ok(frame))) = (left, &frame) {
                    *left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len) as u64);
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_none(),
            Self::Stream { read, rest, .. } => read.is_none() && rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream { left, .. } => left.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
