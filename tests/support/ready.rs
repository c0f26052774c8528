//! A runtime on which nothing has to be waited for, with the traffic of the benchmark: what lies between a request and the
//! end of its answer is the core's own work, and nothing else is counted with it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ai_gateway::config::Config;
use ai_gateway::gateway::{Body, End, Gateway, Record};
use ai_gateway::platform::{Collected, Fault, Limits, Millis, Moment, Payload, Platform};
use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};

#[expect(dead_code, reason = "the benchmark needs more of it")]
#[path = "../../benches/src/traffic.rs"]
pub(crate) mod traffic;

use self::traffic::{KEYS, TOKEN};

/// What the official Python SDK sends.
const ASKED: [(&str, &str); 13] = [
    ("host", "127.0.0.1"),
    ("accept-encoding", "gzip, deflate"),
    ("accept", "application/json"),
    ("content-type", "application/json"),
    ("user-agent", "OpenAI/Python 2.8.0"),
    ("x-stainless-lang", "python"),
    ("x-stainless-package-version", "2.8.0"),
    ("x-stainless-os", "Linux"),
    ("x-stainless-arch", "x64"),
    ("x-stainless-runtime", "CPython"),
    ("x-stainless-runtime-version", "3.13.0"),
    ("x-stainless-async", "false"),
    ("x-stainless-retry-count", "0"),
];

/// What a large provider answers with.
const ANSWERED: [(&str, &str); 6] = [
    ("date", "Tue, 24 Nov 2026 12:00:00 GMT"),
    ("openai-processing-ms", "312"),
    ("openai-version", "2020-10-01"),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-request-id", "req_0123456789abcdef0123456789abcdef"),
];

/// The runtime, which has the next answer ready. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Ready(Rc<RefCell<Option<Response<Pieces>>>>);

/// A body that is there, in the pieces in which it will be read.
pub(crate) struct Pieces(std::vec::IntoIter<Bytes>);

impl Pieces {
    fn whole(body: Bytes) -> Self {
        Self(vec![body].into_iter())
    }
}

impl Ready {
    /// A gateway on this runtime with so many routes.
    pub(crate) fn gateway(&self, routes: usize) -> Gateway<Self> {
        Gateway::new(Arc::new(config(routes)), Arc::default(), self.clone())
    }

