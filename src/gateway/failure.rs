//! What is left when an attempt fails: the words the client gets if no other attempt does better.

use http::{Response, StatusCode};

use super::Body;
use super::body::unreadable;
use super::outcome::Outcome;
use crate::config::Route;
use crate::error::{Error, Kind};
use crate::platform::Fault;
use crate::policy::outcome::{Meaning, Scope};

/// Why nothing could be delivered: what the client is told in the end.
pub(super) enum Failure<S> {
    /// The upstream's own last word.
    Answer(Response<Body<S>>, Meaning),
    Error(Error),
}

impl<S> Failure<S> {
    /// What a failed outcome leaves.
    pub(super) fn of(outcome: Outcome<S>, route: &Route) -> Self {
        match outcome {
            Outcome::Refused(response, meaning) => match meaning.scope {
                Scope::Key => Self::Error(rejected(response.status())),
                Scope::Quota if response.status() != StatusCode::TOO_MANY_REQUESTS => {
                    Self::Error(exhausted(response.status()))
                }
                _ => Self::Answer(response, meaning),
            },
            Outcome::Unusable(status) => Self::Error(unusable(status)),
            Outcome::Failed(Fault::Timeout) => {
                let seconds = route.timeout.as_secs_f64();
                let message = format!(
                    "The upstream did not answer within {seconds} seconds. Try a shorter request, or ask the operator for a longer `timeout`."
                );
                Self::Error(Error::new(Kind::UpstreamTimeout, message))
            }
            Outcome::Failed(Fault::Malformed(_)) => Self::Error(Error::new(
                Kind::UpstreamInvalidResponse,
                "The upstream's answer is not HTTP, or says in two ways where it ends. The operator finds the reason in the gateway's log.",
            )),
            Outcome::Failed(_)
            | Outcome::Stream(_)
            | Outcome::Whole(..)
            | Outcome::Raw(_)
            | Outcome::TooLong
            | Outcome::Socket(_)
            | Outcome::NoSocket => Self::Error(unreachable()),
        }
    }

    /// Of two failures, the one that tells the client more, and of two that tell as much the later one.
    pub(super) fn or_worse(before: Option<Self>, after: Self) -> Self {
        match before {
            Some(before) if before.worth() > after.worth() => before,
            _ => after,
        }
    }

    /// How much it tells: an answer of the upstream or a timeout before the gateway's own words, and what befell a key that
    /// may be good before those that are not. Of keys of which some were refused and others are used up, none is available.
    fn worth(&self) -> u8 {
        match self {
            Self::Answer(..) => 3,
            Self::Error(error) => match error.kind {
                Kind::UpstreamTimeout => 3,
                Kind::NoKeyAvailable => 1,
                Kind::UpstreamAuthFailed => 0,
                _ => 2,
            },
        }
    }
}

/// The error of an attempt whose failure is not the upstream's: the client left, or the gateway has run out of something.
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

fn rejected(status: StatusCode) -> Error {
    let message = format!(
        "The upstream refused the gateway's own key (status {}). Your token is fine: the operator has to renew the route's `api_keys`.",
        status.as_u16()
    );
    Error::new(Kind::UpstreamAuthFailed, message)
}

fn exhausted(status: StatusCode) -> Error {
    let message = format!(
        "The gateway's own keys have no quota or credit left at the upstream (status {}). Your token is fine: the operator has to top up the account, or add `api_keys` to the route.",
        status.as_u16()
    );
    Error::new(Kind::NoKeyAvailable, message)
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

pub(super) fn no_socket() -> Error {
    Error::new(
        Kind::WebSocketUnsupported,
        "The upstream has no WebSocket at this path; use plain HTTP requests, or a token whose upstream has one.",
    )
}
