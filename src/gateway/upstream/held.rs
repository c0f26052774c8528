//! Reading a stream up to its first content, so that one that fails before it is a failed attempt like any other.

use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use http::response::Parts;
use http::{HeaderValue, Response, header};

use super::asked::Asked;
use super::outcome::{Outcome, has_compaction};
use crate::dialect::observe::{Beginning, LINE_LIMIT};
use crate::dialect::usage::Usage;
use crate::gateway::reply::{Body, Relay};
use crate::platform::{Fault, Platform};

/// The longest that the head of a stream is held back for its first content.
const HOLD: Duration = Duration::from_secs(15);

/// How much may be read to find out whether an answer is a stream, in bytes.
const BLANK: usize = 32 * 1024;

/// How much of a stream may be held back for its first content, in bytes: of comments, and of all where events have come that say
/// nothing yet, beyond twice the request, which two of them may repeat.
const COMMENTS: usize = 128 * 1024;
const HELD: usize = 1024 * 1024;

/// Reads of an answer that does not say so whether it begins like an event stream, or like nothing for as long as a head is held
/// back. What had to be read for that is put into `read`.
pub(super) async fn begins_stream<P: Platform>(
    platform: &P,
    response: &mut Response<P::Stream>,
    read: &mut Bytes,
) -> Result<bool, Fault> {
    let mut patience = pin!(platform.sleep(HOLD));
    while without_blank(read).is_empty() && read.len() < BLANK {
        let next = pin!(platform.read(response.body_mut()));
        let begun = if read.is_empty() {
            next.await?
        } else {
            match select(next, patience.as_mut()).await {
                Either::Left((begun, _)) => begun?,
                Either::Right(((), _)) => return Ok(true),
            }
        };
        match begun {
            Some(begun) => *read = [&read[..], &begun].concat().into(),
            None => return Ok(false),
        }
    }
    Ok(begins_events(read))
}

/// Reads a stream whose head came `waited` ago up to its first content, for no longer than a head is held back and no further than what
/// the request may be repeated in. One that was asked for a summary of the conversation is read to its end.
pub(super) async fn held<P: Platform>(
    asked: &Asked<'_, P>,
    response: Response<Box<Relay<P::Stream>>>,
    waited: Duration,
) -> Outcome<P::Stream> {
    let patience = if asked.finds_compaction {
        asked.limit
    } else {
        HOLD.saturating_sub(waited)
    };
    let most = asked.request.body.len().saturating_mul(2).saturating_add(HELD);
    let (head, mut relay) = response.into_parts();
    relay.observer.keep_lines(HELD);
    let mut is_error = false;
    let mut time_is_up = pin!(asked.platform.sleep(patience));
    let mut held = BytesMut::from(std::mem::take(&mut relay.read));
    loop {
        match relay.observer.beginning() {
            Beginning::Nothing => {}
            Beginning::Content if is_error => return Outcome::Unusable(head.status),
            // It is one item, and whether it comes only the end shows.
            Beginning::Content if asked.finds_compaction => {}
            Beginning::Content => break,
            Beginning::Empty => return Outcome::Unusable(head.status),
            Beginning::Error(event) => return failed(asked, head, event),
        }
        let most = if relay.observer.has_data_begun() {
            most
        } else {
            COMMENTS
        };
        if held.len() >= most {
            // What is an error for certain need not be held to be read to its end.
            relay.observer.keep_lines(LINE_LIMIT);
            is_error = relay.observer.is_in_error();
            if !is_error {
                break;
            }
            held.clear();
        }
        match next(asked.platform, &mut relay, time_is_up.as_mut()).await {
            Next::Bytes(bytes) => {
                relay.observer.feed(&bytes);
                if !is_error {
                    held.extend_from_slice(&bytes);
                }
            }
            Next::TimeIsUp if !is_error => {
                relay.first_within = relay.first_within.saturating_sub(patience);
                break;
            }
            Next::End if asked.finds_compaction && relay.observer.is_complete() => {
                return with_compaction(head, held.freeze(), relay.observer.usage());
            }
            Next::End | Next::TimeIsUp => return Outcome::Unusable(head.status),
            Next::Failed(fault) => return Outcome::Failed(fault),
        }
    }
    relay.observer.keep_lines(LINE_LIMIT);
    relay.read = held.freeze();
    Outcome::Stream(Response::from_parts(head, relay))
}

/// What comes next of a stream that is held back.
enum Next {
    Bytes(Bytes),
    End,
    TimeIsUp,
    Failed(Fault),
}

async fn next<P: Platform>(
    platform: &P,
    relay: &mut Relay<P::Stream>,
    time_is_up: Pin<&mut impl Future<Output = ()>>,
) -> Next {
    let reading = pin!(platform.read(&mut relay.stream));
    match select(reading, time_is_up).await {
        Either::Left((Ok(Some(bytes)), _)) => Next::Bytes(bytes),
        // An event that lacks only the end of its line counts, and has it then.
        Either::Left((Ok(None), _)) if relay.observer.is_line_whole() => Next::Bytes(Bytes::from_static(b"\n")),
        Either::Left((Ok(None), _)) => Next::End,
        Either::Left((Err(fault), _)) => Next::Failed(fault),
        Either::Right(((), _)) => Next::TimeIsUp,
    }
}

/// Returns what a stream is whose first `event` is an error.
fn failed<P: Platform>(asked: &Asked<'_, P>, mut head: Parts, event: &[u8]) -> Outcome<P::Stream> {
    let body = Bytes::copy_from_slice(event);
    head.headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let response = Response::from_parts(head, Body::Full(body));
    Outcome::refused(response, asked.route, asked.platform.now())
}

/// Returns what a stream is that was asked for a summary of the conversation and is `read` to its end.
fn with_compaction<S>(head: Parts, read: Bytes, usage: Option<Usage>) -> Outcome<S> {
    if has_compaction(&read) {
        Outcome::Whole(Response::from_parts(head, Body::Full(read)), usage)
    } else {
        Outcome::NoCompaction
    }
}

/// A body without its byte order mark and blank lines at the beginning.
fn without_blank(read: &[u8]) -> &[u8] {
    read.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(read).trim_ascii_start()
}

/// Whether a body that has begun like this is an event stream (the fields of
/// <https://html.spec.whatwg.org/multipage/server-sent-events.html>, section 9.2.5).
fn begins_events(read: &[u8]) -> bool {
    let read = without_blank(read);
    let fields: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
    !read.is_empty()
        && fields
            .iter()
            .any(|field| read.starts_with(field) || field.starts_with(read))
}
