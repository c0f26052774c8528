//! An upstream's answer, read: as a stream and whole.

use std::borrow::Cow;

use serde_json::Value;

use super::errors;
use super::pieces::{self, Kind, Pieces};
use crate::dialect::neutral::event::{Event, Finish, ReadStream, Usage};
use crate::dialect::wire::build::json;
use crate::dialect::wire::json;
use crate::dialect::wire::members::Members;

/// What an event of the stream says. Only what its type needs is read further.
struct Incoming<'a>(Members<'a>);

impl<'a> Incoming<'a> {
    /// Returns a member that is a text, and an empty text for any other one.
    fn text(&self, name: &str) -> Cow<'a, str> {
        self.0.last(name).and_then(json::text).unwrap_or_default()
    }

    /// Returns a member that is a whole number.
    fn number(&self, name: &str) -> Option<u64> {
        self.0.last(name)?.parse().ok()
    }

    /// Returns a member of any shape; `null` where there is none.
    fn value(&self, name: &str) -> Value {
        self.0.last(name).and_then(json::value).unwrap_or_default()
    }
}

/// Reads an upstream's stream.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pieces: Pieces,
    /// The item that the last event was about.
    item: u64,
    has_item: bool,
    is_item_open: bool,
    has_begun: bool,
    is_in_progress: bool,
    is_over: bool,
}

impl ReadStream for Reader {
    fn read(&mut self, name: &str, data: &str, events: &mut Vec<Event>) {
        if self.is_over {
            return;
        }
        let Some(event) = json::members(data).map(Incoming) else {
            return;
        };
        let kind = event.text("type");
        self.event(if kind.is_empty() { name } else { &kind }, data, &event, events);
    }

    fn end(&mut self, _: &mut Vec<Event>) {
        // The last event says that it is the last.
        self.is_over = true;
    }
}

impl Reader {
    fn event(&mut self, kind: &str, data: &str, event: &Incoming<'_>, events: &mut Vec<Event>) {
        match kind {
            "response.created" => self.begin(&event.value("response"), events),
            "response.in_progress" | "response.queued" => {
                if self.has_begun && self.is_in_progress {
                    events.push(Event::KeepAlive);
                }
                self.is_in_progress = true;
                self.begin(&event.value("response"), events);
            }
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => {
                let status = kind.trim_start_matches("response.");
                self.complete(status, &event.value("response"), events);
            }
            "error" => self.fail(&json::value(data).unwrap_or_default(), events),
            kind if kind.starts_with("response.") => {
                self.begin(&Value::Null, events);
                self.piece(kind, event, events);
            }
            _ if event.0.value("error").is_some() => self.fail(&json::value(data).unwrap_or_default(), events),
            _ => {}
        }
    }

