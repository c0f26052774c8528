//! The life of a request, once for both runtimes. Read [`Gateway::handle`] first.

mod address;
mod allowed;
mod answer;
mod attempt;
mod body;
mod call;
mod caller;
mod cors;
mod deliver;
mod echo;
mod endpoint;
mod failure;
mod headers;
mod hop;
mod lists;
mod models;
mod outcome;
mod pages;
mod passed;
mod raw;
mod record;
mod relay;
mod scrub;
mod state;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};

use self::call::{Call, Content, Keys};
use self::caller::Caller;
use self::endpoint::Endpoint;
pub use self::raw::Raw;
pub use self::record::Record;
pub use self::relay::{End, GRACE, Relay, Watch};
pub use self::state::State;
use crate::config::Config;
use crate::dialect::patch::Peek;
use crate::dialect::{openai, simple_chat};
use crate::error::{Error, Kind};
use crate::platform::Platform;

/// The largest request head, in bytes: names, values and the target.
const HEAD_LIMIT: usize = 32 * 1024;

/// How long the body of a refused request may keep its refusal waiting without sending anything.
const REFUSED_IDLE: Duration = Duration::from_millis(500);

/// The gateway, bound to a runtime.
#[derive(Clone)]
pub struct Gateway<P> {
    config: Arc<Config>,
    state: Arc<State>,
    platform: P,
}

/// An answer's body.
#[derive(Debug)]
pub enum Body<S> {
    /// All of it.
    Full(Bytes),
    /// The gateway's own stream: chunks with a pause before each but the first.
    Paced {
        /// In order.
        chunks: Vec<Bytes>,
        /// Between two of them.
        pause: Duration,
    },
    /// The upstream's stream. The shell hands it on byte for byte.
    Stream(Box<Relay<S>>),
    /// Bytes of any kind from the upstream.
    Raw(Box<Raw<S>>),
    /// A WebSocket: under status 101, the upstream's side of it. The shell moves the bytes, both ways.
    Socket(Box<Raw<S>>),
}

impl<S> Body<S> {
    /// Returns all of it, where that is here.
    fn whole(&self) -> Option<&[u8]> {
        match self {
            Self::Full(body) => Some(body),
            Self::Paced { .. } | Self::Stream(_) | Self::Raw(_) | Self::Socket(_) => None,
        }
    }

    /// Returns what of it is here already, if it is an upstream's and not an event stream.
    fn begun(&self) -> &[u8] {
        match self {
            Self::Full(body) => body,
            Self::Raw(raw) => &raw.read,
            Self::Paced { .. } | Self::Stream(_) | Self::Socket(_) => &[],
        }
    }
}

impl<P: Platform> Gateway<P> {
    /// A gateway that serves `config` on `platform`. Cheap: shells make one for each request, so that it keeps the
    /// configuration it began with.
    #[must_use]
    pub const fn new(config: Arc<Config>, state: Arc<State>, platform: P) -> Self {
        Self {
            config,
            state,
            platform,
        }
    }

    /// What is known about a request with these headers when it comes. Its answer adds to it; the shell writes it down.
    #[must_use]
    pub fn record(&self, headers: &HeaderMap) -> Record {
        let now = self.platform.now();
        Record::new(
            now,
            headers::request_id(headers).unwrap_or_else(|| headers::new_request_id(now, self.platform.random())),
        )
    }

    /// Adds the address of who sent a request to what is known about it, where the operator wants that.
    pub fn note_client(&self, record: &mut Record, address: impl FnOnce() -> Option<String>) {
        if self.config.log_client {
            record.client = address();
        }
    }

    /// Answers a request. Never fails: trouble becomes an answer that the caller's client understands.
    pub async fn handle(&self, request: Request<P::Stream>, record: &mut Record) -> Response<Body<P::Stream>> {
        let (head, stream) = request.into_parts();
        let mut stream = Some(stream);
        let result = self.answer(&head, &mut stream, record).await;
        if let (Err(_), Some(unread)) = (&result, stream)
            && !head.headers.contains_key(header::EXPECT)
        {
            // A client that is still sending when the connection closes never gets to read why, and one whose body was read
            // can use its connection again. The body itself is of no interest. One that waits with it is waiting for the answer.
            self.platform.discard(unread, REFUSED_IDLE).await;
        }
        self.finish(head.uri.path(), &head.headers, result, record)
    }

    /// Refuses a request unread, for a reason that only the shell can know. `path` is empty where it is not known.
    pub fn refuse(
        &self,
        path: &str,
        headers: &HeaderMap,
        error: Error,
        record: &mut Record,
    ) -> Response<Body<P::Stream>> {
        self.finish(path, headers, Err(error), record)
    }

    fn finish(
        &self,
        path: &str,
        headers: &HeaderMap,
        result: Result<Response<Body<P::Stream>>, Error>,
        record: &mut Record,
    ) -> Response<Body<P::Stream>> {
        let mut response = result.unwrap_or_else(|error| {
            record.error = Some(error.kind.facts().code);
            refusal(&error)
        });
        record.status = response.status().as_u16();
        let answer = response.headers_mut();
        if let Ok(id) = HeaderValue::try_from(&record.request_id) {
            answer.insert(headers::REQUEST_ID, id);
        }
        if record.attempts > 0 {
            answer.insert(headers::ATTEMPTS, HeaderValue::from(record.attempts));
        }
        if endpoint::is_for_pages(path) {
            cors::allow(&self.config.cors, headers, answer);
        }
        response
    }

