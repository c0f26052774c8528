//! The load: workers on one thread that ask, check every answer to the byte, and count while a window is open. What the
//! process under test used is read exactly when the window opens and closes.

mod closed;
mod held;
mod open;
mod reading;
mod tally;

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::process::Usage;
use crate::traffic::{CHAT, Expected, Kind, MESSAGES};
use crate::wire::request;

pub(crate) use self::tally::{Tally, quantile};

/// How long answers that are under way when the window closes may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where requests go, and what must come back.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) kind: Kind,
    request: Vec<u8>,
    expected: Expected,
}

impl Target {
    /// `secret`: what clients show. `replaced`: whether the model's alias is replaced on the way.
    pub(crate) fn new(address: SocketAddr, kind: Kind, secret: &str, replaced: bool) -> Self {
        Self {
            address,
            kind,
            request: request(CHAT, kind, secret),
            expected: Expected::of(kind, replaced),
        }
    }

    /// A client of Anthropic's Messages asks for the stream of an upstream that has Chat Completions only.
    pub(crate) fn translated(address: SocketAddr, kind: Kind, secret: &str) -> Self {
        Self {
            address,
            kind,
            request: request(MESSAGES, kind, secret),
            expected: Expected::translated(),
        }
    }
}

/// How requests are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// The next one when the last was answered.
    Closed { connections: usize },
    /// So many a second, whether answers come or not. Latency counts from the moment at which a request was due, so that
    /// an answer that is late delays no measurement of the next (no coordinated omission).
    Open { connections: usize, rate: u32 },
    /// So many streams that stay open.
    Held { streams: usize },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) shape: Shape,
    pub(crate) warmup: Duration,
    pub(crate) window: Duration,
}

/// What one window showed.
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) lasted: Duration,
    pub(crate) before: Usage,
    pub(crate) after: Usage,
}

impl Outcome {
    /// For a line of progress.
    pub(crate) fn summary(&self) -> String {
        let Tally {
            answers,
            events,
            errors,
            ..
        } = &self.tally;
        let cpu = self.after.cpu.saturating_sub(self.before.cpu);
        let failed = if *errors == 0 {
            String::new()
        } else {
            format!(", {errors} ERRORS")
        };
        format!(
            "{answers} answers, {events} events, {} ms CPU in {} ms{failed}",
            cpu.as_millis(),
            self.lasted.as_millis()
        )
    }
}

/// What the workers of one load share.
struct Shared {
    target: Target,
    counting: Cell<bool>,
    over: Cell<bool>,
    tally: RefCell<Tally>,
}

impl Shared {
    fn fail(&self, what: &str) {
        self.tally.borrow_mut().fail(what);
        // Something is wrong altogether: no use in going on at full speed.
        if self.tally.borrow().errors > 1000 {
            self.over.set(true);
        }
    }
}

/// Loads `target`. `usage` is asked when the window opens and when it closes; the flag says whether memory matters.
pub(crate) async fn run(target: Target, plan: Plan, usage: impl Fn() -> io::Result<Usage>) -> io::Result<Outcome> {
    let shared = Rc::new(Shared {
        target,
        counting: Cell::new(false),
        over: Cell::new(false),
        tally: RefCell::default(),
    });
    let mut workers = JoinSet::new();
    let mut before = usage()?;
    match plan.shape {
        Shape::Closed { connections } => closed::start(&shared, connections, plan.warmup, &mut workers),
        Shape::Open { connections, rate } => open::start(&shared, connections, rate, &mut workers)?,
        Shape::Held { streams } => held::open(&shared, streams, &mut workers).await,
    }
    sleep(plan.warmup).await;
    if !matches!(plan.shape, Shape::Held { .. }) {
        before = usage()?;
    }
    let opened = Instant::now();
    shared.counting.set(true);
    sleep(plan.window).await;
    shared.counting.set(false);
    let lasted = opened.elapsed();
    let after = usage()?;
    shared.over.set(true);
    // Long streams are cut off; everything else may finish, so that the next load finds the connections as they were.
    if !matches!(shared.target.kind, Kind::Paced(_) | Kind::Held) {
        let finished = timeout(PATIENCE, async { while workers.join_next().await.is_some() {} });
        if finished.await.is_err() {
            shared.fail("answers that never came");
        }
    }
    workers.shutdown().await;
    let mut tally = shared.tally.take();
    if tally.answers == 0 && tally.events == 0 && tally.errors == 0 {
        tally.fail("nothing was answered");
    }
    Ok(Outcome {
        tally,
        lasted,
        before,
        after,
    })
}
