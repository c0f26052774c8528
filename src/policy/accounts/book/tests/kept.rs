//! What is said of limits, what a store gets, and what is kept in memory.

use super::super::super::limit::{Quantity, RateLimit};
use super::*;

#[test]
fn the_tightest_rates_are_said_of_an_admitted_request() {
    let (mut alice, mut family) = (only(Limit::RequestsPerMinute, 60), only(Limit::RequestsPerDay, 5));
    set(&mut alice, Limit::TokensPerMinute, 1_000);
    set(&mut family, Limit::TokensPerDay, 100_000);
    let (book, subjects) = (
        book(),
        [Limited::token("alice", &alice), Limited::group("family", &family)],
    );
    let hold = book.admit(now(0), &ask(&subjects, 100)).unwrap();
    let rates = hold.rates();
    let (requests, tokens) = (rates.requests.unwrap(), rates.tokens.unwrap());
    assert_eq!(
        requests,
        RateLimit {
            limit: 5,
            remaining: 4,
            reset: 6 * HOUR
        }
    );
    assert_eq!(
        tokens,
        RateLimit {
            limit: 1_000,
            remaining: 900,
            reset: 6_000
        }
    );
    drop(hold);
}

#[test]
fn the_status_has_a_row_for_each_limit() {
    let (mut alice, family) = (only(Limit::RequestsPerMinute, 60), only(Limit::BudgetMonth, 20_000));
    set(&mut alice, Limit::Concurrent, 4);
    let (book, subjects) = (
        book(),
        [Limited::token("alice", &alice), Limited::group("family", &family)],
    );
    let holds = [(); 3].map(|()| book.admit(now(0), &ask(&subjects, 100)).unwrap());
    let rows = book.status(now(0), &subjects);
    let shown: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.scope.as_str(),
                &*row.name,
                row.limit.as_str(),
                row.value(),
                row.used(),
                row.remaining(),
                row.resets,
            )
        })
        .collect();
    let count = Quantity::Count;
    let money = |nano| Quantity::Money(Money(nano));
    let month = Some(Millis(START + 30 * HOUR));
    assert_eq!(
        shown,
        [
            (
                "token",
                "alice",
                "requests_per_minute",
                count(60),
                count(3),
                count(57),
                Some(Millis(START + 3_000))
            ),
            ("token", "alice", "concurrent", count(4), count(3), count(1), None),
            (
                "group",
                "family",
                "budget.month",
                money(20_000),
                money(300),
                money(19_700),
                month
            ),
        ]
    );
    for hold in holds {
        hold.settle(now(0), 1, Used::Known(amount(10)));
    }
    let spent = book.spent(now(0), &subjects[0]);
    assert_eq!(
        spent,
        Spent {
            day: Money(30),
            month: Money(30),
            total: Money(30)
        }
    );
    let tomorrow = book.spent(now(6 * HOUR), &subjects[0]);
    assert_eq!(
        tomorrow,
        Spent {
            day: Money(0),
            month: Money(30),
            total: Money(30)
        }
    );
    let stranger = Limited::token("bob", &alice);
    assert_eq!(
        used(&book, stranger, 0),
        [(Limit::RequestsPerMinute, 0), (Limit::Concurrent, 0)]
    );
}

#[test]
fn subjects_of_one_name_in_different_scopes_do_not_meet() {
    let (book, allowance) = (book(), only(Limit::RequestsPerDay, 1));
    let subjects = [
        Limited::token("a", &allowance),
        Limited::group("a", &allowance),
        Limited::model("a", "b", &allowance),
        Limited::model("b", "a", &allowance),
        Limited::upstream_key("a", &allowance),
    ];
    for subject in subjects {
        let hold = book.admit(now(0), &ask(&[subject], 1)).unwrap();
        assert!(book.admit(now(0), &ask(&[subject], 1)).is_err());
        hold.settle(now(0), 1, Used::Nothing);
    }
}

#[test]
fn only_what_has_changed_is_handed_to_a_store_and_nothing_is_lost_when_it_fails() {
    let (book, allowance) = (book(), only(Limit::TokensPerDay, 1_000));
    let [alice, bob] = ["alice", "bob"].map(|name| Limited::token(name, &allowance));
    let count = |subject: Limited<'_>| {
        let hold = book.admit(now(0), &ask(&[subject], 10)).unwrap();
        hold.settle(now(0), 1, Used::Unknown);
    };
    let names = |changes: &Changes| {
        changes
            .counters
            .iter()
            .map(|counters| counters.name.clone())
            .collect::<Vec<_>>()
    };
    count(alice);
    count(bob);
    let first = book.changes(now(0), 0);
    assert_eq!(names(&first), ["alice", "bob"]);
    assert_eq!(names(&book.changes(now(0), first.version)), Vec::<String>::new());
    count(bob);
    let second = book.changes(now(0), first.version);
    assert_eq!(names(&second), ["bob"]);
    assert_eq!(
        book.changes(now(0), first.version),
        second,
        "the store failed, and asks again"
    );
}

#[test]
fn a_book_is_bounded_and_keeps_what_runs() {
    let (book, allowance) = (book(), only(Limit::RequestsPerDay, 1));
    let hold = book
        .admit(now(0), &ask(&[Limited::token("running", &allowance)], 1))
        .unwrap();
    for number in 0..20_100 {
        let name = number.to_string();
        let hold = book
            .admit(now(0), &ask(&[Limited::token(&name, &allowance)], 1))
            .unwrap();
        hold.settle(now(0), 1, Used::Nothing);
    }
    assert_eq!(book.changes(now(0), 0).counters.len(), 20_000);
    let is_known = |name: &str| {
        book.admit(now(0), &ask(&[Limited::token(name, &allowance)], 1))
            .is_err()
    };
    assert!(is_known("running") && is_known("20099") && !is_known("0"));
    hold.settle(now(0), 1, Used::Nothing);
}

#[test]
fn a_book_and_its_holds_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Book>();
    shared::<Hold>();
}
