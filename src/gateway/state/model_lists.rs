//! Lists of models that upstreams gave before: fresh for a minute, better than nothing for an hour.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Response};

use crate::config::{Route, Secret, Upstream};
use crate::dialect::model_list::Shape;
use crate::gateway::reply::Body;
use crate::platform::Moment;

/// How long a list is given out without asking again.
const FRESH: Duration = Duration::from_secs(60);
/// How long it stands in for an upstream that fails.
const USABLE: Duration = Duration::from_secs(60 * 60);
/// All lists together, in bytes. OpenRouter's has about half a million.
const CAPACITY: usize = 16 * 1024 * 1024;

/// What stays true of a list that is given out again.
const KEPT: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LAST_MODIFIED];

/// The lists, by what they depend on.
#[derive(Debug, Default)]
pub(crate) struct ModelLists(Mutex<HashMap<u64, List>>);

/// One upstream's list for one set of keys.
#[derive(Clone, Debug)]
pub(crate) struct List {
    at: Moment,
    headers: HeaderMap,
    body: Bytes,
}

impl ModelLists {
    /// Returns the name of a route's list in a shape; nothing where there is not an upstream to have one.
    pub(crate) fn name(route: &Route, shape: Shape) -> Option<u64> {
        let Upstream::Http(addresses) = &route.upstream else {
            return None;
        };
        let mut hasher = DefaultHasher::new();
        addresses.models_url.hash(&mut hasher);
        // Relays answer in the shape of the dialect in whose header the key came.
        (route.dialect.name, route.key_header, shape).hash(&mut hasher);
        for key in &route.keys {
            Secret::expose(key).hash(&mut hasher);
        }
        for (name, value) in &route.extra_headers {
            (name.as_str(), value.as_bytes()).hash(&mut hasher);
        }
        Some(hasher.finish())
    }

    pub(crate) fn get(&self, name: u64) -> Option<List> {
        let lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.get(&name).cloned()
    }

    /// Keeps a list; the oldest ones make room for it.
    pub(crate) fn put(&self, name: u64, at: Moment, headers: &HeaderMap, body: &Bytes) {
        if body.len() > CAPACITY {
            return;
        }
        let kept = headers.iter().filter(|(name, _)| KEPT.contains(name));
        let list = List {
            at,
            headers: kept.map(|(name, value)| (name.clone(), value.clone())).collect(),
            body: body.clone(),
        };
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.insert(name, list);
        while lists.values().map(|list| list.body.len()).sum::<usize>() > CAPACITY {
            let oldest = lists.iter().min_by_key(|(_, list)| list.at).map(|(name, _)| *name);
            match oldest {
                Some(oldest) => lists.remove(&oldest),
                None => break,
            };
        }
    }
}

impl List {
    pub(crate) fn is_fresh(&self, now: Moment) -> bool {
        self.at.until(now) < FRESH
    }

    pub(crate) fn is_usable(&self, now: Moment) -> bool {
        self.at.until(now) < USABLE
    }

    /// Returns the list as an answer, which says how old it is (RFC 9111 section 5.1), and whether that is older than it should be.
    pub(crate) fn answer<S>(&self, now: Moment) -> Response<Body<S>> {
        let mut response = Response::new(Body::Full(self.body.clone()));
        let headers = response.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(header::AGE, self.at.until(now).as_secs().into());
        if !self.is_fresh(now) {
            let warning = HeaderValue::from_static("110 ai-gateway \"the upstream fails, this is its last list\"");
            headers.insert(header::WARNING, warning);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lists_make_room() {
        let lists = ModelLists::default();
        let body = Bytes::from(vec![b' '; CAPACITY / 4]);
        for name in 0..6 {
            lists.put(name, Moment(name), &HeaderMap::new(), &body);
        }
        let kept: Vec<u64> = (0..6).filter(|name| lists.get(*name).is_some()).collect();
        assert_eq!(kept, [2, 3, 4, 5]);
        lists.put(9, Moment(9), &HeaderMap::new(), &Bytes::from(vec![b' '; CAPACITY + 1]));
        assert!(lists.get(9).is_none());
    }
}
