//! What the pages tell people to type, typed. (That both languages say the same is held by `tests/docs.rs`.)

use std::process::Command;

use serde_json::json;

use crate::support::{Gateway, Runtime};

const PAGES: [&str; 3] = [
    include_str!("../../README.md"),
    include_str!("../../docs/endpoints.md"),
    include_str!("../../docs/troubleshooting.md"),
];

/// The blocks between fences, each with its language in front.
fn blocks(text: &str) -> Vec<&str> {
    text.split("```").skip(1).step_by(2).collect()
}

/// Two tokens as `ai-gateway demo` has them.
pub(crate) fn every_command_works_against_the_demo(runtime: Runtime) {
    let gateway = Gateway::with_routes(
        runtime,
        &json!([
            {"token": "demo", "provider": "echo", "default_model": "echo"},
            {"token": "demo-2", "provider": "echo", "default_model": "echo-2"},
        ]),
    );
    let commands: String = PAGES
        .into_iter()
        .flat_map(blocks)
        .filter(|block| block.contains("$BASE_URL"))
        .filter_map(|block| block.strip_prefix("bash\n"))
        .collect();
    let commands = commands.replace("127.0.0.1:8000", &gateway.address);
    let output = Command::new("bash")
        .arg("-euo")
        .arg("pipefail")
        .arg("-c")
        .arg(format!(
            "curl() {{ command curl --fail --noproxy '*' \"$@\"; }}\n{commands}"
        ))
        .output()
        .unwrap();
    let (answers, trouble) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{answers}\n{trouble}");
    for expected in [
        "\"status\":\"ok\"",
        "\"object\":\"list\"",
        "data: [DONE]",
        "\"reply\":\"你好\"",
        "}1\n",
        "\"model\":\"echo-2\"",
    ] {
        assert!(answers.contains(expected), "{expected} is missing: {answers}");
    }
}