    /// Begins the answer, if it has not begun.
    fn begin(&mut self, response: &Value, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.has_begun, true) {
            events.push(Event::Start {
                id: response["id"].as_str().unwrap_or_default().to_owned(),
                model: response["model"].as_str().unwrap_or_default().to_owned(),
            });
        }
    }

    /// Reads an event that is about an item.
    fn piece(&mut self, kind: &str, event: &Incoming<'_>, events: &mut Vec<Event>) {
        let (kind, is_whole) = match kind {
            "response.output_item.added" => {
                let item = self.item(event.number("output_index"), true);
                self.is_item_open = true;
                return self.pieces.begin(item, &event.value("item"), events);
            }
            "response.output_item.done" => {
                let item = self.item(event.number("output_index"), !self.is_item_open);
                self.is_item_open = false;
                return self.pieces.end(item, &event.value("item"), events);
            }
            "response.output_text.annotation.added" => {
                let item = self.item(event.number("output_index"), false);
                let part = event.number("content_index").unwrap_or_default();
                return self.pieces.citation(item, part, &event.value("annotation"), events);
            }
            "response.output_text.delta" => (Kind::Text, false),
            "response.output_text.done" => (Kind::Text, true),
            "response.refusal.delta" => (Kind::Refusal, false),
            "response.refusal.done" => (Kind::Refusal, true),
            "response.reasoning_summary_text.delta" => (Kind::Summary, false),
            "response.reasoning_summary_text.done" => (Kind::Summary, true),
            "response.reasoning_text.delta" => (Kind::Thought, false),
            "response.reasoning_text.done" => (Kind::Thought, true),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                (Kind::Arguments, false)
            }
            "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => (Kind::Arguments, true),
            _ => return,
        };
        let item = self.item(event.number("output_index"), false);
        let (part, whole) = match kind {
            Kind::Text | Kind::Thought => (Some("content_index"), "text"),
            Kind::Refusal => (Some("content_index"), "refusal"),
            Kind::Summary => (Some("summary_index"), "text"),
            Kind::Arguments if event.0.value("arguments").is_some() => (None, "arguments"),
            Kind::Arguments | Kind::Citation | Kind::ToolCall | Kind::Headless | Kind::End => (None, "input"),
        };
        let place = (item, kind, part.and_then(|part| event.number(part)).unwrap_or_default());
        if is_whole {
            return self.pieces.whole(place, &event.text(whole), events);
        }
        self.pieces.delta(place, &event.text("delta"), events);
        if kind == Kind::Text && event.0.value("logprobs").is_some_and(|list| list != "[]") {
            pieces::logprobs(&event.value("logprobs"), events);
        }
    }

    /// Returns the item that an event is about: the one that it names, else a new one where it begins one, else the last one.
    fn item(&mut self, named: Option<u64>, is_new: bool) -> u64 {
        self.item = match named {
            Some(item) => item,
            None if is_new && self.has_item => self.item.saturating_add(1),
            None => self.item,
        };
        self.has_item = true;
        self.item
    }

    /// Reads the response that ends the answer. Its own status counts, else `status`.
    fn complete(&mut self, status: &str, response: &Value, events: &mut Vec<Event>) {
        self.begin(response, events);
        for (place, item) in (0_u64..).zip(response["output"].as_array().into_iter().flatten()) {
            self.pieces.end(place, item, events);
        }
        self.pieces.end_calls(events);
        events.extend(usage(&response["usage"]).map(Event::Usage));
        let reason = match response["status"].as_str().unwrap_or(status) {
            "incomplete" if response["incomplete_details"]["reason"] == "content_filter" => Finish::ContentFilter,
            "incomplete" => Finish::Length,
            "completed" if self.pieces.has_calls() => Finish::ToolCalls,
            "completed" => Finish::Stop,
            "failed" => return self.fail(response, events),
            "cancelled" => {
                let error = json!({"message": "The upstream cancelled the response."});
                return self.fail(&error, events);
            }
            // It is not over.
            _ => return,
        };
        self.is_over = true;
        events.push(Event::Finish {
            choice: 0,
            reason,
            stop: None,
        });
        events.push(Event::End);
    }

    /// Reads an error, which is the value itself or its member.
    fn fail(&mut self, value: &Value, events: &mut Vec<Event>) {
        let error = if value["error"].is_object() {
            &value["error"]
        } else {
            value
        };
        let text = |name: &str| error[name].as_str().filter(|text| !text.is_empty() && *text != "error");
        let message = text("message").or_else(|| value["error"].as_str());
        let code = text("code").or_else(|| text("type"));
        let status = value["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        self.is_over = true;
        events.push(Event::Error {
            message: message.unwrap_or("The upstream reported an error.").to_owned(),
            code: code.map(str::to_owned),
            status: status.or_else(|| errors::status_of(code?)),
        });
    }
}

fn usage(usage: &Value) -> Option<Usage> {
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    let input = &usage["input_tokens_details"];
    usage
        .is_object()
        .then(|| Usage {
            input: count(&usage["input_tokens"]),
            cached: count(&input["cached_tokens"]),
            cache_write: count(&input["cache_write_tokens"]),
            output: count(&usage["output_tokens"]),
            reasoning: count(&usage["output_tokens_details"]["reasoning_tokens"]),
        })
        .map(Usage::bounded)
}

/// Reads a whole answer; nothing where it is not a response.
pub(super) fn read_answer(body: &[u8]) -> Option<Vec<Event>> {
    let response = json::value(std::str::from_utf8(body).ok()?)?;
    if response["object"] != "response" && !response["output"].is_array() {
        return None;
    }
    let mut events = Vec::new();
    Reader::default().complete("completed", &response, &mut events);
    Some(events)
}
