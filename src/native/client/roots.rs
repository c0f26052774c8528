//! The certificates that the operator trusts besides the Mozilla roots: the file of `SSL_CERT_FILE`.
//!
//! People have such files in many forms, and the wrong ones as well: a key, a request, a store in another format. What cannot
//! be read is named by its kind, with the command that makes a usable file of it.

use std::fs::File;
use std::io::Read;

use memchr::memmem;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::config::Variables;

const VARIABLE: &str = "SSL_CERT_FILE";

/// The most that is read of the file, in bytes: more than any store of certificates has.
const LIMIT: u64 = 16 * 1024 * 1024;

/// The beginning of the object identifier in a PKCS#7 file, and in a PKCS#12 file: signed data, and data (RFC 5652 sections 4
/// and 5).
const SIGNED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";

/// The certificates of a file: at least one, or none where no file is named.
#[derive(Debug, Default)]
pub(super) struct Roots {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    /// The number of others in the file that cannot be used.
    unusable: usize,
    path: String,
}

impl Roots {
    /// Reads the file that the variables name, if they do.
    ///
    /// # Errors
    /// If the file has none that can be used; the text says why, and what to do.
    pub(super) fn named(variables: &Variables) -> Result<Self, String> {
        let Some(path) = variables.get(VARIABLE) else {
            return Ok(Self::default());
        };
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(LIMIT).read_to_end(&mut bytes));
        let roots = read
            .map_err(|error| error.to_string())
            .and_then(|_| Self::parse(&bytes));
        match roots {
            Ok(roots) => Ok(Self {
                path: path.to_owned(),
                ..roots
            }),
            Err(why) => Err(format!("{VARIABLE} names {path}, which cannot be used: {why}")),
        }
    }

    /// Returns what the operator reads about the file, where one is named.
    pub(super) fn summary(&self) -> Option<String> {
        let (count, path) = (self.certificates.len(), &self.path);
        let verb = if count == 1 { " is" } else { "s are" };
        let besides = match self.unusable {
            0 => String::new(),
            unusable => format!("; {unusable} more cannot be used"),
        };
        (count > 0).then(|| format!("{VARIABLE}: {count} certificate{verb} trusted from {path}{besides}"))
    }

    /// Reads a file in whichever form it is.
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match bytes {
            _ if bytes.trim_ascii().is_empty() => Err("it is empty".into()),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err("it is text in UTF-16; save it as ASCII or UTF-8".into()),
            [0x30, ..] => binary(bytes),
            _ => text(&String::from_utf8_lossy(bytes)),
        }
    }
}

/// Reads a file that is not text: one certificate in DER.
fn binary(bytes: &[u8]) -> Result<Roots, String> {
    let has = |what| memmem::find(&bytes[..bytes.len().min(64)], what).is_some();
    match certificate(bytes) {
        Some(certificate) => Ok(Roots {
            certificates: vec![certificate],
            ..Roots::default()
        }),
        None if has(SIGNED_DATA) => Err(PKCS7.into()),
        None if has(DATA) => {
            Err("it is PKCS#12; take the certificates out of it: openssl pkcs12 -in FILE -nokeys -out certs.pem".into())
        }
        None => Err("it is binary, but not a certificate (a key?); it has to hold certificates in PEM".into()),
    }
}

/// The advice for a file of PKCS#7.
const PKCS7: &str = "it is PKCS#7; take the certificates out of it: openssl pkcs7 -in FILE -print_certs -out certs.pem (with -inform der if it is binary)";

/// Reads a file of text: certificates in PEM, and whatever stands between them.
fn text(text: &str) -> Result<Roots, String> {
    // OpenSSL has other labels for a certificate. What it says about trust stands behind the certificate itself.
    let plain = text
        .replace("TRUSTED CERTIFICATE-----", "CERTIFICATE-----")
        .replace("X509 CERTIFICATE-----", "CERTIFICATE-----");
    let mut roots = Roots::default();
    for der in CertificateDer::pem_slice_iter(plain.as_bytes()) {
        let number = roots.certificates.len() + roots.unusable + 1;
        let der = der.map_err(|error| format!("certificate {number} in it is damaged: {error}"))?;
        // A store with a certificate or two that cannot be used is still a store.
        match certificate(&der) {
            Some(certificate) => roots.certificates.push(certificate),
            None => roots.unusable += 1,
        }
    }
    let has = |label: &str| text.contains(label);
    if !roots.certificates.is_empty() {
        return Ok(roots);
    }
    Err(match roots.unusable {
        1.. => format!("none of the {} certificates in it can be read", roots.unusable),
        0 if has("PRIVATE KEY-----") => {
            "it holds a private key and no certificate; name the file with the certificate".into()
        }
        0 if has("BEGIN PKCS7-----") || has("BEGIN CMS-----") => PKCS7.into(),
        0 if has("CERTIFICATE REQUEST-----") => {
            "it holds a request for a certificate; name the file with the certificate that was issued".into()
        }
        0 if has("-----BEGIN ") => "it holds PEM, but no certificate (-----BEGIN CERTIFICATE-----)".into(),
        0 => {
            "it is text without a certificate; it has to hold PEM, which begins with -----BEGIN CERTIFICATE-----".into()
        }
    })
}

