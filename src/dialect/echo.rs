//! What the gateway's own provider answers, whatever dialect it is asked in: the last text of the user, said back.
//!
//! It also does what programs have to be tried with. It calls a tool where it has to, or where the text says so; it answers a result of a
//! tool with what the tool said; it gives an instance of a JSON schema; and it thinks aloud where the client wants to read that. The same
//! request always has the same answer.

mod instance;

use serde_json::{Map, Value};

use self::instance::instance;
use super::neutral::event::{Event, Finish, Usage};
use super::neutral::request::{Format, Message, Part, PartKind, Reasoning, Request, Role, Tool, ToolCall, ToolChoice};
use super::wire::build::{Set, json_text};

/// What is thought, where that is to be read.
const THOUGHT: &str = "Somebody has said something. It is said back.";

/// What is said of a tool that says nothing.
const DONE: &str = "The tool is done.";

/// The only choice.
const CHOICE: u32 = 0;

/// Returns the events of the answer to a request. A text comes word by word.
#[must_use]
pub fn answer(request: &Request) -> Vec<Event> {
    let last = request.messages.iter().rev().find(|message| message.role == Role::User);
    let parts = last.map(|message| message.parts.as_slice()).unwrap_or_default();
    let (said, is_result) = last_said(parts);
    let mut events = vec![Event::Start {
        id: String::new(),
        model: String::new(),
    }];
    let wants_thoughts = |reasoning: &Reasoning| {
        reasoning.wants_text && !reasoning.is_disabled && reasoning.effort.as_deref() != Some("none")
    };
    let mut usage = Usage {
        input: request.messages.iter().map(length).sum(),
        ..Usage::default()
    };
    if request.reasoning.as_ref().is_some_and(wants_thoughts) {
        usage.reasoning = say(THOUGHT, &mut events, |text| Event::Reasoning { choice: CHOICE, text });
        events.push(Event::Signature {
            choice: CHOICE,
            signature: "echo".to_owned(),
        });
    }
    let mut reason = Finish::Stop;
    let text = |text| Event::Text { choice: CHOICE, text };
    let said_length = match (wanted_tool(request, &said, is_result), &request.format) {
        (Some(tool), _) => {
            reason = Finish::ToolCalls;
            call(tool, &said, calls_before(request), &mut events)
        }
        (None, Some(Format::JsonSchema { schema, .. })) => say(&json_text(&instance(schema)), &mut events, text),
        (None, Some(Format::JsonObject)) => {
            let mut object = Map::new();
            object.set("echo", said.into());
            say(&json_text(&Value::from(object)), &mut events, text)
        }
        (None, None) => say(&said, &mut events, text),
    };
    usage.output = said_length + usage.reasoning;
    events.push(Event::Finish {
        choice: CHOICE,
        reason,
        stop: None,
    });
    events.push(Event::Usage(usage));
    events.push(Event::End);
    events
}

/// Adds an event for each word of a text. Returns how many they are.
fn say(text: &str, events: &mut Vec<Event>, event: fn(String) -> Event) -> u64 {
    let words = words(text);
    events.extend(words.iter().map(|word| event((*word).to_owned())));
    words.len() as u64
}

/// Adds the call of a tool. Returns how many words its arguments are.
fn call(tool: &Tool, said: &str, number: usize, events: &mut Vec<Event>) -> u64 {
    let arguments = match (&tool.custom, &tool.parameters) {
        (Some(_), _) => said.to_owned(),
        (None, Some(schema)) => {
            let mut arguments = match instance(schema) {
                Value::Object(arguments) => arguments,
                _ => Map::new(),
            };
            arguments.extend(object_in(said));
            json_text(&Value::from(arguments))
        }
        (None, None) => "{}".to_owned(),
    };
    let length = words(&arguments).len() as u64;
    let (choice, index) = (CHOICE, 0);
    events.push(Event::ToolStart {
        choice,
        index,
        call: ToolCall {
            id: format!("call_echo_{number}"),
            name: tool.name.clone(),
            namespace: tool.namespace.clone(),
            is_custom: tool.custom.is_some(),
            ..ToolCall::default()
        },
    });
    if !arguments.is_empty() {
        events.push(Event::ToolArguments {
            choice,
            index,
            text: arguments,
        });
    }
    events.push(Event::ToolEnd { choice, index });
    length
}

