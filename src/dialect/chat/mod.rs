//! Chat Completions, the dialect of OpenAI and of most other upstreams (OpenAI API reference, `POST /v1/chat/completions`).
//!
//! Upstreams that call themselves compatible differ: the reader takes what they send, with numbers of tool calls missing or used
//! twice, reasoning under several names, usage in several places and errors in many shapes. The writer keeps to what the official
//! libraries put together without an error, which is less than the reference allows: a name or an id stands once, usage stands last,
//! and every choice says why it ended.
//!
//! Members that OpenAI does not have are written where clients know them: `reasoning_content` and `reasoning_details` (DeepSeek,
//! OpenRouter), `extra_content.google.thought_signature` (Google), `stop_reason` (vLLM). What they hold is read again where a client
//! sends it back.

mod error;
mod finish;
mod forget;
mod json;
mod read_request;
mod reader;
#[cfg(test)]
mod tests;
mod usage;
mod whole;
mod write_request;
mod writer;

use serde_json::Map;

use super::ending::Ending;
use super::key_header::KeyHeader;
use super::neutral::event::{Context, ReadStream, WriteStream};
use super::neutral::{Format, Paths, overflow};

/// The dialect.
pub static FORMAT: Format = Format {
    name: "openai",
    paths: Paths {
        whole: "chat/completions",
        stream: "chat/completions",
    },
    key_header: KeyHeader::Bearer,
    headers: &[],
    ending: Ending::Done,
    counting: None,
    has_tool_kinds: false,
    state: &["reasoning_details", "thought_signature"],
    references: &["file_id"],
    clean: |_| None,
    forget: forget::without_state,
    echo: |_| Map::new(),
    read_request: read_request::read_request,
    write_request: write_request::write_request,
    read_answer: reader::read_answer,
    write_answer: whole::write_answer,
    reader,
    writer,
    error_body: error::error_body,
    // Clients read what upstreams of many kinds write.
    is_error: |_| true,
    says_overflow: overflow::has_code,
    upstream_error: error::upstream_error,
};

fn reader() -> Box<dyn ReadStream> {
    Box::<reader::Reader>::default()
}

fn writer(context: Context) -> Box<dyn WriteStream> {
    Box::new(writer::Writer::new(context))
}
