//! Bytes of any kind on their way to the client.

use std::time::Duration;

use bytes::Bytes;

use super::scrub::Scrubber;

/// Bytes of any kind. One that breaks or stalls has no words for it: its connection is broken off.
#[derive(Debug)]
pub struct Raw<S> {
    /// What was read of them before they were handed on.
    pub read: Bytes,
    /// The rest. Dropping it ends the request upstream.
    pub stream: S,
    /// The time that may pass without a byte.
    pub idle_timeout: Duration,
    /// Takes secrets out, where that has to be done.
    pub(crate) scrubber: Option<Scrubber>,
}

impl<S> Raw<S> {
    /// Returns bytes that nothing was read of, and nothing will be.
    pub(crate) const fn unread(stream: S, idle_timeout: Duration) -> Self {
        Self {
            read: Bytes::new(),
            stream,
            idle_timeout,
            scrubber: None,
        }
    }

    /// Whether they pass as they come. Else their length is not known, and [`passed`](Self::passed) has to see each piece.
    #[must_use]
    pub const fn is_unchanged(&self) -> bool {
        self.scrubber.is_none()
    }

    /// Returns what may be sent now of `bytes`, which come behind everything that was passed before.
    #[must_use]
    pub fn passed(&mut self, bytes: Bytes) -> Bytes {
        match &mut self.scrubber {
            Some(scrubber) => scrubber.passed(bytes),
            None => bytes,
        }
    }

    /// Returns what is still to be sent at the end.
    #[must_use]
    pub fn last(&mut self) -> Bytes {
        self.scrubber.as_mut().map(Scrubber::last).unwrap_or_default()
    }
}
