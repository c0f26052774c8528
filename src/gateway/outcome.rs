//! What one attempt led to, for the plan and for the operator's log.

use http::{Response, StatusCode, Uri};

use super::{Body, Raw, Relay};
use crate::config::{Route, Upstream};
use crate::dialect::openai::Usage;
use crate::platform::Fault;
use crate::policy::outcome::{Meaning, Scope, of_fault};
use crate::policy::plan::Target;

/// What one attempt led to.
pub(super) enum Outcome<S> {
    /// A stream that has begun.
    Stream(Response<Relay<S>>),
    /// An answer that is complete, the gateway's own ones included, and the tokens that it tells of.
    Whole(Response<Body<S>>, Option<Usage>),
    /// Bytes of any kind, which nothing is read in.
    Raw(Response<Raw<S>>),
    /// A WebSocket that the upstream has accepted.
    Socket(Response<Raw<S>>),
    /// The upstream has no WebSocket there.
    NoSocket,
    /// An answer that is an error, complete, or as it comes where it is too long for that.
    Refused(Response<Body<S>>, Meaning),
    /// A good answer that is too long for what would have to be done with it.
    TooLong,
    /// An answer that the endpoint cannot have: a page, nothing, a redirect.
    Unusable(StatusCode),
    /// No answer.
    Failed(Fault),
}

impl<S> Outcome<S> {
    pub(super) fn meaning(&self) -> Meaning {
        match self {
            Self::Stream(_) | Self::Whole(..) | Self::Raw(_) | Self::TooLong | Self::Socket(_) | Self::NoSocket => {
                Meaning::SUCCESS
            }
            Self::Refused(_, meaning) => *meaning,
            Self::Unusable(_) => Meaning::BROKEN,
            Self::Failed(fault) => of_fault(fault),
        }
    }

    /// For the operator's log: which key, and what happened to it. The upstream's address stays out.
    pub(super) fn told(&self, target: Target, route: &Route) -> String {
        let clean = |text: &str| {
            let hosts = match &route.upstream {
                Upstream::Http(known) => [known.models_url.host(), known.chat_url.as_ref().and_then(Uri::host)],
                Upstream::Echo => [None, None],
            };
            let named = hosts.into_iter().flatten().filter(|host| !host.is_empty());
            named.fold(text.to_owned(), |text, host| text.replace(host, "upstream"))
        };
        let what = match self {
            Self::Refused(response, meaning) => {
                let status = response.status().as_u16();
                match meaning.scope {
                    Scope::Region => format!("status {status}, it refuses this region"),
                    Scope::StreamOptions => format!("status {status}, it does not know `stream_options`"),
                    _ if meaning.rest.is_zero() => format!("status {status}"),
                    _ => format!("status {status}, rests {} s", meaning.rest.as_secs_f64()),
                }
            }
            Self::Unusable(status) if status.is_redirection() => {
                format!("redirect {}", status.as_u16())
            }
            Self::Unusable(status) => format!("no usable body under status {}", status.as_u16()),
            Self::Failed(Fault::Connect(why)) => format!("connect: {}", clean(why)),
            Self::Failed(Fault::Malformed(why)) => format!("malformed: {}", clean(why)),
            Self::Failed(Fault::Exhausted(why)) => format!("the gateway is out of resources: {}", clean(why)),
            Self::Failed(Fault::Reset(why)) => format!("reset: {}", clean(why)),
            Self::Failed(Fault::Timeout) => "timeout".to_owned(),
            Self::Failed(Fault::Client) => "the client left, or its body stalled".to_owned(),
            Self::TooLong => "answer too large".to_owned(),
            Self::Stream(_) | Self::Whole(..) | Self::Raw(_) | Self::Socket(_) | Self::NoSocket => {
                "delivered".to_owned()
            }
        };
        match target.key {
            Some(key) => format!("{} key {}: {what}", route.name, key + 1),
            None => format!("{}: {what}", route.name),
        }
    }
}
