//! An outcome as the client gets it.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::asked::Asked;
use super::errors::{no_websocket, too_long, unreachable, unusable};
use super::outcome::Outcome;
use super::translate::DROPPED;
use crate::config::Config;
use crate::dialect::neutral::Format;
use crate::dialect::upstream_error::UpstreamError;
use crate::dialect::upstream_models::limits;
use crate::dialect::wire::shape;
use crate::error::Error;
use crate::gateway::fields;
use crate::gateway::record::Record;
use crate::gateway::reply::{Body, error_in, headers, scrub};
use crate::policy::meaning::{Meaning, Scope};

/// Hands on the outcome of an attempt.
///
/// # Errors
/// Where the gateway has to say in its own words what came of it.
pub(super) fn deliver<P, S>(
    asked: &Asked<'_, P>,
    outcome: Outcome<S>,
    record: &mut Record,
) -> Result<Response<Body<S>>, Error> {
    let mut answer = answer(asked, said(asked, outcome), record)?;
    if let Some(translated) = asked.translated {
        translated.complete(&mut answer);
    }
    if asked.without_state && answer.status().is_success() {
        answer.headers_mut().append(DROPPED, HeaderValue::from_static("state"));
    }
    Ok(answer)
}

fn answer<P, S>(asked: &Asked<'_, P>, outcome: Outcome<S>, record: &mut Record) -> Result<Response<Body<S>>, Error> {
    let (config, route, target) = (asked.config, asked.route, asked.target);
    let released = |upstream: HeaderMap| {
        let mut released = headers::released(upstream);
        scrub::echoes(route, target.key_of(route), &mut released);
        released
    };
    Ok(match outcome {
        Outcome::Stream(response) => {
            let (mut head, relay) = response.into_parts();
            head.headers = released(head.headers);
            headers::streaming(&mut head.headers);
            Response::from_parts(head, Body::Stream(relay))
        }
        Outcome::Whole(response, usage) => {
            let (mut head, body) = response.into_parts();
            head.headers = released(head.headers);
            record.usage = usage;
            Response::from_parts(head, body)
        }
        Outcome::Raw(response) => {
            let (mut head, raw) = response.into_parts();
            let length = head.headers.remove(header::CONTENT_LENGTH);
            head.headers = released(head.headers);
            if fields::is_event_stream(&head.headers) {
                headers::streaming(&mut head.headers);
            }
            head.headers
                .extend(length.map(|length| (header::CONTENT_LENGTH, length)));
            Response::from_parts(head, Body::Raw(Box::new(raw)))
        }
        Outcome::WebSocket(response) => {
            let (mut head, websocket) = response.into_parts();
            head.headers = released(head.headers);
            fields::upgrade(&mut head.headers);
            Response::from_parts(head, Body::WebSocket(Box::new(websocket)))
        }
        Outcome::Refused(response, meaning) => {
            refused(config, asked.request.endpoint.dialect, response, &meaning, record)
        }
        Outcome::TooLong => return Err(too_long()),
        Outcome::NoWebSocket => return Err(no_websocket()),
        Outcome::NoCompaction => return Err(unusable(StatusCode::OK)),
        Outcome::Unusable(status) => return Err(unusable(status)),
        Outcome::Late | Outcome::Failed(_) => return Err(unreachable()),
    })
}

/// Returns an outcome with the upstream's error as the client reads it: in its dialect where the request was translated, or where
/// the upstream's is none of the client's dialect, or one that its programs do not know for what it is.
pub(super) fn said<P, S>(asked: &Asked<'_, P>, outcome: Outcome<S>) -> Outcome<S> {
    let dialect = asked.request.endpoint.dialect;
    let Outcome::Refused(mut response, meaning) = outcome else {
        return outcome;
    };
    let is_overflow = meaning.scope == Scope::Overflow;
    if is_overflow && response.status().is_success() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    let body = response.body().begun();
    if asked.translated.is_none() && (dialect.is_error)(body) && (!is_overflow || (dialect.says_overflow)(body)) {
        return Outcome::Refused(response, meaning);
    }
    *response.status_mut() = if is_overflow {
        StatusCode::BAD_REQUEST
    } else {
        status_of(&response)
    };
    let amounts = if is_overflow { guessed_amounts(asked) } else { None };
    Outcome::Refused(error_in(dialect, response, amounts), meaning)
}

/// Returns how many tokens a conversation that is too long has, roughly, and how many the model takes, where that is known.
fn guessed_amounts<P>(asked: &Asked<'_, P>) -> Option<(u64, u64)> {
    /// How many bytes of a request one token has.
    const BYTES: usize = 4;
    let most = limits(asked.model?)?.input;
    let sent = (asked.sent().len() / BYTES) as u64;
    Some((sent.max(most + 1), most))
}

/// Returns the status of an upstream's error. One that came as a good answer has the status that its own code says: the client must
/// not take it for an answer.
fn status_of<S>(error: &Response<Body<S>>) -> StatusCode {
    if !error.status().is_success() {
        return error.status();
    }
    let code = UpstreamError::read(error.body().begun()).and_then(|error| error.status);
    code.and_then(|code| StatusCode::from_u16(code).ok())
        .unwrap_or(StatusCode::BAD_GATEWAY)
}

/// Hands on an answer in which the upstream reports an error: its own words without our secrets, or ours where it has none.
pub(super) fn refused<S>(
    config: &Config,
    dialect: &Format,
    response: Response<Body<S>>,
    meaning: &Meaning,
    record: &mut Record,
) -> Response<Body<S>> {
    let status = status_of(&response);
    let (mut head, body) = response.into_parts();
    head.status = status;
    head.headers = headers::released(head.headers);
    scrub::headers(config, &mut head.headers);
    // A runtime may have taken the compression off. What still has it cannot be cleaned of secrets.
    let encoded = fields::is_encoded(&head.headers);
    head.headers.remove(header::CONTENT_ENCODING);
    let illegible = encoded && !shape::is_json(body.begun());
    let body = if illegible || shape::is_page_or_empty(fields::content_type(&head.headers), body.begun()) {
        let error = unusable(head.status);
        record.error = Some(error.kind.facts().code);
        head.headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Body::Full((dialect.error_body)(&error).into())
    } else {
        match body {
            Body::Full(body) => Body::Full(scrub::body(config, body)),
            // It is cleaned on its way.
            body => body,
        }
    };
    // A client's own mistake comes as it came. Behind everything else stands this gateway, which has tried again already.
    if !meaning.waiting_helps && !matches!(meaning.scope, Scope::Request | Scope::Overflow) {
        head.headers
            .insert(fields::SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    Response::from_parts(head, body)
}
