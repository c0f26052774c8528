//! CompatCanary, a program that scores whatever calls itself compatible with OpenAI, against the built-in provider.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Gateway, Runtime};

/// Where npm puts it.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/node_modules/compatcanary/src/cli.js");

pub(crate) fn compat_canary_has_nothing_to_say_against_the_demo(runtime: Runtime) {
    if !Path::new(PROGRAM).exists() {
        let _ = writeln!(io::stderr(), "SKIPPED: compatcanary is not installed");
        return;
    }
    let route = json!([{"token": "demo", "provider": "echo", "default_model": "echo"}]);
    let gateway = Gateway::with_routes(runtime, &route);
    let node = env::var_os("NODE_BIN").expect("NODE_BIN is not set: run scripts/test, which installs it");
    let output = Command::new(node)
        .args([
            PROGRAM,
            "scan",
            "--profile",
            "modern",
            "--format",
            "json",
            "--fail-on",
            "any",
            "--model",
            "echo",
            "--base-url",
        ])
        .arg(format!("http://{}/v1", gateway.address))
        .env("OPENAI_API_KEY", "demo")
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&output.stderr)));
    assert!(output.status.success(), "{report}");
    assert_eq!(
        (&report["score"], &report["compatible"]),
        (&json!(100), &json!(true)),
        "{report}"
    );
    let results = report["results"].as_array().unwrap();
    // One that is new, and is not asked for here, would be missed.
    assert_eq!(results.len(), 7, "{report}");
    assert!(results.iter().all(|result| result["status"] == "pass"), "{report}");
}
