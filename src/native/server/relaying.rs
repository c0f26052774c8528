//! An event stream on its way from an upstream to a client: the core's [`Relay`] says what goes out, and this says when.
//!
//! What comes is gathered for one write while it is there. Three limits end a stream: nothing at all before the first event,
//! nothing between two, and too much behind the end mark. Only the time in which the upstream is waited for counts, so a client
//! that reads slowly is not taken for an upstream that is silent.

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use crate::gateway::{End, GRACE, Record, Relay};
use crate::native::alarm::Alarm;
use crate::native::receiving::Receiving;
use crate::native::stream::Stream;

/// The amount that is gathered for one write, in bytes. More of it goes out without waiting for the next piece.
const GATHER: usize = 4 * 1024;

/// A stream that is passed on: watched, and ended in its own format when it is cut.
pub(super) struct Relaying {
    relay: Relay<Stream>,
    alarm: Alarm,
    started: Instant,
    /// The moment since which the upstream is waited for.
    waiting_since: Option<Instant>,
    /// The moment at which its end mark was seen.
    over_since: Option<Instant>,
    /// The end of the upstream's stream.
    end: Option<End>,
    /// Whether everything was said.
    ended: bool,
}

impl Relaying {
    /// A stream that has not begun to go out.
    pub(super) fn new(relay: Relay<Stream>) -> Self {
        Self {
            alarm: Alarm::new(relay.idle_timeout.min(relay.first_within)),
            started: Instant::now(),
            relay,
            waiting_since: None,
            over_since: None,
            end: None,
            ended: false,
        }
    }

    /// Whether everything was said.
    pub(super) const fn is_end(&self) -> bool {
        self.ended
    }

    /// Returns the bytes that go to the client next; nothing at the end. `record` says then how the stream ended.
    pub(super) fn poll_bytes(&mut self, context: &mut Context<'_>, record: &mut Record) -> Poll<Option<Bytes>> {
        let read = std::mem::take(&mut self.relay.read);
        if !read.is_empty() {
            let passed = self.relay.passed_lines(read.into());
            if !passed.is_empty() {
                return Poll::Ready(Some(passed));
            }
        }
        if self.ended {
            return Poll::Ready(None);
        }
        while let Some(gathered) = self.gather(context) {
            self.leave_if_over();
            self.waiting_since = None;
            let passed = self.relay.passed_lines(gathered);
            if !passed.is_empty() {
                return Poll::Ready(Some(passed));
            }
        }
        let end = match self.end {
            Some(end) => end,
            None => ready!(self.poll_patience(context)),
        };
        self.ended = true;
        Poll::Ready(self.relay.finish(end, record))
    }

    /// Notes in `record` that the client left, unless everything was said.
    pub(super) fn leave(&mut self, record: &mut Record) {
        if !self.ended {
            self.relay.leave(record);
        }
    }

    /// Ends a stream that goes on behind its end mark for too long.
    fn leave_if_over(&mut self) {
        if self.relay.observer.is_done() {
            let over = self.over_since.get_or_insert_with(Instant::now);
            if over.elapsed() >= GRACE {
                self.end.get_or_insert(End::Closed);
            }
        }
    }

    /// Waits for as long as nothing may come. Returns how the stream has ended then.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<End> {
        let (limit, end) = if self.relay.observer.is_over() {
            (*self.over_since.get_or_insert_with(Instant::now) + GRACE, End::Closed)
        } else if self.relay.has_begun() {
            // A client that reads slowly is not the upstream's silence: time counts from when the upstream is waited for.
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            (since + self.relay.idle_timeout, End::Broken)
        } else {
            (self.started + self.relay.first_within, End::Broken)
        };
        self.alarm.poll(limit, context).map(|()| end)
    }

    /// Gathers the bytes that are there until they are worth a write. Returns nothing if none are there.
    fn gather(&mut self, context: &mut Context<'_>) -> Option<BytesMut> {
        let mut gathered = self.relay.take_withheld();
        let begun = gathered.len();
        while self.end.is_none() && gathered.len() < begun + GATHER {
            let before = gathered.len();
            match self.relay.stream.poll_fill(&mut gathered, context) {
                Poll::Ready(Ok(1..)) => self.relay.observer.feed(&gathered[before..]),
                Poll::Ready(Ok(0)) => self.end = Some(End::Closed),
                Poll::Ready(Err(_)) => self.end = Some(End::Broken),
                Poll::Pending => break,
            }
        }
        if gathered.len() == begun {
            self.relay.withhold(gathered);
            return None;
        }
        Some(gathered)
    }
}
