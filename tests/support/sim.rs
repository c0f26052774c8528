//! A runtime without sockets, whose time passes only when nobody has anything to do: tokio's paused clock.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ai_gateway::config::Config;
use ai_gateway::gateway::{Body, Gateway, Record, State};
use ai_gateway::platform::{Collected, Fault, Limits, Millis, Moment, Payload, Platform};
use bytes::Bytes;
use http::{Request, Response};
use tokio::time::{Instant, sleep};

/// What an upstream does with one request. Times are milliseconds.
#[derive(Clone, Debug)]
pub(crate) enum Play {
    /// Never answers.
    Silence,
    /// Fails so, `after` a while.
    Fail { after: u64, fault: Fault },
    /// Answers; each chunk comes a while after the one before it.
    Answer {
        after: u64,
        status: u16,
        chunks: Vec<(u64, &'static str)>,
    },
}

/// A JSON answer, all of it at once.
pub(crate) fn answer(status: u16, body: &'static str) -> Play {
    Play::Answer {
        after: 10,
        status,
        chunks: vec![(0, body)],
    }
}

/// One request as an upstream saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) key: String,
    pub(crate) host: String,
    /// Milliseconds since the beginning.
    pub(crate) at: u64,
    pub(crate) body: String,
}

/// The runtime. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Sim(Rc<World>);

struct World {
    began: Instant,
    script: Box<dyn Fn(&Asked) -> Play>,
    asked: RefCell<Vec<Asked>>,
    open: Cell<usize>,
    drawn: Cell<u128>,
    set_back: Cell<u64>,
}

/// A body that comes piece by piece.
pub(crate) struct Pieces {
    left: VecDeque<(u64, &'static str)>,
    _open: Option<Open>,
}

impl Pieces {
    /// A body in one piece.
    pub(crate) fn of(body: String) -> Self {
        Self {
            left: VecDeque::from([(0, &*body.leak())]),
            _open: None,
        }
    }
}

/// Counts a request to an upstream while it is not finished.
struct Open(Sim);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.open.set(self.0.0.open.get() - 1);
    }
}

impl Sim {
    pub(crate) fn new(script: impl Fn(&Asked) -> Play + 'static) -> Self {
        Self(Rc::new(World {
            began: Instant::now(),
            script: Box::new(script),
            asked: RefCell::default(),
            open: Cell::default(),
            drawn: Cell::default(),
            set_back: Cell::default(),
        }))
    }

