//! The way to upstreams: pooled HTTP/1.1 and HTTP/2 over rustls, through the proxy that the environment names.

use std::error::Error as StdError;
use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use http::{Extensions, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{
    CaptureConnection, Connected, Connection, HttpConnector, capture_connection,
};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::net::TcpStream;
use tower_service::Service;

use super::sent::{Progress, Sent};
use crate::platform::{Fault, Limits, Payload};

type Stack = HttpsConnector<Connector>;
type BoxError = Box<dyn StdError + Send + Sync>;

/// Below the keep-alive of common servers (nginx: 75 s), so that a connection is rarely used while it closes.
const POOL_IDLE: Duration = Duration::from_secs(55);

/// The most that is read ahead of a slow client, for each stream.
const STREAM_BUFFER: usize = 64 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// A pooled client. Cheap to clone.
#[derive(Clone)]
pub(super) struct Client {
    inner: legacy::Client<Stack, Sent>,
    /// For WebSockets, which begin in HTTP/1.1 and take their connection with them.
    sockets: legacy::Client<Stack, Sent>,
    matcher: Arc<Matcher>,
}

impl Client {
    /// A client that trusts the Mozilla roots, and those in the PEM file `extra_roots` as well.
    pub(super) fn new(extra_roots: Option<&str>) -> Result<Self, String> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        if let Some(path) = extra_roots {
            let unusable = |why: String| format!("SSL_CERT_FILE names {path}, which cannot be used: {why}");
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))? {
                let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
                // A store with a certificate or two that rustls does not take is still a store.
                let _ = roots.add(certificate);
            }
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(Duration::from_secs(60)));
        let matcher = Arc::new(Matcher::from_env());
        let connector = Connector {
            http,
            matcher: Arc::clone(&matcher),
        };
        let secured = || {
            HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_or_http()
        };
        let sockets = legacy::Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(secured().enable_http1().wrap_connector(connector.clone()));
        let connector = secured().enable_all_versions().wrap_connector(connector);
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .http1_max_buf_size(STREAM_BUFFER)
            .http2_initial_stream_window_size(STREAM_BUFFER as u32)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .build(connector);
        Ok(Self {
            inner,
            sockets,
            matcher,
        })
    }

    /// Sends a request and returns when the head of the answer is there.
    pub(super) async fn send(
        &self,
        request: Request<Payload<Incoming>>,
        limits: Limits,
    ) -> Result<Response<Incoming>, Fault> {
        let (head, payload) = request.into_parts();
        let (body, progress) = Sent::new(payload);
        let mut request = Request::from_parts(head, body);
        if request.uri().scheme_str() == Some("http")
            && let Some(proxy) = self.matcher.intercept(request.uri())
            && let Some(credentials) = proxy.basic_auth()
        {
            request
                .headers_mut()
                .insert(http::header::PROXY_AUTHORIZATION, credentials.clone());
        }
        let upload = progress.map(|progress| Upload {
            connection: capture_connection(&mut request),
            progress,
        });
        let client = if request.headers().contains_key(http::header::UPGRADE) {
            &self.sockets
        } else {
            &self.inner
        };
        let answer = CONNECT_TIMEOUT.scope(limits.connect, client.request(request));
        let Some(upload) = upload else {
            return answer.await.map_err(|error| fault(&error));
        };
        let answer = tokio::select! {
            answer = answer => answer,
            () = upload.progress.stalled(limits.silence) => {
                let waits_for_client = upload.progress.waits_for_client();
                return Err(if waits_for_client { Fault::Client } else { Fault::Timeout });
            }
        };
        match answer {
            Err(_) if upload.progress.client_broke() => Err(Fault::Client),
            Err(error) => Err(fault(&error)),
            Ok(answer) => {
                if !upload.progress.is_over() {
                    // The answer came early: the rest of the body goes on as long as it moves.
                    tokio::spawn(async move { upload.progress.stalled(limits.silence).await });
                }
                Ok(answer)
            }
        }
    }
}

