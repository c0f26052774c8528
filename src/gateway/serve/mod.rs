//! The endpoints, one family a file. Each completes a request, has it admitted and asks for an answer.

pub(crate) mod chat;
pub(crate) mod models;
pub(crate) mod pages;
pub(crate) mod passthrough;
pub(crate) mod websocket;
