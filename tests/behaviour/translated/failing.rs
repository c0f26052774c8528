//! What goes wrong, in the client's own words.

use serde_json::{Value, json};

use super::dialect::{DIALECTS, Dialect, different, events, pairs};
use super::errors::{TOO_LONG, WAIT};
use super::upstream;
use super::{to_all, to_one, token};
use crate::support::upstream::{JSON, SSE};
use crate::support::{Gateway, Runtime};

pub(crate) fn a_broken_stream_ends_in_the_clients_own_error(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({"max_attempts": 1}));
    for (client, upstream) in pairs() {
        for (model, begun) in [("s14_truncated", "cut of"), ("s11_midstream_error", "Partial answer")] {
            let name = format!("{client:?} to {upstream:?}, {model}");
            let answer = gateway.raw(client.ask(&token(upstream), model, true));
            broken(client, &answer.text(), begun, &name);
        }
    }
}

pub(crate) fn a_reset_ends_in_the_clients_own_error(runtime: Runtime) {
    for (client, upstream) in different() {
        let stream = upstream::stream(upstream, "s14_truncated").unwrap();
        let resetting = upstream::answering(upstream, move |_, to| {
            to.head("200 OK", SSE);
            to.send(stream.as_bytes());
            to.send(b"data: {\"half");
            to.reset();
        });
        let gateway = to_one(runtime, upstream, &resetting, &json!({"max_attempts": 1}));
        let mut exchange = gateway.open(client.ask(&token(upstream), "m", true));
        exchange.wait_for("cut");
        let answer = gateway.checked(exchange.finish());
        broken(client, &answer.text(), "cut", &format!("{client:?} to {upstream:?}"));
    }
}

/// Whether a stream says `begun`, and then ends in an error of the client's dialect, with nothing behind it.
pub(super) fn broken(client: Dialect, text: &str, begun: &str, name: &str) {
    let events = events(text);
    let (kind, last) = events.last().unwrap_or_else(|| panic!("{name}: nothing came"));
    let last: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{name}: ends with {last}"));
    match client {
        Dialect::OpenAi | Dialect::Gemini => drop(client.error(&last)),
        Dialect::Anthropic => {
            assert_eq!(kind, "error", "{name}: {text}");
            drop(client.error(&last));
        }
        Dialect::Responses => {
            let is_failure = kind == "response.failed" && last["response"]["error"]["message"].is_string();
            // A stream that is passed untouched ends in what its upstream says, or in the gateway's own event.
            let is_error = kind == "error" || kind.is_empty() && last["error"]["message"].is_string();
            assert!(is_failure || is_error, "{name}: {text}");
        }
    }
    let ends = ["[DONE]", "message_stop", "response.completed", "\"finishReason\""];
    assert!(!ends.iter().any(|end| text.contains(end)), "{name}: {text}");
    let said: String = events
        .iter()
        .filter_map(|(_, data)| serde_json::from_str::<Value>(data).ok())
        .map(|data| {
            let places = [
                "/choices/0/delta/content",
                "/delta",
                "/delta/text",
                "/candidates/0/content/parts/0/text",
            ];
            places
                .iter()
                .filter_map(|place| data.pointer(place)?.as_str())
                .collect::<String>()
        })
        .collect();
    assert!(said.contains(begun), "{name}: {said:?} in {text}");
}

pub(crate) fn an_array_that_breaks_has_the_error_at_its_end(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({"max_attempts": 1}));
    for upstream in [Dialect::OpenAi, Dialect::Responses, Dialect::Anthropic] {
        let path = "/v1beta/models/s14_truncated:streamGenerateContent";
        let answer = gateway.raw(Dialect::Gemini.request(path, &token(upstream), &Dialect::Gemini.question("", true)));
        let list = answer.json();
        let last = list.as_array().and_then(|list| list.last()).expect("an array");
        assert_eq!(Dialect::Gemini.error(last).0, "UNAVAILABLE", "{upstream:?}: {list}");
        assert!(
            answer.text().contains("cut ") && !answer.text().contains("finishReason"),
            "{upstream:?}: {list}"
        );
    }
}

