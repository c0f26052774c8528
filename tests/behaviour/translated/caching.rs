//! Prompt caches: a conversation of 20 turns through each pair, in front of upstreams that keep the prompts of each key.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::dialect::{DIALECTS, Dialect, pairs};
use super::token;
use super::upstream;
use crate::support::upstream::{Connection, JSON, Received, Upstream};
use crate::support::{Gateway, Runtime};

const TURNS: usize = 20;

/// What the instructions say: a prompt of some length.
const RULES: &str =
    "You are an agent that works in a folder of a project. Look at files before you change them. Say what you did.";

/// The prompts that each key has seen, one list for each cache.
type Seen = Mutex<HashMap<String, Vec<String>>>;

/// Returns the prompt of a request: what is compared, in the order in which it is.
fn prompt(dialect: Dialect, body: &Value) -> String {
    let names = match dialect {
        Dialect::OpenAi => ["tools", "messages", ""],
        Dialect::Responses => ["tools", "instructions", "input"],
        Dialect::Anthropic => ["tools", "system", "messages"],
        Dialect::Gemini => ["tools", "systemInstruction", "contents"],
    };
    names.iter().map(|name| unmarked(&body[*name]).to_string()).collect()
}

/// Returns a prompt without marks, and with texts as the blocks that they are.
fn unmarked(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| *name != "cache_control");
            let mut kept: serde_json::Map<_, _> = kept.map(|(name, value)| (name.clone(), unmarked(value))).collect();
            if let Some(Value::String(text)) = members.get("content") {
                kept["content"] = json!([{"type": "text", "text": text}]);
            }
            Value::Object(kept)
        }
        Value::Array(list) => list.iter().map(unmarked).collect(),
        value => value.clone(),
    }
}

/// Returns how much of a prompt is in the cache, of how much. The first turns of two agents in one folder have nothing in common here.
fn look(seen: &Seen, cache: String, prompt: &str) -> (usize, usize) {
    let mut seen = seen.lock().unwrap();
    let known = seen.entry(cache).or_default();
    let same = |other: &String| {
        other
            .bytes()
            .zip(prompt.bytes())
            .take_while(|(one, other)| one == other)
            .count()
    };
    let cached = known.iter().map(same).max().unwrap_or_default();
    known.push(prompt.to_owned());
    (cached, prompt.len())
}

/// Answers one turn: with a call of a tool, and with what was cached.
fn answer(dialect: Dialect, turn: usize, (cached, all): (usize, usize)) -> Value {
    let (id, arguments) = (format!("call_{turn}"), json!({"path": format!("src/{turn}.rs")}));
    let text = format!("Turn {turn}: I look at the next file.");
    match dialect {
        Dialect::OpenAi => json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{
            "index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": text, "tool_calls": [
                {"id": id, "type": "function", "function": {"name": "look", "arguments": arguments.to_string()}}]}}],
            "usage": {"prompt_tokens": all, "completion_tokens": 9, "total_tokens": all + 9, "prompt_tokens_details": {"cached_tokens": cached}}}),
        Dialect::Responses => {
            json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [
            {"type": "message", "id": format!("msg_{turn}"), "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": text, "annotations": []}]},
            {"type": "function_call", "id": format!("fc_{turn}"), "call_id": id, "name": "look", "arguments": arguments.to_string(), "status": "completed"}],
            "usage": {"input_tokens": all, "output_tokens": 9, "total_tokens": all + 9, "input_tokens_details": {"cached_tokens": cached}, "output_tokens_details": {"reasoning_tokens": 0}}})
        }
        Dialect::Anthropic => {
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use", "stop_sequence": null,
            "content": [{"type": "text", "text": text}, {"type": "tool_use", "id": id, "name": "look", "input": arguments}],
            "usage": {"input_tokens": all - cached, "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0, "output_tokens": 9}})
        }
        Dialect::Gemini => {
            json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
            {"text": text}, {"functionCall": {"id": id, "name": "look", "args": arguments}, "thoughtSignature": "U0lH"}]}}],
            "usageMetadata": {"promptTokenCount": all, "candidatesTokenCount": 9, "totalTokenCount": all + 9, "cachedContentTokenCount": cached}})
        }
    }
}

