//! Which key a request begins with, which it goes on with, and what is told when none is left.

use serde_json::json;

use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime};

const BODY: &str = r#"{"model":"m"}"#;

fn first_keys(gateway: &Gateway, upstream: &Upstream, requests: impl Iterator<Item = (String, String)>) -> Vec<String> {
    for (id, body) in requests {
        assert_eq!(gateway.chat_with(&format!("x-request-id: {id}\r\n"), &body).status, 200);
    }
    upstream
        .received()
        .iter()
        .map(|received| received.one("authorization").unwrap().to_owned())
        .collect()
}

pub(crate) fn the_same_request_id_starts_with_the_same_key(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let same = first_keys(&gateway, &upstream, (0..5).map(|_| ("fixed".into(), BODY.into())));
    assert!(same.iter().all(|key| *key == same[0]));
    let spread = first_keys(&gateway, &upstream, (0..20).map(|id| (id.to_string(), BODY.into())));
    // Every process and both runtimes agree.
    let last: String = spread[5..].iter().filter_map(|key| key.chars().last()).collect();
    assert_eq!(last, "12212122111221111112");
}

pub(crate) fn sticky_rotation_keeps_a_conversation_on_its_key(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let gateway = Gateway::to(runtime, &upstream, json!({"rotation": "sticky"}));
    let talk = r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;
    let same = first_keys(&gateway, &upstream, (0..12).map(|id| (id.to_string(), talk.into())));
    assert!(same.iter().all(|key| *key == same[0]));
    let other = |n: u32| format!(r#"{{"model":"m","prompt_cache_key":"{n}"}}"#);
    let spread = first_keys(&gateway, &upstream, (0..20).map(|n| ("fixed".into(), other(n))));
    assert!(spread.iter().any(|key| *key != same[0]));
}

pub(crate) fn no_key_is_tried_twice_for_one_request(runtime: Runtime) {
    let upstream = Upstream::answering("500 Oops", JSON, r#"{"error":{}}"#);
    let gateway = Gateway::to(runtime, &upstream, json!({"max_attempts": 9}));
    let answer = gateway.chat(BODY);
    assert_eq!(answer.field("x-gateway-attempts"), Some("2"));
    let received = upstream.received();
    assert_eq!(received.len(), 2);
    assert_ne!(received[0].one("authorization"), received[1].one("authorization"));
    // It is the same request for all of them.
    for received in received {
        assert_eq!(received.one("x-request-id"), answer.field("x-request-id"));
    }
}

pub(crate) fn every_key_has_its_rank_and_not_only_the_first(runtime: Runtime) {
    let upstream = Upstream::answering("500 Oops", JSON, r#"{"error":{}}"#);
    let gateway = Gateway::to(
        runtime,
        &upstream,
        json!({"api_keys": ["up-SECRET-1", "up-SECRET-2", "up-SECRET-3"]}),
    );
    for id in 0..12 {
        gateway.chat_with(&format!("x-request-id: {id}\r\n"), BODY);
    }
    let received = upstream.received();
    let keys = received
        .iter()
        .map(|received| received.one("authorization").unwrap().chars().last().unwrap());
    let keys: Vec<char> = keys.collect();
    let mut orders: Vec<&[char]> = keys.chunks(3).collect();
    orders.sort_unstable();
    orders.dedup();
    assert!(orders.len() > 3, "the first decides about the others: {orders:?}");
}

pub(crate) fn a_thousand_requests_with_two_of_three_keys_dead_see_no_error(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| match received.one("authorization") {
        Some("Bearer good-SECRET") => to.answer("200 OK", JSON, r#"{"fine":1}"#),
        Some("Bearer bad-SECRET-1") => to.answer("401 No", JSON, r#"{"error":{"message":"revoked"}}"#),
        _ => to.answer("429 Slow", JSON, r#"{"error":{"code":"insufficient_quota"}}"#),
    });
    let gateway = Gateway::to(
        runtime,
        &upstream,
        json!({"api_keys": ["bad-SECRET-1", "bad-SECRET-2", "good-SECRET"]}),
    );
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..125 {
                    let answer = gateway.chat(BODY);
                    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"fine":1}"#));
                }
            });
        }
    });
    // What is dead is asked when nobody knows, and then no more.
    let asked = upstream.received().len();
    assert!((1002..1040).contains(&asked), "{asked} requests upstream for 1000");
}

