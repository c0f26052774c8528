//! Trying upstreams until one answers: render, fetch, judge, next.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};

use super::address::{below, with_query};
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::{Body, Gateway, Record, Relay, echo, headers};
use crate::config::{DEFAULT_TIMEOUT, Route, Secret, Upstream};
use crate::dialect::observe::{Beginning, Observer};
use crate::dialect::patch::Peek;
use crate::dialect::{cut, openai};
use crate::error::{Error, Kind};
use crate::platform::{Fault, Platform};
use crate::policy::outcome::{self, Meaning, Scope};
use crate::policy::plan::{Plan, Step, Target, Verdict};

/// The largest answer that is read whole: a chat answer with a few images inside fits.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// The longest that the head of a stream is held back for its first content.
const HOLD: Duration = Duration::from_secs(15);

/// A member that some upstreams refuse.
const STREAM_OPTIONS: &str = "stream_options";

/// A request as the upstreams will be asked it, whichever of them it will be.
pub(super) struct Call<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) route: usize,
    pub(super) request_id: String,
    pub(super) headers: HeaderMap,
    pub(super) query: Option<&'a str>,
    pub(super) body: Bytes,
    pub(super) peek: Peek,
}

/// What one attempt led to.
pub(super) enum Outcome<S> {
    /// A stream that has begun.
    Stream(Response<Relay<S>>),
    /// An answer that is complete, the gateway's own ones included.
    Whole(Response<Body<S>>),
    /// An answer that is an error, complete.
    Refused(Response<Bytes>, Meaning),
    /// An answer that the endpoint cannot have: a page, nothing, a redirect.
    Unusable(StatusCode),
    /// No answer.
    Failed(Fault),
}

impl<P: Platform> Gateway<P> {
    /// Asks the upstreams of the call's route, one after the other, and hands on the first answer that is meant
    /// for the client.
    pub(super) async fn forward(
        &self,
        call: &Call<'_>,
        record: &mut Record,
    ) -> Result<Response<Body<P::Stream>>, Error> {
        let health = &self.state.health;
        let subject = (call.request_id.as_str(), call.peek.conversation(&call.body));
        let model_of = |index: usize| model(call, &self.config.routes[index], index);
        let mut plan = Plan::new(&self.config, health, call.route, subject, model_of, self.platform.now());
        let mut failure = None;
        while let Step::Try { target, limit } = plan.next(self.platform.now()) {
            let route = &self.config.routes[target.route];
            record.attempts = plan.attempts();
            record.provider = Some(route.provider.clone());
            let hold = plan.has_more(self.platform.now());
            let outcome = {
                let attempt = pin!(self.attempt(call, target, (limit, hold), record));
                let time_is_up = pin!(self.platform.sleep(limit));
                match select(attempt, time_is_up).await {
                    Either::Left((outcome, _)) => outcome,
                    Either::Right(((), _)) => Outcome::Failed(Fault::Timeout),
                }
            };
            let (now, meaning) = (self.platform.now(), outcome.meaning());
            if meaning.scope == Scope::StreamOptions
                && call.peek.stream
                && !health.lacks_stream_options(route, now)
                && cut::without(&call.body, STREAM_OPTIONS).is_some()
            {
                health.without_stream_options(route, now);
                plan.again();
            } else if plan.judge(&meaning, self.platform.random() as u64, now) == Verdict::Deliver {
                return Ok(self.deliver(outcome, record));
            }
            record.failures.push(outcome.told(target, route));
            failure = Some(Failure::or_worse(failure, Failure::of(outcome, route)));
        }
        match failure {
            Some(Failure::Answer(mut response, meaning)) => {
                let now = self.platform.now();
                if meaning.waiting_helps
                    && !headers::says_when(response.headers())
                    && let Some(wake) = plan.first_wake(now)
                {
                    let seconds = now.until(wake).as_millis().div_ceil(1000) as u64;
                    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                }
                Ok(self.deliver(Outcome::Refused(response, meaning), record))
            }
            Some(Failure::Error(error)) => Err(error),
            None => Err(Error::new(Kind::Internal, "No upstream was tried; please report this.")),
        }
    }

