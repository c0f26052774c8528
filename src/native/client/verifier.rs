//! Who is believed to be an upstream: the web's rules decide, and besides them the certificates that the operator has listed.
//!
//! `openssl req -x509` makes a certificate that is an authority and has no alternative name. The web's rules do not accept it
//! for a server, even if it is listed as a root. A certificate that is listed needs nobody to vouch for it: only its names and
//! its dates are checked, as curl does.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

/// The verifier of the certificates that servers show.
#[derive(Debug)]
pub(super) struct Verifier {
    web: Arc<WebPkiServerVerifier>,
    listed: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// A verifier that trusts the Mozilla roots, and the certificates `listed`, both as roots and as a server's own.
    ///
    /// # Errors
    /// If the roots cannot be used; the text is for the operator.
    pub(super) fn new(listed: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        roots.add_parsable_certificates(listed.iter().cloned());
        let algorithms = provider.signature_verification_algorithms;
        let web = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Ok(Self {
            web: web.map_err(|error| error.to_string())?,
            listed,
            algorithms,
        })
    }

    /// Returns a certificate, if it is one that was listed.
    fn listed<'a>(&self, certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
        let is_listed = self.listed.iter().any(|listed| listed == certificate);
        is_listed
            .then(|| X509Certificate::from_der(certificate).ok())?
            .map(|(_, read)| read)
    }

    /// Returns a certificate, if it was listed and is older than X.509 version 3. The web's rules cannot read such a one, so its
    /// key is taken out of it here.
    fn old<'a>(&self, certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
        self.listed(certificate)
            .filter(|certificate| certificate.version() != X509Version::V3)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.web.verify_server_cert(certificate, intermediates, name, ocsp, now);
        let Some(listed) = self.listed(certificate).filter(|_| verified.is_err()) else {
            return verified;
        };
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < listed.validity().not_before.timestamp() {
            return Err(CertificateError::NotValidYet.into());
        }
        if now > listed.validity().not_after.timestamp() {
            return Err(CertificateError::Expired.into());
        }
        if !is_for(&listed, name) {
            return Err(CertificateError::NotValidForName.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let Some(old) = self.old(certificate) else {
            return self.web.verify_tls12_signature(message, certificate, signed);
        };
        let key = &old.public_key().subject_public_key.data;
        let mut algorithms = self
            .algorithms
            .mapping
            .iter()
            .filter(|(scheme, _)| *scheme == signed.scheme);
        let is_valid = algorithms.any(|(_, algorithms)| {
            let mut algorithms = algorithms.iter();
            algorithms.any(|algorithm| algorithm.verify_signature(key, message, signed.signature()).is_ok())
        });
        if is_valid {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.old(certificate) {
            None => self.web.verify_tls13_signature(message, certificate, signed),
            Some(old) => {
                let key = SubjectPublicKeyInfoDer::from(old.public_key().raw);
                verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.web.supported_verify_schemes()
    }
}

/// Whether a certificate is for this name, which is one of its alternative names, or its common name where it has none.
fn is_for(certificate: &X509Certificate<'_>, name: &ServerName<'_>) -> bool {
    let host = name.to_str();
    let (address, is_address) = match name {
        ServerName::IpAddress(address) => (octets(address), true),
        _ => (Vec::new(), false),
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let is_named = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(pattern) => Some(!is_address && fits(pattern, &host)),
        GeneralName::IPAddress(octets) => Some(is_address && *octets == address),
        _ => None,
    };
    let mut named = names.iter().filter_map(is_named).peekable();
    if named.peek().is_some() {
        return named.any(|fits| fits);
    }
    let common = certificate.subject().iter_common_name().last();
    let common = common.and_then(|name| name.as_str().ok()).unwrap_or_default();
    common.eq_ignore_ascii_case(&host) || !is_address && fits(common, &host)
}

/// Returns an address as certificates have it.
fn octets(address: &rustls_pki_types::IpAddr) -> Vec<u8> {
    match std::net::IpAddr::from(*address) {
        std::net::IpAddr::V4(address) => address.octets().into(),
        std::net::IpAddr::V6(address) => address.octets().into(),
    }
}

/// Whether a host has this name, in which a star may stand for its first label (RFC 6125 section 6.4.3).
fn fits(pattern: &str, host: &str) -> bool {
    let host = host.trim_end_matches('.');
    let behind_star = pattern.strip_prefix("*.").filter(|rest| rest.contains('.'));
    let is_below = |rest: &str| {
        let below = host.split_once('.');
        below.is_some_and(|(_, parent)| parent.eq_ignore_ascii_case(rest))
    };
    pattern.eq_ignore_ascii_case(host) || behind_star.is_some_and(is_below)
}
