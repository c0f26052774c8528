//! Each dialect as an upstream's, each as a client's: what a reader makes of a recorded stream is written by a writer, and judged.

mod alike;
mod answers;
mod asked;
mod comes_back;
mod cuts;
mod expected;
mod generated;
mod lossy;
mod pair;
mod prefix;
mod requests;
mod strangers;
mod streams;

use super::*;

#[test]
fn a_dialect_is_found_by_its_name() {
    for format in FORMATS {
        assert!(by_name(format.name).is_some_and(|found| std::ptr::eq(found, format)));
    }
    assert!(by_name("html").is_none());
}
