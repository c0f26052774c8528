//! WebSockets that the gateway answers itself: what is asked when, and who waits for whom.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use ai_gateway::gateway::{Body, Bridge, Gateway, Hear, Heard, Say};
use bytes::Bytes;
use http::{Request, StatusCode};
use tokio::time::{Instant, sleep, sleep_until};

use crate::sim::{Pieces, Play, Sim, answer};
use crate::{run, slow};

const ROUTE: &str = r#"[{"token": "t", "base_url": "https://a.example/v1", "dialect": "responses", "api_keys": ["a1", "a2"], "timeout": 10,
    "aliases": {"fast": "m"}}]"#;
const WHOLE: &str = r#"{"id":"r1","object":"response","status":"completed","output":[{"type":"message"}]}"#;

/// What a client says, each a while after the one before it. It leaves a while after that, and is silent before.
struct Ear {
    words: VecDeque<(u64, Heard)>,
    leaves: u64,
    /// When the next of them is heard.
    due: Option<Instant>,
}

impl Ear {
    fn saying(words: impl IntoIterator<Item = (u64, String)>, leaves: u64) -> Self {
        let text = |(after, text): (u64, String)| (after, Heard::Text(text.into()));
        Self {
            words: words.into_iter().map(text).collect(),
            leaves,
            due: None,
        }
    }
}

impl Hear for Ear {
    async fn hear(&mut self, patience: Option<Duration>) -> Heard {
        let after = self.words.front().map_or(self.leaves, |(after, _)| *after);
        let due = *self
            .due
            .get_or_insert_with(|| Instant::now() + Duration::from_millis(after));
        if let Some(patience) = patience.filter(|patience| Instant::now() + *patience < due) {
            sleep(patience).await;
            return Heard::Silence;
        }
        sleep_until(due).await;
        self.due = None;
        self.words.pop_front().map_or(Heard::Gone, |(_, heard)| heard)
    }
}

/// What the client is said, with the time.
type Said = Rc<RefCell<Vec<(u64, String)>>>;

struct Mouth {
    sim: Sim,
    gateway: Gateway<Sim>,
    said: Said,
}

impl Say for Mouth {
    type Answer = Option<Bytes>;

    async fn ask(&mut self, request: Request<Bytes>) -> (StatusCode, Option<Bytes>) {
        let mut record = self.gateway.record(request.headers());
        let request = request.map(|body| Pieces::of(String::from_utf8(body.to_vec()).unwrap()));
        let (head, body) = self.gateway.handle(request, &mut record).await.into_parts();
        (head.status, self.sim.read(body).await.ok().map(Bytes::from))
    }

    async fn piece(&mut self, answer: &mut Option<Bytes>) -> Option<Bytes> {
        answer.take()
    }

    async fn say(&mut self, message: String) -> bool {
        self.said.borrow_mut().push((self.sim.time(), message));
        true
    }

    async fn close(&mut self, code: u16, _: &'static str) {
        self.said.borrow_mut().push((self.sim.time(), format!("close {code}")));
    }
}

async fn bridge(sim: &Sim, gateway: &Gateway<Sim>) -> Bridge {
    let answer = sim.get(gateway, "/v1/responses", ("upgrade", "websocket")).await;
    assert_eq!(answer.record.status, 101);
    let Body::Bridge(bridge) = answer.response.into_body() else {
        unreachable!("the messages are not read")
    };
    *bridge
}

/// Serves a client, and returns what it is said: the time, and what the message begins with.
async fn served(sim: &Sim, mut ear: Ear) -> Vec<(u64, String)> {
    let gateway = sim.gateway(ROUTE);
    let (bridge, said) = (bridge(sim, &gateway).await, Said::default());
    let mut mouth = Mouth {
        sim: sim.clone(),
        gateway,
        said: Rc::clone(&said),
    };
    bridge.serve(&mut ear, &mut mouth).await;
    drop(mouth);
    let said = Rc::into_inner(said).unwrap().into_inner();
    let kind = |message: &str| {
        message
            .split("\",")
            .next()
            .unwrap_or_default()
            .replace("{\"type\":\"", "")
    };
    said.iter().map(|(at, message)| (*at, kind(message))).collect()
}

