//! Bodies as JavaScript has them, read piece by piece or handed on unread.

use bytes::Bytes;
use futures_util::future::{Either, select};
use std::pin::pin;
use std::time::Duration;
use worker::Delay;
use worker::js_sys::{Function, Promise, Reflect, Uint8Array};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{self, ReadableStream, ReadableStreamDefaultReader};

use super::fetch::AbortOnDrop;
use crate::platform::Fault;

/// A body of so many bytes comes at once or not at all.
const SHORT: usize = 64 * 1024;

/// A body, and the request that it belongs to.
#[derive(Default)]
pub(super) struct Stream {
    body: Option<ReadableStream>,
    /// What `content-length` says.
    length: Option<usize>,
    reader: Option<ReadableStreamDefaultReader>,
    /// A piece that was asked for and has not come.
    pending: Option<Promise>,
    /// The WebSocket that the upstream has opened instead of sending a body.
    pub(super) socket: Option<JsValue>,
    /// Ends the request upstream unless the body is complete.
    pub(super) guard: Option<AbortOnDrop>,
}

impl Stream {
    pub(super) fn new(body: Option<ReadableStream>, length: Option<usize>, guard: Option<AbortOnDrop>) -> Self {
        Self {
            body,
            length,
            guard,
            ..Self::default()
        }
    }

    /// The next piece. Whoever stops waiting for it gets it from the next call.
    pub(super) async fn read(&mut self) -> Result<Option<Bytes>, Fault> {
        if self.reader.is_none() {
            let Some(body) = &self.body else { return Ok(None) };
            self.reader = Some(body.get_reader().unchecked_into());
        }
        let pending = match (&self.pending, &self.reader) {
            (Some(pending), _) => pending.clone(),
            (None, Some(reader)) => self.pending.insert(reader.read()).clone(),
            (None, None) => return Ok(None),
        };
        let result = JsFuture::from(pending).await;
        self.pending = None;
        let result = result.map_err(|_| Fault::Reset("the body broke".into()))?;
        let get = |name: &str| Reflect::get(&result, &name.into()).unwrap_or_default();
        if get("done").is_truthy() {
            self.body = None;
            self.reader = None;
            if let Some(guard) = self.guard.take() {
                guard.disarm();
            }
            return Ok(None);
        }
        let chunk: Uint8Array = get("value").unchecked_into();
        Ok(Some(chunk.to_vec().into()))
    }

    /// Whether there is no body at all.
    pub(super) const fn is_empty(&self) -> bool {
        self.body.is_none()
    }

    /// All of it.
    pub(super) async fn collect(mut self, limit: usize, idle: Duration) -> Result<Bytes, Fault> {
        let known = self.length.filter(|length| *length <= limit);
        if known.is_some_and(|length| idle == Duration::MAX || length <= SHORT)
            && let Some(body) = self.body.take()
        {
            let whole = pin!(self.take_whole(&body));
            if idle == Duration::MAX {
                return whole.await;
            }
            return match select(whole, Delay::from(idle)).await {
                Either::Left((whole, _)) => whole,
                Either::Right(((), _)) => Err(Fault::Timeout),
            };
        }
        let mut read = Vec::new();
        loop {
            let piece = if idle == Duration::MAX {
                self.read().await?
            } else {
                let next = pin!(self.read());
                match select(next, Delay::from(idle)).await {
                    Either::Left((piece, _)) => piece?,
                    Either::Right(((), _)) => return Err(Fault::Timeout),
                }
            };
            let Some(piece) = piece else { return Ok(read.into()) };
            if read.len() + piece.len() > limit {
                if let Some(reader) = &self.reader {
                    let _ = reader.cancel();
                }
                return Err(Fault::TooLarge);
            }
            read.extend_from_slice(&piece);
        }
    }

    /// A body of known length, in one crossing.
    async fn take_whole(mut self, body: &ReadableStream) -> Result<Bytes, Fault> {
        let broken = |_| Fault::Reset("the body broke".into());
        let whole = web_sys::Response::new_with_opt_readable_stream(Some(body)).map_err(broken)?;
        let buffer = JsFuture::from(whole.array_buffer().map_err(broken)?)
            .await
            .map_err(broken)?;
        if let Some(guard) = self.guard.take() {
            guard.disarm();
        }
        Ok(Uint8Array::new(&buffer).to_vec().into())
    }

    /// The rest of the body, for the runtime's own machinery. Nothing must be pending.
    pub(super) fn rest(&mut self) -> Option<ReadableStream> {
        if let Some(reader) = self.reader.take() {
            reader.release_lock();
        }
        self.body.take()
    }

    pub(super) const fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }
}

/// Calls a method that the bindings do not have.
pub(super) fn call(object: &JsValue, method: &str, arguments: &[&JsValue]) -> Result<JsValue, JsValue> {
    let function: Function = Reflect::get(object, &method.into())?.dyn_into()?;
    function.apply(object, &arguments.iter().copied().collect())
}
