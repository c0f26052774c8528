//! Streams whose upstream stays open behind their end.

use std::io::Read;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::cuts::{EVENT, STOP};
use crate::support::upstream::{Connection, Received, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, chat, request};

const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}\n\n";

/// What the client is sent, and what its log line says.
struct Case {
    path: &'static str,
    stream: String,
}

/// Streams that are complete, with the mark of their end.
fn complete() -> Vec<Case> {
    let of = |path, stream: &[&str]| Case {
        path,
        stream: stream.concat(),
    };
    let completed = "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\"}}\n\n";
    vec![
        of("/v1/chat/completions", &[EVENT, STOP, "data: [DONE]\n\n"]),
        of("/v1/chat/completions", &[EVENT, STOP, USAGE, "data: [DONE]\n\n"]),
        of("/v1/completions", &[EVENT, "data: [DONE]\r\n\r\n"]),
        of("/v1/responses", &[EVENT, "event: response.completed\n", completed]),
        of("/v1/responses", &[EVENT, completed]),
        of(
            "/v1/messages",
            &[EVENT, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"],
        ),
    ]
}

/// Asks for all of `cases` at once, by their numbers, and returns what comes to the end of each.
fn asked(gateway: &Gateway, cases: &[Case]) -> Vec<String> {
    let ask = |number: usize| {
        let body = format!(r#"{{"model":"m","stream":true,"user":"case {number}."}}"#);
        let fields = "content-type: application/json\r\n";
        let exchange = gateway.open(request("POST", cases[number].path, TOKEN, fields, &body));
        let mut text = String::new();
        let (_, mut body) = exchange.arriving();
        body.read_to_string(&mut text).expect("the end did not come");
        text
    };
    thread::scope(|scope| {
        let asking: Vec<_> = (0..cases.len())
            .map(|number| scope.spawn(move || ask(number)))
            .collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    })
}

/// An upstream that sends the stream of the case that is asked for, and then goes on.
fn upstream(cases: Vec<Case>, goes_on: impl Fn(&mut Connection) + Send + Sync + 'static) -> Upstream {
    Upstream::start(move |received: &Received, to| {
        let body = received.text();
        let (_, number) = body.split_once("case ").unwrap();
        let number: usize = number.split('.').next().unwrap().parse().unwrap();
        to.head("200 OK", SSE);
        to.send(cases[number].stream.as_bytes());
        goes_on(to);
    })
}

pub(crate) fn behind_its_end_a_stream_is_ended_though_its_upstream_is_silent(runtime: Runtime) {
    let upstream = upstream(complete(), Connection::hang);
    let gateway = Gateway::to(runtime, &upstream, json!({"verify_end": true}));
    for (text, case) in asked(&gateway, &complete()).iter().zip(complete()) {
        assert_eq!(*text, case.stream, "{}", case.path);
    }
    upstream.wait_for_leavers(complete().len());
    assert!(!gateway.stdout().contains("\"partial\":true"), "{}", gateway.stdout());
}

pub(crate) fn behind_its_end_a_stream_is_ended_though_its_upstream_goes_on(runtime: Runtime) {
    let upstream = upstream(complete(), |to| {
        while to.is_open() {
            to.send(b": ping\n\n");
            thread::sleep(Duration::from_millis(50));
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({"verify_end": true}));
    for (text, case) in asked(&gateway, &complete()).iter().zip(complete()) {
        let pings = text.strip_prefix(&case.stream).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(pings.replace(": ping\n\n", ""), "", "{}", case.path);
    }
    upstream.wait_for_leavers(complete().len());
}

pub(crate) fn a_stream_that_stalls_behind_its_last_words_is_complete(runtime: Runtime) {
    let cases = || {
        let of = |stream: &[&str]| Case {
            path: "/v1/chat/completions",
            stream: stream.concat(),
        };
        let second = |event: &str| event.replace("\"index\":0", "\"index\":1");
        vec![
            of(&[EVENT, STOP]),
            of(&[EVENT, STOP, USAGE]),
            of(&[EVENT, &second(EVENT), STOP, &second(STOP)]),
        ]
    };
    let upstream = upstream(cases(), Connection::hang);
    let gateway = Gateway::to(runtime, &upstream, json!({"idle_timeout": 1}));
    for (text, case) in asked(&gateway, &cases()).iter().zip(cases()) {
        assert_eq!(*text, case.stream);
    }
    upstream.wait_for_leavers(cases().len());
    assert!(!gateway.stdout().contains("\"partial\":true"), "{}", gateway.stdout());
}

pub(crate) fn usage_that_comes_late_is_waited_for(runtime: Runtime) {
    let case = Case {
        path: "/v1/chat/completions",
        stream: [EVENT, STOP].concat(),
    };
    let upstream = upstream(vec![case], |to| {
        // Longer than behind an end mark.
        thread::sleep(Duration::from_millis(1500));
        to.send(USAGE.as_bytes());
        to.send(b"data: [DONE]\n\n");
    });
    let gateway = Gateway::to(runtime, &upstream, json!({"verify_end": true}));
    let asked = asked(
        &gateway,
        &[Case {
            path: "/v1/chat/completions",
            stream: String::new(),
        }],
    );
    assert_eq!(asked, [[EVENT, STOP, USAGE, "data: [DONE]\n\n"].concat()]);
    gateway.wait_for_log("\"completion_tokens\":2");
}

pub(crate) fn a_slow_client_gets_all_of_a_stream_that_is_over(runtime: Runtime) {
    // More than lies in the sockets on the way.
    let stream = [EVENT.repeat(200_000), "data: [DONE]\n\n".to_owned()].concat();
    let case = || Case {
        path: "/v1/chat/completions",
        stream: stream.clone(),
    };
    for fields in [json!({"verify_end": true}), json!({"idle_timeout": 200})] {
        let upstream = upstream(vec![case()], Connection::hang);
        let gateway = Gateway::to(runtime, &upstream, fields);
        let body = r#"{"model":"m","stream":true,"user":"case 0."}"#;
        let (_, mut body) = gateway.open(chat("", body)).arriving();
        // It takes its time, and the end mark may be there by then.
        thread::sleep(Duration::from_secs(3));
        let mut text = String::new();
        body.read_to_string(&mut text).expect("the end did not come");
        assert!(text == stream, "{} of {} bytes came", text.len(), stream.len());
        upstream.wait_for_leavers(1);
    }
}
