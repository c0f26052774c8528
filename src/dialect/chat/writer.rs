//! Writes streams for clients.

mod chunk;

use self::chunk::{Chunks, quoted};
use super::{error, finish, usage};
use crate::dialect::neutral::event::{Context, Event, Finish, MOST_CHOICES, Usage, WriteStream};
use crate::dialect::neutral::flat;
use crate::dialect::neutral::free_text::FreeText;
use crate::dialect::neutral::request::ToolCall;

/// Writes a stream.
///
/// Each choice begins with a chunk that has its role, in the order of their numbers, and ends with one that has its reason. Usage is
/// kept for the last chunk, since libraries take that of each chunk for all of it.
pub(super) struct Writer {
    context: Context,
    chunks: Chunks,
    /// By their numbers.
    choices: Vec<Begun>,
    usage: Option<Usage>,
    is_over: bool,
}

/// What was written of a choice.
#[derive(Debug, Default)]
struct Begun {
    is_finished: bool,
    calls: Vec<Written>,
    /// Pieces of reasoning that are complete, and whether one is open.
    reasoned: usize,
    is_reasoning: bool,
    annotations: usize,
    /// Characters of text, and how many of them stood before what the last annotation is of.
    said: usize,
    annotated: usize,
}

/// What was written of a tool call.
#[derive(Debug)]
struct Written {
    has_arguments: bool,
    is_custom: bool,
    /// Takes the text out of the arguments of a function that stands for a tool with free text.
    free_text: Option<FreeText>,
}

impl WriteStream for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        match event {
            Event::Start { .. } => self.begin(0, "\"\"", out),
            Event::KeepAlive => out.extend_from_slice(b": ping\n\n"),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::End => self.end(out),
            Event::Error { message, code, status } => {
                self.is_over = true;
                out.extend_from_slice(b"data: ");
                out.extend(error::upstream_error(message, code.as_deref(), status.unwrap_or(500)));
                out.extend_from_slice(b"\n\n");
            }
            _ => {
                if let Some(choice) = event.choice().filter(|choice| *choice < MOST_CHOICES) {
                    let is_call = matches!(event, Event::ToolStart { .. });
                    self.begin(choice, if is_call { "null" } else { "\"\"" }, out);
                    self.say(choice as usize, event, out);
                }
            }
        }
    }
}

impl Writer {
    /// Returns a writer at the beginning of a stream.
    pub(super) fn new(context: Context) -> Self {
        Self {
            chunks: Chunks::new(&context),
            context,
            choices: Vec::new(),
            usage: None,
            is_over: false,
        }
    }

    /// Writes the role of a choice, and of those before it, where that has not been written.
    fn begin(&mut self, choice: u32, content: &str, out: &mut Vec<u8>) {
        while self.choices.len() <= choice as usize {
            let number = self.choices.len();
            self.choices.push(Begun::default());
            let content = if number == choice as usize { content } else { "\"\"" };
            self.chunks.delta(number, out, |out| {
                out.extend_from_slice(b"\"role\":\"assistant\",\"content\":");
                out.extend_from_slice(content.as_bytes());
            });
        }
    }

    fn say(&mut self, number: usize, event: &Event, out: &mut Vec<u8>) {
        let choice = &mut self.choices[number];
        if choice.is_finished {
            return;
        }
        match event {
            Event::Text { text, .. } => {
                choice.said += text.chars().count();
                self.chunks.text(number, "content", text, out);
            }
            Event::Refusal { text, .. } => self.chunks.text(number, "refusal", text, out),
            Event::Reasoning { text, .. } => {
                choice.is_reasoning = true;
                self.chunks.reasoning(number, choice.reasoned, text, out);
            }
            Event::Signature { signature, .. } => {
                self.chunks.signature(number, choice.reasoned, signature, out);
                choice.end_reasoning();
            }
            Event::Encrypted { data, .. } => {
                if choice.is_reasoning {
                    choice.end_reasoning();
                }
                self.chunks.encrypted(number, choice.reasoned, data, out);
                choice.end_reasoning();
            }
            Event::ToolStart { index, call, .. } => self.begin_call(number, *index as usize, call, out),
            Event::ToolArguments { index, text, .. } => self.arguments(number, *index as usize, text, out),
            Event::ToolEnd { index, .. } => self.end_call(number, *index as usize, out),
            Event::Citation {
                url: Some(url), title, ..
            } => {
                let span = (choice.annotated, choice.said);
                let title = title.as_deref().unwrap_or(url);
                self.chunks
                    .annotation(number, choice.annotations, (url, title), span, out);
                choice.annotations += 1;
                choice.annotated = choice.said;
            }
            Event::Logprobs { content, .. } => self.chunks.logprobs(number, content, out),
            Event::Finish { reason, stop, .. } => self.finish(number, *reason, stop.as_deref(), out),
            _ => {}
        }
    }

