//! How the binary stops.

#![expect(clippy::disallowed_types, reason = "a native test has a native clock")]

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::http2::{self, Client};
use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, chat, request, route};

pub(crate) const CHAT: &str = r#"{"model":"m"}"#;
pub(crate) const STREAM: &str = r#"{"model":"m","stream":true}"#;
const SIGNALS: [&str; 2] = ["TERM", "INT"];

/// An upstream that begins a stream, and ends it when it is told to.
pub(crate) fn upstream_that_waits() -> (Upstream, std::sync::mpsc::Sender<()>) {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let ended = std::sync::Mutex::new(ended);
    let upstream = Upstream::start(move |_, to| {
        to.head("200 OK", SSE);
        to.send(b"data: begun\n\n");
        let _ = ended.lock().unwrap().recv_timeout(Duration::from_secs(60));
        to.send(b"data: [DONE]\n\n");
    });
    (upstream, end)
}

pub(crate) fn with(upstream: &Upstream, variable: (&str, &str)) -> Gateway {
    let routes = json!([route(TOKEN, upstream, json!({}))]).to_string();
    Gateway::start(Runtime::Native, &[("GATEWAY_ROUTES", &routes), variable])
}

/// Waits until nobody listens any more.
fn wait_for_the_closed_door(gateway: &Gateway) {
    for _ in 0..1200 {
        if TcpStream::connect(&gateway.address).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(25));
    }
    panic!("connections are still accepted");
}

#[test]
fn a_signal_closes_the_door_and_lets_open_streams_finish() {
    for signal in SIGNALS {
        let (upstream, end) = upstream_that_waits();
        let mut gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
        let mut exchange = gateway.open(chat("", STREAM));
        exchange.wait_for("data: begun\n\n");
        gateway.signal(signal);
        wait_for_the_closed_door(&gateway);
        end.send(()).unwrap();
        let answer = gateway.checked(exchange.finish());
        assert_eq!(answer.text(), "data: begun\n\ndata: [DONE]\n\n", "{signal}");
        assert_eq!(gateway.exit_code(), Some(0), "{signal}");
        let log = gateway.log();
        assert!(log.contains("\"complete\":true"), "the last line is written: {log}");
        assert!(!log.contains("stopped before"), "{log}");
    }
}

#[test]
fn a_signal_lets_whole_answers_and_downloads_finish() {
    // More than the sockets of a client that does not read hold.
    const LENGTH: usize = 32 << 20;
    for (target, kind, is_there) in [
        ("POST /v1/chat/completions", JSON, false),
        ("POST /v1/chat/completions", JSON, true),
        ("GET /v1/files/file-1/content", "content-type: audio/mpeg\r\n", true),
    ] {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let ended = std::sync::Mutex::new(ended);
        let upstream = Upstream::start(move |_, to| {
            let _ = ended.lock().unwrap().recv_timeout(Duration::from_secs(60));
            to.answer("200 OK", kind, &format!("{{\"a\":\"{}\"}}", "x".repeat(LENGTH)));
        });
        let mut gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
        let (method, path) = target.split_once(' ').unwrap();
        let mut exchange = gateway.open(request(method, path, TOKEN, "", CHAT));
        upstream.wait_for_request();
        if is_there {
            end.send(()).unwrap();
            exchange.wait_for("\r\n\r\n");
        }
        gateway.terminate();
        wait_for_the_closed_door(&gateway);
        let _ = end.send(());
        let answer = exchange.finish();
        assert_eq!((answer.status, answer.body.len()), (200, LENGTH + 8), "{target}");
        assert_eq!(gateway.exit_code(), Some(0), "{target}");
        assert!(!gateway.log().contains("stopped before"), "{target}");
    }
}

