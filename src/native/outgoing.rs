//! An answer's body on its way out. Its end, or its loss, writes the log line.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use super::log;
use crate::config::LogFormat;
use crate::gateway::{Body, End, Record, Relay};
use crate::platform::Millis;

/// The body of one answer.
pub(super) struct Outgoing {
    source: Source,
    log: Log,
    _permit: Option<OwnedSemaphorePermit>,
}

enum Source {
    Full(Option<Bytes>),
    Paced {
        left: std::vec::IntoIter<Bytes>,
        pause: Duration,
        wait: Option<Pin<Box<Sleep>>>,
    },
    Stream(Box<Relaying>),
}

impl Outgoing {
    /// `permit` is held until the body is gone.
    pub(super) fn new(
        body: Body<Incoming>,
        format: LogFormat,
        record: Record,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let source = match body {
            Body::Full(bytes) => Source::Full(Some(bytes).filter(|bytes| !bytes.is_empty())),
            Body::Paced { chunks, pause } => Source::Paced {
                left: chunks.into_iter(),
                pause,
                wait: None,
            },
            Body::Stream(relay) => Source::Stream(Box::new(Relaying::new(*relay))),
        };
        Self {
            source,
            log: Log {
                format,
                record,
                bytes: 0,
                first_byte: None,
                complete: false,
            },
            _permit: permit,
        }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
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
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
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
                    return Poll::Ready(Some(bytes));
                }
                Poll::Ready(Some(Err(_))) => break End::Broken,
                Poll::Ready(None) => break End::Closed,
                Poll::Pending => {}
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

/// The log line of a request, written when the body is gone.
struct Log {
    format: LogFormat,
    record: Record,
    bytes: u64,
    first_byte: Option<Millis>,
    complete: bool,
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Source::Stream(relaying) = &self.source
            && !relaying.ended
        {
            relaying.relay.leave(&mut self.log.record);
        }
        let log = &self.log;
        log::request(log.format, &log.record, log.bytes, log.first_byte, log.complete);
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
