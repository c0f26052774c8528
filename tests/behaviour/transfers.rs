//! Bodies that are too long to be kept: they pass with little memory, and whatever happens in the middle is told.

use std::io::{ErrorKind, Read, Result, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::client::Exchange;
use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN};

const MIB: u64 = 1024 * 1024;

/// The most memory that a transfer may take on top of what the gateway holds anyway, in KiB.
const MEMORY: usize = 24 * 1024;

/// What is sent again and again. Its length is prime, so that a piece in the wrong place shows.
fn pattern() -> Vec<u8> {
    let mut state = 1_u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()[3]
    };
    (0..1_048_573).map(|_| byte()).collect()
}

/// Sends `length` bytes, as they are or in chunks.
fn pour(length: u64, chunked: bool, mut send: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let pattern = pattern();
    let mut left = usize::try_from(length).unwrap();
    while left > 0 {
        let piece = &pattern[..left.min(pattern.len())];
        if chunked {
            send(format!("{:x}\r\n", piece.len()).as_bytes())?;
        }
        send(piece)?;
        if chunked {
            send(b"\r\n")?;
        }
        left -= piece.len();
    }
    if chunked { send(b"0\r\n\r\n") } else { Ok(()) }
}

/// How many bytes arrive, each of which has to be the right one.
fn measure(mut from: impl Read) -> Result<u64> {
    let pattern = pattern();
    let (mut buffer, mut total) = (vec![0; 256 * 1024], 0);
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(total as u64);
        }
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            let expected = &pattern[total % pattern.len()..];
            let length = rest.len().min(expected.len());
            assert!(rest[..length] == expected[..length], "wrong bytes from {total} on");
            total += length;
            rest = &rest[length..];
        }
    }
}

/// An upstream that takes uploads and tells their length, and gives downloads of `length` bytes.
fn upstream(length: u64) -> Upstream {
    Upstream::reading(move |body, to| {
        if body.is_due() {
            let answer = measure(body).map(|bytes| json!({"bytes": bytes}).to_string());
            to.answer("200 OK", JSON, &answer.unwrap());
        } else {
            to.head(
                "200 OK",
                &format!("content-type: application/octet-stream\r\ncontent-length: {length}\r\n"),
            );
            let mut socket = to.socket();
            pour(length, false, |piece| socket.write_all(piece)).unwrap();
        }
    })
}

fn head(target: &str, fields: &str) -> String {
    format!("{target} HTTP/1.1\r\nhost: gateway\r\nx-api-key: {TOKEN}\r\nconnection: close\r\n{fields}\r\n")
}

/// The head of an upload of `length` bytes.
fn upload(length: u64) -> String {
    head(
        "POST /v1/files",
        &format!("content-type: application/octet-stream\r\ncontent-length: {length}\r\n"),
    )
}

fn large(runtime: Runtime) -> u64 {
    match runtime {
        Runtime::Native => 1024 * MIB,
        Runtime::Worker => 90 * MIB,
    }
}

fn bounded(gateway: &Gateway, runtime: Runtime, before: usize) {
    let grown = gateway.peak_kilobytes() - before;
    eprintln!("{runtime:?}: {grown} KB more than {before} KB");
    assert!(runtime == Runtime::Worker || grown < MEMORY, "{grown} KB");
}

pub(crate) fn a_large_upload_and_a_large_download_pass_byte_for_byte(runtime: Runtime) {
    let length = large(runtime);
    let upstream = upstream(length);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let before = gateway.resident_kilobytes();
    let mut exchange = gateway.open(upload(length));
    pour(length, false, |piece| exchange.send(piece)).unwrap();
    assert_eq!(exchange.finish().json(), json!({"bytes": length}));
    assert_eq!(upstream.only().one("content-length"), Some(length.to_string().as_str()));

    let (head, body) = gateway.open(head("GET /v1/files/file-1/content", "")).arriving();
    assert!(
        head.to_lowercase().contains(&format!("content-length: {length}")),
        "{head}"
    );
    assert_eq!(measure(body).unwrap(), length);
    bounded(&gateway, runtime, before);
}

