//! Good answers: what is said, when it comes, and what passes untouched.

use std::sync::Mutex;
use std::sync::mpsc;

use serde_json::{Value, json};

use super::dialect::{DIALECTS, Dialect, different, pairs};
use super::upstream::{self, TOKENS};
use super::{first_attempts, to_all, to_one, token};
use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime};

const HELLO: &str = "Hello, world!";
const UNICODE: &str = "Grüß 你好 👩\u{200d}👩\u{200d}👧 e\u{301} \u{2028}end \"q\" \\ \t\n";

pub(crate) fn every_client_reaches_every_upstream(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({"aliases": {"by-another-name": "s01_text"}}));
    for (client, upstream) in pairs() {
        for is_stream in [false, true] {
            let name = format!("{client:?} to {upstream:?}, stream: {is_stream}");
            let answer = gateway.raw(client.ask(&token(upstream), "by-another-name", is_stream));
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
            let said = client.read(&answer);
            assert_eq!(said.error, None, "{name}");
            assert_eq!(
                (said.text.as_str(), said.finish.as_str()),
                (HELLO, client.end(is_stream)),
                "{name}"
            );
            if client != upstream {
                assert_eq!(said.model, "by-another-name", "{name}");
            }
            if client != Dialect::OpenAi || !is_stream {
                assert_eq!(said.usage, (9, 4), "{name}");
            }
            let attempts = if is_stream {
                "1"
            } else {
                first_attempts(client, upstream)
            };
            assert_eq!(answer.field("x-gateway-attempts"), Some(attempts), "{name}");
            assert_eq!(answer.field("x-gateway-dropped"), None, "{name}");
        }
    }
}

pub(crate) fn text_of_any_script_comes_whole_through_any_pieces(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({}));
    for (client, upstream) in pairs() {
        let said = client.read(&gateway.raw(client.ask(&token(upstream), "s02_text_unicode", true)));
        assert_eq!(said.text, UNICODE, "{client:?} to {upstream:?}");
        assert_eq!(said.finish, client.end(true), "{client:?} to {upstream:?}");
    }
}

/// The events of a stream with the first words, and those behind.
fn halves(dialect: Dialect) -> (String, String) {
    let stream = upstream::stream(dialect, "s01_text").unwrap();
    let pieces = upstream::pieces(&stream);
    let begun = pieces.iter().position(|piece| piece.contains("Hello")).unwrap() + 1;
    (pieces[..begun].concat(), pieces[begun..].concat())
}

pub(crate) fn the_first_words_come_as_soon_as_the_upstreams(runtime: Runtime) {
    for (client, upstream) in different() {
        let (go_on, wait) = mpsc::channel::<()>();
        let (wait, (begun, rest)) = (Mutex::new(wait), halves(upstream));
        let slow = upstream::answering(upstream, move |_, to| {
            to.head("200 OK", SSE);
            to.send(begun.as_bytes());
            let _ = wait.lock().unwrap().recv();
            to.send(rest.as_bytes());
        });
        let gateway = to_one(runtime, upstream, &slow, &json!({}));
        let mut exchange = gateway.open(client.ask(&token(upstream), "m", true));
        exchange.wait_for("Hello");
        go_on.send(()).unwrap();
        let said = client.read(&gateway.checked(exchange.finish()));
        assert_eq!(
            (said.text.as_str(), said.finish.as_str()),
            (HELLO, client.end(true)),
            "{client:?} to {upstream:?}"
        );
    }
}

pub(crate) fn the_same_dialect_passes_byte_for_byte(runtime: Runtime) {
    for dialect in DIALECTS {
        for is_stream in [false, true] {
            let answer = match is_stream {
                true => upstream::stream(dialect, "s04_parallel_tools").unwrap(),
                false => upstream::whole(dialect, "s04_parallel_tools")
                    .unwrap()
                    .replace("\":", "\" :  "),
            };
            let (sent, kind) = (answer.clone(), if is_stream { SSE } else { JSON });
            let untouched = Upstream::start(move |_, to| to.answer("200 OK", kind, &sent));
            let gateway = to_one(runtime, dialect, &untouched, &json!({"aliases": {"mine": "theirs"}}));
            let body = dialect
                .question("mine", is_stream)
                .to_string()
                .replace(':', " :  ")
                .replace(',', " , ");
            let odd = format!(
                "{},\"unknown\" : [1.0, 1e3, \"\\u00e9\"] }}",
                body.trim_end_matches('}')
            );
            let path = dialect.path("mine", is_stream);
            let request = format!(
                "POST {path} HTTP/1.1\r\nhost: g\r\nconnection: close\r\ncontent-type: application/json\r\n{}content-length: {}\r\n\r\n{odd}",
                dialect.key_field(&token(dialect)),
                odd.len()
            );
            let found = gateway.raw(request);
            assert_eq!(found.text(), answer, "{dialect:?}");
            assert_eq!(found.field("x-gateway-dropped"), None);
            let received = untouched.only();
            assert_eq!(received.text(), odd.replace("\"mine\"", "\"theirs\""), "{dialect:?}");
            if dialect == Dialect::Gemini {
                assert!(received.line().contains("/models/theirs:"), "{}", received.line());
            }
        }
    }
}

