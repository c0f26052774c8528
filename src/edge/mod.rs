//! The edge shell: a Cloudflare Worker around the same core as the native binary.

mod alarm;
mod answer;
mod fetch;
mod headers;
mod relay;
mod runtime;
mod settings;
mod stream;
mod task;

use std::panic;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use worker::js_sys::{Date, Promise};
use worker::wasm_bindgen::prelude::wasm_bindgen;
use worker::wasm_bindgen::{self, JsValue};
use worker::web_sys;

use self::answer::Entry;
use self::runtime::{Context, Promised};
use self::stream::{Message, Stream};
use crate::config::Config;
use crate::dialect::openai;
use crate::error::{Error, Kind};
use crate::gateway::{Gateway, Record, State};
use crate::platform::{Collected, Fault, Limits, Millis, Moment, Payload, Platform};

/// Tells of a panic in the log, and leaves the rest to the hook of `worker`: the next request gets another instance.
#[wasm_bindgen(start, private)]
fn start() {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        console_error_panic_hook::hook(info);
        others(info);
    }));
}

/// Answers one request.
///
/// What `worker`'s own macro makes of an `async fn` takes the way through JavaScript's queue of microtasks at each step.
#[wasm_bindgen]
#[expect(unreachable_pub, clippy::needless_pass_by_value, reason = "JavaScript calls it")]
pub fn fetch(request: web_sys::Request, env: JsValue, context: Context) -> Promise {
    task::begin();
    let answer = task::promise(serve(request, env, context.clone()));
    // Else the runtime runs nothing any more when the client leaves, and what was begun stays in memory for ever.
    let _ = context.wait_until(&answer);
    answer
}

/// The answer to a request, for as long as its client waits for it.
async fn serve(request: web_sys::Request, env: JsValue, context: Context) -> JsValue {
    let client = request.signal();
    let (left, _) = Promised::new(|number| runtime::aborted(&client, number));
    let answering = pin!(answer(request, env, context, client));
    match select(answering, pin!(left.value())).await {
        Either::Left((answer, _)) => answer,
        // With the answering everything ends that was begun for it. Nobody reads this.
        Either::Right(_) => {
            runtime::answer(Record::CLIENT_LEFT, "", &[], None, None).map_or_else(|error| error, JsValue::from)
        }
    }
}

async fn answer(request: web_sys::Request, env: JsValue, context: Context, client: web_sys::AbortSignal) -> JsValue {
    let platform = Edge { client };
    let gateway = |config| Gateway::new(config, MEMORY.with(Arc::clone), platform.clone());
    let request = incoming(request);
    let unconfigured = gateway(Arc::new(Config::none()));
    let mut entry = Entry {
        record: unconfigured.record(request.headers()),
    };
    let response = match settings::config(&env, &context).await {
        Ok(config) => {
            let gateway = gateway(config);
            gateway.note_client(&mut entry.record, || {
                let address = request.headers().get("cf-connecting-ip")?;
                address.to_str().ok().map(str::to_owned)
            });
            gateway.handle(request, &mut entry.record).await
        }
        // A browser that may not ask never gets to read what is wrong.
        Err(_) if request.method() == Method::OPTIONS => unconfigured.handle(request, &mut entry.record).await,
        Err(problems) => {
            let error = answer::unconfigured(&problems);
            unconfigured.refuse(request.uri().path(), request.headers(), error, &mut entry.record)
        }
    };
    let id = entry.record.request_id.clone();
    answer::outgoing(response, entry, &context).map_or_else(|error| failed(&error, &id), JsValue::from)
}

/// The answer when the runtime refuses to make one.
fn failed(error: &JsValue, id: &str) -> JsValue {
    runtime::log_error(&format!("{error:?}"));
    let error = Error::new(
        Kind::Internal,
        "The gateway could not answer; try again later. Its operator finds the reason in its log.",
    );
    let headers = format!("content-type\napplication/json\nx-request-id\n{id}\n");
    runtime::answer(error.status().as_u16(), &headers, &openai::refusal(&error), None, None)
        .map_or_else(|error| error, JsValue::from)
}

thread_local! {
    /// What the isolate remembers.
    static MEMORY: Arc<State> = Arc::default();
}

/// The Workers runtime during one request.
#[derive(Clone)]
struct Edge {
    /// Tells that the client has left.
    client: web_sys::AbortSignal,
}

impl Platform for Edge {
    // WebAssembly's memory never shrinks, and an isolate has 128 MB for all of its requests.
    const BODY_LIMIT: usize = 16 * 1024 * 1024;
    const REPLAY_LIMIT: usize = 4 * 1024 * 1024;

    /// An isolate has 128 MiB for everybody, and what WebAssembly once had of them it keeps.
    const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

    // Exactly these: `GZIP`, `x-gzip` and lists of codings pass as they came.
    const UNPACKED: &'static [&'static str] = &["gzip", "br"];

    type Stream = Stream;

    fn now(&self) -> Millis {
        Millis(Date::now() as u64)
    }

    /// By the only clock that Workers have. It is the platform's to keep it going forward.
    fn moment(&self) -> Moment {
        Moment(Date::now() as u64)
    }

    fn random(&self) -> u128 {
        let mut bits = [0; 16];
        // Without an entropy source ids repeat, which is no reason to refuse a request.
        let _ = getrandom::fill(&mut bits);
        u128::from_ne_bytes(bits)
    }

    async fn sleep(&self, duration: Duration) {
        runtime::sleep(duration).await;
    }

    async fn fetch(&self, request: Request<Payload<Stream>>, limits: Limits) -> Result<Response<Stream>, Fault> {
        // The runtime gives out connections that served before, and does not say so. Behind a failure one that breaks without
        // an answer was most likely closed by that.
        let again = limits.fresh.then(|| fetch::again(&request)).flatten();
        match (fetch::send(request, &self.client, limits.silence).await, again) {
            (Err(Fault::Reset(_)), Some(again)) => fetch::send(again, &self.client, limits.silence).await,
            (answer, _) => answer,
        }
    }

    async fn read(&self, stream: &mut Stream) -> Result<Option<Bytes>, Fault> {
        stream.read().await
    }

    async fn collect(&self, stream: &mut Stream, limit: usize, idle: Duration) -> Result<Collected, Fault> {
        stream.collect(limit, idle).await
    }

    async fn discard(&self, stream: Stream, idle: Duration) {
        stream.discard(idle).await;
    }
}

/// The request in the core's types. The body is not read.
fn incoming(request: web_sys::Request) -> Request<Stream> {
    let text = runtime::request_head(&request);
    let mut lines = text.split('\n');
    let (method, url) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let headers = headers::read(lines);
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let mut core = Request::new(Stream::new(Message::Request(request), length, None));
    let path = url
        .splitn(4, '/')
        .nth(3)
        .map_or_else(|| "/".to_owned(), |rest| format!("/{rest}"));
    *core.uri_mut() = path.parse().unwrap_or_else(|_| http::Uri::from_static("/%00"));
    *core.method_mut() = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
    *core.headers_mut() = headers;
    core
}
