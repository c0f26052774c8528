//! The native gateway beside plain proxies: each alone on its core, in turn, several rounds.

use std::io;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use clap::Args;

use crate::figures::Round;
use crate::load::{Plan, Shape};
use crate::process::{Running, Usage};
use crate::rounds::{Bench, Setting, Subject, in_turn};
use crate::subject::{Place, Who, kilobytes};
use crate::table;
use crate::traffic::Kind;

#[derive(Args)]
pub(crate) struct Options {
    /// The gateway's binary
    #[arg(long)]
    gateway: PathBuf,
    #[command(flatten)]
    setting: Setting,
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

const EVERYBODY: [Who; 7] = [
    Who::Direct,
    Who::Gateway,
    Who::Gateway1000,
    Who::Translating,
    Who::Nginx,
    Who::NginxLarge,
    Who::HaProxy,
];

/// Those whose figures fill the columns of the table.
const ALL: &[Who] = &[Who::Gateway, Who::Nginx, Who::HaProxy];

/// A translated stream beside the one that passes as it came.
const BOTH: &[Who] = &[Who::Gateway, Who::Translating];

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
        name: "translated-burst-1",
        kind: Kind::Burst(1),
        shape: Shape::Closed { connections: 32 },
        subjects: BOTH,
        windows: 1,
    },
    Scenario {
        name: "translated-burst-4",
        kind: Kind::Burst(4),
        shape: Shape::Closed { connections: 32 },
        subjects: BOTH,
        windows: 1,
    },
    Scenario {
        name: "translated-paced",
        kind: Kind::Paced(20),
        shape: Shape::Closed { connections: 256 },
        subjects: BOTH,
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
    let setting = &options.setting;
    let mut bench = Bench::start(setting)?;
    let place = Place {
        gateway: options.gateway.clone(),
        upstream: bench.upstream,
        folder: bench.folder.clone(),
        core: setting.core,
    };
    if !place.has(Who::Gateway) {
        return Err(io::Error::other(format!("there is no {}", options.gateway.display())));
    }
    for who in ALL.iter().filter(|who| !place.has(**who)) {
        eprintln!("{} is not installed: left out", who.name());
    }
    let pace = if setting.quick { &QUICK } else { &FULL };

    if setting.wants("memory") {
        memory(&mut bench, &place, pace)?;
    }
    for streams in pace.held.iter().filter(|streams| setting.wants(&held_name(**streams))) {
        held(&mut bench, &place, pace, *streams)?;
    }
    compare(&mut bench, &place, pace, setting)?;
    let size = kilobytes(&place.gateway)? / 1024.0;
    bench
        .figures
        .add("size", Who::Gateway.name(), Round::from([("mb", size)]));
    let table = table::native(&bench.figures);
    bench.report(setting, &[("nginx", "-v"), ("haproxy", "-v")], &table)
}

/// Somebody under a load of this kind.
fn subject<'a>(who: Who, process: Option<&'a Running>, bench: &Bench, kind: Kind) -> Subject<'a> {
    let address = process.map_or(bench.upstream, |process| process.address);
    Subject {
        name: who.name(),
        target: who.target(address, kind),
        process,
    }
}

/// What costs CPU: the processes live through all scenarios; one that is not asked costs nothing.
fn compare(bench: &mut Bench, place: &Place, pace: &Pace, setting: &Setting) -> io::Result<()> {
    let scenarios: Vec<_> = SCENARIOS
        .iter()
        .filter(|scenario| setting.wants(scenario.name))
        .collect();
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
            .map(|(who, process)| subject(*who, process.as_ref(), bench, scenario.kind))
            .collect();
        let plan = Plan {
            shape: scenario.shape,
            warmup: pace.warmup,
            window: pace.window * scenario.windows,
        };
        bench.compare(scenario.name, &subjects, plan, pace.rounds)?;
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
            let subject = subject(who, Some(&process), bench, Kind::Held);
            bench.load(&held_name(streams), &subject, plan)?;
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
        let subject = subject(*who, Some(process), bench, Kind::Chat);
        bench.load("memory-load", &subject, plan)?;
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
