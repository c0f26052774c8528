//! Processes under test, and what the operating system says about them.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

const START: Duration = Duration::from_secs(20);

/// CPU since the start, and memory now, of a process and its children.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Pages that several processes share count in parts.
    pub(crate) pss_kb: u64,
    pub(crate) rss_kb: u64,
    /// CPU that anybody used on the process's core since the machine's start.
    pub(crate) core: Duration,
}

/// A process that is ended with this value.
pub(crate) struct Running {
    child: Child,
    core: usize,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Starts `command` on one core, and waits until it listens. What it says goes to the file `says`.
    pub(crate) fn start(command: &Command, core: usize, address: SocketAddr, says: &Path) -> io::Result<Self> {
        // Told to end when we are killed: then nobody is left to drop this value.
        let mut pinned = Command::new("setpriv");
        pinned.args(["--pdeathsig", "TERM", "taskset"]);
        pinned
            .args(["-c", &core.to_string()])
            .arg(command.get_program())
            .args(command.get_args());
        pinned.env_clear();
        for (name, value) in command.get_envs() {
            pinned.env(name, value.unwrap_or_default());
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let child = pinned
            .env("PATH", path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(says)?)
            .spawn()?;
        let mut running = Self { child, core, address };
        let started = Instant::now();
        let failed = |how: &str| {
            let said = fs::read_to_string(says).unwrap_or_default();
            let program = command.get_program().display();
            Err(io::Error::other(format!("{program} {how}\n{said}")))
        };
        while TcpStream::connect(address).is_err() {
            if let Some(status) = running.child.try_wait()? {
                return failed(&format!("ended at once: {status}"));
            }
            if started.elapsed() > START {
                return failed("does not listen");
            }
            sleep(Duration::from_millis(1));
        }
        Ok(running)
    }

    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let mut sum = Usage {
            core: busy(self.core)?,
            ..Usage::default()
        };
        for process in tree(self.child.id())? {
            sum.cpu += cpu(process)?;
            let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
            sum.pss_kb += field(&rollup, "Pss:");
            sum.rss_kb += field(&rollup, "Rss:");
        }
        Ok(sum)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Children first: workers of a killed master would live on.
        for process in tree(self.child.id()).unwrap_or_default().into_iter().rev() {
            if let Some(process) = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

/// The process and its children.
fn tree(root: u32) -> io::Result<Vec<u32>> {
    let mut found = vec![root];
    for entry in fs::read_dir("/proc")? {
        let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else {
            continue; // ended meanwhile
        };
        if after_name(&stat).nth(1) == Some(&root.to_string()) {
            found.push(process);
        }
    }
    Ok(found)
}

/// Fields of /proc/PID/stat from the third on: the second is a name and may hold anything.
fn after_name(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit(") ").next().unwrap_or_default().split(' ')
}

/// utime and stime, in which threads that have ended are counted too.
fn cpu(process: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let ticks: u64 = after_name(&stat)
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(of_ticks(ticks))
}

/// What a core did, but for idling and waiting.
fn busy(core: usize) -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let name = format!("cpu{core} ");
    let fields = stat
        .lines()
        .find_map(|line| line.strip_prefix(&name))
        .unwrap_or_default();
    let fields: Vec<u64> = fields.split(' ').map_while(|field| field.parse().ok()).collect();
    // user, nice, system, idle, waiting for disks, irq, softirq, steal
    Ok(of_ticks(
        [0, 1, 2, 5, 6, 7].iter().filter_map(|at| fields.get(*at)).sum(),
    ))
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Keeps this process, and what it starts, on one core.
pub(crate) fn pin(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// As many open files as the system lets us have.
pub(crate) fn raise_file_limit() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}

/// A port that nobody listens on, below the range that the system gives to clients.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 20_000 + (std::process::id() % 10_000) as u16;
    for _ in 0..1000 {
        let port = base + NEXT.fetch_add(1, Ordering::Relaxed) % 2000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(io::Error::other("no free port"))
}

/// Where `name` is installed.
pub(crate) fn installed(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    // Not on the PATH of everybody, and the home of servers.
    folders.push(Path::new("/usr/sbin").into());
    folders
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}
