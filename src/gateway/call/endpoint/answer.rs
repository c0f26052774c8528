//! What becomes of a good answer of an endpoint.

use http::{Response, StatusCode};

use crate::gateway::fields;

/// What becomes of a good answer that is not a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerRule {
    /// It is a JSON object, and nothing else is an answer.
    Json,
    /// It is made into another one on its way to the client.
    Rewritten {
        /// As in [`AnswerRule::Json`].
        json: bool,
    },
    /// It is read where it is JSON; other types are passed on as they come.
    Passed,
    /// It is a stream although it is JSON, an array that comes element by element: it is passed on as it comes.
    Array,
    /// It is passed on unread, whatever it is: a GET asks for what an account keeps, and a file that looks like an error is a
    /// file.
    Unread,
}

impl AnswerRule {
    /// Whether this good answer is passed on unread: where all are, and else everything that is neither JSON nor, where an
    /// endpoint `answers` and keeps nothing, a web page.
    pub(super) fn passes_raw<S>(self, response: &Response<S>, answers: bool) -> bool {
        let kind = || fields::content_type(response.headers()).unwrap_or_default();
        let is_json = || fields::is_json(kind().as_bytes());
        let unread = match self {
            Self::Json | Self::Rewritten { .. } => return false,
            Self::Unread => true,
            Self::Array => is_json(),
            Self::Passed => {
                let is_page = kind().starts_with("text/html") && answers;
                !(is_json() || kind().is_empty() || is_page)
            }
        };
        unread && response.status().is_success() && response.status() != StatusCode::NO_CONTENT
    }

    /// Whether every good answer that is not a stream is a JSON object.
    pub(super) const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Rewritten { json: true })
    }

    /// Whether good answers are made into others on their way to the client.
    pub(super) const fn is_rewritten(self) -> bool {
        matches!(self, Self::Rewritten { .. })
    }
}
