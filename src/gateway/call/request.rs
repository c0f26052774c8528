//! A request as the upstreams will be asked it, whichever of them it will be.

use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderMap, Method};

use super::caller::Caller;
use super::endpoint::{BodyRule, Endpoint, Family, Wish};
use super::session::session;
use crate::config::Route;
use crate::dialect::api::conversation::conversation;
use crate::dialect::api::surface;
use crate::dialect::neutral::Format;
use crate::dialect::wire::form::Form;
use crate::dialect::wire::members::{Malformed, Members};
use crate::dialect::wire::patch::Peek;
use crate::dialect::wire::pieces::{Pieces, whole};
use crate::dialect::wire::scan::{self, Seen, Wanted};
use crate::policy::rank;

/// One client request, read as far as the gateway needs it.
pub(crate) struct ClientRequest<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) method: Method,
    pub(crate) caller: Caller<'a>,
    /// Index of the route that is asked: the caller's, or for a list of models a fallback's.
    pub(crate) route: usize,
    pub(crate) request_id: String,
    /// The client's headers, all of them.
    pub(crate) headers: &'a HeaderMap,
    /// The client's query without tokens, or nothing where that leaves none.
    pub(crate) query: Option<&'a str>,
    /// Empty where the request has none, and where it is streamed.
    pub(crate) body: Bytes,
    pub(crate) content: Content,
    /// Which of [`ClientRequest::signs_wanted`] stand in the body.
    pub(crate) signs: Seen,
    /// Which keys may serve it.
    pub(crate) affinity: Affinity,
    /// Where no fallback may serve it: the most attempts.
    pub(crate) alone: Option<usize>,
    /// The body is not as its endpoint has it: the dialect whose reader reads it. No upstream gets it as it is.
    pub(crate) misplaced: Option<&'static Format>,
    /// What [`ClientRequest::conversation`] returns, once that was asked for.
    pub(crate) conversation: OnceLock<Option<[u8; 32]>>,
}

/// What the body is, as far as the model in it goes.
pub(crate) enum Content {
    /// Nothing that is read here.
    Opaque,
    /// A JSON object.
    Json(Peek),
    /// A form.
    Form(Form),
    /// The handshake of a WebSocket, whose model stands in the query.
    WebSocket {
        /// As the client names it.
        model: Option<String>,
    },
    /// A JSON object whose model stands in the path. It goes upstream as it is.
    InPath {
        /// Without escapes. Empty where the client names none.
        model: String,
        /// The client asks for a stream.
        stream: bool,
        /// The stream is to be a JSON array, rather than events.
        is_array: bool,
    },
}

/// Which of a route's keys may serve a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Affinity {
    /// Any key, in the order of the rotation.
    None,
    /// Always the same key first: what is made should be where everything else is.
    Preferred,
    /// That key only: what is asked for is nowhere else.
    Pinned,
}

