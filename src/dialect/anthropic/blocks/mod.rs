//! Writes an answer for a client: a stream, or a whole one.

mod frames;
mod held;
mod whole;
mod writer;

pub(super) use self::whole::write_answer;
pub(super) use self::writer::Writer;
