//! What a path says by itself, whatever there is at it: who speaks there, who may use it, and whether it means the same to everyone.

use http::HeaderMap;

use crate::dialect::api::google;
use crate::dialect::formats::{ANTHROPIC, GEMINI, OPENAI, RESPONSES};
use crate::dialect::neutral::Format;
use crate::dialect::wire::percent::decode;
use crate::error::{Error, Kind};
use crate::gateway::fields;

/// Returns the dialect of whoever asks for what is at a path, in which he reads errors: that of the API that has such a path.
/// Several have some (`/v1/models`, `/v1/files`); there it is that of the clients who send such headers.
pub(crate) fn dialect_of(path: &str, headers: &HeaderMap) -> &'static Format {
    let rest = path.strip_prefix("/v1/").unwrap_or_default();
    let family = rest.split('/').next().unwrap_or_default();
    match family {
        _ if path == "/chat" => return OPENAI,
        "messages" => return ANTHROPIC,
        "responses" => return RESPONSES,
        "chat" | "completions" | "embeddings" => return OPENAI,
        _ => {}
    }
    if google::is_below_version(path) || google::Path::read(path).is_some() {
        return GEMINI;
    }
    // One of Google's SDKs asks for its lists below /v1/, others send their key only.
    let is_googles = || {
        headers.contains_key(fields::X_GOOG_API_CLIENT)
            || family == "models" && headers.contains_key(fields::X_GOOG_API_KEY)
    };
    if headers.contains_key(fields::ANTHROPIC_VERSION) {
        ANTHROPIC
    } else if is_googles() {
        GEMINI
    } else {
        OPENAI
    }
}

/// Whether pages of other origins may use what is at this path: the API and what belongs to it, never what administers the
/// gateway itself.
pub(crate) fn is_for_pages(path: &str) -> bool {
    let is_below = |folder: &str| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !is_below("/admin") && !is_below("/metrics")
}

/// Returns the error for a path that does not exist.
pub(super) fn unknown(path: &str) -> Error {
    let hint = if path.ends_with("/chat/completions") {
        "the base URL for clients is this gateway's address followed by /v1, as in http://127.0.0.1:8000/v1"
    } else {
        "this gateway has /health, /chat and everything that the upstream has under /v1/ or, where it is Google's, /v1beta/"
    };
    Error::new(Kind::NotFound, format!("There is nothing at this path; {hint}."))
}

/// Whether a path means the same to everyone who reads it: no empty or dot segments, however they are
/// spelled, and no control characters or backslashes.
pub(super) fn is_plain(path: &str) -> bool {
    let decoded = decode(path);
    !decoded.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\')
        && decoded
            .split(|byte| *byte == b'/')
            .all(|segment| !matches!(segment, b"" | b"." | b".."))
}

/// Whether an escape stands for a slash: what is one segment here could be two upstream. Only ids of models have them.
pub(super) fn has_encoded_slash(path: &str) -> bool {
    path.as_bytes()
        .windows(3)
        .any(|escape| escape.eq_ignore_ascii_case(b"%2f"))
}
