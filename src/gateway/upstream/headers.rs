//! The headers of a request to an upstream: what of the client's passes, and what the gateway sets.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::asked::Asked;
use crate::dialect::key_header::KeyHeader;
use crate::gateway::call::ClientRequest;
use crate::gateway::call::caller::Caller;
use crate::gateway::call::is_session;
use crate::gateway::fields::{
    API_KEY, IDENTITY, REQUEST_ID, TOKEN_PROTOCOL, X_API_KEY, X_GOOG_API_KEY, first_of, protocols, upgrade,
};
use crate::gateway::hop::{self, HOP};

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

/// Subprotocols that are for the gateway, or name an account that is not the upstream key's.
const OWN_PROTOCOLS: [&str; 3] = [TOKEN_PROTOCOL, "openai-organization.", "openai-project."];

/// Returns the client's headers that go upstream with a request.
///
/// Where bytes are passed on unread, parts and conditions are the upstream's business; where the answer is too, it may be
/// compressed as the client likes.
pub(super) fn forwarded(request: &ClientRequest<'_>) -> HeaderMap {
    let (client, caller) = (request.headers, &request.caller);
    let endpoint = request.endpoint;
    if request.is_websocket() {
        handshake(client, caller)
    } else if endpoint.is_known() {
        chosen(client, caller, &[])
    } else if endpoint.is_unread() {
        let more = [PASSED.as_slice(), &[header::ACCEPT_ENCODING.as_str()]].concat();
        chosen(client, caller, &more)
    } else {
        chosen(client, caller, &PASSED)
    }
}

/// Returns the client's headers that go upstream with a request in another dialect: who the client is, and which conversation
/// it goes on with.
pub(super) fn translated(request: &ClientRequest<'_>) -> HeaderMap {
    let passed = chosen(request.headers, &request.caller, &[]);
    let mut headers = HeaderMap::with_capacity(SEALED + 2);
    for (name, value) in &passed {
        if *name == header::USER_AGENT || is_session(name.as_str()) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}

/// Returns the headers of a WebSocket's handshake: it is the upstream's to accept. Who calls stays here.
fn handshake(client: &HeaderMap, caller: &Caller<'_>) -> HeaderMap {
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

/// Whether the upstream gets to see a header of the client's request. (As patterns, lists are compared by length first.)
fn is_forwarded(name: &str) -> bool {
    matches!(
        name,
        "content-type" | "accept" | "user-agent" | "openai-beta" | "idempotency-key"
    ) || name.starts_with("x-stainless-")
        || name.starts_with("anthropic-")
        || is_session(name)
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

/// Adds what the gateway sets on every request of a route: the key, the request id, the marks of the gateways that it has
/// passed, the operator's own headers.
pub(super) fn seal<P>(headers: &mut HeaderMap, asked: &Asked<'_, P>) {
    let route = asked.route;
    headers.entry(header::ACCEPT_ENCODING).or_insert(IDENTITY);
    if let Ok(id) = HeaderValue::try_from(&asked.request.request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(HOP, hop::mark(asked.config, asked.request.headers));
    if let Some(key) = asked.target.key_of(route) {
        let (name, value) = match route.key_header {
            KeyHeader::Bearer => (header::AUTHORIZATION, HeaderValue::try_from(["Bearer ", key].concat())),
            KeyHeader::ApiKey => (API_KEY, HeaderValue::try_from(key)),
            KeyHeader::XApiKey => (X_API_KEY, HeaderValue::try_from(key)),
            KeyHeader::XGoogApiKey => (X_GOOG_API_KEY, HeaderValue::try_from(key)),
        };
        if let Ok(mut value) = value {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    for (name, value) in route.dialect.headers {
        headers
            .entry(HeaderName::from_static(name))
            .or_insert(HeaderValue::from_static(value));
    }
    for (name, value) in &route.extra_headers {
        headers.insert(name.clone(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::fields::tests::map;

    #[test]
    fn the_upstream_sees_the_allow_list_only() {
        let client = map(&[
            ("user-agent", "x"),
            ("x-stainless-os", "Linux"),
            ("cookie", "a=b"),
            ("authorization", "Bearer secret"),
            ("x-stainless-token", "secret"),
            ("content-type", "multipart/form-data; boundary=\"a,b\", text/plain"),
            ("content-type", "application/json"),
            ("x-forwarded-for", "1"),
            ("cf-ray", "1"),
            ("openai-organization", "org"),
            ("host", "h"),
            ("openai-beta", "b"),
            ("accept-encoding", "br"),
            ("connection", "close, Idempotency-Key"),
            ("idempotency-key", "of this connection"),
            ("anthropic-workspace-id", "w"),
            ("x-claude-code-session-id", "s"),
            ("x-codex-window-id", "secret"),
            ("x-session-affinity", "a"),
            ("thread-id", "t"),
        ]);
        let json = r#"[{"token":"secret","provider":"echo"}]"#;
        let config = crate::config::Config::of_routes(json).unwrap();
        let passed = chosen(&client, &Caller::of(&config, &client).unwrap(), &[]);
        let mut names: Vec<&str> = passed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let expected = [
            "anthropic-workspace-id",
            "content-type",
            "openai-beta",
            "thread-id",
            "user-agent",
            "x-claude-code-session-id",
            "x-session-affinity",
            "x-stainless-os",
        ];
        assert_eq!(names, expected);
        assert_eq!(passed["content-type"], "multipart/form-data; boundary=\"a,b\"");
    }
}
