//! What is looked for in an event without parsing it. A word that is found may stand in a text as well; one that is not found
//! is not there, unless it is written with escapes, which nobody does.

use std::sync::LazyLock;

use memchr::memmem::{self, Finder};

use crate::dialect::openai;

/// Searchers are made once: making one costs more than a search through an event.
pub(super) static FINISH_REASON: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"finish_reason\""));
pub(super) static USAGE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"usage\""));
pub(super) static INDEX: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"index\""));
pub(super) static CHOICES: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"choices\""));
pub(super) static CANDIDATES: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"candidates\""));
pub(super) static FINISH_REASON_OF_CANDIDATES: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"finishReason\""));
static ERROR: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"error\""));

/// Whether a member called `name` (with its quotes) stands somewhere with a value that does not begin with `usual`.
#[inline(always)]
pub(super) fn has_unusual_value(data: &[u8], name: &Finder<'_>, usual: u8) -> bool {
    unusual_value(data, name, usual) == Some(true)
}

/// Returns whether a member called `name` (with its quotes) stands somewhere with a value that does not begin with `usual`;
/// nothing where the name does not stand there at all.
#[inline]
pub(super) fn unusual_value(mut data: &[u8], name: &Finder<'_>, usual: u8) -> Option<bool> {
    let mut is_unusual = None;
    // Not `find_iter`: it copies the searcher, which costs as much as to search.
    while let Some(at) = name.find(data) {
        data = data[at + name.needle().len()..].trim_ascii_start();
        let value = data.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        is_unusual = Some(value.is_some_and(|value| value.first() != Some(&usual)));
        if is_unusual == Some(true) {
            break;
        }
    }
    is_unusual
}

/// Whether the word `error` stands there in quotes: as a value, or as the name of a member that is not null.
#[inline]
pub(super) fn has_error_word(mut data: &[u8]) -> bool {
    while let Some(at) = ERROR.find(data) {
        data = data[at + ERROR.needle().len()..].trim_ascii_start();
        let value = data.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        if value.is_none_or(|value| value.first() != Some(&b'n')) {
            return true;
        }
    }
    false
}

/// Whether a line, or the beginning of one, can be a field of an event stream. One that cannot is an error that was written
/// as it is, most likely.
pub(super) fn is_field(line: &[u8]) -> bool {
    let fields: [&[u8]; 5] = [b"data:", b":", b"event", b"id", b"retry"];
    let is = |field: &&[u8]| line.starts_with(field) || field.starts_with(line);
    fields.iter().any(is)
}

/// Whether an event of this name or type only says that an answer will come, or that the connection lives.
pub(super) fn is_announcement(kind: &[u8]) -> bool {
    let announcements: [&[u8]; 7] = [
        b"response.created",
        b"response.queued",
        b"response.in_progress",
        b"message_start",
        b"ping",
        b"keepalive",
        b"heartbeat",
    ];
    announcements.contains(&kind)
}

/// Whether data begins with a `type` that is not an error's.
pub(super) fn begins_with_other_type(data: &[u8]) -> bool {
    let kind = || {
        let name = data.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"type\"")?;
        let kind = name.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let end = memchr::memchr(b'"', kind.strip_prefix(b"\"")?)?;
        kind.get(1..=end)
    };
    kind().is_some_and(|kind| kind != b"error" && kind != b"response.failed")
}

/// Whether the name of a member stands there that errors have, and answers do not.
pub(super) fn has_error_member(data: &[u8]) -> bool {
    let names: [&[u8]; 4] = [b"\"message\"", b"\"detail\"", b"\"msg\"", b"\"errors\""];
    names.iter().any(|name| memmem::find(data, name).is_some())
}

/// Whether data is an error that is not called one. Parses what has such a member.
pub(super) fn is_bare_error(data: &[u8]) -> bool {
    has_error_member(data) && openai::Answer::read(data).is_bare_error
}

/// Returns an error as endpoints other than Responses write it: as the member `error` of an object.
pub(super) fn error_object(error: &[u8]) -> Vec<u8> {
    [b"{\"error\":", error, b"}"].concat()
}