/// What clients of each dialect know an error by.
fn known_by(client: Dialect, model: &str) -> &'static [&'static str] {
    match (client, model) {
        (Dialect::Anthropic, "limited") => &["rate_limit_error"],
        (Dialect::Gemini, "limited") => &["RESOURCE_EXHAUSTED"],
        (_, "limited") => &["rate_limit_exceeded"],
        (Dialect::Anthropic, "too-long") => &["invalid_request_error"],
        (Dialect::Gemini, "too-long") => &["INVALID_ARGUMENT"],
        (_, "too-long") => &["context_length_exceeded"],
        (Dialect::Anthropic, "busy") => &["overloaded_error"],
        (Dialect::Gemini, "busy") => &["UNAVAILABLE"],
        (_, "busy") => &["server_is_overloaded", ""],
        (Dialect::Anthropic, "missing") => &["not_found_error"],
        (Dialect::Gemini, "missing") => &["NOT_FOUND"],
        (_, "missing") => &["model_not_found"],
        (Dialect::Anthropic, "rejected") => &["api_error"],
        (Dialect::Gemini, "rejected") => &["UNAVAILABLE"],
        (_, "rejected") => &["upstream_auth_failed"],
        _ => &[],
    }
}

pub(crate) fn an_upstreams_error_becomes_the_clients(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({"max_attempts": 1}));
    for (client, upstream) in different() {
        for (model, statuses) in [
            ("too-long", &[400][..]),
            ("missing", &[404]),
            ("limited", &[429]),
            ("busy", &[503, 529]),
        ] {
            for is_stream in [false, true] {
                let name = format!("{client:?} to {upstream:?}, {model}, stream: {is_stream}");
                let answer = gateway.raw(client.ask(&token(upstream), model, is_stream));
                assert!(
                    statuses.contains(&answer.status),
                    "{name}: {} {}",
                    answer.status,
                    answer.text()
                );
                assert_eq!(answer.field("content-type"), Some("application/json"), "{name}");
                let (code, message) = client.error(&answer.json());
                assert!(
                    known_by(client, model).contains(&code.as_str()),
                    "{name}: {}",
                    answer.text()
                );
                if model == "limited" {
                    assert_eq!(
                        (answer.field("retry-after"), message.as_str()),
                        (Some(WAIT), "slow down"),
                        "{name}"
                    );
                }
                if client == Dialect::Anthropic && model == "too-long" {
                    let [tokens, most] = TOO_LONG;
                    assert_eq!(
                        message,
                        format!("prompt is too long: {tokens} tokens > {most} maximum"),
                        "{name}"
                    );
                }
            }
        }
    }
}

pub(crate) fn a_key_that_an_upstream_rejects_is_no_fault_of_the_clients(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({"max_attempts": 1}));
    for (client, upstream) in pairs() {
        // The first request only asks whether the upstream has the client's path.
        let ask = || gateway.raw(client.ask(&token(upstream), "rejected", false));
        let answer = [ask(), ask()].into_iter().last().unwrap();
        let (code, message) = client.error(&answer.json());
        assert_eq!(answer.status, 502, "{client:?} to {upstream:?}: {message}");
        assert_eq!(
            answer.field("x-should-retry"),
            Some("false"),
            "{client:?} to {upstream:?}"
        );
        assert!(
            known_by(client, "rejected").contains(&code.as_str()),
            "{client:?} to {upstream:?}: {code}"
        );
    }
}

pub(crate) fn the_gateways_own_errors_have_the_clients_dialect(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({"models": ["s*"]}));
    for (client, upstream) in pairs() {
        let name = format!("{client:?} to {upstream:?}");
        let token = token(upstream);
        let forbidden = gateway.raw(client.ask(&token, "other", false));
        let stranger = gateway.raw(client.ask("unknown", "s01_text", false));
        let question = client.request(&client.path("s01_text", false), &token, &Value::Null);
        let odd = gateway.raw(question.replace("null", "{\"a\""));
        let wrong = question
            .replace("POST", "PATCH")
            .replace("content-length: 4", "content-length: 0");
        // Other methods of the other paths are passed on: they may be there one day.
        let has_methods = matches!(client, Dialect::OpenAi | Dialect::Gemini);
        let wrong = has_methods.then(|| gateway.raw(wrong.trim_end_matches("null")));
        let wrong = wrong.map(|answer| (answer, 405, ["method_not_allowed", "", "INVALID_ARGUMENT"]));
        let others = [
            (forbidden, 404, ["model_not_found", "not_found_error", "NOT_FOUND"]),
            (
                stranger,
                401,
                ["invalid_api_key", "authentication_error", "UNAUTHENTICATED"],
            ),
            (odd, 400, ["invalid_json", "invalid_request_error", "INVALID_ARGUMENT"]),
        ];
        for (answer, status, codes) in others.into_iter().chain(wrong) {
            assert_eq!(answer.status, status, "{name}: {}", answer.text());
            let (code, _) = client.error(&answer.json());
            let wanted = match client {
                Dialect::OpenAi | Dialect::Responses => codes[0],
                Dialect::Anthropic => codes[1],
                Dialect::Gemini => codes[2],
            };
            assert_eq!(code, wanted, "{name}: {}", answer.text());
        }
    }
}

