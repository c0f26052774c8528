//! One item of a response: a message, reasoning, or a call.

use serde_json::{Value, json};

use super::super::said::{Said, arguments, array, ensure, name, number, text};

/// An item that is open.
pub(super) struct Item {
    pub(super) id: String,
    kind: String,
    /// Parts that are done, of `content` and of `summary`.
    content: Vec<Value>,
    summary: Vec<Value>,
    part: Option<Part>,
    /// Arguments or input of a call, and whether they are done.
    given: String,
    is_given: bool,
}

/// A part that is open.
struct Part {
    kind: String,
    text: String,
    is_done: bool,
}

/// The member of a part of this kind in which its text stands.
fn member(kind: &str) -> &'static str {
    if kind == "refusal" { "refusal" } else { "text" }
}

impl Item {
    pub(super) fn new(item: &Value) -> Result<Self, String> {
        let kind = text(item, "type")?.to_owned();
        match kind.as_str() {
            "message" => {
                ensure!(item["role"] == "assistant", "role of {item}");
                ensure!(array(item, "content")?.is_empty(), "content at the start: {item}");
            }
            "reasoning" => ensure!(array(item, "summary")?.is_empty(), "a summary at the start: {item}"),
            "function_call" => ensure!(text(item, "arguments")?.is_empty(), "arguments at the start: {item}"),
            "custom_tool_call" => ensure!(text(item, "input")?.is_empty(), "input at the start: {item}"),
            _ => return Err(format!("what is an item {kind}?")),
        }
        if kind.ends_with("_call") {
            name(item, "call_id")?;
            name(item, "name")?;
        }
        ensure!(
            kind == "reasoning" || item["status"] == "in_progress",
            "status of {item}"
        );
        Ok(Self {
            id: name(item, "id")?.to_owned(),
            kind,
            content: Vec::new(),
            summary: Vec::new(),
            part: None,
            given: String::new(),
            is_given: false,
        })
    }

    pub(super) fn event(&mut self, kind: &str, event: &Value, said: &mut Said) -> Result<(), String> {
        match kind {
            "response.content_part.added" => {
                ensure!(
                    number(event, "content_index")? as usize == self.content.len(),
                    "a part out of turn: {event}"
                );
                self.open_part(&event["part"])
            }
            "response.content_part.done" => {
                let part = self.close_part(event)?;
                self.content.push(part);
                Ok(())
            }
            "response.reasoning_summary_part.added" => {
                ensure!(
                    number(event, "summary_index")? as usize == self.summary.len(),
                    "a part out of turn: {event}"
                );
                self.open_part(&event["part"])
            }
            "response.reasoning_summary_part.done" => {
                let part = self.close_part(event)?;
                self.summary.push(part);
                Ok(())
            }
            "response.output_text.annotation.added" => {
                ensure!(event["annotation"].is_object(), "annotation of {event}");
                Ok(())
            }
            "response.function_call_arguments.delta" => self.give("function_call", event),
            "response.custom_tool_call_input.delta" => self.give("custom_tool_call", event),
            "response.function_call_arguments.done" => self.given("function_call", text(event, "arguments")?),
            "response.custom_tool_call_input.done" => self.given("custom_tool_call", text(event, "input")?),
            _ => self.part_event(kind, event, said),
        }
    }

    fn open_part(&mut self, part: &Value) -> Result<(), String> {
        ensure!(self.part.is_none(), "two parts are open: {part}");
        let kind = text(part, "type")?;
        let is_right = match self.kind.as_str() {
            "message" => matches!(kind, "output_text" | "refusal"),
            "reasoning" => matches!(kind, "summary_text" | "reasoning_text"),
            _ => false,
        };
        ensure!(is_right, "a part {kind} of a {}", self.kind);
        ensure!(
            text(part, member(kind))?.is_empty(),
            "a part that begins with text: {part}"
        );
        ensure!(
            kind != "output_text" || part["annotations"].is_array(),
            "annotations of {part}"
        );
        self.part = Some(Part {
            kind: kind.to_owned(),
            text: String::new(),
            is_done: false,
        });
        Ok(())
    }

    fn close_part(&mut self, event: &Value) -> Result<Value, String> {
        self.check_part(event)?;
        let part = self.part.take().ok_or("no part is open")?;
        let done = &event["part"];
        ensure!(part.is_done, "the text of a part is not done: {event}");
        ensure!(done["type"] == part.kind, "the part became another: {event}");
        ensure!(
            done[member(&part.kind)] == part.text,
            "the part has another text: {event}"
        );
        Ok(done.clone())
    }

