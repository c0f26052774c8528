//! The mark that a gateway puts on its requests, by which it knows one that came back.

use http::HeaderValue;
use sha2::{Digest, Sha256};

use super::route::{Route, Upstream};

/// The number of hexadecimal digits in a mark.
const DIGITS: usize = 16;

/// Returns the mark of a gateway with these routes. It is the same for all replicas of a deployment, and for every isolate of
/// a Worker.
///
/// It is a digest of the addresses and keys of all upstreams: no other gateway has the same ones. Tokens are left out.
/// Upstreams see the mark, and could find out a short token by trying.
pub(super) fn of(routes: &[Route]) -> HeaderValue {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    };
    for route in routes {
        if let Upstream::Http(addresses) = &route.upstream {
            add(&addresses.base.url);
        }
        for key in &route.keys {
            add(key.expose());
        }
    }
    let mark: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::from_str(&mark[..DIGITS]).unwrap_or(HeaderValue::from_static("0000000000000000"))
}

/// Whether a text has the form of a mark.
pub(super) fn is_mark(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
