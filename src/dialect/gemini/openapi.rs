//! Writes a JSON schema in the subset of OpenAPI 3.0 that older versions of Gemini take. What the subset cannot say is left out, and
//! named.

use crate::dialect::wire::build::{Set, json};
use serde_json::{Map, Value};

/// How many schemas are written at most: references may be to schemas that have references, and so on.
const MOST: usize = 4096;

/// How deep a schema that refers to itself is written out.
const DEEPEST: usize = 24;

/// How many keywords are named that were left out. Clients make up some.
const MOST_REMOVED: usize = 64;

/// Returns a schema in the subset, and the keywords that were left out.
pub(super) fn write(schema: &Value) -> (Value, Vec<String>) {
    let mut writer = Subset {
        root: schema,
        removed: Vec::new(),
        count: 0,
    };
    let written = writer.schema(schema, 0);
    (written, writer.removed)
}

struct Subset<'a> {
    root: &'a Value,
    removed: Vec<String>,
    count: usize,
}

impl Subset<'_> {
    /// Notes that a keyword is left out.
    fn remove(&mut self, key: &str) {
        if self.removed.len() < MOST_REMOVED && !self.removed.iter().any(|known| known == key) {
            self.removed.push(key.to_owned());
        }
    }

    fn schema(&mut self, schema: &Value, depth: usize) -> Value {
        self.count += 1;
        let Value::Object(members) = schema else {
            // `true`: anything, which the subset cannot say.
            return json!({"type": "OBJECT"});
        };
        if depth > DEEPEST || self.count > MOST {
            self.remove("$ref");
            return json!({"type": "OBJECT"});
        }
        if let Some(target) = members.get("$ref").and_then(Value::as_str) {
            let Some(target) = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) else {
                self.remove("$ref");
                return json!({"type": "OBJECT"});
            };
            let mut written = self.schema(target, depth + 1);
            if let (Some(written), Some(text)) = (written.as_object_mut(), members.get("description")) {
                written.say("description", text);
            }
            return written;
        }
        let mut written = Map::new();
        for (key, value) in members {
            self.keyword(key, value, depth, &mut written);
        }
        self.kind(members, depth, &mut written);
        complete(&mut written);
        Value::Object(written)
    }

    /// Writes one keyword, other than those that say which kind of value it is.
    fn keyword(&mut self, key: &str, value: &Value, depth: usize, written: &mut Map<String, Value>) {
        let value = match (key, value) {
            ("type" | "anyOf" | "oneOf" | "allOf" | "const" | "enum" | "nullable", _) => return,
            // They say nothing of the value.
            ("$schema" | "$id" | "$anchor" | "$comment" | "$defs" | "definitions" | "examples", _) => return,
            ("properties", Value::Object(schemas)) => {
                let each = schemas.iter();
                each.map(|(name, schema)| (name.clone(), self.schema(schema, depth + 1)))
                    .collect()
            }
            ("items", schema @ (Value::Object(_) | Value::Bool(_))) => self.schema(schema, depth + 1),
            ("format", Value::String(format)) if is_format(format) => value.clone(),
            (
                "title" | "description" | "default" | "required" | "propertyOrdering" | "minItems" | "maxItems"
                | "minProperties" | "maxProperties" | "minLength" | "maxLength" | "pattern" | "example" | "minimum"
                | "maximum",
                _,
            ) => value.clone(),
            _ => {
                self.remove(key);
                return;
            }
        };
        written.set(key, value);
    }

    /// Writes which kind of value it is: a type, one of several, or one of some values.
    fn kind(&mut self, members: &Map<String, Value>, depth: usize, written: &mut Map<String, Value>) {
        let mut is_nullable = members.get("nullable") == Some(&Value::Bool(true));
        let mut alternatives = Vec::new();
        match members.get("type") {
            Some(Value::String(name)) => {
                written.set("type", name.to_ascii_uppercase().into());
            }
            Some(Value::Array(names)) => {
                let names = names.iter().filter_map(Value::as_str);
                let (null, others): (Vec<&str>, Vec<&str>) = names.partition(|name| *name == "null");
                is_nullable |= !null.is_empty();
                match others.as_slice() {
                    [one] => written.set("type", one.to_ascii_uppercase().into()),
                    several => {
                        alternatives.extend(several.iter().map(|name| json!({"type": name.to_ascii_uppercase()})));
                    }
                }
            }
            _ => {}
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            let Some(Value::Array(schemas)) = members.get(key) else {
                continue;
            };
            if key == "allOf" && schemas.len() > 1 {
                self.remove(key);
                continue;
            }
            let (null, others): (Vec<&Value>, Vec<&Value>) = schemas.iter().partition(|schema| is_null(schema));
            is_nullable |= !null.is_empty();
            alternatives.extend(others.into_iter().map(|schema| self.schema(schema, depth + 1)));
        }
        if let [Value::Object(one)] = alternatives.as_slice() {
            for (key, value) in one {
                written.entry(key.clone()).or_insert_with(|| value.clone());
            }
        } else if !alternatives.is_empty() {
            written.set("anyOf", alternatives.into());
        }
        is_nullable |= self.values(members, written);
        if is_nullable {
            written.say("nullable", &true);
        }
    }

    /// Writes the values that are allowed, which can only be texts. Returns whether null is one of them.
    fn values(&mut self, members: &Map<String, Value>, written: &mut Map<String, Value>) -> bool {
        let (key, values) = match (members.get("const"), members.get("enum")) {
            (Some(value), _) => ("const", std::slice::from_ref(value)),
            (None, Some(Value::Array(values))) => ("enum", values.as_slice()),
            _ => return false,
        };
        let others = || values.iter().filter(|value| !value.is_null());
        if others().all(|value| value.as_str().is_some_and(|text| !text.is_empty())) && others().next().is_some() {
            written.set("enum", others().cloned().collect());
            written.entry("type").or_insert_with(|| "STRING".into());
        } else {
            self.remove(key);
            let kind = others().next().map(kind_of);
            if let Some(kind) = kind {
                written.entry("type").or_insert_with(|| kind.into());
            }
        }
        values.iter().any(Value::is_null)
    }
}

