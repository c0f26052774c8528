//! The binary and the system's limit of open files.

use std::fs;
use std::net::TcpStream;

use serde_json::json;

use crate::support::{Gateway, Runtime, TOKEN};

fn routes() -> String {
    json!([{"token": TOKEN, "provider": "echo"}]).to_string()
}

/// The soft and the hard limit of open files of a process, where the system shows them.
fn limits(gateway: &Gateway) -> Option<(String, String)> {
    let limits = fs::read_to_string(format!("/proc/{}/limits", gateway.process_id())).ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    let mut words = line.trim_start_matches("Max open files").split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.to_owned()))
}

#[test]
fn the_soft_limit_of_files_is_raised_to_the_hard_one_and_what_is_too_little_is_told() {
    let routes = routes();
    let start = |words: &str, most: &str| {
        let variables = [("GATEWAY_ROUTES", &*routes), ("MAX_CONCURRENT", most)];
        Gateway::after(words, &variables)
    };
    let gateway = start("ulimit -Sn 300 && ulimit -Hn 1000", "400");
    if let Some(limits) = limits(&gateway) {
        assert_eq!(limits, ("1000".into(), "1000".into()));
    }
    assert!(!gateway.log().contains("files"), "{}", gateway.log());
    let gateway = start("ulimit -Sn 300 && ulimit -Hn 1000", "8192");
    gateway.wait_for_log("this process may open 1000 files, and MAX_CONCURRENT=8192 needs 16448");
    gateway.wait_for_log("MAX_CONCURRENT to 468 or less");
}

#[test]
fn connections_that_cannot_be_accepted_are_told_now_and_then_and_accepted_later() {
    let variables = [("GATEWAY_ROUTES", &*routes()), ("MAX_CONCURRENT", "4")];
    let gateway = Gateway::after("ulimit -n 40", &variables);
    let clients: Vec<_> = (0..60).map(|_| TcpStream::connect(&gateway.address).unwrap()).collect();
    gateway.wait_for_log("connections cannot be accepted, 1 times");
    drop(clients);
    assert_eq!(gateway.get("/v1/models").status, 200);
    assert_eq!(gateway.log().matches("cannot be accepted").count(), 1);
}

#[test]
fn a_limit_that_suffices_is_not_spoken_of() {
    let gateway = Gateway::echo(Runtime::Native);
    assert_eq!(gateway.get("/health").status, 200);
    let enough = limits(&gateway).is_none_or(|(soft, _)| soft.parse().is_ok_and(|soft: u64| soft < 16_448));
    assert!(enough || !gateway.log().contains("may open"), "{}", gateway.log());
}
