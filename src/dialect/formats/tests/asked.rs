//! Requests that no client has sent yet.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Number, Value, json};

use crate::dialect::neutral::request::{
    Cache, Format, Message, Part, PartKind, Reasoning, Request, Role, Source, Tool, ToolCall, ToolChoice,
};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z]{1,6}", 1 => "[!-~é😀]{1,9}"]
}

fn part(kind: PartKind, is_marked: bool) -> Part {
    let cache = is_marked.then(|| Cache {
        ttl: Some("5m".to_owned()),
    });
    Part { kind, cache }
}

fn shown() -> impl Strategy<Value = Part> {
    let source = select(vec![
        Source::Base64 {
            media_type: "image/png".to_owned(),
            data: "iVBORw0KGgo=".to_owned(),
        },
        Source::Url("https://example.com/a.png".to_owned()),
    ]);
    let detail = option::of(select(vec!["low".to_owned(), "high".to_owned()]));
    let image = (source, detail).prop_map(|(source, detail)| PartKind::Image { source, detail });
    let pdf = || Source::Base64 {
        media_type: "application/pdf".to_owned(),
        data: "JVBERi0xLjQK".to_owned(),
    };
    let kind = prop_oneof![
        4 => text().prop_map(PartKind::Text),
        1 => image,
        1 => option::of(Just("a.pdf".to_owned())).prop_map(move |name| PartKind::Document { source: pdf(), name }),
    ];
    (kind, prop::bool::weighted(0.1)).prop_map(|(kind, is_marked)| part(kind, is_marked))
}

/// What a model thought: with what one upstream wants to have back, another one, or none.
fn thought() -> impl Strategy<Value = PartKind> {
    let proof = option::of("[A-Za-z0-9]{8}");
    let readable = (text(), proof.clone(), proof).prop_map(|(text, signature, encrypted)| PartKind::Reasoning {
        text,
        signature,
        encrypted,
    });
    let hidden = "[A-Za-z0-9]{8}".prop_map(|data| PartKind::Reasoning {
        text: String::new(),
        signature: None,
        encrypted: Some(data),
    });
    prop_oneof![3 => readable, 1 => hidden]
}

fn arguments() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        text().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(json!([null, {"a": 1.5}])),
    ];
    prop::collection::btree_map("[a-z]{1,4}", value, 0..3).prop_map(|members| json!(members).to_string())
}

/// What a model says, what it calls, and what tools and clients answer.
fn turn() -> impl Strategy<Value = Vec<Message>> {
    let says = prop_oneof![4 => text().prop_map(PartKind::Text), 1 => text().prop_map(PartKind::Refusal)];
    let call = (
        arguments(),
        option::weighted(0.2, "[A-Za-z0-9]{8}".boxed()),
        text(),
        prop::bool::weighted(0.2),
    );
    let calls = prop::collection::vec(call, 0..3);
    let shown = prop::collection::vec(shown(), 1..3);
    (option::of(thought()), option::of(says), calls, shown, "[a-z]{4}").prop_map(
        |(thought, says, calls, shown, seed)| {
            let mut said: Vec<Part> = thought.into_iter().chain(says).map(PartKind::part).collect();
            let mut answered = Vec::new();
            for (count, (arguments, signature, result, is_error)) in calls.into_iter().enumerate() {
                let call = ToolCall {
                    id: format!("call_{seed}{count}"),
                    name: "look".to_owned(),
                    arguments,
                    signature,
                    ..ToolCall::default()
                };
                let result = PartKind::ToolResult {
                    id: call.id.clone(),
                    name: None,
                    parts: vec![PartKind::Text(result).part()],
                    is_error,
                };
                said.push(PartKind::ToolCall(call).part());
                answered.push(result.part());
            }
            answered.extend(shown);
            let message = |role, parts| Message { role, parts };
            let messages = [message(Role::Assistant, said), message(Role::User, answered)];
            messages
                .into_iter()
                .filter(|message| !message.parts.is_empty())
                .collect()
        },
    )
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let system = (select(vec![Role::System, Role::Developer]), text());
    let turns = prop::collection::vec(turn(), 0..3);
    (option::of(system), shown(), turns).prop_map(|(system, first, turns)| {
        let system = system.map(|(role, text)| Message {
            role,
            parts: vec![PartKind::Text(text).part()],
        });
        let first = Message {
            role: Role::User,
            parts: vec![first],
        };
        system
            .into_iter()
            .chain([first])
            .chain(turns.into_iter().flatten())
            .collect()
    })
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false})
}

fn tools() -> impl Strategy<Value = Vec<Tool>> {
    let tool = |name: &'static str| {
        let described = option::of(text());
        let strict = option::of(any::<bool>());
        (described, option::of(Just(schema())), strict, prop::bool::weighted(0.1)).prop_map(
            move |(description, parameters, strict, is_marked)| Tool {
                name: name.to_owned(),
                description,
                parameters,
                strict,
                cache: is_marked.then_some(Cache { ttl: None }),
                ..Tool::default()
            },
        )
    };
    (tool("look"), tool("ask"), 1..3_usize).prop_map(|(one, other, count)| {
        let mut tools = vec![one, other];
        tools.truncate(count);
        tools
    })
}