pub(crate) fn keys_without_credit_are_no_keys_and_the_first_that_wakes_is_told(runtime: Runtime) {
    const BALANCE: &str = r#"{"code":30001,"message":"Sorry, your account balance is insufficient","data":null}"#;
    const CREDIT: &str = r#"{"error":{"code":402,"message":"Insufficient credits"}}"#;
    let refused = ("401 No", "", "{}");
    let spent = ("402 Pay", "", CREDIT);
    let soon = ("402 Pay", "retry-after: 5\r\n", CREDIT);
    for (first, second, seconds, retried) in [
        (spent, spent, 301..=600, false),
        (("403 No", "", BALANCE), spent, 301..=600, false),
        (
            ("400 Bad", "", r#"{"error":{"code":"Arrearage"}}"#),
            spent,
            301..=600,
            false,
        ),
        (refused, spent, 6..=300, false),
        (spent, refused, 6..=300, false),
        (soon, spent, 1..=5, true),
        (spent, soon, 1..=5, true),
    ] {
        let upstream = Upstream::start(move |received, to| {
            let is_first = received.one("authorization") == Some("Bearer up-SECRET-1");
            let (status, fields, body) = if is_first { first } else { second };
            to.answer(status, &format!("{JSON}{fields}"), body);
        });
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        let answer = gateway.chat(BODY);
        let told = (first, second);
        assert_eq!(answer.error(), (503, "no_key_available".into()), "{told:?}");
        assert!(answer.text().contains("\"type\":\"upstream_error\"") && answer.text().contains("top up"));
        assert_eq!(answer.field("x-gateway-attempts"), Some("2"), "{told:?}");
        assert_eq!(answer.field("x-should-retry").is_none(), retried, "{told:?}");
        let wakes: u64 = answer.field("retry-after").unwrap().parse().unwrap();
        assert!(seconds.contains(&wakes), "{wakes} {told:?}");
    }
}

pub(crate) fn a_key_that_may_be_good_is_told_before_those_that_are_not(runtime: Runtime) {
    for status in ["401 No", "402 Pay"] {
        let upstream = Upstream::start(move |received, to| {
            if received.one("authorization") == Some("Bearer up-SECRET-1") {
                to.answer(status, JSON, "{}");
            }
        });
        for id in 0..4 {
            let gateway = Gateway::to(runtime, &upstream, json!({}));
            let answer = gateway.chat_with(&format!("x-request-id: {id}\r\n"), BODY);
            assert_eq!(answer.error(), (502, "upstream_unreachable".into()), "{status}");
        }
    }
}

pub(crate) fn what_a_moderation_finds_in_a_request_costs_no_key_its_rest(runtime: Runtime) {
    const FLAGGED: &str =
        r#"{"error":{"code":403,"message":"flagged","metadata":{"reasons":["violence"],"flagged_input":"a text"}}}"#;
    let upstream = Upstream::start(|received, to| {
        if received.text().contains("a text") {
            to.answer("403 Forbidden", JSON, FLAGGED);
        } else {
            to.answer("200 OK", JSON, "{}");
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let with = |body: &str| gateway.chat_with("x-request-id: same\r\n", body);
    let answer = with(r#"{"model":"m","messages":[{"role":"user","content":"a text"}]}"#);
    assert_eq!((answer.status, answer.text().as_str()), (403, FLAGGED));
    assert_eq!(
        (answer.field("x-gateway-attempts"), answer.field("x-should-retry")),
        (Some("1"), None)
    );
    assert_eq!(with(BODY).status, 200);
    let received = upstream.received();
    assert_eq!(received[0].one("authorization"), received[1].one("authorization"));
}
