use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn short(json: &[u8], size: usize) -> Shortened {
    let mut short = Shortened::default();
    json.chunks(size.max(1)).for_each(|piece| short.extend(piece));
    short
}

#[test]
fn what_is_short_or_stands_near_the_top_remains() {
    let (text, tools) = (
        "é\"\\".repeat(50_000),
        vec![json!({"name": "f", "schema": {"x": [1, 2]}}); 5_000],
    );
    let long = json!({
        "a": text, "response": {"instructions": text, "tools": tools, "error": {"code": 429, "message": text}},
        "choices": [{"index": 0, "logprobs": {"content": tools}, "finish_reason": "stop"}],
        "usage": {"total_tokens": 5}, "type": "response.failed",
    });
    let read: Value = serde_json::from_slice(short(long.to_string().as_bytes(), 1000).as_bytes()).unwrap();
    for path in [
        "/response/error/code",
        "/choices/0/index",
        "/choices/0/finish_reason",
        "/usage",
        "/type",
    ] {
        assert_eq!(read.pointer(path), long.pointer(path), "{path}");
    }
    assert!(text.starts_with(read["response"]["error"]["message"].as_str().unwrap()));
    assert!(
        read["response"]["tools"]
            .as_array()
            .is_some_and(|tools| tools.len() > 10)
    );
}

#[test]
fn an_error_is_seen_when_it_is_named() {
    for (json, names, is) in [
        (r#"{"error":{"message":""#, true, true),
        (r#"{"type":"error","message":""#, true, true),
        (r#"{"error" : null,"message":""#, false, false),
        (r#"{"error""#, false, false),
        (r#"{"response":{"error":null,"tools":[{"error":5"#, true, false),
        (r#"{"a":"\"error\":{","errors":[],"b":"error "}"#, false, false),
        (r#"data: {"error": {"#, true, true),
    ] {
        for size in 1..=json.len() {
            let short = short(json.as_bytes(), size);
            assert_eq!((short.has_error(), short.is_error()), (names, is), "{json}");
        }
    }
}

/// JSON in which some is long.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        ("[a\"\\\\é😀\u{1}]{0,9}", 0..400_usize).prop_map(|(text, times)| Value::from(text.repeat(times))),
    ];
    leaf.prop_recursive(6, 60, 9, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..9).prop_map(Value::from),
            proptest::collection::vec(("[a-e]{1,3}", inner), 0..9)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// With every character beyond ASCII as an escape.
fn escaped(json: &str) -> String {
    let mut text = String::new();
    for char in json.chars() {
        match char {
            ' '..='~' => text.push(char),
            _ => char
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| text += &format!("\\u{unit:04x}")),
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_parses_whatever_is_left_out(values in proptest::collection::vec(value(), 1..25), escapes: bool, size in 1..5000_usize) {
        let json = json!({"values": values, "type": "last"}).to_string();
        let json = if escapes { escaped(&json) } else { json };
        let whole = short(json.as_bytes(), usize::MAX).into_bytes();
        prop_assert_eq!(&short(json.as_bytes(), size).into_bytes(), &whole);
        prop_assert!(whole.len() <= MOST[0] + 16);
        let read: Result<Value, _> = serde_json::from_slice(&whole);
        prop_assert!(read.is_ok_and(|read| read["type"] == "last"), "{}", String::from_utf8_lossy(&whole));
        if json.len() <= TEXT {
            prop_assert_eq!(String::from_utf8_lossy(&whole), json);
        }
    }

    #[test]
    fn a_cut_one_is_not_whole(text in "[a\"]{0,9}", times in 0..4000_usize, cut in any::<prop::sample::Index>()) {
        let json = json!({"a": text.repeat(times), "b": [{"c": text}]}).to_string();
        let cut = &json.as_bytes()[..cut.index(json.len())];
        prop_assert!(serde_json::from_slice::<Value>(short(cut, 700).as_bytes()).is_err());
    }

    #[test]
    fn no_bytes_panic_and_none_take_more_memory(pieces in proptest::collection::vec((r#"[{}\[\],:"\\u a0error]{0,12}"#, 0..3000_usize), 0..12), size in 1..3000_usize) {
        let bytes: String = pieces.iter().map(|(piece, times)| piece.repeat(*times)).collect();
        let whole = short(bytes.as_bytes(), usize::MAX);
        let pieces = short(bytes.as_bytes(), size);
        prop_assert_eq!(pieces.as_bytes(), whole.as_bytes());
        prop_assert_eq!((pieces.has_error, pieces.is_error), (whole.has_error, whole.is_error));
        // What closes a full object or array is kept above its limit.
        prop_assert!(whole.kept.len() <= TEXT + MOST[0] + MOST.len() + BEHIND, "{}", whole.kept.len());
    }
}

#[test]
fn a_bracket_that_is_one_byte_too_many_closes_what_it_closes() {
    for length in 0..120 {
        let values: Vec<String> = (0..19).map(|_| "x".repeat(100)).chain(["y".repeat(length)]).collect();
        let json = json!({"a": [{"b": values}], "type": "last"}).to_string();
        let read: Value = serde_json::from_slice(&short(json.as_bytes(), 7).into_bytes()).unwrap();
        assert_eq!(read["type"], "last", "{length}");
    }
}
