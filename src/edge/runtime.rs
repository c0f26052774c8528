//! The other side of `runtime.js`: what it offers, and the futures that wait for what it tells.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::{self as std_task, Poll, Waker};
use std::time::Duration;

use worker::js_sys::{Array, Function, Promise};
use worker::wasm_bindgen::closure::Closure;
use worker::wasm_bindgen::prelude::wasm_bindgen;
use worker::wasm_bindgen::{self, JsCast, JsValue};
use worker::web_sys::{
    AbortController, AbortSignal, ReadableStream, Request, Response, WritableStream, WritableStreamDefaultWriter,
};

use super::task;

#[wasm_bindgen(module = "/src/edge/runtime.js")]
extern "C" {
    fn tell(on_value: &Function, on_bytes: &Function, on_failure: &Function) -> u32;

    #[wasm_bindgen(js_name = requestHead)]
    pub(super) fn request_head(request: &Request) -> String;

    #[wasm_bindgen(js_name = responseHead)]
    pub(super) fn response_head(response: &Response) -> String;

    #[wasm_bindgen(catch)]
    pub(super) fn send(
        client: &AbortSignal,
        url: &str,
        method: &str,
        headers: &str,
        first: &[u8],
        second: &[u8],
        third: &[u8],
        stream: Option<&ReadableStream>,
        number: u32,
    ) -> Result<AbortController, JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn answer(
        status: u16,
        headers: &str,
        bytes: &[u8],
        stream: Option<&ReadableStream>,
        socket: Option<&JsValue>,
    ) -> Result<Response, JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn whole(message: &JsValue, number: u32) -> Result<(), JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn reading(body: &ReadableStream) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn read(source: &JsValue, number: u32) -> Result<(), JsValue>;

    #[wasm_bindgen(js_name = stopReading)]
    pub(super) fn stop_reading(source: &JsValue);

    pub(super) fn cancel(source: &JsValue);

    #[wasm_bindgen(catch, js_name = pipe)]
    fn js_pipe(length: Option<f64>) -> Result<Array, JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn write(writer: &WritableStreamDefaultWriter, bytes: &[u8], number: u32) -> Result<(), JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn close(writable: &WritableStream, words: &[u8], number: u32) -> Result<(), JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn pump(from: &ReadableStream, to: &WritableStream, closes: bool, number: u32) -> Result<(), JsValue>;

    pub(super) fn aborted(signal: &AbortSignal, number: u32);

    #[wasm_bindgen(catch)]
    pub(super) fn stored(namespace: &JsValue, key: &str, number: u32) -> Result<(), JsValue>;

    #[wasm_bindgen(catch)]
    pub(super) fn tee(stream: &ReadableStream) -> Result<Array, JsValue>;

    fn after(milliseconds: f64, number: u32) -> f64;
}

#[wasm_bindgen]
extern "C" {
    /// What of a request outlives its answer.
    #[derive(Clone)]
    pub type Context;

    #[wasm_bindgen(method, catch, js_name = waitUntil)]
    pub(super) fn wait_until(this: &Context, promise: &Promise) -> Result<(), JsValue>;

    #[wasm_bindgen(js_namespace = console)]
    pub(super) fn log(line: &str);

    #[wasm_bindgen(js_namespace = console, js_name = warn)]
    pub(super) fn log_note(text: &str);

    #[wasm_bindgen(js_namespace = console, js_name = error)]
    pub(super) fn log_error(text: &str);

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: f64);
}

/// A pipe: what is written at its first end is a body at the second, of `length` bytes where that is known.
pub(super) fn pipe(length: Option<u64>) -> Result<(WritableStream, ReadableStream), JsValue> {
    let ends = js_pipe(length.map(|length| length as f64))?;
    Ok((ends.get(0).unchecked_into(), ends.get(1).unchecked_into()))
}

/// What came of something that was waited for.
pub(super) enum Given {
    Value(JsValue),
    Bytes(Vec<u8>),
}

enum Slot {
    Empty(Option<Waker>),
    Full(Result<Given, JsValue>),
}

