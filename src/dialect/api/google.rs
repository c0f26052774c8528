//! Google's paths: the name of the model stands in them, and behind a colon what is wanted of it.
//!
//! `/v1beta/models/{model}:generateContent`. Google serves several versions of its API below different folders. Which one is asked
//! upstream is a part of the upstream's own address, so that a client may write any of them.

use std::borrow::Cow;

use http::Method;

use super::surface::{self, Class};
use crate::dialect::wire::percent::decode;

/// Folders with nothing but Google's API below them.
const VERSIONS: [&str; 2] = ["/v1beta", "/v1alpha"];

/// What stands before the name of a model in a path, and in requests that name it in full.
const MODELS: &str = "models/";

/// The beginning of the names of models that somebody has tuned. It stands in the place of [`MODELS`].
const TUNED: &str = "tunedModels/";

/// What is wanted of a model, as far as upstreams of other dialects have it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelMethod {
    /// A whole answer: `:generateContent`.
    Generate,
    /// A stream: `:streamGenerateContent`.
    Stream,
    /// The number of a request's tokens: `:countTokens`.
    Count,
}

impl ModelMethod {
    fn of(name: &str) -> Option<Self> {
        [Self::Generate, Self::Stream, Self::Count]
            .into_iter()
            .find(|method| method.name() == name)
    }

    /// Returns its name in paths.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generate => "generateContent",
            Self::Stream => "streamGenerateContent",
            Self::Count => "countTokens",
        }
    }

    /// Returns its name in the log and in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Generate => "generate_content",
            Self::Stream => "stream_generate_content",
            Self::Count => "count_tokens",
        }
    }
}

/// Other methods of a model, and whether the account of any key may serve them: the others make something that is asked for
/// later. Below `/v1/`, where the names of others' models have colons as well, these are known to be methods.
const OTHERS: [(&str, bool); 8] = [
    ("asyncBatchEmbedContent", false),
    ("batchEmbedContents", true),
    ("batchGenerateContent", false),
    ("embedContent", true),
    ("generateAnswer", true),
    ("predict", true),
    ("predictLongRunning", false),
    ("transferOwnership", false),
];

