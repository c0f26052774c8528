//! What the upstream of a route speaks, and the addresses that go with it.

use ai_gateway::config::{Config, table};
use ai_gateway::dialect::formats::{ANTHROPIC, FORMATS, GEMINI, OPENAI};
use ai_gateway::dialect::key_header::KeyHeader;
use ai_gateway::dialect::providers::PROVIDERS;
use serde_json::{Value, json};

use super::{complete, notes, report, route, variables};

#[test]
fn a_dialect_is_one_of_four_and_without_one_it_is_the_providers() {
    for format in FORMATS {
        let route = route(&json!({"dialect": format.name}));
        assert_eq!((route.dialect, route.key_header), (format, format.key_header));
    }
    for row in PROVIDERS.iter().filter(|row| row.base_url.is_some()) {
        let route = route(&json!({"provider": row.name, "base_url": null}));
        assert_eq!(
            (route.dialect, route.key_header, route.has),
            (row.dialect, row.key_header, row.has),
            "{}",
            row.name
        );
    }
    assert_eq!(route(&json!({"provider": "my-relay"})).dialect, OPENAI);
    let claude = route(&json!({"provider": "anthropic", "base_url": null}));
    assert_eq!((claude.dialect, claude.key_header), (ANTHROPIC, KeyHeader::XApiKey));
    let gemini = route(&json!({"provider": "gemini-native", "base_url": null, "models": ["gemini-*"]}));
    assert_eq!((gemini.dialect, gemini.key_header), (GEMINI, KeyHeader::XGoogApiKey));
    assert!(gemini.allows("models/gemini-3") && gemini.allows("gemini-3"));
}

#[test]
fn a_dialect_or_provider_by_another_name_is_understood() {
    for (written, meant) in [
        ("opnai", "openai"),
        ("OpenAI", "openai"),
        ("chat_completions", "openai"),
        ("openai-responses", "responses"),
        ("response", "responses"),
        ("claude", "anthropic"),
        ("messages", "anthropic"),
        ("Antropic", "anthropic"),
        ("google", "gemini"),
        ("gemini-native", "gemini"),
    ] {
        let report = report(&json!({"dialect": written}));
        assert!(report.contains(&format!("did you mean `{meant}`?")), "{report}");
    }
    let known = report(&json!({"dialect": "cohere"}));
    assert!(
        known.contains("known are: openai, responses, anthropic, gemini"),
        "{known}"
    );
    for (written, meant) in [
        ("claude", "anthropic"),
        ("google", "gemini"),
        ("gemini_native", "gemini-native"),
        ("openai-responses", "openai"),
    ] {
        let report = report(&json!({"provider": written, "base_url": null}));
        assert!(report.contains(&format!("did you mean `{meant}`?")), "{report}");
    }
}

#[test]
fn the_key_goes_into_the_header_of_the_dialect_unless_the_provider_has_its_own() {
    let header = |provider: &str, dialect: &str, base_url: Option<&str>| {
        route(&json!({"provider": provider, "dialect": dialect, "base_url": base_url})).key_header
    };
    let other = Some("https://other.example/v1");
    for provider in ["custom", "my-relay", "deepseek", "openrouter", "gemini-native"] {
        assert_eq!(header(provider, "openai", other), KeyHeader::Bearer);
        assert_eq!(header(provider, "responses", other), KeyHeader::Bearer);
        assert_eq!(header(provider, "anthropic", other), KeyHeader::XApiKey);
        assert_eq!(header(provider, "gemini", other), KeyHeader::XGoogApiKey);
    }
    assert_eq!(header("openrouter", "anthropic", None), KeyHeader::Bearer);
    assert_eq!(header("ollama", "anthropic", None), KeyHeader::XApiKey);
    assert_eq!(header("anthropic", "openai", other), KeyHeader::Bearer);
    for dialect in FORMATS {
        assert_eq!(header("azure", dialect.name, other), KeyHeader::ApiKey);
    }
}

#[test]
fn what_an_upstream_of_openais_format_speaks_besides_is_known_at_its_providers_address() {
    let speaks = |fields: Value| {
        let route = route(&fields);
        FORMATS.map(|dialect| route.speaks(dialect))
    };
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(speaks(json!({})), [yes, None, None, no]);
    let of = |provider: &str| speaks(json!({"provider": provider, "base_url": null}));
    assert_eq!(of("openrouter"), [yes, yes, yes, no]);
    assert_eq!(of("openai"), [yes, yes, no, no]);
    assert_eq!(of("siliconflow"), [yes, None, yes, no]);
    assert_eq!(of("zhipu"), [yes, no, no, no]);
    assert_eq!(of("echo"), [yes, no, no, no]);
    assert_eq!(of("anthropic"), [no, no, yes, no]);
    assert_eq!(of("gemini-native"), [no, no, no, yes]);
    let relay = json!({"provider": "openai", "base_url": "https://relay.example/v1"});
    assert_eq!(speaks(relay), [yes, None, None, no]);
    let written = json!({"provider": "openai", "base_url": "https://api.openai.com/v1/"});
    assert_eq!(speaks(written), [yes, yes, no, no]);
    assert_eq!(speaks(json!({"dialect": "anthropic"})), [no, no, yes, no]);
    assert_eq!(speaks(json!({"provider": "workers-ai"})), [yes, no, None, no]);
}

