//! The edge shell: a Cloudflare Worker around the same core as the native binary.

mod answer;
mod fetch;
mod settings;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use worker::js_sys::{Date, Uint8Array};
use worker::wasm_bindgen::JsCast;
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{self, ReadableStream, ReadableStreamDefaultReader};
use worker::{Context, Delay, Env};

use self::fetch::AbortOnDrop;
use crate::gateway::Gateway;
use crate::platform::{Fault, Millis, Platform};

/// A body that sends nothing for this long is given up.
const BODY_IDLE: Duration = Duration::from_secs(30);

/// Answers one request.
#[worker::event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, _context: Context) -> worker::Result<web_sys::Response> {
    let config = match settings::config(&env).await {
        Ok(config) => config,
        Err(problems) => return answer::unconfigured(&problems),
    };
    let gateway = Gateway::new(
        config,
        Edge {
            client: request.signal(),
        },
    );
    let answer = gateway.handle(incoming(&request)?).await;
    if let Ok(line) = serde_json::to_string(&answer.record) {
        worker::console_log!("{line}");
    }
    answer::outgoing(answer.response)
}

/// The Workers runtime during one request.
#[derive(Clone)]
struct Edge {
    /// Tells that the client has left.
    client: web_sys::AbortSignal,
}

/// A body as JavaScript has it, and the request that it belongs to.
struct Stream {
    body: Option<ReadableStream>,
    /// Ends the request upstream unless the body is handed on.
    guard: Option<AbortOnDrop>,
}

impl Platform for Edge {
    type Stream = Stream;

    fn now(&self) -> Millis {
        Millis(Date::now() as u64)
    }

    fn random(&self) -> u128 {
        let mut bits = [0; 16];
        // Without an entropy source ids repeat, which is no reason to refuse a request.
        let _ = getrandom::fill(&mut bits);
        u128::from_ne_bytes(bits)
    }

    async fn sleep(&self, duration: Duration) {
        Delay::from(duration).await;
    }

    async fn fetch(&self, request: Request<Bytes>, _connect_timeout: Duration) -> Result<Response<Stream>, Fault> {
        fetch::send(request, &self.client).await
    }

    async fn collect(&self, mut stream: Stream, limit: usize) -> Result<Bytes, Fault> {
        let Some(body) = stream.body.take() else {
            return Ok(Bytes::new());
        };
        let broken = |_| Fault::Reset("the body broke".into());
        let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
        let mut read = Vec::new();
        loop {
            let next = select(JsFuture::from(reader.read()), Delay::from(BODY_IDLE));
            let result = match next.await {
                Either::Left((result, _)) => result.map_err(broken)?,
                Either::Right(((), _)) => return Err(Fault::Timeout),
            };
            let get = |name: &str| worker::js_sys::Reflect::get(&result, &name.into()).unwrap_or_default();
            if get("done").is_truthy() {
                break;
            }
            let chunk: Uint8Array = get("value").unchecked_into();
            if read.len() + chunk.length() as usize > limit {
                let _ = reader.cancel();
                return Err(Fault::TooLarge);
            }
            let start = read.len();
            read.resize(start + chunk.length() as usize, 0);
            chunk.copy_to(&mut read[start..]);
        }
        if let Some(guard) = stream.guard.take() {
            guard.disarm();
        }
        Ok(read.into())
    }
}

/// The request in the core's types. The body is not read.
fn incoming(request: &web_sys::Request) -> worker::Result<Request<Stream>> {
    let mut core = Request::new(Stream {
        body: request.body(),
        guard: None,
    });
    let url = request.url();
    let path = url
        .splitn(4, '/')
        .nth(3)
        .map_or_else(|| "/".to_owned(), |rest| format!("/{rest}"));
    *core.uri_mut() = path.parse().unwrap_or_else(|_| http::Uri::from_static("/%00"));
    *core.method_mut() = Method::from_bytes(request.method().as_bytes()).unwrap_or(Method::GET);
    *core.headers_mut() = headers(&request.headers());
    Ok(core)
}

/// JavaScript's headers in the core's type. A value that HTTP does not allow is left out.
fn headers(js: &web_sys::Headers) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for entry in js.entries() {
        let Ok(entry) = entry else { continue };
        let entry: worker::js_sys::Array = entry.unchecked_into();
        let (Some(name), Some(value)) = (entry.get(0).as_string(), entry.get(1).as_string()) else {
            continue;
        };
        // A ByteString: every character is one byte.
        let bytes: Vec<u8> = value
            .chars()
            .filter_map(|char| u8::try_from(u32::from(char)).ok())
            .collect();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&bytes)) {
            headers.append(name, value);
        }
    }
    headers
}
