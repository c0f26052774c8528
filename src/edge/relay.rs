//! Upstream streams on their way to the client: moved by the runtime's own pump, watched as closely as the route asks.
//!
//! Up to its first content every piece passes through here; then the runtime moves the rest without JavaScript in
//! between, and reports a stream that breaks. Where a route wants more, the stream is split: one branch is pumped to the
//! client, the other is read in a few large gulps, every [`LOOK`] and at the end, which is enough to tell a stall and an end
//! that comes too early, and to know what was used. Only where a route says `verify_end` every piece is read on its way,
//! which costs more than twice the CPU (docs/design/0002-honest-streams.md).

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use worker::js_sys::Date;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::web_sys::{ReadableStream, WritableStream, WritableStreamDefaultWriter};

use super::alarm::Alarm;
use super::runtime::{self, Promised};
use super::stream::Stream;
use crate::gateway::{End, GRACE, Record, Relay, Watch};

/// How often the watching branch is read.
const LOOK: Duration = Duration::from_secs(5);

/// When it is read first: by then it shows how fast the stream is.
const FIRST_LOOK: Duration = Duration::from_millis(250);

/// What waits in it for a look, at most, if the stream goes on as it did: it is held in memory. In bytes.
const UNSEEN: u64 = 1024 * 1024;

/// How the pumping ended, as far as this side can tell.
enum Ended {
    Upstream(End),
    /// Nobody watched, and where it broke is not known: upstream, or because the client left.
    Unseen(End),
    ClientLeft,
}

/// Moves a stream to the client, whole, and tells the client and the log how it ended.
pub(super) async fn run(mut relay: Relay<Stream>, writable: WritableStream, record: &mut Record) {
    let ended = pass(&mut relay, &writable).await.unwrap_or(Ended::ClientLeft);
    // What is left of the request upstream is of no use any more.
    relay.stream.guard = None;
    let last_words = match ended {
        Ended::Upstream(end) => relay.finish(end, record),
        Ended::Unseen(end) => relay.finish_unseen(end, record),
        Ended::ClientLeft => {
            relay.leave(record);
            return;
        }
    };
    if close(&writable, last_words.as_deref()).await.is_err() {
        // Nobody is at the other end of the pipe.
        record.error = None;
    }
}

async fn pass(relay: &mut Relay<Stream>, writable: &WritableStream) -> Result<Ended, JsValue> {
    let writer = writable.get_writer()?;
    let begun = begin(relay, &writer).await;
    writer.release_lock();
    if let Some(end) = begun? {
        return Ok(Ended::Upstream(end));
    }
    let Some(body) = relay.stream.rest() else {
        return Ok(Ended::Upstream(End::Closed));
    };
    if relay.watch == Watch::Looks {
        return pump_watched(relay, &body, writable).await;
    }
    Ok(Ended::Unseen(match pump(&body, writable)?.value().await {
        Ok(_) => End::Closed,
        Err(_) => End::Broken,
    }))
}

/// Passes on what was read before and every piece that is to be read: up to the first content at least, until no piece is on
/// its way, or withheld, that nobody else would get, and behind the end mark. Of a stream that has said all by its first content
/// the rest as well: it is hardly more than the end. The end, if it comes.
async fn begin(relay: &mut Relay<Stream>, writer: &WritableStreamDefaultWriter) -> Result<Option<End>, JsValue> {
    let read = std::mem::take(&mut relay.read);
    write(writer, &relay.passed(read)).await?;
    let mut alarm = Alarm::default();
    let started = Date::now();
    let mut over_since = None;
    loop {
        let now = Date::now();
        let is_over = relay.observer.is_over();
        let (limit, end) = if is_over {
            (*over_since.get_or_insert(now) + milliseconds(GRACE), End::Closed)
        } else if relay.has_begun() {
            (now + milliseconds(relay.idle_timeout), End::Broken)
        } else {
            (started + milliseconds(relay.first_within), End::Broken)
        };
        let reads = relay.watch == Watch::Pieces || is_over || relay.observer.is_complete() || !relay.has_begun();
        if !(reads || relay.withholds() || relay.stream.is_waiting()) {
            return Ok(None);
        }
        if now >= limit {
            return Ok(Some(end));
        }
        let piece = {
            let next = pin!(relay.stream.read());
            match select(next, pin!(alarm.ring(limit))).await {
                Either::Left((piece, _)) => piece,
                Either::Right(((), _)) => return Ok(Some(end)),
            }
        };
        match piece {
            Ok(Some(bytes)) => {
                relay.observer.feed(&bytes);
                write(writer, &relay.passed(bytes)).await?;
            }
            Ok(None) => return Ok(Some(End::Closed)),
            Err(_) => return Ok(Some(End::Broken)),
        }
    }
}

