//! Where a configuration comes from: the first source that is set and not blank.

use serde_json::{Map, Value};

use super::{Config, Cors, Problems, parse};
use crate::dialect::providers;

/// A JSON text and what it is called in reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The variable, file or key that it came from.
    pub origin: String,
    /// The text.
    pub text: String,
}

impl Document {
    /// A table of routes as `GATEWAY_ROUTES` holds it.
    pub(super) fn table(text: &str) -> Self {
        Self {
            origin: "GATEWAY_ROUTES".to_owned(),
            text: text.to_owned(),
        }
    }
}

/// How a shell answers for a variable.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables that hold a configuration, but for the numbered parts of `GATEWAY_ROUTES`.
pub const VARIABLES: [&str; 28] = [
    "GATEWAY_ROUTES",
    "GATEWAY_TOKEN",
    "PROVIDER",
    "UPSTREAM_API_KEY",
    "UPSTREAM_BASE_URL",
    "UPSTREAM_CHAT_URL",
    "UPSTREAM_MODELS_URL",
    "UPSTREAM_TIMEOUT",
    "DEFAULT_MODEL",
    "HTTP_REFERER",
    "X_TITLE",
    "CORS_ORIGINS",
    "BODY_LIMIT",
    "OPENROUTER_API_KEY",
    "OPENAI_API_KEY",
    "SILICONFLOW_API_KEY",
    "GEMINI_API_KEY",
    "DEEPSEEK_API_KEY",
    "GROQ_API_KEY",
    "MISTRAL_API_KEY",
    "XAI_API_KEY",
    "TOGETHER_API_KEY",
    "MOONSHOT_API_KEY",
    "ZHIPU_API_KEY",
    "DASHSCOPE_API_KEY",
    "ARK_API_KEY",
    "AZURE_OPENAI_API_KEY",
    "CLOUDFLARE_API_TOKEN",
];

/// The keys that a single-token configuration looks for, after the provider's own.
const KEYS: [&str; 5] = [
    "UPSTREAM_API_KEY",
    "OPENROUTER_API_KEY",
    "OPENAI_API_KEY",
    "SILICONFLOW_API_KEY",
    "GEMINI_API_KEY",
];

pub(super) fn set(variables: Variables<'_>, name: &str) -> Option<String> {
    variables(name).filter(|value| !value.trim().is_empty())
}

/// The table of routes in `GATEWAY_ROUTES`, or in its parts `GATEWAY_ROUTES_1`, `_2`, ... joined.
#[must_use]
pub fn inline_routes(variables: Variables<'_>) -> Option<Document> {
    if let Some(text) = set(variables, "GATEWAY_ROUTES") {
        return Some(Document::table(&text));
    }
    let parts: Vec<String> = (1..)
        .map_while(|part| set(variables, &format!("GATEWAY_ROUTES_{part}")))
        .collect();
    let text = parts.concat();
    (!text.trim().is_empty()).then_some(Document {
        origin: "GATEWAY_ROUTES_1..".to_owned(),
        text,
    })
}

/// The configuration in `routes`, or else in the variables of a single token.
///
/// # Errors
/// Every problem there is.
pub fn load(routes: Option<Document>, variables: Variables<'_>) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    if set(variables, "GATEWAY_ROUTES").is_none() {
        report_gap(variables, &mut problems);
    }
    let mut key_variable = KEYS[0];
    let document = routes.or_else(|| single_token(variables, &mut key_variable, &mut problems));
    let routes = document
        .map(|document| parse::routes(&document, &mut problems))
        .unwrap_or_default();
    problems.rename(KEYS[0], key_variable);
    let cors = cors(variables, &mut problems);
    let body_limit = body_limit(variables, &mut problems);
    if problems.is_empty() {
        let tokens = routes.iter().enumerate();
        Ok(Config {
            tokens: tokens.map(|(index, route)| (route.token, index)).collect(),
            routes,
            cors,
            body_limit,
        })
    } else {
        Err(problems)
    }
}

/// A part behind a missing number would be left out silently, and with it the routes in it.
fn report_gap(variables: Variables<'_>, problems: &mut Problems) {
    const LOOK_AHEAD: usize = 9;
    let is_set = |part: &usize| set(variables, &format!("GATEWAY_ROUTES_{part}")).is_some();
    let missing = (1..).find(|part| !is_set(part)).unwrap_or(1);
    if let Some(stray) = (missing + 1..=missing + LOOK_AHEAD).find(is_set) {
        let hint = format!("set GATEWAY_ROUTES_{missing} as well, or renumber: parts count from 1 without a gap");
        problems.at(
            &format!("GATEWAY_ROUTES_{missing}"),
            format!("it is not set, but GATEWAY_ROUTES_{stray} is"),
            &hint,
        );
    }
}

