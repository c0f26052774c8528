//! Futures for what JavaScript will report.
//!
//! Whoever waits takes a number, gives it to JavaScript with what is to be done, and is woken when the result is reported
//! under it. There are three functions that report, for as long as the isolate lives: a closure for each promise would cost
//! more than the promise.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use js_sys::Function;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

use super::{crossing, task};
use crate::dialect::wire::sorted::Sorted;

/// What JavaScript reports.
enum Given {
    Value(JsValue),
    Bytes(Vec<u8>),
}

/// The place of a result.
enum Slot {
    /// It has not come. Holds who waits for it.
    Empty(Option<Waker>),
    Full(Result<Given, JsValue>),
}

/// The places of all results that somebody may still ask for.
struct Slots {
    last: u32,
    all: Sorted<u32, Slot>,
}

thread_local! {
    static SLOTS: RefCell<Slots> = RefCell::new(listening());
}

fn listening() -> Slots {
    let value = Closure::<dyn Fn(u32, JsValue)>::new(|number, value| fill(number, Ok(Given::Value(value))));
    let bytes = Closure::<dyn Fn(u32, Vec<u8>)>::new(|number, bytes| fill(number, Ok(Given::Bytes(bytes))));
    let failure = Closure::<dyn Fn(u32, JsValue)>::new(|number, error| fill(number, Err(error)));
    let function = |closure: JsValue| closure.unchecked_into::<Function>();
    let last = crossing::report(
        &function(value.into_js_value()),
        &function(bytes.into_js_value()),
        &function(failure.into_js_value()),
    );
    Slots {
        last,
        all: Sorted::new(),
    }
}

/// Takes a result, and runs whoever waited for it before it returns to JavaScript.
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

/// Something that JavaScript will report. Whoever stops waiting for it may ask again later; when this is dropped, the result
/// is thrown away.
pub(super) struct Promised(u32);

impl Promised {
    /// Begins something: `begin` gets the number under which JavaScript is to report. Returns what `begin` returns as well.
    pub(super) fn new<T>(begin: impl FnOnce(u32) -> T) -> (Self, T) {
        let number = SLOTS.with_borrow_mut(|slots| {
            slots.last = slots.last.wrapping_add(1);
            slots.all.get_or_insert(slots.last, Slot::Empty(None));
            slots.last
        });
        (Self(number), begin(number))
    }

    fn poll(&self, context: &Context<'_>) -> Poll<Result<Given, JsValue>> {
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

    async fn come(&self) -> Result<Given, JsValue> {
        poll_fn(|context| self.poll(context)).await
    }

    /// Returns the value that is reported.
    pub(super) async fn value(&self) -> Result<JsValue, JsValue> {
        Ok(match self.come().await? {
            Given::Value(value) => value,
            Given::Bytes(_) => JsValue::UNDEFINED,
        })
    }

    /// Returns the bytes that are reported, or `None` where a body has ended.
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

/// Begins something and waits for its value.
pub(super) async fn done(begin: impl FnOnce(u32) -> Result<(), JsValue>) -> Result<JsValue, JsValue> {
    let (promised, begun) = Promised::new(begin);
    begun?;
    promised.value().await
}
