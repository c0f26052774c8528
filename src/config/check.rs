//! The resolved configuration as `ai-gateway check` prints it.

use super::{Config, Route, Upstream};

const SHOWN_KEYS: usize = 3;

/// One line a route, keys and tokens masked. For the operator's terminal.
#[must_use]
pub fn table(config: &Config) -> String {
    let heads = [
        "NAME",
        "TOKEN",
        "PROVIDER",
        "UPSTREAM",
        "DEFAULT MODEL",
        "KEYS",
        "TIMEOUT",
        "ATTEMPTS",
        "FALLBACKS",
    ];
    let mut rows = vec![heads.map(str::to_owned)];
    rows.extend(config.routes.iter().map(|route| row(config, route)));
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |row: &[String; 9]| {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn row(config: &Config, route: &Route) -> [String; 9] {
    let mut keys: Vec<String> = route.keys.iter().take(SHOWN_KEYS).map(super::Secret::masked).collect();
    if route.keys.len() > SHOWN_KEYS {
        keys.push(format!("+{}", route.keys.len() - SHOWN_KEYS));
    }
    let dash = |text: String| {
        if text.is_empty() { "-".to_owned() } else { text }
    };
    let fallbacks: Vec<&str> = route
        .fallbacks
        .iter()
        .map(|index| config.routes[*index].name.as_str())
        .collect();
    [
        route.name.clone(),
        route
            .clear_token
            .as_ref()
            .map_or_else(|| format!("sha256:{}", &route.token.hex()[..8]), super::Secret::masked),
        route.provider.clone(),
        match &route.upstream {
            Upstream::Echo => "built in".to_owned(),
            Upstream::Http(addresses) => addresses.base.url.clone(),
        },
        dash(route.default_model.clone().unwrap_or_default()),
        dash(keys.join(" ")),
        format!("{} s", route.timeout.as_secs_f64()),
        route.max_attempts.to_string(),
        dash(fallbacks.join(" ")),
    ]
}
