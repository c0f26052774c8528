//! Writes a client's stream: server-sent events, or the elements of a JSON array where the client did not ask for those.
//!
//! Reasons and usage stand in the last chunk. A call of a tool is held until it is complete, and until those before it are: here it
//! is one part.

use serde_json::Value;

use super::answer::write_usage;
use super::arguments::object_of;
use super::{error, finish, grounding, signature};
use crate::dialect::neutral::event::{Context, Event, Finish, Usage, WriteStream};
use crate::dialect::neutral::request::ToolCall;

/// Writes one answer.
pub(super) struct Writer {
    is_array: bool,
    /// What every chunk ends with, behind its candidates.
    tail: Vec<u8>,
    choices: Vec<Choice>,
    usage: Option<Usage>,
    has_begun: bool,
    is_over: bool,
}

/// What is held of one choice.
#[derive(Default)]
struct Choice {
    number: u32,
    calls: Vec<OpenCall>,
    citations: Vec<Event>,
    finish: Option<Finish>,
    refused: bool,
}

struct OpenCall {
    index: u32,
    call: ToolCall,
    is_complete: bool,
}

impl Writer {
    pub(super) fn new(context: &Context) -> Self {
        let mut tail = b",\"modelVersion\":".to_vec();
        write_json(&mut tail, &context.model);
        tail.extend_from_slice(b",\"responseId\":");
        write_json(&mut tail, &context.id);
        tail.push(b'}');
        Self {
            is_array: context.is_array,
            tail,
            choices: Vec::new(),
            usage: None,
            has_begun: false,
            is_over: false,
        }
    }

    fn choice(&mut self, number: u32) -> &mut Choice {
        // They are written in the order of their numbers.
        let place = self.choices.partition_point(|choice| choice.number < number);
        if self.choices.get(place).is_none_or(|choice| choice.number != number) {
            let choice = Choice {
                number,
                ..Choice::default()
            };
            self.choices.insert(place, choice);
        }
        &mut self.choices[place]
    }

    /// Begins an event, or an element.
    fn begin(&mut self, out: &mut Vec<u8>) {
        let has_begun = std::mem::replace(&mut self.has_begun, true);
        out.extend_from_slice(match (self.is_array, has_begun) {
            (false, _) => b"data: ",
            (true, false) => b"[",
            (true, true) => b",\r\n",
        });
    }

    fn end(&self, out: &mut Vec<u8>) {
        if !self.is_array {
            out.extend_from_slice(b"\r\n\r\n");
        }
    }

    /// Ends the stream.
    fn close(&mut self, out: &mut Vec<u8>) {
        self.is_over = true;
        if self.is_array {
            out.push(b']');
        }
    }

    /// Writes a chunk of one part.
    fn part(&mut self, choice: u32, out: &mut Vec<u8>, part: impl FnOnce(&mut Vec<u8>)) {
        self.choice(choice);
        self.begin(out);
        out.extend_from_slice(b"{\"candidates\":[{\"content\":{\"parts\":[");
        part(out);
        out.extend_from_slice(b"],\"role\":\"model\"},\"index\":");
        write_json(out, &choice);
        out.extend_from_slice(b"}]");
        out.extend_from_slice(&self.tail);
        self.end(out);
    }

    fn text(&mut self, choice: u32, text: &str, is_thought: bool, out: &mut Vec<u8>) {
        self.part(choice, out, |out| {
            out.extend_from_slice(b"{\"text\":");
            write_json(out, text);
            out.extend_from_slice(if is_thought { b",\"thought\":true}" } else { b"}" });
        });
    }

    /// Writes a signature: it stands on a text that is empty.
    fn signature(&mut self, choice: u32, signature: &str, out: &mut Vec<u8>) {
        self.part(choice, out, |out| {
            out.extend_from_slice(b"{\"text\":\"\",\"thoughtSignature\":");
            write_json(out, signature);
            out.push(b'}');
        });
    }

    /// Writes the calls that are complete, up to the first that is not. `all`: nothing more will come.
    fn calls(&mut self, number: u32, all: bool, out: &mut Vec<u8>) {
        let calls = &mut self.choice(number).calls;
        let complete = calls.iter().take_while(|call| all || call.is_complete).count();
        let complete: Vec<OpenCall> = calls.drain(..complete).collect();
        for OpenCall { call, .. } in complete {
            self.part(number, out, |out| write_call(&call, out));
        }
    }

