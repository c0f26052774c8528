//! What a client sees and what an upstream sees, written once and run against both runtimes: the native binary and the
//! Worker in bare workerd. The upstream records what it gets and answers as told.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot set up fails"
)]

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What the upstream got: its head in lower case, and its body.
type Seen = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// An upstream that gives each request what `reply` makes of its head; `None` closes without a word.
fn upstream(reply: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = Seen::default();
    let (log, reply) = (Arc::clone(&seen), Arc::new(reply));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (log, reply) = (Arc::clone(&log), Arc::clone(&reply));
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let Some((head, body)) = read_request(&mut stream) else {
                    return;
                };
                log.lock().unwrap().push((head.clone(), body));
                if let Some(answer) = reply(&head) {
                    let _ = stream.write_all(&answer);
                }
            });
        }
    });
    (format!("http://{address}/v1"), seen)
}

fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
            .unwrap_or(0);
        if bytes.len() >= end + 4 + length {
            return Some((head, bytes.split_off(end + 4)));
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> Option<Vec<u8>> {
    let length = body.len();
    Some(
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
            .into_bytes(),
    )
}

const JSON: &str = "content-type: application/json\r\n";

/// A running gateway; it ends with the test.
struct Gateway {
    process: Child,
    address: String,
    _folder: tempfile::TempDir,
}

#[derive(Clone, Copy)]
enum Runtime {
    Native,
    Worker,
}

/// The command that serves the Worker with `variables` as its bindings.
fn workerd(folder: &Path, port: u16, variables: &[(&str, &str)]) -> Command {
    let built = |name| {
        std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run scripts/test, which builds the Worker"))
    };
    let quoted = |text: &str| format!("{text:?}");
    let bindings: Vec<String> = variables
        .iter()
        .map(|(name, text)| format!("(name = {}, text = {})", quoted(name), quoted(text)))
        .collect();
    let template = include_str!("workerd/config.capnp.template");
    let config = folder.join("config.capnp");
    let text = template
        .replace("@PORT@", &port.to_string())
        .replace("@BINDINGS@", &bindings.join(", "));
    fs::write(&config, text).unwrap();
    let mut import = OsString::from("--import-path=");
    import.push(built("WORKER_DIR"));
    let mut command = Command::new(built("WORKERD_BIN"));
    command.arg("serve").arg(import).arg(config);
    command
}

impl Gateway {
    fn start(runtime: Runtime, variables: &[(&str, &str)]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let mut command = match runtime {
            Runtime::Native => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_ai-gateway"));
                command
                    .env_clear()
                    .env("PORT", port.to_string())
                    .envs(variables.iter().copied());
                command
            }
            Runtime::Worker => workerd(folder.path(), port, variables),
        };
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let gateway = Self {
            process,
            address: format!("127.0.0.1:{port}"),
            _folder: folder,
        };
        for _ in 0..600 {
            if TcpStream::connect(&gateway.address).is_ok() {
                return gateway;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("the gateway does not listen");
    }

    fn with_route(runtime: Runtime, mut route: Value) -> Self {
        route["token"] = "gw-token".into();
        Self::start(runtime, &[("GATEWAY_ROUTES", &json!([route]).to_string())])
    }

    /// Sends raw bytes and reads the whole answer: head in lower case, body de-chunked.
    fn raw(&self, request: &[u8]) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // The gateway may answer and close before it has read everything.
        let _ = stream.write_all(request);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("no head");
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let body = bytes.split_off(end + 4);
        let status = head[9..12].parse().unwrap();
        let body = if head.contains("transfer-encoding: chunked") {
            dechunk(&body)
        } else {
            body
        };
        (status, head, body)
    }

    fn get(&self, path: &str) -> (u16, String, Vec<u8>) {
        self.raw(
            format!("GET {path} HTTP/1.1\r\nhost: g\r\nx-api-key: gw-token\r\nconnection: close\r\n\r\n").as_bytes(),
        )
    }

    fn post(&self, path: &str, headers: &str, body: &str) -> (u16, String, Vec<u8>) {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer gw-token\r\ncontent-type: application/json\r\n"
        );
        self.raw(format!("{head}{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}").as_bytes())
    }

    fn chat(&self, body: &str) -> (u16, String, Vec<u8>) {
        self.post("/v1/chat/completions", "", body)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn dechunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).unwrap(), 16).unwrap();
        body.extend_from_slice(&bytes[line + 2..line + 2 + size]);
        bytes = &bytes[line + 4 + size..];
        if size == 0 {
            break;
        }
    }
    body
}

