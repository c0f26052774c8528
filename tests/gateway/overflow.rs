//! A conversation that is too long for a model: who is asked then, and who rests.

use crate::run;
use crate::sim::{Sim, answer};

const CHAT: &str = r#"{"model":"m","messages":[]}"#;
const DONE: &str = r#"{"choices":[]}"#;
const TOO_LONG: &str = r#"{"error":{"message":"This model's maximum context length is 8192 tokens. However, your messages resulted in 150000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
const UNSAID: &str = r#"{"error":{"message":"Your input exceeds the context window of this model.","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}"#;

/// A route with two keys for this model, and fallbacks for these, each at a host of its number.
fn routes(model: &str, fallbacks: &[&str]) -> String {
    let names: Vec<String> = (1..=fallbacks.len()).map(|place| format!("\"f{place}\"")).collect();
    let mut routes = vec![format!(
        r#"{{"token":"t","base_url":"https://f0.example/v1","api_keys":["a1","a2"],"aliases":{{"m":"{model}"}},"fallbacks":[{}]}}"#,
        names.join(",")
    )];
    for (place, model) in fallbacks.iter().enumerate() {
        let place = place + 1;
        routes.push(format!(
            r#"{{"token":"t{place}","name":"f{place}","base_url":"https://f{place}.example/v1","api_keys":["b{place}"],"default_model":"{model}"}}"#
        ));
    }
    format!("[{}]", routes.join(","))
}

/// The number of each host that was asked.
fn asked(sim: &Sim) -> String {
    sim.asked().iter().map(|asked| &asked.host[1..2]).collect()
}

#[test]
fn fallbacks_whose_models_take_more_are_asked_first_and_nobody_rests() {
    for (body, model, fallbacks, expected) in [
        // 150 000 tokens: what takes as many, in the order of the table.
        (
            TOO_LONG,
            "my-own",
            &["gpt-4o", "claude-sonnet-4-5", "gpt-4.1"][..],
            "02",
        ),
        // Nobody says how many there are: what takes more than the model itself does.
        (UNSAID, "gpt-4o", &["gpt-3.5-turbo", "gpt-4o-mini", "gpt-4.1"][..], "03"),
        (UNSAID, "my-own", &["gpt-4o"][..], "01"),
        // None is known to take more.
        (UNSAID, "gpt-4.1", &["gpt-4o", "another"][..], "0"),
        (TOO_LONG, "my-own", &["another"][..], "0"),
        (TOO_LONG, "my-own", &[][..], "0"),
    ] {
        run(async {
            let sim = Sim::new(move |asked| match asked.host.as_str() {
                "f0.example" => answer(400, body),
                _ => answer(200, DONE),
            });
            let gateway = sim.gateway(&routes(model, fallbacks));
            for turn in 1..=2 {
                let answer = sim.chat(&gateway, "x", CHAT).await;
                let status = if expected.len() > 1 { 200 } else { 400 };
                assert_eq!(answer.record.status, status, "{model} {fallbacks:?}");
                assert_eq!(asked(&sim), expected.repeat(turn), "{model} {fallbacks:?}");
            }
        });
    }
}

#[test]
fn where_no_fallback_serves_the_client_hears_that_its_conversation_is_too_long() {
    for failure in [429, 401, 500, 503] {
        run(async {
            let sim = Sim::new(move |asked| match asked.host.as_str() {
                "f0.example" => answer(400, TOO_LONG),
                _ => answer(failure, "{}"),
            });
            let gateway = sim.gateway(&routes("my-own", &["gpt-4.1"]));
            let answer = sim.chat(&gateway, "x", CHAT).await;
            let headers = answer.response.headers();
            assert!(!headers.contains_key("retry-after") && !headers.contains_key("x-should-retry"));
            assert_eq!((answer.record.status, asked(&sim).as_str()), (400, "01"), "{failure}");
            assert_eq!(sim.read(answer.response.into_body()).await.unwrap(), TOO_LONG);
        });
    }
}

#[test]
fn a_stream_that_begins_by_saying_so_is_no_failure_of_the_upstream() {
    run(async {
        let sim = Sim::new(|asked| match asked.host.as_str() {
            "f0.example" => crate::stream(&[(
                5,
                "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"context_length_exceeded\",\"message\":\"Your input exceeds the context window of this model.\"}}}\n\n",
            )]),
            _ => answer(500, "{}"),
        });
        let gateway = sim.gateway(&routes("gpt-4o", &["gpt-4.1"]));
        let body = r#"{"model":"m","stream":true,"input":"hi"}"#;
        for _ in 0..2 {
            let answer = sim
                .post(&gateway, ("/v1/responses", "application/json"), &[(0, body)])
                .await;
            assert_eq!(
                answer.record.status,
                400,
                "{:?} {}",
                answer.record.failures,
                asked(&sim)
            );
            let text = sim.read(answer.response.into_body()).await.unwrap();
            assert!(
                text.starts_with("{\"error\":") && text.contains("context_length_exceeded"),
                "{text}"
            );
        }
        assert!(asked(&sim).starts_with("010"), "it does not rest: {}", asked(&sim));
    });
}
