//! A client that sends any bytes and shows an answer as it arrives.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::arriving::{self, Arriving};

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and fields, as they were spelled.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a field that stands once, or nothing.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value);
        assert!(values.next().is_none(), "{name} stands more than once");
        value
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    /// Status and code of an error of the gateway, whose form is checked as well.
    pub(crate) fn error(&self) -> (u16, String) {
        self.error_in("openai")
    }

    /// Status and code of an error of the gateway for a client of this dialect, whose form is checked as well.
    pub(crate) fn error_in(&self, dialect: &str) -> (u16, String) {
        let body = self.json();
        let error = body["error"].as_object().expect("no error object");
        let mut members: Vec<&str> = error.keys().map(String::as_str).collect();
        members.sort_unstable();
        let code = match dialect {
            "anthropic" => {
                assert_eq!(
                    (&body["type"], members),
                    (&"error".into(), vec!["details", "message", "type"])
                );
                error["details"]["error_code"].as_str().map(str::to_owned)
            }
            "gemini" => {
                assert_eq!(
                    (&error["code"], members),
                    (&self.status.into(), vec!["code", "details", "message", "status"])
                );
                error["details"][0]["reason"].as_str().map(str::to_lowercase)
            }
            _ => {
                assert_eq!(members, ["code", "message", "param", "type"]);
                error["code"].as_str().map(str::to_owned)
            }
        };
        assert_eq!(self.field("content-type"), Some("application/json"));
        (self.status, code.unwrap_or_default())
    }
}

/// A connection on which one request was sent.
pub(crate) struct Exchange {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Exchange {
    pub(crate) fn begin(address: &str, request: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        let _ = stream.set_nodelay(true);
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // The gateway may answer and close before it has read everything.
        let _ = stream.write_all(request);
        Self {
            stream,
            bytes: Vec::new(),
        }
    }

    /// Reads until `text` has arrived.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let mut buffer = [0; 4096];
        while memchr::memmem::find(&self.bytes, text.as_bytes()).is_none() {
            let read = self.stream.read(&mut buffer).expect("nothing came");
            assert!(read > 0, "the answer ended before {text:?}");
            self.bytes.extend_from_slice(&buffer[..read]);
        }
    }

    /// Sends more.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads what is there next; nothing at the end of the connection.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }

    /// Forgets what has come so far: an interim answer.
    pub(crate) fn forget(&mut self) {
        self.bytes.clear();
    }

    /// Whether anything has come by now.
    pub(crate) fn has_come(&self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let come = self.stream.peek(&mut [0]).is_ok();
        self.stream.set_nonblocking(false).unwrap();
        come
    }

    /// The head of the answer, and its body as it arrives.
    pub(crate) fn arriving(self) -> (String, Arriving<TcpStream>) {
        let (head, body) = arriving::begin(self.stream);
        (head.expect("no answer"), body)
    }

    /// Waits until the other side ends the connection, for a minute at most. Whether it did.
    pub(crate) fn is_let_go(&mut self) -> bool {
        self.stream.read_to_end(&mut self.bytes).is_ok()
    }

    /// Leaves at once, as a client does that is killed: the connection is reset.
    pub(crate) fn leave(self) {
        socket2::SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }

    /// Reads to the end of the connection.
    pub(crate) fn finish(self) -> Answer {
        self.try_finish().expect("an answer without a head")
    }

    /// Reads to the end of the connection, where there may be no answer.
    pub(crate) fn try_finish(mut self) -> Option<Answer> {
        let _ = self.stream.read_to_end(&mut self.bytes);
        let end = memchr::memmem::find(&self.bytes, b"\r\n\r\n")?;
        let body = self.bytes.split_off(end + 4);
        let head = String::from_utf8_lossy(&self.bytes[..end]).into_owned();
        let mut answer = Answer {
            status: head[9..12].parse().unwrap(),
            head,
            body,
        };
        if answer
            .field("transfer-encoding")
            .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
        {
            answer.body = dechunk(&answer.body);
        }
        Some(answer)
    }
}

fn dechunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = memchr::memmem::find(bytes, b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).unwrap(), 16).unwrap();
        body.extend_from_slice(&bytes[line + 2..line + 2 + size]);
        bytes = &bytes[line + 4 + size..];
        if size == 0 {
            break;
        }
    }
    body
}
