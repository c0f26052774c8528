//! Who is calling: the token in the request's headers -> the route it is bound to.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::headers;
use crate::config::Config;
use crate::error::{Error, Kind};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// The route of the first known token, in the order `x-api-key`, `authorization: Bearer`, `x-goog-api-key`, `api-key`,
/// then the subprotocols of a WebSocket.
/// Clients fill several of these with values of their own: one known token suffices.
pub(super) fn route(config: &Config, client: &HeaderMap) -> Result<usize, Error> {
    let fields = [X_API_KEY, header::AUTHORIZATION, X_GOOG_API_KEY, headers::API_KEY];
    let token = |name: &HeaderName, value: &[u8]| {
        let token = if *name == header::AUTHORIZATION {
            bearer(value)?
        } else {
            value
        };
        config.route_of(token.trim_ascii())
    };
    let field = |name: &HeaderName, value: &HeaderValue| {
        token(name, value.as_bytes()).or_else(|| {
            // Whoever joins fields of one name, as Workers do, puts a blank there, which no token holds.
            let joined = std::str::from_utf8(value.as_bytes()).ok()?;
            joined.split(", ").find_map(|part| token(name, part.as_bytes()))
        })
    };
    fields
        .iter()
        .find_map(|name| client.get_all(name).into_iter().find_map(|value| field(name, value)))
        .or_else(|| headers::protocol_tokens(client).find_map(|token| config.route_of(token)))
        .ok_or_else(|| {
            let hint = "The gateway token is missing or not known. Send it as `Authorization: Bearer <token>` or `X-API-Key: <token>`.";
            Error::new(Kind::InvalidApiKey, hint)
        })
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
        route(&config, &headers).ok()
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
