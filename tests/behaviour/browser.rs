//! The official SDK in a real browser, on a page of another origin: what a browser lets through is what counts.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::upstream::{Connection, JSON, Received, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, route};
use crate::websockets;

/// A browser that starts on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(240);

pub(crate) fn a_page_of_another_origin_uses_the_sdk(runtime: Runtime) {
    let Some(browser) = browser() else { return };
    let page = Page::serve();
    let seen = Mutex::new(page.seen);
    let upstream = Upstream::start(move |received, to| answer(received, to, &seen));
    let gateway = Gateway::to(runtime, &upstream, json!({"max_attempts": 1}));
    let _browser = Browser::open(&browser, &page.server, &gateway, "everything");
    let mut told = page.told.recv_timeout(PATIENCE).expect("the page tells nothing");
    let id = told["stream"]["id"].take();
    let expected = json!({
        "stream": {"id": null, "pieces": ["你好", " ", "world"]},
        "models": ["a"],
        "stranger": [401, "invalid_api_key", null],
        "limited": [429, "rate_limit_exceeded", "17"],
        "socket": ["realtime", "你好"],
    });
    assert_eq!(told, expected);
    let received = upstream.received();
    assert_eq!(received[0].one("x-request-id"), id.as_str());
    let spied = |request: &Received| request.head.contains(TOKEN) || request.one("origin").is_some();
    assert!(!received.iter().any(spied), "the upstream sees who asks");
}

pub(crate) fn only_pages_of_configured_origins_may_read_answers(runtime: Runtime) {
    let Some(browser) = browser() else { return };
    let (known, stranger) = (Page::serve(), Page::serve());
    let upstream = Upstream::start(|_, to| models(to));
    let routes = json!([route(TOKEN, &upstream, json!({}))]).to_string();
    let gateway = Gateway::start(
        runtime,
        &[("GATEWAY_ROUTES", &routes), ("CORS_ORIGINS", &origin(&known.server))],
    );
    for (page, expected) in [
        (known, json!(["a"])),
        (
            stranger,
            json!({"error": "APIConnectionError: Error: Connection error."}),
        ),
    ] {
        let _browser = Browser::open(&browser, &page.server, &gateway, "models");
        let told = page.told.recv_timeout(PATIENCE).expect("the page tells nothing");
        assert_eq!(told, expected);
    }
}

fn models(to: &mut Connection) {
    let model = r#"{"id":"a","object":"model","created":1,"owned_by":"x"}"#;
    to.answer("200 OK", JSON, &format!(r#"{{"object":"list","data":[{model}]}}"#));
}

/// Answers by path and model. A stream goes on when the page has seen its beginning.
fn answer(received: &Received, to: &mut Connection, seen: &Mutex<Receiver<Value>>) {
    if let Some(socket) = websockets::accept(received, to) {
        return websockets::echo(socket);
    }
    if received.line().starts_with("GET /v1/models") {
        return models(to);
    }
    if received.text().contains("limited") {
        let error = r#"{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
        return to.answer("429 Slow", &format!("{JSON}retry-after: 17\r\n"), error);
    }
    let chunk = |word: &str, reason: Value| {
        let choice = json!({"index": 0, "delta": {"content": word}, "finish_reason": reason});
        let chunk =
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "text", "choices": [choice]});
        format!("data: {chunk}\n\n")
    };
    to.head("200 OK", SSE);
    to.send(chunk("你好", Value::Null).as_bytes());
    if seen.lock().unwrap().recv_timeout(PATIENCE).is_ok() {
        to.send(chunk(" ", Value::Null).as_bytes());
        to.send(chunk("world", json!("stop")).as_bytes());
        to.send(b"data: [DONE]\n\n");
    }
}

/// A page with the program of `tests/clients`, served from an origin of its own.
struct Page {
    server: Upstream,
    /// That the stream has begun.
    seen: Receiver<Value>,
    /// What it has seen in the end.
    told: Receiver<Value>,
}

impl Page {
    fn serve() -> Self {
        let ((seen_by, seen), (told_by, told)) = (mpsc::channel(), mpsc::channel());
        let report = |to: &Sender<Value>, received: &Received| {
            let _ = to.send(serde_json::from_slice(&received.body).unwrap_or_default());
        };
        let server = Upstream::start(move |received, to| {
            let line = received.line();
            if line.starts_with("GET /page?") {
                let page = "<!doctype html><meta charset=\"utf-8\"><script src=\"/program\"></script>";
                return to.answer("200 OK", "content-type: text/html\r\n", page);
            }
            if line.starts_with("GET /program ") {
                return to.answer("200 OK", "content-type: text/javascript; charset=utf-8\r\n", program());
            }
            if line.starts_with("POST /seen ") {
                report(&seen_by, received);
            } else if line.starts_with("POST /told ") {
                report(&told_by, received);
            }
            to.answer("200 OK", "", "");
        });
        Self { server, seen, told }
    }
}

fn origin(server: &Upstream) -> String {
    server.base_url.trim_end_matches("/v1").to_owned()
}

/// The program of the page with the SDK's build for browsers in it.
fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let bundler = env::var_os("ESBUILD_BIN").expect("ESBUILD_BIN is not set: run scripts/test, which installs it");
        let output = Command::new(bundler)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/browser.mjs"))
            .args(["--bundle", "--platform=browser", "--format=iife"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    })
}

/// The browser of this machine. Where there is none, that is said in the open: scripts/test counts it.
fn browser() -> Option<OsString> {
    let path = env::var_os("CHROMIUM_BIN").expect("CHROMIUM_BIN is not set: run scripts/test, which looks for it");
    if path.is_empty() {
        // Not `eprintln`, which is kept back where a test passes.
        let _ = writeln!(io::stderr(), "SKIPPED: there is no Chromium to test with");
        return None;
    }
    Some(path)
}

/// A running browser; it ends with the test.
struct Browser {
    process: Child,
    _profile: TempDir,
}

impl Browser {
    /// Opens the page of `server`, which is to do a task with the gateway.
    fn open(path: &OsString, server: &Upstream, gateway: &Gateway, task: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let process = Command::new(path)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .args([
                "--disable-breakpad",
                "--no-proxy-server",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!(
                "{}/page?gateway={}&token={TOKEN}&task={task}",
                origin(server),
                gateway.address
            ))
            .env("HOME", profile.path())
            .env("TMPDIR", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Self {
            process,
            _profile: profile,
        }
    }
}

impl Drop for Browser {
    /// Lets it end its other processes; what is left after a while is ended with it.
    fn drop(&mut self) {
        let signal = |name: &str, id: &str| Command::new("kill").args(["-s", name, "--", id]).status();
        let id = self.process.id().to_string();
        let _ = signal("TERM", &id);
        for _ in 0..400 {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(25));
        }
        let _ = signal("KILL", &format!("-{id}"));
        let _ = self.process.wait();
    }
}
