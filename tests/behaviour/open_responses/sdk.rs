//! A second judge: the types of OpenAI's Python SDK.

use std::env;
use std::io::Write;
use std::process::{Command, Stdio};

use super::route::Route;

/// Has the SDK read all that a client of this route has got.
pub(super) fn reads(route: &Route) {
    let program = env::var_os("PYTHON_BIN").expect("PYTHON_BIN is not set: run scripts/test, which installs it");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/judge_open_responses.py");
    let mut judge = Command::new(program)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let good = route.good.borrow();
    let lines: String = good.iter().map(|object| format!("{object}\n")).collect();
    // It may have stopped in the middle, and says why.
    let _ = judge.stdin.take().unwrap().write_all(lines.as_bytes());
    let output = judge.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), good.len().to_string());
}
