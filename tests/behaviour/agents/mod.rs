//! The coding agents that people install, each through the gateway to an upstream of every dialect. What is not installed is skipped.

mod codex;
mod over_websocket;
mod program;
mod script;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

pub(crate) use self::codex::*;
pub(crate) use self::over_websocket::*;
use self::program::{AGENTS, Agent, Desk, MODEL};
use self::script::{Answer, DONE, FILE, break_off, next, result, say};
use crate::support::upstream::{Connection, JSON, Received, Upstream};
use crate::support::{Gateway, Runtime};
use crate::translated::dialect::{DIALECTS, Dialect};
use crate::translated::{token, upstream};

/// What agents are asked for.
const PROMPT: &str = "Write the file, please.";

/// An upstream of one dialect, which answers `reply`: the number of the request, its first line and its body. Other paths than those of
/// its dialect are not there.
fn upstream_of(
    dialect: Dialect,
    reply: impl Fn(usize, &str, &Value, &mut Connection) + Send + Sync + 'static,
) -> Upstream {
    Upstream::start(answers(dialect, reply))
}

/// What such an upstream does with a request.
fn answers(
    dialect: Dialect,
    reply: impl Fn(usize, &str, &Value, &mut Connection) + Send + Sync + 'static,
) -> impl Fn(&Received, &mut Connection) + Send + Sync + 'static {
    let number = AtomicUsize::new(0);
    move |received, to| {
        let line = received.line();
        if line.starts_with("GET /v1/models") {
            let list =
                json!({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1, "owned_by": "x"}]});
            return to.answer("200 OK", JSON, &list.to_string());
        }
        if !is_for_answers(dialect, line) {
            return to.answer("404 Not Found", JSON, r#"{"detail":"Not Found"}"#);
        }
        let body: Value = serde_json::from_slice(&received.body).unwrap_or_default();
        reply(number.fetch_add(1, Ordering::Relaxed), line, &body, to);
    }
}

fn is_for_answers(dialect: Dialect, line: &str) -> bool {
    match dialect {
        Dialect::Gemini => line.contains("enerateContent"),
        _ => line.starts_with(&format!("POST {}", dialect.path("", true))),
    }
}

/// The requests for answers that an upstream of this dialect has got.
fn asked(dialect: Dialect, upstream: &Upstream) -> Vec<Received> {
    let mut received = upstream.received();
    received.retain(|received| is_for_answers(dialect, received.line()));
    received
}

/// A gateway to one upstream with two keys.
fn gateway_to(runtime: Runtime, dialect: Dialect, upstream: &Upstream, fields: &Value) -> Gateway {
    let mut route = upstream::route(&token(dialect), dialect, upstream, fields);
    route["api_keys"] = json!(["up-SECRET-1", "up-SECRET-2"]);
    Gateway::with_routes(runtime, &json!([route]))
}

/// An upstream that has the file written, and a folder that it writes it in.
fn writing(dialect: Dialect, folder: PathBuf) -> Upstream {
    upstream_of(dialect, move |_, line, body, to| {
        say(dialect, line, body, &next(dialect, body, &folder), to);
    })
}

fn is_written(folder: &Path) -> bool {
    fs::read_to_string(folder.join(FILE.0)).is_ok_and(|text| text.trim() == FILE.1)
}

pub(crate) fn claude_code_writes_a_file_through_every_dialect(runtime: Runtime) {
    write_a_file(runtime, Agent::ClaudeCode);
}

pub(crate) fn codex_writes_a_file_through_every_dialect(runtime: Runtime) {
    write_a_file(runtime, Agent::Codex);
}

pub(crate) fn gemini_cli_writes_a_file_through_every_dialect(runtime: Runtime) {
    write_a_file(runtime, Agent::GeminiCli);
}

pub(crate) fn opencode_writes_a_file_through_every_dialect(runtime: Runtime) {
    write_a_file(runtime, Agent::OpenCode);
}

fn write_a_file(runtime: Runtime, agent: Agent) {
    for dialect in DIALECTS {
        let Some(desk) = Desk::of(agent) else { return };
        let upstream = writing(dialect, desk.path());
        let gateway = gateway_to(runtime, dialect, &upstream, &json!({}));
        let finished = desk.ask(&gateway.address, &token(dialect), PROMPT);
        let name = format!("{agent:?} to {dialect:?}: {}\n{}", finished.said, gateway.log());
        assert!(finished.has_succeeded && finished.said.contains(DONE), "{name}");
        assert!(is_written(&desk.path()), "{name}");
        // What the tool said came back.
        let results = asked(dialect, &upstream).into_iter().filter_map(|received| {
            let body: Value = serde_json::from_slice(&received.body).ok()?;
            result(dialect, &body)
        });
        let results: Vec<String> = results.map(|result| result.to_string()).collect();
        let is_told = |result: &String| result.contains("uccess") || result.contains("code 0");
        assert!(results.iter().any(is_told), "{name}: {results:?}");
    }
}

