use std::sync::atomic::AtomicUsize;
use std::task::{Wake, Waker};

use super::super::head::{HEAD_BUFFER, PREFACE, RequestHead};
use super::super::pipe::{Client, Pipe, pipe};
use super::super::reading::CONTINUE;
use super::super::scratch::READ;
use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// A connection with room for `room` bytes of what is written, and its client.
fn connected(room: usize) -> (Arc<Connection<Pipe>>, Client) {
    let (transport, client) = pipe(room);
    (Arc::new(Connection::new(transport, PATIENCE)), client)
}

/// Returns what has arrived, if it is a whole head or nothing that could become one.
fn arrived(connection: &Connection<Pipe>) -> Option<Result<Arrival, Unreadable>> {
    match connection.poll_arrival(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(arrival) => Some(arrival),
        Poll::Pending => None,
    }
}

fn request(connection: &Connection<Pipe>) -> RequestHead {
    match arrived(connection) {
        Some(Ok(Arrival::Request(head))) => *head,
        _ => panic!("no request has come"),
    }
}

/// Returns what has come of a body, or nothing where nothing has.
fn read(body: &mut RequestBody<Pipe>) -> Option<io::Result<Vec<u8>>> {
    let mut out = BytesMut::new();
    match body.poll_fill(&mut out, &mut Context::from_waker(Waker::noop())) {
        Poll::Ready(read) => Some(read.map(|_| out.to_vec())),
        Poll::Pending => None,
    }
}

