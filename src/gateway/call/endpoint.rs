//! Method and path -> endpoint: everything that is known about a request before its headers and body are read.
//!
//! Nothing is guessed: a path that is not in the table does not exist. The row is resolved once, and every later step reads
//! it: who must be known, what is read of the body, how an answer is judged and passed on, how its stream ends, which dialect
//! errors have, and the name that the log and metrics use.

mod answer;
mod path;

use std::borrow::Cow;

use http::request::Parts;
use http::{Method, Response, StatusCode};

use self::answer::AnswerRule;
pub(crate) use self::path::{dialect_of, is_for_pages};
use self::path::{has_encoded_slash, is_plain, unknown};
use crate::dialect::api::google::{self, ModelMethod};
use crate::dialect::api::label::label;
use crate::dialect::api::surface::{self, Class};
use crate::dialect::ending::Ending;
use crate::dialect::formats::{GEMINI, OPENAI};
use crate::dialect::neutral::Format;
use crate::error::{Error, Kind};
use crate::gateway::call::query::{value, values, without};

/// Where a conversation is compacted.
const COMPACT: &str = "responses/compact";

/// Where clients of Google's API have their key in a query.
const KEY: &str = "key";

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// `OPTIONS` of anything that pages of other origins may use.
    Preflight,
    /// `GET /`
    Home,
    /// `GET /health`
    Health,
    /// `GET /api/hello`, by which Claude Code asks whether there is anybody.
    Hello,
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
    /// `POST /v1beta/models/{model}:generateContent`, and what else is wanted of a model whose name stands in the path.
    Generate {
        /// Without escapes, and without `models/`. It may be empty.
        model: String,
        method: ModelMethod,
    },
    /// Anything else under `/v1/` or `/v1beta/`: the rest of the path, as it stands there.
    Passthrough(String),
}

/// What of a request's body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyRule {
    /// Nothing: there is none.
    Nothing,
    /// All of it, and it is JSON. It names a model, or the path does, unless the route has a default one.
    Json,
    /// What its type says: JSON, a form, or nothing.
    ByType {
        /// Its model may stand in a form.
        form_names_model: bool,
        /// The route's default model stands in for one that is not named.
        takes_default_model: bool,
    },
}

/// What a request wants of a model, as far as that can be said in every dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// An answer.
    Answer,
    /// The number of tokens that a request for an answer has.
    Count,
    /// Something else. Only an upstream that speaks the client's dialect has it.
    Other,
}

/// One endpoint, resolved.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) family: Family,
    /// Its name in the log and in metrics.
    pub(crate) label: &'static str,
    /// Whose keys may serve it.
    pub(crate) class: Class,
    /// How its streams end.
    pub(crate) ending: Ending,
    /// The wire format that its clients speak, in which they read errors.
    pub(crate) dialect: &'static Format,
    /// What can be asked for in another dialect as well.
    pub(crate) wish: Wish,
    pub(crate) body: BodyRule,
    answer: AnswerRule,
}

