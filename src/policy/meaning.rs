//! What the outcome of an attempt means: whom it blames, and for how long that one is to be left alone.
//!
//! An answer is read here once, before the plan judges it. The plan, the memory of cooldowns, the log and the answer to
//! the client all use the [`Meaning`] and never read the answer again, so they cannot disagree. Everything here is a
//! function of its arguments. The table of statuses is in docs/failures-and-streams.md, the reasons for it in
//! docs/design/0003.

use std::time::Duration;

use http::HeaderMap;

use super::{in_front, retry_after};
use crate::dialect::neutral::overflow::amounts;
use crate::dialect::upstream_error::UpstreamError;
use crate::platform::{Fault, Millis};

/// The cooldown of a key that its upstream rejects.
const REJECTED: Duration = Duration::from_secs(5 * 60);
/// The cooldown of a key without quota or credit.
const EXHAUSTED: Duration = Duration::from_secs(10 * 60);
/// The cooldown after a rate limit that does not say for how long it holds.
const LIMITED: Duration = Duration::from_secs(20);
/// The longest cooldown. An upstream that asks for more gets this much.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// What providers call a key without quota or credit, whatever the status.
const NO_QUOTA: [&str; 6] = [
    "insufficient_quota",
    "billing_hard_limit_reached",
    "credit_balance_exhausted",
    "exceeded_current_quota_error",
    "Arrearage", // Alibaba
    "1113",      // Zhipu
];
/// SiliconFlow's code of an empty balance, under status 403.
const NO_BALANCE: &str = "30001";
/// Codes of a limit that holds for the rest of the day: Zhipu's and Cloudflare's.
const DAILY: [&str; 2] = ["1304", "3036"];

/// Whom a failed attempt blames. It decides what is tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// An answer to hand to the client.
    Success,
    /// The client's own request. The error goes to the client as it came.
    Request,
    /// A conversation that is too long for the model. A model that takes more may serve it.
    Overflow,
    /// An upstream that does not know `stream_options`. The same request is sent again without it.
    StreamOptions,
    /// An upstream that has no such endpoint. The same request is sent again in the upstream's own dialect.
    Endpoint,
    /// State in the request that belongs to another account. The other keys are tried, then one without the state.
    State,
    /// A key that the upstream rejects. Another key may work.
    Key,
    /// A key without quota or credit. Another key may work.
    Quota,
    /// A key that has reached its rate limit for this model.
    KeyAndModel,
    /// A rate limit of the whole account. One further key is tried, because it may belong to another account.
    Account,
    /// An upstream that does not serve the gateway's region. No key is to blame, and no other key would help.
    Region,
    /// An upstream that failed. Another key may reach a healthy part of it; a fallback is another upstream.
    Upstream,
    /// The gateway itself: it has run out of something, or its own request came back to it. Other attempts would fail too.
    Gateway,
    /// A stream whose first content did not come in the time that the operator gives it. Another upstream is asked.
    Late,
    /// Time that ran out. The same upstream is not asked again, because it may have billed the work.
    Time,
}

impl Scope {
    /// Returns the fixed word for logs and interfaces. Operators filter by it, so it never changes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "ok",
            Self::Request => "request",
            Self::Overflow => "overflow",
            Self::StreamOptions => "stream_options",
            Self::Endpoint => "endpoint",
            Self::State => "state",
            Self::Key => "key",
            Self::Quota => "quota",
            Self::KeyAndModel => "key_and_model",
            Self::Account => "account",
            Self::Region => "region",
            Self::Upstream => "upstream",
            Self::Gateway => "gateway",
            Self::Late => "late",
            Self::Time => "time",
        }
    }
}

/// The meaning of one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// Whom the outcome blames.
    pub scope: Scope,
    /// The cooldown of the key, or of its account, that is blamed. Zero for all other scopes: an upstream's cooldown grows
    /// with its failures, and `Health` knows those.
    pub cooldown: Duration,
    /// Whether the same request may succeed later although nobody changes anything.
    pub waiting_helps: bool,
    /// The tokens of a conversation that is too long, where the upstream says how many they are; else zero.
    pub tokens: u64,
}

