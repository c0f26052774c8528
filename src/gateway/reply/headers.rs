//! The headers of an answer: what of the upstream's passes, and what keeps a stream from being held up.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};
use memchr::memmem;

use crate::gateway::fields::REQUEST_ID;

const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Returns the upstream's headers as the client may see them. The length is the runtime's business.
pub(crate) fn released(mut upstream: HeaderMap) -> HeaderMap {
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

/// Sets what keeps intermediaries from buffering, changing or compressing an event stream.
pub(crate) fn streaming(headers: &mut HeaderMap) {
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
mod tests {
    use super::*;

    #[test]
    fn the_client_does_not_see_what_is_withheld() {
        let mut upstream = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("set-cookie", "a"),
            ("set-cookie", "b"),
            ("cf-ray", "1"),
            ("server", "nginx"),
            ("x-request-id", "up"),
            ("x-ratelimit-remaining", "1"),
            ("retry-after", "2"),
            ("access-control-allow-origin", "x"),
        ] {
            upstream.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let released = released(upstream);
        let mut names: Vec<&str> = released.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["retry-after", "x-ratelimit-remaining", "x-upstream-request-id"]);
    }
}