/// An upstream with a cache for each key, and for each `prompt_cache_key` where its dialect has that. Anthropic's keeps nothing that is not
/// marked.
fn caching(dialect: Dialect) -> Upstream {
    let seen = Seen::default();
    upstream::answering(dialect, move |received: &Received, to: &mut Connection| {
        let body: Value = serde_json::from_slice(&received.body).unwrap();
        let names = ["authorization", "x-api-key", "x-goog-api-key"];
        let key = names.iter().find_map(|name| received.one(name)).unwrap();
        let prompt = prompt(dialect, &body);
        let is_kept = dialect != Dialect::Anthropic || received.text().contains("cache_control");
        let cached = if is_kept {
            look(
                &seen,
                format!(
                    "{key} {} {} {}",
                    body["model"],
                    body["prompt_cache_key"],
                    received.line()
                ),
                &prompt,
            )
        } else {
            (0, prompt.len())
        };
        let turn = prompt.matches("I look at the next file").count();
        to.answer("200 OK", JSON, &answer(dialect, turn, cached).to_string());
    })
}

/// A conversation as its client keeps it.
struct Talk(Dialect, Vec<Value>);

impl Talk {
    fn begin(dialect: Dialect) -> Self {
        let asked = "What is in this folder?";
        Self(
            dialect,
            match dialect {
                Dialect::OpenAi => vec![
                    json!({"role": "system", "content": RULES}),
                    json!({"role": "user", "content": asked}),
                ],
                Dialect::Gemini => vec![json!({"role": "user", "parts": [{"text": asked}]})],
                _ => vec![json!({"role": "user", "content": asked})],
            },
        )
    }

    fn body(&self, model: &str) -> Value {
        let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]});
        let tool = json!({"name": "look", "description": "Reads a file.", "parameters": schema});
        match self.0 {
            Dialect::OpenAi => {
                json!({"model": model, "tools": [{"type": "function", "function": tool}], "messages": self.1})
            }
            Dialect::Responses => {
                let tool = json!({"type": "function", "name": "look", "description": "Reads a file.", "parameters": schema, "strict": false});
                json!({"model": model, "store": false, "instructions": RULES, "tools": [tool], "input": self.1})
            }
            Dialect::Anthropic => {
                let tool = json!({"name": "look", "description": "Reads a file.", "input_schema": schema});
                json!({"model": model, "max_tokens": 900, "system": RULES, "tools": [tool], "messages": self.1})
            }
            Dialect::Gemini => {
                let rules = json!({"parts": [{"text": RULES}]});
                json!({"systemInstruction": rules, "tools": [{"functionDeclarations": [tool]}], "contents": self.1})
            }
        }
    }

    /// Takes an answer, adds what the tool said, and returns what was cached and what there was.
    fn take(&mut self, turn: usize, answer: &Value) -> (u64, u64) {
        let said = format!("fn main() {{ println!(\"{turn}\") }}").repeat(4);
        let count = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{answer}"));
        match self.0 {
            Dialect::OpenAi => {
                let message = &answer["choices"][0]["message"];
                self.1.push(message.clone());
                self.1
                    .push(json!({"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": said}));
                let usage = &answer["usage"];
                (
                    count(&usage["prompt_tokens_details"]["cached_tokens"]),
                    count(&usage["prompt_tokens"]),
                )
            }
            Dialect::Responses => {
                let output = answer["output"].as_array().unwrap();
                let call = output.iter().find(|item| item["type"] == "function_call").unwrap();
                self.1.extend(output.iter().cloned());
                self.1
                    .push(json!({"type": "function_call_output", "call_id": call["call_id"], "output": said}));
                let usage = &answer["usage"];
                (
                    count(&usage["input_tokens_details"]["cached_tokens"]),
                    count(&usage["input_tokens"]),
                )
            }
            Dialect::Anthropic => {
                let blocks = answer["content"].as_array().unwrap();
                let call = blocks.iter().find(|block| block["type"] == "tool_use").unwrap();
                self.1.push(json!({"role": "assistant", "content": blocks}));
                let result = json!({"type": "tool_result", "tool_use_id": call["id"], "content": said});
                self.1.push(json!({"role": "user", "content": [result]}));
                let cached = count(&answer["usage"]["cache_read_input_tokens"]);
                (cached, cached + count(&answer["usage"]["input_tokens"]))
            }
            Dialect::Gemini => {
                let content = &answer["candidates"][0]["content"];
                let parts = content["parts"].as_array().unwrap();
                let call = parts.iter().find(|part| part["functionCall"].is_object()).unwrap();
                self.1.push(content.clone());
                let result = json!({"id": call["functionCall"]["id"], "name": "look", "response": {"output": said}});
                self.1
                    .push(json!({"role": "user", "parts": [{"functionResponse": result}]}));
                let usage = &answer["usageMetadata"];
                (
                    usage["cachedContentTokenCount"].as_u64().unwrap_or_default(),
                    count(&usage["promptTokenCount"]),
                )
            }
        }
    }
}

