//! Admission, settlement and what is said of limits, in tables.

mod kept;
mod properties;

use super::super::amount::{Amount, Used};
use super::super::limit::{Limit, LimitScope};
use super::*;
use crate::config::{Allowance, OnExhausted};
use crate::platform::{Millis, Moment};

/// 2026-11-29T10:00:00Z.
const START: u64 = 1_795_946_400_000;
const HOUR: u64 = 3_600_000;

fn now(passed: u64) -> Now {
    Now {
        wall: Millis(START + passed),
        moment: Moment(passed),
    }
}

fn book() -> Book {
    Book::new(TimeZone::parse("+08:00").unwrap())
}

/// An allowance with one limit.
fn only(limit: Limit, value: u64) -> Allowance {
    let mut allowance = Allowance::default();
    set(&mut allowance, limit, value);
    allowance
}

fn set(allowance: &mut Allowance, limit: Limit, value: u64) {
    let money = || Some(Money(value.try_into().unwrap()));
    let (limits, budget) = (&mut allowance.limits, &mut allowance.budget);
    match limit {
        Limit::RequestsPerMinute => limits.requests_per_minute = Some(value),
        Limit::TokensPerMinute => limits.tokens_per_minute = Some(value),
        Limit::Concurrent => limits.concurrent = Some(value),
        Limit::RequestsPerDay => limits.requests_per_day = Some(value),
        Limit::TokensPerDay => budget.tokens_per_day = Some(value),
        Limit::BudgetDay => budget.day = money(),
        Limit::BudgetMonth => budget.month = money(),
        Limit::BudgetTotal => budget.total = money(),
    }
}

/// As many tokens, which cost as many billionths.
fn amount(tokens: u64) -> Amount {
    Amount {
        tokens,
        cost: Money(tokens.try_into().unwrap()),
    }
}

