//! A request as an upstream of another dialect gets it, and its answer on the way back.
//!
//! [`Way::of`] decides for each attempt whether a request goes out as it came. Where it does not, the body is read into the neutral
//! vocabulary and written for the upstream. The client's query and most of its headers stay behind: they mean nothing there.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, Response, StatusCode};

use crate::config::{Base, Route, Secret, TokenDigest, Upstream};
use crate::dialect::formats::{ANTHROPIC, RESPONSES};
use crate::dialect::neutral::estimate::estimate;
use crate::dialect::neutral::event::Context;
use crate::dialect::neutral::request::{Request, Unsayable};
use crate::dialect::neutral::{Counting, Format, flat};
use crate::dialect::responses::compaction::{self, Form};
use crate::dialect::translation::{Translation, Whole};
use crate::dialect::upstream_models;
use crate::dialect::usage::Usage;
use crate::dialect::wire::build::json_text;
use crate::dialect::wire::find::contains;
use crate::error::{Error, Kind};
use crate::gateway::call::endpoint::{Endpoint, Wish};
use crate::gateway::call::query::encoded;
use crate::gateway::call::{ClientRequest, Content};
use crate::gateway::reply::{Body, json};
use crate::gateway::sealing::Sealing;
use crate::platform::Millis;

/// The names of what could not be said to the upstream.
pub(super) const DROPPED: HeaderName = HeaderName::from_static("x-gateway-dropped");

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The most names in that header.
const MOST_NAMES: usize = 20;

/// The longest of them, in bytes. Clients choose some.
const LONGEST_NAME: usize = 100;

/// The number of tokens is not the upstream's, but the gateway's guess.
const ESTIMATED: HeaderName = HeaderName::from_static("x-gateway-estimated");

/// The type of an item of Responses that has tools in it. Codex sends it; OpenAI takes it, and few others do.
const ADDITIONAL_TOOLS: &str = "\"additional_tools\"";

/// The type of an item with which a client of Responses asks for a summary of the conversation. Few but OpenAI know it.
const TRIGGER: &str = "\"compaction_trigger\"";

/// How a client of Chat Completions asks for the usage of a stream.
const INCLUDE_USAGE: &str = "\"include_usage\":true";

/// How a request is put to an upstream.
pub(super) enum Way {
    /// As it came, except for the model in it.
    AsItCame,
    /// In the upstream's dialect.
    Translated(Arc<Translated>),
    /// Not at all: nobody there counts tokens, so they are estimated here.
    Estimated(u64),
}

/// What a way depends on, besides the request.
pub(super) struct Target<'a> {
    pub(super) route: &'a Route,
    /// The model that the upstream is asked for.
    pub(super) model: Option<&'a str>,
    /// The upstream has answered that there is nothing at the path of the client's endpoint.
    pub(super) lacks_endpoint: bool,
    /// The request asks for a summary of the conversation, and the upstream is known not to make one by itself.
    pub(super) lacks_compaction: bool,
    /// What seals the summaries that clients keep.
    pub(super) secrets: &'a [Secret],
    /// New random bits.
    pub(super) random: &'a dyn Fn() -> u128,
}

impl Way {
    /// Returns how `request` is put to a target. An answer that is made anew gets the time `now` and this `id`.
    ///
    /// # Errors
    /// 400 or 415 where the request cannot be read, or cannot be said in the upstream's dialect.
    pub(super) fn of(
        request: &ClientRequest<'_>,
        target: &Target<'_>,
        id: impl FnOnce() -> String,
        now: Millis,
    ) -> Result<Self, Error> {
        let endpoint = request.endpoint;
        let is_odd = is_odd(request, target);
        let is_spoken = target.route.speaks(endpoint.dialect) != Some(false) && !target.lacks_endpoint && !is_odd;
        if endpoint.wish == Wish::Other || is_spoken {
            return Ok(Self::AsItCame);
        }
        let (read, model) = read(request, target.model)?;
        let is_echoed = endpoint.wish == Wish::Answer && matches!(target.route.upstream, Upstream::Echo);
        if is_echoed && !read.compaction {
            return Ok(Self::AsItCame);
        }
        if endpoint.wish == Wish::Count && (target.route.dialect.counting.is_none() || target.lacks_endpoint) {
            return Ok(Self::Estimated(estimate(&read)));
        }
        let from = match target.route.speaks(RESPONSES) {
            Some(true) if is_odd && endpoint.dialect == RESPONSES => RESPONSES,
            _ => target.route.dialect,
        };
        let translated = Translated::of(request, target, from, read, model, &id(), now)?;
        Ok(Self::Translated(Arc::new(translated)))
    }
}

