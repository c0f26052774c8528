//! What is known about a request when its answer begins: one line of the log. Never a body, token or key.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::held::Held;
use crate::dialect::usage::Usage;
use crate::platform::Millis;
use crate::policy::meaning::Scope;
use crate::policy::price::{Money, Pricing};

/// Longer names are cut: a client chooses them.
const MAX_MODEL: usize = 120;

/// Longer paths are cut too.
const MAX_PATH: usize = 80;

/// Returns the first characters of a text.
fn beginning(text: &str, characters: usize) -> String {
    let end = text.char_indices().nth(characters).map_or(text.len(), |(end, _)| end);
    text[..end].to_owned()
}

/// One attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedAttempt {
    /// The route whose upstream was asked.
    pub route: String,
    /// The key's place in its route, from 0; nothing where none is sent.
    pub key: Option<usize>,
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// The upstream's own code, or type, of the error.
    pub code: Option<String>,
    /// Whom it blames.
    pub scope: Scope,
    /// How long that is left alone; zero where it is not, and for an upstream, which `Health` decides.
    pub cooldown: Duration,
    /// From its beginning to its failure.
    pub took: Duration,
    /// What happened, in words. Holds neither a key nor an address.
    pub(super) what: String,
}

impl FailedAttempt {
    /// Returns the record of an upstream that was not asked any more, since so many attempts are the `most`.
    pub(super) fn not_made(route: &str, most: usize) -> Self {
        Self {
            route: route.to_owned(),
            key: None,
            status: None,
            code: None,
            scope: Scope::Gateway,
            cooldown: Duration::ZERO,
            took: Duration::ZERO,
            what: format!("not asked, {most} attempts are the most"),
        }
    }

    /// Returns it as the log has it: which key, and what happened.
    #[must_use]
    pub fn log_line(&self) -> String {
        match self.key {
            Some(key) => format!("{} key {}: {}", self.route, key + 1, self.what),
            None => format!("{}: {}", self.route, self.what),
        }
    }
}

fn log_lines<S: Serializer>(failures: &[FailedAttempt], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(failures.iter().map(FailedAttempt::log_line))
}

fn decimal<S: Serializer>(cost: &Option<Money>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&cost.unwrap_or_default().to_string())
}

/// The facts of one request. The shell adds what only the end of the body tells.
#[derive(Debug, Serialize)]
pub struct Record {
    /// When the request came.
    #[serde(skip)]
    pub start: Millis,
    /// On the answer and on the upstream request as well.
    pub request_id: String,
    /// What was asked for: one of few fixed names.
    pub endpoint: &'static str,
    /// The beginning of the path that was asked for, where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The client's address, where the log or a token needs it.
    #[serde(skip)]
    pub address: Option<String>,
    /// The client's address in the log, where the operator wants it there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The caller's route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The caller's name, where it is not that of the route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The provider that was asked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model as the upstream was asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The dialect into which the request was translated for that upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translated: Option<&'static str>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The answer's status; 0 before there is one.
    pub status: u16,
    /// Upstream attempts.
    pub attempts: usize,
    /// How the attempts before the last one failed, and the last one if it did.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "log_lines")]
    pub failures: Vec<FailedAttempt>,
    /// The gateway's own error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// Tokens, where the answer says how many.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// How they are priced.
    #[serde(skip)]
    pub pricing: Pricing,
    /// What they cost, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "decimal")]
    pub cost: Option<Money>,
    /// What it holds of the limits of its account.
    #[serde(skip)]
    pub(super) held: Option<Box<dyn Held>>,
    /// The stream was cut, or the client left: there may have been more usage than the answer says.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

impl Record {
    /// What the log says instead of a status where there was nobody to send an answer to (nginx's number for it).
    pub const CLIENT_LEFT: u16 = 499;

    pub(crate) const fn new(start: Millis, request_id: String) -> Self {
        Self {
            start,
            request_id,
            endpoint: "none",
            path: None,
            address: None,
            client: None,
            route: None,
            token: None,
            provider: None,
            model: None,
            translated: None,
            stream: false,
            status: 0,
            attempts: 0,
            failures: Vec::new(),
            error: None,
            usage: None,
            pricing: Pricing::LISTED,
            cost: None,
            held: None,
            partial: false,
        }
    }

    pub(crate) fn set_model(&mut self, model: &str) {
        self.model = Some(beginning(model, MAX_MODEL));
    }

    pub(crate) fn set_path(&mut self, path: &str) {
        self.path = Some(beginning(path, MAX_PATH));
    }
}
