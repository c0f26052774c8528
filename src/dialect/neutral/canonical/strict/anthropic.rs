//! Messages as `anthropic-python` and `@anthropic-ai/sdk` read it.

use serde_json::{Map, Value, json};

use super::frames::{frames, json as parse};
use super::said::{Said, Verdict, arguments, array, ensure, name, number, number_or_0, text, usage};

#[derive(Default)]
struct Stream {
    has_begun: bool,
    said: Said,
    /// How many blocks there are.
    count: u64,
    open: Option<Block>,
    usage: Map<String, Value>,
    is_over: bool,
}

struct Block {
    kind: String,
    name: String,
    arguments: String,
    has_signature: bool,
}

pub(super) fn stream(bytes: &[u8]) -> Result<Verdict, String> {
    let mut stream = Stream::default();
    let mut frames = frames(bytes)?.into_iter();
    for frame in frames.by_ref() {
        let Some(data) = frame.data else { continue };
        let event = parse(data)?;
        let kind = frame.name.ok_or("an event has no name")?;
        ensure!(event["type"] == kind, "{kind} is {}", event["type"]);
        let error = match kind {
            "error" => {
                name(&event, "error/type")?;
                text(&event, "error/message")?;
                Some(event["error"].clone())
            }
            "message_stop" => {
                ensure!(stream.is_over, "message_stop without message_delta");
                None
            }
            _ => {
                stream.event(kind, &event)?;
                continue;
            }
        };
        ensure!(frames.next().is_none(), "something behind the end");
        if error.is_none() {
            stream.said.check_finish()?;
        }
        return Ok(Verdict {
            canonical: stream.canonical()?,
            error,
        });
    }
    Err("the stream has no end".into())
}

impl Stream {
    fn event(&mut self, kind: &str, event: &Value) -> Result<(), String> {
        if kind == "ping" {
            return Ok(());
        }
        let is_start = kind == "message_start";
        ensure!(is_start != self.has_begun, "message_start is not first: {event}");
        ensure!(!self.is_over || kind == "message_delta", "{kind} behind message_delta");
        match kind {
            "message_start" => self.start(&event["message"]),
            "content_block_start" => self.open(event),
            "content_block_delta" => self.delta(event),
            "content_block_stop" => {
                ensure!(number(event, "index")? + 1 == self.count, "another block ends: {event}");
                let block = self.open.take().ok_or("no block is open")?;
                self.close(block)
            }
            "message_delta" => {
                ensure!(self.open.is_none(), "message_delta while a block is open");
                self.is_over = true;
                self.said.finish = Some(finish(&event["delta"])?);
                number(event, "usage/output_tokens")?;
                self.add_usage(&event["usage"])
            }
            _ => Err(format!("what is {kind}?")),
        }
    }

    fn start(&mut self, message: &Value) -> Result<(), String> {
        self.has_begun = true;
        head(message)?;
        ensure!(array(message, "content")?.is_empty(), "content at the start");
        ensure!(message["stop_reason"].is_null(), "a stop_reason at the start");
        number(message, "usage/input_tokens")?;
        number(message, "usage/output_tokens")?;
        self.add_usage(&message["usage"])
    }

    fn add_usage(&mut self, usage: &Value) -> Result<(), String> {
        let members = usage.as_object().ok_or_else(|| format!("usage is {usage}"))?;
        for (key, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            self.usage.insert(key.clone(), value.clone());
        }
        Ok(())
    }

    fn open(&mut self, event: &Value) -> Result<(), String> {
        ensure!(number(event, "index")? == self.count, "a block out of turn: {event}");
        ensure!(self.open.is_none(), "two blocks are open: {event}");
        self.count += 1;
        let block = &event["content_block"];
        let kind = text(block, "type")?.to_owned();
        match kind.as_str() {
            "text" => ensure!(text(block, "text")?.is_empty(), "a block begins with text: {event}"),
            "thinking" => {
                ensure!(text(block, "thinking")?.is_empty(), "a block begins with text: {event}");
                text(block, "signature")?;
            }
            "redacted_thinking" => drop(name(block, "data")?),
            "tool_use" => {
                check_call(block)?;
                let input = block["input"].as_object();
                ensure!(
                    input.is_some_and(Map::is_empty),
                    "a call begins with its input: {event}"
                );
            }
            _ => return Err(format!("what is a block {kind}?")),
        }
        let name = block["name"].as_str().unwrap_or_default().to_owned();
        self.open = Some(Block {
            kind,
            name,
            arguments: String::new(),
            has_signature: false,
        });
        Ok(())
    }

