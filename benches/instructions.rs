//! How many instructions the core's hot paths take, compared with those in `instructions.tsv` beside this file. Unlike
//! time, that is the same on a busy machine: callgrind runs each path on a processor of its own making.
//! `scripts/check-instructions` calls this, with the profile that it needs.
//!
//! What makes counts differ between machines, and is not the core's doing:
//! - the architecture, and whether the processor has AVX2, which valgrind passes on and searches and copies depend on:
//!   such machines are skipped;
//! - the compiler and the C library's `malloc` and `memcpy`: where they are not those of the record, more is tolerated;
//! - the seeds of hash tables: some instructions.
//!
//! Valgrind knows no SHA instructions: digests (tokens, the choice of a key) look dearer here than they are.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark that cannot set up fails")]
#![expect(clippy::print_stdout, reason = "it reports to a person")]

#[expect(
    unused_imports,
    reason = "there is no harness here: the tests of what is included are left out"
)]
#[path = "../tests/support/ready.rs"]
mod ready;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use ai_gateway::dialect::observe::Observer;
use ai_gateway::dialect::wire::patch::Peek;
use bytes::Bytes;

use self::ready::traffic::{EVENTS, Kind, TOKEN, chat_answer, events};
use self::ready::{Ready, ask, config, request};

/// What is tolerated, in per cent of what is recorded. Memory that lies otherwise makes up to three.
const TOLERANCE: f64 = 5.0;

/// The same with another compiler or C library.
const TOLERANCE_ELSEWHERE: f64 = 15.0;

/// Every path by its name.
const PATHS: [(&str, fn()); 11] = [
    ("route of a token, 1 route", || route_of(1)),
    ("route of a token, 1000 routes", || route_of(1000)),
    ("model replaced in 1 KB", || splice(Kind::Chat)),
    ("model replaced in 1 MB", || splice(Kind::Sink)),
    ("200 events observed", observe),
    ("chat", || chat(1)),
    ("chat, 1000 routes", || chat(1000)),
    ("chat, 200 events", stream),
    ("POST /chat", simple_chat),
    ("message, translated", message),
    ("message, 200 events translated", translated),
];

fn route_of(routes: usize) {
    let config = config(routes);
    measure(
        || (),
        |()| {
            let account = config.account_of(black_box(TOKEN.as_bytes()));
            assert_eq!(account.map(|account| account.route), Some(routes / 2));
        },
    );
}

fn splice(kind: Kind) {
    let body = Bytes::from(kind.request_body());
    let model = kind.upstream_name();
    measure(
        || (),
        |()| {
            let patched = Peek::read(&body).unwrap().with_model(&body, black_box(&model));
            let length: usize = patched.iter().map(Bytes::len).sum();
            assert!(length > body.len());
        },
    );
}

fn observe() {
    let events = events("m");
    measure(Observer::default, |mut observer| {
        for event in &events {
            observer.feed(event);
        }
        assert!(observer.is_done() && !observer.last_words(false, 0).is_cut);
    });
}

fn chat(routes: usize) {
    let ready = Ready::default();
    let gateway = ready.gateway(routes);
    let prepare = || {
        ready.will_answer(chat_answer("m"));
        request("/v1/chat/completions", Kind::Chat.request_body())
    };
    measure(prepare, |request| {
        assert!(ready.pass_on(ask(&gateway, request)) > 0);
    });
}

fn stream() {
    let ready = Ready::default();
    let gateway = ready.gateway(1);
    let prepare = || {
        ready.will_stream(events("m"));
        request("/v1/chat/completions", Kind::Burst(1).request_body())
    };
    measure(prepare, |request| {
        assert!(ready.pass_on(ask(&gateway, request)) > EVENTS);
    });
}

/// A client of Anthropic's Messages, and an upstream that has Chat Completions only.
fn message() {
    let ready = Ready::default();
    let gateway = ready.translating();
    let prepare = || {
        ready.will_answer(chat_answer("m"));
        request("/v1/messages", Kind::Chat.request_body())
    };
    measure(prepare, |request| {
        assert!(ready.pass_on(ask(&gateway, request)) > 0);
    });
}

fn translated() {
    let ready = Ready::default();
    let gateway = ready.translating();
    let prepare = || {
        ready.will_stream(events("m"));
        request("/v1/messages", Kind::Burst(1).request_body())
    };
    measure(prepare, |request| {
        assert!(ready.pass_on(ask(&gateway, request)) > EVENTS);
    });
}

