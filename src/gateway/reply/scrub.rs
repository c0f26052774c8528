//! Takes the operator's secrets out of what an upstream says about an error, and out of the headers of every answer. The
//! bodies of good answers are not read.

mod text;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri};

use self::text::Text;
use crate::config::{Config, Route, Upstream};

const REDACTED: &[u8] = b"[redacted]";

/// Shorter ones are words, and taking words out would garble the message.
const SHORTEST: usize = 4;

/// Shorter ones stay in a stream, where good text may stand beside an error. Local servers have short keys, which are not secrets.
const SHORTEST_IN_STREAM: usize = 8;

/// The most that one byte of a secret is written with: `\u0041`.
const LONGEST_BYTE: usize = 6;

/// Words in the name of an operator's header, or of a part of a query, whose value is a secret.
const SECRET_NAMES: [&str; 6] = ["auth", "key", "token", "secret", "cookie", "sig"];

/// Returns every configured secret that is not shorter than `shortest` bytes.
fn secrets(config: &Config, shortest: usize) -> Vec<&[u8]> {
    let others = config
        .routes
        .iter()
        .flat_map(|route| secret_headers(route).chain(secret_queries(route)));
    let keys = config.secrets().map(|secret| secret.expose().as_bytes());
    keys.chain(others).filter(|secret| secret.len() >= shortest).collect()
}

/// Returns the secrets in the queries of a route's addresses.
fn secret_queries(route: &Route) -> impl Iterator<Item = &[u8]> {
    let addresses = match &route.upstream {
        Upstream::Http(addresses) => Some(addresses),
        Upstream::Echo => None,
    };
    let queries = addresses.into_iter().flat_map(|addresses| {
        let chat = addresses.chat_url.as_ref().and_then(Uri::query);
        [chat, addresses.models_url.query(), addresses.base.query.as_deref()]
    });
    queries
        .flatten()
        .flat_map(|query| query.split('&'))
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| names_secret(&name.to_ascii_lowercase()))
        .map(|(_, value)| value.as_bytes())
}

fn names_secret(name: &str) -> bool {
    SECRET_NAMES.iter().any(|word| name.contains(word))
}

/// Returns the secrets in the operator's own headers of a route.
fn secret_headers(route: &Route) -> impl Iterator<Item = &[u8]> {
    let headers = route.extra_headers.iter();
    headers
        .filter(|(name, _)| names_secret(name.as_str()))
        .map(|(_, value)| behind_scheme(value))
}

fn behind_scheme(value: &HeaderValue) -> &[u8] {
    let value = value.as_bytes();
    value.strip_prefix(b"Bearer ").unwrap_or(value)
}

/// Returns `body` without any configured secret; the very same bytes where it holds none.
pub(crate) fn body(config: &Config, body: Bytes) -> Bytes {
    without(&secrets(config, SHORTEST), body)
}

/// Returns events without any configured secret. At least one of them may report an error.
pub(crate) fn event(config: &Config, event: Bytes) -> Bytes {
    without(&secrets(config, SHORTEST_IN_STREAM), event)
}

/// The beginning of an event, as far as it certainly holds no secret.
pub(crate) struct Clean {
    /// Without any secret.
    pub(crate) body: Bytes,
    /// What could be half of one: the rest, to be put before what comes next.
    pub(crate) rest: Bytes,
}

/// Returns the beginning of an event without secrets. `begun` does not begin within an escape; more of the event follows it.
pub(crate) fn begun(config: &Config, begun: Bytes) -> Clean {
    as_far_as_certain(&secrets(config, SHORTEST_IN_STREAM), begun)
}

fn as_far_as_certain(secrets: &[&[u8]], mut begun: Bytes) -> Clean {
    let longest = secrets.iter().map(|secret| secret.len()).max().unwrap_or_default();
    let Some(safe) = begun.len().checked_sub(longest * LONGEST_BYTE) else {
        return Clean {
            body: Bytes::new(),
            rest: begun,
        };
    };
    let text = Text::of(&begun);
    let mut found = found(secrets, &text);
    let end = text.unit(safe);
    let end = match found.iter().find(|range| range.start < end && end < range.end) {
        Some(first) if first.start == 0 => first.end,
        // What overlaps with it may go on.
        Some(across) => across.start,
        None => end,
    };
    found.retain(|range| range.end <= end);
    let rest = begun.split_off(end);
    Clean {
        body: redacted(begun, &found),
        rest,
    }
}

fn without(secrets: &[&[u8]], body: Bytes) -> Bytes {
    let found = found(secrets, &Text::of(&body));
    redacted(body, &found)
}

/// Returns where secrets stand, in order.
fn found(secrets: &[&[u8]], text: &Text<'_>) -> Vec<Range<usize>> {
    let mut found = text.all(secrets);
    found.sort_unstable_by_key(|range| range.start);
    // One secret may begin like another.
    found.dedup_by(|next, last| {
        let overlaps = next.start < last.end;
        if overlaps {
            last.end = last.end.max(next.end);
        }
        overlaps
    });
    found
}

fn redacted(body: Bytes, found: &[Range<usize>]) -> Bytes {
    if found.is_empty() {
        return body;
    }
    let mut clean = Vec::with_capacity(body.len());
    let mut rest = 0;
    for range in found {
        clean.extend_from_slice(&body[rest..range.start]);
        clean.extend_from_slice(REDACTED);
        rest = range.end;
    }
    clean.extend_from_slice(&body[rest..]);
    clean.into()
}

/// Takes the secrets out of an error that is too long to be kept, piece by piece.
#[derive(Debug)]
pub(crate) struct Scrubber {
    config: Arc<Config>,
    /// The end of what has come: half a secret may stand there.
    withheld: Bytes,
}