    fn delta(&mut self, event: &Value) -> Result<(), String> {
        ensure!(
            number(event, "index")? + 1 == self.count,
            "a delta to another block: {event}"
        );
        let block = self.open.as_mut().ok_or("a delta and no block is open")?;
        let delta = &event["delta"];
        match (block.kind.as_str(), text(delta, "type")?) {
            ("text", "text_delta") => self.said.text.push_str(text(delta, "text")?),
            ("text", "citations_delta") => ensure!(delta["citation"].is_object(), "citation of {delta}"),
            ("thinking", "thinking_delta") => {
                ensure!(!block.has_signature, "thinking behind its signature");
                self.said.reasoning.push_str(text(delta, "thinking")?);
            }
            ("thinking", "signature_delta") => {
                name(delta, "signature")?;
                ensure!(
                    !std::mem::replace(&mut block.has_signature, true),
                    "a signature in two pieces"
                );
            }
            ("tool_use", "input_json_delta") => block.arguments.push_str(text(delta, "partial_json")?),
            (block, delta) => return Err(format!("{delta} to a block {block}")),
        }
        Ok(())
    }

    fn close(&mut self, block: Block) -> Result<(), String> {
        if block.kind == "tool_use" {
            let given = match block.arguments.as_str() {
                "" => json!({}),
                text => arguments(text)?,
            };
            self.said.calls.push((block.name, given));
        }
        Ok(())
    }

    fn canonical(&self) -> Result<Value, String> {
        let usage = read_usage(&Value::Object(self.usage.clone()))?;
        Ok(json!({"choices": [self.said.value()], "usage": usage}))
    }
}

fn head(message: &Value) -> Result<(), String> {
    name(message, "id")?;
    name(message, "model")?;
    ensure!(message["type"] == "message", "type of {message}");
    ensure!(message["role"] == "assistant", "role of {message}");
    Ok(())
}

fn check_call(block: &Value) -> Result<(), String> {
    name(block, "name")?;
    let id = name(block, "id")?;
    let is_good = id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    ensure!(is_good, "the id {id:?}");
    Ok(())
}

/// Of an object with `stop_reason` and `stop_sequence`.
fn finish(delta: &Value) -> Result<&'static str, String> {
    let reason = text(delta, "stop_reason")?;
    let stop = delta.get("stop_sequence").ok_or("no stop_sequence")?;
    ensure!(
        stop.is_null() || reason == "stop_sequence",
        "{reason} with a stop_sequence"
    );
    match reason {
        "end_turn" | "stop_sequence" | "pause_turn" => Ok("stop"),
        "max_tokens" | "model_context_window_exceeded" => Ok("length"),
        "tool_use" => Ok("tool_calls"),
        "refusal" => Ok("content_filter"),
        _ => Err(format!("the stop_reason {reason}")),
    }
}

fn read_usage(document: &Value) -> Result<Value, String> {
    let cached = number_or_0(document, "cache_read_input_tokens")?;
    let written = number_or_0(document, "cache_creation_input_tokens")?;
    let input = number_or_0(document, "input_tokens")?
        .saturating_add(cached)
        .saturating_add(written);
    let reasoning = number_or_0(document, "output_tokens_details/thinking_tokens")?;
    Ok(usage(input, number_or_0(document, "output_tokens")?, cached, reasoning))
}

pub(super) fn answer(document: &Value) -> Result<Value, String> {
    head(document)?;
    let mut said = Said::default();
    for block in array(document, "content")? {
        match text(block, "type")? {
            "text" => said.text.push_str(name(block, "text")?),
            "thinking" => {
                said.reasoning.push_str(text(block, "thinking")?);
                text(block, "signature")?;
            }
            "redacted_thinking" => drop(name(block, "data")?),
            "tool_use" => {
                check_call(block)?;
                ensure!(block["input"].is_object(), "input of {block}");
                said.calls.push((name(block, "name")?.into(), block["input"].clone()));
            }
            kind => return Err(format!("what is a block {kind}?")),
        }
    }
    said.finish = Some(finish(document)?);
    said.check_finish()?;
    number(document, "usage/input_tokens")?;
    number(document, "usage/output_tokens")?;
    Ok(json!({"choices": [said.value()], "usage": read_usage(&document["usage"])?}))
}
