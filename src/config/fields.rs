//! One JSON object, read field by field.
//!
//! Every function reads one field of one type, and reports what is wrong with it: the place in the text, what was expected,
//! and a way out. Where the object was made of variables, the report names the variable instead of the field.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use super::character::{is_invisible, named};
use super::document::SINGLE_TOKEN;
use super::pasted::{is_template, quoted};
use super::problem::{Problem, Problems};
use super::suggest::did_you_mean;
use super::variables::of_field;

/// The members of an object in order, repeated ones included.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((Cow::Owned(key), value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// The members of one object, read field by field.
pub(super) struct Fields<'a, 'p> {
    text: &'a str,
    path: String,
    whole: &'a RawValue,
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
    problems: &'p mut Problems,
}

impl<'a, 'p> Fields<'a, 'p> {
    /// Reads the members of `whole`, which is a part of `text`. Unknown and repeated ones are reported. `null` counts as
    /// absent. `example` says what such an object looks like, or nothing. Where nothing is `known`, any name may be one.
    pub(super) fn read(
        text: &'a str,
        path: String,
        whole: &'a RawValue,
        known: &[&str],
        example: &str,
        problems: &'p mut Problems,
    ) -> Self {
        let members = serde_json::from_str::<Members<'a>>(whole.get());
        let mut fields = Self {
            text,
            path,
            whole,
            members: Vec::new(),
            problems,
        };
        match members {
            Ok(Members(members)) => {
                for (index, (name, value)) in members.iter().enumerate() {
                    if !known.is_empty() && !known.contains(&name.as_ref()) {
                        fields.report(Some(name), Some(value), "unknown field", &did_you_mean(name, known));
                    } else if members[..index].iter().any(|(earlier, _)| earlier == name) {
                        fields.report(Some(name), Some(value), "this field stands twice", "keep one of them");
                    }
                }
                fields.members = members.into_iter().filter(|(_, value)| value.get() != "null").collect();
            }
            Err(_) => fields.report(
                None,
                None,
                format!("expected an object, found {}", kind(whole)),
                example,
            ),
        }
        fields
    }

    /// Returns `whole` as an object with the fields `known`. It is a part of this one, at the place `name`.
    pub(super) fn part(&mut self, name: &str, whole: &'a RawValue, known: &[&str], example: &str) -> Fields<'a, '_> {
        Fields::read(self.text, self.path_of(name), whole, known, example, self.problems)
    }

    /// Whether the field has a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Returns how many problems there are so far, those of other objects included.
    pub(super) fn problem_count(&self) -> usize {
        self.problems.len()
    }

