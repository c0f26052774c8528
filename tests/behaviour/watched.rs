//! Streams that are read on their way: natively all of them, on Workers those of routes that say so.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use serde_json::json;

use crate::cuts::EVENT;
use crate::support::upstream::{SSE, Upstream};
use crate::support::{Gateway, Runtime, chat};

const BODY: &str = r#"{"model":"m","stream":true}"#;

pub(crate) fn an_error_behind_content_is_cleaned_of_secrets_however_it_arrives(runtime: Runtime) {
    for (padding, piece) in [(0, 4096), (0, 7), (4096, 1400), (12_000, 16_384)] {
        let error = |key: &str| {
            let padding = "x".repeat(padding);
            format!("data: {{\"error\":{{\"message\":\"{padding} no {key}, and not {key}\",\"code\":\"bad\"}}}}\n\n")
        };
        let (received, receives) = channel();
        let (sent, receives) = (error("up-SECRET-1"), Mutex::new(receives));
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", SSE);
            to.send(EVENT.as_bytes());
            let _ = receives.lock().unwrap().recv();
            for piece in sent.as_bytes().chunks(piece) {
                to.send(piece);
            }
        });
        let fields = json!({"verify_end": true, "api_keys": ["up-SECRET-1"]});
        let gateway = Gateway::to(runtime, &upstream, fields);
        let mut exchange = gateway.open(chat("", BODY));
        exchange.wait_for("hi");
        received.send(()).unwrap();
        let answer = gateway.checked(exchange.finish());
        let text = answer.text();
        assert!(
            text.strip_prefix(EVENT) == Some(&error("[redacted]")),
            "{padding}, {piece}: {text}"
        );
    }
}

pub(crate) fn a_client_that_leaves_a_silent_stream_ends_it_upstream(runtime: Runtime) {
    for fields in [json!({"verify_end": true}), json!({"idle_timeout": 200}), json!({})] {
        let upstream = Upstream::start(|_, to| {
            to.head("200 OK", SSE);
            to.send(EVENT.as_bytes());
            to.hang();
        });
        let gateway = Gateway::to(runtime, &upstream, fields);
        let mut exchange = gateway.open(chat("", BODY));
        exchange.wait_for("hi");
        exchange.leave();
        upstream.wait_for_leaver();
    }
}
