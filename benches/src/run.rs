//! The native gateway beside plain proxies: each alone on its core, in turn, several rounds.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use clap::Args;

use crate::figures::Round;
use crate::load::{Plan, Shape};
use crate::process::{Running, Usage};
use crate::rounds::{Bench, in_turn};
use crate::subject::{Place, Who, kilobytes};
use crate::traffic::Kind;
use crate::{machine, table, void};

#[derive(Args)]
pub(crate) struct Options {
    /// The gateway's binary
    #[arg(long)]
    gateway: PathBuf,
    /// About a minute instead of ten; good for a first look only
    #[arg(long)]
    quick: bool,
    /// Only scenarios whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Where to write all figures, as JSON
    #[arg(long)]
    out: PathBuf,
    /// The core of what is measured
    #[arg(long, default_value_t = 1)]
    core: usize,
    /// The core of the upstream and the load
    #[arg(long, default_value_t = 0)]
    load_core: usize,
}

/// A load that all subjects get in turn.
struct Scenario {
    name: &'static str,
    kind: Kind,
    shape: Shape,
    subjects: &'static [Who],
    /// Several times the usual window: what is counted is rare.
    windows: u32,
}

const EVERYBODY: [Who; 6] = [
    Who::Direct,
    Who::Gateway,
    Who::Gateway1000,
    Who::Nginx,
    Who::NginxLarge,
    Who::HaProxy,
];

/// Those whose figures fill the columns of the table.
const ALL: &[Who] = &[Who::Gateway, Who::Nginx, Who::HaProxy];

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "chat-64",
        kind: Kind::Chat,
        shape: Shape::Closed { connections: 64 },
        subjects: &[Who::Gateway, Who::Gateway1000, Who::Nginx, Who::HaProxy],
        windows: 1,
    },
    Scenario {
        name: "chat-1",
        kind: Kind::Chat,
        shape: Shape::Closed { connections: 1 },
        subjects: ALL,
        windows: 1,
    },
    Scenario {
        name: "chat-1000",
        kind: Kind::Chat,
        shape: Shape::Closed { connections: 1000 },
        subjects: ALL,
        windows: 1,
    },
    Scenario {
        name: "open-1000",
        kind: Kind::Chat,
        shape: Shape::Open {
            connections: 64,
            rate: 1000,
        },
        subjects: &[Who::Direct, Who::Gateway, Who::Nginx, Who::HaProxy],
        windows: 2,
    },
    Scenario {
        name: "open-streams",
        kind: Kind::Burst(4),
        shape: Shape::Open {
            connections: 64,
            rate: 200,
        },
        subjects: &[Who::Direct, Who::Gateway, Who::Nginx, Who::HaProxy],
        windows: 1,
    },
    Scenario {
        name: "burst-1",
        kind: Kind::Burst(1),
        shape: Shape::Closed { connections: 32 },
        subjects: ALL,
        windows: 1,
    },
    Scenario {
        name: "burst-4",
        kind: Kind::Burst(4),
        shape: Shape::Closed { connections: 32 },
        subjects: ALL,
        windows: 1,
    },
    Scenario {
        name: "paced",
        kind: Kind::Paced(20),
        shape: Shape::Closed { connections: 256 },
        subjects: ALL,
        windows: 2,
    },
    Scenario {
        name: "sink",
        kind: Kind::Sink,
        shape: Shape::Closed { connections: 8 },
        subjects: &[Who::Gateway, Who::Nginx, Who::NginxLarge, Who::HaProxy],
        windows: 1,
    },
];

/// How long and how often.
struct Pace {
    rounds: usize,
    warmup: Duration,
    window: Duration,
    /// Streams that are held, and how often.
    held: &'static [usize],
    held_rounds: usize,
    /// From the end of a load to the last look at memory.
    rest: Duration,
}

const QUICK: Pace = Pace {
    rounds: 3,
    warmup: Duration::from_millis(200),
    window: Duration::from_millis(600),
    held: &[2000],
    held_rounds: 1,
    rest: Duration::from_secs(5),
};

const FULL: Pace = Pace {
    rounds: 5,
    warmup: Duration::from_millis(500),
    window: Duration::from_millis(2500),
    held: &[500, 1000, 2000],
    held_rounds: 3,
    rest: Duration::from_secs(60),
};

