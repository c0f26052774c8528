//! One answer on its way in: checked to the byte, its events timed.

use std::io;
use std::time::Instant;

use memchr::memmem;

use super::Shared;
use crate::traffic::Expected;
use crate::wire::{Connection, Piece};

/// Sends the request and reads its answer. `due`: when it should have been sent.
pub(super) async fn exchange(shared: &Shared, connection: &mut Connection, due: Instant) -> io::Result<()> {
    let target = &shared.target;
    connection.send(&target.request).await?;
    let mut reading = Reading::new(shared, due);
    let status = connection.answer(&mut reading).await?;
    let wrong = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    if status != 200 {
        return wrong(format!("status {status}"));
    }
    if let Some(what) = reading.wrong() {
        return wrong(what);
    }
    if shared.counting.get() {
        let mut tally = shared.tally.borrow_mut();
        tally.answers += 1;
        tally.latencies.push(due.elapsed());
    }
    Ok(())
}

struct Reading<'a> {
    shared: &'a Shared,
    due: Instant,
    bytes: u64,
    events: usize,
    /// What came so far is what was expected.
    same: bool,
    /// As long as the end that is expected of a stream.
    tail: Vec<u8>,
    event_at: Option<Instant>,
}

impl<'a> Reading<'a> {
    fn new(shared: &'a Shared, due: Instant) -> Self {
        let end = match &shared.target.expected {
            Expected::Stream { end, .. } => end.len(),
            Expected::Exactly(_) | Expected::First(_) => 0,
        };
        Self {
            shared,
            due,
            bytes: 0,
            events: 0,
            same: true,
            tail: vec![0; end],
            event_at: None,
        }
    }

    fn wrong(&self) -> Option<String> {
        match &self.shared.target.expected {
            Expected::Exactly(body) | Expected::First(body) => (!self.same || self.bytes != body.len() as u64)
                .then(|| format!("another body, {} bytes instead of {}", self.bytes, body.len())),
            Expected::Stream { events, bytes, end } => {
                let is_whole = self.events == *events && self.tail == *end;
                (!is_whole || bytes.is_some_and(|bytes| self.bytes != bytes)).then(|| {
                    format!(
                        "{} events and {} bytes instead of {events} and {bytes:?}, or another end",
                        self.events, self.bytes
                    )
                })
            }
        }
    }

    fn compare(&mut self, body: &[u8], bytes: &[u8]) {
        let from = self.bytes as usize;
        self.same &= body.get(from..from + bytes.len()) == Some(bytes);
    }

    fn keep_tail(&mut self, bytes: &[u8]) {
        let size = self.tail.len();
        if bytes.len() >= size {
            self.tail.copy_from_slice(&bytes[bytes.len() - size..]);
        } else {
            self.tail.copy_within(bytes.len().., 0);
            self.tail[size - bytes.len()..].copy_from_slice(bytes);
        }
    }

    /// Events that end in `bytes`; the blank line may have begun before.
    fn count(&self, bytes: &[u8]) -> usize {
        let split = bytes.first() == Some(&b'\n') && self.tail.last() == Some(&b'\n');
        usize::from(split) + memmem::find_iter(bytes, b"\n\n").count()
    }

    fn note(&mut self, events: usize, at: Instant) {
        self.events += events;
        let last = self.event_at.replace(at);
        if !self.shared.counting.get() {
            return;
        }
        let mut tally = self.shared.tally.borrow_mut();
        tally.events += events as u64;
        match last {
            None => tally.first_events.push(at.saturating_duration_since(self.due)),
            Some(last) => tally.gaps.push(at.saturating_duration_since(last)),
        }
    }
}

impl Piece for Reading<'_> {
    fn piece(&mut self, bytes: &[u8], at: Instant) {
        let shared = self.shared;
        match &shared.target.expected {
            Expected::Exactly(body) | Expected::First(body) => self.compare(body, bytes),
            Expected::Stream { .. } => {
                let events = self.count(bytes);
                self.keep_tail(bytes);
                if events > 0 {
                    self.note(events, at);
                }
            }
        }
        self.bytes += bytes.len() as u64;
    }

    fn read(&mut self) {
        if self.shared.counting.get() {
            self.shared.tally.borrow_mut().reads += 1;
        }
    }

    fn enough(&self) -> bool {
        matches!(&self.shared.target.expected, Expected::First(event) if self.bytes >= event.len() as u64)
    }
}
