//! The usual chunk: it differs from the one before it in the words that it says, and in nothing else.
//!
//! Nearly all of a stream consists of such chunks. So a chunk that says a piece of text and nothing else is kept. Where the next one has
//! the same bytes before its text and behind it, it says the same of everything but the text, and is not taken apart.

use std::ops::Range;

use crate::dialect::chat::json::{inner, items, object, string};
use crate::dialect::neutral::event::Event;
use crate::dialect::wire::json::first_string;
use crate::dialect::wire::members::Members;

/// How often in a row nothing is learnt from what was kept, before no more is kept.
const PATIENCE: u8 = 16;

/// The chunk that came last, where it said a piece of text and nothing else.
#[derive(Debug, Default)]
pub(super) struct Usual {
    /// Empty where it was another one.
    chunk: String,
    choice: u32,
    /// Where the text stands in it, as a string.
    text: Range<usize>,
    /// Where OpenAI's `obfuscation` stands, a string: as many characters as hide the length of the text, for nobody to read.
    /// Empty, at the end of the chunk, where there is none.
    padding: Range<usize>,
    /// How often in a row a chunk was kept in vain.
    misses: u8,
}

impl Usual {
    /// Reads a chunk that differs from the one before it in its text only. Returns false where it is another one: then nothing was read.
    pub(super) fn read(&mut self, data: &str, events: &mut Vec<Event>) -> bool {
        let Some(text) = self.text_of(data) else {
            return false;
        };
        self.misses = 0;
        events.push(Event::Text {
            choice: self.choice,
            text,
        });
        true
    }

    fn text_of(&self, data: &str) -> Option<String> {
        let (chunk, text, padding) = (self.chunk.as_str(), &self.text, &self.padding);
        if chunk.is_empty() {
            return None;
        }
        let rest = data.strip_prefix(&chunk[..text.start])?;
        let (said, is_escaped) = first_string(rest)?;
        let mut rest = rest[said.len()..].strip_prefix(&chunk[text.end..padding.start])?;
        if !padding.is_empty() {
            rest = &rest[first_string(rest)?.0.len()..];
        }
        if rest != &chunk[padding.end..] {
            return None;
        }
        let said = if is_escaped {
            string(said)?.into_owned()
        } else {
            said[1..said.len() - 1].to_owned()
        };
        Some(said).filter(|said| !said.is_empty())
    }

    /// Forgets the chunk that came last.
    pub(super) fn forget(&mut self) {
        self.chunk.clear();
    }

    /// Keeps a chunk that said a text in `choice` and nothing else. `data` is all of it.
    pub(super) fn learn(&mut self, choice: u32, data: &str, chunk: &Members<'_>) {
        if self.misses < PATIENCE
            && let Some((text, padding)) = gaps(data, chunk)
        {
            self.misses += 1;
            self.chunk.push_str(data);
            (self.choice, self.text, self.padding) = (choice, text, padding);
        }
    }
}

/// Returns where a chunk's text stands, and what comes behind it for nobody to read.
fn gaps(data: &str, chunk: &Members<'_>) -> Option<(Range<usize>, Range<usize>)> {
    let [part] = items(chunk, "choices")[..] else {
        return None;
    };
    let delta = inner(&object(part)?, "delta")?;
    // A piece of a call may be no event, and change what the next one means.
    let is_called = |name: &&str| !matches!(delta.last(name), None | Some("null" | "[]"));
    if ["tool_calls", "function_call"].iter().any(is_called) {
        return None;
    }
    let text = place(data, delta.last("content")?)?;
    let padding = chunk.last("obfuscation").and_then(|json| place(data, json));
    let padding = padding.filter(|padding| padding.start > text.end);
    Some((text, padding.unwrap_or(data.len()..data.len())))
}

/// Returns where a string of `data` stands in it; nothing where it is something else.
fn place(data: &str, json: &str) -> Option<Range<usize>> {
    let start = json.as_ptr().addr().checked_sub(data.as_ptr().addr())?;
    let place = start..start + json.len();
    (json.starts_with('"') && data.get(place.clone()) == Some(json)).then_some(place)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::chat::reader::Reader;
    use crate::dialect::neutral::event::ReadStream;

    fn chunk(delta: &str, rest: &str) -> String {
        format!(r#"{{"id":"a","choices":[{{"index":0,"delta":{{{delta}}},"finish_reason":null}}]{rest}}}"#)
    }

    /// The events of a stream, and how many of its chunks were not taken apart.
    fn read(chunks: &[String], forgets: bool) -> (Vec<Event>, usize) {
        let (mut reader, mut events, mut usual) = (Reader::default(), Vec::new(), 0);
        for data in chunks {
            if forgets {
                reader.usual.forget();
            }
            usual += usize::from(reader.usual.text_of(data).is_some());
            reader.read("", data, &mut events);
        }
        reader.end(&mut events);
        (events, usual)
    }

    #[test]
    fn the_usual_chunk_is_not_taken_apart() {
        let mut chunks = vec![chunk(r#""role":"assistant","content":"""#, "")];
        let said = ["a", "b\\n\\u00e9", "c", "é"];
        chunks.extend(said.map(|text| chunk(&format!(r#""content":"{text}""#), r#","usage":null"#)));
        chunks.extend(said.map(|text| {
            chunk(
                &format!(r#""content":"{text}""#),
                &format!(r#","obfuscation":"{text}x""#),
            )
        }));
        assert_eq!(read(&chunks, false), (read(&chunks, true).0, 6));
    }

    #[test]
    fn what_is_never_the_same_again_is_not_kept_for_ever() {
        let mut chunks: Vec<_> = (0..40)
            .map(|at| chunk(r#""content":"a""#, &format!(r#","created":{at}"#)))
            .collect();
        chunks.extend([chunk(r#""content":"a""#, ""), chunk(r#""content":"b""#, "")]);
        assert_eq!(read(&chunks, false).1, 0);
    }

    proptest! {
        #[test]
        fn nothing_is_read_otherwise(picked in proptest::collection::vec((0..9_usize, r#"(a|\\n|"|\\"|\\|\\u00e9|é|[}]){0,3}"#), 0..24)) {
            let chunks: Vec<_> = picked.iter().map(|(which, text)| match which {
                0 => chunk(r#""content":"a","tool_calls":[{"index":0,"function":{"arguments":"{"}}]"#, ""),
                1 => chunk(&format!(r#""tool_calls":[{{"index":0,"id":"c","function":{{"name":"f","arguments":"{text}"}}}}]"#), ""),
                2 => format!(r#"{{"choices":[{{"index":1,"delta":{{"content":"{text}"}}}}]}}"#),
                3 => format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":"stop"}}]}}"#),
                4 => chunk(r#""content":"a""#, &format!(r#","obfuscation":"{text}""#)),
                5 => chunk(&format!(r#""content":"{text}","content":"a""#), ""),
                _ => chunk(&format!(r#""content":"{text}""#), ""),
            }).collect();
            prop_assert_eq!(read(&chunks, false).0, read(&chunks, true).0);
        }
    }
}
