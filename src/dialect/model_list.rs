//! Lists of models in the shapes that upstreams give them, as OpenAI's: `{"object":"list","data":[{"id":"..."}]}`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::patch::Members;
use super::trim::trimmed;

/// One model of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name.
    pub id: String,
    /// The object that says so, as its upstream wrote it where that has an `id`.
    pub text: Cow<'a, str>,
}

impl<'a> Entry<'a> {
    fn of(value: &'a str) -> Option<Self> {
        if let Ok(id) = serde_json::from_str::<String>(value) {
            let text = Cow::Owned(own_entry(&id));
            return Some(Self { id, text });
        }
        let members = Members::of(value.as_bytes()).ok()?;
        let named = |name| {
            serde_json::from_str::<String>(members.last(name)?)
                .ok()
                .filter(|id| !id.is_empty())
        };
        if let Some(id) = named("id") {
            let text = Cow::Borrowed(value);
            return Some(Self { id, text });
        }
        // Ollama's and Gemini's own lists call it so.
        let id = named("name").or_else(|| named("model"))?;
        let object = if named("object").is_some() {
            ""
        } else {
            r#""object":"model","#
        };
        let rest = value.trim_start().strip_prefix('{')?;
        let text = format!("{{\"id\":{},{object}{rest}", serde_json::Value::from(id.as_str()));
        Some(Self { id, text: text.into() })
    }

    /// Whether it stands in its list as OpenAI would write it.
    const fn is_proper(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }
}

/// An entry of the gateway's own.
#[must_use]
pub fn own_entry(id: &str) -> String {
    serde_json::json!({"id": id, "object": "model", "created": 0, "owned_by": "ai-gateway"}).to_string()
}

/// A list of these entries.
#[must_use]
pub fn list_of<'a>(entries: impl Iterator<Item = &'a str>) -> String {
    let entries: Vec<&str> = entries.collect();
    format!("{{\"object\":\"list\",\"data\":[{}]}}", entries.join(","))
}

/// The models of a list: OpenAI's, a bare array (Together), `null` for none, `models` or `result` instead of `data`, names
/// instead of objects. What names no model is left out. Nothing where it is no list.
#[must_use]
pub fn entries(list: &[u8]) -> Option<Vec<Entry<'_>>> {
    let values = values(str::from_utf8(trimmed(list)).ok()?)?;
    Some(values.into_iter().filter_map(|value| Entry::of(value.get())).collect())
}

fn values(list: &str) -> Option<Vec<&RawValue>> {
    if list.starts_with('[') {
        return serde_json::from_str(list).ok();
    }
    let members = Members::of(list.as_bytes()).ok()?;
    let lists = ["data", "models", "result"].map(|name| members.last(name));
    match lists.into_iter().flatten().find(|list| *list != "null") {
        Some(list) => values(list),
        None => (lists.iter().any(Option::is_some) || members.last("object") == Some("\"list\"")).then(Vec::new),
    }
}

/// A list in OpenAI's shape, where it has another one and can be read.
#[must_use]
pub fn mended(list: &[u8]) -> Option<String> {
    let entries = entries(list)?;
    let is_proper = || {
        let members = Members::of(list).ok()?;
        let data: Vec<&RawValue> = serde_json::from_str(members.last("data")?).ok()?;
        let is_all = data.iter().all(|entry| entry.get().starts_with('{')) && entries.iter().all(Entry::is_proper);
        (is_all && trimmed(list).len() == list.trim_ascii().len()).then_some(())
    };
    match is_proper() {
        Some(()) => None,
        None => Some(list_of(entries.iter().map(|entry| &*entry.text))),
    }
}

/// One model of a list, by its name. Nothing where this is no list, or it is not in it.
#[must_use]
pub fn one(list: &[u8], id: &str) -> Option<String> {
    let entry = entries(list)?.into_iter().find(|entry| entry.id == id)?;
    Some(entry.text.into_owned())
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
                r#"{"created":0,"id":"a","object":"model","owned_by":"ai-gateway"}"#,
            ),
            (
                r#"{"models":[{"name":"models/a","version":"1"}]}"#,
                r#"{"id":"models/a","object":"model","name":"models/a","version":"1"}"#,
            ),
            (r#"{"data":null,"models":[{"id":"a"}]}"#, r#"{"id":"a"}"#),
            (r#"{"data":{"models":[{"id":"a"}]}}"#, r#"{"id":"a"}"#),
            (r#"{"result":[{"id":"a"}],"success":true}"#, r#"{"id":"a"}"#),
            (r#"{"data":[{"id":"a"},null]}"#, r#"{"id":"a"}"#),
        ] {
            let expected = format!("{{\"object\":\"list\",\"data\":[{expected}]}}");
            assert_eq!(mended(list.as_bytes()).as_deref(), Some(expected.as_str()), "{list}");
        }
    }

    #[test]
    fn a_proper_list_and_what_is_no_list_stay_as_they_are() {
        for list in [
            r#"{"object":"list","extra":1,"data":[{"id":"a","n":1.00}]}"#,
            r#" {"models":[{"name":"a"}],"data":[ {"id":"a"} ]} "#,
            r#"{"data":[]}"#,
            r#"{"data":[{"id":"a"},{"noid":1}]}"#,
            r#"{"id":"a","object":"model"}"#,
            r#"{"error":{"message":"m"}}"#,
            "null",
            "<html>",
            "",
        ] {
            assert_eq!(mended(list.as_bytes()), None, "{list}");
        }
        assert_eq!(
            one(br#"[{"id":"a","n":1.0},{"id":"b"}]"#, "a").as_deref(),
            Some(r#"{"id":"a","n":1.0}"#)
        );
        assert_eq!(one(br#"[{"id":"a"}]"#, "b"), None);
    }
}
