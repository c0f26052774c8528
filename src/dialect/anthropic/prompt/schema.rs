//! The schema of a tool's arguments. They are an object, whose schema says so at its top.

use crate::dialect::wire::build::{Set, json};
use serde_json::{Map, Value};

/// Returns the schema of a tool's arguments: of an object, without alternatives at its top. Alternatives there become one object
/// that has all of their members; only those that all of them require are required.
pub(super) fn of_object(schema: Option<&Value>) -> Value {
    let Some(Value::Object(schema)) = schema else {
        return json!({"type": "object", "properties": {}});
    };
    let mut schema = with_target(schema.clone());
    for keyword in ["anyOf", "oneOf", "allOf"] {
        if let Some(Value::Array(list)) = schema.shift_remove(keyword) {
            merge(&mut schema, &list, keyword == "allOf");
        }
    }
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        schema.say("type", &"object");
    }
    Value::Object(schema)
}

/// Returns a schema in the place of a reference to it, where it refers to one of its own definitions.
fn with_target(mut schema: Map<String, Value>) -> Map<String, Value> {
    let target = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|path| path.strip_prefix('#'));
    let target = target.and_then(|path| Value::Object(schema.clone()).pointer(path).cloned());
    if let Some(Value::Object(target)) = target {
        schema.shift_remove("$ref");
        for (name, value) in target {
            schema.entry(name).or_insert(value);
        }
    }
    schema
}

/// Adds the members of some objects to those of `schema`.
fn merge(schema: &mut Map<String, Value>, list: &[Value], all: bool) {
    let root = Value::Object(schema.clone());
    let resolved = |one: &Value| {
        let path = one
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|path| path.strip_prefix('#'));
        path.and_then(|path| root.pointer(path)).unwrap_or(one).clone()
    };
    let list: Vec<Value> = list.iter().map(resolved).filter(|one| one["type"] != "null").collect();
    let mut properties = match schema.shift_remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    let required = |one: &Value| -> Vec<String> {
        let names = one["required"].as_array().into_iter().flatten();
        names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let mut names = required(&root);
    let mut of_list: Option<Vec<String>> = None;
    for one in &list {
        for (name, value) in one["properties"].as_object().into_iter().flatten() {
            properties.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let own = required(one);
        of_list = Some(match of_list {
            None => own,
            Some(before) if all => before.into_iter().chain(own).collect(),
            Some(before) => before.into_iter().filter(|name| own.contains(name)).collect(),
        });
    }
    for name in of_list.unwrap_or_default() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    schema.set("properties", Value::Object(properties));
    if !names.is_empty() {
        schema.say("required", &names);
    }
}
