//! Reads a schema: the subset of OpenAPI 3.0 that Gemini began with becomes JSON Schema. Types are in lower case, `nullable` is one
//! more type, and names are in camel case.
//!
//! Clients write upper-case types in JSON Schema as well, so both kinds are read alike. Only the names of keywords are changed: never
//! names of properties, defaults or values.

use serde_json::{Map, Value};

use super::fields::is_spelled;
use crate::dialect::wire::build::json;

/// Keywords in camel case, which may come in snake case.
const CAMEL: [&str; 9] = [
    "anyOf",
    "maxItems",
    "minItems",
    "maxLength",
    "minLength",
    "maxProperties",
    "minProperties",
    "propertyOrdering",
    "additionalProperties",
];

/// Returns a schema as JSON Schema.
pub(super) fn read(schema: Value) -> Value {
    let Value::Object(members) = schema else {
        return schema;
    };
    let mut read_members = Map::new();
    let mut is_nullable = false;
    for (key, value) in members {
        let camel = CAMEL.iter().find(|camel| is_spelled(&key, camel));
        let key = camel.map_or(key, |camel| (*camel).to_owned());
        match (key.as_str(), value) {
            ("nullable", Value::Bool(nullable)) => is_nullable = nullable,
            // What OpenAPI adds: the order in which the model writes, and an example for readers.
            ("propertyOrdering" | "example", _) => {}
            ("format", Value::String(format)) if format == "enum" => {}
            ("type", value) => {
                if let Some(value) = read_type(value) {
                    read_members.insert(key, value);
                }
            }
            (_, value) => {
                let value = read_keyword(&key, value);
                read_members.insert(key, value);
            }
        }
    }
    if is_nullable {
        add_null(&mut read_members);
    }
    Value::Object(read_members)
}

/// Returns a type in lower case; nothing where it says that it says nothing.
fn read_type(value: Value) -> Option<Value> {
    match value {
        Value::String(name) if name == "TYPE_UNSPECIFIED" => None,
        Value::String(name) => Some(Value::String(name.to_ascii_lowercase())),
        Value::Array(names) => Some(Value::Array(names.into_iter().filter_map(read_type).collect())),
        other => Some(other),
    }
}

fn read_keyword(key: &str, value: Value) -> Value {
    match (key, value) {
        ("properties" | "$defs" | "definitions" | "patternProperties" | "dependentSchemas", Value::Object(schemas)) => {
            schemas.into_iter().map(|(name, schema)| (name, read(schema))).collect()
        }
        ("anyOf" | "oneOf" | "allOf" | "prefixItems" | "items", Value::Array(schemas)) => {
            schemas.into_iter().map(read).collect()
        }
        ("items" | "additionalProperties" | "not" | "if" | "then" | "else" | "contains" | "propertyNames", schema) => {
            read(schema)
        }
        // 64 bits are a text in proto3 JSON.
        (
            "maxItems" | "minItems" | "maxLength" | "minLength" | "maxProperties" | "minProperties",
            Value::String(text),
        ) => text.parse::<u64>().map_or(Value::String(text), Value::from),
        (_, value) => value,
    }
}

/// Adds null to what a schema allows.
fn add_null(schema: &mut Map<String, Value>) {
    match schema.get_mut("type") {
        Some(Value::Array(types)) if !types.contains(&json!("null")) => types.push(json!("null")),
        Some(one @ Value::String(_)) => *one = json!([one.take(), "null"]),
        Some(_) => {}
        None => {
            if let Some(Value::Array(schemas)) = schema.get_mut("anyOf") {
                schemas.push(json!({"type": "null"}));
            }
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
}
