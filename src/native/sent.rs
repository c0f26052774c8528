//! Request bodies on their way to an upstream, and whether they still move.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::frames::Sending;
use super::stream::Stream;
use crate::platform::{Limits, Payload};

/// A body that is sent whole, or as it comes from the client.
pub(super) enum Sent {
    Full([Bytes; 3]),
    Stream {
        read: Option<Bytes>,
        rest: Stream,
        left: Option<u64>,
        progress: Progress,
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
    /// All of it was taken.
    ended: AtomicBool,
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

    /// Waits until nothing has moved for too long.
    pub(super) async fn stalled(&self, limits: &Limits) {
        loop {
            let moved = self.started + Duration::from_millis(self.moves.millis.load(Ordering::Relaxed));
            let patience = if self.moves.ended.load(Ordering::Relaxed) {
                limits.silence
            } else {
                limits.idle
            };
            let now = Instant::now();
            if now >= moved + patience {
                return;
            }
            // The body may end meanwhile, and another limit begin.
            let look = now + limits.idle.min(limits.silence);
            tokio::time::sleep_until(look.min(moved + patience)).await;
        }
    }
}

impl Sent {
    /// The same once more, where all of it is here.
    pub(super) fn again(&self) -> Option<Self> {
        match self {
            Self::Full(pieces) => Some(Self::Full(pieces.clone())),
            Self::Stream { .. } => None,
        }
    }

    /// The body, and its progress where it is streamed.
    pub(super) fn new(payload: Payload<Stream>) -> (Self, Option<Progress>) {
        match payload {
            Payload::Full(pieces) => (Self::Full(pieces), None),
            Payload::Stream { read, stream, length } => {
                let progress = Progress {
                    started: Instant::now(),
                    moves: Arc::default(),
                };
                let body = Self::Stream {
                    read: Some(read).filter(|read| !read.is_empty()),
                    rest: stream,
                    left: length,
                    progress: progress.clone(),
                };
                (body, Some(progress))
            }
        }
    }
}

impl Sending for Sent {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match self {
            Self::Full(pieces) => {
                let next = pieces.iter_mut().find(|piece| !piece.is_empty());
                Poll::Ready(next.map(|piece| Ok(std::mem::take(piece))))
            }
            Self::Stream {
                read,
                rest,
                left,
                progress,
            } => {
                let piece = match read.take() {
                    Some(bytes) => Ok(Some(bytes)),
                    None => {
                        let piece = rest.poll_data(context);
                        progress
                            .moves
                            .waits_for_client
                            .store(piece.is_pending(), Ordering::Relaxed);
                        ready!(piece)
                    }
                };
                progress.note();
                if piece.is_err() {
                    progress.moves.client_broke.store(true, Ordering::Relaxed);
                }
                if let (Some(left), Ok(Some(piece))) = (left, &piece) {
                    *left = left.saturating_sub(piece.len() as u64);
                }
                if rest.is_end() {
                    progress.moves.ended.store(true, Ordering::Relaxed);
                }
                Poll::Ready(piece.transpose())
            }
        }
    }

    fn is_end(&self) -> bool {
        match self {
            Self::Full(pieces) => pieces.iter().all(Bytes::is_empty),
            Self::Stream { read, rest, .. } => read.is_none() && rest.is_end(),
        }
    }

    fn length(&self) -> Option<u64> {
        match self {
            Self::Full(pieces) => Some(pieces.iter().map(|piece| piece.len() as u64).sum()),
            Self::Stream { left, .. } => *left,
        }
    }
}