impl ClientRequest<'_> {
    /// Returns another request of the same client, which has no body: to `endpoint`, of the upstream of `route`, with the
    /// most attempts where no fallback may serve it.
    pub(crate) fn aside<'b>(&'b self, endpoint: &'b Endpoint, route: usize, alone: Option<usize>) -> ClientRequest<'b> {
        ClientRequest {
            endpoint,
            method: Method::GET,
            caller: self.caller,
            route,
            request_id: self.request_id.clone(),
            headers: self.headers,
            query: self.query,
            body: Bytes::new(),
            content: Content::Opaque,
            signs: Seen::default(),
            affinity: Affinity::None,
            alone,
            misplaced: None,
            conversation: OnceLock::new(),
        }
    }

    /// Returns the strings that give a request away that has state, and those that give one away that refers to something.
    pub(crate) const fn signs_wanted(&self) -> Wanted<'static> {
        match self.endpoint.wish {
            Wish::Other => scan::NOTHING,
            _ => [self.endpoint.dialect.state, self.endpoint.dialect.references],
        }
    }

    /// Reads the body as a JSON object.
    ///
    /// # Errors
    /// See [`Malformed`]. Nothing has changed then.
    pub(crate) fn read_json(&mut self) -> Result<(), Malformed> {
        let (members, signs) = Members::seeing(&self.body, self.signs_wanted())?;
        self.content = Content::Json(Peek::of(&members, &self.body)?);
        self.signs = signs;
        Ok(())
    }

    /// Returns the model that the client names.
    pub(crate) fn named_model(&self) -> Option<&str> {
        match &self.content {
            Content::Opaque => None,
            Content::Json(peek) => peek.model.as_deref(),
            Content::Form(form) => form.model(),
            Content::WebSocket { model } => model.as_deref(),
            Content::InPath { model, .. } => Some(model.as_str()).filter(|model| !model.trim().is_empty()),
        }
    }

    /// Whether the client asks for a stream.
    pub(crate) const fn streams(&self) -> bool {
        match &self.content {
            Content::Json(peek) => peek.stream,
            Content::InPath { stream, .. } => *stream,
            Content::Opaque | Content::Form(_) | Content::WebSocket { .. } => false,
        }
    }

    /// Whether the stream that the client asks for is a JSON array.
    pub(crate) const fn is_array(&self) -> bool {
        matches!(self.content, Content::InPath { is_array: true, .. })
    }

    /// Whether the client asks for a WebSocket.
    pub(crate) const fn is_websocket(&self) -> bool {
        matches!(self.content, Content::WebSocket { .. })
    }

    /// Returns a digest of what stays the same over a conversation, if the body has such a thing.
    pub(crate) fn conversation(&self) -> Option<&[u8]> {
        let digest = self.conversation.get_or_init(|| match &self.content {
            Content::Json(_) | Content::InPath { .. } => conversation(&self.body).map(rank::digest),
            Content::Opaque | Content::Form(_) | Content::WebSocket { .. } => None,
        });
        digest.as_ref().map(<[u8; 32]>::as_slice)
    }

    /// Returns the name that its headers give to the conversation.
    pub(crate) fn session(&self) -> Option<&[u8]> {
        session(self.headers)
    }

    /// Whether the body carries state that belongs to an account, or asks for some: the next turn then needs the same account.
    pub(crate) const fn has_state(&self) -> bool {
        self.signs[0]
    }

    /// Whether the body refers to what an account keeps.
    pub(crate) const fn refers(&self) -> bool {
        self.signs[1]
    }

    /// Returns the body with `model` in its place.
    pub(crate) fn body_for(&self, model: Option<&str>) -> Pieces {
        match (&self.content, model) {
            (Content::Json(peek), Some(model)) => peek.with_model(&self.body, model),
            (Content::Form(form), Some(model)) => form.with_model(&self.body, model),
            (Content::Opaque | Content::WebSocket { .. } | Content::InPath { .. }, _) | (_, None) => {
                whole(self.body.clone())
            }
        }
    }

    /// Returns the model to ask `route` for, which is number `index`. A fallback route does not know the caller's names: its
    /// own alias or default comes first.
    pub(crate) fn model<'a>(&'a self, route: &'a Route, index: usize) -> Option<&'a str> {
        if matches!(self.content, Content::Opaque) {
            return None;
        }
        match self.named_model() {
            Some(model) if index == self.route => Some(route.upstream_model(model)),
            Some(model) => match route.upstream_model(model) {
                same if same == model => Some(route.default_model.as_deref().unwrap_or(model)),
                alias => Some(alias),
            },
            None if self.takes_default_model() => {
                route.default_model.as_deref().map(|model| route.upstream_model(model))
            }
            None => None,
        }
    }

    /// Whether the route's default model stands in for the one that the request does not name.
    pub(crate) fn takes_default_model(&self) -> bool {
        match (self.endpoint.body, &self.endpoint.family) {
            (_, Family::Passthrough(path)) if self.is_websocket() => {
                surface::takes_default_model_in_query(path, self.query)
            }
            (
                BodyRule::ByType {
                    takes_default_model, ..
                },
                _,
            ) => takes_default_model,
            (BodyRule::Json, _) => true,
            (BodyRule::Nothing, _) => false,
        }
    }
}
