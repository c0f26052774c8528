//! The files that a person copies and fills in.

use ai_gateway::config::{known_variables, load};
use ai_gateway::dialect::providers::PROVIDERS;
use serde_json::json;

use super::{complete, notes, of};

const ENV: &str = include_str!("../../.env.example");
const DEV_VARS: &str = include_str!("../../.dev.vars.example");

/// The variables that are set in a file, one a line.
fn set(file: &str) -> Vec<(&str, &str)> {
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).collect()
}

#[test]
fn nothing_is_set_in_the_example_of_a_server() {
    assert_eq!(set(ENV), []);
}

#[test]
fn the_demo_of_a_worker_gives_way_to_a_table() {
    let mut variables = set(DEV_VARS);
    assert!(load(None, &of(&variables)).unwrap().account_of(b"demo").is_some());
    let table = json!([complete(&json!({}))]).to_string();
    variables.push(("GATEWAY_ROUTES", &table));
    let config = load(None, &of(&variables)).unwrap();
    assert!(config.account_of(b"demo").is_none() && notes(&config).contains("passed over: GATEWAY_TOKEN, PROVIDER"));
}

#[test]
fn what_the_examples_leave_open_is_a_placeholder() {
    for file in [ENV, DEV_VARS] {
        for token in file.split(['"', '\n', '=']).filter(|word| word.starts_with("gw_")) {
            let table = json!([complete(&json!({"token": token}))]).to_string();
            let report = load(None, &of(&[("GATEWAY_ROUTES", &table)])).unwrap_err().to_string();
            assert!(report.contains("placeholder"), "{token}: {report}");
        }
    }
}

#[test]
fn every_variable_of_the_examples_is_one_of_the_gateways() {
    let commented = |line: &'static str| {
        line.trim_start_matches(['#', ' '])
            .split_once('=')
            .map(|(name, _)| name)
    };
    let is_name = |name: &&str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let names: Vec<&str> = ENV.lines().filter_map(commented).filter(is_name).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let config = load(
            None,
            &of(&[("GATEWAY_TOKEN", "t"), ("PROVIDER", "echo"), (&format!("{name}S"), "x")]),
        )
        .unwrap();
        let told = notes(&config).contains(&format!("did you mean {name}?"));
        assert!(
            told || name.len() < 9 || ["GATEWAY_TOKEN", "PUBLISH_PORT"].contains(&name),
            "{name}: {}",
            notes(&config)
        );
    }
}

/// The variables of further providers are only mentioned.
#[test]
fn every_setting_is_in_the_example_of_a_server() {
    let of_provider = |name: &str| PROVIDERS.iter().any(|row| row.key_variables.contains(&name));
    let is_capital = |name: &&str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    for name in known_variables().filter(is_capital).filter(|name| !of_provider(name)) {
        let mentioned =
            ENV.contains(&format!("# {name}=")) || ["GATEWAY_KV", "HTTP_PROXY", "ALL_PROXY"].contains(&name);
        assert!(mentioned, "{name}");
    }
}

/// Compose before 2.24 knows an `env_file` by its name only.
#[test]
fn every_compose_reads_our_file() {
    let compose = include_str!("../../docker-compose.yml");
    assert!(
        compose.contains("env_file: .env") && !compose.contains("required:"),
        "{compose}"
    );
}

#[test]
fn what_holds_secrets_stays_out_of_git() {
    let ignored: Vec<&str> = include_str!("../../.gitignore").lines().collect();
    for pattern in [
        ".env",
        ".dev.vars",
        "*.pem",
        "*.key",
        "*.p12",
        "*.pfx",
        "id_rsa*",
        "id_ed25519*",
    ] {
        assert!(ignored.contains(&pattern), "{pattern}");
    }
}
