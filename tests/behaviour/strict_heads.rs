//! Requests that HTTP does not allow, or that two readers could read in two ways: refused by the binary, and nothing behind them
//! is answered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::connections::exchange;
use crate::http2::{self, Client, PREFACE};
use crate::support::{Gateway, Runtime, TOKEN};

const BEHIND: &str = "GET /health HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n";

fn assert_refused(gateway: &Gateway, request: &str) {
    let answers = exchange(gateway, &[request, BEHIND].concat());
    let shown = request.escape_debug();
    assert!(answers.starts_with("HTTP/1.1 400 "), "{shown}: {answers}");
    assert!(answers.contains("\"malformed_request\""), "{shown}: {answers}");
    assert!(answers.contains("connection: close\r\n"), "{shown}: {answers}");
    assert_eq!(answers.matches("HTTP/1.1").count(), 1, "{shown}: {answers}");
}

#[test]
fn a_request_that_does_not_say_in_one_way_whom_it_is_for_is_refused() {
    let gateway = Gateway::echo(Runtime::Native);
    for hosts in [
        "",
        "host:\r\n",
        "host:  \r\n",
        "host: a b\r\n",
        "host: a/b\r\n",
        "host: http://a\r\n",
        "host: user@a\r\n",
        "host: a:x\r\n",
        "host: a:70000\r\n",
        "host: [::1\r\n",
        "host: a\r\nhost: a\r\n",
        "host: a\r\nHost: b\r\n",
    ] {
        for target in ["/health", "http://a/health"] {
            assert_refused(&gateway, &format!("GET {target} HTTP/1.1\r\n{hosts}\r\n"));
        }
    }
    assert_refused(&gateway, "GET /health HTTP/1.0\r\nhost: a b\r\n\r\n");
    assert_refused(&gateway, "GET http://user@a/health HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_refused(&gateway, "GET a/health HTTP/1.1\r\nhost: a\r\n\r\n");
    for served in [
        "GET /health HTTP/1.0\r\n\r\n",
        "GET http://a/health HTTP/1.0\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: [::1]:8000\r\nconnection: close\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: my_host.example.:\r\nconnection: close\r\n\r\n",
        "GET http://a/health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        // The target is what counts.
        "GET http://a/health HTTP/1.1\r\nhost: b\r\nconnection: close\r\n\r\n",
    ] {
        let answer = exchange(&gateway, served);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{served}: {answer}");
    }
}

#[test]
fn a_line_that_does_not_end_as_lines_do_is_refused() {
    let gateway = Gateway::echo(Runtime::Native);
    for head in [
        "GET /health HTTP/1.1\nhost: g\n\n",
        "GET /health HTTP/1.1\r\nhost: g\n\r\n",
        "GET /health HTTP/1.1\nhost: g\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: g\r\n\n",
        "\nGET /health HTTP/1.1\r\nhost: g\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: g\r\nx: a\nb: c\r\n\r\n",
        "GET /health HTTP/1.1\rhost: g\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: g\r\nx: a\rb: c\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost: g\r\r\n\r\n",
        "\rGET /health HTTP/1.1\r\nhost: g\r\n\r\n",
        // A line that goes on in the next one.
        "GET /health HTTP/1.1\r\nhost: g\r\nx: a\r\n b\r\n\r\n",
        "GET /health HTTP/1.1\r\n host: g\r\n\r\n",
        "GET /health HTTP/1.1\r\nhost : g\r\n\r\n",
    ] {
        assert_refused(&gateway, head);
    }
    // One empty line in front is what some clients send behind a body.
    let fine = exchange(&gateway, &["\r\n", BEHIND].concat());
    assert!(fine.starts_with("HTTP/1.1 200 "), "{fine}");
}

#[test]
fn a_chunk_that_two_readers_could_read_in_two_ways_is_refused() {
    let gateway = Gateway::echo(Runtime::Native);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: {TOKEN}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let body = json!({"model": "echo", "messages": [{"role": "user", "content": "hello"}]}).to_string();
    let sizes = |before: &str, after: &str| format!("{head}{before}{:x}{after}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (before, after) in [
        (" ", ""),
        ("\t", ""),
        ("+", ""),
        ("-", ""),
        ("0x", ""),
        ("", " "),
        ("", " 5"),
        ("", "\r"),
        ("", ";a\rb"),
        ("", ";a\nb"),
        ("", ";a=\0"),
        ("", "g"),
        ("00000000000000000", ""),
    ] {
        assert_refused(&gateway, &sizes(before, after));
    }
    for line in ["0\n\r\n", "0\r\n\n", "0\r\nx: y\n\r\n", "0\r\nx: y\rz\r\n\r\n"] {
        let chunk = format!("{head}{:x}\r\n{body}\r\n{line}", body.len());
        assert_refused(&gateway, &chunk);
    }
    for after in [";a", ";a=b;c=\"d\"", " ; a = b"] {
        let answers = exchange(&gateway, &[&*sizes("", after), BEHIND].concat());
        assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 2, "{after}: {answers}");
    }
}

/// The status line of the first answer over HTTP/2 to a request with these header fields (RFC 7541).
fn first_status(gateway: &Gateway, fields: &[u8]) -> u8 {
    let mut stream = TcpStream::connect(&gateway.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // A frame of header fields that ends the request (RFC 9113 section 6.2).
    let frame = [&[0, 0, u8::try_from(fields.len()).unwrap(), 1, 5, 0, 0, 0, 1], fields].concat();
    stream.write_all(&[PREFACE, &frame].concat()).unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let mut payload = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
        stream.read_exact(&mut payload).unwrap();
        if head[3] == 1 {
            return payload[0];
        }
    }
}

#[test]
fn a_request_over_http_2_that_does_not_say_in_one_way_whom_it_is_for_is_refused() {
    // Of the static table: 200 and 400 as a status; GET of / over http.
    const FINE: u8 = 0x88;
    const BAD: u8 = 0x8C;
    const GET: &[u8] = b"\x82\x84\x86";
    let gateway = Gateway::echo(Runtime::Native);
    // Their places in that table, to be followed by a value; that of `host` takes two bytes.
    let field = |place: &[u8], value: &str| [place, &[u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
    let authority = |value: &str| field(&[0x41], value);
    let host = |value: &str| field(&[0x0F, 38 - 15], value);
    for (fields, status) in [
        (vec![], BAD),
        (authority("a"), FINE),
        (host("a"), FINE),
        ([authority("a"), host("a")].concat(), FINE),
        ([authority("a"), host("A")].concat(), FINE),
        ([authority("a"), host("b")].concat(), BAD),
        ([authority("a"), host("")].concat(), BAD),
        ([host("a"), host("a")].concat(), BAD),
        (host("a b"), BAD),
        (host(""), BAD),
    ] {
        let got = first_status(&gateway, &[GET, &fields].concat());
        assert_eq!(got, status, "{}", fields.escape_ascii());
    }
}

#[test]
fn what_is_refused_over_http_2_says_why() {
    let gateway = Gateway::echo(Runtime::Native);
    let mut client = Client::of(&gateway);
    let mut request = http2::chat("{}");
    request.headers_mut().insert("host", "other".parse().unwrap());
    let answer = client.ask(request).unwrap();
    assert_eq!(client.error(answer), (400, "malformed_request".into()));
}
