//! What only the binary does: its command line, its process, and HTTP that a platform would not let through.

use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;

use crate::support::upstream::Upstream;
use crate::support::{Gateway, Runtime, TOKEN, request};

fn command(subcommand: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ai-gateway"));
    command
        .arg(subcommand)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn a_port_in_use_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let output = command("demo", &[("PORT", &port)]);
    assert!(!output.status.success());
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains(&format!("cannot listen on 127.0.0.1:{port}"))
    );
}

#[test]
fn six_mistakes_are_six_problems_and_no_secret() {
    let routes = r#"[{"token":"gw-secret-1","provider":"opnrouter","api_keys":"sk-secret-2","timeout":"5"},
        {"tokn":"gw-secret-3","base_url":"https://a.example/v1/chat/completions","api_keys":["sk-secret-4"]}]"#;
    for subcommand in ["check", "serve"] {
        let output = command(subcommand, &[("GATEWAY_ROUTES", routes)]);
        let report = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            report.contains("has 6 problems") && report.contains("did you mean `openrouter`?"),
            "{report}"
        );
        assert!(
            report.contains("GATEWAY_ROUTES[1].tokn (line 2, column 17)"),
            "{report}"
        );
        assert!(!report.contains("secret-"), "{report}");
    }
}

#[test]
fn check_prints_the_table_with_masked_keys() {
    let routes =
        r#"[{"token":"gw-0123456789-wxyz","name":"main","provider":"groq","api_keys":["gsk-0123456789-abcd"]}]"#;
    let output = command("check", &[("GATEWAY_ROUTES", routes)]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && table.contains("main  ****wxyz  groq") && table.contains("****abcd"),
        "{table}"
    );
    assert!(!table.contains("0123456789"));
}

#[test]
fn a_routes_file_is_read_and_named_in_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.json");
    std::fs::write(&path, r#"[{"token":"t","provider":"echo"}]"#).unwrap();
    let path = path.to_str().unwrap();
    assert!(command("check", &[("GATEWAY_ROUTES_FILE", path)]).status.success());
    std::fs::write(path, "[{]").unwrap();
    let report = String::from_utf8(command("check", &[("GATEWAY_ROUTES_FILE", path)]).stderr).unwrap();
    assert!(report.contains(&format!("{path} (line 1, column 3)")), "{report}");
}

#[test]
fn a_table_where_a_path_belongs_is_not_printed() {
    let routes = r#" [{"token":"gw-SECRET-1","provider":"groq","api_keys":["gsk-SECRET-2"]}]"#;
    let output = command("check", &[("GATEWAY_ROUTES_FILE", routes)]);
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(report.contains("put the table itself into GATEWAY_ROUTES"), "{report}");
    assert!(!output.status.success() && !report.contains("SECRET"), "{report}");
}

