//! The executor: runs futures when JavaScript calls.
//!
//! A future runs in the same call in which JavaScript reports what it waits for. The executor of `wasm-bindgen-futures` would
//! run it in a microtask instead: another crossing for each step, and more work in the runtime. There is one thread, so
//! everything here is in thread-local cells.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use super::crossing;
use crate::dialect::wire::sorted::Sorted;

/// Work of any kind. In a box from the beginning: what is around it is compiled once then, and not for each kind.
pub(super) type Work<T> = Pin<Box<dyn Future<Output = T>>>;

struct Task {
    future: Work<()>,
    waker: Waker,
}

thread_local! {
    static TASKS: RefCell<Sorted<u32, Task>> = const { RefCell::new(Sorted::new()) };
    static LAST: Cell<u32> = const { Cell::new(0) };
    /// The tasks to run next, in this order.
    static READY: RefCell<VecDeque<u32>> = const { RefCell::new(VecDeque::new()) };
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// Must be called first on every call from the runtime. Nothing can be running then; this clears what a panic may have left
/// set.
pub(super) fn begin() {
    RUNNING.set(false);
}

/// Runs `future` up to where it first waits, and further whenever what it waits for is reported.
pub(super) fn spawn(future: Work<()>) {
    let number = LAST.get().wrapping_add(1);
    LAST.set(number);
    let task = Task {
        future,
        waker: Arc::new(Wakeup(number)).into(),
    };
    keep(number, task);
    run(|| READY.with_borrow_mut(|ready| ready.push_back(number)));
}

/// Spawns `future`, and returns a promise of its value.
pub(super) fn promise(future: Work<JsValue>) -> Promise {
    let mut future = Some(future);
    Promise::new(&mut |resolve, _| {
        if let Some(future) = future.take() {
            spawn(Box::pin(async move {
                let value = future.await;
                let _ = resolve.call1(&JsValue::UNDEFINED, &value);
            }));
        }
    })
}

/// Spawns `work`, which goes on when the answer's head is sent and when its client has left.
pub(super) fn outlive(context: &crossing::Context, work: Work<()>) -> Result<(), JsValue> {
    let work = promise(Box::pin(async move {
        work.await;
        JsValue::UNDEFINED
    }));
    context.wait_until(&work)
}

/// Calls `wake`, which may wake tasks, and then runs every task that is ready. In a task that is running it only calls `wake`:
/// the loop further out does the rest.
pub(super) fn run(wake: impl FnOnce()) {
    let nested = RUNNING.replace(true);
    wake();
    if nested {
        return;
    }
    while let Some(number) = READY.with_borrow_mut(VecDeque::pop_front) {
        // It is out of the table while it runs: it may spawn others.
        let Some(mut task) = TASKS.with_borrow_mut(|tasks| tasks.remove(&number)) else {
            continue;
        };
        let mut context = Context::from_waker(&task.waker);
        if task.future.as_mut().poll(&mut context).is_pending() {
            keep(number, task);
        }
    }
    RUNNING.set(false);
}

fn keep(number: u32, task: Task) {
    TASKS.with_borrow_mut(|tasks| {
        tasks.get_or_insert(number, task);
    });
}

struct Wakeup(u32);

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        READY.with_borrow_mut(|ready| ready.push_back(self.0));
        if !RUNNING.get() {
            // Something else than a report of `crossing.js` woke it, so no loop runs.
            spawn_local(async { run(|| {}) });
        }
    }
}
