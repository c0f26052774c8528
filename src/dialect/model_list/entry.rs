//! One model of a list: read in whatever shape its upstream wrote it, and written in the shape that a client reads.
//!
//! What has the client's shape already goes to it as it was written, with everything that the shape does not have: prices,
//! context lengths. In another one it has what that shape has a field for.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::dialect::api::google;
use crate::dialect::upstream_models::limits;
use crate::dialect::wire::build::{Set, json, json_text};
use crate::dialect::wire::date;
use crate::dialect::wire::json::{members, text};
use crate::dialect::wire::members::Members;
use crate::dialect::wire::number::of_json;

/// A shape of lists of models, and of their entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// `{"object":"list","data":[{"id","object":"model","created","owned_by"}]}`.
    OpenAi,
    /// `{"data":[{"type":"model","id","display_name","created_at"}],"has_more","first_id","last_id"}`.
    Anthropic,
    /// `{"models":[{"name":"models/...","displayName","inputTokenLimit"}]}`.
    Gemini,
}

/// What a model of any upstream can be asked for in Gemini's dialect.
const METHODS: [&str; 3] = ["generateContent", "streamGenerateContent", "countTokens"];

/// Whose models those are that nobody says the owner of.
const NOBODY: &str = "ai-gateway";

/// What upstreams call the most tokens of a prompt.
const INPUT: [&str; 6] = [
    "context_length",
    "context_window",
    "max_input_tokens",
    "inputTokenLimit",
    "max_context_length",
    "max_model_len",
];

/// What they call the most tokens of an answer.
const OUTPUT: [&str; 4] = [
    "max_completion_tokens",
    "max_output_tokens",
    "outputTokenLimit",
    "max_tokens",
];

/// A model in a list.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Its name, without the `models/` that stands before it in Gemini's lists.
    pub id: String,
    /// The object that describes it; nothing where it is only named.
    written: Option<(&'a str, Members<'a>)>,
}

impl<'a> Entry<'a> {
    /// A model that no upstream describes: an alias, or a name in an allow-list.
    #[must_use]
    pub const fn named(id: String) -> Self {
        Self { id, written: None }
    }

    /// Reads an entry: an object, or a name. Returns nothing where it has no name.
    #[must_use]
    pub fn read(value: &'a str) -> Option<Self> {
        if let Some(id) = text(value) {
            return Some(Self::named(id.into_owned())).filter(|entry| !entry.id.is_empty());
        }
        let members = members(value)?;
        let named = |name| members.last(name).and_then(text).filter(|id| !id.is_empty());
        let id = match named("id") {
            Some(id) => id.into_owned(),
            // Ollama's and Gemini's own lists have a `name` instead.
            None => google::bare(&named("name").or_else(|| named("model"))?).to_owned(),
        };
        Some(Self {
            id,
            written: Some((value, members)),
        })
    }

    /// Whether its upstream wrote it in this shape.
    pub(super) fn is_in(&self, shape: Shape) -> bool {
        let is_anthropics = self.said("type").as_deref() == Some("model");
        match shape {
            Shape::OpenAi => self.has("id") && (!is_anthropics || self.has("object")),
            Shape::Anthropic => is_anthropics && self.has("id") && self.has("display_name"),
            Shape::Gemini => self.is_geminis(),
        }
    }

    fn is_geminis(&self) -> bool {
        let name = self.said("name").filter(|_| !self.has("id"));
        name.is_some_and(|name| google::in_full(&name) == name)
    }

