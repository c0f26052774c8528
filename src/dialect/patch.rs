//! Reads top-level members of a JSON request and replaces its `model`, keeping every other byte.
//!
//! The body is validated once and never rebuilt: number spelling, key order, escapes and unknown
//! members go upstream as they came.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::{memchr, memchr2};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::scan;

/// How deep arrays and objects may nest: what common JSON parsers take.
pub const MAX_DEPTH: usize = 128;

/// Why a body cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not JSON; the text says where and why.
    Syntax(String),
    /// JSON, but not an object.
    NotAnObject,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// This member stands twice. Parsers disagree on which one counts, so neither may decide what is billed.
    Twice(&'static str),
    /// This member has the wrong type.
    WrongType(&'static str, &'static str),
}

/// The members of a request that the gateway looks at. Everything else stays unread.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Peek {
    /// `model`, where it is a string that is not empty.
    pub model: Option<String>,
    /// `stream` is `true`.
    pub stream: bool,
    /// Where the value of `model` stands, whatever it is.
    model_span: Option<Range<usize>>,
    /// Just behind the opening brace.
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
        let members = Members::of(body)?;
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
            peek.model = match serde_json::from_str(value) {
                Ok(model) => model,
                Err(_) => return Err(Malformed::WrongType("model", "a string")),
            };
            peek.model = peek.model.filter(|model| !model.trim().is_empty());
        }
        if let Some(value) = members.once("stream")? {
            let stream: Option<bool> =
                serde_json::from_str(value).map_err(|_| Malformed::WrongType("stream", "true or false"))?;
            peek.stream = stream == Some(true);
        }
        Ok(peek)
    }

    /// `body` with `model` in the place of its model, every other byte kept.
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

/// A body in pieces, in order: what stands before a value that was replaced, the new value, and the rest. So a long body
/// is not copied for a name. Each may be empty.
pub type Pieces = [Bytes; 3];

/// A body as one piece.
#[must_use]
pub const fn whole(body: Bytes) -> Pieces {
    [body, Bytes::new(), Bytes::new()]
}

/// The members of an object in their order, keys unescaped, values as they stand in the text.
pub(super) struct Members<'a>(pub(super) Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Members<'a> {
    /// Those of a body, which may begin with a byte order mark.
    pub(super) fn of(body: &'a [u8]) -> Result<Self, Malformed> {
        let text = simdutf8::compat::from_utf8(body)
            .map_err(|error| Malformed::Syntax(format!("it is not UTF-8 from byte {} on", error.valid_up_to())))?;
        Self::read(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    fn read(json: &'a str) -> Result<Self, Malformed> {
        match scan::members(json) {
            Some(members) => Ok(Self(members)),
            None if depth(json.as_bytes()) > MAX_DEPTH => Err(Malformed::TooDeep),
            None => Self::parse(json),
        }
    }

    /// The same by a parser, which can say what is wrong.
    pub(super) fn parse(json: &'a str) -> Result<Self, Malformed> {
        let mut parser = serde_json::Deserializer::from_str(json);
        let members = parser
            .deserialize_any(ObjectOnly)
            .and_then(|members| parser.end().map(|()| members));
        match members {
            Ok(Some(members)) => Ok(Self(members)),
            Ok(None) => Err(Malformed::NotAnObject),
            Err(error) => Err(Malformed::Syntax(error.to_string())),
        }
    }

    pub(super) fn last(&self, key: &str) -> Option<&'a str> {
        self.0
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| *value)
    }

    fn once(&self, key: &'static str) -> Result<Option<&'a str>, Malformed> {
        let mut values = self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| *value);
        let value = values.next();
        if values.next().is_some() {
            Err(Malformed::Twice(key))
        } else {
            Ok(value)
        }
    }
}

struct ObjectOnly;

impl<'de> Visitor<'de> for ObjectOnly {
    type Value = Option<Vec<(Cow<'de, str>, &'de str)>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(16);
        while let Some(key) = map.next_key::<Key<'de>>()? {
            members.push((key.0, map.next_value::<&RawValue>()?.get()));
        }
        Ok(Some(members))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// A key, borrowed where it holds no escape.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The deepest nesting of arrays and objects, strings left out. Stops counting beyond [`MAX_DEPTH`].
fn depth(json: &[u8]) -> usize {
    let (mut now, mut deepest, mut at) = (0_usize, 0, 0);
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'[' | b'{' => {
                now += 1;
                deepest = deepest.max(now);
                if deepest > MAX_DEPTH {
                    break;
                }
            }
            b']' | b'}' => now = now.saturating_sub(1),
            b'"' => at = behind_string(json, at),
            _ => {}
        }
    }
    deepest
}

/// The place behind the string whose content begins at `at`.
fn behind_string(json: &[u8], mut at: usize) -> usize {
    while let Some(found) = json.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if json[at - 1] == b'"' {
            return at;
        }
        at += 1;
    }
    json.len()
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(why) => write!(formatter, "The request body is not valid JSON: {why}."),
            Self::NotAnObject => {
                formatter.write_str("The request body must be a JSON object, like {\"messages\": [...]}.")
            }
            Self::TooDeep => write!(formatter, "The request body nests deeper than {MAX_DEPTH} levels."),
            Self::Twice(member) => write!(formatter, "`{member}` stands twice in the request body; send it once."),
            Self::WrongType(member, expected) => {
                write!(formatter, "`{member}` must be {expected}.")
            }
        }
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

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(Peek::read(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(
            Peek::read(nested(MAX_DEPTH + 1).as_bytes()).unwrap_err(),
            Malformed::TooDeep
        );
        assert!(Peek::read(format!("{{\"a\":\"{}\"}}", "[".repeat(500)).as_bytes()).is_ok());
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