fn create(fields: &str) -> String {
    format!("{{\"type\":\"response.create\",\"model\":\"fast\",{fields}}}")
}

#[test]
fn a_message_is_served_as_a_request_is() {
    run(async {
        let sim = Sim::new(|asked| match asked.at {
            0 => answer(500, "{}"),
            _ => answer(200, WHOLE),
        });
        let said = served(&sim, Ear::saying([(0, create("\"input\":\"hi\""))], 50)).await;
        let asked = sim.asked();
        assert_eq!(asked.len(), 2);
        assert_ne!(asked[0].key, asked[1].key);
        assert_eq!(asked[1].body, r#"{"stream":true,"model":"m","input":"hi"}"#);
        let expected = ["response.created", "response.output_item.done", "response.completed"];
        assert_eq!(said, expected.map(|kind| (20, kind.to_owned())));
    });
}

#[test]
fn messages_wait_for_each_other_and_a_client_that_leaves_for_nobody() {
    run(async {
        let sim = Sim::new(|asked| match asked.at {
            0..3000 => slow(1_000, 200),
            _ => Play::Silence,
        });
        let words = (0..5).map(|number| (0, create(&format!("\"input\":\"{number}\""))));
        served(&sim, Ear::saying(words, 5_000)).await;
        let at: Vec<u64> = sim.asked().iter().map(|asked| asked.at).collect();
        assert_eq!((at, sim.time(), sim.open()), (vec![0, 1_000, 2_000, 3_000], 5_000, 0));
    });
}

#[test]
fn a_client_that_says_too_much_at_once_is_not_listened_to_meanwhile() {
    run(async {
        let sim = Sim::new(|_| slow(1_000, 200));
        let words = (0..40).map(|number| (0, create(&format!("\"input\":\"{number}\""))));
        // It would leave before the first answer, if it were heard.
        let said = served(&sim, Ear::saying(words, 0)).await;
        assert_eq!(sim.asked().len(), 25);
        assert!(said.iter().all(|(at, _)| at % 1_000 == 0));
    });
}

#[test]
fn silence_and_messages_that_are_too_long_end_it() {
    run(async {
        let sim = Sim::new(|_| slow(1_000, 200));
        let said = served(&sim, Ear::saying([], 1_000_000)).await;
        assert_eq!(said, [(900_000, "close 1000".to_owned())]);
    });
    run(async {
        let sim = Sim::new(|_| slow(1_000, 200));
        let mut ear = Ear::saying([(0, create("\"input\":\"hi\""))], 10);
        ear.words.push_back((5, Heard::TooLong));
        let said = served(&sim, ear).await;
        assert_eq!(said.last().unwrap(), &(1_000, "close 1009".to_owned()));
    });
}

#[test]
fn a_conversation_is_kept_up_to_a_limit() {
    run(async {
        let sim = Sim::new(|_| answer(200, WHOLE));
        let long = format!("\"input\":\"{}\"", "x".repeat(2_000));
        let next = create("\"previous_response_id\":\"r1\",\"input\":\"b\"");
        let words = [create("\"input\":\"a\""), next.clone(), create(&long), next];
        served(&sim, Ear::saying(words.map(|text| (50, text)), 50)).await;
        let bodies: Vec<String> = sim.asked().into_iter().map(|asked| asked.body).collect();
        let user = |text: &str| format!("{{\"type\":\"message\",\"role\":\"user\",\"content\":\"{text}\"}}");
        let input = format!("\"input\":[{},{{\"type\":\"message\"}},{}]", user("a"), user("b"));
        assert!(
            bodies[1].contains(&input) && !bodies[1].contains("previous"),
            "{}",
            bodies[1]
        );
        assert!(
            bodies[3].contains("\"previous_response_id\":\"r1\",\"input\":\"b\""),
            "{}",
            bodies[3]
        );
    });
}

#[test]
fn a_warm_up_asks_nobody() {
    run(async {
        let sim = Sim::new(|_| answer(200, WHOLE));
        let words = [(0, create("\"generate\":false,\"input\":\"a\""))];
        let said = served(&sim, Ear::saying(words, 10)).await;
        let expected = ["response.created", "response.completed"];
        assert_eq!(said, expected.map(|kind| (0, kind.to_owned())));
        assert!(sim.asked().is_empty());
    });
}
