//! Codex with the provider that it has by itself: it asks for responses over a WebSocket.

use std::collections::BTreeSet;
use std::io::{Write, copy};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use tungstenite::Message;

use super::codex::{SUMMARY, asks_for_summary, shortening};
use super::program::{Agent, Desk, Finished, Provider};
use super::script::{Answer, DONE, break_before, break_off, next, responses, result, say, warm_up};
use super::{PROMPT, answers, asked, fail, gateway_to, is_written};
use crate::support::upstream::{Connection, JSON, Received, Upstream};
use crate::support::{Gateway, Runtime};
use crate::translated::dialect::{DIALECTS, Dialect};
use crate::translated::token;
use crate::websockets::accept;

/// With what a conversation goes on.
const MORE: &str = "And now?";

/// The status with which an upstream says that it has no WebSocket.
const NO_WEBSOCKET: &str = "405 Method Not Allowed";

fn desk() -> Option<Desk> {
    let mut desk = Desk::of(Agent::Codex)?;
    desk.provider = Provider::BuiltIn;
    Some(desk)
}

fn is_handshake(received: &Received) -> bool {
    received.line() == "GET /v1/responses HTTP/1.1"
        && received
            .one("upgrade")
            .is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
}

/// What passes everything on to a gateway, and knows with what each connection began.
struct Tap {
    upstream: Upstream,
}

impl Tap {
    fn before(gateway: &Gateway) -> Self {
        let address = gateway.address.clone();
        let upstream = Upstream::start(move |received, to| {
            let (mut client, mut gateway) = (to.socket(), TcpStream::connect(&address).unwrap());
            let (mut from, mut back) = (gateway.try_clone().unwrap(), to.socket());
            let answers = thread::spawn(move || {
                let _ = copy(&mut from, &mut back);
                let _ = back.shutdown(Shutdown::Write);
            });
            let begun = [received.head.as_bytes(), b"\r\n\r\n", &received.body].concat();
            let _ = gateway.write_all(&begun).and_then(|()| copy(&mut client, &mut gateway));
            let _ = gateway.shutdown(Shutdown::Write);
            let _ = answers.join();
        });
        Self { upstream }
    }

    fn address(&self) -> &str {
        let url = self.upstream.base_url.trim_start_matches("http://");
        url.trim_end_matches("/v1")
    }

    /// Asks for the file, and goes on once. Everything has to come over WebSockets.
    fn talk(&self, desk: &Desk, token: &str) -> Result<(), String> {
        let ask = [Desk::ask, Desk::ask_again];
        for (number, (ask, prompt)) in ask.into_iter().zip([PROMPT, MORE]).enumerate() {
            let Finished { has_succeeded, said } = ask(desk, self.address(), token, prompt);
            let begun = self.upstream.received();
            let only_websockets = begun.len() > number && begun.iter().all(is_handshake);
            if !has_succeeded || !said.contains(DONE) || !only_websockets {
                return Err(format!("{said}\n{begun:?}"));
            }
        }
        Ok(())
    }
}

