//! Upstreams that do not know `stream_options`, and refusals that only look like theirs.

use serde_json::json;

use crate::support::upstream::{JSON, SSE, Upstream};
use crate::support::{Gateway, Runtime};

const ASKS: &str = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"n":1.0}"#;
const WITHOUT: &str = r#"{"model":"m","stream":true,"n":1.0}"#;
const STREAM: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// An upstream that refuses requests with this in them.
fn refusing(what: &'static str, status: &'static str, refusal: &'static str) -> Upstream {
    Upstream::start(move |received, to| {
        if received.text().contains(what) {
            to.answer(status, JSON, refusal);
        } else {
            to.answer("200 OK", SSE, STREAM);
        }
    })
}

/// The bodies that have come.
fn bodies(upstream: &Upstream) -> Vec<String> {
    upstream.received().iter().map(|received| received.text()).collect()
}

pub(crate) fn every_shape_in_which_they_are_refused_is_understood(runtime: Runtime) {
    for (status, refusal) in [
        (
            "400 Bad",
            r#"{"error":{"message":"Unknown parameter: 'stream_options'.","type":"invalid_request_error","param":"stream_options","code":"unknown_parameter"}}"#,
        ),
        (
            "400 Bad",
            r#"{"error":{"message":"Unrecognized request argument supplied: stream_options","type":"invalid_request_error","param":null,"code":null}}"#,
        ),
        (
            "422 Bad",
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted","input":{"include_usage":true}}]}"#,
        ),
        (
            "422 Bad",
            r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]},"type":"invalid_request_error","param":null,"code":null}"#,
        ),
        (
            "400 Bad",
            r#"[{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"stream_options\": Cannot find field.","status":"INVALID_ARGUMENT"}}]"#,
        ),
        (
            "400 Bad",
            r#"{"object":"error","message":"[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options'), 'msg': 'Extra inputs are not permitted', 'input': {'include_usage': True}}]","type":"BadRequestError","param":null,"code":400}"#,
        ),
    ] {
        let upstream = refusing("stream_options", status, refusal);
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        assert_eq!(gateway.chat(ASKS).text(), STREAM, "{refusal}");
        assert_eq!(gateway.chat(ASKS).text(), STREAM, "{refusal}");
        assert_eq!(bodies(&upstream), [ASKS, WITHOUT, WITHOUT], "{refusal}");
    }
}

pub(crate) fn a_refusal_that_quotes_them_is_the_clients_own(runtime: Runtime) {
    const BAD: &str = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":"bad"}"#;
    for (status, refusal) in [
        (
            "422 Bad",
            r#"{"detail":[{"type":"list_type","loc":["body","messages"],"msg":"Input should be a valid list","input":"stream_options"}]}"#,
        ),
        (
            "422 Bad",
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","messages",0,"stream_options"],"msg":"Extra inputs are not permitted"}]}"#,
        ),
        (
            "400 Bad",
            r#"{"error":{"message":"Refused by our policy: 'what do stream_options do?'","type":"invalid_request_error","param":null,"code":"content_policy"}}"#,
        ),
        (
            "400 Bad",
            r#"{"error":{"message":"Unknown parameter: 'stream_options'","param":"messages"}}"#,
        ),
        (
            "400 Bad",
            r#"{"object":"error","message":"[{'type': 'string_type', 'loc': ('body', 'messages'), 'msg': 'm', 'input': {'stream_options': 1}}]","code":400}"#,
        ),
        (
            "400 Bad",
            r#"[{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"stream_options\" at 'messages[0]': Cannot find field."}}]"#,
        ),
    ] {
        let upstream = refusing("bad", status, refusal);
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        let answer = gateway.chat(BAD);
        assert_eq!(answer.text(), refusal);
        assert_eq!(answer.field("x-gateway-attempts"), Some("1"), "{refusal}");
        assert_eq!(gateway.chat(ASKS).text(), STREAM, "{refusal}");
        assert_eq!(bodies(&upstream), [BAD, ASKS], "{refusal}");
    }
}

pub(crate) fn they_stay_out_for_others_only_where_leaving_them_out_has_helped(runtime: Runtime) {
    const REFUSAL: &str = r#"{"error":{"message":"m","param":"stream_options"}}"#;
    const OTHER: &str = r#"{"model":"other","stream":true,"stream_options":{"include_usage":true}}"#;
    let upstream = refusing("bad", "400 Bad", REFUSAL);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let bad = ASKS.replace("1.0", "\"bad\"");
    let answer = gateway.chat(&bad);
    assert_eq!((answer.status, answer.text().as_str()), (400, REFUSAL));
    assert_eq!(gateway.chat(ASKS).text(), STREAM);
    let without = WITHOUT.replace("1.0", "\"bad\"");
    assert_eq!(bodies(&upstream), [bad.as_str(), &without, ASKS]);

    // What the client has put into them was refused, not they.
    for options in [
        r#"{"include_usage":"odd"}"#,
        r#"{"include_usage":true,"odd":1}"#,
        r#""odd""#,
    ] {
        let upstream = refusing("odd", "400 Bad", REFUSAL);
        let gateway = Gateway::to(runtime, &upstream, json!({}));
        let odd = ASKS.replace(r#"{"include_usage":true}"#, options);
        assert_eq!(gateway.chat(&odd).text(), STREAM);
        assert_eq!(gateway.chat(ASKS).text(), STREAM);
        assert_eq!(bodies(&upstream), [odd.as_str(), WITHOUT, ASKS], "{options}");
    }

    // And another model of the same upstream may well know them.
    let upstream = refusing(r#""m","stream":true,"stream_options""#, "400 Bad", REFUSAL);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    assert_eq!(gateway.chat(ASKS).text(), STREAM);
    assert_eq!(gateway.chat(OTHER).text(), STREAM);
    assert_eq!(bodies(&upstream), [ASKS, WITHOUT, OTHER]);
}
