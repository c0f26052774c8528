//! Who said what.

use super::*;

#[test]
fn the_least_request_has_the_most_tokens_of_its_model() {
    let (body, dropped) = prompt_for(&hi(), &Quirks::default());
    assert_eq!(
        body,
        json!({"max_tokens": 16384, "messages": [{"role": "user", "content": "hi"}]})
    );
    assert!(dropped.is_empty());
}

#[test]
fn each_call_has_its_result_behind_it_however_late_it_came() {
    let request = conversation([
        message(Role::User, [said("go")]),
        message(Role::Assistant, [called("a", "{\"x\":1}")]),
        message(Role::Assistant, [called("b", ""), called("lost", "oops")]),
        message(Role::User, [result("b", "B")]),
        message(Role::Assistant, [said("so far")]),
        message(Role::User, [said("more"), result("a", "A")]),
        message(Role::Assistant, [called("a", "{}")]),
    ]);
    let no_result =
        |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "(no result)", "is_error": true});
    assert_eq!(
        prompt(&request)["messages"],
        json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "b", "name": "f", "input": {}},
                {"type": "tool_use", "id": "lost", "name": "f", "input": {"_raw": "oops"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "A"},
                {"type": "tool_result", "tool_use_id": "b", "content": "B"},
                no_result("lost")]},
            {"role": "assistant", "content": "so far"},
            {"role": "user", "content": "more"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a_2", "name": "f", "input": {}}]},
            {"role": "user", "content": [no_result("a_2")]},
        ])
    );
}

#[test]
fn a_result_without_a_call_is_refused() {
    let request = conversation([message(Role::User, [said("go"), result("a", "A")])]);
    assert_eq!(unsayable(&request).param, "messages");
    let twice = conversation([
        message(Role::Assistant, [called("a", "")]),
        message(Role::User, [result("a", "A"), result("a", "A")]),
    ]);
    assert!(unsayable(&twice).message.contains("`a`"));
}

#[test]
fn system_messages_stand_where_the_model_takes_them() {
    let request = conversation([
        message(Role::System, [said("one"), said(" ")]),
        message(Role::Developer, [said("two")]),
        message(Role::User, [said("hi")]),
        message(Role::System, [said("three")]),
    ]);
    let body = prompt(&request);
    let block = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(body["system"], json!([block("one"), block("two")]));
    let reminder = block("<system-reminder>\nthree\n</system-reminder>");
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": [block("hi"), reminder]}])
    );
    let quirks = Quirks {
        system_anywhere: true,
        ..Quirks::default()
    };
    let (body, _) = prompt_for(&request, &quirks);
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": "hi"}, {"role": "system", "content": "three"}])
    );
    let alone = conversation([message(Role::System, [said("one")])]);
    assert_eq!(prompt(&alone)["messages"], json!([{"role": "user", "content": "one"}]));
    assert_eq!(prompt(&alone)["system"], Value::Null);
    assert_eq!(unsayable(&conversation([])).param, "messages");
}

#[test]
fn an_answer_can_be_begun_where_the_model_continues_it() {
    let request = conversation([
        message(Role::User, [said("hi")]),
        message(Role::Assistant, [said("well \n")]),
    ]);
    let begun = json!({"role": "assistant", "content": "well"});
    assert_eq!(prompt(&request)["messages"][1], begun);
    let asked = json!({"role": "user", "content": "Continue."});
    let quirks = Quirks {
        prefill: false,
        ..Quirks::default()
    };
    let (body, dropped) = prompt_for(&request, &quirks);
    assert_eq!((&body["messages"][2], dropped), (&asked, vec!["prefill".to_owned()]));
}

#[test]
fn reasoning_of_other_vendors_is_left_out() {
    let thought = |signature: Option<&str>, encrypted: Option<&str>, text: &str| {
        let kind = PartKind::Reasoning {
            text: text.into(),
            signature: signature.map(Into::into),
            encrypted: encrypted.map(Into::into),
        };
        kind.part()
    };
    let parts = [
        thought(None, None, "a"),
        thought(None, Some("gAAAAABo"), ""),
        thought(None, Some("E"), "summary"),
        thought(None, Some("R"), ""),
        thought(Some("S"), None, ""),
        said("b"),
    ];
    let request = conversation([
        message(Role::User, [said("hi")]),
        message(Role::Assistant, parts),
        message(Role::User, [said("c")]),
    ]);
    assert_eq!(
        prompt(&request)["messages"][1]["content"],
        json!([{"type": "redacted_thinking", "data": "R"}, {"type": "thinking", "thinking": "", "signature": "S"},
            {"type": "text", "text": "b"}])
    );
}

#[test]
fn a_conversation_with_a_cache_key_is_marked_and_one_with_too_many_marks_loses_some() {
    let mut request = conversation([message(Role::System, [said("s")]), message(Role::User, [said("a")])]);
    assert!(!prompt(&request).to_string().contains("cache_control"));
    request.cache_key = Some("k".into());
    let body = prompt(&request);
    let mark = json!({"type": "ephemeral"});
    assert_eq!(body["system"][0]["cache_control"], mark);
    assert_eq!(body["messages"][0]["content"][0]["cache_control"], mark);
    let marked = |text: &str| Part {
        cache: Some(crate::dialect::neutral::request::Cache { ttl: Some("5m".into()) }),
        ..said(text)
    };
    let many = conversation([message(Role::User, ["1", "2", "3", "4", "5", "6"].map(marked))]);
    let (body, dropped) = prompt_for(&many, &Quirks::default());
    let kept: Vec<bool> = body["messages"][0]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block.get("cache_control").is_some())
        .collect();
    assert_eq!(kept, [true, false, false, true, true, true]);
    assert_eq!(dropped, ["cache"]);
}
