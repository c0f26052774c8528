//! The official OpenAI SDKs, unmodified: only the base URL and the key are the gateway's.

use std::env;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::upstream::{Connection, JSON, Received, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, route};

const ECHO_TOKEN: &str = "gw-SECRET-echo";

pub(crate) fn the_python_sdk_works_unmodified(runtime: Runtime) {
    work(runtime, "PYTHON_BIN", "openai_sdk.py");
}

pub(crate) fn the_node_sdk_works_unmodified(runtime: Runtime) {
    work(runtime, "NODE_BIN", "openai_sdk.mjs");
}

fn work(runtime: Runtime, interpreter: &str, script: &str) {
    let upstream = Upstream::start(reply);
    let echo = json!({"token": ECHO_TOKEN, "provider": "echo"});
    let gateway = Gateway::with_routes(
        runtime,
        &json!([
            route(
                TOKEN,
                &upstream,
                json!({"max_attempts": 1, "idle_timeout": 5, "verify_end": true})
            ),
            echo
        ]),
    );
    assert_eq!(run(&gateway, interpreter, script), 12, "checks that ran");
    // workerd learns of a client that closed without a reset when it writes to it, and here there is nothing to write.
    if runtime == Runtime::Native {
        upstream.wait_for_leaver();
    }
}

/// Runs a program of `tests/clients` against a gateway: how many checks it told of, where all of them held.
pub(crate) fn run(gateway: &Gateway, interpreter: &str, script: &str) -> usize {
    let program = env::var_os(interpreter)
        .unwrap_or_else(|| panic!("{interpreter} is not set: run scripts/test, which installs it"));
    let output = Command::new(program)
        .arg(format!("{}/tests/clients/{script}", env!("CARGO_MANIFEST_DIR")))
        .env("GATEWAY_URL", format!("http://{}/v1", gateway.address))
        .env("GATEWAY_TOKEN", TOKEN)
        .env("ECHO_TOKEN", ECHO_TOKEN)
        .env_remove("OPENAI_API_KEY")
        .output()
        .unwrap();
    let (told, complaints) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{told}{complaints}");
    told.lines().count()
}

/// Answers by the model that is asked for.
fn reply(received: &Received, to: &mut Connection) {
    if received.line().starts_with("GET /v1/models") {
        return to.answer(
            "200 OK",
            JSON,
            r#"{"object":"list","data":[{"id":"a","object":"model","created":1,"owned_by":"x"}]}"#,
        );
    }
    let body: Value = serde_json::from_slice(&received.body).unwrap();
    let stream = |to: &mut Connection, text: &str| {
        to.head("200 OK", SSE);
        text.split_inclusive("\n\n").for_each(|event| to.send(event.as_bytes()));
    };
    match body["model"].as_str().unwrap() {
        "tools" => stream(to, include_str!("../fixtures/s04_parallel_tools.sse")),
        "text" if body["stream"] == true => stream(to, include_str!("../fixtures/s02_text_unicode.sse")),
        "text" => to.answer(
            "200 OK",
            &format!("{JSON}x-request-id: up-1\r\n"),
            r#"{"id":"c","object":"chat.completion","created":1,"model":"text","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#,
        ),
        "missing" => to.answer("404 No", JSON, r#"{"error":{"message":"no such model","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#),
        "limited" => to.answer(
            "429 Slow",
            &format!("{JSON}retry-after: 17\r\n"),
            r#"{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
        ),
        cut if cut.starts_with("cut-") => {
            let events = include_str!("../fixtures/s02_text_unicode.sse");
            // The first event only names the role; what stalls behind it has not begun.
            let begun: usize = events.split_inclusive("\n\n").take(2).map(str::len).sum();
            let (begun, rest) = events.split_at(begun);
            stream(to, begun);
            match &cut[4..] {
                "reset" => to.reset(),
                "half" => to.send(&rest.as_bytes()[..40]),
                "stall" => to.hang(),
                "error" => to.send(b"data: {\"error\":{\"message\":\"overloaded\",\"code\":503}}\n\n"),
                _ => {}
            }
        }
        _ => to.hang(),
    }
}
