//! What the READMEs tell people to type, typed.

use std::process::Command;

use serde_json::json;

use crate::support::{Gateway, Runtime};

const ENGLISH: &str = include_str!("../../README.md");
const CHINESE: &str = include_str!("../../README.zh-CN.md");

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
    let commands: String = blocks(ENGLISH)
        .into_iter()
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

#[test]
fn both_languages_say_the_same() {
    let headings = |text: &str| {
        text.lines()
            .filter(|line| line.starts_with('#'))
            .map(|line| line.split(' ').next().unwrap().len())
            .collect::<Vec<_>>()
    };
    let rows = |text: &str| text.lines().filter(|line| line.starts_with('|')).count();
    // Commands are the same but for their comments; the picture has words in it.
    let code = |text: &'static str| {
        blocks(text)
            .into_iter()
            .filter(|block| !block.starts_with('\n'))
            .map(|block| {
                block
                    .lines()
                    .map(|line| line.split("  #").next().unwrap().trim_end())
                    .collect::<Vec<_>>()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(code(ENGLISH), code(CHINESE));
    assert_eq!(rows(ENGLISH), rows(CHINESE));
    assert_eq!(headings(ENGLISH), headings(CHINESE));
}
