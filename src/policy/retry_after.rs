//! How long an upstream asks to wait.

use std::time::Duration;

use http::{HeaderMap, header};

use crate::dialect::upstream_error::{UpstreamError, duration};
use crate::dialect::wire::number::decimal;
use crate::platform::Millis;

/// Whether one of the headers for it says when to come back.
#[must_use]
pub fn is_in(headers: &HeaderMap) -> bool {
    headers.contains_key(header::RETRY_AFTER) || headers.contains_key("retry-after-ms")
}

/// Returns how long the upstream asks to wait, or `None` where it does not say so.
///
/// The ways to say it, in the order in which they are believed: `retry-after-ms`; `retry-after` (RFC 9110 section 10.2.3:
/// seconds or a date; some send `2m3s`); the error itself (Google's `RetryInfo`); `x-ratelimit-reset-*`.
pub(super) fn read(headers: &HeaderMap, error: &UpstreamError, now: Millis) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |text: &str| Duration::try_from_secs_f64(decimal(text)?).ok();
    let millis = text("retry-after-ms")
        .and_then(seconds)
        .map(|as_seconds| as_seconds / 1000);
    let after = || {
        let text = text("retry-after")?;
        seconds(text).or_else(|| duration(text)).or_else(|| {
            let at = httpdate::parse_http_date(text).ok()?;
            let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
            Some(now.until(Millis(u64::try_from(since.as_millis()).ok()?)))
        })
    };
    // Of several limits, the last one to reset among those that are used up. Where none says that it is used up, the first one
    // to reset: a wait that is too short costs one request, and a wait that is too long costs the key.
    let reset = || {
        let used_up = |what: &str| text(&format!("x-ratelimit-remaining-{what}")) == Some("0");
        let limits = headers.keys().filter_map(|name| {
            let what = name.as_str().strip_prefix("x-ratelimit-reset-")?;
            let reset = text(name.as_str()).and_then(|text| duration(text).or_else(|| seconds(text)))?;
            Some((used_up(what), reset))
        });
        let (used_up, open): (Vec<_>, Vec<_>) = limits.partition(|(used_up, _)| *used_up);
        let times = |limits: Vec<(bool, Duration)>| limits.into_iter().map(|(_, reset)| reset);
        times(used_up).max().or_else(|| times(open).min())
    };
    millis.or_else(after).or(error.retry_after).or_else(reset)
}
