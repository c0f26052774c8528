//! New connections to upstreams: directly or through the proxy that the environment names, with TLS where the address wants
//! it. Names are looked up and proxies are spoken to by hyper-util; what is decided here is which way a connection takes.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::connection::Io;
use super::verifier::Verifier;
use crate::config::{Variables, is_loopback};

/// The numbers of ENOMEM, ENFILE and EMFILE on Linux, macOS and the BSDs.
const SHORTAGES: [i32; 3] = [12, 23, 24];

type BoxError = Box<dyn StdError + Send + Sync>;

/// The maker of connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connector {
    http: HttpConnector,
    matcher: Arc<Matcher>,
    /// TLS that offers HTTP/2 as well as HTTP/1.1.
    any: Arc<ClientConfig>,
    /// TLS that offers HTTP/1.1 alone.
    http1: Arc<ClientConfig>,
}

impl Connector {
    /// A connector that trusts the Mozilla roots, and the certificates `listed` as well.
    ///
    /// # Errors
    /// If TLS cannot be set up with them; the text is for the operator.
    pub(super) fn new(listed: Vec<CertificateDer<'static>>, proxies: Matcher) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new(listed, Arc::clone(&provider))?;
        let mut http1 = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
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

    /// Returns the credentials for a proxy that reads requests, which go with each of them.
    pub(super) fn credentials(&self, uri: &Uri) -> Option<HeaderValue> {
        if uri.scheme() != Some(&Scheme::HTTP) {
            return None;
        }
        self.proxy(uri)?.basic_auth().cloned()
    }

    /// Returns the proxy on the way to an address as the log names it: host and port, without credentials.
    pub(super) fn proxy_name(&self, uri: &Uri) -> Option<String> {
        let proxy = self.proxy(uri)?;
        let (host, port) = (proxy.uri().host()?, proxy.uri().port_u16());
        Some(port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }

    /// Returns the proxy on the way to an address, if there is one. Addresses of this machine itself have none.
    fn proxy(&self, uri: &Uri) -> Option<Intercept> {
        let proxy = self.matcher.intercept(uri)?;
        (!is_loopback(uri.host()?)).then_some(proxy)
    }

    /// Opens a connection to the host of `uri`. `only_http1`: whether HTTP/2 is not offered.
    ///
    /// # Errors
    /// If no connection comes about; the innermost cause says why.
    pub(super) async fn connect(&self, uri: &Uri, only_http1: bool) -> Result<Io, BoxError> {
        let (tcp, proxied) = self.reach(uri).await?;
        if uri.scheme() != Some(&Scheme::HTTPS) {
            return Ok(Io::plain(tcp, proxied));
        }
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let name = ServerName::try_from(host)?.to_owned();
        let config = if only_http1 { &self.http1 } else { &self.any };
        let tls = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await?;
        Ok(Io::tls(tls))
    }

    /// Opens a connection to the host, or to a proxy that reads requests. Returns whether it is such a proxy as well.
    async fn reach(&self, uri: &Uri) -> Result<(TcpStream, bool), BoxError> {
        let mut http = self.http.clone();
        let Some(proxy) = self.proxy(uri) else {
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

/// Returns the proxies of the environment, as curl reads them. A `*` in `NO_PROXY` excepts every address, those that are
/// numbers as well.
pub(super) fn proxies(variables: &Variables) -> Matcher {
    let either = |names: [&str; 2]| {
        names
            .into_iter()
            .find_map(|name| variables.get(name))
            .unwrap_or_default()
    };
    let excepted = either(["NO_PROXY", "no_proxy"]);
    let excepted: Vec<&str> = excepted
        .split(|char: char| char == ',' || char.is_whitespace())
        // Other programs take the star, which means as much as the dot.
        .map(|host| host.strip_prefix("*.").unwrap_or(host))
        .collect();
    if excepted.contains(&"*") {
        return no_proxies();
    }
    Matcher::builder()
        .all(either(["ALL_PROXY", "all_proxy"]))
        .http(either(["HTTP_PROXY", "http_proxy"]))
        .https(either(["HTTPS_PROXY", "https_proxy"]))
        .no(excepted.join(","))
        .build()
}

/// Returns proxies for no address.
pub(super) fn no_proxies() -> Matcher {
    Matcher::builder().build()
}

/// Whether a connection failed because this process, or its machine, has no file descriptor or no memory left.
pub(super) fn has_run_out(error: &(dyn StdError + 'static)) -> bool {
    let sources = std::iter::successors(Some(error), |error| StdError::source(*error));
    let is_shortage = |error: &io::Error| SHORTAGES.contains(&error.raw_os_error().unwrap_or_default());
    // A name cannot be looked up without a descriptor either, and the error is then that the name does not exist.
    let no_socket = || TcpSocket::new_v4().is_err_and(|error| is_shortage(&error));
    sources
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(is_shortage)
        || no_socket()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_excepts_every_host() {
        let proxy = ("ALL_PROXY", "http://proxy.example:3128");
        let goes = |excepted: &[(&str, &str)], host: &str| {
            let uri = format!("http://{host}/v1").parse().unwrap();
            let variables = [&[proxy], excepted].concat().into_iter();
            let variables = variables
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            proxies(&variables).intercept(&uri).is_some()
        };
        for list in ["*", " * ", "a.example, *", "*,a.example", "a.example *"] {
            for host in ["b.example", "192.0.2.1", "[2001:db8::1]"] {
                assert!(!goes(&[("NO_PROXY", list)], host), "{list}: {host}");
                assert!(!goes(&[("NO_PROXY", ""), ("no_proxy", list)], host), "{list}: {host}");
            }
        }
        for (list, host, through) in [
            ("b.example", "a.b.example", false),
            (".b.example", "a.b.example", false),
            ("*.b.example", "a.b.example", false),
            ("b.example", "ab.example", true),
            ("192.0.2.0/24", "192.0.2.1", false),
            ("192.0.2.0/24", "198.51.100.1", true),
            ("a.example b.example", "b.example", false),
            ("", "b.example", true),
        ] {
            assert_eq!(goes(&[("NO_PROXY", list)], host), through, "{list}: {host}");
        }
    }
}
