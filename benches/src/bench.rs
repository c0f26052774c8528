//! Measures ai-gateway beside nginx and HAProxy, and its Worker beside plain Workers. `scripts/bench` and
//! `scripts/bench-worker` build everything and call this.

mod figures;
mod load;
mod machine;
mod process;
mod rounds;
mod run;
mod subject;
mod table;
mod traffic;
mod upstream;
mod wire;
mod worker;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tokio::io::AsyncReadExt;
use tokio::task::LocalSet;

use self::figures::Figures;
use self::load::{Plan, Shape, Target};
use self::process::Usage;
use self::traffic::{KEYS, Kind, TOKEN};

/// The longest that any of this may take.
const LIMIT: Duration = Duration::from_secs(3600);

#[derive(Parser)]
#[command(about, version)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Serve as a mock provider, until standard input ends
    Upstream {
        #[arg(long)]
        port: u16,
    },
    /// Load one address and print what was seen
    Load(Load),
    /// Measure the native gateway, nginx and HAProxy in turn, and print a table
    Run(run::Options),
    /// Measure the Worker and plain Workers on workerd in turn, and print a table
    Worker(worker::Options),
}

#[derive(Args)]
struct Load {
    /// Where to
    #[arg(long)]
    address: SocketAddr,
    /// What to ask for: chat, burst-EVENTS, paced-MILLISECONDS, held, sink
    #[arg(long, default_value = "chat")]
    kind: Kind,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Requests a second; without it each connection asks as soon as it was answered
    #[arg(long)]
    rate: Option<u32>,
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// A plain proxy, which leaves the model's alias
    #[arg(long)]
    plain: bool,
    /// No proxy at all
    #[arg(long)]
    direct: bool,
}

fn main() -> ExitCode {
    let done = match Command::parse().what {
        What::Upstream { port } => block_on(serve(port)).and_then(|served| served),
        What::Load(load) => load_once(&load),
        What::Run(options) => run::run(&options),
        What::Worker(options) => worker::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ai-gateway-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One thread: what shares a core need not share it with itself.
fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(LocalSet::new().block_on(&runtime, future))
}

async fn serve(port: u16) -> io::Result<()> {
    process::raise_file_limit()?;
    let listener = upstream::bind(port).await?;
    let (mut input, mut ignored) = (tokio::io::stdin(), [0; 64]);
    let orphaned = async { while matches!(input.read(&mut ignored).await, Ok(1..)) {} };
    tokio::select! {
        served = upstream::serve(listener) => served,
        () = orphaned => Ok(()),
        () = tokio::time::sleep(LIMIT) => Ok(()),
    }
}

fn load_once(load: &Load) -> io::Result<()> {
    process::raise_file_limit()?;
    let connections = load.connections;
    let shape = match (load.kind, load.rate) {
        (Kind::Held, _) => Shape::Held { streams: connections },
        (_, Some(rate)) => Shape::Open { connections, rate },
        (_, None) => Shape::Closed { connections },
    };
    let plan = Plan {
        shape,
        warmup: Duration::from_millis(500),
        window: Duration::from_secs(load.seconds.min(LIMIT.as_secs())),
    };
    let secret = if load.direct { KEYS[0] } else { TOKEN };
    let target = Target::new(load.address, load.kind, secret, !(load.plain || load.direct));
    let outcome = block_on(load::run(target, plan, || Ok(Usage::default())))??;
    let mut figures = Figures::default();
    figures.add_outcome(&load.kind.alias(), "load", outcome);
    println!("{:#}", figures.to_json());
    void(&figures)
}

/// An error where anything went wrong: such figures mean nothing.
fn void(figures: &Figures) -> io::Result<()> {
    if figures.errors.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!("VOID\n  {}", figures.errors.join("\n  "))))
}
