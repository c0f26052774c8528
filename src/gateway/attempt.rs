//! Trying upstreams until one answers: render, fetch, judge, next.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use http::{HeaderValue, Request, Response, StatusCode, header};

use super::answer::{HELD, HOLD};
use super::call::{Call, Keys};
use super::endpoint::Endpoint;
use super::failure::{self, Failure};
use super::outcome::Outcome;
use super::{Body, Gateway, Raw, Record, Relay, Watch, echo, headers, hop};
use crate::config::{DEFAULT_TIMEOUT, Rotation, Route, Upstream};
use crate::dialect::observe::Observer;
use crate::dialect::patch::whole;
use crate::dialect::refusal::{Refusal, STREAM_OPTIONS};
use crate::dialect::{cut, openai};
use crate::error::{Error, Kind};
use crate::platform::{Fault, Limits, Payload, Platform};
use crate::policy::outcome::{self, Scope};
use crate::policy::plan::{Order, Plan, Step, Target, Verdict};

/// The longest that a body may be sent.
const LONGEST_UPLOAD: Duration = Duration::from_secs(24 * 60 * 60);

/// How one attempt is made.
struct Terms {
    /// The time that is left.
    limit: Duration,
    /// A stream is handed on only when its first content is there.
    hold: bool,
    /// It stands behind a failure, which may have been the connection's.
    fresh: bool,
    /// A stream is asked for without `stream_options`.
    without_options: bool,
}

impl<P: Platform> Gateway<P> {
    /// Asks the upstreams of the call's route, one after the other, and hands on the first answer that is meant
    /// for the client.
    ///
    /// An `upload` is the call's body where that is not kept: there is one attempt then.
    pub(super) async fn forward(
        &self,
        call: &Call<'_>,
        mut upload: Option<Payload<P::Stream>>,
        record: &mut Record,
    ) -> Result<Response<Body<P::Stream>>, Error> {
        let health = &self.state.health;
        let order = Order {
            subject: if call.keys == Keys::Any {
                call.request_id.as_bytes()
            } else {
                self.config.routes[call.route].token.bytes()
            },
            conversation: if call.keys == Keys::Any && self.is_sticky(call.route) {
                call.conversation()
            } else {
                None
            },
            only_first: call.keys == Keys::HomeOnly || upload.is_some(),
            fallbacks: call.alone.is_none(),
            most: call.alone.unwrap_or(usize::MAX),
        };
        let model_of = |index: usize| call.model(&self.config.routes[index], index);
        let mut plan = Plan::new(
            &self.config,
            health,
            call.route,
            &order,
            model_of,
            self.platform.moment(),
        );
        let mut failure = None;
        let mut waiting_helps = false;
        // The route whose upstream has refused this request for its `stream_options`.
        let mut refuses_options = None;
        let attempts_before = record.attempts;
        while let Step::Try { target, limit } = plan.next(self.platform.moment()) {
            let route = &self.config.routes[target.route];
            record.attempts = attempts_before + plan.attempts();
            record.provider = Some(route.provider.clone());
            let model = call.model(route, target.route);
            let now = self.platform.moment();
            let hold = plan.has_more(now);
            let refused_options = refuses_options == Some(target.route);
            let without_options = call.streams() && (refused_options || health.lacks_stream_options(route, model, now));
            // What is sent as it comes may take as long as the client likes; the runtime watches that it moves.
            let patience = if upload.is_some() { LONGEST_UPLOAD } else { limit };
            let outcome = {
                let terms = Terms {
                    limit,
                    hold,
                    fresh: failure.is_some(),
                    without_options,
                };
                let attempt = pin!(self.attempt(call, upload.take(), target, terms, record));
                let time_is_up = pin!(self.platform.sleep(patience));
                match select(attempt, time_is_up).await {
                    Either::Left((outcome, _)) => outcome,
                    Either::Right(((), _)) => Outcome::Failed(Fault::Timeout),
                }
            };
            if let Outcome::Failed(fault) = &outcome
                && let Some(error) = failure::not_the_upstreams(fault)
            {
                record.failures.push(outcome.told(target, route));
                return Err(error);
            }
            let (now, meaning) = (self.platform.moment(), outcome.meaning());
            waiting_helps |= meaning.waiting_helps;
            if meaning.scope == Scope::Success && refused_options && openai::has_usual_stream_options(&call.body) {
                health.without_stream_options(route, model, now);
            }
            if meaning.scope == Scope::StreamOptions
                && call.streams()
                && !without_options
                && cut::without(&call.body, STREAM_OPTIONS).is_some()
            {
                refuses_options = Some(target.route);
                plan.again();
            } else if plan.judge(&meaning, self.platform.random() as u64, now) == Verdict::Deliver {
                return Ok(self.deliver(outcome, target, record));
            }
            record.failures.push(outcome.told(target, route));
            failure = Some(Failure::or_worse(failure, Failure::of(outcome, route)));
        }
        let now = self.platform.moment();
        let wakes_after = || Some(now.until(plan.first_wake(now)?).as_millis().div_ceil(1000) as u64);
        // One of the keys may have no quota, and another one have some soon.
        match failure {
            Some(Failure::Answer(mut response, mut meaning)) => {
                meaning.waiting_helps = waiting_helps;
                if waiting_helps
                    && !outcome::says_when(response.headers())
                    && let Some(seconds) = wakes_after()
                {
                    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                }
                Ok(self.refused(response, &meaning, record))
            }
            Some(Failure::Error(mut error)) => {
                if error.kind == Kind::NoKeyAvailable {
                    error.waiting_helps = waiting_helps;
                    error.retry_after = wakes_after();
                }
                Err(error)
            }
            None => Err(Error::new(Kind::Internal, "No upstream was tried; please report this.")),
        }
    }

