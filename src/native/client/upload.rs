//! Request bodies on their way to an upstream, and whether they still move.
//!
//! A body that is sent whole can be sent again, and has no time limit here: whoever waits for the answer has one. A body that
//! is sent on as it comes from the client can be sent once, and two sides may stall it. Its [`Progress`] says which one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::native::from_client::FromClient;
use crate::native::receiving::Receiving;
use crate::native::sending::Sending;
use crate::platform::{Limits, Payload};

/// A request body that is sent whole, or as it comes from the client.
pub(crate) enum Upload {
    Full([Bytes; 3]),
    Stream {
        /// The beginning, which was read already.
        read: Option<Bytes>,
        rest: FromClient,
        /// The number of bytes that are still to be sent, if the client has said it.
        left: Option<u64>,
        progress: Progress,
    },
}

impl Upload {
    /// Returns the body to be sent, and its progress if it is sent as it comes from the client.
    pub(super) fn new(payload: Payload<FromClient>) -> (Self, Option<Progress>) {
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

    /// Returns the body once more, if it can be sent again.
    pub(super) fn again(&self) -> Option<Self> {
        match self {
            Self::Full(pieces) => Some(Self::Full(pieces.clone())),
            Self::Stream { .. } => None,
        }
    }
}

impl Sending for Upload {
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
                        progress.wait_for_client(piece.is_pending());
                        ready!(piece)
                    }
                };
                progress.note(&piece, rest.is_end());
                if let (Some(left), Ok(Some(piece))) = (left, &piece) {
                    *left = left.saturating_sub(piece.len() as u64);
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

/// The progress of a streamed body, as the task that waits for the answer sees it. Clones are about the same body.
#[derive(Clone)]
pub(super) struct Progress {
    started: Instant,
    moves: Arc<Moves>,
}

#[derive(Default)]
struct Moves {
    /// The time at which the last byte moved, in milliseconds since the start.
    last: AtomicU64,
    /// Whether the upstream would take more than the client has sent.
    waits_for_client: AtomicBool,
    client_broke: AtomicBool,
    /// Whether the upstream has taken all of it.
    ended: AtomicBool,
}

impl Progress {
    /// Takes note of whether the client is waited for.
    fn wait_for_client(&self, waits: bool) {
        self.moves.waits_for_client.store(waits, Ordering::Relaxed);
    }

    /// Takes note of a piece that the upstream takes, behind which the body may end.
    fn note(&self, piece: &io::Result<Option<Bytes>>, ends: bool) {
        let since = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moves.last.store(since, Ordering::Relaxed);
        if piece.is_err() {
            self.moves.client_broke.store(true, Ordering::Relaxed);
        }
        if ends {
            self.moves.ended.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the upstream has taken all that has come, and waits for the client's next bytes.
    pub(super) fn waits_for_client(&self) -> bool {
        self.moves.waits_for_client.load(Ordering::Relaxed)
    }

    /// Whether the client's body has ended early, or was malformed.
    pub(super) fn client_broke(&self) -> bool {
        self.moves.client_broke.load(Ordering::Relaxed)
    }

    /// Waits until nothing has moved for too long: for `limits.idle` while the body is sent, and for `limits.silence` behind
    /// its end.
    pub(super) async fn stalled(&self, limits: &Limits) {
        loop {
            let moved = self.started + Duration::from_millis(self.moves.last.load(Ordering::Relaxed));
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
