//! What an error of a connection means to the core. hyper and h2 wrap the reason in several layers, and say different things
//! with the same type.

use std::error::Error as StdError;
use std::io;

use crate::native::h1::Malformed;
use crate::platform::Fault;

/// Returns the fault of a connection that broke, or over which something came that is not HTTP.
pub(crate) fn broken(error: &(dyn StdError + 'static)) -> Fault {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let is_malformed = inner.is_some_and(|inner| inner.is::<Malformed>());
    // h2 objects to what came; the upstream has not ended anything.
    let is_objection = |error: &h2::Error| error.is_library() && !error.is_io();
    if is_malformed || http2_error(error).is_some_and(is_objection) {
        return Fault::Malformed(cause(error));
    }
    Fault::Reset(cause(error))
}

/// Whether a shared connection ended, or was never any good, before it brought an answer; or the upstream says that it has
/// not begun with the request (RFC 9113 section 8.7). Another connection may do better.
pub(super) fn is_unanswered(error: &hyper::Error) -> bool {
    match http2_error(error) {
        Some(error) if error.is_reset() => error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM),
        Some(_) | None => true,
    }
}

/// Returns the error of h2 within an error, if there is one.
fn http2_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a h2::Error> {
    let mut sources = std::iter::successors(Some(error), |error| StdError::source(*error));
    sources.find_map(|error| error.downcast_ref())
}

/// Returns the innermost cause of an error: what the operating system or the peer said.
pub(super) fn cause(error: &dyn StdError) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
