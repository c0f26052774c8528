//! Where translation meets the rest of the gateway: paths that are learned, clients that leave, models and keys.

use std::sync::Mutex;
use std::sync::mpsc;

use serde_json::json;

use super::dialect::{DIALECTS, Dialect, different};
use super::upstream;
use super::{to_one, token};
use crate::support::Runtime;
use crate::support::upstream::{SSE, Upstream};

pub(crate) fn a_path_that_is_missing_is_learned(runtime: Runtime) {
    for (client, missing) in [
        (Dialect::Responses, "/v1/responses"),
        (Dialect::Anthropic, "/v1/messages"),
    ] {
        let plain = upstream::start(Dialect::OpenAi);
        let gateway = to_one(runtime, Dialect::OpenAi, &plain, &json!({}));
        for _ in 0..3 {
            let answer = gateway.raw(client.ask(&token(Dialect::OpenAi), "s01_text", false));
            assert_eq!(
                (answer.status, client.read(&answer).text.as_str()),
                (200, "Hello, world!"),
                "{}",
                answer.text()
            );
        }
        let received = plain.received();
        let paths: Vec<&str> = received
            .iter()
            .filter_map(|request| request.line().split(' ').nth(1))
            .collect();
        let chat = "/v1/chat/completions";
        assert_eq!(paths, [missing, chat, chat, chat]);
    }
}