impl Endpoint {
    /// Returns the endpoint of a request.
    ///
    /// # Errors
    /// 404 for a path that does not exist, 405 for one that has other methods.
    pub(crate) fn of(head: &Parts) -> Result<Self, Error> {
        let path = head.uri.path();
        if head.method == Method::OPTIONS && is_for_pages(path) {
            return Ok(Self::own(Family::Preflight, "preflight"));
        }
        // They ask for a tunnel, or ask the server about itself.
        if matches!(head.method, Method::CONNECT | Method::TRACE) {
            return Err(takes("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
        }
        let found = match google::Path::read(path).filter(|_| is_plain(path.trim_start_matches('/'))) {
            Some(read) => Self::of_google(head, read)?,
            None if google::is_below_version(path) => return Err(unknown(path)),
            None => Self::of_openai(&head.method, path)?,
        };
        Ok(Self {
            dialect: dialect_of(path, &head.headers),
            ..found
        })
    }

    /// Returns the endpoint at a path of the API that most upstreams have, OpenAI's with what others have added.
    fn of_openai(method: &Method, path: &str) -> Result<Self, Error> {
        // What the API has at a path of the table besides that, it has upstream.
        let (family, allow, passed) = match path {
            "/" => (Family::Home, "GET, HEAD, OPTIONS", ""),
            "/health" => (Family::Health, "GET, HEAD, OPTIONS", ""),
            "/api/hello" => (Family::Hello, "GET, HEAD, OPTIONS", ""),
            "/chat" => (Family::SimpleChat, "POST, OPTIONS", ""),
            "/v1/models" => (Family::Models, "GET, OPTIONS", ""),
            "/v1/chat/completions" => (Family::ChatCompletions, "POST, GET, OPTIONS", "GET"),
            "/v1/embeddings" => (Family::Embeddings, "POST, OPTIONS", ""),
            _ => {
                let rest = path
                    .strip_prefix("/v1/")
                    .filter(|rest| is_plain(rest))
                    .ok_or_else(|| unknown(path))?;
                match rest.strip_prefix("models/") {
                    Some(id) => (Family::Model(id.to_owned()), "GET, DELETE, OPTIONS", "DELETE"),
                    None if has_encoded_slash(rest) => return Err(unknown(path)),
                    None => return Ok(Self::passthrough(method, rest)),
                }
            }
        };
        if method.as_str() == passed {
            return Ok(Self::passthrough(method, path.trim_start_matches("/v1/")));
        }
        check(method, allow)?;
        Ok(match family {
            Family::Home => Self::own(family, "home"),
            Family::Health => Self::own(family, "health"),
            Family::Hello => Self::own(family, "hello"),
            Family::Models => Self::models(OPENAI),
            Family::Model(id) => Self::model(OPENAI, id),
            Family::ChatCompletions => Self {
                wish: Wish::Answer,
                ..Self::asking(family, "chat_completions")
            },
            Family::Embeddings => Self::asking(family, "embeddings"),
            Family::SimpleChat => Self {
                answer: AnswerRule::Rewritten { json: true },
                wish: Wish::Answer,
                ..Self::asking(family, "chat")
            },
            Family::Generate { .. } | Family::Passthrough(_) | Family::Preflight => Self::passthrough(method, ""),
        })
    }

    /// Returns the endpoint at a path of Google's API.
    fn of_google(head: &Parts, path: google::Path<'_>) -> Result<Self, Error> {
        let is_get = head.method == Method::GET;
        let (allow, endpoint) = match path {
            google::Path::Models => ("GET, OPTIONS", Self::models(GEMINI)),
            google::Path::Model(id) => ("GET, OPTIONS", Self::model(GEMINI, id.to_owned())),
            google::Path::Method(model, method) => {
                let is_array = method == ModelMethod::Stream && !asks_for_events(head.uri.query());
                let endpoint = Self {
                    wish: match method {
                        ModelMethod::Generate | ModelMethod::Stream => Wish::Answer,
                        ModelMethod::Count => Wish::Count,
                    },
                    ending: GEMINI.ending,
                    answer: if is_array { AnswerRule::Array } else { AnswerRule::Json },
                    ..Self::asking(Family::Generate { model, method }, method.label())
                };
                ("POST, OPTIONS", endpoint)
            }
            google::Path::ModelOrMethod(rest) if is_get => {
                let id = rest.strip_prefix("models/").unwrap_or(rest);
                ("GET, POST, OPTIONS", Self::model(GEMINI, id.to_owned()))
            }
            google::Path::ModelOrMethod(rest) => ("GET, POST, OPTIONS", Self::google_passthrough(&head.method, rest)),
            google::Path::Other(rest) if has_encoded_slash(rest) => return Err(unknown(head.uri.path())),
            google::Path::Other(rest) => return Ok(Self::google_passthrough(&head.method, rest)),
        };
        check(&head.method, allow)?;
        Ok(endpoint)
    }

    /// Returns the list of models, for clients of a dialect.
    pub(crate) fn models(dialect: &'static Format) -> Self {
        Self {
            dialect,
            answer: AnswerRule::Rewritten { json: false },
            ..Self::own(Family::Models, "models")
        }
    }

    /// Returns one model, for clients of a dialect; `id` as it stands in the path.
    pub(crate) fn model(dialect: &'static Format, id: String) -> Self {
        Self {
            dialect,
            answer: AnswerRule::Rewritten { json: false },
            ..Self::own(Family::Model(id), "model")
        }
    }

    /// Returns an endpoint that the gateway knows by name.
    fn own(family: Family, label: &'static str) -> Self {
        Self {
            family,
            label,
            class: Class::Stateless,
            ending: Ending::Done,
            dialect: OPENAI,
            wish: Wish::Other,
            body: BodyRule::Nothing,
            answer: AnswerRule::Json,
        }
    }

    /// Returns an endpoint that asks a model for something.
    fn asking(family: Family, label: &'static str) -> Self {
        Self {
            body: BodyRule::Json,
            ..Self::own(family, label)
        }
    }

    fn passthrough(method: &Method, path: &str) -> Self {
        Self {
            class: surface::class(method, path),
            ending: match path {
                "completions" => Ending::Done,
                "messages" => Ending::Message,
                _ if path == "responses" || path.starts_with("responses/") => Ending::Response,
                _ => Ending::Unknown,
            },
            wish: match path {
                _ if *method != Method::POST => Wish::Other,
                "messages" | "responses" | COMPACT => Wish::Answer,
                "messages/count_tokens" | "responses/input_tokens" => Wish::Count,
                _ => Wish::Other,
            },
            body: BodyRule::ByType {
                form_names_model: *method == Method::POST && surface::names_model_in_form(path),
                takes_default_model: surface::takes_default_model(path),
            },
            ..Self::passed(method, path)
        }
    }

    /// Returns an endpoint of Google's API that only its upstreams have.
    fn google_passthrough(method: &Method, path: &str) -> Self {
        Self {
            class: google::class(method, path),
            ..Self::passed(method, path)
        }
    }

    /// Returns an endpoint that is passed on as it is.
    fn passed(method: &Method, path: &str) -> Self {
        let is_stored = matches!(*method, Method::GET | Method::HEAD);
        Self {
            class: Class::Stateful,
            ending: Ending::Unknown,
            body: BodyRule::ByType {
                form_names_model: false,
                takes_default_model: false,
            },
            answer: if is_stored {
                AnswerRule::Unread
            } else {
                AnswerRule::Passed
            },
            ..Self::own(Family::Passthrough(path.to_owned()), label(path))
        }
    }

    /// Whether it asks for a summary of a conversation that takes its place.
    pub(crate) fn is_compaction(&self) -> bool {
        matches!(&self.family, Family::Passthrough(path) if path == COMPACT)
    }

    /// Whether a good answer is passed on unread, whatever it is.
    pub(crate) fn is_unread(&self) -> bool {
        self.answer == AnswerRule::Unread
    }

    /// Whether this good answer is passed on unread: where all are, and else everything that is neither JSON nor, where an
    /// answer is due, a web page.
    pub(crate) fn passes_raw<S>(&self, response: &Response<S>) -> bool {
        self.answer.passes_raw(response, self.is_stateless())
    }

    /// Whether a good answer that cannot be read, since it is compressed, is passed on as it is: nothing is made of it here.
    pub(crate) const fn passes_illegible(&self) -> bool {
        !self.is_rewritten()
    }

    /// Whether every good answer that is not a stream is a JSON object.
    pub(crate) const fn answers_json(&self) -> bool {
        self.answer.is_json()
    }

    /// Whether good answers are made into others on their way to the client.
    pub(crate) const fn is_rewritten(&self) -> bool {
        self.answer.is_rewritten()
    }

    /// Returns what may be the caller's token in a query: clients of Google's API have their key there. Nobody else's is looked
    /// for in it.
    pub(crate) fn keys_in(&self, query: Option<&str>) -> Vec<String> {
        let query = query.filter(|_| self.dialect == GEMINI);
        query.map(|query| values(query, KEY).collect()).unwrap_or_default()
    }

    /// Returns a query without such keys. One that is not the caller's token would stand beside the route's key.
    pub(crate) fn without_keys<'q>(&self, query: Cow<'q, str>) -> Cow<'q, str> {
        if self.dialect != GEMINI {
            return query;
        }
        match without(&query, KEY) {
            Cow::Owned(left) => left.into(),
            Cow::Borrowed(_) => query,
        }
    }

