//! Limits of rate and of requests at the same time, which hold where requests are counted: natively.

use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::life_cycle::{CHAT, STREAM, upstream_that_waits};
use crate::support::client::Answer;
use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, request, route};

const ALICE: &str = "gw-SECRET-alice";
const BOB: &str = "gw-SECRET-bob";

/// An upstream whose answers used 900 and 100 tokens, and which has limits of its own.
fn upstream() -> Upstream {
    let fields =
        "content-type: application/json\r\nx-ratelimit-remaining-tokens: 5\r\nx-ratelimit-limit-requests: 7\r\n";
    Upstream::answering(
        "200 OK",
        fields,
        r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":900,"completion_tokens":100}}"#,
    )
}

/// A gateway with a route to `upstream` on which are alice, with these fields, and bob, both of this group.
fn gateway(upstream: &Upstream, alice: &Value, group: &Value) -> Gateway {
    let token = |name: &str, token: &str, fields: &Value| {
        let mut entry = json!({"name": name, "token": token, "group": "family"});
        entry
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        entry
    };
    let fields = json!({"name": "or", "token": null, "retry_wait": group["retry_wait"], "tokens": [token("alice", ALICE, alice), token("bob", BOB, &json!({}))]});
    let group = json!({"limits": group["limits"]});
    Gateway::with_routes(
        Runtime::Native,
        &json!({"groups": {"family": group}, "routes": [route("", upstream, fields)]}),
    )
}

fn ask(gateway: &Gateway, token: &str, path: &str, body: &str) -> Answer {
    gateway.raw(request("POST", path, token, JSON, body))
}

fn chat(gateway: &Gateway, token: &str) -> Answer {
    ask(
        gateway,
        token,
        "/v1/chat/completions",
        r#"{"model":"m","max_tokens":100}"#,
    )
}

/// Waits until what a request before has held is settled: its client may read its answer before that.
fn until(what: &str, is_true: impl Fn() -> bool) {
    let is_in_time = (0..500).any(|_| {
        thread::sleep(Duration::from_millis(20));
        is_true()
    });
    assert!(is_in_time, "{what}");
}