/// Returns the certificate at the beginning of `bytes`, if one begins there.
fn certificate(bytes: &[u8]) -> Option<CertificateDer<'static>> {
    let (rest, _) = X509Certificate::from_der(bytes).ok()?;
    Some(CertificateDer::from(bytes[..bytes.len() - rest.len()].to_vec()))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    fn pem(label: &str, der: &[u8]) -> String {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    }

    fn count(bytes: impl AsRef<[u8]>) -> Result<(usize, usize), String> {
        Roots::parse(bytes.as_ref()).map(|roots| (roots.certificates.len(), roots.unusable))
    }

    #[test]
    fn certificates_are_read_however_they_are_written() {
        let own = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let der = own.cert.der();
        let certificate = pem("CERTIFICATE", der);
        assert_eq!(count(&certificate), Ok((1, 0)));
        assert_eq!(count(certificate.replace('\n', "\r\n")), Ok((1, 0)));
        assert_eq!(count(format!("\u{feff}{certificate}")), Ok((1, 0)));
        assert_eq!(
            count(format!("a name\n=====\n{certificate}\n# b\n{certificate}")),
            Ok((2, 0))
        );
        assert_eq!(count(pem("X509 CERTIFICATE", der)), Ok((1, 0)));
        let trusted = [der, b"\x30\x0c\x30\x0a\x06\x08+\x06\x01\x05\x05\x07\x03\x01".as_slice()].concat();
        assert_eq!(count(pem("TRUSTED CERTIFICATE", &trusted)), Ok((1, 0)));
        assert_eq!(
            Roots::parse(pem("TRUSTED CERTIFICATE", &trusted).as_bytes())
                .unwrap()
                .certificates[0],
            *der
        );
        assert_eq!(count(der), Ok((1, 0)));
        let key = pem("PRIVATE KEY", &own.signing_key.serialize_der());
        assert_eq!(count([&*key, &*certificate].concat()), Ok((1, 0)), "beside its key");
        assert_eq!(
            count([&*certificate, &*pem("CERTIFICATE", b"\x30\x00")].concat()),
            Ok((1, 1))
        );
    }

    #[test]
    fn a_file_without_a_certificate_is_named_by_its_kind() {
        let own = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let key = own.signing_key.serialize_der();
        let certificate = pem("CERTIFICATE", own.cert.der());
        let signed = [b"\x30\x82\x01\x00\x06\x09".as_slice(), SIGNED_DATA].concat();
        let packed = [b"\x30\x82\x01\x00\x02\x01\x03\x30\x10\x06\x09".as_slice(), DATA].concat();
        let utf16: Vec<u8> = "\u{feff}-----BEGIN".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (bytes, why) in [
            (Vec::new(), "it is empty"),
            (b"\xef\xbb\xbf \n".to_vec(), "it is empty"),
            (utf16, "UTF-16"),
            (pem("PRIVATE KEY", &key).into(), "a private key and no certificate"),
            (pem("EC PRIVATE KEY", &key).into(), "a private key and no certificate"),
            (key, "binary, but not a certificate"),
            (pem("PKCS7", &signed).into(), "it is PKCS#7"),
            (signed, "it is PKCS#7"),
            (packed, "it is PKCS#12"),
            (pem("CERTIFICATE REQUEST", b"x").into(), "a request"),
            (pem("X509 CRL", b"x").into(), "PEM, but no certificate"),
            (pem("CERTIFICATE", b"x").into(), "none of the 1 certificates"),
            (b"hello".to_vec(), "text without a certificate"),
            (
                certificate[..certificate.len() - 20].into(),
                "certificate 1 in it is damaged",
            ),
            (certificate.replace('M', "!").into(), "certificate 1 in it is damaged"),
        ] {
            let reason = count(&bytes).unwrap_err();
            assert!(reason.contains(why), "{reason} is not {why}");
        }
    }
}
