//! A body that was changed in one place, kept in pieces: a long body is not copied for a name of a few bytes.

use bytes::Bytes;

/// A body in pieces, in order: what stands before a value that was replaced, the new value, and what stands behind it. Each
/// may be empty.
pub type Pieces = [Bytes; 3];

/// Returns a body as one piece.
#[must_use]
pub const fn whole(body: Bytes) -> Pieces {
    [body, Bytes::new(), Bytes::new()]
}
