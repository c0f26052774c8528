//! Futures on the heap. A connection has room in memory for the largest thing that its task may wait for, so what is rarely
//! waited for stands apart.

use std::pin::Pin;

/// Returns a future that was made where it stays. `Box::pin(future())` within an async function leaves room for the future in
/// that function's own state as well.
pub(super) fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}
