//! What a request means for a gateway that passes it on: which keys may serve its endpoint, which models it names, which
//! account holds what it refers to.
//!
//! An answer to a question such as these depends on the path and on single members of the body. Formats are not read here:
//! see [`openai`](super::openai) and its neighbours.

pub mod conversation;
pub mod google;
pub mod label;
pub mod naming;
pub mod stored;
pub mod surface;
