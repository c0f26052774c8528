//! Where the table comes from, the single-token variables and those of the whole gateway.

use std::time::Duration;

use ai_gateway::config::Cors;
use serde_json::json;

use super::{complete, urls, variables};

#[test]
fn the_first_source_that_is_set_counts() {
    let routes = json!([complete(&json!({"name": "from-routes"}))]).to_string();
    let legacy = [("GATEWAY_TOKEN", "t"), ("OPENROUTER_API_KEY", "k")];
    let both: Vec<_> = [("GATEWAY_ROUTES", routes.as_str())]
        .into_iter()
        .chain(legacy)
        .collect();
    assert_eq!(variables(&both).unwrap().routes[0].name, "from-routes");
    let blank: Vec<_> = [("GATEWAY_ROUTES", "  ")].into_iter().chain(legacy).collect();
    assert_eq!(variables(&blank).unwrap().routes[0].name, "default");
    let (first, second) = routes.split_at(20);
    assert_eq!(
        variables(&[("GATEWAY_ROUTES_1", first), ("GATEWAY_ROUTES_2", second)])
            .unwrap()
            .routes[0]
            .name,
        "from-routes"
    );
    let gap = variables(&[("GATEWAY_ROUTES_1", &routes), ("GATEWAY_ROUTES_3", "x")])
        .unwrap_err()
        .to_string();
    assert!(
        gap.contains("GATEWAY_ROUTES_2: it is not set, but GATEWAY_ROUTES_3 is"),
        "{gap}"
    );
    assert!(
        variables(&[])
            .unwrap_err()
            .to_string()
            .contains("nothing is configured")
    );
}

#[test]
fn a_single_token_goes_to_openrouter_unless_told_otherwise() {
    let config = variables(&[("GATEWAY_TOKEN", "t"), ("OPENROUTER_API_KEY", "k1, k2 ,")]).unwrap();
    let route = &config.routes[0];
    assert_eq!(
        (route.provider.as_str(), route.name.as_str(), route.keys.len()),
        ("openrouter", "default", 2)
    );
    assert_eq!(urls(route).0, "https://openrouter.ai/api/v1");
    let groq = variables(&[
        ("GATEWAY_TOKEN", "t"),
        ("PROVIDER", "groq"),
        ("UPSTREAM_API_KEY", "u"),
        ("GROQ_API_KEY", "g"),
    ])
    .unwrap();
    assert_eq!(
        (groq.routes[0].keys[0].expose(), urls(&groq.routes[0]).0.as_str()),
        ("g", "https://api.groq.com/openai/v1")
    );
}

#[test]
fn the_keys_of_a_single_token_are_looked_for_in_order() {
    let order = [
        "UPSTREAM_API_KEY",
        "OPENROUTER_API_KEY",
        "OPENAI_API_KEY",
        "SILICONFLOW_API_KEY",
        "GEMINI_API_KEY",
    ];
    for first in 0..order.len() {
        let mut set = vec![
            ("GATEWAY_TOKEN", "t"),
            ("PROVIDER", "custom"),
            ("UPSTREAM_BASE_URL", "https://api.example"),
        ];
        set.extend(order[first..].iter().map(|name| (*name, *name)));
        assert_eq!(variables(&set).unwrap().routes[0].keys[0].expose(), order[first]);
    }
}

#[test]
fn the_other_variables_of_a_single_token_become_fields() {
    let config = variables(&[
        ("GATEWAY_TOKEN", "t"),
        ("UPSTREAM_API_KEY", "k"),
        ("UPSTREAM_BASE_URL", "https://b.example/"),
        ("UPSTREAM_CHAT_URL", "https://c.example/c"),
        ("UPSTREAM_MODELS_URL", "https://m.example/m"),
        ("DEFAULT_MODEL", "dm"),
        ("UPSTREAM_TIMEOUT", "42"),
        ("HTTP_REFERER", "r"),
        ("X_TITLE", "x"),
    ])
    .unwrap();
    let route = &config.routes[0];
    assert_eq!(
        urls(route),
        (
            "https://b.example".into(),
            "https://c.example/c".into(),
            "https://m.example/m".into()
        )
    );
    assert_eq!(
        (route.default_model.as_deref(), route.timeout),
        (Some("dm"), Duration::from_secs(42))
    );
    assert_eq!(
        (&route.extra_headers["http-referer"], &route.extra_headers["x-title"]),
        (&"r".parse().unwrap(), &"x".parse().unwrap())
    );
}

