//! The fault matrix: every way an upstream can fail, for a whole answer and for a stream, with one key, with two, and with
//! a fallback. What is seen is compared with `faults.md`, which is written for people. After a change on purpose:
//! `UPDATE_FAULTS=1 cargo test faults`.

mod catalogue;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use serde_json::{Value, json};

pub(crate) use self::catalogue::{FAULTS, healthy};
use self::catalogue::{LATE, STOP};
use crate::support::client::Answer;
use crate::support::upstream::{Connection, Received, Upstream};
use crate::support::{Gateway, Runtime, request};

const SETUPS: [&str; 3] = ["one key", "two keys", "fallback"];
const FALLBACK: usize = 2;

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

/// A route for each cell. `verify_end`: a Worker reads every piece of its streams, as the native gateway always does.
fn routes(upstream: &Upstream, refused: &str, verify_end: bool) -> Value {
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
                if verify_end {
                    route["verify_end"] = json!(true);
                }
                if fault.name.starts_with("hangs") {
                    route["timeout"] = json!(2);
                }
                if fault.name == LATE {
                    route["first_token_timeout"] = json!(0.5);
                }
                if setup == FALLBACK {
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

/// What is seen in each cell: of a fault, for a stream or a whole answer, in a setup.
fn cells(runtime: Runtime, setups: &[usize], verify_end: bool) -> HashMap<(usize, bool, usize), String> {
    let first = Mutex::default();
    let upstream = Upstream::start(move |received, to| play(received, to, &first));
    let refused = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let gateway = Gateway::with_routes(runtime, &routes(&upstream, &refused, verify_end));
    let todo: Vec<_> = (0..FAULTS.len())
        .flat_map(|index| [false, true].map(|stream| (index, stream)))
        .flat_map(|(index, stream)| setups.iter().map(move |setup| (index, stream, *setup)))
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
    cells.into_inner().unwrap()
}

pub(crate) fn with_a_fallback_no_fault_ends_in_a_false_success_where_every_piece_is_read(runtime: Runtime) {
    for ((index, stream, setup), cell) in cells(runtime, &[FALLBACK], true) {
        let name = FAULTS[index].name;
        assert!(
            !cell.contains("**looks like an end**"),
            "{name}, {stream} {setup}: {cell}"
        );
        assert!(!cell.contains("**something else**"), "{name}, {stream} {setup}: {cell}");
    }
}

pub(crate) fn the_fault_matrix_is_as_written(runtime: Runtime) {
    let cells = cells(runtime, &[0, 1, FALLBACK], false);
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
