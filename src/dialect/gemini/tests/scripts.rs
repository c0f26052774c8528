//! Answers that no fixture has: whatever is said in whatever order, the reader finds in what the writer wrote.

use proptest::prelude::*;

use super::*;
use crate::dialect::neutral::answer::Answer;
use crate::dialect::neutral::canonical::{check_order, read_whole, strict};
use crate::dialect::neutral::event::{Finish, Usage};

/// One thing that is said, of the choice with this number.
#[derive(Clone, Debug)]
enum Said {
    Text(u32, String),
    Reasoning(u32, String),
    ToolCall(u32, String),
    Arguments(u32, u32, String),
    KeepAlive,
}

fn said() -> impl Strategy<Value = Said> {
    let choice = 0_u32..2;
    prop_oneof![
        (choice.clone(), "\\PC{1,6}|[\r\n\"\\\\]{1,3}").prop_map(|(choice, text)| Said::Text(choice, text)),
        (choice.clone(), "\\PC{1,6}").prop_map(|(choice, text)| Said::Reasoning(choice, text)),
        (choice.clone(), "[a-z]{1,5}").prop_map(|(choice, name)| Said::ToolCall(choice, name)),
        (choice, 0_u32..3, "[a-zé\n]{1,3}").prop_map(|(choice, index, text)| Said::Arguments(choice, index, text)),
        Just(Said::KeepAlive),
    ]
}

/// The events of what is said. The arguments of a call are one text, which comes in pieces.
fn events_for(said: &[Said]) -> Vec<Event> {
    let mut events = vec![Event::Start {
        id: "1".to_owned(),
        model: "m".to_owned(),
    }];
    let mut calls = [0_u32; 2];
    for said in said.iter().cloned() {
        match said {
            Said::Text(choice, text) => events.push(Event::Text { choice, text }),
            Said::Reasoning(choice, text) => events.push(Event::Reasoning { choice, text }),
            Said::ToolCall(choice, name) => {
                let index = calls[choice as usize];
                calls[choice as usize] += 1;
                let call = ToolCall {
                    id: format!("{choice}-{index}"),
                    name,
                    namespace: None,
                    arguments: String::new(),
                    is_custom: false,
                    signature: None,
                };
                let text = "{\n\"a\":\"".to_owned();
                events.push(Event::ToolStart { choice, index, call });
                events.push(Event::ToolArguments { choice, index, text });
            }
            Said::Arguments(choice, index, text) if index < calls[choice as usize] => {
                let text = text.replace('\n', "\\n");
                events.push(Event::ToolArguments { choice, index, text });
            }
            Said::Arguments(..) => {}
            Said::KeepAlive => events.push(Event::KeepAlive),
        }
    }
    for (choice, count) in (0_u32..).zip(calls) {
        for index in (0..count).rev() {
            let text = "\"}".to_owned();
            events.push(Event::ToolArguments { choice, index, text });
            events.push(Event::ToolEnd { choice, index });
        }
        let reason = if count > 0 { Finish::ToolCalls } else { Finish::Stop };
        let stop = None;
        events.push(Event::Finish { choice, reason, stop });
    }
    events.extend([Event::Usage(Usage::default()), Event::End]);
    events
}

/// The blocks of an answer, calls behind all others: they go out when they are complete.
fn in_order(answer: Answer) -> Vec<Choice> {
    let mut choices = without_blanks(answer.choices);
    for choice in &mut choices {
        let texts: String = choice
            .blocks
            .iter()
            .map(|block| match block {
                Block::Text { text, .. } => text.as_str(),
                _ => "",
            })
            .collect();
        choice.blocks.retain(|block| matches!(block, Block::ToolCall(_)));
        choice.blocks.push(Block::Refusal(texts));
    }
    choices
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_taken_by_a_strict_client(said in proptest::collection::vec(said(), 0..20)) {
        let events = events_for(&said);
        check_order("the script", &events);
        let stream = stream_of(&events, context());
        let verdict = strict::stream("gemini", stream.as_bytes());
        prop_assert!(verdict.is_ok_and(|verdict| verdict.error.is_none()), "{}", stream);
        let again = read_whole(FORMAT.reader, stream.as_bytes());
        check_order("what was read", &again);
        prop_assert_eq!(in_order(Answer::of(&again)), in_order(Answer::of(&events)), "{}", stream);
        let array = stream_of(&events, Context { is_array: true, ..context() });
        let parsed: Result<Vec<Value>, _> = serde_json::from_str(&array);
        prop_assert!(parsed.is_ok(), "{}", array);
    }
}