    /// Asks one upstream with one key. `limit` is the time that is left; under `hold` a stream is handed on only when its
    /// first content is there.
    async fn attempt(
        &self,
        call: &Call<'_>,
        target: Target,
        (limit, hold): (Duration, bool),
        record: &mut Record,
    ) -> Outcome<P::Stream> {
        let route = &self.config.routes[target.route];
        let model = model(call, route, target.route);
        if let Some(model) = model {
            record.set_model(model);
        }
        let key = target.key.and_then(|key| route.keys.get(key)).map(Secret::expose);
        let mut body = model.map_or_else(|| call.body.clone(), |model| call.peek.with_model(&call.body, model));
        let start = self.platform.now();
        if matches!(route.upstream, Upstream::Echo) {
            return Outcome::Whole(echo::answer(call.endpoint, &body, model, &call.request_id, start));
        }
        let Some(url) = address(call, route) else {
            return Outcome::Failed(Fault::Connect("the upstream's address cannot be built".into()));
        };
        if call.peek.stream && self.state.health.lacks_stream_options(route, start) {
            body = cut::without(&body, STREAM_OPTIONS).unwrap_or(body);
        }
        let mut request = Request::new(body);
        *request.uri_mut() = url;
        *request.headers_mut() = call.headers.clone();
        if call.body.is_empty() {
            request.headers_mut().remove(header::CONTENT_TYPE);
        } else {
            *request.method_mut() = Method::POST;
            request
                .headers_mut()
                .entry(header::CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("application/json"));
        }
        headers::seal(request.headers_mut(), route, key, &call.request_id);
        let response = match self.platform.fetch(request, route.connect_timeout).await {
            Ok(response) => response,
            Err(fault) => return Outcome::Failed(fault),
        };
        let status = response.status();
        if !(status.is_success() && headers::is_event_stream(response.headers())) {
            return self.whole(response, route).await;
        }
        let first_within = limit.saturating_sub(start.until(self.platform.now()));
        let response = response.map(|stream| Relay {
            read: Vec::new(),
            stream,
            observer: Observer::default(),
            first_within,
            idle_timeout: route.idle_timeout,
            watch: route.verify_end || route.idle_timeout < DEFAULT_TIMEOUT,
        });
        let encoded = response.headers().contains_key(header::CONTENT_ENCODING);
        if encoded {
            return Outcome::Stream(response.map(|relay| Relay {
                observer: Observer::blind(),
                ..relay
            }));
        }
        if hold {
            self.held(response, route).await
        } else {
            Outcome::Stream(response)
        }
    }

    /// Reads an answer that is no stream.
    async fn whole(&self, response: Response<P::Stream>, route: &Route) -> Outcome<P::Stream> {
        let status = response.status();
        if status.is_redirection() || status.is_informational() {
            return Outcome::Unusable(status);
        }
        let (head, stream) = response.into_parts();
        // The attempt's own time limit ends an answer that stalls.
        let body = match self.platform.collect(stream, ANSWER_LIMIT, Duration::MAX).await {
            Ok(body) => body,
            Err(fault) => return Outcome::Failed(fault),
        };
        if status.is_success() {
            if status != StatusCode::NO_CONTENT && openai::is_no_answer(headers::content_type(&head.headers), &body) {
                return Outcome::Unusable(status);
            }
            if !openai::Answer::read(&body).is_error {
                return Outcome::Whole(Response::from_parts(head, Body::Full(body)));
            }
        }
        self.refusal(Response::from_parts(head, body), route)
    }

    fn refusal(&self, response: Response<Bytes>, route: &Route) -> Outcome<P::Stream> {
        let now = self.platform.now();
        let meaning = outcome::of_answer(
            response.status().as_u16(),
            response.headers(),
            response.body(),
            route.account_limits,
            now,
        );
        Outcome::Refused(response, meaning)
    }