/// The timeout is for chats. An upload and a download may take as long as something moves.
pub(crate) fn a_slow_upload_and_a_slow_download_outlast_the_timeout(runtime: Runtime) {
    let length = 12 * MIB;
    let upstream = Upstream::reading(move |body, to| {
        if body.is_due() {
            let answer = measure(body).map(|bytes| json!({"bytes": bytes}).to_string());
            to.answer("200 OK", JSON, &answer.unwrap());
        } else {
            to.head("200 OK", "content-type: audio/mpeg\r\ncontent-length: 8\r\n");
            for piece in [b"so", b"un", b"d ", b"ok"] {
                to.send(piece);
                thread::sleep(Duration::from_millis(600));
            }
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({"timeout": 1}));
    let mut exchange = gateway.open(upload(length));
    pour(length, false, |piece| {
        thread::sleep(Duration::from_millis(200));
        exchange.send(piece)
    })
    .unwrap();
    assert_eq!(exchange.finish().json(), json!({"bytes": length}));
    let speech = gateway.get("/v1/files/file-1/content");
    assert_eq!((speech.status, speech.text().as_str()), (200, "sound ok"));
}

pub(crate) fn an_upload_of_unknown_length_passes_byte_for_byte(runtime: Runtime) {
    let length = large(runtime).min(256 * MIB);
    let upstream = upstream(0);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let before = gateway.resident_kilobytes();
    let mut exchange = gateway.open(head("POST /v1/files", "transfer-encoding: chunked\r\n"));
    pour(length, true, |piece| exchange.send(piece)).unwrap();
    assert_eq!(exchange.finish().json(), json!({"bytes": length}));
    bounded(&gateway, runtime, before);
}

pub(crate) fn an_answer_that_comes_before_the_upload_is_complete_is_handed_on(runtime: Runtime) {
    for goes_on_reading in [true, false] {
        let upstream = Upstream::reading(move |mut body, to| {
            body.by_ref().take(MIB).read_to_end(&mut Vec::new()).unwrap();
            to.answer(
                "413 Too Large",
                JSON,
                r#"{"error":{"message":"too large","code":"upstreams_own"}}"#,
            );
            if goes_on_reading {
                let _ = std::io::copy(&mut body, &mut std::io::sink());
            }
        });
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        let mut exchange = gateway.open(upload(100 * MIB));
        pour(2 * MIB, false, |piece| exchange.send(piece)).unwrap();
        // The client goes on only when it has heard.
        exchange.wait_for("\r\n\r\n");
        let _ = pour(98 * MIB, false, |piece| exchange.send(piece));
        let answer = gateway.checked(exchange.finish());
        // The runtime of Workers may see that the connection broke before it sees the answer, or before all of it.
        let unheard = runtime == Runtime::Worker && !goes_on_reading && [413, 502].contains(&answer.status);
        let heard = answer.status == 413 && answer.text().contains("upstreams_own");
        assert!(heard || unheard, "{goes_on_reading}: {}", answer.text());
        assert_eq!(answer.field("x-gateway-attempts"), Some("1"));
    }
}

pub(crate) fn an_upstream_that_dies_in_the_middle_of_an_upload_is_told(runtime: Runtime) {
    let upstream = Upstream::reading(|body, to| {
        body.take(MIB).read_to_end(&mut Vec::new()).unwrap();
        to.reset();
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    for rest in [0, 98 * MIB] {
        let mut exchange = gateway.open(upload(100 * MIB));
        pour(2 * MIB, false, |piece| exchange.send(piece)).unwrap();
        let _ = pour(rest, false, |piece| exchange.send(piece));
        let answer = gateway.checked(exchange.finish());
        assert_eq!(answer.error(), (502, "upstream_unreachable".into()), "{rest}");
    }
    assert_eq!(upstream.received().len(), 2);
}

pub(crate) fn a_client_that_leaves_in_the_middle_of_an_upload_ends_it_upstream(runtime: Runtime) {
    for (length, fields) in [(Some(100 * MIB), ""), (None, "transfer-encoding: chunked\r\n")] {
        let upstream = Upstream::reading(|body, to| {
            if measure(body).is_err() {
                to.left();
            }
        });
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        let begun = length.map_or_else(|| head("POST /v1/files", fields), upload);
        let mut exchange = gateway.open(begun);
        let mut sent = 0;
        let _ = pour(100 * MIB, length.is_none(), |piece| {
            sent += piece.len() as u64;
            if sent > 20 * MIB {
                Err(ErrorKind::Other.into())
            } else {
                exchange.send(piece)
            }
        });
        exchange.leave();
        upstream.wait_for_leaver();
    }
}

pub(crate) fn an_upload_whose_answer_stalls_ends_with_the_timeout(runtime: Runtime) {
    let upstream = Upstream::reading(|body, to| {
        measure(body).unwrap();
        to.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"id\":");
        to.hang();
    });
    let gateway = Gateway::to(runtime, &upstream, json!({"timeout": 1}));
    let mut exchange = gateway.open(upload(10 * MIB));
    pour(10 * MIB, false, |piece| exchange.send(piece)).unwrap();
    let answer = gateway.checked(exchange.finish());
    assert_eq!(answer.error(), (504, "upstream_timeout".into()));
}

#[test]
fn a_client_that_stalls_in_the_middle_of_an_upload_is_told() {
    let upstream = Upstream::reading(|body, to| {
        if measure(body).is_err() {
            to.left();
        }
    });
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({"idle_timeout": 1}));
    let mut exchange = gateway.open(upload(100 * MIB));
    pour(2 * MIB, false, |piece| exchange.send(piece)).unwrap();
    assert_eq!(
        gateway.checked(exchange.finish()).error(),
        (408, "request_timeout".into())
    );
    upstream.wait_for_leaver();
}

#[test]
fn an_upstream_that_does_not_read_an_upload_slows_the_client_down_and_is_given_up() {
    // It never notices anything by itself, not even that its client has left.
    let upstream = Upstream::reading(|_body, _to| thread::sleep(Duration::from_secs(120)));
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({"timeout": 1}));
    let before = gateway.resident_kilobytes();
    let mut exchange = gateway.open(upload(1024 * MIB));
    assert!(pour(1024 * MIB, false, |piece| exchange.send(piece)).is_err());
    bounded(&gateway, Runtime::Native, before);
    let answer = exchange.try_finish().map(|answer| gateway.checked(answer).error());
    assert!(answer.is_none_or(|answer| answer == (504, "upstream_timeout".into())));
}

#[test]
fn a_client_that_does_not_read_a_file_slows_the_upstream_down() {
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let upstream = Upstream::reading(move |_, to| {
        to.head("200 OK", "content-type: application/octet-stream\r\n");
        let mut socket = to.socket();
        let _ = pour(1024 * MIB, false, |piece| {
            for part in piece.chunks(16 * 1024) {
                socket.write_all(part)?;
                counted.fetch_add(part.len() as u64, Ordering::Relaxed);
            }
            Ok(())
        });
        to.left();
    });
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let before = gateway.resident_kilobytes();
    let mut exchange = gateway.open(head("GET /v1/files/file-1/content", ""));
    exchange.wait_for("\r\n\r\n");
    let mut last = u64::MAX;
    while sent.load(Ordering::Relaxed) != last {
        last = sent.load(Ordering::Relaxed);
        thread::sleep(Duration::from_millis(500));
    }
    assert!(
        last < 100 * MIB,
        "{last} bytes were sent to a client that does not read"
    );
    let grown = gateway.peak_kilobytes() - before;
    assert!(grown < 4096, "{grown} KB for {last} bytes");
    exchange.leave();
    upstream.wait_for_leaver();
}

pub(crate) fn a_client_that_leaves_a_download_ends_it_upstream(runtime: Runtime) {
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", "content-type: application/octet-stream\r\n");
        while to.is_open() {
            to.send(b"first");
            thread::sleep(Duration::from_millis(10));
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let mut exchange = gateway.open(head("GET /v1/files/file-1/content", ""));
    exchange.wait_for("first");
    exchange.leave();
    upstream.wait_for_leaver();
}

pub(crate) fn half_a_download_does_not_look_whole(runtime: Runtime) {
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", "content-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n");
        to.send(b"4\r\nhalf\r\n");
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let (head, mut body) = gateway.open(head("GET /v1/files/file-1/content", "")).arriving();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(body.read_to_end(&mut Vec::new()).is_err());
}

#[test]
fn half_a_download_does_not_look_whole_to_an_old_client() {
    let upstream = Upstream::start(|_, to| {
        to.head("200 OK", "content-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n");
        to.send(b"4\r\nhalf\r\n");
        thread::sleep(Duration::from_millis(100));
    });
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    // To a client of HTTP/1.0 the end of the connection is that of the body.
    let asked = format!("GET /v1/files/file-1/content HTTP/1.0\r\nhost: g\r\nx-api-key: {TOKEN}\r\n\r\n");
    assert!(!gateway.open(asked).is_let_go(), "half a file has ended in good order");
}

#[test]
fn a_body_is_waited_for_only_where_it_is_wanted() {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"id":"file-1"}"#);
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let ask = |target: &str, token: &str, length: u64| -> Exchange {
        gateway.open(format!(
            "{target} HTTP/1.1\r\nhost: g\r\nx-api-key: {token}\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        ))
    };
    for target in ["POST /v1/batches", "POST /v1/chat/completions"] {
        let mut wanted = ask(target, TOKEN, 13);
        wanted.wait_for("HTTP/1.1 100 Continue\r\n\r\n");
        wanted.forget();
        wanted.send(br#"{"model":"m"}"#).unwrap();
        assert_eq!(wanted.finish().status, 200);
    }
    for (target, token, length, status) in [
        ("POST /v1/files", "gw-unknown", 10, 401),
        ("POST /v1/organization/invites", TOKEN, 10, 403),
        ("POST /v1/files/a%2fb", TOKEN, 10, 404),
        ("PUT /v1/embeddings", TOKEN, 10, 405),
        ("POST /v1/batches", TOKEN, 65 * MIB, 413),
        ("POST /v1/chat/completions", TOKEN, 65 * MIB, 413),
    ] {
        // What comes first is the refusal itself.
        assert_eq!(ask(target, token, length).finish().status, status, "{target}");
    }
}