pub(crate) fn secrets_are_taken_out_of_translated_errors(runtime: Runtime) {
    // Every answer is searched for them.
    let (gateway, _upstreams) = to_all(runtime, &json!({"max_attempts": 1}));
    for (client, upstream) in pairs() {
        let answer = gateway.raw(client.ask(&token(upstream), "talkative", false));
        assert_eq!(answer.status, 400, "{client:?} to {upstream:?}");
        let (_, message) = client.error(&answer.json());
        assert!(
            message.starts_with("the key ") && message.ends_with(" is odd"),
            "{message}"
        );
    }
    for (client, upstream) in different() {
        let body = match upstream {
            Dialect::Anthropic => {
                json!({"type": "error", "error": {"type": "api_error", "message": "up-SECRET-1 is odd"}})
            }
            Dialect::Gemini => json!({"error": {"code": 500, "message": "up-SECRET-1 is odd", "status": "INTERNAL"}}),
            Dialect::Responses => {
                json!({"type": "error", "code": "server_error", "message": "up-SECRET-1 is odd", "param": null})
            }
            Dialect::OpenAi => {
                json!({"error": {"message": "up-SECRET-1 is odd", "type": "server_error", "param": null, "code": null}})
            }
        };
        let stream = upstream::stream(upstream, "s14_truncated").unwrap();
        let talkative = upstream::answering(upstream, move |_, to| {
            to.head("200 OK", SSE);
            let name = body["type"].as_str().map(|_| "event: error\n").unwrap_or_default();
            to.send(format!("{stream}{name}data: {body}\n\n").as_bytes());
        });
        let gateway = to_one(runtime, upstream, &talkative, &json!({"max_attempts": 1}));
        let answer = gateway.raw(client.ask(&token(upstream), "m", true));
        broken(client, &answer.text(), "cut of", &format!("{client:?} to {upstream:?}"));
        assert!(
            answer.text().contains(" is odd"),
            "{client:?} to {upstream:?}: {}",
            answer.text()
        );
    }
}

/// How an upstream fails before it has said anything.
const FAILURES: [&str; 4] = ["error", "event", "reset", "page"];

pub(crate) fn a_fallback_of_another_dialect_answers(runtime: Runtime) {
    for (first, second) in different() {
        for failure in FAILURES {
            let failing = upstream::answering(first, move |received, to| match failure {
                "error" => super::errors::say(first, 500, "api_error", "boom", to),
                "event" if received.text().contains("stream\":true") || received.line().contains("stream") => {
                    to.head("200 OK", SSE);
                    let event = json!({"type": "error", "error": {"type": "overloaded_error", "code": 503, "message": "busy", "status": "UNAVAILABLE"}});
                    to.send(format!("event: error\ndata: {event}\n\n").as_bytes());
                }
                "reset" => to.reset(),
                _ => to.answer("200 OK", "content-type: text/html\r\n", "<html>busy</html>"),
            });
            let good = upstream::start(second);
            let routes = json!([
                upstream::route(
                    &token(first),
                    first,
                    &failing,
                    &json!({"fallbacks": [format!("to-{}", second.name())]})
                ),
                upstream::route(&token(second), second, &good, &json!({})),
            ]);
            let gateway = Gateway::with_routes(runtime, &routes);
            for client in DIALECTS {
                for is_stream in [false, true] {
                    let name = format!("{client:?} to {first:?}, then {second:?}, {failure}, stream: {is_stream}");
                    let answer = gateway.raw(client.ask(&token(first), "s01_text", is_stream));
                    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
                    let said = client.read(&answer);
                    assert_eq!(
                        (said.text.as_str(), said.finish.as_str()),
                        ("Hello, world!", client.end(is_stream)),
                        "{name}"
                    );
                }
            }
        }
    }
}

pub(crate) fn a_whole_answer_that_is_none_is_the_gateways_error(runtime: Runtime) {
    for (client, upstream) in different() {
        let odd = upstream::answering(upstream, |_, to| to.answer("200 OK", JSON, r#"{"what":"is this"}"#));
        let gateway = to_one(runtime, upstream, &odd, &json!({"max_attempts": 1}));
        // The first request only asks whether the upstream has the client's path.
        let ask = || gateway.raw(client.ask(&token(upstream), "m", false));
        let answer = [ask(), ask()].into_iter().last().unwrap();
        assert_eq!(answer.status, 502, "{client:?} to {upstream:?}: {}", answer.text());
        drop(client.error(&answer.json()));
    }
}
