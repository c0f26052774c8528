//! What only the Worker does: it cannot refuse to start, so it answers.

use serde_json::json;

use crate::support::upstream::Upstream;
use crate::support::{Gateway, Runtime, TOKEN, request, route};

#[test]
fn a_bad_configuration_is_told_by_its_number_of_problems_and_logged() {
    let routes = r#"[{"token":"gw-SECRET-1","provider":"opnrouter","api_keys":["up-SECRET-2"]},{"tokn":"x"}]"#;
    let gateway = Gateway::start(Runtime::Worker, &[("GATEWAY_ROUTES", routes)]);
    let answer = gateway.get("/v1/models");
    assert_eq!(answer.error(), (500, "configuration_error".into()));
    assert!(
        answer.text().contains("has 5 problems") || answer.text().contains("has 4 problems"),
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains("opnrouter"));
    // The client's id as on every answer, and a new one where it has none.
    assert_eq!(answer.field("x-request-id").map(str::len), Some(36));
    let own = gateway.raw(request("GET", "/v1/models", TOKEN, "x-request-id: mine-1\r\n", ""));
    assert_eq!(own.field("x-request-id"), Some("mine-1"));
    assert!(gateway.log().contains("did you mean `openrouter`?"));
    // Without this answer a browser never gets to read the other one.
    assert_eq!(gateway.raw(request("OPTIONS", "/v1/models", "", "", "")).status, 204);
}

#[test]
fn an_empty_configuration_names_the_ways_out() {
    let gateway = Gateway::start(Runtime::Worker, &[]);
    assert_eq!(gateway.get("/").error(), (500, "configuration_error".into()));
    assert!(gateway.log().contains("GATEWAY_TOKEN"));
}

#[test]
fn variables_may_be_the_values_that_toml_has() {
    let slow = Upstream::start(|_, to| to.hang());
    let routes = json!([route(TOKEN, &slow, json!({"timeout": 1}))]).to_string();
    let variables = [
        ("JSON GATEWAY_ROUTES", &*routes),
        ("JSON CORS_ORIGINS", r#"["https://a.example", "https://b.example"]"#),
        ("JSON BODY_LIMIT", "100"),
    ];
    let gateway = Gateway::start(Runtime::Worker, &variables);
    let answer = gateway.chat_with("origin: https://b.example\r\n", r#"{"model":"m"}"#);
    assert_eq!(answer.error(), (504, "upstream_timeout".into()));
    assert_eq!(answer.field("access-control-allow-origin"), Some("https://b.example"));
    let large = format!(r#"{{"model":"m","user":"{}"}}"#, "x".repeat(100));
    assert_eq!(gateway.chat(&large).error(), (413, "request_too_large".into()));
}

#[test]
fn what_was_pasted_wrong_is_told_and_not_served() {
    for (variables, told) in [
        (
            &[("GATEWAY_TOKEN", "\"gw-SECRET\""), ("PROVIDER", "echo")][..],
            "GATEWAY_TOKEN: its value stands in quotes",
        ),
        (
            &[("GATEWAY_TOKEN", "gw-SECRET"), ("GROQ_API_KEY", "${GROQ_API_KEY}")],
            "GROQ_API_KEY: the name of a",
        ),
        (
            &[("GATEWAY_ROUTES", "'[{\"token\":\"t\",\"provider\":\"echo\"}]'")],
            "the table stands in quotes",
        ),
        (&[("GATEWAY_ROUTES", "[{\"token\"：\"t\"}]")], "U+FF1A"),
        (
            &[("GATEWAY_ROUTES", "[]")],
            "an empty table counts as not set: GATEWAY_ROUTES",
        ),
        (
            &[("GATEWAY_ROUTES_FILE", "/etc/routes.json")],
            "set and passed over: GATEWAY_ROUTES_FILE",
        ),
    ] {
        let gateway = Gateway::start(Runtime::Worker, variables);
        assert_eq!(gateway.get("/v1/models").error(), (500, "configuration_error".into()));
        gateway.wait_for_log(told);
    }
}

#[test]
fn a_missing_part_of_the_table_is_told() {
    let routes = r#"[{"token":"gw-SECRET-token","provider":"echo"}]"#;
    let gateway = Gateway::start(
        Runtime::Worker,
        &[("GATEWAY_ROUTES_1", routes), ("GATEWAY_ROUTES_3", ",")],
    );
    assert_eq!(gateway.get("/v1/models").error(), (500, "configuration_error".into()));
    assert!(
        gateway
            .log()
            .contains("GATEWAY_ROUTES_2: it is not set, but GATEWAY_ROUTES_3 is")
    );
}
