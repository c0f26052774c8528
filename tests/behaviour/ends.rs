//! Streams that end as they should, each in its own way, and what is missing to that.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde_json::json;

use crate::cuts::{EVENT, STOP};
use crate::support::upstream::{SSE, Upstream};
use crate::support::{Gateway, Runtime};

const BODY: &str = r#"{"model":"m","stream":true,"store":false}"#;

/// What clients of one gateway get of these streams, which end on their own.
fn relayed(runtime: Runtime, streams: &[(&'static str, String)]) -> Vec<String> {
    let left = Mutex::new(VecDeque::from(streams.to_vec()));
    let upstream = Upstream::start(move |_, to| {
        let (_, stream) = left.lock().unwrap().pop_front().unwrap();
        to.head("200 OK", SSE);
        to.send(stream.as_bytes());
    });
    let gateway = Gateway::to(runtime, &upstream, json!({"verify_end": true}));
    streams
        .iter()
        .map(|(path, _)| gateway.post(path, BODY).text())
        .collect()
}

pub(crate) fn an_event_that_was_left_open_is_closed(runtime: Runtime) {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}";
    let long = format!(
        "data: {{\"type\":\"response.completed\",\"response\":\"{}\"}}",
        "x".repeat(40_000)
    );
    for (path, before, open) in [
        ("/v1/chat/completions", EVENT.to_owned(), STOP.trim_end()),
        ("/v1/chat/completions", EVENT.to_owned(), "data: [DONE]"),
        ("/v1/chat/completions", [EVENT, STOP].concat(), usage),
        (
            "/v1/responses",
            String::new(),
            "event: response.completed\ndata: {\"type\":\"response.completed\"}",
        ),
        ("/v1/responses", String::new(), &long),
        (
            "/v1/messages",
            String::new(),
            "event: message_stop\ndata: {\"type\":\"message_stop\"}",
        ),
        (
            "/v1/images/generations",
            String::new(),
            "data: {\"type\":\"image_generation.completed\"}",
        ),
    ] {
        let ends = [
            ("", "\n\n"),
            ("\n", "\n"),
            ("\r\n", "\n"),
            ("\n\n", ""),
            ("\r\n\r\n", ""),
        ];
        let streams = ends.map(|(line_end, _)| (path, format!("{before}{open}{line_end}")));
        for ((text, (line_end, missing)), (_, stream)) in relayed(runtime, &streams).iter().zip(ends).zip(&streams) {
            assert!(
                *text == format!("{stream}{missing}"),
                "{path} {line_end:?}: {}",
                &text[text.len().saturating_sub(300)..]
            );
        }
    }
}

pub(crate) fn each_endpoint_has_its_own_end(runtime: Runtime) {
    let event = |kind: &str| {
        format!(
            "data: {{\"type\":\"{kind}\",\"b64_json\":\"{}\"}}\n\n",
            "x".repeat(20_000)
        )
    };
    let last = |kind: &str| {
        format!(
            "data: {{\"response\":\"{}\",\"type\":\"{kind}\"}}\n\n",
            "x".repeat(40_000)
        )
    };
    let begun = |kind: &str, end: String| [event(kind), end].concat();
    let item = "response.output_item.added";
    let image = "image_generation.partial_image";
    let cases = [
        ("/v1/responses", begun(item, last("response.completed")), true),
        ("/v1/responses", begun(item, last("response.cancelled")), true),
        ("/v1/responses", begun(item, last("response.canceled")), true),
        ("/v1/responses", begun(item, last("response.output_item.done")), false),
        (
            "/v1/images/generations",
            begun(image, event("image_generation.completed")),
            true,
        ),
        (
            "/v1/images/generations",
            begun(image, event("image_generation.completed")).repeat(2),
            true,
        ),
        ("/v1/images/generations", event(image), false),
        (
            "/v1/images/generations",
            [event("image_generation.completed"), event(image)].concat(),
            false,
        ),
        ("/v1/images/edits", event("image_edit.partial_image"), false),
        ("/v1/images/edits", event("image_edit.completed"), true),
        ("/v1/audio/transcriptions", event("transcript.text.delta"), false),
        (
            "/v1/audio/transcriptions",
            begun("transcript.text.delta", event("transcript.text.done")),
            true,
        ),
        ("/v1/audio/speech", event("speech.audio.delta"), false),
        (
            "/v1/audio/speech",
            begun("speech.audio.delta", event("speech.audio.done")),
            true,
        ),
        // What is not known is believed.
        ("/v1/audio/transcriptions", event("segment"), true),
    ];
    let streams: Vec<_> = cases.iter().map(|(path, stream, _)| (*path, stream.clone())).collect();
    for (text, (path, stream, complete)) in relayed(runtime, &streams).iter().zip(cases) {
        let rest = text.strip_prefix(&stream).unwrap_or_else(|| panic!("{path}"));
        let told = rest.contains("\"upstream_stream_truncated\"");
        assert!(
            if complete { rest.is_empty() } else { told },
            "{path} {} {rest}",
            &stream[..60]
        );
    }
}