pub(crate) fn a_missing_path_is_not_what_the_client_reads_of(runtime: Runtime) {
    for client in [Dialect::Responses, Dialect::Anthropic] {
        let refusing = Upstream::start(|received, to| {
            let is_chat = received.line().contains("/chat/completions");
            let status = if is_chat { "401 Unauthorized" } else { "404 Not Found" };
            to.answer(status, "content-type: application/json\r\n", r#"{"detail":"no"}"#);
        });
        let gateway = to_one(runtime, Dialect::OpenAi, &refusing, &json!({}));
        let answer = gateway.raw(client.ask(&token(Dialect::OpenAi), "m", false));
        assert_eq!(answer.error_in(client.name()), (502, "upstream_auth_failed".into()));
    }
}

pub(crate) fn a_path_that_is_there_is_used_untouched(runtime: Runtime) {
    for client in [Dialect::Responses, Dialect::Anthropic] {
        let whole = upstream::whole(client, "s01_text").unwrap();
        let sent = whole.clone();
        let rich = Upstream::start(move |_, to| to.answer("200 OK", "content-type: application/json\r\n", &sent));
        let gateway = to_one(runtime, Dialect::OpenAi, &rich, &json!({}));
        let answer = gateway.raw(client.ask(&token(Dialect::OpenAi), "m", false));
        assert_eq!(answer.text(), whole);
        let received = rich.only();
        assert_eq!(received.text(), client.question("m", false).to_string());
        assert!(
            received.line().contains(&client.path("m", false)),
            "{}",
            received.line()
        );
    }
}

/// A 404 that is about the model is no news of the path.
pub(crate) fn a_model_that_is_missing_is_not_a_path_that_is(runtime: Runtime) {
    for client in [Dialect::Responses, Dialect::Anthropic] {
        let rich =
            Upstream::start(|_, to| super::errors::say(Dialect::OpenAi, 404, "model_not_found", "no such model", to));
        let gateway = to_one(runtime, Dialect::OpenAi, &rich, &json!({"max_attempts": 1}));
        for _ in 0..2 {
            let answer = gateway.raw(client.ask(&token(Dialect::OpenAi), "m", false));
            assert_eq!(answer.status, 404, "{}", answer.text());
        }
        let received = rich.received();
        assert!(
            received
                .iter()
                .all(|request| request.line().contains(&client.path("m", false))),
            "{received:?}"
        );
    }
}

pub(crate) fn a_client_that_leaves_lets_the_upstream_go(runtime: Runtime) {
    for (client, upstream) in different() {
        let stream = upstream::stream(upstream, "s14_truncated").unwrap();
        let endless = upstream::answering(upstream, move |_, to| {
            to.head("200 OK", SSE);
            to.send(stream.as_bytes());
            // workerd learns of a client that left when it writes to it.
            let more = upstream::pieces(&stream).last().copied().unwrap_or_default().to_owned();
            while to.is_open() {
                to.send(more.as_bytes());
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        let gateway = to_one(runtime, upstream, &endless, &json!({}));
        let mut exchange = gateway.open(client.ask(&token(upstream), "m", true));
        exchange.wait_for("cut");
        exchange.leave();
        endless.wait_for_leaver();
    }
}

pub(crate) fn models_are_chosen_as_in_every_dialect(runtime: Runtime) {
    for upstream in DIALECTS {
        let plain = upstream::start(upstream);
        let fields =
            json!({"default_model": "s01_text", "aliases": {"mine": "s06_reasoning_text"}, "models": ["mine", "s01*"]});
        let gateway = to_one(runtime, upstream, &plain, &fields);
        for client in DIALECTS {
            let name = format!("{client:?} to {upstream:?}");
            let said = |model: &str| client.read(&gateway.raw(client.ask(&token(upstream), model, false)));
            assert!(said("mine").text.contains('4'), "{name}");
            assert_eq!(said("s01_text").text, "Hello, world!", "{name}");
            if client != Dialect::Gemini {
                assert_eq!(said("").text, "Hello, world!", "{name}");
            }
            let refused = gateway.raw(client.ask(&token(upstream), "s06_reasoning_text", false));
            assert_eq!(refused.status, 404, "{name}: {}", refused.text());
        }
    }
}

pub(crate) fn a_gemini_client_may_spell_its_path_in_several_ways(runtime: Runtime) {
    for upstream in DIALECTS {
        let plain = upstream::start(upstream);
        let gateway = to_one(runtime, upstream, &plain, &json!({}));
        let token = token(upstream);
        let body = Dialect::Gemini.question("", false);
        for path in [
            "/v1beta/models/s01_text:generateContent",
            "/v1/models/s01_text:generateContent",
            "/v1beta/models/s01_text%3AgenerateContent",
        ] {
            // The upstream minds that the token does not come through.
            let in_query = Dialect::Gemini.request(&format!("{path}?key={token}"), "nobody", &body);
            let in_field = Dialect::Gemini.request(path, &token, &body);
            for request in [in_field, in_query.replace("x-goog-api-key: nobody\r\n", "")] {
                let answer = gateway.raw(request);
                let said = (answer.status, Dialect::Gemini.read(&answer).text);
                assert_eq!(
                    said,
                    (200, "Hello, world!".to_owned()),
                    "{path} to {upstream:?}: {}",
                    answer.text()
                );
            }
        }
    }
}

pub(crate) fn translated_answers_are_in_the_log_with_their_tokens(runtime: Runtime) {
    let plain = DIALECTS.map(upstream::start);
    for (upstream, plain) in DIALECTS.into_iter().zip(&plain) {
        let gateway = to_one(
            runtime,
            upstream,
            plain,
            &json!({"aliases": {"mine": "s12_usage_cached"}}),
        );
        for client in DIALECTS {
            for is_stream in [false, true] {
                let before = gateway.log().matches("\"prompt_tokens\":2048").count();
                let answer = gateway.raw(client.ask(&token(upstream), "mine", is_stream));
                assert_eq!(answer.status, 200, "{client:?} to {upstream:?}: {}", answer.text());
                let known = |log: &str| log.matches("\"prompt_tokens\":2048").count() > before;
                let is_told = (0..400).any(|_| {
                    std::thread::sleep(std::time::Duration::from_millis(25));
                    known(&gateway.log())
                });
                assert!(
                    is_told,
                    "{client:?} to {upstream:?}, stream: {is_stream}: {}",
                    gateway.log()
                );
            }
        }
    }
}

/// A stream that waits in the middle, for the test to see that its client is told of nothing yet.
pub(crate) fn a_stream_that_stalls_ends_in_the_clients_own_error(runtime: Runtime) {
    for (client, upstream) in different() {
        let (hold, held) = mpsc::channel::<()>();
        let (held, stream) = (Mutex::new(held), upstream::stream(upstream, "s14_truncated").unwrap());
        let stalling = upstream::answering(upstream, move |_, to| {
            to.head("200 OK", SSE);
            to.send(stream.as_bytes());
            let _ = held.lock().unwrap().recv();
        });
        let gateway = to_one(
            runtime,
            upstream,
            &stalling,
            &json!({"idle_timeout": 1, "max_attempts": 1}),
        );
        let answer = gateway.raw(client.ask(&token(upstream), "m", true));
        super::failing::broken(client, &answer.text(), "cut", &format!("{client:?} to {upstream:?}"));
        drop(hold);
    }
}
