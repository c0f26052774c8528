//! What both comparisons have in common: their options, one load after the other with the upstream beside it, everything
//! noted, and a report at the end.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;

use crate::figures::Figures;
use crate::load::{self, Plan, Target};
use crate::process::{Running, Usage, free_address, pin, raise_file_limit};
use crate::{machine, void};

#[derive(Args)]
pub(crate) struct Setting {
    /// Few and short rounds; good for a first look only
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only scenarios whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Where to write all figures, as JSON
    #[arg(long)]
    out: PathBuf,
    /// The core of what is measured
    #[arg(long, default_value_t = 1)]
    pub(crate) core: usize,
    /// The core of the upstream and the load
    #[arg(long, default_value_t = 0)]
    load_core: usize,
}

impl Setting {
    /// Whether a scenario was asked for.
    pub(crate) fn wants(&self, scenario: &str) -> bool {
        self.only.as_ref().is_none_or(|only| scenario.contains(only.as_str()))
    }
}

/// Somebody whose turn comes: the load for it, and its process, if it is one.
#[derive(Clone)]
pub(crate) struct Subject<'a> {
    pub(crate) name: &'static str,
    pub(crate) target: Target,
    pub(crate) process: Option<&'a Running>,
}

/// A mock upstream on the load's core, a folder, and what was measured so far.
pub(crate) struct Bench {
    pub(crate) upstream: SocketAddr,
    pub(crate) folder: PathBuf,
    pub(crate) figures: Figures,
    started: Instant,
    process: Child,
}

impl Bench {
    pub(crate) fn start(setting: &Setting) -> io::Result<Self> {
        raise_file_limit()?;
        pin(setting.load_core)?;
        let upstream = free_address()?;
        // It ends with us, however we end: it reads an input that nobody else holds.
        let process = Command::new(std::env::current_exe()?)
            .args(["upstream", "--port", &upstream.port().to_string()])
            .stdin(Stdio::piped())
            .spawn()?;
        let folder = std::env::temp_dir().join(format!("ai-gateway-bench.{}", std::process::id()));
        fs::create_dir_all(&folder)?;
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

    /// Loads `subject`, and notes what its process used meanwhile.
    pub(crate) fn load(&mut self, scenario: &str, subject: &Subject<'_>, plan: Plan) -> io::Result<()> {
        let usage = || subject.process.map_or_else(|| Ok(Usage::default()), Running::usage);
        let outcome = crate::block_on(load::run(subject.target.clone(), plan, usage))??;
        let seconds = self.started.elapsed().as_secs();
        eprintln!(
            "[{}:{:02}] {scenario}, {}: {}",
            seconds / 60,
            seconds % 60,
            subject.name,
            outcome.summary()
        );
        self.figures.add_outcome(scenario, subject.name, outcome);
        Ok(())
    }

    /// Loads all `subjects`, so many times.
    pub(crate) fn compare(
        &mut self,
        scenario: &str,
        subjects: &[Subject<'_>],
        plan: Plan,
        rounds: usize,
    ) -> io::Result<()> {
        for round in 0..rounds {
            for subject in in_turn(subjects, round) {
                self.load(scenario, &subject, plan)?;
            }
        }
        Ok(())
    }

    /// Writes all figures, and prints `table` below a line about this machine and its `programs`.
    pub(crate) fn report(&self, setting: &Setting, programs: &[(&str, &str)], table: &str) -> io::Result<()> {
        if let Some(folder) = setting.out.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&setting.out, format!("{:#}\n", self.figures.to_json()))?;
        println!("{}\n\n{table}", machine::describe(programs));
        eprintln!("all figures: {}", setting.out.display());
        void(&self.figures)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The subjects of a round, in an order that changes with it, so that none always follows the same one.
pub(crate) fn in_turn<T: Clone>(subjects: &[T], round: usize) -> Vec<T> {
    let mut order = subjects.to_vec();
    order.rotate_left(round % subjects.len().max(1));
    order
}
