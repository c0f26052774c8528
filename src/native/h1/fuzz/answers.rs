//! An upstream's bytes: the answer in them, and where it ends.

use bytes::{Buf, BytesMut};
use http::{StatusCode, response};

use super::super::body::{Decoder, Framing};
use super::super::head::{AnswerHead, Search, read_answer};
use super::message::{Message, State, compare_fields};
use super::second::{self, Length, Rules};

/// What came of an answer.
#[derive(Debug)]
struct Answer {
    interim: Vec<response::Parts>,
    message: Option<Message<response::Parts>>,
    state: State,
    /// It is all there, or the end of the connection is its end.
    ends_well: bool,
    /// What came behind it.
    beyond: BytesMut,
}

/// An upstream's bytes, read as the client reads them. `to_head`: the request was a HEAD.
fn answer(pieces: &[&[u8]], to_head: bool) -> Answer {
    let (mut search, mut buffer) = (Search::new(), BytesMut::new());
    let mut decoder = Decoder::new(Framing::Close);
    let mut answer = Answer {
        interim: Vec::new(),
        message: None,
        state: State::InHead,
        ends_well: false,
        beyond: BytesMut::new(),
    };
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while answer.message.is_none() && answer.state == State::InHead && !buffer.is_empty() {
            match read_answer(&mut search, &mut buffer) {
                Ok(Some(head)) if is_interim(&head) => answer.interim.push(head.parts),
                Ok(Some(head)) => {
                    (answer.message, answer.state) = begin(head, to_head);
                    decoder = Decoder::new(
                        answer
                            .message
                            .as_ref()
                            .map_or(Framing::Close, |message| message.framing),
                    );
                }
                Ok(None) => break,
                Err(_) => answer.state = State::Refused,
            }
        }
        if let (Some(message), State::InBody) = (&mut answer.message, answer.state) {
            match decoder.decode(&buffer, &mut message.body) {
                Ok(read) => buffer.advance(read),
                Err(_) => answer.state = State::Refused,
            }
            message.is_whole = decoder.is_done();
        }
    }
    answer.ends_well = answer.state == State::InBody && decoder.end().is_ok();
    answer.beyond = buffer;
    answer
}

fn is_interim(head: &AnswerHead) -> bool {
    head.parts.status.is_informational() && head.parts.status != StatusCode::SWITCHING_PROTOCOLS
}

fn begin(head: AnswerHead, to_head: bool) -> (Option<Message<response::Parts>>, State) {
    let status = head.parts.status;
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return (None, State::Refused);
    }
    let is_empty = to_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let message = Message {
        head: head.parts,
        framing: if is_empty { Framing::Length(0) } else { head.framing },
        keep: head.keep,
        body: BytesMut::new(),
        is_whole: false,
    };
    (Some(message), State::InBody)
}

/// Checks what the client reads of an upstream's bytes, which answer a HEAD or another request.
pub(crate) fn answers(pieces: &[&[u8]], to_head: bool) {
    let bytes = pieces.concat();
    let whole = answer(&[&bytes], to_head);
    let mut cut = answer(pieces, to_head);
    if (whole.state, cut.state) == (State::Refused, State::InHead) {
        cut = answer(&[pieces, &[b"\r\n\r\n"]].concat(), to_head);
    }
    let shown = |answer: &Answer| format!("{:?} {:?} {:?}", answer.interim, answer.message, answer.state);
    assert_eq!(shown(&cut), shown(&whole), "how the bytes came shows");
    if whole.state != State::Refused {
        assert_eq!((&cut.beyond, cut.ends_well), (&whole.beyond, whole.ends_well));
    }

    let mut start = 0;
    let mut next = |parts: &response::Parts| {
        let head = second::head(&bytes, start, Rules::Lenient).expect("a head that a second reader does not take");
        let (version, status) = head
            .status_line()
            .expect("a first line that a second reader does not take");
        assert_eq!((parts.status.as_u16(), parts.version), (status, parts.version));
        start = head.end;
        (head, version == b"HTTP/1.0")
    };
    for interim in &whole.interim {
        next(interim);
    }
    let Some(message) = &whole.message else { return };
    let (head, old) = next(&message.head);
    // The client takes a length away beside which there are chunks.
    let both = head.length() == Some(Length::Both);
    let without = if both { &["content-length"][..] } else { &[] };
    compare_fields(&message.head.headers, &head, without);
    let length = head.length().expect("a length that a second reader does not take");
    if message.keep {
        assert!(!head.lists("connection", "close") && (!old || head.lists("connection", "keep-alive")));
        assert!(
            matches!(length, Length::Known(_) | Length::Chunked),
            "nothing says where it ends"
        );
    }
    compare_answer_body(&whole, message, &head, length, &bytes);
}

fn compare_answer_body(
    whole: &Answer,
    message: &Message<response::Parts>,
    head: &second::Head<'_>,
    length: Length,
    bytes: &[u8],
) {
    let body = match length {
        _ if message.framing == Framing::Length(0) => Ok(second::counted(bytes, head.end, 0)),
        Length::None => {
            assert!(
                whole.beyond.is_empty() && whole.ends_well,
                "it ends with the connection"
            );
            assert_eq!(&message.body, &bytes[head.end..]);
            return;
        }
        Length::Known(length) => Ok(second::counted(bytes, head.end, length)),
        Length::Chunked | Length::Both => second::chunked(bytes, head.end, Rules::Lenient),
    };
    match body {
        Ok(body) if whole.state == State::Refused => {
            assert!(body.bytes.starts_with(&message.body) || message.body.starts_with(&body.bytes));
        }
        Ok(body) => {
            assert_eq!(
                (&*message.body, message.is_whole),
                (&*body.bytes, body.end.is_some()),
                "a body ends elsewhere"
            );
            assert_eq!(whole.ends_well, body.end.is_some());
            assert_eq!(&whole.beyond, &bytes[body.end.unwrap_or(bytes.len())..]);
        }
        Err(why) => assert_eq!(whole.state, State::Refused, "{why}"),
    }
}
