//! A client's connection: the requests on it, and where each of them ends.

use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Version, request};

use super::super::connection::{Connection, RequestBody};
use super::super::head::RequestHead;
use super::super::pipe::{Client, Pipe, pipe};
use super::super::reading::Arrival;
use super::super::scratch::READ;
use super::message::{Message, State, compare_fields};
use super::second::{self, Length, Rules};

/// A client's connection, read as the server reads it.
struct Requests {
    connection: Arc<Connection<Pipe>>,
    client: Client,
    body: RequestBody<Pipe>,
    read: Vec<Message<request::Parts>>,
    state: State,
}

impl Requests {
    fn of(pieces: &[&[u8]]) -> Self {
        let (transport, client) = pipe(usize::MAX);
        let connection = Arc::new(Connection::new(transport, Duration::MAX));
        let mut requests = Self {
            body: RequestBody::new(Arc::clone(&connection)),
            connection,
            client,
            read: Vec::new(),
            state: State::InHead,
        };
        pieces.iter().for_each(|piece| requests.feed(piece));
        requests
    }

    fn feed(&mut self, piece: &[u8]) {
        self.client.send(piece);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            let next = match self.state {
                State::InHead => match self.connection.poll_arrival(&mut context) {
                    Poll::Ready(Ok(Arrival::Request(head))) => Poll::Ready(self.begin(*head)),
                    Poll::Ready(Ok(Arrival::Http2)) => Poll::Ready(State::Http2),
                    Poll::Ready(Ok(Arrival::Closed)) => Poll::Ready(State::Closed),
                    Poll::Ready(Err(_)) => Poll::Ready(State::Refused),
                    Poll::Pending => Poll::Pending,
                },
                State::InBody => self.lengthen(&mut context),
                State::Closed | State::Http2 | State::Refused => Poll::Pending,
            };
            match next {
                Poll::Ready(state) => self.state = state,
                Poll::Pending => return,
            }
        }
    }

    fn begin(&mut self, head: RequestHead) -> State {
        self.read.push(Message {
            head: head.parts,
            framing: head.framing,
            keep: head.keep,
            body: BytesMut::new(),
            is_whole: false,
        });
        State::InBody
    }

    /// Reads on in the body of the last request.
    fn lengthen(&mut self, context: &mut Context<'_>) -> Poll<State> {
        let Some(message) = self.read.last_mut() else {
            return Poll::Ready(State::Refused);
        };
        match ready!(self.body.poll_fill(&mut message.body, context)) {
            Ok(1..) => return Poll::Ready(State::InBody),
            Ok(0) => {}
            Err(_) => return Poll::Ready(State::Refused),
        }
        assert!(self.body.is_end() && self.connection.is_body_read());
        message.is_whole = true;
        Poll::Ready(if message.keep { State::InHead } else { State::Closed })
    }

    fn shown(&self) -> (String, State) {
        (format!("{:?}", self.read), self.state)
    }

    /// What has come, and belongs to none of the messages.
    fn left_over(self) -> Bytes {
        drop(self.body);
        let connection = Arc::into_inner(self.connection).expect("somebody else has the connection");
        let (_, rest) = connection.into_transport().expect("the halves belong together");
        rest
    }
}

/// The requests that are read whole of a client's bytes, with their bodies, and whether what stands behind them is refused.
#[cfg(test)]
pub(crate) fn read_requests(bytes: &[u8]) -> (Vec<(request::Parts, BytesMut)>, bool) {
    let requests = Requests::of(&[bytes]);
    let whole = requests.read.into_iter().filter(|message| message.is_whole);
    let read = whole.map(|message| (message.head, message.body)).collect();
    (read, requests.state == State::Refused)
}

/// Checks what the server reads of a client's bytes.
pub(crate) fn requests(pieces: &[&[u8]]) {
    let bytes = pieces.concat();
    let whole = Requests::of(&[&bytes]);
    let mut cut = Requests::of(pieces);
    if (whole.state, cut.state) == (State::Refused, State::InHead) {
        // Whether a head can become one is asked at its first bytes only. At its end it is refused all the same.
        cut.feed(b"\r\n\r\n");
    }
    assert_eq!(cut.shown(), whole.shown(), "how the bytes came shows");

    let mut start = 0;
    for message in &whole.read {
        let head = second::head(&bytes, start, Rules::Strict).expect("a head that a second reader does not take");
        compare_request(message, &head);
        let body = match head.length().expect("a length that a second reader does not take") {
            Length::None => Ok(second::counted(&bytes, head.end, 0)),
            Length::Known(length) => Ok(second::counted(&bytes, head.end, length)),
            Length::Chunked => second::chunked(&bytes, head.end, Rules::Strict),
            Length::Both => panic!("a request with two lengths was taken"),
        };
        let Ok(body) = body else {
            assert!(whole.state == State::Refused && !message.is_whole, "{body:?}");
            return;
        };
        if whole.state == State::Refused && !message.is_whole {
            assert!(body.bytes.starts_with(&message.body) || message.body.starts_with(&body.bytes));
            return;
        }
        assert_eq!(
            (&*message.body, message.is_whole),
            (&*body.bytes, body.end.is_some()),
            "a body ends elsewhere"
        );
        start = body.end.unwrap_or(bytes.len());
    }
    if whole.state != State::Refused && bytes.len() < READ {
        // Empty lines may stand in front of a head.
        let (read, rest) = (whole.state == State::InHead, whole.left_over());
        let between = bytes[start..]
            .strip_suffix(&*rest)
            .expect("what is left over is something else");
        assert!(
            between.is_empty() || read && between.chunks(2).all(|line| line == b"\r\n"),
            "bytes are lost"
        );
    }
}

fn compare_request(message: &Message<request::Parts>, head: &second::Head<'_>) {
    let [method, target, version] = head
        .request_line()
        .expect("a first line that a second reader does not take");
    assert_eq!(message.head.method.as_str().as_bytes(), method);
    if target.starts_with(b"/") {
        let read = message.head.uri.path_and_query().map(|path| path.as_str().as_bytes());
        assert_eq!(read, Some(target), "a target is another one");
    }
    let old = version == b"HTTP/1.0";
    assert_eq!(message.head.version == Version::HTTP_10, old);
    let asks = !old && matches!(head.length(), Some(Length::None | Length::Known(0)));
    let without = if asks { &[][..] } else { &["upgrade"] };
    compare_fields(&message.head.headers, head, without);
    let keeps = !head.lists("connection", "close") && (!old || head.lists("connection", "keep-alive"));
    assert_eq!(message.keep, keeps, "a connection is kept, or not");
    let hosts = head.all("host").len();
    assert!(hosts == 1 || old && hosts == 0, "whom it is for is not said in one way");
}
