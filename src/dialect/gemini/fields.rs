//! Members under both of their names: `finishReason` is also `finish_reason` (proto3 JSON), in requests of some clients and in answers
//! of some upstreams, mixed in one body.

use std::borrow::Cow;

use serde_json::Number;

use crate::dialect::neutral::request::Unsayable;
use crate::dialect::wire::json;
use crate::dialect::wire::members::Members;
use crate::dialect::wire::number::of_json;

/// An object. What has the wrong shape is read as if it were missing.
pub(super) struct Fields<'a>(Members<'a>);

impl<'a> Fields<'a> {
    /// Reads an object; nothing where the text is anything else.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        json::members(text).map(Self)
    }

    /// Returns the text of the member that is called `name`, in camel case, or the same in snake case. `null` is a member that
    /// is missing.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.0.0.iter().rev().find(|(key, _)| is_spelled(key, name));
        found.map(|(_, value)| *value).filter(|value| *value != "null")
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn object(&self, name: &str) -> Option<Self> {
        self.get(name).and_then(Self::read)
    }

    /// Returns the objects in an array.
    pub(super) fn objects(&self, name: &str) -> Vec<Self> {
        let elements = self.get(name).and_then(json::elements).unwrap_or_default();
        elements.into_iter().filter_map(Self::read).collect()
    }

    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(json::text)
    }

    /// Returns a whole number, which may be written as a text (int64 in proto3 JSON) or with a fraction of zero.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(count)
    }

    /// Returns the whole numbers in an array.
    pub(super) fn counts(&self, name: &str) -> Vec<u64> {
        let elements = self.get(name).and_then(json::elements).unwrap_or_default();
        elements.into_iter().filter_map(count).collect()
    }

    pub(super) fn number(&self, name: &str) -> Option<Number> {
        self.get(name).and_then(number)
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// Returns the names of all members that are not `null`, as they are written.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let filled = self.0.0.iter().filter(|(_, value)| *value != "null");
        filled.map(|(name, _)| name.as_ref())
    }
}

fn count(value: &str) -> Option<u64> {
    let text = value.trim_matches('"');
    let whole = text.parse().ok();
    whole.or_else(|| {
        of_json(text)
            .filter(|number| *number >= 0.0)
            .map(|number| number as u64)
    })
}

fn number(value: &str) -> Option<Number> {
    serde_json::from_str(value.trim_matches('"')).ok()
}

/// Whether a key is `camel`, or the same name in snake case.
pub(super) fn is_spelled(key: &str, camel: &str) -> bool {
    let mut bytes = key.bytes();
    let same = camel.bytes().all(|want| match bytes.next() {
        Some(b'_') if want.is_ascii_uppercase() => bytes.next() == Some(want.to_ascii_lowercase()),
        byte => byte == Some(want),
    });
    same && bytes.next().is_none()
}

/// An object of a request, and where it stands. What has the wrong shape is an error.
pub(super) struct Strict<'a> {
    fields: Fields<'a>,
    /// `contents[0].parts[1]`; empty for the body.
    path: String,
}

impl<'a> Strict<'a> {
    /// Reads the object that stands at `path`.
    pub(super) fn read(text: &'a str, path: String) -> Result<Self, Unsayable> {
        match Fields::read(text) {
            Some(fields) => Ok(Self { fields, path }),
            None => Err(Unsayable::invalid(path, "This must be an object.")),
        }
    }

    /// Returns where a member stands.
    pub(super) fn at(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// Returns the text of a member.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.fields.get(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.has(name)
    }

    /// Returns what `read` makes of a member, which must be `expected`.
    fn typed<T>(
        &self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, Unsayable> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match read(value) {
            Some(value) => Ok(Some(value)),
            None => Err(Unsayable::invalid(self.at(name), format!("This must be {expected}."))),
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Unsayable> {
        self.typed(name, "a string", |value| json::text(value).map(Cow::into_owned))
    }

    pub(super) fn needed_text(&self, name: &str) -> Result<String, Unsayable> {
        let text = self.text(name)?;
        text.ok_or_else(|| Unsayable::invalid(self.at(name), "This is required."))
    }

    pub(super) fn count(&self, name: &str) -> Result<Option<u64>, Unsayable> {
        self.typed(name, "a whole number", count)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<Number>, Unsayable> {
        self.typed(name, "a number", number)
    }

    pub(super) fn is_true(&self, name: &str) -> Result<bool, Unsayable> {
        let read = |value: &str| matches!(value, "true" | "false").then_some(value == "true");
        Ok(self.typed(name, "a boolean", read)?.unwrap_or_default())
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Unsayable> {
        let read = |value| {
            let elements = json::elements(value)?.into_iter();
            elements.map(|text| json::text(text).map(Cow::into_owned)).collect()
        };
        Ok(self.typed(name, "an array of strings", read)?.unwrap_or_default())
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, Unsayable> {
        self.get(name).map(|value| Self::read(value, self.at(name))).transpose()
    }

    pub(super) fn objects(&self, name: &str) -> Result<Vec<Self>, Unsayable> {
        let elements = self.typed(name, "an array", json::elements)?.unwrap_or_default();
        let read = |(index, element)| Self::read(element, format!("{}[{index}]", self.at(name)));
        elements.into_iter().enumerate().map(read).collect()
    }

    /// Returns the names of the members that are not among `known`, as they are written.
    pub(super) fn unknown<'b>(&'b self, known: &'b [&str]) -> impl Iterator<Item = &'b str> {
        let is_unknown = |name: &&str| !known.iter().any(|known| is_spelled(name, known));
        self.fields.names().filter(is_unknown)
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

/// Notes the name of what cannot be said. A name stands there once.
pub(super) fn note(dropped: &mut Vec<String>, name: &str) {
    if !dropped.iter().any(|known| known == name) {
        dropped.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_two_spellings() {
        for key in ["finishReason", "finish_reason"] {
            assert!(is_spelled(key, "finishReason"), "{key}");
        }
        for key in [
            "finishreason",
            "finish_Reason",
            "finish_reason_",
            "finish",
            "finish__reason",
            "finish_",
        ] {
            assert!(!is_spelled(key, "finishReason"), "{key}");
        }
    }

    #[test]
    fn what_has_the_wrong_shape_is_missing_or_an_error_with_its_place() {
        let text = r#"{"a_b": [{"c": 1}], "n": "12", "m": 3.0, "x": null}"#;
        let fields = Fields::read(text).unwrap();
        assert_eq!(
            (fields.count("n"), fields.count("m"), fields.text("m")),
            (Some(12), Some(3), None)
        );
        assert!(!fields.has("x"));
        let strict = Strict::read(text, String::new()).unwrap();
        let inner = strict.objects("aB").unwrap();
        let error = inner[0].text("c").unwrap_err();
        assert_eq!(error.param, "aB[0].c");
        assert_eq!(strict.objects("n").err().unwrap().param, "n");
        assert_eq!(strict.unknown(&["aB", "m"]).collect::<Vec<_>>(), ["n"]);
    }
}
