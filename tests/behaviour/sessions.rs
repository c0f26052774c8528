//! Conversations that need one account: their key is chosen by what stays the same from turn to turn.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::upstream::{Connection, JSON, Received, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request};

const FIELDS: &str = "content-type: application/json\r\n";

/// The keys of three accounts.
fn three_keys() -> Value {
    json!(["up-SECRET-1", "up-SECRET-2", "up-SECRET-3"])
}

/// Returns the number of the key that a request came with.
fn key_of(received: &Received) -> char {
    let named = ["authorization", "x-api-key", "x-goog-api-key"];
    let key = named.iter().find_map(|name| received.one(name)).unwrap();
    key.chars().last().unwrap()
}

/// Returns the keys that requests with these fields and bodies meet.
fn keys(
    gateway: &Gateway,
    upstream: &Upstream,
    path: &str,
    requests: impl Iterator<Item = (String, String)>,
) -> Vec<char> {
    let before = upstream.received().len();
    for (id, (fields, body)) in requests.enumerate() {
        let fields = format!("{FIELDS}x-request-id: {id}\r\n{fields}");
        let answer = gateway.raw(request("POST", path, TOKEN, &fields, &body));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    upstream.received()[before..].iter().map(key_of).collect()
}

fn is_one(keys: &[char]) -> bool {
    keys.iter().collect::<HashSet<_>>().len() == 1
}

pub(crate) fn a_session_keeps_its_key_whatever_the_rotation(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    for rotation in ["request", "sticky"] {
        let fields = json!({"api_keys": three_keys(), "rotation": rotation});
        let gateway = Gateway::to(runtime, &upstream, fields);
        for (name, path) in [
            ("X-Claude-Code-Session-Id", "/v1/messages"),
            ("session-id", "/v1/responses"),
            ("thread-id", "/v1/responses"),
            ("conversation_id", "/v1/responses"),
            ("x-session-affinity", "/v1/chat/completions"),
            ("x-session-id", "/v1/embeddings"),
        ] {
            let turn = |session: usize, turn: usize| {
                let messages = json!([{"role": "user", "content": turn.to_string()}]);
                let body = json!({"model": "m", "store": false, "messages": messages});
                (format!("{name}: s-{session}\r\n"), body.to_string())
            };
            let same = keys(&gateway, &upstream, path, (0..6).map(|number| turn(1, number)));
            assert!(is_one(&same), "{name} {rotation}: {same:?}");
            let others = keys(&gateway, &upstream, path, (0..12).map(|number| turn(number, 0)));
            assert!(!is_one(&others), "{name} {rotation}: {others:?}");
        }
    }
}

pub(crate) fn what_a_client_says_of_its_conversation_has_an_order(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let fields = json!({"api_keys": three_keys(), "rotation": "sticky"});
    let gateway = Gateway::to(runtime, &upstream, fields);
    // One of them stays the same, those in front of it are not there, those behind it differ from request to request.
    let asked = |number: usize, fixed: usize| {
        let value = |place: usize| {
            if place == fixed {
                "same".to_owned()
            } else {
                number.to_string()
            }
        };
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": value(4)}]});
        if fixed <= 1 {
            body["prompt_cache_key"] = json!(value(1));
        }
        if fixed <= 2 {
            body["metadata"] = json!({"user_id": value(2)});
        }
        if fixed <= 3 {
            body["user"] = json!(value(3));
        }
        let fields = if fixed == 0 { "session-id: same\r\n" } else { "" };
        (fields.to_owned(), body.to_string())
    };
    for fixed in 0..5 {
        let requests = (0..8).map(|number| asked(number, fixed));
        let same = keys(&gateway, &upstream, "/v1/chat/completions", requests);
        assert!(is_one(&same), "{fixed}: {same:?}");
    }
}

/// An upstream of Responses whose reasoning can be read with the key that made it only.
fn bound_to_keys(received: &Received, to: &mut Connection) {
    let body: Value = serde_json::from_slice(&received.body).unwrap();
    let own = format!("gAAAA-of-{}", key_of(received));
    let items = body["input"].as_array().cloned().unwrap_or_default();
    let mut blobs = items.iter().filter_map(|item| item["encrypted_content"].as_str());
    if blobs.any(|blob| blob != own) {
        let message = "The encrypted content gAAA... could not be verified. Reason: Encrypted content organization_id did not match the target organization.";
        let error = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": "invalid_encrypted_content"}});
        to.answer("400 Bad Request", JSON, &error.to_string());
        return;
    }
    let answer = json!({"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": own},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "ok", "annotations": []}]},
    ]});
    to.answer("200 OK", JSON, &answer.to_string());
}

