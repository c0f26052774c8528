//! How much somebody may use: of a token, of a group of tokens, of a token for some models, of an upstream's key.

use super::money::Money;

/// How much may be used. Nothing is limited where nothing is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// How much at a time.
    pub limits: Limits,
    /// How much in all.
    pub budget: Budget,
}

/// Limits of rate, each nothing where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests in a minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens in a minute, those of requests and answers.
    pub tokens_per_minute: Option<u64>,
    /// Requests at the same time.
    pub concurrent: Option<u64>,
    /// Requests in a day of the table's time zone.
    pub requests_per_day: Option<u64>,
}

/// Limits of sums, each nothing where there is none. A limit of zero admits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Money in a day of the table's time zone.
    pub day: Option<Money>,
    /// Money in a month.
    pub month: Option<Money>,
    /// Money for ever.
    pub total: Option<Money>,
    /// Tokens in a day.
    pub tokens_per_day: Option<u64>,
    /// What happens when it is used up.
    pub on_exhausted: OnExhausted,
}

/// What happens when a budget is used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExhausted {
    /// Requests are refused.
    #[default]
    Refuse,
    /// They go to this route: an index into [`Config::routes`](super::Config::routes).
    Fallback(usize),
    /// They are refused, and streams that run are ended.
    Cut,
    /// Nothing but what is said in headers and in the log.
    Warn,
}
