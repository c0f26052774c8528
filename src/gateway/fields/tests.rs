use super::*;

/// Returns headers with these fields, in order.
pub(in crate::gateway) fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
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
fn content_types_are_read_without_their_parameters() {
    assert!(is_json(b"Application/JSON; charset=utf-8"));
    assert!(is_json(b"application/vnd.api+json"));
    assert!(is_json(b"application/json, text/plain"));
    assert!(!is_json(b"text/plain") && !is_json(b"application/jsonp") && !is_json(b""));
}