pub(crate) fn thirty_conversations_over_three_accounts_keep_their_state(runtime: Runtime) {
    let upstream = Upstream::start(bound_to_keys);
    let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": three_keys()}));
    let mut met = HashSet::new();
    for number in 0..30 {
        // Half of the clients name the session, as Codex does.
        let fields = match number % 2 {
            0 => format!("{FIELDS}session-id: {number}\r\nthread-id: {number}\r\n"),
            _ => FIELDS.to_owned(),
        };
        let said = |text: String| json!([{"type": "input_text", "text": text}]);
        let mut input = vec![
            json!({"type": "message", "role": "developer", "content": said("be short".to_owned())}),
            json!({"type": "message", "role": "user", "content": said(format!("question {number}"))}),
        ];
        for turn in 0..3 {
            let include = ["reasoning.encrypted_content"];
            let body = json!({"model": "m", "store": false, "include": include, "input": input});
            let answer = gateway.raw(request("POST", "/v1/responses", TOKEN, &fields, &body.to_string()));
            assert_eq!(answer.status, 200, "{number} {turn}: {}", answer.text());
            assert_eq!(answer.field("x-gateway-attempts"), Some("1"), "{number} {turn}");
            let answer: Value = serde_json::from_slice(&answer.body).unwrap();
            input.extend(answer["output"].as_array().unwrap().iter().cloned());
            input.push(json!({"type": "message", "role": "user", "content": format!("turn {turn}")}));
        }
        met.insert(key_of(upstream.received().last().unwrap()));
    }
    assert_eq!(met.len(), 3, "all accounts have their share");
}

pub(crate) fn a_conversation_in_another_dialect_keeps_its_key(runtime: Runtime) {
    let upstream = Upstream::start(bound_to_keys);
    let fields = json!({"api_keys": three_keys(), "dialect": "responses"});
    let gateway = Gateway::to(runtime, &upstream, fields);
    let mut met = HashSet::new();
    for number in 0..9 {
        let mut messages = vec![json!({"role": "user", "content": format!("question {number}")})];
        for turn in 0..3 {
            let thinking = json!({"type": "adaptive"});
            let body = json!({"model": "m", "max_tokens": 9000, "thinking": thinking, "messages": messages});
            let answer = gateway.post("/v1/messages", &body.to_string());
            assert_eq!(answer.status, 200, "{number} {turn}: {}", answer.text());
            assert_eq!(answer.field("x-gateway-attempts"), Some("1"), "{number} {turn}");
            let answer: Value = serde_json::from_slice(&answer.body).unwrap();
            messages.push(json!({"role": "assistant", "content": answer["content"]}));
            messages.push(json!({"role": "user", "content": format!("turn {turn}")}));
        }
        let last = upstream.received().last().unwrap().clone();
        assert!(last.text().contains("gAAAA-of-"), "{}", last.text());
        met.insert(key_of(&last));
    }
    assert!(met.len() > 1, "{met:?}");
}

pub(crate) fn what_refers_to_an_account_meets_the_key_of_its_files(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": three_keys()}));
    let form = "content-type: multipart/form-data; boundary=x\r\n";
    let file = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n1\r\n--x--\r\n";
    let answer = gateway.raw(request("POST", "/v1/files", TOKEN, form, file));
    assert_eq!(answer.status, 200);
    let of_file = key_of(&upstream.received()[0]);
    for path in ["/v1/messages", "/v1/chat/completions"] {
        let asked = |number: usize| {
            let file = json!({"type": "document", "source": {"type": "file", "file_id": "file_1"}});
            let body = json!({"model": "m", "messages": [{"role": "user", "content": [file, number]}]});
            (String::new(), body.to_string())
        };
        let met = keys(&gateway, &upstream, path, (0..6).map(asked));
        assert!(met.iter().all(|key| *key == of_file), "{path}: {met:?}");
    }
}

/// Answers as if the key with this number did not exist any more, or else as `reply` does.
fn without_key(
    dead: char,
    reply: impl Fn(&Received, &mut Connection) + Send + Sync + 'static,
) -> impl Fn(&Received, &mut Connection) + Send + Sync + 'static {
    move |received, to| {
        if key_of(received) == dead {
            to.answer(
                "401 No",
                JSON,
                r#"{"error":{"message":"revoked","code":"invalid_api_key"}}"#,
            );
        } else {
            reply(received, to);
        }
    }
}

