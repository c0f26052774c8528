//! The native shell: sockets, clock, process and log, around the same core as the Worker.
//!
//! From the top down:
//!
//! | module | holds |
//! |---|---|
//! | [`cli`] | the subcommands; [`prices`] is one of them |
//! | [`server`] | the side of the clients: listening, connections, answers |
//! | [`runtime`] | the [`Platform`](crate::platform::Platform) of the core |
//! | [`client`] | the side of the upstreams: requests, and connections that are used again |
//! | [`process`] | what surrounds both: configuration, log, limits of the system |
//! | [`h1`] | HTTP/1.1, as both sides speak it |
//!
//! The server never names the client: a body from one side reaches the other one as a [`stream`].

mod alarm;
mod boxed;
mod cli;
mod client;
#[cfg(test)]
mod differential;
mod from_client;
mod h1;
mod http2_body;
mod memory;
mod prices;
mod process;
mod receiving;
mod runtime;
mod sending;
mod server;
mod stream;
#[cfg(test)]
mod stress;
mod tcp;

pub use self::cli::run;
#[cfg(any(test, fuzzing))]
pub(crate) use self::h1::fuzz;
