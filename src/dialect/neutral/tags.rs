//! Reasoning that stands in the text, between marks: what models write whose server does not take it apart.
//!
//! Only for models that are known to do so ([`Quirks::think_tags`](super::request::Quirks::think_tags)): elsewhere such marks are
//! text that somebody asked for.

use super::event::Event;

/// What opens and closes reasoning.
const TAGS: [(&str, &str); 2] = [("<think>", "</think>"), ("<thought>", "</thought>")];

/// White space in front of the first mark, in bytes. Text that begins with more of it is text.
const MARGIN: usize = 64;

/// Turns text between marks into reasoning, if it begins the answer. Stands between a reader and a writer; holds no more than what
/// may be a part of a mark.
#[derive(Debug, Default)]
pub struct Tags {
    /// One for each choice that has said something.
    choices: Vec<(u32, Place)>,
}

/// Where a choice is.
#[derive(Debug)]
enum Place {
    /// Nothing but this has come, and it may be the beginning of a mark.
    Start(String),
    /// In reasoning which ends with this mark. The text may be the beginning of it.
    Inside(&'static str, String),
    /// Behind the closing mark and the white space after it.
    Behind,
    /// In the text.
    Text,
}

impl Tags {
    /// Appends what an event says to `out`.
    pub fn pass(&mut self, event: Event, out: &mut Vec<Event>) {
        match event {
            Event::Text { choice, text } => {
                let place = self.place(choice);
                let before = std::mem::replace(place, Place::Text);
                *place = before.read(choice, text, out);
            }
            Event::Reasoning { choice, .. }
            | Event::Refusal { choice, .. }
            | Event::ToolStart { choice, .. }
            | Event::Finish { choice, .. } => {
                self.flush(choice, out);
                out.push(event);
            }
            Event::End | Event::Error { .. } => {
                let known: Vec<u32> = self.choices.iter().map(|(choice, _)| *choice).collect();
                for choice in known {
                    self.flush(choice, out);
                }
                out.push(event);
            }
            _ => out.push(event),
        }
    }

    fn place(&mut self, choice: u32) -> &mut Place {
        let known = self.choices.iter().position(|(other, _)| *other == choice);
        let at = known.unwrap_or_else(|| {
            self.choices.push((choice, Place::Start(String::new())));
            self.choices.len() - 1
        });
        &mut self.choices[at].1
    }

    /// Says what is held: no mark can begin in it any more.
    fn flush(&mut self, choice: u32, out: &mut Vec<Event>) {
        let place = self.place(choice);
        match std::mem::replace(place, Place::Text) {
            Place::Start(held) => text(choice, held, out),
            Place::Inside(_, held) => reasoning(choice, held, out),
            Place::Behind | Place::Text => {}
        }
    }
}

impl Place {
    /// Reads more text and returns where the choice is behind it.
    fn read(self, choice: u32, more: String, out: &mut Vec<Event>) -> Self {
        match self {
            Self::Start(held) => {
                let all = held + &more;
                let begin = all.trim_start();
                if let Some((open, close)) = TAGS.iter().find(|(open, _)| begin.starts_with(open)) {
                    let rest = begin[open.len()..].to_owned();
                    return Self::Inside(close, String::new()).read(choice, rest, out);
                }
                if all.len() - begin.len() <= MARGIN && TAGS.iter().any(|(open, _)| open.starts_with(begin)) {
                    return Self::Start(all);
                }
                text(choice, all, out);
                Self::Text
            }
            Self::Inside(close, held) => {
                let mut all = held + &more;
                if let Some(end) = all.find(close) {
                    let rest = all.split_off(end);
                    reasoning(choice, all, out);
                    return Self::Behind.read(choice, rest[close.len()..].to_owned(), out);
                }
                let held = all.split_off(all.len() - open_end(&all, close));
                reasoning(choice, all, out);
                Self::Inside(close, held)
            }
            Self::Behind => match more.trim_start() {
                "" => Self::Behind,
                rest => {
                    text(choice, rest.to_owned(), out);
                    Self::Text
                }
            },
            Self::Text => {
                text(choice, more, out);
                Self::Text
            }
        }
    }
}

/// Returns how many bytes at the end of `text` may be the beginning of `mark`.
fn open_end(text: &str, mark: &str) -> usize {
    let most = mark.len().min(text.len());
    (1..=most)
        .rev()
        .find(|length| text.as_bytes().ends_with(&mark.as_bytes()[..*length]))
        .unwrap_or_default()
}

fn text(choice: u32, text: String, out: &mut Vec<Event>) {
    if !text.is_empty() {
        out.push(Event::Text { choice, text });
    }
}

fn reasoning(choice: u32, text: String, out: &mut Vec<Event>) {
    if !text.is_empty() {
        out.push(Event::Reasoning { choice, text });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is thought and what is said where an answer comes in these pieces.
    fn split(pieces: &[String]) -> (String, String) {
        let (mut tags, mut events) = (Tags::default(), Vec::new());
        for piece in pieces {
            let text = piece.clone();
            tags.pass(Event::Text { choice: 0, text }, &mut events);
        }
        tags.pass(Event::End, &mut events);
        assert_eq!(events.pop(), Some(Event::End));
        let (mut thought, mut said) = (String::new(), String::new());
        for event in events {
            match event {
                Event::Text { text, .. } if !text.is_empty() => said += &text,
                Event::Reasoning { text, .. } if !text.is_empty() && said.is_empty() => thought += &text,
                event => panic!("{event:?}"),
            }
        }
        (thought, said)
    }

    #[test]
    fn only_marks_at_the_beginning_take_reasoning_out() {
        for (answer, thought, said) in [
            ("<think>Let me see</think>\n\nok", "Let me see", "ok"),
            ("\n <thought>a</think></thought>b", "a</think>", "b"),
            ("<think></think>ok <think>", "", "ok <think>"),
            ("<think>never", "never", ""),
            ("<think>never</thin", "never</thin", ""),
            ("<thin", "", "<thin"),
            ("a <think>b</think>", "", "a <think>b</think>"),
            ("<thinker>", "", "<thinker>"),
            ("  \n", "", "  \n"),
        ] {
            assert_eq!(
                split(&[answer.to_owned()]),
                (thought.to_owned(), said.to_owned()),
                "{answer}"
            );
        }
    }

    proptest! {
        #[test]
        fn where_an_answer_is_cut_does_not_matter(
            answer in "( |\n){0,2}(<think>|<thought>|<|é)?([a-z<é]|</think>|</thought>|</th| ){0,12}",
            size in 1..8_usize,
        ) {
            let chars: Vec<char> = answer.chars().collect();
            let pieces: Vec<String> = chars.chunks(size).map(|piece| piece.iter().collect()).collect();
            prop_assert_eq!(split(&pieces), split(&[answer]));
        }
    }
}
