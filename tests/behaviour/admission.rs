//! Whom the binary lets in, and whom it lets go.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::http2::{self, Client};
use crate::life_cycle::{CHAT, STREAM, upstream_that_waits, with};
use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, chat, request, route};

#[test]
fn a_full_house_refuses_before_it_reads_and_serves_again_when_somebody_has_left() {
    let (upstream, end) = upstream_that_waits();
    let gateway = with(&upstream, ("MAX_CONCURRENT", "2"));
    let mut guests = [(); 2].map(|()| gateway.open(chat("", STREAM)));
    for guest in &mut guests {
        guest.wait_for("data: begun\n\n");
    }
    // Its body does not come; nobody waits for it.
    let unread = gateway
        .open(chat("", CHAT).replace(CHAT, ""))
        .try_finish()
        .expect("an answer");
    // A browser that may not ask would never get to read why.
    let preflight = request("OPTIONS", "/v1/chat/completions", "", "", "");
    assert_eq!(gateway.raw(preflight).status, 204);
    // A full house is healthy.
    assert_eq!(gateway.get("/health").status, 200);
    for refused in [gateway.checked(unread), gateway.chat(CHAT), gateway.get("/v1/models")] {
        assert_eq!(refused.error(), (503, "overloaded".into()));
        assert_eq!(refused.field("retry-after"), Some("1"));
    }
    assert_eq!(upstream.received().len(), 2);
    end.send(()).unwrap();
    end.send(()).unwrap();
    for guest in guests {
        assert!(gateway.checked(guest.finish()).text().ends_with("data: [DONE]\n\n"));
    }
    end.send(()).unwrap();
    let serves = || {
        thread::sleep(Duration::from_millis(20));
        gateway.chat(STREAM).status == 200
    };
    assert!((0..500).any(|_| serves()), "nobody is let in again");
}

#[test]
fn a_full_house_waits_for_no_body() {
    let silent = Upstream::start(|_, to| to.hang());
    let routes = json!([route(TOKEN, &silent, json!({"timeout": 5}))]).to_string();
    let variables = [("GATEWAY_ROUTES", &*routes), ("MAX_CONCURRENT", "1")];
    let gateway = Gateway::start(Runtime::Native, &variables);
    let was_first = || {
        let before = silent.received().len();
        // The time is the gateway's own: what it gives this request.
        let guest = gateway.open(chat("", CHAT));
        while silent.received().len() == before {
            thread::sleep(Duration::from_millis(20));
        }
        let refused = gateway.raw(chat("", CHAT).replace(CHAT, ""));
        assert_eq!(refused.error(), (503, "overloaded".into()));
        let is_first = !guest.has_come();
        assert_eq!(guest.finish().status, 504);
        is_first
    };
    // A machine that stands still lets everything happen at once.
    assert!((0..3).any(|_| was_first()));
}

#[test]
fn a_head_may_take_a_while() {
    let gateway = Gateway::echo(Runtime::Native);
    let mut exchange = gateway.open("GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ");
    thread::sleep(Duration::from_secs(4));
    exchange.send(b"1\r\nconnection: close\r\n\r\n").unwrap();
    assert_eq!(exchange.finish().status, 200);
}

#[test]
fn a_head_has_10_seconds_however_it_comes() {
    // The times around are the gateway's own: what it gives two other requests, which are sent before.
    let silent = Upstream::start(|_, to| to.hang());
    let routes = json!([
        route("gw-SECRET-7", &silent, json!({"timeout": 7})),
        route("gw-SECRET-14", &silent, json!({"timeout": 14})),
    ]);
    let gateway = Gateway::with_routes(Runtime::Native, &routes);
    let ask = |token: &str| gateway.open(request("POST", "/v1/chat/completions", token, JSON, CHAT));
    let in_time = || {
        let (soon, late) = (ask("gw-SECRET-7"), ask("gw-SECRET-14"));
        let begun = "GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ";
        let mut kept = gateway.open("GET /health HTTP/1.1\r\nhost: x\r\n\r\n");
        kept.wait_for("}");
        kept.send(begun.as_bytes()).unwrap();
        let mut trickle = gateway.open(begun);
        let unfinished = [gateway.open(""), gateway.open(begun), kept];
        let mut too_soon = false;
        loop {
            let ended = unfinished.iter().filter(|begun| begun.has_come()).count() + usize::from(trickle.has_come());
            too_soon |= ended > 0 && !soon.has_come();
            if late.has_come() || ended == 4 {
                return !too_soon && !late.has_come();
            }
            let _ = trickle.send(b"x");
            thread::sleep(Duration::from_millis(100));
        }
    };
    // A machine that stands still lets everything happen at once.
    assert!((0..3).any(|_| in_time()));
}

#[test]
fn a_body_may_take_longer_than_30_seconds_in_all() {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let pauses = [25, 12].map(Duration::from_secs);
    let slow = |path: &str, kind: &str| {
        let whole = request("POST", path, TOKEN, kind, CHAT);
        let (begun, rest) = whole.split_at(whole.len() - pauses.len());
        let mut exchange = gateway.open(begun);
        for (pause, byte) in pauses.iter().zip(rest.as_bytes()) {
            thread::sleep(*pause);
            exchange.send(&[*byte]).unwrap();
        }
        exchange.finish().status
    };
    thread::scope(|scope| {
        let read = scope.spawn(|| slow("/v1/chat/completions", JSON));
        let passed = scope.spawn(|| slow("/v1/files", "content-type: application/octet-stream\r\n"));
        assert_eq!([read, passed].map(|asked| asked.join().unwrap()), [200, 200]);
    });
}

#[test]
fn a_client_that_never_finishes_its_head_or_its_body_is_let_go() {
    let upstream = Upstream::answering("200 OK", JSON, "{}");
    let gateway = Gateway::to(Runtime::Native, &upstream, json!({}));
    let unfinished = |path: &str, kind: &str| {
        let begun = request("POST", path, TOKEN, kind, &"x".repeat(100)).replace("xxx", "x");
        gateway.checked(gateway.open(begun).finish()).error()
    };
    thread::scope(|scope| {
        let head = scope.spawn(|| {
            let exchange = gateway.open("GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ");
            gateway.checked(exchange.finish()).error()
        });
        let read = scope.spawn(|| unfinished("/v1/chat/completions", JSON));
        // Nothing is read in it.
        let passed = scope.spawn(|| unfinished("/v1/files", "content-type: application/octet-stream\r\n"));
        let newer = scope.spawn(|| {
            let mut client = Client::of(&gateway);
            let (_sender, body) = http2::unfinished();
            let answer = client.ask(http2::post("/v1/chat/completions", TOKEN, body)).unwrap();
            client.error(answer)
        });
        for unfinished in [head, read, passed, newer] {
            assert_eq!(unfinished.join().unwrap(), (408, "request_timeout".into()));
        }
    });
    assert!(upstream.received().is_empty());
}
