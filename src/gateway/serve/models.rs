//! `GET /v1/models` and `/v1/models/{id}`, and Google's: the upstream's own answer where the route changes nothing about it, else
//! the lists of all its upstreams in one, filtered by the allow-list and with the aliases added. Each client gets the shape that
//! it reads, whatever its upstreams speak.

mod catalogue;

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use self::catalogue::{Known, implied_list, unreadable};
use crate::config::{Account, Route};
use crate::dialect::model_list::{self, Entry, Shape};
use crate::dialect::wire::percent::decode;
use crate::dialect::wire::trim::trimmed;
use crate::error::{Error, Kind};
use crate::gateway::admit::{Admitted, admit};
use crate::gateway::call::ClientRequest;
use crate::gateway::call::endpoint::{Endpoint, Family};
use crate::gateway::call::query::{encoded, value, without};
use crate::gateway::fields;
use crate::gateway::record::{FailedAttempt, Record};
use crate::gateway::reply::{Body, error_in, json};
use crate::gateway::state::model_lists::ModelLists;
use crate::gateway::upstream::Upstreams;
use crate::platform::Platform;

/// The most attempts that one list of models may take, all upstreams together: on Cloudflare's free plan a request may make
/// 50 of its own.
const MOST: usize = 40;

/// By this Codex is known where it asks for the list.
const CLIENT_VERSION: &str = "client_version";

/// An answer, or why there is none.
type Reply<S> = Result<Response<Body<S>>, Error>;

/// Answers a request for the list of models, or for one of them.
pub(crate) async fn serve<P: Platform>(
    upstreams: &Upstreams<'_, P>,
    request: ClientRequest<'_>,
    record: &mut Record,
) -> Reply<P::Stream> {
    let endpoint = request.endpoint;
    let query = request.query.unwrap_or_default();
    // It is the program's own, and some upstreams refuse what they do not know.
    let is_codexs = value(query, CLIENT_VERSION).is_some();
    let rest = without(query, CLIENT_VERSION);
    let request = ClientRequest {
        query: Some(rest.as_ref()).filter(|rest| !rest.is_empty()),
        ..request
    };
    let lister = Lister {
        upstreams,
        is_fresh: fields::wants_news(request.headers),
        admitted: admit(upstreams.config, &request)?,
        shape: Shape::of(endpoint.dialect),
    };
    match &endpoint.family {
        Family::Model(id) => lister.one(id, record).await,
        _ if is_codexs && lister.shape == Shape::OpenAi => lister.list(record).await.map(for_codex),
        _ => lister.list(record).await,
    }
}

/// Returns a list with what Codex reads of it in it as well.
fn for_codex<S>(mut list: Response<Body<S>>) -> Response<Body<S>> {
    let with = list.body().whole().filter(|_| list.status() == StatusCode::OK);
    if let Some(with) = with.and_then(model_list::with_codex) {
        replace(&mut list, with);
    }
    list
}

/// One request for models on its way.
struct Lister<'a, P> {
    upstreams: &'a Upstreams<'a, P>,
    /// The client wants nothing that was known before.
    is_fresh: bool,
    admitted: Admitted<'a>,
    /// The one that the client reads.
    shape: Shape,
}

