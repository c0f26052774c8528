//! Clients that leave before their answer is complete, as a reset: what is begun for them ends, it is told once, and nobody
//! else is blamed for it.

use std::collections::HashSet;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::Exchange;
use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, chat, route};

const WHOLE: &str = r#"{"model":"m"}"#;
const STREAM: &str = r#"{"model":"m","stream":true}"#;

/// A gateway with two keys and a fallback, which are not to be asked for anyone who has left.
fn gateway(runtime: Runtime, first: &Upstream, second: &Upstream) -> Gateway {
    let routes = json!([
        route(TOKEN, first, json!({"fallbacks": ["second"]})),
        route("gw-SECRET-second", second, json!({"name": "second"})),
    ]);
    Gateway::with_routes(runtime, &routes)
}

/// The only line of a request.
fn line(gateway: &Gateway, id: &str) -> Value {
    let named = format!("\"request_id\":\"{id}\"");
    gateway.wait_for_log(&named);
    let log = gateway.stdout();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(&named)).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    serde_json::from_str(lines[0]).unwrap()
}

/// What leaves `exchange`, which is `id`, behind in the log.
fn left(gateway: &Gateway, exchange: Exchange, id: &str) -> Value {
    exchange.leave();
    line(gateway, id)
}

pub(crate) fn one_that_leaves_before_its_answer_is_told_once_and_asked_for_no_further(runtime: Runtime) {
    let first = Upstream::start(|received, to| {
        if received.text().contains("half") {
            to.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"id\":");
        }
        to.hang();
    });
    let second = Upstream::answering("200 OK", JSON, "{\"choices\":[]}");
    let gateway = gateway(runtime, &first, &second);
    for (number, body) in [WHOLE, STREAM, r#"{"model":"half"}"#].into_iter().enumerate() {
        let id = format!("leaver-{number}");
        let exchange = gateway.open(chat(&format!("x-request-id: {id}\r\n"), body));
        while first.received().len() <= number {
            thread::sleep(Duration::from_millis(5));
        }
        // Until the head of an answer is there, where one comes.
        thread::sleep(Duration::from_millis(100));
        let line = left(&gateway, exchange, &id);
        assert_eq!((&line["status"], &line["attempts"]), (&json!(499), &json!(1)), "{line}");
        first.wait_for_leaver();
    }
    assert_eq!((first.received().len(), second.received().len()), (3, 0));
}

pub(crate) fn one_that_leaves_in_the_middle_of_its_body_is_told_as_one_that_left(runtime: Runtime) {
    const ASKS: [(&str, &str, usize); 3] = [
        ("/v1/chat/completions", "application/json", 1000),
        ("/v1/files", "application/octet-stream", 1000),
        // This one is sent on as it comes.
        ("/v1/files", "application/octet-stream", 100 << 20),
    ];
    let first = Upstream::reading(|mut body, to| {
        if body.read_to_end(&mut Vec::new()).is_err() {
            to.left();
        } else {
            to.answer("200 OK", JSON, "{\"choices\":[],\"id\":\"of the first\"}");
        }
    });
    let second = Upstream::answering("200 OK", JSON, "{\"choices\":[],\"id\":\"of the second\"}");
    let gateway = gateway(runtime, &first, &second);
    for (number, (path, kind, length)) in ASKS.into_iter().enumerate() {
        let id = format!("leaver-{number}");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: g\r\nx-api-key: {TOKEN}\r\nx-request-id: {id}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        let mut exchange = gateway.open(head);
        exchange.send(&vec![b'x'; length.min(900_000) / 2]).unwrap();
        if length > 1 << 20 {
            first.wait_for_request();
        }
        thread::sleep(Duration::from_millis(100));
        let line = left(&gateway, exchange, &id);
        // Natively a body that breaks may be one that a client still there has got wrong, and it is answered.
        let told = match (runtime, length) {
            (Runtime::Worker, _) => 499,
            (Runtime::Native, 1000) => 400,
            (Runtime::Native, _) => 408,
        };
        assert_eq!(line["status"], told, "{line}");
    }
    first.wait_for_leaver();
    // Nobody rests for it.
    let answer = gateway.chat(WHOLE);
    assert_eq!(answer.json()["id"], "of the first", "{}", answer.head);
    assert_eq!(second.received().len(), 0);
}

pub(crate) fn one_that_leaves_a_stream_is_told_once_with_what_was_known(runtime: Runtime) {
    let first = Upstream::start(|received, to| {
        to.head("200 OK", SSE);
        if received.text().contains("words") {
            to.send(b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word\"}}]}\n\n");
        }
        to.hang();
    });
    let gateway = Gateway::to(runtime, &first, json!({"max_attempts": 1}));
    for (id, body, awaited) in [
        ("silent", STREAM, "\r\n\r\n"),
        ("begun", r#"{"model":"words","stream":true}"#, "word"),
    ] {
        let mut exchange = gateway.open(chat(&format!("x-request-id: {id}\r\n"), body));
        exchange.wait_for(awaited);
        let line = left(&gateway, exchange, id);
        assert_eq!(
            (&line["status"], &line["partial"]),
            (&json!(200), &json!(true)),
            "{line}"
        );
        first.wait_for_leaver();
    }
}

#[test]
fn those_that_leave_take_no_memory_with_them_on_the_worker() {
    const CLIENTS: usize = 6;
    const EACH: usize = 40;
    const ALL: usize = CLIENTS * EACH;
    let arrived = Arc::new(Mutex::new(HashSet::new()));
    let noted = Arc::clone(&arrived);
    let upstream = Upstream::start(move |received, to| {
        let id = received.one("x-request-id").unwrap();
        if id.starts_with("leaver") {
            noted.lock().unwrap().insert(id.to_owned());
            to.hang();
        } else {
            to.answer("200 OK", JSON, "{\"choices\":[]}");
        }
    });
    let gateway = Gateway::to(Runtime::Worker, &upstream, json!({}));
    let body = json!({"model": "m", "user": "x".repeat(400_000)}).to_string();
    let ask = |id: &str| gateway.open(chat(&format!("x-request-id: {id}\r\n"), &body));
    let all_at_once = |each: &(dyn Fn(usize) + Sync)| {
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                scope.spawn(move || (0..EACH).for_each(|number| each(client * EACH + number)));
            }
        });
    };
    all_at_once(&|number| assert_eq!(ask(&format!("finisher-{number}")).finish().status, 200));
    let answered = gateway.resident_kilobytes();
    all_at_once(&|number| {
        let id = format!("leaver-{number}");
        let exchange = ask(&id);
        while !arrived.lock().unwrap().contains(&id) {
            thread::sleep(Duration::from_millis(5));
        }
        exchange.leave();
    });
    for number in 0..ALL {
        assert_eq!(line(&gateway, &format!("leaver-{number}"))["status"], 499);
    }
    let left = gateway.resident_kilobytes();
    eprintln!("{ALL} times 400 KB: {answered} KB after answers, {left} KB after those who left");
    assert!(left * 4 < answered * 5, "{left} KB are more than {answered} KB");
}