pub(crate) fn a_gemini_client_may_want_one_array(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({}));
    for upstream in DIALECTS.into_iter().filter(|upstream| *upstream != Dialect::Gemini) {
        let path = "/v1beta/models/s02_text_unicode:streamGenerateContent";
        let question = Dialect::Gemini.question("", true);
        let answer = gateway.raw(Dialect::Gemini.request(path, &token(upstream), &question));
        assert_eq!(answer.status, 200, "{upstream:?}: {}", answer.text());
        let kind = answer.field("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/json"), "{kind}");
        let list = answer.json();
        let list = list.as_array().expect("an array");
        let text: String = list
            .iter()
            .filter_map(|chunk| chunk["candidates"][0]["content"]["parts"][0]["text"].as_str())
            .collect();
        assert!(
            text.ends_with("end \"q\" \\ \t\n") && list.len() > 2,
            "{upstream:?}: {text:?}"
        );
        assert_eq!(
            list.last().unwrap()["candidates"][0]["finishReason"],
            "STOP",
            "{upstream:?}"
        );
    }
}

pub(crate) fn what_keeps_a_connection_alive_has_the_clients_form(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({}));
    for (client, upstream) in different() {
        let answer = gateway.raw(client.ask(&token(upstream), "s15_keepalive", true));
        let said = client.read(&answer);
        assert_eq!(
            (said.text.as_str(), said.finish.as_str()),
            ("slow reply", client.end(true)),
            "{client:?} to {upstream:?}"
        );
        let text = answer.text();
        let foreign = match client {
            Dialect::Anthropic => text.lines().any(|line| line.starts_with(':')),
            _ => text.contains("ping\""),
        };
        assert!(!foreign, "{client:?} to {upstream:?}: {text}");
        // Gemini's upstreams keep nothing alive.
        if client == Dialect::Anthropic && upstream != Dialect::Gemini {
            assert!(text.contains("event: ping\n"), "{upstream:?}: {text}");
        }
    }
}

pub(crate) fn the_simple_chat_reaches_every_upstream(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({"default_model": "s01_text"}));
    for upstream in DIALECTS {
        let ask = |body: Value| gateway.raw(Dialect::OpenAi.request("/chat", &token(upstream), &body));
        let answer = ask(json!({"message": "hi", "system": "Be brief."}));
        assert_eq!(answer.status, 200, "{upstream:?}: {}", answer.text());
        let body = answer.json();
        assert_eq!(body["reply"], HELLO, "{upstream:?}: {body}");
        assert_eq!(body["usage"]["total_tokens"], 13, "{upstream:?}: {body}");
        let streamed = ask(json!({"message": "hi", "stream": true}));
        let said = Dialect::OpenAi.read(&streamed);
        assert_eq!(
            (said.text.as_str(), said.finish.as_str()),
            (HELLO, "stop [DONE]"),
            "{upstream:?}"
        );
    }
}

pub(crate) fn tokens_are_counted_by_the_upstream_or_estimated(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({}));
    for upstream in DIALECTS {
        let messages = json!({"model": "m", "messages": [{"role": "user", "content": "How many tokens are these?"}]});
        let contents = json!({"contents": [{"role": "user", "parts": [{"text": "How many tokens are these?"}]}]});
        for (client, path, body, member) in [
            (
                Dialect::Anthropic,
                "/v1/messages/count_tokens",
                messages,
                "input_tokens",
            ),
            (Dialect::Gemini, "/v1beta/models/m:countTokens", contents, "totalTokens"),
        ] {
            let answer = gateway.raw(client.request(path, &token(upstream), &body));
            assert_eq!(answer.status, 200, "{client:?} to {upstream:?}: {}", answer.text());
            let tokens = answer.json()[member].as_u64().unwrap_or_default();
            let is_estimated = answer.field("x-gateway-estimated") == Some("true");
            assert_eq!(is_estimated, upstream == Dialect::OpenAi, "{client:?} to {upstream:?}");
            let holds = if is_estimated {
                (3..30).contains(&tokens)
            } else {
                tokens == TOKENS
            };
            assert!(holds, "{client:?} to {upstream:?}: {tokens}");
        }
    }
}

pub(crate) fn lists_of_models_have_the_clients_shape(runtime: Runtime) {
    let (gateway, _upstreams) = to_all(runtime, &json!({"aliases": {"by-another-name": "s01_text"}}));
    for upstream in DIALECTS {
        let get = |path: &str, client: Dialect| list(&gateway, path, client, upstream);
        let openai = get("/v1/models", Dialect::OpenAi);
        assert_eq!(openai["object"], "list", "{upstream:?}: {openai}");
        let anthropic = get("/v1/models", Dialect::Anthropic);
        assert_eq!(anthropic["has_more"], false, "{upstream:?}: {anthropic}");
        let gemini = get("/v1beta/models", Dialect::Gemini);
        for (list, id, prefix) in [
            (&openai["data"], "id", ""),
            (&anthropic["data"], "id", ""),
            (&gemini["models"], "name", "models/"),
        ] {
            let ids: Vec<&str> = list
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|model| model[id].as_str())
                .collect();
            let wanted = ["s01_text", "model-b", "by-another-name"].map(|id| format!("{prefix}{id}"));
            assert_eq!(ids, wanted, "{upstream:?}");
        }
    }
}

fn list(gateway: &Gateway, path: &str, client: Dialect, upstream: Dialect) -> Value {
    let fields = client.key_field(&token(upstream));
    let answer = gateway.raw(format!(
        "GET {path} HTTP/1.1\r\nhost: g\r\nconnection: close\r\n{fields}\r\n"
    ));
    assert_eq!(answer.status, 200, "{client:?} to {upstream:?}: {}", answer.text());
    answer.json()
}