fn ask<'a>(subjects: &'a [Limited<'a>], tokens: u64) -> Ask<'a> {
    Ask {
        subjects,
        input: amount(tokens / 2),
        output: amount(tokens - tokens / 2),
        is_fallback: false,
    }
}

fn used(book: &Book, subject: Limited<'_>, passed: u64) -> Vec<(Limit, i64)> {
    let rows = book.status(now(passed), &[subject]);
    rows.iter().map(|row| (row.limit, row.used)).collect()
}

#[test]
fn a_token_without_limits_costs_nothing() {
    let (book, free) = (book(), Allowance::default());
    let subjects = [Limited::token("alice", &free), Limited::group("family", &free)];
    let hold = book.admit(now(0), &ask(&subjects, 900)).unwrap();
    assert_eq!(hold.rates(), super::super::RateLimits::default());
    assert!(!hold.is_cut(amount(5)));
    let hold = hold.extend(now(0), &ask(&subjects, 50)).unwrap();
    let settled = hold.settle(now(1), 1, Used::Cut { output: amount(5) });
    assert_eq!((settled.amount, settled.budget_remaining), (amount(30), None));
    assert_eq!(book.changes(now(2), 0).counters, []);
    assert_eq!(book.status(now(2), &subjects), []);
}

#[test]
fn each_limit_refuses_what_is_beyond_it_and_says_when_it_is_free() {
    let midnight = Some(Millis(START + 6 * HOUR));
    let month = Some(Millis(START + 30 * HOUR));
    for (limit, value, tokens, fits, free, waiting_helps) in [
        (Limit::RequestsPerMinute, 2, 10, 2, Some(Millis(START + 30_000)), true),
        (Limit::TokensPerMinute, 100, 40, 2, Some(Millis(START + 12_000)), true),
        (Limit::TokensPerMinute, 100, 500, 1, Some(Millis(START + 300_000)), true),
        (Limit::Concurrent, 3, 10, 3, None, true),
        (Limit::RequestsPerDay, 2, 10, 2, None, true),
        (Limit::TokensPerDay, 100, 40, 3, None, true),
        (Limit::BudgetDay, 100, 40, 3, None, true),
        (Limit::BudgetMonth, 100, 40, 3, None, true),
        (Limit::BudgetTotal, 100, 40, 3, None, true),
    ] {
        let (book, allowance) = (book(), only(limit, value));
        let subjects = [Limited::token("alice", &allowance)];
        let mut holds = Vec::new();
        for _ in 0..fits {
            holds.push(book.admit(now(0), &ask(&subjects, tokens)).unwrap());
        }
        let exceeded = book.admit(now(0), &ask(&subjects, tokens)).unwrap_err();
        assert_eq!(
            (exceeded.standing.limit, exceeded.standing.value),
            (limit, value.try_into().unwrap())
        );
        assert_eq!(
            (exceeded.free, exceeded.waiting_helps),
            (free, waiting_helps),
            "{limit:?}"
        );
        holds.into_iter().for_each(|hold| {
            hold.settle(now(0), 1, Used::Known(amount(tokens)));
        });
        // What is used up now is used up until its period ends.
        let Err(exceeded) = book.admit(now(0), &ask(&subjects, tokens)) else {
            assert_eq!(limit, Limit::Concurrent);
            continue;
        };
        let free = match limit {
            Limit::BudgetMonth => month,
            Limit::BudgetTotal => None,
            _ if limit.is_rate() => free,
            _ => midnight,
        };
        assert_eq!(
            (exceeded.free, exceeded.waiting_helps),
            (free, limit.is_rate()),
            "{limit:?}"
        );
        let Some(free) = free else { continue };
        let passed = free.0 - START;
        assert!(
            book.admit(now(passed - 1), &ask(&subjects, tokens)).is_err(),
            "{limit:?}"
        );
        assert!(book.admit(now(passed), &ask(&subjects, tokens)).is_ok(), "{limit:?}");
    }
}

#[test]
fn a_limit_of_zero_admits_nothing_for_ever() {
    for limit in Limit::ALL {
        let (book, allowance) = (book(), only(limit, 0));
        let subjects = [Limited::token("alice", &allowance)];
        for passed in [0, 90 * 24 * HOUR] {
            for tokens in [0, 1] {
                let Err(exceeded) = book.admit(now(passed), &ask(&subjects, tokens)) else {
                    panic!("{limit:?}");
                };
                assert_eq!((exceeded.free, exceeded.waiting_helps), (None, false), "{limit:?}");
            }
        }
    }
}

#[test]
fn of_several_limits_the_one_that_is_free_last_is_reported() {
    let (fast, slow) = (only(Limit::RequestsPerMinute, 60), only(Limit::RequestsPerMinute, 1));
    let (running, budget) = (only(Limit::Concurrent, 1), only(Limit::BudgetTotal, 10));
    for (second, limit, name) in [
        (Limited::group("family", &slow), Limit::RequestsPerMinute, "family"),
        (
            Limited::model("alice", "*opus*", &running),
            Limit::RequestsPerMinute,
            "alice",
        ),
        (Limited::model("alice", "*opus*", &budget), Limit::BudgetTotal, "*opus*"),
    ] {
        for is_first in [true, false] {
            let book = book();
            let mut subjects = [Limited::token("alice", &fast), second];
            if is_first {
                subjects.reverse();
            }
            let mut holds: Vec<Hold> = Vec::new();
            let seconds = [second];
            for _ in 0..60 {
                holds.push(book.admit(now(0), &ask(&[Limited::token("alice", &fast)], 1)).unwrap());
            }
            let hold = book.admit(now(0), &ask(&seconds, 50)).unwrap();
            if limit == Limit::BudgetTotal {
                hold.settle(now(0), 1, Used::Unknown);
            } else {
                holds.push(hold);
            }
            let exceeded = book.admit(now(0), &ask(&subjects, 1)).unwrap_err();
            assert_eq!((exceeded.standing.limit, &*exceeded.standing.name), (limit, name));
        }
    }
}

#[test]
fn a_request_that_one_subject_refuses_counts_for_none() {
    let book = book();
    let mut wide = Allowance::default();
    Limit::ALL.iter().for_each(|limit| set(&mut wide, *limit, 1_000));
    let narrow = only(Limit::Concurrent, 1);
    let subjects = [Limited::token("alice", &wide), Limited::group("family", &narrow)];
    let hold = book.admit(now(0), &ask(&subjects, 7)).unwrap();
    let before = (used(&book, subjects[0], 0), book.changes(now(0), 0));
    assert!(book.admit(now(0), &ask(&subjects, 7)).is_err());
    assert_eq!((used(&book, subjects[0], 0), book.changes(now(0), 0)), before);
    hold.cancel(now(0));
    for subject in subjects {
        assert!(used(&book, subject, 0).iter().all(|(_, used)| *used == 0));
    }
}

#[test]
fn the_estimate_may_come_later_with_further_subjects_or_the_request_counts_for_nothing() {
    let book = book();
    let (mut alice, opus) = (only(Limit::RequestsPerDay, 10), only(Limit::BudgetDay, 100));
    set(&mut alice, Limit::TokensPerMinute, 1_000);
    let (token, model) = (
        Limited::token("alice", &alice),
        Limited::model("alice", "*opus*", &opus),
    );
    let all = [token, model];
    let begin = || book.admit(now(0), &ask(&[token], 0)).unwrap();
    let first = begin().extend(now(5), &ask(&all, 150)).unwrap();
    assert_eq!(
        used(&book, token, 5),
        [(Limit::TokensPerMinute, 150), (Limit::RequestsPerDay, 1)]
    );
    assert_eq!(used(&book, model, 5), [(Limit::BudgetDay, 150)]);
    let second = begin();
    assert_eq!(used(&book, token, 5)[1], (Limit::RequestsPerDay, 2));
    let exceeded = second.extend(now(5), &ask(&all, 1)).unwrap_err();
    assert_eq!(
        (exceeded.standing.scope, exceeded.standing.limit),
        (LimitScope::Model, Limit::BudgetDay)
    );
    assert_eq!(
        used(&book, token, 5),
        [(Limit::TokensPerMinute, 150), (Limit::RequestsPerDay, 1)]
    );
    let settled = first.settle(now(5), 1, Used::Known(amount(30)));
    assert_eq!(
        (settled.amount, settled.budget_remaining),
        (amount(30), Some(Money(70)))
    );
    assert_eq!(
        used(&book, token, 5),
        [(Limit::TokensPerMinute, 30), (Limit::RequestsPerDay, 1)]
    );
}

#[test]
fn a_second_estimate_takes_the_place_of_the_first() {
    let (mut alice, family) = (only(Limit::TokensPerMinute, 1_000), only(Limit::TokensPerDay, 1_000));
    set(&mut alice, Limit::RequestsPerDay, 10);
    let (book, token) = (book(), Limited::token("alice", &alice));
    let both = [token, Limited::group("family", &family)];
    let hold = book.admit(now(0), &ask(&[token], 700)).unwrap();
    let hold = hold.extend(now(0), &ask(&both, 600)).unwrap();
    let expected = [(Limit::TokensPerMinute, 600), (Limit::RequestsPerDay, 1)];
    assert_eq!(used(&book, token, 0), expected);
    assert_eq!(used(&book, both[1], 0), [(Limit::TokensPerDay, 600)]);
    hold.settle(now(0), 1, Used::Nothing);
    assert_eq!(
        used(&book, token, 0),
        [(Limit::TokensPerMinute, 0), (Limit::RequestsPerDay, 1)]
    );
    assert_eq!(used(&book, both[1], 0), [(Limit::TokensPerDay, 0)]);
}

#[test]
fn every_end_of_a_request_counts_what_it_says() {
    let allowance = only(Limit::TokensPerDay, 1_000);
    let subjects = [Limited::token("alice", &allowance)];
    for (name, end, tokens, estimated, requests) in [
        ("known", Some(Used::Known(amount(3))), 3, 0, 1),
        ("known to be nothing", Some(Used::Known(Amount::ZERO)), 0, 0, 1),
        ("cut", Some(Used::Cut { output: amount(7) }), 57, 1, 1),
        (
            "cut before anything came",
            Some(Used::Cut { output: Amount::ZERO }),
            50,
            1,
            1,
        ),
        ("unknown", Some(Used::Unknown), 100, 1, 1),
        ("nobody answered", Some(Used::Nothing), 0, 0, 1),
        ("dropped", None, 100, 1, 1),
    ] {
        let book = book();
        let hold = book.admit(now(0), &ask(&subjects, 100)).unwrap();
        match end {
            Some(used) => {
                let settled = hold.settle(now(1), 1, used);
                assert_eq!(
                    (settled.amount, settled.is_estimated),
                    (amount(tokens), estimated == 1),
                    "{name}"
                );
            }
            None => drop(hold),
        }
        let counters = &book.changes(now(1), 0).counters[0];
        let sums: Vec<(i64, i64)> = counters.sums.iter().map(|sum| (sum.spent, sum.held)).collect();
        let spent = i64::try_from(tokens).unwrap();
        assert_eq!(
            sums,
            [(requests, 0), (spent, 0), (spent, 0), (spent, 0), (spent, 0)],
            "{name}"
        );
        assert_eq!(counters.estimated, estimated, "{name}");
    }
}

#[test]
fn failed_attempts_are_billed_where_they_say_what_they_used_and_each_once() {
    let mut allowance = only(Limit::TokensPerDay, 1_000);
    set(&mut allowance, Limit::Concurrent, 5);
    let (book, subjects) = (book(), [Limited::token("alice", &allowance)]);
    let mut hold = book.admit(now(0), &ask(&subjects, 100)).unwrap();
    assert!(hold.bill(now(1), 1, amount(20)));
    assert!(!hold.bill(now(1), 1, amount(20)));
    assert_eq!(
        used(&book, subjects[0], 1),
        [(Limit::Concurrent, 1), (Limit::TokensPerDay, 120)],
        "the next attempt has its room"
    );
    assert!(hold.bill(now(2), 3, amount(4)));
    let settled = hold.settle(now(3), 4, Used::Known(amount(50)));
    assert_eq!(settled.amount, amount(74));
    let mut hold = book.admit(now(3), &ask(&subjects, 100)).unwrap();
    assert!(hold.bill(now(3), 1, amount(6)));
    assert_eq!(hold.settle(now(3), 1, Used::Known(amount(6))).amount, amount(6));
    assert_eq!(
        used(&book, subjects[0], 3),
        [(Limit::Concurrent, 0), (Limit::TokensPerDay, 80)]
    );
}

#[test]
fn what_the_operator_wants_of_a_used_up_budget_is_said() {
    for (on_exhausted, is_fallback, admits) in [
        (OnExhausted::Refuse, false, false),
        (OnExhausted::Cut, true, false),
        (OnExhausted::Fallback(3), false, false),
        (OnExhausted::Fallback(3), true, true),
        (OnExhausted::Warn, false, true),
    ] {
        let mut allowance = only(Limit::BudgetDay, 100);
        allowance.budget.on_exhausted = on_exhausted;
        allowance.limits.requests_per_day = Some(3);
        let (book, subjects) = (book(), [Limited::token("alice", &allowance)]);
        let first = book.admit(now(0), &ask(&subjects, 90)).unwrap();
        let second = book.admit(now(0), &ask(&subjects, 90)).unwrap();
        assert_eq!(first.warnings(), []);
        first.settle(now(0), 1, Used::Unknown);
        assert!(!second.is_cut(amount(9)));
        assert_eq!(second.is_cut(amount(10)), on_exhausted == OnExhausted::Cut);
        second.settle(now(0), 1, Used::Unknown);
        let third = Ask {
            is_fallback,
            ..ask(&subjects, 5)
        };
        match book.admit(now(0), &third) {
            Ok(hold) => {
                assert!(admits);
                assert_eq!(hold.warnings().len(), 1);
                assert_eq!(hold.warnings()[0].on_exhausted, on_exhausted);
                hold.settle(now(0), 1, Used::Unknown);
                let exceeded = book.admit(now(0), &third).unwrap_err();
                assert_eq!(
                    exceeded.standing.limit,
                    Limit::RequestsPerDay,
                    "a quota of requests always refuses"
                );
            }
            Err(exceeded) => {
                assert!(!admits);
                assert_eq!(exceeded.on_exhausted, on_exhausted);
            }
        }
    }
}