/// A body on its way. When this is dropped before the body's end, its connection ends: hyper alone would notice that
/// nobody waits any more only when the upstream takes the next bytes.
struct Upload {
    connection: CaptureConnection,
    progress: Progress,
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.progress.is_over() {
            return;
        }
        // Others use the same connection in HTTP/2, which tells the upstream by itself.
        if let Some(connected) = &*self.connection.connection_metadata()
            && !connected.is_negotiated_h2()
        {
            let mut extras = Extensions::new();
            connected.get_extras(&mut extras);
            if let Some(breaker) = extras.get::<Breaker>() {
                breaker.trip();
            }
        }
    }
}

/// Breaks a connection off, whatever it waits for.
#[derive(Clone, Default)]
struct Breaker(Arc<(AtomicBool, AtomicWaker)>);

impl Breaker {
    fn trip(&self) {
        self.0.0.store(true, Ordering::Release);
        self.0.1.wake();
    }

    /// To be asked before every write.
    fn check(&self, context: &Context<'_>) -> std::io::Result<()> {
        self.0.1.register(context.waker());
        if self.0.0.load(Ordering::Acquire) {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

fn fault(error: &legacy::Error) -> Fault {
    let cause = cause(error);
    if error.is_connect() {
        Fault::Connect(cause)
    } else {
        Fault::Reset(cause)
    }
}

tokio::task_local! {
    /// The route's limit for the connection that its request may need.
    static CONNECT_TIMEOUT: Duration;
}

/// The innermost cause of an error: what the operating system or the peer said.
pub(super) fn cause(error: &dyn StdError) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Opens connections, directly or through the proxy for the address.
#[derive(Clone)]
struct Connector {
    http: HttpConnector,
    matcher: Arc<Matcher>,
}

impl Connector {
    async fn connect(mut http: HttpConnector, proxy: Option<Intercept>, uri: Uri) -> Result<Stream, BoxError> {
        let Some(proxy) = proxy else {
            return Ok(Stream::new(http.call(uri).await?, false));
        };
        let address = proxy.uri().clone();
        let socks = address.scheme_str().is_some_and(|scheme| scheme.starts_with("socks5"));
        let io = if socks {
            let local_dns = address.scheme_str() == Some("socks5");
            let mut socks = SocksV5::new(address, http).local_dns(local_dns);
            if let Some((user, password)) = proxy.raw_auth() {
                socks = socks.with_auth(user.to_owned(), password.to_owned());
            }
            socks.call(uri).await?
        } else if uri.scheme_str() == Some("https") {
            let mut tunnel = Tunnel::new(address, http);
            if let Some(credentials) = proxy.basic_auth() {
                tunnel = tunnel.with_auth(credentials.clone());
            }
            tunnel.call(uri).await?
        } else {
            return Ok(Stream::new(http.call(address).await?, true));
        };
        Ok(Stream::new(io, false))
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.http.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = Self::connect(self.http.clone(), self.matcher.intercept(&uri), uri);
        match CONNECT_TIMEOUT.try_with(|limit| *limit) {
            Ok(limit) => Box::pin(async move {
                let late = |_| BoxError::from(format!("no connection within {} seconds", limit.as_secs_f64()));
                tokio::time::timeout(limit, connecting).await.map_err(late)?
            }),
            Err(_) => Box::pin(connecting),
        }
    }
}

/// A connection, and whether requests on it must name the whole address (RFC 9112 section 3.2.2).
struct Stream {
    io: TokioIo<TcpStream>,
    proxied: bool,
    breaker: Breaker,
}

impl Stream {
    fn new(io: TokioIo<TcpStream>, proxied: bool) -> Self {
        Self {
            io,
            proxied,
            breaker: Breaker::default(),
        }
    }

    /// An upstream that answers early and closes makes writing fail while its answer waits to be read. What it does not take
    /// is dropped then; reading tells the rest.
    fn dropped(error: std::io::Error, length: usize) -> std::io::Result<usize> {
        match error.kind() {
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => Ok(length),
            _ => Err(error),
        }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = self.io.connected().proxy(self.proxied);
        connected.extra(self.breaker.clone())
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.breaker.check(context)?;
        let written = ready!(Pin::new(&mut self.io).poll_write(context, bytes));
        Poll::Ready(written.or_else(|error| Self::dropped(error, bytes.len())))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.breaker.check(context)?;
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(context, buffers));
        let length = || buffers.iter().map(|buffer| buffer.len()).sum();
        Poll::Ready(written.or_else(|error| Self::dropped(error, length())))
    }
}
