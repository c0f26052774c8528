//! Values as people paste them: with quotes around them, with placeholders in their place, with characters that nobody sees.

use ai_gateway::config::{Config, Document, load};
use serde_json::{Value, json};

use super::{complete, of, report, route, urls, variables};

const TABLE: &str = r#"[{"token":"t","provider":"echo"}]"#;

#[test]
fn quotes_around_a_variable_are_a_problem_that_says_where_they_come_from() {
    let token = ("GATEWAY_TOKEN", "gw-1");
    let key = ("OPENAI_API_KEY", "sk-1");
    for (open, close) in [
        ("\"", "\""),
        ("'", "'"),
        ("`", "`"),
        ("\u{201c}", "\u{201d}"),
        (" \"", "\" "),
        ("\\\"", "\\\""),
    ] {
        let quoted = |text: &str| format!("{open}{text}{close}");
        for (name, text) in [
            ("GATEWAY_TOKEN", "gw-SECRET"),
            ("OPENAI_API_KEY", "sk-SECRET"),
            ("OPENAI_API_KEY", "sk-SECRET-1,sk-SECRET-2"),
            ("UPSTREAM_BASE_URL", "https://a.example"),
            ("DEFAULT_MODEL", "m"),
            ("PROVIDER", "openai"),
            ("UPSTREAM_TIMEOUT", "60"),
            ("X_TITLE", "My App"),
            ("CORS_ORIGINS", "https://a.example"),
            ("BODY_LIMIT", "64MiB"),
        ] {
            let value = quoted(text);
            let mut set = vec![token, key];
            set.retain(|(known, _)| *known != name);
            set.push((name, &value));
            let problems = variables(&set).unwrap_err();
            let report = problems.to_string();
            assert_eq!(problems.len(), 1, "{report}");
            assert!(
                report.contains(&format!("{name}: its value stands in quotes")),
                "{report}"
            );
            assert!(
                report.contains("docker run --env-file") && !report.contains("SECRET"),
                "{report}"
            );
        }
        let problems = variables(&[("GATEWAY_ROUTES", &quoted(TABLE)), token, key]).unwrap_err();
        assert!(
            problems
                .to_string()
                .contains("GATEWAY_ROUTES (line 1, column 1): the table stands in quotes"),
            "{problems}"
        );
        for stored in [
            Document::file("/r.json".into(), quoted(TABLE)),
            Document::kv(quoted(TABLE)),
        ] {
            let report = load(Some(&stored), &of(&[token, key])).unwrap_err().to_string();
            assert!(report.contains("the table stands in quotes"), "{report}");
        }
    }
    // What nobody reads may be as it likes.
    assert!(variables(&[("GATEWAY_ROUTES", TABLE), ("OPENAI_API_KEY", "\"x\"")]).is_ok());
}

#[test]
fn quotes_within_the_quotes_of_a_table_are_a_problem() {
    for quoted in ["\"SECRET-1\"", "'SECRET-1'", "\u{201c}SECRET-1\u{201d}"] {
        for fields in [
            json!({"token": quoted}),
            json!({"api_keys": [quoted]}),
            json!({"name": quoted}),
            json!({"models": [quoted]}),
        ] {
            let report = report(&fields);
            assert!(
                report.contains("quotes stand around the text itself") && !report.contains("SECRET"),
                "{report}"
            );
        }
    }
    for stray in ["SECRET-1\"", "'SECRET-1"] {
        let report = report(&json!({"api_keys": [stray]}));
        assert!(
            report.contains("a quote stands at an end") && !report.contains("SECRET"),
            "{report}"
        );
        // A token may be a password of any characters.
        assert!(Config::of_routes(&json!([complete(&json!({"token": stray}))]).to_string()).is_ok());
    }
}

#[test]
fn placeholders_are_problems_as_keys_and_as_tokens() {
    for (text, told) in [
        ("${OPENAI_API_KEY}", "the name of a"),
        ("$OPENAI_API_KEY", "the name of a"),
        ("$X", "the name of a"),
        ("os.environ/OPENAI_API_KEY", "the name of a"),
        ("env:OPENAI_API_KEY", "the name of a"),
        ("{{key}}", "the name of a"),
        ("your-api-key", "placeholder"),
        ("sk-xxxxxxxxxxxx", "placeholder"),
        ("changeme", "placeholder"),
        ("<your key>", "placeholder"),
        ("Bearer sk-0123456789", "leave `Bearer` out"),
        (
            "OPENAI_API_KEY=sk-0123456789",
            "the name of a variable stands before it",
        ),
        ("https://api.openai.com/v1", "an address stands where"),
    ] {
        for fields in [json!({"token": text}), json!({"api_keys": [text]})] {
            assert!(report(&fields).contains(told), "{text}: {}", report(&fields));
        }
        for set in [
            [("GATEWAY_TOKEN", text), ("OPENAI_API_KEY", "sk-1")],
            [("GATEWAY_TOKEN", "gw-1"), ("OPENAI_API_KEY", text)],
        ] {
            let report = variables(&set).unwrap_err().to_string();
            assert!(
                report.contains("has 1 problem\n") && report.contains(told),
                "{text}: {report}"
            );
        }
    }
    for text in [
        "demo",
        "none",
        "EMPTY",
        "ollama",
        "lm-studio",
        "sk-no-key-required",
        "sk-abcxxxdef0123456789",
    ] {
        assert_eq!(
            route(&json!({"token": text, "api_keys": [text]})).keys[0].expose(),
            text
        );
    }
}

