//! Listening: connections in, the core's answers out, and leaving in good order.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::cli::{runtime, say, variable};
use super::client::Client;
use super::log::{self, Entry};
use super::outgoing::Outgoing;
use super::reload::keep_reading;
use super::unparsed::{Answering, Explained, Notes};
use super::{Native, socket};
use crate::config::{Config, LogFormat, Server};
use crate::error::{Error, Kind};
use crate::gateway::{Answer, Body, Gateway, State};

const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Above the core's own limit for heads, which can say what is wrong. It is also the most that waits for a slow client.
const HEAD_BUFFER: usize = 64 * 1024;
const MAX_HEADERS: usize = 512;

/// Serves until the process is told to stop. `reloads`: whether the configuration may be read again meanwhile.
pub(super) fn run(config: Config, server: &Server, reloads: bool) -> Result<(), String> {
    let client = Client::new(variable("SSL_CERT_FILE").as_deref())?;
    let (table, config) = watch::channel(Arc::new(config));
    let state = Serving {
        config,
        memory: Arc::default(),
        native: Native { client },
        admission: Arc::new(Semaphore::new(server.max_concurrent)),
        log_format: server.log_format,
        sockets: watch::Sender::new(0),
    };
    runtime()?.block_on(async {
        if reloads {
            tokio::spawn(keep_reading(table));
        }
        tokio::spawn(log::keep_writing());
        let served = listen(state, server).await;
        log::flush();
        served
    })
}

async fn listen(state: Serving, server: &Server) -> Result<(), String> {
    let address = (server.host.trim_matches(['[', ']']), server.port);
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let hint = if error.kind() == std::io::ErrorKind::AddrInUse {
            "; stop what uses it, or set PORT to another one"
        } else {
            ""
        };
        format!("cannot listen on {}:{}: {error}{hint}", server.host, server.port)
    })?;
    let bound = listener.local_addr().map_err(|error| error.to_string())?;
    let stop = |kind| signal(kind).map_err(|error| format!("signals cannot be handled: {error}"));
    let (mut terminate, mut interrupt) = (stop(SignalKind::terminate())?, stop(SignalKind::interrupt())?);
    say(&format!(
        "ai-gateway {} listens on http://{bound}",
        env!("CARGO_PKG_VERSION")
    ));

    let connections = GracefulShutdown::new();
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BUFFER)
        .max_headers(MAX_HEADERS);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BUFFER as u32)
        .max_send_buf_size(HEAD_BUFFER);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Without it small chunks wait for the peer's delayed ACK.
                    let _ = stream.set_nodelay(true);
                    let (state, explaining) = (state.clone(), state.clone());
                    let explain = move |error| explaining.explain(error);
                    let notes = Arc::<Notes>::default();
                    let noted = Arc::clone(&notes);
                    let service = service_fn(move |request| {
                        let (state, notes) = (state.clone(), Arc::clone(&noted));
                        // Boxed, so that a connection holds no room for a request while it serves none.
                        Box::pin(async move { Ok::<_, Infallible>(state.answer(request, &notes).await) })
                    });
                    let io = TokioIo::new(Explained::new(stream, explain, notes));
                    let connection = connections.watch(http.serve_connection_with_upgrades(io, service).into_owned());
                    tokio::spawn(async move { drop(connection.await) });
                }
                // Out of file descriptors, most likely: others will be closed soon.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    state.memory.drain();
    drop(listener);
    let limit = server.drain_timeout;
    let mut sockets = state.sockets.subscribe();
    let drained = async {
        connections.shutdown().await;
        let _ = sockets.wait_for(|open| *open == 0).await;
    };
    say(&format!(
        "stopping: open requests may finish for {} s; a second signal stops at once",
        limit.as_secs()
    ));
    tokio::select! {
        () = drained => {}
        () = tokio::time::sleep(limit) => say("stopped before every request had finished"),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// What an answer holds until it has gone out.
pub(super) type Held = (Option<OwnedSemaphorePermit>, Answering);

/// An answer's body, or that of a head behind which a WebSocket begins.
type Sent = Either<Outgoing, Empty<Bytes>>;

/// What every request needs.
#[derive(Clone)]
struct Serving {
    config: watch::Receiver<Arc<Config>>,
    memory: Arc<State>,
    native: Native,
    admission: Arc<Semaphore>,
    log_format: LogFormat,
    /// How many WebSockets are open.
    sockets: watch::Sender<usize>,
}

impl Serving {
    /// A gateway with the table that is served now. What it begins with it keeps.
    fn gateway(&self) -> Gateway<Native> {
        Gateway::new(
            self.config.borrow().clone(),
            Arc::clone(&self.memory),
            self.native.clone(),
        )
    }

    async fn answer(&self, mut request: Request<Incoming>, notes: &Arc<Notes>) -> Response<Sent> {
        let (two_lengths, answering) = (notes.take_two_lengths(), notes.answering());
        let client = hyper::upgrade::on(&mut request);
        let health = request.uri().path() == "/health";
        let permit = Arc::clone(&self.admission).try_acquire_owned().ok();
        let answer = if permit.is_none() && !health {
            let error = Error::new(
                Kind::Overloaded,
                "The gateway serves as many requests as it may; try again in a second.",
            );
            self.gateway().refuse(request.headers(), error)
        } else if two_lengths {
            let message = "The request has both Transfer-Encoding and Content-Length; send one of them.";
            self.gateway()
                .refuse(request.headers(), Error::new(Kind::MalformedRequest, message))
        } else {
            self.gateway().handle(request).await
        };
        let Answer { response, record } = answer;
        let log = Entry::new(self.log_format, record);
        let (mut head, body) = response.into_parts();
        let body = match body {
            Body::Socket(socket) => {
                let upstream = head
                    .extensions
                    .remove()
                    .unwrap_or_else(|| hyper::upgrade::on(Request::new(())));
                self.open_socket(client, upstream, socket.idle_timeout, log, (permit, answering));
                return Response::from_parts(head, Either::Right(Empty::new()));
            }
            body => body,
        };
        if let Body::Full(bytes) = &body
            && !matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        {
            head.headers.insert(header::CONTENT_LENGTH, bytes.len().into());
        }
        Response::from_parts(head, Either::Left(Outgoing::new(body, log, (permit, answering))))
    }

    /// Moves what both sides of a WebSocket say, beside the connection that it began on.
    fn open_socket(&self, client: OnUpgrade, upstream: OnUpgrade, idle: Duration, mut log: Entry, held: Held) {
        let sockets = self.sockets.clone();
        sockets.send_modify(|open| *open += 1);
        tokio::spawn(async move {
            socket::join(client, upstream, idle, &mut log).await;
            drop((log, held));
            sockets.send_modify(|open| *open -= 1);
        });
    }
}

impl Serving {
    /// A refusal as it goes over an HTTP/1.1 connection that is closed behind it.
    fn explain(&self, error: Error) -> Vec<u8> {
        let Answer { response, record } = self.gateway().refuse(&HeaderMap::new(), error);
        let (head, body) = response.into_parts();
        let body = if let Body::Full(body) = body {
            body
        } else {
            Bytes::new()
        };
        let mut log = Entry::new(self.log_format, record);
        log.bytes = body.len() as u64;
        log.first_byte = Some(log::now());
        log.complete = true;
        let mut text = format!(
            "HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n",
            head.status,
            body.len()
        )
        .into_bytes();
        for (name, value) in &head.headers {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(&body);
        text
    }
}