#[test]
fn check_says_where_the_routes_come_from_and_what_else_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.json");
    std::fs::write(&path, r#"[{"token":"t","provider":"echo"}]"#).unwrap();
    let path = path.to_str().unwrap();
    let told = |variables: &[(&str, &str)]| {
        let output = command("check", variables);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    // The blanks around a path are not part of it.
    let report = told(&[("GATEWAY_ROUTES_FILE", &format!(" {path}\r\n")), ("GATEWAY_TOKEN", "t")]);
    assert!(report.contains(&format!("the routes come from {path}")), "{report}");
    assert!(report.contains("passed over: GATEWAY_TOKEN"), "{report}");
    let table = ("GATEWAY_ROUTES", r#"[{"token":"t","provider":"echo"}]"#);
    let report = told(&[
        table,
        ("GATEWAY_ROUTES_FILE", "/nowhere/routes.json"),
        ("SSL_CERT_FILE", " "),
    ]);
    assert!(report.contains("passed over: GATEWAY_ROUTES_FILE"), "{report}");
}

#[test]
fn a_routes_file_in_another_encoding_or_behind_quotes_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.json");
    let table = r#"[{"token":"t","provider":"echo"}]"#;
    let utf_16 = |bytes: fn(u16) -> [u8; 2], mark: &str| {
        let text: Vec<u16> = format!("{mark}{table}").encode_utf16().collect();
        text.into_iter().flat_map(bytes).collect::<Vec<u8>>()
    };
    let gbk = [&b"[{\"token\":\"t\",\"provider\":\"echo\",\"name\":\"\xd6\xd0\xce\xc4\"}]"[..]].concat();
    for (bytes, told) in [
        (utf_16(u16::to_le_bytes, "\u{feff}"), "the text is UTF-16"),
        (utf_16(u16::to_be_bytes, "\u{feff}"), "the text is UTF-16"),
        (utf_16(u16::to_le_bytes, ""), "the text is UTF-16"),
        (gbk, "GBK"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let output = command("check", &[("GATEWAY_ROUTES_FILE", path.to_str().unwrap())]);
        let report = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && report.contains(told), "{report}");
    }
    std::fs::write(&path, table).unwrap();
    let quoted = format!("\"{}\"", path.display());
    let output = command("check", &[("GATEWAY_ROUTES_FILE", &quoted)]);
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(
        report.contains("GATEWAY_ROUTES_FILE: its value stands in quotes"),
        "{report}"
    );
}

#[test]
fn a_host_that_does_not_lead_anywhere_is_told_with_its_variable() {
    let echo = ("GATEWAY_ROUTES", r#"[{"token":"t","provider":"echo"}]"#);
    for subcommand in ["serve", "demo", "check", "health"] {
        for (host, told) in [("x86_64-conda-linux-gnu", "conda"), ("nowhere.invalid", "")] {
            let output = command(subcommand, &[echo, ("HOST", host), ("PORT", "1")]);
            let report = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && report.contains(told), "{report}");
            assert!(
                report.contains("HOST") || subcommand == "health",
                "{subcommand}: {report}"
            );
        }
    }
}

#[test]
fn check_finds_what_serve_would_not_start_with() {
    let echo = ("GATEWAY_ROUTES", r#"[{"token":"t","provider":"echo"}]"#);
    assert!(command("check", &[echo]).status.success());
    for (name, value) in [("SSL_CERT_FILE", "/nowhere/roots.pem"), ("HOST", "no host at all")] {
        let output = command("check", &[echo, (name, value)]);
        let report = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && report.contains(name), "{report}");
    }
}

#[test]
fn a_variable_that_is_no_text_is_not_taken_for_one_that_is_not_set() {
    use std::os::unix::ffi::OsStrExt;
    let output = Command::new(env!("CARGO_BIN_EXE_ai-gateway"))
        .arg("check")
        .env_clear()
        .env("GATEWAY_ROUTES", std::ffi::OsStr::from_bytes(b"[\xff]"))
        .env("GATEWAY_TOKEN", "t")
        .env("PROVIDER", "echo")
        .output()
        .unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(report.contains("GATEWAY_ROUTES"), "{report}");
}

#[test]
fn the_demo_keeps_to_the_limits_of_the_environment() {
    let report = command("demo", &[("BODY_LIMIT", "many")]).stderr;
    assert!(
        String::from_utf8(report)
            .unwrap()
            .contains("BODY_LIMIT: expected a number")
    );
}

#[test]
fn a_new_token_comes_with_its_digest() {
    let output = String::from_utf8(command("token", &[]).stdout).unwrap();
    let words: Vec<&str> = output.split_whitespace().collect();
    let [_, token, _, digest] = words[..] else {
        panic!("{output}")
    };
    let gateway = Gateway::with_routes(Runtime::Native, &json!([{"token_sha256": digest, "provider": "echo"}]));
    assert_eq!(gateway.raw(request("GET", "/v1/models", token, "", "")).status, 200);
    let url = format!("http://{}/health", gateway.address);
    let health = |url: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ai-gateway"));
        command
            .args(["health", "--url", url])
            .env_clear()
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(health(&url) && !health(&url.replace("/health", "/nothing")));
    // A proxy is the way to upstreams, and not to the gateway.
    let mut asked = Command::new(env!("CARGO_BIN_EXE_ai-gateway"));
    asked.args(["health", "--url", &url]).env_clear();
    asked.env("ALL_PROXY", "http://127.0.0.1:1");
    assert!(asked.output().unwrap().status.success());
    // Whether anybody listens there or not, it is an address.
    let elsewhere = command("health", &[("HOST", "::1"), ("PORT", "1")]);
    let told = String::from_utf8(elsewhere.stderr).unwrap();
    assert!(told.contains("http://[::1]:1/health cannot be reached"), "{told}");
}

#[test]
fn requests_that_are_not_http_get_an_error_object_as_well() {
    let gateway = Gateway::echo(Runtime::Native);
    for (request, expected) in [
        (
            "GET /health HTTP/1.1\r\nhost: g\r\nx-nul: a\0b\r\n\r\n".to_owned(),
            (400, "malformed_request"),
        ),
        ("nonsense\r\n\r\n".to_owned(), (400, "malformed_request")),
        (
            "POST /chat HTTP/1.1\r\nhost: g\r\ncontent-length: x\r\n\r\n".to_owned(),
            (400, "malformed_request"),
        ),
        (
            "POST /chat HTTP/1.1\r\nhost: g\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
            (400, "malformed_request"),
        ),
        (
            "POST /chat HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n"
                .to_owned(),
            (400, "malformed_request"),
        ),
        (
            format!("GET / HTTP/1.1\r\nhost: g\r\nx-large: {}\r\n\r\n", "x".repeat(300_000)),
            (431, "headers_too_large"),
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {}\r\n\r\n",
                "x".repeat(100_000)
            ),
            (431, "headers_too_large"),
        ),
        (
            format!("GET / HTTP/1.1\r\nhost: g\r\n{}\r\n", "x-many: 1\r\n".repeat(600)),
            (431, "headers_too_large"),
        ),
    ] {
        let request = if request.ends_with("\r\n\r\n") {
            request
        } else {
            request + "\r\n"
        };
        let request = request.replacen("host: g\r\n", "host: g\r\nconnection: close\r\n", 1);
        let answer = gateway.raw(&request);
        assert_eq!(
            answer.error(),
            (expected.0, expected.1.to_owned()),
            "{}",
            request.escape_debug().take(80).collect::<String>()
        );
        assert!(answer.field("x-request-id").is_some());
    }
    // One that goes on and on is refused while it does.
    let endless = format!("GET / HTTP/1.1\r\nhost: g\r\nx-large: {}", "x".repeat(100_000));
    assert_eq!(gateway.raw(endless).error(), (431, "headers_too_large".into()));
}

