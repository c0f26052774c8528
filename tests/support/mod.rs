//! What tests over HTTP stand on: a gateway on either runtime, an upstream, a client. Every answer and every log line
//! that passes here is searched for secrets and upstream addresses.

pub(crate) mod arriving;
pub(crate) mod client;
pub(crate) mod upstream;

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use self::client::{Answer, Exchange};
use self::upstream::Upstream;

/// The token of a gateway that has one route.
pub(crate) const TOKEN: &str = "gw-SECRET-token";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    Native,
    Worker,
}

const BINARY: &str = env!("CARGO_BIN_EXE_ai-gateway");

/// A running gateway; it ends with the test.
pub(crate) struct Gateway {
    process: Child,
    pub(crate) address: String,
    folder: TempDir,
    /// What no answer and no log line may hold.
    secrets: Vec<String>,
}

impl Gateway {
    /// A gateway with these variables and no others. On the Worker `GATEWAY_KV` is the address of what stands in for a KV
    /// namespace, and a name behind `JSON ` that of a binding which is no text.
    pub(crate) fn start(runtime: Runtime, variables: &[(&str, &str)]) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let command = match runtime {
            Runtime::Native => binary(Command::new(BINARY), port, variables),
            Runtime::Worker => workerd(folder.path(), port, variables),
        };
        Self::run(command, port, folder, variables)
    }

    /// The same binary, started by a shell that says this first: `ulimit`, for one.
    pub(crate) fn after(words: &str, variables: &[(&str, &str)]) -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{words} && exec {BINARY}")]);
        Self::run(binary(command, port, variables), port, folder, variables)
    }

    fn run(mut command: Command, port: u16, folder: TempDir, variables: &[(&str, &str)]) -> Self {
        let file = |name: &str| File::create(folder.path().join(name)).unwrap();
        let process = command
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let words = variables
            .iter()
            .flat_map(|(_, value)| value.split(['"', ',', ' ', '\'']));
        let secret = |word: &&str| word.contains("SECRET");
        let address = |word: &str| {
            word.strip_prefix("http://")
                .map(|rest| rest.split('/').next().unwrap().to_owned())
        };
        let mut secrets: Vec<_> = words
            .clone()
            .filter(secret)
            .map(str::to_owned)
            .chain(words.filter_map(address))
            .collect();
        secrets.sort_unstable();
        secrets.dedup();
        let gateway = Self {
            process,
            address: format!("127.0.0.1:{port}"),
            folder,
            secrets,
        };
        for _ in 0..1200 {
            if TcpStream::connect(&gateway.address).is_ok() {
                return gateway;
            }
            thread::sleep(Duration::from_millis(25));
        }
        panic!("the gateway does not listen: {}", gateway.log());
    }

    /// A gateway with one route to `upstream`: two keys, and what `fields` adds or replaces.
    pub(crate) fn to(runtime: Runtime, upstream: &Upstream, fields: Value) -> Self {
        Self::with_routes(runtime, &json!([route(TOKEN, upstream, fields)]))
    }

    pub(crate) fn with_routes(runtime: Runtime, routes: &Value) -> Self {
        Self::start(runtime, &[("GATEWAY_ROUTES", &routes.to_string())])
    }

    /// A gateway with one route that echoes.
    pub(crate) fn echo(runtime: Runtime) -> Self {
        Self::with_routes(runtime, &json!([{"token": TOKEN, "provider": "echo"}]))
    }

    /// Everything it has written so far: to people, then of requests.
    pub(crate) fn log(&self) -> String {
        let stderr = fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default();
        stderr + &self.stdout()
    }

    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.folder.path().join("stdout")).unwrap_or_default()
    }

    /// Waits until `text` stands in the log.
    pub(crate) fn wait_for_log(&self, text: &str) {
        for _ in 0..1200 {
            if self.log().contains(text) {
                return;
            }
            thread::sleep(Duration::from_millis(25));
        }
        panic!("the log does not say {text}: {}", self.log());
    }

    /// Sends these bytes, and waits for the whole answer.
    pub(crate) fn raw(&self, request: impl AsRef<[u8]>) -> Answer {
        self.checked(self.open(request).finish())
    }

    /// Sends these bytes.
    pub(crate) fn open(&self, request: impl AsRef<[u8]>) -> Exchange {
        Exchange::begin(&self.address, request.as_ref())
    }

    /// Fails the test where an answer tells a secret.
    pub(crate) fn checked(&self, answer: Answer) -> Answer {
        let body = String::from_utf8_lossy(&answer.body);
        // Where there are hundreds of tokens, most answers hold none.
        let any = answer.head.contains("SECRET") || body.contains("SECRET");
        for secret in self.secrets.iter().filter(|secret| any || !secret.contains("SECRET")) {
            assert!(
                !answer.head.contains(secret) && !body.contains(secret),
                "an answer tells {secret}: {}\n{body}",
                answer.head
            );
        }
        answer
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// What the process holds in memory.
    pub(crate) fn resident_kilobytes(&self) -> usize {
        let output = Command::new("ps")
            .args(["-o", "rss=", "-p", &self.process.id().to_string()])
            .output();
        String::from_utf8(output.unwrap().stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    /// The most that the process has held in memory so far, where the system knows; else what it holds now.
    pub(crate) fn peak_kilobytes(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or_else(|| self.resident_kilobytes())
    }

    /// Waits for the process to end.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.raw(request("GET", path, TOKEN, "", ""))
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.raw(request("POST", path, TOKEN, "content-type: application/json\r\n", body))
    }

    /// Chat completions with further fields, each ended by CRLF.
    pub(crate) fn chat_with(&self, fields: &str, body: &str) -> Answer {
        self.raw(chat(fields, body))
    }

    pub(crate) fn chat(&self, body: &str) -> Answer {
        self.chat_with("", body)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("the gateway's log:\n{}", self.log());
            return;
        }
        let log = self.log();
        for secret in &self.secrets {
            assert!(!log.contains(secret), "the log tells {secret}: {log}");
        }
    }
}

