//! Hand-overs between tasks under load. A lost waker shows as a run that never ends, and a wrong order as other bytes than
//! those that were sent. So everything here goes in tiny pieces, tasks give way between them at random, reads are given up and
//! begun again, and peers leave in the middle.
//!
//! What is thrown with the dice depends on a seed, which a failure names. (The order in which several threads run does not.)

use std::future::{Future, poll_fn};
use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::h1::{Arrival, Connection, Decoder, Framing, RequestBody};

/// The time after which a run is taken to hang. None takes more than some seconds.
pub(super) const FOR_EVER: Duration = Duration::from_secs(60);

/// Runs a test on a runtime of one thread and on one of several, with some seeds.
pub(super) fn on_every_runtime<F>(test: impl Fn(u64) -> F + Copy + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let random = fastrand::u64(..);
    for (seed, threads) in [(1, 1), (random, 1), (1, 3), (random, 3)] {
        let (done, waits) = mpsc::channel();
        thread::spawn(move || {
            let mut runtime = match threads {
                1 => tokio::runtime::Builder::new_current_thread(),
                _ => tokio::runtime::Builder::new_multi_thread(),
            };
            let runtime = runtime.worker_threads(threads).enable_all().build().unwrap();
            runtime.block_on(async { tokio::spawn(test(seed)).await.unwrap() });
            done.send(()).unwrap();
        });
        match waits.recv_timeout(FOR_EVER) {
            Ok(()) => {}
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("seed {seed}, {threads} threads: it hangs"),
            Err(mpsc::RecvTimeoutError::Disconnected) => panic!("seed {seed}, {threads} threads: it failed"),
        }
    }
}

/// Runs `task` as often as `count` says, at the same time, and waits for all of them.
pub(super) async fn side_by_side<F>(count: u64, task: impl Fn(u64) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(task(number))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Throws for sizes, and for what happens next.
pub(super) struct Dice(fastrand::Rng);

impl Dice {
    pub(super) fn of(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Others, for another task.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.0.fork())
    }

    /// Whether something happens that happens once in so many times.
    pub(super) fn once_in(&mut self, times: u32) -> bool {
        self.0.u32(..times) == 0
    }

    /// A length up to `most`: mostly a small one.
    pub(super) fn length(&mut self, most: usize) -> usize {
        let most = self.0.usize(..=most);
        self.0.usize(..=most)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.0.u8(..)).collect()
    }

    /// Lets other tasks run, or not.
    pub(super) async fn give_way(&mut self) {
        for _ in 0..self.0.u8(..4) {
            yield_now().await;
        }
    }
}

/// Both ends of a connection.
pub(super) async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (near, (far, _)) = (near.unwrap(), far.unwrap());
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    (near, far)
}

/// Writes bytes in pieces.
pub(super) async fn write(io: &mut (impl AsyncWrite + Unpin), mut bytes: &[u8], dice: &mut Dice) -> io::Result<()> {
    let most = bytes.len() / 8 + 2;
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(dice.length(most).clamp(1, bytes.len()));
        io.write_all(piece).await?;
        dice.give_way().await;
        bytes = rest;
    }
    Ok(())
}

