use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Option<RequestHead>, Unreadable> {
    read_request(&mut Search::new(), &mut BytesMut::from(text))
}

fn head(fields: &str) -> Result<RequestHead, Unreadable> {
    read(&format!("POST /v1/x?y=1 HTTP/1.1\r\nhost: h\r\n{fields}\r\n")).map(Option::unwrap)
}

#[test]
fn a_request_says_where_it_ends_in_one_way_or_is_refused() {
    let framing = |fields| head(fields).map(|head| head.framing);
    assert_eq!(framing(""), Ok(Framing::Length(0)));
    assert_eq!(framing("content-length: 7\r\n"), Ok(Framing::Length(7)));
    assert_eq!(
        framing("content-length: 7\r\ncontent-length: 7\r\n"),
        Ok(Framing::Length(7))
    );
    assert_eq!(framing("content-length: 7, 7\r\n"), Ok(Framing::Length(7)));
    assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
    for malformed in [
        "content-length: 7, 8\r\n",
        "content-length: 7\r\ncontent-length: 8\r\n",
        "content-length: +7\r\n",
        "content-length: -7\r\n",
        "content-length: 0x7\r\n",
        "content-length:\r\n",
        "content-length: 7 7\r\n",
        "content-length: 99999999999999999999\r\n",
        "content-length : 7\r\n",
        " content-length: 7\r\n",
        "a: b\r\n content-length: 7\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: \x0bchunked\r\n",
        "transfer-encoding:\r\n",
        "a\0: b\r\n",
        "a: b\0\r\n",
        "a: b\rc: d\r\n",
        "a: b\r\r\n",
        "a: b\n",
        "a: b\nc: d\r\n",
        "a: b\r\n\n",
        "\n",
    ] {
        assert_eq!(
            framing(malformed),
            Err(Unreadable::Malformed),
            "{}",
            malformed.escape_debug()
        );
    }
    for two in [
        "content-length: 7\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: identity\r\ncontent-length: 7\r\n",
    ] {
        assert_eq!(framing(two), Err(Unreadable::TwoLengths));
    }
    let old = read("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n");
    assert_eq!(old.unwrap_err(), Unreadable::Malformed);
}

#[test]
fn a_request_says_in_one_way_whom_it_is_for_or_is_refused() {
    let read = |line: &str, hosts: &str| {
        let head = read(&format!("{line}\r\n{hosts}accept: x\r\n\r\n"));
        head.map(|head| head.unwrap().parts.uri.path().to_owned())
    };
    let one = "host: h:80\r\n";
    for (line, hosts, path) in [
        ("GET /v1 HTTP/1.1", one, "/v1"),
        ("GET /v1 HTTP/1.0", one, "/v1"),
        ("GET /v1 HTTP/1.0", "", "/v1"),
        ("GET http://h/v1 HTTP/1.1", one, "/v1"),
        ("GET HTTPS://[::1]:1/v1 HTTP/1.1", one, "/v1"),
        // The target counts (RFC 9112 section 3.2.2).
        ("GET http://other/v1 HTTP/1.1", one, "/v1"),
        ("GET http://h HTTP/1.1", one, "/"),
        ("OPTIONS * HTTP/1.1", one, "*"),
        ("CONNECT h:80 HTTP/1.1", one, ""),
    ] {
        assert_eq!(read(line, hosts), Ok(path.to_owned()), "{line}");
    }
    for hosts in [
        "",
        "host:\r\n",
        "host: \r\n",
        "host: a b\r\n",
        "host: http://a\r\n",
        "host: a\r\nhost: a\r\n",
        "host: a\r\nHost: b\r\n",
        "host: user@a\r\n",
    ] {
        assert_eq!(read("GET /v1 HTTP/1.1", hosts), Err(Unreadable::NoHost), "{hosts}");
        assert_eq!(
            read("GET http://h/v1 HTTP/1.1", hosts),
            Err(Unreadable::NoHost),
            "{hosts}"
        );
        if !hosts.is_empty() {
            assert_eq!(read("GET /v1 HTTP/1.0", hosts), Err(Unreadable::NoHost), "{hosts}");
        }
    }
    for line in [
        "GET v1 HTTP/1.1",
        "GET h:80 HTTP/1.1",
        "GET * HTTP/1.1",
        "OPTIONS *x HTTP/1.1",
        "GET http:///v1 HTTP/1.1",
        "GET http://user@h/v1 HTTP/1.1",
        "GET http://h:x/v1 HTTP/1.1",
        "GET ftp://h/v1 HTTP/1.1",
        "GET /v1#/v2 HTTP/1.1",
        "GET http://h/v1#x HTTP/1.1",
        "CONNECT /v1 HTTP/1.1",
        "GET /v1 HTTP/1.2",
        "GET  /v1 HTTP/1.1",
        "GET /v1\tHTTP/1.1",
        "GET /v1 HTTP/1.1 ",
    ] {
        assert_eq!(read(line, one), Err(Unreadable::Malformed), "{line}");
    }
}