impl Meaning {
    const fn of(scope: Scope, cooldown: Duration) -> Self {
        let waiting_helps = matches!(scope, Scope::KeyAndModel | Scope::Account);
        Self {
            scope,
            cooldown,
            waiting_helps,
            tokens: 0,
        }
    }

    /// An answer to hand to the client.
    pub const SUCCESS: Self = Self::of(Scope::Success, Duration::ZERO);
    /// A stream that is slow to begin.
    pub const LATE: Self = Self::of(Scope::Late, Duration::ZERO);
    /// An upstream that failed and did not say why.
    pub const BROKEN: Self = Self::of(Scope::Upstream, Duration::ZERO);
}

/// Returns the meaning of an answer that is an error.
///
/// `body` is its beginning; the first 64 KiB are enough. `account_limits` is true for a provider whose rate limits hold for
/// the whole account and not for one key. `now` is the wall clock, for a `retry-after` that is a date.
#[must_use]
pub fn of_answer(status: u16, headers: &HeaderMap, body: &[u8], account_limits: bool, now: Millis) -> Meaning {
    let error = UpstreamError::read(body).unwrap_or_default();
    let is_state = error.state && matches!(status, 0..=400 | 404 | 422);
    // An error under a good status counts as the status that it names. Without one it is a failure of the upstream.
    let is_overflow = error.is_overflow();
    let status = match status {
        ..400 if is_overflow => 400,
        ..400 => error.status.unwrap_or(502),
        status => status,
    };
    let region =
        error.message.contains("User location is not supported") || error.is(&["unsupported_country_region_territory"]);
    let exhausted = error.is(&NO_QUOTA) || status == 403 && error.is(&[NO_BALANCE]);
    match status {
        _ if is_state => Meaning::of(Scope::State, Duration::ZERO),
        400..=499 if region => Meaning::of(Scope::Region, Duration::ZERO),
        400 | 401 | 403 if error.is(&["API_KEY_INVALID"]) => Meaning::of(Scope::Key, REJECTED),
        400 | 402 | 403 | 429 if exhausted => Meaning::of(Scope::Quota, EXHAUSTED),
        400 | 413 | 422 | 500 if is_overflow => Meaning {
            tokens: amounts(&error.message).map_or(0, |(sent, _)| sent),
            ..Meaning::of(Scope::Overflow, Duration::ZERO)
        },
        // This gateway's request came back to it through another gateway. A second attempt would come back as well.
        508 if error.is(&["loop_detected"]) => Meaning::of(Scope::Gateway, Duration::ZERO),
        403 if error.flagged => Meaning::of(Scope::Request, Duration::ZERO),
        400 | 422 if error.stream_options => Meaning::of(Scope::StreamOptions, Duration::ZERO),
        401..=403 if in_front::wrote(headers, body) => Meaning::BROKEN,
        401 | 403 => Meaning::of(Scope::Key, REJECTED),
        402 => {
            let said = retry_after::read(headers, &error, now);
            Meaning {
                waiting_helps: said.is_some(),
                ..Meaning::of(Scope::Quota, said.unwrap_or(EXHAUSTED).min(LONGEST))
            }
        }
        429 => {
            let daily = error.daily || error.is(&DAILY);
            let unsaid = if daily { LONGEST } else { LIMITED };
            let said = retry_after::read(headers, &error, now);
            let scope = if account_limits {
                Scope::Account
            } else {
                Scope::KeyAndModel
            };
            Meaning::of(scope, said.unwrap_or(unsaid).min(LONGEST))
        }
        400..=499 => Meaning::of(Scope::Request, Duration::ZERO),
        _ => Meaning {
            waiting_helps: matches!(status, 503 | 529) && retry_after::is_in(headers),
            ..Meaning::BROKEN
        },
    }
}

/// Returns the meaning of an attempt without an answer.
#[must_use]
pub const fn of_fault(fault: &Fault) -> Meaning {
    match fault {
        Fault::Timeout | Fault::Client => Meaning::of(Scope::Time, Duration::ZERO),
        Fault::Exhausted(_) => Meaning::of(Scope::Gateway, Duration::ZERO),
        Fault::Connect(_) | Fault::Reset(_) | Fault::Malformed(_) => Meaning::BROKEN,
    }
}

#[cfg(test)]
mod tests;
