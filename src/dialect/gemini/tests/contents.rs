//! What was said, read and written.

use serde_json::json;

use super::*;
use crate::dialect::neutral::request::Source;

fn model(parts: Vec<Part>) -> Message {
    let role = Role::Assistant;
    Message { role, parts }
}

fn written(messages: Vec<Message>) -> Value {
    let request = Request {
        messages,
        ..Request::default()
    };
    let written = write(&request);
    written.body["contents"].clone()
}

#[test]
fn results_belong_to_calls_by_id_else_by_name_in_order() {
    let call = |id: Option<&str>, name: &str| match id {
        Some(id) => json!({"functionCall": {"id": id, "name": name}}),
        None => json!({"functionCall": {"name": name}}),
    };
    let result = |id: Option<&str>, name: &str| {
        let mut result = call(id, name)["functionCall"].clone();
        result["response"] = json!({"result": "r"});
        json!({ "functionResponse": result })
    };
    let body = json!({"contents": [
        {"role": "user", "parts": [{"text": "go"}]},
        {"role": "model", "parts": [call(None, "f"), call(Some("x"), "g"), call(None, "f"), call(None, "h")]},
        {"role": "function", "parts": [result(None, "h"), result(None, "f"), result(Some("x"), "g"), result(Some("y"), "f"),
            result(None, "gone")]},
    ]});
    let request = read(&body);
    let ids = |message: &Message| -> Vec<String> {
        let ids = message.parts.iter().map(|part| match &part.kind {
            PartKind::ToolCall(call) => call.id.clone(),
            PartKind::ToolResult { id, .. } => id.clone(),
            other => panic!("{other:?}"),
        });
        ids.collect()
    };
    assert_eq!(ids(&request.messages[1]), ["call_0", "x", "call_2", "call_3"]);
    assert_eq!(
        ids(&request.messages[2]),
        ["call_3", "call_0", "x", "call_2", "call_gone"]
    );
}

#[test]
fn what_a_tool_says_is_text_or_an_object() {
    for (response, text, is_error) in [
        (json!({"result": "3C"}), "3C", false),
        (json!({"output": "3C"}), "3C", false),
        (json!({"error": "off"}), "off", true),
        (json!({"error": {"code": 1}}), "{\"code\":1}", true),
        (json!({"result": 3}), "{\"result\":3}", false),
        (
            json!({"result": "a", "more": 1}),
            "{\"result\":\"a\",\"more\":1}",
            false,
        ),
    ] {
        let body =
            json!({"contents": [{"parts": [{"functionResponse": {"id": "1", "name": "f", "response": response}}]}]});
        let request = read(&body);
        assert_eq!(
            request.messages[0].parts,
            [result("1", Some("f"), vec![self::text(text)], is_error)]
        );
        let again = &write(&request).body["contents"][0]["parts"][0]["functionResponse"]["response"];
        let expected = if response["output"].is_string() {
            json!({"result": "3C"})
        } else {
            response
        };
        assert_eq!(*again, expected);
    }
    let body = json!({"contents": [{"parts": [{"functionResponse": {"name": "f", "response": { }}}]}]});
    assert_eq!(
        read(&body).messages[0].parts,
        [result("call_f", Some("f"), vec![], false)]
    );
}

#[test]
fn turns_of_the_same_side_become_one_and_results_stand_first() {
    let contents = written(vec![
        user(vec![text("a")]),
        user(vec![text("b")]),
        model(vec![text("c")]),
        model(vec![
            PartKind::ToolCall(call("1", "f", "{\"x\": 1}")).part(),
            PartKind::ToolCall(call("2", "g", "")).part(),
        ]),
        user(vec![text("soon")]),
        user(vec![result("1", None, vec![text("r")], false)]),
        user(vec![result("2", None, vec![text("{\"k\":1}")], true), text("now")]),
    ]);
    assert_eq!(
        contents,
        json!([
            {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
            {"role": "model", "parts": [{"text": "c"},
                {"functionCall": {"id": "1", "name": "f", "args": {"x": 1}}},
                {"functionCall": {"id": "2", "name": "g", "args": {}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "1", "name": "f", "response": {"result": "r"}}},
                {"functionResponse": {"id": "2", "name": "g", "response": {"error": {"k": 1}}}},
                {"text": "soon"}, {"text": "now"}]},
        ])
    );
}

#[test]
fn the_operator_speaks_first_wherever_he_stands_and_the_client_begins() {
    let operator = |role, said: &str| Message {
        role,
        parts: vec![text(said)],
    };
    let request = Request {
        messages: vec![
            operator(Role::System, "a"),
            model(vec![text("hi")]),
            user(vec![text("x")]),
            operator(Role::Developer, "b"),
            user(vec![text("y")]),
        ],
        ..Request::default()
    };
    let body = write(&request).body;
    assert_eq!(
        body["systemInstruction"],
        json!({"parts": [{"text": "a"}, {"text": "b"}]})
    );
    assert_eq!(
        body["contents"],
        json!([
            {"role": "user", "parts": [{"text": " "}]},
            {"role": "model", "parts": [{"text": "hi"}]},
            {"role": "user", "parts": [{"text": "x"}, {"text": "y"}]},
        ])
    );
    assert_eq!(written(vec![]), json!([{"role": "user", "parts": [{"text": " "}]}]));
}

#[test]
fn images_of_a_result_stand_in_it_or_behind_it() {
    let image = PartKind::Image {
        source: Source::Base64 {
            media_type: "image/png".to_owned(),
            data: "aGk=".to_owned(),
        },
        detail: None,
    };
    let request = Request {
        messages: vec![
            user(vec![text("a")]),
            model(vec![PartKind::ToolCall(call("1", "f", "{}")).part()]),
            user(vec![result("1", None, vec![text("r"), image.part()], false)]),
        ],
        ..Request::default()
    };
    let inline = json!({"inlineData": {"mimeType": "image/png", "data": "aGk="}});
    let before = &write(&request).body["contents"][2]["parts"];
    assert_eq!(before[1], inline);
    let now = (FORMAT.write_request)(&request, &newest()).unwrap().body;
    let parts = &now["contents"][2]["parts"];
    assert_eq!(parts[0]["functionResponse"]["parts"], json!([inline]));
    assert_eq!(
        read(&Value::Object(now.clone())).messages[2],
        request_with_name(&request).messages[2]
    );
}

fn request_with_name(request: &Request) -> Request {
    let mut request = request.clone();
    if let PartKind::ToolResult { name, .. } = &mut request.messages[2].parts[0].kind {
        *name = Some("f".to_owned());
    }
    request
}
