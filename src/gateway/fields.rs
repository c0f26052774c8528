//! What header fields say, and the names of those that the gateway writes itself.

use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use memchr::memchr;
use uuid::{Builder, Uuid};

use crate::platform::Millis;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const ATTEMPTS: HeaderName = HeaderName::from_static("x-gateway-attempts");
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
pub(crate) const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
/// Whose limit a 429 tells of: `own` is one of the caller's account.
pub(crate) const LIMIT: HeaderName = HeaderName::from_static("x-gateway-limit");
/// A body as it is.
pub(crate) const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
pub(crate) const API_KEY: HeaderName = HeaderName::from_static("api-key");
pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
pub(crate) const X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
/// What Google's SDKs send, and no other clients.
pub(crate) const X_GOOG_API_CLIENT: HeaderName = HeaderName::from_static("x-goog-api-client");
/// What Anthropic's clients send, and no other ones.
pub(crate) const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// A subprotocol by which browsers send a token, since they cannot set headers for a WebSocket.
pub(crate) const TOKEN_PROTOCOL: &str = "openai-insecure-api-key.";

/// The size of a request's head, in bytes as HTTP/1.1 would write it.
pub(crate) fn size(head: &Parts) -> usize {
    let fields: usize = head
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    fields + head.uri.path_and_query().map_or(0, |target| target.as_str().len())
}

/// The client's own request id, where it has one that is safe to repeat.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    ((1..=128).contains(&id.len()) && id.bytes().all(safe)).then(|| id.to_owned())
}

/// A new request id: a UUID of version 7, so that ids sort by time.
pub(crate) fn new_request_id(now: Millis, random: u128) -> String {
    let mut bits = [0; 10];
    bits.copy_from_slice(&random.to_be_bytes()[..10]);
    let id = Builder::from_unix_timestamp_millis(now.0, &bits).into_uuid();
    id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned()
}

pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether a content type says JSON: `application/json`, `application/problem+json`, with or without parameters.
pub(crate) fn is_json(kind: &[u8]) -> bool {
    let kind = essence(kind);
    let end = &kind[kind.len().saturating_sub(b"+json".len())..];
    kind.eq_ignore_ascii_case(b"application/json")
        || kind.eq_ignore_ascii_case(b"text/json")
        || end.eq_ignore_ascii_case(b"+json")
}

/// The content type of a message: of several, or of a list that was made of them, the first.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    value.get(..first_of(value.as_bytes()).len())
}

/// The first of the values that are joined with commas. A comma in quotes joins nothing.
pub(crate) fn first_of(list: &[u8]) -> &[u8] {
    if memchr(b',', list).is_none() {
        return list;
    }
    let mut is_quoted = false;
    let end = list.iter().position(|byte| {
        is_quoted ^= *byte == b'"';
        *byte == b',' && !is_quoted
    });
    end.map_or(list, |end| list[..end].trim_ascii_end())
}

pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| essence(kind.as_bytes()).eq_ignore_ascii_case(b"text/event-stream"))
}

/// A content type without its parameters, in whatever letters it was written.
fn essence(kind: &[u8]) -> &[u8] {
    let kind = kind.split(|byte| matches!(byte, b';' | b',')).next();
    kind.unwrap_or_default().trim_ascii()
}

/// The subprotocols that a client offers.
pub(crate) fn protocols(client: &HeaderMap) -> impl Iterator<Item = &str> {
    client
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|protocol| !protocol.is_empty())
}

/// The tokens among them.
pub(crate) fn protocol_tokens(client: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    protocols(client)
        .filter_map(|protocol| protocol.strip_prefix(TOKEN_PROTOCOL))
        .map(str::as_bytes)
}

/// Whether a client wants no answer that was known before (RFC 9111 section 5.2.1).
pub(crate) fn wants_news(client: &HeaderMap) -> bool {
    let directives = client.get_all(header::CACHE_CONTROL).into_iter();
    directives
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|directive| matches!(directive.trim(), "no-cache" | "no-store" | "max-age=0"))
}

/// Whether a request asks for a WebSocket.
pub(crate) fn asks_for_websocket(head: &Parts) -> bool {
    head.method == Method::GET
        && head
            .headers
            .get(header::UPGRADE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whether a body is compressed, or encoded in another way.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    let identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|value| !identity(value))
}

/// Removes what says how a body is encoded, where that is one of the `unpacked`: the runtime has decoded it already.
pub(crate) fn unpack(headers: &mut HeaderMap, unpacked: &[&str]) {
    let is_unpacked = |value: &HeaderValue| unpacked.iter().any(|coding| value == coding);
    if headers.get(header::CONTENT_ENCODING).is_some_and(is_unpacked) {
        headers.remove(header::CONTENT_ENCODING);
    }
}

/// Says that a WebSocket follows, in both directions.
pub(crate) fn upgrade(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

#[cfg(test)]
pub(in crate::gateway) mod tests;
