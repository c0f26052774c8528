//! Cross-origin requests: browsers may read answers, errors included; never with credentials.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::body::Body;
use crate::config::Cors;

/// `*` would not cover names like these in every browser, so they are listed.
const EXPOSED: &str = "x-request-id, x-upstream-request-id, x-should-retry, retry-after, retry-after-ms, \
    x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, \
    x-ratelimit-limit-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-requests, \
    x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, x-ratelimit-reset-tokens, \
    openai-processing-ms, x-gateway-attempts, x-gateway-limit, x-gateway-dropped, x-gateway-estimated";

/// The headers of limits among them.
const LIMITS: [&str; 9] = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
];

const ALLOW_PRIVATE_NETWORK: &str = "access-control-allow-private-network";

/// Returns the answer to a preflight, whatever it asks for: the request itself is judged when it comes.
pub(crate) fn preflight<S>(request: &HeaderMap) -> Response<Body<S>> {
    let mut response = Response::new(Body::Full(bytes::Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    );
    let requested = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        requested.unwrap_or(HeaderValue::from_static("*")),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    headers.append(header::VARY, HeaderValue::from_static("access-control-request-headers"));
    if request.contains_key("access-control-request-private-network") {
        headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
    response
}

/// Lets the request's origin read the answer, where it may.
pub(crate) fn allow(cors: &Cors, request: &HeaderMap, answer: &mut HeaderMap) {
    let origin = match cors {
        Cors::Any => Some(HeaderValue::from_static("*")),
        Cors::Origins(origins) => {
            answer.append(header::VARY, HeaderValue::from_static("origin"));
            let known = |origin: &&HeaderValue| origins.iter().any(|known| known.as_bytes() == origin.as_bytes());
            request.get(header::ORIGIN).filter(known).cloned()
        }
    };
    if let Some(origin) = origin {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed(answer));
    }
}

/// Returns the headers that pages may read of an answer: those that are known, and those of limits that only this upstream has.
fn exposed(answer: &HeaderMap) -> HeaderValue {
    let names = answer.keys().map(HeaderName::as_str);
    let others: Vec<&str> = names
        .filter(|name| name.starts_with("x-ratelimit-") && !LIMITS.contains(name))
        .collect();
    if others.is_empty() {
        return HeaderValue::from_static(EXPOSED);
    }
    HeaderValue::try_from([EXPOSED, ", ", &others.join(", ")].concat()).unwrap_or(HeaderValue::from_static(EXPOSED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_that_is_known_is_listed() {
        let listed: Vec<&str> = EXPOSED.split(", ").collect();
        assert!(LIMITS.iter().all(|name| listed.contains(name)));
    }
}
