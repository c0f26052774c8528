use proptest::prelude::*;

use super::*;

fn decoded(framing: Framing, pieces: &[&[u8]]) -> io::Result<(Vec<u8>, Vec<u8>, bool)> {
    let (mut decoder, mut out, mut beyond) = (Decoder::new(framing), BytesMut::new(), Vec::new());
    for piece in pieces {
        let read = decoder.decode(piece, &mut out)?;
        beyond.extend_from_slice(&piece[read..]);
    }
    Ok((out.to_vec(), beyond, decoder.is_done()))
}

#[test]
fn a_body_ends_where_its_framing_says() {
    let whole = |framing, bytes: &str| {
        let (body, beyond, done) = decoded(framing, &[bytes.as_bytes()]).unwrap();
        (
            String::from_utf8(body).unwrap(),
            String::from_utf8(beyond).unwrap(),
            done,
        )
    };
    let is = |body: &str, beyond: &str, done| (body.to_owned(), beyond.to_owned(), done);
    assert_eq!(whole(Framing::Length(2), "abc"), is("ab", "c", true));
    assert_eq!(whole(Framing::Length(0), "c"), is("", "c", true));
    assert_eq!(whole(Framing::Length(4), "abc"), is("abc", "", false));
    assert_eq!(whole(Framing::Close, "abc"), is("abc", "", false));
    assert_eq!(whole(Framing::Chunked, "0\r\n\r\nGET"), is("", "GET", true));
    assert_eq!(
        whole(Framing::Chunked, "3;x=\"y\"\r\nabc\r\n01 \r\nd\r\n0\r\nx-t: 1\r\n\r\nG"),
        is("abcd", "G", true)
    );
    assert_eq!(
        whole(Framing::Chunked, "A\r\n0123456789\r\n0\r\n"),
        is("0123456789", "", false)
    );
}

#[test]
fn framing_that_two_readers_could_read_in_two_ways_is_refused() {
    for bytes in [
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\na",
        ";\r\n",
        "1\na",
        "1;\na",
        "1 1\r\na",
        " 1\r\na",
        "1;x\ry\r\na",
        "1;\0\r\na",
        "1\r\nab\r\n",
        "1\r\na\n",
        "0\r\n\n",
        "0\r\nx: y\n",
        "0\r\nx: y\rz\r\n\r\n",
        "0\r\nx: \0\r\n\r\n",
        "11111111111111111\r\n",
    ] {
        assert!(
            decoded(Framing::Chunked, &[bytes.as_bytes()]).is_err(),
            "{}",
            bytes.escape_debug()
        );
    }
    let long = format!("1;{}", "x".repeat(ASIDE + 1));
    assert!(decoded(Framing::Chunked, &[long.as_bytes()]).is_err());
}

#[test]
fn blanks_behind_a_size_are_read_in_answers_alone() {
    for (bytes, strictly) in [
        ("1 \r\na", false),
        ("1\t \r\na", false),
        ("1 ;x\r\na", true),
        ("1; x\r\na", true),
    ] {
        let mut decoders = [Decoder::new(Framing::Chunked), Decoder::strict(Framing::Chunked)];
        let read = decoders
            .each_mut()
            .map(|decoder| decoder.decode(bytes.as_bytes(), &mut BytesMut::new()).is_ok());
        assert_eq!(read, [true, strictly], "{}", bytes.escape_debug());
    }
}

#[test]
fn a_trailer_of_a_request_is_a_field() {
    for (trailer, strictly) in [
        ("x-sum: 1", true),
        ("x!#$%&'*+-.^_`|~:", true),
        ("word", false),
        (": 1", false),
        ("x y: 1", false),
        (" x: 1", false),
        ("x\u{e9}: 1", false),
        ("GET / HTTP/1.1", false),
    ] {
        let bytes = format!("0\r\n{trailer}\r\n\r\n");
        let mut decoders = [Decoder::new(Framing::Chunked), Decoder::strict(Framing::Chunked)];
        let read = decoders
            .each_mut()
            .map(|decoder| decoder.decode(bytes.as_bytes(), &mut BytesMut::new()).is_ok());
        assert_eq!(read, [true, strictly], "{trailer}");
    }
}

#[test]
fn a_connection_that_ends_within_a_body_is_an_error() {
    let mut out = BytesMut::new();
    for (framing, bytes, whole) in [
        (Framing::Length(3), "ab", false),
        (Framing::Length(2), "ab", true),
        (Framing::Chunked, "2\r\nab\r\n", false),
        (Framing::Chunked, "2\r\nab\r\n0\r\n\r\n", true),
        (Framing::Close, "ab", true),
    ] {
        let mut decoder = Decoder::new(framing);
        decoder.decode(bytes.as_bytes(), &mut out).unwrap();
        assert_eq!(decoder.end().is_ok(), whole, "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn how_a_body_arrives_never_shows(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..8),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8),
    ) {
        let mut coded = BytesMut::new();
        for chunk in &chunks {
            begin_chunk(&mut coded, chunk.len());
            coded.extend_from_slice(chunk);
            coded.extend_from_slice(b"\r\n");
        }
        coded.extend_from_slice(LAST_CHUNK);
        coded.extend_from_slice(b"next");
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(coded.len())).collect();
        cuts.extend([0, coded.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &coded[cut[0]..cut[1]]).collect();
        let (body, beyond, done) = decoded(Framing::Chunked, &pieces).unwrap();
        prop_assert_eq!(body, chunks.concat());
        prop_assert_eq!(beyond, b"next");
        prop_assert!(done);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decoded(Framing::Chunked, &[&bytes]);
    }
}
