//! The settings of the native server.

use std::time::Duration;

use super::of;
use ai_gateway::config::{LogFormat, Problems, Server};

fn server(set: &[(&str, &str)]) -> Result<Server, Problems> {
    Server::load(&of(set))
}

#[test]
fn what_is_not_set_has_its_default() {
    let expected = Server {
        host: "127.0.0.1".into(),
        port: 8000,
        max_concurrent: 8192,
        drain_timeout: Duration::from_secs(30),
        send_timeout: Duration::from_secs(60),
        body_memory: None,
        log_format: LogFormat::Json,
        trusted_proxies: Vec::new(),
    };
    assert_eq!(server(&[]).unwrap(), expected);
}

#[test]
fn what_is_set_counts() {
    let set = [
        ("HOST", "0.0.0.0"),
        ("PORT", "80"),
        ("MAX_CONCURRENT", "7"),
        ("DRAIN_TIMEOUT", "5"),
        ("SEND_TIMEOUT", "6"),
        ("BODY_MEMORY", " 2 MiB "),
        ("LOG_FORMAT", "text"),
    ];
    let expected = Server {
        host: "0.0.0.0".into(),
        port: 80,
        max_concurrent: 7,
        drain_timeout: Duration::from_secs(5),
        send_timeout: Duration::from_secs(6),
        body_memory: Some(2 << 20),
        log_format: LogFormat::Text,
        trusted_proxies: Vec::new(),
    };
    assert_eq!(server(&set).unwrap(), expected);
}

#[test]
fn every_bad_value_is_named() {
    let bad = [
        ("PORT", "65536"),
        ("MAX_CONCURRENT", "0"),
        ("DRAIN_TIMEOUT", "-1"),
        ("SEND_TIMEOUT", "0"),
        ("BODY_MEMORY", "1048575"),
        ("LOG_FORMAT", "xml"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, proxy.example"),
    ];
    let problems = server(&bad).unwrap_err();
    assert_eq!(problems.len(), bad.len());
    for (name, _) in bad {
        assert!(problems.to_string().contains(name), "{problems}");
    }
}

#[test]
fn trusted_proxies_are_addresses_and_networks() {
    let proxies = server(&[("TRUSTED_PROXIES", " 10.0.0.0/8,2001:db8::1 ,")])
        .unwrap()
        .trusted_proxies;
    let written: Vec<String> = proxies.iter().map(ToString::to_string).collect();
    assert_eq!(written, ["10.0.0.0/8", "2001:db8::1"]);
    let report = server(&[("TRUSTED_PROXIES", "::1, all")]).unwrap_err().to_string();
    assert!(
        report.contains("TRUSTED_PROXIES: `all`: expected an IP address or a network"),
        "{report}"
    );
}

#[test]
fn a_host_that_somebody_else_has_set_is_told() {
    let told = |host: &str| server(&[("HOST", host)]).unwrap_err().to_string();
    for machine in [
        "x86_64-conda-linux-gnu",
        "arm64-apple-darwin20.0.0",
        "x86_64-w64-mingw32",
    ] {
        let report = told(machine);
        assert!(
            report.contains("HOST: it holds the name of a kind of machine") && report.contains("conda"),
            "{report}"
        );
    }
    for (host, hint) in [
        ("127.0.0.1:8000", "its port goes into PORT"),
        ("[::1]:8000", "its port goes into PORT"),
        ("http://127.0.0.1", "write the host alone"),
        ("two words", "U+0020 SPACE"),
        ("127.0.0.1\u{200b}", "U+200B ZERO WIDTH SPACE"),
    ] {
        assert!(told(host).contains(hint), "{}", told(host));
    }
    for host in [
        "127.0.0.1",
        "::1",
        "[::1]",
        "fe80::1%eth0",
        "localhost",
        "my-linux-box.example",
        "arm64-build.example",
    ] {
        assert_eq!(server(&[("HOST", host)]).unwrap().host, host);
    }
}

#[test]
fn blanks_are_no_part_of_a_setting_and_quotes_are_a_problem() {
    let set = [
        ("HOST", " ::1\r\n"),
        ("PORT", "80\r"),
        ("MAX_CONCURRENT", " 7 "),
        ("LOG_FORMAT", "text\n"),
        ("SSL_CERT_FILE", " "),
    ];
    let read = server(&set).unwrap();
    assert_eq!((read.host.as_str(), read.port, read.max_concurrent), ("::1", 80, 7));
    for name in ["HOST", "PORT", "LOG_FORMAT", "DRAIN_TIMEOUT", "SSL_CERT_FILE"] {
        let value = if name == "LOG_FORMAT" { "\"text\"" } else { "\"8\"" };
        let report = server(&[(name, value)]).unwrap_err().to_string();
        assert!(
            report.contains("has 1 problem\n") && report.contains(&format!("{name}: its value stands in quotes")),
            "{report}"
        );
    }
}

#[test]
fn a_proxy_that_would_be_passed_by_is_told_and_not_shown() {
    for proxy in [
        "http://p:1",
        "p.example:3128",
        "socks5://u:SECRET@p:1",
        "socks5h://[::1]:1",
        "http://p:1/",
        "http://p",
        " ",
    ] {
        assert!(server(&[("ALL_PROXY", proxy)]).is_ok(), "{proxy}");
    }
    for proxy in [
        "\"http://p:1\"",
        " http://p:1",
        "htp://p:1",
        "https://p:1",
        "socks4://p:1",
        "http://u ser:SECRET@p:1",
        "p:3128/",
        "u:SECRET@p:3128/",
        "http://u:SECRET#w@p:1",
        "http://u:SECRET/w@p:1",
        "http://p:99999",
        "http://p:abc",
        "http://",
    ] {
        let report = server(&[("https_proxy", proxy)]).unwrap_err().to_string();
        assert!(
            report.contains("https_proxy: this is no proxy") && !report.contains("SECRET"),
            "{report}"
        );
    }
}
