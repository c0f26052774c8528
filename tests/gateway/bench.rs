//! Every fault of an upstream that has a fallback, under a load that goes on: what it costs, what clients see of it, and how soon
//! the upstream is used again.

use std::ops::Range;
use std::time::Duration;

use ai_gateway::gateway::{Body, End, Record};
use ai_gateway::platform::{Fault, Platform};

use self::Cost::{Each, Limit, OneKey, Outage, Seen};
use crate::run;
use crate::sim::{Asked, Pieces, Play, Sim};

const FINE: &str = r#"{"choices":[{"index":0,"message":{"content":"fine"},"finish_reason":"stop"}]}"#;
const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"fi\"},\"finish_reason\":null}]}\n\n";
const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ne\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
const LIMITED: &str = r#"{"error":{"message":"slow down","code":"rate_limit_exceeded"}}"#;
const ERROR: &str = r#"{"error":{"message":"oops","type":"server_error","param":null,"code":null}}"#;

/// The seconds during which the upstream fails.
const OUTAGE: Range<u64> = 10..70;
/// The seconds for which there is a request each second.
const SECONDS: u64 = 110;
/// Longer than anybody waits.
const NEVER: u64 = 1_000_000;

/// What a fault may cost.
#[derive(Clone, Copy, PartialEq)]
enum Cost {
    /// The upstream rests: it is asked by one request in 10 seconds, and is used again within 15 seconds.
    Outage,
    /// Its keys rest as long as they are told.
    Limit,
    /// Nobody rests: each request finds out by itself.
    Each,
    /// It shows only when the client has read the beginning: streams end in an error.
    Seen,
    /// One of two keys does not work, the other serves.
    OneKey,
}

struct Case {
    name: &'static str,
    cost: Cost,
    plays: fn(bool) -> Play,
}

const fn case(name: &'static str, cost: Cost, plays: fn(bool) -> Play) -> Case {
    Case { name, cost, plays }
}

fn said(status: u16, body: &'static str) -> Play {
    late(10, status, vec![(0, body)])
}

