//! Trying upstreams until one answers: render, fetch, judge, next.

use std::pin::pin;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};

use super::address::{below, with_query};
use super::endpoint::Endpoint;
use super::failure::{Failure, unreachable, unusable, waiting_helps};
use super::{Body, Gateway, Record, echo, headers, scrub};
use crate::config::{Route, Secret, Upstream};
use crate::dialect::openai;
use crate::dialect::patch::Peek;
use crate::error::{Error, Kind};
use crate::platform::{Fault, Platform};
use crate::policy::outcome::{self, Scope};
use crate::policy::plan::{Plan, Step, Target, Verdict};

/// The largest answer that is read whole: a chat answer with a few images inside fits.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

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
    Stream(Response<S>),
    /// An answer that is complete, the gateway's own ones included.
    Whole(Response<Body<S>>),
    /// An answer with an error status, complete.
    Refused(Response<Bytes>),
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
        let mut plan = Plan::new(
            &self.config,
            call.route,
            &call.request_id,
            call.peek.conversation(&call.body),
        );
        let mut failure = None;
        while let Step::Try { target, limit } = plan.next(self.platform.now()) {
            let route = &self.config.routes[target.route];
            record.attempts = plan.attempts();
            record.provider = Some(route.provider.clone());
            let outcome = {
                let attempt = pin!(self.attempt(call, target, record));
                let time_is_up = pin!(self.platform.sleep(limit));
                match select(attempt, time_is_up).await {
                    Either::Left((outcome, _)) => outcome,
                    Either::Right(((), _)) => Outcome::Failed(Fault::Timeout),
                }
            };
            if plan.judge(outcome.scope()) == Verdict::Deliver {
                return Ok(self.deliver(outcome, record));
            }
            record.failures.push(outcome.told(target, route));
            failure = Some(Failure::or_worse(failure, Failure::of(outcome, route)));
        }
        match failure {
            Some(Failure::Answer(response)) => Ok(self.deliver(Outcome::Refused(response), record)),
            Some(Failure::Error(error)) => Err(error),
            None => Err(Error::new(Kind::Internal, "No upstream was tried; please report this.")),
        }
    }

    async fn attempt(&self, call: &Call<'_>, target: Target, record: &mut Record) -> Outcome<P::Stream> {
        let route = &self.config.routes[target.route];
        let model = model(call, route, target.route);
        if let Some(model) = model {
            record.set_model(model);
        }
        let key = target.key.and_then(|key| route.keys.get(key)).map(Secret::expose);
        let body = model.map_or_else(|| call.body.clone(), |model| call.peek.with_model(&call.body, model));
        let Upstream::Http {
            base_url,
            chat_url,
            models_url,
        } = &route.upstream
        else {
            return Outcome::Whole(echo::answer(
                call.endpoint,
                &body,
                model,
                &call.request_id,
                self.platform.now(),
            ));
        };
        let url = match call.endpoint {
            Endpoint::Models => with_query(models_url, call.query),
            Endpoint::Model(id) => below(models_url, id),
            Endpoint::Embeddings => format!("{base_url}/embeddings").parse().ok(),
            Endpoint::ChatCompletions | Endpoint::SimpleChat | Endpoint::Home | Endpoint::Health => {
                Some(chat_url.clone())
            }
        };
        let Some(url) = url else {
            return Outcome::Failed(Fault::Connect("the upstream's address cannot be built".into()));
        };
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
        match self.platform.fetch(request, route.connect_timeout).await {
            Ok(response) => self.read(response).await,
            Err(fault) => Outcome::Failed(fault),
        }
    }

    /// Reads an answer as far as it must be read to be judged: a stream not at all, everything else whole.
    async fn read(&self, response: Response<P::Stream>) -> Outcome<P::Stream> {
        let status = response.status();
        if status.is_success() && headers::is_event_stream(response.headers()) {
            return Outcome::Stream(response);
        }
        if status.is_redirection() || status.is_informational() {
            return Outcome::Unusable(status);
        }
        let (head, stream) = response.into_parts();
        let body = match self.platform.collect(stream, ANSWER_LIMIT).await {
            Ok(body) => body,
            Err(fault) => return Outcome::Failed(fault),
        };
        if !status.is_success() {
            return Outcome::Refused(Response::from_parts(head, body));
        }
        let kind = head
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        if status != StatusCode::NO_CONTENT && openai::is_no_answer(kind, &body) {
            return Outcome::Unusable(status);
        }
        Outcome::Whole(Response::from_parts(head, Body::Full(body)))
    }

    /// The outcome as the client gets it.
    fn deliver(&self, outcome: Outcome<P::Stream>, record: &mut Record) -> Response<Body<P::Stream>> {
        match outcome {
            Outcome::Stream(response) => {
                let (mut head, stream) = response.into_parts();
                head.headers = headers::released(head.headers);
                headers::streaming(&mut head.headers);
                Response::from_parts(head, Body::Untouched(stream))
            }
            Outcome::Whole(response) => {
                let (mut head, body) = response.into_parts();
                head.headers = headers::released(head.headers);
                if let Body::Full(body) = &body {
                    record.usage = openai::usage(body);
                }
                Response::from_parts(head, body)
            }
            Outcome::Refused(response) => self.refused(response, record),
            Outcome::Unusable(status) => super::refusal(&unusable(status)),
            Outcome::Failed(_) => super::refusal(&unreachable()),
        }
    }

    /// The upstream's refusal: its own words without our secrets, or ours where it has none.
    fn refused(&self, response: Response<Bytes>, record: &mut Record) -> Response<Body<P::Stream>> {
        let (mut head, body) = response.into_parts();
        head.headers = headers::released(head.headers);
        scrub::headers(&self.config, &mut head.headers);
        let kind = head
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let body = if openai::is_no_answer(kind, &body) {
            let mut error = unusable(head.status);
            error.status = Some(head.status);
            record.error = Some(error.kind.facts().code);
            head.headers
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            head.headers.remove(header::CONTENT_ENCODING);
            openai::refusal(&error).into()
        } else {
            scrub::body(&self.config, body)
        };
        if !waiting_helps(head.status, &head.headers, &body) {
            head.headers
                .insert(headers::SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        Response::from_parts(head, Body::Full(body))
    }
}

impl<S> Outcome<S> {
    fn scope(&self) -> Scope {
        match self {
            Self::Stream(_) | Self::Whole(_) => Scope::Success,
            Self::Refused(response) => outcome::of_status(response.status().as_u16()),
            Self::Unusable(_) => Scope::Upstream,
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
            Self::Refused(response) => format!("status {}", response.status().as_u16()),
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
