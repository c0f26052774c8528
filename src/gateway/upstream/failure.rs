//! What is left when an attempt fails: the words the client gets if no other attempt does better.

use std::time::Duration;

use http::{Response, StatusCode};

use super::errors::{exhausted, rejected, unreachable, unusable};
use super::outcome::Outcome;
use crate::dialect::wire::number::seconds;
use crate::error::{Error, Kind};
use crate::gateway::reply::Body;
use crate::platform::Fault;
use crate::policy::meaning::{Meaning, Scope};

/// Why nothing could be delivered: what the client is answered in the end.
pub(super) enum Failure<S> {
    /// The upstream's own last word.
    Answer(Response<Body<S>>, Meaning),
    Error(Error),
}

impl<S> Failure<S> {
    /// Returns what a failed outcome leaves to be said. `longest` is the time that the attempt could have had.
    pub(super) fn of(outcome: Outcome<S>, longest: Duration) -> Self {
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
                let seconds = seconds(longest);
                let message = format!(
                    "The upstream did not answer within {seconds} seconds. Try a shorter request, or ask the operator for a longer `timeout`."
                );
                Self::Error(Error::new(Kind::UpstreamTimeout, message))
            }
            Outcome::Failed(Fault::Malformed(_)) => Self::Error(Error::new(
                Kind::UpstreamInvalidResponse,
                "The upstream's answer is not HTTP, or says in two ways where it ends. The operator finds the reason in the gateway's log.",
            )),
            Outcome::Late => Self::of(Outcome::Failed(Fault::Timeout), longest),
            Outcome::Failed(_)
            | Outcome::Stream(_)
            | Outcome::Whole(..)
            | Outcome::Raw(_)
            | Outcome::TooLong
            | Outcome::WebSocket(_)
            | Outcome::NoWebSocket
            | Outcome::NoCompaction => Self::Error(unreachable()),
        }
    }

    /// Returns the failure that tells the client more; where both tell as much, the later one.
    pub(super) fn or_worse(before: Option<Self>, after: Self) -> Self {
        match before {
            Some(before) if before.rank() > after.rank() => before,
            _ => after,
        }
    }

    /// Rank; the highest failure is reported: 4 a conversation that is too long, which the client can mend, 3 upstream answer or timeout, 2 other, 1 keys out of quota, 0 keys rejected.
    fn rank(&self) -> u8 {
        match self {
            Self::Answer(_, meaning) if meaning.scope == Scope::Overflow => 4,
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
