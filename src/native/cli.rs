//! Subcommands, and where the native configuration comes from.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::net::ToSocketAddrs;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use http::{Request, Uri};
use hyper_util::client::proxy::matcher::Matcher;

use super::client::Client;
use super::console::{self, Level, print, say, tell};
use super::memory::Memory;
use super::roots::Roots;
use super::{routes_file, serve};
use crate::config::{self, Config, Document, Problems, Server, TokenDigest, Variables};
use crate::platform::{Limits, Payload};

const AFTER_HELP: &str = "\
The configuration comes from the environment: GATEWAY_ROUTES (a JSON array of routes), or GATEWAY_ROUTES_FILE \
(the path of a file that holds it), or GATEWAY_TOKEN with an upstream key. HOST (127.0.0.1) and PORT (8000) say where \
the gateway listens.

To look around without any key:  ai-gateway demo";

/// Self-hosted, OpenAI-compatible AI gateway.
#[derive(Parser)]
#[command(name = "ai-gateway", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway (also what happens without a subcommand)
    Serve,
    /// Run with a built-in provider that echoes: no key, account or network needed; the token is `demo`
    Demo,
    /// Check the configuration: print every problem in it, or the table of routes with keys masked
    Check,
    /// Ask a running gateway whether it is well; exits 0 if it is (for container health checks)
    Health(Health),
    /// Make a new random token for a client and print it once, with the `token_sha256` to configure
    Token,
}

#[derive(Args)]
struct Health {
    /// Where to ask [default: /health at the HOST and PORT of the environment]
    #[arg(long)]
    url: Option<Uri>,
}

/// Runs the program to its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let done = match Cli::parse().command.unwrap_or(Command::Serve) {
        Command::Serve => serve(),
        Command::Demo => demo(),
        Command::Check => check(),
        Command::Health(health) => health.ask(),
        Command::Token => token(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            say(&format!("ai-gateway: {}", message.trim_end()));
            ExitCode::FAILURE
        }
    }
}

/// The variables as they are now.
#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
pub(super) fn variables() -> Variables {
    // What is no text counts as set: what is wrong with it is told.
    let text = |text: OsString| text.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

fn configuration() -> Result<(Config, Server), String> {
    match (routes_now(), Server::load(&variables())) {
        (Ok(mut config), Ok(server)) => {
            config.notes.extend(config::loops(&config, &server));
            Ok((config, server))
        }
        (Err(mut problems), Err(more)) => {
            problems.merge(more);
            Err(problems.to_string())
        }
        (Err(problems), Ok(_)) => Err(problems.to_string()),
        (Ok(config), Err(mut problems)) => {
            problems.notes = config.notes;
            Err(problems.to_string())
        }
    }
}

/// The configuration as variables and files have it now.
pub(super) fn routes_now() -> Result<Config, Problems> {
    let variables = variables();
    let stored = config::routes_file(&variables)?.map(read_routes).transpose()?;
    config::load(stored.as_ref(), &variables)
}

fn read_routes(path: &str) -> Result<Document, Problems> {
    let bytes = routes_file::read(path).map_err(|error| {
        let hint = "give the path of a JSON file that this user may read";
        Problems::one("GATEWAY_ROUTES_FILE", format!("{path} cannot be read: {error}"), hint)
    })?;
    // What is in another encoding is told by what is left of it.
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Document::file(path.to_owned(), text))
}

fn serve() -> Result<(), String> {
    let (config, server) = configuration()?;
    console::begin(server.log_format);
    for note in &config.notes {
        tell(Level::Info, note);
    }
    serve::run(config, &server, true)
}

fn demo() -> Result<(), String> {
    let variables = variables();
    let config = Config::demo(&variables).map_err(|problems| problems.to_string())?;
    let server = Server::load(&variables).map_err(|problems| problems.to_string())?;
    let base = format!("http://{}:{}", bracketed(&server.host), server.port);
    // For a person, before the log begins.
    say(&format!(
        "The demo answers with what it is told; its token is `demo`. Try:\n\n  \
         curl {base}/v1/chat/completions -H 'Authorization: Bearer demo' -H 'Content-Type: application/json' \\\n    \
         -d '{{\"messages\":[{{\"role\":\"user\",\"content\":\"Hello, gateway\"}}],\"stream\":true}}'\n"
    ));
    console::begin(server.log_format);
    serve::run(config, &server, false)
}

fn check() -> Result<(), String> {
    let (config, server) = configuration()?;
    serve::client()?;
    (server.host.trim_matches(['[', ']']), server.port)
        .to_socket_addrs()
        .map_err(|error| no_address(&server.host, server.port, &error))?;
    let warning = Memory::of_this_process(server.body_memory).warning(config.body_limit);
    for note in config.notes.iter().chain(&warning) {
        say(note);
    }
    print(&config::table(&config));
    Ok(())
}

fn token() -> Result<(), String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits = [0_u8; 32];
    getrandom::fill(&mut bits).map_err(|error| format!("no random bits to make a token from: {error}"))?;
    let mut token = String::from("gw_");
    token.extend(bits.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 64)])));
    let mut text = String::new();
    let _ = writeln!(text, "token:        {token}");
    let _ = write!(text, "token_sha256: {}", TokenDigest::of(token.as_bytes()).hex());
    print(&text);
    say("\nGive the token to the client; it is not shown again. In the route, put either `token` or `token_sha256`.");
    Ok(())
}

impl Health {
    fn ask(self) -> Result<(), String> {
        let url = match self.url {
            Some(url) => url,
            None => {
                let server = Server::load(&variables()).map_err(|problems| problems.to_string())?;
                let host = match server.host.as_str() {
                    "0.0.0.0" | "::" | "[::]" => "127.0.0.1",
                    host => host,
                };
                format!("http://{}:{}/health", bracketed(host), server.port)
                    .parse()
                    .map_err(|error| format!("HOST and PORT make no address: {error}"))?
            }
        };
        let shown = url.to_string();
        // A proxy is the way to upstreams, and not to the gateway itself.
        let client = Client::new(Roots::named(&variables())?.certificates, Matcher::builder().build())?;
        let mut request = Request::new(Payload::Full(Default::default()));
        *request.uri_mut() = url;
        let limit = Duration::from_secs(3);
        let limits = Limits {
            connect: limit,
            idle: limit,
            silence: limit,
            streams: false,
            fresh: true,
        };
        let answer = runtime()?.block_on(async { tokio::time::timeout(limit, client.send(request, limits)).await });
        match answer {
            Ok(Ok(response)) if response.status().is_success() => {
                print("ok");
                Ok(())
            }
            Ok(Ok(response)) => Err(format!("{shown} answers {}", response.status())),
            Ok(Err(fault)) => Err(format!("{shown} cannot be reached: {fault:?}")),
            Err(_) => Err(format!("{shown} did not answer within {} seconds", limit.as_secs())),
        }
    }
}

/// Why nobody can listen there, and which variable says so: not everybody who runs the gateway has set it.
pub(super) fn no_address(host: &str, port: u16, error: &io::Error) -> String {
    let hint = if error.kind() == io::ErrorKind::AddrInUse {
        "stop what uses it, or set PORT to another one"
    } else {
        "the variables HOST and PORT say where; HOST=127.0.0.1 is this machine, and 0.0.0.0 all of its addresses"
    };
    format!("cannot listen on {}:{port}: {error}; {hint}", bracketed(host))
}

/// A host as addresses have it.
fn bracketed(host: &str) -> Cow<'_, str> {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]").into()
    } else {
        host.into()
    }
}

/// The runtime of a whole program.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot start: {error}"))
}