/// A port that nobody listens on. It is below those that the system gives to whoever asks for any, and no two tests of this
/// process get the same one: so nobody takes it before the gateway does.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(509);
    let mut ports = std::iter::repeat_with(|| {
        let next = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        10_000 + (next % 20_000) as u16
    });
    ports
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

/// A route to `upstream` with two keys, and what `fields` adds or replaces.
pub(crate) fn route(token: &str, upstream: &Upstream, fields: Value) -> Value {
    let mut route = json!({"token": token, "base_url": upstream.base_url, "api_keys": ["up-SECRET-1", "up-SECRET-2"]});
    let Value::Object(fields) = fields else {
        panic!("fields are an object")
    };
    for (name, value) in fields {
        route[name] = value;
    }
    route
}

pub(crate) fn request(method: &str, path: &str, token: &str, fields: &str, body: &str) -> String {
    let length = if body.is_empty() && method == "GET" {
        String::new()
    } else {
        format!("content-length: {}\r\n", body.len())
    };
    format!(
        "{method} {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {token}\r\nconnection: close\r\n{fields}{length}\r\n{body}"
    )
}

pub(crate) fn chat(fields: &str, body: &str) -> String {
    request(
        "POST",
        "/v1/chat/completions",
        TOKEN,
        &format!("content-type: application/json\r\n{fields}"),
        body,
    )
}

fn binary(mut command: Command, port: u16, variables: &[(&str, &str)]) -> Command {
    command
        .env_clear()
        .env("PORT", port.to_string())
        .envs(variables.iter().copied());
    command
}

/// The command that serves the Worker with `variables` as its bindings.
fn workerd(folder: &Path, port: u16, variables: &[(&str, &str)]) -> Command {
    let built = |name| {
        std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run scripts/test, which builds the Worker"))
    };
    let mut services = String::new();
    let bindings: Vec<String> = variables
        .iter()
        .map(|(name, text)| {
            if *name == "GATEWAY_KV" {
                services = format!("(name = \"kv\", external = (address = {text:?}, http = ())),");
                return format!("(name = {name:?}, kvNamespace = \"kv\")");
            }
            match name.strip_prefix("JSON ") {
                Some(name) => format!("(name = {name:?}, json = {text:?})"),
                None => format!("(name = {name:?}, text = {text:?})"),
            }
        })
        .collect();
    let template = include_str!("../workerd/config.capnp.template");
    let config = folder.join("config.capnp");
    fs::write(
        &config,
        template
            .replace("@PORT@", &port.to_string())
            .replace("@SERVICES@", &services)
            .replace("@BINDINGS@", &bindings.join(", ")),
    )
    .unwrap();
    let mut import = OsString::from("--import-path=");
    import.push(built("WORKER_DIR"));
    let mut command = Command::new(built("WORKERD_BIN"));
    command.arg("serve").arg(import).arg(config);
    command
}