#[test]
fn dot_segments_lead_nowhere() {
    let gateway = Gateway::echo(Runtime::Native);
    for path in [
        "/v1/../health",
        "/v1/%2e%2e/health",
        "/v1/./models",
        "/v1/models/../chat",
        "/v1/models/%2E%2e/x",
        "/%76%31/models",
    ] {
        assert_eq!(gateway.get(path).error(), (404, "not_found".into()), "{path}");
    }
}

#[test]
fn http_2_is_spoken_without_tls() {
    let gateway = Gateway::echo(Runtime::Native);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let body = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(&gateway.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        let request = http::Request::get(format!("http://{}/v1/models", gateway.address)).header("x-api-key", TOKEN);
        let response = sender
            .send_request(request.body(Empty::<Bytes>::new()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.version(), http::Version::HTTP_2);
        response.into_body().collect().await.unwrap().to_bytes()
    });
    assert!(memchr::memmem::find(&body, b"\"echo\"").is_some());
}

#[test]
fn routes_are_read_again_on_a_signal_and_when_their_file_changes() {
    let table = |token: &str| json!([{"token": token, "provider": "echo"}]).to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes.json");
    std::fs::write(&path, table("gw-SECRET-one")).unwrap();
    let gateway = Gateway::start(Runtime::Native, &[("GATEWAY_ROUTES_FILE", path.to_str().unwrap())]);
    let status = |token: &str| gateway.raw(request("GET", "/v1/models", token, "", "")).status;
    assert_eq!((status("gw-SECRET-one"), status("gw-SECRET-two")), (200, 401));

    std::fs::write(&path, table("gw-SECRET-two")).unwrap();
    gateway.wait_for_log("was read again: 1 route");
    assert_eq!((status("gw-SECRET-one"), status("gw-SECRET-two")), (401, 200));

    // Another file in its place, as old and as long: what a mount of Kubernetes does.
    let written = std::fs::metadata(&path).unwrap().modified().unwrap();
    let next = folder.path().join("next.json");
    std::fs::write(&next, table("gw-SECRET-six")).unwrap();
    std::fs::File::options()
        .write(true)
        .open(&next)
        .unwrap()
        .set_modified(written)
        .unwrap();
    std::fs::rename(&next, &path).unwrap();
    let is_read = || {
        std::thread::sleep(Duration::from_millis(20));
        status("gw-SECRET-six") == 200
    };
    assert!((0..3000).any(|_| is_read()), "the other file is not read");
    assert_eq!(status("gw-SECRET-two"), 401);

    std::fs::write(&path, "[{\"token\": \"gw-SECRET-three\", \"provder\": \"echo\"}]").unwrap();
    gateway.wait_for_log("the old one stays");
    gateway.wait_for_log("did you mean `provider`?");
    assert_eq!((status("gw-SECRET-six"), status("gw-SECRET-three")), (200, 401));

    std::fs::write(&path, table("gw-SECRET-four")).unwrap();
    gateway.signal("HUP");
    while status("gw-SECRET-four") != 200 {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_connection_that_does_not_come_about_ends_with_its_own_timeout() {
    // A listener that accepts nobody, and whose queue is full: whoever comes now waits.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let _queue: Vec<_> = (0..4)
        .map(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300)))
        .collect();
    let second = Upstream::answering("200 OK", "content-type: application/json\r\n", r#"{"fine":1}"#);
    let routes = json!([
        {"token": TOKEN, "base_url": format!("http://{address}/v1"), "api_keys": ["up-SECRET-1"], "connect_timeout": 1, "max_attempts": 2, "fallbacks": ["b"]},
        crate::support::route("gw-SECRET-b", &second, json!({"name": "b"})),
    ]);
    let gateway = Gateway::with_routes(Runtime::Native, &routes);
    assert_eq!(gateway.chat(r#"{"model":"m"}"#).status, 200);
    gateway.wait_for_log("connect: no connection within 1 seconds");
}
