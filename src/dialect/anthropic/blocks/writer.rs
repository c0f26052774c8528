//! Writes a stream.

use serde_json::Value;

use super::frames::{self, Delta};
use super::held::{Held, hold};
use super::whole::{block_of_call, citation, message};
use crate::dialect::anthropic::arguments::{Scan, object};
use crate::dialect::anthropic::stop::{self, Said};
use crate::dialect::anthropic::{errors, signature, tokens};
use crate::dialect::neutral::event::{Context, Event, Finish, Usage, WriteStream};
use crate::dialect::neutral::free_text;
use crate::dialect::neutral::request::ToolCall;
use crate::dialect::wire::build::{Set, json, json_text};

/// Writes a stream. One block is open at a time: what comes while a call has not all of its arguments waits for them.
#[derive(Debug)]
pub(in crate::dialect::anthropic) struct Writer {
    context: Context,
    has_begun: bool,
    is_over: bool,
    /// The number of the next block.
    next: u64,
    open: Open,
    held: Vec<Held>,
    usage: Option<Usage>,
    finish: Option<(Finish, Option<String>)>,
    said: Said,
}

/// The open block.
#[derive(Debug)]
enum Open {
    Nothing,
    Text,
    Thinking,
    Tool { index: u32, arguments: Arguments },
}

/// How far the arguments of the open call are.
#[derive(Debug)]
enum Arguments {
    /// Nothing but white space has come.
    Nothing,
    /// They begin as an object does: each piece is written at once.
    Object(Scan),
    /// They are something else, which becomes an object when all of it is there.
    Other(String),
    /// They are free text, which stands in an object when all of it is there.
    Free(String),
}

impl WriteStream for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        match event {
            Event::Start { id, model } => self.begin(id, model, out),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::KeepAlive if self.has_begun => frames::ping(out),
            // A message has to begin before anything else; a comment is nothing.
            Event::KeepAlive => out.extend_from_slice(b": ping\n\n"),
            Event::Error { message, code, status } => {
                self.is_over = true;
                frames::frame(out, "error", &errors::value(message, code.as_deref(), *status));
            }
            Event::End => self.end(out),
            // There is one answer.
            _ if event.choice() == Some(0) => {
                self.begin("", "", out);
                self.take(event, out);
            }
            _ => {}
        }
    }
}

impl Writer {
    /// Returns a writer of one answer.
    pub(in crate::dialect::anthropic) const fn new(context: Context) -> Self {
        Self {
            context,
            has_begun: false,
            is_over: false,
            next: 0,
            open: Open::Nothing,
            held: Vec::new(),
            usage: None,
            finish: None,
            said: Said {
                calls: false,
                refusal: false,
            },
        }
    }

