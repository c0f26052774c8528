//! JSON values, borrowed from their text and read as far as somebody asks: numbers keep their spelling and objects their order,
//! and a member of a shape that nobody expects costs nothing but itself.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::halves::without_halves;
use super::members::Members;
use super::scan;

/// Reads a value of the type that is asked for; nothing where the bytes are not such a value. There is one parser then, that of text:
/// `from_slice` would be another one for each type.
pub(crate) fn parsed<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    serde_json::from_str(simdutf8::compat::from_utf8(json).ok()?).ok()
}

/// Returns the members of an object; nothing where the text is anything else.
pub(crate) fn members(json: &str) -> Option<Members<'_>> {
    match scan::members(json, scan::NOTHING) {
        Some((members, _)) => Some(Members(members)),
        None if json.trim_start().starts_with('{') => Members::of(json.as_bytes()).ok(),
        None => None,
    }
}

/// Returns the elements of an array, as they stand in the text; nothing where it is anything else.
pub(crate) fn elements(json: &str) -> Option<Vec<&str>> {
    scan::elements(json)
}

/// Returns the string that a text begins with, as it stands there, and whether there are escapes in it; nothing where anything else does.
pub(crate) fn first_string(text: &str) -> Option<(&str, bool)> {
    let (length, is_escaped) = scan::string(text)?;
    Some((text.get(..length)?, is_escaped))
}

/// Returns what a string says; nothing where the text is anything else. Half of a surrogate pair becomes U+FFFD.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    if let Some(text) = plain(json) {
        return Some(Cow::Borrowed(text));
    }
    mended(json).map(Cow::Owned)
}

/// Returns what a string without escapes says; nothing where the text is anything else.
pub(crate) fn plain(json: &str) -> Option<&str> {
    let text = json.strip_prefix('"')?.strip_suffix('"')?;
    (!text.contains('\\')).then_some(text)
}

/// Returns a value; nothing where the text is not JSON. Half of a surrogate pair becomes U+FFFD.
pub(crate) fn value(json: &str) -> Option<Value> {
    mended(json)
}

/// Returns the whole number that a member of an object is; nothing where it is anything else.
pub(crate) fn number_at(body: &[u8], name: &str) -> Option<u64> {
    Members::of(body).ok()?.last(name)?.parse().ok()
}

fn mended<T: DeserializeOwned>(json: &str) -> Option<T> {
    let read = |json: &str| serde_json::from_str(json).ok();
    read(json).or_else(|| read(&without_halves(json)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn a_string_is_read_with_every_escape() {
        for (json, expected) in [
            (r#""plain é""#, "plain é"),
            (r#""a\n\"\\\u00e9\ud83d\ude00""#, "a\n\"\\é😀"),
            (r#""x\ud83d""#, "x\u{fffd}"),
            (r#""\ude00\ud83dx\\u\ud83d\n""#, "\u{fffd}\u{fffd}x\\u\u{fffd}\n"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""""#, ""),
        ] {
            assert_eq!(text(json).as_deref(), Some(expected), "{json}");
        }
        for json in ["1", "null", "{}", "[\"a\"]", r#""\u12""#, "\""] {
            assert_eq!(text(json), None, "{json}");
        }
    }

    #[test]
    fn elements_stand_in_their_order_as_they_are_written() {
        let json = " [ 1.0 ,{\"a\" : [1,2]},\"]\", null,[ ] ] ";
        assert_eq!(
            elements(json).unwrap(),
            ["1.0", "{\"a\" : [1,2]}", "\"]\"", "null", "[ ]"]
        );
        assert_eq!(elements("[\n]").unwrap(), [""; 0]);
        for json in ["", "{}", "[1", "[1,]", "[,]", "[1 2]", "[] 1", "1"] {
            assert_eq!(elements(json), None, "{json}");
        }
    }

    #[test]
    fn members_are_read_at_every_depth() {
        let deep = members("{\"a\": {\"\\u0062\": [1.50]}}").unwrap().last("a").unwrap();
        assert_eq!(members(deep).unwrap().last("b"), Some("[1.50]"));
        assert!(members("[]").is_none() && members("{").is_none());
    }

    proptest! {
        #[test]
        fn elements_are_those_that_a_parser_finds(json in "\\[(1|[{]\"a\":\\[[]][}]|\"\\\\\"\"|null|,| |\\[|[]]){0,12}[]]?") {
            if let Some(found) = elements(&json) {
                let parsed: Vec<&RawValue> = serde_json::from_str(&json).unwrap();
                let parsed: Vec<&str> = parsed.iter().map(|value| value.get()).collect();
                prop_assert_eq!(found, parsed);
            } else {
                prop_assert!(serde_json::from_str::<Vec<Value>>(&json).is_err(), "{}", json);
            }
        }

        #[test]
        fn no_text_panics(json in "\"(\\\\u[d8c0]{0,4}|\\\\.|é|a){0,9}\"?") {
            let _ = text(&json);
        }
    }
}
