//! What one attempt led to, for the plan and for the operator's log.

use std::time::Duration;

use http::{Response, StatusCode, Uri};

use super::errors::not_the_upstreams;
use crate::config::{Route, Upstream};
use crate::dialect::upstream_error::UpstreamError;
use crate::dialect::usage::Usage;
use crate::dialect::wire::find::contains;
use crate::dialect::wire::number::seconds;
use crate::error::Error;
use crate::gateway::record::FailedAttempt;
use crate::gateway::reply::{Body, Raw, Relay};
use crate::platform::{Fault, Millis};
use crate::policy::meaning::{self, Meaning, Scope};
use crate::policy::plan::Target;

/// What one attempt led to.
pub(super) enum Outcome<S> {
    /// A stream that has begun.
    Stream(Response<Box<Relay<S>>>),
    /// An answer that is complete, the gateway's own ones included, and the tokens that it tells of.
    Whole(Response<Body<S>>, Option<Usage>),
    /// Bytes of any kind, which nothing is read in.
    Raw(Response<Raw<S>>),
    /// A WebSocket that the upstream has accepted.
    WebSocket(Response<Raw<S>>),
    /// The upstream has no WebSocket there.
    NoWebSocket,
    /// A good answer without the summary of the conversation that was asked for.
    NoCompaction,
    /// An answer that is an error, complete, or as it comes where it is too long for that.
    Refused(Response<Body<S>>, Meaning),
    /// A good answer that is too long for what would have to be done with it.
    TooLong,
    /// An answer that the endpoint cannot have: a page, nothing, a redirect.
    Unusable(StatusCode),
    /// A stream whose first content did not come in time, while another upstream could serve.
    Late,
    /// No answer.
    Failed(Fault),
}

impl<S> Outcome<S> {
    /// Returns what an answer is in which the upstream of `route` reports an error.
    pub(super) fn refused(response: Response<Body<S>>, route: &Route, now: Millis) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers());
        let meaning = meaning::of_answer(status, headers, response.body().begun(), route.account_limits, now);
        // The client must not take it for a word about its own token.
        if meaning.scope == Scope::Upstream && matches!(status, 401..=403) {
            return Self::Unusable(response.status());
        }
        Self::Refused(response, meaning)
    }

    /// Returns what it means for keys and upstreams.
    pub(super) fn meaning(&self) -> Meaning {
        match self {
            Self::Stream(_)
            | Self::Whole(..)
            | Self::Raw(_)
            | Self::TooLong
            | Self::WebSocket(_)
            | Self::NoWebSocket
            | Self::NoCompaction => Meaning::SUCCESS,
            Self::Refused(_, meaning) => *meaning,
            Self::Unusable(_) => Meaning::BROKEN,
            Self::Late => Meaning::LATE,
            Self::Failed(fault) => meaning::of_fault(fault),
        }
    }

    /// Whether the upstream says that there is nothing at this path, or not with this method, rather than no such model.
    pub(super) fn is_nowhere(&self) -> bool {
        let (status, body) = match self {
            Self::Refused(_, meaning) if meaning.scope == Scope::State => return false,
            Self::Refused(response, _) => (response.status(), response.body().begun()),
            Self::Unusable(status) => (*status, &[][..]),
            _ => return false,
        };
        let no_model = || UpstreamError::read(body).is_some_and(|error| error.is_about_a_model());
        status == StatusCode::METHOD_NOT_ALLOWED || status == StatusCode::NOT_FOUND && !no_model()
    }

    /// Whether an upstream that was asked for a summary of the conversation has refused that, or has read it over.
    pub(super) fn is_without_compaction(&self) -> bool {
        match self {
            Self::NoCompaction => true,
            Self::Refused(response, meaning) => {
                meaning.scope == Scope::Request && matches!(response.status().as_u16(), 400 | 422)
            }
            _ => false,
        }
    }

    /// Returns the error that ends the request, where the failure is not the upstream's.
    pub(super) fn own_error(&self) -> Option<Error> {
        match self {
            Self::Failed(fault) => not_the_upstreams(fault),
            _ => None,
        }
    }

    /// Returns what the record keeps of a failed attempt. The upstream's address stays out.
    pub(super) fn failed_attempt(&self, target: Target, route: &Route, took: Duration) -> FailedAttempt {
        let meaning = self.meaning();
        let (status, code) = match self {
            Self::Refused(response, _) => {
                let said = UpstreamError::read(response.body().begun());
                let code = said.and_then(|said| said.labels.into_iter().next());
                (Some(response.status()), code)
            }
            Self::Unusable(status) => (Some(*status), None),
            _ => (None, None),
        };
        FailedAttempt {
            route: route.name.clone(),
            key: target.key,
            status: status.map(|status| status.as_u16()),
            code,
            scope: meaning.scope,
            cooldown: meaning.cooldown,
            took,
            what: self.what(route),
        }
    }

    /// Returns what happened, in words for the operator.
    fn what(&self, route: &Route) -> String {
        match self {
            Self::Refused(response, meaning) => {
                let status = response.status().as_u16();
                match meaning.scope {
                    Scope::Region => format!("status {status}, it refuses this region"),
                    Scope::State => format!("status {status}, the state in the request is another account's"),
                    Scope::StreamOptions => format!("status {status}, it does not know `stream_options`"),
                    _ if meaning.cooldown.is_zero() => format!("status {status}"),
                    _ => format!("status {status}, rests {} s", seconds(meaning.cooldown)),
                }
            }
            Self::Unusable(status) if status.is_redirection() => {
                format!("redirect {}", status.as_u16())
            }
            Self::Unusable(status) => format!("no usable body under status {}", status.as_u16()),
            Self::Late => "no first token in time".to_owned(),
            Self::Failed(fault) => match fault {
                Fault::Connect(why) => format!("connect: {}", without_hosts(route, why)),
                Fault::Malformed(why) => format!("malformed: {}", without_hosts(route, why)),
                Fault::Exhausted(why) => format!("the gateway is out of resources: {}", without_hosts(route, why)),
                Fault::Reset(why) => format!("reset: {}", without_hosts(route, why)),
                Fault::Timeout => "timeout".to_owned(),
                Fault::Client => "the client left, or its body stalled".to_owned(),
            },
            Self::TooLong => "answer too large".to_owned(),
            Self::NoCompaction => "it does not know `compaction_trigger`".to_owned(),
            Self::Stream(_) | Self::Whole(..) | Self::Raw(_) | Self::WebSocket(_) | Self::NoWebSocket => {
                "delivered".to_owned()
            }
        }
    }
}

/// Whether there is a summary of a conversation in an answer, whole or streamed.
pub(super) fn has_compaction(answer: &[u8]) -> bool {
    contains(answer, "\"compaction\"")
}

/// Returns `text` without the names of the upstream's hosts.
fn without_hosts(route: &Route, text: &str) -> String {
    let hosts = match &route.upstream {
        Upstream::Http(known) => [known.models_url.host(), known.chat_url.as_ref().and_then(Uri::host)],
        Upstream::Echo => [None, None],
    };
    let named = hosts.into_iter().flatten().filter(|host| !host.is_empty());
    named.fold(text.to_owned(), |text, host| text.replace(host, "upstream"))
}
