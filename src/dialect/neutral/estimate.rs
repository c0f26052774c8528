//! How many tokens a request has, about: for upstreams that do not count them, and for limits that have to know before.
//!
//! No vendor's tokens: a guess that is right within a third for prose, code and Chinese. The same request always has the same number,
//! and one with more text never has fewer.

use super::request::{Format, Message, Part, PartKind, Request, Source, Tool};
use crate::dialect::wire::build::json_text;

/// What is added for each message, in tokens: who speaks, and where it begins and ends.
const MESSAGE: u64 = 4;

/// Tokens of an image, and of a document that is elsewhere.
const PICTURE: u64 = 1600;

/// Bytes of a document that make a token, where it is more than text: layout, fonts, images.
const DOCUMENT: u64 = 32;

/// Bytes of sound that make a token.
const SOUND: u64 = 512;

/// Bytes of text that make a token, in scripts that have letters.
const LETTERS: u64 = 4;

/// Returns about how many tokens the prompt of a request has.
#[must_use]
pub fn estimate(request: &Request) -> u64 {
    let mut sum = Sum::default();
    for message in &request.messages {
        sum.add_message(message);
    }
    for tool in &request.tools {
        sum.add_tool(tool);
    }
    if let Some(Format::JsonSchema { schema, .. }) = &request.format {
        sum.add_text(&json_text(schema));
    }
    sum.tokens()
}

/// A sum that is rounded once, at its end.
#[derive(Debug, Default)]
struct Sum {
    /// Quarters of tokens.
    quarters: u64,
}

impl Sum {
    const fn tokens(&self) -> u64 {
        self.quarters.div_ceil(LETTERS)
    }

    const fn add(&mut self, tokens: u64) {
        self.quarters = self.quarters.saturating_add(tokens.saturating_mul(LETTERS));
    }

    /// A character of Chinese, Japanese or Korean is a token; of other scripts, four bytes are one.
    fn add_text(&mut self, text: &str) {
        let weights = text
            .chars()
            .map(|char| if is_cjk(char) { LETTERS } else { length(char.len_utf8()) });
        self.quarters = self.quarters.saturating_add(weights.sum());
    }

    fn add_message(&mut self, message: &Message) {
        self.add(MESSAGE);
        for part in &message.parts {
            self.add_part(part);
        }
    }

    fn add_part(&mut self, part: &Part) {
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => self.add_text(text),
            PartKind::Image { .. } => self.add(PICTURE),
            PartKind::Document { source, name } => {
                self.add_text(name.as_deref().unwrap_or_default());
                self.add_document(source);
            }
            PartKind::Audio { data, .. } => self.add(decoded(data).div_ceil(SOUND)),
            PartKind::Reasoning { text, encrypted, .. } => {
                // The readable text is a summary of the other, or all that there is.
                let mut readable = Self::default();
                readable.add_text(text);
                let hidden = encrypted.as_deref().map_or(0, decoded);
                self.quarters = self.quarters.saturating_add(readable.quarters.max(hidden));
            }
            PartKind::ToolCall(call) => {
                self.add(MESSAGE);
                self.add_text(&call.name);
                self.add_text(&call.arguments);
            }
            PartKind::ToolResult { parts, .. } => {
                self.add(MESSAGE);
                for part in parts {
                    self.add_part(part);
                }
            }
        }
    }

    fn add_document(&mut self, source: &Source) {
        match source {
            Source::Text(text) => self.add_text(text),
            Source::Base64 { media_type, data } if media_type.starts_with("text/") => {
                self.quarters = self.quarters.saturating_add(decoded(data));
            }
            Source::Base64 { data, .. } => self.add(decoded(data).div_ceil(DOCUMENT)),
            Source::Url(_) | Source::File(_) => self.add(PICTURE),
        }
    }

    fn add_tool(&mut self, tool: &Tool) {
        self.add(MESSAGE);
        self.add_text(&tool.name);
        self.add_text(tool.description.as_deref().unwrap_or_default());
        for schema in [&tool.parameters, &tool.custom].into_iter().flatten() {
            self.add_text(&json_text(schema));
        }
    }
}

/// Returns how many bytes there are in base64.
const fn decoded(base64: &str) -> u64 {
    length(base64.len()) / 4 * 3
}

const fn length(length: usize) -> u64 {
    length as u64
}

