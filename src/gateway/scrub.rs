//! Takes the operator's secrets out of what an upstream says about an error. Good answers are not read.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use memchr::memmem;

use crate::config::Config;

const REDACTED: &[u8] = b"[redacted]";

/// Shorter ones are words, and taking words out would garble the message.
const SHORTEST: usize = 4;

/// What the name of an operator's header says when its value is a secret.
const TELLING: [&str; 5] = ["auth", "key", "token", "secret", "cookie"];

fn secrets(config: &Config) -> impl Iterator<Item = &[u8]> {
    let headers = config.routes.iter().flat_map(|route| &route.extra_headers);
    let secret = headers.filter(|(name, _)| TELLING.iter().any(|word| name.as_str().contains(word)));
    config
        .secrets()
        .map(|secret| secret.expose().as_bytes())
        .chain(secret.map(|(_, value)| behind_scheme(value)))
        .filter(|secret| secret.len() >= SHORTEST)
}

fn behind_scheme(value: &HeaderValue) -> &[u8] {
    let value = value.as_bytes();
    value.strip_prefix(b"Bearer ").unwrap_or(value)
}

/// `body` without any configured secret; the same bytes where it holds none.
pub(super) fn body(config: &Config, mut body: Bytes) -> Bytes {
    for needle in secrets(config) {
        if memmem::find(&body, needle).is_none() {
            continue;
        }
        let mut clean = Vec::with_capacity(body.len());
        let mut rest = 0;
        for at in memmem::find_iter(&body, needle) {
            clean.extend_from_slice(&body[rest..at]);
            clean.extend_from_slice(REDACTED);
            rest = at + needle.len();
        }
        clean.extend_from_slice(&body[rest..]);
        body = clean.into();
    }
    body
}

/// Drops every header whose value holds a configured secret.
pub(super) fn headers(config: &Config, headers: &mut HeaderMap) {
    let tells = |value: &[u8]| secrets(config).any(|secret| memmem::find(value, secret).is_some());
    let telling: Vec<_> = headers
        .iter()
        .filter(|(_, value)| tells(value.as_bytes()))
        .map(|(name, _)| name.clone())
        .collect();
    for name in telling {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_goes_and_nothing_else_does() {
        let json = r#"[{"token":"gw-token-1","base_url":"https://a.example","api_keys":["sk-one-1","sk-two-2"],
            "extra_headers":{"X-Title":"harmless","cf-aig-authorization":"Bearer sk-three"}}]"#;
        let config = Config::of_routes(json).unwrap();
        let clean = body(
            &config,
            Bytes::from_static(b"sk-one-1: bad key sk-two-2sk-two-2, gw-token-1, Bearer sk-three!"),
        );
        assert_eq!(
            clean,
            "[redacted]: bad key [redacted][redacted], [redacted], Bearer [redacted]!"
        );
        let harmless = Bytes::from_static(b"sk-one is fine, and harmless");
        assert_eq!(body(&config, harmless.clone()).as_ptr(), harmless.as_ptr());
        let mut map = HeaderMap::new();
        map.insert("x-debug", HeaderValue::from_static("key=sk-one-1"));
        map.insert("x-other", HeaderValue::from_static("1"));
        headers(&config, &mut map);
        assert_eq!(map.len(), 1);
    }
}
