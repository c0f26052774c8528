//! How the binary stops, whom it lets in, and whom it lets go.

#![expect(clippy::disallowed_types, reason = "a native test has a native clock")]

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::http2::{self, Client};
use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, chat, request, route};

const CHAT: &str = r#"{"model":"m"}"#;
const STREAM: &str = r#"{"model":"m","stream":true}"#;
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

fn with(upstream: &Upstream, variable: (&str, &str)) -> Gateway {
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

#[test]
fn a_full_house_refuses_before_it_reads_and_serves_again_when_somebody_has_left() {
    let (upstream, end) = upstream_that_waits();
    let gateway = with(&upstream, ("MAX_CONCURRENT", "2"));
    let mut guests = [(); 2].map(|()| gateway.open(chat("", STREAM)));
    for guest in &mut guests {
        guest.wait_for("data: begun\n\n");
    }
    // Its body does not come; nobody waits for it.
    let unread = gateway
        .open(chat("", CHAT).replace(CHAT, ""))
        .try_finish()
        .expect("an answer");
    // A browser that may not ask would never get to read why.
    let preflight = request("OPTIONS", "/v1/chat/completions", "", "", "");
    assert_eq!(gateway.raw(preflight).status, 204);
    for refused in [gateway.checked(unread), gateway.chat(CHAT), gateway.get("/v1/models")] {
        assert_eq!(refused.error(), (503, "overloaded".into()));
        assert_eq!(refused.field("retry-after"), Some("1"));
    }
    assert_eq!(upstream.received().len(), 2);
    end.send(()).unwrap();
    end.send(()).unwrap();
    for guest in guests {
        assert!(gateway.checked(guest.finish()).text().ends_with("data: [DONE]\n\n"));
    }
    end.send(()).unwrap();
    let serves = || {
        thread::sleep(Duration::from_millis(20));
        gateway.chat(STREAM).status == 200
    };
    assert!((0..500).any(|_| serves()), "nobody is let in again");
}

#[test]
fn a_head_may_take_a_while() {
    let gateway = Gateway::echo(Runtime::Native);
    let mut exchange = gateway.open("GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ");
    thread::sleep(Duration::from_secs(4));
    exchange.send(b"1\r\nconnection: close\r\n\r\n").unwrap();
    assert_eq!(exchange.finish().status, 200);
}

#[test]
fn a_client_that_never_finishes_its_head_or_its_body_is_let_go() {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let unfinished = |path: &str| {
        let begun = request("POST", path, TOKEN, JSON, &"x".repeat(100)).replace("xxx", "x");
        gateway.checked(gateway.open(begun).finish()).error()
    };
    thread::scope(|scope| {
        let head = scope.spawn(|| {
            let mut exchange = gateway.open("GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ");
            assert!(exchange.is_let_go(), "nobody ended it");
            exchange.try_finish().is_none_or(|answer| answer.status == 408)
        });
        let read = scope.spawn(|| unfinished("/v1/chat/completions"));
        let passed = scope.spawn(|| unfinished("/v1/files"));
        let newer = scope.spawn(|| {
            let mut client = Client::of(&gateway);
            let (_sender, body) = http2::unfinished();
            let answer = client.ask(http2::post("/v1/chat/completions", TOKEN, body)).unwrap();
            client.error(answer)
        });
        assert!(head.join().unwrap());
        for body in [read, passed, newer] {
            assert_eq!(body.join().unwrap(), (408, "request_timeout".into()));
        }
    });
    assert!(upstream.received().is_empty());
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
    assert!(client.len() == 1 && upstream.len() == 1, "{connections:?}");
    assert!(client[0].2 && upstream[0].2, "TCP_NODELAY: {connections:?}");
    true
}
