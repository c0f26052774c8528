//! The configuration's two tables, row by row: routes, and the single-token variables.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up fails")]

mod accounts;
mod dialects;
mod examples;
mod pasted;
mod routes;
mod server;
mod single_token;
mod sources;
mod texts;

use ai_gateway::config::{Config, Problems, Route, Upstream, Variables, load, table};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A route that is complete, and what `fields` adds or replaces (`null` takes away).
fn complete(fields: &Value) -> Value {
    let mut route = json!({"token": "gw-token-1", "base_url": "https://api.example/v1", "api_keys": ["sk-0123456789"]});
    for (name, value) in fields.as_object().unwrap() {
        route[name] = value.clone();
    }
    route
}

fn route(fields: &Value) -> Route {
    Config::of_routes(&json!([complete(fields)]).to_string())
        .unwrap()
        .routes
        .remove(0)
}

/// The report of a route with one mistake.
fn report(fields: &Value) -> String {
    let problems = Config::of_routes(&json!([complete(fields)]).to_string()).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems}");
    problems.to_string()
}

fn urls(route: &Route) -> (String, String, String) {
    let Upstream::Http(addresses) = &route.upstream else {
        panic!("no address")
    };
    let (base, models_url) = (&addresses.base, &addresses.models_url);
    let chat_url = addresses
        .chat_url
        .as_ref()
        .map_or_else(|| format!("{}/chat/completions", base.url), ToString::to_string);
    (base.url.clone(), chat_url, models_url.to_string())
}

fn of(set: &[(&str, &str)]) -> Variables {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    set.iter().map(own).collect()
}

/// What is said about a configuration that is good.
fn notes(config: &Config) -> String {
    config.notes.join("\n")
}

fn variables(set: &[(&str, &str)]) -> Result<Config, Problems> {
    load(None, &of(set))
}

#[test]
fn every_problem_is_reported_at_once_with_its_place_and_a_hint() {
    let text = r#"[
  {"token": "gw-secret-1", "provider": "openruter", "api_keys": ["sk-secret-2"]},
  {"token": "gw-secret-1", "base_ulr": "https://a.example", "provider": "groq", "api_keys": "sk-secret-3"},
  {"token": "gw-secret-4", "base_url": "https://a.example/v1/chat/completions", "timeout": "soon", "api_keys": ["sk-secret-5"]}
]"#;
    insta::assert_snapshot!(Config::of_routes(text).unwrap_err(), @r#"
    the configuration has 6 problems
      GATEWAY_ROUTES[0].provider (line 2, column 40): unknown provider `openruter`
        hint: did you mean `openrouter`? Otherwise give its `base_url`.
      GATEWAY_ROUTES[1].base_ulr (line 3, column 40): unknown field
        hint: did you mean `base_url`?
      GATEWAY_ROUTES[1].api_keys (line 3, column 93): expected an array of strings, found a string
        hint: write it as an array, even if it holds one: ["..."]
      GATEWAY_ROUTES[1].token (line 3, column 13): the same token stands elsewhere in the table
        hint: give each its own; `ai-gateway token` makes one
      GATEWAY_ROUTES[2].base_url (line 4, column 40): it ends in /chat/completions, which the gateway adds itself
        hint: write https://a.example/v1
      GATEWAY_ROUTES[2].timeout (line 4, column 92): expected a number of seconds, found a string
        hint: write it without quotes
    "#);
}

#[test]
fn a_table_without_a_route_that_can_be_read_shows_one() {
    for text in ["[5]", "[[]]", "[\"t\"]"] {
        let report = Config::of_routes(text).unwrap_err().to_string();
        assert!(report.contains("a route looks like"), "{text}: {report}");
    }
}

#[test]
fn the_table_masks_tokens_and_keys() {
    let config =
        Config::of_routes(&json!([complete(&json!({"token": "gw-0123456789", "name": "main"}))]).to_string()).unwrap();
    let table = table(&config);
    assert!(
        table.contains("main") && table.contains("****6789") && !table.contains("0123456789"),
        "{table}"
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = Config::of_routes(&text);
    }

    #[test]
    fn no_report_tells_a_secret(secret in "SECRET[a-zA-Z0-9]{6}", field in 0_usize..5, bad in 0_usize..4) {
        let wrong = [json!(5), json!({"x": secret}), json!(format!("{secret} ...")), json!([secret, 7])][bad].clone();
        let field = ["token", "token_sha256", "api_keys", "extra_headers", "timeout"][field];
        if let Err(problems) = Config::of_routes(&json!([complete(&json!({"api_keys": [secret], field: wrong, "nonsense": 1}))]).to_string()) {
            prop_assert!(!problems.to_string().contains("SECRET"), "{}", problems);
        }
    }
}
