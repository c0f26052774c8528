//! One load after the other, with the upstream beside it and everything noted.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::figures::Figures;
use crate::load::{self, Plan, Target};
use crate::process::{Running, Usage, free_address, pin, raise_file_limit};

/// A mock upstream on the load's core, a folder, and what was measured so far.
pub(crate) struct Bench {
    pub(crate) upstream: SocketAddr,
    pub(crate) folder: PathBuf,
    pub(crate) figures: Figures,
    started: Instant,
    process: Child,
}

impl Bench {
    pub(crate) fn start(load_core: usize) -> io::Result<Self> {
        raise_file_limit()?;
        pin(load_core)?;
        let upstream = free_address()?;
        // It ends with us, however we end: it reads an input that nobody else holds.
        let process = Command::new(std::env::current_exe()?)
            .args(["upstream", "--port", &upstream.port().to_string()])
            .stdin(Stdio::piped())
            .spawn()?;
        let folder = std::env::temp_dir().join(format!("ai-gateway-bench.{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let bench = Self {
            upstream,
            folder,
            figures: Figures::default(),
            started: Instant::now(),
            process,
        };
        while TcpStream::connect(upstream).is_err() {
            if bench.started.elapsed() > Duration::from_secs(10) {
                return Err(io::Error::other("the mock upstream does not listen"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(bench)
    }

    /// Loads `target`, and notes what `process` used meanwhile.
    pub(crate) fn load(
        &mut self,
        scenario: &str,
        subject: &str,
        target: Target,
        plan: Plan,
        process: Option<&Running>,
    ) -> io::Result<()> {
        let usage = || process.map_or_else(|| Ok(Usage::default()), Running::usage);
        let outcome = crate::block_on(load::run(target, plan, usage))??;
        let seconds = self.started.elapsed().as_secs();
        eprintln!(
            "[{}:{:02}] {scenario}, {subject}: {}",
            seconds / 60,
            seconds % 60,
            outcome.summary()
        );
        self.figures.add_outcome(scenario, subject, outcome);
        Ok(())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The subjects of a round, in an order that changes with it, so that none always follows the same one.
pub(crate) fn in_turn<T: Copy>(subjects: &[T], round: usize) -> Vec<T> {
    let mut order = subjects.to_vec();
    order.rotate_left(round % subjects.len().max(1));
    order
}