#[test]
fn an_upstream_may_end_its_lines_with_line_feeds_alone() {
    let text = "HTTP/1.1 200 OK\ncontent-length: 1\n\n";
    let head = read_answer(&mut Search::new(), &mut BytesMut::from(text))
        .unwrap()
        .unwrap();
    assert_eq!(head.framing, Framing::Length(1));
}

#[test]
fn a_connection_is_kept_as_its_version_has_it() {
    let keeps = |text: &str| read(text).unwrap().unwrap().keep;
    assert!(keeps("GET / HTTP/1.1\r\nhost: h\r\n\r\n"));
    assert!(!keeps("GET / HTTP/1.1\r\nhost: h\r\nconnection: x, Close\r\n\r\n"));
    assert!(!keeps(
        "GET / HTTP/1.1\r\nhost: h\r\nconnection: ,, x\r\nconnection: close ,\r\n\r\n"
    ));
    assert!(keeps("GET / HTTP/1.1\r\nhost: h\r\nconnection: closed\r\n\r\n"));
    assert!(!keeps("GET / HTTP/1.0\r\n\r\n"));
    assert!(keeps("GET / HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n"));
    // Whoever says both closes it.
    assert!(!keeps("GET / HTTP/1.0\r\nconnection: keep-alive, close\r\n\r\n"));
    let answers = |fields: &str| {
        let text = format!("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n{fields}\r\n");
        read_answer(&mut Search::new(), &mut BytesMut::from(&*text))
            .unwrap()
            .unwrap()
            .keep
    };
    assert!(answers("connection: keep-alive\r\n"));
    assert!(!answers("connection: keep-alive\r\nconnection: close\r\n"));
}

#[test]
fn blanks_around_a_value_are_no_part_of_it() {
    let head = head("a:b\r\nc: \t d\te \t\r\nf:\r\ng: \t \r\n").unwrap();
    let value = |name: &str| head.parts.headers[name].as_bytes();
    assert_eq!((value("a"), value("c")), (&b"b"[..], &b"d\te"[..]));
    assert!(value("f").is_empty() && value("g").is_empty());
}

#[test]
fn a_request_of_http_1_0_gets_no_leave_to_send_its_body() {
    let expects = |version: &str, expectation: &str| {
        let text = format!("POST / HTTP/{version}\r\nhost: h\r\nexpect: {expectation}\r\ncontent-length: 1\r\n\r\n");
        read(&text).unwrap().unwrap().expects
    };
    assert!(expects("1.1", "100-continue") && expects("1.1", "100-Continue"));
    assert!(!expects("1.0", "100-continue") && !expects("1.1", "something-else"));
}

#[test]
fn another_protocol_is_asked_for_under_http_1_1_and_without_a_body() {
    let asks = |version: &str, fields: &str| {
        let text = format!("GET / HTTP/{version}\r\nhost: h\r\nupgrade: websocket\r\n{fields}\r\n");
        read(&text).unwrap().unwrap().parts.headers.contains_key("upgrade")
    };
    assert!(asks("1.1", "") && asks("1.1", "content-length: 0\r\n"));
    assert!(!asks("1.0", ""));
    assert!(!asks("1.1", "content-length: 1\r\n") && !asks("1.1", "transfer-encoding: chunked\r\n"));
}

