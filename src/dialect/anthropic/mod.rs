//! Anthropic's Messages, `POST /v1/messages`, in the versions 2023-06-01 and 2026-10-21. Their bodies differ only in what they refuse.
//!
//! `request` reads a client's request, `prompt` writes one for an upstream. `events` reads an upstream's answer, `blocks` writes one
//! for a client. The other files are facts that two of these need.

mod arguments;
mod blocks;
mod counting;
mod errors;
mod events;
mod forget;
mod ids;
mod marked;
mod prompt;
mod reasoning;
mod request;
mod signature;
mod stop;
mod tokens;

#[cfg(test)]
mod tests;

use serde_json::Map;

use super::ending::Ending;
use super::key_header::KeyHeader;
use super::neutral::{Format, Paths};

/// Its readers and writers.
pub static FORMAT: Format = Format {
    name: "anthropic",
    paths: Paths {
        whole: "messages",
        stream: "messages",
    },
    key_header: KeyHeader::XApiKey,
    headers: &[("anthropic-version", "2023-06-01")],
    ending: Ending::Message,
    counting: Some(counting::COUNTING),
    has_tool_kinds: false,
    state: &["thinking", "redacted_thinking"],
    references: &["file_id", "container"],
    clean: marked::without_marked,
    forget: forget::without_state,
    echo: |_| Map::new(),
    read_request: request::read,
    write_request: prompt::write,
    read_answer: events::read_answer,
    write_answer: blocks::write_answer,
    reader: || Box::new(events::Reader::default()),
    writer: |context| Box::new(blocks::Writer::new(context)),
    error_body: errors::error_body,
    is_error: errors::is_error,
    says_overflow: errors::says_overflow,
    upstream_error: errors::upstream_error,
};
