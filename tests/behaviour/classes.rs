//! Every endpoint of the API, by its class: what goes up is what the client sent, what comes back is what the upstream said.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::upstream::{JSON, Received, Upstream};
use crate::support::{Gateway, Runtime, TOKEN};

/// One endpoint of `tests/fixtures/openai-paths.tsv`.
struct Row {
    method: &'static str,
    /// With its placeholders filled in.
    path: String,
    class: &'static str,
    /// The content types of its requests and of its answers; `-` is for no body.
    requests: Vec<&'static str>,
    answers: Vec<&'static str>,
}

fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [method, path, class, requests, answers] = fields[..] else {
            panic!("{line}")
        };
        let segments = path.split('/').map(|segment| match segment.strip_prefix('{') {
            Some(name) => format!("{}-0%201.a:b", name.trim_end_matches('}')),
            None => segment.to_owned(),
        });
        Row {
            method,
            path: segments.collect::<Vec<_>>().join("/"),
            class,
            requests: requests.split(',').collect(),
            answers: answers.split(',').collect(),
        }
    };
    let rows: Vec<Row> = include_str!("../fixtures/openai-paths.tsv").lines().map(row).collect();
    assert_eq!(rows.len(), 304);
    rows
}

const FORM: &str = "multipart/form-data; boundary=\"x y+z\"";

