//! Where the table comes from, and what is said about what else is set.

use ai_gateway::config::{Document, load};
use serde_json::json;

use super::{complete, notes, of, variables};

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
fn the_source_is_named_and_so_is_every_other_one_that_is_set() {
    let table = json!([complete(&json!({"name": "from-table"}))]).to_string();
    let single = [("GATEWAY_TOKEN", "gw-SECRET"), ("OPENAI_API_KEY", "sk-SECRET-0123")];
    let file = || Some(Document::file("/etc/routes.json".into(), table.clone()));
    let path = ("GATEWAY_ROUTES_FILE", "/etc/routes.json");
    let parts = [("GATEWAY_ROUTES_1", &table[..20]), ("GATEWAY_ROUTES_2", &table[20..])];
    let cases = [
        (
            None,
            [("GATEWAY_ROUTES", &*table), path].to_vec(),
            "GATEWAY_ROUTES",
            "GATEWAY_ROUTES_FILE",
        ),
        (
            None,
            [&parts[..], &[path]].concat(),
            "GATEWAY_ROUTES_1 to GATEWAY_ROUTES_2",
            "GATEWAY_ROUTES_FILE",
        ),
        (
            None,
            [&parts[..], &[("GATEWAY_ROUTES", &*table)]].concat(),
            "GATEWAY_ROUTES",
            "GATEWAY_ROUTES_1, GATEWAY_ROUTES_2",
        ),
        (
            None,
            [("GATEWAY_ROUTES", &*table), ("GATEWAY_KV", "{}")].to_vec(),
            "GATEWAY_ROUTES",
            "GATEWAY_KV",
        ),
        (file(), vec![path], "/etc/routes.json (GATEWAY_ROUTES_FILE)", ""),
        (
            Some(Document::kv(table.clone())),
            vec![("GATEWAY_KV", "{}")],
            "the key GATEWAY_ROUTES of GATEWAY_KV",
            "",
        ),
    ];
    for (stored, mut set, source, passed_over) in cases {
        set.extend(single);
        let config = load(stored.as_ref(), &of(&set)).unwrap();
        assert_eq!(config.routes[0].name, "from-table");
        let comma = if passed_over.is_empty() { "" } else { ", " };
        let expected = format!(
            "the routes come from {source}\nset and passed over: {passed_over}{comma}GATEWAY_TOKEN, OPENAI_API_KEY"
        );
        assert_eq!(notes(&config), expected);
    }
    let config = load(None, &of(&[&single[..], &[("GATEWAY_KV", "{}")]].concat())).unwrap();
    assert!(notes(&config).contains("set and passed over: GATEWAY_KV"), "{config:?}");
}

#[test]
fn an_empty_table_counts_as_not_set() {
    let single = [("GATEWAY_TOKEN", "t"), ("OPENROUTER_API_KEY", "k")];
    for empty in ["[]", " [\n ]\n", "\u{feff}[]"] {
        let set = [&single[..], &[("GATEWAY_ROUTES", empty)]].concat();
        let config = variables(&set).unwrap();
        assert_eq!(config.routes[0].name, "default");
        assert!(
            notes(&config).contains("counts as not set: GATEWAY_ROUTES"),
            "{config:?}"
        );
        let report = variables(&[("GATEWAY_ROUTES", empty)]).unwrap_err().to_string();
        assert!(
            report.contains("nothing is configured") && report.contains("counts as not set"),
            "{report}"
        );
        for (stored, name) in [
            (
                Document::file("/etc/r.json".into(), empty.into()),
                "GATEWAY_ROUTES_FILE",
            ),
            (Document::kv(empty.into()), "GATEWAY_KV"),
        ] {
            let set = [&single[..], &[(name, "x")]].concat();
            let config = load(Some(&stored), &of(&set)).unwrap();
            assert_eq!(config.routes[0].name, "default");
            assert!(
                notes(&config).contains(&format!("counts as not set: {name}")),
                "{config:?}"
            );
        }
    }
}

