//! Which headers pass, in both directions: an allow-list towards the upstream, a deny-list towards the client.

use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use memchr::{memchr, memmem};
use uuid::{Builder, Uuid};

use super::caller::Caller;
use super::hop::HOP;
use crate::config::Route;
use crate::dialect::providers::KeyHeader;
use crate::platform::Millis;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const ATTEMPTS: HeaderName = HeaderName::from_static("x-gateway-attempts");
pub(super) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// A body as it is.
pub(super) const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
pub(super) const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// What of the client's request passes as well on endpoints that the gateway does not know by name.
const PASSED: [&str; 7] = [
    "content-encoding",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
];

/// How many [`seal`] sets, as a rule.
const SEALED: usize = 5;

/// What a WebSocket's handshake consists of, besides its subprotocols (RFC 6455 section 4.1).
const HANDSHAKE: [&str; 3] = ["sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"];

/// A subprotocol by which browsers send a token, since they cannot set headers for a WebSocket.
const TOKEN_PROTOCOL: &str = "openai-insecure-api-key.";

/// Subprotocols that are for the gateway, or name an account that is not the upstream key's.
const OWN_PROTOCOLS: [&str; 3] = [TOKEN_PROTOCOL, "openai-organization.", "openai-project."];

/// The size of a request's head, in bytes as HTTP/1.1 would write it.
pub(super) fn size(head: &Parts) -> usize {
    let fields: usize = head
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    fields + head.uri.path_and_query().map_or(0, |target| target.as_str().len())
}

/// The client's own request id, where it has one that is safe to repeat.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    ((1..=128).contains(&id.len()) && id.bytes().all(safe)).then(|| id.to_owned())
}

/// A new request id: a UUID of version 7, so that ids sort by time.
pub(super) fn new_request_id(now: Millis, random: u128) -> String {
    let mut bits = [0; 10];
    bits.copy_from_slice(&random.to_be_bytes()[..10]);
    let id = Builder::from_unix_timestamp_millis(now.0, &bits).into_uuid();
    id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned()
}

pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether a content type says JSON: `application/json`, `application/problem+json`, with or without parameters.
pub(super) fn is_json(kind: &[u8]) -> bool {
    let kind = essence(kind);
    let end = &kind[kind.len().saturating_sub(b"+json".len())..];
    kind.eq_ignore_ascii_case(b"application/json")
        || kind.eq_ignore_ascii_case(b"text/json")
        || end.eq_ignore_ascii_case(b"+json")
}

/// The content type of a message: of several, or of a list that was made of them, the first.
pub(super) fn content_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    value.get(..first_of(value.as_bytes()).len())
}

/// The first of the values that are joined with commas. A comma in quotes joins nothing.
fn first_of(list: &[u8]) -> &[u8] {
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

pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| essence(kind.as_bytes()).eq_ignore_ascii_case(b"text/event-stream"))
}

/// A content type without its parameters, in whatever letters it was written.
fn essence(kind: &[u8]) -> &[u8] {
    let kind = kind.split(|byte| matches!(byte, b';' | b',')).next();
    kind.unwrap_or_default().trim_ascii()
}

/// The client's headers that go upstream.
pub(super) fn forwarded(client: &HeaderMap, caller: &Caller<'_>) -> HeaderMap {
    chosen(client, caller, &[])
}

/// The same for endpoints whose bytes are passed on unread: parts and conditions are the upstream's business.
pub(super) fn passed(client: &HeaderMap, caller: &Caller<'_>) -> HeaderMap {
    chosen(client, caller, &PASSED)
}

/// The same where the answer is passed on unread too: it may be compressed as the client likes.
pub(super) fn unread(client: &HeaderMap, caller: &Caller<'_>) -> HeaderMap {
    chosen(
        client,
        caller,
        &[PASSED.as_slice(), &[header::ACCEPT_ENCODING.as_str()]].concat(),
    )
}

/// The same for the handshake of a WebSocket: it is the upstream's to accept. Who calls stays here.
pub(super) fn handshake(client: &HeaderMap, caller: &Caller<'_>) -> HeaderMap {
    let mut headers = chosen(client, caller, &HANDSHAKE);
    upgrade(&mut headers);
    let passed: Vec<&str> = protocols(client)
        .filter(|protocol| !OWN_PROTOCOLS.iter().any(|own| protocol.starts_with(own)))
        .filter(|protocol| !caller.is_repeated_in(protocol.as_bytes()))
        .collect();
    if let Ok(value) = HeaderValue::try_from(passed.join(", "))
        && !passed.is_empty()
    {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
    }
    headers
}

/// The subprotocols that a client offers.
fn protocols(client: &HeaderMap) -> impl Iterator<Item = &str> {
    client
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|protocol| !protocol.is_empty())
}

/// The tokens among them.
pub(super) fn protocol_tokens(client: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    protocols(client)
        .filter_map(|protocol| protocol.strip_prefix(TOKEN_PROTOCOL))
        .map(str::as_bytes)
}

/// Whether a client wants no answer that was known before (RFC 9111 section 5.2.1).
pub(super) fn wants_news(client: &HeaderMap) -> bool {
    let directives = client.get_all(header::CACHE_CONTROL).into_iter();
    directives
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|directive| matches!(directive.trim(), "no-cache" | "no-store" | "max-age=0"))
}

