//! Bytes of any kind on their way from an upstream to a client. When they break or stall, the connection to the client breaks
//! as well: half a file must not look whole.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::time::Instant;

use crate::gateway::Raw;
use crate::native::alarm::Alarm;
use crate::native::receiving::Receiving;
use crate::native::stream::Stream;

/// A body that is passed on.
pub(super) struct Passing {
    raw: Raw<Stream>,
    alarm: Alarm,
    /// The moment since which the upstream is waited for.
    waiting_since: Option<Instant>,
}

impl Passing {
    /// A body that has not begun to go out.
    pub(super) fn new(raw: Raw<Stream>) -> Self {
        Self {
            alarm: Alarm::new(raw.idle_timeout),
            raw,
            waiting_since: None,
        }
    }

    /// Whether it is known that nothing follows.
    pub(super) fn is_end(&self) -> bool {
        self.raw.is_unchanged() && self.raw.read.is_empty() && self.raw.stream.is_end()
    }

    /// Returns how many bytes are still to be sent, where that is known.
    pub(super) fn length(&self) -> Option<u64> {
        let left = self.raw.stream.left().filter(|_| self.raw.is_unchanged())?;
        Some(self.raw.read.len() as u64 + left)
    }

    /// Returns the bytes that go to the client next; nothing at the end.
    ///
    /// # Errors
    /// If the upstream's body breaks, or nothing of it comes for too long.
    pub(super) fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let read = std::mem::take(&mut self.raw.read);
        if !read.is_empty() {
            let passed = self.raw.passed(read);
            if !passed.is_empty() {
                return Poll::Ready(Ok(Some(passed)));
            }
        }
        while let Poll::Ready(bytes) = self.raw.stream.poll_data(context)? {
            self.waiting_since = None;
            let (passed, is_end) = match bytes {
                Some(bytes) => (self.raw.passed(bytes), false),
                None => (self.raw.last(), true),
            };
            if is_end || !passed.is_empty() {
                return Poll::Ready(Ok(Some(passed).filter(|passed| !passed.is_empty())));
            }
        }
        let limit = *self.waiting_since.get_or_insert_with(Instant::now) + self.raw.idle_timeout;
        self.alarm
            .poll(limit, context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}
