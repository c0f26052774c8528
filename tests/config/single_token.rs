//! The single-token variables, and those of the whole gateway.

use std::time::Duration;

use ai_gateway::config::Cors;
use ai_gateway::dialect::formats::GEMINI;
use ai_gateway::dialect::providers::PROVIDERS;

use super::{notes, urls, variables};

#[test]
fn without_a_provider_the_variable_of_the_key_names_it() {
    for row in PROVIDERS.iter().filter(|row| row.base_url.is_some()) {
        // One that several providers name belongs to the first of them.
        let taken = |name: &&&str| {
            let owner = PROVIDERS.iter().find(|other| other.key_variables.contains(name));
            owner.is_some_and(|owner| owner.name == row.name)
        };
        let Some(variable) = row.key_variables.iter().find(taken) else {
            continue;
        };
        let config = variables(&[("GATEWAY_TOKEN", "t"), (variable, "key-1,key-2")]).unwrap();
        let route = &config.routes[0];
        assert_eq!((route.provider.as_str(), route.keys.len()), (row.name, 2));
        assert_eq!(Some(urls(route).0.as_str()), row.base_url);
        assert!(
            notes(&config).contains(&format!("goes to {} with the key in {variable}", row.name)),
            "{config:?}"
        );
    }
    // The first in the order of the contract.
    let order = [
        "OPENROUTER_API_KEY",
        "OPENAI_API_KEY",
        "SILICONFLOW_API_KEY",
        "GEMINI_API_KEY",
        "GROQ_API_KEY",
    ];
    for first in 0..order.len() {
        let mut set = vec![("GATEWAY_TOKEN", "t")];
        set.extend(order[first..].iter().map(|name| (*name, *name)));
        let config = variables(&set).unwrap();
        assert_eq!(config.routes[0].keys[0].expose(), order[first]);
        assert_eq!(
            config.routes[0].provider,
            order[first].trim_end_matches("_API_KEY").to_lowercase()
        );
        for other in &order[first + 1..] {
            assert!(notes(&config).contains(other), "{config:?}");
        }
    }
    // A key of no provider goes where it always went.
    let config = variables(&[
        ("GATEWAY_TOKEN", "t"),
        ("UPSTREAM_API_KEY", "u"),
        ("GEMINI_API_KEY", "g"),
    ])
    .unwrap();
    assert_eq!(
        (config.routes[0].provider.as_str(), config.routes[0].keys[0].expose()),
        ("openrouter", "u")
    );
    assert!(
        notes(&config).contains("set and passed over: GEMINI_API_KEY"),
        "{config:?}"
    );
    let report = variables(&[("GATEWAY_TOKEN", "t"), ("AZURE_OPENAI_API_KEY", "k")])
        .unwrap_err()
        .to_string();
    assert!(report.contains("a UPSTREAM_BASE_URL is missing"), "{report}");
}

#[test]
fn a_key_of_gemini_is_for_its_own_dialect_where_that_is_named() {
    for variable in ["GEMINI_API_KEY", "GOOGLE_API_KEY"] {
        let config = variables(&[("GATEWAY_TOKEN", "t"), ("PROVIDER", "gemini-native"), (variable, "k")]).unwrap();
        let route = &config.routes[0];
        assert_eq!(
            (route.dialect, urls(route).0.as_str()),
            (GEMINI, "https://generativelanguage.googleapis.com/v1beta")
        );
        let notes = notes(&config);
        assert!(notes.contains(variable) && !notes.contains("sends the key"), "{notes}");
    }
    let both = [("GATEWAY_TOKEN", "t"), ("GEMINI_API_KEY", "g"), ("GOOGLE_API_KEY", "o")];
    let native = variables(&[&both[..], &[("PROVIDER", "gemini-native")]].concat()).unwrap();
    assert_eq!(native.routes[0].keys[0].expose(), "g");
    let notes = notes(&native);
    assert!(notes.ends_with("set and passed over: GOOGLE_API_KEY"), "{notes}");
    assert_eq!(variables(&both).unwrap().routes[0].provider, "gemini");
}

#[test]
fn the_address_of_openais_sdks_goes_with_openais_key() {
    let token = ("GATEWAY_TOKEN", "t");
    let key = ("OPENAI_API_KEY", "k");
    let own = ("OPENAI_BASE_URL", "https://relay.example/v1/");
    let address = |more: &[(&str, &str)]| urls(&variables(&[&[token, key, own], more].concat()).unwrap().routes[0]).0;
    assert_eq!(address(&[]), "https://relay.example/v1");
    assert_eq!(address(&[("PROVIDER", "openai")]), "https://relay.example/v1");
    assert_eq!(address(&[("PROVIDER", "custom")]), "https://relay.example/v1");
    assert_eq!(
        address(&[("UPSTREAM_BASE_URL", "https://u.example")]),
        "https://u.example"
    );
    assert_eq!(
        address(&[("PROVIDER", "groq"), ("GROQ_API_KEY", "g")]),
        "https://api.groq.com/openai/v1"
    );
    assert_eq!(address(&[("OPENROUTER_API_KEY", "or")]), "https://openrouter.ai/api/v1");
    let other = variables(&[token, own, ("GEMINI_API_KEY", "g")]).unwrap();
    assert!(urls(&other.routes[0]).0.contains("googleapis") && notes(&other).contains("passed over: OPENAI_BASE_URL"));
    let report = variables(&[token, key, ("OPENAI_BASE_URL", "relay.example")])
        .unwrap_err()
        .to_string();
    assert!(
        report.contains("OPENAI_BASE_URL: expected an http or https URL"),
        "{report}"
    );
}

#[test]
fn a_key_that_leaves_for_another_provider_is_told() {
    let config = variables(&[("GATEWAY_TOKEN", "t"), ("PROVIDER", "groq"), ("OPENAI_API_KEY", "k")]).unwrap();
    assert!(
        notes(&config).contains("PROVIDER sends the key of openai to groq"),
        "{config:?}"
    );
    let written = variables(&[("GATEWAY_TOKEN", "t"), ("PROVIDER", "OpenAI"), ("OPENAI_API_KEY", "k")]).unwrap();
    assert!(!notes(&written).contains("sends the key"), "{written:?}");
    let local = variables(&[("GATEWAY_TOKEN", "t"), ("PROVIDER", "ollama"), ("OPENAI_API_KEY", "k")]).unwrap();
    assert!(
        local.routes[0].keys.is_empty() && notes(&local).contains("passed over: OPENAI_API_KEY"),
        "{local:?}"
    );
    let echo = variables(&[("GATEWAY_TOKEN", "t"), ("PROVIDER", "echo"), ("OPENAI_API_KEY", "k")]).unwrap();
    assert!(
        echo.routes[0].keys.is_empty() && notes(&echo).contains("passed over: OPENAI_API_KEY"),
        "{echo:?}"
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
        assert_eq!(with("BODY_LIMIT", text).unwrap().body_limit, Some(bytes));
    }
    assert_eq!(with("X", "").unwrap().body_limit, None);
    assert!(with("BODY_LIMIT", "lots").is_err() && with("BODY_LIMIT", "0").is_err());
}
