//! Every way an upstream can fail.

use std::thread;
use std::time::Duration;

use crate::support::upstream::{Connection, JSON, SSE};

const WHOLE: &str = r#"{"choices":[{"index":0,"message":{"content":"fine"},"finish_reason":"stop"}]}"#;
const CONTENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"fi\"},\"finish_reason\":null}]}\n\n";
pub(super) const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ne\"},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// What an upstream does: to a request for a whole answer, and to one for a stream.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) plays: fn(&mut Connection, bool),
}

/// A fault that looks the same whichever answer was asked for.
macro_rules! refusal {
    ($name:literal, $status:literal, $fields:literal, $body:expr) => {
        Fault {
            name: $name,
            plays: |to, _| to.answer($status, concat!("content-type: application/json\r\n", $fields), $body),
        }
    };
}

/// The head of a good answer whose body is longer than what will come.
fn promise(to: &mut Connection, stream: bool) {
    if stream {
        to.head("200 OK", SSE);
    } else {
        to.head("200 OK", &format!("{JSON}content-length: 5000\r\n"));
    }
}

/// A beginning: the first content, or a part of a whole answer.
fn begin(to: &mut Connection, stream: bool) {
    promise(to, stream);
    to.send(if stream { CONTENT } else { &WHOLE[..20] }.as_bytes());
    thread::sleep(Duration::from_millis(100));
}

