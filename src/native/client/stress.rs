//! Uploads on their way from a client's connection to an upstream's, in tiny pieces, while the answer comes back: many at the
//! same time, over connections that are used again, some of them given up in the middle.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use http::{Request, request};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;

use super::connection::Io;
use super::http1::{Answer, send};
use super::pool::{PerHost, Ready};
use super::upload::Upload;
use crate::native::from_client::FromClient;
use crate::native::h1::{Arrival, Connection, RequestBody};
use crate::native::receiving::Receiving as _;
use crate::native::stress::{
    Dice, FOR_EVER, Messages, body_behind, connected, framed, in_chunks, on_every_runtime, side_by_side, write,
};
use crate::platform::Payload;

/// An upstream that gives back each body, as it comes or when it is there.
async fn upstream(listener: Arc<TcpListener>, connections: Arc<AtomicUsize>, mut dice: Dice) {
    while let Ok((io, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::Relaxed);
        io.set_nodelay(true).unwrap();
        // Whoever asks may leave.
        tokio::spawn(give_back(io, dice.fork()));
    }
}

async fn give_back(io: TcpStream, mut dice: Dice) -> io::Result<()> {
    let (from, mut to) = io.into_split();
    let mut requests = Messages::new(from, dice.fork());
    while let Some(head) = requests.head().await? {
        let mut decoder = body_behind(&head);
        if dice.once_in(3) {
            let mut body = Vec::new();
            while let Some(piece) = requests.piece(&mut decoder).await? {
                body.extend_from_slice(&piece);
            }
            let (fields, framed) = framed(&body, &mut dice);
            let answer = [format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes(), &framed].concat();
            write(&mut to, &answer, &mut dice).await?;
            continue;
        }
        write(
            &mut to,
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            &mut dice,
        )
        .await?;
        while let Some(piece) = requests.piece(&mut decoder).await? {
            let chunks = in_chunks(&piece, &mut dice);
            write(&mut to, &chunks[..chunks.len() - b"0\r\n\r\n".len()], &mut dice).await?;
        }
        write(&mut to, b"0\r\n\r\n", &mut dice).await?;
    }
    Ok(())
}

/// A request whose body comes over a connection from a client that writes it in tiny pieces.
async fn arrived(body: &[u8], dice: &mut Dice) -> (request::Parts, Upload) {
    let (mut client, server) = connected().await;
    let (fields, framed) = framed(body, dice);
    let sent = [
        format!("POST / HTTP/1.1\r\nhost: h\r\n{fields}\r\n").as_bytes(),
        &framed,
    ]
    .concat();
    let mut other = dice.fork();
    tokio::spawn(async move {
        // The gateway may give the request up. Otherwise the connection stays until the body was read.
        let _ = write(&mut client, &sent, &mut other).await;
        let _ = Messages::new(client, other).head().await;
    });
    let connection = Arc::new(Connection::new(server, FOR_EVER));
    let arrival = poll_fn(|context| connection.poll_arrival(context)).await;
    assert!(matches!(arrival, Ok(Arrival::Request(_))));
    let stream = FromClient::Http1(RequestBody::new(connection));
    let payload = Payload::Stream {
        read: Bytes::new(),
        length: stream.left(),
        stream,
    };
    let (head, ()) = Request::post("http://h/").body(()).unwrap().into_parts();
    (head, Upload::new(payload).0)
}

/// Reads an answer in a task of its own, with reads that are given up and begun again. Leaves in the middle, or does not.
async fn read(mut answer: Answer, leaves: bool, mut dice: Dice) -> Option<BytesMut> {
    let mut out = BytesMut::new();
    loop {
        let filled = tokio::select! {
            biased;
            filled = poll_fn(|context| answer.poll_fill(&mut out, context)) => filled.unwrap(),
            () = yield_now(), if dice.once_in(3) => continue,
        };
        if filled == 0 {
            return Some(out);
        }
        if leaves && dice.once_in(4) {
            return None;
        }
        dice.give_way().await;
    }
}

/// One upload after the other to one upstream.
async fn upload(seed: u64) {
    let mut dice = Dice::of(seed);
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let serving = tokio::spawn(upstream(Arc::clone(&listener), Arc::clone(&connections), dice.fork()));
    let (host, mut lost) = (PerHost::default(), 0);
    for _ in 0..20 {
        let length = dice.length(8000);
        let body = dice.bytes(length);
        let (head, upload) = arrived(&body, &mut dice).await;
        let io = match host.take(false) {
            Some(Ready::Http1(io)) => io,
            _ => Io::plain(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap(), false),
        };
        let leaves = dice.once_in(4);
        let sending = send(io, &head, upload, &host);
        let answer = tokio::select! {
            biased;
            answer = sending => answer,
            () = dice.give_way(), if leaves && length.is_multiple_of(2) => {
                lost += 1;
                continue;
            }
        };
        let Ok(answer) = answer else { panic!("no answer came") };
        match tokio::spawn(read(answer.into_body(), leaves, dice.fork()))
            .await
            .unwrap()
        {
            Some(got) => assert!(
                got == body,
                "{} bytes of {} came back, or others",
                got.len(),
                body.len()
            ),
            None => lost += 1,
        }
    }
    serving.abort();
    let connections = connections.load(Ordering::Relaxed);
    assert!(
        connections <= lost + 1,
        "{connections} connections were opened, though only {lost} were lost"
    );
}

#[test]
fn an_upload_in_tiny_pieces_and_its_answer_are_neither_lost_nor_waited_for() {
    on_every_runtime(|seed| side_by_side(8, move |number| upload(seed ^ number << 32)));
}
