//! What only the binary does.

use std::net::TcpListener;
use std::process::Command;

#[test]
fn a_port_in_use_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_ai-gateway"))
        .arg("demo")
        .env_clear()
        .env("PORT", &port)
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains(&format!("cannot listen on 127.0.0.1:{port}"))
    );
}

#[test]
fn six_mistakes_are_six_problems_and_no_secret() {
    let routes = r#"[{"token":"gw-secret-1","provider":"opnrouter","api_keys":"sk-secret-2","timeout":"5"},
        {"tokn":"gw-secret-3","base_url":"https://a.example/v1/chat/completions","api_keys":["sk-secret-4"]}]"#;
    let output = Command::new(env!("CARGO_BIN_EXE_ai-gateway"))
        .arg("check")
        .env_clear()
        .env("GATEWAY_ROUTES", routes)
        .output()
        .unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        report.contains("has 6 problems") && report.contains("did you mean `openrouter`?"),
        "{report}"
    );
    assert!(!report.contains("secret-"), "{report}");
}
