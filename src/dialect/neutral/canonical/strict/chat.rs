//! Chat Completions as `openai-python` and `openai-node` read it.

use serde_json::{Value, json};

use super::frames::{frames, json as parse};
use super::said::{Said, Verdict, arguments, array, ensure, name, number, number_or_0, text, usage};

#[derive(Default)]
struct Stream {
    /// `id`, `created` and `model`, which all chunks have in common.
    head: Option<Value>,
    choices: Vec<Choice>,
    usage: Option<Value>,
}

#[derive(Default)]
struct Choice {
    has_role: bool,
    said: Said,
    calls: Vec<Started>,
}

#[derive(Default)]
struct Started {
    is_custom: bool,
    name: String,
    arguments: String,
}

pub(super) fn stream(bytes: &[u8]) -> Result<Verdict, String> {
    let mut stream = Stream::default();
    let mut frames = frames(bytes)?.into_iter();
    for frame in frames.by_ref() {
        ensure!(frame.name.is_none(), "an event has a name");
        let Some(data) = frame.data else { continue };
        let error = if data == "[DONE]" {
            stream.done()?;
            None
        } else {
            let chunk = parse(data)?;
            let Some(error) = chunk.get("error").filter(|error| !error.is_null()) else {
                stream.chunk(&chunk)?;
                continue;
            };
            check_error(error)?;
            Some(error.clone())
        };
        ensure!(frames.next().is_none(), "something behind the end");
        let choices: Vec<Value> = stream.choices.iter().map(|choice| choice.said.value()).collect();
        let canonical = json!({"choices": choices, "usage": stream.usage});
        return Ok(Verdict { canonical, error });
    }
    Err("the stream has no end".into())
}

fn check_error(error: &Value) -> Result<(), String> {
    text(error, "message")?;
    text(error, "type")?;
    for key in ["param", "code"] {
        let value = error.get(key);
        ensure!(
            value.is_some_and(|value| value.is_null() || value.is_string()),
            "{key} of {error}"
        );
    }
    Ok(())
}

impl Stream {
    fn chunk(&mut self, chunk: &Value) -> Result<(), String> {
        ensure!(chunk["object"] == "chat.completion.chunk", "object of {chunk}");
        ensure!(self.usage.is_none(), "a chunk behind the usage: {chunk}");
        name(chunk, "id")?;
        name(chunk, "model")?;
        number(chunk, "created")?;
        let head = json!([chunk["id"], chunk["created"], chunk["model"]]);
        let known = self.head.get_or_insert_with(|| head.clone());
        ensure!(*known == head, "{known} became {head}");
        let choices = array(chunk, "choices")?;
        if chunk.get("usage").is_some_and(|usage| !usage.is_null()) {
            ensure!(choices.is_empty(), "usage beside a choice: {chunk}");
            self.usage = Some(read_usage(&chunk["usage"])?);
        } else {
            ensure!(!choices.is_empty(), "a chunk that says nothing: {chunk}");
        }
        for choice in choices {
            let index = number(choice, "index")? as usize;
            if index == self.choices.len() {
                self.choices.push(Choice::default());
            }
            let known = self.choices.get_mut(index);
            let known = known.ok_or_else(|| format!("choice {index} out of turn"))?;
            known.add(choice)?;
        }
        Ok(())
    }

    fn done(&mut self) -> Result<(), String> {
        ensure!(!self.choices.is_empty(), "an answer without a choice");
        for choice in &mut self.choices {
            choice.end()?;
        }
        Ok(())
    }
}

impl Choice {
    fn add(&mut self, choice: &Value) -> Result<(), String> {
        ensure!(
            self.said.finish.is_none(),
            "a choice goes on behind its finish: {choice}"
        );
        let delta = choice["delta"]
            .as_object()
            .ok_or_else(|| format!("no delta in {choice}"))?;
        match delta.get("role") {
            Some(role) => {
                ensure!(!self.has_role, "the role again");
                ensure!(role == "assistant", "the role {role}");
                self.has_role = true;
            }
            None => ensure!(self.has_role, "the first delta has no role: {choice}"),
        }
        for (key, value) in delta {
            let Some(piece) = value.as_str() else {
                let is_known = value.is_null() || !matches!(key.as_str(), "content" | "refusal" | "reasoning_content");
                ensure!(is_known, "{key} is {value}");
                continue;
            };
            match key.as_str() {
                "content" => self.said.text.push_str(piece),
                "reasoning_content" => self.said.reasoning.push_str(piece),
                "refusal" => self.said.refusal.get_or_insert_default().push_str(piece),
                _ => {}
            }
        }
        if let Some(calls) = delta.get("tool_calls") {
            for call in calls.as_array().ok_or_else(|| format!("tool_calls is {calls}"))? {
                self.call(call)?;
            }
        }
        self.said.finish = match choice.get("finish_reason") {
            Some(Value::Null) => None,
            Some(reason) => Some(finish(reason)?),
            None => return Err(format!("no finish_reason in {choice}")),
        };
        Ok(())
    }

