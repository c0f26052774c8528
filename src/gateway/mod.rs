//! The life of a request, once for both runtimes.
//!
//! [`Gateway::handle`] is the way of every request, and reads from top to bottom:
//!
//! 1. [`call`]: what is asked for ([`call::endpoint`]), who asks ([`call::caller`]), what was sent ([`call::body`]).
//! 2. [`serve`]: one family of endpoints a file; each makes a [`ClientRequest`] complete and has it admitted ([`admit`]).
//! 3. [`upstream`]: the routes and keys that may answer are asked, one after the other, until one does.
//! 4. [`reply`]: what goes back, without secrets and with the gateway's own headers; errors in the client's dialect.
//!
//! What is known of a request on the way is its [`Record`], which the shell [settles](settle()) when the answer's last byte has gone. What
//! is remembered from one request to the next is [`State`].

mod admit;
mod call;
mod fields;
mod held;
mod hop;
mod record;
mod reply;
mod sealing;
mod serve;
mod settle;
mod state;
mod upstream;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};

use self::call::body::Incoming;
use self::call::caller::Caller;
pub(crate) use self::call::endpoint::dialect_of;
use self::call::endpoint::{self, Endpoint, Family};
use self::call::{Affinity, ClientRequest, Content};
pub use self::record::{FailedAttempt, Record};
pub use self::reply::{Body, Bridge, End, GRACE, Hear, Heard, Raw, Relay, Say, Watch};
use self::reply::{cors, error_response, scrub};
use self::serve::{chat, models, pages, passthrough};
pub use self::settle::{Delivered, Delivery, Settled, settle};
pub use self::state::State;
use self::upstream::Upstreams;
use crate::config::Config;
use crate::dialect::neutral::Format;
use crate::dialect::wire::scan::Seen;
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