impl<P: Platform> Lister<'_, P> {
    /// Returns the list of what this token may ask for.
    async fn list(&self, record: &mut Record) -> Reply<P::Stream> {
        let (routes, own) = (&self.upstreams.config.routes, self.admitted.request().route);
        let route = &routes[own];
        // What an upstream leaves of its share is for those behind it.
        let share = |place: usize, record: &Record| {
            let left = MOST.saturating_sub(record.attempts);
            left.div_ceil(1 + route.fallbacks.len() - place)
        };
        let most = share(0, record);
        let first = self.upstream_list(own, most, record).await;
        if self.is_upstreams_own() {
            return first;
        }
        let mut known = Known::of(self.shape, route, self.account());
        let mut failed = known.add(first);
        for (place, fallback) in route.fallbacks.iter().enumerate() {
            let most = share(place + 1, record);
            let more = self.upstream_list(*fallback, most, record).await;
            let added = known.add(more);
            failed = failed.filter(|_| added.is_some());
        }
        match failed {
            Some(failed) => failed,
            None => Ok(known.into_list()),
        }
    }

    /// Returns who asks.
    const fn account(&self) -> &Account {
        self.admitted.request().caller.account
    }

    /// Whether the list is that of one upstream, with nothing left out and nothing added.
    fn is_upstreams_own(&self) -> bool {
        let route = &self.upstreams.config.routes[self.admitted.request().route];
        route.fallbacks.is_empty() && route.aliases.is_empty() && !self.account().limits_models(route)
    }

    /// Whether the upstream of a route gives lists in the shape that the client reads.
    fn is_spoken(&self, route: &Route) -> bool {
        Shape::of(route.dialect) == self.shape
    }

    /// Returns a reply in which an upstream's error is as the client reads it. Clients of OpenAI's read many, so one of another
    /// dialect comes here as it was; for other clients it is theirs already.
    fn said(&self, reply: Reply<P::Stream>, route: &Route) -> Reply<P::Stream> {
        if self.shape != Shape::OpenAi || self.is_spoken(route) {
            return reply;
        }
        reply.map(|response| error_in(self.admitted.request().endpoint.dialect, response, None))
    }

    /// Returns the query of the client, where the upstream of a route would understand it. Pages are its upstream's only where the
    /// whole list is.
    fn own_query(&self, route: &Route) -> Option<&str> {
        let is_understood = self.is_spoken(route) && (self.shape == Shape::OpenAi || self.is_upstreams_own());
        self.admitted.request().query.filter(|_| is_understood)
    }

    /// Returns the list of one upstream in the client's shape: as it was a moment ago, as it is, or as it was when the upstream still answered. An
    /// upstream that has none gets the one that its route implies. It is asked `most` times at most.
    async fn upstream_list(&self, index: usize, most: usize, record: &mut Record) -> Reply<P::Stream> {
        let Upstreams {
            config,
            state,
            platform,
        } = self.upstreams;
        let (route, lists, now) = (&config.routes[index], &state.lists, platform.moment());
        // A client's own query may change what the upstream says.
        let has_query = self.own_query(route).is_some();
        let name = ModelLists::name(route, self.shape).filter(|_| !has_query);
        let before = name.and_then(|name| lists.get(name));
        if let Some(list) = before.as_ref().filter(|list| list.is_fresh(now) && !self.is_fresh) {
            return Ok(list.answer(now));
        }
        let reply = self.ask(index, most, record).await;
        let reply = reply.and_then(|response| self.shaped(response, route));
        if let Ok(response) = &reply
            && response.status() == StatusCode::OK
        {
            if let (Some(name), Body::Full(body)) = (name, response.body()) {
                lists.put(name, platform.moment(), response.headers(), body);
            }
            return reply;
        }
        let missing = is_missing(&reply);
        let failing = reply.as_ref().map_or(true, |response| {
            response.status().is_server_error() || response.status() == StatusCode::TOO_MANY_REQUESTS
        });
        if let Some(list) = before.filter(|list| list.is_usable(now) && (missing || failing)) {
            return Ok(list.answer(platform.moment()));
        }
        let own = (index == self.admitted.request().route).then(|| self.account());
        match implied_list(route, own, self.shape).filter(|_| missing) {
            Some(list) => Ok(json(StatusCode::OK, list)),
            None => reply,
        }
    }

    /// Returns a list in the client's shape. One that cannot be read stays as it is where its upstream speaks the client's dialect.
    fn shaped(&self, mut response: Response<Body<P::Stream>>, route: &Route) -> Reply<P::Stream> {
        if response.status() != StatusCode::OK {
            return Ok(response);
        }
        match response.body().whole().and_then(|list| self.shape.of_list(list)) {
            Some(Cow::Borrowed(_)) => {}
            Some(Cow::Owned(list)) => replace(&mut response, list),
            None if self.is_spoken(route) => {}
            None => return Err(unreadable()),
        }
        Ok(response)
    }

    /// Asks one upstream for its list, `most` times at most.
    async fn ask(&self, index: usize, most: usize, record: &mut Record) -> Reply<P::Stream> {
        if most == 0 {
            let route = &self.upstreams.config.routes[index];
            record.failures.push(FailedAttempt::not_made(&route.name, MOST));
            let message =
                format!("No upstream gave a list of models, and {MOST} attempts are the most; try again later.");
            return Err(Error::new(Kind::Overloaded, message));
        }
        let route = &self.upstreams.config.routes[index];
        let request = self.admitted.request();
        let endpoint = Endpoint::models(request.endpoint.dialect);
        let aside = ClientRequest {
            query: self.own_query(route).or_else(|| Shape::of(route.dialect).whole()),
            ..request.aside(&endpoint, index, Some(most))
        };
        let reply = self.upstreams.forward(self.admitted.aside(&aside), None, record).await;
        self.said(reply, route)
    }

    /// Returns one model. The client's name stays in the answer. Upstreams that tell of no single model have it in their list.
    async fn one(&self, id: &str, record: &mut Record) -> Reply<P::Stream> {
        let request = self.admitted.request();
        let route = &self.upstreams.config.routes[request.route];
        let name = String::from_utf8_lossy(&decode(id)).into_owned();
        let upstream_name = route.upstream_model(&name);
        let dialect = request.endpoint.dialect;
        let renamed = (upstream_name != name).then(|| Endpoint::model(dialect, encoded(upstream_name)));
        let aside = ClientRequest {
            query: request.query.filter(|_| self.is_spoken(route)),
            ..request.aside(renamed.as_ref().unwrap_or(request.endpoint), request.route, None)
        };
        let reply = self.upstreams.forward(self.admitted.aside(&aside), None, record).await;
        let reply = self.said(reply, route);
        if is_missing(&reply) {
            let list = self.list(record).await;
            let entry = |list: Response<Body<_>>| {
                let entry = model_list::one(list.body().whole()?, &name)?;
                Some(entry.text(self.shape).into_owned())
            };
            return match list.ok().and_then(entry) {
                Some(entry) => Ok(json(StatusCode::OK, entry)),
                None => reply,
            };
        }
        let mut response = reply?;
        let body = response.body().whole().filter(|_| response.status().is_success());
        if let Some(model) = body.and_then(|body| self.model_of(body, route, &name)) {
            replace(&mut response, model);
        }
        Ok(response)
    }

    /// Returns the model in an upstream's answer as the client gets it; nothing where that is the answer as it is.
    fn model_of(&self, body: &[u8], route: &Route, name: &str) -> Option<String> {
        let upstream_name = route.upstream_model(name);
        let text = str::from_utf8(trimmed(body)).ok()?;
        // Some answer with their whole list, whichever model was asked for.
        let listed = model_list::one(body, upstream_name);
        let is_renamed = upstream_name != name;
        let is_as_it_came = listed.is_none() && !is_renamed && self.is_spoken(route);
        let model = match listed.or_else(|| Entry::read(text)) {
            Some(entry) if is_renamed => entry.text_as(name, self.shape).into(),
            Some(entry) if !is_as_it_came => entry.text(self.shape),
            _ => text.into(),
        };
        (model.as_bytes() != body.trim_ascii()).then(|| model.into_owned())
    }
}

/// Puts another JSON body into an answer.
fn replace<S>(response: &mut Response<Body<S>>, body: impl Into<Bytes>) {
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    *response.body_mut() = Body::Full(body.into());
}

/// Whether an upstream says that it has nothing like that at all.
fn is_missing<S>(reply: &Reply<S>) -> bool {
    match reply {
        Ok(response) => matches!(response.status().as_u16(), 404 | 405 | 501),
        Err(error) => error.kind == Kind::UpstreamInvalidResponse,
    }
}
