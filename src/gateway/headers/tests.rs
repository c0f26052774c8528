use super::*;

fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    map
}

#[test]
fn only_safe_request_ids_are_kept() {
    assert_eq!(
        request_id(&map(&[("x-request-id", "a.B_9:-")])).as_deref(),
        Some("a.B_9:-")
    );
    for id in ["", "a b", "a\tb", "é", "a/b"] {
        assert_eq!(
            request_id(
                &[(REQUEST_ID, HeaderValue::from_bytes(id.as_bytes()).unwrap())]
                    .into_iter()
                    .collect()
            ),
            None,
            "{id}"
        );
    }
    let long = HeaderValue::try_from("x".repeat(129)).unwrap();
    assert_eq!(request_id(&[(REQUEST_ID, long)].into_iter().collect()), None);
}

#[test]
fn new_request_ids_are_uuids_of_version_7() {
    let id = new_request_id(Millis(0x0123_4567_89ab), u128::MAX);
    assert_eq!(&id[..15], "01234567-89ab-7");
    assert!(request_id(&[(REQUEST_ID, HeaderValue::try_from(id).unwrap())].into_iter().collect()).is_some());
}

#[test]
fn the_upstream_sees_the_allow_list_only() {
    let client = map(&[
        ("user-agent", "x"),
        ("x-stainless-os", "Linux"),
        ("cookie", "a=b"),
        ("authorization", "Bearer secret"),
        ("x-stainless-token", "secret"),
        ("content-type", "multipart/form-data; boundary=\"a,b\", text/plain"),
        ("content-type", "application/json"),
        ("x-forwarded-for", "1"),
        ("cf-ray", "1"),
        ("openai-organization", "org"),
        ("host", "h"),
        ("openai-beta", "b"),
        ("accept-encoding", "br"),
        ("connection", "close, Idempotency-Key"),
        ("idempotency-key", "of this connection"),
    ]);
    let json = r#"[{"token":"secret","provider":"echo"}]"#;
    let config = crate::config::Config::of_routes(json).unwrap();
    let passed = forwarded(&client, &Caller::of(&config, &client).unwrap());
    let mut names: Vec<&str> = passed.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-type", "openai-beta", "user-agent", "x-stainless-os"]);
    assert_eq!(passed["content-type"], "multipart/form-data; boundary=\"a,b\"");
}

#[test]
fn the_client_does_not_see_what_is_withheld() {
    let upstream = map(&[
        ("connection", "close, X-Hop"),
        ("x-hop", "1"),
        ("set-cookie", "a"),
        ("set-cookie", "b"),
        ("cf-ray", "1"),
        ("server", "nginx"),
        ("x-request-id", "up"),
        ("x-ratelimit-remaining", "1"),
        ("retry-after", "2"),
        ("access-control-allow-origin", "x"),
    ]);
    let released = released(upstream);
    let mut names: Vec<&str> = released.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["retry-after", "x-ratelimit-remaining", "x-upstream-request-id"]);
}

#[test]
fn content_types_are_read_without_their_parameters() {
    assert!(is_json(b"Application/JSON; charset=utf-8"));
    assert!(is_json(b"application/vnd.api+json"));
    assert!(is_json(b"application/json, text/plain"));
    assert!(!is_json(b"text/plain") && !is_json(b"application/jsonp") && !is_json(b""));
}
