//! Decisions: values in, values out. Nothing here waits, calls or asks for the time.

pub mod health;
mod in_front;
pub mod outcome;
pub mod plan;
pub mod rank;
