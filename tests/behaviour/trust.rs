//! Certificates that the operator has listed in `SSL_CERT_FILE`, as `openssl req -x509` and others make them.

use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, SigningKey};
use rustls::pki_types::CertificateDer;
use serde_json::json;

use crate::support::{Gateway, Runtime, TOKEN};
use crate::tls::Secure;

const ASK: &str = r#"{"model":"m"}"#;

/// What `openssl req -x509 -subj /CN=...` makes: an authority. `names` are its alternative names.
fn authority(common: &str, names: &[&str]) -> (CertificateParams, KeyPair) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, common);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params, KeyPair::generate().unwrap())
}

fn upstream((params, key): &(CertificateParams, KeyPair)) -> Secure {
    Secure::with("http/1.1", params.self_signed(key).unwrap().der(), key.serialize_der())
}

/// The gateway's answer where `base_url` leads to an upstream whose certificate is listed.
fn ask(upstream: &Secure, base_url: &str) -> (u16, Gateway) {
    let routes = json!([{"token": TOKEN, "base_url": base_url, "api_keys": ["up-SECRET-1"]}]).to_string();
    let roots = upstream.certificate.path().to_str().unwrap();
    let variables = [("GATEWAY_ROUTES", &*routes), ("SSL_CERT_FILE", roots)];
    let gateway = Gateway::start(Runtime::Native, &variables);
    (gateway.chat(ASK).status, gateway)
}

#[test]
fn a_certificate_that_is_listed_needs_nobody_to_vouch_for_it() {
    for (common, names, host) in [
        ("localhost", &["localhost"][..], "localhost"),
        ("localhost", &[], "localhost"),
        ("LOCALHOST", &[], "localhost"),
        ("127.0.0.1", &[], "127.0.0.1"),
        ("anything", &["127.0.0.1"], "127.0.0.1"),
        ("anything", &["a.example", "localhost"], "localhost"),
    ] {
        let upstream = upstream(&authority(common, names));
        let (status, gateway) = ask(&upstream, &upstream.base_url.replace("localhost", host));
        assert_eq!(status, 200, "{common} {names:?} {host}: {}", gateway.log());
        gateway.wait_for_log("SSL_CERT_FILE: 1 certificate is trusted");
    }
}

#[test]
fn its_names_and_its_dates_are_checked_all_the_same() {
    for (common, names, host) in [
        ("other.example", &[][..], "localhost"),
        ("localhost", &["other.example"], "localhost"),
        ("127.0.0.1", &["localhost"], "127.0.0.1"),
        ("*", &[], "localhost"),
    ] {
        let upstream = upstream(&authority(common, names));
        let (status, gateway) = ask(&upstream, &upstream.base_url.replace("localhost", host));
        assert_eq!(status, 502, "{common} {names:?} {host}");
        gateway.wait_for_log("NotValidForName");
    }
    for (from, to, why) in [(1990, 2000, "Expired"), (3000, 3001, "NotValidYet")] {
        let (mut params, key) = authority("localhost", &["localhost"]);
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        let upstream = upstream(&(params, key));
        let (status, gateway) = ask(&upstream, &upstream.base_url);
        assert_eq!(status, 502, "{why}");
        gateway.wait_for_log(why);
    }
}

#[test]
fn another_certificate_of_the_same_name_is_not_the_listed_one() {
    let [listed, other] = [0, 1].map(|_| upstream(&authority("localhost", &["localhost"])));
    assert_eq!(ask(&listed, &other.base_url).0, 502);
}

#[test]
fn what_a_listed_authority_has_signed_is_trusted_as_before() {
    let (params, key) = authority("an authority", &[]);
    let issuer = rcgen::Issuer::new(params.clone(), &key);
    let (mut leaf, leaf_key) = authority("localhost", &["localhost"]);
    leaf.is_ca = IsCa::NoCa;
    let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
    let upstream = Secure::with("h2", leaf.der(), leaf_key.serialize_der());
    let root = Secure::with("h2", params.self_signed(&key).unwrap().der(), key.serialize_der());
    assert_eq!(ask(&root, &upstream.base_url).0, 200);
    // Whoever lists the server's own certificate, and not whom it is from, means that one.
    assert_eq!(ask(&upstream, &upstream.base_url).0, 200);
}

/// One element of DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82, length[0], length[1]], content].concat()
}

/// The elements that follow one another in DER.
fn elements(mut der: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let [_, first, ..] = der {
        let digits = usize::from(first & 0x7f) * usize::from(first >> 7);
        let length = der[2..2 + digits]
            .iter()
            .fold(0, |length, digit| length << 8 | usize::from(*digit));
        let length = if digits == 0 { usize::from(*first) } else { length };
        let (element, rest) = der.split_at(2 + digits + length);
        found.push(element);
        der = rest;
    }
    found
}

fn content(element: &[u8]) -> &[u8] {
    &element[2 + usize::from(element[1] & 0x7f) * usize::from(element[1] >> 7)..]
}

#[test]
fn a_listed_certificate_may_be_of_the_first_version() {
    let (params, key) = authority("localhost", &[]);
    let own = params.self_signed(&key).unwrap();
    let parts = elements(content(elements(own.der())[0]));
    let (signed, algorithm) = (elements(content(parts[0])), parts[1]);
    // Without the version in front, and the extensions behind.
    let signed = element(0x30, &signed[1..7].concat());
    let signature = [&[0], &*key.sign(&signed).unwrap()].concat();
    let old = element(0x30, &[&*signed, algorithm, &element(0x03, &signature)].concat());
    let upstream = Secure::with("http/1.1", &CertificateDer::from(old), key.serialize_der());
    let (status, gateway) = ask(&upstream, &upstream.base_url);
    assert_eq!(status, 200, "{}", gateway.log());
}

#[test]
fn a_file_without_a_certificate_stops_the_start_and_a_blank_name_does_not() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hello").unwrap();
    let path = file.path().to_str().unwrap();
    let check = |path: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ai-gateway"));
        let routes = r#"[{"token":"t","provider":"echo"}]"#;
        let variables = [("SSL_CERT_FILE", path), ("GATEWAY_ROUTES", routes)];
        command.arg("check").env_clear().envs(variables).output().unwrap()
    };
    let output = check(path);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && told.contains(path) && told.contains("text without a certificate"),
        "{told}"
    );
    for blank in ["", " "] {
        assert!(check(blank).status.success());
    }
}
