//! What statuses, headers and bodies mean, as tables and as properties.

use proptest::prelude::*;

use super::*;

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect()
}

fn meaning(status: u16, fields: &[(&'static str, &str)], body: &str) -> (Scope, u128) {
    let meaning = of_answer(
        status,
        &headers(fields),
        body.as_bytes(),
        false,
        Millis(784_111_770_000),
    );
    (meaning.scope, meaning.cooldown.as_millis())
}

#[test]
fn statuses_alone_have_the_scopes_of_the_table() {
    for (scope, cooldown, statuses) in [
        (Scope::Request, 0, &[400, 404, 405, 408, 409, 413, 415, 422, 418][..]),
        (Scope::Key, 300_000, &[401, 403]),
        (Scope::Quota, 600_000, &[402]),
        (Scope::KeyAndModel, 20_000, &[429]),
        (Scope::Upstream, 0, &[500, 502, 503, 504, 520, 529, 599]),
    ] {
        for status in statuses {
            assert_eq!(meaning(*status, &[], ""), (scope, cooldown), "{status}");
        }
    }
}

#[test]
fn every_way_to_say_how_long_is_understood() {
    for (fields, millis) in [
        (&[("retry-after", "7")][..], 7_000),
        (&[("retry-after", "1.5")], 1_500),
        (&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], 7_000),
        (&[("retry-after", "Tue, 06 Nov 1984 08:49:37 GMT")], 0),
        (&[("retry-after", "2m3s")], 123_000),
        (&[("retry-after-ms", "250"), ("retry-after", "9")], 250),
        (&[("retry-after", "100000")], 3_600_000),
        (&[("retry-after", "soon")], 20_000),
        (&[("retry-after", "-5")], 20_000),
        (
            &[
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-reset-tokens", "6m0s"),
            ],
            1_000,
        ),
        (
            &[
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-reset-tokens", "6m0s"),
                ("x-ratelimit-remaining-tokens", "0"),
            ],
            360_000,
        ),
        (&[("x-ratelimit-reset-input-tokens", "12s")], 12_000),
    ] {
        assert_eq!(meaning(429, fields, "{}"), (Scope::KeyAndModel, millis), "{fields:?}");
    }
    let google = r#"[{"error":{"code":429,"details":[{"retryDelay":"34s"}]}}]"#;
    assert_eq!(meaning(429, &[], google), (Scope::KeyAndModel, 34_000));
    let daily = r#"{"error":{"details":[{"violations":[{"quotaId":"RequestsPerDay"}]}]}}"#;
    assert_eq!(meaning(429, &[], daily), (Scope::KeyAndModel, 3_600_000));
}

#[test]
fn state_of_another_account_is_no_fault_of_a_key() {
    for (status, body) in [
        (400, r#"{"error":{"code":"invalid_encrypted_content"}}"#),
        (200, r#"{"error":{"code":"previous_response_not_found"}}"#),
    ] {
        let meaning = of_answer(status, &HeaderMap::new(), body.as_bytes(), false, Millis(0));
        assert_eq!(
            (meaning.scope, meaning.cooldown),
            (Scope::State, Duration::ZERO),
            "{body}"
        );
    }
}

#[test]
fn bodies_decide_where_the_status_does_not() {
    for (status, body, scope, cooldown) in [
        (429, r#"{"error":{"code":"insufficient_quota"}}"#, Scope::Quota, 600_000),
        (
            429,
            r#"{"error":{"code":"1113","message":"余额不足"}}"#,
            Scope::Quota,
            600_000,
        ),
        (400, r#"{"error":{"code":"Arrearage"}}"#, Scope::Quota, 600_000),
        (
            403,
            r#"{"code":30001,"message":"Sorry, your account balance is insufficient","data":null}"#,
            Scope::Quota,
            600_000,
        ),
        (
            403,
            r#"{"error":{"code":403,"message":"flagged","metadata":{"reasons":["violence"],"flagged_input":"..."}}}"#,
            Scope::Request,
            0,
        ),
        (403, r#"{"error":{"code":403,"metadata":{}}}"#, Scope::Key, 300_000),
        (429, r#"{"error":{"code":"1304"}}"#, Scope::KeyAndModel, 3_600_000),
        (
            400,
            r#"[{"error":{"code":400,"details":[{"reason":"API_KEY_INVALID"}]}}]"#,
            Scope::Key,
            300_000,
        ),
        (
            400,
            r#"{"error":{"message":"User location is not supported for the API use."}}"#,
            Scope::Region,
            0,
        ),
        (
            403,
            r#"{"error":{"code":"unsupported_country_region_territory"}}"#,
            Scope::Region,
            0,
        ),
        (
            400,
            r#"{"error":{"message":"Unknown parameter: 'stream_options'."}}"#,
            Scope::StreamOptions,
            0,
        ),
        (
            422,
            r#"{"detail":[{"loc":["body","stream_options"]}]}"#,
            Scope::StreamOptions,
            0,
        ),
        (403, "error code: 1003", Scope::Upstream, 0),
        (402, "<html>", Scope::Upstream, 0),
        (401, "Unauthorized", Scope::Key, 300_000),
        (
            200,
            r#"{"error":{"code":429,"message":"slow down"}}"#,
            Scope::KeyAndModel,
            20_000,
        ),
        (200, r#"{"error":{"code":400,"message":"bad"}}"#, Scope::Request, 0),
        (200, r#"{"error":{"message":"oops"}}"#, Scope::Upstream, 0),
        (
            400,
            r#"{"error":{"message":"say insufficient_quota"}}"#,
            Scope::Request,
            0,
        ),
    ] {
        assert_eq!(meaning(status, &[], body), (scope, cooldown), "{status} {body}");
    }
    let account = of_answer(429, &HeaderMap::new(), b"", true, Millis(0));
    assert_eq!(account.scope, Scope::Account);
}

#[test]
fn waiting_helps_where_a_limit_passes() {
    let helps = |status, fields, body: &str| {
        of_answer(status, &headers(fields), body.as_bytes(), false, Millis(0)).waiting_helps
    };
    assert!(helps(429, &[], "") && helps(503, &[("retry-after", "1")], ""));
    assert!(helps(402, &[("retry-after", "5")], "") && !helps(402, &[], ""));
    assert!(
        !helps(429, &[], r#"{"error":{"type":"insufficient_quota"}}"#) && !helps(503, &[], "") && !helps(500, &[], "")
    );
}

proptest! {
    #[test]
    fn no_answer_panics_and_no_cooldown_is_longer_than_an_hour(status in 100_u16..700, value in "[ -~]{0,30}", body in "\\PC{0,80}") {
        let fields = headers(&[("retry-after", &value), ("retry-after-ms", &value), ("x-ratelimit-reset-tokens", &value)]);
        let meaning = of_answer(status, &fields, body.as_bytes(), status % 2 == 0, Millis(1));
        prop_assert!(meaning.cooldown <= LONGEST);
        prop_assert!((400..500).contains(&status) || meaning.scope != Scope::Request || status < 400);
    }
}

#[test]
fn a_conversation_that_is_too_long_is_nobodys_failure_and_says_how_long_it_is() {
    let body = r#"{"error":{"message":"prompt is too long: 9000 tokens > 8192 maximum"}}"#;
    for status in [200, 400, 413, 422, 500] {
        let meaning = of_answer(status, &headers(&[]), body.as_bytes(), false, Millis(0));
        assert_eq!(
            (meaning.scope, meaning.cooldown),
            (Scope::Overflow, Duration::ZERO),
            "{status}"
        );
        assert_eq!((meaning.tokens, meaning.waiting_helps), (9000, false), "{status}");
    }
    for (body, tokens) in [
        (
            r#"{"error":{"message":"m","type":"exceed_context_size_error","code":400}}"#,
            0,
        ),
        (r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#, 0),
        (
            r#"{"type":"response.failed","response":{"error":{"code":"context_length_exceeded","message":"m"}}}"#,
            0,
        ),
        (
            r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"maximum context length is 300 tokens\"}}"}}}"#,
            301,
        ),
        (
            r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"maximum context length is 300 tokens"}}}"#,
            301,
        ),
    ] {
        let meaning = of_answer(400, &headers(&[]), body.as_bytes(), false, Millis(0));
        assert_eq!((meaning.scope, meaning.tokens), (Scope::Overflow, tokens), "{body}");
    }
    for status in [401, 403, 404, 429, 503] {
        assert_ne!(meaning(status, &[], body).0, Scope::Overflow, "{status}");
    }
}
