//! A client's stream, written.
//!
//! One item is open at a time, since clients show what is added to the last one. So while a call is open everything that is not about it is
//! held: other calls, whose arguments may come between its own, and text.

use serde_json::{Map, Value};

use super::errors;
use super::frames::{Frames, Said};
use super::opaque;
use super::open::{CallItem, Message, Reasoning, Sink};
use super::response::{self, Status, item_id};
use crate::dialect::neutral::event::{Context, Event, Finish, Usage, WriteStream};
use crate::dialect::neutral::flat;
use crate::dialect::neutral::request::ToolCall;

/// The item that is open.
enum Open {
    Reasoning(Reasoning),
    Message(Message),
    Tool(CallItem),
}

/// Writes a client's stream.
pub(super) struct Writer {
    context: Context,
    frames: Frames,
    /// The items that are complete: the last event repeats them.
    output: Vec<Value>,
    open: Option<Open>,
    held: Vec<Event>,
    finish: Option<Finish>,
    usage: Option<Usage>,
    has_begun: bool,
    is_over: bool,
}

impl Writer {
    /// Begins with nothing written.
    pub(super) fn of(context: Context) -> Self {
        Self {
            context,
            frames: Frames::default(),
            output: Vec::new(),
            open: None,
            held: Vec::new(),
            finish: None,
            usage: None,
            has_begun: false,
            is_over: false,
        }
    }
}

impl WriteStream for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        // An answer of this dialect has one choice.
        if self.is_over || event.choice().is_some_and(|choice| choice > 0) {
            return;
        }
        let had_begun = self.has_begun;
        self.begin(out);
        match event {
            Event::KeepAlive if had_begun => {
                // Without what it repeats of the request: clients have that.
                let response = self.response(&Map::new(), &Status::InProgress);
                self.lifecycle("response.in_progress", &response, out);
            }
            Event::Start { .. } | Event::KeepAlive => {}
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Error { message, code, status } => {
                let code = errors::code_of(message, code.as_deref(), *status);
                self.end("response.failed", &Status::Failed(message, code), out);
            }
            Event::End => {
                self.close_all(out);
                let kind = if response::is_incomplete(self.finish) {
                    "response.incomplete"
                } else {
                    "response.completed"
                };
                self.end(kind, &Status::Finished(self.finish), out);
            }
            Event::Finish { reason, .. } if self.finish.is_none() => {
                self.finish = Some(*reason);
                self.close_all(out);
            }
            event if self.finish.is_none() => self.take(event, out),
            _ => {}
        }
    }
}

