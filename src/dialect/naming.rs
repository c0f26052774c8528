//! Models that a request names beside its `model`. Not every upstream reads these; one that does would be asked for a model
//! that the gateway has not seen.

use serde_json::Value;

use super::patch::Members;

/// Members that hold several: OpenRouter's `models`, LiteLLM's `fallbacks`.
const SEVERAL: [&str; 2] = ["models", "fallbacks"];

/// The models in a JSON body that stand in other members than `model`: in that of another spelling, as programs in Go read it
/// (<https://pkg.go.dev/encoding/json#Unmarshal>), and in lists of models to fall back to.
#[must_use]
pub fn other_models(body: &[u8]) -> Vec<String> {
    let Ok(Members(members)) = Members::of(body) else {
        return Vec::new();
    };
    let mut models = Vec::new();
    for (name, value) in members {
        let spelled = name.to_ascii_lowercase();
        if SEVERAL.contains(&&*spelled) || spelled == "model" && name != "model" {
            match serde_json::from_str(value) {
                Ok(Value::Array(list)) => list.iter().for_each(|entry| models.extend(named(entry))),
                Ok(one) => models.extend(named(&one)),
                Err(_) => {}
            }
        }
    }
    models
}

/// The model that a value names: it is its name, or an object that has it.
fn named(value: &Value) -> Option<String> {
    let name = value.as_str().or_else(|| value.get("model")?.as_str())?;
    Some(name.to_owned()).filter(|name| !name.trim().is_empty())
}

/// Collections in a path whose members are models, or called like them.
const COLLECTIONS: [&str; 3] = ["models", "engines", "deployments"];

/// The models in a path, as it is read once its escapes are resolved: for each what it may be called, without and with what
/// follows.
#[must_use]
pub fn models_in_path(path: &str) -> Vec<Vec<String>> {
    let path = String::from_utf8_lossy(&super::surface::decode(path)).into_owned();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_collection = |part: &str| {
        let name: String = part.chars().take_while(char::is_ascii_alphanumeric).collect();
        COLLECTIONS.contains(&&*name.to_ascii_lowercase())
    };
    (1..parts.len())
        .filter(|place| is_collection(parts[place - 1]))
        .map(|place| vec![parts[place].to_owned(), parts[place..].join("/")])
        .collect()
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
                r#"{"models":["a",7,{"model":"b"},{"id":"c"}],"Fallbacks":["d"],"models ":["e"]}"#,
                &["a", "b", "d"],
            ),
            (r#"{"models":"a","fallbacks":null,"Model":""}"#, &["a"]),
            ("no", &[]),
        ] {
            assert_eq!(other_models(body.as_bytes()), models, "{body}");
        }
    }

    #[test]
    fn models_are_found_in_paths() {
        for (path, models) in [
            ("files/models", &[][..]),
            ("deployments/a/chat/completions", &["a", "a/chat/completions"]),
            ("v1/Engines%2fa", &["a", "a"]),
            ("models;x//b/a", &["b", "b/a"]),
        ] {
            let found: Vec<String> = models_in_path(path).concat();
            assert_eq!(found, models, "{path}");
        }
    }
}