/// What stands at a path of Google's API.
#[derive(Debug, PartialEq, Eq)]
pub enum Path<'a> {
    /// The list of models.
    Models,
    /// A model, by its id as it stands in the path.
    Model(&'a str),
    /// A method of a model, whose name has no escapes any more, and not the `models/` that may stand before it.
    Method(String, ModelMethod),
    /// A model whose name has a colon, or another method of a model: what stands behind the version.
    ModelOrMethod(&'a str),
    /// Anything else: what stands behind the version.
    Other(&'a str),
}

impl<'a> Path<'a> {
    /// Reads a path. Returns nothing where it is not Google's for certain: below `/v1/`, where others have their API too, only
    /// the known methods of a model are.
    #[must_use]
    pub fn read(path: &'a str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("/v1/") {
            let read = Self::below(rest);
            return match &read {
                Self::Method(..) => Some(read),
                Self::ModelOrMethod(rest) if OTHERS.iter().any(|(name, _)| *name == method(rest)) => Some(read),
                _ => None,
            };
        }
        VERSIONS
            .iter()
            .find_map(|version| path.strip_prefix(version)?.strip_prefix('/'))
            .map(Self::below)
    }

    /// Reads what stands behind a version.
    fn below(rest: &'a str) -> Self {
        let is_tuned = rest.starts_with(TUNED);
        if rest == "models" {
            return Self::Models;
        }
        if !is_tuned && !rest.starts_with(MODELS) {
            return Self::Other(rest);
        }
        let decoded = String::from_utf8_lossy(&decode(rest)).into_owned();
        match decoded.rsplit_once(':') {
            Some((name, method)) => match ModelMethod::of(method) {
                Some(method) => Self::Method(bare(name).to_owned(), method),
                None => Self::ModelOrMethod(rest),
            },
            None if is_tuned => Self::Other(rest),
            None => Self::Model(&rest[MODELS.len()..]),
        }
    }
}

/// Whether there is nothing but Google's API at a path, or below it.
#[must_use]
pub fn is_below_version(path: &str) -> bool {
    let rest = VERSIONS.iter().find_map(|version| path.strip_prefix(version));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns the name of a model without what stands before it where it is named in full: once in a path, and once more where
/// somebody has taken that for a part of the name.
#[must_use]
pub fn bare(name: &str) -> &str {
    let name = name.strip_prefix(MODELS).unwrap_or(name);
    name.strip_prefix(MODELS).unwrap_or(name)
}

/// Returns a model's name as it stands in a path, before the colon and its method.
#[must_use]
pub fn in_full(name: &str) -> Cow<'_, str> {
    if name.starts_with(MODELS) || name.starts_with(TUNED) {
        name.into()
    } else {
        format!("{MODELS}{name}").into()
    }
}

/// Returns the whole name of a model that somebody has tuned.
#[must_use]
pub fn tuned(name: &str) -> String {
    format!("{TUNED}{name}")
}

/// Returns whose keys may serve a request that is passed on as it is. `rest` is what stands behind the version.
#[must_use]
pub fn class(http: &Method, rest: &str) -> Class {
    let is_free = OTHERS.iter().any(|(name, is_free)| *is_free && *name == method(rest));
    match surface::class(http, rest) {
        Class::Stateful if is_free && *http == Method::POST => Class::Stateless,
        class => class,
    }
}

/// Returns what stands behind the last colon; nothing where there is none.
fn method(rest: &str) -> String {
    let decoded = String::from_utf8_lossy(&decode(rest)).into_owned();
    decoded
        .rsplit_once(':')
        .map(|(_, method)| method.to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_and_their_methods_are_read_however_they_are_spelled() {
        for (path, model, method) in [
            ("/v1beta/models/m:generateContent", "m", ModelMethod::Generate),
            ("/v1/models/m:countTokens", "m", ModelMethod::Count),
            ("/v1alpha/models/m%3AstreamGenerateContent", "m", ModelMethod::Stream),
            (
                "/v1beta/models/openai%2Fgpt-4o:generateContent",
                "openai/gpt-4o",
                ModelMethod::Generate,
            ),
            (
                "/v1beta/models/v/m:free:generateContent",
                "v/m:free",
                ModelMethod::Generate,
            ),
            ("/v1beta/models/models/m:generateContent", "m", ModelMethod::Generate),
            ("/v1beta/models/models%2fm:generateContent", "m", ModelMethod::Generate),
            (
                "/v1beta/tunedModels/m:generateContent",
                "tunedModels/m",
                ModelMethod::Generate,
            ),
            (
                "/v1/models/tunedModels/m:generateContent",
                "tunedModels/m",
                ModelMethod::Generate,
            ),
            ("/v1beta/models/:generateContent", "", ModelMethod::Generate),
        ] {
            assert_eq!(Path::read(path), Some(Path::Method(model.into(), method)), "{path}");
        }
    }

    #[test]
    fn what_is_not_a_known_method_is_told_from_what_others_have_at_such_a_path() {
        for (path, read) in [
            ("/v1beta/models", Some(Path::Models)),
            ("/v1beta/models/v%2Fm", Some(Path::Model("v%2Fm"))),
            (
                "/v1beta/models/m:embedContent",
                Some(Path::ModelOrMethod("models/m:embedContent")),
            ),
            ("/v1beta/models/m:free", Some(Path::ModelOrMethod("models/m:free"))),
            (
                "/v1/models/m:embedContent",
                Some(Path::ModelOrMethod("models/m:embedContent")),
            ),
            ("/v1alpha/files/x", Some(Path::Other("files/x"))),
            ("/v1beta/tunedModels/x", Some(Path::Other("tunedModels/x"))),
            ("/v1beta/", Some(Path::Other(""))),
            ("/v1beta", None),
            ("/v1betas/models", None),
            ("/v1/models", None),
            ("/v1/models/m", None),
            ("/v1/models/ft:gpt-4o:org:word", None),
            ("/v1/files/x:generateContent", None),
        ] {
            assert_eq!(Path::read(path), read, "{path}");
        }
        assert!(is_below_version("/v1beta") && is_below_version("/v1alpha/x") && !is_below_version("/v1betas"));
    }

    #[test]
    fn a_model_has_one_name_in_a_path() {
        for (name, full) in [
            ("m", "models/m"),
            ("v/m", "models/v/m"),
            ("models/m", "models/m"),
            ("tunedModels/m", "tunedModels/m"),
        ] {
            assert_eq!(in_full(name), full);
        }
    }

    #[test]
    fn what_makes_something_for_later_belongs_to_one_account() {
        for (method, rest, expected) in [
            (Method::POST, "models/m:embedContent", Class::Stateless),
            (Method::POST, "models/m%3AbatchEmbedContents", Class::Stateless),
            (Method::POST, "models/m:predictLongRunning", Class::Stateful),
            (Method::POST, "models/m:next", Class::Stateful),
            (Method::GET, "files/x", Class::Stateful),
            (Method::GET, "models/x", Class::Stateless),
            (Method::POST, "organization:predict", Class::Organization),
        ] {
            assert_eq!(class(&method, rest), expected, "{rest}");
        }
    }
}
