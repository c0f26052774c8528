//! Who may read answers from a web page: `CORS_ORIGINS`.

use super::variables::Reading;

/// The origins whose web pages may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Every origin.
    Any,
    /// These only.
    Origins(Vec<String>),
}

/// Returns the origins in `CORS_ORIGINS`; every one where it is not set.
pub(super) fn cors(reading: &mut Reading<'_>) -> Cors {
    let Some(list) = reading.get("CORS_ORIGINS") else {
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
        reading
            .problems
            .at("CORS_ORIGINS", "there is no origin in it", "leave it out to allow all");
    }
    for origin in &origins {
        let rest = origin.split_once("://").map(|(_, rest)| rest);
        if !rest.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', '*', '?', '#'])) {
            reading.problems.at(
                "CORS_ORIGINS",
                format!("`{origin}` is no origin"),
                "an origin is a scheme and a host, as in https://chat.example; `*` alone stands for all",
            );
        }
    }
    Cors::Origins(origins)
}

/// Returns an origin as browsers write it: in small letters, and without the port that its scheme implies (HTML section
/// 7.1.1).
fn as_browsers_write_it(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    [("https://", ":443"), ("http://", ":80")]
        .iter()
        .filter(|(scheme, _)| origin.starts_with(scheme))
        .find_map(|(_, port)| origin.strip_suffix(port).map(str::to_owned))
        .unwrap_or(origin)
}
