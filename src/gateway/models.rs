//! `GET /v1/models` and `/v1/models/{id}`: the upstream's own answer where the route changes nothing about it, else the
//! lists of all its upstreams in one, filtered by the allow-list and with the aliases added.

use std::collections::HashSet;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::address::encoded;
use super::call::{Call, default_model};
use super::endpoint::{Endpoint, decode};
use super::lists::Lists;
use super::{Body, Gateway, Record, json};
use crate::config::{ModelPattern, Route};
use crate::dialect::model_list::{self, list_of, own_entry};
use crate::dialect::trim::{BYTE_ORDER_MARK, trimmed};
use crate::error::{Error, Kind};
use crate::platform::Platform;

/// The most attempts that one list of models may take, all upstreams together: on Cloudflare's free plan a request may make
/// 50 of its own.
const MOST: usize = 40;

/// An answer, or why there is none.
type Reply<S> = Result<Response<Body<S>>, Error>;

impl<P: Platform> Gateway<P> {
    /// `fresh`: the client wants nothing that was known before.
    pub(super) async fn models(&self, call: &Call<'_>, fresh: bool, record: &mut Record) -> Reply<P::Stream> {
        match call.endpoint {
            Endpoint::Model(id) => self.one(call, id, fresh, record).await,
            _ => self.list(call, fresh, record).await,
        }
    }

    /// The list of what this token may ask for.
    async fn list(&self, call: &Call<'_>, fresh: bool, record: &mut Record) -> Reply<P::Stream> {
        let route = &self.config.routes[call.route];
        // What an upstream leaves of its share is for those behind it.
        let share = |place: usize, record: &Record| {
            let left = MOST.saturating_sub(record.attempts);
            left.div_ceil(1 + route.fallbacks.len() - place)
        };
        let most = share(0, record);
        let first = self.upstream_list(call, call.route, (fresh, most), record).await;
        if route.fallbacks.is_empty() && route.models.is_empty() && route.aliases.is_empty() {
            return first;
        }
        let mut known = Known::default();
        let mut failed = known.add(first, route);
        for (place, fallback) in route.fallbacks.iter().enumerate() {
            let most = share(place + 1, record);
            let more = self.upstream_list(call, *fallback, (fresh, most), record).await;
            let added = known.add(more, route);
            failed = failed.filter(|_| added.is_some());
        }
        match failed {
            Some(failed) => failed,
            None => Ok(known.into_list(route)),
        }
    }

    /// The list of one upstream: as it was a moment ago, as it is, or as it was when the upstream still answered. An
    /// upstream that has none gets the one that its route implies. It is asked `most` times at most.
    async fn upstream_list(
        &self,
        call: &Call<'_>,
        index: usize,
        (fresh, most): (bool, usize),
        record: &mut Record,
    ) -> Reply<P::Stream> {
        let route = &self.config.routes[index];
        let (lists, now) = (&self.state.lists, self.platform.moment());
        // A client's own query may change what the upstream says.
        let name = Lists::name(route).filter(|_| call.query.is_none());
        let before = name.and_then(|name| lists.get(name));
        if let Some(list) = before.as_ref().filter(|list| list.is_fresh(now) && !fresh) {
            return Ok(list.answer(now));
        }
        let mut reply = if most > 0 {
            let asked = call.aside(&Endpoint::Models, index, Some(most));
            self.forward(&asked, None, record).await
        } else {
            let told = format!("{}: not asked, {MOST} attempts are the most", route.name);
            record.failures.push(told);
            let message =
                format!("No upstream gave a list of models, and {MOST} attempts are the most; try again later.");
            Err(Error::new(Kind::Overloaded, message))
        };
        if let Ok(response) = &mut reply
            && response.status() == StatusCode::OK
            && let Some(list) = response.body().whole().and_then(model_list::mended)
        {
            replace(response, list);
        }
        if let Ok(response) = &reply
            && response.status() == StatusCode::OK
        {
            if let (Some(name), Body::Full(body)) = (name, response.body()) {
                lists.put(name, self.platform.moment(), response.headers(), body);
            }
            return reply;
        }
        let missing = is_missing(&reply);
        let failing = reply.as_ref().map_or(true, |response| {
            response.status().is_server_error() || response.status() == StatusCode::TOO_MANY_REQUESTS
        });
        if let Some(list) = before.filter(|list| list.is_usable(now) && (missing || failing)) {
            return Ok(list.answer(self.platform.moment()));
        }
        match implied_list(route).filter(|_| missing) {
            Some(list) => Ok(json(StatusCode::OK, list)),
            None => reply,
        }
    }

