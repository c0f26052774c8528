//! The mock upstream: an OpenAI-compatible provider that costs little, since it shares a core with the load. Answers are
//! prepared once; what is left is HTTP.

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::{Interval, MissedTickBehavior, Sleep, interval, sleep};

use crate::traffic::{KEYS, Kind, MESSAGES, chat_answer, events, model_in, sink_answer};

/// How long a held stream is silent before it ends.
const SILENCE: Duration = Duration::from_secs(300);

/// Enough of a request's end to find the model in it.
const TAIL: usize = 512;

/// Serves until the task is dropped.
pub(crate) async fn serve(listener: TcpListener) -> std::io::Result<()> {
    let prepared = Rc::new(Prepared::default());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let prepared = Rc::clone(&prepared);
        let service = service_fn(move |request| {
            let prepared = Rc::clone(&prepared);
            async move { Ok::<_, Infallible>(answer(request, &prepared).await) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::task::spawn_local(async move { drop(connection.await) });
    }
}

pub(crate) async fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await
}

/// Answers by the name of the model.
#[derive(Default)]
struct Prepared {
    bodies: RefCell<HashMap<String, Ready>>,
}

#[derive(Clone)]
enum Ready {
    Whole(Bytes),
    Events(Rc<[Bytes]>),
}

impl Prepared {
    fn of(&self, kind: Kind, model: &str) -> Ready {
        if let Some(ready) = self.bodies.borrow().get(model) {
            return ready.clone();
        }
        let ready = if kind.streams() {
            Ready::Events(events(model).into())
        } else {
            Ready::Whole(chat_answer(model))
        };
        self.bodies.borrow_mut().insert(model.to_owned(), ready.clone());
        ready
    }
}

async fn answer(request: Request<Incoming>, prepared: &Prepared) -> Response<Answer> {
    let known = request.headers().get(AUTHORIZATION).is_some_and(|value| {
        let key = value.as_bytes().strip_prefix(b"Bearer ");
        KEYS.iter().any(|wanted| key == Some(wanted.as_bytes()))
    });
    let path = request.uri().clone();
    let Some((tail, length)) = read(request.into_body()).await else {
        return refusal(StatusCode::BAD_REQUEST, "the body broke off");
    };
    if path.path() == MESSAGES {
        return refusal(StatusCode::NOT_FOUND, "there is nothing at this path");
    }
    if !known {
        return refusal(StatusCode::UNAUTHORIZED, "not one of the upstream's keys");
    }
    let Some((model, kind)) = model_in(&tail).and_then(|model| Some((model, Kind::of_model(model)?))) else {
        return refusal(StatusCode::BAD_REQUEST, "no such model");
    };
    let body = match (kind, prepared.of(kind, model)) {
        (Kind::Sink, _) => Answer::Whole(Some(sink_answer(model, length))),
        (_, Ready::Whole(bytes)) => Answer::Whole(Some(bytes)),
        (Kind::Paced(pause), Ready::Events(events)) => {
            let mut pace = interval(Duration::from_millis(pause.max(1)));
            pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
            Answer::Paced { events, next: 0, pace }
        }
        (Kind::Burst(at_once), Ready::Events(events)) => Answer::Burst {
            events,
            next: 0,
            at_once: at_once.max(1),
            paused: false,
        },
        (_, Ready::Events(events)) => Answer::Held {
            first: events.first().cloned(),
            silence: Box::pin(sleep(SILENCE)),
        },
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let media = if kind.streams() {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        "text/event-stream; charset=utf-8"
    } else {
        "application/json"
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    for (name, value) in [
        ("openai-processing-ms", "412"),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-request-id", "req_0123456789abcdef0123456789abcdef"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The end of a body, and its length.
async fn read(mut body: Incoming) -> Option<(Vec<u8>, usize)> {
    let (mut tail, mut length) = (Vec::with_capacity(2 * TAIL), 0);
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            length += data.len();
            let data = &data[data.len().saturating_sub(TAIL)..];
            let excess = (tail.len() + data.len()).saturating_sub(TAIL);
            tail.drain(..excess.min(tail.len()));
            tail.extend_from_slice(data);
        }
    }
    Some((tail, length))
}

fn refusal(status: StatusCode, message: &'static str) -> Response<Answer> {
    let body = format!(r#"{{"error":{{"message":"{message}","type":"invalid_request_error"}}}}"#);
    let mut response = Response::new(Answer::Whole(Some(body.into())));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

enum Answer {
    Whole(Option<Bytes>),
    /// As fast as it goes, so many events with each write.
    Burst {
        events: Rc<[Bytes]>,
        next: usize,
        at_once: usize,
        paused: bool,
    },
    Paced {
        events: Rc<[Bytes]>,
        next: usize,
        pace: Interval,
    },
    Held {
        first: Option<Bytes>,
        silence: Pin<Box<Sleep>>,
    },
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match self.get_mut() {
            Self::Whole(bytes) => bytes.take(),
            Self::Burst {
                events,
                next,
                at_once,
                paused,
            } => {
                // hyper sends what it has when nothing more is ready.
                *paused = !*paused && *next > 0 && next.is_multiple_of(*at_once) && *next < events.len();
                if *paused {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                take_next(events, next)
            }
            Self::Paced { events, next, pace } => {
                // The end comes with the last event.
                if *next < events.len() {
                    ready!(pace.poll_tick(context));
                }
                take_next(events, next)
            }
            Self::Held { first, silence } => {
                if first.is_none() {
                    ready!(silence.as_mut().poll(context));
                }
                first.take()
            }
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Burst { .. } | Self::Paced { .. } | Self::Held { .. } => SizeHint::default(),
        }
    }
}

fn take_next(events: &[Bytes], next: &mut usize) -> Option<Bytes> {
    let event = events.get(*next).cloned();
    *next += 1;
    event
}
