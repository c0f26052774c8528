//! The fields of a route.

use ai_gateway::config::{Config, Rotation, Route, table};
use ai_gateway::dialect::key_header::KeyHeader;
use ai_gateway::dialect::providers::PROVIDERS;
use serde_json::{Value, json};

use super::{complete, notes, report, route, urls};

#[test]
fn a_token_is_required_and_unique() {
    assert!(report(&json!({"token": null})).contains("a `token` (or `token_sha256`) is missing"));
    assert!(report(&json!({"token": "two words"})).contains("visible ASCII"));
    assert!(report(&json!({"token": null, "token_sha256": "00"})).contains("64 hexadecimal digits"));
    assert!(report(&json!({"token_sha256": "0".repeat(64)})).contains("keep one of them"));
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert!(report(&json!({"token": null, "token_sha256": empty})).contains("that of an empty token"));
    assert!(report(&json!({"aliases": {"a": " "}})).contains("`a` stands for an empty name"));
    assert!(report(&json!({"extra_headers": {"X-A": "1", "x-a": "2"}})).contains("stands twice"));
    let table = json!([complete(&json!({}))]).to_string();
    let digest = Config::of_routes(&table).unwrap().accounts[0].token.hex();
    let twins = json!([
        complete(&json!({})),
        complete(&json!({"token": null, "token_sha256": digest}))
    ]);
    assert!(
        Config::of_routes(&twins.to_string())
            .unwrap_err()
            .to_string()
            .contains("the same token stands elsewhere in the table")
    );
}

#[test]
fn a_name_counts_from_one_and_is_unique() {
    assert_eq!(
        (route(&json!({})).name, route(&json!({"name": "n"})).name),
        ("route-1".into(), "n".into())
    );
    let twins = json!([
        complete(&json!({"name": "n"})),
        complete(&json!({"name": "n", "token": "other"}))
    ]);
    assert!(
        Config::of_routes(&twins.to_string())
            .unwrap_err()
            .to_string()
            .contains("another route is called `n`")
    );
}

#[test]
fn a_provider_brings_its_address_and_an_unknown_one_needs_it() {
    for provider in PROVIDERS.iter().filter(|provider| provider.base_url.is_some()) {
        let (base_url, chat_url, models_url) = urls(&route(&json!({"provider": provider.name, "base_url": null})));
        assert_eq!(Some(base_url.as_str()), provider.base_url);
        assert_eq!(
            (chat_url, models_url),
            (format!("{base_url}/chat/completions"), format!("{base_url}/models"))
        );
    }
    assert_eq!(route(&json!({"provider": "my-relay"})).provider, "my-relay");
    assert!(report(&json!({"provider": "opnai", "base_url": null})).contains("did you mean `openai`?"));
    assert!(report(&json!({"provider": "azure", "base_url": null})).contains("a `base_url` is missing"));
    assert_eq!(route(&json!({"provider": "azure"})).key_header, KeyHeader::ApiKey);
    assert_eq!(route(&json!({})).provider, "custom");
}

#[test]
fn a_base_url_is_an_address_and_its_trailing_slash_is_ignored() {
    assert_eq!(
        urls(&route(&json!({"base_url": "https://api.example/v1//"}))).1,
        "https://api.example/v1/chat/completions"
    );
    assert!(
        report(&json!({"base_url": "https://api.example/v1/chat/completions"}))
            .contains("write https://api.example/v1")
    );
    for bad in [
        "api.example/v1",
        "ftp://api.example",
        "https://",
        "not a url",
        "https://api.example:99999/v1",
    ] {
        assert!(
            report(&json!({"base_url": bad})).contains("expected an http or https URL"),
            "{bad}"
        );
    }
    assert!(report(&json!({"base_url": "https://user:secret@api.example"})).contains("user name or password"));
    assert!(report(&json!({"base_url": "https://api.example/v1?x=1"})).contains("query"));
}

#[test]
fn full_urls_keep_their_queries() {
    let route = route(&json!({"chat_url": "https://c.example/x?api-version=1", "models_url": "https://m.example/y?z"}));
    let (_, chat_url, models_url) = urls(&route);
    assert_eq!(
        (chat_url.as_str(), models_url.as_str()),
        ("https://c.example/x?api-version=1", "https://m.example/y?z")
    );
    assert!(report(&json!({"chat_url": "nowhere"})).contains("GATEWAY_ROUTES[0].chat_url"));
}

