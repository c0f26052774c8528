//! Upstream streams on their way to the client, watched as closely as the route asks.
//!
//! A stream takes one of three ways (docs/design/0002-honest-streams.md has what each of them costs):
//!
//! 1. By default every piece up to the first content passes through here. Then the runtime's pump moves the rest without
//!    JavaScript in between, and reports a stream that breaks.
//! 2. Where the route's times are short ([`Watch::Looks`]) the stream is split behind its first content. One branch is pumped
//!    to the client; the other one is read in a few large pieces, every [`LOOK`] and at the end. That is enough to see a stall
//!    and an early end, and to know the usage.
//! 3. Where the route says `verify_end` ([`Watch::Pieces`]) every piece is read on its way, which costs more than twice the
//!    CPU.
//!
//! [`run`] is spawned when the answer's head goes out, and ends when the stream has ended and the pipe is closed.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use js_sys::Date;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{ReadableStream, WritableStream, WritableStreamDefaultWriter};

use super::alarm::{Alarm, sleep};
use super::stream::Stream;
use super::watched::Watched;
use super::{crossing, pipe};
use crate::gateway::{End, GRACE, Record, Relay, Watch};

/// How often the branch that is read from the side is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// When it is looked at first. By then it shows how fast the stream is.
const FIRST_LOOK: Duration = Duration::from_millis(250);

/// The most bytes that should lie in it until the next look, if the stream goes on as it did: they are in memory.
const UNSEEN: u64 = 1024 * 1024;

/// How the stream ended, as far as this side can know.
enum Ended {
    /// At the upstream.
    Upstream(End),
    /// Somewhere: nobody watched, so a break may be the upstream's or the client's.
    Unseen(End),
    /// At the client, which has left.
    ClientLeft,
}

/// Moves a stream to the client up to its end, and completes the record. It writes what belongs behind a bad end.
pub(super) async fn run(mut relay: Relay<Stream>, writable: WritableStream, record: &mut Record) {
    let ended = pass(&mut relay, &writable).await.unwrap_or(Ended::ClientLeft);
    // What may still come from the upstream is not needed any more.
    relay.stream.guard = None;
    let last_words = match ended {
        Ended::Upstream(end) => relay.finish(end, record),
        Ended::Unseen(end) => relay.finish_unseen(end, record),
        Ended::ClientLeft => {
            relay.leave(record);
            return;
        }
    };
    if pipe::close(&writable, last_words.as_deref()).await.is_err() {
        // The client has left, so the error did not reach it.
        record.error = None;
    }
}

async fn pass(relay: &mut Relay<Stream>, writable: &WritableStream) -> Result<Ended, JsValue> {
    let writer = writable.get_writer()?;
    let end = pass_pieces(relay, &writer).await;
    writer.release_lock();
    if let Some(end) = end? {
        return Ok(Ended::Upstream(end));
    }
    let Some(body) = relay.stream.rest() else {
        return Ok(Ended::Upstream(End::Closed));
    };
    if relay.watch == Watch::Looks {
        return pump_watched(relay, &body, writable).await;
    }
    let pumped = pipe::pump(&body, writable, false)?.value().await;
    Ok(Ended::Unseen(if pumped.is_ok() { End::Closed } else { End::Broken }))
}

/// Passes on what was read before, and then piece by piece what has to pass through here. Returns the end of the stream, or
/// `None` where the runtime may move the rest.
async fn pass_pieces(relay: &mut Relay<Stream>, writer: &WritableStreamDefaultWriter) -> Result<Option<End>, JsValue> {
    let read = std::mem::take(&mut relay.read);
    pipe::write(writer, &relay.passed(read)).await?;
    let mut alarm = Alarm::default();
    let started = Date::now();
    let mut over_since = None;
    while needs_next_piece(relay) {
        let now = Date::now();
        let (limit, end) = if relay.observer.is_over() {
            (*over_since.get_or_insert(now) + milliseconds(GRACE), End::Closed)
        } else if relay.has_begun() {
            (now + milliseconds(relay.idle_timeout), End::Broken)
        } else {
            (started + milliseconds(relay.first_within), End::Broken)
        };
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
                pipe::write(writer, &relay.passed(bytes)).await?;
            }
            Ok(None) => return Ok(Some(End::Closed)),
            Err(_) => return Ok(Some(End::Broken)),
        }
    }
    Ok(None)
}

/// Whether the next piece has to pass through here.
fn needs_next_piece(relay: &Relay<Stream>) -> bool {
    relay.watch == Watch::Pieces
        || !relay.has_begun()
        // Little more than the end follows: it is not worth a pump.
        || relay.observer.is_over()
        || relay.observer.is_complete()
        // Only here is known what was held back, and what was asked for already.
        || relay.withholds()
        || relay.stream.is_waiting()
}

/// Lets the runtime move one branch of the rest, and looks at the other one from time to time.
async fn pump_watched(
    relay: &mut Relay<Stream>,
    body: &ReadableStream,
    writable: &WritableStream,
) -> Result<Ended, JsValue> {
    let branches = crossing::tee(body)?;
    let mut watched = Watched::new(branches.get(1));
    let pumping = pipe::pump(&branches.get(0).unchecked_into(), writable, false)?;
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
            // When its source breaks, the pump first moves everything that has come, and then lets go of the pipe.
            relay.stream.guard = None;
            let _ = pumping.as_mut().await;
            return Ok(Ended::Upstream(end));
        }
        let left = Duration::from_millis((limit - now) as u64 + 1);
        match select(pumping.as_mut(), pin!(sleep(left.min(pause)))).await {
            Either::Left((Ok(_), _)) => {
                watched.look_to_end(&mut relay.observer).await;
                return Ok(Ended::Upstream(End::Closed));
            }
            Either::Left((Err(_), _)) => {
                // Where this branch is not broken, it was the client's side that broke.
                let look = watched.look(&mut relay.observer).await;
                return Ok(if look.is_broken {
                    Ended::Upstream(End::Broken)
                } else {
                    Ended::ClientLeft
                });
            }
            Either::Right(((), _)) => {
                let taken = watched.look(&mut relay.observer).await.taken;
                if taken > 0 {
                    moved_at = Date::now();
                }
                pause = until_next_look(taken, Date::now() - now);
            }
        }
    }
}

/// Returns the time until the next look, after `taken` bytes came within so many milliseconds.
fn until_next_look(taken: usize, within: f64) -> Duration {
    let pause = within * UNSEEN as f64 / taken.max(1) as f64;
    Duration::from_millis(pause as u64).clamp(Duration::from_millis(1), LOOK)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
