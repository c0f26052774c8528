//! Watches an event stream go by: how it begins, whether it ends as a stream should, what it used, and what in it may be an
//! error.
//!
//! The gateway passes streams on byte for byte, and must know four things of them all the same. A stream that begins with an
//! error is tried elsewhere. One that is cut gets an error event. The tokens that it used go into the log. What may be an
//! error is searched for secrets. [`Observer`] finds these out. It changes no byte, waits for nothing, and no input makes it
//! fail.
//!
//! # Order of calls
//!
//! 1. [`Observer::of`] with the way in which streams of the endpoint end; [`Observer::keep_lines`] where longer lines matter.
//! 2. [`Observer::feed`] with each piece of the stream, in order and without a gap. Where the pieces are cut never shows.
//! 3. Between two pieces, any question. Only [`Observer::take_error_flag`] changes anything.
//! 4. When nothing more comes, [`Observer::last_words`], once. It reads the line that has begun, so
//!    [`Observer::take_error_flag`], [`Observer::usage`] and [`Observer::is_complete`] are asked behind it.
//!
//! # What it says
//!
//! - [`Observer::beginning`] is [`Beginning::Nothing`] until an event shows what the stream is, and stays what it is then.
//! - [`Observer::take_error_flag`]: something since the last call may be an error. Taking the flag resets it, unless the event
//!   is incomplete. A false alarm costs one search for secrets, a miss may give a key away: in doubt the flag is set.
//! - [`Observer::held_line_may_be_error`] is about the line that has begun: what comes of it must not be sent yet.
//!   [`Observer::held_len`] says how long it is.
//! - [`Observer::is_done`]: the end mark has come; that never changes again. [`Observer::is_over`] also takes an end mark
//!   whose line has no end yet. It reads the line that has begun, so it is asked when nothing more is there, not for each piece.
//! - [`Observer::is_complete`]: the end mark has come, or every choice has said why it ended. A choice that goes on behind
//!   its end makes a stream incomplete again.
//! - [`Observer::usage`] is what the latest event with a `usage` says; of Messages, the latest of each number.
//!
//! # Memory
//!
//! One line is kept, of [`LINE_LIMIT`] bytes at most; of a longer one, its shortened form, which is about as long. The data
//! of a first event that stands in several lines takes as much again. Besides, each choice takes one number.
//!
//! Lines end as the event-stream specification says: CRLF, LF or CR (WHATWG HTML, section 9.2.6).

mod event;
mod events;
mod gemini;
mod last;
mod observer;
mod search;
mod used;

pub use self::events::Beginning;
pub use self::last::Last;
pub use self::observer::{LINE_LIMIT, Observer};
