//! A request of a client, read as far as the gateway needs it.
//!
//! [`endpoint`] says what is asked for, [`caller`] who asks, [`body`] reads what was sent, [`query`] what stands in the address,
//! [`session`] which conversation the headers name.
//! Nothing here knows which upstream will be asked: a [`ClientRequest`] is what each of them gets to see, and the same for all.

pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod endpoint;
pub(crate) mod query;
mod request;
mod session;

pub(crate) use self::request::{Affinity, ClientRequest, Content};
pub(crate) use self::session::is_session;
