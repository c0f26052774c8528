//! The host that a request is for (RFC 9112 section 3.2): the field `host`, and the authority of a target that names one. Two
//! readers who disagree about it can be played against each other, so only one way of writing it is read.

use std::net::Ipv6Addr;

/// Whether `value` is a host with or without a port (RFC 3986 section 3.2.2). It must not be empty.
pub(crate) fn is_host(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    if let Some(literal) = text.strip_prefix('[') {
        let Some((address, port)) = literal.split_once(']') else {
            return false;
        };
        return is_address(address) && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (name, port) = text.split_once(':').unwrap_or((text, ""));
    is_name(name) && is_port(port)
}

/// Whether `text` is an IPv6 address, which may say on which of the machine's networks it is (RFC 6874).
fn is_address(text: &str) -> bool {
    let (address, zone) = text.split_once("%25").unwrap_or((text, "0"));
    address.parse::<Ipv6Addr>().is_ok() && is_name(zone)
}

/// Whether `name` is a name or an IPv4 address, which is spelled like one.
fn is_name(name: &str) -> bool {
    let mut left = name.as_bytes();
    while let [byte, rest @ ..] = left {
        left = match (byte, rest) {
            (b'%', [first, second, rest @ ..]) if first.is_ascii_hexdigit() && second.is_ascii_hexdigit() => rest,
            (b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~', rest) => rest,
            (b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=', rest) => rest,
            _ => return false,
        };
    }
    !name.is_empty()
}

/// Whether `port` is a port, which may be empty (RFC 3986 section 3.2.3).
fn is_port(port: &str) -> bool {
    port.is_empty() || (port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for host in [
            "gateway",
            "Gateway.example.",
            "my_service:8000",
            "a%2Db",
            "127.0.0.1:80",
            "example:",
            "[::1]",
            "[::1]:8000",
            "[fe80::1%25eth0]:1",
            "xn--bcher-kva.example",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for none in [
            "",
            ":80",
            "a b",
            "a,b c",
            "http://a",
            "a/b",
            "/",
            "a?b",
            "a#b",
            "user@a",
            "a:b",
            "a:80:80",
            "a:-1",
            "a:+1",
            "a:65536",
            "a:99999999999",
            "::1",
            "[::1",
            "[]",
            "[::1]x",
            "[::1]80",
            "[1.2.3.4]",
            "[::1%eth0]",
            "a%2",
            "a%zz",
            "\"a\"",
            "<a>",
            "a\\b",
            "bücher.example",
            "a\tb",
            "a\x7f",
        ] {
            assert!(!is_host(none.as_bytes()), "{none}");
        }
        assert!(!is_host(b"a\xFF"));
    }
}
