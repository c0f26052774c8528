//! The edge shell: a Cloudflare Worker around the same core as the native binary.
//!
//! The way of a request: the runtime calls [`fetch`], `settings` has the configuration of the isolate, `incoming` makes the
//! core's request, the core answers it and asks upstreams through `runtime`, and `outgoing` makes the runtime's answer.
//! `relay` moves streams. All of them reach JavaScript through `crossing`, wait with `promised`, and are run by `task`.

mod abort;
mod alarm;
mod bindings;
mod bridge;
mod crossing;
mod fetch;
mod headers;
mod incoming;
mod log;
mod outgoing;
mod pipe;
mod promised;
mod relay;
mod runtime;
mod settings;
mod stream;
mod task;
mod watched;

use std::panic;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, select};
use http::{Method, Request};
use js_sys::Promise;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsValue, handler};

use self::crossing::Context;
use self::log::Entry;
use self::promised::Promised;
use self::runtime::Edge;
use self::stream::Stream;
use crate::config::Config;
use crate::gateway::{Gateway, Record, State, dialect_of};

thread_local! {
    /// What the isolate remembers from one request to the next.
    static STATE: Arc<State> = Arc::default();
}

/// Writes what a panic says to the log, and has the next request answered by a new instance.
///
/// `private`, because `worker-build` makes every exported function a method that other Workers can call.
#[wasm_bindgen(start, private)]
fn start() {
    crossing::instance_begins();
    handler::set_on_abort(handler::schedule_reinit);
    panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        crossing::instance_fails();
    }));
}

/// Returns what the entrypoint of `worker-build` goes by: before each request it looks there whether it needs a new instance.
#[wasm_bindgen(js_name = "__worker_init_state")]
#[expect(unreachable_pub, reason = "JavaScript calls it")]
pub fn entrypoint_state() -> JsValue {
    crossing::entrypoint_state()
}

/// Answers one request. The runtime calls it.
///
/// `#[event(fetch)]` of `worker` is not used: the executor that it brings takes 5 % more CPU for a small request
/// (docs/design/0007-the-edge-shell.md).
#[wasm_bindgen]
#[expect(unreachable_pub, clippy::needless_pass_by_value, reason = "JavaScript calls it")]
pub fn fetch(request: web_sys::Request, env: JsValue, context: Context) -> Promise {
    task::begin();
    let answer = task::promise(Box::pin(serve(request, env, context.clone())));
    // Without this the runtime runs nothing any more when the client leaves, and what was begun stays in memory for ever.
    let _ = context.wait_until(&answer);
    answer
}

/// Returns the answer to a request, or gives up when its client leaves. Everything that was begun for the answer is dropped
/// then, and so the requests upstream end.
async fn serve(request: web_sys::Request, env: JsValue, context: Context) -> JsValue {
    let client = request.signal();
    let (left, _) = Promised::new(|number| crossing::aborted(&client, number));
    let answering = pin!(answer(incoming::request(request), env, context, client));
    match select(answering, pin!(left.value())).await {
        Either::Left((answer, _)) => answer,
        // Nobody reads this, but a promise must have a value.
        Either::Right(_) => {
            crossing::answer(Record::CLIENT_LEFT, "", &[], None, None).map_or_else(|error| error, JsValue::from)
        }
    }
}

/// Answers a request of `client`, which came over HTTP or over a WebSocket.
async fn answer(request: Request<Stream>, env: JsValue, context: Context, client: web_sys::AbortSignal) -> JsValue {
    let platform = Edge { client };
    let gateway = |config| Gateway::new(config, STATE.with(Arc::clone), platform.clone());
    let dialect = dialect_of(request.uri().path(), request.headers());
    let unconfigured = gateway(Arc::new(Config::none()));
    let mut entry = Entry {
        record: unconfigured.record(request.headers()),
    };
    let response = match settings::config(&env, &context).await {
        Ok(config) => {
            let gateway = gateway(config);
            gateway.note_client(&mut entry.record, || incoming::client_address(request.headers()));
            gateway.handle(request, &mut entry.record).await
        }
        // A browser shows its page an error only if the preflight request before it was answered.
        Err(_) if request.method() == Method::OPTIONS => unconfigured.handle(request, &mut entry.record).await,
        Err(problems) => {
            let error = settings::as_error(&problems);
            unconfigured.refuse(request.uri().path(), request.headers(), error, &mut entry.record)
        }
    };
    let id = entry.record.request_id.clone();
    let ask = || -> bridge::Ask {
        let context = context.clone();
        Box::new(move |request, client| Box::pin(answer(request, env.clone(), context.clone(), client)))
    };
    outgoing::response(response, entry, &context, ask)
        .map_or_else(|error| outgoing::failed(&error, dialect, &id), JsValue::from)
}
