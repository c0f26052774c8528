//! The tool calls of a choice, and which of them a piece of a stream belongs to.
//!
//! OpenAI gives each call a number, its id and name once, and then pieces of its arguments under the number. Others leave the number
//! out, use one number for all calls, repeat ids and names, or send the name late. So a call is known by its number, by its id, and
//! by what has come of it: behind complete arguments another call begins.

use std::borrow::Cow;

use super::arguments::Arguments;
use crate::dialect::neutral::event::Event;
use crate::dialect::neutral::request::ToolCall;

/// The most that is held of the arguments of a call whose name has not come, in bytes.
const NAMELESS: usize = 64 * 1024;

/// The most calls of one choice. What comes for more of them is passed over.
const MOST: usize = 1024;

/// The calls of a choice.
#[derive(Debug, Default)]
pub(super) struct Calls {
    known: Vec<Known>,
    /// How many of them have begun, as events count them. One without a name has not.
    begun: u32,
}

/// What a stream says of a call at once, besides its arguments.
#[derive(Debug, Default)]
pub(super) struct Piece<'a> {
    /// The upstream's number of the call.
    pub(super) number: Option<u64>,
    /// Empty where it is not said.
    pub(super) id: Cow<'a, str>,
    /// Empty where it is not said.
    pub(super) name: Cow<'a, str>,
    /// The arguments are free text.
    pub(super) is_custom: bool,
    /// Google's proof that the call is its own.
    pub(super) signature: Option<String>,
}

impl Calls {
    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Reads a piece and the arguments in it. `answer` is the id of the answer, which makes ids for calls that have none.
    pub(super) fn read(
        &mut self,
        choice: u32,
        mut piece: Piece<'_>,
        mut arguments: &str,
        answer: &str,
        events: &mut Vec<Event>,
    ) {
        // There is more than one round where two calls stand in one text.
        loop {
            let at = match self.place(&piece, arguments) {
                Some(at) => at,
                None if self.known.len() < MOST => self.add(choice, &piece, answer),
                None => return,
            };
            let known = &mut self.known[at];
            if known.call.name.is_empty() {
                known.call.name = piece.name.into_owned();
            }
            let length = known.read(choice, &mut self.begun, arguments, events);
            arguments = &arguments[length..];
            if length == 0 || !begins_object(arguments) {
                return;
            }
            piece = Piece {
                number: piece.number,
                ..Piece::default()
            };
        }
    }

    /// Returns the call that a piece belongs to; nothing where it begins one.
    fn place(&self, piece: &Piece<'_>, arguments: &str) -> Option<usize> {
        let by_id = || self.known.iter().rposition(|known| known.call.id == piece.id);
        let at = match piece.number {
            Some(_) => self.known.iter().rposition(|known| known.number == piece.number)?,
            None if !piece.id.is_empty() => return by_id(),
            None => self.known.len().checked_sub(1)?,
        };
        let known = &self.known[at];
        if !piece.id.is_empty() {
            let is_its_own = !known.has_id || known.call.id == piece.id;
            return if is_its_own { Some(at) } else { by_id() };
        }
        let is_behind = known.arguments.is_complete() && begins_object(arguments);
        let has_other_name = !piece.name.is_empty() && !known.call.name.is_empty() && piece.name != known.call.name;
        let is_other = is_behind || piece.number.is_none() && has_other_name;
        (!is_other).then_some(at)
    }

    /// Adds the call that begins with a piece, and returns its place.
    fn add(&mut self, choice: u32, piece: &Piece<'_>, answer: &str) -> usize {
        let at = self.known.len();
        // A call without a name is of the tool that was called last: it stood in the same text.
        let before = self.known.iter().rev().find(|known| known.number == piece.number);
        let name = match (&*piece.name, before) {
            ("", Some(before)) => before.call.name.clone(),
            (name, _) => name.to_owned(),
        };
        let id = match &*piece.id {
            "" => made_id(answer, choice, at),
            id => id.to_owned(),
        };
        self.known.push(Known {
            number: piece.number,
            has_id: !piece.id.is_empty(),
            call: ToolCall {
                id,
                name,
                namespace: None,
                arguments: String::new(),
                is_custom: piece.is_custom,
                signature: piece.signature.clone(),
            },
            index: None,
            has_ended: false,
            arguments: Arguments::default(),
        });
        at
    }

    /// Ends the calls that are still open.
    pub(super) fn end(&mut self, choice: u32, events: &mut Vec<Event>) {
        for known in &mut self.known {
            let index = known.begin(choice, &mut self.begun, events);
            known.end(choice, index, events);
        }
    }
}

/// What is known of a call.
#[derive(Debug)]
struct Known {
    number: Option<u64>,
    /// The id is the upstream's.
    has_id: bool,
    /// What it begins with. Its arguments are those that came before the name.
    call: ToolCall,
    /// Which one it is for events. It has none until its name is there.
    index: Option<u32>,
    has_ended: bool,
    arguments: Arguments,
}

impl Known {
    /// Reads more of the arguments and returns how many bytes of them are of this call. `begun` is how many calls have begun.
    fn read(&mut self, choice: u32, begun: &mut u32, text: &str, events: &mut Vec<Event>) -> usize {
        let held = &mut self.call.arguments;
        if self.index.is_none() && self.call.name.is_empty() && held.len() + text.len() <= NAMELESS {
            held.push_str(text);
            return text.len();
        }
        let index = self.begin(choice, begun, events);
        self.say(choice, index, text, events)
    }

    /// Begins the call where it has not begun, and returns its index.
    fn begin(&mut self, choice: u32, begun: &mut u32, events: &mut Vec<Event>) -> u32 {
        if let Some(index) = self.index {
            return index;
        }
        let index = *begun;
        *begun += 1;
        self.index = Some(index);
        let held = std::mem::take(&mut self.call.arguments);
        let call = self.call.clone();
        events.push(Event::ToolStart { choice, index, call });
        self.say(choice, index, &held, events);
        index
    }

    fn say(&mut self, choice: u32, index: u32, text: &str, events: &mut Vec<Event>) -> usize {
        let length = if self.call.is_custom {
            text.len()
        } else {
            self.arguments.read(text)
        };
        if length > 0 {
            let text = text[..length].to_owned();
            events.push(Event::ToolArguments { choice, index, text });
        }
        if self.arguments.is_complete() {
            self.end(choice, index, events);
        }
        length
    }

    fn end(&mut self, choice: u32, index: u32, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.has_ended, true) {
            events.push(Event::ToolEnd { choice, index });
        }
    }
}

fn begins_object(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// Returns an id for a call that has none: one that no other call of the conversation has, as far as answers have ids.
fn made_id(answer: &str, choice: u32, at: usize) -> String {
    let plain: Vec<char> = answer.chars().filter(char::is_ascii_alphanumeric).collect();
    let end: String = plain[plain.len().saturating_sub(24)..].iter().collect();
    format!("call_{end}_{choice}_{at}")
}