    /// The index of the part that is open.
    fn check_part(&self, event: &Value) -> Result<(), String> {
        let part = self.part.as_ref().ok_or_else(|| format!("no part is open: {event}"))?;
        let (key, parts) = if part.kind == "summary_text" {
            ("summary_index", &self.summary)
        } else {
            ("content_index", &self.content)
        };
        ensure!(number(event, key)? as usize == parts.len(), "another part: {event}");
        Ok(())
    }

    fn part_event(&mut self, kind: &str, event: &Value, said: &mut Said) -> Result<(), String> {
        self.check_part(event)?;
        let part = self.part.as_mut().ok_or("no part is open")?;
        let stem = match part.kind.as_str() {
            "output_text" => "response.output_text",
            "refusal" => "response.refusal",
            "summary_text" => "response.reasoning_summary_text",
            _ => "response.reasoning_text",
        };
        ensure!(!part.is_done, "a part goes on behind its end: {event}");
        ensure!(
            part.kind != "output_text" || event["logprobs"].is_array(),
            "logprobs of {event}"
        );
        match kind.strip_prefix(stem) {
            Some(".delta") => {
                let piece = text(event, "delta")?;
                part.text.push_str(piece);
                match part.kind.as_str() {
                    "output_text" => said.text.push_str(piece),
                    "refusal" => said.refusal.get_or_insert_default().push_str(piece),
                    _ => said.reasoning.push_str(piece),
                }
            }
            Some(".done") => {
                ensure!(event[member(&part.kind)] == part.text, "the text is another: {event}");
                part.is_done = true;
            }
            _ => return Err(format!("{kind} to a part {}", part.kind)),
        }
        Ok(())
    }

    fn give(&mut self, kind: &str, event: &Value) -> Result<(), String> {
        ensure!(self.kind == kind && !self.is_given, "arguments of {event}");
        self.given.push_str(text(event, "delta")?);
        Ok(())
    }

    fn given(&mut self, kind: &str, all: &str) -> Result<(), String> {
        ensure!(self.kind == kind && !self.is_given, "{all} of a {}", self.kind);
        ensure!(self.given == all, "{all} and not {}", self.given);
        self.is_given = true;
        Ok(())
    }

    /// Compares the item with what it is when it is done.
    pub(super) fn end(&self, done: &Value) -> Result<(), String> {
        check_done(done)?;
        ensure!(self.part.is_none(), "a part is open at the end of {done}");
        ensure!(
            done["id"] == self.id && done["type"] == self.kind,
            "the item became another: {done}"
        );
        ensure!(
            self.content.is_empty() && done["content"].is_null() || done["content"] == json!(self.content),
            "other content: {done}"
        );
        match self.kind.as_str() {
            "reasoning" => ensure!(done["summary"] == json!(self.summary), "another summary: {done}"),
            "function_call" => ensure!(
                self.is_given && done["arguments"] == self.given,
                "other arguments: {done}"
            ),
            "custom_tool_call" => ensure!(self.is_given && done["input"] == self.given, "other input: {done}"),
            _ => {}
        }
        Ok(())
    }
}

/// An item that is done.
pub(super) fn check_done(done: &Value) -> Result<(), String> {
    name(done, "id")?;
    let kind = text(done, "type")?;
    let is_status = done["status"] == "completed" || done["status"] == "incomplete";
    ensure!(is_status || kind == "reasoning", "status of {done}");
    match kind {
        "message" => {
            ensure!(done["role"] == "assistant", "role of {done}");
            ensure!(!array(done, "content")?.is_empty(), "a message without content: {done}");
        }
        "reasoning" => drop(array(done, "summary")?),
        "function_call" | "custom_tool_call" => drop(name(done, "call_id")?),
        _ => return Err(format!("what is an item {kind}?")),
    }
    Ok(())
}

/// Adds the call that an item is.
pub(super) fn add_done(calls: &mut Vec<(String, Value)>, done: &Value) -> Result<(), String> {
    let given = match text(done, "type")? {
        "function_call" => arguments(text(done, "arguments")?)?,
        "custom_tool_call" => json!({"_input": text(done, "input")?}),
        _ => return Ok(()),
    };
    calls.push((name(done, "name")?.to_owned(), given));
    Ok(())
}
