//! The item of an answer that is being written.

use serde_json::Value;

use super::frames::{Frames, Said};
use super::items::{self, Stage};
use crate::dialect::neutral::event::Event;
use crate::dialect::neutral::free_text::FreeText;
use crate::dialect::neutral::request::ToolCall;

/// Where the events of an item go.
pub(super) struct Sink<'a> {
    /// Writes them.
    pub(super) frames: &'a mut Frames,
    /// The bytes.
    pub(super) out: &'a mut Vec<u8>,
    /// The item's place in the output.
    pub(super) place: usize,
}

impl Sink<'_> {
    fn write(&mut self, kind: &str, said: Said<'_>) {
        let said = Said {
            output_index: Some(self.place),
            ..said
        };
        self.frames.write(kind, &said, self.out);
    }

    fn added(&mut self, item: &Value) {
        let said = Said {
            item: Some(item),
            ..Said::default()
        };
        self.write("response.output_item.added", said);
    }

    fn done(&mut self, item: &Value) {
        let said = Said {
            item: Some(item),
            ..Said::default()
        };
        self.write("response.output_item.done", said);
    }
}

/// Reasoning. Its text is a summary, which clients show.
pub(super) struct Reasoning {
    id: String,
    text: String,
}

impl Reasoning {
    /// Begins the item.
    pub(super) fn open(id: String, sink: &mut Sink<'_>) -> Self {
        sink.added(&items::reasoning(&id, "", None));
        Self {
            id,
            text: String::new(),
        }
    }

    /// Returns what an event about the summary says besides its text.
    fn said(&self) -> Said<'_> {
        Said {
            item_id: Some(&self.id),
            summary_index: Some(0),
            ..Said::default()
        }
    }

    /// Writes more of it.
    pub(super) fn say(&mut self, text: &str, sink: &mut Sink<'_>) {
        if self.text.is_empty() {
            let part = items::summary_part("");
            let said = Said {
                part: Some(&part),
                ..self.said()
            };
            sink.write("response.reasoning_summary_part.added", said);
        }
        self.text.push_str(text);
        let said = Said {
            delta: Some(text),
            ..self.said()
        };
        sink.write("response.reasoning_summary_text.delta", said);
    }

    /// Ends the item, and returns it.
    pub(super) fn close(self, encrypted: Option<&str>, sink: &mut Sink<'_>) -> Value {
        if !self.text.is_empty() {
            let said = Said {
                text: Some(&self.text),
                ..self.said()
            };
            sink.write("response.reasoning_summary_text.done", said);
            let part = items::summary_part(&self.text);
            let said = Said {
                part: Some(&part),
                ..self.said()
            };
            sink.write("response.reasoning_summary_part.done", said);
        }
        let item = items::reasoning(&self.id, &self.text, encrypted);
        sink.done(&item);
        item
    }
}

/// A message.
pub(super) struct Message {
    id: String,
    /// The parts that are complete.
    content: Vec<Value>,
    part: Option<Part>,
}

/// A part of a message.
struct Part {
    is_refusal: bool,
    text: String,
    annotations: Vec<Value>,
    logprobs: Vec<Value>,
    /// So many characters have sources.
    cited: usize,
}

impl Part {
    fn written(&self) -> Value {
        if self.is_refusal {
            items::refusal_part(&self.text)
        } else {
            items::text_part(&self.text, &self.annotations, &self.logprobs)
        }
    }
}

impl Message {
    /// Begins the item.
    pub(super) fn open(id: String, sink: &mut Sink<'_>) -> Self {
        sink.added(&items::message(&id, &[], "in_progress"));
        Self {
            id,
            content: Vec::new(),
            part: None,
        }
    }

