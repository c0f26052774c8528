//! The Worker beside plain ones in JavaScript: one that does the same and one that only passes on, each in a workerd of its
//! own, in turn, several rounds.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;

use crate::figures::Round;
use crate::load::{Plan, Shape, Target};
use crate::process::{Running, free_address};
use crate::rounds::{Bench, Setting, Subject, in_turn};
use crate::subject::routes_of;
use crate::table;
use crate::traffic::{CHAT, Expected, KEYS, Kind, TOKEN};
use crate::wire::request;

#[derive(Args)]
pub(crate) struct Options {
    /// The workerd program
    #[arg(long)]
    workerd: PathBuf,
    /// The folder with the built Worker
    #[arg(long)]
    worker: PathBuf,
    /// The folder with the plain Workers, each in a folder of its own
    #[arg(long)]
    plain: PathBuf,
    /// The configuration of workerd, with @PORT@ and @BINDINGS@ to be replaced
    #[arg(long)]
    template: PathBuf,
    #[command(flatten)]
    setting: Setting,
}

/// A Worker and its configuration.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Who {
    name: &'static str,
    script: Script,
    routes: usize,
    verify_end: bool,
    /// Its clients ask in another dialect than its upstream's.
    translates: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Gateway,
    Plain,
    Pass,
}

const fn who(name: &'static str, script: Script, routes: usize) -> Who {
    Who {
        name,
        script,
        routes,
        verify_end: false,
        translates: false,
    }
}

const GATEWAY: Who = who("gateway", Script::Gateway, 1);
const WATCHED: Who = Who {
    name: "gateway-verify",
    verify_end: true,
    ..GATEWAY
};
const TRANSLATING: Who = Who {
    name: "gateway-translating",
    translates: true,
    ..GATEWAY
};
const GATEWAY_100: Who = who("gateway-100", Script::Gateway, 100);
const GATEWAY_1000: Who = who("gateway-1000", Script::Gateway, 1000);
const PLAIN: Who = who("plain", Script::Plain, 1);
const PLAIN_1000: Who = who("plain-1000", Script::Plain, 1000);
const PASS: Who = who("pass", Script::Pass, 0);

const EVERYBODY: [Who; 7] = [GATEWAY, PLAIN, PASS, WATCHED, GATEWAY_100, GATEWAY_1000, PLAIN_1000];

pub(crate) fn run(options: &Options) -> io::Result<()> {
    let setting = &options.setting;
    let mut bench = Bench::start(setting)?;
    let (rounds, starts) = if setting.quick { (3, 5) } else { (9, 21) };
    if setting.wants("small") {
        let plan = Plan {
            shape: Shape::Closed { connections: 32 },
            warmup: Duration::from_millis(if setting.quick { 700 } else { 1000 }),
            window: Duration::from_millis(if setting.quick { 1000 } else { 2500 }),
        };
        let subjects = [GATEWAY, PLAIN, PASS, GATEWAY_100, GATEWAY_1000, PLAIN_1000];
        compare(&mut bench, options, &subjects, ("small", Kind::Chat), plan, rounds)?;
    }
    if setting.wants("streams") {
        // A stream lasts a second.
        let plan = Plan {
            shape: Shape::Closed { connections: 64 },
            warmup: Duration::from_millis(1500),
            window: Duration::from_secs(if setting.quick { 2 } else { 4 }),
        };
        let subjects = [GATEWAY, WATCHED, PLAIN, PASS, TRANSLATING];
        compare(
            &mut bench,
            options,
            &subjects,
            ("streams", Kind::Paced(5)),
            plan,
            rounds,
        )?;
    }
    if setting.wants("first") {
        for round in 0..starts {
            for who in in_turn(&EVERYBODY, round) {
                let milliseconds = first_answer(&bench, options, who)?.as_secs_f64() * 1e3;
                bench
                    .figures
                    .add("first", who.name, Round::from([("ms", milliseconds)]));
            }
        }
    }
    let size = compressed(&options.worker.join("index.js"))? + compressed(&options.worker.join("index_bg.wasm"))?;
    bench
        .figures
        .add("size", GATEWAY.name, Round::from([("gzip_kb", size as f64 / 1024.0)]));
    let table = table::worker(&bench.figures);
    let workerd = options.workerd.to_string_lossy();
    bench.report(setting, &[(&workerd, "--version")], &table)
}

