//! The text of a table of routes, and where it came from. Reports about the table name that place. So it stays with the text,
//! from the shell that read it to the parser.

use serde_json::Value;

use super::variables::{KV, ROUTES, ROUTES_FILE};

/// The origin of a document that was made of the variables of a single token.
pub(super) const SINGLE_TOKEN: &str = "the single-token variables";

/// A table of routes in JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// The variable that holds the table, or says where it is.
    source: &'static str,
    /// The name of the table in reports.
    pub(super) origin: String,
    /// The text.
    pub(super) text: String,
}

impl Document {
    /// A document from the file that `GATEWAY_ROUTES_FILE` names.
    #[must_use]
    pub const fn file(path: String, text: String) -> Self {
        Self {
            source: ROUTES_FILE,
            origin: path,
            text,
        }
    }

    /// A document from the KV namespace that is bound as `GATEWAY_KV`: the value of the key `GATEWAY_ROUTES`.
    #[must_use]
    pub fn kv(text: String) -> Self {
        Self {
            source: KV,
            origin: format!("{KV}:{ROUTES}"),
            text,
        }
    }

    /// A document from variables.
    pub(super) const fn variables(origin: String, text: String) -> Self {
        Self {
            source: ROUTES,
            origin,
            text,
        }
    }

    /// Returns the variable that holds the table, or says where it is.
    pub(super) const fn source(&self) -> &'static str {
        self.source
    }

    /// Whether the table is blank, an empty array, or an object with an empty array of routes, and so counts as not set.
    pub(super) fn is_empty(&self) -> bool {
        let text = self.text.trim_start_matches('\u{feff}').trim();
        if text.starts_with('{') {
            let table: Value = serde_json::from_str(text).unwrap_or_default();
            return table.get("routes").and_then(Value::as_array).is_some_and(Vec::is_empty);
        }
        let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        inside.unwrap_or(text).trim().is_empty()
    }

    /// Returns where the table is, in words for the operator.
    pub(super) fn place(&self) -> String {
        match self.source {
            ROUTES_FILE => format!("{} ({ROUTES_FILE})", self.origin),
            KV => format!("the key {ROUTES} of {KV}"),
            _ => self.origin.clone(),
        }
    }
}
