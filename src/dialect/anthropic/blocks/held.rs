//! What has to wait until the arguments of the open call are complete: one block is open at a time.

use crate::dialect::neutral::event::Event;
use crate::dialect::neutral::request::ToolCall;

/// Something that waits. What belongs together is put together.
#[derive(Debug)]
pub(super) enum Held {
    /// A call that began while another one was open.
    Tool {
        index: u32,
        call: ToolCall,
        arguments: String,
        has_ended: bool,
    },
    /// Anything else.
    Other(Event),
}

/// Adds an event to what waits.
pub(super) fn hold(held: &mut Vec<Held>, event: &Event) {
    match event {
        Event::ToolStart { index, call, .. } => held.push(Held::Tool {
            index: *index,
            call: call.clone(),
            arguments: String::new(),
            has_ended: false,
        }),
        Event::ToolArguments { index, text, .. } => {
            if let Some((arguments, _)) = tool(held, *index) {
                arguments.push_str(text);
            }
        }
        Event::ToolEnd { index, .. } => {
            if let Some((_, has_ended)) = tool(held, *index) {
                *has_ended = true;
            }
        }
        Event::Text { text, .. } => match held.last_mut() {
            Some(Held::Other(Event::Text { text: before, .. })) => before.push_str(text),
            _ => held.push(Held::Other(event.clone())),
        },
        Event::Reasoning { text, .. } => match held.last_mut() {
            Some(Held::Other(Event::Reasoning { text: before, .. })) => before.push_str(text),
            _ => held.push(Held::Other(event.clone())),
        },
        event => held.push(Held::Other(event.clone())),
    }
}

/// Returns the arguments of a call that waits, and whether they are complete.
fn tool(held: &mut [Held], wanted: u32) -> Option<(&mut String, &mut bool)> {
    held.iter_mut().rev().find_map(|held| match held {
        Held::Tool {
            index,
            arguments,
            has_ended,
            ..
        } if *index == wanted => Some((arguments, has_ended)),
        _ => None,
    })
}