fn compare(
    bench: &mut Bench,
    options: &Options,
    subjects: &[Who],
    of: (&str, Kind),
    plan: Plan,
    rounds: usize,
) -> io::Result<()> {
    let (scenario, kind) = of;
    let mut processes = Vec::new();
    for who in subjects {
        processes.push((*who, start(bench, options, *who)?));
    }
    // The runtime compiles what runs often, and does so late.
    let warm = Plan {
        window: plan.window * 3,
        ..plan
    };
    let subjects: Vec<_> = processes
        .iter()
        .map(|(who, process)| Subject {
            name: who.name,
            target: match who.translates {
                true => Target::translated(process.address, kind, TOKEN),
                false => Target::new(process.address, kind, TOKEN, who.script != Script::Pass),
            },
            process: Some(process),
        })
        .collect();
    bench.compare(&format!("{scenario}-warm-up"), &subjects, warm, 1)?;
    bench.compare(scenario, &subjects, plan, rounds)
}

fn start(bench: &Bench, options: &Options, who: Who) -> io::Result<Running> {
    let address = free_address()?;
    let config = fs::read_to_string(&options.template)?
        .replace("@PORT@", &address.port().to_string())
        .replace("@SERVICES@", "")
        .replace("@BINDINGS@", &bindings(bench, who));
    let folder = match who.script {
        Script::Gateway => options.worker.clone(),
        Script::Plain => options.plain.join("plain"),
        Script::Pass => options.plain.join("pass"),
    };
    // Only the gateway is made of two files.
    let config: String = config
        .lines()
        .filter(|line| who.script == Script::Gateway || !line.contains("index_bg.wasm"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let file = bench.folder.join(format!("{}.capnp", who.name));
    fs::write(&file, config)?;
    let mut command = Command::new(&options.workerd);
    command
        .arg("serve")
        .arg(format!("--import-path={}", folder.display()))
        .arg(&file);
    Running::start(&command, options.setting.core, address, &bench.folder.join(who.name))
}

fn bindings(bench: &Bench, who: Who) -> String {
    // Texts of this format are escaped as Rust's are, as far as JSON goes.
    let binding = |name: &str, text: &str| format!("(name = {name:?}, text = {text:?})");
    if who.script == Script::Pass {
        let upstream = binding("UPSTREAM", &format!("http://{}", bench.upstream));
        return format!("{upstream}, {}", binding("KEY", KEYS[0]));
    }
    let mut routes = routes_of(bench.upstream, who.routes);
    if who.verify_end
        && let Some(routes) = routes.as_array_mut()
    {
        for route in routes {
            route["verify_end"] = true.into();
        }
    }
    binding("GATEWAY_ROUTES", &routes.to_string())
}

/// From the start of the process to the end of its first answer.
fn first_answer(bench: &Bench, options: &Options, who: Who) -> io::Result<Duration> {
    let started = Instant::now();
    let process = start(bench, options, who)?;
    let mut connection = TcpStream::connect(process.address)?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(Duration::from_secs(20)))?;
    connection.write_all(&request(CHAT, Kind::Chat, TOKEN))?;
    let Expected::Exactly(expected) = Expected::of(Kind::Chat, who.script != Script::Pass) else {
        return Err(io::Error::other("a chat is answered with a body"));
    };
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    while memchr::memmem::find(&answer, &expected).is_none() {
        let length = connection.read(&mut piece)?;
        if length == 0 {
            let answer = String::from_utf8_lossy(&answer);
            return Err(io::Error::other(format!("{} answers {answer}", who.name)));
        }
        answer.extend_from_slice(&piece[..length]);
    }
    Ok(started.elapsed())
}

fn compressed(file: &Path) -> io::Result<usize> {
    let packed = Command::new("gzip").arg("-9c").arg(file).output()?;
    if !packed.status.success() {
        return Err(io::Error::other(format!("gzip fails on {}", file.display())));
    }
    Ok(packed.stdout.len())
}
