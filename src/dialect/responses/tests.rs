//! Tests of the dialect as others see it.

mod answers;
mod calls;
mod requests;
mod scripts;
mod streams;
mod strict;
mod websocket;
mod writers;
mod written_requests;