pub(crate) fn run(options: &Options) -> io::Result<()> {
    let mut bench = Bench::start(options.load_core)?;
    let place = Place {
        gateway: options.gateway.clone(),
        upstream: bench.upstream,
        folder: bench.folder.clone(),
        core: options.core,
    };
    if !place.has(Who::Gateway) {
        return Err(io::Error::other(format!("there is no {}", options.gateway.display())));
    }
    for who in ALL.iter().filter(|who| !place.has(**who)) {
        eprintln!("{} is not installed: left out", who.name());
    }
    let pace = if options.quick { &QUICK } else { &FULL };
    let wanted = |name: &str| options.only.as_ref().is_none_or(|only| name.contains(only.as_str()));

    if wanted("memory") {
        memory(&mut bench, &place, pace)?;
    }
    for streams in pace.held.iter().filter(|streams| wanted(&held_name(**streams))) {
        held(&mut bench, &place, pace, *streams)?;
    }
    compare(&mut bench, &place, pace, wanted)?;
    let size = kilobytes(&place.gateway)? / 1024.0;
    bench
        .figures
        .add("size", Who::Gateway.name(), Round::from([("mb", size)]));

    if let Some(folder) = options.out.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&options.out, format!("{:#}\n", bench.figures.to_json()))?;
    println!(
        "{}\n\n{}",
        machine::describe(&[("nginx", "-v"), ("haproxy", "-v")]),
        table::native(&bench.figures)
    );
    eprintln!("all figures: {}", options.out.display());
    void(&bench.figures)
}

/// What costs CPU: the processes live through all scenarios; one that is not asked costs nothing.
fn compare(bench: &mut Bench, place: &Place, pace: &Pace, wanted: impl Fn(&str) -> bool) -> io::Result<()> {
    let scenarios: Vec<_> = SCENARIOS.iter().filter(|scenario| wanted(scenario.name)).collect();
    let mut processes: Vec<(Who, Option<Running>)> = Vec::new();
    for who in EVERYBODY {
        let needed = scenarios.iter().any(|scenario| scenario.subjects.contains(&who));
        if needed && place.has(who) {
            processes.push((who, place.start(who)?));
        }
    }
    for scenario in scenarios {
        let subjects: Vec<_> = processes
            .iter()
            .filter(|(who, _)| scenario.subjects.contains(who))
            .collect();
        for round in 0..pace.rounds {
            for (who, process) in in_turn(&subjects, round) {
                let address = process.as_ref().map_or(bench.upstream, |process| process.address);
                let plan = Plan {
                    shape: scenario.shape,
                    warmup: pace.warmup,
                    window: pace.window * scenario.windows,
                };
                let target = who.target(address, scenario.kind);
                bench.load(scenario.name, who.name(), target, plan, process.as_ref())?;
            }
        }
    }
    Ok(())
}

pub(crate) fn held_name(streams: usize) -> String {
    format!("held-{streams}")
}

/// Open streams and nothing else, in processes that have done nothing before.
fn held(bench: &mut Bench, place: &Place, pace: &Pace, streams: usize) -> io::Result<()> {
    for round in 0..pace.held_rounds {
        for who in in_turn(ALL, round).into_iter().filter(|who| place.has(*who)) {
            let Some(process) = place.start(who)? else { continue };
            let plan = Plan {
                shape: Shape::Held { streams },
                warmup: pace.warmup,
                window: Duration::from_secs(1),
            };
            let target = who.target(process.address, Kind::Held);
            bench.load(&held_name(streams), who.name(), target, plan, Some(&process))?;
        }
    }
    Ok(())
}

/// Fresh, under load, and a while later.
fn memory(bench: &mut Bench, place: &Place, pace: &Pace) -> io::Result<()> {
    let mut processes = Vec::new();
    for who in ALL.iter().copied().filter(|who| place.has(*who)) {
        if let Some(process) = place.start(who)? {
            processes.push((who, process));
        }
    }
    sleep(Duration::from_secs(1));
    note_memory(bench, "memory-idle", &processes)?;
    for (who, process) in &processes {
        let plan = Plan {
            shape: Shape::Closed { connections: 1000 },
            warmup: pace.warmup,
            window: pace.window,
        };
        let target = who.target(process.address, Kind::Chat);
        bench.load("memory-load", who.name(), target, plan, Some(process))?;
    }
    sleep(pace.rest);
    note_memory(bench, "memory-after", &processes)
}

fn note_memory(bench: &mut Bench, scenario: &str, processes: &[(Who, Running)]) -> io::Result<()> {
    for (who, process) in processes {
        let Usage { pss_kb, rss_kb, .. } = process.usage()?;
        let round = Round::from([("pss_mb", pss_kb as f64 / 1024.0), ("rss_mb", rss_kb as f64 / 1024.0)]);
        bench.figures.add(scenario, who.name(), round);
    }
    Ok(())
}