impl Writer {
    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        let response = self.response(&self.context.echo, &Status::InProgress);
        self.lifecycle("response.created", &response, out);
        self.lifecycle("response.in_progress", &response, out);
    }

    fn end(&mut self, kind: &str, status: &Status<'_>, out: &mut Vec<u8>) {
        self.is_over = true;
        let output = std::mem::take(&mut self.output);
        let response = response::response(&self.context, &self.context.echo, status, output, self.usage);
        self.lifecycle(kind, &response, out);
    }

    fn response(&self, echo: &Map<String, Value>, status: &Status<'_>) -> Value {
        response::response(&self.context, echo, status, Vec::new(), None)
    }

    fn lifecycle(&mut self, kind: &str, response: &Value, out: &mut Vec<u8>) {
        let said = Said {
            response: Some(response),
            ..Said::default()
        };
        self.frames.write(kind, &said, out);
    }

    /// Writes an event of the choice, or holds it.
    fn take(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.is_held_up_by_call(event) {
            self.hold(event.clone());
            return;
        }
        self.say(event, out);
        self.release(out);
    }

    /// Whether a call is open that `event` is not about.
    fn is_held_up_by_call(&self, event: &Event) -> bool {
        let Some(Open::Tool(call)) = &self.open else {
            return false;
        };
        match event {
            Event::ToolArguments { index, .. } | Event::ToolEnd { index, .. } => *index != call.index,
            _ => true,
        }
    }

    fn hold(&mut self, event: Event) {
        if let Event::ToolArguments { index, text, .. } = &event {
            // All of a call's arguments are one event, however they are mixed with those of others.
            let before = self.held.iter_mut().rev().find_map(|held| match held {
                Event::ToolArguments { index: known, text, .. } if known == index => Some(text),
                _ => None,
            });
            if let Some(before) = before {
                before.push_str(text);
                return;
            }
        }
        if let (Event::Text { text, .. }, Some(Event::Text { text: before, .. })) = (&event, self.held.last_mut()) {
            before.push_str(text);
            return;
        }
        self.held.push(event);
    }

    /// Writes what is held, up to the next call that is not complete.
    fn release(&mut self, out: &mut Vec<u8>) {
        while !self.held.is_empty() && !matches!(self.open, Some(Open::Tool(_))) {
            for event in std::mem::take(&mut self.held) {
                let is_open = matches!(self.open, Some(Open::Tool(_)));
                // What was held before it goes first.
                if self.is_held_up_by_call(&event) || !is_open && !self.held.is_empty() {
                    self.held.push(event);
                } else {
                    self.say(&event, out);
                }
            }
        }
    }

    /// Writes an event of the choice. If a call is open, the event is about it.
    fn say(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Text { text, .. } => self.message(out, |message, sink| message.say(false, text, sink)),
            Event::Refusal { text, .. } => self.message(out, |message, sink| message.say(true, text, sink)),
            Event::Reasoning { text, .. } => {
                self.reasoning(out);
                let (open, mut sink) = self.parts(out);
                if let Some(Open::Reasoning(reasoning)) = open {
                    reasoning.say(text, &mut sink);
                }
            }
            Event::Signature { signature, .. } => self.close_reasoning(&opaque::signature(signature), out),
            Event::Encrypted { data, .. } => self.close_reasoning(&opaque::encrypted(data), out),
            Event::ToolStart { index, call, .. } => self.open_call(*index, call, out),
            Event::ToolArguments { text, .. } => {
                let (open, mut sink) = self.parts(out);
                if let Some(Open::Tool(call)) = open {
                    call.say(text, &mut sink);
                }
            }
            Event::ToolEnd { .. } => {
                if matches!(self.open, Some(Open::Tool(_))) {
                    self.close("completed", None, out);
                }
            }
            Event::Citation { .. } => {
                let (open, mut sink) = self.parts(out);
                if let Some(Open::Message(message)) = open {
                    message.cite(event, &mut sink);
                }
            }
            Event::Logprobs { content, .. } => {
                let (open, mut sink) = self.parts(out);
                if let Some(Open::Message(message)) = open {
                    message.weigh(content, &mut sink);
                }
            }
            _ => {}
        }
    }

    fn parts<'a>(&'a mut self, out: &'a mut Vec<u8>) -> (Option<&'a mut Open>, Sink<'a>) {
        let place = self.output.len();
        let frames = &mut self.frames;
        (self.open.as_mut(), Sink { frames, out, place })
    }

    /// Lets `write` add to the open message, or to a new one.
    fn message(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Message, &mut Sink<'_>)) {
        if !matches!(self.open, Some(Open::Message(_))) {
            self.close("completed", None, out);
            let id = item_id("msg", &self.context, Some(self.output.len()));
            let (_, mut sink) = self.parts(out);
            self.open = Some(Open::Message(Message::open(id, &mut sink)));
        }
        let (open, mut sink) = self.parts(out);
        if let Some(Open::Message(message)) = open {
            write(message, &mut sink);
        }
    }

    /// Opens an item of reasoning, if none is open.
    fn reasoning(&mut self, out: &mut Vec<u8>) {
        if !matches!(self.open, Some(Open::Reasoning(_))) {
            self.close("completed", None, out);
            let id = item_id("rs", &self.context, Some(self.output.len()));
            let (_, mut sink) = self.parts(out);
            self.open = Some(Open::Reasoning(Reasoning::open(id, &mut sink)));
        }
    }

    /// Ends the open reasoning, or a new one without any text, with what its upstream wants to have back.
    fn close_reasoning(&mut self, encrypted: &str, out: &mut Vec<u8>) {
        self.reasoning(out);
        self.close("completed", Some(encrypted), out);
    }

    fn open_call(&mut self, index: u32, call: &ToolCall, out: &mut Vec<u8>) {
        self.close("completed", None, out);
        let mut call = call.clone();
        call.arguments.clear();
        if let Some(signature) = call.signature.take() {
            self.close_reasoning(&opaque::call(&signature), out);
        }
        if call.id.is_empty() {
            // The client refers to it by this.
            call.id = item_id("call", &self.context, Some(self.output.len()));
        }
        let mut is_wrapped = false;
        if let Some(tool) = flat::tool_of(&self.context.tools, &call.name) {
            call.name.clone_from(&tool.name);
            call.namespace.clone_from(&tool.namespace);
            is_wrapped = tool.custom.is_some() && !call.is_custom;
            call.is_custom |= is_wrapped;
        }
        let kind = if call.is_custom { "ctc" } else { "fc" };
        let id = item_id(kind, &self.context, Some(self.output.len()));
        let (_, mut sink) = self.parts(out);
        self.open = Some(Open::Tool(CallItem::open(id, index, call, is_wrapped, &mut sink)));
    }

    /// Ends the open item.
    fn close(&mut self, status: &'static str, encrypted: Option<&str>, out: &mut Vec<u8>) {
        let Some(open) = self.open.take() else {
            return;
        };
        let (_, mut sink) = self.parts(out);
        let item = match open {
            Open::Reasoning(reasoning) => reasoning.close(encrypted, &mut sink),
            Open::Message(message) => message.close(status, &mut sink),
            Open::Tool(call) => call.close(status, &mut sink),
        };
        self.output.push(item);
    }

    /// Ends the open item and all that is held. The last item may be cut.
    fn close_all(&mut self, out: &mut Vec<u8>) {
        while self.open.is_some() || !self.held.is_empty() {
            let is_cut = self.held.is_empty() && response::is_incomplete(self.finish);
            self.close(if is_cut { "incomplete" } else { "completed" }, None, out);
            self.release(out);
        }
    }
}
