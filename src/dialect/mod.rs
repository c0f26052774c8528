//! Wire formats: how requests are read and patched, how answers and errors are written. No await, no
//! configuration, no platform.

pub mod conversation;
pub mod cut;
mod fields;
pub mod form;
pub mod model_list;
pub mod naming;
pub mod observe;
pub mod openai;
pub mod patch;
pub mod providers;
mod quoted;
pub mod refusal;
pub mod responses;
mod scan;
mod shorten;
pub mod simple_chat;
pub mod surface;
pub mod trim;
