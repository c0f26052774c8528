//! Many clients at once, upstreams that fail in every way, clients that leave whenever they like: everybody gets an answer,
//! and afterwards nothing is left over. `scripts/soak` runs it for ten minutes.

#![expect(clippy::disallowed_types, reason = "a native test has a native clock")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::json;

use crate::faults::{FAULTS, healthy};
use crate::support::upstream::{Connection, Received, SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, chat, route};

/// One request in twenty fails, and one client in ten leaves.
const FAULTY: u64 = 20;
const LEAVING: u64 = 10;

/// Numbers that look random and are the same in every run (xorshift64, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[derive(Default)]
struct Tally {
    answered: AtomicUsize,
    complete: AtomicUsize,
    told: AtomicUsize,
    left: AtomicUsize,
}

fn setting(name: &str, default: u64) -> u64 {
    env::var_os(name).map_or(default, |value| value.to_str().unwrap().parse().unwrap())
}

fn upstream(open: &Arc<AtomicUsize>) -> Upstream {
    let (open, asked) = (Arc::clone(open), AtomicUsize::new(1));
    Upstream::start(move |received: &Received, to: &mut Connection| {
        open.fetch_add(1, Ordering::SeqCst);
        let number = asked.fetch_add(1, Ordering::Relaxed) as u64;
        let mut dice = Dice(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        dice.roll(2);
        let stream = received.text().contains("\"stream\":true");
        if dice.roll(FAULTY) == 0 {
            let fault = dice.roll(FAULTS.len() as u64) as usize;
            (FAULTS[fault].plays)(to, stream);
        } else if stream {
            to.head("200 OK", SSE);
            for _ in 0..dice.roll(30) {
                to.send(b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"}}]}\n\n");
                thread::sleep(Duration::from_millis(dice.roll(20)));
            }
            to.send(b"data: [DONE]\n\n");
        } else {
            thread::sleep(Duration::from_millis(dice.roll(200)));
            healthy(to, stream);
        }
        open.fetch_sub(1, Ordering::SeqCst);
    })
}

fn client(gateway: &Gateway, number: u64, end: Instant, tally: &Tally) {
    let mut dice = Dice(number + 1);
    while Instant::now() < end {
        let stream = dice.roll(2) == 0;
        let body = if stream {
            r#"{"model":"m","stream":true}"#
        } else {
            r#"{"model":"m"}"#
        };
        let exchange = gateway.open(chat("", body));
        if dice.roll(LEAVING) == 0 {
            thread::sleep(Duration::from_millis(dice.roll(150)));
            if dice.roll(2) == 0 {
                exchange.leave();
            }
            tally.left.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let answer = gateway.checked(exchange.finish());
        tally.answered.fetch_add(1, Ordering::Relaxed);
        let text = String::from_utf8_lossy(&answer.body);
        let ended = !stream || text.contains("[DONE]") || text.contains("\"finish_reason\":\"stop\"");
        if answer.status == 200 && ended {
            tally.complete.fetch_add(1, Ordering::Relaxed);
        } else {
            assert!(
                text.contains("\"error\"") || answer.status != 200,
                "{}\n{text}",
                answer.head
            );
            tally.told.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn run(gateway: &Gateway, clients: u64, time: Duration) -> Tally {
    let (end, tally) = (Instant::now() + time, Tally::default());
    thread::scope(|scope| {
        for number in 0..clients {
            let tally = &tally;
            scope.spawn(move || client(gateway, number, end, tally));
        }
    });
    tally
}

/// Open files and memory of the gateway, once it has nothing to do any more.
fn at_rest(gateway: &Gateway, open: &AtomicUsize) -> (usize, usize) {
    for _ in 0..600 {
        if open.load(Ordering::SeqCst) == 0 {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(open.load(Ordering::SeqCst), 0, "requests upstream are still open");
    thread::sleep(Duration::from_secs(1));
    let files = fs::read_dir(format!("/proc/{}/fd", gateway.process_id())).map_or(0, Iterator::count);
    (files, gateway.resident_kilobytes())
}

#[test]
fn under_load_and_faults_everybody_is_answered_and_nothing_is_left_over() {
    let (seconds, clients) = (setting("SOAK_SECONDS", 30), setting("SOAK_CLIENTS", 60));
    let open = Arc::new(AtomicUsize::new(0));
    let (first, second) = (upstream(&open), upstream(&open));
    let routes = json!([
        route(
            TOKEN,
            &first,
            json!({"timeout": 2, "idle_timeout": 2, "max_attempts": 3, "fallbacks": ["second"]})
        ),
        route(
            "gw-SECRET-second",
            &second,
            json!({"name": "second", "timeout": 2, "idle_timeout": 2})
        ),
    ]);
    let gateway = Gateway::with_routes(Runtime::Native, &routes);
    // Buffers and tables grow to their size in a first part.
    run(&gateway, clients, Duration::from_secs(seconds / 3));
    let before = at_rest(&gateway, &open);
    let tally = run(&gateway, clients, Duration::from_secs(seconds - seconds / 3));
    let after = at_rest(&gateway, &open);
    let count = |number: &AtomicUsize| number.load(Ordering::Relaxed);
    eprintln!(
        "soak: {seconds} s, {clients} clients: {} answered ({} complete, {} told of a failure), {} left early; files {} -> {}, memory {} -> {} KB",
        count(&tally.answered),
        count(&tally.complete),
        count(&tally.told),
        count(&tally.left),
        before.0,
        after.0,
        before.1,
        after.1,
    );
    assert!(
        count(&tally.complete) > 10 * count(&tally.told),
        "failover hides most faults"
    );
    assert!(
        after.0 <= before.0 + 2,
        "files are left open: {} -> {}",
        before.0,
        after.0
    );
    assert!(
        after.1 * 5 <= before.1 * 6 + 5 * 1024,
        "memory grew: {} -> {} KB",
        before.1,
        after.1
    );
}
