//! Upstreams behind TLS, which speak HTTP/2 where they like, as the binary reaches them.

use std::collections::VecDeque;
use std::error::Error;
use std::io::Read;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::support::upstream::Upstream;
use crate::support::{Gateway, Runtime, TOKEN, chat, request, route};

const ASK: &str = r#"{"model":"m"}"#;

/// An upstream with a certificate that its own authority has signed: itself.
pub(crate) struct Secure {
    pub(crate) base_url: String,
    pub(crate) certificate: tempfile::NamedTempFile,
    pub(crate) seen: Arc<Seen>,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicUsize,
    asked: AtomicUsize,
    /// Requests whose client left before the answer was complete.
    abandoned: AtomicUsize,
    /// What resets give as their reason.
    reason: AtomicU32,
    /// Bytes of endless streams.
    pub(crate) sent: AtomicUsize,
}

impl Secure {
    pub(crate) fn start(protocol: &'static str) -> Self {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned(), "upstream.example".to_owned()]).unwrap();
        Self::with(protocol, own.cert.der(), own.signing_key.serialize_der())
    }

    /// An upstream with this certificate and its key.
    pub(crate) fn with(protocol: &'static str, own: &CertificateDer<'static>, key: Vec<u8>) -> Self {
        let certificate = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(certificate.path(), pem(own)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let secure = Self {
            base_url: format!("https://localhost:{}/v1", listener.local_addr().unwrap().port()),
            certificate,
            seen: Arc::default(),
        };
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::try_from(key).unwrap();
        let key = ring.key_provider.load_private_key(key).unwrap();
        // Whatever the certificate is.
        let own = SingleCertAndKey::from(CertifiedKey::new(vec![own.clone()], key));
        let mut tls = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(own));
        tls.alpn_protocols = vec![protocol.into()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let seen = Arc::clone(&secure.seen);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                    tokio::spawn(async move {
                        let Ok(stream) = acceptor.accept(stream).await else {
                            return;
                        };
                        seen.connections.fetch_add(1, Ordering::SeqCst);
                        if protocol == "h2" {
                            let service = service_fn(|request| reply(request, Arc::clone(&seen)));
                            let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                            let _ = serving.serve_connection(TokioIo::new(stream), service).await;
                        } else {
                            serve_http1(stream, seen).await;
                        }
                    });
                }
            });
        });
        secure
    }

    /// A gateway with one route to it, what `fields` adds to that, and `others`.
    pub(crate) fn gateway(&self, fields: &Value, others: &[Value]) -> Gateway {
        let mut own = json!({"token": TOKEN, "base_url": self.base_url, "api_keys": ["up-SECRET-1", "up-SECRET-2"]});
        own.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let routes = json!([&[own], others].concat()).to_string();
        let roots = self.certificate.path().to_str().unwrap();
        Gateway::start(
            Runtime::Native,
            &[("GATEWAY_ROUTES", &routes), ("SSL_CERT_FILE", roots)],
        )
    }
}

fn pem(certificate: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// What there is of an answer, and how it ends.
#[derive(Clone, Copy)]
enum End {
    Whole,
    Reset(Reason),
    /// Nothing more comes.
    Stall,
    /// The same again and again, as fast as it is taken.
    Endless,
}

struct Play {
    pieces: VecDeque<Bytes>,
    end: End,
    /// What has not gone out before a reset never does.
    pause: Option<Pin<Box<Sleep>>>,
    seen: Arc<Seen>,
}

impl Body for Play {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let Some(piece) = self.pieces.pop_front() else {
            return match self.end {
                End::Whole | End::Endless => Poll::Ready(None),
                End::Reset(reason) => {
                    let pause = || Box::pin(sleep(Duration::from_millis(200)));
                    let pause = self.pause.get_or_insert_with(pause);
                    pause.as_mut().poll(context).map(|()| Some(Err(reason.into())))
                }
                End::Stall => Poll::Pending,
            };
        };
        if let End::Endless = self.end {
            self.pieces.push_back(piece.clone());
            self.seen.sent.fetch_add(piece.len(), Ordering::SeqCst);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        if let End::Stall | End::Endless = self.end {
            self.seen.abandoned.fetch_add(1, Ordering::SeqCst);
        }
    }
}

const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n";
const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

/// Says what it was asked. What the model names goes wrong; what can be tried again does so every other time.
async fn reply(request: Request<Incoming>, seen: Arc<Seen>) -> Result<Response<Play>, Box<dyn Error + Send + Sync>> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        seen.abandoned.fetch_add(1, Ordering::SeqCst);
        return Err("the client has left".into());
    };
    let body = body.to_bytes();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let first = seen.asked.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
    let long = format!("data: {}\n\n", "x".repeat(8000));
    let reason = Reason::from(seen.reason.load(Ordering::SeqCst));
    let (kind, pieces, end) = match asked["model"].as_str() {
        Some("no head") if first => return Err("reset".into()),
        Some("refused") if first => return Err(Box::new(h2::Error::from(Reason::REFUSED_STREAM))),
        Some("no event") if first => ("text/event-stream", vec![": wait\n\n"], End::Reset(reason)),
        Some("half") if first => ("application/json", vec!["{\"half\":1}"], End::Reset(reason)),
        Some("cut") => ("text/event-stream", vec![EVENT], End::Reset(reason)),
        Some("cut behind stop") => ("text/event-stream", vec![EVENT, STOP], End::Reset(reason)),
        Some("stall") => ("text/event-stream", vec![EVENT], End::Stall),
        Some("endless") => ("text/event-stream", vec![&*long], End::Endless),
        Some("long") => ("text/event-stream", vec![&*long, "data: [DONE]\n\n"], End::Whole),
        _ if head.uri.path().ends_with("/endless/content") => ("application/octet-stream", vec![&*long], End::Endless),
        _ if head.uri.path().ends_with("/content") => ("application/octet-stream", vec!["half"], End::Reset(reason)),
        _ => ("application/json", vec![], End::Whole),
    };
    let mut play = Play {
        pieces: pieces
            .iter()
            .map(|piece| Bytes::copy_from_slice(piece.as_bytes()))
            .collect(),
        end,
        pause: None,
        seen,
    };
    if asked["model"] == "silent" {
        play.end = End::Stall;
        std::future::pending::<()>().await;
    }
    if play.pieces.is_empty() {
        let asked = json!({"version": format!("{:?}", head.version), "path": head.uri.path(), "length": body.len()});
        play.pieces.push_back(asked.to_string().into());
    }
    Ok(Response::builder().header("content-type", kind).body(play).unwrap())
}