/// How an upstream fails before it has said anything.
fn fail(which: usize, dialect: Dialect, to: &mut Connection) {
    let error = json!({"error": {"message": "try later", "type": "rate_limit_error", "code": 429, "status": "RESOURCE_EXHAUSTED"}});
    match which {
        0 => to.answer("429 Too Many Requests", JSON, &error.to_string()),
        1 => to.answer("529 Overloaded", JSON, &error.to_string()),
        2 => to.reset(),
        _ => {
            let name = if dialect == Dialect::Anthropic {
                "event: error\n"
            } else {
                ""
            };
            let data = json!({"type": "error", "error": error["error"]});
            to.head("200 OK", crate::support::upstream::SSE);
            to.send(format!("{name}data: {data}\n\n").as_bytes());
        }
    }
}

pub(crate) fn no_agent_notices_what_fails_before_the_first_words(runtime: Runtime) {
    for (at, agent) in AGENTS.into_iter().enumerate() {
        // Each agent meets another dialect than its own, and all failures.
        let dialect = DIALECTS[(at + 1) % DIALECTS.len()];
        let Some(desk) = Desk::of(agent) else { continue };
        let folder = desk.path();
        let failing = AtomicUsize::new(0);
        let upstream = upstream_of(dialect, move |number, line, body, to| {
            // Every other attempt fails.
            if number % 2 == 0 {
                return fail(failing.fetch_add(1, Ordering::Relaxed) % 4, dialect, to);
            }
            say(dialect, line, body, &next(dialect, body, &folder), to);
        });
        let gateway = gateway_to(runtime, dialect, &upstream, &json!({}));
        let finished = desk.ask(&gateway.address, &token(dialect), PROMPT);
        let name = format!("{agent:?} to {dialect:?}: {}\n{}", finished.said, gateway.log());
        assert!(finished.has_succeeded && finished.said.contains(DONE), "{name}");
        assert!(is_written(&desk.path()), "{name}");
    }
}

pub(crate) fn no_agent_takes_a_broken_answer_for_a_whole_one(runtime: Runtime) {
    for (at, agent) in AGENTS.into_iter().enumerate() {
        let dialect = DIALECTS[(at + 2) % DIALECTS.len()];
        let Some(desk) = Desk::of(agent) else { continue };
        // The first two streams with tools break off behind their first words. Whoever took such an answer for a whole one would be done.
        let (folder, broken) = (desk.path(), AtomicUsize::new(0));
        let upstream = upstream_of(dialect, move |_, line, body, to| {
            let answer = next(dialect, body, &folder);
            let is_call = matches!(answer, Answer::Tool(..));
            if is_call && broken.load(Ordering::Relaxed) < 2 {
                let has_begun = break_off(dialect, line, body, "HALF", to);
                broken.fetch_add(has_begun.into(), Ordering::Relaxed);
            } else {
                say(dialect, line, body, &answer, to);
            }
        });
        let gateway = gateway_to(runtime, dialect, &upstream, &json!({}));
        let finished = desk.ask(&gateway.address, &token(dialect), PROMPT);
        let name = format!("{agent:?} to {dialect:?}: {}\n{}", finished.said, gateway.log());
        let is_done = finished.said.contains(DONE) && is_written(&desk.path());
        assert!(is_done || !finished.has_succeeded, "{name}");
    }
}

pub(crate) fn an_agent_understands_that_its_prompt_is_too_long(runtime: Runtime) {
    for (agent, words) in [
        // With the numbers, which it shortens a conversation by.
        (Agent::ClaudeCode, "~9000 tokens (limit 8192)"),
        (Agent::Codex, "ran out of room in the model's context window"),
    ] {
        let Some(desk) = Desk::of(agent) else { continue };
        let upstream = upstream_of(Dialect::OpenAi, |_, _, _, to| {
            let message =
                "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.";
            let error = json!({"message": message, "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"});
            to.answer("400 Bad Request", JSON, &json!({"error": error}).to_string());
        });
        let gateway = gateway_to(runtime, Dialect::OpenAi, &upstream, &json!({}));
        let finished = desk.ask(&gateway.address, &token(Dialect::OpenAi), PROMPT);
        let name = format!("{agent:?}: {}\n{}", finished.said, gateway.log());
        assert!(!finished.has_succeeded && finished.said.contains(words), "{name}");
    }
}

pub(crate) fn claude_code_finds_the_models_of_the_gateway(runtime: Runtime) {
    let Some(mut desk) = Desk::of(Agent::ClaudeCode) else {
        return;
    };
    desk.variables.push(("CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY", "1"));
    let upstream = writing(Dialect::OpenAi, desk.path());
    let gateway = gateway_to(runtime, Dialect::OpenAi, &upstream, &json!({}));
    assert!(
        desk.ask(&gateway.address, &token(Dialect::OpenAi), PROMPT)
            .has_succeeded
    );
    let lines: Vec<String> = upstream
        .received()
        .iter()
        .map(|received| received.line().to_owned())
        .collect();
    assert!(
        lines.iter().any(|line| line.starts_with("GET /v1/models ")),
        "{lines:?}\n{}",
        gateway.log()
    );
}
