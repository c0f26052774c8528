//! Lists of models: whatever shape an upstream gives them, each client gets the one that it reads.

mod codex;
mod entry;

use std::borrow::Cow;

pub use self::entry::{Entry, Shape};
use super::formats::{ANTHROPIC, GEMINI};
use super::neutral::Format;
use super::wire::json::elements;
use super::wire::members::Members;
use super::wire::trim::trimmed;
use crate::dialect::wire::build::json;

impl Shape {
    /// Returns the shape that clients of a dialect read.
    #[must_use]
    pub fn of(dialect: &Format) -> Self {
        if dialect == ANTHROPIC {
            Self::Anthropic
        } else if dialect == GEMINI {
            Self::Gemini
        } else {
            Self::OpenAi
        }
    }

    /// Returns the query with which an upstream gives all of its list at once; nothing where it always does.
    #[must_use]
    pub const fn whole(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => None,
            Self::Anthropic => Some("limit=1000"),
            Self::Gemini => Some("pageSize=1000"),
        }
    }

    /// Returns a list of models: the name of each, and its entry in this shape.
    #[must_use]
    pub fn list(self, models: &[(String, Cow<'_, str>)]) -> String {
        let entries: Vec<&str> = models.iter().map(|(_, entry)| entry.as_ref()).collect();
        let entries = entries.join(",");
        match self {
            Self::OpenAi => format!("{{\"object\":\"list\",\"data\":[{entries}]}}"),
            Self::Anthropic => {
                let id = |model: Option<&(String, _)>| json!(model.map(|(id, _)| id));
                let (first, last) = (id(models.first()), id(models.last()));
                format!("{{\"data\":[{entries}],\"has_more\":false,\"first_id\":{first},\"last_id\":{last}}}")
            }
            Self::Gemini => format!("{{\"models\":[{entries}]}}"),
        }
    }

    /// Returns a list in this shape: as it is where it has the shape already. Returns nothing where it is not a list.
    #[must_use]
    pub fn of_list(self, list: &[u8]) -> Option<Cow<'_, [u8]>> {
        let entries = entries(list)?;
        if self.has(list, &entries) {
            return Some(list.into());
        }
        let models: Vec<_> = entries
            .into_iter()
            .map(|entry| {
                let text = entry.text(self);
                (entry.id, text)
            })
            .collect();
        Some(self.list(&models).into_bytes().into())
    }

    /// Whether a list of these `entries` has this shape.
    fn has(self, list: &[u8], entries: &[Entry<'_>]) -> bool {
        let Ok(members) = Members::of(list) else {
            return false;
        };
        let name = match self {
            Self::OpenAi | Self::Anthropic => "data",
            Self::Gemini => "models",
        };
        let Some(data) = members.last(name).and_then(elements) else {
            return false;
        };
        data.iter().all(|entry| entry.starts_with('{'))
            && entries.iter().all(|entry| entry.is_in(self))
            && (self != Self::Anthropic || members.last("has_more").is_some())
            && trimmed(list).len() == list.trim_ascii().len()
    }
}

/// Returns the models of a list; nothing where it is not a list. Known are OpenAI's shape, a bare array (Together), `null`
/// for an empty list, `models` or `result` instead of `data`, and names instead of objects. An entry without a name is left
/// out.
#[must_use]
pub fn entries(list: &[u8]) -> Option<Vec<Entry<'_>>> {
    let values = values(str::from_utf8(trimmed(list)).ok()?)?;
    Some(values.into_iter().filter_map(Entry::read).collect())
}

fn values(list: &str) -> Option<Vec<&str>> {
    if list.starts_with('[') {
        return elements(list);
    }
    let members = Members::of(list.as_bytes()).ok()?;
    let lists = ["data", "models", "result"].map(|name| members.last(name));
    match lists.into_iter().flatten().find(|list| *list != "null") {
        Some(list) => values(list),
        None => (lists.iter().any(Option::is_some) || members.last("object") == Some("\"list\"")).then(Vec::new),
    }
}

/// Returns a list of OpenAI's shape with Codex's entries in it as well; nothing where it has some, or there is nothing to add them to.
#[must_use]
pub fn with_codex(list: &[u8]) -> Option<String> {
    let members = Members::of(list).ok()?;
    if members.last("models").is_some() {
        return None;
    }
    let rows: Vec<String> = entries(list)?.iter().filter_map(codex::row).collect();
    let list = str::from_utf8(list).ok()?.trim_ascii_end().strip_suffix('}')?;
    Some(format!("{list},\"models\":[{}]}}", rows.join(",")))
}

