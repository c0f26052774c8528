//! Escapes that stand for half a character: a surrogate without the other one (RFC 8259 section 8.2).
//!
//! JavaScript cuts texts between the two halves of a character, and writes what it has. A text in Rust cannot hold half a character,
//! and a parser refuses it.

/// Returns a JSON text with U+FFFD in the place of each half of a character.
#[must_use]
pub fn without_halves(json: &str) -> String {
    let mut whole = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        whole.push_str(plain);
        let taken = match (unit(escape, 0), unit(escape, 6)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 12,
            (Some(0xd800..0xe000), _) => {
                whole.push_str("\\ufffd");
                rest = &escape[6..];
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
        let (escape, behind) = escape.split_at_checked(taken).unwrap_or((escape, ""));
        whole.push_str(escape);
        rest = behind;
    }
    whole.push_str(rest);
    whole
}

/// Returns the value of the escape `\uXXXX` that stands `from` bytes behind the beginning of `text`.
fn unit(text: &str, from: usize) -> Option<u16> {
    let digits = text.get(from..from + 6)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn half_a_character_does_not_lose_the_text_around_it() {
        for (json, text) in [
            (r#""a\ud83d""#, "a\u{fffd}"),
            (r#""\ude00\n\"b\\""#, "\u{fffd}\n\"b\\"),
            (r#""\ud83d\ude00\ud83d\u0041""#, "😀\u{fffd}A"),
            (r#""\\ud83d""#, "\\ud83d"),
        ] {
            let whole = without_halves(json);
            assert_eq!(serde_json::from_str::<String>(&whole).unwrap(), text, "{json}");
        }
    }

    proptest! {
        #[test]
        fn whole_characters_stay(text in any::<String>()) {
            let json = serde_json::json!({ (&*text): &text }).to_string();
            prop_assert_eq!(without_halves(&json), json);
        }

        #[test]
        fn every_escape_can_be_read_afterwards(json in r#""(\\\\|\\"|\\u00[0-9a-f]{2}|\\ud[89c-f][0-9a-f]{2}|é){0,12}""#) {
            prop_assert!(serde_json::from_str::<Value>(&without_halves(&json)).is_ok());
        }

        #[test]
        fn no_text_panics(json in r"(\\|u|\\ud[89c]|[0-9a-f]|é){0,12}") {
            let _ = without_halves(&json);
        }
    }
}
