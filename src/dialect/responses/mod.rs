//! OpenAI's Responses (`POST /v1/responses`).
//!
//! The answer to a request is a list of items, and so is the conversation in a request. Nothing is stored: members of a request that need a
//! memory are refused, with what to do instead.
//!
//! | read | written |
//! |---|---|
//! | `read_request`, `read_items`, `read_parts`, `read_tools` | `write_request`, `write_items`, `write_tools` |
//! | `websocket`, which reads messages and makes them of events | |
//! | `read_stream`, which reads whole answers too, with `pieces` | `write_stream` with `open` and `frames`; `write_answer` |

pub mod compaction;
mod counting;
mod echo;
mod errors;
mod forget;
mod frames;
mod items;
mod opaque;
mod open;
mod pieces;
mod read_items;
mod read_parts;
mod read_request;
mod read_stream;
mod read_tools;
mod response;
mod short;
#[cfg(test)]
mod tests;
pub(crate) mod websocket;
mod write_answer;
mod write_items;
mod write_request;
mod write_stream;
mod write_tools;

use super::ending::Ending;
use super::key_header::KeyHeader;
use super::neutral::{Format, Paths, overflow};

/// Its readers and writers.
pub static FORMAT: Format = Format {
    name: "responses",
    paths: Paths {
        whole: "responses",
        stream: "responses",
    },
    key_header: KeyHeader::Bearer,
    headers: &[],
    ending: Ending::Response,
    counting: Some(counting::COUNTING),
    has_tool_kinds: true,
    state: &["encrypted_content", "reasoning.encrypted_content"],
    // They are read where more is known: see `dialect::api::stored`.
    references: &[],
    clean: |_| None,
    forget: forget::without_state,
    echo: echo::echo,
    read_request: read_request::read_request,
    write_request: write_request::write_request,
    read_answer: read_stream::read_answer,
    write_answer: write_answer::write_answer,
    reader: || Box::new(read_stream::Reader::default()),
    writer: |context| Box::new(write_stream::Writer::of(context)),
    error_body: errors::error_body,
    // Clients read what upstreams of many kinds write.
    is_error: |_| true,
    says_overflow: overflow::has_code,
    upstream_error: errors::upstream_error,
};
