//! What is common to requests and answers as they were read.

use bytes::BytesMut;
use http::header;

use super::super::body::Framing;
use super::second;

/// What became of the bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    InHead,
    InBody,
    /// Nothing more is read, since the connection is not kept.
    Closed,
    /// The rest speaks HTTP/2.
    Http2,
    Refused,
}

/// A message as it was read.
#[derive(Debug)]
pub(super) struct Message<P> {
    pub(super) head: P,
    pub(super) framing: Framing,
    pub(super) keep: bool,
    pub(super) body: BytesMut,
    pub(super) is_whole: bool,
}

/// Every field is there, in its order, except those `without` which a message is read. Of a length that stands more than once
/// one remains.
pub(super) fn compare_fields(headers: &header::HeaderMap, head: &second::Head<'_>, without: &[&str]) {
    let mut count: usize = without.iter().map(|name| head.all(name).len()).sum();
    for name in headers.keys() {
        let read: Vec<&[u8]> = headers
            .get_all(name)
            .iter()
            .map(header::HeaderValue::as_bytes)
            .collect();
        let mut second = head.all(name.as_str());
        count += second.len();
        if name == header::CONTENT_LENGTH {
            second.truncate(1);
        }
        assert_eq!(read, second, "{name}");
    }
    assert_eq!(
        count,
        head.fields.len(),
        "a field is lost, or one is kept that is not read"
    );
}
