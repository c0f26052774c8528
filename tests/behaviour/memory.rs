//! The memory of the binary for bodies that are held whole: who waits for it, who is refused, and that it suffices.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::http2::{self, Client};
use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, chat, request, route};

const SMALL: &str = r#"{"model":"small"}"#;
const MIB: usize = 1 << 20;

fn body(model: &str, length: usize) -> String {
    json!({"model": model, "messages": [{"role": "user", "content": "x".repeat(length)}]}).to_string()
}

/// An upstream that keeps requests for the model `slow` waiting until it is told to answer them.
fn upstream() -> (Upstream, Sender<()>) {
    let (end, ended): (Sender<()>, Receiver<()>) = channel();
    let ended = Mutex::new(ended);
    let upstream = Upstream::start(move |received, to| {
        if received.text().starts_with(r#"{"model":"slow","#) {
            let _ = ended.lock().unwrap().recv_timeout(Duration::from_secs(60));
        }
        to.answer("200 OK", JSON, "{\"fine\":1}");
    });
    (upstream, end)
}

fn gateway(upstream: &Upstream, memory: &str) -> Gateway {
    let routes = json!([route(TOKEN, upstream, json!({}))]).to_string();
    let variables = [
        ("GATEWAY_ROUTES", &*routes),
        ("BODY_MEMORY", memory),
        // As the image has it.
        ("MALLOC_MMAP_THRESHOLD_", "1048576"),
    ];
    Gateway::start(Runtime::Native, &variables)
}

