//! Reading an upstream's answer as far as it takes to know what it means.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use http::{HeaderValue, Response, StatusCode, header};

use super::call::Call;
use super::endpoint::Endpoint;
use super::outcome::Outcome;
use super::scrub::Scrubber;
use super::{Body, Gateway, Raw, Relay, headers};
use crate::config::Route;
use crate::dialect::observe::{Beginning, LINE_LIMIT};
use crate::dialect::openai;
use crate::platform::{Collected, Fault, Platform};
use crate::policy::outcome::{self, Scope};

/// How much is read of an answer whose length says that it will be passed on as it comes, in bytes.
const BEGINNING: usize = 16 * 1024;

/// The largest error that is read whole, in bytes, and how long it may take. What does not come is not needed: the status says
/// enough.
const ERROR_LIMIT: usize = 1024 * 1024;
const ERROR_TIME: Duration = Duration::from_secs(5);

/// The longest that the head of a stream is held back for its first content.
pub(super) const HOLD: Duration = Duration::from_secs(15);

/// How much may be read to find out whether an answer is a stream, in bytes.
const BLANK: usize = 32 * 1024;

/// How much of a stream may be held back for its first content, in bytes: of comments, and of all where events have come that say
/// nothing yet, beyond twice the request, which two of them may repeat.
const COMMENTS: usize = 128 * 1024;
pub(super) const HELD: usize = 1024 * 1024;