fn choice() -> impl Strategy<Value = ToolChoice> {
    let named = |names: &[&str], optional| ToolChoice::Named {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        optional,
    };
    select(vec![
        ToolChoice::Auto,
        ToolChoice::None,
        ToolChoice::Required,
        named(&["look"], false),
        named(&["look"], true),
        named(&["look", "ask"], false),
    ])
}

fn reasoning() -> impl Strategy<Value = Reasoning> {
    let effort = select(vec!["none", "minimal", "low", "medium", "high", "xhigh", "max"]);
    let amount = prop_oneof![
        effort.prop_map(|effort| (Some(effort.to_owned()), None)),
        select(vec![1024, 6000, 20_000]).prop_map(|budget| (None, Some(budget))),
        Just((None, None)),
    ];
    (amount, any::<(bool, bool, bool)>(), 0..4).prop_map(
        |((effort, budget), (is_adaptive, wants_text, wants_encrypted), off)| Reasoning {
            is_adaptive: is_adaptive && budget.is_none(),
            is_disabled: off == 0 && effort.is_none() && budget.is_none(),
            effort,
            budget,
            wants_text,
            wants_encrypted,
        },
    )
}

fn format() -> impl Strategy<Value = Format> {
    let named = option::of(Just("answer".to_owned()));
    prop_oneof![
        Just(Format::JsonObject),
        (named, option::of(text()), option::of(any::<bool>())).prop_map(|(name, description, strict)| {
            Format::JsonSchema {
                name,
                description,
                schema: schema(),
                strict,
            }
        }),
    ]
}

fn number(numbers: Vec<f64>) -> impl Strategy<Value = Option<Number>> {
    option::weighted(
        0.3,
        select(numbers).prop_map(|number| Number::from_f64(number).unwrap()),
    )
}

/// How an answer is sampled, and how much of it there is.
fn sampled() -> impl Strategy<Value = Request> {
    let numbers = (
        number(vec![0.0, 0.5, 1.0, 1.5]),
        number(vec![0.25, 0.97]),
        option::weighted(0.2, select(vec![1, 40]).prop_map(Number::from)),
        option::weighted(0.2, select(vec![7_u64, 1 << 40]).prop_map(Number::from)),
        number(vec![-0.5, 0.5]),
        number(vec![-0.5, 0.5]),
    );
    let stop = prop::collection::vec(
        select(vec!["END", " ", "a", "b", "c", "d"]).prop_map(str::to_owned),
        0..7,
    );
    let most = option::of(select(vec![60_000, 100_000]));
    let logprobs = option::weighted(0.2, 0..4_u64);
    let choices = option::weighted(0.2, 1..3_u64);
    (numbers, stop, most, logprobs, choices).prop_map(|(numbers, stop, max_tokens, logprobs, choices)| {
        let (temperature, top_p, top_k, seed, presence_penalty, frequency_penalty) = numbers;
        Request {
            temperature,
            top_p,
            top_k,
            seed,
            presence_penalty,
            frequency_penalty,
            stop,
            max_tokens,
            logprobs,
            choices,
            ..Request::default()
        }
    })
}

/// A whole request.
pub(super) fn request() -> impl Strategy<Value = Request> {
    let words = |words: Vec<&'static str>| option::weighted(0.2, select(words).prop_map(str::to_owned));
    let labels = (
        words(vec!["low", "high"]),
        words(vec!["u1"]),
        words(vec!["k1"]),
        words(vec!["auto", "default", "flex"]),
        option::weighted(0.2, Just(json!({"a": "b"}))),
    );
    let called = option::of((tools(), option::of(choice()), option::of(any::<bool>())));
    let wanted = (option::of(reasoning()), option::weighted(0.3, format()), any::<bool>());
    (sampled(), messages(), called, wanted, labels).prop_map(|(sampled, messages, called, wanted, labels)| {
        let (reasoning, format, stream) = wanted;
        let (verbosity, user, cache_key, service_tier, metadata) = labels;
        let (tools, tool_choice, parallel_tools) = called.unwrap_or_default();
        let names = tools.len();
        Request {
            model: Some("m".to_owned()),
            stream,
            messages,
            // A choice names tools that are there.
            tool_choice: tool_choice.filter(|choice| match choice {
                ToolChoice::Named { names: chosen, .. } => chosen.len() <= names,
                _ => true,
            }),
            tools,
            parallel_tools,
            reasoning,
            format,
            verbosity,
            user,
            cache_key,
            service_tier,
            metadata: metadata.and_then(|metadata| metadata.as_object().cloned()),
            ..sampled
        }
    })
}
