//! A process whose log nobody can write, and whose file of routes nobody can read, serves on and ends in good order.

use std::fs::{self, File};
use std::io::{PipeReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{io, thread};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::client::Exchange;
use crate::support::{TOKEN, chat, free_port};

const ROUTES: &str = r#"[{"token":"gw-SECRET-token","provider":"echo"}]"#;

/// A gateway whose output goes where a test wants it; it ends with its test.
struct Process {
    child: Child,
    address: String,
    folder: TempDir,
}

impl Process {
    fn start(stdout: Stdio, stderr: Stdio, format: &str) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let routes = folder.path().join("routes.json");
        fs::write(&routes, ROUTES).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_ai-gateway"))
            .env_clear()
            .env("PORT", port.to_string())
            .env("GATEWAY_ROUTES_FILE", &routes)
            .env("LOG_FORMAT", format)
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap();
        let process = Self {
            child,
            address: format!("127.0.0.1:{port}"),
            folder,
        };
        while std::net::TcpStream::connect(&process.address).is_err() {
            thread::sleep(Duration::from_millis(25));
        }
        process
    }

    fn routes(&self) -> std::path::PathBuf {
        self.folder.path().join("routes.json")
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    fn open(&self, body: &str) -> Exchange {
        Exchange::begin(&self.address, chat("", body).as_bytes())
    }

    fn serves(&self) {
        let answer = self.open(r#"{"messages":[{"role":"user","content":"well"}]}"#).finish();
        assert_eq!(answer.status, 200);
    }

    /// Ends it while a stream is open. The stream is complete, and so is the end.
    fn ends_well(mut self) {
        let words = "word ".repeat(20);
        let mut stream = self.open(&format!(
            "{{\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"{words}\"}}]}}"
        ));
        stream.wait_for("word");
        self.signal("TERM");
        assert!(stream.finish().body.ends_with(b"data: [DONE]\n\n"));
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A pipe that nobody reads, and that is full.
fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, mut writer) = io::pipe().unwrap();
    // What a pipe holds (pipe(7)).
    writer.write_all(&[b'x'; 65_536]).unwrap();
    (reader, writer.into())
}

#[test]
fn what_cannot_be_written_ends_nothing() {
    let full_disk = || Stdio::from(File::create("/dev/full").unwrap());
    let reader_left = || Stdio::from(io::pipe().unwrap().1);
    let (_first, stuck_out) = full_pipe();
    let (_second, stuck_err) = full_pipe();
    for (stdout, stderr) in [
        (full_disk(), full_disk()),
        (reader_left(), reader_left()),
        (stuck_out, stuck_err),
    ] {
        let process = Process::start(stdout, stderr, "json");
        process.signal("HUP");
        process.serves();
        fs::write(process.routes(), "no JSON").unwrap();
        process.signal("HUP");
        process.serves();
        process.ends_well();
    }
}

#[test]
fn a_file_of_routes_that_hangs_stops_nothing() {
    let process = Process::start(Stdio::null(), Stdio::null(), "json");
    let pipe = process.folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::rename(&pipe, process.routes()).unwrap();
    for _ in 0..3 {
        process.signal("HUP");
        process.serves();
    }
    process.ends_well();
}

#[test]
fn a_file_that_cannot_be_read_in_time_or_has_no_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, told) in [
        (&*pipe, "does not answer"),
        (Path::new("/dev/zero"), "larger than 16 MiB"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_ai-gateway"))
            .arg("check")
            .env_clear()
            .env("GATEWAY_ROUTES_FILE", path)
            .output()
            .unwrap();
        let report = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && report.contains(told), "{report}");
    }
}

#[test]
fn news_are_lines_of_the_log_with_a_time() {
    for format in ["json", "text"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stderr");
        let process = Process::start(Stdio::null(), File::create(&path).unwrap().into(), format);
        process.signal("HUP");
        while !fs::read_to_string(&path).unwrap().contains("read again") {
            thread::sleep(Duration::from_millis(25));
        }
        process.ends_well();
        let news = fs::read_to_string(&path).unwrap();
        assert!(news.contains("listens on") && news.contains("stopping"), "{news}");
        assert!(!news.contains(TOKEN), "{news}");
        for line in news.lines() {
            let time = if format == "json" {
                let line: Value = serde_json::from_str(line).unwrap();
                assert!(line["message"].is_string() && line["level"] == "info", "{line}");
                line["time"].as_str().unwrap().to_owned()
            } else {
                line.split(' ').next().unwrap().to_owned()
            };
            assert!(time.len() == 24 && time.ends_with('Z'), "{line}");
        }
    }
}

/// Tests unwind anyway: what the released binary does is a line of its profile.
#[test]
fn a_panic_unwinds_in_the_released_binary() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let (_, behind) = manifest.split_once("[profile.release]").unwrap();
    let profile = behind.split("\n[").next().unwrap();
    assert!(!profile.contains("panic ="), "{profile}");
}