    /// Reads a stream up to its first content, so that one that fails before is a failed attempt like any other.
    async fn held(&self, response: Response<Relay<P::Stream>>, route: &Route) -> Outcome<P::Stream> {
        let (mut head, mut relay) = response.into_parts();
        let mut patience = pin!(self.platform.sleep(HOLD));
        loop {
            match relay.observer.beginning() {
                Beginning::Nothing => {}
                Beginning::Content => break,
                Beginning::Empty => return Outcome::Unusable(head.status),
                Beginning::Error(event) => {
                    let body = Bytes::copy_from_slice(event);
                    head.headers
                        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                    return self.refusal(Response::from_parts(head, body), route);
                }
            }
            let next = pin!(self.platform.read(&mut relay.stream));
            match select(next, patience.as_mut()).await {
                Either::Left((Ok(Some(bytes)), _)) => {
                    relay.observer.feed(&bytes);
                    relay.read.push(bytes);
                }
                Either::Left((Ok(None), _)) => return Outcome::Unusable(head.status),
                Either::Left((Err(fault), _)) => return Outcome::Failed(fault),
                Either::Right(((), _)) => {
                    relay.first_within = relay.first_within.saturating_sub(HOLD);
                    break;
                }
            }
        }
        Outcome::Stream(Response::from_parts(head, relay))
    }
}

impl<S> Outcome<S> {
    fn meaning(&self) -> Meaning {
        match self {
            Self::Stream(_) | Self::Whole(_) => Meaning::SUCCESS,
            Self::Refused(_, meaning) => *meaning,
            Self::Unusable(_) => Meaning::BROKEN,
            Self::Failed(fault) => outcome::of_fault(fault),
        }
    }

    /// For the operator's log: which key, and what happened to it. The upstream's address stays out.
    fn told(&self, target: Target, route: &Route) -> String {
        let host = match &route.upstream {
            Upstream::Http { chat_url, .. } => chat_url.host().unwrap_or_default(),
            Upstream::Echo => "",
        };
        let clean = |text: &str| {
            if host.is_empty() {
                text.to_owned()
            } else {
                text.replace(host, "upstream")
            }
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
            Self::Failed(Fault::Reset(why)) => format!("reset: {}", clean(why)),
            Self::Failed(Fault::Timeout) => "timeout".to_owned(),
            Self::Failed(Fault::TooLarge) => "answer too large".to_owned(),
            Self::Stream(_) | Self::Whole(_) => "delivered".to_owned(),
        };
        match target.key {
            Some(key) => format!("{} key {}: {what}", route.name, key + 1),
            None => format!("{}: {what}", route.name),
        }
    }
}

/// Where the call goes on this route.
fn address(call: &Call<'_>, route: &Route) -> Option<Uri> {
    let Upstream::Http {
        base_url,
        chat_url,
        models_url,
    } = &route.upstream
    else {
        return None;
    };
    match call.endpoint {
        Endpoint::Models => with_query(models_url, call.query),
        Endpoint::Model(id) => below(models_url, id),
        Endpoint::Embeddings => format!("{base_url}/embeddings").parse().ok(),
        Endpoint::ChatCompletions | Endpoint::SimpleChat | Endpoint::Home | Endpoint::Health => Some(chat_url.clone()),
    }
}

/// The model to ask `route` for. A fallback route does not know the caller's names: its own alias or default comes first.
fn model<'a>(call: &'a Call<'_>, route: &'a Route, index: usize) -> Option<&'a str> {
    if call.body.is_empty() {
        return None;
    }
    match call.peek.model.as_deref() {
        Some(model) if index == call.route => Some(route.upstream_model(model)),
        Some(model) => match route.upstream_model(model) {
            same if same == model => Some(default_model(route).unwrap_or(model)),
            alias => Some(alias),
        },
        None => default_model(route).map(|model| route.upstream_model(model)),
    }
}

/// The model of a request that names none.
pub(super) fn default_model(route: &Route) -> Option<&str> {
    let own = matches!(route.upstream, Upstream::Echo).then_some(echo::MODEL);
    route.default_model.as_deref().or(own)
}
