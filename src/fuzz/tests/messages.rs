//! Requests, answers and bodies in chunks, with the mistakes that attackers and old servers make.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// What mistakes are made of.
const WORDS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    ":",
    ",",
    ";",
    "\0",
    "\u{b}",
    "é",
    "0",
    "5",
    "-1",
    "+5",
    "0x5",
    "ffffffffffffffff",
    "99999999999999999999",
    "chunked",
    "identity",
    "gzip, chunked",
    "close",
    "keep-alive",
    "HTTP/1.0",
    "HTTP/2.0",
    "\r\n\r\n",
    "\r\n ",
    "content-length: 3\r\n",
    "transfer-encoding: chunked\r\n",
    "Transfer-Encoding : chunked\r\n",
    "host: a\r\n",
    "connection: close\r\n",
    "GET / HTTP/1.1\r\nhost: h\r\n\r\n",
    "0\r\n\r\n",
    "3\r\nabc\r\n",
    "#",
    "//",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\n",
];

/// Bytes of a body.
fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => "[a-z\r\n0:]{0,40}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..60),
        1 => Just(b"GET /hidden HTTP/1.1\r\nhost: h\r\n\r\n".to_vec()),
    ]
}

/// Returns bytes in chunks.
fn in_chunks() -> impl Strategy<Value = Vec<u8>> {
    let size = select(vec![false, true]);
    let extension = select(vec!["", "", "", ";a", ";a=b", " ; a=\"b\"", " ", "\t"]);
    let trailer = select(vec!["", "", "x-sum: 1\r\n", "content-length: 9\r\nb: c\r\n"]);
    (vec((content(), size, extension), 0..4), trailer).prop_map(|(pieces, trailer)| {
        let mut bytes = Vec::new();
        for (piece, capital, extension) in pieces.iter().filter(|(piece, ..)| !piece.is_empty()) {
            let size = if *capital {
                format!("{:03X}", piece.len())
            } else {
                format!("{:x}", piece.len())
            };
            bytes.extend_from_slice(format!("{size}{extension}\r\n").as_bytes());
            bytes.extend_from_slice(piece);
            bytes.extend_from_slice(b"\r\n");
        }
        [&*bytes, b"0\r\n", trailer.as_bytes(), b"\r\n"].concat()
    })
}

/// Fields that say how long a body is, and the body.
fn framed() -> impl Strategy<Value = (String, Vec<u8>)> {
    prop_oneof![
        3 => Just((String::new(), Vec::new())),
        4 => (content(), select(vec!["Content-Length", "content-length", "CONTENT-LENGTH"])).prop_map(|(body, name)| {
            (format!("{name}: {}\r\n", body.len()), body)
        }),
        1 => content().prop_map(|body| {
            let length = body.len();
            (format!("content-length: {length}\r\nx: y\r\ncontent-length: {length}, 0{length}\r\n"), body)
        }),
        4 => in_chunks().prop_map(|body| ("Transfer-Encoding: chunked\r\n".to_owned(), body)),
        1 => in_chunks().prop_map(|body| ("content-length: 5\r\ntransfer-encoding: Chunked\r\n".to_owned(), body)),
    ]
}

/// Fields that say nothing of a length.
fn fields() -> impl Strategy<Value = String> {
    let field = select(vec![
        "accept: */*\r\n",
        "X-One:1\r\n",
        "x-empty:\r\n",
        "x-blank: \t \r\n",
        "x-list: a,\tb\r\n",
        "x-utf: é\r\n",
        "connection: close\r\n",
        "Connection: Keep-Alive, close\r\n",
        "connection: keep-alive\r\n",
        "expect: 100-continue\r\n",
        "keep-alive: timeout=5\r\n",
        "upgrade: websocket\r\n",
        "te: trailers\r\n",
    ]);
    vec(field, 0..4).prop_map(|fields| fields.concat())
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let lines = select(vec![
        "GET /v1/models HTTP/1.1",
        "POST /v1/chat?x=1 HTTP/1.1",
        "PUT /a%20b HTTP/1.1",
        "HEAD / HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET http://h:80/v1 HTTP/1.1",
        "CONNECT h:80 HTTP/1.1",
        "POST / HTTP/1.0",
        "M!#$%&'*+-.^_`|~ / HTTP/1.1",
    ]);
    let hosts = prop_oneof![8 => Just("Host: h\r\n"), 1 => Just(""), 1 => Just("host: h\r\nhost: h\r\n"), 1 => Just("host: [::1]:80\r\n")];
    let before = prop_oneof![6 => Just(""), 1 => Just("\r\n"), 1 => Just("\r\n\r\n")];
    (before, lines, hosts, fields(), framed()).prop_map(|(before, line, host, fields, (length, body))| {
        let head = format!("{before}{line}\r\n{host}{fields}{length}\r\n");
        [head.as_bytes(), &body].concat()
    })
}

fn answer() -> impl Strategy<Value = Vec<u8>> {
    let interim = prop_oneof![
        6 => Just(""),
        1 => Just("HTTP/1.1 100 Continue\r\n\r\n"),
        1 => Just("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 \r\n\r\n"),
    ];
    let lines = select(vec![
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 ",
        "HTTP/1.1 200",
        "HTTP/1.0 200 OK",
        "HTTP/1.1 204 No Content",
        "HTTP/1.1 304 Not Modified",
        "HTTP/1.1 404 Ni\u{f1}o",
        "HTTP/1.1 999 Odd",
        "HTTP/1.1 101 Switching Protocols",
    ]);
    let (bare, beyond) = (
        select(vec![false, false, true]),
        select(vec!["", "", "", "HTTP/1.1 200 OK\r\n\r\n"]),
    );
    (interim, lines, fields(), framed(), bare, beyond).prop_map(
        |(interim, line, fields, (length, body), bare, beyond)| {
            let head = format!("{interim}{line}\r\n{fields}{length}\r\n");
            let head = if bare { head.replace("\r\n", "\n") } else { head };
            [head.as_bytes(), &body, beyond.as_bytes()].concat()
        },
    )
}

proptest! {
    #![proptest_config(cases(4000))]

    #[test]
    fn requests_hold(sent in with_mistakes(vec(request(), 1..4).prop_map(|sent| sent.concat()), WORDS), cuts in cuts()) {
        run(requests, &input(&cuts, &sent))?;
    }

    #[test]
    fn answers_hold(sent in with_mistakes(answer(), WORDS), cuts in cuts(), head in select(vec!["", "", "", "HEAD "])) {
        run(answers, &input(&format!("{head}{cuts}"), &sent))?;
    }

    #[test]
    fn chunks_hold(sent in with_mistakes(in_chunks(), WORDS), cuts in cuts()) {
        run(chunks, &input(&cuts, &sent))?;
    }
}
