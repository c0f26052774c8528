//! What a request's line of the log has, on both runtimes.

use serde_json::Value;

use crate::support::{Gateway, Runtime, TOKEN, request};

const ECHO: &str = r#"[{"token":"gw-SECRET-token","provider":"echo"}]"#;

/// The line of a request, whatever the runtime writes around it.
fn line(gateway: &Gateway, id: &str) -> Value {
    gateway.wait_for_log(&format!("\"request_id\":\"{id}\""));
    let log = gateway.log();
    let line = log.lines().find(|line| line.contains(id)).unwrap();
    serde_json::from_str(&line[line.find('{').unwrap()..]).unwrap()
}

pub(crate) fn a_path_that_leads_nowhere_is_in_the_log(runtime: Runtime) {
    let gateway = Gateway::start(runtime, &[("GATEWAY_ROUTES", ECHO)]);
    let long = format!("/nowhere/{TOKEN}/{}", "x".repeat(200));
    for (id, path) in [("one", "/v2/chat"), ("two", &*long), ("three", "/health")] {
        gateway.raw(request("GET", path, "", &format!("x-request-id: {id}\r\n"), ""));
    }
    assert_eq!(line(&gateway, "one")["path"], "/v2/chat");
    let path = line(&gateway, "two")["path"].as_str().unwrap().to_owned();
    assert!(path.starts_with("/nowhere/") && path.chars().count() == 80, "{path}");
    assert_eq!(line(&gateway, "three")["path"], Value::Null);
}

pub(crate) fn the_clients_address_is_in_the_log_where_that_is_wanted(runtime: Runtime) {
    // Cloudflare sets it; to the binary it is a header like any other.
    let fields = "cf-connecting-ip: 203.0.113.9\r\nx-request-id: one\r\n";
    for (wanted, expected) in [("true", true), ("false", false), ("", false)] {
        let gateway = Gateway::start(runtime, &[("GATEWAY_ROUTES", ECHO), ("LOG_CLIENT", wanted)]);
        gateway.raw(request("GET", "/health", "", fields, ""));
        let address = match runtime {
            Runtime::Native => "127.0.0.1",
            Runtime::Worker => "203.0.113.9",
        };
        let expected = if expected { Value::from(address) } else { Value::Null };
        assert_eq!(line(&gateway, "one")["client"], expected, "{wanted}");
    }
}
