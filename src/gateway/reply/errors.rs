//! Errors of the gateway itself, in the dialect of the endpoint that was called.

use http::{HeaderValue, Response, header};

use super::body::{Body, json};
use crate::dialect::neutral::{Format, overflow};
use crate::dialect::upstream_error::UpstreamError;
use crate::error::{Error, Kind};
use crate::gateway::fields;

/// Returns an error as an answer, with the headers that its kind calls for.
pub(crate) fn error_response<S>(dialect: &Format, error: &Error) -> Response<Body<S>> {
    let mut response = json(error.status(), (dialect.error_body)(error));
    let headers = response.headers_mut();
    match error.kind {
        Kind::InvalidApiKey | Kind::TokenExpired | Kind::TokenDisabled => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Kind::Overloaded => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Kind::UpstreamAuthFailed
        | Kind::UpstreamInvalidResponse
        | Kind::UpstreamTimeout
        | Kind::UpstreamUnreachable
        | Kind::NoKeyAvailable
        | Kind::LoopDetected
            if !error.waiting_helps =>
        {
            headers.insert(fields::SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        _ => {}
    }
    if let Some(seconds) = error.retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(millis) = error.retry_after_ms {
        headers.insert(fields::RETRY_AFTER_MS, millis.into());
    }
    if let Some(allow) = error.allow {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    response
}

/// Returns an answer with the error of an upstream that speaks another dialect than the client. What is not read as an error
/// stays as it is. `amounts` are the tokens that were sent and those that the model takes, for an error which says that they are too
/// many and not how many.
pub(crate) fn error_in<S>(
    dialect: &Format,
    response: Response<Body<S>>,
    amounts: Option<(u64, u64)>,
) -> Response<Body<S>> {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let Some(mut error) = UpstreamError::read(response.body().begun()).filter(|_| is_error) else {
        return response;
    };
    let is_number = |label: &&String| label.bytes().all(|byte| byte.is_ascii_digit());
    let code = error.labels.iter().find(|label| !is_number(label)).map(String::as_str);
    if let Some((sent, most)) = amounts.filter(|_| overflow::amounts(&error.message).is_none()) {
        error.message += &format!(" (about {sent} tokens > {most})");
    }
    let body = (dialect.upstream_error)(&error.message, code, status.as_u16());
    let (mut head, _) = response.into_parts();
    head.headers.remove(header::CONTENT_ENCODING);
    head.headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Response::from_parts(head, Body::Full(body.into()))
}
