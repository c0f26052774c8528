//! The members of a JSON object, borrowed from its text: what every reader of a body in this gateway begins with.
//!
//! A fast scan finds them. Where it finds something that it does not take, a parser looks again and says what is wrong.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::scan::{self, MAX_DEPTH, Member, NOTHING, Seen, Wanted};
use crate::error::{Error, Kind};

/// Why a body cannot be read as a JSON object.
#[derive(Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not JSON; the text says where and why.
    Syntax(String),
    /// JSON, but not an object.
    NotAnObject,
    /// Nested deeper than 128 levels.
    TooDeep,
    /// This member occurs twice. Parsers disagree on which one counts, so neither may decide what is billed.
    Twice(&'static str),
    /// This member has the wrong type. The second text says what was expected.
    WrongType(&'static str, &'static str),
}

/// The members of an object in their order, keys unescaped, values as they stand in the text.
#[derive(Debug)]
pub(crate) struct Members<'a>(pub(crate) Vec<Member<'a>>);

impl<'a> Members<'a> {
    /// Reads the members of a body, which may begin with a byte order mark.
    pub(crate) fn of(body: &'a [u8]) -> Result<Self, Malformed> {
        Self::seeing(body, NOTHING).map(|(members, _)| members)
    }

    /// Reads the members of a body, and which of the `wanted` strings stand in it. Where the scan does not take the body, all count as
    /// seen.
    pub(crate) fn seeing(body: &'a [u8], wanted: Wanted<'_>) -> Result<(Self, Seen), Malformed> {
        let text = simdutf8::compat::from_utf8(body)
            .map_err(|error| Malformed::Syntax(format!("it is not UTF-8 from byte {} on", error.valid_up_to())))?;
        let json = text.strip_prefix('\u{feff}').unwrap_or(text);
        match scan::members(json, wanted) {
            Some((members, seen)) => Ok((Self(members), seen)),
            None if depth(json.as_bytes()) > MAX_DEPTH => Err(Malformed::TooDeep),
            None => Self::parse(json).map(|members| (members, [true; 2])),
        }
    }

    /// Reads the members with a parser, which is slower than the scan and can say what is wrong.
    pub(crate) fn parse(json: &'a str) -> Result<Self, Malformed> {
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

    /// Returns the value of the last member called `key`: the one that counts for most parsers.
    pub(crate) fn last(&self, key: &str) -> Option<&'a str> {
        self.0
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| *value)
    }

    /// Returns what [`Members::last`] does, and nothing where that is `null`.
    pub(crate) fn value(&self, key: &str) -> Option<&'a str> {
        self.last(key).filter(|value| *value != "null")
    }

    /// Returns the value of the only member called `key`.
    pub(super) fn once(&self, key: &'static str) -> Result<Option<&'a str>, Malformed> {
        let mut values = self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| *value);
        let value = values.next();
        if values.next().is_some() {
            Err(Malformed::Twice(key))
        } else {
            Ok(value)
        }
    }
}

/// Reads the members of an object, and nothing of any other value.
struct ObjectOnly;

impl<'de> Visitor<'de> for ObjectOnly {
    type Value = Option<Vec<Member<'de>>>;

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

/// Returns how deep arrays and objects nest, without looking into strings. Stops counting beyond [`MAX_DEPTH`].
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

/// Returns the place behind the closing quote of the string whose content begins at `at`.
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

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        let message = malformed.to_string();
        match malformed {
            Malformed::Syntax(_) | Malformed::TooDeep => Self::new(Kind::InvalidJson, message),
            Malformed::NotAnObject => Self::new(Kind::InvalidBody, message),
            Malformed::Twice(member) | Malformed::WrongType(member, _) => {
                Self::new(Kind::InvalidBody, message).about(member)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Any JSON value, spelled in odd ways.
    fn value() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
            "true|false|null",
            "\"([ !#-\\[\\]-~é你]|\\\\[\"\\\\/bfnrt]|\\\\u00[0-9a-fA-F]{2}){0,8}\"",
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let list = proptest::collection::vec(inner.clone(), 0..4);
            let object = proptest::collection::vec(("\"([a-z]|\\\\u006d){0,3}\"", inner), 0..4);
            prop_oneof![
                list.prop_map(|list| format!("[ {}\n]", list.join(" ,"))),
                object.prop_map(|members| {
                    let members: Vec<String> = members.iter().map(|(key, value)| format!("{key} : {value}")).collect();
                    format!("{{{}\t}}", members.join(", "))
                }),
            ]
        })
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(Members::of(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(
            Members::of(nested(MAX_DEPTH + 1).as_bytes()).err(),
            Some(Malformed::TooDeep)
        );
        assert!(Members::of(format!("{{\"a\":\"{}\"}}", "[".repeat(500)).as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn it_finds_what_the_parser_finds(json in value()) {
            if json.starts_with('{') {
                let found = scan::members(&json, NOTHING).map(|(members, _)| members);
                prop_assert_eq!(found, Members::parse(&json).ok().map(|members| members.0), "{}", json);
            } else {
                prop_assert!(scan::members(&json, NOTHING).is_none());
            }
        }

        #[test]
        fn it_sees_the_strings_that_stand_in_the_text(json in value(), wanted in "[a-z]{1,2}", other in "[a-z]{1,2}") {
            let json = format!("{{\"x\":{json}}}");
            let (_, seen) = scan::members(&json, [&[&wanted, "none"], &[&other]]).unwrap();
            // A quote that is escaped begins no string.
            let quotes = json.replace("\\\\", "__").replace("\\\"", "__");
            prop_assert_eq!(seen, [&wanted, &other].map(|string| quotes.contains(&format!("\"{string}\""))), "{}", json);
        }

        #[test]
        fn it_takes_nothing_that_the_parser_refuses(json in value(), at in any::<prop::sample::Index>(), byte in 0_u8..128) {
            let mut bytes = json.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(json) = std::str::from_utf8(&bytes)
                && let Some((found, _)) = scan::members(json, NOTHING)
            {
                prop_assert!(serde_json::from_str::<Value>(json).is_ok() || json.contains("\\u") || json.contains(['e', 'E']), "{}", json);
                prop_assert_eq!(Some(found), Members::parse(json).ok().map(|members| members.0), "{}", json);
            }
        }
    }
}
