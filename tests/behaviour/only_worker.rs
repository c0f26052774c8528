//! What only the Worker does: it cannot refuse to start, so it answers.

use crate::support::{Gateway, Runtime};

#[test]
fn a_bad_configuration_is_told_by_its_number_of_problems_and_logged() {
    let routes = r#"[{"token":"gw-SECRET-1","provider":"opnrouter","api_keys":["up-SECRET-2"]},{"tokn":"x"}]"#;
    let gateway = Gateway::start(Runtime::Worker, &[("GATEWAY_ROUTES", routes)]);
    let answer = gateway.get("/v1/models");
    assert_eq!(answer.error(), (500, "configuration_error".into()));
    assert!(
        answer.text().contains("has 5 problems") || answer.text().contains("has 4 problems"),
        "{}",
        answer.text()
    );
    assert!(!answer.text().contains("opnrouter"));
    assert!(gateway.log().contains("did you mean `openrouter`?"));
}

#[test]
fn an_empty_configuration_names_the_ways_out() {
    let gateway = Gateway::start(Runtime::Worker, &[]);
    assert_eq!(gateway.get("/").error(), (500, "configuration_error".into()));
    assert!(gateway.log().contains("GATEWAY_TOKEN"));
}
