//! Our HTTP/1.1 beside hyper's, which thousands of programs have tried: the same bytes, the same reading. `tests/http1/` holds
//! the pieces that the bytes are made of, and the list of differences that are meant to be, with the reason for each. Any
//! other difference fails, and so does one on the list that is none any more.

pub(super) mod cases;
pub(super) mod outcome;
mod server;
