//! Method and path -> endpoint. Nothing is guessed: a path that is not in the table does not exist.

use http::{Method, Response, StatusCode};

use super::headers;
use crate::dialect::observe::Ending;
pub(super) use crate::dialect::surface::decode;
use crate::dialect::surface::{self, Class};
use crate::error::{Error, Kind};

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `GET /`
    Home,
    /// `GET /health`
    Health,
    /// `GET /v1/models`
    Models,
    /// `GET /v1/models/{id}`; the id as it stands in the path.
    Model(String),
    /// `POST /v1/chat/completions`
    ChatCompletions,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /chat`
    SimpleChat,
    /// Anything else under `/v1/`: the rest of the path, as it stands there.
    Passed(String),
}

impl Endpoint {
    pub(super) fn of(method: &Method, path: &str) -> Result<Self, Error> {
        // What the API has at a path of the table besides that, it has upstream.
        let (endpoint, allow, passed) = match path {
            "/" => (Self::Home, "GET, HEAD, OPTIONS", ""),
            "/health" => (Self::Health, "GET, HEAD, OPTIONS", ""),
            "/chat" => (Self::SimpleChat, "POST, OPTIONS", ""),
            "/v1/models" => (Self::Models, "GET, OPTIONS", ""),
            "/v1/chat/completions" => (Self::ChatCompletions, "POST, GET, OPTIONS", "GET"),
            "/v1/embeddings" => (Self::Embeddings, "POST, OPTIONS", ""),
            // They ask for a tunnel, or ask the server about itself.
            _ if matches!(*method, Method::CONNECT | Method::TRACE) => (
                Self::Passed(String::new()),
                "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
                "",
            ),
            _ => {
                let rest = path
                    .strip_prefix("/v1/")
                    .filter(|rest| is_plain(rest))
                    .ok_or_else(|| unknown(path))?;
                match rest.strip_prefix("models/") {
                    Some(id) => (Self::Model(id.to_owned()), "GET, DELETE, OPTIONS", "DELETE"),
                    None if has_encoded_slash(rest) => return Err(unknown(path)),
                    None => return Ok(Self::Passed(rest.to_owned())),
                }
            }
        };
        if method.as_str() == passed {
            return Ok(Self::Passed(path.trim_start_matches("/v1/").to_owned()));
        }
        if allow.split(", ").any(|allowed| allowed == method.as_str()) {
            return Ok(endpoint);
        }
        let mut error = Error::new(Kind::MethodNotAllowed, format!("This path takes {allow}."));
        error.allow = Some(allow);
        Err(error)
    }

    /// Its name in the log.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Health => "health",
            Self::Models => "models",
            Self::Model(_) => "model",
            Self::ChatCompletions => "chat_completions",
            Self::Embeddings => "embeddings",
            Self::SimpleChat => "chat",
            Self::Passed(_) => "passed",
        }
    }
}

impl Endpoint {
    /// How its streams end.
    pub(super) fn ending(&self) -> Ending {
        match self {
            Self::Passed(path) if path == "completions" => Ending::Done,
            Self::Passed(path) if path == "responses" || path.starts_with("responses/") => Ending::Response,
            Self::Passed(path) if path == "messages" => Ending::Message,
            Self::Passed(_) => Ending::Unknown,
            _ => Ending::Done,
        }
    }

    /// Whether nothing in a good answer is for the gateway to read, whatever it is: a GET asks for what an account keeps,
    /// and a file that looks like an error is a file.
    pub(super) fn is_unread(&self, method: &Method) -> bool {
        matches!(self, Self::Passed(_)) && matches!(*method, Method::GET | Method::HEAD)
    }

    /// Whether a good answer is passed on unread: where nothing is to be read, and else everything but JSON and, where an
    /// answer is due, a web page.
    pub(super) fn is_raw<S>(&self, method: &Method, response: &Response<S>) -> bool {
        let Self::Passed(path) = self else { return false };
        let kind = headers::content_type(response.headers()).unwrap_or_default();
        let page = kind.starts_with("text/html") && surface::class(method, path) == Class::Stateless;
        let readable = headers::is_json(kind.as_bytes()) || kind.is_empty() || page;
        response.status().is_success()
            && response.status() != StatusCode::NO_CONTENT
            && (self.is_unread(method) || !readable)
    }

    /// Whether a good answer that cannot be read, since it is compressed, is passed on as it is: nothing is made of it here.
    pub(super) const fn passes_illegible(&self) -> bool {
        matches!(self, Self::ChatCompletions | Self::Embeddings | Self::Passed(_))
    }

    /// Whether every good answer that is no stream is a JSON object.
    pub(super) const fn answers_json(&self) -> bool {
        matches!(self, Self::ChatCompletions | Self::SimpleChat | Self::Embeddings)
    }

    /// Whether good answers are made into others on their way to the client.
    pub(super) const fn is_rewritten(&self) -> bool {
        matches!(self, Self::SimpleChat | Self::Models | Self::Model(_))
    }

    /// Whether it asks for an answer, and for nothing that an account keeps.
    pub(super) fn is_stateless(&self, method: &Method) -> bool {
        match self {
            Self::Passed(path) => surface::class(method, path) == Class::Stateless,
            _ => true,
        }
    }

    /// Whether a good answer may have no body.
    pub(super) fn may_be_empty(&self, method: &Method, status: StatusCode) -> bool {
        status == StatusCode::NO_CONTENT || !self.is_stateless(method)
    }
}

/// Whether pages of other origins may use what is at this path: the API and what belongs to it, never what administers the
/// gateway itself.
pub(super) fn is_for_pages(path: &str) -> bool {
    let is_below = |folder: &str| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !is_below("/admin") && !is_below("/metrics")
}

fn unknown(path: &str) -> Error {
    let hint = if path.ends_with("/chat/completions") {
        "the base URL for clients is this gateway's address followed by /v1, as in http://127.0.0.1:8000/v1"
    } else {
        "this gateway has /health, /chat and everything that the upstream has under /v1/"
    };
    Error::new(Kind::NotFound, format!("There is nothing at this path; {hint}."))
}

/// Whether a path means the same to everyone who reads it: no empty or dot segments, however they are
/// spelled, and no control characters or backslashes.
fn is_plain(path: &str) -> bool {
    let decoded = decode(path);
    !decoded.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\')
        && decoded
            .split(|byte| *byte == b'/')
            .all(|segment| !matches!(segment, b"" | b"." | b".."))
}

/// Whether an escape stands for a slash: what is one segment here could be two upstream. Only ids of models have them.
fn has_encoded_slash(path: &str) -> bool {
    path.as_bytes()
        .windows(3)
        .any(|escape| escape.eq_ignore_ascii_case(b"%2f"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_whole_truth() {
        let get = |path| Endpoint::of(&Method::GET, path);
        assert_eq!(get("/").unwrap(), Endpoint::Home);
        assert_eq!(
            get("/v1/models/openai/gpt-4o:free").unwrap(),
            Endpoint::Model("openai/gpt-4o:free".into())
        );
        assert_eq!(
            get("/v1/models/openai%2Fgpt-4o").unwrap(),
            Endpoint::Model("openai%2Fgpt-4o".into())
        );
        for path in [
            "/models",
            "/v1",
            "/v1/",
            "//v1/models",
            "/v1//models",
            "/v1/../health",
            "/V1/models",
            "/v1/models/",
            "/v1/models//x",
            "/v1/models/../chat",
            "/v1/models/%2e%2E/x",
            "/v1/models/a%2f%2e%2e%2fb",
            "/v1/models/a%00b",
            "/v1/models/a%5Cb",
            "/v1/files/",
            "/v1/files/..%2f..%2fadmin",
            "/v1/files/a%2fb",
            "/v1/files/a%0d%0ab",
            "/health/",
        ] {
            assert_eq!(get(path).unwrap_err().kind, Kind::NotFound, "{path}");
        }
    }

    #[test]
    fn whatever_else_the_upstream_has_is_passed_on() {
        for (method, path, rest) in [
            (Method::GET, "/v1/chat/completions", "chat/completions"),
            (Method::DELETE, "/v1/models/ft:x", "models/ft:x"),
            (Method::POST, "/v1/files", "files"),
            (Method::PATCH, "/v1/next/years/things", "next/years/things"),
        ] {
            assert_eq!(Endpoint::of(&method, path).unwrap(), Endpoint::Passed(rest.into()));
        }
    }

    #[test]
    fn pages_may_use_the_api_and_not_the_administration() {
        for (path, is_for) in [
            ("/v1/files", true),
            ("/", true),
            ("/administrators", true),
            ("/admin", false),
        ] {
            assert_eq!(is_for_pages(path), is_for, "{path}");
        }
        for path in ["/admin/", "/admin/api/routes", "/metrics", "/metrics/x"] {
            assert!(!is_for_pages(path), "{path}");
        }
    }

    #[test]
    fn another_method_is_told_which_ones_there_are() {
        let error = Endpoint::of(&Method::PUT, "/v1/chat/completions").unwrap_err();
        assert_eq!(
            (error.kind, error.allow),
            (Kind::MethodNotAllowed, Some("POST, GET, OPTIONS"))
        );
        assert!(Endpoint::of(&Method::HEAD, "/health").is_ok());
    }
}
