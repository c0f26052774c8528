//! The events of a stream as bytes. Each has its name, which clients go by.

use std::io::Write;

use serde_json::Value;

use crate::dialect::wire::build::{json, json_text};

/// Appends an event.
pub(super) fn frame(out: &mut Vec<u8>, name: &str, data: &Value) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    out.extend_from_slice(json_text(data).as_bytes());
    out.extend_from_slice(b"\n\n");
}

/// Appends the beginning of a block.
pub(super) fn start(out: &mut Vec<u8>, index: u64, block: &Value) {
    let data = json!({"type": "content_block_start", "index": index, "content_block": block});
    frame(out, "content_block_start", &data);
}

/// Appends the end of a block.
pub(super) fn stop(out: &mut Vec<u8>, index: u64) {
    out.extend_from_slice(b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
    number(out, index);
    out.extend_from_slice(b"}\n\n");
}

/// What a block gets more of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Delta {
    Text,
    Thinking,
    Signature,
    Arguments,
}

/// Appends more of a block. This is what nearly all of a stream consists of, so it makes no value in between.
pub(super) fn delta(out: &mut Vec<u8>, index: u64, delta: Delta, text: &str) {
    let member = match delta {
        Delta::Text => "\"text_delta\",\"text\":",
        Delta::Thinking => "\"thinking_delta\",\"thinking\":",
        Delta::Signature => "\"signature_delta\",\"signature\":",
        Delta::Arguments => "\"input_json_delta\",\"partial_json\":",
    };
    begin_delta(out, index);
    out.extend_from_slice(member.as_bytes());
    // Neither a text nor memory can fail.
    let _ = serde_json::to_writer(&mut *out, text);
    out.extend_from_slice(b"}}\n\n");
}

/// Appends a source of a block's text.
pub(super) fn citation(out: &mut Vec<u8>, index: u64, citation: &Value) {
    begin_delta(out, index);
    out.extend_from_slice(b"\"citations_delta\",\"citation\":");
    out.extend_from_slice(json_text(citation).as_bytes());
    out.extend_from_slice(b"}}\n\n");
}

fn begin_delta(out: &mut Vec<u8>, index: u64) {
    out.extend_from_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
    number(out, index);
    out.extend_from_slice(b",\"delta\":{\"type\":");
}

fn number(out: &mut Vec<u8>, number: u64) {
    // Nearly all answers have a few blocks, and each of their events such a number.
    if number < 10 {
        out.push(b'0' + number as u8);
    } else {
        // Memory cannot fail.
        let _ = write!(out, "{number}");
    }
}

/// Appends an event that says nothing.
pub(super) fn ping(out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
}
