//! An answer's body on its way out. Its end, or its loss, writes the log line.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::log::{self, Entry};
use super::serve::Held;
use crate::gateway::{Body, End, Raw, Record, Relay};

/// Events that come this quickly after one another are on their way together.
const SUCCESSION: Duration = Duration::from_millis(5);

/// How often the connection to the upstream gets its turn before what has come goes out. After one turn this task may be
/// the first again.
const TURNS: u8 = 2;

/// The most that is put together for one write.
const GATHER: usize = 16 * 1024;

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
}

impl Outgoing {
    /// `held` is let go when the body is gone.
    pub(super) fn new(body: Body<Incoming>, log: Entry, held: Held) -> Self {
        let source = match body {
            Body::Full(bytes) => Source::Full(Some(bytes).filter(|bytes| !bytes.is_empty())),
            Body::Paced { chunks, pause } => Source::Paced {
                left: chunks.into_iter(),
                pause,
                wait: None,
            },
            Body::Stream(relay) => Source::Stream(Box::new(Relaying::new(*relay))),
            Body::Raw(raw) => Source::Raw(Box::new(Passing {
                alarm: Box::pin(tokio::time::sleep(raw.idle_timeout)),
                raw: *raw,
                waiting_since: None,
            })),
            // What follows its head is no body.
            Body::Socket(_) => Source::Full(None),
        };
        Self {
            source,
            log,
            _held: held,
        }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        let bytes = match &mut this.source {
            Source::Full(bytes) => bytes.take(),
            Source::Paced { left, pause, wait } => {
                if let Some(waiting) = wait {
                    ready!(waiting.as_mut().poll(context));
                }
                *wait = Some(Box::pin(tokio::time::sleep(*pause)));
                left.next()
            }
            Source::Stream(relaying) => ready!(relaying.poll_bytes(context, &mut this.log.record)),
            Source::Raw(passing) => match ready!(passing.poll_bytes(context)) {
                Ok(bytes) => bytes,
                Err(error) => return Poll::Ready(Some(Err(error))),
            },
        };
        match &bytes {
            Some(bytes) => {
                this.log.bytes += bytes.len() as u64;
                this.log.first_byte.get_or_insert_with(log::now);
            }
            None => this.log.complete = true,
        }
        let ended = self.is_end_stream();
        self.log.complete |= ended;
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Full(bytes) => bytes.is_none(),
            Source::Paced { left, .. } => left.as_slice().is_empty(),
            Source::Stream(relaying) => relaying.ended,
            Source::Raw(passing) => passing.raw.stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Source::Raw(passing) => passing.raw.stream.size_hint(),
            Source::Paced { .. } | Source::Stream(_) => SizeHint::default(),
        }
    }
}

/// A stream that is passed on: watched, and told of when it is cut.
struct Relaying {
    relay: Relay<Incoming>,
    /// What was read before, last first.
    read: Vec<Bytes>,
    /// One timer for the whole stream: it is set again when it rings too early, not with every event.
    alarm: Pin<Box<Sleep>>,
    started: Instant,
    /// Since when the upstream is waited for.
    waiting_since: Option<Instant>,
    /// Events that came in quick succession, to go out in one write.
    gathered: BytesMut,
    /// Turns that the connection had since the last of them.
    yielded: u8,
    /// When the last event came.
    came: Instant,
    /// How the upstream ended it.
    end: Option<End>,
    /// Nothing is left to be said.
    ended: bool,
}

impl Relaying {
    fn new(mut relay: Relay<Incoming>) -> Self {
        let mut read = std::mem::take(&mut relay.read);
        read.reverse();
        Self {
            alarm: Box::pin(tokio::time::sleep(relay.idle_timeout.min(relay.first_within))),
            started: Instant::now(),
            relay,
            read,
            waiting_since: None,
            gathered: BytesMut::new(),
            yielded: 0,
            came: Instant::now(),
            end: None,
            ended: false,
        }
    }

    fn poll_bytes(&mut self, context: &mut Context<'_>, record: &mut Record) -> Poll<Option<Bytes>> {
        if let Some(bytes) = self.read.pop() {
            return Poll::Ready(Some(bytes));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let end = loop {
            match Pin::new(&mut self.relay.stream).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.waiting_since = None;
                    let Ok(bytes) = frame.into_data() else { continue };
                    self.relay.observer.feed(&bytes);
                    let before = std::mem::replace(&mut self.came, Instant::now());
                    let alone = self.gathered.is_empty() && self.came - before > SUCCESSION;
                    if alone || self.gathered.len() + bytes.len() > GATHER {
                        let gathered = std::mem::take(&mut self.gathered);
                        if gathered.is_empty() {
                            return Poll::Ready(Some(bytes));
                        }
                        self.gathered.extend_from_slice(&bytes);
                        return Poll::Ready(Some(gathered.freeze()));
                    }
                    self.gathered.extend_from_slice(&bytes);
                    self.yielded = 0;
                    continue;
                }
                Poll::Ready(Some(Err(_))) => self.end = Some(End::Broken),
                Poll::Ready(None) => self.end = self.end.or(Some(End::Closed)),
                Poll::Pending if !self.gathered.is_empty() && self.yielded < TURNS => {
                    // The connection hands over one piece at a time, when it is asked to. Now it can, if it has one.
                    self.yielded += 1;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => {}
            }
            if !self.gathered.is_empty() {
                return Poll::Ready(Some(std::mem::take(&mut self.gathered).freeze()));
            }
            if let Some(end) = self.end {
                break end;
            }
            // A client that reads slowly is not the upstream's silence: time counts from when the upstream is waited for.
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            let limit = if self.relay.has_begun() {
                since + self.relay.idle_timeout
            } else {
                self.started + self.relay.first_within
            };
            ready!(self.alarm.as_mut().poll(context));
            if Instant::now() >= limit {
                break End::Broken;
            }
            self.alarm.as_mut().reset(limit);
        };
        self.ended = true;
        Poll::Ready(self.relay.finish(end, record))
    }
}

/// Bytes of any kind. What breaks or stalls breaks the connection to the client: half a file must not look whole.
struct Passing {
    raw: Raw<Incoming>,
    alarm: Pin<Box<Sleep>>,
    waiting_since: Option<Instant>,
}

impl Passing {
    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            match Pin::new(&mut self.raw.stream).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.waiting_since = None;
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Ok(Some(bytes)));
                    }
                    continue;
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(io::Error::other(error))),
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Pending => {}
            }
            let limit = *self.waiting_since.get_or_insert_with(Instant::now) + self.raw.idle_timeout;
            ready!(self.alarm.as_mut().poll(context));
            if Instant::now() >= limit {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(limit);
        }
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

/// The next data of a body.
pub(super) async fn next(stream: &mut Incoming) -> Option<Result<Bytes, hyper::Error>> {
    loop {
        match stream.frame().await? {
            Ok(frame) => {
                if let Ok(bytes) = frame.into_data() {
                    return Some(Ok(bytes));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}