#[test]
fn a_missing_part_is_found_however_far_the_next_one_is() {
    let table = json!([complete(&json!({}))]).to_string();
    let gap = variables(&[("GATEWAY_ROUTES_1", &table), ("GATEWAY_ROUTES_40", "x")]).unwrap_err();
    assert!(
        gap.to_string()
            .contains("GATEWAY_ROUTES_2: it is not set, but GATEWAY_ROUTES_40 is"),
        "{gap}"
    );
}

#[test]
fn a_misspelt_variable_is_told_and_a_foreign_one_is_not() {
    let noted = |name: &str| notes(&variables(&[("GATEWAY_TOKEN", "t"), ("PROVIDER", "echo"), (name, "x")]).unwrap());
    for (name, meant) in [
        ("CORS_ORIGIN", "CORS_ORIGINS"),
        ("CORS_ALLOWED_ORIGINS", "CORS_ORIGINS"),
        ("GATEWAY_ROUTE", "GATEWAY_ROUTES"),
        ("GATEWAY_ROUTER_FILE", "GATEWAY_ROUTES_FILE"),
        ("gateway_routes_file", "GATEWAY_ROUTES_FILE"),
        ("MAX_CONCURRENCY", "MAX_CONCURRENT"),
        ("DRAIN_TIMOUT", "DRAIN_TIMEOUT"),
        ("LOGFORMAT", "LOG_FORMAT"),
        ("BODY_LIMITS", "BODY_LIMIT"),
        ("UPSTREAM_BASEURL", "UPSTREAM_BASE_URL"),
        ("UPSTREAM_API_KEYS", "UPSTREAM_API_KEY"),
        ("DEFAULT_MODELS", "DEFAULT_MODEL"),
        ("OPENAI_API_BASE", "OPENAI_BASE_URL"),
        ("OPENAI_KEY", "OPENAI_API_KEY"),
        ("OPENROUTER_API_TOKEN", "OPENROUTER_API_KEY"),
        ("OPENROUTTER_API_KEY", "OPENROUTER_API_KEY"),
        ("SSL_CERTFILE", "SSL_CERT_FILE"),
    ] {
        let expected = format!("{name} is not a variable of the gateway: did you mean {meant}?");
        assert!(noted(name).contains(&expected), "{name}: {}", noted(name));
    }
    assert!(noted("GATEWAY_ROUTES_0").contains("the parts of a table are GATEWAY_ROUTES_1"));
    for name in [
        "HOME",
        "HOSTNAME",
        "HOSTTYPE",
        "PATH",
        "PWD",
        "LANG",
        "SSL_CERT_DIR",
        "FTP_PROXY",
        "no_proxy",
        "LOG_LEVEL",
        "READ_TIMEOUT",
        "ZAI_API_KEY",
        "GROK_API_KEY",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_AUTH_TOKEN",
        "COHERE_API_KEY",
        "GATEWAY_PORT",
        "GATEWAY_SERVICE_HOST",
        "PUBLISH_PORT",
        "RUST_LOG",
        "NODE_OPTIONS",
        "REQUEST_TIMEOUT",
        "EXPORT",
        "MODEL",
    ] {
        assert!(!noted(name).contains(name), "{}", noted(name));
    }
    // What nobody missed is not missing.
    let set = [
        ("GATEWAY_TOKEN", "t"),
        ("PROVIDER", "echo"),
        ("BODY_LIMITS", "x"),
        ("BODY_LIMIT", "9"),
    ];
    assert!(!notes(&variables(&set).unwrap()).contains("BODY_LIMITS"));
    // In the report of what is wrong as well: it may be the reason.
    let report = variables(&[("GATEWAY_ROUTE", "[]")]).unwrap_err().to_string();
    assert!(
        report.contains("note: GATEWAY_ROUTE is not a variable of the gateway"),
        "{report}"
    );
    // Beside a table the keys of other programs are no matter.
    let table = json!([complete(&json!({}))]).to_string();
    let noted = notes(&variables(&[("GATEWAY_ROUTES", &table), ("OPENAI_KEY", "x")]).unwrap());
    assert_eq!(noted, "the routes come from GATEWAY_ROUTES");
}
