//! Models that a request names elsewhere than in its `model`.
//!
//! A token may be allowed some models only. An upstream that reads one of these places would serve a model that the gateway
//! has not checked, so all of them are checked, although few upstreams read any.

use serde_json::Value;

use super::google;
use crate::dialect::wire::json::{elements, text};
use crate::dialect::wire::members::Members;
use crate::dialect::wire::percent::decode;

/// Returns the models that a JSON body names in other members than `model`: in `Model` and the like, which programs in Go
/// take for the same name (<https://pkg.go.dev/encoding/json#Unmarshal>), and in lists of models to fall back to, which are
/// `models` for OpenRouter and several `fallbacks` for LiteLLM.
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

/// Collects the models that a value names. It is a name itself, an object with a `model`, or holds such values.
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

/// Members of Google's requests that hold requests, each with a model of its own. Both ways of spelling them are Google's.
const REQUESTS: [&str; 7] = [
    "generateContentRequest",
    "generate_content_request",
    "requests",
    "request",
    "batch",
    "inputConfig",
    "input_config",
];

/// How deep they stand in each other, lists included: `batch.inputConfig.requests.requests[].request`.
const DEEPEST: usize = 8;

/// Returns the models that the body of a request to Google's API names besides the one in its path: that of a request whose tokens
/// are to be counted, and those of several requests in one. They are without the `models/` that stands before their names.
#[must_use]
pub fn google_models(body: &[u8]) -> Vec<String> {
    let mut models = Vec::new();
    if let Ok(body) = simdutf8::compat::from_utf8(body) {
        collect_google(body, DEEPEST, &mut models);
    }
    models
}

fn collect_google(value: &str, depth: usize, models: &mut Vec<String>) {
    let Some(below) = depth.checked_sub(1) else {
        return;
    };
    if let Some(list) = elements(value) {
        list.iter().for_each(|request| collect_google(request, below, models));
        return;
    }
    let Ok(Members(members)) = Members::of(value.as_bytes()) else {
        return;
    };
    for (name, value) in members {
        if name == "model" {
            let named = text(value);
            models.extend(named.map(|name| google::bare(&name).to_owned()));
        } else if REQUESTS.contains(&&*name) {
            collect_google(value, below, models);
        }
    }
}

/// Names in a path behind which the name of a model stands, or of a deployment, which often has the name of its model.
const COLLECTIONS: [&str; 4] = ["models", "engines", "deployments", TUNED];

/// The name in a path behind which a model of Google's stands that somebody has tuned. It is a part of the model's name.
const TUNED: &str = "tunedmodels";

/// The most parts of a path that make the name of one model: `accounts/fireworks/models/x`.
const LONGEST: usize = 4;

/// Returns the first model in a path that `allows` does not allow. Escapes in the path are resolved first.
#[must_use]
pub fn forbidden_in_path(path: &str, allows: impl Fn(&str) -> bool) -> Option<String> {
    let path = String::from_utf8_lossy(&decode(path)).into_owned();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let collection = |part: &str| {
        let name: String = part.chars().take_while(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        COLLECTIONS.into_iter().find(|known| *known == name)
    };
    // Google writes the method behind a colon: `models/x:generateContent`.
    let is_allowed = |name: &str| allows(name) || name.rsplit_once(':').is_some_and(|(name, _)| allows(name));
    let mut place = 1;
    while place < parts.len() {
        if let Some(collection) = collection(parts[place - 1]) {
            let rest = &parts[place..];
            let named = |length: usize| {
                let name = rest[..length].join("/");
                if collection == TUNED {
                    google::tuned(&name)
                } else {
                    name
                }
            };
            let known = (1..=rest.len().min(LONGEST)).find(|length| is_allowed(&named(*length)));
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
    fn models_are_found_in_the_requests_that_a_request_to_google_holds() {
        for (body, models) in [
            (
                r#"{"contents":[{"parts":[{"functionCall":{"args":{"model":"x"}}}]}]}"#,
                &[][..],
            ),
            (
                r#"{"generateContentRequest":{"model":"models/a"},"model":"b"}"#,
                &["a", "b"],
            ),
            (
                r#"{"generate_content_request":{"model":"tunedModels/a"}}"#,
                &["tunedModels/a"],
            ),
            (r#"{"requests":[{"model":"models/a"},7,{"model":"b"}]}"#, &["a", "b"]),
            (
                r#"{"batch":{"model":"a","inputConfig":{"requests":{"requests":[{"request":{"model":"b"}}]}}}}"#,
                &["a", "b"],
            ),
            ("no", &[]),
        ] {
            assert_eq!(google_models(body.as_bytes()), models, "{body}");
        }
        let deep = format!("[{}{}]", "[".repeat(5000), "]".repeat(5000));
        assert!(google_models(deep.as_bytes()).is_empty());
    }

    #[test]
    fn models_are_found_in_paths() {
        let allows = |name: &str| ["a", "v/a", "accounts/f/models/a", "tunedModels/t"].contains(&name);
        for path in [
            "files/models",
            "deployments/a/chat/completions",
            "deployments/v/a/chat/completions",
            "v1beta/models/a:generate",
            "models/accounts/f/models/a",
            "models/a/x",
            "tunedModels/t:transferOwnership",
        ] {
            assert_eq!(forbidden_in_path(path, allows), None, "{path}");
        }
        for (path, model) in [
            ("v1/Engines%2fb", "b"),
            ("models;x//b/a", "b"),
            ("models/a/models/c", "c"),
            ("models/b:a", "b:a"),
            ("tunedModels/a", "a"),
            ("models/t", "t"),
        ] {
            assert_eq!(forbidden_in_path(path, allows).as_deref(), Some(model), "{path}");
        }
        assert!(forbidden_in_path(&"models/".repeat(5000), allows).is_some());
    }
}
