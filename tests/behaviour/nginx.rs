//! The nginx of docs/operations.md in front of the binary: what is printed there is what nginx is given.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tungstenite::Message;
use tungstenite::client::IntoClientRequest;

use crate::support::client::Exchange;
use crate::support::upstream::{SSE, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, free_port, request};
use crate::websockets;

const PAGE: &str = include_str!("../../docs/operations.md");

/// A running nginx; it ends with the test.
struct Nginx {
    process: Child,
    address: String,
    folder: TempDir,
}

impl Nginx {
    /// nginx with the blocks of the page, on a port of its own and without TLS; `None` where it is not installed.
    fn in_front_of(gateway: &Gateway) -> Option<Self> {
        let program = ["nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"]
            .into_iter()
            .find(|program| Command::new(program).arg("-v").stderr(Stdio::null()).status().is_ok());
        let Some(program) = program else {
            let _ = writeln!(io::stderr(), "SKIPPED: there is no nginx to test with");
            return None;
        };
        let address = format!("127.0.0.1:{}", free_port());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration(folder.path(), &address, &gateway.address)).unwrap();
        let process = Command::new(program)
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&file)
            .stderr(File::create(folder.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let mut nginx = Self {
            process,
            address,
            folder,
        };
        nginx.wait();
        Some(nginx)
    }

    fn wait(&mut self) {
        for _ in 0..1200 {
            if TcpStream::connect(&self.address).is_ok() {
                return;
            }
            if self.process.try_wait().unwrap().is_some() {
                break;
            }
            thread::sleep(Duration::from_millis(25));
        }
        let stderr = fs::read_to_string(self.folder.path().join("stderr"));
        panic!("nginx does not listen: {}", stderr.unwrap_or_default());
    }

    fn open(&self, request: &str) -> Exchange {
        Exchange::begin(&self.address, request.as_bytes())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One process, so that killing it leaves nothing behind; everything it writes is in `folder`.
fn configuration(folder: &Path, address: &str, gateway: &str) -> String {
    let mut blocks = PAGE
        .split("```nginx\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let (server, below_a_path) = (blocks.next().unwrap(), blocks.next().unwrap());
    assert_eq!(blocks.next(), None, "there is another block, which is not tried");
    let server: String = server
        .lines()
        .filter(|line| !line.contains("ssl_certificate"))
        .map(|line| format!("{line}\n"))
        .collect();
    let server = server
        .replace("listen 443 ssl;", &format!("listen {address};"))
        .replace("    location / {", &format!("{below_a_path}\n    location / {{"));
    let blocks = server.replace("127.0.0.1:8000", gateway);
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};\n", folder.join(kind).display()))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid {0}/pid;\nerror_log {0}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{blocks}}}\n",
        folder.display()
    )
}

/// The gateway's root as clients see it: at the root of the domain, and below a path.
const BASES: [&str; 2] = ["", "/ai"];

#[test]
fn streams_pass_nginx_event_by_event() {
    let (next, asked) = std::sync::mpsc::channel::<()>();
    let asked = std::sync::Mutex::new(asked);
    let upstream = Upstream::start(move |_, to| {
        to.head("200 OK", SSE);
        to.send(b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"first\"}}]}\n\n");
        let _ = asked.lock().unwrap().recv_timeout(Duration::from_secs(60));
        to.send(b"data: [DONE]\n\n");
    });
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let Some(nginx) = Nginx::in_front_of(&gateway) else {
        return;
    };
    for base in BASES {
        let fields = "content-type: application/json\r\n";
        let path = format!("{base}/v1/chat/completions");
        let mut exchange = nginx.open(&request("POST", &path, TOKEN, fields, r#"{"model":"m","stream":true}"#));
        exchange.wait_for("first");
        next.send(()).unwrap();
        let answer = gateway.checked(exchange.finish());
        assert_eq!(answer.status, 200);
        assert!(answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
    }
}

#[test]
fn websockets_pass_nginx() {
    let upstream = websockets::upstream(websockets::echo);
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let Some(nginx) = Nginx::in_front_of(&gateway) else {
        return;
    };
    for base in BASES {
        let url = format!("ws://{}{base}/v1/realtime?model=m", nginx.address);
        let mut request = url.into_client_request().unwrap();
        let token = format!("Bearer {TOKEN}").parse().unwrap();
        request.headers_mut().insert("authorization", token);
        let stream = TcpStream::connect(&nginx.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let (mut socket, _) = tungstenite::client(request, stream).unwrap();
        socket.send(Message::text("你好")).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text("你好"));
    }
}

#[test]
fn what_is_longer_than_nginx_takes_by_itself_passes() {
    const LENGTH: usize = 3 << 20;
    let upstream = Upstream::answering("200 OK", "content-type: application/json\r\n", r#"{"id":"file-1"}"#);
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let Some(nginx) = Nginx::in_front_of(&gateway) else {
        return;
    };
    let (fields, body) = ("content-type: application/octet-stream\r\n", "x".repeat(LENGTH));
    let answer = nginx.open(&request("POST", "/v1/files", TOKEN, fields, &body)).finish();
    assert_eq!((answer.status, upstream.only().body.len()), (200, LENGTH));
}
