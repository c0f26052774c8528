//! # ai-gateway
//!
//! A self-hosted, OpenAI-compatible AI gateway. One core, two shells: a native binary and a
//! Cloudflare Worker.
//!
//! The layers, each knowing only what stands below it (`tests/layers` holds them to it):
//!
//! | layer | holds |
//! |---|---|
//! | [`native`] / `edge` | sockets or JavaScript, the process, variables and files |
//! | [`gateway`] | the life of a request; start reading at [`gateway::Gateway::handle`] |
//! | [`policy`] | decisions without waiting: which key next, when to stop |
//! | [`config`] | what the operator wrote, parsed into answers |
//! | [`platform`] | the seam between the core and a runtime |
//! | [`dialect`] | wire formats and the table of providers |
//! | [`error`] | what goes wrong, as callers read it |

pub mod config;
pub mod dialect;
pub mod error;
pub mod gateway;
pub mod platform;
pub mod policy;

#[cfg(all(any(test, fuzzing), not(target_arch = "wasm32")))]
pub mod fuzz;

#[cfg(target_arch = "wasm32")]
mod edge;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