    /// Returns what an event about the open part says besides its text.
    fn said(&self) -> Said<'_> {
        Said {
            item_id: Some(&self.id),
            content_index: Some(self.content.len()),
            ..Said::default()
        }
    }

    /// Writes more text, or more of a refusal.
    pub(super) fn say(&mut self, is_refusal: bool, text: &str, sink: &mut Sink<'_>) {
        if self.part.as_ref().is_some_and(|part| part.is_refusal != is_refusal) {
            self.end_part(sink);
        }
        if self.part.is_none() {
            let part = Part {
                is_refusal,
                text: String::new(),
                annotations: Vec::new(),
                logprobs: Vec::new(),
                cited: 0,
            };
            let written = part.written();
            let said = Said {
                part: Some(&written),
                ..self.said()
            };
            sink.write("response.content_part.added", said);
            self.part = Some(part);
        }
        if let Some(part) = &mut self.part {
            part.text.push_str(text);
        }
        let said = Said {
            delta: Some(text),
            logprobs: (!is_refusal).then_some(&[][..]),
            ..self.said()
        };
        let kind = if is_refusal {
            "response.refusal.delta"
        } else {
            "response.output_text.delta"
        };
        sink.write(kind, said);
    }

    /// Writes a source of the text so far.
    pub(super) fn cite(&mut self, citation: &Event, sink: &mut Sink<'_>) {
        let Some(part) = self.part.as_mut().filter(|part| !part.is_refusal) else {
            return;
        };
        let end = part.text.chars().count();
        let Some(annotation) = items::annotation(citation, part.cited, end) else {
            return;
        };
        part.cited = end;
        part.annotations.push(annotation.clone());
        let place = part.annotations.len() - 1;
        let said = Said {
            annotation_index: Some(place),
            annotation: Some(&annotation),
            ..self.said()
        };
        sink.write("response.output_text.annotation.added", said);
    }

    /// Writes the probabilities of the text before: with an empty delta, since its own has gone out.
    pub(super) fn weigh(&mut self, logprobs: &[Value], sink: &mut Sink<'_>) {
        let Some(part) = self.part.as_mut().filter(|part| !part.is_refusal) else {
            return;
        };
        part.logprobs.extend_from_slice(logprobs);
        let said = Said {
            delta: Some(""),
            logprobs: Some(logprobs),
            ..self.said()
        };
        sink.write("response.output_text.delta", said);
    }

    fn end_part(&mut self, sink: &mut Sink<'_>) {
        let Some(part) = self.part.take() else {
            return;
        };
        if part.is_refusal {
            let said = Said {
                refusal: Some(&part.text),
                ..self.said()
            };
            sink.write("response.refusal.done", said);
        } else {
            let said = Said {
                text: Some(&part.text),
                logprobs: Some(&part.logprobs),
                ..self.said()
            };
            sink.write("response.output_text.done", said);
        }
        let written = part.written();
        let said = Said {
            part: Some(&written),
            ..self.said()
        };
        sink.write("response.content_part.done", said);
        self.content.push(written);
    }

    /// Ends the item, and returns it.
    pub(super) fn close(mut self, status: Stage, sink: &mut Sink<'_>) -> Value {
        self.end_part(sink);
        let item = items::message(&self.id, &self.content, status);
        sink.done(&item);
        item
    }
}

/// A call of a tool.
pub(super) struct CallItem {
    id: String,
    /// Its number among the calls.
    pub(super) index: u32,
    /// The call, as the client knows it, with the arguments so far.
    call: ToolCall,
    /// Takes the free text out of the arguments of a function.
    free: Option<FreeText>,
}

impl CallItem {
    /// Begins the item. `is_wrapped`: the call takes free text, and its arguments come as those of a function.
    pub(super) fn open(id: String, index: u32, call: ToolCall, is_wrapped: bool, sink: &mut Sink<'_>) -> Self {
        sink.added(&items::call(&id, call.clone(), "in_progress"));
        Self {
            id,
            index,
            call,
            free: is_wrapped.then(FreeText::default),
        }
    }

    /// Writes more of its arguments.
    pub(super) fn say(&mut self, text: &str, sink: &mut Sink<'_>) {
        match &mut self.free {
            None => self.delta(text, sink),
            Some(free) => {
                let mut found = String::new();
                free.read(text, &mut found);
                self.delta(&found, sink);
            }
        }
    }

    fn delta(&mut self, text: &str, sink: &mut Sink<'_>) {
        if text.is_empty() {
            return;
        }
        self.call.arguments.push_str(text);
        let said = Said {
            item_id: Some(&self.id),
            delta: Some(text),
            ..Said::default()
        };
        let kind = if self.call.is_custom {
            "response.custom_tool_call_input.delta"
        } else {
            "response.function_call_arguments.delta"
        };
        sink.write(kind, said);
    }

    /// Ends the item, and returns it.
    pub(super) fn close(mut self, status: Stage, sink: &mut Sink<'_>) -> Value {
        if let Some(mut free) = self.free.take() {
            let mut found = String::new();
            free.end(&mut found);
            self.delta(&found, sink);
        }
        if self.call.arguments.is_empty() && !self.call.is_custom {
            self.delta("{}", sink);
        }
        // Arguments can be long: they are moved, not copied.
        let is_custom = self.call.is_custom;
        let item = items::call(&self.id, self.call, status);
        let said = Said {
            item_id: Some(&self.id),
            ..Said::default()
        };
        if is_custom {
            let input = item["input"].as_str();
            sink.write("response.custom_tool_call_input.done", Said { input, ..said });
        } else {
            let arguments = item["arguments"].as_str();
            sink.write("response.function_call_arguments.done", Said { arguments, ..said });
        }
        sink.done(&item);
        item
    }
}
