//! The models of several upstreams in one list.

use std::borrow::Cow;
use std::collections::HashSet;

use http::{HeaderValue, Response, StatusCode, header};

use crate::config::{Account, ModelPattern, Route};
use crate::dialect::model_list::{self, Entry, Shape};
use crate::error::{Error, Kind};
use crate::gateway::reply::{Body, json};

/// An answer, or why there is none.
type Reply<S> = Result<Response<Body<S>>, Error>;

/// Returns the error of a list that cannot be read.
pub(super) fn unreadable() -> Error {
    Error::new(
        Kind::UpstreamInvalidResponse,
        "The upstream's list of models cannot be read; the operator should check `models_url`.",
    )
}

/// Returns the entry of a model that no upstream describes, and that the client knows by another name.
fn named(name: &str, upstream_name: &str, shape: Shape) -> String {
    let entry = Entry::named(upstream_name.to_owned());
    if name == upstream_name {
        entry.text(shape).into_owned()
    } else {
        entry.text_as(name, shape)
    }
}

/// Models of several upstreams, each with its entry in the client's shape.
pub(super) struct Known<'a> {
    shape: Shape,
    /// The caller's, which has the client's names of models.
    route: &'a Route,
    account: &'a Account,
    /// The entries of those that an upstream has described, by the client's names.
    targets: Vec<(String, String)>,
    ids: HashSet<String>,
    models: Vec<(String, Cow<'static, str>)>,
    /// That a list is older than it should be.
    warning: Option<HeaderValue>,
    /// Upstreams that gave none.
    missing: usize,
}

impl<'a> Known<'a> {
    /// Not one model; `route` is that of `account`, for which the list is.
    pub(super) fn of(shape: Shape, route: &'a Route, account: &'a Account) -> Self {
        Self {
            shape,
            route,
            account,
            targets: Vec::new(),
            ids: HashSet::new(),
            models: Vec::new(),
            warning: None,
            missing: 0,
        }
    }

    /// Adds what the account may ask for of a list. What is not a list is given back.
    pub(super) fn add<S>(&mut self, reply: Reply<S>) -> Option<Reply<S>> {
        let missing = self.try_add(reply);
        self.missing += usize::from(missing.is_some());
        missing
    }

    fn try_add<S>(&mut self, reply: Reply<S>) -> Option<Reply<S>> {
        let Ok(response) = reply else { return Some(reply) };
        if !response.status().is_success() {
            return Some(Ok(response));
        }
        let Some(list) = response.body().whole().and_then(model_list::entries) else {
            return Some(Err(unreadable()));
        };
        for entry in list {
            for (alias, _) in self.route.aliases.iter().filter(|(_, target)| *target == entry.id) {
                if !self.targets.iter().any(|(known, _)| known == alias) {
                    self.targets.push((alias.clone(), entry.text_as(alias, self.shape)));
                }
            }
            if self.account.allows(self.route, &entry.id) && self.ids.insert(entry.id.clone()) {
                let text = entry.text(self.shape).into_owned();
                self.models.push((entry.id, text.into()));
            }
        }
        self.warning = self
            .warning
            .take()
            .or_else(|| response.headers().get(header::WARNING).cloned());
        None
    }

    /// All of them, and the aliases of the route, each as the model that it stands for.
    pub(super) fn into_list<S>(mut self) -> Response<Body<S>> {
        let (route, account) = (self.route, self.account);
        for (alias, target) in route.aliases.iter().filter(|(alias, _)| account.allows(route, alias)) {
            if self.ids.insert(alias.clone()) {
                let known = self.targets.iter().find(|(known, _)| known == alias);
                let text = known.map_or_else(|| named(alias, target, self.shape), |(_, text)| text.clone());
                self.models.push((alias.clone(), text.into()));
            }
        }
        let mut response = json(StatusCode::OK, self.shape.list(&self.models));
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

/// The list that a route implies, if it names any model, or `own` does: the account that takes this route.
pub(super) fn implied_list(route: &Route, own: Option<&Account>, shape: Shape) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    let lists = [route.models.as_slice(), own.map_or(&[], |account| &account.models)];
    let exact = lists.into_iter().flatten().filter_map(ModelPattern::exact);
    let aliases = route.aliases.iter().map(|(alias, _)| alias.as_str());
    for name in route.default_model.as_deref().into_iter().chain(exact).chain(aliases) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let entry = |name: &str| (name.to_owned(), named(name, route.upstream_model(name), shape).into());
    let models: Vec<_> = names.into_iter().map(entry).collect();
    (!models.is_empty()).then(|| shape.list(&models))
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
        let config = Config::of_routes(routes).unwrap();
        let mut known = Known::of(Shape::OpenAi, &config.routes[0], &config.accounts[0]);
        let mut add = |list: &'static str| known.add(Ok::<_, Error>(json::<()>(StatusCode::OK, list))).is_none();
        assert!(add(
            r#"{"object":"list","extra":1,"data":[{"id":"gpt-4o","n":1.00},{"id":"o1"},{"noid":1},{"id":"gpt-mini"}]}"#
        ));
        assert!(add(r#"{"data":[{"id":"gpt-mini","other":true},{"id":"gpt-5"}]}"#));
        assert!(add("[]") && add(r#"{"data":null}"#) && !add(r#"{"id":"x"}"#));
        assert_eq!(
            body(known.into_list()),
            r#"{"object":"list","data":[{"id":"gpt-4o","n":1.00},{"id":"gpt-mini"},{"id":"gpt-5"},{"id":"fast"}]}"#
        );
    }

    #[test]
    fn a_route_implies_the_models_that_it_names() {
        let list = |fields: &str| {
            let routes = format!(r#"[{{"token":"t-1","base_url":"https://a.example","api_keys":["k"]{fields}}}]"#);
            let config = Config::of_routes(&routes).unwrap();
            implied_list(&config.routes[0], config.accounts.last(), Shape::OpenAi)
        };
        assert_eq!(list(r#","models":["gpt-*"]"#), None);
        let names = list(r#","models":["gpt-*","a"],"default_model":"b","aliases":{"c":"a"}"#).unwrap();
        let entries = model_list::entries(names.as_bytes()).unwrap();
        let ids: Vec<String> = entries.into_iter().map(|entry| entry.id).collect();
        assert_eq!(ids, ["b", "a", "c"]);
    }
}
