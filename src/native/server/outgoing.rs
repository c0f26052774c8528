//! An answer's body on its way out, over either version of HTTP. Its end, or its loss, writes the line in the log and gives its
//! place to another request.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Sleep;

use super::passing::Passing;
use super::relaying::Relaying;
use crate::gateway::{Body, Bridge, Raw};
use crate::native::process::{Entry, now};
use crate::native::sending::Sending;
use crate::native::stream::Stream;

/// Things that an answer holds until it has gone out: its place among the requests that are served at once, and the process.
pub(super) type Held = (Option<OwnedSemaphorePermit>, watch::Receiver<bool>);

/// The body of one answer.
pub(super) struct Outgoing {
    source: Source,
    log: Entry,
    held: Held,
}

/// The origin of the bytes.
enum Source {
    Full(Option<Bytes>),
    Paced {
        left: std::vec::IntoIter<Bytes>,
        pause: Duration,
        wait: Option<Pin<Box<Sleep>>>,
    },
    Stream(Box<Relaying>),
    Raw(Box<Passing>),
    /// The upstream's side of a WebSocket, which follows the head instead of a body.
    WebSocket(Option<Box<Raw<Stream>>>),
    /// A WebSocket that the gateway answers itself.
    Bridge(Option<Box<Bridge>>),
}

impl Outgoing {
    /// The body of an answer whose line is `log`. It holds `held` until it is dropped.
    pub(super) fn new(body: Body<Stream>, log: Entry, held: Held) -> Self {
        let source = match body {
            Body::Full(bytes) => Source::Full(Some(bytes).filter(|bytes| !bytes.is_empty())),
            Body::Paced { chunks, pause } => Source::Paced {
                left: chunks.into_iter(),
                pause,
                wait: None,
            },
            Body::Stream(relay) => Source::Stream(Box::new(Relaying::new(*relay))),
            Body::Raw(raw) => Source::Raw(Box::new(Passing::new(*raw))),
            Body::WebSocket(upstream) => Source::WebSocket(Some(upstream)),
            Body::Bridge(bridge) => Source::Bridge(Some(bridge)),
        };
        Self { source, log, held }
    }

    /// Drops the body: the answer is one without a body.
    pub(super) fn skip(&mut self) {
        self.source = Source::Full(None);
    }

    /// Takes the upstream's side of a WebSocket, if one begins behind the head.
    pub(super) fn take_websocket(&mut self) -> Option<Box<Raw<Stream>>> {
        match &mut self.source {
            Source::WebSocket(upstream) => upstream.take(),
            _ => None,
        }
    }

    /// Takes what answers a WebSocket, if one begins behind the head that the gateway answers itself. It takes no place among the requests
    /// that are served at once: each of its messages does.
    pub(super) fn take_bridge(&mut self) -> Option<Box<Bridge>> {
        let Source::Bridge(bridge) = &mut self.source else {
            return None;
        };
        self.held.0 = None;
        bridge.take()
    }

    /// Takes note that not every piece that was taken went out: `left` bytes did not, or their client was given up or had left.
    pub(super) fn lost(&mut self, left: usize, given_up: bool) {
        self.log.bytes = self.log.bytes.saturating_sub(left as u64);
        self.log.complete &= left == 0 && !given_up;
    }

    /// Returns the line in the log, for bytes that are not sent as a body.
    pub(super) const fn log(&mut self) -> &mut Entry {
        &mut self.log
    }
}

impl Sending for Outgoing {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let bytes = match &mut self.source {
            Source::Full(bytes) => bytes.take(),
            Source::Paced { left, pause, wait } => {
                if let Some(waiting) = wait {
                    ready!(waiting.as_mut().poll(context));
                }
                *wait = Some(Box::pin(tokio::time::sleep(*pause)));
                left.next()
            }
            Source::Stream(relaying) => ready!(relaying.poll_bytes(context, &mut self.log.record)),
            Source::Raw(passing) => match ready!(passing.poll_bytes(context)) {
                Ok(bytes) => bytes,
                Err(error) => return Poll::Ready(Some(Err(error))),
            },
            Source::WebSocket(_) | Source::Bridge(_) => None,
        };
        if let Some(bytes) = &bytes {
            self.log.bytes += bytes.len() as u64;
            self.log.first_byte.get_or_insert_with(now);
        }
        self.log.complete |= bytes.is_none() || self.is_end();
        Poll::Ready(bytes.map(Ok))
    }

    fn is_end(&self) -> bool {
        match &self.source {
            Source::Full(bytes) => bytes.is_none(),
            Source::Paced { left, .. } => left.as_slice().is_empty(),
            Source::Stream(relaying) => relaying.is_end(),
            Source::Raw(passing) => passing.is_end(),
            Source::WebSocket(_) | Source::Bridge(_) => true,
        }
    }

    fn length(&self) -> Option<u64> {
        match &self.source {
            Source::Full(bytes) => Some(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Source::Raw(passing) => passing.length(),
            Source::Paced { .. } | Source::Stream(_) | Source::WebSocket(_) | Source::Bridge(_) => None,
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Source::Stream(relaying) = &mut self.source {
            relaying.leave(&mut self.log.record);
        }
    }
}