/// A body of this content type, as no serializer would write it, and how its client would name the type.
fn written(kind: &str) -> (Vec<u8>, &str) {
    let json = b"{ \"model\" :\t\"m\",\"store\":false, \"n\":[1.00,12345678901234567890],\r\n \"u\":\"\\u00e9\\/\xc3\xa9\"  }\n";
    let every_byte: Vec<u8> = (0..=255).collect();
    match kind {
        "-" | "websocket" => (Vec::new(), ""),
        "application/json" => (json.to_vec(), "application/json;charset=UTF-8"),
        "multipart/form-data" => {
            let parts = [
                b"preamble\r\n--x y+z\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nm\r\n--x y+z\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n".as_slice(),
                &every_byte,
                b"\r\n--x y+z--\r\nepilogue",
            ];
            (parts.concat(), FORM)
        }
        "application/sdp" => (b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n".to_vec(), kind),
        "text/event-stream" => (
            b": hi\r\nevent: a\r\ndata: {\"type\":\"a\"}\r\n\r\ndata: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: {\"type\":\"response.completed\"}\n\ndata: [DONE]\n\n".to_vec(),
            "text/event-stream; charset=utf-8",
        ),
        _ => (every_byte, kind),
    }
}

/// An upstream whose answers are of the type that the client accepts.
fn upstream() -> Upstream {
    Upstream::start(|received, to| {
        let (body, kind) = written(received.one("accept").unwrap());
        if kind.is_empty() {
            to.send(b"HTTP/1.1 204 No Content\r\netag: \"e\"\r\nconnection: close\r\n\r\n");
            return;
        }
        let head = format!(
            "content-type: {kind}\r\netag: \"e\"\r\ncontent-length: {}\r\n",
            body.len()
        );
        to.head("200 OK", &head);
        to.send(&body);
    })
}

/// Sends any body, of whatever type `fields` say.
pub(crate) fn send(gateway: &Gateway, target: &str, fields: &str, body: &[u8]) -> Answer {
    let length = body.len();
    let head = format!(
        "{target} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n{fields}content-length: {length}\r\n\r\n"
    );
    gateway.raw([head.as_bytes(), body].concat())
}

fn fields(kind: &str, accept: &str) -> String {
    if kind.is_empty() {
        format!("accept: {accept}\r\n")
    } else {
        format!("accept: {accept}\r\ncontent-type: {kind}\r\n")
    }
}

fn authorization(received: &Received) -> String {
    received.one("authorization").unwrap().to_owned()
}

pub(crate) fn every_endpoint_passes_byte_for_byte_both_ways(runtime: Runtime) {
    let upstream = upstream();
    let gateway = Gateway::to(runtime, &upstream, json!({"admin": true}));
    for row in rows() {
        let target = format!("{} {}?after=a%20b&x=%2F..%2f&limit=2", row.method, row.path);
        for (request, answer) in row
            .requests
            .iter()
            .flat_map(|request| row.answers.iter().map(move |answer| (request, answer)))
        {
            let (body, kind) = written(request);
            let came = send(&gateway, &target, &fields(kind, answer), &body);
            let received = upstream.received().pop().unwrap();
            assert_eq!(received.line(), format!("{target} HTTP/1.1"));
            assert!(received.body == body, "{target} {kind}: {:?}", received.body);
            assert_eq!(received.one("content-type").unwrap_or_default(), kind, "{target}");
            let (expected, kind) = written(answer);
            assert!(came.body == expected, "{target} {kind}: {:?}", came.text());
            assert_eq!(came.status, if kind.is_empty() { 204 } else { 200 }, "{target}");
            assert_eq!(came.field("content-type").unwrap_or_default(), kind, "{target}");
            assert_eq!(
                (came.field("etag"), came.field("x-gateway-attempts")),
                (Some("\"e\""), Some("1"))
            );
        }
    }
}

pub(crate) fn every_endpoint_of_the_administrator_is_refused_unless_the_route_opens_it(runtime: Runtime) {
    let upstream = upstream();
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let mut refused = 0;
    for row in rows().iter().filter(|row| row.class == "organization") {
        let (body, kind) = written(row.requests[0]);
        let answer = send(
            &gateway,
            &format!("{} {}", row.method, row.path),
            &fields(kind, "*/*"),
            &body,
        );
        assert_eq!(answer.error(), (403, "forbidden".into()), "{}", row.path);
        refused += 1;
    }
    assert_eq!((refused, upstream.received().len()), (119, 0));
}

pub(crate) fn what_an_account_keeps_meets_one_key_and_everything_else_all_of_them(runtime: Runtime) {
    let upstream = upstream();
    let keys = json!(["up-SECRET-1", "up-SECRET-2", "up-SECRET-3"]);
    let gateway = Gateway::to(runtime, &upstream, json!({"api_keys": keys, "admin": true}));
    let mut met: BTreeMap<&str, HashSet<String>> = BTreeMap::new();
    let ask = |row: &Row, id: usize| {
        let (body, kind) = written(row.requests[0]);
        let fields = format!("x-request-id: {id}\r\n{}", fields(kind, row.answers[0]));
        send(&gateway, &format!("{} {}", row.method, row.path), &fields, &body);
        authorization(upstream.received().last().unwrap())
    };
    for (id, row) in rows().iter().enumerate() {
        // Lists of models are kept for a while, whichever key they came with.
        if row.class == "stateless" && row.method == "POST" {
            let keys: HashSet<String> = (0..12).map(|id| ask(row, id)).collect();
            assert_eq!(keys.len(), 3, "{}", row.path);
        } else if row.class != "stateless" {
            met.entry("account").or_default().insert(ask(row, id));
        }
    }
    assert_eq!(met["account"].len(), 1, "{met:?}");
}

pub(crate) fn an_offer_of_a_call_is_answered_with_its_place(runtime: Runtime) {
    let answer = "v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\n";
    let upstream = Upstream::answering(
        "201 Created",
        "content-type: application/sdp\r\nlocation: /v1/realtime/calls/rtc_1\r\n",
        "v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\n",
    );
    let gateway = Gateway::to(runtime, &upstream, json!({"default_model": "m", "models": ["m"]}));
    let (offer, kind) = written("application/sdp");
    let came = send(&gateway, "POST /v1/realtime/calls", &fields(kind, kind), &offer);
    assert_eq!((came.status, came.text().as_str()), (201, answer));
    assert_eq!(
        (came.field("location"), came.field("content-type")),
        (Some("/v1/realtime/calls/rtc_1"), Some(kind))
    );
    let received = upstream.only();
    assert_eq!((received.body, received.head.contains(kind)), (offer, true));
}

pub(crate) fn files_keep_their_name_their_length_and_their_bytes(runtime: Runtime) {
    let zip: Vec<u8> = b"PK\x03\x04"
        .iter()
        .copied()
        .chain((0..=255).cycle().take(700_000))
        .collect();
    let sent = zip.clone();
    let upstream = Upstream::start(move |_, to| {
        to.head("200 OK", &format!("content-type: application/zip\r\ncontent-disposition: attachment; filename=\"s.zip\"\r\nlast-modified: Tue, 01 Sep 2026 00:00:00 GMT\r\naccept-ranges: bytes\r\ncontent-length: {}\r\n", sent.len()));
        sent.chunks(9_999).for_each(|piece| to.send(piece));
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let came = send(&gateway, "GET /v1/skills/s-1/content", "", b"");
    assert!(came.status == 200 && came.body == zip, "{}", came.head);
    for (name, value) in [
        ("content-type", "application/zip"),
        ("content-disposition", "attachment; filename=\"s.zip\""),
        ("last-modified", "Tue, 01 Sep 2026 00:00:00 GMT"),
        ("accept-ranges", "bytes"),
        ("content-length", "700004"),
    ] {
        assert_eq!(came.field(name), Some(value));
    }
}

pub(crate) fn a_file_that_looks_like_an_error_is_a_file(runtime: Runtime) {
    for body in [
        r#"{"error":{"message":"kept"}}"#,
        "[{\"error\":{\"code\":5}}]",
        "<html></html>",
        "  ",
    ] {
        let upstream = Upstream::answering("200 OK", JSON, body);
        let came = Gateway::to(runtime, &upstream, json!({})).get("/v1/files/file-1/content");
        assert_eq!((came.status, came.text().as_str()), (200, body));
    }
}

pub(crate) fn a_transcription_may_be_plain_text(runtime: Runtime) {
    for (kind, text) in [
        ("text/plain; charset=utf-8", "Hello, 你好.\n"),
        ("text/vtt", "WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"),
    ] {
        let upstream = Upstream::start(move |_, to| to.answer("200 OK", &format!("content-type: {kind}\r\n"), text));
        let gateway = Gateway::to(runtime, &upstream, json!({"aliases": {"m": "whisper-1"}}));
        let (body, form) = written("multipart/form-data");
        let came = send(&gateway, "POST /v1/audio/transcriptions", &fields(form, "*/*"), &body);
        assert_eq!(
            (came.status, came.text().as_str(), came.field("content-type")),
            (200, text, Some(kind))
        );
        let model = memchr::memmem::find(&body, b"\r\nm\r\n").unwrap() + 2;
        let expected = [&body[..model], b"whisper-1", &body[model + 1..]].concat();
        assert!(upstream.only().body == expected);
    }
}

pub(crate) fn streams_of_sound_and_of_images_pass_byte_for_byte(runtime: Runtime) {
    let pixels = "A/+9".repeat(300_000);
    let event = |kind: &str, member: &str, data: &str| {
        format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"{member}\":\"{data}\"}}\n\n")
    };
    let image = [
        event("image_generation.partial_image", "b64_json", &pixels),
        event("image_generation.partial_image", "b64_json", &pixels),
        event("image_generation.completed", "b64_json", &pixels),
    ];
    let speech = [
        event("speech.audio.delta", "audio", &pixels[..4_000]),
        event("speech.audio.delta", "audio", &pixels[..40_000]),
        event("speech.audio.done", "usage", ""),
    ];
    for (path, events) in [("images/generations", image), ("audio/speech", speech)] {
        let stream = events.concat();
        let sent = stream.clone();
        let upstream = Upstream::start(move |_, to| {
            to.head("200 OK", "content-type: text/event-stream\r\n");
            sent.as_bytes().chunks(77_777).for_each(|piece| to.send(piece));
        });
        for route in [json!({}), json!({"verify_end": true})] {
            let gateway = Gateway::to(runtime, &upstream, route);
            let came = gateway.post(
                &format!("/v1/{path}"),
                r#"{"model":"m","stream":true,"stream_format":"sse"}"#,
            );
            assert!(
                came.status == 200 && came.body == stream.as_bytes(),
                "{path}: {}",
                came.body.len()
            );
            assert_eq!(came.field("content-type"), Some("text/event-stream; charset=utf-8"));
        }
    }
}

pub(crate) fn an_answer_without_a_body_stays_one(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| {
        if received.line().starts_with("HEAD") {
            to.send(b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\netag: \"e\"\r\ncontent-length: 12345\r\nconnection: close\r\n\r\n");
        } else if received.line().starts_with("DELETE") {
            to.send(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
        } else {
            to.answer("200 OK", "", "");
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let head = send(&gateway, "HEAD /v1/files/file-1/content", "", b"");
    assert_eq!(
        (head.status, head.body.len(), head.field("etag")),
        (200, 0, Some("\"e\""))
    );
    assert_eq!(
        (head.field("content-type"), head.field("content-length")),
        (Some("audio/mpeg"), Some("12345"))
    );
    let gone = send(&gateway, "DELETE /v1/responses/resp_1", "", b"");
    assert_eq!(
        (gone.status, gone.body.len(), gone.field("content-type")),
        (204, 0, None)
    );
    assert_eq!(gone.field("content-length"), None);
    for target in ["POST /v1/realtime/calls/rtc_1/hangup", "GET /v1/vaults"] {
        let empty = send(&gateway, target, "", b"");
        assert_eq!(
            (empty.status, empty.body.len(), empty.field("content-type")),
            (200, 0, None),
            "{target}"
        );
    }
}

pub(crate) fn conditions_and_ranges_are_the_upstreams_business(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| {
        let seen: BTreeMap<String, &str> = ["range", "if-none-match", "if-range", "if-modified-since", "if-match"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), received.one(name)?)))
            .collect();
        let (status, fields) = match received.one("range") {
            Some("bytes=9-") => ("416 Range Not Satisfiable", "content-range: bytes */9\r\n"),
            Some(_) => ("206 Partial Content", "content-range: bytes 0-4/9\r\netag: W/\"e\"\r\n"),
            None => ("412 Precondition Failed", ""),
        };
        to.answer(status, &format!("{JSON}{fields}"), &json!(seen).to_string());
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let ask = |fields: &str| send(&gateway, "GET /v1/files/file-1/content", fields, b"");
    let part = ask("range: bytes=0-4\r\nif-range: \"e\"\r\nif-none-match: W/\"e\", \"f\"\r\n");
    let seen: Value = json!({"range": "bytes=0-4", "if-range": "\"e\"", "if-none-match": "W/\"e\", \"f\""});
    assert_eq!((part.status, part.json()), (206, seen));
    assert_eq!(
        (part.field("content-range"), part.field("etag")),
        (Some("bytes 0-4/9"), Some("W/\"e\""))
    );
    let none = ask("range: bytes=9-\r\n");
    assert_eq!((none.status, none.field("content-range")), (416, Some("bytes */9")));
    let changed = ask("if-match: \"f\"\r\nif-modified-since: Tue, 01 Sep 2026 00:00:00 GMT\r\n");
    let seen = json!({"if-match": "\"f\"", "if-modified-since": "Tue, 01 Sep 2026 00:00:00 GMT"});
    assert_eq!((changed.status, changed.json()), (412, seen));
}
