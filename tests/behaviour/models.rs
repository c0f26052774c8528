//! The list of models: of several upstreams, of one that fails, of one that has none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request, route};

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let list = answer.json();
    let entries = list["data"].as_array().expect("no list").iter();
    entries.map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

fn news(gateway: &Gateway, path: &str) -> Answer {
    gateway.raw(request("GET", path, TOKEN, "cache-control: no-cache\r\n", ""))
}

pub(crate) fn the_lists_of_all_upstreams_are_one(runtime: Runtime) {
    let first = Upstream::answering(
        "200 OK",
        JSON,
        r#"{"object":"list","data":[{"id":"a","n":1.00},{"id":"both","of":1}]}"#,
    );
    let second = Upstream::answering(
        "200 OK",
        JSON,
        r#"{"data":[{"id":"both","of":2},{"id":"z/b"},{"id":"hidden"}]}"#,
    );
    let broken = Upstream::answering("500 Oops", JSON, "{}");
    let gateway = Gateway::with_routes(
        runtime,
        &json!([
            route(
                TOKEN,
                &first,
                json!({"fallbacks": ["second", "broken"], "models": ["a", "b*", "z/*"]})
            ),
            route("gw-SECRET-2", &second, json!({"name": "second"})),
            route("gw-SECRET-3", &broken, json!({"name": "broken"})),
        ]),
    );
    let answer = gateway.get("/v1/models");
    // The broken one was asked with both of its keys.
    assert_eq!(answer.field("x-gateway-attempts"), Some("4"));
    assert_eq!(
        answer.text(),
        r#"{"object":"list","data":[{"id":"a","n":1.00},{"id":"both","of":1},{"id":"z/b"}]}"#
    );
    // A model that only the list of the second one has.
    let missing = Upstream::answering("404 No", JSON, r#"{"error":{"message":"no"}}"#);
    let gateway = Gateway::with_routes(
        runtime,
        &json!([
            route(TOKEN, &missing, json!({"fallbacks": ["second"]})),
            route("gw-SECRET-2", &second, json!({"name": "second"})),
        ]),
    );
    assert_eq!(gateway.get("/v1/models/z/b").text(), r#"{"id":"z/b"}"#);
    assert_eq!(gateway.get("/v1/models/z/c").text(), r#"{"error":{"message":"no"}}"#);
}

pub(crate) fn a_list_is_given_out_again_while_it_is_fresh(runtime: Runtime) {
    let upstream = Upstream::answering(
        "200 OK",
        "content-type: application/json\r\nx-vendor: v\r\n",
        r#"{"data":[{"id":"a"}]}"#,
    );
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    assert_eq!(gateway.get("/v1/models").field("x-gateway-attempts"), Some("1"));
    let again = gateway.get("/v1/models");
    assert_eq!(again.text(), r#"{"data":[{"id":"a"}]}"#);
    assert_eq!(again.field("content-type"), Some("application/json"));
    assert!(again.field("age").is_some() && again.field("x-gateway-attempts").is_none());
    assert_eq!(upstream.received().len(), 1);
    assert_eq!(news(&gateway, "/v1/models").status, 200);
    assert_eq!(gateway.get("/v1/models?after=a").status, 200);
    assert_eq!(upstream.received().len(), 3);
}

pub(crate) fn a_list_outlives_its_upstream_for_a_while(runtime: Runtime) {
    let asked = Arc::new(AtomicUsize::new(0));
    let upstream = Upstream::start(move |_, to| {
        if asked.fetch_add(1, Ordering::SeqCst) == 0 {
            to.answer("200 OK", JSON, r#"{"data":[{"id":"a"}]}"#);
        } else {
            to.answer("500 Oops", JSON, r#"{"error":{"message":"oops"}}"#);
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    assert_eq!(gateway.get("/v1/models").status, 200);
    // The client insists on news, and there are none.
    let old = news(&gateway, "/v1/models");
    assert_eq!((old.status, old.text().as_str()), (200, r#"{"data":[{"id":"a"}]}"#));
    assert!(old.field("age").is_some());
    assert!(upstream.received().len() > 1);
    let other = news(&gateway, "/v1/models?limit=1");
    assert_eq!(other.status, 500);
}

pub(crate) fn an_upstream_without_a_list_gets_the_one_that_its_route_implies(runtime: Runtime) {
    for (status, fields, body) in [
        ("404 No", JSON, r#"{"error":{"message":"no"}}"#),
        ("200 OK", "content-type: text/html\r\n", "<html>"),
    ] {
        let upstream = Upstream::answering(status, fields, body);
        let named = json!({"default_model": "usual", "models": ["usual", "a", "b-*"], "aliases": {"fast": "a"}});
        let gateway = Gateway::to(runtime, &upstream, named);
        assert_eq!(ids(&gateway.get("/v1/models")), ["usual", "a", "fast"]);
        assert_eq!(gateway.get("/v1/models/fast").json()["id"], "fast");
        assert_eq!(gateway.get("/v1/models/c").error(), (404, "model_not_found".into()));
    }
    let upstream = Upstream::answering("404 No", JSON, r#"{"error":{"message":"no"}}"#);
    let unnamed = Gateway::to(runtime, &upstream, json!({})).get("/v1/models");
    assert_eq!(
        (unnamed.status, unnamed.json()),
        (404, json!({"error": {"message": "no"}}))
    );
}

pub(crate) fn a_model_with_slashes_is_found_in_the_list_where_it_has_no_page(runtime: Runtime) {
    let upstream = Upstream::start(|received, to| {
        if received.line().starts_with("GET /v1/models ") {
            to.answer(
                "200 OK",
                JSON,
                r#"{"data":[{"id":"openai/gpt-4o:free","context_length": 1.0}]}"#,
            );
        } else {
            to.answer("404 No", "content-type: text/html\r\n", "<html>no such page");
        }
    });
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    for path in ["/v1/models/openai/gpt-4o:free", "/v1/models/openai%2Fgpt-4o%3Afree"] {
        let answer = gateway.get(path);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, r#"{"id":"openai/gpt-4o:free","context_length": 1.0}"#)
        );
    }
    let unknown = gateway.get("/v1/models/openai/gpt-0");
    assert_eq!(
        (unknown.status, unknown.json()["error"]["code"].clone()),
        (404, Value::from("upstream_invalid_response"))
    );
}

pub(crate) fn a_list_of_another_shape_is_read_like_any_other(runtime: Runtime) {
    const LIST: &str = r#"{"object":"list","data":[{"id":"a/b","n":1.00},{"id":"c"}]}"#;
    for (body, models) in [
        (r#"[{"id":"a/b","n":1.00},{"id":"c"}]"#, LIST),
        (
            "\u{feff}{\"object\":\"list\",\"data\":[{\"id\":\"a/b\",\"n\":1.00},{\"id\":\"c\"}]}",
            LIST,
        ),
        (r#"{"models":[{"id":"a/b","n":1.00},{"id":"c"}]}"#, LIST),
        (r#"{"object":"list","data":null}"#, r#"{"object":"list","data":[]}"#),
        ("[]", r#"{"object":"list","data":[]}"#),
    ] {
        let upstream = Upstream::start(move |received, to| {
            if received.line().starts_with("GET /v1/models ") {
                to.answer("200 OK", "content-type: text/plain\r\n", body);
            } else {
                to.answer("404 No", JSON, r#"{"error":{"message":"no"}}"#);
            }
        });
        let second = Upstream::answering("200 OK", JSON, r#"{"data":[{"id":"d"}]}"#);
        let routes = json!([
            route(TOKEN, &upstream, json!({})),
            route(
                "gw-SECRET-some",
                &upstream,
                json!({"models": ["c", "x"], "aliases": {"x": "a/b"}})
            ),
            route("gw-SECRET-both", &upstream, json!({"fallbacks": ["second"]})),
            route("gw-SECRET-2", &second, json!({"name": "second"})),
        ]);
        let gateway = Gateway::with_routes(runtime, &routes);
        let all = gateway.get("/v1/models");
        assert_eq!((all.status, all.text().as_str()), (200, models), "{body}");
        assert_eq!(all.field("content-type"), Some("application/json"));
        let is_empty = models.ends_with("[]}");
        let of = |token| ids(&gateway.raw(request("GET", "/v1/models", token, "", "")));
        assert_eq!(
            of("gw-SECRET-some"),
            if is_empty { vec!["x"] } else { vec!["c", "x"] },
            "{body}"
        );
        assert_eq!(
            of("gw-SECRET-both"),
            if is_empty { vec!["d"] } else { vec!["a/b", "c", "d"] },
            "{body}"
        );
        let one = gateway.get("/v1/models/a/b");
        if is_empty {
            assert_eq!(one.status, 404);
        } else {
            assert_eq!(
                (one.status, one.text().as_str()),
                (200, r#"{"id":"a/b","n":1.00}"#),
                "{body}"
            );
        }
    }
    // Whichever model it was asked for, this one answers with its list.
    let upstream = Upstream::answering("200 OK", JSON, r#"[{"id":"a","n":1.00},{"id":"b"}]"#);
    let gateway = Gateway::to(runtime, &upstream, json!({"aliases": {"x": "b"}}));
    assert_eq!(gateway.get("/v1/models/a").text(), r#"{"id":"a","n":1.00}"#);
    assert_eq!(gateway.get("/v1/models/x").json(), json!({"id": "x"}));
}
