//! The words that a client gets where no upstream gave an answer for it.

use http::StatusCode;

use crate::error::{Error, Kind};
use crate::gateway::call::body::unreadable;
use crate::platform::Fault;

/// Returns the error of an attempt whose failure is not the upstream's: the client left, or the gateway has run out of something.
pub(super) fn not_the_upstreams(fault: &Fault) -> Option<Error> {
    match fault {
        Fault::Client => Some(unreadable(fault)),
        Fault::Exhausted(_) => Some(Error::new(
            Kind::Overloaded,
            "The gateway has no free connection or memory for the request; try again in a second. Its operator finds the reason in its log.",
        )),
        Fault::Connect(_) | Fault::Reset(_) | Fault::Malformed(_) | Fault::Timeout => None,
    }
}

/// Returns the error for keys that the upstream rejected.
pub(super) fn rejected(status: StatusCode) -> Error {
    let message = format!(
        "The upstream refused the gateway's own key (status {}). Your token is fine: the operator has to renew the route's `api_keys`.",
        status.as_u16()
    );
    Error::new(Kind::UpstreamAuthFailed, message)
}

/// Returns the error for keys without quota or credit.
pub(super) fn exhausted(status: StatusCode) -> Error {
    let message = format!(
        "The gateway's own keys have no quota or credit left at the upstream (status {}). Your token is fine: the operator has to top up the account, or add `api_keys` to the route.",
        status.as_u16()
    );
    Error::new(Kind::NoKeyAvailable, message)
}

/// Returns the error for a request that no key may serve for longer than it may wait.
pub(super) fn all_limited() -> Error {
    Error::new(
        Kind::NoKeyAvailable,
        "All keys have reached the upstream's rate limit, for longer than a request may wait here. Try again when `retry-after` has passed; the operator can add `api_keys`, or set a longer `retry_wait`.",
    )
}

pub(super) fn unreachable() -> Error {
    Error::new(
        Kind::UpstreamUnreachable,
        "The upstream could not be reached. Try again later; the operator finds the reason in the gateway's log.",
    )
}

pub(super) fn too_long() -> Error {
    Error::new(
        Kind::UpstreamInvalidResponse,
        "The upstream's answer is too long to be changed on its way; ask for less, for a stream, or at an endpoint whose answers pass as they are.",
    )
}

pub(super) fn unusable(status: StatusCode) -> Error {
    if status == StatusCode::TOO_MANY_REQUESTS {
        let message = "The upstream takes no more requests for now; try again later, or with another model.";
        return Error::new(Kind::RateLimited, message);
    }
    if matches!(status.as_u16(), 401..=403) {
        let message = format!(
            "Something in front of the upstream refused the request: a firewall, a proxy or a login page (status {}). Your token is fine: the operator should check the route's `base_url`, and whether the upstream can be used from where the gateway runs.",
            status.as_u16()
        );
        return Error::new(Kind::UpstreamInvalidResponse, message);
    }
    let what = if status.is_redirection() {
        "redirected the request, which is never followed"
    } else {
        "answered without a usable body (a web page, nothing, or something compressed that was not asked for)"
    };
    let message = format!(
        "The upstream {what} (status {}). The operator should check the route's `base_url`.",
        status.as_u16()
    );
    Error::new(Kind::UpstreamInvalidResponse, message)
}

pub(super) fn no_websocket() -> Error {
    Error::new(
        Kind::WebSocketUnsupported,
        "The upstream has no WebSocket at this path; use plain HTTP requests, or a token whose upstream has one.",
    )
}