/// The same in one chunk, whose length only it says.
fn chunked(request: &str) -> String {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let head = head.replace(&format!("content-length: {}", body.len()), "transfer-encoding: chunked");
    format!("{head}\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

#[test]
fn a_body_that_does_not_fit_waits_and_is_refused_after_a_while() {
    let (upstream, end) = upstream();
    let gateway = gateway(&upstream, "4MiB");
    let held = gateway.open(chat("", &body("slow", 3 * MIB)));
    upstream.wait_for_request();
    let upload = |kind| request("POST", "/v1/files", TOKEN, kind, &"x".repeat(2 * MIB));
    for request in [
        chat("", &body("m", 2 * MIB)),
        chunked(&chat("", &body("m", 2 * MIB))),
        // It is kept so that it can be sent again.
        upload("content-type: application/octet-stream\r\n"),
        chunked(&upload("")),
    ] {
        let refused = gateway.raw(&request);
        assert_eq!(refused.error(), (503, "overloaded".into()), "{}", &request[..200]);
        assert_eq!(refused.field("retry-after"), Some("1"));
    }
    let mut client = Client::of(&gateway);
    let answer = client.ask(http2::chat(&body("m", 2 * MIB))).unwrap();
    assert_eq!(client.error(answer), (503, "overloaded".into()));
    // Small ones are not in question.
    assert_eq!(gateway.chat(SMALL).status, 200);
    end.send(()).unwrap();
    assert_eq!(held.finish().status, 200);
    // It is given back as soon as it is not needed, again and again.
    for _ in 0..4 {
        assert_eq!(gateway.chat(&body("m", 3 * MIB)).status, 200);
        assert_eq!(gateway.raw(chunked(&chat("", &body("m", MIB)))).status, 200);
    }
}

#[test]
fn a_client_that_waits_to_send_its_body_is_refused_before_it_does() {
    let (upstream, end) = upstream();
    let gateway = gateway(&upstream, "4MiB");
    let held = gateway.open(chat("", &body("slow", 3 * MIB)));
    upstream.wait_for_request();
    let whole = chat("expect: 100-continue\r\n", &body("m", 2 * MIB));
    let (head, _) = whole.split_once("\r\n\r\n").unwrap();
    let refused = gateway.raw(format!("{head}\r\n\r\n"));
    assert_eq!(refused.error(), (503, "overloaded".into()));
    end.send(()).unwrap();
    assert_eq!(held.finish().status, 200);
}

#[test]
fn a_body_is_served_that_fits_when_another_one_has_gone() {
    let (upstream, end) = upstream();
    let gateway = gateway(&upstream, "4MiB");
    let was_served = || {
        let before = upstream.received().len();
        let held = gateway.open(chat("", &body("slow", 3 * MIB)));
        while upstream.received().len() == before {
            thread::sleep(Duration::from_millis(10));
        }
        let waits = gateway.open(chat("", &body("m", 3 * MIB)));
        // It comes meanwhile, and is not read.
        thread::sleep(Duration::from_millis(200));
        let waited = upstream.received().len() == before + 1;
        end.send(()).unwrap();
        assert_eq!(held.finish().status, 200);
        waits.finish().status == 200 && waited
    };
    // A machine that stands still for seconds has it refused.
    assert!((0..3).any(|_| was_served()));
}

#[test]
fn a_body_that_never_fits_is_refused_at_once_and_told_at_start() {
    let (upstream, _end) = upstream();
    let gateway = gateway(&upstream, "2MiB");
    gateway.wait_for_log("request bodies may have 2097152 bytes at most");
    for request in [chat("", &body("m", 2 * MIB)), chunked(&chat("", &body("m", 2 * MIB)))] {
        let refused = gateway.raw(request);
        assert_eq!(refused.error(), (413, "request_too_large".into()));
        assert!(refused.text().contains("2097152 bytes"), "{}", refused.text());
    }
    // What is not kept may be as long as it likes, and its memory does not count.
    for kind in ["content-type: application/octet-stream\r\n", ""] {
        let upload = request("POST", "/v1/files", TOKEN, kind, &"x".repeat(9 * MIB));
        assert_eq!(gateway.raw(&upload).status, 200);
    }
    assert!(upstream.received().len() == 2);
}

#[test]
fn an_answer_for_which_there_is_no_memory_is_passed_on_as_it_comes() {
    const LENGTH: usize = 3 * MIB;
    let upstream = Upstream::start(|received, to| {
        let answer = format!("{{\"a\":\"{}\"}}", "x".repeat(LENGTH));
        if received.text().contains("unsaid") {
            to.head("200 OK", JSON);
            to.send(answer.as_bytes());
        } else {
            to.answer("200 OK", JSON, &answer);
        }
    });
    let gateway = gateway(&upstream, "1MiB");
    for model in ["said", "unsaid"] {
        let answer = gateway.chat(&format!(r#"{{"model":"{model}"}}"#));
        assert_eq!((answer.status, answer.body.len()), (200, LENGTH + 8), "{model}");
    }
    assert_eq!(upstream.received().len(), 2, "an answer was bought twice");
}

#[test]
fn the_memory_that_was_given_suffices_for_many_bodies_at_once() {
    const EACH: usize = 8 * MIB;
    let upstream = Upstream::start(|_, to| {
        thread::sleep(Duration::from_millis(200));
        to.answer("200 OK", JSON, "{\"fine\":1}");
    });
    let gateway = gateway(&upstream, "20MiB");
    assert_eq!(gateway.chat(SMALL).status, 200);
    let before = gateway.peak_kilobytes();
    let request = chat("", &body("m", EACH));
    let unsaid = chunked(&request);
    let answers: Vec<_> = thread::scope(|scope| {
        let asks: Vec<_> = (0..24)
            .map(|number| {
                let (gateway, request) = (&gateway, if number % 2 == 0 { &request } else { &unsaid });
                scope.spawn(move || gateway.raw(request))
            })
            .collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).collect()
    });
    for answer in &answers {
        assert!(answer.status == 200 || answer.error() == (503, "overloaded".into()));
    }
    assert!(answers.iter().any(|answer| answer.status == 200), "nobody was served");
    let growth = gateway.peak_kilobytes() - before;
    // What is given, and what the connections and their ends take besides. All of the bodies would be 192 MiB.
    assert!(growth < 64 * 1024, "{growth} KiB more");
}