/// Whether a request that an upstream could get as it came has something in it that this upstream refuses, and that can be said otherwise: it is
/// written anew then, in the same dialect unless it speaks another one only.
fn is_odd(request: &ClientRequest<'_>, target: &Target<'_>) -> bool {
    let endpoint = request.endpoint;
    let has_tools_inside = || contains(&request.body, ADDITIONAL_TOOLS);
    let takes_them = || is_openais(target.route, target.model);
    request.misplaced.is_some()
        || target.lacks_compaction
        || (endpoint.dialect == RESPONSES && endpoint.wish == Wish::Answer && has_tools_inside() && !takes_them())
}

/// Whether an upstream takes everything that OpenAI takes, as far as that is known.
fn is_openais(route: &Route, model: Option<&str>) -> bool {
    upstream_models::quirks(&route.provider, RESPONSES, model.unwrap_or_default()).additional_tools
}

/// Whether only an answer can tell if an upstream makes the summary that the client asks it for.
pub(super) fn may_lack_compaction(request: &ClientRequest<'_>, route: &Route, model: Option<&str>) -> bool {
    let endpoint = request.endpoint;
    endpoint.dialect == RESPONSES
        && endpoint.wish == Wish::Answer
        && contains(&request.body, TRIGGER)
        && !is_openais(route, model)
}

/// Whether only an answer can tell if an upstream has an endpoint, and there is another way to answer where it has none.
pub(super) fn may_lack_endpoint(endpoint: &Endpoint, route: &Route) -> bool {
    match endpoint.wish {
        Wish::Count => true,
        Wish::Answer => route.speaks(endpoint.dialect).is_none() || endpoint.is_compaction(),
        Wish::Other => false,
    }
}

/// Returns what the writer of an answer has to know besides the answer, which is made anew: it gets the time `now` and this `id`.
pub(super) fn context(request: &ClientRequest<'_>, read: &Request, model: &str, id: &str, now: Millis) -> Context {
    Context {
        model: request.named_model().unwrap_or(model).to_owned(),
        id: id.replace('-', ""),
        created: now.0 / 1000,
        include_usage: read.include_usage,
        is_array: request.is_array(),
        tools: Vec::new(),
        echo: (request.endpoint.dialect.echo)(&request.body),
    }
}

/// Reads a request that has to be said in another dialect. Returns it, and the model that the upstream is asked for.
pub(super) fn read<'a>(request: &ClientRequest<'_>, model: Option<&'a str>) -> Result<(Request, &'a str), Error> {
    if matches!(
        request.content,
        Content::Opaque | Content::Form(_) | Content::WebSocket { .. }
    ) {
        let hint = "The upstream speaks another dialect, so the gateway has to read the request; send it as JSON, without Content-Encoding.";
        return Err(Error::new(Kind::UnsupportedMediaType, hint));
    }
    let Some(model) = model else {
        let hint = "The request names no `model` and this token has no default one. Add `\"model\": \"...\"`; GET /v1/models lists them.";
        return Err(Error::new(Kind::MissingModel, hint).about("model"));
    };
    let dialect = request.misplaced.unwrap_or(request.endpoint.dialect);
    let mut read = (dialect.read_request)(&request.body).map_err(unsayable)?;
    // Responses has no such member, and clients of Chat Completions want it all the same.
    read.include_usage |= request.misplaced.is_some() && contains(&request.body, INCLUDE_USAGE);
    read.model = Some(model.to_owned());
    read.stream = request.streams();
    read.compaction |= request.endpoint.is_compaction();
    Ok((read, model))
}

