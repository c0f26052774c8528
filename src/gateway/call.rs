//! A request as the upstreams will be asked it, whichever of them it will be.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};

use super::address::{below, with_query, with_value, within};
use super::caller::Caller;
use super::echo;
use super::endpoint::Endpoint;
use crate::config::{Addresses, Route, Upstream};
use crate::dialect::conversation::conversation;
use crate::dialect::form::Form;
use crate::dialect::patch::{Peek, Pieces, whole};
use crate::dialect::surface;

/// One client request, read as far as the gateway needs it.
pub(super) struct Call<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) method: Method,
    pub(super) caller: Caller<'a>,
    /// Index of the route that is asked: the caller's, or for a list of models a fallback's.
    pub(super) route: usize,
    pub(super) request_id: String,
    /// The client's headers, all of them.
    pub(super) client: &'a HeaderMap,
    /// Which of the client's headers an upstream gets to see.
    pub(super) passing: fn(&HeaderMap, &Caller<'_>) -> HeaderMap,
    pub(super) query: Option<&'a str>,
    /// Empty where there is none, and where it is streamed.
    pub(super) body: Bytes,
    pub(super) content: Content,
    /// Which keys may serve it.
    pub(super) keys: Keys,
    /// No fallback may, and there are so many attempts at most.
    pub(super) alone: Option<usize>,
}

/// What the body is, as far as the model in it goes.
pub(super) enum Content {
    /// Nothing that is read here.
    Opaque,
    /// A JSON object.
    Json(Peek),
    /// A form.
    Form(Form),
    /// The handshake of a WebSocket, whose model stands in the query.
    Socket {
        /// As the client names it.
        model: Option<String>,
    },
}

/// Which of a route's keys may serve a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// Any, as the rotation has it.
    Any,
    /// Always the same first: what is made should be where everything else is.
    Home,
    /// That one only: what is asked for is nowhere else.
    HomeOnly,
}

impl Call<'_> {
    /// A question beside this request, which has no body: to `endpoint`, of the upstream of `route`.
    pub(super) fn aside<'b>(&'b self, endpoint: &'b Endpoint, route: usize, alone: Option<usize>) -> Call<'b> {
        Call {
            endpoint,
            method: Method::GET,
            caller: self.caller,
            route,
            request_id: self.request_id.clone(),
            client: self.client,
            passing: self.passing,
            query: self.query,
            body: Bytes::new(),
            content: Content::Opaque,
            keys: Keys::Any,
            alone,
        }
    }

    /// The model that the client names.
    pub(super) fn named_model(&self) -> Option<&str> {
        match &self.content {
            Content::Opaque => None,
            Content::Json(peek) => peek.model.as_deref(),
            Content::Form(form) => form.model(),
            Content::Socket { model } => model.as_deref(),
        }
    }

    /// Whether the client asks for a stream.
    pub(super) const fn streams(&self) -> bool {
        matches!(&self.content, Content::Json(peek) if peek.stream)
    }

    pub(super) const fn is_socket(&self) -> bool {
        matches!(self.content, Content::Socket { .. })
    }

    /// What stays the same over a conversation.
    pub(super) fn conversation(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Json(_) => conversation(&self.body),
            Content::Opaque | Content::Form(_) | Content::Socket { .. } => None,
        }
    }

    /// The body with `model` in its place.
    pub(super) fn body_for(&self, model: Option<&str>) -> Pieces {
        match (&self.content, model) {
            (Content::Json(peek), Some(model)) => peek.with_model(&self.body, model),
            (Content::Form(form), Some(model)) => form.with_model(&self.body, model),
            (Content::Opaque | Content::Socket { .. }, _) | (_, None) => whole(self.body.clone()),
        }
    }

    /// The model to ask `route` for. A fallback route does not know the caller's names: its own alias or default comes
    /// first.
    pub(super) fn model<'a>(&'a self, route: &'a Route, index: usize) -> Option<&'a str> {
        if matches!(self.content, Content::Opaque) {
            return None;
        }
        match self.named_model() {
            Some(model) if index == self.route => Some(route.upstream_model(model)),
            Some(model) => match route.upstream_model(model) {
                same if same == model => Some(default_model(route).unwrap_or(model)),
                alias => Some(alias),
            },
            None if self.takes_default_model() => default_model(route).map(|model| route.upstream_model(model)),
            None => None,
        }
    }

    fn takes_default_model(&self) -> bool {
        match self.endpoint {
            Endpoint::Passed(path) if self.is_socket() => surface::takes_default_model_in_query(path, self.query),
            Endpoint::Passed(path) => surface::takes_default_model(path),
            Endpoint::ChatCompletions | Endpoint::Embeddings | Endpoint::SimpleChat => true,
            Endpoint::Home | Endpoint::Health | Endpoint::Models | Endpoint::Model(_) => false,
        }
    }

    /// Where it goes on this route.
    pub(super) fn address(&self, route: &Route, model: Option<&str>) -> Option<Uri> {
        let Upstream::Http(addresses) = &route.upstream else {
            return None;
        };
        let Addresses {
            base,
            chat_url,
            models_url,
        } = &**addresses;
        let asked = match self.endpoint {
            // Its query is its own, not the API's.
            Endpoint::SimpleChat => None,
            _ => self.query,
        };
        let rewritten = model
            .filter(|_| self.is_socket())
            .map(|model| with_value(asked.unwrap_or_default(), "model", model));
        let query = rewritten.as_deref().or(asked);
        let path = match self.endpoint {
            Endpoint::Models => return with_query(models_url, query),
            Endpoint::Model(id) => return with_query(&below(models_url, id)?, query),
            Endpoint::Embeddings => "embeddings",
            Endpoint::Passed(path) => path,
            Endpoint::ChatCompletions | Endpoint::SimpleChat | Endpoint::Home | Endpoint::Health => {
                if let Some(url) = chat_url.as_ref().or(base.chat.as_ref()) {
                    return with_query(url, query);
                }
                "chat/completions"
            }
        };
        with_query(&within(base, path, model)?, query)
    }
}

/// The model of a request that names none.
pub(super) fn default_model(route: &Route) -> Option<&str> {
    let own = matches!(route.upstream, Upstream::Echo).then_some(echo::MODEL);
    route.default_model.as_deref().or(own)
}