    fn begin_call(&mut self, number: usize, index: usize, call: &ToolCall, out: &mut Vec<u8>) {
        let calls = &mut self.choices[number].calls;
        if index != calls.len() {
            return;
        }
        let tool = flat::tool_of(&self.context.tools, &call.name);
        let is_wrapped = !call.is_custom && tool.is_some_and(|tool| tool.custom.is_some());
        let is_custom = call.is_custom || is_wrapped;
        calls.push(Written {
            has_arguments: false,
            is_custom,
            free_text: is_wrapped.then(FreeText::default),
        });
        let made = format!("call_{}_{number}_{index}", self.context.id);
        let id = if call.id.is_empty() { &made } else { &call.id };
        let name = tool.map_or(&call.name, |tool| &tool.name);
        let signature = call.signature.as_deref();
        self.chunks.call(number, index, out, |out| {
            out.extend_from_slice(b",\"id\":");
            quoted(id, out);
            out.extend_from_slice(if is_custom {
                b",\"type\":\"custom\",\"custom\":{\"name\":"
            } else {
                b",\"type\":\"function\",\"function\":{\"name\":"
            });
            quoted(name, out);
            out.extend_from_slice(if is_custom {
                b",\"input\":\"\"}"
            } else {
                b",\"arguments\":\"\"}"
            });
            if let Some(signature) = signature {
                out.extend_from_slice(b",\"extra_content\":{\"google\":{\"thought_signature\":");
                quoted(signature, out);
                out.extend_from_slice(b"}}");
            }
        });
    }

    fn arguments(&mut self, number: usize, index: usize, text: &str, out: &mut Vec<u8>) {
        let Some(call) = self.choices[number].calls.get_mut(index).filter(|_| !text.is_empty()) else {
            return;
        };
        call.has_arguments = true;
        match &mut call.free_text {
            Some(free_text) => {
                let mut input = String::new();
                free_text.read(text, &mut input);
                self.chunks.input(number, index, &input, out);
            }
            None if call.is_custom => self.chunks.input(number, index, text, out),
            None => self.chunks.arguments(number, index, text, out),
        }
    }

    fn end_call(&mut self, number: usize, index: usize, out: &mut Vec<u8>) {
        let Some(call) = self.choices[number].calls.get_mut(index) else {
            return;
        };
        if let Some(mut free_text) = call.free_text.take() {
            let mut input = String::new();
            free_text.end(&mut input);
            self.chunks.input(number, index, &input, out);
        } else if !call.has_arguments && !call.is_custom {
            // Libraries parse what they have put together: nothing is not JSON.
            self.chunks.arguments(number, index, "{}", out);
        }
    }

    fn finish(&mut self, number: usize, reason: Finish, stop: Option<&str>, out: &mut Vec<u8>) {
        let choice = &mut self.choices[number];
        choice.is_finished = true;
        let reason = finish::with_calls(reason, !choice.calls.is_empty());
        self.chunks.finish(number, finish::write(reason), stop, out);
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.begin(0, "\"\"", out);
        for number in 0..self.choices.len() {
            if !self.choices[number].is_finished {
                self.finish(number, Finish::Stop, None, out);
            }
        }
        if let Some(usage) = self.usage.filter(|_| self.context.include_usage) {
            self.chunks.usage(&usage::write(&usage), out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.is_over = true;
    }
}

impl Begun {
    const fn end_reasoning(&mut self) {
        self.reasoned += 1;
        self.is_reasoning = false;
    }
}
