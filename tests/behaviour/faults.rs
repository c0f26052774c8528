//! The fault matrix: every way an upstream can fail, for a whole answer and for a stream, with one key, with two, and with
//! a fallback. What is seen is compared with `faults.md`, which is written for people. After a change on purpose:
//! `UPDATE_FAULTS=1 cargo test faults`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, thread};

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::upstream::{Connection, JSON, Received, SSE, Upstream};
use crate::support::{Gateway, Runtime, request};

const WHOLE: &str = r#"{"choices":[{"index":0,"message":{"content":"fine"},"finish_reason":"stop"}]}"#;
const CONTENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"fi\"},\"finish_reason\":null}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ne\"},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// What an upstream does: to a request for a whole answer, and to one for a stream.
pub(crate) struct Fault {
    name: &'static str,
    pub(crate) plays: fn(&mut Connection, bool),
}

/// A fault that looks the same whichever answer was asked for.
macro_rules! refusal {
    ($name:literal, $status:literal, $fields:literal, $body:expr) => {
        Fault {
            name: $name,
            plays: |to, _| to.answer($status, concat!("content-type: application/json\r\n", $fields), $body),
        }
    };
}

/// The head of a good answer whose body is longer than what will come.
fn promise(to: &mut Connection, stream: bool) {
    if stream {
        to.head("200 OK", SSE);
    } else {
        to.head("200 OK", &format!("{JSON}content-length: 5000\r\n"));
    }
}

/// A beginning: the first content, or a part of a whole answer.
fn begin(to: &mut Connection, stream: bool) {
    promise(to, stream);
    to.send(if stream { CONTENT } else { &WHOLE[..20] }.as_bytes());
    thread::sleep(Duration::from_millis(100));
}

