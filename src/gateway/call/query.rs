//! The query of a request: what it names, and how a value in it is replaced while everything else stays as it was written.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::dialect::wire::percent::decode;

/// The first value of `name` in a query that is not empty (WHATWG URL, section 5.1).
pub(crate) fn value(query: &str, name: &str) -> Option<String> {
    values(query, name).next()
}

/// The values of `name` in a query that are not empty.
pub(crate) fn values(query: &str, name: &str) -> impl Iterator<Item = String> {
    let value = |(_, written): (&str, &str)| String::from_utf8(decode(&written.replace('+', " "))).ok();
    pairs(query)
        .filter(move |pair| is(pair, name))
        .filter_map(move |pair| pair.split_once('=').and_then(value))
        .filter(|value| !value.is_empty())
}

/// `query` without `name`, everything else as it was written.
pub(crate) fn without<'q>(query: &'q str, name: &str) -> Cow<'q, str> {
    if !pairs(query).any(|pair| is(pair, name)) {
        return query.into();
    }
    let kept: Vec<&str> = pairs(query).filter(|pair| !is(pair, name)).collect();
    kept.join("&").into()
}

/// The models that a query names, in whatever letters: Azure calls them deployments.
pub(crate) fn models(query: &str) -> Vec<String> {
    let model = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let text = |written: &str| String::from_utf8_lossy(&decode(&written.replace('+', " "))).into_owned();
        let is_named = ["model", "deployment"].contains(&&*text(name).to_ascii_lowercase());
        Some(text(value)).filter(|model| is_named && !model.trim().is_empty())
    };
    pairs(query).filter_map(model).collect()
}

/// `query` with `name` set to `value` in the place where it stands, or at the end; everything else as it was written.
pub(crate) fn with_value(query: &str, name: &str, value: &str) -> String {
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

/// `text` as it may stand in a path or a query (RFC 3986 section 3.3). Slashes stay: names of models have them.
pub(crate) fn encoded(text: &str) -> String {
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
    fn a_name_is_taken_out_however_it_is_spelled() {
        for (query, left) in [
            ("a=1&&b=%41", "a=1&&b=%41"),
            ("key=x&a=%41&k%65y=y&key", "a=%41"),
            ("%6b%65%79=x", ""),
            ("keys=1&a=key", "keys=1&a=key"),
        ] {
            assert_eq!(without(query, "key"), left, "{query}");
        }
        let found: Vec<String> = values("key=&key=a&k%65y=%62&x=c", "key").collect();
        assert_eq!(found, ["a", "b"]);
    }
}
