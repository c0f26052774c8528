//! Runs futures for JavaScript. Whoever tells what a future waits for also runs it, in the same crossing: a microtask for
//! that would cost another one, and more in the runtime.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use worker::js_sys::Promise;
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen_futures::spawn_local;

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
}

thread_local! {
    static TASKS: RefCell<BTreeMap<u32, Task>> = const { RefCell::new(BTreeMap::new()) };
    static LAST: Cell<u32> = const { Cell::new(0) };
    static READY: RefCell<VecDeque<u32>> = const { RefCell::new(VecDeque::new()) };
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `future` as far as it comes, and the rest of it as what it waits for comes.
pub(super) fn spawn(future: impl Future<Output = ()> + 'static) {
    let number = LAST.get().wrapping_add(1);
    LAST.set(number);
    let task = Task {
        future: Box::pin(future),
        waker: Arc::new(Wakeup(number)).into(),
    };
    TASKS.with_borrow_mut(|tasks| tasks.insert(number, task));
    run(|| READY.with_borrow_mut(|ready| ready.push_back(number)));
}

/// To be called where the runtime calls: nothing runs there, but a panic may have left it looking so for ever.
pub(super) fn begin() {
    RUNNING.set(false);
}

/// Runs `future` for JavaScript to wait for.
pub(super) fn promise(future: impl Future<Output = JsValue> + 'static) -> Promise {
    let mut future = Some(future);
    Promise::new(&mut |resolve, _| {
        if let Some(future) = future.take() {
            spawn(async move {
                let value = future.await;
                let _ = resolve.call1(&JsValue::UNDEFINED, &value);
            });
        }
    })
}

/// Does what may wake tasks, and runs those that it woke.
pub(super) fn run(wake: impl FnOnce()) {
    let nested = RUNNING.replace(true);
    wake();
    if nested {
        return;
    }
    while let Some(number) = READY.with_borrow_mut(VecDeque::pop_front) {
        // Out of the table meanwhile: it may begin others, and end.
        let Some(mut task) = TASKS.with_borrow_mut(|tasks| tasks.remove(&number)) else {
            continue;
        };
        let mut context = Context::from_waker(&task.waker);
        if task.future.as_mut().poll(&mut context).is_pending() {
            TASKS.with_borrow_mut(|tasks| tasks.insert(number, task));
        }
    }
    RUNNING.set(false);
}

struct Wakeup(u32);

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        READY.with_borrow_mut(|ready| ready.push_back(self.0));
        if !RUNNING.get() {
            // By something else than what `runtime.js` tells.
            spawn_local(async { run(|| {}) });
        }
    }
}