/// Whether a request asks for a WebSocket.
pub(super) fn asks_for_socket(head: &Parts) -> bool {
    head.method == Method::GET
        && head
            .headers
            .get(header::UPGRADE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whether the upstream gets to see a header of the client's request. (As patterns, lists are compared by length first.)
fn is_forwarded(name: &str) -> bool {
    matches!(
        name,
        "content-type"
            | "accept"
            | "user-agent"
            | "openai-beta"
            | "idempotency-key"
            | "anthropic-version"
            | "anthropic-beta"
    ) || name.starts_with("x-stainless-")
}

fn chosen(client: &HeaderMap, caller: &Caller<'_>, more: &[&str]) -> HeaderMap {
    // What a connection's own header names ends with the connection (RFC 9110 section 7.6.1).
    let listed = |value: &HeaderValue, name: &str| {
        let mut names = value.as_bytes().split(|byte| *byte == b',');
        names.any(|listed| listed.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
    };
    let hops = client.get_all(header::CONNECTION);
    let is_hop = |name: &str| hops.iter().any(|value| listed(value, name));
    let passes = |name: &str| (is_forwarded(name) || more.contains(&name)) && !is_hop(name);
    let passes_value = |value: &HeaderValue| value.to_str().is_ok() && !caller.is_repeated_in(value.as_bytes());
    // Room for what is sealed as well: growing means to hash every name again.
    let mut headers = HeaderMap::with_capacity(client.len() + SEALED);
    for (name, value) in client {
        if !passes(name.as_str()) || !passes_value(value) {
            continue;
        }
        if *name != header::CONTENT_TYPE {
            headers.append(name.clone(), value.clone());
        } else if !headers.contains_key(name) {
            // The gateway goes by the first type: the upstream must not read another one.
            let first = first_of(value.as_bytes());
            let only = if first.len() == value.len() {
                Some(value.clone())
            } else {
                HeaderValue::from_bytes(first).ok()
            };
            headers.extend(only.map(|only| (name.clone(), only)));
        }
    }
    headers
}

/// Adds what the gateway sets on every request of `route`: the key, the request id, the marks of the gateways that it has
/// passed, the operator's own headers.
pub(super) fn seal(headers: &mut HeaderMap, route: &Route, key: Option<&str>, (request_id, hops): (&str, HeaderValue)) {
    headers.entry(header::ACCEPT_ENCODING).or_insert(IDENTITY);
    if let Ok(id) = HeaderValue::try_from(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(HOP, hops);
    if let Some(key) = key {
        let (name, value) = match route.key_header {
            KeyHeader::Bearer => (header::AUTHORIZATION, HeaderValue::try_from(["Bearer ", key].concat())),
            KeyHeader::ApiKey => (API_KEY, HeaderValue::try_from(key)),
        };
        if let Ok(mut value) = value {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    for (name, value) in &route.extra_headers {
        headers.insert(name.clone(), value.clone());
    }
}

/// Whether a body is compressed, or encoded in another way.
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    let identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|value| !identity(value))
}

/// Removes what says how a body is encoded, where that is one of the `unpacked`: the runtime has decoded it already.
pub(super) fn unpack(headers: &mut HeaderMap, unpacked: &[&str]) {
    let is_unpacked = |value: &HeaderValue| unpacked.iter().any(|coding| value == coding);
    if headers.get(header::CONTENT_ENCODING).is_some_and(is_unpacked) {
        headers.remove(header::CONTENT_ENCODING);
    }
}

/// The upstream's headers as the client may see them. The length is the runtime's business.
pub(super) fn released(mut upstream: HeaderMap) -> HeaderMap {
    let listed: Vec<HeaderName> = upstream
        .get_all(header::CONNECTION)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let withheld: Vec<HeaderName> = upstream
        .iter()
        .filter(|(name, value)| is_withheld(name.as_str()) || listed.contains(name) || leads_away(name, value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in withheld {
        upstream.remove(name);
    }
    if let Some(id) = upstream.remove(REQUEST_ID) {
        upstream.insert(UPSTREAM_REQUEST_ID, id);
    }
    upstream
}

/// Whether the client never sees a header of the upstream's answer: hop-by-hop (RFC 9110 section 7.6.1), what the runtime
/// writes itself, and what tells about the upstream's account, or about what stands before it: a CDN, or a gateway such as
/// this one.
fn is_withheld(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "content-length"
            | "set-cookie"
            | "server"
            | "alt-svc"
            | "strict-transport-security"
            | "nel"
            | "report-to"
            | "clear-site-data"
            | "www-authenticate"
            | "openai-organization"
            | "openai-project"
    ) || ["cf-", "access-control-", "x-gateway-"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Whether a header leads a client past the gateway, to where its token is not known.
fn leads_away(name: &HeaderName, value: &HeaderValue) -> bool {
    matches!(
        name.as_str(),
        "location" | "content-location" | "operation-location" | "link" | "refresh"
    ) && memmem::find(value.as_bytes(), b"//").is_some()
}

/// Says that a WebSocket follows, in both directions.
pub(super) fn upgrade(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// Sets what keeps intermediaries from buffering, changing or compressing an event stream.
pub(super) fn streaming(headers: &mut HeaderMap) {
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
}

#[cfg(test)]
mod tests;
