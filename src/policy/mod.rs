//! Decisions: which key is tried next, what an outcome means, who is left alone for a while, and who may use how much.
//!
//! Everything here takes values and returns values. Nothing waits, calls an upstream or asks for the time: the caller passes
//! the time and the random bits in. So every decision can be tested with a table, and both runtimes decide the same.

pub mod accounts;
pub mod cooldown;
pub mod health;
mod in_front;
pub mod meaning;
pub mod plan;
pub mod price;
pub mod rank;
pub mod retry_after;
pub mod subject;
