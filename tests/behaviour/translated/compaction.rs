//! Compaction: a conversation becomes a summary that only the gateway can read, in front of whatever upstream.

use serde_json::{Value, json};

use super::dialect::{DIALECTS, Dialect, events};
use super::upstream;
use super::{to_one, token};
use crate::support::client::Answer;
use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN};

/// What every upstream answers here, so what stands in a summary.
const SUMMARY: &str = "Hello, world!";

/// The words that ask for one.
const ASKED: &str = "Write that summary now";

fn summing_up(dialect: Dialect) -> Upstream {
    let answer = upstream::whole(dialect, "s01_text").unwrap();
    upstream::answering(dialect, move |_, to| to.answer("200 OK", JSON, &answer))
}

/// What Codex sends when its window is full.
fn conversation() -> Vec<Value> {
    vec![
        json!({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "be short"}]}),
        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "look at a.rs"}]}),
        json!({"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}),
        json!({"type": "function_call_output", "call_id": "c1", "output": "fn main() {}"}),
    ]
}

fn body(input: &[Value], is_stream: bool) -> Value {
    let tool = json!({"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}, "strict": false});
    json!({"model": "m", "store": false, "stream": is_stream, "include": ["reasoning.encrypted_content"], "tools": [tool], "input": input})
}

fn ask(gateway: &Gateway, token: &str, path: &str, body: &Value) -> Answer {
    gateway.raw(Dialect::Responses.request(path, token, body))
}

/// Returns the only compaction item of an answer's output.
fn item(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let output = if text.starts_with("event:") {
        let events = events(&text);
        let (name, last) = events.last().unwrap();
        assert_eq!(name, "response.completed");
        let done: Vec<_> = events
            .iter()
            .filter(|(name, _)| name == "response.output_item.done")
            .collect();
        assert_eq!(done.len(), 1, "{text}");
        let last: Value = serde_json::from_str(last).unwrap();
        last["response"]["output"].clone()
    } else {
        answer.json()["output"].clone()
    };
    let items = output.as_array().unwrap();
    let (last, before) = items.split_last().unwrap();
    assert!(
        before
            .iter()
            .all(|item| item["type"] == "message" && item["role"] == "user"),
        "{text}"
    );
    assert_eq!(last["type"], "compaction", "{text}");
    assert!(!text.contains(SUMMARY), "it is sealed: {text}");
    last.clone()
}

pub(crate) fn a_conversation_is_compacted_in_front_of_every_upstream(runtime: Runtime) {
    for dialect in DIALECTS {
        let upstream = summing_up(dialect);
        let gateway = to_one(runtime, dialect, &upstream, &json!({}));
        // A replica, or the same one after a restart.
        let other = to_one(runtime, dialect, &upstream, &json!({}));
        let token = token(dialect);
        for form in ["whole", "stream", "compact"] {
            let mut input = conversation();
            let answer = match form {
                "compact" => ask(
                    &gateway,
                    &token,
                    "/v1/responses/compact",
                    &json!({"model": "m", "input": input}),
                ),
                // An upstream that knows the trigger gets it.
                _ if dialect == Dialect::Responses => continue,
                _ => {
                    input.push(json!({"type": "compaction_trigger"}));
                    ask(&gateway, &token, "/v1/responses", &body(&input, form == "stream"))
                }
            };
            let name = format!("{dialect:?} {form}");
            let item = item(&answer);
            let asked = upstream.received().last().unwrap().text();
            assert!(
                asked.contains(ASKED) && asked.contains("look at a.rs") && asked.contains("fn main"),
                "{name}: {asked}"
            );
            let question = json!({"type": "message", "role": "user", "content": "and now?"});
            let answer = ask(&other, &token, "/v1/responses", &body(&[item, question], false));
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
            let asked = upstream.received().last().unwrap().text();
            let has = |text: &str| asked.contains(text);
            assert!(has(SUMMARY) && has("and now?"), "{name}: {asked}");
            assert!(!has(ASKED) && !has("sealed") && !has("compaction"), "{name}: {asked}");
        }
    }
}

/// Returns a sealed summary of a client with this token.
fn sealed(gateway: &Gateway, token: &str) -> Value {
    let mut input = conversation();
    input.push(json!({"type": "compaction_trigger"}));
    item(&ask(gateway, token, "/v1/responses", &body(&input, false)))
}

pub(crate) fn a_summary_is_opened_by_its_owner_only(runtime: Runtime) {
    let upstream = summing_up(Dialect::OpenAi);
    let route = |token: &str, name: &str| {
        let fields = json!({"name": name});
        upstream::route(token, Dialect::OpenAi, &upstream, &fields)
    };
    let gateway = Gateway::with_routes(runtime, &json!([route(TOKEN, "a"), route("gw-SECRET-other", "b")]));
    let item = sealed(&gateway, TOKEN);
    let mut changed = item.clone();
    let text = item["encrypted_content"].as_str().unwrap();
    let last = if text.ends_with('A') { "B" } else { "A" };
    changed["encrypted_content"] = format!("{}{last}{}", &text[..60], &text[61..]).into();
    let foreign = json!({"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAAABforeign"});
    for (token, item, status) in [
        (TOKEN, &item, 200),
        ("gw-SECRET-other", &item, 400),
        (TOKEN, &changed, 400),
        (TOKEN, &foreign, 400),
    ] {
        let input = [json!({"role": "user", "content": "hi"}), item.clone()];
        let answer = ask(&gateway, token, "/v1/responses", &body(&input, false));
        assert_eq!(answer.status, status, "{}", answer.text());
        if status == 400 {
            assert_eq!(answer.error(), (400, "invalid_encrypted_content".into()));
            assert_eq!(answer.json()["error"]["param"], "input[1].encrypted_content");
        }
    }
}

pub(crate) fn a_state_secret_opens_summaries_of_all_tokens_and_so_does_an_old_one(runtime: Runtime) {
    let upstream = summing_up(Dialect::Anthropic);
    let gateway = |token: &str, secret: &str| {
        let routes = json!([upstream::route(token, Dialect::Anthropic, &upstream, &json!({}))]).to_string();
        Gateway::start(runtime, &[("GATEWAY_ROUTES", &routes), ("STATE_SECRET", secret)])
    };
    let (first, second) = ("SECRET-of-the-state-1", "SECRET-of-the-state-2");
    let item = sealed(&gateway(TOKEN, first), TOKEN);
    for (secret, status) in [
        (first.to_owned(), 200),
        (format!("{second}, {first}"), 200),
        (second.to_owned(), 400),
    ] {
        let answer = ask(
            &gateway("gw-SECRET-new", &secret),
            "gw-SECRET-new",
            "/v1/responses",
            &body(&[item.clone(), json!({"role": "user", "content": "hi"})], false),
        );
        assert_eq!(answer.status, status, "{secret}: {}", answer.text());
    }
}

pub(crate) fn an_upstream_that_compacts_by_itself_is_let_do_so(runtime: Runtime) {
    let compaction = json!({"type": "compaction", "id": "cmp_9", "encrypted_content": "gAAAAABtheirs"});
    let whole =
        json!({"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [compaction]});
    let window =
        json!({"id": "resp_1", "object": "response.compaction", "created_at": 1, "output": [compaction], "usage": {}});
    let streamed = streamed(&whole);
    let (answers, compacted, stream) = (whole.to_string(), window.to_string(), streamed.clone());
    let upstream = Upstream::start(move |received, to| {
        if received.line().contains("/compact ") {
            to.answer("200 OK", JSON, &compacted);
        } else if received.text().contains("\"stream\":true") {
            to.answer("200 OK", SSE, &stream);
        } else {
            to.answer("200 OK", JSON, &answers);
        }
    });
    let gateway = to_one(runtime, Dialect::Responses, &upstream, &json!({}));
    let token = token(Dialect::Responses);
    let mut input = conversation();
    input.push(compaction);
    input.push(json!({"type": "compaction_trigger"}));
    for path in ["/v1/responses", "/v1/responses/compact"] {
        let sent = body(&input, false);
        let answer = ask(&gateway, &token, path, &sent);
        assert_eq!(item(&answer)["encrypted_content"], "gAAAAABtheirs");
        let received: Value = serde_json::from_str(&upstream.received().last().unwrap().text()).unwrap();
        assert_eq!(received, sent, "{path}");
    }
    let answer = ask(&gateway, &token, "/v1/responses", &body(&input, true));
    assert_eq!(
        (answer.text(), answer.field("x-gateway-attempts")),
        (streamed, Some("1"))
    );
    assert_eq!(upstream.received().len(), 3);
}

/// Returns a response as a stream that consists of its first item and its end.
fn streamed(response: &Value) -> String {
    [
        json!({"type": "response.created", "response": {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": response["output"][0]}),
        json!({"type": "response.completed", "response": response}),
    ]
    .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
    .concat()
}

pub(crate) fn an_upstream_that_knows_no_trigger_is_asked_in_words(runtime: Runtime) {
    for refuses in [true, false] {
        let part = json!({"type": "output_text", "text": SUMMARY, "annotations": []});
        let message =
            json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]});
        let whole =
            json!({"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [message]});
        let upstream = Upstream::start(move |received, to| {
            let body: Value = serde_json::from_str(&received.text()).unwrap();
            let has_trigger = body["input"]
                .as_array()
                .is_some_and(|items| items.iter().any(|item| item["type"] == "compaction_trigger"));
            if has_trigger && refuses {
                let error = json!({"message": "Invalid value: 'compaction_trigger'", "type": "invalid_request_error"});
                to.answer("400 Bad Request", JSON, &json!({"error": error}).to_string());
            } else if body["stream"] == true {
                to.answer("200 OK", SSE, &streamed(&whole));
            } else {
                to.answer("200 OK", JSON, &whole.to_string());
            }
        });
        for is_stream in [true, false] {
            let gateway = to_one(runtime, Dialect::Responses, &upstream, &json!({}));
            let token = token(Dialect::Responses);
            let mut input = conversation();
            input.push(json!({"type": "compaction_trigger"}));
            // It is found out once.
            for attempts in ["2", "1"] {
                let answer = ask(&gateway, &token, "/v1/responses", &body(&input, is_stream));
                assert_eq!(
                    answer.field("x-gateway-attempts"),
                    Some(attempts),
                    "{refuses} {is_stream}"
                );
                let item = item(&answer);
                let asked = upstream.received().last().unwrap().text();
                assert!(
                    asked.contains(ASKED) && !asked.contains("compaction_trigger"),
                    "{asked}"
                );
                let question = json!({"type": "message", "role": "user", "content": "and now?"});
                ask(&gateway, &token, "/v1/responses", &body(&[item, question], false));
                assert!(upstream.received().last().unwrap().text().contains(SUMMARY));
            }
        }
    }
}

pub(crate) fn what_is_wrong_with_a_request_for_a_summary_reaches_its_client(runtime: Runtime) {
    let error = r#"{"error":{"message":"no such model","type":"invalid_request_error","code":"model_not_found","param":"model"}}"#;
    let upstream = Upstream::answering("400 Bad Request", JSON, error);
    let gateway = to_one(runtime, Dialect::Responses, &upstream, &json!({}));
    let input = [
        json!({"role": "user", "content": "hi"}),
        json!({"type": "compaction_trigger"}),
    ];
    let answer = ask(
        &gateway,
        &token(Dialect::Responses),
        "/v1/responses",
        &body(&input, true),
    );
    assert_eq!(answer.error(), (400, "model_not_found".into()));
}
