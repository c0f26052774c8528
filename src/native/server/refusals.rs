//! Requests that are refused without the core, and the errors that their clients read.

use crate::error::{Error, Kind};
use crate::native::h1::Unreadable;

/// Returns the error of a head that cannot be read.
pub(super) fn explained(unreadable: Unreadable) -> Error {
    match unreadable {
        Unreadable::TooLarge => Error::new(
            Kind::HeadersTooLarge,
            "The request's headers are too large or too many; send fewer or shorter ones.",
        ),
        Unreadable::Malformed => Error::new(
            Kind::MalformedRequest,
            "The request is not well-formed HTTP; look for control characters and bare line feeds in its headers, and for its length.",
        ),
        Unreadable::NoHost => no_host(),
        Unreadable::TwoLengths => Error::new(
            Kind::MalformedRequest,
            "The request has both Transfer-Encoding and Content-Length; send one of them.",
        ),
        Unreadable::Slow => Error::new(
            Kind::RequestTimeout,
            "The request's headers stopped arriving; send it again.",
        ),
    }
}

/// Returns the error of a request that names no host, or several.
pub(super) fn no_host() -> Error {
    Error::new(
        Kind::MalformedRequest,
        "The request does not say in one way which host it is for; send one Host header, with a name or an address.",
    )
}

/// Returns the error of a request beyond MAX_CONCURRENT.
pub(super) fn overloaded() -> Error {
    Error::new(
        Kind::Overloaded,
        "The gateway serves as many requests as it may; try again in a second.",
    )
}

/// Returns the error of a request in which a defect of the gateway showed.
pub(super) fn defect() -> Error {
    Error::new(
        Kind::Internal,
        "The gateway failed at this request; its operator finds the place in the log. Please report it.",
    )
}
