//! Addresses of clients and of proxies: one by one, or all of a network.

use std::fmt;
use std::net::IpAddr;

/// The addresses that begin with the same bits, as CIDR writes them (RFC 4632): `10.0.0.0/8`, `2001:db8::/32`. A single address is
/// a network as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The first address.
    address: IpAddr,
    /// How many bits all of them have in common, of 32 or 128.
    prefix: u32,
}

/// What is wrong with the text of a network, and what to do about it.
type Flaw = (&'static str, &'static str);

impl Network {
    /// Reads an address, or a network with its prefix behind a slash. An IPv4 address that is written as an IPv6 one
    /// (`::ffff:10.0.0.1`) counts as IPv4.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, Flaw> {
        const EXPECTED: Flaw = (
            "expected an IP address or a network",
            "write it as 203.0.113.7, 10.0.0.0/8 or 2001:db8::/32",
        );
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let written: IpAddr = address.parse().map_err(|_| EXPECTED)?;
        let width = bits(written).1;
        let prefix = match prefix {
            None => width,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= width).ok_or(EXPECTED)?
            }
            Some(_) => return Err(EXPECTED),
        };
        if bits(written).0.checked_shl(prefix).unwrap_or(0) != 0 {
            return Err((
                "the address is not the first one of its network",
                "write the network with zeros behind its prefix, as in 10.0.0.0/8, or leave the / and what follows out for one address",
            ));
        }
        let address = written.to_canonical();
        // 96 bits say that an IPv6 address is one of IPv4.
        let prefix = prefix + bits(address).1 - width;
        Ok(Self { address, prefix })
    }

    /// Whether `address` is one of its addresses.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let ((own, width), (other, others_width)) = (bits(self.address), bits(address.to_canonical()));
        width == others_width && (own ^ other).leading_zeros() >= self.prefix
    }
}

/// Returns the bits of an address, from the left, and how many it has.
const fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => ((address.to_bits() as u128) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.address)?;
        if self.prefix == bits(self.address).1 {
            return Ok(());
        }
        write!(formatter, "/{}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_like_it() {
        for (network, address) in [
            ("10.0.0.0/8", "10.255.0.1"),
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.6/31", "203.0.113.7"),
            ("0.0.0.0/0", "198.51.100.1"),
            ("2001:db8::/32", "2001:db8:1::5"),
            ("2001:db8::1/128", "2001:db8::1"),
            ("::/0", "2001:db8::1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3"),
            ("::ffff:10.0.0.0/104", "10.1.2.3"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
        ] {
            assert!(is_in(network, address), "{network} {address}");
        }
        for (network, address) in [
            ("10.0.0.0/8", "11.0.0.1"),
            ("203.0.113.7", "203.0.113.6"),
            ("203.0.113.6/31", "203.0.113.8"),
            ("2001:db8::/32", "2001:db9::1"),
            ("0.0.0.0/0", "2001:db8::1"),
            ("::/0", "198.51.100.1"),
            ("::ffff:10.0.0.0/104", "11.1.2.3"),
        ] {
            assert!(!is_in(network, address), "{network} {address}");
        }
    }

    #[test]
    fn what_is_not_a_network_is_refused_and_a_network_is_written_as_it_is_read() {
        for text in [
            "",
            "/8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0/8",
            "010.0.0.1",
            "2001:db8::/129",
            "fe80::1%eth0",
            "localhost",
            "10.0.0.1 ",
        ] {
            assert!(
                Network::parse(text).is_err_and(|flaw| flaw.0.contains("expected")),
                "{text}"
            );
        }
        for text in ["10.1.2.3/8", "2001:db8::1/64", "::ffff:10.0.0.1/104", "10.0.0.1/0"] {
            assert!(
                Network::parse(text).is_err_and(|flaw| flaw.0.contains("first one")),
                "{text}"
            );
        }
        for text in ["10.0.0.0/8", "203.0.113.7", "::/0", "2001:db8::1"] {
            assert_eq!(Network::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Network::parse("::ffff:10.0.0.0/104").unwrap().to_string(), "10.0.0.0/8");
    }
}
