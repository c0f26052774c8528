//! Upstreams behind TLS, which speak HTTP/2 where they like, as the binary reaches them.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::channel::{Channel, Sender};
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::support::{Gateway, Runtime, TOKEN, chat, request};

const ASK: &str = r#"{"model":"m"}"#;
const STREAM: &str = r#"{"model":"m","stream":true}"#;

/// An upstream with a certificate that its own authority has signed: itself.
pub(crate) struct Secure {
    pub(crate) base_url: String,
    pub(crate) certificate: tempfile::NamedTempFile,
    connections: Arc<AtomicUsize>,
    /// Requests whose client left before the answer was complete.
    abandoned: Arc<AtomicUsize>,
}

impl Secure {
    pub(crate) fn start(protocol: &'static str) -> Self {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(certificate.path(), pem(own.cert.der())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let secure = Self {
            base_url: format!("https://localhost:{}/v1", listener.local_addr().unwrap().port()),
            certificate,
            connections: Arc::default(),
            abandoned: Arc::default(),
        };
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let mut tls = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        tls.alpn_protocols = vec![protocol.into()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let (connections, abandoned) = (Arc::clone(&secure.connections), Arc::clone(&secure.abandoned));
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
                    let (acceptor, connections, abandoned) =
                        (acceptor.clone(), Arc::clone(&connections), Arc::clone(&abandoned));
                    tokio::spawn(async move {
                        let Ok(stream) = acceptor.accept(stream).await else {
                            return;
                        };
                        connections.fetch_add(1, Ordering::SeqCst);
                        if protocol == "h2" {
                            serve_http2(stream, abandoned).await;
                        } else {
                            serve_http1(stream).await;
                        }
                    });
                }
            });
        });
        secure
    }

    fn gateway(&self) -> Gateway {
        let routes = json!([{"token": TOKEN, "base_url": self.base_url, "api_keys": ["up-SECRET-1"]}]).to_string();
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

/// Says what it was asked; a stream goes on for as long as somebody listens.
async fn serve_http2(stream: TlsStream<TcpStream>, abandoned: Arc<AtomicUsize>) {
    let service = service_fn(|request: Request<Incoming>| {
        let abandoned = Arc::clone(&abandoned);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let streams = memchr::memmem::find(&body, b"stream").is_some();
            let (sender, channel) = Channel::<Bytes, Infallible>::new(1);
            if streams {
                tokio::spawn(talk(sender, abandoned));
                let answer = Response::builder().header("content-type", "text/event-stream");
                return Ok::<_, Infallible>(answer.body(channel.boxed()).unwrap());
            }
            let asked =
                json!({"version": format!("{:?}", head.version), "path": head.uri.path(), "length": body.len()});
            let answer = Response::builder().header("content-type", "application/json");
            Ok(answer.body(Full::from(asked.to_string()).boxed()).unwrap())
        }
    });
    let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _ = serving.serve_connection(TokioIo::new(stream), service).await;
}

async fn talk(mut sender: Sender<Bytes, Infallible>, abandoned: Arc<AtomicUsize>) {
    let event = Bytes::from_static(b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n");
    while sender.send(Frame::data(event.clone())).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    abandoned.fetch_add(1, Ordering::SeqCst);
}

async fn serve_http1(mut stream: TlsStream<TcpStream>) {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        while !bytes.ends_with(ASK.as_bytes()) {
            match stream.read(&mut buffer).await {
                Ok(read @ 1..) => bytes.extend_from_slice(&buffer[..read]),
                _ => return,
            }
        }
        bytes.clear();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"fine\":1}";
        stream.write_all(answer).await.unwrap();
        stream.flush().await.unwrap();
    }
}

#[test]
fn requests_share_one_connection_of_http_2() {
    let upstream = Secure::start("h2");
    let gateway = upstream.gateway();
    assert_eq!(gateway.chat(ASK).json()["version"], "HTTP/2.0");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(gateway.chat(ASK).json()["path"], "/v1/chat/completions"));
        }
    });
    assert_eq!(upstream.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_client_that_leaves_a_stream_of_http_2_ends_it_upstream() {
    let upstream = Secure::start("h2");
    let gateway = upstream.gateway();
    let mut exchange = gateway.open(chat("", STREAM));
    exchange.wait_for("\"x\"");
    exchange.leave();
    while upstream.abandoned.load(Ordering::SeqCst) == 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(gateway.chat(ASK).status, 200);
    assert_eq!(upstream.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_long_upload_passes_over_http_2() {
    let upstream = Secure::start("h2");
    let gateway = upstream.gateway();
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
    let gateway = upstream.gateway();
    for _ in 0..3 {
        assert_eq!(gateway.chat(ASK).text(), "{\"fine\":1}");
    }
    assert_eq!(upstream.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn an_upstream_that_nobody_vouches_for_gets_no_key() {
    let upstream = Secure::start("http/1.1");
    let routes = json!([{"token": TOKEN, "base_url": upstream.base_url, "api_keys": ["up-SECRET-1"]}]);
    let gateway = Gateway::with_routes(Runtime::Native, &routes);
    assert_eq!(gateway.chat(ASK).error(), (502, "upstream_unreachable".into()));
    gateway.wait_for_log("invalid peer certificate");
    assert_eq!(upstream.connections.load(Ordering::SeqCst), 0);
}