    /// Whether it asks for a stream that is a JSON array.
    pub(crate) fn streams_array(&self) -> bool {
        self.answer == AnswerRule::Array
    }

    /// Whether it asks for an answer, and for nothing that an account keeps.
    pub(crate) fn is_stateless(&self) -> bool {
        self.class == Class::Stateless
    }

    /// Whether a good answer with this status may have no body.
    pub(crate) fn may_be_empty(&self, status: StatusCode) -> bool {
        status == StatusCode::NO_CONTENT || !self.is_stateless()
    }

    /// Whether the gateway knows the endpoint by name, rather than passing on whatever the upstream has there.
    pub(crate) const fn is_known(&self) -> bool {
        !matches!(self.family, Family::Passthrough(_))
    }
}

/// Refuses a method that is not one of those that a path takes.
fn check(method: &Method, allow: &'static str) -> Result<(), Error> {
    if allow.split(", ").any(|allowed| allowed == method.as_str()) {
        Ok(())
    } else {
        Err(takes(allow))
    }
}

/// Returns the error for another method than those that a path takes.
fn takes(allow: &'static str) -> Error {
    let mut error = Error::new(Kind::MethodNotAllowed, format!("This path takes {allow}."));
    error.allow = Some(allow);
    error
}

/// Whether a stream of Google's is to consist of events. Else it is an array.
fn asks_for_events(query: Option<&str>) -> bool {
    query.and_then(|query| value(query, "alt")).as_deref() == Some("sse")
}

#[cfg(test)]
mod tests;