#[test]
fn the_name_of_a_variable_is_no_key_in_a_table() {
    for fields in [
        json!({"api_keys": ["OPENAI_API_KEY"]}),
        json!({"token": "GATEWAY_TOKEN"}),
    ] {
        assert!(report(&fields).contains("the name of a"), "{}", report(&fields));
    }
}

#[test]
fn several_keys_in_one_are_told() {
    for text in ["sk-1,sk-2", "sk-1;sk-2", "sk-1, sk-2"] {
        let report = report(&json!({"api_keys": [text]}));
        assert!(report.contains("api_keys"), "{report}");
    }
    assert!(report(&json!({"api_keys": ["sk-1,sk-2"]})).contains("[\"key-1\", \"key-2\"]"));
    let config = variables(&[("GATEWAY_TOKEN", "t"), ("OPENAI_API_KEY", " sk-1 ,\nsk-2\r\n")]).unwrap();
    assert_eq!(config.routes[0].keys.len(), 2);
    assert!(variables(&[("GATEWAY_TOKEN", "t"), ("OPENAI_API_KEY", "sk-1;sk-2")]).is_err());
    assert!(variables(&[("GATEWAY_TOKEN", "t"), ("OPENAI_API_KEY", "[\"sk-1\",\"sk-2\"]")]).is_err());
}

#[test]
fn nothing_is_put_into_a_table() {
    for fields in [
        json!({"base_url": "${BASE_URL}"}),
        json!({"default_model": "{{ model }}"}),
        json!({"name": "$(hostname)"}),
        json!({"extra_headers": {"X-Title": "${TITLE}"}}),
        json!({"aliases": {"a": "${MODEL}"}}),
    ] {
        assert!(
            report(&fields).contains("nothing puts the value in its place"),
            "{}",
            report(&fields)
        );
    }
    assert_eq!(route(&json!({"name": "PROD_KEY"})).name, "PROD_KEY");
}

#[test]
fn blanks_around_names_and_values_are_no_part_of_them() {
    let table = json!([
        complete(&json!({
            "token": "gw-1\n", "name": " main\r\n", "provider": "custom ", "base_url": "\thttps://a.example/v1 ", "default_model": "m \n",
            "fallbacks": ["second\n"], "models": [" m"], "aliases": {" a ": " m\n"}, "api_keys": ["k \r\n"], "rotation": "sticky ",
            "chat_url": "https://a.example/c ", "extra_headers": {"X-A ": " b "}
        })),
        complete(&json!({"token": "gw-2", "name": "second "})),
    ]);
    let config = Config::of_routes(&table.to_string()).unwrap();
    let route = &config.routes[0];
    assert_eq!(
        (
            route.name.as_str(),
            route.default_model.as_deref(),
            route.keys[0].expose(),
            route.fallbacks.as_slice()
        ),
        ("main", Some("m"), "k", [1].as_slice())
    );
    assert_eq!(
        (urls(route).0.as_str(), urls(route).1.as_str()),
        ("https://a.example/v1", "https://a.example/c")
    );
    assert_eq!((route.aliases[0].0.as_str(), route.upstream_model("a")), ("a", "m"));
    assert_eq!(
        (
            config.account_of(b"gw-1").map(|account| account.route),
            route.extra_headers["x-a"].as_bytes()
        ),
        (Some(0), &b"b"[..])
    );
    let config = variables(&[
        ("GATEWAY_TOKEN", " gw-1\r\n"),
        ("PROVIDER", "groq\r"),
        ("GROQ_API_KEY", "k\n"),
        ("DEFAULT_MODEL", " m\n"),
        ("UPSTREAM_TIMEOUT", "60\r\n"),
        ("BODY_LIMIT", " 1 MiB\n"),
        ("CORS_ORIGINS", " https://a.example \n"),
    ])
    .unwrap();
    assert_eq!(
        (
            config.account_of(b"gw-1").map(|account| account.route),
            config.body_limit
        ),
        (Some(0), Some(1 << 20))
    );
}