/// Adds what the subset demands, and takes away what it refuses to see beside it.
fn complete(schema: &mut Map<String, Value>) {
    if !schema.contains_key("type") && !schema.contains_key("anyOf") {
        let kind = if schema.contains_key("items") {
            "ARRAY"
        } else {
            "OBJECT"
        };
        schema.set("type", kind.into());
    }
    if schema.get("type") == Some(&json!("ARRAY")) && !schema.contains_key("items") {
        schema.set("items", json!({"type": "STRING"}));
    }
    if let Some(mut required) = schema.get_mut("required").map(Value::take) {
        if let Value::Array(names) = &mut required {
            let properties = schema.get("properties").unwrap_or(&Value::Null);
            names.retain(|name| name.as_str().is_some_and(|name| properties.get(name).is_some()));
        }
        schema.set("required", required);
    }
    for (key, empty) in [("required", json!([])), ("properties", json!({}))] {
        if schema.get(key) == Some(&empty) {
            schema.remove(key);
        }
    }
}

fn is_null(schema: &Value) -> bool {
    schema.get("type") == Some(&json!("null")) || schema.get("const") == Some(&Value::Null)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "BOOLEAN",
        Value::Number(number) if number.is_f64() => "NUMBER",
        Value::Number(_) => "INTEGER",
        Value::Array(_) => "ARRAY",
        Value::Object(_) => "OBJECT",
        Value::String(_) | Value::Null => "STRING",
    }
}

/// The formats that the subset knows; it refuses every other one.
fn is_format(format: &str) -> bool {
    matches!(format, "enum" | "date-time" | "int32" | "int64" | "float" | "double")
}