    /// Milliseconds since the beginning.
    pub(crate) fn time(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_millis()).unwrap()
    }

    /// Every request to an upstream so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.0.asked.borrow().clone()
    }

    /// Requests to upstreams that are still going on.
    pub(crate) fn open(&self) -> usize {
        self.0.open.get()
    }

    /// Sets the wall clock back by so many milliseconds.
    pub(crate) fn set_back(&self, milliseconds: u64) {
        self.0.set_back.set(milliseconds);
    }

    /// A gateway on this runtime with the routes of a JSON text.
    pub(crate) fn gateway(&self, routes: &str) -> Gateway<Self> {
        self.gateway_with(routes, &Arc::default())
    }

    /// A gateway that remembers what others with the same `state` have learnt.
    pub(crate) fn gateway_with(&self, routes: &str, state: &Arc<State>) -> Gateway<Self> {
        let config = Config::of_routes(routes).unwrap();
        Gateway::new(Arc::new(config), Arc::clone(state), self.clone())
    }

    /// A chat request with the token `t` and a request id.
    pub(crate) async fn chat(&self, gateway: &Gateway<Self>, id: &str, body: &'static str) -> Answer<Pieces> {
        let request = Request::post("/v1/chat/completions")
            .header("authorization", "Bearer t")
            .header("x-request-id", id)
            .header("content-type", "application/json")
            .body(Pieces {
                left: VecDeque::from([(0, body)]),
                _open: None,
            });
        ask(gateway, request.unwrap()).await
    }

    /// A request with the token `t` whose body comes of a kind comes in these pieces.
    pub(crate) async fn post(
        &self,
        gateway: &Gateway<Self>,
        (path, kind): (&str, &str),
        pieces: &[(u64, &'static str)],
    ) -> Answer<Pieces> {
        let request = Request::post(path)
            .header("authorization", "Bearer t")
            .header("content-type", kind)
            .body(Pieces {
                left: pieces.iter().copied().collect(),
                _open: None,
            });
        ask(gateway, request.unwrap()).await
    }

    /// The list of models, asked for with the token `t`.
    pub(crate) async fn models(&self, gateway: &Gateway<Self>) -> Answer<Pieces> {
        self.get(gateway, "/v1/models", ("accept", "*/*")).await
    }

    /// A request with the token `t` and a further header, for what is at a path.
    pub(crate) async fn get(&self, gateway: &Gateway<Self>, path: &str, (name, value): (&str, &str)) -> Answer<Pieces> {
        let request = Request::get(path)
            .header("authorization", "Bearer t")
            .header(name, value)
            .body(Pieces {
                left: VecDeque::new(),
                _open: None,
            });
        ask(gateway, request.unwrap()).await
    }

    /// A body of which something is read already.
    async fn rest(&self, read: Bytes, mut stream: Pieces) -> Result<Bytes, Fault> {
        match self.collect(&mut stream, usize::MAX, Duration::MAX).await? {
            Collected::Whole(rest) | Collected::Begun(rest) => Ok([read, rest].concat().into()),
        }
    }

    /// The body of an answer.
    pub(crate) async fn read(&self, body: Body<Pieces>) -> Result<String, Fault> {
        let bytes = match body {
            Body::Full(bytes) => bytes,
            Body::Paced { chunks, .. } => chunks.concat().into(),
            Body::Raw(raw) | Body::WebSocket(raw) => self.rest(raw.read, raw.stream).await?,
            Body::Stream(relay) => self.rest(relay.read, relay.stream).await?,
            Body::Bridge(_) => Bytes::new(),
        };
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }
}

impl Platform for Sim {
    const BODY_LIMIT: usize = 64 * 1024 * 1024;
    const COUNTS: bool = true;
    const REPLAY_LIMIT: usize = 1024;

    const ANSWER_LIMIT: usize = 1024;

    type Stream = Pieces;

    fn now(&self) -> Millis {
        Millis(1_700_000_000_000 + self.time() - self.0.set_back.get())
    }

    fn moment(&self) -> Moment {
        Moment(self.time())
    }

    fn random(&self) -> u128 {
        self.0.drawn.set(self.0.drawn.get() + 1);
        self.0.drawn.get()
    }

    async fn sleep(&self, duration: Duration) {
        sleep(duration).await;
    }

    async fn fetch(&self, request: Request<Payload<Pieces>>, _limits: Limits) -> Result<Response<Pieces>, Fault> {
        let bearer = request.headers()["authorization"].to_str().unwrap();
        let asked = Asked {
            key: bearer.trim_start_matches("Bearer ").to_owned(),
            host: request.uri().host().unwrap().to_owned(),
            at: self.time(),
            body: match request.body() {
                Payload::Full(body) => String::from_utf8(body.concat()).unwrap(),
                Payload::Stream { .. } => "streamed".to_owned(),
            },
        };
        let play = (self.0.script)(&asked);
        self.0.asked.borrow_mut().push(asked);
        self.0.open.set(self.open() + 1);
        let open = Open(self.clone());
        match play {
            Play::Silence => std::future::pending().await,
            Play::Fail { after, fault } => {
                sleep(Duration::from_millis(after)).await;
                Err(fault)
            }
            Play::Answer { after, status, chunks } => {
                sleep(Duration::from_millis(after)).await;
                let sse = chunks.first().is_some_and(|(_, text)| text.starts_with("data:"));
                let kind = if sse { "text/event-stream" } else { "application/json" };
                let body = Pieces {
                    left: chunks.into(),
                    _open: Some(open),
                };
                Ok(Response::builder()
                    .status(status)
                    .header("content-type", kind)
                    .body(body)
                    .unwrap())
            }
        }
    }

    async fn read(&self, stream: &mut Pieces) -> Result<Option<Bytes>, Fault> {
        let Some((after, text)) = stream.left.front().copied() else {
            return Ok(None);
        };
        sleep(Duration::from_millis(after)).await;
        stream.left.pop_front();
        Ok(Some(Bytes::from_static(text.as_bytes())))
    }

    async fn collect(&self, stream: &mut Pieces, limit: usize, idle: Duration) -> Result<Collected, Fault> {
        let mut body = String::new();
        while let Some((after, text)) = stream.left.pop_front() {
            let after = Duration::from_millis(after);
            if after > idle {
                sleep(idle).await;
                return Err(Fault::Timeout);
            }
            sleep(after).await;
            body.push_str(text);
            if body.len() > limit {
                return Ok(Collected::Begun(body.into()));
            }
        }
        Ok(Collected::Whole(body.into()))
    }

    async fn discard(&self, _stream: Pieces, _idle: Duration) {}
}

/// What a request led to.
pub(crate) struct Answer<S> {
    pub(crate) response: Response<Body<S>>,
    pub(crate) record: Record,
}

async fn ask(gateway: &Gateway<Sim>, request: Request<Pieces>) -> Answer<Pieces> {
    let mut record = gateway.record(request.headers());
    let response = gateway.handle(request, &mut record).await;
    Answer { response, record }
}
