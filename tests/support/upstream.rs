//! An upstream that records exactly what it gets and answers, or misbehaves, as the test says.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use super::arriving::{self, Arriving};

pub(crate) const JSON: &str = "content-type: application/json\r\n";
pub(crate) const SSE: &str = "content-type: text/event-stream\r\n";

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Request line and fields, as they were spelled.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// The values of a field, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let field = |line: &'_ str| {
            line.split_once(": ")
                .is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
        };
        self.head
            .lines()
            .skip(1)
            .filter(|line| field(line))
            .filter_map(|line| line.split_once(": "))
            .map(|(_, value)| value)
            .collect()
    }

    /// The value of a field that stands once, or nothing.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() < 2, "{name} stands {} times", values.len());
        values.first().copied()
    }

    /// The names of all fields, sorted, in lower case.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .map(|(name, _)| name.to_lowercase())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// What has happened so far, and a bell for what happens next.
#[derive(Default)]
struct Log(Mutex<Events>, Condvar);

#[derive(Default)]
struct Events {
    received: Vec<Received>,
    /// Requests whose client left before the answer was complete.
    abandoned: usize,
}

impl Log {
    fn arrived(&self, received: Received) {
        self.0.lock().unwrap().received.push(received);
        self.1.notify_all();
    }

    fn ended(&self, connection: &Connection) {
        if connection.abandoned {
            self.0.lock().unwrap().abandoned += 1;
            self.1.notify_all();
        }
    }
}

/// A running upstream. Its threads end with the test process.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) base_url: String,
    log: Arc<Log>,
}

impl Upstream {
    /// An upstream whose `reply` writes each answer; the connection is closed behind it.
    pub(crate) fn start(reply: impl Fn(&Received, &mut Connection) + Send + Sync + 'static) -> Self {
        Self::serving(move |mut stream, log| {
            if let Some(received) = read_request(&mut stream) {
                log.arrived(received.clone());
                let mut connection = Connection::new(stream);
                reply(&received, &mut connection);
                log.ended(&connection);
            }
        })
    }

    /// An upstream that is handed each request when its head is there, with the body as it arrives.
    pub(crate) fn reading(reply: impl Fn(Arriving<TcpStream>, &mut Connection) + Send + Sync + 'static) -> Self {
        Self::serving(move |stream, log| {
            let (head, arriving) = arriving::begin(stream.try_clone().unwrap());
            if let Some(head) = head {
                let body = Vec::new();
                log.arrived(Received { head, body });
                let mut connection = Connection::new(stream);
                reply(arriving, &mut connection);
                log.ended(&connection);
            }
        })
    }

    fn serving(serve: impl Fn(TcpStream, &Log) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = Self {
            base_url: format!("http://{}/v1", listener.local_addr().unwrap()),
            log: Arc::default(),
        };
        let (log, serve) = (Arc::clone(&upstream.log), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, serve) = (Arc::clone(&log), Arc::clone(&serve));
                thread::spawn(move || {
                    let stream = stream.unwrap();
                    let _ = stream.set_nodelay(true);
                    serve(stream, &log);
                });
            }
        });
        upstream
    }

    /// An upstream that gives everyone the same answer.
    pub(crate) fn answering(status: &'static str, fields: &'static str, body: &'static str) -> Self {
        Self::start(move |_, to| to.answer(status, fields, body))
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.log.0.lock().unwrap().received.clone()
    }

    /// The only request there was.
    pub(crate) fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1, "requests");
        received.into_iter().next().unwrap()
    }

    /// Waits until a request is there.
    pub(crate) fn wait_for_request(&self) {
        self.wait(|log| !log.received.is_empty(), "no request came");
    }

    /// Waits until somebody left before the answer was complete.
    pub(crate) fn wait_for_leaver(&self) {
        self.wait_for_leavers(1);
    }

    /// Waits until so many left before their answers were complete.
    pub(crate) fn wait_for_leavers(&self, number: usize) {
        self.wait(|log| log.abandoned >= number, "too few left");
    }

    /// Whether somebody has left by now.
    pub(crate) fn saw_a_leaver(&self) -> bool {
        self.log.0.lock().unwrap().abandoned > 0
    }

    fn wait(&self, done: impl Fn(&Events) -> bool, complaint: &str) {
        let guard = self.log.0.lock().unwrap();
        let (_guard, limit) = self
            .log
            .1
            .wait_timeout_while(guard, Duration::from_secs(60), |log| !done(log))
            .unwrap();
        assert!(!limit.timed_out(), "{complaint}");
    }
}

/// The way back to the client of one request.
pub(crate) struct Connection {
    stream: TcpStream,
    abandoned: bool,
}

impl Connection {
    const fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            abandoned: false,
        }
    }

    /// A complete answer.
    pub(crate) fn answer(&mut self, status: &str, fields: &str, body: &str) {
        let length = body.len();
        self.send(
            format!("HTTP/1.1 {status}\r\n{fields}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
                .as_bytes(),
        );
    }

    /// The head of an answer that ends with the connection.
    pub(crate) fn head(&mut self, status: &str, fields: &str) {
        self.send(format!("HTTP/1.1 {status}\r\n{fields}connection: close\r\n\r\n").as_bytes());
    }

    /// Bytes as they are, at once.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).and_then(|()| self.stream.flush()).is_err() {
            self.abandoned = true;
        }
    }

    /// Breaks the connection.
    pub(crate) fn reset(&mut self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// The connection itself, for another protocol.
    pub(crate) fn socket(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    /// Tells that the client has left, where that was seen by reading.
    pub(crate) fn left(&mut self) {
        self.abandoned = true;
    }

    /// Nobody was seen to leave so far.
    pub(crate) fn is_open(&self) -> bool {
        !self.abandoned
    }

    /// Says nothing until the client leaves.
    pub(crate) fn hang(&mut self) {
        let _ = self.stream.set_read_timeout(Some(Duration::from_secs(90)));
        if matches!(self.stream.read(&mut [0; 64]), Ok(0)) || self.stream.take_error().is_ok() {
            self.abandoned = true;
        }
    }
}

fn read_request(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 65_536];
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let received = Received {
            head: String::from_utf8_lossy(&bytes[..end]).into_owned(),
            body: Vec::new(),
        };
        let length = received
            .one("content-length")
            .map_or(0, |length| length.parse().unwrap());
        assert!(
            received.one("transfer-encoding").is_none(),
            "a request of known length was chunked"
        );
        if bytes.len() >= end + 4 + length {
            return Some(Received {
                body: bytes.split_off(end + 4),
                ..received
            });
        }
    }
}