async fn serve_http1(mut stream: TlsStream<TcpStream>, seen: Arc<Seen>) {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        while !bytes.ends_with(b"}") {
            match stream.read(&mut buffer).await {
                Ok(read @ 1..) => bytes.extend_from_slice(&buffer[..read]),
                _ => return,
            }
        }
        let first = seen.asked.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
        if first && memchr::memmem::find(&bytes, b"no head").is_some() {
            return;
        }
        bytes.clear();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"fine\":1}";
        stream.write_all(answer).await.unwrap();
        stream.flush().await.unwrap();
    }
}

pub(crate) fn stream(model: &str) -> String {
    json!({"model": model, "stream": true}).to_string()
}

fn within_a_minute(done: impl Fn() -> bool) -> bool {
    (0..1200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        done()
    })
}

#[test]
fn requests_share_one_connection_of_http_2() {
    let upstream = Secure::start("h2");
    let gateway = upstream.gateway(&json!({}), &[]);
    assert_eq!(gateway.chat(ASK).json()["version"], "HTTP/2.0");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(gateway.chat(ASK).json()["path"], "/v1/chat/completions"));
        }
    });
    assert_eq!(upstream.seen.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_request_over_http_2_ends_within_a_second_of_its_clients_leaving() {
    let upstream = Secure::start("h2");
    // The second is the gateway's own: the time limit of another request, which is sent when the client has left.
    let slow = Upstream::start(|_, to| to.hang());
    // With another key the first event would come by another way.
    let fields = json!({"api_keys": ["up-SECRET-1"]});
    let gateway = upstream.gateway(&fields, &[route("gw-SECRET-b", &slow, json!({"timeout": 1}))]);
    for model in ["stall", "silent"] {
        let was_first = || {
            let seen = || [&upstream.seen.asked, &upstream.seen.abandoned].map(|count| count.load(Ordering::SeqCst));
            let [asked, abandoned] = seen();
            let mut exchange = gateway.open(chat("", &stream(model)));
            if model == "stall" {
                exchange.wait_for("\"x\"");
            }
            assert!(within_a_minute(|| seen()[0] > asked), "no request came");
            exchange.leave();
            let late = gateway.raw(request("POST", "/v1/chat/completions", "gw-SECRET-b", "", ASK));
            assert_eq!(late.error(), (504, "upstream_timeout".into()));
            seen()[1] > abandoned
        };
        // A machine that stands still for that second lets both happen at once, in any order.
        assert!((0..3).any(|_| was_first()), "{model}");
    }
    assert_eq!(upstream.seen.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_client_that_leaves_in_the_middle_of_an_upload_ends_it_over_http_2() {
    let upstream = Secure::start("h2");
    let gateway = upstream.gateway(&json!({}), &[]);
    let head = request("POST", "/v1/files", TOKEN, "transfer-encoding: chunked\r\n", "");
    let mut exchange = gateway.open(head.replace("content-length: 0\r\n", ""));
    // More than is kept to be sent again.
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
    for _ in 0..12 {
        exchange.send(chunk.as_bytes()).unwrap();
    }
    exchange.leave();
    let left = || upstream.seen.abandoned.load(Ordering::SeqCst) > 0;
    assert!(within_a_minute(left), "nobody left");
}

#[test]
fn what_breaks_over_http_2_is_tried_elsewhere_or_told() {
    // What is no error to HTTP/2 is one to whoever has half of an answer.
    for reason in [Reason::INTERNAL_ERROR, Reason::NO_ERROR, Reason::CANCEL] {
        assert_breaks_are_noticed(reason);
    }
}

fn assert_breaks_are_noticed(reason: Reason) {
    let upstream = Secure::start("h2");
    upstream.seen.reason.store(reason.into(), Ordering::SeqCst);
    let gateway = upstream.gateway(&json!({"idle_timeout": 1}), &[]);
    // On a new connection, and on one that others use.
    for model in ["no head", "no head", "no event", "half"] {
        let asked = json!({"model": model, "stream": model == "no event"});
        let answer = gateway.chat(&asked.to_string());
        assert_eq!(
            (answer.status, answer.field("x-gateway-attempts")),
            (200, Some("2")),
            "{model}"
        );
        assert_eq!(answer.json()["path"], "/v1/chat/completions");
    }
    for (model, begun) in [("cut", EVENT.to_owned()), ("stall", EVENT.to_owned())] {
        let text = gateway.chat(&stream(model)).text();
        let told = text
            .strip_prefix(&begun)
            .is_some_and(|rest| rest.contains("\"upstream_stream_truncated\""));
        assert!(told, "{model}: {text}");
    }
    // Every choice has said why it ended.
    assert_eq!(gateway.chat(&stream("cut behind stop")).text(), [EVENT, STOP].concat());
    let (_, mut body) = gateway
        .open(request("GET", "/v1/files/file-1/content", TOKEN, "", ""))
        .arriving();
    assert!(body.read_to_end(&mut Vec::new()).is_err(), "half a file looks whole");
    // One for streams, of which little is read ahead, and one for the rest; and another one behind each of the four failures.
    assert_eq!(upstream.seen.connections.load(Ordering::SeqCst), 6);
}

#[test]
fn what_an_upstream_of_http_2_has_not_begun_with_is_sent_again() {
    let upstream = Secure::start("h2");
    let gateway = upstream.gateway(&json!({"api_keys": ["up-SECRET-1"]}), &[]);
    // A connection that is used already may be closing. The second one is to be refused.
    for model in ["other", "other", "refused"] {
        let answer = gateway.chat(&json!({"model": model}).to_string());
        assert_eq!(
            (answer.status, answer.field("x-gateway-attempts")),
            (200, Some("1")),
            "{model}"
        );
    }
    assert_eq!(upstream.seen.asked.load(Ordering::SeqCst), 4);
}

#[test]
fn a_stream_of_http_2_passes_byte_for_byte() {
    let upstream = Secure::start("h2");
    let text = upstream.gateway(&json!({}), &[]).chat(&stream("long")).text();
    assert_eq!(text, format!("data: {}\n\ndata: [DONE]\n\n", "x".repeat(8000)));
}

#[test]
fn a_connection_behind_tls_that_breaks_before_the_head_is_tried_elsewhere() {
    let upstream = Secure::start("http/1.1");
    let answer = upstream.gateway(&json!({}), &[]).chat(r#"{"model":"no head"}"#);
    assert_eq!((answer.status, answer.field("x-gateway-attempts")), (200, Some("2")));
}

#[test]
fn a_long_upload_passes_over_http_2() {
    let upstream = Secure::start("h2");
    let gateway = upstream.gateway(&json!({}), &[]);
    let body = "x".repeat(12 * 1024 * 1024);
    let answer = gateway.raw(request(
        "POST",
        "/v1/files",
        TOKEN,
        "content-type: text/plain\r\n",
        &body,
    ));
    assert_eq!(answer.json()["length"], body.len());
}

#[test]
fn a_connection_of_http_1_behind_tls_is_used_again() {
    let upstream = Secure::start("http/1.1");
    let gateway = upstream.gateway(&json!({}), &[]);
    for _ in 0..3 {
        assert_eq!(gateway.chat(ASK).text(), "{\"fine\":1}");
    }
    assert_eq!(upstream.seen.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn an_upstream_that_nobody_vouches_for_gets_no_key() {
    let upstream = Secure::start("http/1.1");
    let routes = json!([{"token": TOKEN, "base_url": upstream.base_url, "api_keys": ["up-SECRET-1"]}]);
    let gateway = Gateway::with_routes(Runtime::Native, &routes);
    assert_eq!(gateway.chat(ASK).error(), (502, "upstream_unreachable".into()));
    gateway.wait_for_log("invalid peer certificate");
    assert_eq!(upstream.seen.connections.load(Ordering::SeqCst), 0);
}
