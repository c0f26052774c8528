//! Settings of the native server: where it listens, how much it takes on, how it stops.

use std::ops::RangeInclusive;
use std::time::Duration;

use http::Uri;
use http::uri::Authority;

use super::character::named;
use super::network::Network;
use super::problem::{Problems, shown};
use super::variables::{PROXIES, Reading, Variables};

/// Settings of the native server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The address or the name on which it listens.
    pub host: String,
    /// The port on which it listens. 0: the system chooses one.
    pub port: u16,
    /// How many requests are served at once. More are refused.
    pub max_concurrent: usize,
    /// How long open requests may go on after a signal to stop.
    pub drain_timeout: Duration,
    /// How long a client may go on without reading anything of what it is sent.
    pub send_timeout: Duration,
    /// The memory for bodies that are held whole, in bytes. Where nothing is set, the shell decides.
    pub body_memory: Option<usize>,
    /// The form of the log.
    pub log_format: LogFormat,
    /// The proxies whose `x-forwarded-for` says who the client is.
    pub trusted_proxies: Vec<Network>,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// A line for people.
    Text,
}

/// The least memory for bodies, in bytes. With less, hardly any request would be served.
const LEAST_MEMORY: u64 = 1024 * 1024;

/// Whether a text is the address of a proxy that the gateway can use. Without a scheme it is one for HTTP.
fn is_proxy(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let authority = uri.authority().map(Authority::as_str).unwrap_or_default();
    let address = authority.rsplit('@').next().unwrap_or_default();
    // A `/` or `#` in a password ends the host for a reader, and what is left names another machine.
    let is_whole = uri.path_and_query().is_none_or(|path| path == "/") && !text.contains('#');
    let has_port = |host: &str| address == host || uri.port_u16().is_some();
    matches!(uri.scheme_str(), None | Some("http" | "socks5" | "socks5h"))
        && is_whole
        && uri.host().is_some_and(|host| !host.is_empty() && has_port(host))
}

/// Returns what is wrong with a host to listen on, and what to do about it.
fn host_flaw(host: &str) -> Option<(String, &'static str)> {
    let is_foreign = |char: char| !char.is_ascii_alphanumeric() && !"-._:[]%".contains(char);
    let ports = host
        .rsplit_once(':')
        .is_some_and(|(name, port)| !name.contains(':') && port.parse::<u16>().is_ok());
    let flaw = if host.contains("://") {
        (
            "an address in a browser's form stands there",
            "write the host alone, as in 127.0.0.1; its port goes into PORT",
        )
    } else if ports || host.contains("]:") {
        (
            "a port stands behind the host",
            "write the host alone, as in 127.0.0.1; its port goes into PORT",
        )
    } else if is_machine(host) {
        return Some((
            format!("it holds the name of a kind of machine, {host}"),
            "conda and other tools set HOST; set it to 127.0.0.1 for the gateway, or take it away (`unset HOST`)",
        ));
    } else {
        let char = host.chars().find(|char| is_foreign(*char))?;
        return Some((
            format!("{} stands in it, which no host holds", named(char)),
            "write a host, as in 127.0.0.1",
        ));
    };
    Some((flaw.0.to_owned(), flaw.1))
}

/// Whether a text is what compilers call a kind of machine: `x86_64-conda-linux-gnu`. Conda sets `HOST` to it.
fn is_machine(host: &str) -> bool {
    let begins = [
        "x86_64-",
        "aarch64-",
        "arm64-",
        "i386-",
        "i586-",
        "i686-",
        "ppc64le-",
        "powerpc64le-",
        "s390x-",
        "riscv64-",
    ];
    let systems = ["linux-", "-apple-", "-conda-", "-w64-", "-freebsd"];
    begins.iter().any(|begin| host.starts_with(begin)) && systems.iter().any(|system| host.contains(system))
}

/// Reads `TRUSTED_PROXIES`.
fn trusted_proxies(reading: &mut Reading<'_>) -> Vec<Network> {
    const NAME: &str = "TRUSTED_PROXIES";
    let list = reading.get(NAME).unwrap_or_default();
    let mut networks = Vec::new();
    for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        match Network::parse(text) {
            Ok(network) => networks.push(network),
            Err((message, hint)) => reading.problems.at(NAME, format!("`{}`: {message}", shown(text)), hint),
        }
    }
    networks
}

impl Server {
    /// Reads `HOST`, `PORT`, `MAX_CONCURRENT`, `DRAIN_TIMEOUT`, `SEND_TIMEOUT`, `BODY_MEMORY`, `LOG_FORMAT` and `TRUSTED_PROXIES`, and checks
    /// the variables of proxies.
    ///
    /// # Errors
    /// Every variable that cannot be read.
    pub fn load(variables: &Variables) -> Result<Self, Problems> {
        let mut reading = Reading::new(variables);
        let mut number = |name: &str, default: u64, range: RangeInclusive<u64>, expected: &str| {
            let Some(text) = reading.get(name) else {
                return default;
            };
            let number = text.parse().ok().filter(|number| range.contains(number));
            number.unwrap_or_else(|| {
                reading.problems.at(name, format!("expected {expected}"), "");
                default
            })
        };
        let port = number("PORT", 8000, 0..=65_535, "a port number from 0 to 65535");
        let max_concurrent = number(
            "MAX_CONCURRENT",
            8192,
            1..=1_000_000,
            "a number of requests from 1 to 1000000",
        );
        let drain = number("DRAIN_TIMEOUT", 30, 0..=86_400, "a number of seconds up to 86400");
        let send = number("SEND_TIMEOUT", 60, 1..=86_400, "a number of seconds from 1 to 86400");
        let body_memory = reading.bytes("BODY_MEMORY", LEAST_MEMORY);
        let log_format = match reading.get("LOG_FORMAT") {
            None | Some("json") => LogFormat::Json,
            Some("text") => LogFormat::Text,
            Some(_) => {
                reading.problems.at("LOG_FORMAT", "expected `json` or `text`", "");
                LogFormat::Json
            }
        };
        for name in PROXIES {
            // The library that uses the proxy does not remove blanks around it, so they count here as well.
            if reading.variables.text(name).is_some_and(|proxy| !is_proxy(proxy)) {
                let hint = "write http://host:port or socks5h://host:port, without quotes or blanks";
                reading
                    .problems
                    .at(name, "this is no proxy that the gateway can use", hint);
            }
        }
        let host = reading.get("HOST").unwrap_or("127.0.0.1").to_owned();
        if let Some((message, hint)) = host_flaw(&host) {
            reading.problems.at("HOST", message, hint);
        }
        // Read for the report of quotes around it: what loads the certificates has no such report.
        reading.get("SSL_CERT_FILE");
        let server = Self {
            host,
            port: u16::try_from(port).unwrap_or(8000),
            max_concurrent: usize::try_from(max_concurrent).unwrap_or(8192),
            drain_timeout: Duration::from_secs(drain),
            send_timeout: Duration::from_secs(send),
            body_memory,
            log_format,
            trusted_proxies: trusted_proxies(&mut reading),
        };
        if reading.problems.is_empty() {
            Ok(server)
        } else {
            Err(reading.problems)
        }
    }
}
