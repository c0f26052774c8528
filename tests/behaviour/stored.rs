//! The table in KV, which only the Worker has: who asks for it, when, and who waits for that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::upstream::{Connection, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request};

const TABLE: &str = r#"[{"token":"gw-SECRET-token","provider":"echo"}]"#;
const OTHER: &str = r#"[{"token":"gw-SECRET-other","provider":"echo"}]"#;

/// Where what stands in for a KV namespace listens.
fn address(kv: &Upstream) -> &str {
    kv.base_url.trim_start_matches("http://").trim_end_matches("/v1")
}

#[test]
fn a_table_in_kv_is_read_once_and_a_variable_comes_before_it() {
    let table = r#"[{"token":"gw-SECRET-token","provider":"echo"}]"#;
    let kv = Upstream::answering("200 OK", "content-type: text/plain\r\n", table);
    let gateway = Gateway::start(Runtime::Worker, &[("GATEWAY_KV", address(&kv))]);
    for _ in 0..3 {
        assert_eq!(gateway.get("/v1/models").status, 200);
    }
    assert!(
        kv.only().line().starts_with("GET /GATEWAY_ROUTES"),
        "{}",
        kv.only().line()
    );
    let routes = r#"[{"token":"gw-SECRET-other","provider":"echo"}]"#;
    let variables = [("GATEWAY_KV", address(&kv)), ("GATEWAY_ROUTES", routes)];
    let gateway = Gateway::start(Runtime::Worker, &variables);
    assert_eq!(gateway.get("/v1/models").error(), (401, "invalid_api_key".into()));
    assert_eq!(kv.received().len(), 1);
}

#[test]
fn a_kv_namespace_that_cannot_be_read_or_says_nothing_is_told() {
    let silent = Upstream::start(|_, to| to.hang());
    for kv in [Upstream::answering("500 Oops", "", ""), silent] {
        let gateway = Gateway::start(Runtime::Worker, &[("GATEWAY_KV", address(&kv))]);
        assert_eq!(gateway.get("/v1/models").error(), (500, "configuration_error".into()));
        assert!(gateway.log().contains("the KV namespace cannot be read"));
    }
}

/// What stands in for a KV namespace, and answers each question by its number.
fn namespace(answer: impl Fn(usize, &mut Connection) + Send + Sync + 'static) -> Upstream {
    let asked = AtomicUsize::new(0);
    Upstream::start(move |_, to| answer(asked.fetch_add(1, Ordering::SeqCst), to))
}

fn tells(to: &mut Connection, table: &str) {
    to.answer("200 OK", "content-type: text/plain\r\n", table);
}

#[test]
fn many_that_come_at_once_ask_one_question() {
    let kv = namespace(|_, to| {
        thread::sleep(Duration::from_millis(300));
        tells(to, TABLE);
    });
    let gateway = Gateway::start(Runtime::Worker, &[("GATEWAY_KV", address(&kv))]);
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(gateway.get("/v1/models").status, 200));
        }
    });
    assert_eq!(kv.received().len(), 1);
}

#[test]
fn when_the_one_that_asks_leaves_another_one_asks() {
    let kv = namespace(|number, to| match number {
        0 => to.hang(),
        _ => tells(to, TABLE),
    });
    let gateway = Gateway::start(Runtime::Worker, &[("GATEWAY_KV", address(&kv))]);
    let asking = gateway.open(request("GET", "/v1/models", TOKEN, "x-request-id: asking\r\n", ""));
    kv.wait_for_request();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| gateway.get("/v1/models"));
        thread::sleep(Duration::from_millis(100));
        asking.leave();
        gateway.wait_for_log("\"request_id\":\"asking\"");
        assert_eq!(waiting.join().unwrap().status, 200);
    });
    assert_eq!(kv.received().len(), 2);
    assert!(gateway.stdout().contains("\"status\":499"));
}

#[test]
fn a_table_that_is_missing_or_bad_is_asked_for_again_soon() {
    let kv = namespace(|number, to| match number {
        0 => to.answer("404 Not Found", "", ""),
        1 => tells(to, "[{"),
        _ => tells(to, TABLE),
    });
    let gateway = Gateway::start(Runtime::Worker, &[("GATEWAY_KV", address(&kv))]);
    // For a minute, which is what a good one is kept for, at a request in a second.
    let mut refused = 0;
    while gateway.get("/v1/models").status == 500 {
        refused += 1;
        assert!(refused < 30, "it is not asked for again: {}", kv.received().len());
        thread::sleep(Duration::from_secs(1));
    }
    assert!(refused >= 2, "it is asked for by every request");
    assert_eq!(kv.received().len(), 3);
}

#[test]
fn nobody_waits_for_a_new_table_while_there_is_an_old_one() {
    let kv = namespace(|number, to| match number {
        0 => tells(to, TABLE),
        1 => to.hang(),
        2 => tells(to, "[{"),
        _ => tells(to, OTHER),
    });
    let gateway = Gateway::start(Runtime::Worker, &[("GATEWAY_KV", address(&kv))]);
    let as_other = || gateway.raw(request("GET", "/v1/models", "gw-SECRET-other", "", ""));
    assert_eq!((gateway.get("/v1/models").status, as_other().status), (200, 401));
    while kv.received().len() < 2 {
        thread::sleep(Duration::from_millis(500));
        assert_eq!(gateway.get("/v1/models").status, 200);
    }
    // It says nothing to the second question.
    for _ in 0..5 {
        assert_eq!(gateway.get("/v1/models").status, 200);
    }
    assert_eq!(kv.received().len(), 2);
    // It is asked again, and what it tells is bad, then good.
    while as_other().status == 401 {
        thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(gateway.get("/v1/models").status, 401);
    assert_eq!(kv.received().len(), 4);
    let log = gateway.log();
    assert!(
        log.contains("the KV namespace cannot be read") && log.contains("the old configuration stays in use"),
        "{log}"
    );
}

#[test]
fn an_empty_table_in_kv_counts_as_not_set_and_a_secret_before_kv_is_told() {
    let kv = Upstream::answering("200 OK", "content-type: text/plain\r\n", "[]");
    let single = [
        ("GATEWAY_KV", address(&kv)),
        ("GATEWAY_TOKEN", TOKEN),
        ("PROVIDER", "echo"),
    ];
    let gateway = Gateway::start(Runtime::Worker, &single);
    assert_eq!(gateway.get("/v1/models").status, 200);
    gateway.wait_for_log("an empty table counts as not set: GATEWAY_KV");
    let routes = r#"[{"token":"gw-SECRET-token","provider":"echo"}]"#;
    let variables = [("GATEWAY_KV", address(&kv)), ("GATEWAY_ROUTES", routes)];
    let gateway = Gateway::start(Runtime::Worker, &variables);
    assert_eq!(gateway.get("/v1/models").status, 200);
    gateway.wait_for_log("set and passed over: GATEWAY_KV");
}
