//! Answers that came whole and cannot be read, and refusals that are not the upstream's own.

use serde_json::json;

use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request, route};

const CHAT: &str = r#"{"model":"m","message":"hi"}"#;

pub(crate) fn a_whole_answer_that_cannot_be_read_passes_and_is_asked_for_once(runtime: Runtime) {
    for body in [
        r#"{"choices":[{"message":{"content":"hi"},"logprobs":[NaN,-Infinity]}]}"#,
        "{\"choices\":[{\"message\":{\"content\":\"a\nb\tc\u{1}\"}}]}",
        "{\"choices\":[{\"message\":{\"content\":\"hi\"}}]}\0",
        "\u{feff}{\"choices\":[{\"message\":{\"content\":\"hi\"},\"score\":Infinity}]}\r\n",
        r#"{"choices":[{"message":{"content":"hi"}}],}"#,
    ] {
        for (path, ask) in [
            ("chat/completions", CHAT),
            ("chat/completions", r#"{"model":"m","stream":true}"#),
            ("embeddings", CHAT),
        ] {
            let upstream = Upstream::answering("200 OK", JSON, body);
            let answer = Gateway::to(runtime, &upstream, json!({})).post(&format!("/v1/{path}"), ask);
            assert_eq!((answer.status, answer.text().as_str()), (200, body), "{path}");
            upstream.only();
        }
    }
    let upstream = Upstream::answering("200 OK", JSON, r#"{"choices":[{"message":{"content":"hi"}}],"n":NaN}"#);
    let answer = Gateway::to(runtime, &upstream, json!({})).post("/chat", CHAT);
    assert_eq!(answer.error(), (502, "upstream_invalid_response".into()));
    upstream.only();
}

pub(crate) fn a_refusal_in_front_of_the_upstream_lets_no_key_rest(runtime: Runtime) {
    const HTML: &str = "content-type: text/html; charset=UTF-8\r\n";
    const TEXT: &str = "content-type: text/plain; charset=UTF-8\r\n";
    for (status, fields, body) in [
        ("403 Forbidden", HTML, "<!DOCTYPE html><title>Just a moment...</title>"),
        (
            "401 Unauthorized",
            HTML,
            "<html><h1>401 Authorization Required</h1></html>",
        ),
        ("402 Payment Required", HTML, "<html>pay for your proxy</html>"),
        ("403 Forbidden", TEXT, "error code: 1003"),
        (
            "403 Forbidden",
            "content-type: text/html\r\ncf-mitigated: challenge\r\n",
            "",
        ),
        (
            "401 Unauthorized",
            "www-authenticate: Basic realm=\"staging\"\r\n",
            "Unauthorized",
        ),
        (
            "403 Forbidden",
            JSON,
            r#"{"title":"Error 1020: Access denied","status":403,"error_code":1020,"cloudflare_error":true}"#,
        ),
    ] {
        let upstream = Upstream::answering(status, fields, body);
        let second = Upstream::answering("200 OK", JSON, r#"{"fine":1}"#);
        let routes = json!([
            route(TOKEN, &upstream, json!({"provider": "openai"})),
            route("gw-SECRET-b", &upstream, json!({"fallbacks": ["second"]})),
            route("gw-SECRET-c", &second, json!({"name": "second"})),
        ]);
        let gateway = Gateway::with_routes(runtime, &routes);
        let answer = gateway.chat(CHAT);
        assert_eq!(answer.error(), (502, "upstream_invalid_response".into()), "{body}");
        assert_eq!(answer.field("x-should-retry"), Some("false"));
        assert!(answer.text().contains("Your token is fine"), "{}", answer.text());
        let other = gateway.raw(request("POST", "/v1/chat/completions", "gw-SECRET-b", JSON, CHAT));
        assert_eq!((other.status, other.text().as_str()), (200, r#"{"fine":1}"#), "{body}");
        gateway.wait_for_log("\"failures\"");
        assert!(!gateway.log().contains("rests"), "{}", gateway.log());
    }
    // What the upstream itself says of a key, in however few words, is about the key.
    for (status, fields, body) in [
        ("401 Unauthorized", TEXT, "Unauthorized"),
        ("401 Unauthorized", TEXT, "Invalid token"),
        ("401 Unauthorized", JSON, "\"Api key is invalid\""),
        ("403 Forbidden", JSON, r#"{"detail":"Forbidden"}"#),
        (
            "401 Unauthorized",
            "content-type: application/json\r\nwww-authenticate: Basic realm=\"api\"\r\n",
            r#"{"error":{"message":"bad key"}}"#,
        ),
    ] {
        let upstream = Upstream::answering(status, fields, body);
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        assert_eq!(
            gateway.chat(CHAT).error(),
            (502, "upstream_auth_failed".into()),
            "{body}"
        );
        gateway.wait_for_log("rests 300 s");
    }
}
