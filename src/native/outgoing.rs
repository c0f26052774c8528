//! An answer's body on its way out. Its end, or its loss, writes the log line.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, Sleep};

use super::alarm::Alarm;
use super::frames::Sending;
use super::log::{self, Entry};
use super::serve::Held;
use super::stream::Stream;
use crate::gateway::{Body, End, GRACE, Raw, Record, Relay};

/// What is less is put together for one write.
const GATHER: usize = 4 * 1024;

/// The body of one answer.
pub(super) struct Outgoing {
    source: Source,
    log: Entry,
    _held: Held,
}

enum Source {
    Full(Option<Bytes>),
    Paced {
        left: std::vec::IntoIter<Bytes>,
        pause: Duration,
        wait: Option<Pin<Box<Sleep>>>,
    },
    Stream(Box<Relaying>),
    Raw(Box<Passing>),
    /// What follows the head is no body.
    Socket(Option<Box<Raw<Stream>>>),
}

impl Outgoing {
    /// `held` is let go when the body is gone.
    pub(super) fn new(body: Body<Stream>, log: Entry, held: Held) -> Self {
        let source = match body {
            Body::Full(bytes) => Source::Full(Some(bytes).filter(|bytes| !bytes.is_empty())),
            Body::Paced { chunks, pause } => Source::Paced {
                left: chunks.into_iter(),
                pause,
                wait: None,
            },
            Body::Stream(relay) => Source::Stream(Box::new(Relaying::new(*relay))),
            Body::Raw(raw) => Source::Raw(Box::new(Passing {
                alarm: Alarm::new(raw.idle_timeout),
                raw: *raw,
                waiting_since: None,
            })),
            Body::Socket(socket) => Source::Socket(Some(socket)),
        };
        Self {
            source,
            log,
            _held: held,
        }
    }

    /// The answer is one without a body, whatever there is.
    pub(super) fn skip(&mut self) {
        self.source = Source::Full(None);
    }

    /// The upstream's side of a WebSocket, if one begins behind the head.
    pub(super) fn take_socket(&mut self) -> Option<Box<Raw<Stream>>> {
        match &mut self.source {
            Source::Socket(socket) => socket.take(),
            _ => None,
        }
    }

    /// Takes note that not all of what was taken went out: `left` bytes did not, or their client was given up or had left.
    pub(super) fn lost(&mut self, left: usize, given_up: bool) {
        self.log.bytes = self.log.bytes.saturating_sub(left as u64);
        self.log.complete &= left == 0 && !given_up;
    }

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
            Source::Socket(_) => None,
        };
        if let Some(bytes) = &bytes {
            self.log.bytes += bytes.len() as u64;
            self.log.first_byte.get_or_insert_with(log::now);
        }
        self.log.complete |= bytes.is_none() || self.is_end();
        Poll::Ready(bytes.map(Ok))
    }

    fn is_end(&self) -> bool {
        match &self.source {
            Source::Full(bytes) => bytes.is_none(),
            Source::Paced { left, .. } => left.as_slice().is_empty(),
            Source::Stream(relaying) => relaying.ended,
            Source::Raw(passing) => passing.is_end(),
            Source::Socket(_) => true,
        }
    }

    fn length(&self) -> Option<u64> {
        match &self.source {
            Source::Full(bytes) => Some(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Source::Raw(passing) => passing.length(),
            Source::Paced { .. } | Source::Stream(_) | Source::Socket(_) => None,
        }
    }
}

/// A stream that is passed on: watched, and told of when it is cut.
struct Relaying {
    relay: Relay<Stream>,
    alarm: Alarm,
    started: Instant,
    /// Since when the upstream is waited for.
    waiting_since: Option<Instant>,
    /// When its end mark was seen.
    over_since: Option<Instant>,
    /// How it has ended.
    end: Option<End>,
    /// Nothing is left to be said.
    ended: bool,
}

impl Relaying {
    fn new(relay: Relay<Stream>) -> Self {
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

    fn poll_bytes(&mut self, context: &mut Context<'_>, record: &mut Record) -> Poll<Option<Bytes>> {
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

    /// Ends what goes on behind its end mark for too long.
    fn leave_if_over(&mut self) {
        if self.relay.observer.is_done() {
            let over = self.over_since.get_or_insert_with(Instant::now);
            if over.elapsed() >= GRACE {
                self.end.get_or_insert(End::Closed);
            }
        }
    }

    /// Waits for as long as nothing may come. How the stream has ended then.
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

    /// Takes what is there until it is worth a write; nothing where nothing is.
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

/// Bytes of any kind. What breaks or stalls breaks the connection to the client: half a file must not look whole.
struct Passing {
    raw: Raw<Stream>,
    alarm: Alarm,
    waiting_since: Option<Instant>,
}

impl Passing {
    fn is_end(&self) -> bool {
        self.raw.is_unchanged() && self.raw.read.is_empty() && self.raw.stream.is_end()
    }

    fn length(&self) -> Option<u64> {
        let left = self.raw.stream.left().filter(|_| self.raw.is_unchanged())?;
        Some(self.raw.read.len() as u64 + left)
    }

    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
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

impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Source::Stream(relaying) = &self.source
            && !relaying.ended
        {
            relaying.relay.leave(&mut self.log.record);
        }
    }
}
