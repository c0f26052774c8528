//! The subcommands: what the program does, and what it prints for the person who started it.

use std::fmt::Write as _;
use std::net::ToSocketAddrs;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use http::{Request, Uri};

use super::client::Client;
use super::memory::Memory;
use super::prices::{self, Prices};
use super::process::{Level, begin_log, configuration, now, print, say, tell, variables};
use super::runtime::{Native, start_runtime};
use super::server::{self, bare, bracketed, no_address};
use crate::config::{self, Config, Server, TokenDigest};
use crate::platform::{Limits, Payload, Platform};

const AFTER_HELP: &str = "\
The configuration comes from the environment: GATEWAY_ROUTES (a JSON array of routes, or an object around it), or GATEWAY_ROUTES_FILE \
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
    /// Show what models cost, or compare that with another list
    Prices(Prices),
    /// Make a new random token for a client and print it once, with the `token_sha256` to configure: of a route, or of an entry in
    /// its `tokens`
    Token,
}

#[derive(Args)]
struct Health {
    /// Where to ask [default: /health at the HOST and PORT of the environment]
    #[arg(long)]
    url: Option<Uri>,
}

/// Runs the program, and returns its exit code.
#[must_use]
pub fn run() -> ExitCode {
    let done = match Cli::parse().command.unwrap_or(Command::Serve) {
        Command::Serve => serve(),
        Command::Demo => demo(),
        Command::Check => check(),
        Command::Health(health) => health.ask(),
        Command::Prices(prices) => prices.run(),
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

/// Serves as the environment says.
fn serve() -> Result<(), String> {
    let (config, server) = configuration()?;
    begin_log(server.log_format);
    for note in &config.notes {
        tell(Level::Info, note);
    }
    server::run(config, &server, true)
}

/// Serves the built-in provider that echoes.
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
    begin_log(server.log_format);
    server::run(config, &server, false)
}

/// Checks everything that can be checked without serving, and prints the table of routes.
fn check() -> Result<(), String> {
    let (config, server) = configuration()?;
    let (_, note) = Client::of_environment(&variables())?;
    if let Some(note) = note {
        say(&note);
    }
    (bare(&server.host), server.port)
        .to_socket_addrs()
        .map_err(|error| no_address(&server.host, server.port, &error))?;
    let warning = Memory::of_this_process(server.body_memory).warning(config.body_limit.unwrap_or(Native::BODY_LIMIT));
    let expired = config::expired(&config, now().0 / 1000);
    let notes = config.notes.iter().chain(&warning).chain(&expired);
    for note in notes.chain(&prices::remark()) {
        say(note);
    }
    print(&config::table(&config));
    Ok(())
}

/// Prints a new token, and its digest for the configuration.
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
    say(
        "\nGive the token to the client; it is not shown again. In the route, or in an entry of its \
         `tokens`, put either `token` or `token_sha256`.",
    );
    Ok(())
}

impl Health {
    /// Asks a running gateway, and prints whether it is well.
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
        let client = Client::without_proxies(&variables())?;
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
        let answer =
            start_runtime()?.block_on(async { tokio::time::timeout(limit, client.send(request, limits)).await });
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
