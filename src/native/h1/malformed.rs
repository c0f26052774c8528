//! The error of bytes that are not HTTP. It travels within an [`io::Error`], as everything that can go wrong with a
//! connection, and a caller can find it there: a connection that broke is another matter.

use std::fmt;
use std::io;

/// Bytes that are not HTTP, or that two readers could read in two ways. Found within an [`io::Error`].
#[derive(Debug)]
pub(crate) struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

/// Returns the error of bytes that are not HTTP, for this reason.
pub(crate) fn malformed(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Malformed(why))
}