#[test]
fn a_character_that_nobody_sees_is_named() {
    for (char, name) in [
        ("\u{200b}", "U+200B ZERO WIDTH SPACE"),
        ("\u{feff}", "U+FEFF"),
        ("\u{ad}", "U+00AD SOFT HYPHEN"),
        ("\u{2060}", "U+2060 WORD JOINER"),
        ("\u{202e}", "U+202E"),
    ] {
        for field in [
            "token",
            "name",
            "default_model",
            "base_url",
            "chat_url",
            "models_url",
            "provider",
        ] {
            let report = report(&json!({field: format!("https://a.example/v1{char}")}));
            assert!(report.contains(name), "{field}: {report}");
        }
        for fields in [
            json!({"api_keys": [format!("sk-{char}SECRET")]}),
            json!({"models": [format!("a{char}b")]}),
            json!({"aliases": {format!("a{char}b"): "m"}}),
        ] {
            let report = report(&fields);
            assert!(report.contains(name) && !report.contains("SECRET"), "{report}");
        }
    }
}

#[test]
fn what_belongs_to_other_scripts_is_no_accident() {
    for name in [
        "主线",
        "\u{645}\u{6cc}\u{200c}\u{62e}",
        "\u{2764}\u{fe0f}",
        "\u{1f469}\u{200d}\u{1f4bb}",
        "é",
    ] {
        assert_eq!(route(&json!({"name": name})).name, name);
    }
}

#[test]
fn what_no_address_holds_is_named() {
    for (address, told) in [
        (
            "http://h/v1 /",
            "expected an http or https URL: U+0020 SPACE stands in it (character 12)",
        ),
        ("http://h/v1\u{3000}/", "U+3000 IDEOGRAPHIC SPACE"),
        ("http://h/v1\u{a0}/", "U+00A0 NO-BREAK SPACE"),
        ("http://h\u{ff0f}v1", "type / instead"),
        ("https\u{ff1a}//h/v1", "U+FF1A"),
        ("http://h/v1\u{3002}", "type . instead"),
        ("http://h/v1\u{ff0c}", "type , instead"),
        ("http://h/中文", "U+4E2D 中"),
        ("http://b\u{fc}cher.example/v1", "xn--"),
        ("http://h/v1\u{2013}beta", "type - instead"),
        ("http:\\\\h\\v1", "addresses have / only"),
        ("http://h/v1\"", "U+0022"),
        ("http://h/a b/v1", "U+0020 SPACE"),
        ("http://h/accounts/{account}/v1", "put your own value in its place"),
        ("https://<resource>.example/v1", "put your own value in its place"),
        ("http://h/v1\t/x", "U+0009 TAB"),
        ("http://h/v1\u{7f}", "U+007F DELETE"),
    ] {
        for field in ["base_url", "chat_url", "models_url"] {
            let report = report(&json!({field: address}));
            assert!(
                report.contains(told) || report.contains("nobody sees"),
                "{address}: {report}"
            );
        }
    }
}

#[test]
fn an_endpoint_is_no_base_address() {
    for endpoint in [
        "chat/completions",
        "completions",
        "responses",
        "embeddings",
        "messages",
        "messages/count_tokens",
        "models",
        "images/generations",
        "images/edits",
        "audio/speech",
        "audio/transcriptions",
        "moderations",
        "rerank",
        "files",
        "batches",
        "realtime",
        "Chat/Completions",
    ] {
        for (before, behind) in [
            ("", ""),
            ("", "/"),
            ("", "//"),
            ("/proxy", "?api-version=1"),
            ("", "/?x=y"),
        ] {
            let base = format!("https://a.example{before}/v1");
            let report = Config::of_routes(
                &json!([complete(&json!({"base_url": format!("{base}/{endpoint}{behind}")}))]).to_string(),
            )
            .unwrap_err()
            .to_string();
            assert!(
                report.contains(&format!("it ends in /{}", endpoint.to_lowercase())),
                "{report}"
            );
            assert!(report.contains(&format!("write {base}")), "{report}");
        }
    }
    let azure = "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21";
    let told = report(&json!({"provider": "azure", "base_url": azure}));
    assert!(
        told.contains("write https://r.openai.azure.com/openai/deployments/d, and what stands behind the ? as before"),
        "{told}"
    );
    assert!(report(&json!({"base_url": "https://a.example/v1/chat"})).contains("write https://a.example/v1"));
    assert!(
        report(&json!({"base_url": "http://localhost:11434/api/chat"})).contains("write http://localhost:11434/v1")
    );
    let gemini = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:generateContent";
    assert!(report(&json!({"base_url": gemini})).contains("v1beta/openai"));
    let named = complete(&json!({"base_url": "https://u:SECRET@a.example/v1/models"}));
    let told = Config::of_routes(&json!([named]).to_string()).unwrap_err().to_string();
    assert!(told.contains("leave it out") && !told.contains("SECRET"), "{told}");
    for good in [
        "https://a.example/v1",
        "https://a.example/my-models",
        "https://responses.example",
        "https://a.example/chat",
    ] {
        assert_eq!(urls(&route(&json!({"base_url": good}))).0, good);
    }
    let value: Value =
        json!({"chat_url": "https://a.example/v1/chat/completions", "models_url": "https://a.example/v1/models"});
    assert_eq!(urls(&route(&value)).1, "https://a.example/v1/chat/completions");
}
