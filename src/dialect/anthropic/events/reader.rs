//! Reads a stream.

use serde_json::Value;

use super::frame::Frame;
use crate::dialect::anthropic::tokens::Tokens;
use crate::dialect::anthropic::{errors, stop};
use crate::dialect::neutral::event::{Event, Finish, ReadStream};
use crate::dialect::neutral::request::ToolCall;
use crate::dialect::wire::build::json_text;

/// The most blocks that are open at once. There should be one.
const MOST_OPEN: usize = 64;

/// Reads a stream. It holds what it knows of the open blocks, and none of what they say.
#[derive(Debug, Default)]
pub(in crate::dialect::anthropic) struct Reader {
    open: Vec<(u64, Block)>,
    /// The number of calls so far.
    calls: u32,
    tokens: Tokens,
    has_begun: bool,
    has_finished: bool,
    is_over: bool,
}

/// An open block.
#[derive(Debug)]
enum Block {
    Text,
    Thinking {
        /// The last one counts.
        signature: String,
    },
    Tool {
        index: u32,
        /// Arguments that came at once. They count if no pieces follow.
        whole: Option<String>,
        has_arguments: bool,
    },
}

const CHOICE: u32 = 0;

impl ReadStream for Reader {
    fn read(&mut self, name: &str, data: &str, events: &mut Vec<Event>) {
        if self.is_over {
            return;
        }
        match Frame::read(data) {
            Some(frame) => self.take(name, &frame, data, events),
            None if name == "error" => self.fail(&Value::String(data.to_owned()), events),
            None => {}
        }
    }

    fn end(&mut self, events: &mut Vec<Event>) {
        // Whoever has said why the answer ended has said all of it.
        if self.has_finished && !self.is_over {
            self.is_over = true;
            events.push(Event::End);
        }
    }
}

impl Reader {
    fn take(&mut self, name: &str, frame: &Frame<'_>, data: &str, events: &mut Vec<Event>) {
        let kind = frame.text("type").unwrap_or_default();
        let kind = if kind.is_empty() { name } else { &*kind };
        match kind {
            "message_start" => {
                if let Some(message) = frame.value("message") {
                    self.start(&message, events);
                }
            }
            "content_block_start" => {
                if let (Some(index), Some(block)) = (frame.index(), frame.value("content_block")) {
                    self.open(index, &block, events);
                }
            }
            "content_block_delta" => {
                if let (Some(index), Some(delta)) = (frame.index(), frame.delta()) {
                    self.add(index, &delta, events);
                }
            }
            "content_block_stop" => {
                if let Some(index) = frame.index() {
                    self.close(index, events);
                }
            }
            "message_delta" => {
                if let Some(delta) = frame.delta() {
                    let member = |name| delta.value(name).unwrap_or_default();
                    self.stop(
                        &member("stop_reason"),
                        &member("stop_sequence"),
                        &member("stop_details"),
                        events,
                    );
                }
                if let Some(usage) = frame.value("usage") {
                    self.usage(&usage, events);
                }
            }
            "message_stop" => self.complete(events),
            "ping" => events.push(Event::KeepAlive),
            // Some servers of other vendors break off with an error of another shape.
            "" | "error" => match frame.value("error") {
                Some(error) => self.fail(&error, events),
                None if kind == "error" => self.fail(&Value::String(data.to_owned()), events),
                None => {}
            },
            _ => {}
        }
    }

    /// Begins the answer.
    pub(super) fn start(&mut self, message: &Value, events: &mut Vec<Event>) {
        let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        self.begin(text("id"), text("model"), events);
        if let Some(usage) = message.get("usage") {
            self.usage(usage, events);
        }
    }

