//! Reads top-level members of a JSON request and replaces its `model`, keeping every other byte.
//!
//! The body is validated once and never rebuilt: the spelling of numbers, the order of keys, escapes and unknown members go
//! upstream as they came. This is what every chat goes through, so it copies nothing but the new name.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr;

use super::json;
use super::members::{Malformed, Members};
use super::pieces::{Pieces, whole};

/// The members of a request that the gateway looks at. Everything else stays unread.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Peek {
    /// `model`, where it is a string that is not empty.
    pub model: Option<String>,
    /// `stream` is `true`.
    pub stream: bool,
    /// The range of the value of `model`, whatever it is.
    model_span: Option<Range<usize>>,
    /// The place behind the opening brace.
    inside: usize,
    /// The object has no members.
    empty: bool,
}

impl Peek {
    /// Validates `body` as one JSON object and reads the members the gateway needs.
    ///
    /// # Errors
    /// See [`Malformed`]. Nothing is repaired.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        Self::of(&Members::of(body)?, body)
    }

    /// Reads the members the gateway needs of those that `body` has.
    ///
    /// # Errors
    /// See [`Malformed`].
    pub(crate) fn of(members: &Members<'_>, body: &[u8]) -> Result<Self, Malformed> {
        let offset = |value: &str| {
            let start = value.as_ptr() as usize - body.as_ptr() as usize;
            start..start + value.len()
        };
        let mut peek = Self {
            inside: memchr(b'{', body).map_or(0, |brace| brace + 1),
            empty: members.0.is_empty(),
            ..Self::default()
        };
        if let Some(value) = members.once("model")? {
            peek.model_span = Some(offset(value));
            peek.model = match json::plain(value) {
                Some(model) => Some(model.to_owned()),
                None => serde_json::from_str(value).map_err(|_| Malformed::WrongType("model", "a string"))?,
            };
            peek.model = peek.model.filter(|model| !model.trim().is_empty());
        }
        if let Some(value) = members.once("stream")? {
            peek.stream = match value {
                "true" => true,
                "false" | "null" => false,
                _ => return Err(Malformed::WrongType("stream", "true or false")),
            };
        }
        Ok(peek)
    }

    /// Returns `body`, which is the one that was read, with `model` in the place of its model. Every other byte is kept.
    #[must_use]
    pub fn with_model(&self, body: &Bytes, model: &str) -> Pieces {
        if self.model.as_deref() == Some(model) {
            return whole(body.clone());
        }
        let span = self.model_span.clone().unwrap_or(self.inside..self.inside);
        let mut value = BytesMut::with_capacity(model.len() + 16);
        if self.model_span.is_none() {
            value.extend_from_slice(b"\"model\":");
        }
        // Neither a text nor memory can fail.
        let _ = serde_json::to_writer((&mut value).writer(), model);
        if self.model_span.is_none() && !self.empty {
            value.extend_from_slice(b",");
        }
        [body.slice(..span.start), value.freeze(), body.slice(span.end..)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn patched(body: &str, model: &str) -> String {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let peek = Peek::read(&body).unwrap();
        String::from_utf8(peek.with_model(&body, model).concat()).unwrap()
    }

    #[test]
    fn only_the_model_changes() {
        let body = " {\"n\":1e999, \"model\" : \"a\" ,\"x\":{\"model\":\"inner\"},\"z\":[1.0,1.00]} ";
        assert_eq!(patched(body, "b"), body.replacen("\"a\"", "\"b\"", 1));
    }

    #[test]
    fn the_same_model_shares_the_bytes() {
        let body = Bytes::from_static(b"{\"model\":\"a\"}");
        assert_eq!(
            Peek::read(&body).unwrap().with_model(&body, "a")[0].as_ptr(),
            body.as_ptr()
        );
    }

    #[test]
    fn an_escaped_key_is_the_same_key() {
        assert_eq!(patched(r#"{"mod\u0065l":"a"}"#, "b"), r#"{"mod\u0065l":"b"}"#);
    }

    #[test]
    fn a_missing_null_or_blank_model_is_none_and_can_be_filled_in() {
        assert_eq!(patched(r#"{"a":1}"#, "m\"q"), r#"{"model":"m\"q","a":1}"#);
        assert_eq!(patched("\u{feff} { }", "m"), "\u{feff} {\"model\":\"m\" }");
        for model in ["null", "\"\"", "\" \""] {
            let body = format!("{{\"model\":{model}}}");
            assert_eq!(Peek::read(body.as_bytes()).unwrap().model, None);
            assert_eq!(patched(&body, "m"), r#"{"model":"m"}"#);
        }
    }

    #[test]
    fn bad_bodies_are_told_apart() {
        let read = |body: &str| Peek::read(body.as_bytes()).unwrap_err();
        assert!(matches!(read(""), Malformed::Syntax(_)));
        assert!(matches!(read("{\"a\":1} x"), Malformed::Syntax(_)));
        assert!(matches!(read("{\"a\":01}"), Malformed::Syntax(_)));
        for other in ["[1,[2]]", "3", "-3", "0.5", "\"x\"", "\"\\n\"", "null", "true"] {
            assert_eq!(read(other), Malformed::NotAnObject, "{other}");
        }
        assert_eq!(read(r#"{"model":"a","mod\u0065l":"b"}"#), Malformed::Twice("model"));
        assert_eq!(read(r#"{"model":5}"#), Malformed::WrongType("model", "a string"));
        assert_eq!(
            read(r#"{"stream":"yes"}"#),
            Malformed::WrongType("stream", "true or false")
        );
        assert!(matches!(
            Peek::read(b"{\"a\":\"\xff\"}").unwrap_err(),
            Malformed::Syntax(_)
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Peek::read(&body);
        }

        #[test]
        fn a_patched_body_is_the_same_object_but_for_its_model(
            before in "[a-z]{0,3}", after in "[a-z]{0,3}", old in "\\PC*", new in "\\PC+"
        ) {
            let body = serde_json::json!({"a": before, "model": old, "z": {"model": after}});
            let text = Bytes::from(body.to_string());
            let patched = Peek::read(&text).unwrap().with_model(&text, &new).concat();
            let mut expected = body;
            expected["model"] = new.into();
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&patched).unwrap(), expected);
        }
    }
}
