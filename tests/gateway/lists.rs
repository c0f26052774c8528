//! How often upstreams are asked for one list of models.

use crate::run;
use crate::sim::{Sim, answer};

/// A route with four keys, and so many fallbacks of four keys each.
fn table(fallbacks: usize) -> String {
    let route = |number: usize| {
        format!(
            r#"{{"token": "t-{number}", "name": "r{number}", "base_url": "https://{number}.example/v1",
                "api_keys": ["a{number}", "b{number}", "c{number}", "d{number}"]}}"#
        )
    };
    let names: Vec<String> = (1..=fallbacks).map(|number| format!(r#""r{number}""#)).collect();
    let first = route(0)
        .replace("\"t-0\"", "\"t\"")
        .replace('}', &format!(r#", "fallbacks": [{}]}}"#, names.join(",")));
    let routes: Vec<String> = std::iter::once(first).chain((1..=fallbacks).map(route)).collect();
    format!("[{}]", routes.join(","))
}

/// Of so many fallbacks: how often all are asked together, and which are asked at all, when only the last answers.
fn asked(fallbacks: usize) -> (usize, usize, u16, Option<String>) {
    run(async {
        let last = format!("{fallbacks}.example");
        let sim = Sim::new(move |asked| {
            if asked.host == last {
                answer(200, r#"{"object":"list","data":[{"id":"m"}]}"#)
            } else {
                answer(401, r#"{"error":{"message":"no"}}"#)
            }
        });
        let answer = sim.models(&sim.gateway(&table(fallbacks))).await;
        let asked = sim.asked();
        let hosts: std::collections::HashSet<_> = asked.iter().map(|asked| &asked.host).collect();
        let warning = answer.response.headers().get("warning");
        let warning = warning.map(|warning| warning.to_str().unwrap().to_owned());
        (asked.len(), hosts.len(), answer.record.status, warning)
    })
}

#[test]
fn the_list_of_many_upstreams_is_asked_for_a_bounded_number_of_times() {
    let missing = |count: usize| Some(format!("199 ai-gateway \"{count} of the lists of models are missing\""));
    // Few may try all of their keys, more share what there is, and of too many each is asked once until it is used up.
    assert_eq!(asked(0), (1, 1, 200, None));
    assert_eq!(asked(8), (8 * 4 + 1, 9, 200, missing(8)));
    let (attempts, hosts, status, told) = asked(15);
    assert!((17..=40).contains(&attempts), "{attempts}");
    assert_eq!((hosts, status, told), (16, 200, missing(15)));
    let (attempts, hosts, status, _) = asked(60);
    assert_eq!((attempts, hosts, status), (40, 40, 502));
}

#[test]
fn a_list_is_kept_for_each_shape_in_which_clients_read_it() {
    run(async {
        let sim = Sim::new(|_| answer(200, r#"{"object":"list","data":[{"id":"m"}]}"#));
        let gateway = sim.gateway(&table(0));
        for round in 0..2 {
            for (asked, path, header, begins) in [
                (1, "/v1/models", "accept", r#"{"object":"list","data":[{"id":"m"}]}"#),
                (
                    2,
                    "/v1/models",
                    "anthropic-version",
                    r#"{"data":[{"type":"model","id":"m","#,
                ),
                (3, "/v1beta/models", "accept", r#"{"models":[{"name":"models/m","#),
                (
                    3,
                    "/v1/models",
                    "x-goog-api-client",
                    r#"{"models":[{"name":"models/m","#,
                ),
            ] {
                let answer = sim.get(&gateway, path, (header, "x")).await;
                let list = sim.read(answer.response.into_body()).await.unwrap();
                assert!(list.starts_with(begins), "{list}");
                let expected = if round == 0 { asked } else { 3 };
                assert_eq!(sim.asked().len(), expected, "{path} {header}");
            }
        }
    });
}
