//! What the binary writes down about each request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::Exchange;
use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, free_port, request, route};

const STREAM: &str = r#"{"model":"m","stream":true,"messages":"prompt-SECRET"}"#;
const EVENTS: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"answer-SECRET\"},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}\n\ndata: [DONE]\n\n";
const WHOLE: &str = r#"{"choices":[{"message":{"content":"answer-SECRET"}}],"usage":{"prompt_tokens":5,"completion_tokens":6,"total_tokens":11}}"#;

fn upstream() -> Upstream {
    Upstream::start(|received, to| {
        if received.text().contains("\"stream\":true") {
            to.answer("200 OK", SSE, EVENTS);
        } else if received.text().contains("fails") {
            to.answer("500 Oops", JSON, r#"{"error":{"message":"answer-SECRET"}}"#);
        } else {
            to.answer("200 OK", JSON, WHOLE);
        }
    })
}

fn gateway(upstream: &Upstream, format: &str) -> Gateway {
    let routes = json!([route(TOKEN, upstream, json!({"name": "main"}))]).to_string();
    Gateway::start(Runtime::Native, &[("GATEWAY_ROUTES", &routes), ("LOG_FORMAT", format)])
}

/// The line of a request. `null` for a member that it does not have.
fn line(gateway: &Gateway, id: &str) -> Value {
    gateway.wait_for_log(&format!("\"request_id\":\"{id}\""));
    let log = gateway.stdout();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut of_request = lines.into_iter().filter(|line| line["request_id"] == id);
    let line = of_request.next().unwrap();
    assert!(of_request.next().is_none(), "{id} has two lines");
    line
}

/// The time to the second, as the system tells it.
fn now() -> String {
    let date = Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%S"])
        .output()
        .unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}

/// Ends with its test, however that ends.
struct Process(Child);

impl Process {
    fn terminate(&self) {
        let killed = Command::new("kill").arg(self.0.id().to_string()).status();
        assert!(killed.unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A gateway whose log nobody reads, and its address.
fn unread() -> (Process, String) {
    let port = free_port();
    let process = Command::new(env!("CARGO_BIN_EXE_ai-gateway"))
        .arg("demo")
        .env_clear()
        .env("PORT", port.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let process = Process(process.unwrap());
    let address = format!("127.0.0.1:{port}");
    while TcpStream::connect(&address).is_err() {
        std::thread::sleep(Duration::from_millis(25));
    }
    (process, address)
}

#[test]
fn lines_for_which_there_is_no_room_are_counted() {
    const REQUESTS: usize = 200;
    let (mut process, address) = unread();
    let mut connection = TcpStream::connect(&address).unwrap();
    let asked = request(
        "GET",
        "/health",
        "",
        &format!("x-request-id: {}\r\n", "x".repeat(128)),
        "",
    );
    let asked = asked.replace("connection: close\r\n", "").repeat(REQUESTS);
    let mut sent = 0;
    // Until more has been said than waits.
    while sent * 300 < 8 << 20 {
        connection.write_all(asked.as_bytes()).unwrap();
        let mut answers = Vec::new();
        while memchr::memmem::find_iter(&answers, "\"status\":\"ok\"").count() < REQUESTS {
            let mut buffer = [0; 65_536];
            let read = connection.read(&mut buffer).unwrap();
            assert!(read > 0, "the connection ended");
            answers.extend_from_slice(&buffer[..read]);
        }
        sent += REQUESTS;
    }
    let lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    process.terminate();
    let read = lines.filter(|line| line.as_ref().unwrap().ends_with('}')).count();
    let said = std::io::read_to_string(process.0.stderr.take().unwrap()).unwrap();
    let lost = said.lines().find(|line| line.contains("were lost")).unwrap();
    let lost: Value = serde_json::from_str(lost).unwrap();
    let words = lost["message"].as_str().unwrap().split(' ');
    let lost: usize = words.filter_map(|word| word.parse().ok()).next().unwrap();
    assert_eq!(read + lost, sent, "{said}");
}

#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    const REQUESTS: usize = 600;
    let (mut process, address) = unread();
    // Their lines are more than a pipe holds.
    for number in 0..REQUESTS {
        let asked = request("GET", "/health", "", "", "");
        assert_eq!(
            Exchange::begin(&address, asked.as_bytes()).finish().status,
            200,
            "{number}"
        );
    }
    let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    assert!((0..REQUESTS).all(|_| lines.next().unwrap().unwrap().contains("\"status\":200")));
}

#[test]
fn a_line_tells_who_asked_whom_for_what_and_how_it_went() {
    let (upstream, begin) = (upstream(), now());
    let gateway = gateway(&upstream, "json");
    gateway.chat_with("x-request-id: stream\r\n", STREAM);
    gateway.chat_with("x-request-id: whole\r\n", r#"{"model":"m"}"#);
    gateway.chat_with("x-request-id: failed\r\n", r#"{"model":"fails"}"#);
    for (id, model, stream, status, attempts, bytes, tokens) in [
        ("stream", "m", true, 200, 1, EVENTS.len(), json!([3, 4])),
        ("whole", "m", false, 200, 1, WHOLE.len(), json!([5, 6])),
        ("failed", "fails", false, 500, 2, 37, json!([null, null])),
    ] {
        let line = line(&gateway, id);
        let expected = [
            ("endpoint", json!("chat_completions")),
            ("route", json!("main")),
            ("provider", json!("custom")),
            ("model", json!(model)),
            ("stream", json!(stream)),
            ("status", json!(status)),
            ("attempts", json!(attempts)),
            ("bytes", json!(bytes)),
            ("complete", json!(true)),
            ("prompt_tokens", tokens[0].clone()),
            ("completion_tokens", tokens[1].clone()),
        ];
        let told = expected.clone().map(|(name, _)| (name, line[name].clone()));
        assert_eq!(told, expected, "{line}");
        let time = line["time"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
        assert!(
            *begin <= *time && time[..19] <= *now(),
            "{begin} <= {time} <= {}",
            now()
        );
        let (first, total) = (
            line["first_byte_ms"].as_u64().unwrap(),
            line["total_ms"].as_u64().unwrap(),
        );
        assert!(first <= total, "{line}");
    }
    let failures = line(&gateway, "failed")["failures"].as_array().unwrap().len();
    assert_eq!(failures, 2);
    // Not even of an error.
    let log = gateway.log();
    assert!(!log.contains("answer-SECRET"), "{log}");
}

#[test]
fn the_times_of_a_line_are_the_first_bytes_and_the_last_ones() {
    let upstream = Upstream::start(|_, to| {
        std::thread::sleep(Duration::from_millis(300));
        to.head("200 OK", SSE);
        to.send(b"data: begun\n\n");
        std::thread::sleep(Duration::from_millis(700));
        to.send(b"data: [DONE]\n\n");
    });
    let gateway = gateway(&upstream, "json");
    gateway.chat_with("x-request-id: slow\r\n", STREAM);
    let line = line(&gateway, "slow");
    let (first, total) = (
        line["first_byte_ms"].as_u64().unwrap(),
        line["total_ms"].as_u64().unwrap(),
    );
    assert!(first >= 300 && total >= first + 600, "{line}");
    // All of it counts, and not what came first.
    assert_eq!(line["bytes"], "data: begun\n\ndata: [DONE]\n\n".len());
}

#[test]
fn every_request_leaves_one_line_and_none_tells_what_was_said() {
    let (upstream, silent) = (upstream(), Upstream::start(|_, to| to.hang()));
    let begins = Upstream::start(|_, to| {
        to.head("200 OK", SSE);
        to.send(b"data: begun\n\n");
        to.hang();
    });
    let routes = json!([
        route(TOKEN, &upstream, json!({})),
        route("gw-SECRET-b", &silent, json!({})),
        route("gw-SECRET-c", &begins, json!({}))
    ]);
    let gateway = Gateway::with_routes(Runtime::Native, &routes);
    let fields = |id: &str| format!("x-request-id: {id}\r\n");
    gateway.chat_with(&fields("stream"), STREAM);
    gateway.chat_with(&fields("bad"), "{\"prompt-SECRET");
    gateway.raw(request("GET", "/health", TOKEN, &fields("health"), ""));
    gateway.raw(request("GET", "/nowhere", TOKEN, &fields("nowhere"), ""));
    gateway.raw(request("GET", "/v1/models", "other-SECRET", &fields("nobody"), ""));
    gateway.raw(request("OPTIONS", "/v1/models", TOKEN, &fields("preflight"), ""));
    // One that the parser refuses, two whose clients leave: before the answer, and in it.
    gateway.raw("nonsense\r\n\r\n");
    let path = "/v1/chat/completions";
    let early = gateway.open(request("POST", path, "gw-SECRET-b", &fields("early"), STREAM));
    silent.wait_for_request();
    early.leave();
    let mut leaver = gateway.open(request("POST", path, "gw-SECRET-c", &fields("left"), STREAM));
    leaver.wait_for("data: begun\n\n");
    leaver.leave();
    for (id, status) in [
        ("stream", 200),
        ("bad", 400),
        ("health", 200),
        ("nowhere", 404),
        ("nobody", 401),
        ("preflight", 204),
        ("early", 499),
        ("left", 200),
    ] {
        assert_eq!(line(&gateway, id)["status"], status, "{id}");
    }
    assert_eq!(line(&gateway, "left")["complete"], false);
    gateway.wait_for_log("malformed_request");
    let log = gateway.log();
    assert_eq!(gateway.stdout().lines().count(), 9, "{log}");
    for secret in ["prompt-SECRET", "answer-SECRET", "other-SECRET"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn people_get_words() {
    let upstream = upstream();
    let gateway = gateway(&upstream, "text");
    gateway.chat_with("x-request-id: two\r\n", r#"{"model":"m"}"#);
    gateway.wait_for_log("id=two");
    let line = gateway.stdout();
    for words in [
        " 200 chat_completions ",
        " ms ",
        "route=main",
        "provider=custom",
        "model=m",
        "attempts=1",
        &format!("bytes={}", WHOLE.len()),
    ] {
        assert!(line.contains(words), "{words} in {line}");
    }
    assert_eq!(line.lines().count(), 1);
    let words: Vec<&str> = line.split(' ').collect();
    assert!(words[0].len() == 24 && words[0].ends_with('Z'), "{line}");
    assert!(words[3].parse::<u64>().is_ok() && words[4] == "ms", "{line}");
    // Whatever a client calls its model.
    gateway.chat_with("x-request-id: three\r\n", r#"{"model":"a\nb"}"#);
    gateway.wait_for_log("id=three");
    assert_eq!(gateway.stdout().lines().count(), 2);
}
