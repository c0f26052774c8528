//! Event streams, JSON requests and forms, with what upstreams and clients get wrong.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// What mistakes are made of in event streams.
const LINES: &[&str] = &[
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    ":",
    "data: ",
    "data:",
    "event: error\n",
    "event: message_stop\n",
    "data: [DONE]\n\n",
    "[DONE]",
    "\u{feff}",
    "é",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    "error",
    "\"error\":{\"message\":\"m\"},",
    "null",
    "\"finish_reason\":\"stop\"",
    "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}",
    "id: 1\n",
    "retry: 5\n",
    ": comment\n",
    "data\n",
    "{\"error\":\"x\"}",
    "{\"message\":\"m\",\"code\":1}",
    "\"choices\":[",
    "\"type\":\"response.completed\"",
    "\"candidates\":[",
    "\"finishReason\":\"STOP\"",
    "\"usageMetadata\":{\"candidatesTokenCount\":2}",
];

fn event() -> impl Strategy<Value = String> {
    let data = prop_oneof![
        select(vec![
            "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}",
            "{\"choices\":[{\"index\":1,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}",
            "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}",
            "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}",
            "{\"error\":{\"message\":\"overloaded\",\"code\":529}}",
            "{\"type\":\"response.created\",\"response\":{\"error\":null}}",
            "{\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}",
            "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":4}}}",
            "{\"type\":\"message_delta\",\"usage\":{\"output_tokens\":4}}",
            "{\"type\":\"message_stop\"}",
            "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi\"}]}}],\"usageMetadata\":{\"promptTokenCount\":3}}",
            "{\"candidates\":[{\"index\":1,\"finishReason\":\"STOP\"}]}",
            "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}",
            "{\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}",
            "[DONE]",
            "ping",
            "",
        ])
        .prop_map(str::to_owned),
        "[ -~é]{0,60}".prop_map(|text| {
            let text = serde_json::Value::from(text);
            format!("{{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{text}}}}}]}}")
        }),
        "[a-z]{0,9}".prop_map(|text| format!("{{\"message\":\"{text}\",\"details\":[\"{}\"]}}", text.repeat(40))),
    ];
    let name = select(vec![
        "",
        "",
        "",
        "event: error\n",
        "event: message_stop\n",
        "event: x\n",
        "event: ping\n",
        ": wait\n",
        "id: 7\n",
    ]);
    let lines = select(vec!["", "data: ", "data:"]);
    (name, data, lines).prop_map(|(name, data, lines)| match lines {
        "" => format!("{name}\n"),
        lines => format!("{name}{lines}{data}\n\n"),
    })
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    (vec(event(), 0..7), select(vec!["\n", "\r\n", "\r"]))
        .prop_map(|(events, end)| events.concat().replace('\n', end).into_bytes())
}

/// What mistakes are made of in JSON.
const SIGNS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\\ud83d\\ude00",
    "\u{feff}",
    "é",
    "\0",
    "\n",
    " ",
    "-",
    "0",
    "1e999",
    "01",
    "1.",
    ".5",
    "+1",
    "nul",
    "true",
    "\"model\":\"x\",",
    "\"mod\\u0065l\":1,",
    "\"stream\":true,",
    "[[[[[[[[",
    "]]]]]]]]",
    "/**/",
    "NaN",
];

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        "true|false|null",
        "\"([ !#-\\[\\]-~é你]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}){0,30}\"",
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let members = vec(("\"([a-z]|\\\\u006d){0,3}\"", inner.clone()), 0..4);
        prop_oneof![
            vec(inner, 0..4).prop_map(|list| format!("[ {}\n]", list.join(" ,"))),
            members.prop_map(|members| object(&members)),
        ]
    })
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(key, value)| format!("{key} : {value}")).collect();
    format!("{{{}\t}}", members.join(", "))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        ("\"model\"", "\"m\""),
        ("\"model\"", "null"),
        ("\"mod\\u0065l\"", "\"a\\nb\""),
        ("\"stream\"", "true"),
        ("\"stream\"", "null"),
        ("\"model\"", " \"\" "),
    ]);
    let known = known.prop_map(|(key, value)| (key.to_owned(), value.to_owned()));
    let member = prop_oneof![1 => known, 2 => ("\"[a-z]{0,8}\"", value())];
    let deep = (120_usize..132).prop_map(|depth| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth)));
    prop_oneof![
        20 => vec(member, 0..5).prop_map(|members| object(&members)),
        2 => value(),
        1 => deep,
    ]
    .prop_map(String::into_bytes)
}

/// What mistakes are made of in forms.
const HEADS: &[&str] = &[
    "\r\n",
    "\n",
    "--xyz",
    "--xyz\r\n",
    "--xyz--",
    "--",
    "\r\n--xyz\r\n",
    "\r\n\r\n",
    "name=",
    "\"model\"",
    "model",
    "\"",
    ";",
    "=",
    "\\",
    " ",
    "filename=\"\"",
    "Content-Disposition: form-data; name=\"model\"\r\n",
    "name*=utf-8''model",
    "model[]",
    "Content-Type: text/plain; charset=utf-16\r\n",
    "\0",
    "é",
    "boundary=abc",
    "multipart/mixed",
];

fn form() -> impl Strategy<Value = Vec<u8>> {
    let disposition = select(vec![
        "name=\"model\"",
        "name=model",
        "NAME=\" Model \"; x=y",
        "name=\"file\"; filename=\"model\"",
        "name=\"models\"",
        "name=\"prompt\"",
        "name=\"file\"; filename=\"a;name=model\"",
    ]);
    let field = select(vec!["", "", "Content-Type: text/plain\r\n", "X-Odd: \u{e9}\r\n"]);
    let content = prop_oneof![
        "[a-z0-9 -]{0,12}",
        Just("\r\n--xy\r\n--\r\n".to_owned()),
        Just(String::new())
    ];
    let part = (disposition, field, content).prop_map(|(disposition, field, content)| {
        format!("--xyz\r\nContent-Disposition: form-data; {disposition}\r\n{field}\r\n{content}\r\n")
    });
    let around = select(vec![
        ("", "\r\n"),
        ("", ""),
        ("preamble\r\n", "\r\nepilogue"),
        ("\r\n", "\r\n"),
    ]);
    (around, vec(part, 0..5))
        .prop_map(|((before, behind), parts)| format!("{before}{}--xyz--{behind}", parts.concat()).into_bytes())
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn streams_hold(
        sent in with_mistakes(stream(), LINES),
        cuts in cuts(),
        ending in select(vec!["done", "done", "response", "message", "candidates", "unknown"]),
        limit in select(vec![16_384, 200, 64, 10, 0]),
    ) {
        run(streams, &input(&format!("{ending} {limit} {cuts}"), &sent))?;
    }
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn json_holds(body in with_mistakes(body(), SIGNS)) {
        run(json, &body)?;
    }

    #[test]
    fn forms_hold(
        body in with_mistakes(form(), HEADS),
        kind in with_mistakes(select(vec!["multipart/form-data; boundary=xyz", "multipart/form-data;charset=utf-8; Boundary=\"xyz\";"]).prop_map(|kind| kind.as_bytes().to_vec()), HEADS),
        plain: bool,
    ) {
        let kind = if plain { b"multipart/form-data; boundary=xyz".to_vec() } else { kind };
        run(forms, &[&kind, &b"\n"[..], &body].concat())?;
    }
}
