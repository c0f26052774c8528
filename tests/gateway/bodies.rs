//! How long a request's body is waited for.

use crate::sim::{Sim, answer};
use crate::{DONE, run};

const ROUTE: &str = r#"[{"token": "t", "base_url": "https://a.example/v1", "api_keys": ["a1"]}]"#;

#[test]
fn a_body_may_take_its_time_while_something_comes() {
    for path in ["/v1/chat/completions", "/v1/responses", "/v1/files"] {
        run(async {
            let sim = Sim::new(|_| answer(200, DONE));
            let gateway = sim.gateway(ROUTE);
            let pieces = [(29_000, "{\"model\""), (29_000, ":\"m\""), (29_000, "}")];
            let answer = sim.post(&gateway, path, &pieces).await;
            assert_eq!((answer.record.status, sim.time()), (200, 87_010), "{path}");
        });
    }
}

#[test]
fn a_body_of_which_nothing_comes_for_30_seconds_is_given_up() {
    for path in ["/v1/chat/completions", "/v1/responses", "/v1/files"] {
        run(async {
            let sim = Sim::new(|_| answer(200, DONE));
            let gateway = sim.gateway(ROUTE);
            let pieces = [(1_000, "{\"model\""), (31_000, ":\"m\"}")];
            let answer = sim.post(&gateway, path, &pieces).await;
            assert_eq!(
                (answer.record.status, answer.record.error),
                (408, Some("request_timeout")),
                "{path}"
            );
            assert_eq!((sim.time(), sim.asked().len()), (31_000, 0), "{path}");
        });
    }
}