/// What the gateway answers, or why it does not.
type Reply<S> = Result<Response<Body<S>>, Error>;

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

    /// Returns what is known about a request with these headers when it comes. Its answer adds to it; the shell writes it
    /// down.
    #[must_use]
    pub fn record(&self, headers: &HeaderMap) -> Record {
        let now = self.platform.now();
        let own = || fields::new_request_id(now, self.platform.random());
        Record::new(now, fields::request_id(headers).unwrap_or_else(own))
    }

    /// Adds the address of who sent a request to what is known about it, where the operator wants that, or a token may be used from
    /// some addresses only. The shell calls it before anything is answered.
    pub fn note_client(&self, record: &mut Record, address: impl FnOnce() -> Option<String>) {
        if self.config.log_client || self.config.checks_addresses {
            record.address = address();
            record.client = record.address.clone().filter(|_| self.config.log_client);
        }
    }

    /// Answers a request. Never fails: trouble becomes an answer that the caller's client understands.
    pub async fn handle(&self, request: Request<P::Stream>, record: &mut Record) -> Response<Body<P::Stream>> {
        let (head, stream) = request.into_parts();
        let mut stream = Some(stream);
        let (result, dialect) = match self.endpoint(&head, record) {
            Ok(endpoint) => (
                self.answer(&endpoint, &head, &mut stream, record).await,
                endpoint.dialect,
            ),
            Err(error) => (Err(error), dialect_of(head.uri.path(), &head.headers)),
        };
        if let (Err(_), Some(unread)) = (&result, stream)
            && !head.headers.contains_key(header::EXPECT)
        {
            // A client that is still sending when the connection closes never gets to read why, and one whose body was read
            // can use its connection again. The body itself is of no interest. One that waits with it is waiting for the answer.
            self.platform.discard(unread, REFUSED_IDLE).await;
        }
        self.finish((head.uri.path(), dialect), &head.headers, result, record)
    }

    /// Refuses a request unread, for a reason that only the shell can know. `path` is empty where it is not known.
    pub fn refuse(
        &self,
        path: &str,
        headers: &HeaderMap,
        error: Error,
        record: &mut Record,
    ) -> Response<Body<P::Stream>> {
        self.finish((path, dialect_of(path, headers)), headers, Err(error), record)
    }

    /// Fails a request that is not there any more, for a client of this dialect.
    pub fn fail(&self, dialect: &Format, error: Error, record: &mut Record) -> Response<Body<P::Stream>> {
        self.finish(("", dialect), &HeaderMap::new(), Err(error), record)
    }

    /// Returns what is asked for.
    fn endpoint(&self, head: &Parts, record: &mut Record) -> Result<Endpoint, Error> {
        if fields::size(head) > HEAD_LIMIT {
            let message = format!(
                "The request's headers are larger than {} KiB; send fewer or shorter ones.",
                HEAD_LIMIT / 1024
            );
            return Err(Error::new(Kind::HeadersTooLarge, message));
        }
        let endpoint = Endpoint::of(head).inspect_err(|error| {
            if error.kind == Kind::NotFound {
                let path = scrub::body(&self.config, Bytes::copy_from_slice(head.uri.path().as_bytes()));
                record.set_path(&String::from_utf8_lossy(&path));
            }
        })?;
        record.endpoint = endpoint.label;
        Ok(endpoint)
    }

    /// Answers a request to `endpoint`.
    async fn answer(
        &self,
        endpoint: &Endpoint,
        head: &Parts,
        stream: &mut Option<P::Stream>,
        record: &mut Record,
    ) -> Reply<P::Stream> {
        match endpoint.family {
            Family::Preflight => return Ok(cors::preflight(&head.headers)),
            Family::Home => return Ok(pages::home(&head.headers)),
            Family::Health => return Ok(pages::health(self.state.is_draining())),
            Family::Hello => return Ok(pages::hello()),
            _ => {}
        }
        let keys = endpoint.keys_in(head.uri.query());
        let caller = Caller::of(&self.config, &head.headers)
            .or_else(|unknown| Caller::of_keys(&self.config, &keys).ok_or(unknown))?;
        let route = &self.config.routes[caller.account.route].name;
        record.route = Some(route.clone());
        record.token = Some(&caller.account.name).filter(|name| *name != route).cloned();
        admit::check_account(caller.account, record.start, record.address.as_deref())?;
        hop::refuse_loop(&self.config, &head.headers)?;
        if caller.is_repeated_in(record.request_id.as_bytes()) {
            record.request_id = fields::new_request_id(record.start, self.platform.random());
        }
        let query = head.uri.query().map(|query| caller.clean(query, &self.config));
        let query = query.map(|query| endpoint.without_keys(query));
        let request = ClientRequest {
            endpoint,
            method: head.method.clone(),
            caller,
            route: caller.account.route,
            request_id: record.request_id.clone(),
            headers: &head.headers,
            query: query.as_deref().filter(|query| !query.is_empty()),
            body: Bytes::new(),
            content: Content::Opaque,
            affinity: Affinity::None,
            alone: None,
            signs: Seen::default(),
            misplaced: None,
            conversation: OnceLock::new(),
        };
        let incoming = Incoming {
            platform: &self.platform,
            head,
            stream,
            limit: self.config.body_limit.unwrap_or(P::BODY_LIMIT),
        };
        let upstreams = Upstreams {
            config: &self.config,
            state: &self.state,
            platform: &self.platform,
        };
        match &endpoint.family {
            Family::Models | Family::Model(_) => models::serve(&upstreams, request, record).await,
            Family::Passthrough(path) => passthrough::serve(&upstreams, request, path, incoming, record).await,
            _ => chat::serve(&upstreams, request, incoming, record).await,
        }
    }

    /// Makes of a result what the client gets: an error in its dialect, and the headers that every answer has.
    fn finish(
        &self,
        (path, dialect): (&str, &Format),
        headers: &HeaderMap,
        result: Reply<P::Stream>,
        record: &mut Record,
    ) -> Response<Body<P::Stream>> {
        let is_own_limit = matches!(&result, Err(error) if error.kind == Kind::LimitReached);
        let mut response = result.unwrap_or_else(|error| {
            record.error = Some(error.kind.facts().code);
            error_response(dialect, &error)
        });
        let status = response.status();
        record.status = status.as_u16();
        let answer = response.headers_mut();
        if status == StatusCode::TOO_MANY_REQUESTS {
            answer.insert(
                fields::LIMIT,
                HeaderValue::from_static(if is_own_limit { "own" } else { "upstream" }),
            );
        } else if let Some(held) = record.held.as_ref().filter(|_| status.is_success()) {
            held.tell(answer);
        }
        if let Ok(id) = HeaderValue::try_from(&record.request_id) {
            answer.insert(fields::REQUEST_ID, id);
        }
        if record.attempts > 0 {
            answer.insert(fields::ATTEMPTS, HeaderValue::from(record.attempts));
        }
        if endpoint::is_for_pages(path) {
            cors::allow(&self.config.cors, headers, answer);
        }
        response
    }
}
