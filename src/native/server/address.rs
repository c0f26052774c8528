//! The address to listen on, as people write it and as they read it in messages.

use std::borrow::Cow;
use std::io;

/// Returns a host as addresses have it: an IPv6 address in brackets.
pub(crate) fn bracketed(host: &str) -> Cow<'_, str> {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]").into()
    } else {
        host.into()
    }
}

/// Returns a host as the system takes it: an IPv6 address without brackets.
pub(crate) fn bare(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}

/// Returns the message for an address on which the gateway cannot listen. It names the variables that say where: not everybody
/// who runs the gateway has set them.
pub(crate) fn no_address(host: &str, port: u16, error: &io::Error) -> String {
    let hint = if error.kind() == io::ErrorKind::AddrInUse {
        "stop what uses it, or set PORT to another one"
    } else {
        "the variables HOST and PORT say where; HOST=127.0.0.1 is this machine, and 0.0.0.0 all of its addresses"
    };
    format!("cannot listen on {}:{port}: {error}; {hint}", bracketed(host))
}