fn late(after: u64, status: u16, chunks: Vec<(u64, &'static str)>) -> Play {
    Play::Answer { after, status, chunks }
}

/// A stream of these pieces, or a whole answer of them.
fn pieces(is_stream: bool, stream: &[(u64, &'static str)], whole: &[(u64, &'static str)]) -> Play {
    late(10, 200, if is_stream { stream } else { whole }.to_vec())
}

fn broken(fault: Fault) -> Play {
    Play::Fail { after: 10, fault }
}

fn healthy(is_stream: bool) -> Play {
    pieces(is_stream, &[(0, TEXT), (5, STOP)], &[(0, FINE)])
}

const CASES: &[Case] = &[
    case("rate limit, and for how long", Limit, |_| {
        said(
            429,
            r#"{"error":{"message":"slow down","details":[{"retryDelay":"8s"}]}}"#,
        )
    }),
    case("rate limit", Limit, |_| said(429, LIMITED)),
    case("outage", Outage, |_| said(503, ERROR)),
    case("outage of a proxy", Outage, |_| {
        said(502, "<html><h1>Bad Gateway</h1></html>")
    }),
    case("overloaded", Outage, |_| {
        said(
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        )
    }),
    case("connection refused", Outage, |_| {
        broken(Fault::Connect("refused".into()))
    }),
    case("connection reset", Outage, |_| broken(Fault::Reset("reset".into()))),
    case("not HTTP", Outage, |_| broken(Fault::Malformed("garbage".into()))),
    case("a page under 200", Outage, |_| said(200, "<html><h1>Hi</h1></html>")),
    case("half an answer", Outage, |is_stream| {
        pieces(is_stream, &[(0, "data: {\"cho")], &[(0, &FINE[..30])])
    }),
    case("an empty stream", Outage, |is_stream| {
        pieces(is_stream, &[(0, "data: [DONE]\n\n")], &[(0, "")])
    }),
    case("an error under 200", Outage, |is_stream| {
        pieces(
            is_stream,
            &[(0, "data: {\"error\":{\"message\":\"oops\"}}\n\n")],
            &[(0, ERROR)],
        )
    }),
    case("cut before the first text", Outage, |is_stream| {
        pieces(is_stream, &[(0, "data:\n\n")], &[(0, &FINE[..1])])
    }),
    case("slow first token", Each, |is_stream| {
        pieces(is_stream, &[(0, "data:\n\n"), (30_000, TEXT)], &[(30_000, FINE)])
    }),
    case("silence", Each, |_| Play::Silence),
    case("context overflow", Each, |_| {
        said(
            400,
            r#"{"error":{"message":"prompt is too long: 200000 tokens > 128000 maximum"}}"#,
        )
    }),
    case("cut behind the first text", Seen, |is_stream| {
        pieces(is_stream, &[(0, TEXT)], &[(0, FINE)])
    }),
    case("silence behind the first text", Seen, |is_stream| {
        pieces(is_stream, &[(0, TEXT), (NEVER, STOP)], &[(0, FINE)])
    }),
    case("an error behind the first text", Seen, |is_stream| {
        pieces(
            is_stream,
            &[(0, TEXT), (5, "data: {\"error\":{\"message\":\"oops\"}}\n\n")],
            &[(0, FINE)],
        )
    }),
    case("a dead key", OneKey, |_| {
        said(401, r#"{"error":{"message":"no such key"}}"#)
    }),
    case("a key without quota", OneKey, |_| {
        said(429, r#"{"error":{"code":"insufficient_quota"}}"#)
    }),
    case("a key without credit", OneKey, |_| {
        said(402, r#"{"error":{"message":"pay"}}"#)
    }),
];

const ROUTES: &str = r#"[
    {"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1", "a2"], "timeout": 5, "first_token_timeout": 2,
     "idle_timeout": 3, "aliases": {"m": "gpt-4o"}, "fallbacks": ["b"]},
    {"token": "u", "name": "b", "base_url": "https://b.example/v1", "api_keys": ["b1"], "default_model": "gpt-4.1"}]"#;

/// What a client can tell about an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seeing {
    Complete,
    Error,
    /// It ends as if it were complete, and is not.
    FalseSuccess,
}

/// Reads a body as the shells pass it on.
async fn seen(sim: &Sim, status: u16, body: Body<Pieces>, record: &mut Record) -> Seeing {
    let mut text = Vec::new();
    match body {
        Body::Stream(mut relay) => {
            let read = std::mem::take(&mut relay.read);
            text.extend_from_slice(&relay.passed(read));
            let end = loop {
                let limit = if relay.has_begun() {
                    relay.idle_timeout
                } else {
                    relay.first_within
                };
                match tokio::time::timeout(limit, Platform::read(sim, &mut relay.stream)).await {
                    Ok(Ok(Some(bytes))) => {
                        relay.observer.feed(&bytes);
                        text.extend_from_slice(&relay.passed(bytes));
                    }
                    Ok(Ok(None)) => break End::Closed,
                    Ok(Err(_)) | Err(_) => break End::Broken,
                }
            };
            text.extend(relay.finish(end, record).unwrap_or_default());
        }
        body => text = sim.read(body).await.unwrap().into_bytes(),
    }
    let text = String::from_utf8(text).unwrap();
    match status {
        200 if text == FINE || text.ends_with(STOP) => Seeing::Complete,
        200 if text.contains("\"error\"") && !text.contains("[DONE]") => Seeing::Error,
        400..=599 if text.contains("\"error\"") => Seeing::Error,
        _ => Seeing::FalseSuccess,
    }
}

/// What clients saw, each with its second, and what upstreams were asked.
async fn under_load(case: &'static Case) -> (Vec<(u64, Seeing)>, Vec<Asked>) {
    let sim = Sim::new(move |asked| {
        let is_stream = asked.body.contains("\"stream\":true");
        let is_hit = if case.cost == OneKey {
            asked.key == "a1"
        } else {
            asked.host == "a.example"
        };
        if is_hit && OUTAGE.contains(&(asked.at / 1_000)) {
            (case.plays)(is_stream)
        } else {
            healthy(is_stream)
        }
    });
    let gateway = sim.gateway(ROUTES);
    let requests = (0..SECONDS).map(|second| {
        let (sim, gateway) = (&sim, &gateway);
        async move {
            tokio::time::sleep(Duration::from_secs(second)).await;
            let body = if second % 2 == 0 {
                r#"{"model":"m"}"#
            } else {
                r#"{"model":"m","stream":true}"#
            };
            let mut answer = sim.chat(gateway, &format!("id-{second}"), body).await;
            let (status, body) = (answer.record.status, answer.response.into_body());
            (second, seen(sim, status, body, &mut answer.record).await)
        }
    });
    let seen = futures_util::future::join_all(requests).await;
    assert_eq!(sim.open(), 0, "{}: requests upstream are left open", case.name);
    (seen, sim.asked())
}

#[test]
fn no_fault_is_dressed_up_and_none_is_seen_where_the_fallback_can_serve() {
    for case in CASES {
        let (seen, _) = run(under_load(case));
        for (second, seeing) in seen {
            let is_seen = case.cost == Seen && second % 2 == 1 && OUTAGE.contains(&second);
            let expected = if is_seen { Seeing::Error } else { Seeing::Complete };
            assert_eq!(seeing, expected, "{} at {second} s", case.name);
        }
    }
}

#[test]
fn no_fault_costs_more_than_it_must_and_the_upstream_is_used_again_soon() {
    for case in CASES {
        let (_, asked) = run(under_load(case));
        let at: Vec<u64> = asked
            .iter()
            .filter(|asked| asked.host == "a.example")
            .map(|asked| asked.at / 1_000)
            .collect();
        let during: Vec<u64> = at.iter().copied().filter(|at| OUTAGE.contains(at)).collect();
        let seconds = OUTAGE.end - OUTAGE.start;
        // Two keys find out; then it is one probe in 10 seconds, and one more for the first that comes after 5.
        let most = match case.cost {
            Outage => 2 + seconds / 10 + 1,
            Limit => 2 * (seconds / 8 + 1),
            // One key's failure is found out once.
            OneKey => seconds + 1,
            Each | Seen => seconds,
        };
        assert!(during.len() as u64 <= most, "{}: {during:?}", case.name);
        if case.cost == Outage {
            let probes: Vec<u64> = during.iter().copied().filter(|at| *at >= OUTAGE.start + 2).collect();
            assert!(
                probes.windows(2).all(|pair| pair[1] - pair[0] >= 9),
                "{}: {probes:?}",
                case.name
            );
        }
        let again = at.iter().find(|at| **at >= OUTAGE.end).unwrap() - OUTAGE.end;
        assert!(
            again <= if case.cost == Limit { 20 } else { 15 },
            "{}: used again after {again} s",
            case.name
        );
        let last: Vec<u64> = at.iter().copied().filter(|at| *at >= OUTAGE.end + 25).collect();
        assert_eq!(
            last.len() as u64,
            SECONDS - OUTAGE.end - 25,
            "{}: it serves all again",
            case.name
        );
    }
}
