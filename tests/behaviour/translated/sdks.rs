//! The official SDKs of three vendors, unmodified, each against upstreams of all four dialects. What they ask for, and what they have to
//! get, is in `tests/clients`.

use std::env;
use std::process::Command;

use serde_json::json;

use super::dialect::DIALECTS;
use super::{to_all, token};
use crate::support::{Gateway, Runtime};

pub(crate) fn openais_python_sdk_reaches_every_dialect(runtime: Runtime) {
    judge(runtime, "PYTHON_BIN", "judge_openai.py");
}

pub(crate) fn openais_node_sdk_reaches_every_dialect(runtime: Runtime) {
    judge(runtime, "NODE_BIN", "judge_openai.mjs");
}

pub(crate) fn anthropics_python_sdk_reaches_every_dialect(runtime: Runtime) {
    judge(runtime, "PYTHON_BIN", "judge_anthropic.py");
}

pub(crate) fn anthropics_node_sdk_reaches_every_dialect(runtime: Runtime) {
    judge(runtime, "NODE_BIN", "judge_anthropic.mjs");
}

pub(crate) fn googles_python_sdk_reaches_every_dialect(runtime: Runtime) {
    judge(runtime, "PYTHON_BIN", "judge_gemini.py");
}

pub(crate) fn googles_node_sdk_reaches_every_dialect(runtime: Runtime) {
    judge(runtime, "NODE_BIN", "judge_gemini.mjs");
}

fn judge(runtime: Runtime, interpreter: &str, script: &str) {
    let (gateway, upstreams) = to_all(runtime, &json!({"aliases": {"by-another-name": "s01_text"}}));
    let lines = run(&gateway, interpreter, script);
    let said = |dialect: &str| {
        lines
            .iter()
            .filter(|line| line.starts_with(&format!("{dialect}: ")))
            .count()
    };
    let counts = DIALECTS.map(|dialect| said(dialect.name()));
    // The programs hold every upstream to the same checks.
    assert!(
        counts[0] >= 10 && counts.iter().all(|count| *count == counts[0]),
        "{counts:?}: {lines:?}"
    );
    assert!(upstreams.iter().all(|upstream| upstream.received().len() > 5));
}

/// Runs a program of `tests/clients` against a gateway, and returns its lines: one for each check that held.
fn run(gateway: &Gateway, interpreter: &str, script: &str) -> Vec<String> {
    let program = env::var_os(interpreter)
        .unwrap_or_else(|| panic!("{interpreter} is not set: run scripts/test, which installs it"));
    let tokens = DIALECTS.map(|dialect| (dialect.name(), token(dialect)));
    let tokens: serde_json::Map<_, _> = tokens
        .into_iter()
        .map(|(name, token)| (name.to_owned(), token.into()))
        .collect();
    let output = Command::new(program)
        .arg(format!("{}/tests/clients/{script}", env!("CARGO_MANIFEST_DIR")))
        .env("GATEWAY", format!("http://{}", gateway.address))
        .env("TOKENS", json!(tokens).to_string())
        .env_remove("OPENAI_API_KEY")
        .env_remove("ANTHROPIC_API_KEY")
        .env_remove("GEMINI_API_KEY")
        .env_remove("GOOGLE_API_KEY")
        .output()
        .unwrap();
    let (said, complaints) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{complaints}");
    said.lines().map(str::to_owned).collect()
}
