//! What goes back to the client: [`Body`] is what an answer consists of, [`Relay`] a stream on its way, [`Raw`] bytes of any
//! kind and [`Bridge`] a WebSocket that is answered here; [`scrub`] keeps secrets out of both, [`headers`] and [`cors`] are about the head.

mod body;
mod bridge;
pub(crate) mod cors;
mod errors;
pub(crate) mod headers;
mod raw;
mod relay;
pub(crate) mod scrub;

pub use self::body::Body;
pub(crate) use self::body::{json, with_type};
pub(crate) use self::bridge::WarmUp;
pub use self::bridge::{Bridge, Hear, Heard, Say};
pub(crate) use self::errors::{error_in, error_response};
pub use self::raw::Raw;
pub use self::relay::{End, GRACE, Relay, Watch};
