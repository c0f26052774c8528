//! The file of the routes, read and looked at within limits of time and size. It may lie on a mount that hangs, or be a
//! named pipe that nobody writes to: such a read never comes back, and nothing may wait for it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The time limit for a read of the file.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest file that is read, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The number of reads that may hang before no other one is begun.
const MOST_HANGING: usize = 4;

/// The number of reads that are under way.
static READING: AtomicUsize = AtomicUsize::new(0);

/// Returns what is in a file. It may take [`PATIENCE`], so call it only where no other work waits.
///
/// # Errors
/// If the file cannot be read, is too large, or does not answer in time.
pub(super) fn read(path: &str) -> io::Result<Vec<u8>> {
    let path = path.to_owned();
    apart(move || {
        let mut bytes = Vec::new();
        File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            let message = format!("it is larger than {} MiB", LARGEST / 1024 / 1024);
            return Err(io::Error::new(ErrorKind::FileTooLarge, message));
        }
        Ok(bytes)
    })
}

/// Returns what changes when a file does, or when another one takes its place: the device and the number of the file, the
/// second and nanosecond of its last change, and its length. It may take as long as [`read`].
///
/// # Errors
/// If the file cannot be seen, or does not answer in time.
pub(super) fn stamp(path: &str) -> io::Result<[u64; 5]> {
    let path = path.to_owned();
    apart(move || {
        let data = fs::metadata(path)?;
        let changed = [data.ctime(), data.ctime_nsec()].map(i64::cast_unsigned);
        Ok([data.dev(), data.ino(), changed[0], changed[1], data.len()])
    })
}

/// Does `work` with a file in a thread of its own, which is left behind where it hangs.
fn apart<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let hangs = || {
        let message = "it does not answer; is it on a mount that hangs, or a pipe that nobody writes to?";
        io::Error::new(ErrorKind::TimedOut, message)
    };
    if READING.fetch_add(1, Ordering::Relaxed) >= MOST_HANGING {
        READING.fetch_sub(1, Ordering::Relaxed);
        return Err(hangs());
    }
    let (done, result) = mpsc::channel();
    thread::spawn(move || {
        let _ = done.send(work());
        READING.fetch_sub(1, Ordering::Relaxed);
    });
    result.recv_timeout(PATIENCE).unwrap_or_else(|_| Err(hangs()))
}
