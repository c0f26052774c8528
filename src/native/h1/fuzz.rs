//! What must hold of any bytes on a connection of HTTP/1.1. The fuzz targets and the long property runs call these functions
//! ([`crate::fuzz`]); each takes the bytes in pieces, as a network may cut them, and panics where a property does not hold:
//!
//! - how the bytes are cut never shows;
//! - what is read ends where a second reader ([`second`]) ends it, which follows the specification to the letter. It may take
//!   what ours refuses, and never the other way around;
//! - nothing panics, and no body is longer than its bytes.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a property that does not hold ends the run"
)]

mod answers;
mod chunks;
mod message;
mod requests;
mod second;

pub(crate) use self::answers::answers;
pub(crate) use self::chunks::chunks;
#[cfg(test)]
pub(crate) use self::requests::read_requests;
pub(crate) use self::requests::requests;
