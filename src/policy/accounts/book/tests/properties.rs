//! What holds whatever requests do, in whatever order, over midnight and while clocks change.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::super::sum::Sum;
use super::*;

/// How a request ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// With this part of its estimate, in percent.
    Known(u64),
    /// In the middle of its answer.
    Cut(u64),
    Unknown,
    Nothing,
    Dropped,
    Cancelled,
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        4 => (0_u64..=100).prop_map(End::Known),
        1 => (0_u64..=100).prop_map(End::Cut),
        1 => Just(End::Unknown),
        1 => Just(End::Nothing),
        1 => Just(End::Dropped),
        1 => Just(End::Cancelled),
    ]
}

/// A request: the time since the one before, its estimate, its end, and behind how many others it ends.
#[derive(Clone, Copy, Debug)]
struct Step {
    passed: u64,
    estimate: u64,
    end: End,
    running: usize,
}

fn steps(longest: u64) -> impl Strategy<Value = Vec<Step>> {
    let step = (0..longest, 1_u64..1_000, end(), 0_usize..6);
    vec(
        step.prop_map(|(passed, estimate, end, running)| Step {
            passed,
            estimate,
            end,
            running,
        }),
        1..80,
    )
}

/// Ends a request. Returns the tokens and the requests that it counts then.
fn finish(hold: Hold, estimate: u64, end: End, now: Now) -> (u64, u64) {
    let (input, output) = (estimate / 2, estimate - estimate / 2);
    let (used, expected) = match end {
        End::Known(percent) => (Used::Known(amount(estimate * percent / 100)), estimate * percent / 100),
        End::Cut(percent) => {
            let came = output * percent / 100;
            (Used::Cut { output: amount(came) }, input + came)
        }
        End::Unknown => (Used::Unknown, estimate),
        End::Nothing => (Used::Nothing, 0),
        End::Dropped => {
            drop(hold);
            return (estimate, 1);
        }
        End::Cancelled => {
            hold.cancel(now);
            return (0, 0);
        }
    };
    assert_eq!(hold.settle(now, 1, used).amount, amount(expected));
    (expected, 1)
}

fn sums(book: &Book, passed: u64) -> [Sum; 5] {
    let counters = book.changes(now(passed), 0).counters;
    counters.first().map(|counters| counters.sums).unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    number.try_into().unwrap()
}

/// Everything is limited, and nothing is ever refused.
fn wide() -> Allowance {
    let mut allowance = Allowance::default();
    Limit::ALL
        .iter()
        .for_each(|limit| set(&mut allowance, *limit, 1_000_000_000));
    allowance
}