/// Returns the entry of one model; nothing where it is not in the list, or this is not a list.
#[must_use]
pub fn one<'a>(list: &'a [u8], id: &str) -> Option<Entry<'a>> {
    entries(list)?.into_iter().find(|entry| entry.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_openais_shape_whatever_shape_it_came_in() {
        for (list, expected) in [
            (
                r#"[{"id":"a","n":1.00},{"id":"b"}]"#,
                r#"{"id":"a","n":1.00},{"id":"b"}"#,
            ),
            (r#"{"object":"list","data":null}"#, ""),
            (r#"{"object":"list"}"#, ""),
            ("[]", ""),
            ("\u{feff}{\"data\":[{\"id\":\"a\"}]}", r#"{"id":"a"}"#),
            ("{\"data\":[{\"id\":\"a\"}]}\n\0", r#"{"id":"a"}"#),
            (r#" [ {"id":"a"} , null , {"n":1} ] "#, r#"{"id":"a"}"#),
            (
                r#"["a"]"#,
                r#"{"id":"a","object":"model","created":0,"owned_by":"ai-gateway"}"#,
            ),
            // It is Gemini's own: the prefix is not a part of the name, and OpenAI's SDKs expect all four members.
            (
                r#"{"models":[{"name":"models/a","version":"1"}]}"#,
                r#"{"id":"a","object":"model","created":0,"owned_by":"google","name":"models/a","version":"1"}"#,
            ),
            (r#"{"data":null,"models":[{"id":"a"}]}"#, r#"{"id":"a"}"#),
            (r#"{"data":{"models":[{"id":"a"}]}}"#, r#"{"id":"a"}"#),
            (r#"{"result":[{"id":"a"}],"success":true}"#, r#"{"id":"a"}"#),
            (r#"{"data":[{"id":"a"},null]}"#, r#"{"id":"a"}"#),
        ] {
            let expected = format!("{{\"object\":\"list\",\"data\":[{expected}]}}");
            let shaped = Shape::OpenAi.of_list(list.as_bytes()).unwrap();
            assert_eq!(str::from_utf8(&shaped).unwrap(), expected, "{list}");
        }
    }

    #[test]
    fn a_list_in_the_clients_shape_stays_as_it_is() {
        for (shape, list) in [
            (
                Shape::OpenAi,
                r#"{"object":"list","extra":1,"data":[{"id":"a","n":1.00}]}"#,
            ),
            (Shape::OpenAi, r#" {"models":[{"name":"a"}],"data":[ {"id":"a"} ]} "#),
            (Shape::OpenAi, r#"{"data":[]}"#),
            (Shape::OpenAi, r#"{"data":[{"id":"a"},{"noid":1}]}"#),
            (
                Shape::Anthropic,
                r#"{"data":[{"type":"model","id":"c","display_name":"C","n":1.0}],"has_more":true,"last_id":"c"}"#,
            ),
            (Shape::Anthropic, r#"{"data":[],"has_more":false}"#),
            (
                Shape::Gemini,
                r#"{"models":[{"name":"models/g","n":1.0}],"nextPageToken":"t"}"#,
            ),
            (Shape::Gemini, r#"{"models":[]}"#),
        ] {
            assert_eq!(
                shape.of_list(list.as_bytes()).as_deref(),
                Some(list.as_bytes()),
                "{list}"
            );
        }
        for list in [
            r#"{"id":"a","object":"model"}"#,
            r#"{"error":{"message":"m"}}"#,
            "null",
            "<html>",
            "",
        ] {
            assert!(Shape::OpenAi.of_list(list.as_bytes()).is_none(), "{list}");
        }
    }

    #[test]
    fn every_list_becomes_one_in_every_shape() {
        let openai = r#"{"object":"list","data":[{"id":"a"},{"id":"b"}]}"#;
        let shaped =
            |shape: Shape, list: &str| String::from_utf8(shape.of_list(list.as_bytes()).unwrap().into_owned()).unwrap();
        let anthropic = shaped(Shape::Anthropic, openai);
        assert!(
            anthropic.ends_with(r#"],"has_more":false,"first_id":"a","last_id":"b"}"#),
            "{anthropic}"
        );
        let gemini = shaped(Shape::Gemini, &anthropic);
        assert!(gemini.starts_with(r#"{"models":[{"name":"models/a","#), "{gemini}");
        let ids = |list: &str| -> Vec<String> {
            let entries = entries(list.as_bytes()).unwrap().into_iter();
            entries.map(|entry| entry.id).collect()
        };
        for list in [openai, &anthropic, &gemini, &shaped(Shape::OpenAi, &gemini)] {
            assert_eq!(ids(list), ["a", "b"], "{list}");
        }
        let empty = r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#;
        assert_eq!(shaped(Shape::Anthropic, "[]"), empty);
    }

    #[test]
    fn a_model_is_found_by_its_name() {
        let list = br#"[{"id":"a","n":1.0},{"id":"b"}]"#;
        assert_eq!(one(list, "a").unwrap().text(Shape::OpenAi), r#"{"id":"a","n":1.0}"#);
        let list = br#"{"models":[{"name":"models/g"}]}"#;
        assert_eq!(one(list, "g").unwrap().text(Shape::Gemini), r#"{"name":"models/g"}"#);
        assert!(one(br#"[{"id":"a"}]"#, "b").is_none());
    }

    #[test]
    fn codex_reads_how_many_tokens_a_model_takes() {
        let list = r#"{"object":"list","data":[{"id":"v/m","context_length":1000},{"id":"claude-opus-5"},{"id":"unknown"},{"id":"gpt-5.5"},{"id":"gpt-oss-20b"}],"x":1.00}
"#;
        let read = with_codex(list.as_bytes()).unwrap();
        assert!(read.starts_with(list.trim_end().strip_suffix('}').unwrap()), "{read}");
        let read: serde_json::Value = serde_json::from_str(&read).unwrap();
        let known: Vec<(&str, u64)> = read["models"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["slug"].as_str().unwrap(), row["context_window"].as_u64().unwrap()))
            .collect();
        assert_eq!(
            known,
            [("v/m", 1000), ("claude-opus-5", 1_000_000), ("gpt-oss-20b", 128_000)]
        );
        assert_eq!(with_codex(br#"{"data":[]}"#).unwrap(), r#"{"data":[],"models":[]}"#);
        for list in [r#"{"models":[{"slug":"m"}]}"#, "[]", "<html>", ""] {
            assert_eq!(with_codex(list.as_bytes()), None, "{list}");
        }
    }
}