struct Slots {
    last: u32,
    all: BTreeMap<u32, Slot>,
}

thread_local! {
    static SLOTS: RefCell<Slots> = RefCell::new(listening());
}

/// One function for each kind of news, for as long as the isolate lives: a closure for each promise would cost more than
/// the promise.
fn listening() -> Slots {
    let value = Closure::<dyn Fn(u32, JsValue)>::new(|number, value| fill(number, Ok(Given::Value(value))));
    let bytes = Closure::<dyn Fn(u32, Vec<u8>)>::new(|number, bytes| fill(number, Ok(Given::Bytes(bytes))));
    let failure = Closure::<dyn Fn(u32, JsValue)>::new(|number, error| fill(number, Err(error)));
    let function = |closure: JsValue| closure.unchecked_into::<Function>();
    let last = tell(
        &function(value.into_js_value()),
        &function(bytes.into_js_value()),
        &function(failure.into_js_value()),
    );
    Slots {
        last,
        all: BTreeMap::new(),
    }
}

fn fill(number: u32, result: Result<Given, JsValue>) {
    let waker = SLOTS.with_borrow_mut(|slots| match slots.all.get_mut(&number) {
        Some(slot) => match std::mem::replace(slot, Slot::Full(result)) {
            Slot::Empty(waker) => waker,
            Slot::Full(_) => None,
        },
        // Nobody waits any more.
        None => None,
    });
    if let Some(waker) = waker {
        task::run(|| waker.wake());
    }
}

/// Something that JavaScript will tell. Whoever stops waiting may ask again.
pub(super) struct Promised(u32);

impl Promised {
    /// Begins what tells by the number that `begin` is given.
    pub(super) fn new<T>(begin: impl FnOnce(u32) -> T) -> (Self, T) {
        let number = SLOTS.with_borrow_mut(|slots| {
            slots.last = slots.last.wrapping_add(1);
            slots.all.insert(slots.last, Slot::Empty(None));
            slots.last
        });
        (Self(number), begin(number))
    }

    fn poll(&self, context: &std_task::Context<'_>) -> Poll<Result<Given, JsValue>> {
        SLOTS.with_borrow_mut(|slots| match slots.all.get_mut(&self.0) {
            Some(Slot::Empty(waker)) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            _ => match slots.all.remove(&self.0) {
                Some(Slot::Full(result)) => Poll::Ready(result),
                _ => Poll::Pending,
            },
        })
    }

    pub(super) async fn come(&self) -> Result<Given, JsValue> {
        poll_fn(|context| self.poll(context)).await
    }

    pub(super) async fn value(&self) -> Result<JsValue, JsValue> {
        Ok(match self.come().await? {
            Given::Value(value) => value,
            Given::Bytes(_) => JsValue::UNDEFINED,
        })
    }

    /// The bytes, or nothing at the end of them.
    pub(super) async fn bytes(&self) -> Result<Option<Vec<u8>>, JsValue> {
        Ok(match self.come().await? {
            Given::Bytes(bytes) => Some(bytes),
            Given::Value(_) => None,
        })
    }
}

impl Drop for Promised {
    fn drop(&mut self) {
        let _ = SLOTS.try_with(|slots| slots.borrow_mut().all.remove(&self.0));
    }
}

/// Begins something and waits for it.
pub(super) async fn done(begin: impl FnOnce(u32) -> Result<(), JsValue>) -> Result<JsValue, JsValue> {
    let (promised, begun) = Promised::new(begin);
    begun?;
    promised.value().await
}

/// Ends a timer that nobody waits for any more.
struct Timer(f64);

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(self.0);
    }
}

/// Returns after `duration`.
pub(super) async fn sleep(duration: Duration) {
    // A timer that does not fit rings at once (HTML section 8.6): 24 days are as good as for ever.
    let milliseconds = i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
    let (promised, timer) = Promised::new(|number| Timer(after(milliseconds.into(), number)));
    let _ = promised.value().await;
    drop(timer);
}
