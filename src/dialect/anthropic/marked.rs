//! Takes reasoning that only the gateway has signed out of a request that is otherwise passed untouched.
//!
//! It comes from a turn that another upstream answered. Anthropic answers 400 to a signature that is not its own.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memmem;

use crate::dialect::neutral::opaque;
use crate::dialect::wire::json::{elements, text};
use crate::dialect::wire::members::Members;

/// What a text with a mark begins with.
const BEGIN: &[u8] = b"\"ai-gateway:";

/// Returns the body of a request without the reasoning that the gateway signed, every other value as it stands; nothing where it has
/// none, or is not such a request.
#[must_use]
pub(super) fn without_marked(body: &Bytes) -> Option<Bytes> {
    // Few bodies hold the text, and only they are parsed.
    memmem::find(body, BEGIN)?;
    let messages = Members::of(body).ok()?.last("messages")?;
    let mut is_changed = false;
    let mut kept: Vec<Cow<'_, str>> = Vec::new();
    for message in elements(messages)? {
        match message_without(message) {
            None => kept.push(Cow::Borrowed(message)),
            Some(rest) => {
                is_changed = true;
                kept.extend(rest.map(Cow::Owned));
            }
        }
    }
    if !is_changed {
        return None;
    }
    let start = messages.as_ptr() as usize - body.as_ptr() as usize;
    let rest = &body[start + messages.len()..];
    Some([&body[..start], joined(&kept).as_bytes(), rest].concat().into())
}

/// Returns a message without marked reasoning, which is nothing where it has nothing else; `None` where it has none.
fn message_without(message: &str) -> Option<Option<String>> {
    let content = Members::of(message.as_bytes()).ok()?.last("content")?;
    let blocks = elements(content)?;
    let mut kept = blocks.clone();
    kept.retain(|block| !is_marked(block));
    if kept.len() == blocks.len() {
        return None;
    }
    let start = content.as_ptr() as usize - message.as_ptr() as usize;
    let rest = &message[start + content.len()..];
    Some((!kept.is_empty()).then(|| [&message[..start], &joined(&kept), rest].concat()))
}

/// Whether a block is reasoning that only the gateway has signed, or another upstream.
fn is_marked(block: &str) -> bool {
    let Ok(members) = Members::of(block.as_bytes()) else {
        return false;
    };
    ["signature", "data"].iter().any(|name| {
        members
            .last(name)
            .and_then(text)
            .is_some_and(|text| opaque::is_marked(&text))
    })
}

fn joined<T: AsRef<str>>(values: &[T]) -> String {
    let mut text = String::from("[");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(value.as_ref());
    }
    text.push(']');
    text
}
