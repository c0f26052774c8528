//! How long a request's body is waited for.

use crate::sim::{Sim, answer};
use crate::{DONE, run};

const ROUTE: &str = r#"[{"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1"]}]"#;

/// Bodies that are read, and one in which nothing is.
const ASKS: [(&str, &str); 4] = [
    ("/v1/chat/completions", "application/json"),
    ("/v1/responses", "application/json"),
    ("/v1/files", "application/json"),
    ("/v1/files", "application/octet-stream"),
];

#[test]
fn a_body_may_take_its_time_while_something_comes() {
    for ask in ASKS {
        run(async {
            let sim = Sim::new(|_| answer(200, DONE));
            let gateway = sim.gateway(ROUTE);
            let pieces = [(29_000, "{\"model\""), (29_000, ":\"m\""), (29_000, "}")];
            let answer = sim.post(&gateway, ask, &pieces).await;
            assert_eq!((answer.record.status, sim.time()), (200, 87_010), "{ask:?}");
        });
    }
}

#[test]
fn a_body_of_which_nothing_comes_for_30_seconds_is_given_up() {
    for ask in ASKS {
        run(async {
            let sim = Sim::new(|_| answer(200, DONE));
            let gateway = sim.gateway(ROUTE);
            let pieces = [(1_000, "{\"model\""), (31_000, ":\"m\"}")];
            let answer = sim.post(&gateway, ask, &pieces).await;
            assert_eq!(
                (answer.record.status, answer.record.error),
                (408, Some("request_timeout")),
                "{ask:?}"
            );
            assert_eq!((sim.time(), sim.asked().len()), (31_000, 0), "{ask:?}");
        });
    }
}