/// Returns the tool that is to be called: one that has to be, or, where no result has just come, the one that the text asks for. That
/// has to say `use` or `call`, and `tool` or the name of one.
fn wanted_tool<'a>(request: &'a Request, said: &str, has_result: bool) -> Option<&'a Tool> {
    let is_one_of = |tool: &&Tool, names: &[String]| names.contains(&tool.name);
    match &request.tool_choice {
        Some(ToolChoice::None) => return None,
        Some(ToolChoice::Required) => return request.tools.first(),
        Some(ToolChoice::Named { names, optional: false }) => {
            return request.tools.iter().find(|tool| is_one_of(tool, names));
        }
        _ if has_result => return None,
        _ => {}
    }
    let is_word = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.');
    let words: Vec<&str> = said.split(|char| !is_word(char)).collect();
    let has = |wanted: &str| {
        words
            .iter()
            .any(|word| word.trim_end_matches('.').eq_ignore_ascii_case(wanted))
    };
    if !has("use") && !has("call") {
        return None;
    }
    let is_named = |tool: &&Tool| has(&tool.name) || !tool.name.is_ascii() && said.contains(&tool.name);
    let named = request.tools.iter().find(is_named);
    named.or_else(|| request.tools.first().filter(|_| has("tool")))
}

/// Returns the first JSON object in a text: arguments that somebody wants a tool to be called with. Some programs put what was typed into
/// quotes, and a backslash before each quote in it.
fn object_in(said: &str) -> Map<String, Value> {
    let begun = said.find('{').map(|at| &said[at..]).unwrap_or_default();
    let bare = begun.replace("\\\"", "\"");
    for text in [begun, &bare] {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        if let Some(Ok(Value::Object(object))) = values.next() {
            return object;
        }
    }
    Map::new()
}

/// Returns how many tools were called before.
fn calls_before(request: &Request) -> usize {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    parts.filter(|part| matches!(part.kind, PartKind::ToolCall(_))).count()
}

fn text_of(part: &Part) -> Option<&str> {
    match &part.kind {
        PartKind::Text(text) => Some(text),
        _ => None,
    }
}

/// Returns what was said last, and whether a tool said it. What agents add to the user's words stands between tags, and counts where there is
/// nothing else.
fn last_said(parts: &[Part]) -> (String, bool) {
    for part in parts.iter().rev() {
        match &part.kind {
            PartKind::Text(text) if !text.starts_with('<') => return (text.clone(), false),
            PartKind::ToolResult { parts, .. } => {
                let text: String = parts.iter().filter_map(text_of).collect();
                return (if text.is_empty() { DONE.to_owned() } else { text }, true);
            }
            _ => {}
        }
    }
    let text = parts.iter().rev().find_map(text_of).unwrap_or_default();
    (text.to_owned(), false)
}

/// Returns how many words a message has.
fn length(message: &Message) -> u64 {
    let texts = message.parts.iter().filter_map(text_of);
    texts.map(|text| words(text).len() as u64).sum()
}

/// Returns a text as it is streamed: words with the space behind them, and each character on its own where a script has
/// no spaces (from CJK radicals on).
#[must_use]
pub fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut before: Option<char> = None;
    for (at, now) in text.char_indices() {
        let unspaced = |char: char| char >= '\u{2e80}';
        let breaks = before.is_some_and(|before| {
            (before.is_whitespace() && !now.is_whitespace())
                || (unspaced(before) && !now.is_whitespace())
                || (unspaced(now) && !before.is_whitespace())
        });
        if breaks {
            words.push(&text[start..at]);
            start = at;
        }
        before = Some(now);
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

#[cfg(test)]
mod tests;
