//! What Codex leaves with the server: reasoning that belongs to one account, and conversations to be shortened.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::program::{Agent, Desk, Provider};
use super::script::{Answer, DONE, responses, say, send};
use super::{PROMPT, asked, gateway_to, upstream_of};
use crate::support::upstream::{JSON, Received, Upstream};
use crate::support::{Gateway, Runtime};
use crate::translated::dialect::Dialect;
use crate::translated::{token, upstream};

/// How many conversations there are at least. Were the key chosen by the request, hardly one of them would meet its own again each time.
const CONVERSATIONS: usize = 3;

/// How many there are at most until two have different keys. The names of conversations are random, so a few may well share one key of
/// three; this many do so once in fourteen million runs.
const MOST_CONVERSATIONS: usize = 16;

fn key(received: &Received) -> String {
    received.one("authorization").unwrap_or_default().to_owned()
}

/// An upstream whose keys belong to different accounts: it refuses reasoning that another one made.
fn of_several_accounts(foreign: Arc<AtomicUsize>) -> Upstream {
    Upstream::start(move |received, to| {
        if !received.line().starts_with("POST /v1/responses ") {
            return to.answer("404 Not Found", JSON, r#"{"detail":"Not Found"}"#);
        }
        let (key, body) = (key(received), serde_json::from_slice::<Value>(&received.body).unwrap());
        let is_foreign = |item: &Value| item["type"] == "reasoning" && item["encrypted_content"] != key.as_str();
        if body["input"]
            .as_array()
            .is_some_and(|input| input.iter().any(is_foreign))
        {
            foreign.fetch_add(1, Ordering::Relaxed);
            let error = json!({"message": "The encrypted content could not be verified.", "type": "invalid_request_error",
                "param": null, "code": "invalid_encrypted_content"});
            return to.answer("400 Bad Request", JSON, &json!({"error": error}).to_string());
        }
        let reasoning = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": key});
        let done = json!({"type": "response.output_item.done", "output_index": 0, "item": reasoning});
        let mut events = responses(&Answer::Text(DONE));
        events.insert(1, ("response.output_item.done", done));
        let events: Vec<_> = events
            .into_iter()
            .map(|(name, data)| (name, data.to_string()))
            .collect();
        send(&events, to);
    })
}

pub(crate) fn codex_goes_on_with_conversations_over_several_accounts(runtime: Runtime) {
    let foreign = Arc::new(AtomicUsize::new(0));
    let upstream = of_several_accounts(Arc::clone(&foreign));
    let fields = json!({"api_keys": ["up-SECRET-1", "up-SECRET-2", "up-SECRET-3"]});
    let route = upstream::route(&token(Dialect::Responses), Dialect::Responses, &upstream, &fields);
    let gateway = Gateway::with_routes(runtime, &json!([route]));
    let keys = || -> BTreeSet<String> { asked(Dialect::Responses, &upstream).iter().map(key).collect() };
    for conversation in 0..MOST_CONVERSATIONS {
        if conversation >= CONVERSATIONS && keys().len() > 1 {
            break;
        }
        let Some(desk) = Desk::of(Agent::Codex) else { return };
        for goes_on in [false, true, true] {
            let finished = match goes_on {
                false => desk.ask(&gateway.address, &token(Dialect::Responses), PROMPT),
                true => desk.ask_again(&gateway.address, &token(Dialect::Responses), PROMPT),
            };
            let name = format!("{}\n{}", finished.said, gateway.log());
            assert!(finished.has_succeeded && finished.said.contains(DONE), "{name}");
        }
    }
    let asked = asked(Dialect::Responses, &upstream);
    assert_eq!(foreign.load(Ordering::Relaxed), 0, "{}", gateway.log());
    assert!(
        asked
            .iter()
            .any(|received| received.text().contains("encrypted_content\":\"")),
        "no reasoning came back"
    );
    assert!(keys().len() > 1, "all conversations had one key");
}

/// What the summary of a conversation says.
pub(super) const SUMMARY: &str = "THE-SUMMARY";

/// Codex treats a provider of this name as the real one, and leaves it to the server to shorten conversations.
const OPENAI: Provider = Provider::Named("OpenAI");

/// The settings with which every conversation is too long. The older way to shorten one is a request to /responses/compact.
pub(super) fn shortening(by_trigger: bool) -> String {
    format!("model_auto_compact_token_limit = 20\nfeatures.remote_compaction_v2 = {by_trigger}")
}

/// Whether a request asks for a summary in words.
pub(super) fn asks_for_summary(body: &Value) -> bool {
    body.to_string().contains("Write that summary now")
}

pub(crate) fn codex_has_conversations_shortened_by_any_upstream(runtime: Runtime) {
    for (dialect, feature) in [
        (Dialect::OpenAi, true),
        (Dialect::OpenAi, false),
        (Dialect::Anthropic, true),
        (Dialect::Gemini, false),
    ] {
        let Some(mut desk) = Desk::of(Agent::Codex) else { return };
        desk.provider = OPENAI;
        desk.settings = shortening(feature);
        let upstream = upstream_of(dialect, move |_, line, body, to| {
            let answer = if asks_for_summary(body) { SUMMARY } else { DONE };
            say(dialect, line, body, &Answer::Text(answer), to);
        });
        let gateway = gateway_to(runtime, dialect, &upstream, &json!({}));
        let first = desk.ask(&gateway.address, &token(dialect), PROMPT);
        let second = desk.ask_again(&gateway.address, &token(dialect), "And now?");
        let name = format!(
            "{dialect:?}, {feature}: {}\n{}\n{}",
            first.said,
            second.said,
            gateway.log()
        );
        assert!(first.has_succeeded && second.has_succeeded, "{name}");
        assert!(second.said.contains(DONE), "{name}");
        let asked = asked(dialect, &upstream);
        let last = asked.last().unwrap().text();
        assert!(last.contains(SUMMARY) && last.contains("And now?"), "{name}: {last}");
    }
}
