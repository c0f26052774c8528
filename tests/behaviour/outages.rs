//! What an outage costs where the fallback is at the same address.

#![expect(clippy::disallowed_types, reason = "a native test has a native clock")]

use std::time::Instant;

use serde_json::json;

use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, route};

const FINE: &str = r#"{"fine":1}"#;

pub(crate) fn an_outage_of_one_account_or_model_is_not_paid_for_by_every_request(runtime: Runtime) {
    for fallback in [
        json!({"name": "b", "api_keys": ["up-SECRET-3"]}),
        json!({"name": "b", "api_keys": ["up-SECRET-1", "up-SECRET-2"], "default_model": "other"}),
    ] {
        let upstream = Upstream::start(|received, to| {
            let is_spare = received.one("authorization") == Some("Bearer up-SECRET-3");
            if is_spare || received.text().contains("other") {
                to.answer("200 OK", JSON, FINE);
            } else {
                to.answer("503 Busy", JSON, r#"{"error":{"message":"busy"}}"#);
            }
        });
        let routes = json!([
            route(
                TOKEN,
                &upstream,
                json!({"api_keys": ["up-SECRET-1", "up-SECRET-2"], "fallbacks": ["b"]})
            ),
            route("gw-SECRET-other", &upstream, fallback),
        ]);
        let gateway = Gateway::with_routes(runtime, &routes);
        let begin = Instant::now();
        for _ in 0..15 {
            assert_eq!(gateway.chat(r#"{"model":"m"}"#).text(), FINE);
        }
        // Two keys find out, and then one probe each 5 seconds and more: a busy machine may take that long.
        let most = 15 + 2 + begin.elapsed().as_secs() as usize / 5;
        let asked = upstream.received().len();
        assert!((17..=most).contains(&asked), "{asked} attempts");
    }
}