#[test]
fn a_dialect_that_a_provider_speaks_elsewhere_needs_that_address() {
    let report =
        |provider: &str, dialect: &str| report(&json!({"provider": provider, "dialect": dialect, "base_url": null}));
    assert!(report("gemini", "gemini").contains(r#"hint: write "provider": "gemini-native""#));
    assert!(report("gemini-native", "openai").contains(r#"hint: write "provider": "gemini""#));
    let deepseek = report("deepseek", "anthropic");
    assert!(
        deepseek.contains("GATEWAY_ROUTES[0].dialect")
            && deepseek.contains("`deepseek` does not speak `anthropic` at its own address")
            && deepseek.contains("give the `base_url` at which it speaks `anthropic`"),
        "{deepseek}"
    );
    assert!(report("echo", "anthropic").contains("hint: take it out: clients may speak any dialect"));
    let given =
        json!({"provider": "deepseek", "dialect": "anthropic", "base_url": "https://api.deepseek.com/anthropic/v1"});
    assert_eq!(route(&given).dialect, ANTHROPIC);
    for (provider, dialect) in [
        ("openai", "responses"),
        ("openrouter", "anthropic"),
        ("vllm", "responses"),
    ] {
        let route = route(&json!({"provider": provider, "dialect": dialect, "base_url": null}));
        assert_eq!(route.dialect.name, dialect);
    }
}

/// Each address that is pasted for a dialect, and what is to be written instead.
#[test]
fn an_address_of_an_endpoint_or_a_model_is_none_of_an_api_in_any_dialect() {
    const GOOGLE: &str = "https://generativelanguage.googleapis.com/v1beta";
    for (dialect, ending, told) in [
        (
            "anthropic",
            "/v1/messages",
            "ends in /messages, which the gateway adds itself",
        ),
        ("anthropic", "/v1/messages?beta=true", "ends in /messages"),
        (
            "anthropic",
            "/v1/messages/count_tokens",
            "ends in /messages/count_tokens",
        ),
        ("anthropic", "/v1/models", "ends in /models"),
        ("responses", "/v1/responses", "ends in /responses"),
        ("responses", "/v1/responses/compact", "ends in /responses/compact"),
        ("anthropic", "/v1/chat/completions", "ends in /chat/completions"),
    ] {
        let base_url = format!("https://relay.example{ending}");
        let report = report(&json!({"dialect": dialect, "base_url": base_url}));
        assert!(report.contains(told), "{report}");
        assert!(report.ends_with("hint: write https://relay.example/v1\n"), "{report}");
    }
    for ending in [
        "/models",
        "/models/gemini-3-pro",
        "/models/gemini-3-pro:generateContent",
        "/models/gemini-3-pro:streamGenerateContent?alt=sse&key=AIzaSECRET",
        "/models/gemini-3-pro:countTokens",
    ] {
        let report = report(&json!({"provider": "gemini-native", "base_url": format!("{GOOGLE}{ending}")}));
        assert!(report.ends_with(&format!("hint: write {GOOGLE}\n")), "{report}");
        assert!(!report.contains("SECRET"), "{report}");
    }
    let tuned = report(&json!({"dialect": "gemini", "base_url": format!("{GOOGLE}/tunedModels/mine:generateContent")}));
    assert!(tuned.contains("it is the address of one model"), "{tuned}");
    let messages = report(&json!({"base_url": "https://relay.example/v1/messages"}));
    assert!(
        messages
            .contains(r#"write https://relay.example/v1; with "dialect": "anthropic" if it has no /chat/completions"#),
        "{messages}"
    );
    let gemini = report(&json!({"base_url": format!("{GOOGLE}/models/gemini-3-pro:generateContent")}));
    assert!(
        gemini.contains(&format!(
            r#"write {GOOGLE}/openai, or that without /openai with "dialect": "gemini""#
        )),
        "{gemini}"
    );
    let relay = report(&json!({"base_url": "https://relay.example/v1beta/models/m:generateContent"}));
    assert!(
        relay.contains(r#"write https://relay.example/v1beta with "dialect": "gemini""#),
        "{relay}"
    );
}

#[test]
fn the_openai_compatible_address_of_gemini_is_none_of_its_own_dialect() {
    let compatible = "https://generativelanguage.googleapis.com/v1beta/openai/";
    let native = "https://generativelanguage.googleapis.com/v1beta";
    for fields in [
        json!({"provider": "gemini-native", "base_url": compatible}),
        json!({"provider": "gemini", "dialect": "gemini", "base_url": compatible}),
    ] {
        let report = report(&fields);
        assert!(report.contains("the upstream speaks `openai` there"), "{report}");
        let hint = format!(r#"write {native}, or keep it with "dialect": "openai""#);
        assert!(report.contains(&hint), "{report}");
    }
    let own = route(&json!({"provider": "gemini", "dialect": "gemini", "base_url": native}));
    assert_eq!((own.dialect, own.key_header), (GEMINI, KeyHeader::XGoogApiKey));
    let told = variables(&[
        ("GATEWAY_TOKEN", "t"),
        ("PROVIDER", "gemini-native"),
        ("GEMINI_API_KEY", "k"),
        ("UPSTREAM_BASE_URL", compatible),
    ]);
    let told = told.unwrap_err().to_string();
    assert!(
        told.contains("UPSTREAM_BASE_URL: ") && told.contains("or keep it with PROVIDER=gemini\n"),
        "{told}"
    );
}

#[test]
fn an_address_as_sdks_take_it_lacks_the_version() {
    for (dialect, base_url, instead) in [
        ("anthropic", "https://api.anthropic.com", "https://api.anthropic.com/v1"),
        (
            "anthropic",
            "https://API.anthropic.com/",
            "https://API.anthropic.com/v1",
        ),
        (
            "anthropic",
            "https://api.deepseek.com/anthropic",
            "https://api.deepseek.com/anthropic/v1",
        ),
        (
            "gemini",
            "https://generativelanguage.googleapis.com",
            "https://generativelanguage.googleapis.com/v1beta",
        ),
    ] {
        let report = report(&json!({"dialect": dialect, "base_url": base_url}));
        assert!(
            report.contains("is missing at its end") && report.ends_with(&format!("hint: write {instead}\n")),
            "{report}"
        );
    }
    // Elsewhere it may be right.
    let noted = |dialect: &str, base_url: &str| {
        let routes = json!([complete(&json!({"dialect": dialect, "base_url": base_url}))]);
        notes(&Config::of_routes(&routes.to_string()).unwrap())
    };
    assert_eq!(
        noted("anthropic", "https://relay.example"),
        "GATEWAY_ROUTES[0].base_url: it has no path; APIs of the dialect anthropic are usually below /v1"
    );
    assert!(noted("gemini", "http://localhost:9/").contains("below /v1beta"));
    for (dialect, base_url) in [
        ("anthropic", "https://relay.example/api"),
        ("openai", "https://relay.example"),
        ("responses", "https://relay.example"),
    ] {
        assert_eq!(noted(dialect, base_url), "");
    }
}

#[test]
fn a_chat_url_and_a_query_are_for_openais_dialect() {
    let chat_url = "https://relay.example/v1/chat/completions";
    for dialect in ["responses", "anthropic", "gemini"] {
        let report = report(&json!({"dialect": dialect, "chat_url": chat_url}));
        assert!(report.contains("GATEWAY_ROUTES[0].chat_url"), "{report}");
        let told = format!("it is for the dialect `openai`, and the route has `{dialect}`");
        assert!(report.contains(&told) && report.contains("into `base_url`"), "{report}");
    }
    let told = variables(&[
        ("GATEWAY_TOKEN", "t"),
        ("ANTHROPIC_API_KEY", "k"),
        ("UPSTREAM_CHAT_URL", chat_url),
    ]);
    let told = told.unwrap_err().to_string();
    assert!(
        told.contains("UPSTREAM_CHAT_URL: ") && told.contains("into UPSTREAM_BASE_URL"),
        "{told}"
    );
    let query = report(&json!({"dialect": "gemini", "base_url": "https://relay.example/v1beta?key=SECRET"}));
    assert!(
        query.contains("a key belongs into `api_keys`") && !query.contains("SECRET"),
        "{query}"
    );
}

#[test]
fn check_shows_the_dialects_where_one_is_not_openais() {
    let shown = |routes: Value| table(&Config::of_routes(&routes.to_string()).unwrap());
    let openai = complete(&json!({"token": "t-1"}));
    assert!(!shown(json!([openai])).contains("DIALECT"));
    let anthropic = complete(&json!({"token": "t-2", "provider": "relay", "dialect": "anthropic"}));
    let both = shown(json!([openai, anthropic]));
    let cells = |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
    let lines: Vec<Vec<String>> = both.lines().map(cells).collect();
    assert_eq!(lines[0][2..5], ["PROVIDER", "DIALECT", "UPSTREAM"]);
    assert_eq!(lines[1][2..4], ["custom", "openai"]);
    assert_eq!(lines[2][2..4], ["relay", "anthropic"]);
}
