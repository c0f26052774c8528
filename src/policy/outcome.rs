//! What an attempt's outcome means: read once, here, and believed by everyone else.

use std::time::Duration;

use http::{HeaderMap, header};

use super::in_front;
use crate::dialect::refusal::{Refusal, duration};
use crate::platform::{Fault, Millis};

/// A key that was refused.
const REFUSED: Duration = Duration::from_secs(5 * 60);
/// A key without quota or credit.
const EXHAUSTED: Duration = Duration::from_secs(10 * 60);
/// A rate limit that does not say for how long.
const LIMITED: Duration = Duration::from_secs(20);
/// The longest rest that is believed.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Whom a failed attempt blames, and so what is tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// An answer to hand to the client.
    Success,
    /// The client's own request: handed back as it came.
    Request,
    /// The upstream does not know `stream_options`: the same again without it.
    StreamOptions,
    /// The key was refused: another one may do.
    Key,
    /// The key has no quota or credit left: another one may do.
    Quota,
    /// The key has no rate left for this model.
    KeyAndModel,
    /// Every key of the account has no rate left. One further key is asked, which may be another account's.
    Account,
    /// The upstream refuses the region that the gateway calls from: no key is to blame, and none would help.
    Region,
    /// The upstream failed: another key may reach a healthy part of it, another upstream surely does.
    Upstream,
    /// The gateway itself, which has run out of something or was asked by itself: nobody else is to blame, and no other
    /// attempt would fare better.
    Gateway,
    /// The time is up. Not repeated on the same upstream: the work may have been billed.
    Time,
}

/// The meaning of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// Whom it blames.
    pub scope: Scope,
    /// How long that should rest. Zero for an upstream, whose rest grows with its failures.
    pub rest: Duration,
    /// Whether the same request may succeed later without anyone doing anything.
    pub waiting_helps: bool,
}

impl Meaning {
    const fn of(scope: Scope, rest: Duration) -> Self {
        let waiting_helps = matches!(scope, Scope::KeyAndModel | Scope::Account);
        Self {
            scope,
            rest,
            waiting_helps,
        }
    }

    /// An answer to hand on.
    pub const SUCCESS: Self = Self::of(Scope::Success, Duration::ZERO);
    /// An upstream that failed without an answer that says more.
    pub const BROKEN: Self = Self::of(Scope::Upstream, Duration::ZERO);
}

/// What a complete answer with an error in it means: its status, its headers, the beginning of its body.
/// `account_limits`: the provider limits accounts, not keys.
#[must_use]
pub fn of_answer(status: u16, headers: &HeaderMap, body: &[u8], account_limits: bool, now: Millis) -> Meaning {
    let refusal = Refusal::read(body).unwrap_or_default();
    // An error under a good status: its own code counts, and without one it is the upstream's failure.
    let status = if status < 400 {
        refusal.status.unwrap_or(502)
    } else {
        status
    };
    let region = refusal.message.contains("User location is not supported")
        || refusal.is(&["unsupported_country_region_territory"]);
    let exhausted = refusal.is(&[
        "insufficient_quota",
        "billing_hard_limit_reached",
        "credit_balance_exhausted",
        "exceeded_current_quota_error",
        "Arrearage",
        "1113",
    ]) || status == 403 && refusal.is(&["30001"]);
    match status {
        400..=499 if region => Meaning::of(Scope::Region, Duration::ZERO),
        400 | 401 | 403 if refusal.is(&["API_KEY_INVALID"]) => Meaning::of(Scope::Key, REFUSED),
        400 | 402 | 403 | 429 if exhausted => Meaning::of(Scope::Quota, EXHAUSTED),
        // This gateway has asked itself, by way of another one: whoever asks again only goes round once more.
        508 if refusal.is(&["loop_detected"]) => Meaning::of(Scope::Gateway, Duration::ZERO),
        403 if refusal.flagged => Meaning::of(Scope::Request, Duration::ZERO),
        400 | 422 if refusal.stream_options => Meaning::of(Scope::StreamOptions, Duration::ZERO),
        401..=403 if in_front::refused(headers, body) => Meaning::BROKEN,
        401 | 403 => Meaning::of(Scope::Key, REFUSED),
        402 => {
            let said = wait(headers, &refusal, now);
            Meaning {
                waiting_helps: said.is_some(),
                ..Meaning::of(Scope::Quota, said.unwrap_or(EXHAUSTED).min(LONGEST))
            }
        }
        429 => {
            let daily = refusal.daily || refusal.is(&["1304", "3036"]);
            let unsaid = if daily { LONGEST } else { LIMITED };
            let rest = wait(headers, &refusal, now).unwrap_or(unsaid).min(LONGEST);
            Meaning::of(
                if account_limits {
                    Scope::Account
                } else {
                    Scope::KeyAndModel
                },
                rest,
            )
        }
        400..=499 => Meaning::of(Scope::Request, Duration::ZERO),
        _ => Meaning {
            waiting_helps: matches!(status, 503 | 529) && says_when(headers),
            ..Meaning::BROKEN
        },
    }
}

