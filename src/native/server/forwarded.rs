//! The address of a client whose request came through proxies.
//!
//! Anybody can write `x-forwarded-for`. Each proxy adds the address of who spoke to it at the end, so it is read from there, and only as
//! far as the operator knows the proxies (`TRUSTED_PROXIES`).

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderValue};

use crate::config::Network;

/// Returns the address of who sent a request: that of the connection, or, where that is a proxy which is trusted, the last one in
/// `x-forwarded-for` that is not. Nothing where a trusted proxy wrote what is not an address.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    if !is_trusted(client) {
        return Some(client);
    }
    let fields = headers.get_all("x-forwarded-for").into_iter().rev();
    for hop in fields.flat_map(|field| hops(field).rev()) {
        client = address(hop)?;
        if !is_trusted(client) {
            break;
        }
    }
    Some(client)
}

/// Returns what stands between the commas of a field. What is not text is one hop, which is not an address.
fn hops(field: &HeaderValue) -> impl DoubleEndedIterator<Item = &str> {
    field.to_str().unwrap_or("-").split(',').map(str::trim)
}

/// Reads an address. Some proxies write the port behind it.
fn address(hop: &str) -> Option<IpAddr> {
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok().or_else(with_port)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Server, Variables};

    /// The client of a request from `peer` with these fields, where the proxies of 10.0.0.0/8 and 2001:db8::1 are trusted.
    fn found(peer: &str, fields: &[&str]) -> Option<String> {
        let proxies = [("TRUSTED_PROXIES".to_owned(), "10.0.0.0/8, 2001:db8::1".to_owned())];
        let trusted = Server::load(&Variables::from_iter(proxies)).unwrap().trusted_proxies;
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append("x-forwarded-for", HeaderValue::from_str(field).unwrap());
        }
        client(peer.parse().unwrap(), &headers, &trusted).map(|address| address.to_string())
    }

    #[test]
    fn the_last_address_that_is_not_a_trusted_proxys_is_the_clients() {
        for (peer, fields, expected) in [
            // Whoever is not trusted may write what it likes.
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("::ffff:203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            // What stands before it came from the client itself.
            ("10.0.0.1", &["10.9.9.9, 198.51.100.1"], "198.51.100.1"),
            (
                "10.0.0.1",
                &["192.0.2.1", "198.51.100.1,10.0.0.2", "10.0.0.3"],
                "198.51.100.1",
            ),
            ("2001:db8::1", &["2001:db8::2"], "2001:db8::2"),
            ("10.0.0.1", &["[2001:db8::2]:443"], "2001:db8::2"),
            ("10.0.0.1", &["198.51.100.1:12345"], "198.51.100.1"),
            // A request of a proxy itself, and one that came through trusted ones only.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.7, 10.0.0.2"], "10.0.0.7"),
        ] {
            assert_eq!(found(peer, fields).as_deref(), Some(expected), "{peer} {fields:?}");
        }
    }

    #[test]
    fn what_is_not_an_address_leaves_the_client_unknown() {
        for fields in [
            &["unknown"][..],
            &[""],
            &["198.51.100.1, "],
            &["\u{e9}"],
            &["198.51.100.1", "_hidden"],
        ] {
            assert_eq!(found("10.0.0.1", fields), None, "{fields:?}");
        }
        // Behind it nothing is read.
        assert_eq!(
            found("10.0.0.1", &["unknown, 198.51.100.1"]).as_deref(),
            Some("198.51.100.1")
        );
    }
}