#[test]
fn a_route_of_the_built_in_provider_has_its_model_as_default_and_check_shows_it() {
    let config = |fields: &str| Config::of_routes(&format!(r#"[{{"token":"t","provider":"echo"{fields}}}]"#)).unwrap();
    let unnamed = config("");
    assert_eq!(unnamed.routes[0].default_model.as_deref(), Some("echo"));
    let row = table(&unnamed).lines().last().map(str::to_owned).unwrap();
    let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(cells[2..5], ["echo", "built in", "echo"], "{row}");
    let named = config(r#","default_model":"other""#);
    assert_eq!(named.routes[0].default_model.as_deref(), Some("other"));
    assert_eq!(route(&json!({})).default_model, None);
}

#[test]
fn models_and_aliases_are_read_in_order() {
    let route =
        route(&json!({"default_model": "d", "models": ["a/*", "x"], "aliases": {"fast": "a/mini", "slow": "b"}}));
    assert_eq!(route.default_model.as_deref(), Some("d"));
    assert!(
        route.allows("a/b") && route.allows("x") && route.allows("fast") && !route.allows("slow") && !route.allows("y")
    );
    assert_eq!(
        (route.upstream_model("fast"), route.upstream_model("other")),
        ("a/mini", "other")
    );
    assert!(report(&json!({"models": "a"})).contains("expected an array of strings, found a string"));
    assert!(report(&json!({"aliases": {"a": 5}})).contains("GATEWAY_ROUTES[0].aliases.a"));
    assert!(report(&json!({"default_model": ""})).contains("found an empty one"));
}

#[test]
fn keys_are_required_but_for_echo_and_local_upstreams() {
    assert_eq!(route(&json!({"api_keys": ["a", "b", "a"]})).keys.len(), 2);
    assert!(report(&json!({"api_keys": null})).contains("`api_keys` are missing"));
    assert!(report(&json!({"api_keys": []})).contains("no usable key"));
    assert!(report(&json!({"api_keys": "sk-0123"})).contains("write it as an array"));
    assert!(report(&json!({"api_keys": ["sk-..."]})).contains("placeholder"));
    assert!(report(&json!({"api_keys": ["with space"]})).contains("visible ASCII"));
    for base_url in [
        "http://localhost:8080/v1",
        "http://127.0.0.1/v1",
        "http://[::1]:1/v1",
        "http://192.168.1.9/v1",
        "http://llm:8080/v1",
        "http://box.local/v1",
    ] {
        assert!(
            route(&json!({"api_keys": null, "base_url": base_url})).keys.is_empty(),
            "{base_url}"
        );
    }
    for provider in ["echo", "ollama", "vllm"] {
        assert!(
            route(&json!({"api_keys": null, "base_url": null, "provider": provider}))
                .keys
                .is_empty(),
            "{provider}"
        );
    }
}

#[test]
fn times_are_seconds_with_their_defaults() {
    let seconds =
        |route: &Route| [route.timeout, route.idle_timeout, route.connect_timeout].map(|time| time.as_secs_f64());
    assert_eq!(seconds(&route(&json!({}))), [300.0, 300.0, 10.0]);
    assert_eq!(seconds(&route(&json!({"timeout": 60}))), [60.0, 60.0, 10.0]);
    assert_eq!(
        seconds(&route(
            &json!({"timeout": 1.5, "idle_timeout": 20, "connect_timeout": 3})
        )),
        [1.5, 20.0, 3.0]
    );
    let rest = |fields: Value| {
        let route = route(&fields);
        [route.first_token_timeout, route.retry_wait].map(|time| time.as_secs_f64())
    };
    assert_eq!(rest(json!({"timeout": 60})), [60.0, 0.0]);
    assert_eq!(
        rest(json!({"timeout": 60, "first_token_timeout": 60, "retry_wait": 0})),
        [60.0, 0.0]
    );
    assert_eq!(rest(json!({"first_token_timeout": 2.5, "retry_wait": 90})), [2.5, 90.0]);
    let shown = |fields: Value| {
        let table = table(&Config::of_routes(&json!([complete(&fields)]).to_string()).unwrap());
        table.lines().last().unwrap().to_owned()
    };
    assert!(!shown(json!({"timeout": 60})).contains("first token"));
    let all = shown(json!({"timeout": 60, "first_token_timeout": 2.5, "retry_wait": 90}));
    assert!(all.contains("  60 s, first token 2.5 s, waits 90 s  "), "{all}");
    let alone = Config::of_routes(&json!([complete(&json!({"first_token_timeout": 2}))]).to_string()).unwrap();
    assert!(
        notes(&alone).contains("[0].first_token_timeout: it does nothing here"),
        "{}",
        notes(&alone)
    );
    let told = report(&json!({"timeout": 60, "first_token_timeout": 61}));
    assert!(
        told.contains("[0].first_token_timeout") && told.contains("at most the `timeout` of 60 seconds, found 61"),
        "{told}"
    );
    for bad in [json!("60"), json!(-1), json!(1e9)] {
        assert!(report(&json!({"retry_wait": bad})).contains("GATEWAY_ROUTES[0].retry_wait"));
    }
    for bad in [json!("60"), json!(0), json!(-1), json!(1e9), json!(true)] {
        for field in ["timeout", "first_token_timeout", "idle_timeout", "connect_timeout"] {
            assert!(report(&json!({field: bad})).contains(&format!("GATEWAY_ROUTES[0].{field}")));
        }
    }
}

#[test]
fn extra_headers_are_headers_and_not_those_of_the_connection() {
    let headers = route(&json!({"extra_headers": {"X-Title": "t", "HTTP-Referer": "r"}})).extra_headers;
    assert_eq!((headers["x-title"].to_str().unwrap(), headers.len()), ("t", 2));
    assert!(report(&json!({"extra_headers": {"Host": "h"}})).contains("belongs to the connection"));
    assert!(report(&json!({"extra_headers": {"a b": "h"}})).contains("no name of a header"));
    assert!(report(&json!({"extra_headers": {"a": "x\ny"}})).contains("cannot stand in a header"));
}

#[test]
fn attempts_default_to_the_keys_up_to_four() {
    let keys = |count: usize| (0..count).map(|n| format!("key-{n}")).collect::<Vec<_>>();
    for (count, attempts) in [(1, 1), (3, 3), (9, 4)] {
        assert_eq!(route(&json!({"api_keys": keys(count)})).max_attempts, attempts);
    }
    assert_eq!(route(&json!({"max_attempts": 7})).max_attempts, 7);
    assert!(report(&json!({"max_attempts": 0})).contains("between 1 and 100"));
}

#[test]
fn rotation_is_a_word_and_verify_end_and_strict_are_booleans() {
    assert_eq!(route(&json!({})).rotation, Rotation::Request);
    assert_eq!(route(&json!({"rotation": "sticky"})).rotation, Rotation::Sticky);
    assert!(report(&json!({"rotation": "stiky"})).contains("did you mean `sticky`?"));
    assert!(!route(&json!({})).verify_end && route(&json!({"verify_end": true})).verify_end);
    assert!(!route(&json!({})).strict && route(&json!({"strict": true})).strict);
    for field in ["verify_end", "strict"] {
        assert!(report(&json!({field: "yes"})).contains("expected true or false"));
    }
}

#[test]
fn fallbacks_name_other_routes_and_never_go_in_circles() {
    let three = |links: [Value; 3]| {
        let routes: Vec<Value> = links
            .into_iter()
            .enumerate()
            .map(|(n, fallbacks)| {
                complete(&json!({"token": format!("t-{n}"), "name": format!("r{n}"), "fallbacks": fallbacks}))
            })
            .collect();
        Config::of_routes(&json!(routes).to_string())
    };
    let config = three([json!(["r2", "r1"]), json!([]), json!(null)]).unwrap();
    assert_eq!(
        (config.routes[0].fallbacks.as_slice(), config.routes[0].max_attempts),
        ([2, 1].as_slice(), 3)
    );
    let told = |links| three(links).unwrap_err().to_string();
    assert!(told([json!(["r1"]), json!(["r2"]), json!(["r0"])]).contains("r0 -> r1 -> r2 -> r0"));
    assert!(told([json!(["r0"]), json!([]), json!([])]).contains("falls back to itself"));
    assert!(told([json!(["r22"]), json!([]), json!([])]).contains("did you mean"));
}