impl<P: Platform> Gateway<P> {
    /// Whether an answer that does not say so begins like an event stream, or like nothing for as long as a head is held back. What
    /// had to be `read` for that.
    pub(super) async fn begins_stream(
        &self,
        response: &mut Response<P::Stream>,
        read: &mut Bytes,
    ) -> Result<bool, Fault> {
        let mut patience = pin!(self.platform.sleep(HOLD));
        while without_blank(read).is_empty() && read.len() < BLANK {
            let next = pin!(self.platform.read(response.body_mut()));
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

    /// Reads an answer that is no stream, behind what was `read` of it. `idle`: the longest that nothing of it may come.
    pub(super) async fn whole(
        &self,
        response: Response<P::Stream>,
        read: Bytes,
        call: &Call<'_>,
        route: &Route,
        idle: Duration,
    ) -> Outcome<P::Stream> {
        let status = response.status();
        let unchanged = status == StatusCode::NOT_MODIFIED && matches!(call.endpoint, Endpoint::Passed(_));
        if unchanged {
            return Outcome::Whole(response.map(|_| Body::Full(Bytes::new())), None);
        }
        if status.is_redirection() || status.is_informational() || status.as_u16() > 599 {
            return Outcome::Unusable(status);
        }
        let (head, mut stream) = response.into_parts();
        if !status.is_success() {
            let collected = {
                let collecting = pin!(self.platform.collect(&mut stream, ERROR_LIMIT, idle));
                // Less than what ends the whole attempt.
                let patience = pin!(self.platform.sleep(ERROR_TIME.min(route.timeout / 2)));
                match select(collecting, patience).await {
                    Either::Left((Ok(collected), _)) => collected,
                    Either::Left((Err(_), _)) | Either::Right(((), _)) => Collected::Whole(Bytes::new()),
                }
            };
            let body = match collected {
                Collected::Whole(body) => Body::Full(body),
                Collected::Begun(read) => Body::Raw(Box::new(Raw {
                    read,
                    scrubber: Some(Scrubber::new(Arc::clone(&self.config))),
                    ..Raw::unread(stream, route.idle_timeout)
                })),
            };
            return self.refusal(Response::from_parts(head, body), route);
        }
        let is_long = headers::content_length(&head.headers).is_some_and(|length| length > P::ANSWER_LIMIT as u64);
        let limit = if is_long { BEGINNING } else { P::ANSWER_LIMIT };
        let together = |rest| {
            if read.is_empty() {
                rest
            } else {
                [read, rest].concat().into()
            }
        };
        let body = match self.platform.collect(&mut stream, limit, idle).await {
            Ok(Collected::Whole(rest)) => together(rest),
            Ok(Collected::Begun(rest)) => {
                let raw = Raw {
                    read: together(rest),
                    ..Raw::unread(stream, route.idle_timeout)
                };
                return long(Response::from_parts(head, raw), call);
            }
            Err(fault) => return Outcome::Failed(fault),
        };
        if !(body.is_empty() && call.endpoint.may_be_empty(&call.method, status))
            && openai::is_no_answer(headers::content_type(&head.headers), &body)
        {
            return Outcome::Unusable(status);
        }
        let answer = openai::Answer::read(&body);
        if answer.is_illegible && call.endpoint.answers_json() {
            return Outcome::Unusable(status);
        }
        let is_error = if call.endpoint.answers_json() {
            answer.is_error || answer.is_bare_error
        } else {
            answer.is_error && (!answer.is_thing || call.endpoint.is_stateless(&call.method))
        };
        if !is_error {
            return Outcome::Whole(Response::from_parts(head, Body::Full(body)), answer.usage);
        }
        self.refusal(Response::from_parts(head, Body::Full(body)), route)
    }

    fn refusal(&self, response: Response<Body<P::Stream>>, route: &Route) -> Outcome<P::Stream> {
        let now = self.platform.now();
        let status = response.status().as_u16();
        let meaning = outcome::of_answer(
            status,
            response.headers(),
            response.body().begun(),
            route.account_limits,
            now,
        );
        // The client must not take it for a word about its own token.
        if meaning.scope == Scope::Upstream && matches!(status, 401..=403) {
            return Outcome::Unusable(response.status());
        }
        Outcome::Refused(response, meaning)
    }

    /// Reads a stream up to its first content, for no longer than `patience` and no further than `most` bytes, so that one that
    /// fails before is a failed attempt like any other.
    pub(super) async fn held(
        &self,
        response: Response<Relay<P::Stream>>,
        route: &Route,
        (patience, most): (Duration, usize),
    ) -> Outcome<P::Stream> {
        let (mut head, mut relay) = response.into_parts();
        relay.observer.keep_lines(HELD);
        let mut is_error = false;
        let mut time_is_up = pin!(self.platform.sleep(patience));
        let mut held = BytesMut::from(relay.read);
        loop {
            match relay.observer.beginning() {
                Beginning::Nothing => {}
                Beginning::Content if is_error => return Outcome::Unusable(head.status),
                Beginning::Content => break,
                Beginning::Empty => return Outcome::Unusable(head.status),
                Beginning::Error(event) => {
                    let body = Bytes::copy_from_slice(event);
                    head.headers
                        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                    return self.refusal(Response::from_parts(head, Body::Full(body)), route);
                }
            }
            let most = if relay.observer.has_spoken() { most } else { COMMENTS };
            if held.len() >= most {
                // What is an error for certain need not be held to be read to its end.
                relay.observer.keep_lines(LINE_LIMIT);
                is_error = relay.observer.is_in_error();
                if !is_error {
                    break;
                }
                held.clear();
            }
            let next = pin!(self.platform.read(&mut relay.stream));
            match select(next, time_is_up.as_mut()).await {
                Either::Left((Ok(Some(bytes)), _)) => {
                    relay.observer.feed(&bytes);
                    if !is_error {
                        held.extend_from_slice(&bytes);
                    }
                }
                // An event that lacks only the end of its line counts, and has it then.
                Either::Left((Ok(None), _)) if relay.observer.is_line_whole() => {
                    relay.observer.feed(b"\n");
                    held.extend_from_slice(b"\n");
                }
                Either::Left((Ok(None), _)) => return Outcome::Unusable(head.status),
                Either::Left((Err(fault), _)) => return Outcome::Failed(fault),
                Either::Right(((), _)) if is_error => return Outcome::Unusable(head.status),
                Either::Right(((), _)) => {
                    relay.first_within = relay.first_within.saturating_sub(patience);
                    break;
                }
            }
        }
        relay.observer.keep_lines(LINE_LIMIT);
        relay.read = held.freeze();
        Outcome::Stream(Response::from_parts(head, relay))
    }
}

/// Returns what an answer is that is too long to be kept, by its beginning. It was paid for: nobody is asked for it again.
fn long<S>(response: Response<Raw<S>>, call: &Call<'_>) -> Outcome<S> {
    let begun = &response.body().read;
    let is_encoded = headers::is_encoded(response.headers());
    if openai::is_no_answer(headers::content_type(response.headers()), begun)
        || (call.endpoint.answers_json() && !is_encoded && !openai::begins_object(begun))
    {
        Outcome::Unusable(response.status())
    } else if call.endpoint.is_rewritten() {
        Outcome::TooLong
    } else {
        Outcome::Raw(response)
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