/// Lets the runtime move `body`, and close nothing.
fn pump(body: &ReadableStream, writable: &WritableStream) -> Result<Promised, JsValue> {
    let (pumping, begun) = Promised::new(|number| runtime::pump(body, writable, false, number));
    begun.map(|()| pumping)
}

async fn pump_watched(
    relay: &mut Relay<Stream>,
    body: &ReadableStream,
    writable: &WritableStream,
) -> Result<Ended, JsValue> {
    let branches = runtime::tee(body)?;
    let mut watched = Watched::new(branches.get(1));
    let pumping = pump(&branches.get(0).unchecked_into(), writable)?;
    let mut pumping = pin!(pumping.value());
    let (mut moved_at, mut over_since) = (Date::now(), None);
    let mut pause = FIRST_LOOK;
    loop {
        let now = Date::now();
        let (limit, end) = if relay.observer.is_over() {
            (*over_since.get_or_insert(now) + milliseconds(GRACE), End::Closed)
        } else {
            (moved_at + milliseconds(relay.idle_timeout), End::Broken)
        };
        if now >= limit {
            // The pump lets go of the pipe when its source breaks, behind everything that has come.
            relay.stream.guard = None;
            let _ = pumping.as_mut().await;
            return Ok(Ended::Upstream(end));
        }
        let left = Duration::from_millis((limit - now) as u64 + 1);
        match select(pumping.as_mut(), pin!(runtime::sleep(left.min(pause)))).await {
            Either::Left((Ok(_), _)) => {
                // Everything has gone out; the other branch holds the same.
                while let Ok(Some(bytes)) = watched.read().await {
                    relay.observer.feed(&bytes);
                }
                return Ok(Ended::Upstream(End::Closed));
            }
            Either::Left((Err(_), _)) => {
                let broken = watched.gulp(relay).await.1;
                return Ok(if broken {
                    Ended::Upstream(End::Broken)
                } else {
                    Ended::ClientLeft
                });
            }
            Either::Right(((), _)) => {
                let taken = watched.gulp(relay).await.0;
                if taken > 0 {
                    moved_at = Date::now();
                }
                pause = until_next_look(taken, Date::now() - now);
            }
        }
    }
}

/// When to look again after `taken` bytes in so many milliseconds.
fn until_next_look(taken: usize, within: f64) -> Duration {
    let pause = within * UNSEEN as f64 / taken.max(1) as f64;
    Duration::from_millis(pause as u64).clamp(Duration::from_millis(1), LOOK)
}

/// The branch that is read from the side, by its reader.
struct Watched {
    source: JsValue,
    /// A read that has not ended. It stays when nobody waits for it.
    pending: Option<Promised>,
}

impl Watched {
    const fn new(source: JsValue) -> Self {
        Self { source, pending: None }
    }

    async fn read(&mut self) -> Result<Option<Vec<u8>>, JsValue> {
        let pending = match self.pending.take() {
            Some(pending) => pending,
            None => {
                let (pending, begun) = Promised::new(|number| runtime::read(&self.source, number));
                begun?;
                pending
            }
        };
        let result = self.pending.insert(pending).bytes().await;
        self.pending = None;
        result
    }

    /// Reads what has come by now. How many bytes that was, and whether the stream is broken.
    async fn gulp(&mut self, relay: &mut Relay<Stream>) -> (usize, bool) {
        let mut taken = 0;
        loop {
            let next = pin!(self.read());
            match select(next, pin!(runtime::sleep(Duration::ZERO))).await {
                Either::Left((Ok(Some(bytes)), _)) => {
                    taken += bytes.len();
                    relay.observer.feed(&bytes);
                }
                Either::Left((Err(_), _)) => return (taken, true),
                Either::Left((Ok(None), _)) | Either::Right(((), _)) => return (taken, false),
            }
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

pub(super) async fn write(writer: &WritableStreamDefaultWriter, bytes: &[u8]) -> Result<(), JsValue> {
    if bytes.is_empty() {
        return Ok(());
    }
    runtime::done(|number| runtime::write(writer, bytes, number))
        .await
        .map(drop)
}

pub(super) async fn close(writable: &WritableStream, last_words: Option<&[u8]>) -> Result<(), JsValue> {
    let words = last_words.unwrap_or_default();
    runtime::done(|number| runtime::close(writable, words, number))
        .await
        .map(drop)
}