fn simple_chat() {
    let ready = Ready::default();
    let gateway = ready.gateway(1);
    let prepare = || {
        ready.will_answer(chat_answer("m"));
        request("/chat", r#"{"message":"What is the answer?","model":"chat"}"#)
    };
    measure(prepare, |request| {
        assert!(ready.pass_on(ask(&gateway, request)) > 0);
    });
}

/// Runs a path until everything that is made once is there, then once where it is counted.
fn measure<T>(prepare: impl Fn() -> T, path: impl Fn(T)) {
    for _ in 0..2 {
        path(prepare());
    }
    counted(&path, prepare());
}

/// Callgrind counts between the beginning and the end of this function; it knows it by its name.
#[inline(never)]
fn counted<T>(path: impl Fn(T), prepared: T) {
    path(prepared);
}

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match (words.as_slice(), cannot()) {
        (["--path", name], _) => PATHS.iter().find(|(path, _)| path == name).unwrap().1(),
        ([] | ["--renew"], Some(why)) => println!("SKIPPED: instructions are not counted, {why}"),
        (["--renew"], None) => fs::write(baseline(), table(&count_all())).unwrap(),
        ([], None) => return compare(&count_all()),
        _ => panic!("unknown arguments {words:?}"),
    }
    ExitCode::SUCCESS
}

fn count_all() -> Vec<(&'static str, u64)> {
    PATHS.iter().map(|(name, _)| (*name, instructions(name))).collect()
}

/// Why nothing can be compared on this machine.
fn cannot() -> Option<&'static str> {
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    return Some("those recorded are of x86-64 Linux");
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    return (!std::arch::is_x86_feature_detected!("avx2"))
        .then_some("this processor has no AVX2, and those recorded are of one that has");
}

fn baseline() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.tsv")
}

/// Counts one path, in a process of its own.
fn instructions(name: &str) -> u64 {
    let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.callgrind", name.replace(['/', ' '], "-")));
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*instructions*counted*"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(std::env::current_exe().unwrap())
        .args(["--path", name])
        .env_remove("GLIBC_TUNABLES")
        .output()
        .unwrap();
    assert!(run.status.success(), "{name}: {}", String::from_utf8_lossy(&run.stderr));
    let profile = fs::read_to_string(profile).unwrap();
    let counts = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    let count = counts.unwrap().trim().parse().unwrap();
    assert!(count > 0, "{name}: nothing was counted; has the program its symbols?");
    count
}

/// What the counts depend on besides the core.
fn tools() -> String {
    let version = |program: &str| {
        let told = Command::new(program).arg("--version").output();
        let told = told.map(|told| {
            String::from_utf8_lossy(&told.stdout)
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned()
        });
        told.unwrap_or_else(|_| format!("no {program}"))
    };
    ["rustc", "ldd", "valgrind"].map(version).join(", ")
}

fn table(counts: &[(&str, u64)]) -> String {
    let mut table = format!(
        "# Instructions of the core's hot paths (benches/instructions.rs). Renew: scripts/check-instructions --renew\n# {}\n",
        tools()
    );
    for (name, count) in counts {
        writeln!(table, "{name}\t{count}").unwrap();
    }
    table
}

fn compare(now: &[(&str, u64)]) -> ExitCode {
    let text = fs::read_to_string(baseline()).unwrap_or_default();
    let recorded: BTreeMap<&str, u64> = text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, count)| (name, count.parse().unwrap()))
        .collect();
    let tolerance = if text.contains(&tools()) {
        TOLERANCE
    } else {
        println!(
            "Recorded with other tools than {}: {TOLERANCE_ELSEWHERE} % are tolerated.",
            tools()
        );
        TOLERANCE_ELSEWHERE
    };
    let mut failures = Vec::new();
    println!("{:<32}{:>12}{:>12}{:>9}", "instructions", "recorded", "now", "change");
    for (name, count) in now {
        let Some(before) = recorded.get(name) else {
            println!("{name:<32}{:>12}{count:>12}", "-");
            failures.push(format!("`{name}` is not recorded"));
            continue;
        };
        let change = (*count as f64 / *before as f64 - 1.0) * 100.0;
        println!("{name:<32}{before:>12}{count:>12}{change:>+8.1}%");
        if change > tolerance {
            failures.push(format!(
                "`{name}` takes {count} instructions, {change:.1} % more than the {before} recorded; {tolerance} % are tolerated"
            ));
        } else if change < -tolerance {
            println!("  it has become cheaper: renew the record, so that it stays so");
        }
    }
    for failure in &failures {
        println!("FAILED: {failure}");
    }
    if failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!(
        "Where they go: callgrind_annotate {}/NAME.callgrind",
        env!("CARGO_TARGET_TMPDIR")
    );
    println!("Where it is worth it: scripts/check-instructions --renew");
    ExitCode::FAILURE
}
