//! Every answer by which an upstream, or something in front of it, refuses a request.

use super::{ERROR, Fault, HTML, TEXT};
use crate::support::upstream::JSON;

/// A fault that looks the same whichever answer was asked for.
macro_rules! refusal {
    ($name:literal, $status:literal, $fields:literal, $body:expr) => {
        Fault {
            name: $name,
            plays: |to, _| to.answer($status, concat!("content-type: application/json\r\n", $fields), $body),
        }
    };
}

pub(super) const REFUSALS: &[Fault] = &[
    refusal!("400", "400 Bad", "", ERROR),
    refusal!(
        "400 API_KEY_INVALID",
        "400 Bad",
        "",
        r#"[{"error":{"code":400,"message":"m","details":[{"reason":"API_KEY_INVALID"}]}}]"#
    ),
    refusal!(
        "400 location",
        "400 Bad",
        "",
        r#"[{"error":{"code":400,"message":"User location is not supported for the API use."}}]"#
    ),
    refusal!(
        "400 too long",
        "400 Bad",
        "",
        r#"{"error":{"message":"m","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#
    ),
    refusal!(
        "400 too long, as vLLM says it",
        "400 Bad",
        "",
        r#"{"object":"error","message":"This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.","type":"BadRequestError","param":null,"code":400}"#
    ),
    refusal!("401", "401 No", "", ERROR),
    refusal!("402", "402 Pay", "", ERROR),
    refusal!("403", "403 No", "", ERROR),
    Fault {
        name: "401 with a page",
        plays: |to, _| to.answer("401 No", HTML, "<h1>Log in</h1>"),
    },
    Fault {
        name: "401 with a text",
        plays: |to, _| to.answer("401 No", TEXT, "Invalid token"),
    },
    Fault {
        name: "401 of a proxy",
        plays: |to, _| to.answer("401 No", "www-authenticate: Basic realm=\"m\"\r\n", ""),
    },
    Fault {
        name: "403 with a page",
        plays: |to, _| to.answer("403 No", HTML, "<h1>Blocked</h1>"),
    },
    Fault {
        name: "403 error code: 1003",
        plays: |to, _| to.answer("403 No", TEXT, "error code: 1003"),
    },
    Fault {
        name: "403 of a firewall",
        plays: |to, _| to.answer("403 No", "cf-mitigated: challenge\r\n", ""),
    },
    Fault {
        name: "400 of two megabytes",
        plays: |to, _| {
            to.answer(
                "400 Bad",
                JSON,
                &ERROR.replace("\"m\"", &format!("{:?}", "m".repeat(2 << 20))),
            );
        },
    },
    refusal!(
        "422 that quotes stream_options",
        "422 Bad",
        "",
        r#"{"detail":[{"loc":["body","messages"],"msg":"m","input":"stream_options"}]}"#
    ),
    refusal!("404", "404 No", "", ERROR),
    refusal!("405", "405 No", "", ERROR),
    refusal!("408", "408 Late", "", ERROR),
    refusal!("409", "409 Conflict", "", ERROR),
    refusal!("413", "413 Large", "", ERROR),
    refusal!("415", "415 Type", "", ERROR),
    refusal!("422", "422 Bad", "", ERROR),
    refusal!("429", "429 Slow", "", ERROR),
    refusal!("429 in 7 seconds", "429 Slow", "retry-after: 7\r\n", ERROR),
    refusal!(
        "429 until 2099",
        "429 Slow",
        "retry-after: Thu, 01 Jan 2099 00:00:00 GMT\r\n",
        ERROR
    ),
    refusal!("429 in 6500 ms", "429 Slow", "retry-after-ms: 6500\r\n", ERROR),
    refusal!(
        "429 with a reset",
        "429 Slow",
        "x-ratelimit-reset-tokens: 1m2s\r\n",
        ERROR
    ),
    refusal!(
        "429 RetryInfo",
        "429 Slow",
        "",
        r#"[{"error":{"code":429,"message":"m","details":[{"retryDelay":"34s"}]}}]"#
    ),
    refusal!(
        "429 insufficient_quota",
        "429 Slow",
        "",
        r#"{"error":{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#
    ),
    refusal!("500", "500 Oops", "", ERROR),
    refusal!("502", "502 Bad", "", ERROR),
    refusal!("503", "503 Busy", "", ERROR),
    refusal!("503 in 3 seconds", "503 Busy", "retry-after: 3\r\n", ERROR),
    refusal!("504", "504 Late", "", ERROR),
    refusal!("520", "520 Odd", "", ERROR),
    refusal!("524", "524 Late", "", ERROR),
    refusal!("529", "529 Busy", "", ERROR),
    refusal!("529 in 3 seconds", "529 Busy", "retry-after: 3\r\n", ERROR),
    refusal!("600", "600 Odd", "", ERROR),
];
