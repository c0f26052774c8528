//! JSON schemas that the upstream promises to follow: that of an answer, and those of the arguments of strict tools.
//!
//! They have fewer keywords. The others are said to the model in the description. What is too much to be followed makes the whole
//! request fail, so it is not asked for.

use crate::dialect::wire::build::Set;
use serde_json::{Map, Value};

/// The keywords that the upstream rejects where it follows a schema, or is slow to follow.
const NOT_FOLLOWED: [&str; 26] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "maxItems",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "prefixItems",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "dependentRequired",
    "dependentSchemas",
    "not",
    "if",
    "then",
    "else",
];

/// The values of `format` that the upstream follows.
const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// Where definitions stand.
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];

/// A schema that can be followed.
#[derive(Debug)]
pub(super) struct Strict {
    /// The schema.
    pub(super) schema: Value,
    /// The keywords that are only said to the model.
    pub(super) left_out: Vec<String>,
}

/// What the schemas of a request may have in all. The first three numbers are Anthropic's. A grammar that is made of them may be too
/// large all the same; the last number is ours, and keeps away from that.
#[derive(Debug)]
pub(super) struct Room {
    tools: usize,
    optional: usize,
    unions: usize,
    members: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            tools: 20,
            optional: 24,
            unions: 16,
            members: 100,
        }
    }
}

impl Room {
    /// Returns a schema as it can be followed, and takes its room. Returns nothing where there is too little of it, or where the schema
    /// refers to itself or to another document.
    pub(super) fn take(&mut self, schema: &Value) -> Option<Strict> {
        let mut left_out = Vec::new();
        let strict = followed(schema, &mut left_out);
        if !refers_well(&strict) {
            return None;
        }
        let mut used = Self {
            tools: 1,
            optional: 0,
            unions: 0,
            members: 0,
        };
        used.count(&strict);
        *self = Self {
            tools: self.tools.checked_sub(used.tools)?,
            optional: self.optional.checked_sub(used.optional)?,
            unions: self.unions.checked_sub(used.unions)?,
            members: self.members.checked_sub(used.members)?,
        };
        Some(Strict {
            schema: strict,
            left_out,
        })
    }

    fn count(&mut self, schema: &Value) {
        let Value::Object(schema) = schema else { return };
        let is_union = schema
            .get("type")
            .and_then(Value::as_array)
            .is_some_and(|kinds| kinds.len() > 1);
        self.unions += usize::from(is_union || schema.contains_key("anyOf"));
        if let Some(Value::Object(properties)) = schema.get("properties") {
            let required = schema.get("required").and_then(Value::as_array);
            let is_required =
                |name: &&String| required.is_some_and(|required| required.iter().any(|one| one == name.as_str()));
            self.members += properties.len();
            self.optional += properties.len() - properties.keys().filter(is_required).count();
        }
        for child in children(schema) {
            self.count(child);
        }
    }
}

/// Returns the schemas in a schema.
fn children(schema: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let maps = ["properties", DEFINITIONS[0], DEFINITIONS[1]].into_iter();
    let in_maps = maps
        .filter_map(|name| schema.get(name)?.as_object())
        .flat_map(Map::values);
    let lists = ["anyOf", "allOf"].into_iter();
    let in_lists = lists.filter_map(|name| schema.get(name)?.as_array()).flatten();
    in_maps.chain(in_lists).chain(schema.get("items"))
}

/// Returns a schema that can be followed. Objects have no members besides those that it names.
fn followed(schema: &Value, left_out: &mut Vec<String>) -> Value {
    let Value::Object(schema) = schema else {
        return schema.clone();
    };
    let mut strict = Map::new();
    let mut notes: Vec<String> = Vec::new();
    for (name, value) in schema {
        let is_taken = match name.as_str() {
            "minItems" => matches!(value.as_u64(), Some(0 | 1)),
            "format" => value.as_str().is_some_and(|format| FORMATS.contains(&format)),
            // The first names no rule. Every object gets the other one below.
            "$schema" | "$id" => continue,
            "additionalProperties" if *value == Value::Bool(false) => continue,
            "additionalProperties" => false,
            name => !NOT_FOLLOWED.contains(&name),
        };
        if is_taken {
            strict.insert(name.clone(), value.clone());
        } else {
            notes.push(format!("{name}: {value}"));
            if !left_out.contains(name) {
                left_out.push(name.clone());
            }
        }
    }
    if let Some(one_of) = strict.shift_remove("oneOf") {
        strict.entry("anyOf").or_insert(one_of);
    }
    for name in ["properties", DEFINITIONS[0], DEFINITIONS[1]] {
        let inner = strict.get_mut(name).and_then(Value::as_object_mut);
        for child in inner.into_iter().flat_map(Map::values_mut) {
            *child = followed(child, left_out);
        }
    }
    for name in ["anyOf", "allOf"] {
        let inner = strict.get_mut(name).and_then(Value::as_array_mut);
        for child in inner.into_iter().flatten() {
            *child = followed(child, left_out);
        }
    }
    if let Some(items) = strict.get_mut("items") {
        *items = followed(items, left_out);
    }
    if strict.get("type").is_some_and(is_object) || strict.contains_key("properties") {
        strict.say("additionalProperties", &false);
    }
    if !notes.is_empty() {
        let before = strict.get("description").and_then(Value::as_str);
        let before = before.map_or_else(String::new, |before| format!("{before}\n\n"));
        let description = format!("{before}{{{}}}", notes.join(", "));
        strict.set("description", description.into());
    }
    Value::Object(strict)
}

/// Whether the value of `type` allows an object.
fn is_object(kind: &Value) -> bool {
    kind == "object"
        || kind
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|kind| kind == "object"))
}

/// Whether every reference in a schema leads to one of its own definitions, and never back to where it stands.
fn refers_well(schema: &Value) -> bool {
    let Value::Object(root) = schema else { return true };
    let mut outside = root.clone();
    let mut definitions: Vec<(String, Value)> = Vec::new();
    for name in DEFINITIONS {
        if let Some(Value::Object(inner)) = outside.shift_remove(name) {
            definitions.extend(inner.into_iter().map(|(key, value)| (format!("#/{name}/{key}"), value)));
        }
    }
    // A definition is done once all that it refers to is done. What never is, is in a circle.
    let mut done: Vec<String> = Vec::new();
    let is_done = |schema: &Value, done: &[String]| references(schema).iter().all(|path| done.contains(path));
    while let Some(place) = definitions.iter().position(|(_, schema)| is_done(schema, &done)) {
        done.push(definitions.swap_remove(place).0);
    }
    definitions.is_empty() && is_done(&Value::Object(outside), &done)
}

fn references(schema: &Value) -> Vec<String> {
    let Value::Object(schema) = schema else {
        return Vec::new();
    };
    let own = schema.get("$ref").and_then(Value::as_str).map(str::to_owned);
    own.into_iter().chain(children(schema).flat_map(references)).collect()
}
