//! WebSockets about responses that the gateway answers itself: the upstream has none, or what is said over them has to be read.

use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::Message;

use crate::support::upstream::{Connection, JSON, Received, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request, route};
use crate::translated::dialect::{DIALECTS, Dialect};
use crate::translated::{token, upstream};
use crate::websockets::{self, WebSocket, echo, open, opened};

const RESPONSES: &str = "/v1/responses";

/// Asks for a response.
fn create(socket: &mut WebSocket, fields: &Value) {
    let mut message = json!({"type": "response.create", "store": false});
    for (name, value) in fields.as_object().unwrap() {
        message[name] = value.clone();
    }
    socket.send(Message::text(message.to_string())).unwrap();
}

fn next(socket: &mut WebSocket) -> Value {
    loop {
        match socket.read().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The last message of an answer.
fn last(socket: &mut WebSocket) -> Value {
    loop {
        let message = next(socket);
        let kind = message["type"].as_str().unwrap();
        if matches!(
            kind,
            "error" | "response.completed" | "response.failed" | "response.incomplete"
        ) {
            return message;
        }
    }
}

fn said(completed: &Value) -> &str {
    let items = completed["response"]["output"].as_array().unwrap();
    let message = items.iter().find(|item| item["type"] == "message").unwrap();
    message["content"][0]["text"].as_str().unwrap()
}

fn code(message: &Value) -> (&Value, &str) {
    assert_eq!(message["type"], "error", "{message}");
    (
        &message["status"],
        message["error"]["code"].as_str().unwrap_or_default(),
    )
}

/// An upstream that has Responses, and no WebSocket.
fn responding(reply: impl Fn(&Received, &mut Connection) + Send + Sync + 'static) -> Upstream {
    Upstream::start(move |received, to| {
        if received.line().starts_with("GET") {
            to.answer("405 Method Not Allowed", JSON, r#"{"error":{"message":"no"}}"#);
        } else {
            reply(received, to);
        }
    })
}

fn stream(id: &str) -> String {
    let item = json!({"type": "message", "id": format!("msg_{id}"), "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "yes", "annotations": []}]});
    let response =
        |status: &str, output: Value| json!({"id": id, "object": "response", "status": status, "output": output});
    [
        json!({"type": "response.created", "response": response("in_progress", json!([]))}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": item}),
        json!({"type": "response.output_text.delta", "output_index": 0, "delta": "yes"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": response("completed", json!([item]))}),
    ]
    .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
    .concat()
}

/// Bodies of the requests that an upstream got behind the handshake.
fn bodies(upstream: &Upstream) -> Vec<Value> {
    let received = upstream
        .received()
        .into_iter()
        .filter(|received| !received.body.is_empty());
    received
        .map(|received| serde_json::from_str(&received.text()).unwrap())
        .collect()
}

pub(crate) fn a_message_is_answered_by_an_upstream_of_any_dialect(runtime: Runtime) {
    let upstreams = DIALECTS.map(upstream::start);
    let fields = json!({"aliases": {"fast": "s01_text", "careful": "loop"}});
    let routes = DIALECTS.iter().zip(&upstreams);
    let routes = routes.map(|(dialect, upstream)| upstream::route(&token(*dialect), *dialect, upstream, &fields));
    let gateway = Gateway::with_routes(runtime, &json!(routes.collect::<Vec<_>>()));
    for dialect in DIALECTS {
        let bearer = format!("Bearer {}", token(dialect));
        let mut socket = open(&gateway, RESPONSES, &[("authorization", &bearer)]).unwrap().0;
        create(&mut socket, &json!({"model": "fast", "input": "hi"}));
        assert_eq!(next(&mut socket)["type"], "response.created", "{dialect:?}");
        let completed = last(&mut socket);
        assert_eq!(completed["type"], "response.completed", "{dialect:?} {completed}");
        assert!(!said(&completed).is_empty(), "{completed}");
        let next = json!({"model": "fast", "input": "more", "previous_response_id": completed["response"]["id"]});
        create(&mut socket, &next);
        assert_eq!(last(&mut socket)["type"], "response.completed", "{dialect:?}");
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
    }
    for (dialect, upstream) in DIALECTS.into_iter().zip(&upstreams) {
        let bodies = bodies(upstream);
        let sent = bodies.last().unwrap().to_string();
        let roles = sent.matches("\"role\":\"user\"").count();
        assert!(
            roles == 2 && sent.contains("more") && sent.contains("hi"),
            "{dialect:?} {sent}"
        );
        assert!(
            !sent.contains("previous_response_id") && !sent.contains("response.create"),
            "{sent}"
        );
        for received in upstream.received() {
            assert!(!received.head.contains(&token(dialect)), "{}", received.head);
        }
    }
    gateway.wait_for_log("\"endpoint\":\"websocket\",\"route\":\"to-gemini\"");
    assert_eq!(
        gateway.log().matches("\"endpoint\":\"responses\"").count(),
        8,
        "{}",
        gateway.log()
    );
}

pub(crate) fn a_warm_up_asks_nobody_and_the_next_message_goes_on_from_it(runtime: Runtime) {
    let upstream = responding(|_, to| to.answer("200 OK", SSE, &stream("resp_1")));
    let gateway = Gateway::to(runtime, &upstream, json!({"default_model": "usual"}));
    let mut socket = opened(&gateway, RESPONSES);
    create(
        &mut socket,
        &json!({"generate": false, "input": "be nice", "instructions": "x"}),
    );
    let created = next(&mut socket);
    let completed = next(&mut socket);
    assert_eq!(
        (&created["type"], &completed["type"]),
        (&json!("response.created"), &json!("response.completed"))
    );
    let response = &completed["response"];
    assert_eq!(
        (&response["output"], &response["model"], &response["status"]),
        (&json!([]), &json!("usual"), &json!("completed"))
    );
    assert!(response["id"].as_str().unwrap().starts_with("resp_"), "{response}");
    assert!(bodies(&upstream).is_empty());
    create(
        &mut socket,
        &json!({"previous_response_id": response["id"], "input": [{"role": "user", "content": "hi"}]}),
    );
    assert_eq!(last(&mut socket)["response"]["id"], "resp_1");
    create(
        &mut socket,
        &json!({"previous_response_id": "resp_1", "input": [{"role": "user", "content": "more"}]}),
    );
    assert_eq!(last(&mut socket)["response"]["id"], "resp_1");
    let bodies = bodies(&upstream);
    let user = |text: &str| json!({"role": "user", "content": text});
    let warm = json!({"type": "message", "role": "user", "content": "be nice"});
    assert_eq!(
        bodies[0],
        json!({"model": "usual", "stream": true, "store": false, "input": [warm, user("hi")]})
    );
    let input = bodies[1]["input"].as_array().unwrap();
    assert_eq!(
        (input.len(), &input[0], &input[2]["id"], &input[3]),
        (4, &warm, &json!("msg_resp_1"), &user("more"))
    );
}

pub(crate) fn what_a_token_may_use_holds_in_every_message(runtime: Runtime) {
    let upstream = responding(|_, to| to.answer("200 OK", SSE, &stream("resp_1")));
    let fields = json!({"models": ["small", "real/*"], "aliases": {"small": "real/small"}, "default_model": "small"});
    let gateway = Gateway::to(runtime, &upstream, fields);
    let mut socket = opened(&gateway, RESPONSES);
    for more in [json!({}), json!({"generate": false})] {
        let mut asked = json!({"model": "large", "input": "hi"});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        create(&mut socket, &asked);
        assert_eq!(code(&next(&mut socket)), (&json!(404), "model_not_found"));
    }
    assert!(upstream.received().is_empty());
    create(&mut socket, &json!({"model": "small", "input": "hi"}));
    assert_eq!(last(&mut socket)["type"], "response.completed");
    create(&mut socket, &json!({"input": "hi"}));
    assert_eq!(last(&mut socket)["type"], "response.completed");
    let models: Vec<Value> = bodies(&upstream).iter().map(|body| body["model"].clone()).collect();
    assert_eq!(models, ["real/small", "real/small"]);
}

pub(crate) fn an_upstream_that_has_a_websocket_and_none_is_asked_once(runtime: Runtime) {
    let with = websockets::upstream(echo);
    let without = responding(|_, to| to.answer("200 OK", SSE, &stream("resp_1")));
    let other = "gw-SECRET-without";
    let routes = json!([
        route(TOKEN, &with, json!({})),
        route(other, &without, json!({"name": "without"}))
    ]);
    let gateway = Gateway::with_routes(runtime, &routes);
    let mut socket = opened(&gateway, RESPONSES);
    // It passes as it is.
    let message = "{\"type\": \"response.create\",\n\"model\":\"m\" }";
    socket.send(Message::text(message)).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text(message));
    for _ in 0..3 {
        let bearer = format!("Bearer {other}");
        let mut socket = open(&gateway, RESPONSES, &[("authorization", &bearer)]).unwrap().0;
        create(&mut socket, &json!({"model": "m", "input": "hi"}));
        assert_eq!(last(&mut socket)["type"], "response.completed");
    }
    let handshakes = without
        .received()
        .iter()
        .filter(|received| received.line().starts_with("GET"))
        .count();
    assert_eq!(handshakes, 1);
}

pub(crate) fn an_error_is_a_message_and_the_connection_goes_on(runtime: Runtime) {
    let upstream = responding(|received, to| match received.text() {
        body if body.contains("\"slow\"") => {
            to.answer(
                "429 Slow",
                JSON,
                r#"{"error":{"message":"try again in 1.5s","code":"rate_limit_exceeded","type":"x"}}"#,
            );
        }
        body if body.contains("\"cut\"") => {
            to.head("200 OK", SSE);
            to.send(
                stream("resp_1")
                    .split_once("event: response.output_item.done")
                    .unwrap()
                    .0
                    .as_bytes(),
            );
        }
        body if body.contains("\"lost\"") => {
            to.answer(
                "400 No",
                JSON,
                r#"{"error":{"message":"no","code":"previous_response_not_found","param":"previous_response_id"}}"#,
            );
        }
        _ => to.answer("200 OK", SSE, &stream("resp_1")),
    });
    let gateway = Gateway::to(runtime, &upstream, json!({"verify_end": true, "aliases": {"a": "b"}}));
    let mut socket = opened(&gateway, RESPONSES);
    create(&mut socket, &json!({"model": "slow", "input": "hi"}));
    // Codex waits and asks again where a response fails so; at an error of this status it gives up.
    let slow = next(&mut socket);
    assert_eq!(slow["type"], "response.failed", "{slow}");
    let error = json!({"code": "rate_limit_exceeded", "message": "try again in 1.5s"});
    assert_eq!(slow["response"]["error"], error);
    create(&mut socket, &json!({"model": "cut", "input": "hi"}));
    assert_eq!(code(&last(&mut socket)), (&json!(502), "upstream_stream_truncated"));
    create(
        &mut socket,
        &json!({"model": "lost", "input": "hi", "previous_response_id": "resp_0"}),
    );
    assert_eq!(code(&last(&mut socket)), (&json!(400), "previous_response_not_found"));
    socket.send(Message::text("not JSON")).unwrap();
    assert_eq!(code(&last(&mut socket)), (&json!(400), "invalid_json"));
    socket.send(Message::text(r#"{"type":"response.steer"}"#)).unwrap();
    assert_eq!(code(&last(&mut socket)), (&json!(400), "invalid_body"));
    socket.send(Message::binary(vec![1, 2, 3])).unwrap();
    assert_eq!(code(&last(&mut socket)), (&json!(400), "invalid_body"));
    socket.send(Message::Ping("there?".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("there?".into()));
    create(&mut socket, &json!({"model": "m", "input": "hi"}));
    assert_eq!(last(&mut socket)["type"], "response.completed");
}

pub(crate) fn an_unknown_response_is_one_that_is_not_found_where_nothing_is_stored(runtime: Runtime) {
    let upstream = upstream::start(Dialect::Anthropic);
    let fields = upstream::route(TOKEN, Dialect::Anthropic, &upstream, &json!({}));
    let gateway = Gateway::with_routes(runtime, &json!([fields]));
    let mut socket = opened(&gateway, RESPONSES);
    create(
        &mut socket,
        &json!({"model": "s01_text", "input": "hi", "previous_response_id": "resp_other"}),
    );
    assert_eq!(code(&next(&mut socket)), (&json!(400), "previous_response_not_found"));
    create(&mut socket, &json!({"model": "s01_text", "input": "hi"}));
    assert_eq!(last(&mut socket)["type"], "response.completed");
}

pub(crate) fn messages_that_come_at_once_are_answered_one_after_the_other(runtime: Runtime) {
    let upstream = responding(|received, to| {
        let body: Value = serde_json::from_str(&received.text()).unwrap();
        to.answer("200 OK", SSE, &stream(body["input"].as_str().unwrap()));
    });
    let gateway = Gateway::to(runtime, &upstream, json!({"aliases": {"a": "b"}}));
    let mut socket = opened(&gateway, RESPONSES);
    for number in 0..20 {
        create(&mut socket, &json!({"model": "m", "input": format!("resp_{number}")}));
    }
    for number in 0..20 {
        assert_eq!(next(&mut socket)["type"], "response.created");
        let completed = last(&mut socket);
        assert_eq!(completed["response"]["id"], format!("resp_{number}"), "{completed}");
    }
    assert_eq!(bodies(&upstream).len(), 20);
}

pub(crate) fn a_message_is_as_long_as_a_body_and_no_longer(runtime: Runtime) {
    let upstream = responding(|_, to| to.answer("200 OK", SSE, &stream("resp_1")));
    let routes = json!([route(TOKEN, &upstream, json!({"aliases": {"a": "b"}}))]).to_string();
    let gateway = Gateway::start(runtime, &[("GATEWAY_ROUTES", &routes), ("BODY_LIMIT", "300000")]);
    let mut socket = opened(&gateway, RESPONSES);
    let long = "长 ".repeat(70_000);
    create(&mut socket, &json!({"model": "m", "input": long}));
    assert_eq!(last(&mut socket)["type"], "response.completed");
    assert_eq!(bodies(&upstream)[0]["input"], long);
    let _ = socket.send(Message::text("x".repeat(300_001)));
    let Ok(Message::Close(Some(reason))) = socket.read() else {
        panic!("no reason")
    };
    assert_eq!(u16::from(reason.code), 1009);
}

pub(crate) fn a_client_that_leaves_ends_the_request_upstream(runtime: Runtime) {
    let upstream = responding(|_, to| {
        to.head("200 OK", SSE);
        let stream = stream("resp_1");
        to.send(
            stream
                .split_once("event: response.output_item.done")
                .unwrap()
                .0
                .as_bytes(),
        );
        to.hang();
    });
    let gateway = Gateway::to(runtime, &upstream, json!({"aliases": {"a": "b"}}));
    for closes in [false, true] {
        let mut socket = opened(&gateway, RESPONSES);
        create(&mut socket, &json!({"model": "m", "input": "hi"}));
        assert_eq!(next(&mut socket)["type"], "response.created");
        if closes {
            socket.close(None).unwrap();
            while socket.read().is_ok() {}
        }
        drop(socket);
        upstream.wait_for_leavers(1 + usize::from(closes));
    }
    gateway.wait_for_log("\"endpoint\":\"websocket\"");
    gateway.wait_for_log("\"partial\":true");
}

pub(crate) fn a_browser_gets_one_of_its_subprotocols(runtime: Runtime) {
    let upstream = responding(|_, to| to.answer("200 OK", SSE, &stream("resp_1")));
    let gateway = Gateway::to(runtime, &upstream, json!({"aliases": {"a": "b"}}));
    let offered = format!("openai-insecure-api-key.{TOKEN}, responses, openai-beta.x");
    let (mut socket, response) = open(&gateway, RESPONSES, &[("sec-websocket-protocol", &offered)]).unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "responses");
    assert!(response.headers().contains_key("x-request-id"));
    create(&mut socket, &json!({"model": "a", "input": "hi"}));
    assert_eq!(last(&mut socket)["type"], "response.completed");
    let received = upstream.only();
    assert!(
        !received.head.contains(TOKEN) && !received.head.contains("websocket"),
        "{}",
        received.head
    );
}

#[test]
fn a_drain_lets_an_answer_finish_and_then_closes() {
    let upstream = responding(|_, to| {
        to.head("200 OK", SSE);
        let stream = stream("resp_1");
        let (begin, end) = stream.split_at(stream.find("event: response.output_item.done").unwrap());
        to.send(begin.as_bytes());
        std::thread::sleep(Duration::from_millis(500));
        to.send(end.as_bytes());
    });
    let mut gateway = Gateway::to(Runtime::Native, &upstream, json!({"aliases": {"a": "b"}}));
    let mut socket = opened(&gateway, RESPONSES);
    create(&mut socket, &json!({"model": "m", "input": "hi"}));
    assert_eq!(next(&mut socket)["type"], "response.created");
    gateway.terminate();
    gateway.wait_for_log("stopping");
    assert_eq!(last(&mut socket)["type"], "response.completed");
    let Ok(Message::Close(Some(reason))) = socket.read() else {
        panic!("no reason")
    };
    assert_eq!(u16::from(reason.code), 1001);
    while socket.read().is_ok() {}
    assert_eq!(gateway.exit_code(), Some(0));
}

#[test]
fn an_open_websocket_takes_no_place_while_nothing_is_asked() {
    let upstream = responding(|_, to| to.answer("200 OK", SSE, &stream("resp_1")));
    let routes = json!([route(TOKEN, &upstream, json!({"aliases": {"a": "b"}}))]).to_string();
    let gateway = Gateway::start(Runtime::Native, &[("GATEWAY_ROUTES", &routes), ("MAX_CONCURRENT", "1")]);
    let (mut one, mut other) = (opened(&gateway, RESPONSES), opened(&gateway, RESPONSES));
    for socket in [&mut one, &mut other] {
        create(socket, &json!({"model": "m", "input": "hi"}));
        assert_eq!(last(socket)["type"], "response.completed");
    }
    assert_eq!(gateway.raw(request("GET", "/health", "", "", "")).status, 200);
}

#[test]
fn each_message_counts_for_the_limits_of_its_token() {
    let upstream = responding(|_, to| to.answer("200 OK", SSE, &stream("resp_1")));
    let limits = json!({"limits": {"requests_per_minute": 2}});
    let gateway = Gateway::to(Runtime::Native, &upstream, limits);
    let mut socket = opened(&gateway, RESPONSES);
    let mut ask = || {
        create(&mut socket, &json!({"model": "m", "input": "hi"}));
        last(&mut socket)
    };
    assert_eq!(ask()["type"], "response.completed");
    assert_eq!(ask()["type"], "response.completed");
    // Codex waits at this message, and would give up at an error of status 429.
    let refused = ask();
    assert_eq!(
        (&refused["type"], &refused["response"]["error"]["code"]),
        (&json!("response.failed"), &json!("rate_limit_exceeded")),
        "{refused}"
    );
    assert_eq!(upstream.received().len(), 2);
}