const ERROR: &str = r#"{"error":{"message":"m","type":"t","param":null,"code":null}}"#;

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "none",
        plays: |to, stream| healthy(to, stream),
    },
    Fault {
        name: "connection refused",
        plays: |_, _| {},
    },
    Fault {
        name: "reset before the head",
        plays: |to, _| to.reset(),
    },
    Fault {
        name: "reset after the head",
        plays: |to, stream| {
            promise(to, stream);
            thread::sleep(Duration::from_millis(100));
            to.reset();
        },
    },
    Fault {
        name: "reset in the middle",
        plays: |to, stream| {
            begin(to, stream);
            to.reset();
        },
    },
    Fault {
        name: "hangs before the head",
        plays: |to, _| to.hang(),
    },
    Fault {
        name: "hangs after the head",
        plays: |to, stream| {
            promise(to, stream);
            to.hang();
        },
    },
    Fault {
        name: "hangs in the middle",
        plays: |to, stream| {
            begin(to, stream);
            to.hang();
        },
    },
    Fault {
        name: "half an event",
        plays: |to, stream| {
            begin(to, stream);
            to.send(&STOP.as_bytes()[..30]);
        },
    },
    Fault {
        name: "cut between events",
        plays: |to, stream| begin(to, stream),
    },
    Fault {
        name: "cut inside a character",
        plays: |to, stream| {
            begin(to, stream);
            to.send("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"".as_bytes());
            to.send(&"你".as_bytes()[..2]);
        },
    },
    Fault {
        name: "no [DONE]",
        plays: |to, stream| {
            begin(to, stream);
            to.send(STOP.as_bytes());
        },
    },
    Fault {
        name: "an error first",
        plays: |to, stream| {
            if stream {
                to.head("200 OK", SSE);
                to.send(format!("data: {ERROR}\n\n").as_bytes());
            } else {
                to.answer("200 OK", JSON, ERROR);
            }
        },
    },
    Fault {
        name: "an error with a code first",
        plays: |to, stream| {
            let error = r#"{"error":{"code":429,"message":"slow down"}}"#;
            if stream {
                to.head("200 OK", SSE);
                to.send(format!(": hello\n\ndata: {error}\n\ndata: [DONE]\n\n").as_bytes());
            } else {
                to.answer("200 OK", JSON, error);
            }
        },
    },
    Fault {
        name: "an error in the middle",
        plays: |to, stream| {
            begin(to, stream);
            to.send(format!("data: {ERROR}\n\n").as_bytes());
        },
    },
    Fault {
        name: "a page under 200",
        plays: |to, _| to.answer("200 OK", "content-type: text/html\r\n", "<p>hi</p>"),
    },
    Fault {
        name: "a page under 502",
        plays: |to, _| to.answer("502 Bad", "content-type: text/html\r\n", "<p>hi</p>"),
    },
    Fault {
        name: "nothing under 200",
        plays: |to, _| to.answer("200 OK", JSON, ""),
    },
    Fault {
        name: "an empty stream",
        plays: |to, stream| {
            if stream {
                to.head("200 OK", SSE);
            } else {
                to.answer("200 OK", JSON, "\n\n");
            }
        },
    },
    Fault {
        name: "comments only",
        plays: |to, stream| {
            if stream {
                to.head("200 OK", SSE);
                to.send(b": one\n\n: two\n\ndata: [DONE]\n\n");
            } else {
                to.answer("200 OK", JSON, " ");
            }
        },
    },
    Fault {
        name: "a line of a megabyte",
        plays: |to, stream| {
            let long = "x".repeat(1 << 20);
            if stream {
                to.head("200 OK", SSE);
                to.send(CONTENT.replace("fi", &long).as_bytes());
                to.send(format!("{STOP}{DONE}").as_bytes());
            } else {
                to.answer("200 OK", JSON, &WHOLE.replace("fine", &format!("fine{long}")));
            }
        },
    },
    Fault {
        name: "garbage",
        plays: |to, _| to.send(b"\x16\x03\x01 garbage \x00\r\n\r\n"),
    },
    Fault {
        name: "302",
        plays: |to, _| to.answer("302 Found", "location: http://elsewhere.example/\r\n", ""),
    },
    Fault {
        name: "a slow trickle",
        plays: |to, stream| {
            if stream {
                to.head("200 OK", SSE);
            } else {
                to.head("200 OK", &format!("{JSON}content-length: {}\r\n", WHOLE.len()));
            }
            let text = if stream {
                [CONTENT, STOP, DONE].concat()
            } else {
                WHOLE.to_owned()
            };
            for piece in text.as_bytes().chunks(7) {
                to.send(piece);
                thread::sleep(Duration::from_millis(2));
            }
        },
    },
    refusal!("400", "400 Bad", "", ERROR),
    refusal!(
        "400 API_KEY_INVALID",
        "400 Bad",
        "",
        r#"[{"error":{"code":400,"message":"m","details":[{"reason":"API_KEY_INVALID"}]}}]"#
    ),
    refusal!(
        "400 location",
        "400 Bad",
        "",
        r#"[{"error":{"code":400,"message":"User location is not supported for the API use."}}]"#
    ),
    refusal!("401", "401 No", "", ERROR),
    refusal!("402", "402 Pay", "", ERROR),
    refusal!("403", "403 No", "", ERROR),
    refusal!("404", "404 No", "", ERROR),
    refusal!("408", "408 Late", "", ERROR),
    refusal!("409", "409 Conflict", "", ERROR),
    refusal!("413", "413 Large", "", ERROR),
    refusal!("415", "415 Type", "", ERROR),
    refusal!("422", "422 Bad", "", ERROR),
    refusal!("429", "429 Slow", "", ERROR),
    refusal!("429 in 7 seconds", "429 Slow", "retry-after: 7\r\n", ERROR),
    refusal!(
        "429 until 2099",
        "429 Slow",
        "retry-after: Thu, 01 Jan 2099 00:00:00 GMT\r\n",
        ERROR
    ),
    refusal!("429 in 6500 ms", "429 Slow", "retry-after-ms: 6500\r\n", ERROR),
    refusal!(
        "429 with a reset",
        "429 Slow",
        "x-ratelimit-reset-tokens: 1m2s\r\n",
        ERROR
    ),
    refusal!(
        "429 RetryInfo",
        "429 Slow",
        "",
        r#"[{"error":{"code":429,"message":"m","details":[{"retryDelay":"34s"}]}}]"#
    ),
    refusal!(
        "429 insufficient_quota",
        "429 Slow",
        "",
        r#"{"error":{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#
    ),
    refusal!("500", "500 Oops", "", ERROR),
    refusal!("502", "502 Bad", "", ERROR),
    refusal!("503", "503 Busy", "", ERROR),
    refusal!("503 in 3 seconds", "503 Busy", "retry-after: 3\r\n", ERROR),
    refusal!("504", "504 Late", "", ERROR),
    refusal!("520", "520 Odd", "", ERROR),
    refusal!("529", "529 Busy", "", ERROR),
];

