//! Who is calling: the token in the request's headers -> the route it is bound to.

use std::borrow::Cow;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};
use memchr::memchr_iter;

use crate::config::{Account, Config};
use crate::dialect::wire::percent::decode;
use crate::error::{Error, Kind};
use crate::gateway::fields;

/// From this length on a token is recognised inside of words: nobody writes one by chance.
const UNMISTAKABLE: usize = 8;

/// Who sent a request.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) account: &'a Account,
    /// The token as it was sent. It must not reach an upstream.
    token: &'a [u8],
}

impl<'a> Caller<'a> {
    /// The caller with the first known token, in the order `x-api-key`, `authorization: Bearer`, `x-goog-api-key`, `api-key`,
    /// then the subprotocols of a WebSocket.
    /// Clients fill several of these with values of their own: one known token suffices.
    ///
    /// # Errors
    /// 401, the same whichever part was wrong.
    pub(crate) fn of(config: &'a Config, client: &'a HeaderMap) -> Result<Self, Error> {
        let known = |token: &'a [u8]| config.account_of(token).map(|account| Self { account, token });
        let read = |name: &HeaderName, value: &'a [u8]| {
            let token = if *name == header::AUTHORIZATION {
                bearer(value)?
            } else {
                value
            };
            known(token.trim_ascii())
        };
        let field = |name: &HeaderName, value: &'a HeaderValue| {
            read(name, value.as_bytes()).or_else(|| {
                // Whoever joins fields of one name, as Workers do, puts a blank there, which no token holds.
                let joined = std::str::from_utf8(value.as_bytes()).ok()?;
                joined.split(", ").find_map(|part| read(name, part.as_bytes()))
            })
        };
        [fields::X_API_KEY, header::AUTHORIZATION, fields::X_GOOG_API_KEY, fields::API_KEY]
            .iter()
            .find_map(|name| client.get_all(name).into_iter().find_map(|value| field(name, value)))
            .or_else(|| fields::protocol_tokens(client).find_map(known))
            .ok_or_else(|| {
                let hint = "The gateway token is missing or not known. Send it as `Authorization: Bearer <token>` or `X-API-Key: <token>`.";
                Error::new(Kind::InvalidApiKey, hint)
            })
    }

    /// The caller whose token is one of the `keys` that stand in the address of a request to Google's API, where they may.
    pub(crate) fn of_keys(config: &'a Config, keys: &'a [String]) -> Option<Self> {
        keys.iter().find_map(|key| {
            let token = key.as_bytes().trim_ascii();
            config.account_of(token).map(|account| Self { account, token })
        })
    }

    /// Returns the token, as the secret of what is kept for this caller. It is not shown.
    pub(crate) const fn token(&self) -> &'a [u8] {
        self.token
    }

    /// Whether `text` repeats the token. A short one must stand there as a word: `demo` is in `demonstration` by chance.
    pub(crate) fn is_repeated_in(&self, text: &[u8]) -> bool {
        let (Some(first), Some(most)) = (self.token.first(), text.len().checked_sub(self.token.len())) else {
            return false;
        };
        let joins = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte));
        let is_word = |at: usize| !joins(text[..at].last()) && !joins(text.get(at + self.token.len()));
        // Headers are short: a search that prepares itself costs more than it finds.
        memchr_iter(*first, &text[..=most])
            .any(|at| text[at..].starts_with(self.token) && (self.token.len() >= UNMISTAKABLE || is_word(at)))
    }

    /// `query` without the pairs that hold a token: the caller's, or another one that this gateway knows.
    pub(crate) fn clean<'q>(&self, query: &'q str, config: &Config) -> Cow<'q, str> {
        let holds = |pair: &&str| {
            let decoded = decode(&pair.replace('+', " "));
            let value = decoded
                .iter()
                .position(|byte| *byte == b'=')
                .map_or(0, |equals| equals + 1);
            self.is_repeated_in(&decoded) || config.account_of(decoded[value..].trim_ascii()).is_some()
        };
        if !query.split('&').any(|pair| holds(&pair)) {
            return Cow::Borrowed(query);
        }
        let kept: Vec<&str> = query.split('&').filter(|pair| !holds(pair)).collect();
        kept.join("&").into()
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii();
    let (scheme, token) = value.split_at_checked(b"bearer".len())?;
    (scheme.eq_ignore_ascii_case(b"bearer") && token.first().is_some_and(u8::is_ascii_whitespace)).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(headers: &[(&'static str, &'static str)]) -> Option<usize> {
        let json = r#"[{"token":"one","provider":"echo"},{"token":"two","provider":"echo"}]"#;
        let config = Config::of_routes(json).unwrap();
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect();
        Caller::of(&config, &headers).ok().map(|caller| caller.account.route)
    }

    #[test]
    fn every_header_may_carry_the_token() {
        for headers in [
            ("x-api-key", "two"),
            ("authorization", "bearer two"),
            ("authorization", "BEARER   two "),
            ("x-goog-api-key", "two"),
            ("api-key", "two"),
            ("sec-websocket-protocol", "realtime, openai-insecure-api-key.two"),
        ] {
            assert_eq!(found(&[headers]), Some(1), "{headers:?}");
        }
    }

    #[test]
    fn one_known_token_suffices_and_the_order_decides_between_two() {
        assert_eq!(
            found(&[("authorization", "Bearer sk-else"), ("api-key", "two")]),
            Some(1)
        );
        assert_eq!(found(&[("authorization", "Bearer two"), ("x-api-key", "one")]), Some(0));
        assert_eq!(found(&[("x-api-key", "nobody"), ("x-api-key", "two")]), Some(1));
        assert_eq!(found(&[("authorization", "Bearer sk-else, Bearer two")]), Some(1));
    }

    #[test]
    fn a_token_is_recognised_where_it_is_repeated() {
        let json = r#"[{"token":"demo","provider":"echo"},{"token":"another-token","provider":"echo"}]"#;
        let config = Config::of_routes(json).unwrap();
        let caller = |token: &'static str| Caller {
            account: &config.accounts[0],
            token: token.as_bytes(),
        };
        let (short, long) = (caller("demo"), caller("gw-0123456789abcdef"));
        for (text, is_repeated) in [
            ("demo", true),
            ("a demo (demo)", true),
            ("demonstration demo-1", false),
            ("dem", false),
        ] {
            assert_eq!(short.is_repeated_in(text.as_bytes()), is_repeated, "{text}");
        }
        assert!(long.is_repeated_in(b"x-gw-0123456789abcdef-1"));
        for (query, cleaned) in [
            ("a=1&b=%20", "a=1&b=%20"),
            ("key=demo", ""),
            ("a=1&k%65y=%64emo&b=2", "a=1&b=2"),
            ("key=another-token&a", "a"),
            ("q=Bearer+demo&q=demos", "q=demos"),
            ("demo&x=1", "x=1"),
        ] {
            assert_eq!(short.clean(query, &config), cleaned, "{query}");
        }
    }

    #[test]
    fn a_key_in_the_address_may_be_the_token() {
        let json = r#"[{"token":"one","provider":"echo"},{"token":"two","provider":"echo"}]"#;
        let config = Config::of_routes(json).unwrap();
        let found = |keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            Caller::of_keys(&config, &keys).map(|caller| caller.account.route)
        };
        assert_eq!(
            (found(&["AIza", "two", "one"]), found(&["AIza"]), found(&[])),
            (Some(1), None, None)
        );
    }

    #[test]
    fn anything_else_is_nobody() {
        for value in [
            "Basic two",
            "two",
            "Bearer",
            "Bearertwo",
            "Bearer Two",
            "Bearer two,one",
            "",
        ] {
            assert_eq!(found(&[("authorization", value)]), None, "{value}");
        }
        assert_eq!(found(&[]), None);
    }
}
