//! One upstream as it is asked: what every step of an attempt knows.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::outcome::Outcome;
use super::translate::{self, Translated};
use crate::config::{Config, Route};
use crate::dialect::upstream_error::STREAM_OPTIONS;
use crate::dialect::wire::cut;
use crate::gateway::call::ClientRequest;
use crate::gateway::call::endpoint::Wish;
use crate::platform::Moment;
use crate::policy::plan::Target;

/// What an upstream is known by not to have that does not shorten conversations by itself.
pub(super) const COMPACTION: &str = "compaction";

/// One attempt.
pub(super) struct Asked<'a, P> {
    pub(super) platform: &'a P,
    pub(super) config: &'a Arc<Config>,
    pub(super) request: &'a ClientRequest<'a>,
    /// The route of `target`.
    pub(super) route: &'a Route,
    pub(super) target: Target,
    /// The model that the upstream is asked for.
    pub(super) model: Option<&'a str>,
    /// When it began.
    pub(super) started: Moment,
    /// The time that is left to it.
    pub(super) limit: Duration,
    /// The time until another upstream is asked instead; `limit` where that is not to be.
    pub(super) patience: Duration,
    /// A stream is handed on only when its first content is there: another attempt could follow.
    pub(super) hold: bool,
    /// It stands behind a failure, which may have been the connection's.
    pub(super) is_fresh: bool,
    /// A stream is asked for without `stream_options`.
    pub(super) without_options: bool,
    /// It is asked without the state that belongs to another account.
    pub(super) without_state: bool,
    /// The request's body is sent as it comes.
    pub(super) is_upload: bool,
    /// This attempt finds out whether the upstream makes the summary that it is asked for. Where it does not, it is asked in words.
    pub(super) finds_compaction: bool,
    /// The request in the upstream's dialect, where that is not the client's.
    pub(super) translated: Option<&'a Translated>,
}

impl<P> Asked<'_, P> {
    /// Returns the body that is sent, if that is here; the model in it may be another one.
    pub(super) fn sent(&self) -> &Bytes {
        self.translated
            .map_or(&self.request.body, |translated| &translated.body)
    }

    /// Returns the body that is sent without the state of an account, where it has some.
    pub(super) fn forgotten(&self, body: &Bytes) -> Option<Bytes> {
        let spoken = self.translated.map_or(self.request.endpoint.dialect, Translated::from);
        (spoken.forget)(body)
    }

    /// Whether the request can be sent again without the state that an upstream has refused.
    pub(super) fn can_forget_state(&self) -> bool {
        let is_asked = self.request.endpoint.wish != Wish::Other;
        is_asked && !self.without_state && self.forgotten(self.sent()).is_some()
    }

    /// Whether the request can be sent again without its `stream_options`.
    pub(super) fn can_leave_options_out(&self) -> bool {
        self.request.streams() && !self.without_options && cut::without(self.sent(), STREAM_OPTIONS).is_some()
    }

    /// Returns the name of what the upstream does not have, as an outcome shows, where there is another way to answer without that.
    pub(super) fn lacks<S>(&self, outcome: &Outcome<S>) -> Option<&'static str> {
        if self.may_lack_endpoint() && outcome.is_nowhere() {
            return Some(self.request.endpoint.label);
        }
        (self.finds_compaction && outcome.is_without_compaction()).then_some(COMPACTION)
    }

    /// Whether this attempt finds out whether the upstream has the endpoint that it is asked at. Where it has none, there is another way
    /// to answer: in the upstream's dialect, or, for a number of tokens, by an estimate.
    fn may_lack_endpoint(&self) -> bool {
        let endpoint = self.request.endpoint;
        let may_lack = endpoint.wish == Wish::Count || self.translated.is_none();
        may_lack && translate::may_lack_endpoint(endpoint, self.route)
    }

    /// Returns the time that the operator gives to such an attempt, as it stands in the route.
    pub(super) const fn longest(&self) -> Duration {
        if self.patience.as_nanos() < self.limit.as_nanos() {
            self.route.first_token_timeout
        } else {
            self.route.timeout
        }
    }

    /// Returns the longest that nothing of a whole answer may come. The time of the attempt covers an answer that stalls,
    /// except when the request's body is sent as it comes.
    pub(super) fn idle(&self) -> Duration {
        if self.is_upload {
            self.route.idle_timeout
        } else {
            Duration::MAX
        }
    }
}