const ERROR: &str = r#"{"error":{"message":"m","type":"t","param":null,"code":null}}"#;

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        name: "none",
        plays: |to, stream| healthy(to, stream),
    },
    Fault {
        name: "connection refused",
        plays: |_, _| {},
    },
    Fault {
        name: "reset before the head",
        plays: |to, _| to.reset(),
    },
    Fault {
        name: "reset after the head",
        plays: |to, stream| {
            promise(to, stream);
            thread::sleep(Duration::from_millis(100));
            to.reset();
        },
    },
    Fault {
        name: "reset in the middle",
        plays: |to, stream| {
            begin(to, stream);
            to.reset();
        },
    },
    Fault {
        name: "hangs before the head",
        plays: |to, _| to.hang(),
    },
    Fault {
        name: "hangs after the head",
        plays: |to, stream| {
            promise(to, stream);
            to.hang();
        },
    },
    Fault {
        name: "hangs in the middle",
        plays: |to, stream| {
            begin(to, stream);
            to.hang();
        },
    },
    Fault {
        name: "half an event",
        plays: |to, stream| {
            begin(to, stream);
            to.send(&STOP.as_bytes()[..30]);
        },
    },
    Fault {
        name: "half an event, then a reset",
        plays: |to, stream| {
            begin(to, stream);
            to.send(&STOP.as_bytes()[..30]);
            thread::sleep(Duration::from_millis(100));
            to.reset();
        },
    },
    Fault {
        name: "the last event is left open",
        plays: |to, stream| {
            begin(to, stream);
            to.send(STOP.trim_end().as_bytes());
        },
    },
    Fault {
        name: "more behind the reason to finish",
        plays: |to, stream| {
            begin(to, stream);
            to.send([STOP, CONTENT].concat().as_bytes());
        },
    },
    Fault {
        name: "an end behind long events that say nothing",
        plays: |to, stream| {
            promise(to, stream);
            let silent = format!(
                "data: {{\"prompt_filter_results\":\"{}\",\"choices\":[]}}\n\n",
                "x".repeat(40_000)
            );
            if stream {
                to.send(silent.repeat(2).as_bytes());
            }
        },
    },
    Fault {
        name: "cut between events",
        plays: |to, stream| begin(to, stream),
    },
    Fault {
        name: "cut inside a character",
        plays: |to, stream| {
            begin(to, stream);
            to.send("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"".as_bytes());
            to.send(&"你".as_bytes()[..2]);
        },
    },
    Fault {
        name: "no [DONE]",
        plays: |to, stream| {
            begin(to, stream);
            to.send(STOP.as_bytes());
        },
    },
    Fault {
        name: "an error first",
        plays: |to, stream| {
            if stream {
                to.head("200 OK", SSE);
                to.send(format!("data: {ERROR}\n\n").as_bytes());
            } else {
                to.answer("200 OK", JSON, ERROR);
            }
        },
    },
    Fault {
        name: "an error with a code first",
        plays: |to, stream| {
            let error = r#"{"error":{"code":429,"message":"slow down"}}"#;
            if stream {
                to.head("200 OK", SSE);
                to.send(format!(": hello\n\ndata: {error}\n\ndata: [DONE]\n\n").as_bytes());
            } else {
                to.answer("200 OK", JSON, error);
            }
        },
    },
    Fault {
        name: "a long error with a code first",
        plays: |to, stream| {
            let error = format!(r#"{{"error":{{"message":"{}","code":429}}}}"#, "x".repeat(200_000));
            if stream {
                to.head("200 OK", SSE);
                to.send(format!("data: {error}\n\n").as_bytes());
            } else {
                to.answer("200 OK", JSON, &error);
            }
        },
    },
    Fault {
        name: "a long error in the middle",
        plays: |to, stream| {
            begin(to, stream);
            to.send(
                format!(
                    "data: {}\n\n",
                    ERROR.replace("\"m\"", &format!("\"{}\"", "x".repeat(20_000)))
                )
                .as_bytes(),
            );
        },
    },
    Fault {
        name: "an error in the middle",
        plays: |to, stream| {
            begin(to, stream);
            to.send(format!("data: {ERROR}\n\n").as_bytes());
        },
    },
    Fault {
        name: "a page under 200",
        plays: |to, _| to.answer("200 OK", "content-type: text/html\r\n", "<p>hi</p>"),
    },
    Fault {
        name: "a page under 502",
        plays: |to, _| to.answer("502 Bad", "content-type: text/html\r\n", "<p>hi</p>"),
    },
    Fault {
        name: "nothing under 200",
        plays: |to, _| to.answer("200 OK", JSON, ""),
    },
    Fault {
        name: "a text under 200",
        plays: |to, _| to.answer("200 OK", "content-type: text/plain\r\n", "hello"),
    },
    Fault {
        name: "half an object under 200",
        plays: |to, _| to.answer("200 OK", JSON, &WHOLE[..30]),
    },
    Fault {
        name: "an error of its own shape under 200",
        plays: |to, stream| {
            if stream {
                to.head("200 OK", SSE);
                to.send(b"event: error\ndata: {\"message\":\"m\",\"code\":50505}\n\n");
            } else {
                to.answer("200 OK", JSON, r#"{"object":"error","message":"m","code":50505}"#);
            }
        },
    },
    Fault {
        name: "an empty stream",
        plays: |to, stream| {
            if stream {
                to.head("200 OK", SSE);
            } else {
                to.answer("200 OK", JSON, "\n\n");
            }
        },
    },
    Fault {
        name: "comments only",
        plays: |to, stream| {
            if stream {
                to.head("200 OK", SSE);
                to.send(b": one\n\n: two\n\ndata: [DONE]\n\n");
            } else {
                to.answer("200 OK", JSON, " ");
            }
        },
    },
    Fault {
        name: "a line of a megabyte",
        plays: |to, stream| {
            let long = "x".repeat(1 << 20);
            if stream {
                to.head("200 OK", SSE);
                to.send(CONTENT.replace("fi", &long).as_bytes());
                to.send(format!("{STOP}{DONE}").as_bytes());
            } else {
                to.answer("200 OK", JSON, &WHOLE.replace("fine", &format!("fine{long}")));
            }
        },
    },
    Fault {
        name: "garbage",
        plays: |to, _| to.send(b"\x16\x03\x01 garbage \x00\r\n\r\n"),
    },
    Fault {
        name: "302",
        plays: |to, _| to.answer("302 Found", "location: http://elsewhere.example/\r\n", ""),
    },
    Fault {
        name: "a slow trickle",
        plays: |to, stream| {
            if stream {
                to.head("200 OK", SSE);
            } else {
                to.head("200 OK", &format!("{JSON}content-length: {}\r\n", WHOLE.len()));
            }
            let text = if stream {
                [CONTENT, STOP, DONE].concat()
            } else {
                WHOLE.to_owned()
            };
            for piece in text.as_bytes().chunks(7) {
                to.send(piece);
                thread::sleep(Duration::from_millis(2));
            }
        },
    },
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
    refusal!("401", "401 No", "", ERROR),
    refusal!("402", "402 Pay", "", ERROR),
    refusal!("403", "403 No", "", ERROR),
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

pub(crate) fn healthy(to: &mut Connection, stream: bool) {
    if stream {
        to.head("200 OK", SSE);
        to.send([CONTENT, STOP, DONE].concat().as_bytes());
    } else {
        to.answer("200 OK", JSON, WHOLE);
    }
}