    fn call(&mut self, call: &Value) -> Result<(), String> {
        let index = number(call, "index")? as usize;
        let is_new = index == self.calls.len();
        if is_new {
            let is_custom = call["type"] == "custom";
            ensure!(is_custom || call["type"] == "function", "the type of a call: {call}");
            name(call, "id")?;
            name(call, if is_custom { "custom/name" } else { "function/name" })?;
            self.calls.push(Started {
                is_custom,
                ..Started::default()
            });
        }
        let known = self.calls.get_mut(index);
        let known = known.ok_or_else(|| format!("call {index} out of turn"))?;
        ensure!(is_new || call.get("id").is_none(), "the id again: {call}");
        let inner = &call[if known.is_custom { "custom" } else { "function" }];
        // As the libraries do: what comes twice stands there twice.
        known.name.push_str(inner["name"].as_str().unwrap_or_default());
        let piece = &inner[if known.is_custom { "input" } else { "arguments" }];
        ensure!(
            piece.is_string() || piece.is_null() && !is_new,
            "the arguments of {call}"
        );
        known.arguments.push_str(piece.as_str().unwrap_or_default());
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        for call in &self.calls {
            let given = if call.is_custom {
                json!({"_input": call.arguments})
            } else {
                arguments(&call.arguments)?
            };
            self.said.calls.push((call.name.clone(), given));
        }
        self.said.check_finish()
    }
}

fn finish(reason: &Value) -> Result<&'static str, String> {
    match reason.as_str() {
        Some("stop") => Ok("stop"),
        Some("length") => Ok("length"),
        Some("tool_calls") => Ok("tool_calls"),
        Some("content_filter") => Ok("content_filter"),
        _ => Err(format!("the finish {reason}")),
    }
}

fn read_usage(document: &Value) -> Result<Value, String> {
    let (input, output) = (
        number(document, "prompt_tokens")?,
        number(document, "completion_tokens")?,
    );
    ensure!(
        number(document, "total_tokens")? == input.saturating_add(output),
        "the total of {document}"
    );
    let cached = number_or_0(document, "prompt_tokens_details/cached_tokens")?;
    let reasoning = number_or_0(document, "completion_tokens_details/reasoning_tokens")?;
    Ok(usage(input, output, cached, reasoning))
}

pub(super) fn answer(document: &Value) -> Result<Value, String> {
    ensure!(document["object"] == "chat.completion", "object of {document}");
    name(document, "id")?;
    name(document, "model")?;
    number(document, "created")?;
    let mut choices = Vec::new();
    for (index, choice) in array(document, "choices")?.iter().enumerate() {
        ensure!(choice["index"] == index, "index of {choice}");
        let message = &choice["message"];
        ensure!(message["role"] == "assistant", "role of {message}");
        let content = message.get("content");
        let is_text = content.is_some_and(|content| content.is_null() || content.is_string());
        ensure!(is_text, "content of {message}");
        let mut known = Choice::default();
        known.said.text = message["content"].as_str().unwrap_or_default().into();
        known.said.reasoning = message["reasoning_content"].as_str().unwrap_or_default().into();
        known.said.refusal = message["refusal"].as_str().map(str::to_owned);
        if let Some(calls) = message.get("tool_calls") {
            let calls = calls.as_array().filter(|calls| !calls.is_empty());
            for (index, call) in calls.ok_or("tool_calls is there and empty")?.iter().enumerate() {
                let mut call = call.clone();
                call["index"] = index.into();
                known.call(&call)?;
            }
        }
        known.said.finish = Some(finish(&choice["finish_reason"])?);
        known.end()?;
        choices.push(known.said.value());
    }
    ensure!(!choices.is_empty(), "no choice in {document}");
    let usage = document.get("usage").filter(|usage| !usage.is_null());
    Ok(json!({"choices": choices, "usage": usage.map(read_usage).transpose()?}))
}