/// Whether a character is one of those that are about a token each: ideographs, syllables, and the signs that stand between them.
const fn is_cjk(char: char) -> bool {
    matches!(char,
        '\u{1100}'..='\u{11ff}'
        | '\u{2e80}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe4f}'
        | '\u{ff00}'..='\u{ffef}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::request::{Role, ToolCall};
    use super::*;

    fn of(parts: Vec<PartKind>) -> u64 {
        let message = Message {
            role: Role::User,
            parts: parts.into_iter().map(PartKind::part).collect(),
        };
        estimate(&Request {
            messages: vec![message],
            ..Request::default()
        })
    }

    fn text(text: &str) -> PartKind {
        PartKind::Text(text.to_owned())
    }

    #[test]
    fn letters_are_a_quarter_of_a_token_and_ideographs_a_whole_one() {
        assert_eq!(estimate(&Request::default()), 0);
        for (said, tokens) in [
            ("", 0),
            ("a", 1),
            ("four", 1),
            ("eight by", 2),
            ("你好，世界", 5),
            ("こんにちは", 5),
            ("안녕", 2),
            ("привет", 3),
            ("a你", 2),
        ] {
            assert_eq!(of(vec![text(said)]), MESSAGE + tokens, "{said}");
        }
        // It is rounded once.
        assert_eq!(of(vec![text("a"), text("b")]), MESSAGE + 1);
    }

    #[test]
    fn everything_that_an_upstream_reads_counts() {
        let pdf = |source| PartKind::Document {
            source,
            name: Some("name".to_owned()),
        };
        let data = || "A".repeat(4 * DOCUMENT as usize);
        let base64 = |media_type: &str| Source::Base64 {
            media_type: media_type.to_owned(),
            data: data(),
        };
        let image = PartKind::Image {
            source: Source::Url("https://example.com/a.png".to_owned()),
            detail: None,
        };
        let call = ToolCall {
            id: "a long id that nobody reads".to_owned(),
            name: "name".to_owned(),
            arguments: r#"{"a":123}   "#.to_owned(),
            ..ToolCall::default()
        };
        let thought = |text: &str, encrypted: Option<String>| PartKind::Reasoning {
            text: text.to_owned(),
            signature: Some("S".repeat(1000)),
            encrypted,
        };
        let result = PartKind::ToolResult {
            id: "id".to_owned(),
            name: None,
            parts: vec![text("sunny!!!").part(), image.clone().part()],
            is_error: false,
        };
        let sound = PartKind::Audio {
            data: "A".repeat(4 * SOUND as usize),
            format: "mp3".to_owned(),
        };
        for (part, tokens) in [
            (image, PICTURE),
            (pdf(base64("application/pdf")), 1 + 3),
            (pdf(base64("text/plain")), 1 + 3 * DOCUMENT / LETTERS),
            (pdf(Source::Text("eight by".to_owned())), 1 + 2),
            (pdf(Source::File("file-1".to_owned())), 1 + PICTURE),
            (sound, 3),
            (PartKind::ToolCall(call), MESSAGE + 1 + 3),
            (result, MESSAGE + 2 + PICTURE),
            (thought("four", None), 1),
            (thought("four", Some(data())), 3 * DOCUMENT / LETTERS),
            (PartKind::Refusal("four".to_owned()), 1),
        ] {
            assert_eq!(of(vec![part.clone()]), MESSAGE + tokens, "{part:?}");
        }
        let tool = Tool {
            name: "name".to_owned(),
            description: Some("what".to_owned()),
            parameters: Some(json!({"type": "object"})),
            ..Tool::default()
        };
        let request = Request {
            tools: vec![tool],
            format: Some(Format::JsonSchema {
                name: None,
                description: None,
                schema: json!({"type": "object"}),
                strict: None,
            }),
            ..Request::default()
        };
        assert_eq!(estimate(&request), MESSAGE + 1 + 1 + (17 + 17_u64).div_ceil(LETTERS));
    }

    proptest! {
        #[test]
        fn more_text_is_never_fewer_tokens(said in proptest::collection::vec(any::<String>(), 0..4), more in any::<String>(), at in 0_usize..4) {
            let parts = |said: &[String]| said.iter().map(|said| text(said)).collect::<Vec<_>>();
            let before = of(parts(&said));
            let mut longer = said.clone();
            match longer.get_mut(at) {
                Some(place) => place.push_str(&more),
                None => longer.push(more.clone()),
            }
            prop_assert!(of(parts(&longer)) >= before);
            let thought = |text: &str| vec![PartKind::Reasoning {
                text: text.to_owned(),
                signature: None,
                encrypted: said.first().cloned(),
            }];
            prop_assert!(of(thought(&more)) >= of(thought("")));
        }
    }
}
