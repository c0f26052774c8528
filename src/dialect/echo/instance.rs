//! The plainest value that fits a JSON schema.

use serde_json::{Map, Value};

/// The most levels of a value, and of references behind each other.
const DEEPEST: usize = 16;

/// The largest value, in bytes, about: clients write schemas, and one that refers to itself twice has no end.
const LARGEST: usize = 100_000;

/// The most elements of an array.
const MOST: usize = 16;

/// The longest that a text is made to be long enough.
const LONGEST: usize = 4096;

/// A text that may stand anywhere: as a command of a shell it does no harm.
const TEXT: &str = "echo";

/// Texts of a known form.
const FORMATS: [(&str, &str); 7] = [
    ("date-time", "2026-01-01T00:00:00Z"),
    ("date", "2026-01-01"),
    ("time", "00:00:00Z"),
    ("email", "echo@example.com"),
    ("uri", "https://example.com/"),
    ("uuid", "00000000-0000-4000-8000-000000000000"),
    ("ipv4", "127.0.0.1"),
];

/// Returns a value that fits `schema`, as far as it says what fits: patterns of texts are not read.
pub(super) fn instance(schema: &Value) -> Value {
    let mut bytes = LARGEST;
    of(
        schema,
        &mut Left {
            root: schema,
            bytes: &mut bytes,
            levels: DEEPEST,
        },
    )
}

/// What a part of a value is made with.
struct Left<'a> {
    /// The whole schema, to which references refer.
    root: &'a Value,
    /// How many more bytes there may be.
    bytes: &'a mut usize,
    /// How many more levels.
    levels: usize,
}

impl Left<'_> {
    /// Whether there are so many bytes left. They are taken then.
    fn take(&mut self, bytes: usize) -> bool {
        let rest = self.bytes.checked_sub(bytes);
        *self.bytes = rest.unwrap_or(*self.bytes);
        rest.is_some()
    }
}

/// Returns a value for a part of the schema.
fn of(schema: &Value, left: &mut Left<'_>) -> Value {
    if left.levels == 0 || !left.take(1) {
        return Value::Null;
    }
    let left = &mut Left {
        root: left.root,
        bytes: left.bytes,
        levels: left.levels - 1,
    };
    let first = |name: &str| schema[name].as_array().and_then(|list| list.first());
    if let Some(target) = schema["$ref"]
        .as_str()
        .and_then(|name| left.root.pointer(name.strip_prefix('#')?))
    {
        return of(target, left);
    }
    let given = ["const", "default"].map(|name| schema.get(name));
    if let Some(value) = given.into_iter().flatten().next().or_else(|| first("enum")) {
        let fits = left.take(value.to_string().len());
        return if fits { value.clone() } else { Value::Null };
    }
    // Beside a type they are about something else, such as which members there have to be.
    let choice = || first("anyOf").or_else(|| first("oneOf"));
    if let Some(choice) = choice().filter(|_| schema["type"].is_null()) {
        return of(choice, left);
    }
    match kind_of(schema).as_str() {
        "object" => object(schema, left),
        "array" => array(schema, left),
        "integer" | "number" => number(schema),
        "boolean" => Value::Bool(false),
        "null" => Value::Null,
        _ if left.take(least(schema)) => text(schema),
        _ => Value::Null,
    }
}

/// Returns the type of what fits, in small letters: Google's schemas have great ones.
fn kind_of(schema: &Value) -> String {
    let named = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").unwrap_or(&Value::Null),
        kind => kind,
    };
    let implied = || match schema {
        _ if schema.get("properties").or_else(|| schema.get("allOf")).is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    };
    named.as_str().unwrap_or_else(implied).to_ascii_lowercase()
}

/// Returns an object with the members that are required.
fn object(schema: &Value, left: &mut Left<'_>) -> Value {
    let mut members = Map::new();
    for name in schema["required"].as_array().into_iter().flatten() {
        let Some(name) = name.as_str().filter(|name| left.take(name.len())) else {
            continue;
        };
        members.insert(name.to_owned(), of(&schema["properties"][name], left));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        if let Value::Object(more) = of(part, left) {
            members.extend(more);
        }
    }
    Value::Object(members)
}

fn array(schema: &Value, left: &mut Left<'_>) -> Value {
    let least = schema["minItems"].as_u64().unwrap_or(0);
    let least = usize::try_from(least).map_or(MOST, |least| least.min(MOST));
    let element = |place: usize| match &schema["prefixItems"][place] {
        Value::Null => of(&schema["items"], left),
        own => of(own, left),
    };
    (0..least).map(element).collect()
}

/// Returns 1, or the number within the bounds that is next to it.
fn number(schema: &Value) -> Value {
    let bound = |name: &str| schema[name].as_f64();
    let least = bound("minimum").or_else(|| Some(bound("exclusiveMinimum")? + 1.0));
    let most = bound("maximum").or_else(|| Some(bound("exclusiveMaximum")? - 1.0));
    let mut number = least.unwrap_or_else(|| most.map_or(1.0, |most| most.min(1.0)));
    if let Some(step) = bound("multipleOf").filter(|step| *step > 0.0) {
        number = (number / step).ceil() * step;
    }
    if number.fract() == 0.0 && number.abs() < 9e15 {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

/// Returns how long a text has to be, as far as that is heeded.
fn least(schema: &Value) -> usize {
    let length = schema["minLength"].as_u64().unwrap_or(0);
    usize::try_from(length).map_or(LONGEST, |length| length.min(LONGEST))
}

fn text(schema: &Value) -> Value {
    let format = schema["format"].as_str().unwrap_or_default();
    let known = FORMATS.iter().find(|(name, _)| *name == format);
    let mut text = known.map_or(TEXT, |(_, text)| text).to_owned();
    let most = schema["maxLength"].as_u64().and_then(|most| usize::try_from(most).ok());
    text.truncate(most.unwrap_or(LONGEST));
    while text.len() < least(schema) {
        text.push('o');
    }
    Value::String(text)
}