/// Returns what the requests of a conversation have in common, for the upstream's prompt cache: its session, or else how it begins.
/// Nothing where only a session counts, and there is none: to write a cache may cost more than not to, and pays where it is read.
fn cache_key(request: &ClientRequest<'_>, only_session: bool) -> Option<String> {
    let conversation = || {
        if only_session { None } else { request.conversation() }
    };
    let mut key = TokenDigest::of(request.session().or_else(conversation)?).hex();
    key.truncate(32);
    Some(key)
}

/// A request in an upstream's dialect.
pub(super) struct Translated {
    pub(super) body: Bytes,
    /// Where it goes, below the upstream's address.
    pub(super) path: String,
    /// What could not be said, each name once.
    dropped: Vec<String>,
    /// What makes the upstream's answer one for the client.
    answer: Translation,
    /// How a number of tokens is read and written, where that is asked for.
    counting: Option<(Counting, Counting)>,
    /// The client asks for a stream.
    streams: bool,
    /// What makes a summary of the answer, where that is asked for.
    compaction: Option<Compaction>,
}

/// What a summary of a conversation is sealed with, and for whom.
struct Compaction {
    sealing: Sealing,
    random: [u128; 2],
    form: Form,
    /// The client's request.
    request: Bytes,
}

impl Translated {
    fn of(
        request: &ClientRequest<'_>,
        target: &Target<'_>,
        from: &'static Format,
        mut read: Request,
        model: &str,
        id: &str,
        now: Millis,
    ) -> Result<Self, Error> {
        let (route, to) = (target.route, request.endpoint.dialect);
        if read.cache_key.is_none() {
            read.cache_key = cache_key(request, from == ANTHROPIC && read.tools.is_empty());
        }
        let compaction = read.compaction.then(|| Compaction {
            sealing: Sealing::of(target.secrets, request.caller.token()),
            random: [(target.random)(), (target.random)()],
            form: match (request.endpoint.is_compaction(), request.streams()) {
                (true, _) => Form::Compacted,
                (false, true) => Form::Stream,
                (false, false) => Form::Whole,
            },
            request: request.body.clone(),
        });
        if compaction.is_some() {
            compaction::ask(&mut read);
        }
        let mut tools = Vec::new();
        if !from.has_tool_kinds {
            tools = flat::flatten(&mut read);
        }
        let quirks = upstream_models::quirks(&route.provider, from, model);
        let written = (from.write_request)(&read, &quirks).map_err(unsayable)?;
        let mut dropped = std::mem::take(&mut read.dropped);
        for name in written.dropped {
            if !dropped.contains(&name) {
                dropped.push(name);
            }
        }
        if route.strict && !dropped.is_empty() {
            return Err(refused(&dropped));
        }
        let counting = match request.endpoint.wish {
            Wish::Count => from.counting.zip(to.counting),
            Wish::Answer | Wish::Other => None,
        };
        let (path, body) = match counting {
            Some((counting, _)) => (counting.path, (counting.request)(written.body, model)),
            None if read.stream => (from.paths.stream, written.body),
            None => (from.paths.whole, written.body),
        };
        let context = Context {
            tools,
            ..context(request, &read, model, id, now)
        };
        Ok(Self {
            body: serde_json::to_vec(&body).unwrap_or_default().into(),
            path: path.replace(Base::MODEL, &encoded(model)),
            dropped,
            answer: Translation {
                from,
                to,
                context,
                think_tags: quirks.think_tags,
            },
            counting,
            streams: request.streams(),
            compaction,
        })
    }

