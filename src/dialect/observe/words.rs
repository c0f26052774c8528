//! What is looked for in an event without parsing it: most events are one choice's next words.

use std::sync::LazyLock;

use memchr::memmem::{self, Finder};

use crate::dialect::openai;

/// Searchers are made once: making one costs more than a search through an event.
pub(super) static FINISH_REASON: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"finish_reason\""));
pub(super) static USAGE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"usage\""));
pub(super) static INDEX: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"index\""));
pub(super) static CHOICES: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"choices\""));
static ERROR: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"error\""));

/// Whether a member called `name` (with its quotes) stands somewhere with a value that does not begin with `usual`.
#[inline(always)]
pub(super) fn says(data: &[u8], name: &Finder<'_>, usual: u8) -> bool {
    told(data, name, usual) == Some(true)
}

/// The same; nothing if there is no such word.
#[inline]
pub(super) fn told(mut data: &[u8], name: &Finder<'_>, usual: u8) -> Option<bool> {
    let mut told = None;
    // Not `find_iter`: it copies the searcher, which costs as much as to search.
    while let Some(at) = name.find(data) {
        data = data[at + name.needle().len()..].trim_ascii_start();
        let value = data.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        told = Some(value.is_some_and(|value| value.first() != Some(&usual)));
        if told == Some(true) {
            break;
        }
    }
    told
}

/// Whether an error is named: as a member that is not null, or as the value of one.
#[inline]
pub(super) fn names_error(mut data: &[u8]) -> bool {
    while let Some(at) = ERROR.find(data) {
        data = data[at + ERROR.needle().len()..].trim_ascii_start();
        let value = data.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        if value.is_none_or(|value| value.first() != Some(&b'n')) {
            return true;
        }
    }
    false
}

/// Whether a line, or what has come of it, is none of an event stream: an error that was written as it is, most likely.
pub(super) fn is_no_field(line: &[u8]) -> bool {
    let fields: [&[u8]; 5] = [b"data:", b":", b"event", b"id", b"retry"];
    let is = |field: &&[u8]| line.starts_with(field) || field.starts_with(line);
    !fields.iter().any(is)
}

/// Whether an event of this name or type says that an answer will come, and nothing of it.
pub(super) fn is_silent(kind: &[u8]) -> bool {
    let silent: [&[u8]; 7] = [
        b"response.created",
        b"response.queued",
        b"response.in_progress",
        b"message_start",
        b"ping",
        b"keepalive",
        b"heartbeat",
    ];
    silent.contains(&kind)
}

/// Whether data begins with a `type` that is not an error's.
pub(super) fn names_another_kind(data: &[u8]) -> bool {
    let kind = || {
        let name = data.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"type\"")?;
        let kind = name.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let end = memchr::memchr(b'"', kind.strip_prefix(b"\"")?)?;
        kind.get(1..=end)
    };
    kind().is_some_and(|kind| kind != b"error" && kind != b"response.failed")
}

/// Whether it has a member that errors have without being called one.
pub(super) fn speaks_of_error(data: &[u8]) -> bool {
    let words: [&[u8]; 4] = [b"\"message\"", b"\"detail\"", b"\"msg\"", b"\"errors\""];
    words.iter().any(|word| memmem::find(data, word).is_some())
}

/// Whether it is an error that is not called one.
pub(super) fn is_bare_error(data: &[u8]) -> bool {
    speaks_of_error(data) && openai::Answer::read(data).is_bare_error
}

/// An error as other endpoints than Responses tell it: as a member of an object.
pub(super) fn error_object(error: &[u8]) -> Vec<u8> {
    [b"{\"error\":", error, b"}"].concat()
}
