//! Answers: what our client reads of an upstream's bytes, and what hyper's does.

use std::future::poll_fn;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, Request, header, response};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::connection::Io;
use super::http1::send;
use super::pool::PerHost;
use super::upload::Upload;
use crate::native::differential::cases::{Case, Row, sections};
use crate::native::differential::outcome::{Differences, Outcome, is_refusal};
use crate::native::receiving::Receiving as _;

/// An answer, and what it answers.
struct Asked {
    case: Case,
    method: Method,
    /// The upstream closes the connection behind it.
    closes: bool,
}

fn cases() -> Vec<Asked> {
    let sections = sections(include_str!("../../../tests/http1/answers.txt"));
    let rows = |section: &str| &sections[section];
    let (before, status, others, fields) = (rows("before"), rows("status"), rows("other-status"), rows("fields"));
    let usual = ["nothing", "ok", "nothing-more", "length"];
    let mut cases: Vec<(Case, bool)> = rows("closed-whole")
        .iter()
        .map(|row| (Case::whole(row), true))
        .collect();
    for (section, closes) in [("framing", false), ("closed", true)] {
        let framings = rows(section);
        let mut add = |before: &Row, status: &Row, field: &Row, framing: &Row| {
            cases.push((Case::of(&[before, status, field, framing], &usual), closes));
        };
        for framing in framings {
            status
                .iter()
                .for_each(|status| add(&before[0], status, &fields[0], framing));
        }
        for framing in framings.iter().take(3) {
            before
                .iter()
                .skip(1)
                .for_each(|before| add(before, &status[0], &fields[0], framing));
            others
                .iter()
                .for_each(|status| add(&before[0], status, &fields[0], framing));
            for old in [&status[0], &status[8]] {
                fields
                    .iter()
                    .skip(1)
                    .for_each(|field| add(&before[0], old, field, framing));
            }
        }
    }
    let asked = cases.into_iter().flat_map(|(case, closes)| {
        [Method::GET, Method::HEAD].map(|method| {
            let mut case = case.clone();
            if method == Method::HEAD {
                case.pieces.push("to-head".to_owned());
            }
            Asked { case, method, closes }
        })
    });
    asked.collect()
}

/// The upstream: reads a request, answers it, and closes, or stays until `done` comes.
async fn answer(mut io: impl AsyncRead + AsyncWrite + Unpin, asked: &Asked, done: oneshot::Receiver<()>) {
    let (mut read, mut buffer) = (Vec::new(), [0; 1024]);
    while !read.ends_with(b"\r\n\r\n") {
        let count = io.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the request has no end");
        read.extend_from_slice(&buffer[..count]);
    }
    // Whoever does not like it may have closed before it is all there.
    let _ = io.write_all(&asked.case.bytes).await;
    if asked.closes {
        let _ = io.shutdown().await;
    }
    let _ = done.await;
}

/// The head of an answer, in words.
fn shown(head: &response::Parts) -> String {
    format!("{} {:?}", head.status, head.headers)
}

fn body(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

const KEPT: &str = "and the connection";

async fn ours(asked: &Asked, listener: &TcpListener) -> Outcome {
    let request = Request::builder().method(&asked.method).uri("http://h/a");
    let (head, ()) = request.body(()).unwrap().into_parts();
    let (done, waits) = oneshot::channel();
    let upstream = async {
        let (io, _) = listener.accept().await.unwrap();
        answer(io, asked, waits).await;
    };
    let client = async {
        let io = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (host, mut outcome) = (PerHost::default(), Outcome::default());
        match send(Io::plain(io, false), &head, Upload::Full(Default::default()), &host).await {
            Err(broken) => outcome.refused = is_refusal(&broken.error),
            Ok(answer) => {
                let (head, mut stream) = answer.into_parts();
                outcome.read.push(shown(&head));
                let mut out = BytesMut::new();
                let end = loop {
                    match poll_fn(|context| stream.poll_fill(&mut out, context)).await {
                        Ok(1..) => {}
                        end => break end,
                    }
                };
                match end {
                    Ok(_) => outcome.read.push(body(&out)),
                    Err(error) => outcome.refused = is_refusal(&error),
                }
            }
        }
        if !asked.closes && host.take(false).is_some() {
            outcome.read.push(KEPT.to_owned());
        }
        drop(done);
        outcome
    };
    tokio::join!(client, upstream).0
}

async fn hypers(asked: &Asked) -> Outcome {
    let (near, far) = tokio::io::duplex(128 * 1024);
    let (done, waits) = oneshot::channel();
    let upstream = answer(far, asked, waits);
    let client = async {
        let (mut sender, connection) = http1::Builder::new()
            .max_headers(512)
            .handshake(TokioIo::new(near))
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(&asked.method)
            .uri("/a")
            .header(header::HOST, "h");
        let mut outcome = Outcome::default();
        match sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await {
            Err(error) => outcome.refused = is_refusal(&error),
            Ok(answer) => {
                let (head, stream) = answer.into_parts();
                outcome.read.push(shown(&head));
                match stream.collect().await {
                    Ok(whole) => outcome.read.push(body(&whole.to_bytes())),
                    Err(error) => outcome.refused = is_refusal(&error),
                }
            }
        }
        if !asked.closes && sender.ready().await.is_ok() {
            outcome.read.push(KEPT.to_owned());
        }
        drop((done, sender));
        connection.abort();
        outcome
    };
    tokio::join!(client, upstream).0
}

#[tokio::test]
async fn our_client_reads_what_hypers_reads_but_for_what_is_listed() {
    let mut differences = Differences::of("answers");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cases = cases();
    assert!(cases.len() > 1000, "{} cases are few", cases.len());
    for asked in cases {
        let both = async { (ours(&asked, &listener).await, hypers(&asked).await) };
        let Ok((ours, hypers)) = tokio::time::timeout(Duration::from_secs(60), both).await else {
            panic!("nothing happens any more: {:?}", asked.case);
        };
        differences.compare(&asked.case, &ours, &hypers);
    }
    differences.assert_as_listed();
}