    /// One model. The client's name stays in the answer. Upstreams that tell of no single model have it in their list.
    async fn one(&self, call: &Call<'_>, id: &str, fresh: bool, record: &mut Record) -> Reply<P::Stream> {
        let route = &self.config.routes[call.route];
        let name = String::from_utf8_lossy(&decode(id)).into_owned();
        if !route.allows(&name) {
            return Err(not_found(&name));
        }
        let upstream_name = route.upstream_model(&name);
        let renamed = (upstream_name != name).then(|| Endpoint::Model(encoded(upstream_name)));
        let asked = call.aside(renamed.as_ref().unwrap_or(call.endpoint), call.route, None);
        let reply = self.forward(&asked, None, record).await;
        if is_missing(&reply) {
            let list = self
                .list(&call.aside(&Endpoint::Models, call.route, None), fresh, record)
                .await;
            let entry = |list: Response<Body<_>>| model_list::one(list.body().whole()?, &name);
            return match list.ok().and_then(entry) {
                Some(entry) => Ok(json(StatusCode::OK, entry)),
                None => reply,
            };
        }
        let mut response = reply?;
        if let Some(body) = response.body().whole().filter(|_| response.status().is_success()) {
            // Some answer with their whole list, whichever model was asked for.
            let listed = model_list::one(body, upstream_name);
            let model = listed.as_deref().map_or(body, str::as_bytes);
            if renamed.is_some()
                && let Ok(Value::Object(mut model)) = serde_json::from_slice::<Value>(trimmed(model))
            {
                model.insert("id".into(), name.into());
                return Ok(json(StatusCode::OK, Value::from(model).to_string()));
            }
            if listed.is_some() || body.starts_with(BYTE_ORDER_MARK) {
                let model = Bytes::copy_from_slice(trimmed(model));
                replace(&mut response, model);
            }
        }
        Ok(response)
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

/// The refusal of a model that the route does not have.
pub(super) fn not_found(model: &str) -> Error {
    let shown: String = model.chars().take(80).collect();
    let message = format!("The model `{shown}` is not available for this token; GET /v1/models lists those that are.");
    Error::new(Kind::ModelNotFound, message).about("model")
}

/// Models of several upstreams, each entry as its upstream wrote it.
#[derive(Default)]
struct Known {
    ids: HashSet<String>,
    entries: Vec<String>,
    /// That a list is older than it should be.
    warning: Option<HeaderValue>,
    /// Upstreams that gave none.
    missing: usize,
}

impl Known {
    /// Adds what `route` allows of a list. What is no list is given back.
    fn add<S>(&mut self, reply: Reply<S>, route: &Route) -> Option<Reply<S>> {
        let missing = self.try_add(reply, route);
        self.missing += usize::from(missing.is_some());
        missing
    }

    fn try_add<S>(&mut self, reply: Reply<S>, route: &Route) -> Option<Reply<S>> {
        let Ok(response) = reply else { return Some(reply) };
        if !response.status().is_success() {
            return Some(Ok(response));
        }
        let Some(list) = response.body().whole().and_then(model_list::entries) else {
            return Some(Err(Error::new(
                Kind::UpstreamInvalidResponse,
                "The upstream's list of models cannot be read; the operator should check `models_url`.",
            )));
        };
        for entry in list.into_iter().filter(|entry| route.allows(&entry.id)) {
            if self.ids.insert(entry.id) {
                self.entries.push(entry.text.into_owned());
            }
        }
        self.warning = self
            .warning
            .take()
            .or_else(|| response.headers().get(header::WARNING).cloned());
        None
    }

    /// All of them, and the aliases of `route`.
    fn into_list<S>(mut self, route: &Route) -> Response<Body<S>> {
        for (alias, _) in route.aliases.iter().filter(|(alias, _)| route.allows(alias)) {
            if self.ids.insert(alias.clone()) {
                self.entries.push(own_entry(alias));
            }
        }
        let mut response = json(StatusCode::OK, list_of(self.entries.iter().map(String::as_str)));
        response
            .headers_mut()
            .extend(self.warning.map(|warning| (header::WARNING, warning)));
        if self.missing > 0 {
            let warning = format!("199 ai-gateway \"{} of the lists of models are missing\"", self.missing);
            let warning = HeaderValue::try_from(warning);
            response
                .headers_mut()
                .extend(warning.ok().map(|warning| (header::WARNING, warning)));
        }
        response
    }
}

/// The list that a route implies, if it names any model.
fn implied_list(route: &Route) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    let exact = route.models.iter().filter_map(ModelPattern::exact);
    let aliases = route.aliases.iter().map(|(alias, _)| alias.as_str());
    for name in default_model(route).into_iter().chain(exact).chain(aliases) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let entries: Vec<String> = names.into_iter().map(own_entry).collect();
    (!entries.is_empty()).then(|| list_of(entries.iter().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn body(response: Response<Body<()>>) -> String {
        let Body::Full(body) = response.into_body() else {
            panic!("no body")
        };
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn lists_keep_what_is_allowed_as_it_stands_and_gain_the_aliases() {
        let routes = r#"[{"token":"t-1","provider":"echo","models":["gpt-*","fast"],"aliases":{"fast":"gpt-mini","gpt-4o":"x"}}]"#;
        let route = &Config::of_routes(routes).unwrap().routes[0];
        let mut known = Known::default();
        let mut add = |list: &'static str| {
            known
                .add(Ok::<_, Error>(json::<()>(StatusCode::OK, list)), route)
                .is_none()
        };
        assert!(add(
            r#"{"object":"list","extra":1,"data":[{"id":"gpt-4o","n":1.00},{"id":"o1"},{"noid":1},{"id":"gpt-mini"}]}"#
        ));
        assert!(add(r#"{"data":[{"id":"gpt-mini","other":true},{"id":"gpt-5"}]}"#));
        assert!(add("[]") && add(r#"{"data":null}"#) && !add(r#"{"id":"x"}"#));
        assert_eq!(
            body(known.into_list(route)),
            r#"{"object":"list","data":[{"id":"gpt-4o","n":1.00},{"id":"gpt-mini"},{"id":"gpt-5"},{"created":0,"id":"fast","object":"model","owned_by":"ai-gateway"}]}"#
        );
    }

    #[test]
    fn a_route_implies_the_models_that_it_names() {
        let list = |fields: &str| {
            let routes = format!(r#"[{{"token":"t-1","base_url":"https://a.example","api_keys":["k"]{fields}}}]"#);
            implied_list(&Config::of_routes(&routes).unwrap().routes[0])
        };
        assert_eq!(list(r#","models":["gpt-*"]"#), None);
        let names = list(r#","models":["gpt-*","a"],"default_model":"b","aliases":{"c":"a"}"#).unwrap();
        let entries = model_list::entries(names.as_bytes()).unwrap();
        let ids: Vec<String> = entries.into_iter().map(|entry| entry.id).collect();
        assert_eq!(ids, ["b", "a", "c"]);
    }
}
