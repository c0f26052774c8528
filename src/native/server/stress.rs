//! The whole way in one process: clients in, the core, an upstream behind it. Everything goes in tiny pieces, requests follow one
//! another on connections that are kept, and some clients leave in the middle. What one of them does shows in no other one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::connection;
use super::serving::Serving;
use crate::config::{Config, LogFormat, Server, Variables};
use crate::native::client::Client;
use crate::native::memory::Memory;
use crate::native::runtime::Native;
use crate::native::stress::{Dice, FOR_EVER, Messages, framed, on_every_runtime, side_by_side, write};

const TOKEN: &str = "gw-token-of-a-test";

/// The stream that the upstream makes of a number.
fn stream(number: u64) -> Vec<u8> {
    let mut dice = Dice::of(number);
    let mut out = String::new();
    for _ in 0..dice.length(20) {
        let length = dice.length(200);
        let event = json!({"choices": [{"index": 0, "delta": {"content": "w".repeat(length + 1)}}]});
        out.push_str(&format!("data: {event}\n\n"));
    }
    let last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    out.push_str(&format!("data: {last}\n\ndata: [DONE]\n\n"));
    out.into_bytes()
}

/// Gives back uploads, and makes streams of chats.
async fn upstream(listener: TcpListener, mut dice: Dice) {
    while let Ok((io, _)) = listener.accept().await {
        io.set_nodelay(true).unwrap();
        tokio::spawn(answer(io, dice.fork()));
    }
}

async fn answer(io: TcpStream, mut dice: Dice) -> std::io::Result<()> {
    let (from, mut to) = io.into_split();
    let mut requests = Messages::new(from, dice.fork());
    loop {
        let (head, body) = requests.message().await?;
        let (kind, body) = if head.starts_with("POST /v1/chat/completions ") {
            let asked: Value = serde_json::from_slice(&body).unwrap();
            ("text/event-stream", stream(asked["seed"].as_u64().unwrap()))
        } else {
            ("application/octet-stream", body)
        };
        let (fields, framed) = framed(&body, &mut dice);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{fields}\r\n");
        write(&mut to, &[head.as_bytes(), &framed].concat(), &mut dice).await?;
    }
}

/// A request, and the body of its answer.
fn exchange(dice: &mut Dice) -> (Vec<u8>, Vec<u8>) {
    let (path, body, expected) = if dice.once_in(2) {
        let number = dice.length(1_000_000) as u64;
        let ask = json!({"model": "m", "stream": true, "messages": [], "seed": number});
        ("/v1/chat/completions", ask.to_string().into_bytes(), stream(number))
    } else {
        // Now and then one that is too long to be kept, and goes on as it comes.
        let most = if dice.once_in(60) { 9 << 20 } else { 4000 };
        let length = if most > 4000 { most } else { dice.length(most).max(1) };
        let body = dice.bytes(length);
        ("/v1/files", body.clone(), body)
    };
    let kind = if path.ends_with("files") {
        "octet-stream"
    } else {
        "json"
    };
    let (fields, framed) = framed(&body, dice);
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/{kind}\r\n{fields}\r\n"
    );
    ([head.as_bytes(), &framed].concat(), expected)
}

/// One connection of a client.
async fn ask(io: TcpStream, mut dice: Dice) {
    io.set_nodelay(true).unwrap();
    let (from, mut to) = io.into_split();
    let mut answers = Messages::new(from, dice.fork());
    for _ in 0..10 {
        let (request, expected) = exchange(&mut dice);
        if dice.once_in(12) {
            // It leaves in the middle of its request, or of the answer.
            let sent = dice.length(request.len() * 2).min(request.len());
            let _ = write(&mut to, &request[..sent], &mut dice).await;
            dice.give_way().await;
            return;
        }
        let writing = async {
            write(&mut to, &request, &mut dice).await.unwrap();
        };
        let (answer, ()) = tokio::join!(answers.message(), writing);
        let (head, body) = answer.unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}{}", body.escape_ascii());
        assert!(
            body == expected,
            "{} bytes came instead of {}, or others",
            body.len(),
            expected.len()
        );
    }
}

async fn run(seed: u64) {
    let mut dice = Dice::of(seed);
    let behind = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", behind.local_addr().unwrap());
    let routes = json!([{"token": TOKEN, "base_url": base_url, "api_keys": ["key-of-a-test"]}]);
    let (_table, config) = watch::channel(Arc::new(Config::of_routes(&routes.to_string()).unwrap()));
    let server = Server {
        host: String::new(),
        port: 0,
        max_concurrent: 1000,
        drain_timeout: Duration::ZERO,
        send_timeout: FOR_EVER,
        body_memory: None,
        log_format: LogFormat::Json,
        trusted_proxies: Vec::new(),
    };
    let native = Native::new(
        Client::without_proxies(&Variables::default()).unwrap(),
        Memory::new(1 << 30),
    );
    let serving = Serving::new(config, native, &server);
    let serving_upstream = tokio::spawn(upstream(behind, dice.fork()));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let of_connections = serving.clone();
    let accepting = tokio::spawn(async move {
        while let Ok((io, from)) = listener.accept().await {
            io.set_nodelay(true).unwrap();
            tokio::spawn(connection::serve(io, of_connections.of_peer(from.ip())));
        }
    });
    side_by_side(12, move |number| async move {
        ask(
            TcpStream::connect(address).await.unwrap(),
            Dice::of(seed ^ number << 32),
        )
        .await;
    })
    .await;
    // Every request is over, those of clients that have left as well.
    serving.stop();
    serving.stopped().await;
    accepting.abort();
    serving_upstream.abort();
}

#[test]
fn requests_in_tiny_pieces_are_answered_whole_and_in_order_whoever_leaves_beside_them() {
    on_every_runtime(run);
}
