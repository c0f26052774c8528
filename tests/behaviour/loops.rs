//! Ways that lead back: a gateway that is its own upstream, two that are each other's, and several in a row that are not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};

use serde_json::json;

use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request, route};

const ASK: &str = r#"{"model":"m"}"#;
const HOP: &str = "x-gateway-hop";

/// An upstream that hands every request to a gateway, which is named later. Its address is not the gateway's, as that of a
/// balancer is not.
fn way_to(gateway: &Arc<OnceLock<String>>) -> Upstream {
    let gateway = Arc::clone(gateway);
    Upstream::start(move |received, to| {
        let mut stream = TcpStream::connect(gateway.get().unwrap()).unwrap();
        let (line, fields) = received.head.split_once("\r\n").unwrap();
        let head = format!("{line}\r\nconnection: close\r\n{fields}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), &received.body].concat()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        to.send(&answer);
    })
}

pub(crate) fn a_gateway_that_is_its_own_upstream_is_asked_once_more_and_no_further(runtime: Runtime) {
    let address = Arc::default();
    let back = way_to(&address);
    let other = Upstream::answering("200 OK", JSON, r#"{"fine":1}"#);
    let own = json!({"api_keys": [TOKEN], "fallbacks": ["other"]});
    let routes = json!([
        route(TOKEN, &back, own),
        route("gw-SECRET-other", &other, json!({"name": "other"}))
    ]);
    let gateway = Gateway::with_routes(runtime, &routes);
    address.set(gateway.address.clone()).unwrap();
    let mut asked = 0;
    for (method, path, body) in [
        ("POST", "/v1/chat/completions", ASK),
        ("POST", "/v1/chat/completions", r#"{"model":"m","stream":true}"#),
        ("POST", "/chat", r#"{"model":"m","message":"hi"}"#),
        ("POST", "/v1/embeddings", r#"{"model":"m","input":"x"}"#),
        ("POST", "/v1/responses", r#"{"model":"m","input":"x"}"#),
        ("GET", "/v1/files", ""),
    ] {
        let answer = gateway.raw(request(method, path, TOKEN, JSON, body));
        assert_eq!(answer.error(), (508, "loop_detected".into()), "{path}");
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
        assert_eq!(answer.field("x-should-retry"), Some("false"), "{path}");
        asked += 1;
        assert_eq!(back.received().len(), asked, "{path}");
    }
    assert!(other.received().is_empty(), "it is not failed over");
    gateway.wait_for_log("\"loop_detected\"");
}

pub(crate) fn two_gateways_that_are_each_others_fallback_find_out(runtime: Runtime) {
    let failing = Upstream::answering("500 Oops", JSON, r#"{"error":{"message":"m"}}"#);
    let addresses = [Arc::default(), Arc::default()];
    let ways = [way_to(&addresses[0]), way_to(&addresses[1])];
    let table = |own: usize| {
        let (token, key) = (format!("gw-SECRET-{own}"), format!("gw-SECRET-{}", 1 - own));
        let keys = json!([format!("up-SECRET-{own}")]);
        json!([
            route(&token, &failing, json!({"api_keys": keys, "fallbacks": ["other"]})),
            route(
                &format!("{token}-other"),
                &ways[1 - own],
                json!({"name": "other", "api_keys": [key]})
            ),
        ])
    };
    let gateways = [0, 1].map(|own| Gateway::with_routes(runtime, &table(own)));
    for (address, gateway) in addresses.iter().zip(&gateways) {
        address.set(gateway.address.clone()).unwrap();
    }
    for _ in 0..3 {
        let answer = gateways[0].raw(request("POST", "/v1/chat/completions", "gw-SECRET-0", JSON, ASK));
        assert_eq!(answer.error(), (508, "loop_detected".into()));
    }
    assert_eq!(
        ways.map(|way| way.received().len()),
        [3, 3],
        "from the first to the second and back"
    );
}

pub(crate) fn replicas_with_one_table_are_one_gateway(runtime: Runtime) {
    let address = Arc::default();
    let back = way_to(&address);
    let routes = json!([route(TOKEN, &back, json!({"api_keys": [TOKEN]}))]);
    let [first, second] = [0, 1].map(|_| Gateway::with_routes(runtime, &routes));
    address.set(second.address.clone()).unwrap();
    assert_eq!(first.chat(ASK).error(), (508, "loop_detected".into()));
    assert_eq!(back.received().len(), 1);
}

pub(crate) fn gateways_in_a_row_are_no_loop(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"fine":1}"#);
    let (inner, outer) = (Arc::default(), Arc::default());
    let (to_inner, to_outer) = (way_to(&inner), way_to(&outer));
    let row = [(&upstream, "up-SECRET-1"), (&to_inner, TOKEN), (&to_outer, TOKEN)];
    let row = row.map(|(upstream, key)| Gateway::to(runtime, upstream, json!({"api_keys": [key]})));
    inner.set(row[0].address.clone()).unwrap();
    outer.set(row[1].address.clone()).unwrap();
    assert_eq!(row[2].chat(ASK).text(), r#"{"fine":1}"#);
    let marks = |received: &Upstream| received.only().one(HOP).unwrap().to_owned();
    let (one, two, three) = (marks(&to_outer), marks(&to_inner), marks(&upstream));
    assert!(
        two.starts_with(&format!("{one}, ")) && three.starts_with(&format!("{two}, ")),
        "{three}"
    );
}

pub(crate) fn a_row_has_an_end_and_what_is_no_mark_goes_nowhere(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, r#"{"fine":1}"#);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let marks = |count: u8| {
        let marks: Vec<String> = (0..count).map(|number| format!("{number:016x}")).collect();
        format!("{HOP}: {}\r\n{HOP}: {TOKEN}, 0123456789ABCDEF, x\r\n", marks.join(", "))
    };
    assert_eq!(gateway.chat_with(&marks(7), ASK).status, 200);
    assert_eq!(gateway.chat_with(&marks(8), ASK).error(), (508, "loop_detected".into()));
    let passed = upstream.only();
    let passed = passed.one(HOP).unwrap();
    assert_eq!(passed.split(", ").count(), 8, "{passed}");
    assert!(!passed.contains("SECRET") && !passed.contains("ABCDEF"), "{passed}");
}