fn code(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).expect("not JSON");
    let error = body["error"].as_object().expect("no error object");
    assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "message", "param", "type"]);
    error["code"].as_str().unwrap().to_owned()
}

macro_rules! behaviours {
    ($($name:ident),+ $(,)?) => {
        mod native {
            $(#[test]
            fn $name() {
                super::$name(super::Runtime::Native);
            })+
        }
        mod worker {
            $(#[test]
            fn $name() {
                super::$name(super::Runtime::Worker);
            })+
        }
    };
}

behaviours! {
    the_body_goes_upstream_as_it_came_but_for_its_model,
    failing_keys_are_stepped_over_unnoticed,
    the_clients_own_mistakes_are_handed_back_untouched_after_one_attempt,
    when_everything_failed_the_client_learns_the_cause,
    a_rate_limit_on_every_key_keeps_its_retry_after,
    a_silent_upstream_is_ended_by_the_timeout,
    a_stream_passes_byte_for_byte,
    bad_input_meets_a_clear_error,
    two_tokens_reach_two_upstreams,
    the_single_token_variables_still_work,
}

fn the_body_goes_upstream_as_it_came_but_for_its_model(runtime: Runtime) {
    let (base_url, seen) = upstream(|_| answer("200 OK", JSON, r#"{"choices":[]}"#));
    let gateway = Gateway::with_route(
        runtime,
        json!({"base_url": base_url, "api_keys": ["up-key-1"], "aliases": {"fast": "real"}}),
    );
    let (status, head, body) = gateway.chat(r#"{"z":1.00, "model":"fast","x":"é"}"#);
    assert_eq!((status, body.as_slice()), (200, br#"{"choices":[]}"#.as_slice()));
    assert!(head.contains("x-gateway-attempts: 1") && head.contains("x-request-id: "));
    let (head, body) = seen.lock().unwrap()[0].clone();
    assert_eq!(
        String::from_utf8(body).unwrap(),
        r#"{"z":1.00, "model":"real","x":"é"}"#
    );
    assert!(head.starts_with("post /v1/chat/completions http/1.1") && head.contains("authorization: bearer up-key-1"));
    assert!(!head.contains("gw-token"));
}

fn failing_keys_are_stepped_over_unnoticed(runtime: Runtime) {
    for failure in ["401 No", "402 Pay", "403 No", "429 Slow", "500 Oops", "529 Busy", ""] {
        let (base_url, seen) = upstream(move |head| match head.contains("good-key") {
            true => answer("200 OK", JSON, "{}"),
            false if failure.is_empty() => None,
            false => answer(failure, JSON, r#"{"error":{"message":"bad"}}"#),
        });
        let gateway = Gateway::with_route(
            runtime,
            json!({"base_url": base_url, "api_keys": ["bad-key-1", "bad-key-2", "good-key"]}),
        );
        for id in 0..4 {
            let (status, _, _) = gateway.post(
                "/v1/chat/completions",
                &format!("x-request-id: {id}\r\n"),
                r#"{"model":"m"}"#,
            );
            assert_eq!(status, 200, "{failure}");
        }
        assert!(seen.lock().unwrap().len() > 4, "{failure}");
    }
}

fn the_clients_own_mistakes_are_handed_back_untouched_after_one_attempt(runtime: Runtime) {
    let (base_url, seen) = upstream(|_| answer("422 No", JSON, r#"{"detail": "wrong, up-key-1"}"#));
    let gateway = Gateway::with_route(
        runtime,
        json!({"base_url": base_url, "api_keys": ["up-key-1", "up-key-2"]}),
    );
    let (status, _, body) = gateway.chat(r#"{"model":"m"}"#);
    assert_eq!(
        (status, body.as_slice()),
        (422, br#"{"detail": "wrong, [redacted]"}"#.as_slice())
    );
    assert_eq!(seen.lock().unwrap().len(), 1);
}

fn when_everything_failed_the_client_learns_the_cause(runtime: Runtime) {
    for (reply, status, expected) in [
        (answer("401 No", JSON, "{}"), 502, "upstream_auth_failed"),
        (
            answer("302 Go", "location: /x\r\n", ""),
            502,
            "upstream_invalid_response",
        ),
        (
            answer("200 OK", "content-type: text/html\r\n", "<html>"),
            502,
            "upstream_invalid_response",
        ),
        (answer("200 OK", JSON, ""), 502, "upstream_invalid_response"),
        (answer("503 Busy", "", "<html>"), 503, "upstream_invalid_response"),
        (Some(b"garbage\r\n\r\n".to_vec()), 502, "upstream_unreachable"),
        (None, 502, "upstream_unreachable"),
    ] {
        let (base_url, _) = upstream(move |_| reply.clone());
        let gateway = Gateway::with_route(runtime, json!({"base_url": base_url, "api_keys": ["up-key-1"]}));
        let (got, head, body) = gateway.chat(r#"{"model":"m"}"#);
        assert_eq!((got, code(&body).as_str()), (status, expected));
        assert!(head.contains("x-should-retry: false"));
    }
}

fn a_rate_limit_on_every_key_keeps_its_retry_after(runtime: Runtime) {
    let (base_url, _) = upstream(|_| answer("429 Slow", &format!("{JSON}retry-after: 7\r\n"), r#"{"error":{}}"#));
    let gateway = Gateway::with_route(
        runtime,
        json!({"base_url": base_url, "api_keys": ["up-key-1", "up-key-2"]}),
    );
    let (status, head, _) = gateway.chat(r#"{"model":"m"}"#);
    assert_eq!(status, 429);
    assert!(head.contains("retry-after: 7") && head.contains("x-gateway-attempts: 2"));
}

fn a_silent_upstream_is_ended_by_the_timeout(runtime: Runtime) {
    let (base_url, _) = upstream(|_| {
        thread::sleep(Duration::from_secs(60));
        None
    });
    let gateway = Gateway::with_route(
        runtime,
        json!({"base_url": base_url, "api_keys": ["up-key-1"], "timeout": 0.3}),
    );
    let (status, _, body) = gateway.chat(r#"{"model":"m"}"#);
    assert_eq!((status, code(&body).as_str()), (504, "upstream_timeout"));
}

fn a_stream_passes_byte_for_byte(runtime: Runtime) {
    const STREAM: &str = ": hi\r\n\r\ndata: {\"a\":1}\r\n\r\nevent: x\ndata: é\n\ndata: [DONE]\n\n";
    let (base_url, _) = upstream(|_| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nset-cookie: a=b\r\nx-request-id: up-1\r\nconnection: close\r\n\r\n";
        Some(format!("{head}{STREAM}").into_bytes())
    });
    let gateway = Gateway::with_route(runtime, json!({"base_url": base_url, "api_keys": ["up-key-1"]}));
    let (status, head, body) = gateway.chat(r#"{"model":"m","stream":true}"#);
    assert_eq!((status, body.as_slice()), (200, STREAM.as_bytes()));
    for line in [
        "content-type: text/event-stream; charset=utf-8",
        "cache-control: no-cache, no-transform",
        "x-accel-buffering: no",
        "x-upstream-request-id: up-1",
    ] {
        assert!(head.contains(line), "{line}");
    }
    assert!(!head.contains("set-cookie"));
}

fn bad_input_meets_a_clear_error(runtime: Runtime) {
    let gateway = Gateway::start(
        runtime,
        &[
            (
                "GATEWAY_ROUTES",
                r#"[{"token":"gw-token","provider":"echo","models":["echo"]}]"#,
            ),
            ("BODY_LIMIT", "100000"),
        ],
    );
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(128), "]".repeat(128));
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
    for (body, status, expected) in [
        ("nonsense", 400, "invalid_json"),
        ("", 400, "invalid_json"),
        ("[]", 400, "invalid_body"),
        (deep.as_str(), 400, "invalid_json"),
        (r#"{"model":"a","model":"b"}"#, 400, "invalid_body"),
        (r#"{"model":5}"#, 400, "invalid_body"),
        (r#"{"model":"other"}"#, 404, "model_not_found"),
        (large.as_str(), 413, "request_too_large"),
    ] {
        let (got, head, body) = gateway.chat(body);
        assert_eq!((got, code(&body).as_str()), (status, expected));
        assert!(head.contains("x-request-id: ") && head.contains("access-control-allow-origin: *"));
    }
    for path in [
        "/v2",
        "//v1/models",
        "/v1/../health",
        "/v1/models/%2e%2e/x",
        "/v1/files",
    ] {
        let (status, _, body) = gateway.get(path);
        assert_eq!((status, code(&body).as_str()), (404, "not_found"), "{path}");
    }
    let (status, head, body) = gateway.get("/chat");
    assert_eq!((status, code(&body).as_str()), (405, "method_not_allowed"));
    assert!(head.contains("allow: post, options"));
    let (status, _, body) = gateway.post("/chat", &format!("x-large: {}\r\n", "x".repeat(40_000)), "{}");
    assert_eq!((status, code(&body).as_str()), (431, "headers_too_large"));
    let (status, head, body) =
        gateway.raw(b"GET /v1/models HTTP/1.1\r\nhost: g\r\nauthorization: Basic Zzz\r\nconnection: close\r\n\r\n");
    assert_eq!((status, code(&body).as_str()), (401, "invalid_api_key"));
    assert!(head.contains("www-authenticate: bearer"));
}

fn two_tokens_reach_two_upstreams(runtime: Runtime) {
    let (first, _) = upstream(|_| answer("200 OK", JSON, r#"{"data":[{"id":"a"}]}"#));
    let (second, _) = upstream(|_| answer("200 OK", JSON, r#"{"data":[{"id":"b"}]}"#));
    let routes = json!([{"token": "gw-one", "base_url": first, "api_keys": ["k1"]}, {"token": "gw-two", "base_url": second, "api_keys": ["k2"]}]);
    let gateway = Gateway::start(runtime, &[("GATEWAY_ROUTES", &routes.to_string())]);
    for (token, id) in [("gw-one", "a"), ("gw-two", "b")] {
        let request =
            format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n");
        let (_, _, body) = gateway.raw(request.as_bytes());
        assert_eq!(body, format!("{{\"data\":[{{\"id\":\"{id}\"}}]}}").into_bytes());
    }
}

fn the_single_token_variables_still_work(runtime: Runtime) {
    let (base_url, seen) = upstream(|_| answer("200 OK", JSON, "{}"));
    let gateway = Gateway::start(
        runtime,
        &[
            ("GATEWAY_TOKEN", "gw-token"),
            ("PROVIDER", "siliconflow"),
            ("SILICONFLOW_API_KEY", "sf-key"),
            ("OPENAI_API_KEY", "oa-key"),
            ("UPSTREAM_BASE_URL", &base_url),
            ("DEFAULT_MODEL", "dm"),
            ("HTTP_REFERER", "https://r.example"),
            ("X_TITLE", "T"),
        ],
    );
    assert_eq!(gateway.chat(r#"{"messages":[]}"#).0, 200);
    let (head, body) = seen.lock().unwrap()[0].clone();
    for line in [
        "authorization: bearer sf-key",
        "http-referer: https://r.example",
        "x-title: t",
    ] {
        assert!(head.contains(line), "{line}");
    }
    assert_eq!(body, br#"{"model":"dm","messages":[]}"#);
}
