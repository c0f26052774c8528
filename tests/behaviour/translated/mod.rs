//! Any client's dialect to any upstream's, as both sides see it.

mod caching;
mod compaction;
pub(crate) mod dialect;
mod errors;
mod failing;
mod lost;
mod requests;
mod sdks;
mod seams;
mod talk;
mod turns;
pub(crate) mod upstream;

pub(crate) use self::caching::*;
pub(crate) use self::compaction::*;
pub(crate) use self::failing::*;
pub(crate) use self::lost::*;
pub(crate) use self::sdks::*;
pub(crate) use self::seams::*;
pub(crate) use self::talk::*;
pub(crate) use self::turns::PIXEL;

use serde_json::{Value, json};

use self::dialect::{DIALECTS, Dialect};
use crate::support::upstream::Upstream;
use crate::support::{Gateway, Runtime};

/// The token whose route leads to an upstream of this dialect.
pub(crate) fn token(dialect: Dialect) -> String {
    format!("gw-SECRET-{}", dialect.name())
}

/// A gateway with a route to an upstream of each dialect, all with `fields` besides.
fn to_all(runtime: Runtime, fields: &Value) -> (Gateway, [Upstream; 4]) {
    let upstreams = DIALECTS.map(upstream::start);
    let routes = DIALECTS
        .iter()
        .zip(&upstreams)
        .map(|(dialect, upstream)| upstream::route(&token(*dialect), *dialect, upstream, fields));
    let routes: Vec<Value> = routes.collect();
    (Gateway::with_routes(runtime, &json!(routes)), upstreams)
}

/// How often an upstream is asked for the first answer of a client: one of OpenAI's dialect may have the client's path.
const fn first_attempts(client: Dialect, upstream: Dialect) -> &'static str {
    match (client, upstream) {
        (Dialect::Responses | Dialect::Anthropic, Dialect::OpenAi) => "2",
        _ => "1",
    }
}

/// A gateway with one route, to an upstream of this dialect.
fn to_one(runtime: Runtime, dialect: Dialect, upstream: &Upstream, fields: &Value) -> Gateway {
    Gateway::with_routes(
        runtime,
        &json!([upstream::route(&token(dialect), dialect, upstream, fields)]),
    )
}
