//! The limits of a subject by name, and what is said of them: to who asks for them, and to who has reached one.

use super::amount::Load;
use super::period::Period;
use crate::config::{Allowance, Money, OnExhausted};
use crate::platform::Millis;

/// What kind of subject counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitScope {
    /// A client's token.
    Token,
    /// All tokens of a group together.
    Group,
    /// A token for the models that fit a pattern.
    Model,
    /// A key of an upstream.
    UpstreamKey,
}

impl LimitScope {
    /// Returns the fixed word for answers and interfaces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Group => "group",
            Self::Model => "model",
            Self::UpstreamKey => "upstream_key",
        }
    }
}

/// A subject, and how much it may use. It is known by its scope and its names, whatever the allowance is.
#[derive(Clone, Copy, Debug)]
pub struct Limited<'a> {
    pub(super) scope: LimitScope,
    pub(super) name: &'a str,
    /// The pattern of models; empty in all scopes except that.
    pub(super) pattern: &'a str,
    pub(super) allowance: &'a Allowance,
}

impl<'a> Limited<'a> {
    const fn new(scope: LimitScope, name: &'a str, pattern: &'a str, allowance: &'a Allowance) -> Self {
        Self {
            scope,
            name,
            pattern,
            allowance,
        }
    }

    /// A client's token, by the name of its entry.
    #[must_use]
    pub const fn token(name: &'a str, allowance: &'a Allowance) -> Self {
        Self::new(LimitScope::Token, name, "", allowance)
    }

    /// A group of tokens.
    #[must_use]
    pub const fn group(name: &'a str, allowance: &'a Allowance) -> Self {
        Self::new(LimitScope::Group, name, "", allowance)
    }

    /// A token for the models that fit `pattern`.
    #[must_use]
    pub const fn model(token: &'a str, pattern: &'a str, allowance: &'a Allowance) -> Self {
        Self::new(LimitScope::Model, token, pattern, allowance)
    }

    /// An upstream's key, by its public id, never by the key itself.
    #[must_use]
    pub const fn upstream_key(id: &'a str, allowance: &'a Allowance) -> Self {
        Self::new(LimitScope::UpstreamKey, id, "", allowance)
    }

    /// Whether anything is limited.
    pub(super) fn is_limited(&self) -> bool {
        Limit::ALL.iter().any(|limit| limit.value(self.allowance).is_some())
    }
}

/// One limit of an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Requests in a minute.
    RequestsPerMinute,
    /// Tokens in a minute.
    TokensPerMinute,
    /// Requests at the same time.
    Concurrent,
    /// Requests in a day.
    RequestsPerDay,
    /// Tokens in a day.
    TokensPerDay,
    /// Money in a day.
    BudgetDay,
    /// Money in a month.
    BudgetMonth,
    /// Money for ever.
    BudgetTotal,
}

impl Limit {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 8] = [
        Self::RequestsPerMinute,
        Self::TokensPerMinute,
        Self::Concurrent,
        Self::RequestsPerDay,
        Self::TokensPerDay,
        Self::BudgetDay,
        Self::BudgetMonth,
        Self::BudgetTotal,
    ];

    /// Those that are sums, in the order of [`Counters::sums`](super::Counters::sums).
    pub const SUMS: [Self; 5] = [
        Self::RequestsPerDay,
        Self::TokensPerDay,
        Self::BudgetDay,
        Self::BudgetMonth,
        Self::BudgetTotal,
    ];

    /// Returns the fixed word for answers and interfaces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequestsPerMinute => "requests_per_minute",
            Self::TokensPerMinute => "tokens_per_minute",
            Self::Concurrent => "concurrent",
            Self::RequestsPerDay => "requests_per_day",
            Self::TokensPerDay => "tokens_per_day",
            Self::BudgetDay => "budget.day",
            Self::BudgetMonth => "budget.month",
            Self::BudgetTotal => "budget.total",
        }
    }

    /// Whether it counts money.
    #[must_use]
    pub const fn is_money(self) -> bool {
        matches!(self, Self::BudgetDay | Self::BudgetMonth | Self::BudgetTotal)
    }

    /// Whether it is a rate or a number of requests that run: it is free again in a minute, and nothing is used up.
    #[must_use]
    pub const fn is_rate(self) -> bool {
        matches!(self, Self::RequestsPerMinute | Self::TokensPerMinute | Self::Concurrent)
    }

    /// Returns what the operator has set; nothing where that is nothing.
    pub(super) fn value(self, allowance: &Allowance) -> Option<i64> {
        let (limits, budget) = (&allowance.limits, &allowance.budget);
        let count = match self {
            Self::RequestsPerMinute => limits.requests_per_minute,
            Self::TokensPerMinute => limits.tokens_per_minute,
            Self::Concurrent => limits.concurrent,
            Self::RequestsPerDay => limits.requests_per_day,
            Self::TokensPerDay => budget.tokens_per_day,
            Self::BudgetDay => return budget.day.map(|money| money.0),
            Self::BudgetMonth => return budget.month.map(|money| money.0),
            Self::BudgetTotal => return budget.total.map(|money| money.0),
        };
        count.map(|count| i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Returns what the operator wants where it is used up: what `on_exhausted` says of budgets.
    pub(super) const fn on_exhausted(self, allowance: &Allowance) -> OnExhausted {
        if self.is_money() || matches!(self, Self::TokensPerDay) {
            allowance.budget.on_exhausted
        } else {
            OnExhausted::Refuse
        }
    }

    /// Returns how long it counts, where it is a sum.
    pub(super) const fn period(self) -> Period {
        match self {
            Self::BudgetMonth => Period::Month,
            Self::BudgetTotal => Period::Forever,
            _ => Period::Day,
        }
    }

    /// Returns what of a load it counts.
    pub(super) const fn of(self, load: Load) -> i64 {
        match self {
            Self::RequestsPerMinute | Self::Concurrent | Self::RequestsPerDay => load.requests,
            Self::TokensPerMinute | Self::TokensPerDay => load.tokens,
            Self::BudgetDay | Self::BudgetMonth | Self::BudgetTotal => load.cost,
        }
    }
}

/// A number of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Requests or tokens.
    Count(u64),
    /// Money.
    Money(Money),
}