/// Whether they say when to come back.
#[must_use]
pub fn says_when(headers: &HeaderMap) -> bool {
    headers.contains_key(header::RETRY_AFTER) || headers.contains_key("retry-after-ms")
}

/// What it means that no answer came.
#[must_use]
pub const fn of_fault(fault: &Fault) -> Meaning {
    match fault {
        Fault::Timeout | Fault::Client => Meaning::of(Scope::Time, Duration::ZERO),
        Fault::Exhausted(_) => Meaning::of(Scope::Gateway, Duration::ZERO),
        Fault::Connect(_) | Fault::Reset(_) | Fault::Malformed(_) => Meaning::BROKEN,
    }
}

/// How long an upstream asks to wait, in whichever way it says so.
fn wait(headers: &HeaderMap, refusal: &Refusal, now: Millis) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let seconds = |text: &str| {
        text.parse()
            .ok()
            .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok())
    };
    let millis = text("retry-after-ms")
        .and_then(seconds)
        .map(|thousandfold| thousandfold / 1000);
    let after = || {
        let text = text("retry-after")?;
        seconds(text).or_else(|| duration(text)).or_else(|| {
            let at = httpdate::parse_http_date(text).ok()?;
            let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
            Some(now.until(Millis(u64::try_from(since.as_millis()).ok()?)))
        })
    };
    // Of several limits the one that is used up; where neither says so, the one that is open again first.
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
    millis.or_else(after).or(refusal.retry_after).or_else(reset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn meaning(status: u16, fields: &[(&'static str, &str)], body: &str) -> (Scope, u128) {
        let meaning = of_answer(
            status,
            &headers(fields),
            body.as_bytes(),
            false,
            Millis(784_111_770_000),
        );
        (meaning.scope, meaning.rest.as_millis())
    }

    #[test]
    fn statuses_alone_have_the_scopes_of_the_table() {
        for (scope, rest, statuses) in [
            (Scope::Request, 0, &[400, 404, 405, 408, 409, 413, 415, 422, 418][..]),
            (Scope::Key, 300_000, &[401, 403]),
            (Scope::Quota, 600_000, &[402]),
            (Scope::KeyAndModel, 20_000, &[429]),
            (Scope::Upstream, 0, &[500, 502, 503, 504, 520, 529, 599]),
        ] {
            for status in statuses {
                assert_eq!(meaning(*status, &[], ""), (scope, rest), "{status}");
            }
        }
    }

    #[test]
    fn every_way_to_say_how_long_is_understood() {
        for (fields, millis) in [
            (&[("retry-after", "7")][..], 7_000),
            (&[("retry-after", "1.5")], 1_500),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], 7_000),
            (&[("retry-after", "Tue, 06 Nov 1984 08:49:37 GMT")], 0),
            (&[("retry-after", "2m3s")], 123_000),
            (&[("retry-after-ms", "250"), ("retry-after", "9")], 250),
            (&[("retry-after", "100000")], 3_600_000),
            (&[("retry-after", "soon")], 20_000),
            (&[("retry-after", "-5")], 20_000),
            (
                &[
                    ("x-ratelimit-reset-requests", "1s"),
                    ("x-ratelimit-reset-tokens", "6m0s"),
                ],
                1_000,
            ),
            (
                &[
                    ("x-ratelimit-reset-requests", "1s"),
                    ("x-ratelimit-reset-tokens", "6m0s"),
                    ("x-ratelimit-remaining-tokens", "0"),
                ],
                360_000,
            ),
            (&[("x-ratelimit-reset-input-tokens", "12s")], 12_000),
        ] {
            assert_eq!(meaning(429, fields, "{}"), (Scope::KeyAndModel, millis), "{fields:?}");
        }
        let google = r#"[{"error":{"code":429,"details":[{"retryDelay":"34s"}]}}]"#;
        assert_eq!(meaning(429, &[], google), (Scope::KeyAndModel, 34_000));
        let daily = r#"{"error":{"details":[{"violations":[{"quotaId":"RequestsPerDay"}]}]}}"#;
        assert_eq!(meaning(429, &[], daily), (Scope::KeyAndModel, 3_600_000));
    }

    #[test]
    fn bodies_decide_where_the_status_does_not() {
        for (status, body, scope, rest) in [
            (429, r#"{"error":{"code":"insufficient_quota"}}"#, Scope::Quota, 600_000),
            (
                429,
                r#"{"error":{"code":"1113","message":"余额不足"}}"#,
                Scope::Quota,
                600_000,
            ),
            (400, r#"{"error":{"code":"Arrearage"}}"#, Scope::Quota, 600_000),
            (
                403,
                r#"{"code":30001,"message":"Sorry, your account balance is insufficient","data":null}"#,
                Scope::Quota,
                600_000,
            ),
            (
                403,
                r#"{"error":{"code":403,"message":"flagged","metadata":{"reasons":["violence"],"flagged_input":"..."}}}"#,
                Scope::Request,
                0,
            ),
            (403, r#"{"error":{"code":403,"metadata":{}}}"#, Scope::Key, 300_000),
            (429, r#"{"error":{"code":"1304"}}"#, Scope::KeyAndModel, 3_600_000),
            (
                400,
                r#"[{"error":{"code":400,"details":[{"reason":"API_KEY_INVALID"}]}}]"#,
                Scope::Key,
                300_000,
            ),
            (
                400,
                r#"{"error":{"message":"User location is not supported for the API use."}}"#,
                Scope::Region,
                0,
            ),
            (
                403,
                r#"{"error":{"code":"unsupported_country_region_territory"}}"#,
                Scope::Region,
                0,
            ),
            (
                400,
                r#"{"error":{"message":"Unknown parameter: 'stream_options'."}}"#,
                Scope::StreamOptions,
                0,
            ),
            (
                422,
                r#"{"detail":[{"loc":["body","stream_options"]}]}"#,
                Scope::StreamOptions,
                0,
            ),
            (403, "error code: 1003", Scope::Upstream, 0),
            (402, "<html>", Scope::Upstream, 0),
            (401, "Unauthorized", Scope::Key, 300_000),
            (
                200,
                r#"{"error":{"code":429,"message":"slow down"}}"#,
                Scope::KeyAndModel,
                20_000,
            ),
            (200, r#"{"error":{"code":400,"message":"bad"}}"#, Scope::Request, 0),
            (200, r#"{"error":{"message":"oops"}}"#, Scope::Upstream, 0),
            (
                400,
                r#"{"error":{"message":"say insufficient_quota"}}"#,
                Scope::Request,
                0,
            ),
        ] {
            assert_eq!(meaning(status, &[], body), (scope, rest), "{status} {body}");
        }
        let account = of_answer(429, &HeaderMap::new(), b"", true, Millis(0));
        assert_eq!(account.scope, Scope::Account);
    }

    #[test]
    fn waiting_helps_where_a_limit_passes() {
        let helps = |status, fields, body: &str| {
            of_answer(status, &headers(fields), body.as_bytes(), false, Millis(0)).waiting_helps
        };
        assert!(helps(429, &[], "") && helps(503, &[("retry-after", "1")], ""));
        assert!(helps(402, &[("retry-after", "5")], "") && !helps(402, &[], ""));
        assert!(
            !helps(429, &[], r#"{"error":{"type":"insufficient_quota"}}"#)
                && !helps(503, &[], "")
                && !helps(500, &[], "")
        );
    }

    proptest! {
        #[test]
        fn no_answer_panics_and_no_rest_is_longer_than_an_hour(status in 100_u16..700, value in "[ -~]{0,30}", body in "\\PC{0,80}") {
            let fields = headers(&[("retry-after", &value), ("retry-after-ms", &value), ("x-ratelimit-reset-tokens", &value)]);
            let meaning = of_answer(status, &fields, body.as_bytes(), status % 2 == 0, Millis(1));
            prop_assert!(meaning.rest <= LONGEST);
            prop_assert!((400..500).contains(&status) || meaning.scope != Scope::Request || status < 400);
        }
    }
}
