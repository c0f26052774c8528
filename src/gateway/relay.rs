//! A stream on its way to the client: what the shell needs to pass it on byte for byte and to tell when it was cut.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Record, scrub};
use crate::config::Config;
use crate::dialect::observe::{Beginning, Observer, truncated};
use crate::error::Kind;

/// A stream that has begun.
#[derive(Debug)]
pub struct Relay<S> {
    /// What was read before the stream was handed on, in order.
    pub read: Vec<Bytes>,
    /// The rest. Dropping it ends the request upstream.
    pub stream: S,
    /// Has seen `read`; is to see the rest.
    pub observer: Observer,
    /// The time that is left to the first content.
    pub first_within: Duration,
    /// The time that may pass without a byte after that.
    pub idle_timeout: Duration,
    /// Tell a stall and an early end even where that costs something (Worker).
    pub watch: bool,
    /// Knows what must not be repeated.
    pub(super) config: Arc<Config>,
}

/// Bytes of any kind. One that breaks or stalls has no words for it: its connection is broken off.
#[derive(Debug)]
pub struct Raw<S> {
    /// The bytes. Dropping it ends the request upstream.
    pub stream: S,
    /// The time that may pass without a byte.
    pub idle_timeout: Duration,
}

/// How a relayed stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The upstream closed it.
    Closed,
    /// It broke, or stalled.
    Broken,
}

impl<S> Relay<S> {
    /// Whether the first content is there.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.observer.beginning() != Beginning::Nothing
    }

    /// What goes to the client of `bytes`, which the observer has seen last: the same, without secrets once the stream has
    /// told of an error.
    #[must_use]
    pub fn passed(&self, bytes: Bytes) -> Bytes {
        if self.observer.has_error() {
            scrub::body(&self.config, bytes)
        } else {
            bytes
        }
    }

    /// To be called once, at the end: what is still to be written, and the facts for the log.
    pub fn finish(&mut self, end: End, record: &mut Record) -> Option<Bytes> {
        let last_words = self.observer.last_words(end == End::Broken);
        record.usage = self.observer.usage();
        if last_words.is_some() {
            record.partial = true;
            record.error = Some(Kind::UpstreamStreamTruncated.facts().code);
        }
        last_words.map(Bytes::from)
    }

    /// The same for a stream whose bytes went by unseen: only that it broke is known, not where. A blank line in front of
    /// the error closes an event that was cut, and says nothing else.
    pub fn finish_unseen(&mut self, end: End, record: &mut Record) -> Option<Bytes> {
        record.usage = self.observer.usage();
        if end == End::Closed || self.observer.is_done() {
            return None;
        }
        record.partial = true;
        record.error = Some(Kind::UpstreamStreamTruncated.facts().code);
        Some([b"\n\n".as_slice(), &truncated()].concat().into())
    }

    /// To be called instead when the client leaves: what is known by then.
    pub fn leave(&self, record: &mut Record) {
        record.usage = self.observer.usage();
        record.partial = !self.observer.is_done();
    }
}