    /// Returns what translates the answer to it.
    pub(super) fn answer(&self) -> Translation {
        self.answer.clone()
    }

    /// Returns the upstream's dialect.
    pub(super) const fn from(&self) -> &'static Format {
        self.answer.from
    }

    /// Returns a whole answer as the client reads it, of a body that is a stream where `is_stream`. Returns nothing where it is not an
    /// answer, or not a complete one.
    pub(super) fn whole(&self, body: &[u8], is_stream: bool) -> Option<Whole> {
        if let Some((upstream, client)) = &self.counting {
            let body = json_text(&(client.write)((upstream.read)(body)?)).into_bytes();
            return Some(Whole {
                body,
                is_stream: false,
                usage: None,
            });
        }
        if let Some(compaction) = &self.compaction {
            return self.compacted(compaction, body, is_stream);
        }
        if is_stream {
            self.answer().collected(body)
        } else {
            self.answer().whole(body, self.streams)
        }
    }

    /// Returns the answer with a sealed summary; nothing where the upstream wrote none.
    fn compacted(&self, compaction: &Compaction, body: &[u8], is_stream: bool) -> Option<Whole> {
        let (_, answer) = self.answer.read(body, is_stream)?;
        let sealed = compaction
            .sealing
            .seal(&compaction::summary(&answer)?, compaction.random)?;
        let (context, form) = (&self.answer.context, compaction.form);
        Some(Whole {
            body: compaction::written(context, form, &sealed, answer.usage, &compaction.request),
            is_stream: form == Form::Stream,
            usage: answer.usage.map(Usage::from),
        })
    }

    /// Completes the headers of an answer: they name what could not be said, and what a stream is.
    pub(super) fn complete<S>(&self, answer: &mut Response<Body<S>>) {
        let is_stream = matches!(answer.body(), Body::Stream(_) | Body::Paced { .. });
        let headers = answer.headers_mut();
        if is_stream && self.answer.context.is_array {
            headers.insert(header::CONTENT_TYPE, JSON);
        }
        let names = self.dropped.iter().map(String::as_str);
        let names = names.filter(|name| name.len() <= LONGEST_NAME && name.bytes().all(is_plain));
        let names: Vec<&str> = names.take(MOST_NAMES).collect();
        let listed = HeaderValue::try_from(names.join(", ")).ok();
        headers.extend(listed.filter(|names| !names.is_empty()).map(|names| (DROPPED, names)));
    }
}

/// Returns the answer to a request for a number of tokens that nobody but the gateway has counted.
///
/// # Errors
/// 404 where the client's dialect has no such number.
pub(super) fn estimated<S>(dialect: &Format, tokens: u64) -> Result<Response<Body<S>>, Error> {
    let Some(counting) = &dialect.counting else {
        return Err(Error::new(Kind::NotFound, "There is nothing at this path."));
    };
    let mut response = json(StatusCode::OK, json_text(&(counting.write)(tokens)));
    response
        .headers_mut()
        .insert(ESTIMATED, HeaderValue::from_static("true"));
    Ok(response)
}

fn unsayable(unsayable: Unsayable) -> Error {
    let why = unsayable.into_why();
    let kind = match (why.is_encrypted, why.is_unsupported) {
        (true, _) => Kind::InvalidEncryptedContent,
        (false, true) => Kind::UnsupportedParameter,
        (false, false) => Kind::InvalidBody,
    };
    Error::new(kind, why.message).about(why.param)
}

/// Whether a byte may stand in a name among others.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b','
}

/// Returns the error for a request that loses something on a route that allows no loss.
fn refused(dropped: &[String]) -> Error {
    let message = format!(
        "The upstream's dialect cannot say {}, and this token's route is `strict`. Leave it out, or ask the operator for a route without `strict`.",
        dropped[..dropped.len().min(MOST_NAMES)].join(", ")
    );
    let param = dropped.first().cloned().unwrap_or_default();
    Error::new(Kind::UnsupportedParameter, message).about(param)
}
