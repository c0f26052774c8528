//! What a request cost, in its line of the log.

use serde_json::{Value, json};

use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request, route};

const USAGE: &str =
    r#""usage":{"prompt_tokens":1000,"completion_tokens":100,"prompt_tokens_details":{"cached_tokens":400}}"#;

fn answering(usage: &str) -> Upstream {
    let choice = r#"{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}"#;
    let body = format!(r#"{{"id":"c","object":"chat.completion","choices":[{choice}],{usage}}}"#);
    Upstream::start(move |_, connection| connection.answer("200 OK", JSON, &body))
}

/// The line of a request, whatever the runtime writes around it.
fn line(gateway: &Gateway, id: &str) -> Value {
    gateway.wait_for_log(&format!("\"request_id\":\"{id}\""));
    let log = gateway.log();
    let line = log.lines().find(|line| line.contains(id)).unwrap();
    serde_json::from_str(&line[line.find('{').unwrap()..]).unwrap()
}

/// Asks for a chat, and returns what its line says that it cost.
fn cost(gateway: &Gateway, id: &str, body: &str) -> Value {
    let answer = gateway.chat_with(&format!("x-request-id: {id}\r\n"), body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    line(gateway, id)["cost"].clone()
}

pub(crate) fn a_request_costs_what_the_price_of_its_model_says(runtime: Runtime) {
    let upstream = answering(USAGE);
    let prices =
        json!({"m": {"input": "1", "output": "2", "cache_read": "0.1"}, "free-*": {"input": "0", "output": "0"}});
    let gateway = Gateway::to(runtime, &upstream, json!({"prices": prices, "aliases": {"alias": "m"}}));
    assert_eq!(cost(&gateway, "one", r#"{"model":"m"}"#), "0.00084");
    assert_eq!(cost(&gateway, "two", r#"{"model":"alias"}"#), "0.00084");
    assert_eq!(cost(&gateway, "three", r#"{"model":"free-1"}"#), "0.00");
    assert_eq!(cost(&gateway, "four", r#"{"model":"other"}"#), Value::Null);
    let of_openai = Gateway::to(runtime, &upstream, json!({"provider": "openai"}));
    assert_eq!(cost(&of_openai, "one", r#"{"model":"gpt-4o-2024-11-20"}"#), "0.003");
}

pub(crate) fn a_stream_has_its_cost_when_it_has_ended(runtime: Runtime) {
    let choice = r#"{"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}"#;
    let body = format!("data: {choice}\n\ndata: {{\"choices\":[],{USAGE}}}\n\ndata: [DONE]\n\n");
    let upstream = Upstream::start(move |_, connection| connection.answer("200 OK", SSE, &body));
    // On the Worker usage is seen where every piece is.
    let fields = json!({"prices": {"*": {"input": "1", "output": "2"}}, "verify_end": true});
    let gateway = Gateway::to(runtime, &upstream, fields);
    assert_eq!(cost(&gateway, "one", r#"{"model":"m","stream":true}"#), "0.0012");
}

pub(crate) fn what_the_upstream_says_that_it_cost_wins_in_every_dialect(runtime: Runtime) {
    let choice = r#"{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}"#;
    let usage = r#""usage":{"prompt_tokens":1000,"completion_tokens":100,"cost":0.0042}"#;
    let body = format!(r#"{{"id":"c","object":"chat.completion","choices":[{choice}],{usage}}}"#);
    let upstream = Upstream::start(move |received, connection| {
        if received.line().contains("/messages") {
            connection.answer("404 Not Found", JSON, "{}");
        } else {
            connection.answer("200 OK", JSON, &body);
        }
    });
    let gateway = Gateway::to(
        runtime,
        &upstream,
        json!({"prices": {"*": {"input": "1", "output": "2"}}}),
    );
    assert_eq!(cost(&gateway, "one", r#"{"model":"m"}"#), "0.0042");
    let body = r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#;
    let answer = gateway.raw(request("POST", "/v1/messages", TOKEN, "x-request-id: two\r\n", body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let line = line(&gateway, "two");
    assert_eq!(
        (&line["translated"], &line["cost"]),
        (&"openai".into(), &"0.0042".into()),
        "{line}"
    );
}

pub(crate) fn the_route_that_answers_has_the_price(runtime: Runtime) {
    let failing = Upstream::answering("500 Oops", JSON, r#"{"error":{"message":"bad"}}"#);
    let second = answering(USAGE);
    let price = |input: &str| json!({"*": {"input": input, "output": "0"}});
    let routes = json!([
        route(TOKEN, &failing, json!({"fallbacks": ["second"], "prices": price("1")})),
        route(
            "gw-SECRET-other",
            &second,
            json!({"name": "second", "prices": price("3")})
        ),
    ]);
    let gateway = Gateway::with_routes(runtime, &routes);
    assert_eq!(cost(&gateway, "one", r#"{"model":"m"}"#), "0.003");
}

pub(crate) fn prices_for_all_routes_are_in_the_table_or_in_a_variable(runtime: Runtime) {
    let upstream = answering(USAGE);
    let table = |fields: Value| {
        let mut table = json!({"routes": [route(TOKEN, &upstream, json!({"provider": "openai"}))]});
        table
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        table.to_string()
    };
    let price = |input: &str| json!({"m": {"input": input, "output": "0"}});
    let variable = json!({"m": {"input": "5", "output": "0"}, "*": {"input": "7", "output": "0"}}).to_string();
    for (fields, variable, model, expected) in [
        (json!({"prices": price("4")}), "", "m", json!("0.004")),
        (json!({"prices": price("4")}), &*variable, "m", json!("0.004")),
        (json!({"prices": price("4")}), &variable, "gpt-4o", json!("0.007")),
        (json!({}), &variable, "m", json!("0.005")),
        (json!({}), "", "gpt-4o", json!("0.003")),
        // What the gateway knows is in dollars, and so is what upstreams say.
        (json!({"currency": "CNY"}), "", "gpt-4o", Value::Null),
        (
            json!({"currency": "CNY", "prices": price("4")}),
            "",
            "m",
            json!("0.004"),
        ),
    ] {
        let variables = [
            ("GATEWAY_ROUTES", table(fields)),
            ("GATEWAY_PRICES", variable.to_owned()),
        ];
        let variables = [0, 1].map(|index| (variables[index].0, variables[index].1.as_str()));
        let gateway = Gateway::start(runtime, &variables);
        let body = json!({"model": model}).to_string();
        assert_eq!(cost(&gateway, "one", &body), expected, "{variables:?} {model}");
    }
}

#[test]
fn a_file_of_prices_is_read_and_named_in_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.json");
    let path = path.to_str().unwrap();
    std::fs::write(path, r#"{"m": {"input": "6", "output": "0"}}"#).unwrap();
    let upstream = answering(USAGE);
    let routes = json!([route(TOKEN, &upstream, json!({}))]).to_string();
    let gateway = Gateway::start(
        Runtime::Native,
        &[("GATEWAY_ROUTES", &routes), ("GATEWAY_PRICES_FILE", path)],
    );
    assert_eq!(cost(&gateway, "one", r#"{"model":"m"}"#), "0.006");
    let report = |variables: &[(&str, &str)]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ai-gateway"));
        let variables = variables.iter().copied().chain([("GATEWAY_ROUTES", &*routes)]);
        let output = command.arg("check").env_clear().envs(variables).output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    std::fs::write(path, "{\"m\":\n {\"input\": 6}}").unwrap();
    let text = report(&[("GATEWAY_PRICES_FILE", path)]);
    assert!(text.contains(&format!("{path}.m.input (line 2, column 12)")), "{text}");
    std::fs::write(path, "{\"m\":").unwrap();
    assert!(report(&[("GATEWAY_PRICES_FILE", path)]).contains("not valid JSON"));
    let both = report(&[("GATEWAY_PRICES_FILE", path), ("GATEWAY_PRICES", "{}")]);
    assert!(both.contains("GATEWAY_PRICES is set as well"), "{both}");
    let none = report(&[("GATEWAY_PRICES_FILE", "/nowhere/prices.json")]);
    assert!(
        none.contains("GATEWAY_PRICES_FILE: /nowhere/prices.json cannot be read"),
        "{none}"
    );
}