    /// Returns it in a shape.
    #[must_use]
    pub fn text(&self, shape: Shape) -> Cow<'a, str> {
        match &self.written {
            Some((written, _)) if self.is_in(shape) => Cow::Borrowed(written),
            _ => Cow::Owned(self.anew(shape)),
        }
    }

    /// Returns it in a shape under another name, which the client knows it by.
    #[must_use]
    pub fn text_as(&self, id: &str, shape: Shape) -> String {
        let text = self.text(shape);
        let Ok(Value::Object(mut model)) = serde_json::from_str(&text) else {
            return text.into_owned();
        };
        match shape {
            Shape::OpenAi | Shape::Anthropic => model.set("id", id.into()),
            Shape::Gemini => model.set("name", google::in_full(id).into()),
        }
        if shape == Shape::OpenAi {
            // The name says nothing of the model any more.
            self.set_limits(&mut model);
        }
        json_text(&Value::from(model))
    }

    /// Writes it in a shape that its upstream did not write it in.
    fn anew(&self, shape: Shape) -> String {
        let facts = |known: Vec<(&str, Option<Value>)>, mut entry: Value| {
            for (name, fact) in known {
                if let Some(fact) = fact {
                    entry.set(name, fact);
                }
            }
            json_text(&entry)
        };
        match shape {
            Shape::OpenAi => self.openais(),
            Shape::Anthropic => facts(
                vec![
                    ("max_input_tokens", self.most_input()),
                    ("max_tokens", self.most_output()),
                ],
                json!({
                    "type": "model",
                    "id": self.id,
                    "display_name": self.title(),
                    "created_at": date::text(self.created()),
                    "lifecycle": "active",
                }),
            ),
            Shape::Gemini => facts(
                vec![
                    ("description", self.said("description").map(Value::from)),
                    ("inputTokenLimit", self.most_input()),
                    ("outputTokenLimit", self.most_output()),
                    ("supportedGenerationMethods", Some(METHODS.as_slice().into())),
                ],
                json!({"name": google::in_full(&self.id), "displayName": self.title()}),
            ),
        }
    }

    /// Writes it as OpenAI does. Everything else that its upstream says of it follows.
    fn openais(&self) -> String {
        let owner = match self.said("owned_by") {
            Some(owner) => owner,
            None if self.is_geminis() => "google".into(),
            None if self.is_in(Shape::Anthropic) => "anthropic".into(),
            None => NOBODY.into(),
        };
        let mut own = Map::new();
        own.set("id", self.id.as_str().into());
        own.set("object", "model".into());
        own.set("created", self.created().into());
        own.set("owned_by", owner.into());
        self.set_limits(&mut own);
        let own = Value::from(own);
        let mut entry = json_text(&own);
        let is_own = |name: &str, value: &str| own.get(name).is_some() || (name, value) == ("type", "\"model\"");
        let others = self.written.iter().flat_map(|(_, Members(members))| members);
        entry.pop();
        for (name, value) in others.filter(|(name, value)| !is_own(name, value)) {
            entry += &format!(",{}:{value}", json_text(&Value::from(name.as_ref())));
        }
        entry + "}"
    }

    fn member(&self, name: &str) -> Option<&'a str> {
        self.written.as_ref()?.1.last(name).filter(|value| *value != "null")
    }

    fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    fn said(&self, name: &str) -> Option<Cow<'a, str>> {
        self.member(name).and_then(text).filter(|said| !said.is_empty())
    }

    /// Returns what people call it.
    pub(super) fn title(&self) -> Cow<'_, str> {
        let name = || self.said("name").filter(|_| self.has("id"));
        let title = self.said("display_name").or_else(|| self.said("displayName"));
        title.or_else(name).unwrap_or_else(|| self.id.as_str().into())
    }

    /// Returns when it was released, in seconds since 1970; 0 where that is not known.
    fn created(&self) -> u64 {
        let number = |name| self.number(&[name]).and_then(|number| number.as_u64());
        let date = || date::seconds(&self.said("created_at")?);
        number("created")
            .or_else(|| number("created_at"))
            .or_else(date)
            .unwrap_or(0)
    }

    /// Returns the most tokens of a prompt: as its upstream says, else as the table of models does.
    pub(super) fn most_input(&self) -> Option<Value> {
        let known = || limits(&self.id).map(|limits| limits.input.into());
        self.number(&INPUT).or_else(known)
    }

    /// Returns the most tokens of an answer.
    fn most_output(&self) -> Option<Value> {
        let known = || {
            limits(&self.id)
                .map(|limits| limits.output)
                .filter(|output| *output > 0)
        };
        self.number(&OUTPUT).or_else(|| known().map(Value::from))
    }

    /// Adds what the table knows and its upstream does not say, by the names that OpenRouter has for it.
    fn set_limits(&self, model: &mut Map<String, Value>) {
        if self.number(&INPUT).is_some() {
            return;
        }
        for (name, most) in [
            ("context_length", self.most_input()),
            ("max_completion_tokens", self.most_output()),
        ] {
            if let Some(most) = most {
                model.set(name, most);
            }
        }
    }

    /// Returns the first of these members that is a whole number above 0.
    fn number(&self, names: &[&str]) -> Option<Value> {
        let whole = |text: &str| {
            let number = of_json(text)?;
            let is_whole = (1.0..9e15).contains(&number) && number.fract() == 0.0;
            is_whole.then_some(number as u64)
        };
        let found = names.iter().find_map(|name| self.member(name).and_then(whole));
        found.map(Value::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [Shape; 3] = [Shape::OpenAi, Shape::Anthropic, Shape::Gemini];

    #[test]
    fn an_entry_is_written_in_every_shape_with_what_it_has_a_field_for() {
        let openai = r#"{"id":"v/m","object":"model","created":1739923200,"owned_by":"v","name":"M","context_length":1000.0,"pricing":{"p":0.10}}"#;
        let anthropic = r#"{"type":"model","id":"c","display_name":"C","created_at":"2025-02-19T00:00:00Z","max_input_tokens":200,"max_tokens":64}"#;
        let gemini = r#"{"name":"models/g","version":"1","displayName":"G","description":"d","inputTokenLimit":9,"outputTokenLimit":8,"x":1.00}"#;
        for (written, expected) in [
            (
                openai,
                [
                    openai,
                    r#"{"type":"model","id":"v/m","display_name":"M","created_at":"2025-02-19T00:00:00Z","lifecycle":"active","max_input_tokens":1000}"#,
                    r#"{"name":"models/v/m","displayName":"M","inputTokenLimit":1000,"supportedGenerationMethods":["generateContent","streamGenerateContent","countTokens"]}"#,
                ],
            ),
            (
                anthropic,
                [
                    r#"{"id":"c","object":"model","created":1739923200,"owned_by":"anthropic","display_name":"C","created_at":"2025-02-19T00:00:00Z","max_input_tokens":200,"max_tokens":64}"#,
                    anthropic,
                    r#"{"name":"models/c","displayName":"C","inputTokenLimit":200,"outputTokenLimit":64,"supportedGenerationMethods":["generateContent","streamGenerateContent","countTokens"]}"#,
                ],
            ),
            (
                gemini,
                [
                    r#"{"id":"g","object":"model","created":0,"owned_by":"google","name":"models/g","version":"1","displayName":"G","description":"d","inputTokenLimit":9,"outputTokenLimit":8,"x":1.00}"#,
                    r#"{"type":"model","id":"g","display_name":"G","created_at":"1970-01-01T00:00:00Z","lifecycle":"active","max_input_tokens":9,"max_tokens":8}"#,
                    gemini,
                ],
            ),
            (
                r#""only""#,
                [
                    r#"{"id":"only","object":"model","created":0,"owned_by":"ai-gateway"}"#,
                    r#"{"type":"model","id":"only","display_name":"only","created_at":"1970-01-01T00:00:00Z","lifecycle":"active"}"#,
                    r#"{"name":"models/only","displayName":"only","supportedGenerationMethods":["generateContent","streamGenerateContent","countTokens"]}"#,
                ],
            ),
        ] {
            let entry = Entry::read(written).unwrap();
            assert_eq!(SHAPES.map(|shape| entry.text(shape).into_owned()), expected);
        }
    }

    #[test]
    fn what_is_in_a_shape_is_read_in_it_again() {
        for written in [
            r#"{"id":"m","created":-1,"name":""}"#,
            r#"{"name":"tunedModels/m"}"#,
            r#"{"model":"m"}"#,
        ] {
            let entry = Entry::read(written).unwrap();
            for shape in SHAPES {
                let text = entry.text(shape);
                let again = Entry::read(&text).unwrap();
                assert!(again.is_in(shape) && again.id == entry.id, "{text}");
            }
        }
        for nothing in ["null", "7", "[]", r#"{"id":""}"#, r#"{"id":7}"#, r#""""#] {
            assert!(Entry::read(nothing).is_none(), "{nothing}");
        }
    }

    #[test]
    fn an_alias_is_the_name_of_what_it_stands_for() {
        let entry = Entry::read(r#"{"id":"gpt-mini","n":1}"#).unwrap();
        assert_eq!(entry.text_as("fast", Shape::OpenAi), r#"{"id":"fast","n":1}"#);
        let entry = Entry::read(r#"{"name":"models/g"}"#).unwrap();
        assert_eq!(entry.text_as("fast", Shape::Gemini), r#"{"name":"models/fast"}"#);
        assert!(
            entry
                .text_as("fast", Shape::Anthropic)
                .contains(r#""id":"fast","display_name":"g""#)
        );
    }
}
