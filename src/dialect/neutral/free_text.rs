//! Free text as the arguments of a function: `{"input": "..."}`.
//!
//! A custom tool takes free text. An upstream that has functions only gets a function with one argument of that name
//! ([`super::flat`]), and this takes the text out of its arguments, piece by piece as they come.

use crate::dialect::wire::build::{json, json_text};
use serde_json::Value;

/// The name of the argument.
const INPUT: &str = "input";

/// Returns the schema of a function that takes free text.
#[must_use]
pub fn schema() -> Value {
    json!({"type": "object", "properties": {INPUT: {"type": "string"}}, "required": [INPUT]})
}

/// Returns free text as arguments.
#[must_use]
pub fn wrapped(text: &str) -> String {
    json_text(&json!({ INPUT: text }))
}

/// Returns the free text of arguments that are whole.
#[must_use]
pub fn unwrapped(arguments: &str) -> String {
    let mut found = String::new();
    let mut reader = FreeText::default();
    reader.read(arguments, &mut found);
    reader.end(&mut found);
    found
}

/// Takes the text out of arguments that come in pieces. Arguments of another shape are taken for the text itself, at their end.
#[derive(Debug, Default)]
pub struct FreeText {
    place: Place,
    /// What has come and is not understood yet: all of it before the text, an escape within it.
    held: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// The text has not begun.
    #[default]
    Before,
    /// In the text.
    Within,
    /// Behind the text.
    Behind,
    /// These arguments have another shape.
    Elsewhere,
}

impl FreeText {
    /// Reads a piece of the arguments and appends what it says of the text.
    pub fn read(&mut self, piece: &str, text: &mut String) {
        match self.place {
            Place::Before => {
                self.held.push_str(piece);
                match begin(&self.held) {
                    Begin::At(place) => {
                        let rest = self.held.split_off(place);
                        self.held.clear();
                        self.place = Place::Within;
                        self.within(&rest, text);
                    }
                    Begin::Open => {}
                    Begin::Nowhere => self.place = Place::Elsewhere,
                }
            }
            Place::Within => self.within(piece, text),
            Place::Behind => {}
            Place::Elsewhere => self.held.push_str(piece),
        }
    }

    /// Ends the arguments: appends what is still held.
    pub fn end(&mut self, text: &mut String) {
        let held = std::mem::take(&mut self.held);
        match self.place {
            Place::Before | Place::Elsewhere => {
                let arguments: Option<Value> = serde_json::from_str(&held).ok();
                let input = arguments.as_ref().and_then(|arguments| arguments[INPUT].as_str());
                text.push_str(input.unwrap_or(&held));
            }
            Place::Within if !held.is_empty() => text.push(char::REPLACEMENT_CHARACTER),
            Place::Within | Place::Behind => {}
        }
        self.place = Place::Behind;
    }

    fn within(&mut self, mut piece: &str, text: &mut String) {
        while !piece.is_empty() {
            if self.held.is_empty() {
                let Some(end) = piece.find(['"', '\\']) else {
                    text.push_str(piece);
                    return;
                };
                text.push_str(&piece[..end]);
                if piece.as_bytes()[end] == b'"' {
                    self.place = Place::Behind;
                    return;
                }
                self.held.push('\\');
                piece = &piece[end + 1..];
            } else if let Some(char) = piece.chars().next() {
                self.held.push(char);
                piece = &piece[char.len_utf8()..];
                self.escape(text);
            }
        }
    }

    /// Appends the character of the escape that is held, if it is complete.
    fn escape(&mut self, text: &mut String) {
        let bytes = self.held.as_bytes();
        let wanted = match (bytes.get(1), bytes.get(2..4)) {
            // The first half of a pair: `\ud83d\ude00`.
            (Some(b'u'), Some([b'd' | b'D', b'8'..=b'9' | b'a'..=b'b' | b'A'..=b'B'])) => 12,
            (Some(b'u'), _) => 6,
            _ => 2,
        };
        if bytes.len() < wanted {
            return;
        }
        match serde_json::from_str::<String>(&format!("\"{}\"", self.held)) {
            Ok(found) => text.push_str(&found),
            Err(_) => text.push(char::REPLACEMENT_CHARACTER),
        }
        self.held.clear();
    }
}

/// Where a text begins.
enum Begin {
    /// Behind so many bytes.
    At(usize),
    /// It may begin behind what has come.
    Open,
    /// These are other arguments.
    Nowhere,
}

fn begin(arguments: &str) -> Begin {
    let mut rest = arguments;
    for token in ["{", "\"input\"", ":", "\""] {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if let Some(behind) = rest.strip_prefix(token) {
            rest = behind;
        } else if token.starts_with(rest) {
            return Begin::Open;
        } else {
            return Begin::Nowhere;
        }
    }
    Begin::At(arguments.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&str]) -> String {
        let (mut reader, mut text) = (FreeText::default(), String::new());
        for piece in pieces {
            reader.read(piece, &mut text);
        }
        reader.end(&mut text);
        text
    }

    /// Every character in a piece of its own.
    fn characters(text: &str) -> Vec<&str> {
        let mut pieces: Vec<&str> = text.split("").collect();
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    #[test]
    fn text_comes_as_soon_as_it_is_there() {
        let (mut reader, mut text) = (FreeText::default(), String::new());
        let said = ["{ \"in", "put\": \"", "a\\", "nb\\ud83d\\", "ude00", "c\"", "}"].map(|piece| {
            reader.read(piece, &mut text);
            text.clone()
        });
        assert_eq!(said, ["", "", "a", "a\nb", "a\nb😀", "a\nb😀c", "a\nb😀c"]);
    }

    #[test]
    fn arguments_of_another_shape_are_the_text() {
        for (arguments, text) in [
            ("", ""),
            ("*** Begin Patch", "*** Begin Patch"),
            ("{\"input\": 1}", "{\"input\": 1}"),
            ("{\"why\": 1, \"input\": \"x\"}", "x"),
            ("{\"input\": \"x", "x"),
            ("{\"input\": \"x\\", "x\u{fffd}"),
            ("{\"input\": \"\\ud83dabcdefy\"}", "\u{fffd}y"),
        ] {
            assert_eq!(unwrapped(arguments), text);
            assert_eq!(read(&characters(arguments)), text, "{arguments}");
        }
    }

    proptest! {
        #[test]
        fn what_was_wrapped_comes_out_however_it_is_cut(text in any::<String>(), at in any::<prop::sample::Index>()) {
            let arguments = wrapped(&text);
            prop_assert_eq!(&unwrapped(&arguments), &text);
            prop_assert_eq!(&read(&characters(&arguments)), &text);
            let places: Vec<usize> = arguments.char_indices().map(|(place, _)| place).collect();
            let (before, behind) = arguments.split_at(places[at.index(places.len())]);
            prop_assert_eq!(&read(&[before, behind]), &text);
        }

        #[test]
        fn no_arguments_make_it_panic(arguments in any::<String>(), escapes in "[{}\":u\\\\d8a input]{0,30}") {
            read(&characters(&arguments));
            let _ = read(&characters(&format!("{{\"input\":\"{escapes}")));
        }
    }
}
