//! Futures on the heap. A connection has room in memory for the largest thing that its task may wait for, so what is rarely
//! waited for stands apart.

use std::pin::Pin;

/// Returns a future that was made where it stays. `Box::pin(future())` within an async function leaves room for the future in
/// that function's own state as well.
pub(super) fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    // With the room at hand nothing can fail once the future is there, so it is not made elsewhere and moved, all of its size.
    let room = Box::new_uninit();
    Box::into_pin(Box::write(room, make()))
}