    /// Returns the value of a field, whatever it is.
    pub(super) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.members
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| *value)
    }

    /// Returns all fields, whatever they are.
    pub(super) fn all(&self) -> Vec<(String, &'a RawValue)> {
        let members = self.members.iter();
        members
            .map(|(name, value)| (name.clone().into_owned(), *value))
            .collect()
    }

    /// Reports a problem with the field `name`, or with the whole object.
    pub(super) fn problem(&mut self, name: Option<&str>, message: impl Into<String>, hint: &str) {
        let value = name.and_then(|name| self.raw(name.split('.').next()?));
        self.report(name, value, message, hint);
    }

    /// Adds a remark on the field `name`, which may be right as it is.
    pub(super) fn remark(&mut self, name: &str, remark: &str) {
        let path = self.path_of(name);
        self.problems.notes.push(format!("{path}: {remark}"));
    }

    /// Returns the name of a field in a report: that of the variable where the object was made of variables.
    fn path_of(&self, name: &str) -> String {
        if self.are_variables() {
            of_field(name).to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    fn report(&mut self, name: Option<&str>, value: Option<&RawValue>, message: impl Into<String>, hint: &str) {
        let path = name.map_or_else(|| self.path.clone(), |name| self.path_of(name));
        let offset = value.unwrap_or(self.whole).get().as_ptr() as usize - self.text.as_ptr() as usize;
        let position = (!self.path.starts_with(SINGLE_TOKEN)).then(|| place(self.text, offset));
        let (mut message, mut hint) = (message.into(), hint.to_owned());
        if self.are_variables() {
            for field in ["chat_url", "models_url", "api_keys", "base_url"] {
                for text in [&mut message, &mut hint] {
                    *text = text.replace(&format!("`{field}`"), of_field(field));
                }
            }
        }
        self.problems.push(Problem {
            path,
            position,
            message,
            hint: Some(hint).filter(|hint| !hint.is_empty()),
        });
    }

    /// Reads a field of any type. Reports a value of another type.
    pub(super) fn value<T: Deserialize<'a>>(&mut self, name: &str, expected: &str, hint: &str) -> Option<T> {
        let raw = self.raw(name)?;
        let value = serde_json::from_str(raw.get()).ok();
        if value.is_none() {
            self.problem(Some(name), format!("expected {expected}, found {}", kind(raw)), hint);
        }
        value
    }

    /// Reads a string that is not empty.
    pub(super) fn string(&mut self, name: &str) -> Option<String> {
        let text: String = self.value(name, "a string", "")?;
        if text.trim().is_empty() {
            self.problem(
                Some(name),
                "expected a string, found an empty one",
                "leave the field out",
            );
        }
        self.cleaned(name, &text)
    }

    /// Returns a text without the blanks around it, and without quotes, which are reported. Returns nothing where something
    /// is in it that cannot be meant.
    fn cleaned(&mut self, name: &str, text: &str) -> Option<String> {
        let mut text = text.trim();
        if let Some(inside) = quoted(text) {
            let hint = "write it in one pair of quotes: those within them are part of it";
            self.problem(Some(name), "quotes stand around the text itself", hint);
            text = inside;
        }
        if let Some((message, hint)) = invisible(text).or_else(|| template(text)) {
            self.problem(Some(name), message, hint);
            return None;
        }
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&mut self, name: &str) -> Option<bool> {
        self.value(name, "true or false", "")
    }

    /// Reads a number of seconds, up to a day.
    pub(super) fn seconds(&mut self, name: &str) -> Option<Duration> {
        self.duration(name, "more than 0", |seconds| seconds > 0.0)
    }

    /// Reads a number of seconds that may be 0, up to a day.
    pub(super) fn seconds_or_none(&mut self, name: &str) -> Option<Duration> {
        self.duration(name, "at least 0", |seconds| seconds >= 0.0)
    }

    fn duration(&mut self, name: &str, least: &str, is_enough: fn(f64) -> bool) -> Option<Duration> {
        let hint = if self.are_variables() {
            "write a number, as in 120"
        } else {
            "write it without quotes"
        };
        let seconds: Number = self.value(name, "a number of seconds", hint)?;
        let is_allowed = |seconds: &f64| is_enough(*seconds) && *seconds <= 86_400.0;
        if let Some(seconds) = seconds.as_f64().filter(is_allowed) {
            return Some(Duration::from_secs_f64(seconds));
        }
        self.problem(
            Some(name),
            format!("expected {least} and at most 86400 seconds, found {seconds}"),
            "",
        );
        None
    }

    /// Whether the object was made of the variables of a single token.
    pub(super) fn are_variables(&self) -> bool {
        self.path == SINGLE_TOKEN
    }

    /// Reads a number from 1 to 100.
    pub(super) fn count(&mut self, name: &str) -> Option<usize> {
        let count: usize = self.value(name, "a whole number", "")?;
        if (1..=100).contains(&count) {
            return Some(count);
        }
        self.problem(Some(name), format!("expected between 1 and 100, found {count}"), "");
        None
    }

    /// Reads an array of strings that are not empty.
    pub(super) fn strings(&mut self, name: &str) -> Vec<String> {
        let hint = "write it as an array, even if it holds one: [\"...\"]";
        let list: Vec<String> = self.value(name, "an array of strings", hint).unwrap_or_default();
        if list.iter().any(|entry| entry.trim().is_empty()) {
            self.problem(Some(name), "an entry is empty", "take it out");
        }
        list.iter().filter_map(|entry| self.cleaned(name, entry)).collect()
    }

    /// Reads an object in order, each name once. Its values may be anything; `expected` says what they should be.
    pub(super) fn members(&mut self, name: &str, expected: &str) -> Vec<(String, &'a RawValue)> {
        let Some(Members(members)) = self.value(name, expected, "{\"name\": ...}") else {
            return Vec::new();
        };
        let mut all: Vec<(String, &'a RawValue)> = Vec::new();
        for (key, value) in members {
            let key = key.trim();
            if all.iter().any(|(earlier, _)| earlier == key) {
                let path = format!("{name}.{key}");
                self.report(Some(&path), Some(value), "this name stands twice", "keep one of them");
            } else if key.is_empty() {
                self.report(Some(name), Some(value), "a name is empty", "take it out");
            } else {
                all.push((key.to_owned(), value));
            }
        }
        all
    }

    /// Reads an object of strings, in order.
    pub(super) fn pairs(&mut self, name: &str) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (key, value) in self.members(name, "an object of strings") {
            let path = format!("{name}.{key}");
            let Ok(text) = serde_json::from_str::<String>(value.get()) else {
                let message = format!("expected a string, found {}", kind(value));
                self.report(Some(&path), Some(value), message, "");
                continue;
            };
            if let Some((message, hint)) = template(&text) {
                self.report(Some(&path), Some(value), message, hint);
            }
            pairs.push((key, text.trim().to_owned()));
        }
        pairs
    }
}

/// Returns what is wrong with a text that has an invisible character. Some such characters belong to emoji and to other
/// scripts.
pub(super) fn invisible(text: &str) -> Option<(String, &'static str)> {
    let mut before = ' ';
    let (at, char) = text.chars().enumerate().find(|(_, char)| {
        let joins = matches!(char, '\u{200c}' | '\u{200d}' | '\u{fe0f}') && !before.is_ascii();
        before = *char;
        is_invisible(*char) && !joins
    })?;
    let message = format!("{} stands in it, which nobody sees (character {})", named(char), at + 1);
    Some((message, "delete it, or type the text anew"))
}

/// Returns what is wrong with a text into which another program was meant to put a value.
fn template(text: &str) -> Option<(String, &'static str)> {
    is_template(text).then(|| {
        let message = "the name of a value stands there, and nothing puts the value in its place".to_owned();
        (
            message,
            "write the value itself: a table is taken as it is, without any variable put into it",
        )
    })
}

/// Returns the kind of a value, in words. The value itself may be a secret.
pub(super) fn kind(value: &RawValue) -> String {
    match serde_json::from_str::<Value>(value.get()) {
        Ok(Value::Null) => "null".into(),
        Ok(Value::Bool(_)) => "true or false".into(),
        Ok(Value::Number(_)) => "a number".into(),
        Ok(Value::String(_)) => "a string".into(),
        Ok(Value::Array(list)) if list.iter().all(Value::is_string) => "an array of strings".into(),
        Ok(Value::Array(_)) => "an array of other things".into(),
        Ok(Value::Object(_)) => "an object".into(),
        Err(_) => "something unreadable".into(),
    }
}

/// Returns the line and the column of a byte offset, counted from 1.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}
