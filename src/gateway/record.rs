//! What is known about a request when its answer begins: one line of the log. Never a body, token or key.

use serde::Serialize;

use crate::dialect::openai::Usage;
use crate::platform::Millis;

/// Longer names are cut: a client chooses them.
const MAX_MODEL: usize = 120;

/// The same of a path.
const MAX_PATH: usize = 80;

/// The first characters of a text.
fn beginning(text: &str, characters: usize) -> String {
    let end = text.char_indices().nth(characters).map_or(text.len(), |(end, _)| end);
    text[..end].to_owned()
}

/// The facts of one request. The shell adds what only the end of the body tells.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// When the request came.
    #[serde(skip)]
    pub start: Millis,
    /// On the answer and on the upstream request as well.
    pub request_id: String,
    /// What was asked for.
    pub endpoint: &'static str,
    /// The beginning of the path that was asked for, where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The client's address, where the operator wants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The caller's route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The provider that was asked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model as the upstream was asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The answer's status; 0 before there is one.
    pub status: u16,
    /// Upstream attempts.
    pub attempts: usize,
    /// How the attempts before the last one failed, and the last one if it did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// The gateway's own error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// Tokens, where the answer told.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The stream was cut, or the client left: there may have been more usage than was told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

impl Record {
    /// What the log says instead of a status where there was nobody to send an answer to (nginx's number for it).
    pub const CLIENT_LEFT: u16 = 499;

    pub(super) const fn new(start: Millis, request_id: String) -> Self {
        Self {
            start,
            request_id,
            endpoint: "none",
            path: None,
            client: None,
            route: None,
            provider: None,
            model: None,
            stream: false,
            status: 0,
            attempts: 0,
            failures: Vec::new(),
            error: None,
            usage: None,
            partial: false,
        }
    }

    pub(super) fn set_model(&mut self, model: &str) {
        self.model = Some(beginning(model, MAX_MODEL));
    }

    pub(super) fn set_path(&mut self, path: &str) {
        self.path = Some(beginning(path, MAX_PATH));
    }
}
