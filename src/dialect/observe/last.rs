//! What is still to be written when a stream has ended.

use super::events::Events;
use crate::dialect::ending::Ending;

/// What is to be done at the end of a stream, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// The line that had begun is not to be sent: it is a part of one that nobody could read.
    pub drops_line: bool,
    /// What is to be written: the line ends that are missing, and the event that says that the stream was cut.
    pub words: Vec<u8>,
    /// The stream was cut.
    pub is_cut: bool,
}

/// The line in which a stream ended.
#[derive(Debug)]
pub(super) struct LastLine {
    /// There is such a line: the last byte was not a line end.
    pub(super) has_begun: bool,
    /// It lacks nothing but its end, and has been read.
    pub(super) is_whole: bool,
    /// Something of it has been sent.
    pub(super) is_sent: bool,
    /// It begins as data does.
    pub(super) is_data: bool,
    /// The line before it ended with a CR.
    pub(super) after_cr: bool,
}

impl Last {
    /// Returns what is to be done behind `events`, which ended in `line`.
    pub(super) fn of(events: &Events, line: &LastLine, broken: bool) -> Self {
        // Where it is not known how a stream ends, only a break can be seen.
        let is_unknown = events.ending == Ending::Unknown && !events.has_choices();
        // An error that the upstream sends is an end as well.
        let is_cut = !events.is_complete() && (broken || !events.ends_in_error && !is_unknown);
        let drops_line = line.has_begun && !line.is_whole && !line.is_sent && (is_cut || line.is_data);
        // What is missing to the end of the event, so that the error is one of its own.
        let closing = match line.has_begun && !drops_line {
            true if is_cut || line.is_whole || events.has_data => "\n\n",
            true => "",
            // The LF behind a CR ends the same line.
            false if events.has_data && line.after_cr => "\n\n",
            false if events.has_data => "\n",
            // An event without data is not one, but some clients read one at the blank line.
            false if is_cut && events.is_named() && events.ending != Ending::Message => "event: error\n",
            false => "",
        };
        let mut words = closing.as_bytes().to_vec();
        if is_cut {
            words.extend_from_slice(&events.ending.truncated());
        }
        Self {
            drops_line,
            words,
            is_cut,
        }
    }
}
