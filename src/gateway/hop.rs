//! The hop mark: a request header by which a gateway knows a request that it has sent itself.
//!
//! Every gateway on the way adds its own mark ([`Config::hop`]), so that a way over several gateways differs from one that
//! leads back, however many gateways the circle has.

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

use crate::config::Config;
use crate::error::{Error, Kind};

pub(crate) const HOP: HeaderName = HeaderName::from_static("x-gateway-hop");

/// The most gateways that a request may have passed. More of them are a circle whose members do not know each other, such
/// as replicas with tables of their own.
const MOST: usize = 8;

/// Returns the marks of a request. What is not a mark is passed over: it is not for an upstream to read.
fn marks(client: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = client.get_all(HOP).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|mark| Config::is_hop(mark))
}

/// Refuses a request that this gateway has sent itself, or that has passed too many others.
///
/// # Errors
/// 508, with what its operator has to look at.
pub(crate) fn refuse_loop(config: &Config, client: &HeaderMap) -> Result<(), Error> {
    if !client.contains_key(HOP) {
        return Ok(());
    }
    let (mut passed, mut own) = (0, false);
    for mark in marks(client) {
        passed += 1;
        own |= config.hop == mark;
    }
    if own {
        let message = "The request came back to this gateway: the `base_url` of a route, or of one of its fallbacks, leads to the gateway itself, perhaps by way of another one. Its operator has to give the provider's address there.";
        return Err(Error::new(Kind::LoopDetected, message));
    }
    if passed >= MOST {
        let message = format!(
            "The request has passed {passed} gateways, so it most likely goes in a circle. The operators have to check the `base_url` of their routes and fallbacks."
        );
        return Err(Error::new(Kind::LoopDetected, message));
    }
    Ok(())
}

/// Returns the marks that an upstream gets: those that came, and this gateway's own.
pub(crate) fn mark(config: &Config, client: &HeaderMap) -> HeaderValue {
    if !client.contains_key(HOP) {
        return config.hop.clone();
    }
    let own = config.hop.to_str().unwrap_or_default();
    let all: Vec<&str> = marks(client).chain([own]).collect();
    HeaderValue::try_from(all.join(", ")).unwrap_or_else(|_| config.hop.clone())
}
