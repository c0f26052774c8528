//! Which gateway this is, among those that a request may pass.

use http::HeaderValue;
use sha2::{Digest, Sha256};

use super::{Route, Upstream};

/// How many hexadecimal digits a mark has.
const DIGITS: usize = 16;

/// The mark of a gateway with these routes: the same for all replicas of a deployment, and for every isolate of a Worker.
///
/// It is made of the upstreams' addresses and keys, which nobody else has all of. Tokens are left out: upstreams get to
/// see the mark, and could try out what a short token may be.
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