/// Counts how often a task is woken.
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The head of a request that waits for leave to send its body of two bytes has come.
fn ask(connection: &Connection<Pipe>, client: &Client) {
    client.send(b"POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
    assert!(request(connection).expects);
}

#[test]
fn requests_are_read_one_after_the_other_from_single_bytes() {
    let (connection, client) = connected(usize::MAX);
    let head = b"\r\nPOST /v1 HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
    let body = b"3;x\r\nabc\r\n2\r\nde\r\n0\r\nx-t: 1\r\n\r\n";
    for _ in 0..2 {
        for byte in &head[..head.len() - 1] {
            client.send(&[*byte]);
            assert!(arrived(&connection).is_none());
        }
        client.send(&head[head.len() - 1..]);
        assert_eq!(request(&connection).parts.uri.path(), "/v1");
        let mut stream = RequestBody::new(Arc::clone(&connection));
        let mut came = Vec::new();
        for byte in body {
            assert!(read(&mut stream).is_none() && !stream.is_end());
            client.send(&[*byte]);
            came.extend(read(&mut stream).transpose().unwrap().unwrap_or_default());
        }
        assert!(connection.is_body_read() && stream.is_end());
        assert_eq!(came, b"abcde");
    }
    client.end();
    assert!(matches!(arrived(&connection), Some(Ok(Arrival::Closed))));
}

#[test]
fn a_request_that_comes_with_the_one_before_it_is_not_lost() {
    let (connection, client) = connected(usize::MAX);
    client.send(b"POST /1 HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nokGET /2 HTTP/1.1\r\nhost: h\r\n\r\nGET /3");
    assert_eq!(request(&connection).parts.uri.path(), "/1");
    let mut body = RequestBody::new(Arc::clone(&connection));
    assert_eq!(read(&mut body).unwrap().unwrap(), b"ok");
    assert_eq!(read(&mut body).unwrap().unwrap(), b"");
    assert_eq!(request(&connection).parts.uri.path(), "/2");
    assert!(connection.has_partial_head() && arrived(&connection).is_none());
}

#[test]
fn a_large_body_of_known_length_ends_where_it_says() {
    let (connection, client) = connected(usize::MAX);
    let length = 3 * READ + 1;
    client.send(format!("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: {length}\r\n\r\n").as_bytes());
    request(&connection);
    client.send(&[vec![b'x'; length], b"GET".to_vec()].concat());
    let mut body = RequestBody::new(Arc::clone(&connection));
    let (mut out, mut context) = (BytesMut::with_capacity(length), Context::from_waker(Waker::noop()));
    while body.left() != Some(0) {
        let before = out.len();
        let read = body.poll_fill(&mut out, &mut context);
        assert!(matches!(read, Poll::Ready(Ok(read)) if read > 0 && before + read == out.len()));
    }
    assert_eq!(out, vec![b'x'; length]);
    assert!(arrived(&connection).is_none() && connection.has_partial_head());
}

#[test]
fn http2_is_known_by_its_preface_and_gets_every_byte_of_it() {
    let (connection, client) = connected(usize::MAX);
    for piece in [&PREFACE[..5], &PREFACE[5..]] {
        assert!(arrived(&connection).is_none());
        client.send(piece);
    }
    client.send(b"more");
    assert!(matches!(arrived(&connection), Some(Ok(Arrival::Http2))));
    let (_, first) = Arc::into_inner(connection).unwrap().into_transport().unwrap();
    assert_eq!(first, [PREFACE, b"more"].concat());
}

#[test]
fn http2_begins_a_connection_and_never_comes_behind_something_else() {
    for first in ["\r\n", "GET / HTTP/1.1\r\nhost: h\r\n\r\n"] {
        for pieces in [
            vec![first.as_bytes(), PREFACE],
            vec![&[first.as_bytes(), PREFACE].concat()],
        ] {
            let (connection, client) = connected(usize::MAX);
            for piece in pieces {
                client.send(piece);
                while let Some(Ok(arrival)) = arrived(&connection) {
                    assert!(matches!(arrival, Arrival::Request(_)), "{first:?}");
                }
            }
            assert!(
                matches!(arrived(&connection), Some(Err(Unreadable::Malformed))),
                "{first:?}"
            );
        }
    }
}

#[test]
fn leave_to_send_a_body_is_given_when_there_is_room_for_it() {
    let (connection, client) = connected(0);
    ask(&connection, &client);
    let mut body = RequestBody::new(Arc::clone(&connection));
    for _ in CONTINUE {
        assert!(read(&mut body).is_none());
        client.make_room(1);
    }
    assert!(read(&mut body).is_none());
    assert_eq!(client.take(), CONTINUE);
    client.send(b"ok");
    assert_eq!(read(&mut body).unwrap().unwrap(), b"ok");
    assert_eq!(connection.begin_answer(), b"");
}

#[test]
fn an_answer_comes_behind_all_of_an_interim_one_or_without_it() {
    let (connection, client) = connected(0);
    ask(&connection, &client);
    assert_eq!(connection.begin_answer(), b"", "nothing of it has gone out");

    let (connection, client) = connected(7);
    ask(&connection, &client);
    assert!(read(&mut RequestBody::new(Arc::clone(&connection))).is_none());
    assert_eq!(client.take(), &CONTINUE[..7]);
    assert_eq!(connection.begin_answer(), &CONTINUE[7..]);
    assert_eq!(connection.begin_answer(), b"");
}

#[test]
fn a_body_that_comes_unasked_is_read_though_there_is_no_room_to_ask_for_it() {
    let (connection, client) = connected(0);
    ask(&connection, &client);
    let mut body = RequestBody::new(Arc::clone(&connection));
    assert!(read(&mut body).is_none());
    client.send(b"ok");
    assert_eq!(read(&mut body).unwrap().unwrap(), b"ok");
}

#[test]
fn the_task_that_serves_is_woken_when_another_one_has_read_the_body() {
    let (connection, client) = connected(usize::MAX);
    client.send(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n");
    request(&connection);
    let woken = Arc::new(Count(AtomicUsize::new(0)));
    let server = Waker::from(Arc::clone(&woken));
    assert!(
        connection
            .poll_client_left(&mut Context::from_waker(&server))
            .is_pending()
    );
    let mut body = RequestBody::new(Arc::clone(&connection));
    for byte in [b"o", b"k"] {
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
        client.send(byte);
        assert_eq!(read(&mut body).unwrap().unwrap(), byte);
    }
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    client.end();
    assert!(
        connection
            .poll_client_left(&mut Context::from_waker(&server))
            .is_ready()
    );
}

#[test]
fn a_client_that_leaves_is_noticed_until_it_has_sent_too_much_ahead() {
    let mut context = Context::from_waker(Waker::noop());
    for (ahead, is_noticed) in [(0, true), (HEAD_BUFFER - 1, true), (HEAD_BUFFER, false)] {
        let (connection, client) = connected(usize::MAX);
        client.send(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n");
        request(&connection);
        assert!(connection.poll_client_left(&mut context).is_pending());
        client.send(&vec![b'x'; ahead]);
        client.end();
        assert_eq!(
            connection.poll_client_left(&mut context).is_ready(),
            is_noticed,
            "{ahead}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_given_up_and_one_that_takes_a_little_is_not() {
    let (connection, client) = connected(2);
    let started = tokio::time::Instant::now();
    let takes = async {
        for _ in 0..3 {
            tokio::time::sleep(PATIENCE - Duration::from_secs(1)).await;
            client.make_room(1);
        }
    };
    let (written, ()) = tokio::join!(connection.write([b"1234", b"56", b"7"]), takes);
    assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!(started.elapsed(), (PATIENCE - Duration::from_secs(1)) * 3 + PATIENCE);
    assert_eq!(client.take(), b"12345");
    assert!(client.breaks());
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_when_its_client_has_sent_enough_or_nothing_more() {
    const WITHIN: Duration = Duration::from_secs(10);
    for (sent, ends, waits) in [
        (9, false, WITHIN),
        (10, false, Duration::ZERO),
        (9, true, Duration::ZERO),
    ] {
        let (connection, client) = connected(usize::MAX);
        client.send(&vec![b'x'; sent]);
        if ends {
            client.end();
        }
        let started = tokio::time::Instant::now();
        Arc::into_inner(connection).unwrap().close(10, WITHIN).await;
        assert_eq!((started.elapsed(), client.is_shut()), (waits, true), "{sent}");
        assert!(!client.breaks());
    }
}
