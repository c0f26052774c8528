//! Every way an upstream can fail.

#[path = "refusals.rs"]
mod refusals;

use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use self::refusals::REFUSALS;
use crate::support::upstream::{Connection, JSON, SSE};

const WHOLE: &str = r#"{"choices":[{"index":0,"message":{"content":"fine"},"finish_reason":"stop"}]}"#;
const CONTENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"fi\"},\"finish_reason\":null}]}\n\n";
pub(super) const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ne\"},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// The fault of an upstream that takes its time, behind a route with `first_token_timeout`.
pub(super) const LATE: &str = "a late first token";

/// What an upstream does: to a request for a whole answer, and to one for a stream.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) plays: fn(&mut Connection, bool),
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

const HTML: &str = "content-type: text/html\r\n";
const TEXT: &str = "content-type: text/plain\r\n";

/// A good answer in chunks, whose head says it in this way.
fn coded(to: &mut Connection, stream: bool, coding: &str) {
    let (kind, body) = if stream {
        (SSE, [CONTENT, STOP, DONE].concat())
    } else {
        (JSON, WHOLE.to_owned())
    };
    to.head("200 OK", &[kind, coding].concat());
    to.send(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes());
}

/// A good answer whose length is said in this way. As a stream it is a longer one.
fn measured(to: &mut Connection, stream: bool, lengths: &str) {
    to.head("200 OK", &[if stream { SSE } else { JSON }, lengths].concat());
    let body = if stream {
        [CONTENT, STOP, DONE].concat()
    } else {
        WHOLE.to_owned()
    };
    to.send(body.as_bytes());
}

const ERROR: &str = r#"{"error":{"message":"m","type":"t","param":null,"code":null}}"#;

/// All of them.
pub(crate) static FAULTS: LazyLock<Vec<&Fault>> = LazyLock::new(|| FAILURES.iter().chain(REFUSALS).collect());

const FAILURES: &[Fault] = &[
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
        plays: |to, _| to.answer("200 OK", HTML, "<p>hi</p>"),
    },
    Fault {
        name: "a page under 502",
        plays: |to, _| to.answer("502 Bad", HTML, "<p>hi</p>"),
    },
    Fault {
        name: "nothing under 200",
        plays: |to, _| to.answer("200 OK", JSON, ""),
    },
    Fault {
        name: "a text under 200",
        plays: |to, _| to.answer("200 OK", TEXT, "hello"),
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
        name: "NaN in an answer",
        plays: |to, stream| {
            if stream {
                to.head("200 OK", SSE);
                to.send([&CONTENT.replace("0,", "NaN,"), STOP, DONE].concat().as_bytes());
            } else {
                to.answer("200 OK", JSON, &WHOLE.replace("0,", "NaN,"));
            }
        },
    },
    Fault {
        name: "a zero byte behind an answer",
        plays: |to, stream| {
            if stream {
                to.head("200 OK", SSE);
                to.send([CONTENT, STOP, DONE, "\0"].concat().as_bytes());
            } else {
                to.answer("200 OK", JSON, &format!("{WHOLE}\0"));
            }
        },
    },
    Fault {
        name: "garbage",
        plays: |to, _| to.send(b"\x16\x03\x01 garbage \x00\r\n\r\n"),
    },
    Fault {
        name: "chunked twice",
        plays: |to, stream| coded(to, stream, &"transfer-encoding: chunked\r\n".repeat(2)),
    },
    Fault {
        name: "chunked, chunked",
        plays: |to, stream| coded(to, stream, "transfer-encoding: chunked, chunked\r\n"),
    },
    Fault {
        name: "chunked, gzip",
        plays: |to, stream| coded(to, stream, "transfer-encoding: chunked, gzip\r\n"),
    },
    Fault {
        name: "an unknown transfer coding",
        plays: |to, stream| coded(to, stream, "transfer-encoding: xyz\r\n"),
    },
    Fault {
        name: "a length listed twice",
        plays: |to, stream| measured(to, stream, "content-length: 76, 76\r\n"),
    },
    Fault {
        name: "a length said twice",
        plays: |to, stream| measured(to, stream, "content-length: 76\r\ncontent-length: 76\r\n"),
    },
    Fault {
        name: "two lengths",
        plays: |to, stream| measured(to, stream, "content-length: 76\r\ncontent-length: 20\r\n"),
    },
    Fault {
        name: "302",
        plays: |to, _| to.answer("302 Found", "location: http://elsewhere.example/\r\n", ""),
    },
    Fault {
        name: LATE,
        plays: |to, stream| {
            if stream {
                to.head("200 OK", SSE);
                to.send(b": wait\n\n");
            }
            thread::sleep(Duration::from_secs(3));
            if stream {
                to.send([CONTENT, STOP, DONE].concat().as_bytes());
            } else {
                healthy(to, false);
            }
        },
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
];

pub(crate) fn healthy(to: &mut Connection, stream: bool) {
    if stream {
        to.head("200 OK", SSE);
        to.send([CONTENT, STOP, DONE].concat().as_bytes());
    } else {
        to.answer("200 OK", JSON, WHOLE);
    }
}