/// How a limit stands: a row of `limits` in `GET /v1/key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What kind of subject it limits.
    pub scope: LimitScope,
    /// The name of the token or group, the pattern of models, or the id of the key.
    pub name: String,
    /// Which limit it is.
    pub limit: Limit,
    pub(super) value: i64,
    pub(super) used: i64,
    /// When nothing of it is used any more, or its period ends. Nothing where that is not known: requests that run, and totals.
    pub resets: Option<Millis>,
}

impl Standing {
    fn quantity(&self, number: i64) -> Quantity {
        if self.limit.is_money() {
            Quantity::Money(Money(number))
        } else {
            Quantity::Count(u64::try_from(number).unwrap_or_default())
        }
    }

    /// Returns the limit that is set.
    #[must_use]
    pub fn value(&self) -> Quantity {
        self.quantity(self.value)
    }

    /// Returns what is used of it, with the estimates of what runs. It may be more than the limit.
    #[must_use]
    pub fn used(&self) -> Quantity {
        self.quantity(self.used)
    }

    /// Returns what is left of it; never less than nothing.
    #[must_use]
    pub fn remaining(&self) -> Quantity {
        self.quantity(self.value.saturating_sub(self.used).max(0))
    }
}

/// A limit that leaves no room for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Which limit it is, and how it stands.
    pub standing: Standing,
    /// When there is room, if nobody takes it until then. Nothing where that is not known, and where there never is.
    pub free: Option<Millis>,
    /// Whether the same request may pass within seconds or a minute: the limit is a rate or a number of requests at the same time, or
    /// what is left of a budget is held by requests that run. Otherwise it is used up.
    pub waiting_helps: bool,
    /// What the operator wants where it is used up. [`OnExhausted::Fallback`]: ask again for that route, with
    /// [`Ask::is_fallback`](super::Ask::is_fallback).
    pub on_exhausted: OnExhausted,
}

impl Exceeded {
    /// Rank; the limit that is free last is reported, so that nobody waits for one in vain.
    pub(super) fn rank(&self) -> (bool, u64) {
        let unknown = if self.waiting_helps { 0 } else { u64::MAX };
        (!self.waiting_helps, self.free.map_or(unknown, |free| free.0))
    }
}

/// The values of `x-ratelimit-*`: of all limits of a request the ones with the least left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Of requests in a minute or a day.
    pub requests: Option<RateLimit>,
    /// Of tokens in a minute or a day.
    pub tokens: Option<RateLimit>,
}

/// One rate of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// What may be used.
    pub limit: u64,
    /// What is left.
    pub remaining: u64,
    /// In how many milliseconds all of it is there again.
    pub reset: u64,
}

impl RateLimit {
    /// Keeps the one with less left in `place`.
    pub(super) fn keep_tightest(self, place: &mut Option<Self>) {
        let tightness = |rate: &Self| (rate.remaining, u64::MAX - rate.reset);
        if place.is_none_or(|kept| tightness(&self) < tightness(&kept)) {
            *place = Some(self);
        }
    }
}
