//! Connections to upstreams: directly or through the proxy that the environment names, with TLS where the address wants it.

use std::error::Error as StdError;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::Matcher;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Opens connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connector {
    http: HttpConnector,
    matcher: Arc<Matcher>,
    /// Offers HTTP/2 as well.
    any: Arc<ClientConfig>,
    http1: Arc<ClientConfig>,
}

impl Connector {
    /// A connector that trusts the Mozilla roots, and those in the PEM file `extra_roots` as well.
    pub(super) fn new(extra_roots: Option<&str>, proxies: Matcher) -> Result<Self, String> {
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
        let mut http1 = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut any = http1.clone();
        any.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(Duration::from_secs(60)));
        Ok(Self {
            http,
            matcher: Arc::new(proxies),
            any: Arc::new(any),
            http1: Arc::new(http1),
        })
    }

    /// What a proxy that reads requests wants to be told with each of them.
    pub(super) fn credentials(&self, uri: &Uri) -> Option<HeaderValue> {
        if uri.scheme() != Some(&Scheme::HTTP) {
            return None;
        }
        self.matcher.intercept(uri)?.basic_auth().cloned()
    }

    /// Opens a connection. `only_http1`: HTTP/2 is not offered.
    pub(super) async fn connect(&self, uri: &Uri, only_http1: bool) -> Result<Io, BoxError> {
        let (tcp, proxied) = self.reach(uri).await?;
        if uri.scheme() != Some(&Scheme::HTTPS) {
            return Ok(Io::Plain { tcp, proxied });
        }
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let name = ServerName::try_from(host)?.to_owned();
        let config = if only_http1 { &self.http1 } else { &self.any };
        let tls = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await?;
        Ok(Io::Tls(Box::new(tls)))
    }

    /// A connection to the host, or to a proxy that wants to be told the whole address.
    async fn reach(&self, uri: &Uri) -> Result<(TcpStream, bool), BoxError> {
        let mut http = self.http.clone();
        let Some(proxy) = self.matcher.intercept(uri) else {
            return Ok((http.call(uri.clone()).await?.into_inner(), false));
        };
        let address = proxy.uri().clone();
        let tcp = if address.scheme_str().is_some_and(|scheme| scheme.starts_with("socks5")) {
            let local_dns = address.scheme_str() == Some("socks5");
            let mut socks = SocksV5::new(address, http).local_dns(local_dns);
            if let Some((user, password)) = proxy.raw_auth() {
                socks = socks.with_auth(user.to_owned(), password.to_owned());
            }
            socks.call(uri.clone()).await?
        } else if uri.scheme() == Some(&Scheme::HTTPS) {
            let mut tunnel = Tunnel::new(address, http);
            if let Some(credentials) = proxy.basic_auth() {
                tunnel = tunnel.with_auth(credentials.clone());
            }
            tunnel.call(uri.clone()).await?
        } else {
            return Ok((http.call(address).await?.into_inner(), true));
        };
        Ok((tcp.into_inner(), false))
    }
}

/// A connection to an upstream.
pub(super) enum Io {
    Plain {
        tcp: TcpStream,
        /// It leads to a proxy that reads requests.
        proxied: bool,
    },
    Tls(Box<TlsStream<TcpStream>>),
}

impl Io {
    pub(super) const fn is_proxied(&self) -> bool {
        matches!(self, Self::Plain { proxied: true, .. })
    }

    pub(super) fn speaks_http2(&self) -> bool {
        match self {
            Self::Plain { .. } => false,
            Self::Tls(tls) => tls.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }

    /// Whether nothing came over a connection on which nothing was asked: it is neither closed nor confused.
    pub(super) fn is_silent(&mut self) -> bool {
        let mut byte = [0];
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(self)
            .poll_read(&mut context, &mut ReadBuf::new(&mut byte))
            .is_pending()
    }
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_read(context, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_write(context, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_flush(context),
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_shutdown(context),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_write_vectored(context, slices),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
