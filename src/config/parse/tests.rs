//! Limits in a table, and which of them are refused since they do not hold yet.

use super::*;
use crate::config::{Money, OnExhausted, unenforced};

const TABLE: &str = r#"{"timezone": "+08:00", "currency": "CNY",
  "groups": {"family": {"budget": {"month": "20.00", "on_exhausted": "fallback:cheap"}, "labels": {"team": "a"}}, "others": {}},
  "routes": [
    {"name": "or", "provider": "echo", "key_limits": {"requests_per_minute": 5},
     "tokens": [{"name": "alice", "token": "gw-alice", "group": "family", "expires": "2027-03-01",
       "limits": {"requests_per_minute": 60, "tokens_per_minute": "200k", "concurrent": 4, "requests_per_day": 2000},
       "budget": {"day": "1.00", "month": "10.00", "total": "50.00", "tokens_per_day": "2M", "on_exhausted": "refuse"},
       "per_model": {"*opus*": {"budget": {"day": "0.50"}}}}]},
    {"name": "cheap", "provider": "echo", "token": "gw-cheap", "limits": {"concurrent": 1}, "budget": {"on_exhausted": "warn"}}]}"#;

fn document(text: &str) -> Document {
    Document::variables("T".to_owned(), text.to_owned())
}

#[test]
fn the_table_of_the_contract_is_read_wholly() {
    let mut problems = Problems::default();
    let table = table(&document(TABLE), &mut problems);
    assert!(problems.is_empty(), "{problems}");
    let [alice, cheap] = table.accounts.as_slice() else {
        panic!("{:?}", table.accounts)
    };
    let (allowance, (pattern, of_opus)) = (&alice.allowance, &alice.per_model[0]);
    assert_eq!(allowance.limits.tokens_per_minute, Some(200_000));
    assert_eq!(allowance.budget.total, Money::parse("50"));
    assert!(pattern.matches("claude-opus-4") && of_opus.budget.day == Money::parse("0.5"));
    assert_eq!(cheap.allowance.limits.concurrent, Some(1));
    assert_eq!(cheap.allowance.budget.on_exhausted, OnExhausted::Warn);
    assert_eq!((alice.group, cheap.group), (Some(0), None));
    let family = &table.around.groups[0];
    assert_eq!(
        (family.name.as_str(), &*family.labels),
        ("family", &[("team".to_owned(), "a".to_owned())][..])
    );
    assert_eq!(family.allowance.budget.month, Money::parse("20"));
    assert_eq!(family.allowance.budget.on_exhausted, OnExhausted::Fallback(1));
    assert_eq!(table.routes[0].key_limits.requests_per_minute, Some(5));
    assert_eq!(table.around.currency.as_deref(), Some("CNY"));
    assert_eq!(table.around.time_zone.as_str(), "+08:00");
    // Midnight in China.
    assert_eq!(alice.expires, Some(1_803_859_200 - 8 * 3600));
}

/// Returns what is said of the limits of a table.
fn said_of_limits(text: &str, counts: bool) -> String {
    let mut problems = Problems::default();
    let table = table(&document(text), &mut problems);
    unenforced::refuse(&table, counts, &mut problems);
    problems.to_string()
}

#[test]
fn a_table_with_limits_is_refused_once_and_names_whom_it_limits() {
    let of = |whom: &str| format!("T: the table sets limits that this gateway does not enforce yet, for {whom}\n");
    let report = said_of_limits(TABLE, false);
    let expected = of("`alice`, `cheap`, `family`, `or`");
    assert!(
        report.contains("has 1 problem\n") && report.contains(&expected),
        "{report}"
    );
    for (limits, holds_where_counted) in [
        (r#""limits": {"concurrent": 0}"#, true),
        (
            r#""limits": {"requests_per_minute": 5, "tokens_per_minute": "2k"}"#,
            true,
        ),
        (r#""per_model": {"gpt-*": {"limits": {"concurrent": 1}}}"#, true),
        (r#""limits": {"requests_per_day": 5}"#, false),
        (r#""budget": {"day": "0"}"#, false),
        (r#""budget": {"on_exhausted": "cut"}"#, false),
        (r#""per_model": {"gpt-*": {"budget": {"day": "1"}}}"#, false),
        (r#""key_limits": {"tokens_per_minute": "1k"}"#, false),
    ] {
        let table = format!(r#"[{{"token": "gw-1", "provider": "echo", {limits}}}]"#);
        let is_refused = |counts| said_of_limits(&table, counts).contains(&of("`route-1`"));
        assert_eq!(
            (is_refused(false), is_refused(true)),
            (true, !holds_where_counted),
            "{limits}"
        );
    }
}