/// An upstream that answers `reply`, and the handshake of a WebSocket with a `status`.
fn without_websocket(
    status: &'static str,
    dialect: Dialect,
    reply: impl Fn(usize, &str, &Value, &mut Connection) + Send + Sync + 'static,
) -> Upstream {
    let answers = answers(dialect, reply);
    Upstream::start(move |received, to| match is_handshake(received) {
        true => to.answer(status, JSON, r#"{"detail":"no"}"#),
        false => answers(received, to),
    })
}

/// An upstream that speaks over WebSockets only, has the file written in `folder`, and keeps what it is asked.
fn with_websocket(folder: PathBuf) -> (Upstream, Arc<Mutex<Vec<Value>>>) {
    let asked = Arc::<Mutex<Vec<Value>>>::default();
    let heard = Arc::clone(&asked);
    let upstream = Upstream::start(move |received, to| {
        let Some(mut socket) = accept(received, to) else {
            return to.answer("404 Not Found", JSON, r#"{"detail":"Not Found"}"#);
        };
        while let Ok(message) = socket.read() {
            let Message::Text(message) = message else { continue };
            let message: Value = serde_json::from_str(&message).unwrap();
            let events = if message["generate"] == false {
                warm_up().to_vec()
            } else {
                let answer = next(Dialect::Responses, &message, &folder);
                responses(&answer).into_iter().map(|(_, event)| event).collect()
            };
            heard.lock().unwrap().push(message);
            for event in events {
                let _ = socket.send(Message::text(event.to_string()));
            }
        }
    });
    (upstream, asked)
}

/// Whether the last request has everything that was said, and the result of the tool.
fn has_all(dialect: Dialect, bodies: &[Value]) -> bool {
    let Some(last) = bodies.last() else { return false };
    let text = last.to_string();
    result(dialect, last).is_some() && text.contains(PROMPT) && text.contains(DONE) && text.contains(MORE)
}

fn bodies(dialect: Dialect, upstream: &Upstream) -> Vec<Value> {
    let asked = asked(dialect, upstream).into_iter();
    asked
        .map(|received| serde_json::from_slice(&received.body).unwrap())
        .collect()
}

pub(crate) fn codex_speaks_over_a_websocket_with_any_upstream(runtime: Runtime) {
    let statuses = ["404 Not Found", NO_WEBSOCKET, "426 Upgrade Required"];
    let of_responses = statuses.map(|status| (Dialect::Responses, status));
    let others = [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini].map(|dialect| (dialect, NO_WEBSOCKET));
    for (dialect, status) in of_responses.into_iter().chain(others) {
        let Some(desk) = desk() else { return };
        let folder = desk.path();
        let upstream = without_websocket(status, dialect, move |_, line, body, to| {
            say(dialect, line, body, &next(dialect, body, &folder), to);
        });
        let gateway = gateway_to(runtime, dialect, &upstream, &json!({}));
        let talked = Tap::before(&gateway).talk(&desk, &token(dialect));
        let name = format!("{dialect:?}, {status}: {talked:?}\n{}", gateway.log());
        assert!(talked.is_ok() && is_written(&desk.path()), "{name}");
        assert!(has_all(dialect, &bodies(dialect, &upstream)), "{name}");
        // Who may have a WebSocket is asked for it, and once.
        let handshakes = upstream
            .received()
            .iter()
            .filter(|received| is_handshake(received))
            .count();
        assert_eq!(
            handshakes,
            usize::from(matches!(dialect, Dialect::Responses | Dialect::OpenAi)),
            "{name}"
        );
    }
}

pub(crate) fn codex_speaks_with_an_upstream_that_has_a_websocket_itself(runtime: Runtime) {
    let Some(desk) = desk() else { return };
    let (upstream, asked) = with_websocket(desk.path());
    let gateway = gateway_to(runtime, Dialect::Responses, &upstream, &json!({}));
    let talked = Tap::before(&gateway).talk(&desk, &token(Dialect::Responses));
    let (received, asked) = (upstream.received(), asked.lock().unwrap());
    let name = format!("{talked:?}\n{received:?}\n{}", gateway.log());
    assert!(talked.is_ok() && is_written(&desk.path()), "{name}");
    assert!(received.len() > 1 && received.iter().all(is_handshake), "{name}");
    // What it says comes as it is: what goes on from an answer has only what is new.
    let goes_on = asked
        .iter()
        .filter(|message| message["previous_response_id"].is_string());
    assert!(
        asked.iter().any(|message| message["generate"] == false) && goes_on.count() > 0,
        "{name}"
    );
    assert!(has_all(Dialect::Responses, &asked), "{name}: {asked:?}");
}

pub(crate) fn codex_notices_nothing_over_a_websocket_of_what_fails_before_the_first_words(runtime: Runtime) {
    for (at, dialect) in DIALECTS.into_iter().enumerate() {
        let Some(desk) = desk() else { return };
        let folder = desk.path();
        let upstream = without_websocket(NO_WEBSOCKET, dialect, move |number, line, body, to| match number {
            // The first key has met its limit.
            0 => fail(0, dialect, to),
            2 => break_before(dialect, to),
            4 => fail(1 + at % 3, dialect, to),
            _ => say(dialect, line, body, &next(dialect, body, &folder), to),
        });
        let gateway = gateway_to(runtime, dialect, &upstream, &json!({}));
        let talked = Tap::before(&gateway).talk(&desk, &token(dialect));
        let name = format!("{dialect:?}: {talked:?}\n{}", gateway.log());
        assert!(talked.is_ok() && is_written(&desk.path()), "{name}");
        // Two attempts for each of three answers. Had Codex noticed a failure, it would have asked once more.
        let asked = asked(dialect, &upstream);
        let ids: BTreeSet<_> = asked.iter().map(|received| received.one("x-request-id")).collect();
        assert_eq!((asked.len(), ids.len()), (6, 3), "{name}");
        let key = |received: &Received| {
            ["authorization", "x-api-key", "x-goog-api-key"].map(|name| received.one(name).map(str::to_owned))
        };
        assert_ne!(key(&asked[0]), key(&asked[1]), "{name}");
    }
}

pub(crate) fn codex_asks_again_over_a_websocket_where_an_answer_breaks(runtime: Runtime) {
    for dialect in [Dialect::OpenAi, Dialect::Responses] {
        let Some(desk) = desk() else { return };
        let (folder, broken) = (desk.path(), AtomicUsize::new(0));
        let upstream = without_websocket(NO_WEBSOCKET, dialect, move |_, line, body, to| {
            // What breaks behind its first words was a call of the tool: whoever took it for the answer would be done.
            if broken.fetch_add(1, Ordering::Relaxed) == 0 {
                break_off(dialect, line, body, "HALF", to);
            } else {
                say(dialect, line, body, &next(dialect, body, &folder), to);
            }
        });
        let gateway = gateway_to(runtime, dialect, &upstream, &json!({}));
        let finished = desk.ask(&gateway.address, &token(dialect), PROMPT);
        let name = format!("{dialect:?}: {}\n{}", finished.said, gateway.log());
        assert!(finished.has_succeeded && finished.said.contains(DONE), "{name}");
        assert!(is_written(&desk.path()), "{name}");
    }
}

pub(crate) fn codex_understands_over_a_websocket_that_its_prompt_is_too_long(runtime: Runtime) {
    let Some(desk) = desk() else { return };
    let upstream = without_websocket(NO_WEBSOCKET, Dialect::OpenAi, |_, _, _, to| {
        let message =
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.";
        let error = json!({"message": message, "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"});
        to.answer("400 Bad Request", JSON, &json!({"error": error}).to_string());
    });
    let gateway = gateway_to(runtime, Dialect::OpenAi, &upstream, &json!({}));
    let finished = desk.ask(&gateway.address, &token(Dialect::OpenAi), PROMPT);
    let name = format!("{}\n{}", finished.said, gateway.log());
    let words = "ran out of room in the model's context window";
    assert!(!finished.has_succeeded && finished.said.contains(words), "{name}");
}

/// What an upstream without compaction does with the item that asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trigger {
    /// It is never sent: it cannot be said in this dialect.
    Unsaid,
    /// It is refused.
    Refused,
    /// It is read over, and the conversation is answered as if it were not there.
    Ignored,
}

pub(crate) fn codex_has_conversations_shortened_over_a_websocket(runtime: Runtime) {
    for (dialect, trigger, by_trigger) in [
        (Dialect::OpenAi, Trigger::Unsaid, true),
        (Dialect::OpenAi, Trigger::Unsaid, false),
        (Dialect::Responses, Trigger::Refused, true),
        (Dialect::Responses, Trigger::Ignored, true),
        (Dialect::Responses, Trigger::Refused, false),
    ] {
        let Some(mut desk) = desk() else { return };
        desk.settings = shortening(by_trigger);
        let upstream = without_websocket(NO_WEBSOCKET, dialect, move |_, line, body, to| {
            let is_trigger = |item: &Value| item["type"] == "compaction_trigger";
            let place = body["input"]
                .as_array()
                .and_then(|items| items.iter().position(is_trigger));
            match place {
                _ if line.contains("/compact ") => to.answer("404 Not Found", JSON, r#"{"detail":"Not Found"}"#),
                Some(place) if trigger == Trigger::Refused => {
                    let message = format!("Invalid value: 'compaction_trigger' of input[{place}].type");
                    let error =
                        json!({"message": message, "type": "invalid_request_error", "param": null, "code": null});
                    to.answer("400 Bad Request", JSON, &json!({"error": error}).to_string());
                }
                _ => {
                    let answer = if asks_for_summary(body) { SUMMARY } else { DONE };
                    say(dialect, line, body, &Answer::Text(answer), to);
                }
            }
        });
        let gateway = gateway_to(runtime, dialect, &upstream, &json!({}));
        let tap = Tap::before(&gateway);
        let first = desk.ask(tap.address(), &token(dialect), PROMPT);
        let second = desk.ask_again(tap.address(), &token(dialect), MORE);
        let name = format!(
            "{dialect:?}, {trigger:?}, {by_trigger}: {}\n{}\n{}",
            first.said,
            second.said,
            gateway.log()
        );
        assert!(first.has_succeeded && second.has_succeeded, "{name}");
        assert!(second.said.contains(DONE), "{name}");
        let last = asked(dialect, &upstream).pop().unwrap().text();
        assert!(last.contains(SUMMARY) && last.contains(MORE), "{name}: {last}");
        // The older way is asked for over HTTP, beside the WebSocket.
        let begun = tap.upstream.received();
        let is_expected =
            |received: &Received| is_handshake(received) || !by_trigger && received.line().contains("/compact ");
        assert!(
            begun.iter().all(is_expected) && begun.iter().any(is_handshake),
            "{name}: {begun:?}"
        );
    }
}
