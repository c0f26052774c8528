//! Bodies in chunks.

use bytes::BytesMut;

use super::super::body::{Decoder, Framing, LAST_CHUNK, begin_chunk};
use super::second::{self, Rules};

/// What a decoder makes of pieces: the body, where it ends, and whether it is well-formed so far.
fn decoded(mut decoder: Decoder, pieces: &[&[u8]]) -> (BytesMut, Option<usize>, bool) {
    let (mut body, mut at) = (BytesMut::new(), 0);
    for piece in pieces {
        let Ok(read) = decoder.decode(piece, &mut body) else {
            return (body, None, false);
        };
        at += read;
        if decoder.is_done() {
            return (body, Some(at), true);
        }
        assert_eq!(read, piece.len(), "bytes of a body were left over");
    }
    assert!(decoder.end().is_err(), "a body in chunks ended without its last one");
    (body, None, true)
}

/// Checks what is read of a body in chunks.
pub(crate) fn chunks(pieces: &[&[u8]]) {
    let bytes = pieces.concat();
    let [strict, lenient] = [Rules::Strict, Rules::Lenient].map(|rules| {
        let make = || match rules {
            Rules::Strict => Decoder::strict(Framing::Chunked),
            Rules::Lenient => Decoder::new(Framing::Chunked),
        };
        let whole = decoded(make(), &[&bytes]);
        assert_eq!(decoded(make(), pieces), whole, "how the bytes came shows");
        assert!(whole.0.len() <= bytes.len());
        match second::chunked(&bytes, 0, rules) {
            Ok(body) if whole.2 => assert_eq!((&*whole.0, whole.1), (&*body.bytes, body.end)),
            Ok(_) => {}
            Err(why) => assert!(!whole.2, "{why}"),
        }
        whole
    });
    if strict.2 {
        assert_eq!(
            strict, lenient,
            "what the strict reader takes is read otherwise by the other one"
        );
    }
    let mut again = BytesMut::new();
    for piece in lenient.0.chunks(pieces.len().max(1)) {
        begin_chunk(&mut again, piece.len());
        again.extend_from_slice(piece);
        again.extend_from_slice(b"\r\n");
    }
    again.extend_from_slice(LAST_CHUNK);
    let end = again.len();
    assert_eq!(
        decoded(Decoder::strict(Framing::Chunked), &[&again]),
        (lenient.0, Some(end), true)
    );
}