/// An upstream whose signatures of thinking are known to the key that made them only.
fn signed_by_keys(received: &Received, to: &mut Connection) {
    let own = format!("of-{}", key_of(received));
    let body: Value = serde_json::from_slice(&received.body).unwrap();
    let blocks = |message: &Value| message["content"].as_array().cloned().unwrap_or_default();
    let blocks: Vec<Value> = body["messages"].as_array().unwrap().iter().flat_map(blocks).collect();
    if blocks
        .iter()
        .any(|block| block["type"] == "thinking" && block["signature"] != own)
    {
        let error = json!({"type": "error", "error": {"type": "invalid_request_error", "message": "messages.1.content.0: Invalid `signature` in `thinking` block"}});
        to.answer("400 Bad Request", JSON, &error.to_string());
        return;
    }
    let content = json!([{"type": "thinking", "thinking": "hm", "signature": own}, {"type": "text", "text": "ok"}]);
    let answer = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}});
    to.answer("200 OK", JSON, &answer.to_string());
}

pub(crate) fn where_the_owner_of_the_state_has_died_the_conversation_goes_on_without_it(runtime: Runtime) {
    // As Claude Code, and so that a session needs no header; to upstreams of both kinds, one of them in another dialect.
    for (dialect, reply) in [
        ("anthropic", signed_by_keys as fn(&Received, &mut Connection)),
        ("responses", bound_to_keys),
    ] {
        let alive = Upstream::start(reply);
        let fields = json!({"api_keys": three_keys(), "dialect": dialect});
        let gateway = Gateway::to(runtime, &alive, fields.clone());
        let ask = |gateway: &Gateway, messages: &[Value]| {
            let body =
                json!({"model": "m", "max_tokens": 9000, "thinking": {"type": "adaptive"}, "messages": messages});
            gateway.post("/v1/messages", &body.to_string())
        };
        let mut messages = vec![json!({"role": "user", "content": "first"})];
        let first: Value = serde_json::from_slice(&ask(&gateway, &messages).body).unwrap();
        messages.push(json!({"role": "assistant", "content": first["content"]}));
        messages.push(json!({"role": "user", "content": "second"}));
        let owner = key_of(&alive.only());
        let upstream = Upstream::start(without_key(owner, reply));
        let gateway = Gateway::to(runtime, &upstream, fields);
        for turn in 0..2 {
            let answer = ask(&gateway, &messages);
            assert_eq!(answer.status, 200, "{dialect} {turn}: {}", answer.text());
            // The owner, the two others, and one of these without the state.
            assert_eq!(answer.field("x-gateway-attempts"), Some("4"), "{dialect} {turn}");
            assert_eq!(answer.field("x-gateway-dropped"), Some("state"), "{dialect} {turn}");
            let last = upstream.received().last().unwrap().clone();
            assert!(
                !last.text().contains("of-") && last.text().contains("second"),
                "{}",
                last.text()
            );
        }
        // Nobody rests for it except the key that is revoked.
        gateway.wait_for_log("the state in the request is another account's");
        let log = gateway.stdout();
        assert!(!log.contains("rests 20"), "{log}");
    }
}

pub(crate) fn a_response_is_looked_for_with_the_other_keys(runtime: Runtime) {
    // The first key had no quota for a while, so that another one answered, and keeps the answer.
    let upstream = Upstream::start(|received, to| {
        if key_of(received) == '3' {
            to.answer(
                "200 OK",
                JSON,
                r#"{"id":"resp_2","object":"response","status":"completed","output":[]}"#,
            );
        } else {
            let error = json!({"error": {"message": "Previous response with id 'resp_1' not found.", "type": "invalid_request_error", "param": "previous_response_id", "code": "previous_response_not_found"}});
            to.answer("400 Bad Request", JSON, &error.to_string());
        }
    });
    let body = r#"{"model":"m","previous_response_id":"resp_1","input":"more"}"#;
    let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": three_keys()}));
    let answer = gateway.post("/v1/responses", body);
    assert_eq!((answer.status, answer.field("x-gateway-dropped")), (200, None));
    // Where nobody has it, the client hears so: a conversation without its beginning is another one.
    let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": ["up-SECRET-1", "up-SECRET-2"]}));
    let answer = gateway.post("/v1/responses", body);
    assert_eq!(answer.error(), (400, "previous_response_not_found".into()));
    assert_eq!(answer.field("x-gateway-attempts"), Some("2"));
}