#[test]
fn a_signal_waits_for_requests_and_not_for_connections() {
    let (upstream, end) = upstream_that_waits();
    let mut gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let kept = || {
        let mut kept = gateway.open("GET /health HTTP/1.1\r\nhost: x\r\n\r\n");
        kept.wait_for("}");
        kept.forget();
        kept
    };
    let (mut asks, silent) = (kept(), kept());
    let mut exchange = gateway.open(chat("", STREAM));
    exchange.wait_for("data: begun\n\n");
    gateway.terminate();
    wait_for_the_closed_door(&gateway);
    // What is asked over an open connection is answered, and is the last.
    asks.send(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    asks.wait_for("\"draining\"");
    asks.wait_for("connection: close\r\n");
    assert!(asks.is_let_go(), "the connection is kept");
    end.send(()).unwrap();
    assert_eq!(exchange.finish().status, 200);
    assert_eq!(gateway.exit_code(), Some(0));
    assert!(
        !gateway.log().contains("stopped before"),
        "it was the time that stopped it"
    );
    drop(silent);
}

#[test]
fn health_is_503_while_requests_finish() {
    let (upstream, end) = upstream_that_waits();
    let mut gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    // Its head is on its way when the signal comes. It was accepted before the stream, which has begun.
    let mut health = gateway.open("GET /health HTTP/1.1\r\nhost: g\r\nconnection: close\r\n");
    let mut exchange = gateway.open(chat("", STREAM));
    exchange.wait_for("data: begun\n\n");
    gateway.terminate();
    wait_for_the_closed_door(&gateway);
    health.send(b"\r\n").unwrap();
    let health = health.finish();
    assert_eq!((health.status, &health.json()["status"]), (503, &json!("draining")));
    end.send(()).unwrap();
    assert_eq!(exchange.finish().status, 200);
    assert_eq!(gateway.exit_code(), Some(0));
}

#[test]
fn what_outlasts_the_drain_timeout_is_cut_off() {
    let upstream = Upstream::start(|_, to| to.hang());
    let mut gateway = with(&upstream, ("DRAIN_TIMEOUT", "1"));
    let exchange = gateway.open(chat("", CHAT));
    upstream.wait_for_request();
    let begin = Instant::now();
    gateway.terminate();
    assert_eq!(gateway.exit_code(), Some(0));
    let took = begin.elapsed();
    // Not at once, and not after the default.
    assert!((1..30).contains(&took.as_secs()), "{took:?}");
    gateway.wait_for_log("may finish for 1 s");
    gateway.wait_for_log("stopped before every request had finished");
    gateway.wait_for_log("\"status\":499");
    assert!(exchange.try_finish().is_none());
    upstream.wait_for_leaver();
}

#[test]
fn a_second_signal_stops_at_once() {
    for signal in SIGNALS {
        let upstream = Upstream::start(|_, to| to.hang());
        let mut gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
        let _exchange = gateway.open(chat("", CHAT));
        upstream.wait_for_request();
        gateway.terminate();
        gateway.wait_for_log("may finish for 30 s; a second signal stops at once");
        gateway.signal(signal);
        assert_eq!(gateway.exit_code(), Some(0), "{signal}");
        let log = gateway.log();
        assert!(
            !log.contains("stopped before"),
            "it was the time that stopped it: {log}"
        );
    }
}

/// The gateway's ends of its connections, as the system knows them: whose they are, and whether they send at once. Nothing
/// where the system does not let one process look at another's.
#[cfg(target_os = "linux")]
fn connections(gateway: &Gateway) -> Option<Vec<(String, String, bool)>> {
    use rustix::io::Errno;
    use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

    let id = gateway.process_id();
    let process = pidfd_open(Pid::from_raw(id.cast_signed()).unwrap(), PidfdFlags::empty()).unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{id}/fd")).unwrap() {
        let entry = entry.unwrap();
        let is_socket = std::fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"));
        let number = entry.file_name().to_str().unwrap().parse().unwrap();
        if !is_socket {
            continue;
        }
        let socket = match pidfd_getfd(&process, number, PidfdGetfdFlags::empty()) {
            Ok(socket) => socket,
            Err(Errno::PERM | Errno::NOSYS) => return None,
            // It was closed meanwhile.
            Err(_) => continue,
        };
        let socket = socket2::SockRef::from(&socket);
        let name = |address: std::io::Result<socket2::SockAddr>| address.ok()?.as_socket().map(|it| it.to_string());
        if let (Some(own), Some(peer)) = (name(socket.local_addr()), name(socket.peer_addr())) {
            found.push((own, peer, socket.tcp_nodelay().unwrap()));
        }
    }
    Some(found)
}

#[cfg(target_os = "linux")]
#[test]
fn small_pieces_wait_on_neither_side() {
    use std::io::Write;

    use crate::tls::{Secure, stream};

    let (upstream, end) = upstream_that_waits();
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let mut exchange = gateway.open(chat("", STREAM));
    exchange.wait_for("data: begun\n\n");
    let address = upstream.base_url.trim_start_matches("http://").trim_end_matches("/v1");
    let plain = assert_send_at_once(&gateway, address);
    end.send(()).unwrap();
    assert_eq!(exchange.finish().status, 200);

    let upstream = Secure::start("h2");
    let gateway = upstream.gateway(&json!({}), &[]);
    let mut client = Client::of(&gateway);
    let mut answer = client.ask(http2::chat(&stream("stall"))).unwrap();
    assert!(client.next(&mut answer).is_some());
    let address = upstream
        .base_url
        .replace("https://localhost", "127.0.0.1")
        .replace("/v1", "");
    if !(plain && assert_send_at_once(&gateway, &address)) {
        // Past the capture of a test that passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: this system lets nobody look at another process's sockets"
        );
    }
}

/// Both ends of the one request that is under way. Whether they can be looked at.
#[cfg(target_os = "linux")]
fn assert_send_at_once(gateway: &Gateway, upstream: &str) -> bool {
    let Some(connections) = connections(gateway) else {
        return false;
    };
    let client: Vec<_> = connections.iter().filter(|(own, ..)| *own == gateway.address).collect();
    let upstream: Vec<_> = connections.iter().filter(|(_, peer, _)| peer == upstream).collect();
    // Who looked whether the gateway listens may not be gone yet.
    assert!(!client.is_empty() && upstream.len() == 1, "{connections:?}");
    let mut ends = client.iter().chain(&upstream);
    assert!(ends.all(|(_, _, at_once)| *at_once), "TCP_NODELAY: {connections:?}");
    true
}