/// The single-token variables as a table of one route, so that every rule is written once.
fn single_token(
    variables: Variables<'_>,
    key_variable: &mut &'static str,
    problems: &mut Problems,
) -> Option<Document> {
    let get = |name: &str| set(variables, name).map(|value| value.trim().to_owned());
    let provider = get("PROVIDER").unwrap_or_else(|| "openrouter".to_owned());
    let row = providers::named(&provider);
    let own = row.and_then(|row| row.key_variable);
    let keys = own.into_iter().chain(KEYS).find_map(|name| Some((name, get(name)?)));
    let Some(token) = get("GATEWAY_TOKEN") else {
        if keys.is_some() {
            problems.at(
                "GATEWAY_TOKEN",
                "an upstream key is set, but no token for clients",
                "run `ai-gateway token` and set GATEWAY_TOKEN to what it prints",
            );
        } else {
            let hint = "set GATEWAY_ROUTES (a JSON array of routes), or GATEWAY_TOKEN and an upstream key; `ai-gateway demo` runs without either";
            problems.at("GATEWAY_ROUTES", "nothing is configured", hint);
        }
        return None;
    };
    let mut route = Map::new();
    let mut put = |field: &str, value: Value| drop(route.insert(field.to_owned(), value));
    put("token", token.into());
    put("name", "default".into());
    put("provider", provider.into());
    if let Some((variable, keys)) = keys {
        *key_variable = variable;
        let keys: Vec<Value> = keys
            .split(',')
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .map(Value::from)
            .collect();
        put("api_keys", keys.into());
    }
    for (variable, field) in [
        ("UPSTREAM_BASE_URL", "base_url"),
        ("UPSTREAM_CHAT_URL", "chat_url"),
        ("UPSTREAM_MODELS_URL", "models_url"),
        ("DEFAULT_MODEL", "default_model"),
    ] {
        if let Some(value) = get(variable) {
            put(field, value.into());
        }
    }
    if let Some(timeout) = get("UPSTREAM_TIMEOUT") {
        put(
            "timeout",
            // What is no number in JSON either is told as it stands.
            match timeout.parse::<f64>() {
                Ok(seconds) if seconds.is_finite() => seconds.into(),
                _ => timeout.into(),
            },
        );
    }
    let headers: Map<String, Value> = [("HTTP_REFERER", "HTTP-Referer"), ("X_TITLE", "X-Title")]
        .into_iter()
        .filter_map(|(variable, header)| Some((header.to_owned(), get(variable)?.into())))
        .collect();
    if !headers.is_empty() {
        put("extra_headers", headers.into());
    }
    Some(Document {
        origin: parse::SINGLE_TOKEN.to_owned(),
        text: Value::from(vec![Value::from(route)]).to_string(),
    })
}

fn cors(variables: Variables<'_>, problems: &mut Problems) -> Cors {
    let Some(list) = set(variables, "CORS_ORIGINS") else {
        return Cors::Any;
    };
    let origins: Vec<String> = list
        .split(',')
        .map(|origin| as_browsers_write_it(origin.trim()))
        .filter(|origin| !origin.is_empty())
        .collect();
    if origins.iter().any(|origin| origin == "*") {
        return Cors::Any;
    }
    if origins.is_empty() {
        problems.at("CORS_ORIGINS", "there is no origin in it", "leave it out to allow all");
    }
    for origin in &origins {
        let rest = origin.split_once("://").map(|(_, rest)| rest);
        if !rest.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', '*', '?', '#'])) {
            problems.at(
                "CORS_ORIGINS",
                format!("`{origin}` is no origin"),
                "an origin is a scheme and a host, as in https://chat.example; `*` alone stands for all",
            );
        }
    }
    Cors::Origins(origins)
}

/// An origin in small letters and without the port that its scheme has anyhow (HTML section 7.1.1).
fn as_browsers_write_it(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    [("https://", ":443"), ("http://", ":80")]
        .iter()
        .filter(|(scheme, _)| origin.starts_with(scheme))
        .find_map(|(_, port)| origin.strip_suffix(port).map(str::to_owned))
        .unwrap_or(origin)
}

fn body_limit(variables: Variables<'_>, problems: &mut Problems) -> usize {
    const DEFAULT: usize = 64 * 1024 * 1024;
    let Some(text) = set(variables, "BODY_LIMIT") else {
        return DEFAULT;
    };
    let digits = text
        .trim()
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or_else(|| text.trim().len());
    let (number, unit) = text.trim().split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "k" | "kb" | "kib" => Some(1024),
        "m" | "mb" | "mib" => Some(1024 * 1024),
        "g" | "gb" | "gib" => Some(1024 * 1024 * 1024),
        _ => None,
    };
    let bytes = number
        .parse::<u64>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .filter(|bytes| *bytes > 0);
    // More than there are addresses for is no limit.
    let bytes = bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    bytes.unwrap_or_else(|| {
        problems.at("BODY_LIMIT", "expected a number of bytes", "write 67108864 or 64MiB");
        DEFAULT
    })
}
