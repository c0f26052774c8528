//! What can be in a cooldown: an upstream or a key, whole or for one model.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::config::{Route, Secret, Upstream};

/// The kinds of subjects, in the order in which they are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The upstream of a route as it is asked: its address, the keys together, and one model. Other models behind the same
    /// address may work, and other keys may belong to another account.
    Upstream,
    /// One key, for every model.
    Key,
    /// One key, for one model.
    KeyAndModel,
    /// The option `stream_options`, which the upstream does not know for one model.
    StreamOptions,
    /// An endpoint that the upstream does not have. Its label stands in the place of the model.
    Endpoint,
}

impl Kind {
    /// Returns the fixed word for logs and interfaces. Operators filter by it, so it never changes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Key => "key",
            Self::KeyAndModel => "key_and_model",
            Self::StreamOptions => "stream_options",
            Self::Endpoint => "endpoint",
        }
    }
}

/// One thing that can be in a cooldown, in the words of the configuration that a request began with.
///
/// It borrows from the configuration, so making one costs nothing. It is hashed only when something is looked up.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub(super) kind: Kind,
    pub(super) route: &'a Route,
    /// The key's place in the route.
    pub(super) key: Option<usize>,
    pub(super) model: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// The upstream of a route as it is asked for `model`.
    #[must_use]
    pub const fn upstream(route: &'a Route, model: Option<&'a str>) -> Self {
        Self {
            kind: Kind::Upstream,
            route,
            key: None,
            model,
        }
    }

    /// The key at place `key` of a route.
    #[must_use]
    pub const fn key(route: &'a Route, key: usize) -> Self {
        Self {
            kind: Kind::Key,
            route,
            key: Some(key),
            model: None,
        }
    }

    /// The key at place `key` of a route, as it is used for `model`.
    #[must_use]
    pub const fn key_and_model(route: &'a Route, key: usize, model: Option<&'a str>) -> Self {
        Self {
            kind: Kind::KeyAndModel,
            route,
            key: Some(key),
            model,
        }
    }

    /// The option `stream_options` at a route's upstream, for `model`.
    #[must_use]
    pub const fn stream_options(route: &'a Route, model: Option<&'a str>) -> Self {
        Self {
            kind: Kind::StreamOptions,
            route,
            key: None,
            model,
        }
    }

    /// The endpoint with this label at a route's upstream.
    #[must_use]
    pub const fn endpoint(route: &'a Route, label: &'a str) -> Self {
        Self {
            kind: Kind::Endpoint,
            route,
            key: None,
            model: Some(label),
        }
    }

    /// The key itself, where the subject is a key of its route.
    pub(super) fn secret(&self) -> Option<&'a Secret> {
        self.route.keys.get(self.key?)
    }

    /// Returns what the subject is known by: a hash of the upstream's addresses, its dialect, the key and the model.
    ///
    /// Places and names are not part of it. So a table that is read again keeps what was learnt, and routes that share an
    /// upstream and a key learn from each other. An upstream is known by all keys of its route, in any order: a fallback at
    /// the same address with keys of its own may work while the route does not, and its success says nothing about that.
    pub(super) fn id(&self) -> Id {
        let mut hasher = DefaultHasher::new();
        if let Upstream::Http(addresses) = &self.route.upstream {
            let dialect = self.route.dialect.name;
            (&addresses.base.url, &addresses.chat_url, dialect).hash(&mut hasher);
        }
        (self.kind, self.secret().map(Secret::expose), self.model).hash(&mut hasher);
        if self.kind == Kind::Upstream {
            let keys = self.route.keys.iter().map(|key| {
                let mut hasher = DefaultHasher::new();
                key.expose().hash(&mut hasher);
                hasher.finish()
            });
            keys.fold(0, u64::wrapping_add).hash(&mut hasher);
        }
        Id(hasher.finish())
    }
}

/// The hash by which a subject is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id(u64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn config(routes: &str) -> Config {
        Config::of_routes(routes).unwrap()
    }

    #[test]
    fn a_subject_is_the_same_wherever_its_route_and_key_stand() {
        let before = config(r#"[{"token":"t","base_url":"https://a.example","api_keys":["k1","k2"]}]"#);
        let after = config(
            r#"[{"token":"u","base_url":"https://b.example","api_keys":["k1"]},
                {"token":"t","name":"renamed","base_url":"https://a.example","api_keys":["k2","k1"]}]"#,
        );
        let (old, new, other) = (&before.routes[0], &after.routes[1], &after.routes[0]);
        assert_eq!(Subject::key(old, 0).id(), Subject::key(new, 1).id());
        assert_eq!(
            Subject::upstream(old, Some("m")).id(),
            Subject::upstream(new, Some("m")).id()
        );
        assert_ne!(
            Subject::key(old, 0).id(),
            Subject::key(other, 0).id(),
            "another upstream"
        );
    }

    #[test]
    fn an_upstream_that_is_asked_with_other_keys_is_another_subject() {
        let config = config(
            r#"[{"token":"t","base_url":"https://a.example","api_keys":["k1","k2"]},
                {"token":"u","base_url":"https://a.example","api_keys":["k2"]},
                {"token":"v","base_url":"https://a.example","api_keys":["k3"]}]"#,
        );
        let [all, one, other] = [0, 1, 2].map(|place| Subject::upstream(&config.routes[place], Some("m")).id());
        assert!(all != one && one != other && all != other);
    }

    #[test]
    fn an_upstream_that_is_asked_in_another_dialect_is_another_subject() {
        let config = config(
            r#"[{"token":"t","base_url":"https://a.example/v1","api_keys":["k"]},
                {"token":"u","base_url":"https://a.example/v1","api_keys":["k"],"dialect":"anthropic"}]"#,
        );
        let [openai, anthropic] = [&config.routes[0], &config.routes[1]];
        assert_ne!(Subject::key(openai, 0).id(), Subject::key(anthropic, 0).id());
        assert_ne!(
            Subject::upstream(openai, None).id(),
            Subject::upstream(anthropic, None).id()
        );
    }

    #[test]
    fn another_kind_key_or_model_is_another_subject() {
        let config = config(r#"[{"token":"t","base_url":"https://a.example","api_keys":["k1","k2"]}]"#);
        let route = &config.routes[0];
        let ids = [
            Subject::upstream(route, None),
            Subject::upstream(route, Some("m")),
            Subject::upstream(route, Some("n")),
            Subject::stream_options(route, Some("m")),
            Subject::key(route, 0),
            Subject::key(route, 1),
            Subject::key_and_model(route, 0, None),
            Subject::key_and_model(route, 0, Some("m")),
            Subject::key_and_model(route, 1, Some("m")),
        ]
        .map(|subject| subject.id());
        for (place, id) in ids.iter().enumerate() {
            assert!(!ids[..place].contains(id), "{place}");
        }
    }
}