    fn begin(&mut self, id: String, model: String, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.has_begun, true) {
            events.push(Event::Start { id, model });
        }
    }

    /// Takes new numbers of tokens.
    pub(super) fn usage(&mut self, usage: &Value, events: &mut Vec<Event>) {
        if usage.is_object() {
            self.begin(String::new(), String::new(), events);
            self.tokens.take(usage);
            events.push(Event::Usage(self.tokens.usage()));
        }
    }

    /// Opens a block, and says what is in it already.
    pub(super) fn open(&mut self, index: u64, block: &Value, events: &mut Vec<Event>) {
        if self.has_finished {
            return;
        }
        self.begin(String::new(), String::new(), events);
        // A block with the number of an open one replaces it.
        self.close(index, events);
        if self.open.len() >= MOST_OPEN {
            let first = self.open[0].0;
            self.close(first, events);
        }
        let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let opened = match block.get("type").and_then(Value::as_str) {
            Some("text") => {
                say(text("text"), events, |choice, text| Event::Text { choice, text });
                for citation in block.get("citations").and_then(Value::as_array).into_iter().flatten() {
                    events.push(cited(citation));
                }
                Block::Text
            }
            Some("thinking") => {
                say(text("thinking"), events, |choice, text| Event::Reasoning {
                    choice,
                    text,
                });
                let signature = text("signature");
                Block::Thinking { signature }
            }
            Some("redacted_thinking") => {
                say(text("data"), events, |choice, data| Event::Encrypted { choice, data });
                return;
            }
            Some("tool_use") => self.open_tool(block, text("id"), text("name"), events),
            // Blocks of Anthropic's own tools: the answer says in text what they found.
            _ => return,
        };
        self.open.push((index, opened));
    }

    fn open_tool(&mut self, block: &Value, id: String, name: String, events: &mut Vec<Event>) -> Block {
        let index = self.calls;
        self.calls += 1;
        let call = ToolCall {
            id,
            name,
            ..ToolCall::default()
        };
        let choice = CHOICE;
        events.push(Event::ToolStart { choice, index, call });
        let input = block
            .get("input")
            .and_then(Value::as_object)
            .filter(|input| !input.is_empty());
        Block::Tool {
            index,
            whole: input.and_then(|input| serde_json::to_string(input).ok()),
            has_arguments: false,
        }
    }

    fn add(&mut self, index: u64, delta: &Frame<'_>, events: &mut Vec<Event>) {
        let Some((_, block)) = self.open.iter_mut().find(|(open, _)| *open == index) else {
            return;
        };
        let text = |name| delta.text(name).unwrap_or_default().into_owned();
        match block {
            Block::Text => {
                say(text("text"), events, |choice, text| Event::Text { choice, text });
                events.extend(delta.value("citation").as_ref().map(cited));
            }
            Block::Thinking { signature } => {
                say(text("thinking"), events, |choice, text| Event::Reasoning {
                    choice,
                    text,
                });
                if let Some(new) = delta.text("signature") {
                    *signature = new.into_owned();
                }
            }
            Block::Tool {
                index, has_arguments, ..
            } => {
                let index = *index;
                let text = text("partial_json");
                *has_arguments |= !text.is_empty();
                say(text, events, |choice, text| Event::ToolArguments {
                    choice,
                    index,
                    text,
                });
            }
        }
    }

    /// Closes a block, if it is open.
    pub(super) fn close(&mut self, index: u64, events: &mut Vec<Event>) {
        let Some(place) = self.open.iter().position(|(open, _)| *open == index) else {
            return;
        };
        let choice = CHOICE;
        match self.open.remove(place).1 {
            Block::Text => {}
            Block::Thinking { signature } => {
                say(signature, events, |choice, signature| Event::Signature {
                    choice,
                    signature,
                });
            }
            Block::Tool {
                index,
                whole,
                has_arguments,
            } => {
                if !has_arguments {
                    let text = whole.unwrap_or_else(|| "{}".to_owned());
                    events.push(Event::ToolArguments { choice, index, text });
                }
                events.push(Event::ToolEnd { choice, index });
            }
        }
    }

    /// Reads why the answer ended, from the answer or the event that says so.
    pub(super) fn finish(&mut self, message: &Value, events: &mut Vec<Event>) {
        let member = |name| &message[name];
        self.stop(
            member("stop_reason"),
            member("stop_sequence"),
            member("stop_details"),
            events,
        );
    }

    fn stop(&mut self, reason: &Value, sequence: &Value, details: &Value, events: &mut Vec<Event>) {
        let Some(reason) = reason.as_str() else {
            return;
        };
        if self.has_finished {
            return;
        }
        if let Some(explanation) = details["explanation"].as_str() {
            self.begin(String::new(), String::new(), events);
            say(explanation.to_owned(), events, |choice, text| Event::Refusal {
                choice,
                text,
            });
        }
        self.end_choice(stop::read(reason), sequence.as_str(), events);
    }

    fn end_choice(&mut self, reason: Finish, stop: Option<&str>, events: &mut Vec<Event>) {
        self.begin(String::new(), String::new(), events);
        while let Some((index, _)) = self.open.first() {
            self.close(*index, events);
        }
        self.has_finished = true;
        let calls_tools = reason == Finish::Stop && stop.is_none() && self.calls > 0;
        events.push(Event::Finish {
            choice: CHOICE,
            reason: if calls_tools { Finish::ToolCalls } else { reason },
            stop: stop.map(str::to_owned),
        });
    }

    /// Ends the answer.
    pub(super) fn complete(&mut self, events: &mut Vec<Event>) {
        if !self.has_finished {
            self.end_choice(Finish::Stop, None, events);
        }
        self.is_over = true;
        events.push(Event::End);
    }

    fn fail(&mut self, error: &Value, events: &mut Vec<Event>) {
        self.is_over = true;
        let text = |name: &str| error.get(name).and_then(Value::as_str);
        let code = text("type").or_else(|| text("code"));
        let message = text("message").or_else(|| error.as_str());
        let number = error
            .get("code")
            .and_then(Value::as_u64)
            .and_then(|code| u16::try_from(code).ok());
        let status = number.filter(|status| (400..600).contains(status));
        events.push(Event::Error {
            message: message.map_or_else(|| json_text(error), str::to_owned),
            code: code.map(str::to_owned),
            status: code.and_then(errors::status).or(status),
        });
    }
}

/// Adds an event, unless it would say nothing.
fn say(text: String, events: &mut Vec<Event>, event: impl FnOnce(u32, String) -> Event) {
    if !text.is_empty() {
        events.push(event(CHOICE, text));
    }
}

fn cited(citation: &Value) -> Event {
    let text = |names: [&str; 2]| {
        let mut found = names.iter().filter_map(|name| citation.get(*name)?.as_str());
        found.find(|text| !text.is_empty()).map(str::to_owned)
    };
    Event::Citation {
        choice: CHOICE,
        url: text(["url", "source"]),
        title: text(["title", "document_title"]),
        text: text(["cited_text", "cited_text"]),
    }
}
