//! Answers that no upstream has sent yet: calls whose arguments come in turns, cut anywhere, with text between them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::pair::{folder, judged};
use crate::dialect::formats::FORMATS;
use crate::dialect::neutral::canonical::{canonical, check_order, cut, places, read_whole};
use crate::dialect::neutral::event::{Event, Finish, Usage};
use crate::dialect::neutral::request::ToolCall;

/// What a choice says, in order.
#[derive(Clone, Debug)]
enum Item {
    Text(String),
    Reasoning(String, Option<String>),
    Encrypted(String),
    /// Its arguments, and where they are cut.
    Tool(Value, Vec<prop::sample::Index>),
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z]{1,6}", 1 => "[ -~é\n\u{2028}😀]{1,9}", 1 => Just("</think>data: \r\n\r\n".to_owned())]
}

fn arguments() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        text().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!([{"é": "\"\\\u{1}"}, 1.5, true])),
    ];
    prop::collection::btree_map("[a-zé\"]{1,4}", leaf, 0..4).prop_map(|members| json!(members))
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        3 => text().prop_map(Item::Text),
        2 => (text(), prop::option::of("[A-Za-z0-9+/]{4,8}==")).prop_map(|(text, proof)| Item::Reasoning(text, proof)),
        1 => "[A-Za-z0-9]{8}".prop_map(Item::Encrypted),
        3 => (arguments(), places()).prop_map(|(arguments, places)| Item::Tool(arguments, places)),
    ]
}

/// The events of one choice. `turns` says whose turn it is: one of the calls that are open, or what comes next.
fn events_of(choice: u32, items: Vec<Item>, turns: &mut impl Iterator<Item = usize>, cut_off: bool) -> Vec<Event> {
    let mut events = Vec::new();
    let mut open: Vec<(u32, Vec<String>)> = Vec::new();
    let mut items = items.into_iter();
    let mut count = 0;
    loop {
        // Where nothing new comes, one of those that are open goes on.
        let others = usize::from(items.len() > 0 || open.is_empty());
        let turn = turns.next().unwrap_or(0) % (open.len() + others);
        if turn < open.len() {
            let (index, pieces) = &mut open[turn];
            let index = *index;
            match pieces.pop() {
                Some(text) => events.push(Event::ToolArguments { choice, index, text }),
                None => {
                    events.push(Event::ToolEnd { choice, index });
                    open.remove(turn);
                }
            }
            continue;
        }
        match items.next() {
            Some(Item::Text(text)) => events.push(Event::Text { choice, text }),
            Some(Item::Reasoning(text, proof)) => {
                events.push(Event::Reasoning { choice, text });
                events.extend(proof.map(|signature| Event::Signature { choice, signature }));
            }
            Some(Item::Encrypted(data)) => events.push(Event::Encrypted { choice, data }),
            Some(Item::Tool(given, places)) => {
                let call = ToolCall {
                    id: format!("call_{choice}_{count}"),
                    name: format!("tool_{count}"),
                    namespace: None,
                    arguments: String::new(),
                    is_custom: false,
                    signature: None,
                };
                let index = count;
                events.push(Event::ToolStart { choice, index, call });
                open.push((index, pieces(&given, &places)));
                count += 1;
            }
            None => break,
        }
    }
    let (reason, stop) = match (cut_off, count) {
        (true, _) => (Finish::Length, None),
        (false, 0) => (Finish::Stop, None),
        (false, _) => (Finish::ToolCalls, None),
    };
    events.push(Event::Finish { choice, reason, stop });
    events
}

/// The text of arguments in pieces, the last one first. A piece ends anywhere except inside a character.
fn pieces(given: &Value, places: &[prop::sample::Index]) -> Vec<String> {
    let text = given.to_string();
    let whole: Vec<char> = text.chars().collect();
    let positions: Vec<u8> = vec![0; whole.len()];
    let mut from = 0;
    let mut pieces = Vec::new();
    for piece in cut(&positions, places) {
        pieces.push(whole[from..from + piece.len()].iter().collect::<String>());
        from += piece.len();
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces.reverse();
    pieces
}

/// A whole answer with some choices, their events in turns.
fn answer(choices: usize) -> impl Strategy<Value = Vec<Event>> {
    let choice = (prop::collection::vec(item(), 0..7), any::<bool>());
    let turns = prop::collection::vec(0..64_usize, 1..40);
    (prop::collection::vec(choice, choices), turns, any::<Option<u16>>()).prop_map(|(choices, turns, used)| {
        let mut turns = turns.into_iter().cycle();
        let start = Event::Start {
            id: "up_1".into(),
            model: "m".into(),
        };
        let mut queues: Vec<_> = (0..)
            .zip(choices)
            .map(|(index, (items, cut_off))| {
                let cut_off = cut_off && !items.is_empty();
                events_of(index, items, &mut turns, cut_off).into_iter()
            })
            .collect();
        let mut events = vec![start];
        while !queues.is_empty() {
            let turn = turns.next().unwrap_or(0) % queues.len();
            match queues[turn].next() {
                Some(event) => events.push(event),
                None => drop(queues.remove(turn)),
            }
        }
        events.extend(used.map(|used| {
            Event::Usage(Usage {
                input: u64::from(used) + 9,
                cached: u64::from(used / 2),
                cache_write: 3,
                output: 20,
                reasoning: 7,
            })
        }));
        events.push(Event::End);
        events
    })
}

/// What a client of a dialect has of an answer.
fn wanted(dialect: &str, events: &[Event]) -> Value {
    let mut wanted = canonical(events);
    if matches!(dialect, "anthropic" | "responses") {
        wanted["choices"].as_array_mut().unwrap().truncate(1);
    }
    wanted
}

fn check(events: &[Event]) {
    check_order("generated", events);
    for format in FORMATS {
        let name = format!("{}: {events:?}", format.name);
        let (out, verdict) = judged(&name, format, events);
        assert_eq!(verdict.error, None, "{name}");
        let wanted = wanted(folder(format), events);
        assert_eq!(verdict.canonical["choices"], wanted["choices"], "{name}");
        if !wanted["usage"].is_null() {
            assert_eq!(verdict.canonical["usage"], wanted["usage"], "{name}");
        }
        let again = read_whole(format.reader, &out);
        check_order(&name, &again);
        assert_eq!(canonical(&again), verdict.canonical, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_written_as_the_clients_libraries_want_it(events in answer(1)) {
        check(&events);
    }

    #[test]
    fn several_answers_are_written_where_the_client_knows_several(events in (1..4_usize).prop_flat_map(answer)) {
        check(&events);
    }

    #[test]
    fn an_answer_that_breaks_off_anywhere_ends_in_an_error(events in answer(1), at in any::<prop::sample::Index>()) {
        let events = &events[..at.index(events.len())];
        for format in FORMATS {
            let name = format!("{}: {events:?}", format.name);
            let (_, verdict) = judged(&name, format, events);
            assert!(verdict.error.is_some(), "{name}");
        }
    }
}
