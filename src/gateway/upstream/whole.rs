//! Reading an answer that is not a stream: whole, as long as it is not too long to be kept.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderValue, Response, StatusCode, header};

use super::asked::Asked;
use super::outcome::{Outcome, has_compaction};
use super::translate::Translated;
use crate::dialect::openai;
use crate::dialect::translation::Whole;
use crate::dialect::wire::shape;
use crate::gateway::fields;
use crate::gateway::reply::scrub::Scrubber;
use crate::gateway::reply::{Body, Raw};
use crate::platform::{Collected, Platform};

/// How much is read of an answer whose length says that it will be passed on as it comes, in bytes.
const BEGINNING: usize = 16 * 1024;

/// The largest error that is read whole, in bytes, and how long it may take. What does not come is not needed: the status says
/// enough.
const ERROR_LIMIT: usize = 1024 * 1024;
const ERROR_TIME: Duration = Duration::from_secs(5);

/// Reads an answer behind what was `read` of it.
pub(super) async fn read<P: Platform>(
    asked: &Asked<'_, P>,
    response: Response<P::Stream>,
    read: Bytes,
) -> Outcome<P::Stream> {
    let status = response.status();
    if status == StatusCode::NOT_MODIFIED && !asked.request.endpoint.is_known() {
        return Outcome::Whole(response.map(|_| Body::Full(Bytes::new())), None);
    }
    if status.is_redirection() || status.is_informational() || status.as_u16() > 599 {
        return Outcome::Unusable(status);
    }
    if status.is_success() {
        success(asked, response, read).await
    } else {
        error(asked, response).await
    }
}

/// Reads an error, or as much of it as comes soon.
async fn error<P: Platform>(asked: &Asked<'_, P>, response: Response<P::Stream>) -> Outcome<P::Stream> {
    let (head, mut stream) = response.into_parts();
    let collected = {
        let collecting = pin!(asked.platform.collect(&mut stream, ERROR_LIMIT, asked.idle()));
        // Less than what ends the whole attempt.
        let patience = pin!(asked.platform.sleep(ERROR_TIME.min(asked.route.timeout / 2)));
        match select(collecting, patience).await {
            Either::Left((Ok(collected), _)) => collected,
            Either::Left((Err(_), _)) | Either::Right(((), _)) => Collected::Whole(Bytes::new()),
        }
    };
    let body = match collected {
        Collected::Whole(body) => Body::Full(body),
        Collected::Begun(read) => Body::Raw(Box::new(Raw {
            read,
            scrubber: Some(Scrubber::new(Arc::clone(asked.config))),
            ..Raw::unread(stream, asked.route.idle_timeout)
        })),
    };
    Outcome::refused(Response::from_parts(head, body), asked.route, asked.platform.now())
}

/// Reads a good answer, and finds out whether it is one.
async fn success<P: Platform>(asked: &Asked<'_, P>, response: Response<P::Stream>, read: Bytes) -> Outcome<P::Stream> {
    let endpoint = asked.request.endpoint;
    let (head, mut stream) = response.into_parts();
    let is_long = fields::content_length(&head.headers).is_some_and(|length| length > P::ANSWER_LIMIT as u64);
    let limit = if is_long { BEGINNING } else { P::ANSWER_LIMIT };
    let together = |rest| {
        if read.is_empty() {
            rest
        } else {
            [read, rest].concat().into()
        }
    };
    let body = match asked.platform.collect(&mut stream, limit, asked.idle()).await {
        Ok(Collected::Whole(rest)) => together(rest),
        Ok(Collected::Begun(rest)) => {
            let raw = Raw {
                read: together(rest),
                ..Raw::unread(stream, asked.route.idle_timeout)
            };
            return long(Response::from_parts(head, raw), asked);
        }
        Err(fault) => return Outcome::Failed(fault),
    };
    if !(body.is_empty() && endpoint.may_be_empty(head.status))
        && shape::is_page_or_empty(fields::content_type(&head.headers), &body)
    {
        return Outcome::Unusable(head.status);
    }
    let answer = openai::Answer::read(&body);
    if let Some(translated) = asked.translated
        && !answer.is_error
        && !answer.is_bare_error
    {
        return match self::translated(translated, Response::from_parts(head, body)) {
            Outcome::Whole(response, Some(usage)) => Outcome::Whole(response, Some(usage.or(answer.usage))),
            outcome => outcome,
        };
    }
    if answer.is_unreadable && endpoint.answers_json() {
        return Outcome::Unusable(head.status);
    }
    let is_error = if endpoint.answers_json() || asked.translated.is_some() {
        answer.is_error || answer.is_bare_error
    } else {
        answer.is_error && (!answer.is_api_object || endpoint.is_stateless())
    };
    let response = Response::from_parts(head, Body::Full(body));
    if is_error {
        Outcome::refused(response, asked.route, asked.platform.now())
    } else if asked.finds_compaction && !has_compaction(response.body().begun()) {
        Outcome::NoCompaction
    } else {
        Outcome::Whole(response, answer.usage)
    }
}

/// Returns an upstream's whole answer as the client reads it.
pub(super) fn translated<S>(translated: &Translated, response: Response<Bytes>) -> Outcome<S> {
    let (mut head, body) = response.into_parts();
    let is_stream = fields::is_event_stream(&head.headers);
    let Some(Whole { body, usage, is_stream }) = translated.whole(&body, is_stream) else {
        return Outcome::Unusable(head.status);
    };
    let kind = if is_stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    head.headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Outcome::Whole(Response::from_parts(head, Body::Full(body.into())), usage)
}

/// Returns what an answer is that is too long to be kept, by its beginning. It was paid for: nobody is asked for it again.
fn long<P: Platform>(response: Response<Raw<P::Stream>>, asked: &Asked<'_, P>) -> Outcome<P::Stream> {
    let endpoint = asked.request.endpoint;
    let begun = &response.body().read;
    let is_encoded = fields::is_encoded(response.headers());
    if shape::is_page_or_empty(fields::content_type(response.headers()), begun)
        || (endpoint.answers_json() && !is_encoded && !shape::begins_object(begun))
    {
        Outcome::Unusable(response.status())
    } else if endpoint.is_rewritten() || asked.translated.is_some() {
        Outcome::TooLong
    } else {
        Outcome::Raw(response)
    }
}
