//! Asking upstreams: which one, with which key, and what its answer means.
//!
//! [`Upstreams::forward`] follows a plan (`policy::plan`): it makes an [`attempt`](attempt::attempt), which asks one upstream
//! with one key and [reads](read) of the answer what it takes to know its [`Outcome`]. What is meant for the client is
//! [delivered](deliver); else the next attempt follows. When none is left, the [failure](failure) that tells the client most is
//! answered.

mod address;
mod asked;
mod attempt;
mod deliver;
mod echo;
mod errors;
mod failure;
mod headers;
mod held;
mod outcome;
mod read;
mod translate;
mod whole;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use http::{Response, header};

use self::asked::{Asked, COMPACTION};
use self::failure::Failure;
use self::outcome::Outcome;
use self::translate::Way;
use crate::config::{Config, Rotation, Route};
use crate::dialect::neutral::Format;
use crate::dialect::openai;
use crate::error::{Error, Kind};
use crate::gateway::admit::Admitted;
use crate::gateway::call::endpoint::Wish;
use crate::gateway::call::{Affinity, ClientRequest};
use crate::gateway::fields;
use crate::gateway::record::Record;
use crate::gateway::reply::Body;
use crate::gateway::state::State;
use crate::platform::{Fault, Payload, Platform};
use crate::policy::meaning::Scope;
use crate::policy::plan::{Order, Plan, Step, Target, Verdict};
use crate::policy::retry_after;

/// The longest that a body may be sent.
const LONGEST_UPLOAD: Duration = Duration::from_secs(24 * 60 * 60);

/// The upstreams of all routes, as one request finds them.
pub(crate) struct Upstreams<'a, P> {
    pub(crate) config: &'a Arc<Config>,
    pub(crate) state: &'a State,
    pub(crate) platform: &'a P,
}