    /// Whether the keys of a route, or of a fallback of it, are chosen by conversation.
    fn is_sticky(&self, route: usize) -> bool {
        let sticky = |route: &Route| route.rotation == Rotation::Sticky;
        let route = &self.config.routes[route];
        sticky(route) || route.fallbacks.iter().any(|index| sticky(&self.config.routes[*index]))
    }

    /// Asks one upstream with one key.
    async fn attempt(
        &self,
        call: &Call<'_>,
        upload: Option<Payload<P::Stream>>,
        target: Target,
        Terms {
            limit,
            hold,
            fresh,
            without_options,
        }: Terms,
        record: &mut Record,
    ) -> Outcome<P::Stream> {
        let route = &self.config.routes[target.route];
        let model = call.model(route, target.route);
        if let Some(model) = model {
            record.set_model(model);
        }
        let key = target.key_of(route);
        let mut body = call.body_for(model);
        let start = self.platform.moment();
        if matches!(route.upstream, Upstream::Echo) {
            return if call.is_socket() {
                Outcome::NoSocket
            } else {
                let now = self.platform.now();
                let answer = echo::answer(call.endpoint, &body.concat(), model, &call.request_id, now);
                let usage = match answer.body() {
                    Body::Full(body) => openai::Answer::read(body).usage,
                    _ => None,
                };
                Outcome::Whole(answer, usage)
            };
        }
        let Some(url) = call.address(route, model) else {
            return Outcome::Failed(Fault::Connect("the upstream's address cannot be built".into()));
        };
        if without_options {
            body = cut::without(&body.concat().into(), STREAM_OPTIONS).map_or(body, whole);
        }
        let bare = body.iter().all(Bytes::is_empty) && upload.is_none();
        // The attempt's own time limit ends an answer that stalls, but for that to a body sent as it came.
        let idle = if upload.is_some() {
            route.idle_timeout
        } else {
            Duration::MAX
        };
        let mut request = Request::new(());
        *request.uri_mut() = url;
        *request.method_mut() = call.method.clone();
        *request.headers_mut() = (call.passing)(call.client, &call.caller);
        if bare {
            request.headers_mut().remove(header::CONTENT_TYPE);
        } else if !matches!(call.endpoint, Endpoint::Passed(_)) {
            request
                .headers_mut()
                .entry(header::CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("application/json"));
        }
        let hops = hop::mark(&self.config, call.client);
        headers::seal(request.headers_mut(), route, key, (&call.request_id, hops));
        let limits = Limits {
            connect: route.connect_timeout,
            idle: route.idle_timeout,
            silence: route.timeout,
            streams: call.streams(),
            fresh,
        };
        let again = call.endpoint.is_unread(&call.method).then(|| request.clone());
        let request = request.map(|()| upload.unwrap_or(Payload::Full(body.clone())));
        let mut response = match self.platform.fetch(request, limits).await {
            Ok(response) => response,
            Err(fault) => return Outcome::Failed(fault),
        };
        if let Some(mut request) = again
            && is_unreadable_error(&response)
        {
            // What is wrong has to be understood, and cleaned of secrets. Asking twice for something to read changes nothing.
            drop(response);
            request.headers_mut().insert(header::ACCEPT_ENCODING, headers::IDENTITY);
            response = match self.platform.fetch(request.map(|()| Payload::Full(body)), limits).await {
                Ok(response) => response,
                Err(fault) => return Outcome::Failed(fault),
            };
        }
        let status = response.status();
        let raw = |stream| Raw::unread(stream, route.idle_timeout);
        if call.is_socket() {
            return match status.as_u16() {
                101 => Outcome::Socket(response.map(raw)),
                200..=299 | 405 | 426 | 501 => Outcome::NoSocket,
                _ => match self.whole(response, Bytes::new(), call, route, idle).await {
                    Outcome::Refused(answer, _) if is_nowhere(&answer) => Outcome::NoSocket,
                    outcome => outcome,
                },
            };
        }
        let arrived = self.platform.moment();
        let mut read = Bytes::new();
        let is_stream = status.is_success() && headers::is_event_stream(response.headers());
        if !is_stream && call.endpoint.is_raw(&call.method, &response) {
            return Outcome::Raw(response.map(raw));
        }
        headers::unpack(response.headers_mut(), P::UNPACKED);
        let is_illegible = status.is_success() && headers::is_encoded(response.headers());
        if is_illegible && (is_stream || call.endpoint.passes_illegible()) {
            return Outcome::Raw(response.map(raw));
        }
        if !is_stream {
            // Not every upstream says what its streams are.
            let may_stream = status.is_success() && call.streams();
            let begins = if may_stream {
                self.begins_stream(&mut response, &mut read).await
            } else {
                Ok(false)
            };
            match begins {
                Ok(true) => {}
                Ok(false) => return self.whole(response, read, call, route, idle).await,
                Err(fault) => return Outcome::Failed(fault),
            }
        }
        let mut observer = Observer::of(call.endpoint.ending());
        observer.feed(&read);
        let first_within = limit.saturating_sub(start.until(self.platform.moment()));
        let response = response.map(|stream| Relay {
            read,
            stream,
            observer,
            first_within,
            idle_timeout: route.idle_timeout,
            watch: if route.verify_end {
                Watch::Pieces
            } else if route.idle_timeout < DEFAULT_TIMEOUT {
                Watch::Looks
            } else {
                Watch::No
            },
            withheld: BytesMut::new(),
            config: Arc::clone(&self.config),
        });
        if hold {
            let left = HOLD.saturating_sub(arrived.until(self.platform.moment()));
            let most = call.body.len().saturating_mul(2).saturating_add(HELD);
            self.held(response, route, (left, most)).await
        } else {
            Outcome::Stream(response)
        }
    }
}

fn is_unreadable_error<S>(response: &Response<S>) -> bool {
    let status = response.status();
    (status.is_client_error() || status.is_server_error()) && headers::is_encoded(response.headers())
}

/// Whether an upstream says that there is nothing at this path, rather than no such model.
fn is_nowhere<S>(answer: &Response<Body<S>>) -> bool {
    let no_model = Refusal::read(answer.body().begun()).is_some_and(|refusal| refusal.is(&["model_not_found"]));
    answer.status() == StatusCode::NOT_FOUND && !no_model
}