#[test]
fn what_can_be_no_head_is_not_waited_for() {
    assert_eq!(read("\x16\x03\x01").unwrap_err(), Unreadable::Malformed);
    assert_eq!(read("nonsense\r\n").unwrap_err(), Unreadable::Malformed);
    assert_eq!(read("GET / HTTP/1.1\n").unwrap_err(), Unreadable::Malformed);
    assert_eq!(read("GET / HTTP/1.1\r\na: b\n").unwrap_err(), Unreadable::Malformed);
    assert_eq!(read("\n").unwrap_err(), Unreadable::Malformed);
    assert!(read("GET / HTTP/1.1\r\na: b\r\n").unwrap().is_none());
    assert!(read("").unwrap().is_none());
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
    assert_eq!(read(&many).unwrap_err(), Unreadable::TooLarge);
    let long = format!("GET / HTTP/1.1\r\na: {}", "b".repeat(HEAD_BUFFER));
    assert_eq!(read(&long).unwrap_err(), Unreadable::TooLarge);
}

#[test]
fn an_answer_says_where_it_ends() {
    let read = |fields: &str| {
        let text = format!("HTTP/1.1 200 Fine\r\n{fields}\r\n");
        read_answer(&mut Search::new(), &mut BytesMut::from(&*text)).map(|head| {
            let head = head.unwrap();
            (head.framing, head.keep, head.parts.headers.len())
        })
    };
    assert_eq!(read("content-length: 7\r\n"), Ok((Framing::Length(7), true, 1)));
    assert_eq!(read("transfer-encoding: chunked\r\n"), Ok((Framing::Chunked, true, 1)));
    assert_eq!(
        read("connection: close\r\ncontent-length: 7\r\n"),
        Ok((Framing::Length(7), false, 2))
    );
    assert_eq!(read(""), Ok((Framing::Close, false, 0)));
    // Only one of them may be believed, and never again on this connection (RFC 9112 section 6.3).
    assert_eq!(
        read("content-length: 7\r\ntransfer-encoding: chunked\r\n"),
        Ok((Framing::Chunked, false, 1))
    );
    for malformed in [
        "content-length: x\r\n",
        "content-length: 7, 7\r\n",
        "content-length: 7, 8\r\n",
        "content-length: 7\r\ncontent-length: 7\r\n",
        "content-length: 7\r\ncontent-length: 8\r\n",
        "content-length: 7\r\ntransfer-encoding: gzip\r\n",
        "transfer-encoding: gzip\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding:\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked, gzip\r\n",
        "transfer-encoding: chunked;q=1\r\n",
    ] {
        assert_eq!(
            read(malformed),
            Err(Unreadable::Malformed),
            "{}",
            malformed.escape_debug()
        );
    }
    let old = BytesMut::from("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    assert_eq!(
        read_answer(&mut Search::new(), &mut { old }).unwrap_err(),
        Unreadable::Malformed
    );
}

#[test]
fn an_upstream_may_say_how_long_it_keeps_a_connection() {
    let read = |fields: &str| {
        let text = format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{fields}\r\n");
        let head = read_answer(&mut Search::new(), &mut BytesMut::from(&*text))
            .unwrap()
            .unwrap();
        head.patience.map(|patience| patience.as_secs())
    };
    assert_eq!(read("keep-alive: timeout=5, max=100\r\n"), Some(5));
    assert_eq!(read("Keep-Alive: max=100, Timeout = \"7\"\r\n"), Some(7));
    assert_eq!(read("keep-alive: timeout=0\r\n"), Some(0));
    for nothing in [
        "",
        "keep-alive: 300\r\n",
        "keep-alive: timeout=\r\n",
        "keep-alive: timeout=-1\r\n",
    ] {
        assert_eq!(read(nothing), None, "{nothing}");
    }
}

proptest! {
    #[test]
    fn how_a_head_arrives_never_shows(cut in 0_usize..60) {
        let text = "\r\nPOST /v1 HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody";
        let cut = cut.min(text.len() - 4);
        let (mut search, mut buffer) = (Search::new(), BytesMut::new());
        let mut found = None;
        for piece in [&text[..cut], &text[cut..]] {
            buffer.extend_from_slice(piece.as_bytes());
            if found.is_none() {
                found = read_request(&mut search, &mut buffer).unwrap();
            }
        }
        prop_assert_eq!(found.unwrap().framing, Framing::Length(4));
        prop_assert_eq!(&buffer[..], b"body");
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let bytes = BytesMut::from(&bytes[..]);
        let _ = read_request(&mut Search::new(), &mut bytes.clone());
        let _ = read_answer(&mut Search::new(), &mut { bytes });
    }
}