    fn begin(&mut self, id: &str, model: &str, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_begun, true) {
            return;
        }
        let mut message = message(&self.context, id, model);
        message.set("usage", tokens::written(self.usage));
        frames::frame(
            out,
            "message_start",
            &json!({"type": "message_start", "message": message}),
        );
        frames::ping(out);
    }

    /// Takes an event of the answer: writes it, or lets it wait.
    fn take(&mut self, event: &Event, out: &mut Vec<u8>) {
        if let Event::Finish { reason, stop, .. } = event {
            self.close_all(out);
            self.finish.get_or_insert_with(|| (*reason, stop.clone()));
            return;
        }
        let Open::Tool { index: open, .. } = self.open else {
            return self.say(event, out);
        };
        match event {
            Event::ToolArguments { index, text, .. } if *index == open => {
                if self.add_arguments(text, out) {
                    self.close(out);
                    self.release(out);
                }
            }
            Event::ToolEnd { index, .. } if *index == open => {
                self.close(out);
                self.release(out);
            }
            _ => hold(&mut self.held, event),
        }
    }

    /// Writes an event of the answer. No call is open.
    fn say(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Text { text, .. } => self.add_text(text, out),
            Event::Refusal { text, .. } => {
                self.said.refusal = true;
                self.add_text(text, out);
            }
            Event::Reasoning { text, .. } => {
                if !matches!(self.open, Open::Thinking) {
                    self.open_thinking(out);
                }
                self.delta(Delta::Thinking, text, out);
            }
            Event::Signature { signature, .. } => {
                if !matches!(self.open, Open::Thinking) {
                    self.open_thinking(out);
                }
                self.sign(signature, out);
            }
            Event::Encrypted { data, .. } => {
                if matches!(self.open, Open::Thinking) {
                    self.sign(&signature::for_client(None, Some(data)), out);
                } else {
                    self.open(Open::Text, &json!({"type": "redacted_thinking", "data": data}), out);
                    self.close(out);
                }
            }
            Event::ToolStart { index, call, .. } => {
                self.open_tool(*index, call, out);
            }
            Event::Citation { url, title, text, .. } => {
                if let (Open::Text, Some(citation)) =
                    (&self.open, citation(url.as_deref(), title.as_deref(), text.as_deref()))
                {
                    frames::citation(out, self.next - 1, &citation);
                }
            }
            // Those of a call whose arguments were complete before.
            _ => {}
        }
    }

    fn add_text(&mut self, text: &str, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::Text) {
            self.open(Open::Text, &json!({"type": "text", "text": ""}), out);
        }
        self.delta(Delta::Text, text, out);
    }

    fn open_thinking(&mut self, out: &mut Vec<u8>) {
        let block = json!({"type": "thinking", "thinking": "", "signature": ""});
        self.open(Open::Thinking, &block, out);
    }

    /// Signs the open reasoning, which ends it.
    fn sign(&mut self, signature: &str, out: &mut Vec<u8>) {
        self.delta(Delta::Signature, signature, out);
        self.open = Open::Nothing;
        frames::stop(out, self.next - 1);
    }

    /// Opens the block of a call. Returns whether its arguments are complete.
    fn open_tool(&mut self, index: u32, call: &ToolCall, out: &mut Vec<u8>) -> bool {
        self.said.calls = true;
        let arguments = if call.is_custom {
            Arguments::Free(String::new())
        } else {
            Arguments::Nothing
        };
        let block = block_of_call(&self.context, self.next, call, json!({}));
        self.open(Open::Tool { index, arguments }, &block, out);
        self.add_arguments(&call.arguments, out)
    }

    /// Adds arguments to the open call. Returns whether they are complete: what comes behind an object is left out.
    fn add_arguments(&mut self, text: &str, out: &mut Vec<u8>) -> bool {
        let Open::Tool { arguments, .. } = &mut self.open else {
            return false;
        };
        let mut text = text;
        if matches!(arguments, Arguments::Nothing) {
            text = text.trim_start();
            *arguments = match text.chars().next() {
                None => Arguments::Nothing,
                Some('{') => Arguments::Object(Scan::default()),
                Some(_) => Arguments::Other(String::new()),
            };
        }
        match arguments {
            Arguments::Nothing => false,
            Arguments::Other(before) | Arguments::Free(before) => {
                before.push_str(text);
                false
            }
            Arguments::Object(scan) => {
                let end = scan.end(text);
                self.delta(Delta::Arguments, &text[..end.unwrap_or(text.len())], out);
                end.is_some()
            }
        }
    }

    fn delta(&self, delta: Delta, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() {
            frames::delta(out, self.next - 1, delta, text);
        }
    }

    /// Closes the open block and opens another one.
    fn open(&mut self, open: Open, block: &Value, out: &mut Vec<u8>) {
        self.close(out);
        frames::start(out, self.next, block);
        self.next += 1;
        self.open = open;
    }

    /// Closes the open block. Reasoning that nobody has signed is marked: clients keep none without a signature.
    fn close(&mut self, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => return,
            Open::Thinking => self.delta(Delta::Signature, &signature::for_client(None, None), out),
            Open::Tool {
                arguments: Arguments::Other(text),
                ..
            } => self.delta(Delta::Arguments, &json_text(&object(&text)), out),
            Open::Tool {
                arguments: Arguments::Free(text),
                ..
            } => self.delta(Delta::Arguments, &free_text::wrapped(&text), out),
            Open::Text | Open::Tool { .. } => {}
        }
        frames::stop(out, self.next - 1);
    }

    /// Writes what waits, up to a call whose arguments are not complete.
    fn release(&mut self, out: &mut Vec<u8>) {
        for held in std::mem::take(&mut self.held) {
            if matches!(self.open, Open::Tool { .. }) {
                self.held.push(held);
                continue;
            }
            match held {
                Held::Other(event) => self.say(&event, out),
                Held::Tool {
                    index,
                    call,
                    arguments,
                    has_ended,
                } => {
                    let is_complete = self.open_tool(index, &call, out) || self.add_arguments(&arguments, out);
                    if is_complete || has_ended {
                        self.close(out);
                    }
                }
            }
        }
    }

    /// Closes the open block and writes all that waits.
    fn close_all(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        while !self.held.is_empty() {
            self.release(out);
            self.close(out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.begin("", "", out);
        self.close_all(out);
        self.is_over = true;
        let (finish, stop) = match self.finish.take() {
            Some((finish, stop)) => (Some(finish), stop),
            None => (None, None),
        };
        let stop = stop.as_deref();
        let delta = stop::members(stop::write(finish, stop, self.said), stop);
        let usage = tokens::written(self.usage);
        frames::frame(
            out,
            "message_delta",
            &json!({"type": "message_delta", "delta": delta, "usage": usage}),
        );
        frames::frame(out, "message_stop", &json!({"type": "message_stop"}));
    }
}
