use std::io::{Read, Write};

use super::*;

/// Both ends of a connection.
async fn connected() -> (Connection, std::net::TcpStream) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (io, _) = listener.accept().await.unwrap();
    (Connection::new(io, Duration::from_secs(60)), client)
}

/// The head of a request that waits for leave to send its body of two bytes has come.
async fn asked(client: &mut std::net::TcpStream, connection: &Connection) {
    let head = b"POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    client.write_all(head).unwrap();
    let begun = poll_fn(|context| connection.poll_begun(context)).await;
    assert!(matches!(begun, Ok(Begun::Request(_))));
}

/// Fills the connection until it takes nothing. How much it took.
fn fill(connection: &Connection) -> usize {
    let mut filled = 0;
    while let Ok(written) = connection.to.try_write(&[b'x'; 4096]) {
        filled += written;
    }
    filled
}

#[tokio::test]
async fn leave_to_send_a_body_is_given_when_there_is_room_for_it() {
    let (connection, mut client) = connected().await;
    let connection = Arc::new(connection);
    let filled = fill(&connection);
    asked(&mut client, &connection).await;
    let (mut body, mut out) = (RequestBody(Arc::clone(&connection)), BytesMut::new());
    let reader = std::thread::spawn(move || {
        let mut read = vec![0; filled + CONTINUE.len()];
        client.read_exact(&mut read).unwrap();
        client.write_all(b"ok").unwrap();
        read.split_off(filled)
    });
    let read = poll_fn(|context| body.poll_fill(&mut out, context)).await.unwrap();
    assert_eq!((read, &out[..]), (2, &b"ok"[..]));
    assert_eq!(reader.join().unwrap(), CONTINUE);
    assert_eq!(connection.answers(), b"");
}

#[tokio::test]
async fn an_answer_comes_behind_all_of_an_interim_one_or_without_it() {
    let (connection, mut client) = connected().await;
    let connection = Arc::new(connection);
    asked(&mut client, &connection).await;
    // Nothing of it has gone out.
    assert_eq!(connection.answers(), b"");
    connection.reading().interim = &CONTINUE[7..];
    assert_eq!(connection.answers(), &CONTINUE[7..]);
    assert_eq!(connection.answers(), b"");
}

#[tokio::test]
async fn a_body_that_comes_unasked_is_read_though_there_is_no_room_to_ask_for_it() {
    let (connection, mut client) = connected().await;
    let connection = Arc::new(connection);
    fill(&connection);
    asked(&mut client, &connection).await;
    let (mut body, mut out) = (RequestBody(Arc::clone(&connection)), BytesMut::new());
    let waits = |context: &mut Context<'_>| Poll::Ready(body.poll_fill(&mut out, context).is_pending());
    assert!(poll_fn(waits).await);
    client.write_all(b"ok").unwrap();
    let read = poll_fn(|context| body.poll_fill(&mut out, context)).await.unwrap();
    assert_eq!(read, 2);
}
