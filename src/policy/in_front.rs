//! What stands in front of an upstream and refuses in its place: firewalls, proxies, login pages. It judges no key.

use http::{HeaderMap, header};
use memchr::memmem;

use crate::dialect::openai;
use crate::dialect::trim::trimmed;

/// Headers by which firewalls say that it was they (Cloudflare, Vercel, AWS).
const FIREWALLS: [&str; 3] = ["cf-mitigated", "x-vercel-mitigated", "x-amzn-waf-action"];

/// How texts of what is no API begin: Cloudflare's, Envoy's.
const TEXTS: [&[u8]; 2] = [b"error code:", b"rbac: access denied"];

/// Schemes that no API of models wants its key by: a proxy asks for them (RFC 9110 section 11.6.1).
const SCHEMES: [&str; 4] = ["basic", "digest", "negotiate", "ntlm"];

/// Whether a refusal (401, 402, 403) was written by something in front of the upstream. JSON is the API's, and so is a text that
/// is not known to be anybody else's: some say no more than `Invalid token`.
pub(super) fn refused(headers: &HeaderMap, body: &[u8]) -> bool {
    if FIREWALLS.iter().any(|name| headers.contains_key(*name)) {
        return true;
    }
    let text = trimmed(body);
    if matches!(text.first(), Some(b'{' | b'[' | b'"')) {
        // Cloudflare writes its own errors as JSON to those who ask for it (RFC 9457).
        return memmem::find(text, b"\"cloudflare_error\"").is_some();
    }
    let mut challenges = headers.get_all(header::WWW_AUTHENTICATE).into_iter();
    let is_page = !text.is_empty() && openai::is_no_answer(content_type(headers), text);
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
    fn what_is_not_the_apis_judges_no_key() {
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
            assert_eq!(refused(&headers, body.as_bytes()), expected, "{field} {body}");
        }
    }
}