/// Bytes in chunks.
pub(super) fn in_chunks(mut bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(dice.length(bytes.len()).clamp(1, bytes.len()));
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
        bytes = rest;
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

/// Fields and bytes of a body, in one of both framings.
pub(super) fn framed(body: &[u8], dice: &mut Dice) -> (String, Vec<u8>) {
    if dice.once_in(2) {
        return ("transfer-encoding: chunked\r\n".to_owned(), in_chunks(body, dice));
    }
    (format!("content-length: {}\r\n", body.len()), body.to_vec())
}

/// One end of a connection that reads messages.
pub(super) struct Messages<R> {
    io: R,
    dice: Dice,
    /// Bytes that have come and were not taken.
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Messages<R> {
    pub(super) fn new(io: R, dice: Dice) -> Self {
        let buffer = Vec::new();
        Self { io, dice, buffer }
    }

    /// Reads a few bytes more. Nothing at the end.
    async fn more(&mut self) -> io::Result<Option<()>> {
        let mut piece = [0; 2048];
        let most = self.dice.length(piece.len()).max(1);
        loop {
            let read = tokio::select! {
                biased;
                read = self.io.read(&mut piece[..most]) => read?,
                () = yield_now(), if self.dice.once_in(3) => continue,
            };
            self.buffer.extend_from_slice(&piece[..read]);
            return Ok((read > 0).then_some(()));
        }
    }

    /// The next head; nothing where the connection has ended before one began. Interim ones are passed over.
    pub(super) async fn head(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                let rest = self.buffer.split_off(end + 4);
                let head = String::from_utf8(std::mem::replace(&mut self.buffer, rest)).unwrap();
                if head.starts_with("HTTP/1.1 100 ") {
                    continue;
                }
                return Ok(Some(head));
            }
            if self.more().await?.is_none() {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// The next bytes of the body; nothing at its end.
    pub(super) async fn piece(&mut self, body: &mut Decoder) -> io::Result<Option<BytesMut>> {
        let mut out = BytesMut::new();
        while out.is_empty() && !body.is_done() {
            if self.buffer.is_empty() && self.more().await?.is_none() {
                body.end()?;
            }
            let read = body.decode(&self.buffer, &mut out)?;
            self.buffer.drain(..read);
        }
        Ok((!out.is_empty()).then_some(out))
    }

    /// The next message, whole.
    pub(super) async fn message(&mut self) -> io::Result<(String, Vec<u8>)> {
        let head = self.head().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let (mut decoder, mut body) = (body_behind(&head), Vec::new());
        while let Some(piece) = self.piece(&mut decoder).await? {
            body.extend_from_slice(&piece);
        }
        Ok((head, body))
    }
}

/// What takes the body behind a head out of its framing.
pub(super) fn body_behind(head: &str) -> Decoder {
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    Decoder::new(match length {
        Some(length) => Framing::Length(length.parse().unwrap()),
        None if head.contains("transfer-encoding: chunked") => Framing::Chunked,
        None => Framing::Length(0),
    })
}

/// Reads a body in a task of its own, which moves now and then. What wakes nobody goes to `broken`.
async fn read(
    mut body: RequestBody<TcpStream>,
    mut dice: Dice,
    broken: oneshot::Sender<()>,
) -> Option<(Vec<u8>, oneshot::Sender<()>)> {
    let mut out = BytesMut::new();
    while !body.is_end() {
        let moved = async {
            let filling = poll_fn(|context| body.poll_fill(&mut out, context));
            tokio::select! {
                biased;
                filled = filling => filled.map(|_| ()),
                () = yield_now(), if dice.once_in(3) => Ok(()),
            }
        };
        if moved.await.is_err() {
            let _ = broken.send(());
            return None;
        }
        dice.give_way().await;
    }
    Some((out.to_vec(), broken))
}

/// Answers each request with its body. The body is read by another task, which alone wakes this one at its end.
async fn echo(io: TcpStream, mut dice: Dice) -> io::Result<()> {
    let connection = Arc::new(Connection::new(io, FOR_EVER));
    while let Ok(Arrival::Request(_)) = poll_fn(|context| connection.poll_arrival(context)).await {
        let (broken, breaks) = oneshot::channel();
        let body = RequestBody::new(Arc::clone(&connection));
        let reading = tokio::spawn(read(body, dice.fork(), broken));
        if dice.once_in(3) {
            // Another task asks first, and is gone before there is anything to say.
            let connection = Arc::clone(&connection);
            let asking = poll_fn(move |context| Poll::Ready(connection.poll_client_left(context).is_ready()));
            tokio::spawn(asking).await.unwrap();
        }
        let woken = poll_fn(|context| {
            let _ = connection.poll_client_left(context);
            if connection.is_body_read() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        tokio::select! {
            () = woken => {}
            _ = breaks => return Ok(()),
        }
        let Some((body, _)) = reading.await.unwrap() else {
            return Ok(());
        };
        dice.give_way().await;
        let (fields, framed) = framed(&body, &mut dice);
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        connection
            .write([connection.begin_answer(), head.as_bytes(), &[]])
            .await?;
        for piece in framed.chunks(dice.length(framed.len()).max(1)) {
            connection.write([&[], piece, &[]]).await?;
            if dice.once_in(2) {
                // It is asked once and forgotten: nobody may rely on being woken for it.
                poll_fn(|context| Poll::Ready(connection.poll_client_left(context).is_ready())).await;
            }
            dice.give_way().await;
        }
    }
    Ok(())
}

/// Sends requests one behind the other, and reads the answers meanwhile. Leaves somewhere, or does not.
async fn ask(io: TcpStream, mut dice: Dice) {
    let (from, mut to) = io.into_split();
    let mut body = || {
        let length = dice.length(6000);
        dice.bytes(length)
    };
    let bodies: Vec<Vec<u8>> = (0..20).map(|_| body()).collect();
    let leaves = dice.once_in(4);
    let mut sent = Vec::new();
    for body in &bodies {
        let (fields, framed) = framed(body, &mut dice);
        let expect = if dice.once_in(4) {
            "expect: 100-continue\r\n"
        } else {
            ""
        };
        sent.extend_from_slice(format!("POST / HTTP/1.1\r\nhost: h\r\n{expect}{fields}\r\n").as_bytes());
        sent.extend_from_slice(&framed);
    }
    if leaves {
        sent.truncate(dice.length(sent.len()));
    }
    let mut answers = Messages::new(from, dice.fork());
    let writing = async {
        let written = write(&mut to, &sent, &mut dice).await;
        assert!(written.is_ok());
        if leaves {
            to.shutdown().await.unwrap();
        }
    };
    let reading = async {
        for body in &bodies {
            match answers.message().await {
                Ok((head, echoed)) => assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && echoed == *body),
                Err(_) => assert!(leaves, "an answer did not come"),
            }
        }
    };
    tokio::join!(writing, reading);
}

#[test]
fn a_body_that_one_task_reads_and_another_one_answers_is_neither_lost_nor_waited_for() {
    on_every_runtime(async |seed| {
        side_by_side(12, |number| async move {
            let (client, server) = connected().await;
            let mut dice = Dice::of(seed ^ number << 32);
            let serving = tokio::spawn(echo(server, dice.fork()));
            ask(client, dice).await;
            let _ = serving.await.unwrap();
        })
        .await;
    });
}