    async fn answer(
        &self,
        head: &Parts,
        stream: &mut Option<P::Stream>,
        record: &mut Record,
    ) -> Result<Response<Body<P::Stream>>, Error> {
        if headers::size(head) > HEAD_LIMIT {
            let message = format!(
                "The request's headers are larger than {} KiB; send fewer or shorter ones.",
                HEAD_LIMIT / 1024
            );
            return Err(Error::new(Kind::HeadersTooLarge, message));
        }
        if head.method == Method::OPTIONS && endpoint::is_for_pages(head.uri.path()) {
            record.endpoint = "preflight";
            return Ok(cors::preflight(&head.headers));
        }
        let endpoint = Endpoint::of(&head.method, head.uri.path()).inspect_err(|error| {
            if error.kind == Kind::NotFound {
                let path = scrub::body(&self.config, Bytes::copy_from_slice(head.uri.path().as_bytes()));
                record.set_path(&String::from_utf8_lossy(&path));
            }
        })?;
        record.endpoint = endpoint.name();
        match endpoint {
            Endpoint::Home => return Ok(pages::home(&head.headers)),
            Endpoint::Health => return Ok(pages::health(self.state.is_draining())),
            Endpoint::Models
            | Endpoint::Model(_)
            | Endpoint::ChatCompletions
            | Endpoint::Embeddings
            | Endpoint::Passed(_)
            | Endpoint::SimpleChat => {}
        }
        let caller = Caller::of(&self.config, &head.headers)?;
        let route = &self.config.routes[caller.route];
        record.route = Some(route.name.clone());
        hop::refuse_loop(&self.config, &head.headers)?;
        if caller.is_repeated_in(record.request_id.as_bytes()) {
            record.request_id = headers::new_request_id(record.start, self.platform.random());
        }
        let query = head.uri.query().map(|query| caller.clean(query, &self.config));
        let mut call = Call {
            endpoint: &endpoint,
            method: head.method.clone(),
            caller,
            route: caller.route,
            request_id: record.request_id.clone(),
            client: &head.headers,
            passing: headers::forwarded,
            query: query.as_deref().filter(|query| !query.is_empty()),
            body: Bytes::new(),
            content: Content::Opaque,
            keys: Keys::Any,
            alone: None,
        };
        match &endpoint {
            Endpoint::Models | Endpoint::Model(_) => {
                let fresh = headers::wants_news(&head.headers);
                return self.models(&call, fresh, record).await;
            }
            Endpoint::Passed(path) => return self.pass(call, path, head, stream, record).await,
            _ => {}
        }
        let body = self.json_body(head, stream).await?;
        call.body = if matches!(endpoint, Endpoint::SimpleChat) {
            simple_chat::request(&body)?.into()
        } else {
            body
        };
        call.content = Content::Json(Peek::read(&call.body)?);
        record.stream = call.streams();
        self.check_model(&call)?;
        let response = self.forward(&call, None, record).await?;
        if matches!(endpoint, Endpoint::SimpleChat) {
            simple_reply(response, &call)
        } else {
            Ok(response)
        }
    }

    /// Whether this token may use the model that the request names, and whether there is one at all.
    fn check_model(&self, call: &Call<'_>) -> Result<(), Error> {
        if call.named_model().is_none() && call::default_model(&self.config.routes[call.route]).is_none() {
            let hint = "The request names no `model` and this token has no default one. Add `\"model\": \"...\"`; GET /v1/models lists them.";
            return Err(Error::new(Kind::MissingModel, hint).about("model"));
        }
        self.check_allowed(call)
    }
}

/// An error as an answer, with the headers that its kind calls for.
fn refusal<S>(error: &Error) -> Response<Body<S>> {
    let mut response = json(error.status(), openai::refusal(error));
    let headers = response.headers_mut();
    match error.kind {
        Kind::InvalidApiKey => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Kind::Overloaded => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Kind::UpstreamAuthFailed
        | Kind::UpstreamInvalidResponse
        | Kind::UpstreamTimeout
        | Kind::UpstreamUnreachable
        | Kind::NoKeyAvailable
        | Kind::LoopDetected
            if !error.waiting_helps =>
        {
            headers.insert(headers::SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        _ => {}
    }
    if let Some(seconds) = error.retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(allow) = error.allow {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    response
}

fn json<S>(status: StatusCode, body: impl Into<Bytes>) -> Response<Body<S>> {
    with_type(status, "application/json", body)
}

fn with_type<S>(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Body<S>> {
    let mut response = Response::new(Body::Full(body.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The answer of `POST /chat` from that of Chat Completions. Streams and errors stay as they are.
fn simple_reply<S>(response: Response<Body<S>>, call: &Call<'_>) -> Result<Response<Body<S>>, Error> {
    let (mut head, body) = response.into_parts();
    if !head.status.is_success() || call.streams() {
        return Ok(Response::from_parts(head, body));
    }
    let reply = match &body {
        Body::Full(answer) => simple_chat::reply(answer, &call.request_id),
        _ => None,
    };
    let reply = reply.ok_or_else(|| {
        Error::new(
            Kind::UpstreamInvalidResponse,
            "The upstream's answer holds no reply; try another model or POST /v1/chat/completions.",
        )
    })?;
    head.headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(Response::from_parts(head, Body::Full(reply.into())))
}
