//! Where a request goes: the upstream's addresses, with what the client's request adds to them.

use std::borrow::Cow;
use std::fmt::Write as _;

use http::Uri;

use super::endpoint::decode;
use crate::config::Base;
use crate::dialect::surface;

/// The address of the endpoint `path` of an upstream.
pub(super) fn within(base: &Base, path: &str, model: Option<&str>) -> Option<Uri> {
    let folder = if surface::is_deployed(path) {
        &base.url
    } else {
        &base.account
    };
    let url = match model.filter(|_| folder.contains(Base::MODEL)) {
        Some(model) => format!("{}/{path}", folder.replace(Base::MODEL, &encoded(model))),
        None => format!("{folder}/{path}"),
    };
    with_query(&url.parse().ok()?, base.query.as_deref())
}

pub(super) fn with_query(url: &Uri, query: Option<&str>) -> Option<Uri> {
    let Some(query) = query else {
        return Some(url.clone());
    };
    let separator = if url.query().is_some() { '&' } else { '?' };
    format!("{url}{separator}{query}").parse().ok()
}

/// The address of the model `id` below the list of models, whose query is kept.
pub(super) fn below(url: &Uri, id: &str) -> Option<Uri> {
    let text = url.to_string();
    let (path, query) = text
        .split_once('?')
        .map_or((text.as_str(), None), |(path, query)| (path, Some(query)));
    let path = format!("{}/{id}", path.trim_end_matches('/'));
    query
        .map_or_else(|| path.clone(), |query| format!("{path}?{query}"))
        .parse()
        .ok()
}

/// The first value of `name` in a query that is not empty (WHATWG URL, section 5.1).
pub(super) fn value(query: &str, name: &str) -> Option<String> {
    let value = |(_, written): (&str, &str)| String::from_utf8(decode(&written.replace('+', " "))).ok();
    pairs(query)
        .filter(|pair| is(pair, name))
        .filter_map(|pair| pair.split_once('=').and_then(value))
        .find(|value| !value.is_empty())
}

/// The models that a query names, in whatever letters: Azure calls them deployments.
pub(super) fn models(query: &str) -> Vec<String> {
    let model = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let text = |written: &str| String::from_utf8_lossy(&decode(&written.replace('+', " "))).into_owned();
        let is_named = ["model", "deployment"].contains(&&*text(name).to_ascii_lowercase());
        Some(text(value)).filter(|model| is_named && !model.trim().is_empty())
    };
    pairs(query).filter_map(model).collect()
}

/// `query` with `name` set to `value` in the place where it stands, or at the end; everything else as it was written.
pub(super) fn with_value(query: &str, name: &str, value: &str) -> String {
    let pair = format!("{name}={}", encoded(value));
    let mut written: Vec<&str> = Vec::new();
    for other in pairs(query) {
        let next = if is(other, name) { &pair } else { other };
        if next != pair || !written.contains(&pair.as_str()) {
            written.push(next);
        }
    }
    if !written.contains(&pair.as_str()) {
        written.push(&pair);
    }
    written.join("&")
}

/// Whether a name would lead to another place in a path: it has a segment `.` or `..`, however that is spelled.
pub(super) fn leads_away(name: &str) -> bool {
    let mut name = Cow::Borrowed(name.as_bytes());
    // Who resolves escapes may do it more than once, and cut what stands behind a semicolon.
    while name.contains(&b'%') {
        let decoded = decode(&String::from_utf8_lossy(&name));
        if decoded == *name {
            break;
        }
        name = decoded.into();
    }
    let is_dots = |segment: &[u8]| matches!(segment.split(|byte| *byte == b';').next(), Some(b"." | b".."));
    name.split(|byte| b"/\\".contains(byte)).any(is_dots)
}

/// `text` as it may stand in a path or a query (RFC 3986 section 3.3). Slashes stay: names of models have them.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn pairs(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').filter(|pair| !pair.is_empty())
}

/// Whether a pair has this name, however it is spelled.
fn is(pair: &str, name: &str) -> bool {
    let written = pair.split('=').next().unwrap_or_default().replace('+', " ");
    decode(&written) == name.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_and_replaced_where_it_stands() {
        let query = "a=%41&model=openai%2Fgpt+4&b=&model=x";
        assert_eq!(value(query, "model").as_deref(), Some("openai/gpt 4"));
        assert_eq!(value(query, "b"), None);
        assert_eq!(with_value(query, "model", "m&n/1"), "a=%41&model=m%26n/1&b=");
        assert_eq!(value("mod%65l=&model&%6dodel=x", "model").as_deref(), Some("x"));
        assert_eq!(with_value("mod%65l=x&model=y", "model", "m"), "model=m");
        assert_eq!(with_value("a=1", "model", "m"), "a=1&model=m");
        assert_eq!(with_value("", "model", "m"), "model=m");
    }

    #[test]
    fn a_name_with_dot_segments_leads_away() {
        for name in [
            "..",
            "gpt-4o/../gpt-5",
            "gpt-4o/..",
            "./x",
            "a/%2e%2E/b",
            "a%2f..%2fb",
            "a/%252e%252e/b",
            "a\\..\\b",
            "a/..;x=y/b",
            "a%5c..%5cb",
        ] {
            assert!(leads_away(name), "{name}");
        }
        for name in ["gpt-4.1", "a/b.c", "...", "a/..b", "100%", "%zz", "", "a/.../b"] {
            assert!(!leads_away(name), "{name}");
        }
    }

    #[test]
    fn addresses_keep_their_queries() {
        let plain: Uri = "https://a.example/v1/models".parse().unwrap();
        let versioned: Uri = "https://a.example/v1/models?api-version=1".parse().unwrap();
        assert_eq!(
            with_query(&plain, Some("a=b")).unwrap(),
            "https://a.example/v1/models?a=b"
        );
        assert_eq!(
            with_query(&versioned, Some("a=b")).unwrap(),
            "https://a.example/v1/models?api-version=1&a=b"
        );
        assert_eq!(with_query(&versioned, None).unwrap(), versioned);
        assert_eq!(below(&plain, "x/y:z").unwrap(), "https://a.example/v1/models/x/y:z");
        assert_eq!(
            below(&versioned, "x").unwrap(),
            "https://a.example/v1/models/x?api-version=1"
        );
    }
}
