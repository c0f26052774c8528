//! Models that a request names beside its `model`. Not every upstream reads these; one that does would be asked for a model
//! that the gateway has not seen, under the name that stands there.

use serde_json::Value;

use super::patch::Members;

/// The models in a JSON body that stand in other members than `model`: in that of another spelling, as programs in Go read it
/// (<https://pkg.go.dev/encoding/json#Unmarshal>), and in lists of models to fall back to, OpenRouter's `models` and LiteLLM's
/// several `fallbacks`.
#[must_use]
pub fn other_models(body: &[u8]) -> Vec<String> {
    let Ok(Members(members)) = Members::of(body) else {
        return Vec::new();
    };
    let mut models = Vec::new();
    for (name, value) in members {
        let spelled = name.to_ascii_lowercase();
        let is_list = spelled == "models" || spelled == "fallback_models" || spelled.ends_with("fallbacks");
        if (is_list || spelled == "model" && name != "model")
            && let Ok(value) = serde_json::from_str(value)
        {
            collect(&value, &mut models);
        }
    }
    models
}

/// The models that a value names: it is the name of one, has one, or holds values that do.
fn collect(value: &Value, models: &mut Vec<String>) {
    match value {
        Value::String(name) if !name.trim().is_empty() => models.push(name.clone()),
        Value::Array(list) => list.iter().for_each(|entry| collect(entry, models)),
        Value::Object(members) => match members.get("model") {
            Some(model) => collect(model, models),
            None => members.values().for_each(|value| collect(value, models)),
        },
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Collections in a path whose members are models, or called like them.
const COLLECTIONS: [&str; 3] = ["models", "engines", "deployments"];

/// The most parts that the name of a model has in a path: `accounts/fireworks/models/x`.
const LONGEST: usize = 4;

/// The first model in a path, as it reads once its escapes are resolved, that is not among those that `allows` knows.
#[must_use]
pub fn forbidden_in_path(path: &str, allows: impl Fn(&str) -> bool) -> Option<String> {
    let path = String::from_utf8_lossy(&super::surface::decode(path)).into_owned();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_collection = |part: &str| {
        let name: String = part.chars().take_while(char::is_ascii_alphanumeric).collect();
        COLLECTIONS.contains(&&*name.to_ascii_lowercase())
    };
    // Google's methods stand behind a colon.
    let is_allowed = |name: &str| allows(name) || name.rsplit_once(':').is_some_and(|(name, _)| allows(name));
    let mut place = 1;
    while place < parts.len() {
        if is_collection(parts[place - 1]) {
            let rest = &parts[place..];
            let known = (1..=rest.len().min(LONGEST)).find(|length| is_allowed(&rest[..*length].join("/")));
            match known {
                Some(length) => place += length,
                None => return Some(rest[0].to_owned()),
            }
        }
        place += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_wherever_an_upstream_may_read_one() {
        for (body, models) in [
            (r#"{"model":"a","x":{"MODEL":"b"}}"#, &[][..]),
            (r#"{"model":"a","MODEL":"b","mod\u0045l":"c"}"#, &["b", "c"]),
            (
                r#"{"models":["a",7,{"model":"b","x":"y"}],"Fallbacks":["d"],"models ":["e"]}"#,
                &["a", "b", "d"],
            ),
            (r#"{"context_window_fallbacks":[{"a":["b","c"]}]}"#, &["b", "c"]),
            (r#"{"models":"a","fallbacks":null,"Model":""}"#, &["a"]),
            ("no", &[]),
        ] {
            assert_eq!(other_models(body.as_bytes()), models, "{body}");
        }
    }

    #[test]
    fn models_are_found_in_paths() {
        let allows = |name: &str| ["a", "v/a", "accounts/f/models/a"].contains(&name);
        for path in [
            "files/models",
            "deployments/a/chat/completions",
            "deployments/v/a/chat/completions",
            "v1beta/models/a:generate",
            "models/accounts/f/models/a",
            "models/a/x",
        ] {
            assert_eq!(forbidden_in_path(path, allows), None, "{path}");
        }
        for (path, model) in [
            ("v1/Engines%2fb", "b"),
            ("models;x//b/a", "b"),
            ("models/a/models/c", "c"),
            ("models/b:a", "b:a"),
        ] {
            assert_eq!(forbidden_in_path(path, allows).as_deref(), Some(model), "{path}");
        }
        assert!(forbidden_in_path(&"models/".repeat(5000), allows).is_some());
    }
}