impl Scrubber {
    pub(crate) const fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            withheld: Bytes::new(),
        }
    }

    /// Returns what may be sent now of `bytes`, which come behind everything that was passed before.
    pub(crate) fn passed(&mut self, bytes: Bytes) -> Bytes {
        let bytes = match std::mem::take(&mut self.withheld) {
            withheld if withheld.is_empty() => bytes,
            withheld => [withheld, bytes].concat().into(),
        };
        let clean = as_far_as_certain(&secrets(&self.config, SHORTEST), bytes);
        self.withheld = clean.rest;
        clean.body
    }

    /// Returns what is still to be sent at the end.
    pub(crate) fn last(&mut self) -> Bytes {
        body(&self.config, std::mem::take(&mut self.withheld))
    }
}

/// Drops every header whose value holds a configured secret.
pub(crate) fn headers(config: &Config, headers: &mut HeaderMap) {
    drop_holding(&secrets(config, SHORTEST), headers);
}

/// Drops every header whose value holds a secret that the upstream was sent: `key`, and the operator's own headers.
pub(crate) fn echoes(route: &Route, key: Option<&str>, headers: &mut HeaderMap) {
    let sent = key.map(str::as_bytes).into_iter().chain(secret_headers(route));
    for secret in sent.filter(|secret| secret.len() >= SHORTEST) {
        drop_holding(&[secret], headers);
    }
}

fn drop_holding(secrets: &[&[u8]], headers: &mut HeaderMap) {
    let holds = |value: &[u8]| {
        let text = Text::of(value);
        let mut secrets = secrets.iter().filter(|secret| secret.len() <= value.len());
        secrets.any(|secret| text.holds(secret))
    };
    let holding: Vec<_> = headers
        .iter()
        .filter(|(_, value)| holds(value.as_bytes()))
        .map(|(name, _)| name.clone())
        .collect();
    for name in holding {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_goes_and_nothing_else_does() {
        let json = r#"[{"token":"gw-token-1","base_url":"https://a.example","api_keys":["sk-one-1","sk-two-2"],
            "chat_url":"https://a.example/chat?api-version=2026-01-01&Code_Key=sk-four",
            "extra_headers":{"X-Title":"harmless","cf-aig-authorization":"Bearer sk-three"}}]"#;
        let config = Config::of_routes(json).unwrap();
        let clean = body(
            &config,
            Bytes::from_static(b"sk-one-1: bad key sk-two-2sk-two-2, gw-token-1, Bearer sk-three! sk-four 2026-01-01"),
        );
        assert_eq!(
            clean,
            "[redacted]: bad key [redacted][redacted], [redacted], Bearer [redacted]! [redacted] 2026-01-01"
        );
        for written in [
            r#"\u0073k-one-\u0031"#,
            r#"sk\-one\-1"#,
            "s%6b%2Done-1",
            r#"s\u006B-o%6ee-1"#,
        ] {
            let clean = body(&config, format!("<{written}> \\ %").into());
            assert_eq!(clean, r"<[redacted]> \ %", "{written}");
        }
        let harmless = Bytes::from_static(b"sk-one is fine, and harmless");
        assert_eq!(body(&config, harmless.clone()).as_ptr(), harmless.as_ptr());
        let mut map = HeaderMap::new();
        map.insert("x-debug", HeaderValue::from_static("key=sk-one-1"));
        map.insert("x-other", HeaderValue::from_static("1"));
        headers(&config, &mut map);
        assert_eq!(map.len(), 1);
    }

    #[test]
    fn a_secret_that_begins_like_another_goes_whole() {
        let json = r#"[{"token":"gw-token-1","base_url":"https://a.example","api_keys":["sk-prod","sk-prod-2"]}]"#;
        let config = Config::of_routes(json).unwrap();
        let clean = body(&config, Bytes::from_static(b"sk-prod-2 sk-prod-1"));
        assert_eq!(clean, "[redacted] [redacted]-1");
    }

    #[test]
    fn a_secret_in_a_long_body_goes_wherever_its_pieces_end() {
        let json = r#"[{"token":"gw-token-1","base_url":"https://a.example","api_keys":["sk-one-1","sk-one"]}]"#;
        let config = Arc::new(Config::of_routes(json).unwrap());
        let text = r#"<sk-one-1> <\u0073k-one-\u0031> \\ \\\u0073k-one-1 <sk-onsk-one> 你 sk-on "#.as_bytes();
        let expected = body(&config, Bytes::from_static(text));
        for length in 1..text.len() {
            let mut scrubber = Scrubber::new(Arc::clone(&config));
            let pieces = text.chunks(length).map(Bytes::from_static);
            let mut passed: Vec<Bytes> = pieces.map(|piece| scrubber.passed(piece)).collect();
            assert!(scrubber.withheld.len() <= 64, "at most the longest secret");
            passed.push(scrubber.last());
            assert_eq!(Bytes::from(passed.concat()), expected, "{length}");
        }
    }

    #[test]
    fn a_header_that_echoes_the_key_goes() {
        let json = r#"[{"token":"gw-token-1","base_url":"https://a.example","api_keys":["sk-one-1"],
            "extra_headers":{"cf-aig-authorization":"Bearer sk-three"}}]"#;
        let config = Config::of_routes(json).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in [
            ("location", "https://a.example/?key=sk%2done-1"),
            ("x-echo", "harmless"),
            ("x-echo", "Bearer sk-one-1"),
            ("x-echo-too", "sk-three"),
            ("x-other", "sk-one"),
        ] {
            map.append(name, HeaderValue::from_static(value));
        }
        echoes(&config.routes[0], Some("sk-one-1"), &mut map);
        assert_eq!(map.keys().collect::<Vec<_>>(), ["x-other"]);
    }
}
