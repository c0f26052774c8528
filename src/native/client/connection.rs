//! A connection to an upstream, with or without TLS: what HTTP/1.1 and HTTP/2 are spoken over.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

/// A connection to an upstream, or to the proxy on the way to it.
pub(crate) struct Io {
    layer: Layer,
    opened: Instant,
}

/// The layer that bytes are written to.
enum Layer {
    Plain {
        tcp: TcpStream,
        /// Whether it leads to a proxy that reads requests.
        proxied: bool,
    },
    Tls(Box<TlsStream<TcpStream>>),
}

impl Io {
    /// A connection without TLS. `proxied`: whether it leads to a proxy that reads requests.
    pub(super) fn plain(tcp: TcpStream, proxied: bool) -> Self {
        Self {
            layer: Layer::Plain { tcp, proxied },
            opened: Instant::now(),
        }
    }

    /// A connection with TLS, after the handshake.
    pub(super) fn tls(tls: TlsStream<TcpStream>) -> Self {
        Self {
            layer: Layer::Tls(Box::new(tls)),
            opened: Instant::now(),
        }
    }

    /// Returns the moment at which it was opened.
    pub(super) const fn opened(&self) -> Instant {
        self.opened
    }

    /// Whether it leads to a proxy that reads requests, whose targets have to name the host (RFC 9112 section 3.2.2).
    pub(super) const fn is_proxied(&self) -> bool {
        matches!(self.layer, Layer::Plain { proxied: true, .. })
    }

    /// Whether both sides have agreed on HTTP/2 in the handshake of TLS.
    pub(super) fn speaks_http2(&self) -> bool {
        match &self.layer {
            Layer::Plain { .. } => false,
            Layer::Tls(tls) => tls.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }

    /// Whether nothing has come while no request was under way: such a connection is neither closed nor out of step.
    pub(super) fn is_silent(&mut self) -> bool {
        let mut byte = [0];
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(self)
            .poll_read(&mut context, &mut ReadBuf::new(&mut byte))
            .is_pending()
    }
}

impl Drop for Io {
    /// Says goodbye under TLS (RFC 9112 section 9.8), if there is room for that: what is dropped cannot wait.
    fn drop(&mut self) {
        let Layer::Tls(tls) = &mut self.layer else { return };
        let (tcp, session) = tls.get_mut();
        session.send_close_notify();
        let mut farewell = Vec::new();
        while session.wants_write() && session.write_tls(&mut farewell).is_ok() {}
        let _ = tcp.try_write(&farewell);
    }
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().layer {
            Layer::Plain { tcp, .. } => Pin::new(tcp).poll_read(context, buffer),
            Layer::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().layer {
            Layer::Plain { tcp, .. } => Pin::new(tcp).poll_write(context, bytes),
            Layer::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().layer {
            Layer::Plain { tcp, .. } => Pin::new(tcp).poll_flush(context),
            Layer::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().layer {
            Layer::Plain { tcp, .. } => Pin::new(tcp).poll_shutdown(context),
            Layer::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().layer {
            Layer::Plain { tcp, .. } => Pin::new(tcp).poll_write_vectored(context, slices),
            Layer::Tls(tls) => Pin::new(tls).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use rustls_pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;

    #[tokio::test]
    async fn a_connection_that_is_dropped_says_goodbye_under_tls() {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(own.cert.der().clone()).unwrap();
        let server = ServerConfig::builder_with_provider(Arc::clone(&ring));
        let server = server
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        let server = server.with_single_cert(vec![own.cert.der().clone()], key).unwrap();
        let client = ClientConfig::builder_with_provider(ring);
        let client = client.with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = async {
            let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let name = "localhost".try_into().unwrap();
            let tls = TlsConnector::from(Arc::new(client)).connect(name, tcp).await.unwrap();
            let mut io = Io::tls(tls);
            io.write_all(b"words").await.unwrap();
            io.flush().await.unwrap();
        };
        let far = async {
            let (tcp, _) = listener.accept().await.unwrap();
            let mut tls = TlsAcceptor::from(Arc::new(server)).accept(tcp).await.unwrap();
            let mut read = Vec::new();
            // Without a goodbye this is an error.
            tls.read_to_end(&mut read).await.map(|_| read)
        };
        let ((), read) = tokio::join!(near, far);
        assert_eq!(read.unwrap(), b"words");
    }
}