impl<P: Platform> Upstreams<'_, P> {
    /// Returns what [`hold`](crate::gateway::admit::hold) counts a request with.
    pub(crate) fn counted_with(&self) -> (&Config, &State, &P) {
        (self.config, self.state, self.platform)
    }

    /// Asks the upstreams of the request's route, one after the other, and hands on the first answer that is meant
    /// for the client.
    ///
    /// An `upload` is the request's body where that is not kept: there is one attempt then.
    ///
    /// # Errors
    /// The failure that tells the client most, where no attempt led to an answer for it.
    pub(crate) async fn forward(
        &self,
        admitted: Admitted<'_>,
        mut upload: Option<Payload<P::Stream>>,
        record: &mut Record,
    ) -> Result<Response<Body<P::Stream>>, Error> {
        let request = admitted.request();
        let order = self.order(request, upload.is_some());
        let model_of = |index: usize| request.model(&self.config.routes[index], index);
        let (health, now) = (&self.state.health, self.platform.moment());
        let mut plan = Plan::new(self.config, health, request.route, &order, model_of, now);
        let (mut failure, mut waiting_helps) = (None, false);
        // The route whose upstream has refused this request for its `stream_options`, and the one that gets it without state.
        let (mut refuses_options, mut forgets_state) = (None, None);
        // The request as the route that was asked last gets it.
        let mut last_way: Option<(usize, Way)> = None;
        let attempts_before = record.attempts;
        while let Some((target, limit)) = self.next(&mut plan).await {
            let route = &self.config.routes[target.route];
            record.attempts = attempts_before + plan.attempts();
            let (model, started) = (request.model(route, target.route), self.platform.moment());
            if last_way.as_ref().is_none_or(|(of, _)| *of != target.route) {
                last_way = Some((target.route, self.way(request, route, model)?));
            }
            let translated = match last_way.as_ref().map(|(_, way)| way) {
                Some(Way::Translated(translated)) => Some(Arc::clone(translated)),
                Some(Way::Estimated(tokens)) => return translate::estimated(request.endpoint.dialect, *tokens),
                Some(Way::AsItCame) | None => None,
            };
            let refused_options = refuses_options == Some(target.route);
            let lacks_options = || health.lacks_stream_options(route, model, started);
            let asked = Asked {
                platform: self.platform,
                config: self.config,
                request,
                route,
                target,
                model,
                started,
                limit,
                patience: plan.patience(request.streams(), limit, started),
                hold: plan.has_more(started),
                is_fresh: failure.is_some(),
                without_options: request.streams() && (refused_options || lacks_options()),
                without_state: forgets_state == Some(target.route),
                is_upload: upload.is_some(),
                finds_compaction: translated.is_none() && translate::may_lack_compaction(request, route, model),
                translated: translated.as_deref(),
            };
            let outcome = in_time(&asked, &mut upload, record).await;
            let (now, meaning) = (self.platform.moment(), outcome.meaning());
            let failed = |outcome: &Outcome<P::Stream>| outcome.failed_attempt(target, route, started.until(now));
            if let Some(error) = outcome.own_error() {
                record.failures.push(failed(&outcome));
                return Err(error);
            }
            waiting_helps |= meaning.waiting_helps;
            self.note_options(&asked, refused_options && meaning.scope == Scope::Success);
            if meaning.scope == Scope::StreamOptions && asked.can_leave_options_out() {
                refuses_options = Some(target.route);
                plan.again();
            } else if let Some(what) = asked.lacks(&outcome) {
                health.without_endpoint(route, what, now);
                last_way = None;
                plan.again();
                // It says nothing of the request, which goes there in another way now.
                record.failures.push(failed(&outcome));
                continue;
            } else if plan.judge(&meaning, self.platform.random() as u64, now) == Verdict::Deliver {
                return deliver::deliver(&asked, outcome, record);
            }
            record.failures.push(failed(&outcome));
            if asked.can_forget_state() && plan.forget_state(now) {
                forgets_state = Some(target.route);
            }
            let last = Failure::of(deliver::said(&asked, outcome), asked.longest());
            failure = Some(Failure::or_worse(failure, last));
        }
        self.last_word(failure, &plan, waiting_helps, request.endpoint.dialect, record)
    }

    /// Notes that an upstream answers where it gets no `stream_options`, if it `helped` to leave them out.
    fn note_options(&self, asked: &Asked<'_, P>, helped: bool) {
        if helped && openai::has_usual_stream_options(asked.sent()) {
            let now = self.platform.moment();
            (self.state.health).without_stream_options(asked.route, asked.model, now);
        }
    }

    /// Returns the next attempt of a plan and its time, behind what the plan waits for; nothing where it gives up.
    async fn next(&self, plan: &mut Plan<'_>) -> Option<(Target, Duration)> {
        loop {
            match plan.next(self.platform.moment()) {
                Step::Try { target, limit } => return Some((target, limit)),
                Step::Wait(time) => self.platform.sleep(time).await,
                Step::GiveUp => return None,
            }
        }
    }

    /// Returns how a request is put to the upstream of `route`.
    fn way(&self, request: &ClientRequest<'_>, route: &Route, model: Option<&str>) -> Result<Way, Error> {
        let (platform, endpoint) = (self.platform, request.endpoint);
        let lacks = |what| (self.state.health).lacks_endpoint(route, what, platform.moment());
        let target = translate::Target {
            route,
            model,
            lacks_endpoint: translate::may_lack_endpoint(endpoint, route) && lacks(endpoint.label),
            lacks_compaction: translate::may_lack_compaction(request, route, model) && lacks(COMPACTION),
            secrets: &self.config.state_secrets,
            random: &|| platform.random(),
        };
        let id = || fields::new_request_id(platform.now(), platform.random());
        Way::of(request, &target, id, platform.now())
    }

    /// Returns what ranks the keys of a request.
    fn order<'r>(&'r self, request: &'r ClientRequest<'_>, is_upload: bool) -> Order<'r> {
        let subject = self.subject(request);
        Order {
            subject: subject.unwrap_or(request.request_id.as_bytes()),
            conversation: if subject.is_none() && self.has(request.route, |route| route.rotation == Rotation::Sticky) {
                request.conversation()
            } else {
                None
            },
            only_first: request.affinity == Affinity::Pinned || is_upload,
            fallbacks: request.alone.is_none(),
            // What is sent as it comes cannot be sent again.
            most: if is_upload {
                1
            } else {
                request.alone.unwrap_or(usize::MAX)
            },
            waits: request.alone.is_none() && !is_upload,
        }
    }

    /// Returns what all requests share that must begin with the same key, however the route rotates: the account's subject for what
    /// an upstream's account keeps, the session for what an agent asks in one, the beginning of the conversation where state hangs on it.
    /// Nothing for other requests, and nothing where no route has two keys.
    fn subject<'r>(&self, request: &'r ClientRequest<'_>) -> Option<&'r [u8]> {
        if !self.has(request.route, |route| route.keys.len() > 1) {
            return None;
        }
        let is_free = request.affinity == Affinity::None && !request.refers();
        // Over a WebSocket everything of a session comes the same way, and its client may go on without one.
        if (is_free || request.is_websocket() && request.affinity == Affinity::Preferred)
            && let Some(session) = request.session()
        {
            return Some(session);
        }
        if !is_free {
            return Some(request.caller.account.subject.bytes());
        }
        // What a translation hands out as its own is state of the upstream's.
        let is_spoken = self.config.routes[request.route].speaks(request.endpoint.dialect) != Some(false);
        let is_bound = request.endpoint.wish != Wish::Other && !is_spoken || request.has_state();
        if is_bound { request.conversation() } else { None }
    }

    /// Whether something is true of a route, or of a fallback of it.
    fn has(&self, route: usize, is_true: impl Fn(&Route) -> bool) -> bool {
        let route = &self.config.routes[route];
        is_true(route) || route.fallbacks.iter().any(|index| is_true(&self.config.routes[*index]))
    }

    /// Returns what the client is answered when no attempt led to an answer for it.
    fn last_word(
        &self,
        failure: Option<Failure<P::Stream>>,
        plan: &Plan<'_>,
        waiting_helps: bool,
        dialect: &Format,
        record: &mut Record,
    ) -> Result<Response<Body<P::Stream>>, Error> {
        let now = self.platform.moment();
        let retry_after = || Some(now.until(plan.first_cooldown_end(now)?).as_millis().div_ceil(1000) as u64);
        // One of the keys may have no quota, and another one have some soon.
        match failure {
            Some(Failure::Answer(mut response, mut meaning)) => {
                meaning.waiting_helps = waiting_helps && meaning.scope != Scope::Overflow;
                if meaning.waiting_helps
                    && !retry_after::is_in(response.headers())
                    && let Some(seconds) = retry_after()
                {
                    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                }
                Ok(deliver::refused(self.config, dialect, response, &meaning, record))
            }
            Some(Failure::Error(mut error)) => {
                if error.kind == Kind::NoKeyAvailable {
                    error.waiting_helps = waiting_helps;
                    error.retry_after = retry_after();
                }
                Err(error)
            }
            None if plan.gave_up_waiting() => {
                let mut error = errors::all_limited();
                (error.waiting_helps, error.retry_after) = (true, retry_after());
                Err(error)
            }
            None => Err(Error::new(Kind::Internal, "No upstream was tried; please report this.")),
        }
    }
}

/// Makes an attempt, for as long as it may take. It takes the `upload`.
async fn in_time<P: Platform>(
    asked: &Asked<'_, P>,
    upload: &mut Option<Payload<P::Stream>>,
    record: &mut Record,
) -> Outcome<P::Stream> {
    // What is sent as it comes may take as long as the client likes; the runtime watches that it moves.
    let patience = if asked.is_upload {
        LONGEST_UPLOAD
    } else {
        asked.patience
    };
    let attempt = pin!(attempt::attempt(asked, upload, record));
    let time_is_up = pin!(asked.platform.sleep(patience));
    match select(attempt, time_is_up).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(((), _)) if asked.patience < asked.limit => Outcome::Late,
        Either::Right(((), _)) => Outcome::Failed(Fault::Timeout),
    }
}
