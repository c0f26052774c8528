//! The chunks of a stream, as bytes. What all of them have in common is written once.
//!
//! Writing into a `Vec` cannot fail, so its results are passed over.

use std::io::Write;

use serde_json::Value;

use crate::dialect::neutral::event::Context;
use crate::dialect::wire::build::json;

/// Writes chunks of one answer.
pub(super) struct Chunks {
    /// From `data: ` to the array of choices.
    head: Vec<u8>,
    /// From the end of the choice to that of the event.
    tail: &'static [u8],
}

impl Chunks {
    pub(super) fn new(context: &Context) -> Self {
        let mut head = b"data: {\"id\":".to_vec();
        quoted(&format!("chatcmpl-{}", context.id), &mut head);
        let _ = write!(
            head,
            ",\"object\":\"chat.completion.chunk\",\"created\":{},\"model\":",
            context.created
        );
        quoted(&context.model, &mut head);
        head.extend_from_slice(b",\"choices\":[");
        Self {
            head,
            // Clients that asked for usage expect the member in every chunk.
            tail: if context.include_usage {
                b"}],\"usage\":null}\n\n"
            } else {
                b"}]}\n\n"
            },
        }
    }

    /// Writes a chunk with one choice: what stands in its `delta`.
    pub(super) fn delta(&self, choice: usize, out: &mut Vec<u8>, delta: impl FnOnce(&mut Vec<u8>)) {
        self.open(choice, out);
        delta(out);
        out.extend_from_slice(b"},\"logprobs\":null,\"finish_reason\":null");
        out.extend_from_slice(self.tail);
    }

    fn open(&self, choice: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        let _ = write!(out, "{{\"index\":{choice},\"delta\":{{");
    }

    /// Writes a chunk with one text.
    pub(super) fn text(&self, choice: usize, name: &str, text: &str, out: &mut Vec<u8>) {
        self.delta(choice, out, |out| {
            let _ = write!(out, "\"{name}\":");
            quoted(text, out);
        });
    }

    /// Writes a piece of reasoning, for clients that know DeepSeek's member and for those that know OpenRouter's.
    pub(super) fn reasoning(&self, choice: usize, index: usize, text: &str, out: &mut Vec<u8>) {
        self.delta(choice, out, |out| {
            out.extend_from_slice(b"\"reasoning_content\":");
            quoted(text, out);
            let _ = write!(
                out,
                ",\"reasoning_details\":[{{\"index\":{index},\"type\":\"reasoning.text\",\"text\":"
            );
            quoted(text, out);
            out.extend_from_slice(b"}]");
        });
    }

    /// Writes the signature of a piece of reasoning.
    pub(super) fn signature(&self, choice: usize, index: usize, signature: &str, out: &mut Vec<u8>) {
        self.detail(choice, index, ("text", "signature"), signature, out);
    }

    /// Writes reasoning that only its upstream can read.
    pub(super) fn encrypted(&self, choice: usize, index: usize, data: &str, out: &mut Vec<u8>) {
        self.detail(choice, index, ("encrypted", "data"), data, out);
    }

    fn detail(&self, choice: usize, index: usize, (kind, member): (&str, &str), value: &str, out: &mut Vec<u8>) {
        self.delta(choice, out, |out| {
            let _ = write!(
                out,
                "\"reasoning_details\":[{{\"index\":{index},\"type\":\"reasoning.{kind}\",\"{member}\":"
            );
            quoted(value, out);
            out.extend_from_slice(b"}]");
        });
    }

    /// Writes a chunk with a tool call: its index, and what `members` writes behind it.
    pub(super) fn call(&self, choice: usize, index: usize, out: &mut Vec<u8>, members: impl FnOnce(&mut Vec<u8>)) {
        self.delta(choice, out, |out| {
            let _ = write!(out, "\"tool_calls\":[{{\"index\":{index}");
            members(out);
            out.extend_from_slice(b"}]");
        });
    }

    /// Writes a piece of the arguments of a function.
    pub(super) fn arguments(&self, choice: usize, index: usize, text: &str, out: &mut Vec<u8>) {
        self.piece(choice, index, ("function", "arguments"), text, out);
    }

    /// Writes a piece of the free text for a tool, if there is any.
    pub(super) fn input(&self, choice: usize, index: usize, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.piece(choice, index, ("custom", "input"), text, out);
        }
    }

    fn piece(&self, choice: usize, index: usize, (kind, member): (&str, &str), text: &str, out: &mut Vec<u8>) {
        self.call(choice, index, out, |out| {
            let _ = write!(out, ",\"{kind}\":{{\"{member}\":");
            quoted(text, out);
            out.push(b'}');
        });
    }

    /// Writes a source of the text between two characters. Libraries want an index in every list of a delta.
    pub(super) fn annotation(
        &self,
        choice: usize,
        index: usize,
        (url, title): (&str, &str),
        (from, to): (usize, usize),
        out: &mut Vec<u8>,
    ) {
        let source = json!({"url": url, "title": title, "start_index": from, "end_index": to});
        let annotation = json!([{"index": index, "type": "url_citation", "url_citation": source}]);
        self.delta(choice, out, |out| {
            let _ = write!(out, "\"annotations\":{annotation}");
        });
    }

    /// Writes probabilities of the text before.
    pub(super) fn logprobs(&self, choice: usize, content: &[Value], out: &mut Vec<u8>) {
        let logprobs = json!({"content": content, "refusal": null});
        self.open(choice, out);
        let _ = write!(out, "}},\"logprobs\":{logprobs},\"finish_reason\":null");
        out.extend_from_slice(self.tail);
    }

    /// Writes why a choice ended.
    pub(super) fn finish(&self, choice: usize, reason: &str, stop: Option<&str>, out: &mut Vec<u8>) {
        self.open(choice, out);
        let _ = write!(out, "}},\"logprobs\":null,\"finish_reason\":\"{reason}\"");
        if let Some(stop) = stop {
            out.extend_from_slice(b",\"stop_reason\":");
            quoted(stop, out);
        }
        out.extend_from_slice(self.tail);
    }

    /// Writes the last chunk, which has no choice.
    pub(super) fn usage(&self, usage: &Value, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        let _ = write!(out, "],\"usage\":{usage}}}\n\n");
    }
}

/// Writes a text as JSON.
pub(super) fn quoted(text: &str, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, text);
}
