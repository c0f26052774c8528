//! `ai-gateway prices`, which only the binary has.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

fn prices(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ai-gateway"));
    command.arg("prices").args(arguments).env_clear().output().unwrap()
}

fn shown(arguments: &[&str]) -> String {
    let output = prices(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn prices_are_shown_with_their_date_and_sources() {
    let all = shown(&[]);
    let head = all.lines().next().unwrap();
    assert!(
        head.contains("as of 20") && head.contains("genai-prices") && head.contains("LiteLLM"),
        "{head}"
    );
    assert!(all.lines().count() > 100, "{all}");
    let one = shown(&["gpt-4o-mini*", "--provider", "openai"]);
    assert!(
        one.lines()
            .skip(3)
            .all(|line| line.starts_with("openai") && line.contains("gpt-4o-mini")),
        "{one}"
    );
}

#[test]
fn a_name_that_the_table_does_not_have_is_shown_with_the_price_that_counts() {
    let text = shown(&["gpt-4o-2024-11-20", "--provider", "azure", "--json"]);
    let json: Value = serde_json::from_str(&text).unwrap();
    let row = &json["prices"][0];
    assert_eq!(
        (&row["provider"], &row["model"]),
        (&"azure".into(), &"gpt-4o-2024-11-20".into())
    );
    assert!(row["input"].is_string() && row["output"].is_string(), "{text}");
    let output = prices(&["no-such-model"]);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
}

#[test]
fn another_list_is_compared_and_written_only_where_a_path_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (list, table) = (path("list.json"), path("table.txt"));
    let text =
        r#"{"gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}}"#;
    fs::write(&list, text).unwrap();
    let difference = shown(&["update", &list, "--diff"]);
    assert!(difference.contains("+ openai/gpt-4o  1 2"), "{difference}");
    assert!(
        difference.lines().all(|line| line[2..].starts_with("openai/gpt-4o  ")),
        "{difference}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    shown(&["update", &list, "--out", &table]);
    assert_eq!(shown(&["update", &table, "--diff"]), difference);
    assert!(fs::read_to_string(&table).unwrap().contains("# sources list.json\n"));
    for arguments in [&["update", &list][..], &["update", &path("none"), "--diff"]] {
        assert!(!prices(arguments).status.success(), "{arguments:?}");
    }
    fs::write(&list, "neither").unwrap();
    let report = String::from_utf8(prices(&["update", &list, "--diff"]).stderr).unwrap();
    assert!(report.contains("neither a table"), "{report}");
}