fn share(counts: &[(u64, u64)]) -> f64 {
    let sum = |part: fn(&(u64, u64)) -> u64| counts.iter().map(part).sum::<u64>() as f64;
    sum(|count| count.0) / sum(|count| count.1)
}

/// What the client would get from an upstream of its own dialect that keeps all that it can.
fn direct(client: Dialect) -> f64 {
    let (seen, mut talk) = (Seen::default(), Talk::begin(client));
    let turns = (0..TURNS).map(|turn| {
        let cached = look(&seen, String::new(), &prompt(client, &talk.body("m")));
        talk.take(turn, &answer(client, turn, cached))
    });
    share(&turns.collect::<Vec<_>>())
}

pub(crate) fn the_prompt_cache_of_a_conversation_stays_warm_in_every_dialect(runtime: Runtime) {
    let keys = json!({"api_keys": ["up-SECRET-1", "up-SECRET-2", "up-SECRET-3"]});
    let upstreams = DIALECTS.map(caching);
    let routes: Vec<Value> = DIALECTS
        .iter()
        .zip(&upstreams)
        .map(|(dialect, upstream)| upstream::route(&token(*dialect), *dialect, upstream, &keys))
        .collect();
    let gateway = Gateway::with_routes(runtime, &json!(routes));
    for (client, upstream) in pairs() {
        // Each model has a cache of its own.
        let model = format!("m-{}", client.name());
        let mut talk = Talk::begin(client);
        let mut counts = Vec::new();
        for turn in 0..TURNS {
            let mut body = talk.body(&model);
            if client == upstream && client == Dialect::Anthropic {
                // Nobody else marks what passes untouched.
                body["cache_control"] = json!({"type": "ephemeral"});
            }
            let request = client.request(&client.path(&model, false), &token(upstream), &body);
            let request = request.replacen("connection:", "x-session-affinity: s-1\r\nconnection:", 1);
            let came = gateway.raw(request);
            assert_eq!(
                came.status,
                200,
                "{client:?} to {upstream:?}, turn {turn}: {}",
                came.text()
            );
            counts.push(talk.take(turn, &came.json()));
        }
        let (here, there) = (share(&counts), direct(client));
        assert!(
            here >= 0.95 * there,
            "{client:?} to {upstream:?}: {here:.3} of {there:.3}"
        );
    }
    gateway.wait_for_log("\"cached_percent\":9");
}