pub(crate) fn healthy(to: &mut Connection, stream: bool) {
    if stream {
        to.head("200 OK", SSE);
        to.send([CONTENT, STOP, DONE].concat().as_bytes());
    } else {
        to.answer("200 OK", JSON, WHOLE);
    }
}

const SETUPS: [&str; 3] = ["one key", "two keys", "fallback"];

/// Plays the fault of the path: always where there is one key, to the first key that comes where there are two.
fn play(received: &Received, to: &mut Connection, first: &Mutex<HashMap<String, String>>) {
    let path = received.line().split(' ').nth(1).unwrap().to_owned();
    let stream = received.text().contains("\"stream\":true");
    let parts: Vec<&str> = path.split('/').collect();
    let key = received.one("authorization").unwrap_or_default().to_owned();
    let fault = parts[1].parse().ok().and_then(|index: usize| FAULTS.get(index));
    let bad = first
        .lock()
        .unwrap()
        .entry(path.clone())
        .or_insert_with(|| key.clone())
        .clone();
    match fault {
        Some(fault) if parts[2] != "1" || bad == key => (fault.plays)(to, stream),
        _ => healthy(to, stream),
    }
}

fn routes(upstream: &Upstream, refused: &str) -> Value {
    let root = upstream.base_url.trim_end_matches("/v1");
    let mut routes = Vec::new();
    for (index, fault) in FAULTS.iter().enumerate() {
        for stream in ["s", "w"] {
            for setup in 0..SETUPS.len() {
                let path = format!("{index}/{setup}/{stream}");
                let root = if fault.name == "connection refused" {
                    refused
                } else {
                    root
                };
                let mut route = json!({
                    "token": format!("gw-SECRET-{path}"), "name": path, "base_url": format!("{root}/{path}"),
                    "api_keys": if setup == 1 { json!(["up-SECRET-1", "up-SECRET-2"]) } else { json!(["up-SECRET-1"]) },
                });
                if fault.name.starts_with("hangs") {
                    route["timeout"] = json!(2);
                }
                if setup == 2 {
                    route["fallbacks"] = json!(["well"]);
                }
                routes.push(route);
            }
        }
    }
    routes.push(json!({"token": "gw-SECRET-well", "name": "well", "base_url": format!("{root}/well/x/y"), "api_keys": ["up-SECRET-9"]}));
    json!(routes)
}

/// What a client can tell about an answer.
fn seen(answer: &Answer, stream: bool) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let mut seen = answer.status.to_string();
    if answer.status != 200 {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let code = body["error"]["code"].as_str();
        seen += &match code {
            Some(code) => format!(" {code}"),
            None if body.is_null() => " not JSON".to_owned(),
            None => " as it came".to_owned(),
        };
        if let Some(wait) = answer.field("retry-after") {
            seen += if wait.ends_with("GMT") {
                ", retry at a date"
            } else {
                ", retry after "
            };
            seen += if wait.ends_with("GMT") { "" } else { wait };
        }
        if answer.field("x-should-retry") == Some("false") {
            seen += ", no retry";
        }
    } else if stream {
        seen += if text.contains("\"upstream_stream_truncated\"") {
            assert!(!text.contains("[DONE]"), "a forged end: {text}");
            " **cut is told**"
        } else if text.contains("\"error\"") {
            " with its error"
        } else if text.contains("[DONE]") && text.contains(STOP) {
            " complete"
        } else if text.contains(STOP) {
            " complete but for [DONE]"
        } else {
            " **looks like an end**"
        };
    } else {
        seen += if text.contains("fine") {
            " complete"
        } else {
            " **something else**"
        };
    }
    let attempts = answer.field("x-gateway-attempts").unwrap_or("none");
    format!("{seen} ({attempts})")
}

