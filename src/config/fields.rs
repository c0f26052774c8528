//! Reads the members of one JSON object with their places, and says what is wrong with each.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::character::{is_invisible, named};
use super::parse::SINGLE_TOKEN;
use super::pasted::{is_template, quoted};
use super::problem::{Problem, Problems};
use super::suggest::did_you_mean;

/// An object's members in order, duplicates included.
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
    /// The members of `whole`, a part of `text`. Unknown and repeated ones are reported; `null` counts as absent.
    pub(super) fn read(
        text: &'a str,
        path: String,
        whole: &'a RawValue,
        known: &[&str],
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
                    if !known.contains(&name.as_ref()) {
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
                "a route looks like {\"token\": \"...\", \"provider\": \"...\"}",
            ),
        }
        fields
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// How many problems there are so far, those of other objects included.
    pub(super) fn problem_count(&self) -> usize {
        self.problems.len()
    }

    fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.members
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| *value)
    }

    /// Reports a problem with the field `name`, or with the whole object.
    pub(super) fn problem(&mut self, name: Option<&str>, message: impl Into<String>, hint: &str) {
        let value = name.and_then(|name| self.raw(name.split('.').next()?));
        self.report(name, value, message, hint);
    }

    fn report(&mut self, name: Option<&str>, value: Option<&RawValue>, message: impl Into<String>, hint: &str) {
        let path = name.map_or_else(
            || self.path.clone(),
            |name| {
                if self.are_variables() {
                    variable(name).to_owned()
                } else {
                    format!("{}.{name}", self.path)
                }
            },
        );
        let offset = value.unwrap_or(self.whole).get().as_ptr() as usize - self.text.as_ptr() as usize;
        let position = (!self.path.starts_with(SINGLE_TOKEN)).then(|| place(self.text, offset));
        let (mut message, mut hint) = (message.into(), hint.to_owned());
        if self.are_variables() {
            for field in ["chat_url", "models_url", "api_keys", "base_url"] {
                for text in [&mut message, &mut hint] {
                    *text = text.replace(&format!("`{field}`"), variable(field));
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

    fn value<T: Deserialize<'a>>(&mut self, name: &str, expected: &str, hint: &str) -> Option<T> {
        let raw = self.raw(name)?;
        let value = serde_json::from_str(raw.get()).ok();
        if value.is_none() {
            self.problem(Some(name), format!("expected {expected}, found {}", kind(raw)), hint);
        }
        value
    }

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

    /// A text without the blanks around it, and without quotes, which are reported. Nothing where no other reader could
    /// make sense of it either.
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

    pub(super) fn boolean(&mut self, name: &str) -> Option<bool> {
        self.value(name, "true or false", "")
    }

    pub(super) fn seconds(&mut self, name: &str) -> Option<Duration> {
        let hint = if self.are_variables() {
            "write a number, as in 120"
        } else {
            "write it without quotes"
        };
        let seconds: f64 = self.value(name, "a number of seconds", hint)?;
        if seconds > 0.0 && seconds <= 86_400.0 {
            return Some(Duration::from_secs_f64(seconds));
        }
        self.problem(
            Some(name),
            format!("expected more than 0 and at most 86400 seconds, found {seconds}"),
            "",
        );
        None
    }

    /// Whether they come from the variables of a single token.
    pub(super) fn are_variables(&self) -> bool {
        self.path == SINGLE_TOKEN
    }

    pub(super) fn count(&mut self, name: &str) -> Option<usize> {
        let count: usize = self.value(name, "a whole number", "")?;
        if (1..=100).contains(&count) {
            return Some(count);
        }
        self.problem(Some(name), format!("expected between 1 and 100, found {count}"), "");
        None
    }

    pub(super) fn strings(&mut self, name: &str) -> Vec<String> {
        let hint = "write it as an array, even if it holds one: [\"...\"]";
        let list: Vec<String> = self.value(name, "an array of strings", hint).unwrap_or_default();
        if list.iter().any(|entry| entry.trim().is_empty()) {
            self.problem(Some(name), "an entry is empty", "take it out");
        }
        list.iter().filter_map(|entry| self.cleaned(name, entry)).collect()
    }

    /// An object of strings, in order.
    pub(super) fn pairs(&mut self, name: &str) -> Vec<(String, String)> {
        let Some(Members(members)) = self.value(name, "an object of strings", "{\"name\": \"value\"}") else {
            return Vec::new();
        };
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (key, value) in members {
            match serde_json::from_str::<String>(value.get()) {
                _ if pairs.iter().any(|(earlier, _)| *earlier == key) => {
                    self.report(
                        Some(&format!("{name}.{key}")),
                        Some(value),
                        "this name stands twice",
                        "keep one of them",
                    );
                }
                Ok(_) if key.trim().is_empty() => {
                    self.report(Some(name), Some(value), "a name is empty", "take it out");
                }
                Ok(text) => {
                    if let Some((message, hint)) = template(&text) {
                        self.report(Some(&format!("{name}.{key}")), Some(value), message, hint);
                    }
                    pairs.push((key.trim().to_owned(), text.trim().to_owned()));
                }
                Err(_) => self.report(
                    Some(&format!("{name}.{key}")),
                    Some(value),
                    format!("expected a string, found {}", kind(value)),
                    "",
                ),
            }
        }
        pairs
    }
}

/// What is wrong with a text that holds a character which nobody sees. Some belong to other scripts and to emoji.
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

/// What is wrong with a text in which something else was to put a value.
fn template(text: &str) -> Option<(String, &'static str)> {
    is_template(text).then(|| {
        let message = "the name of a value stands there, and nothing puts the value in its place".to_owned();
        (
            message,
            "write the value itself: a table is taken as it is, without any variable put into it",
        )
    })
}

/// What a value is, without saying what it holds.
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

/// Line and column of a byte offset, counted from 1.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// The variable that a field came from in a single-token configuration.
fn variable(field: &str) -> &str {
    match field {
        "token" => "GATEWAY_TOKEN",
        "provider" => "PROVIDER",
        "api_keys" => "UPSTREAM_API_KEY",
        "base_url" => "UPSTREAM_BASE_URL",
        "chat_url" => "UPSTREAM_CHAT_URL",
        "models_url" => "UPSTREAM_MODELS_URL",
        "default_model" => "DEFAULT_MODEL",
        "timeout" => "UPSTREAM_TIMEOUT",
        "extra_headers.HTTP-Referer" => "HTTP_REFERER",
        "extra_headers.X-Title" => "X_TITLE",
        other => other,
    }
}
