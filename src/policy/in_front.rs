//! Errors that something in front of an upstream wrote: a firewall, a proxy, a login page.
//!
//! They carry the statuses 401, 402 and 403 too, but nobody has looked at the key. So they count as a failure of the
//! upstream, and the key keeps its place.

use http::{HeaderMap, header};
use memchr::memmem;

use crate::dialect::wire::shape;
use crate::dialect::wire::trim::trimmed;

/// Headers that firewalls add to their own answers: Cloudflare, Vercel, AWS.
const FIREWALLS: [&str; 3] = ["cf-mitigated", "x-vercel-mitigated", "x-amzn-waf-action"];

/// The beginnings of texts that are not an API's: Cloudflare's, Envoy's.
const TEXTS: [&[u8]; 2] = [b"error code:", b"rbac: access denied"];

/// Authentication schemes (RFC 9110 section 11.6.1) that proxies ask for and no API of models does.
const SCHEMES: [&str; 4] = ["basic", "digest", "negotiate", "ntlm"];

/// Whether an error with the status 401, 402 or 403 was written by something in front of the upstream.
///
/// JSON comes from the API. So does a text that is not known to come from anything else: some APIs only write
/// `Invalid token`.
pub(super) fn wrote(headers: &HeaderMap, body: &[u8]) -> bool {
    if FIREWALLS.iter().any(|name| headers.contains_key(*name)) {
        return true;
    }
    let text = trimmed(body);
    if matches!(text.first(), Some(b'{' | b'[' | b'"')) {
        // Cloudflare writes its own errors as JSON (RFC 9457) for clients that accept JSON.
        return memmem::find(text, b"\"cloudflare_error\"").is_some();
    }
    let mut challenges = headers.get_all(header::WWW_AUTHENTICATE).into_iter();
    let is_page = !text.is_empty() && shape::is_page_or_empty(content_type(headers), text);
    let begins = |begin: &&[u8]| {
        text.get(..begin.len())
            .is_some_and(|text| text.eq_ignore_ascii_case(begin))
    };
    is_page || TEXTS.iter().any(begins) || challenges.any(|challenge| is_proxys(challenge.as_bytes()))
}

fn is_proxys(challenge: &[u8]) -> bool {
    let scheme = challenge.split(|byte| *byte == b' ').next().unwrap_or_default();
    SCHEMES
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known.as_bytes()))
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_the_api_did_not_write_are_recognised() {
        for (field, body, expected) in [
            ("content-type: text/html", "<html><h1>403 Forbidden", true),
            (
                "content-type: text/html; charset=UTF-8",
                "Sorry, you have been blocked",
                true,
            ),
            ("content-type: text/plain", "<?xml version=\"1.0\"?><Error>", true),
            ("content-type: text/plain; charset=UTF-8", "error code: 1003", true),
            ("content-type: text/plain", "Error code: 1020\n", true),
            ("content-type: text/plain", "RBAC: access denied", true),
            ("cf-mitigated: challenge", "", true),
            ("x-vercel-mitigated: deny", "Forbidden", true),
            (
                "www-authenticate: Basic realm=\"staging\"",
                "401 Authorization Required",
                true,
            ),
            ("www-authenticate: basic", "", true),
            ("www-authenticate: Negotiate", "Unauthorized", true),
            (
                "content-type: application/json",
                r#"{"title":"Error 1020: Access denied","status":403,"cloudflare_error":true}"#,
                true,
            ),
            ("www-authenticate: Bearer realm=\"api\"", "", false),
            (
                "www-authenticate: Basic realm=\"api\"",
                r#"{"error":{"message":"m"}}"#,
                false,
            ),
            ("content-type: text/plain", "Invalid token", false),
            ("content-type: text/plain", "Unauthorized", false),
            ("content-type: text/html", r#""Api key is invalid""#, false),
            ("content-type: application/json", r#"{"detail":"Unauthorized"}"#, false),
            ("content-type: application/json", "{}", false),
            ("content-type: application/json", "", false),
        ] {
            let (name, value) = field.split_once(": ").unwrap();
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            assert_eq!(wrote(&headers, body.as_bytes()), expected, "{field} {body}");
        }
    }
}