    /// Writes the last chunk: why each choice ended, and what was used.
    fn finish(&mut self, out: &mut Vec<u8>) {
        self.choice(0);
        let numbers: Vec<u32> = self.choices.iter().map(|choice| choice.number).collect();
        for number in numbers {
            self.calls(number, true, out);
        }
        self.begin(out);
        out.extend_from_slice(b"{\"candidates\":[");
        for (place, choice) in self.choices.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"finishReason\":");
            write_json(out, finish::write(choice.finish, choice.refused));
            if !choice.citations.is_empty() {
                out.extend_from_slice(b",\"groundingMetadata\":");
                write_json(out, &grounding::write_citations(&choice.citations));
            }
            out.extend_from_slice(b",\"index\":");
            write_json(out, &choice.number);
            out.push(b'}');
        }
        out.push(b']');
        if let Some(usage) = &self.usage {
            out.extend_from_slice(b",\"usageMetadata\":");
            write_json(out, &write_usage(usage));
        }
        out.extend_from_slice(&self.tail);
        self.end(out);
    }
}

impl WriteStream for Writer {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        match event {
            Event::Start { .. } => {}
            // Both kinds of readers pass over a blank line; one of the vendor's libraries fails on a comment.
            Event::KeepAlive => out.extend_from_slice(b"\r\n\r\n"),
            Event::Text { choice, text } => self.text(*choice, text, false, out),
            Event::Reasoning { choice, text } => self.text(*choice, text, true, out),
            Event::Refusal { choice, text } => {
                self.choice(*choice).refused = true;
                self.text(*choice, text, false, out);
            }
            Event::Signature { choice, signature } => self.signature(*choice, &signature::for_client(signature), out),
            Event::Encrypted { choice, data } => {
                self.signature(*choice, &signature::encrypted_for_client(data), out);
            }
            Event::ToolStart { choice, index, call } => self.choice(*choice).calls.push(OpenCall {
                index: *index,
                call: call.clone(),
                is_complete: false,
            }),
            Event::ToolArguments { choice, index, text } => {
                if let Some(open) = self.choice(*choice).open(*index) {
                    open.call.arguments.push_str(text);
                }
            }
            Event::ToolEnd { choice, index } => {
                if let Some(open) = self.choice(*choice).open(*index) {
                    open.is_complete = true;
                }
                self.calls(*choice, false, out);
            }
            Event::Citation { choice, .. } => self.choice(*choice).citations.push(event.clone()),
            Event::Logprobs { choice, content } => self.logprobs(*choice, content, out),
            Event::Finish { choice, reason, .. } => self.choice(*choice).finish = Some(*reason),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Error { message, code, status } => {
                self.begin(out);
                write_json(out, &error::event(message, code.as_deref(), *status));
                self.end(out);
                self.close(out);
            }
            Event::End => {
                self.finish(out);
                self.close(out);
            }
        }
    }
}

impl Writer {
    /// Writes probabilities of the text before: a chunk without any text.
    fn logprobs(&mut self, choice: u32, content: &[Value], out: &mut Vec<u8>) {
        self.choice(choice);
        self.begin(out);
        out.extend_from_slice(
            b"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"index\":",
        );
        write_json(out, &choice);
        out.extend_from_slice(b",\"logprobsResult\":");
        write_json(out, &grounding::write_logprobs(content));
        out.extend_from_slice(b"}]");
        out.extend_from_slice(&self.tail);
        self.end(out);
    }
}

impl Choice {
    fn open(&mut self, index: u32) -> Option<&mut OpenCall> {
        self.calls.iter_mut().find(|call| call.index == index)
    }
}

/// Writes a call as a part. Its arguments keep their spelling.
fn write_call(call: &ToolCall, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"functionCall\":{");
    if !call.id.is_empty() {
        out.extend_from_slice(b"\"id\":");
        write_json(out, &call.id);
        out.push(b',');
    }
    out.extend_from_slice(b"\"name\":");
    write_json(out, &call.name);
    out.extend_from_slice(b",\"args\":");
    match object_of(call) {
        // No string has a line's end in it, so between the strings a space is as good.
        Ok(text) => out.extend(
            text.bytes()
                .map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }),
        ),
        Err(object) => write_json(out, &object),
    }
    out.push(b'}');
    if let Some(signature) = &call.signature {
        out.extend_from_slice(b",\"thoughtSignature\":");
        write_json(out, &signature::of_call_for_client(signature));
    }
    out.push(b'}');
}

fn write_json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    // A text, a number or a JSON value: writing it into memory never fails.
    let _ = serde_json::to_writer(out, value);
}
