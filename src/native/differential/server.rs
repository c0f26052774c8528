//! Requests: what our server reads of a client's bytes, and what hyper's does.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode, request};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;

use super::cases::{Case, Row, sections};
use super::outcome::{Differences, Outcome, is_refusal};
use crate::native::h1::fuzz::read_requests;

/// What shows whether a connection serves another request.
const PROBE: &[u8] = b"GET /probe HTTP/1.1\r\nhost: h\r\n\r\n";

/// All that is tried.
fn cases() -> Vec<Case> {
    let sections = sections(include_str!("../../../tests/http1/requests.txt"));
    let rows = |section: &str| &sections[section];
    let (lines, others, hosts) = (rows("line"), rows("other-line"), rows("host"));
    let (fields, framings) = (rows("fields"), rows("framing"));
    let usual = ["post", "host", "nothing", "length"];
    let make = |line: &Row, host: &Row, field: &Row, framing: &Row| Case::of(&[line, host, field, framing], &usual);
    let mut cases: Vec<Case> = rows("whole").iter().map(Case::whole).collect();
    for line in lines {
        cases.extend(
            framings
                .iter()
                .map(|framing| make(line, &hosts[0], &fields[0], framing)),
        );
        cases.extend(
            hosts
                .iter()
                .skip(1)
                .map(|host| make(line, host, &fields[0], &framings[0])),
        );
        cases.extend(
            fields
                .iter()
                .skip(1)
                .map(|field| make(line, &hosts[0], field, &framings[0])),
        );
    }
    for line in others {
        cases.extend(
            framings
                .iter()
                .take(3)
                .map(|framing| make(line, &hosts[0], &fields[0], framing)),
        );
    }
    cases
}

/// A request in words.
fn shown(head: &request::Parts, body: &[u8]) -> String {
    let (method, target, headers) = (&head.method, &head.uri, &head.headers);
    format!(
        "{method} {target} {:?} {headers:?} \"{}\"",
        head.version,
        body.escape_ascii()
    )
}

fn ours(bytes: &[u8]) -> Outcome {
    let (read, refused) = read_requests(bytes);
    let read = read.iter().map(|(head, body)| shown(head, body)).collect();
    Outcome { read, refused }
}

async fn hypers(bytes: &[u8]) -> Outcome {
    let outcome = Arc::new(Mutex::new(Outcome::default()));
    let service = service_fn(|request: Request<Incoming>| {
        let outcome = Arc::clone(&outcome);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await;
            let mut outcome = outcome.lock().unwrap();
            match body {
                Ok(body) => outcome.read.push(shown(&head, &body.to_bytes())),
                Err(error) => outcome.refused = is_refusal(&error),
            }
            let mut answer = Response::new(Empty::<Bytes>::new());
            // A CONNECT that succeeds is the end of HTTP on its connection.
            *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            Ok::<_, Infallible>(answer)
        }
    });
    let (mut client, server) = tokio::io::duplex(bytes.len().max(1) + 1);
    client.write_all(bytes).await.unwrap();
    client.shutdown().await.unwrap();
    let serving = http1::Builder::new()
        .half_close(true)
        .max_headers(512)
        .serve_connection(TokioIo::new(server), service);
    let reading = async move {
        let mut answers = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut client, &mut answers)
            .await
            .unwrap();
    };
    let (served, ()) = tokio::join!(serving, reading);
    let mut outcome = outcome.lock().unwrap().clone();
    outcome.refused |= served.is_err_and(|error| is_refusal(&error));
    outcome
}

#[tokio::test]
async fn our_server_reads_what_hypers_reads_but_for_what_is_listed() {
    let mut differences = Differences::of("requests");
    let cases = cases();
    assert!(cases.len() > 1000, "{} cases are few", cases.len());
    for case in cases {
        for bytes in [case.bytes.clone(), [&case.bytes, PROBE].concat()] {
            let case = Case { bytes, ..case.clone() };
            differences.compare(&case, &ours(&case.bytes), &hypers(&case.bytes).await);
        }
    }
    differences.assert_as_listed();
}