fn cell(gateway: &Gateway, upstream: &Upstream, index: usize, stream: bool, setup: usize) -> String {
    let path = format!("{index}/{setup}/{}", if stream { "s" } else { "w" });
    let body = if stream {
        r#"{"model":"m","stream":true}"#
    } else {
        r#"{"model":"m"}"#
    };
    let ask = |id: &str| {
        let fields = format!("content-type: application/json\r\nx-request-id: {id}\r\n");
        let token = format!("gw-SECRET-{path}");
        gateway.raw(request("POST", "/v1/chat/completions", &token, &fields, body))
    };
    let mut cell = seen(&ask("same"), stream);
    if setup == 1 {
        // The same request once more starts with the same key, unless that one rests.
        let attempts = ask("same").field("x-gateway-attempts").unwrap_or_default().to_owned();
        let keys: Vec<String> = upstream
            .received()
            .iter()
            .filter(|received| received.line().contains(&format!("/{path}/")))
            .map(|received| received.one("authorization").unwrap_or_default().to_owned())
            .collect();
        let again: usize = attempts.parse().unwrap_or_default();
        if keys.len() > again && keys[keys.len() - again] != keys[0] {
            cell += ", key rests";
        }
    }
    cell
}

pub(crate) fn the_fault_matrix_is_as_written(runtime: Runtime) {
    let first = Mutex::default();
    let upstream = Upstream::start(move |received, to| play(received, to, &first));
    let refused = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let gateway = Gateway::with_routes(runtime, &routes(&upstream, &refused));
    let todo: Vec<_> = (0..FAULTS.len())
        .flat_map(|index| [false, true].map(|stream| (index, stream)))
        .flat_map(|(index, stream)| [0, 1, 2].map(|setup| (index, stream, setup)))
        .collect();
    let (next, cells) = (AtomicUsize::new(0), Mutex::new(HashMap::new()));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let Some((index, stream, setup)) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let cell = cell(&gateway, &upstream, *index, *stream, *setup);
                    cells.lock().unwrap().insert((*index, *stream, *setup), cell);
                }
            });
        }
    });
    let cells = cells.into_inner().unwrap();
    let mut table = String::new();
    for stream in [false, true] {
        let shape = if stream { "A stream" } else { "A whole answer" };
        writeln!(
            table,
            "\n### {shape}\n\n| fault | {} |\n|---|---|---|---|",
            SETUPS.join(" | ")
        )
        .unwrap();
        for (index, fault) in FAULTS.iter().enumerate() {
            let row: Vec<&str> = (0..3).map(|setup| cells[&(index, stream, setup)].as_str()).collect();
            writeln!(table, "| {} | {} |", fault.name, row.join(" | ")).unwrap();
        }
    }
    compare(runtime, &table);
}

/// Each runtime has a file of its own.
fn compare(runtime: Runtime, table: &str) {
    let name = match runtime {
        Runtime::Native => "native",
        Runtime::Worker => "worker",
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/behaviour/faults.{name}.md"));
    let title = format!(
        "# What a client sees when an upstream fails: {name}\n\n\
         Written by `tests/behaviour/faults.rs`. Status, then the error's code; in brackets the upstream attempts. With two keys\n\
         the fault meets one of them; \"key rests\" when the same request, sent again, begins with the other one.\n"
    );
    let text = title + table;
    if std::env::var_os("UPDATE_FAULTS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let differences: Vec<_> = text
        .lines()
        .filter(|line| !expected.lines().any(|known| known == *line))
        .collect();
    assert!(
        expected == text,
        "{} says otherwise:\n{}",
        path.display(),
        differences.join("\n")
    );
}