#[test]
fn requests_in_a_minute_are_so_many_and_the_next_is_told_when_it_may_come() {
    let upstream = upstream();
    let gateway = gateway(&upstream, &json!({"limits": {"requests_per_minute": 2}}), &json!({}));
    let first = chat(&gateway, ALICE);
    assert_eq!(
        (first.status, first.field("x-ratelimit-limit-requests")),
        (200, Some("2"))
    );
    assert_eq!(first.field("x-ratelimit-remaining-requests"), Some("1"));
    assert!(first.field("x-ratelimit-reset-requests").unwrap().ends_with('s'));
    // Those of the upstream are not this token's.
    assert_eq!(first.field("x-ratelimit-remaining-tokens"), None);
    assert_eq!(
        ask(&gateway, ALICE, "/v1/embeddings", r#"{"model":"m","input":"x"}"#).status,
        200
    );
    for (path, dialect) in [
        ("/v1/chat/completions", "openai"),
        ("/v1/messages", "anthropic"),
        ("/v1beta/models/m:generateContent", "gemini"),
        ("/v1/responses", "openai"),
        ("/v1/images/generations", "openai"),
    ] {
        let refused = ask(&gateway, ALICE, path, r#"{"model":"m"}"#);
        assert_eq!(refused.error_in(dialect), (429, "rate_limit_exceeded".into()), "{path}");
        let seconds: u64 = refused.field("retry-after").unwrap().parse().unwrap();
        let millis: u64 = refused.field("retry-after-ms").unwrap().parse().unwrap();
        assert!(
            (1..=60).contains(&seconds) && millis <= 60_000,
            "{seconds} s, {millis} ms"
        );
        assert_eq!(refused.field("x-gateway-limit"), Some("own"));
        let text = refused.text();
        assert!(
            text.contains("`requests_per_minute` is 2") && !text.contains("SECRET"),
            "{text}"
        );
    }
    assert_eq!(gateway.raw(request("GET", "/v1/models", ALICE, "", "")).status, 200);
    assert_eq!(chat(&gateway, BOB).status, 200);
}

#[test]
fn tokens_in_a_minute_are_those_that_answers_say() {
    let upstream = upstream();
    let gateway = gateway(&upstream, &json!({"limits": {"tokens_per_minute": "1k"}}), &json!({}));
    let first = chat(&gateway, ALICE);
    assert_eq!(
        (first.status, first.field("x-ratelimit-limit-tokens")),
        (200, Some("1000"))
    );
    assert_eq!(first.field("x-ratelimit-limit-requests"), None);
    // A thousand are used now, and some sixteen come back in a second.
    until("what was used does not count", || chat(&gateway, ALICE).status == 429);
    let refused = chat(&gateway, ALICE);
    assert!(
        refused.text().contains("`tokens_per_minute` is 1000"),
        "{}",
        refused.text()
    );
    assert_eq!(chat(&gateway, BOB).status, 200);
}

#[test]
fn a_group_and_a_model_have_limits_of_their_own() {
    let upstream = upstream();
    let per_model = json!({"per_model": {"big-*": {"limits": {"requests_per_minute": 1}}}});
    let limits = json!({"limits": {"requests_per_minute": 3}});
    let gateway = gateway(&upstream, &per_model, &limits);
    let big = |token| ask(&gateway, token, "/v1/chat/completions", r#"{"model":"big-1"}"#);
    assert_eq!(big(ALICE).status, 200);
    let refused = big(ALICE);
    assert_eq!(refused.status, 429);
    assert!(refused.text().contains("this token and model"), "{}", refused.text());
    // What is refused counts for nobody.
    assert_eq!((big(BOB).status, chat(&gateway, ALICE).status), (200, 200));
    for token in [ALICE, BOB] {
        let refused = chat(&gateway, token);
        assert_eq!(refused.status, 429);
        assert!(refused.text().contains("this token's group"), "{}", refused.text());
    }
}

#[test]
fn requests_at_the_same_time_are_so_many_until_one_ends_or_its_client_leaves() {
    let (end, ended) = mpsc::channel::<()>();
    let ended = Mutex::new(ended);
    let upstream = Upstream::start(move |received, to| {
        if received.line().contains("embeddings") {
            return to.answer("200 OK", JSON, "{}");
        }
        to.head("200 OK", SSE);
        to.send(b"data: begun\n\n");
        let _ = ended.lock().unwrap().recv_timeout(Duration::from_secs(60));
        to.send(b"data: [DONE]\n\n");
    });
    let gateway = gateway(&upstream, &json!({"limits": {"concurrent": 1}}), &json!({}));
    let begun = || {
        let mut guest = gateway.open(request("POST", "/v1/chat/completions", ALICE, JSON, STREAM));
        guest.wait_for("data: begun\n\n");
        guest
    };
    let is_free = || ask(&gateway, ALICE, "/v1/embeddings", r#"{"model":"m"}"#).status == 200;
    let guest = begun();
    let refused = ask(&gateway, ALICE, "/v1/chat/completions", CHAT);
    assert_eq!(refused.error(), (429, "rate_limit_exceeded".into()));
    assert!(!is_free());
    assert_eq!(refused.field("retry-after"), Some("1"));
    assert!(refused.text().contains("`concurrent` is 1"), "{}", refused.text());
    drop(guest);
    end.send(()).unwrap();
    until("one that left holds its place", is_free);
    let guest = begun();
    end.send(()).unwrap();
    assert!(gateway.checked(guest.finish()).text().ends_with("data: [DONE]\n\n"));
    until("one that ended holds its place", is_free);
}

#[test]
fn a_request_waits_for_its_own_limit_where_the_route_lets_it() {
    let (upstream, end) = upstream_that_waits();
    let waits = json!({"retry_wait": 30});
    let gateway = gateway(&upstream, &json!({"limits": {"concurrent": 1}}), &waits);
    let mut first = gateway.open(request("POST", "/v1/chat/completions", ALICE, JSON, STREAM));
    first.wait_for("data: begun\n\n");
    let mut second = gateway.open(request("POST", "/v1/chat/completions", ALICE, JSON, STREAM));
    thread::sleep(Duration::from_millis(300));
    assert!(!second.has_come());
    end.send(()).unwrap();
    assert_eq!(first.finish().status, 200);
    second.wait_for("data: begun\n\n");
    end.send(()).unwrap();
    assert_eq!(second.finish().status, 200);
}

#[test]
fn a_limit_of_the_upstream_is_told_as_its_own() {
    let body = r#"{"error":{"message":"slow down","code":"rate_limit_exceeded"}}"#;
    let upstream = Upstream::answering("429 Too Many Requests", JSON, body);
    let gateway = gateway(&upstream, &json!({"limits": {"requests_per_minute": 2}}), &json!({}));
    let refused = chat(&gateway, ALICE);
    assert_eq!(
        (refused.status, refused.field("x-gateway-limit")),
        (429, Some("upstream"))
    );
    assert_eq!(chat(&gateway, BOB).field("x-gateway-limit"), Some("upstream"));
}
