//! Upstream streams on their way to the client: moved by the runtime's own pump, watched from the side.
//!
//! Up to its first content every piece passes through here; then the runtime moves the rest without JavaScript in
//! between, and reports a stream that breaks. Where a route wants more, the stream is split: one branch is pumped to the
//! client, the other is read in a few large gulps, every [`LOOK`] and at the end, which is enough to tell a stall and an end
//! that comes too early, and to know what was used. Reading every piece on its way would cost more than twice the CPU
//! (docs/design/0002-honest-streams.md).

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use worker::js_sys::Date;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::web_sys::{ReadableStream, WritableStream, WritableStreamDefaultWriter};

use super::runtime::{self, Promised};
use super::stream::Stream;
use crate::gateway::{End, Record, Relay};

/// How often the watching branch is read.
const LOOK: Duration = Duration::from_secs(5);

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
    if relay.watch {
        return pump_watched(relay, &body, writable).await;
    }
    Ok(Ended::Unseen(match pump(&body, writable)?.value().await {
        Ok(_) => End::Closed,
        Err(_) => End::Broken,
    }))
}

/// Passes on what was read before and every piece up to the first content, and until no piece is on its way, or withheld, that
/// nobody else would get. Of a stream that has said all by then the rest as well: it is hardly more than the end. The end, if it
/// comes.
async fn begin(relay: &mut Relay<Stream>, writer: &WritableStreamDefaultWriter) -> Result<Option<End>, JsValue> {
    let read = std::mem::take(&mut relay.read);
    write(writer, &relay.passed(read)).await?;
    let started = Date::now();
    while relay.stream.is_waiting() || relay.withholds() || !relay.has_begun() || relay.observer.is_complete() {
        let limit = if relay.has_begun() {
            relay.idle_timeout
        } else {
            relay.first_within.saturating_sub(since(started))
        };
        let piece = {
            let next = pin!(relay.stream.read());
            match select(next, pin!(runtime::sleep(limit))).await {
                Either::Left((piece, _)) => piece,
                Either::Right(((), _)) => return Ok(Some(End::Broken)),
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
    Ok(None)
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
    let mut moved_at = Date::now();
    loop {
        let Some(left) = relay
            .idle_timeout
            .checked_sub(since(moved_at))
            .filter(|left| !left.is_zero())
        else {
            // The pump lets go of the pipe when its source breaks.
            relay.stream.guard = None;
            let _ = pumping.as_mut().await;
            return Ok(Ended::Upstream(End::Broken));
        };
        match select(pumping.as_mut(), pin!(runtime::sleep(left.min(LOOK)))).await {
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
                if watched.gulp(relay).await.0 {
                    moved_at = Date::now();
                }
            }
        }
    }
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

    /// Reads what has come by now. Whether that was anything, and whether the stream is broken.
    async fn gulp(&mut self, relay: &mut Relay<Stream>) -> (bool, bool) {
        let mut moved = false;
        loop {
            let next = pin!(self.read());
            match select(next, pin!(runtime::sleep(Duration::ZERO))).await {
                Either::Left((Ok(Some(bytes)), _)) => {
                    moved = true;
                    relay.observer.feed(&bytes);
                }
                Either::Left((Err(_), _)) => return (moved, true),
                Either::Left((Ok(None), _)) | Either::Right(((), _)) => return (moved, false),
            }
        }
    }
}

fn since(start: f64) -> Duration {
    Duration::from_millis((Date::now() - start).max(0.0) as u64)
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