proptest! {
    #[test]
    fn no_more_is_spent_than_the_budget_and_one_estimate(steps in steps(10), budget in 1_u64..5_000, money in 0..3_usize) {
        let limit = [Limit::TokensPerDay, Limit::BudgetMonth, Limit::BudgetTotal][money];
        let (book, allowance) = (book(), only(limit, budget));
        let subjects = [Limited::token("alice", &allowance)];
        let (mut passed, mut spent, mut largest) = (0, 0, 0);
        let mut running = Vec::new();
        for step in steps {
            passed += step.passed;
            if let Ok(hold) = book.admit(now(passed), &ask(&subjects, step.estimate)) {
                largest = largest.max(step.estimate);
                running.push((hold, step));
            }
            while running.len() > step.running {
                let (hold, step) = running.remove(0);
                spent += finish(hold, step.estimate, step.end, now(passed)).0;
            }
            prop_assert!(spent <= budget + largest);
            prop_assert_eq!(book.spent(now(passed), &subjects[0]).total, Money(signed(spent)));
        }
    }

    #[test]
    fn every_hold_ends_and_each_counts_what_it_used(steps in steps(30_000)) {
        let (book, allowance) = (book(), wide());
        let subjects = [Limited::token("alice", &allowance), Limited::group("family", &allowance)];
        let (mut passed, mut tokens, mut requests) = (0, 0, 0);
        let mut running: Vec<(Hold, Step)> = Vec::new();
        let mut expected = |hold, step: Step, passed| {
            let (used, counted) = finish(hold, step.estimate, step.end, now(passed));
            tokens += used;
            requests += counted;
        };
        for step in steps {
            passed += step.passed;
            running.push((book.admit(now(passed), &ask(&subjects, step.estimate)).unwrap(), step));
            while running.len() > step.running {
                let (hold, step) = running.swap_remove(0);
                expected(hold, step, passed);
            }
            let held: u64 = running.iter().map(|(_, step)| step.estimate).sum();
            prop_assert_eq!(sums(&book, passed)[4].held, signed(held));
            let concurrent = used(&book, subjects[1], passed)[2];
            prop_assert_eq!(concurrent, (Limit::Concurrent, signed(running.len() as u64)));
        }
        running.into_iter().for_each(|(hold, step)| expected(hold, step, passed));
        for counters in book.changes(now(passed), 0).counters {
            prop_assert!(counters.sums.iter().all(|sum| sum.held == 0));
            let [quota, .., total] = counters.sums;
            prop_assert_eq!((total.spent, quota.spent), (signed(tokens), signed(requests)));
        }
        prop_assert_eq!(used(&book, subjects[0], passed)[2], (Limit::Concurrent, 0));
        // Nobody used more than was estimated: a minute later no rate is used any more.
        let later = used(&book, subjects[0], passed + 61_000);
        prop_assert_eq!(&later[..2], &[(Limit::RequestsPerMinute, 0), (Limit::TokensPerMinute, 0)]);
    }

    #[test]
    fn the_turn_of_a_day_or_month_loses_and_doubles_nothing_also_when_clocks_change(
        steps in steps(20 * HOUR), begin in prop_oneof![Just(1_774_600_000_000_u64), Just(1_792_700_000_000)],
        zone in prop_oneof![Just("CET-1CEST,M3.5.0,M10.5.0/3"), Just("EET-2EEST,M3.5.0/0,M10.5.0/0:30"), Just("Z")],
    ) {
        let zone = TimeZone::parse(zone).unwrap();
        let (book, allowance) = (Book::new(zone.clone()), wide());
        let subjects = [Limited::token("alice", &allowance)];
        let at = |passed| Now { wall: Millis(begin + passed), moment: Moment(passed) };
        let day = |passed| zone.day(signed((begin + passed) / 1_000));
        let mut expected: BTreeMap<(bool, i64), i64> = BTreeMap::new();
        let (mut passed, mut all) = (0, 0);
        let mut running: Vec<(Hold, Step)> = Vec::new();
        for step in steps {
            passed += step.passed;
            // Whoever drops a hold says no time, so the book hears it here.
            let _ = book.status(at(passed), &subjects);
            while running.len() > step.running {
                let (hold, step) = running.remove(0);
                let spent = signed(finish(hold, step.estimate, step.end, at(passed)).0);
                let day = day(passed);
                *expected.entry((true, day)).or_default() += spent;
                *expected.entry((false, TimeZone::month_of(day))).or_default() += spent;
                all += spent;
            }
            if step.estimate % 4 > 0 {
                running.push((book.admit(at(passed), &ask(&subjects, step.estimate)).unwrap(), step));
            }
            let held: u64 = running.iter().map(|(_, step)| step.estimate).sum();
            let of = |is_day, id| Money(expected.get(&(is_day, id)).copied().unwrap_or_default());
            let today = day(passed);
            let spent = Spent { day: of(true, today), month: of(false, TimeZone::month_of(today)), total: Money(all) };
            prop_assert_eq!(book.spent(at(passed), &subjects[0]), spent);
            let rows = book.status(at(passed), &subjects);
            let used: Vec<i64> = rows[5..].iter().map(|row| row.used - signed(held)).collect();
            prop_assert_eq!(used, [spent.day.0, spent.month.0, spent.total.0]);
        }
        for (hold, step) in running {
            finish(hold, step.estimate, step.end, at(passed));
        }
    }

    #[test]
    fn the_order_of_settlements_makes_no_difference(steps in steps(5_000), swaps in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..20)) {
        let allowance = wide();
        let subjects = [Limited::token("alice", &allowance), Limited::upstream_key("9f2c0a11", &allowance)];
        let counted = |is_swapped: bool| {
            let (book, mut passed) = (book(), 0);
            let mut running = Vec::new();
            for step in &steps {
                passed += step.passed;
                running.push((book.admit(now(passed), &ask(&subjects, step.estimate)).unwrap(), *step));
            }
            for (one, other) in swaps.iter().filter(|_| is_swapped) {
                let (one, other) = (one.index(running.len()), other.index(running.len()));
                running.swap(one, other);
            }
            for (hold, step) in running {
                finish(hold, step.estimate, step.end, now(passed));
            }
            book.changes(now(passed), 0)
        };
        prop_assert_eq!(counted(false), counted(true));
    }

    #[test]
    fn a_changed_limit_resets_nothing(steps in steps(100), values in vec(0_u64..10_000, 8)) {
        let (book, before) = (book(), wide());
        let mut after = Allowance::default();
        Limit::ALL.iter().zip(&values).for_each(|(limit, value)| set(&mut after, *limit, *value));
        let mut passed = 0;
        let mut running: Vec<(Hold, Step)> = Vec::new();
        for step in steps {
            passed += step.passed;
            running.push((book.admit(now(passed), &ask(&[Limited::token("alice", &before)], step.estimate)).unwrap(), step));
            while running.len() > step.running {
                let (hold, step) = running.remove(0);
                finish(hold, step.estimate, step.end, now(passed));
            }
        }
        let old = used(&book, Limited::token("alice", &before), passed);
        prop_assert_eq!(&used(&book, Limited::token("alice", &after), passed), &old);
        // Not only shown: a request under the new limits changes no more than its own part.
        match book.admit(now(passed), &ask(&[Limited::token("alice", &after)], 1)) {
            Ok(hold) => hold.cancel(now(passed)),
            Err(exceeded) => prop_assert!(exceeded.standing.used >= exceeded.standing.value || exceeded.standing.limit.is_rate()),
        }
        prop_assert_eq!(used(&book, Limited::token("alice", &after), passed), old);
        drop(running);
    }

    #[test]
    fn a_refused_request_changes_nothing(steps in steps(1_000), values in vec(0_u64..3_000, 8)) {
        let book = book();
        let mut narrow = Allowance::default();
        Limit::ALL.iter().zip(&values).for_each(|(limit, value)| set(&mut narrow, *limit, *value));
        let wide = wide();
        let subjects = [Limited::token("alice", &wide), Limited::group("family", &narrow)];
        let mut passed = 0;
        for step in steps {
            passed += step.passed;
            let before = (used(&book, subjects[0], passed), used(&book, subjects[1], passed));
            match book.admit(now(passed), &ask(&subjects, step.estimate)) {
                Ok(hold) => {
                    finish(hold, step.estimate, step.end, now(passed));
                }
                Err(exceeded) => {
                    prop_assert_eq!(exceeded.standing.scope, LimitScope::Group);
                    prop_assert_eq!((used(&book, subjects[0], passed), used(&book, subjects[1], passed)), before);
                }
            }
        }
    }

    #[test]
    fn a_stream_that_was_cut_is_never_refunded_to_nothing(estimate in 2_u64..1_000, came in 0_u64..2_000, is_dropped: bool) {
        let (book, allowance) = (book(), wide());
        let subjects = [Limited::token("alice", &allowance)];
        let hold = book.admit(now(0), &ask(&subjects, estimate)).unwrap();
        if is_dropped {
            drop(hold);
        } else {
            let settled = hold.settle(now(0), 1, Used::Cut { output: amount(came) });
            prop_assert!(settled.is_estimated && settled.amount.tokens >= estimate / 2 + came);
        }
        let counters = &book.changes(now(0), 0).counters[0];
        prop_assert!(counters.sums.iter().all(|sum| sum.spent > 0));
        prop_assert_eq!(counters.estimated, 1);
    }

    #[test]
    fn a_repetition_changes_nothing(steps in steps(1_000)) {
        let (book, allowance) = (book(), wide());
        let subjects = [Limited::token("alice", &allowance)];
        let mut passed = 0;
        for step in steps {
            passed += step.passed;
            let mut hold = book.admit(now(passed), &ask(&subjects, step.estimate)).unwrap();
            prop_assert!(hold.bill(now(passed), 7, amount(5)));
            let before = book.changes(now(passed), 0);
            prop_assert!(!hold.bill(now(passed), 7, amount(5)));
            prop_assert_eq!(book.changes(now(passed), 0), before);
            finish_again(hold, now(passed));
        }
        let kept = book.changes(now(passed), 0).counters;
        let fresh = super::book();
        fresh.restore(now(passed), &kept);
        let restored = fresh.changes(now(passed), 0);
        fresh.restore(now(passed), &kept);
        prop_assert_eq!(fresh.changes(now(passed), 0), restored);
    }

    #[test]
    fn a_book_that_was_restored_goes_on_where_the_other_has_ended(steps in steps(1_000), before in 0_usize..3, passed_between in prop_oneof![0..120_000_u64, 0..60 * 24 * HOUR]) {
        let (book, allowance) = (book(), wide());
        let subjects = [Limited::token("alice", &allowance), Limited::model("alice", "gpt-*", &allowance)];
        let mut passed = 0;
        let mut running = Vec::new();
        for step in steps {
            passed += step.passed;
            let hold = book.admit(now(passed), &ask(&subjects, step.estimate)).unwrap();
            if step.running == 0 {
                running.push((hold, step));
            } else {
                finish(hold, step.estimate, step.end, now(passed));
            }
        }
        let kept = book.changes(now(passed), 0).counters;
        // What still ran counts with its estimate.
        running.into_iter().for_each(|(hold, _)| drop(hold));
        passed += passed_between;
        let fresh = super::book();
        let early: Vec<Hold> = (0..before).map(|_| fresh.admit(now(passed), &ask(&subjects, 9)).unwrap()).collect();
        fresh.restore(now(passed), &kept);
        early.into_iter().for_each(|hold| hold.cancel(now(passed)));
        for subject in subjects {
            prop_assert_eq!(fresh.spent(now(passed), &subject), book.spent(now(passed), &subject));
            prop_assert_eq!(used(&fresh, subject, passed), used(&book, subject, passed));
        }
    }
}

/// Settles an attempt that is billed already.
fn finish_again(hold: Hold, now: Now) {
    assert_eq!(hold.settle(now, 7, Used::Known(amount(5))).amount, amount(5));
}