#[test]
fn half_a_single_token_and_bad_values_name_their_variables() {
    let told = |set: &[(&str, &str)]| variables(set).unwrap_err().to_string();
    assert!(told(&[("OPENAI_API_KEY", "k")]).contains("GATEWAY_TOKEN: an upstream key is set"));
    assert!(told(&[("GATEWAY_TOKEN", "t")]).contains("set UPSTREAM_API_KEY"));
    for seconds in ["soon", "nan", "inf"] {
        let timeout = told(&[
            ("GATEWAY_TOKEN", "t"),
            ("OPENROUTER_API_KEY", "k"),
            ("UPSTREAM_TIMEOUT", seconds),
        ]);
        assert!(
            timeout.contains("UPSTREAM_TIMEOUT: expected a number of seconds"),
            "{timeout}"
        );
    }
}

#[test]
fn the_variable_that_was_set_is_the_one_that_is_blamed() {
    let told = |more: &[(&str, &str)]| {
        let token = [("GATEWAY_TOKEN", "t"), ("PROVIDER", "siliconflow")];
        variables(&[&token, more].concat()).unwrap_err().to_string()
    };
    assert!(told(&[("SILICONFLOW_API_KEY", "<key>")]).contains("SILICONFLOW_API_KEY: a key is still a placeholder"));
    let key = ("SILICONFLOW_API_KEY", "sk-1");
    assert!(told(&[key, ("X_TITLE", "a\u{7f}b")]).contains("X_TITLE: the value cannot stand in a header"));
    let query = told(&[key, ("UPSTREAM_BASE_URL", "https://a.example/v1?x=y")]);
    assert!(query.contains("UPSTREAM_CHAT_URL") && !query.contains('`'), "{query}");
    assert!(!told(&[key, ("UPSTREAM_TIMEOUT", "soon")]).contains("quotes"));
}

#[test]
fn origins_and_the_body_limit_are_read() {
    let with = |name, value| variables(&[("GATEWAY_TOKEN", "t"), ("PROVIDER", "echo"), (name, value)]);
    assert_eq!(with("X", "").unwrap().cors, Cors::Any);
    assert_eq!(
        with("CORS_ORIGINS", "https://a.example, http://b:1").unwrap().cors,
        Cors::Origins(vec!["https://a.example".into(), "http://b:1".into()])
    );
    assert_eq!(
        with("CORS_ORIGINS", "HTTPS://Chat.Example:443,http://a:80,http://b:443")
            .unwrap()
            .cors,
        Cors::Origins(vec![
            "https://chat.example".into(),
            "http://a".into(),
            "http://b:443".into()
        ])
    );
    assert!(
        with("CORS_ORIGINS", "https://*.example")
            .unwrap_err()
            .to_string()
            .contains("no origin")
    );
    assert!(with("CORS_ORIGINS", ",").is_err());
    assert_eq!(with("CORS_ORIGINS", "*").unwrap().cors, Cors::Any);
    assert!(with("CORS_ORIGINS", "a.example").is_err() && with("CORS_ORIGINS", "https://a.example/").is_err());
    for (text, bytes) in [("1000", 1000), ("2MiB", 2 << 20), ("3 kb", 3 << 10)] {
        assert_eq!(with("BODY_LIMIT", text).unwrap().body_limit, bytes);
    }
    assert_eq!(with("X", "").unwrap().body_limit, 64 << 20);
    assert!(with("BODY_LIMIT", "lots").is_err() && with("BODY_LIMIT", "0").is_err());
}
