//! Marks on opaque texts: signatures of reasoning, and reasoning that only its upstream can read.
//!
//! A client keeps such a text and sends it back with the next request, which may go to another upstream. That one refuses what is not its
//! own. So a reader that puts a text of its dialect into the vocabulary, where another dialect may carry it, marks it with the dialect's
//! name; the same dialect's writer of requests takes the mark off again, and the other ones leave out what has a mark.

/// What every marked text begins with.
const MARK: &str = "ai-gateway:";

/// The signature of reasoning that has none, for clients that keep no reasoning without one. Its mark is nobody's, so every writer of
/// requests leaves it out.
pub const UNSIGNED: &str = "ai-gateway:unsigned:";

/// Returns `text` with the mark of `owner`, which is a word without a colon.
#[must_use]
pub fn mark(owner: &str, text: &str) -> String {
    format!("{MARK}{owner}:{text}")
}

/// Returns what [`mark`] marked for `owner`.
#[must_use]
pub fn unmark<'a>(owner: &str, marked: &'a str) -> Option<&'a str> {
    marked.strip_prefix(MARK)?.strip_prefix(owner)?.strip_prefix(':')
}

/// Whether a text has a mark, whosever it is. An upstream must not get such a text.
#[must_use]
pub fn is_marked(text: &str) -> bool {
    text.starts_with(MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_takes_its_mark_off() {
        let marked = mark("responses", "rs_1:x=");
        assert!(is_marked(&marked) && !is_marked("x="));
        assert_eq!(unmark("responses", &marked), Some("rs_1:x="));
        assert_eq!(unmark("response", &marked), None);
        assert_eq!(unmark("responses", "x="), None);
        assert!(is_marked(UNSIGNED));
    }
}
