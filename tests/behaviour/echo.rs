//! The built-in provider, in every dialect: what coding agents need to work against `ai-gateway demo`.

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::{Gateway, Runtime};

/// A dialect: how to ask in it, and where its answers have what.
struct Dialect {
    path: &'static str,
    streamed: &'static str,
    /// Makes a request of what the user says, and of a tool.
    ask: fn(&str) -> Value,
    /// Adds the wish for this schema.
    with_schema: fn(&mut Value, Value),
    /// Where the text of a whole answer is, and the call of a tool: its name and its arguments.
    text: &'static str,
    call: (&'static str, &'static str),
    /// The piece of a stream that says a word, and that which stands at its end.
    word: &'static str,
    end: &'static str,
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"path": {"type": "string"}, "size": {"type": "integer", "minimum": 3}}, "required": ["path", "size"]})
}

fn user(said: &str) -> Value {
    json!([{"role": "user", "content": said}])
}

const DIALECTS: [Dialect; 4] = [
    Dialect {
        path: "/v1/chat/completions",
        streamed: "/v1/chat/completions",
        ask: |said| {
            let tool = json!({"type": "function", "function": {"name": "write", "parameters": schema()}});
            json!({"model": "echo", "messages": user(said), "tools": [tool]})
        },
        with_schema: |request, schema| {
            request["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "s", "schema": schema}});
        },
        text: "/choices/0/message/content",
        call: (
            "/choices/0/message/tool_calls/0/function/name",
            "/choices/0/message/tool_calls/0/function/arguments",
        ),
        word: r#""content":"two ""#,
        end: "data: [DONE]\n\n",
    },
    Dialect {
        path: "/v1/responses",
        streamed: "/v1/responses",
        ask: |said| json!({"model": "echo", "input": user(said), "tools": [{"type": "function", "name": "write", "parameters": schema()}]}),
        with_schema: |request, schema| {
            request["text"] = json!({"format": {"type": "json_schema", "name": "s", "schema": schema}});
        },
        text: "/output/0/content/0/text",
        call: ("/output/0/name", "/output/0/arguments"),
        word: r#""delta":"two ""#,
        end: "event: response.completed\n",
    },
    Dialect {
        path: "/v1/messages",
        streamed: "/v1/messages",
        ask: |said| {
            let tool = json!({"name": "write", "input_schema": schema()});
            json!({"model": "echo", "max_tokens": 99, "messages": user(said), "tools": [tool]})
        },
        with_schema: |request, schema| {
            request["output_config"] = json!({"format": {"type": "json_schema", "schema": schema}});
        },
        text: "/content/0/text",
        call: ("/content/0/name", "/content/0/input"),
        word: r#""text":"two ""#,
        end: "event: message_stop\n",
    },
    Dialect {
        path: "/v1beta/models/echo:generateContent",
        streamed: "/v1beta/models/echo:streamGenerateContent?alt=sse",
        ask: |said| {
            let tool = json!({"name": "write", "parametersJsonSchema": schema()});
            json!({"contents": [{"role": "user", "parts": [{"text": said}]}], "tools": [{"functionDeclarations": [tool]}]})
        },
        with_schema: |request, schema| {
            request["generationConfig"] = json!({"responseMimeType": "application/json", "responseJsonSchema": schema});
        },
        text: "/candidates/0/content/parts/0/text",
        call: (
            "/candidates/0/content/parts/0/functionCall/name",
            "/candidates/0/content/parts/0/functionCall/args",
        ),
        word: r#""text":"two ""#,
        end: r#""finishReason":"STOP""#,
    },
];

/// A value at a place of a whole answer. Some dialects have JSON in a text.
fn at(answer: &Answer, place: &str) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().pointer(place).cloned().unwrap_or_default()
}

fn parsed(value: Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(&text).unwrap(),
        value => value,
    }
}

pub(crate) fn echo_says_the_same_in_every_dialect(runtime: Runtime) {
    let gateway = Gateway::echo(runtime);
    for dialect in &DIALECTS {
        let mut request = (dialect.ask)("two words");
        let answer = gateway.post(dialect.path, &request.to_string());
        assert_eq!(at(&answer, dialect.text), "two words");
        assert_eq!(
            (answer.field("x-gateway-dropped"), answer.field("x-gateway-attempts")),
            (None, Some("1"))
        );
        if dialect.path == dialect.streamed {
            request["stream"] = json!(true);
        }
        let stream = gateway.post(dialect.streamed, &request.to_string());
        assert_eq!(stream.field("content-type"), Some("text/event-stream; charset=utf-8"));
        let text = stream.text();
        assert!(text.contains(dialect.word) && text.contains(dialect.end), "{text}");
    }
    // Without `alt=sse`, Google's streams are an array.
    let request = (DIALECTS[3].ask)("two words").to_string();
    let array = gateway.post("/v1beta/models/echo:streamGenerateContent", &request);
    assert_eq!(array.field("content-type"), Some("application/json"));
    assert!(array.json().as_array().is_some_and(|list| list.len() > 2));
    let count = gateway.post("/v1/messages/count_tokens", &(DIALECTS[2].ask)("two words").to_string());
    assert!(count.json()["input_tokens"].as_u64() > Some(2));
    let wrong = gateway.post("/v1/responses", r#"{"model":"echo","input":7}"#);
    assert_eq!(wrong.error(), (400, "invalid_body".into()));
    let unknown = gateway.post("/v1/images/generations", r#"{"model":"echo"}"#);
    assert_eq!(unknown.error(), (404, "not_found".into()));
}

pub(crate) fn echo_calls_tools_and_follows_schemas(runtime: Runtime) {
    let gateway = Gateway::echo(runtime);
    for dialect in &DIALECTS {
        let said = r#"Use the tool write with {"path": "a.txt"}"#;
        let answer = gateway.post(dialect.path, &(dialect.ask)(said).to_string());
        let (name, arguments) = (at(&answer, dialect.call.0), parsed(at(&answer, dialect.call.1)));
        assert_eq!(
            (name, arguments),
            (json!("write"), json!({"path": "a.txt", "size": 3})),
            "{}",
            dialect.path
        );
        let mut request = (dialect.ask)("hi");
        (dialect.with_schema)(&mut request, schema());
        let answer = gateway.post(dialect.path, &request.to_string());
        assert_eq!(
            parsed(at(&answer, dialect.text)),
            json!({"path": "echo", "size": 3}),
            "{}",
            dialect.path
        );
    }
}

pub(crate) fn echo_compacts_a_conversation_and_goes_on_with_it(runtime: Runtime) {
    let gateway = Gateway::echo(runtime);
    let mut input = user("hello").as_array().cloned().unwrap();
    input.push(json!({"type": "compaction_trigger"}));
    let asked = json!({"model": "echo", "store": false, "input": input});
    let compacted = gateway.post("/v1/responses", &asked.to_string());
    let output = at(&compacted, "/output");
    let items = output.as_array().unwrap();
    assert_eq!((items.len(), &items[0]["type"]), (1, &json!("compaction")), "{output}");
    let next = json!({"model": "echo", "store": false, "input": [items[0], {"role": "user", "content": "go on"}]});
    let answer = gateway.post("/v1/responses", &next.to_string());
    assert_eq!(at(&answer, "/output/0/content/0/text"), "go on");
}