    /// A gateway on this runtime whose upstream speaks Chat Completions only.
    pub(crate) fn translating(&self) -> Gateway<Self> {
        let route = format!(r#"[{{"token":"{TOKEN}","provider":"openai","api_keys":{KEYS:?}}}]"#);
        let config = Config::of_routes(&route).unwrap();
        Gateway::new(Arc::new(config), Arc::default(), self.clone())
    }

    /// The next upstream will answer with this JSON.
    pub(crate) fn will_answer(&self, body: Bytes) {
        self.will("application/json", Pieces::whole(body));
    }

    /// The next upstream will answer with these events, each by itself.
    pub(crate) fn will_stream(&self, events: Vec<Bytes>) {
        self.will("text/event-stream", Pieces(events.into_iter()));
    }

    fn will(&self, kind: &str, body: Pieces) {
        let mut answer = Response::new(body);
        *answer.headers_mut() = headers(&[ANSWERED.as_slice(), &[("content-type", kind)]].concat());
        *self.0.borrow_mut() = Some(answer);
    }

    /// Reads an answer to its end, as a shell does that passes it on. How many bytes it has.
    pub(crate) fn pass_on(&self, answer: Answer<Pieces>) -> usize {
        let mut record = answer.record;
        assert_eq!((record.status, record.error), (200, None));
        match answer.response.into_body() {
            Body::Full(body) => body.len(),
            Body::Stream(mut relay) => {
                let read = std::mem::take(&mut relay.read);
                let mut passed = relay.passed(read).len();
                while let Some(bytes) = self.read(&mut relay.stream).now_or_never().unwrap().unwrap() {
                    relay.observer.feed(&bytes);
                    passed += relay.passed(bytes).len();
                }
                assert_eq!(relay.finish(End::Closed, &mut record), None, "it is complete");
                passed
            }
            Body::Paced { .. } | Body::Raw(_) | Body::WebSocket(_) | Body::Bridge(_) => {
                panic!("no such answer was asked for")
            }
        }
    }
}

/// A request as it comes from a client, its headers cut out of one piece of memory, as whatever reads connections does it.
pub(crate) fn request(path: &str, body: impl Into<Bytes>) -> Request<Pieces> {
    let body = body.into();
    let (bearer, length) = (format!("Bearer {TOKEN}"), body.len().to_string());
    let own = [("authorization", bearer.as_str()), ("content-length", &length)];
    let mut request = Request::post(path).body(Pieces::whole(body)).unwrap();
    *request.headers_mut() = headers(&[&ASKED, own.as_slice()].concat());
    request
}

fn headers(headers: &[(&'static str, &str)]) -> HeaderMap {
    let head: String = headers.iter().map(|(_, value)| *value).collect();
    let mut head = Bytes::from(head).slice(..);
    let cut = |(name, value): &(&'static str, &str)| {
        let value = HeaderValue::from_maybe_shared(head.split_to(value.len())).unwrap();
        (HeaderName::from_static(name), value)
    };
    headers.iter().map(cut).collect()
}

/// What a request led to.
pub(crate) struct Answer<S> {
    response: Response<Body<S>>,
    record: Record,
}

/// What `gateway` answers at once.
pub(crate) fn ask(gateway: &Gateway<Ready>, request: Request<Pieces>) -> Answer<Pieces> {
    let mut record = gateway.record(request.headers());
    let response = gateway.handle(request, &mut record).now_or_never().unwrap();
    Answer { response, record }
}

/// So many routes, the one that is used in their middle, with two keys and an alias for the model.
pub(crate) fn config(routes: usize) -> Config {
    let table: Vec<String> = (0..routes)
        .map(|number| {
            let token = if number == routes / 2 {
                TOKEN.to_owned()
            } else {
                format!("other-token-{number}")
            };
            format!(
                r#"{{"token":"{token}","base_url":"https://upstream.example/v1","api_keys":{KEYS:?},"aliases":{{"chat":"vendor/bench-chat","burst-1":"vendor/bench-burst-1"}}}}"#
            )
        })
        .collect();
    Config::of_routes(&format!("[{}]", table.join(","))).unwrap()
}

impl Platform for Ready {
    const BODY_LIMIT: usize = 64 * 1024 * 1024;
    const REPLAY_LIMIT: usize = 1024 * 1024;

    const ANSWER_LIMIT: usize = 1024 * 1024;

    type Stream = Pieces;

    fn moment(&self) -> Moment {
        Moment(0)
    }

    fn now(&self) -> Millis {
        Millis(1_764_000_000_000)
    }

    fn random(&self) -> u128 {
        0x0123_4567_89ab_cdef_0123_4567_89ab_cdef
    }

    async fn sleep(&self, _duration: Duration) {
        std::future::pending::<()>().await;
    }

    async fn fetch(&self, _request: Request<Payload<Pieces>>, _limits: Limits) -> Result<Response<Pieces>, Fault> {
        let answer = self.0.borrow_mut().take();
        answer.ok_or_else(|| Fault::Connect("nobody listens".into()))
    }

    async fn read(&self, stream: &mut Pieces) -> Result<Option<Bytes>, Fault> {
        Ok(stream.0.next())
    }

    async fn collect(&self, stream: &mut Pieces, limit: usize, _idle: Duration) -> Result<Collected, Fault> {
        let body = stream.0.next().unwrap_or_default();
        assert!(
            stream.0.as_slice().is_empty() && body.len() <= limit,
            "a short body in one piece"
        );
        Ok(Collected::Whole(body))
    }

    async fn discard(&self, _stream: Pieces, _idle: Duration) {}
}
