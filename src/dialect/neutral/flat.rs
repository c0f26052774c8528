//! Tools in name spaces, tools that take free text and tools with unusual names, said as plain functions for upstreams that only have those.
//!
//! Whoever translates a request calls [`flatten`] before such an upstream's writer, and hands the table that it returns to the client's
//! writer ([`Context::tools`](super::event::Context::tools)), which says the calls as the client knows its tools.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::free_text;
use super::request::{PartKind, Request, Tool, ToolCall, ToolChoice};

/// The longest name of a function that every upstream takes.
const LONGEST: usize = 64;

/// Makes every tool of a request a plain function, and every call of one a call of that function. Returns the tools that were
/// something else, each with the name of its function.
pub fn flatten(request: &mut Request) -> Vec<(String, Tool)> {
    let mut names = Names::default();
    let is_named_well = |tool: &Tool| flat_name(tool.namespace.as_deref(), &tool.name) == tool.name;
    for tool in request.tools.iter().filter(|tool| is_named_well(tool)) {
        // The names that stay are taken.
        names.add(tool, tool.name.clone());
    }
    let mut table = Vec::new();
    for tool in &mut request.tools {
        if is_named_well(tool) && tool.custom.is_none() {
            continue;
        }
        let name = names.of(tool.namespace.as_deref(), &tool.name);
        let function = function(tool, name.clone());
        names.add(tool, name.clone());
        table.push((name, std::mem::replace(tool, function)));
    }
    for part in request.messages.iter_mut().flat_map(|message| &mut message.parts) {
        match &mut part.kind {
            PartKind::ToolCall(call) => flatten_call(call, &names),
            PartKind::ToolResult { name: Some(name), .. } => *name = names.of(None, name),
            _ => {}
        }
    }
    if let Some(ToolChoice::Named { names: chosen, .. }) = &mut request.tool_choice {
        for name in chosen {
            if let Some((flat, _)) = table.iter().find(|(_, tool)| tool.name == *name) {
                name.clone_from(flat);
            }
        }
    }
    table
}

/// Returns the name of the function that stands for a tool: its own, with its name space before it (`namespace__name`). A name that is
/// longer than upstreams take, or has other characters, is replaced by one that begins in the same way.
#[must_use]
pub fn flat_name(namespace: Option<&str>, name: &str) -> String {
    let flat = namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}__{name}"));
    let is_plain = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    let begins_well = flat.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
    if begins_well && flat.len() <= LONGEST && flat.chars().all(is_plain) {
        return flat;
    }
    hashed(&flat)
}

/// Returns a name that begins as `name` does and is like no other.
fn hashed(name: &str) -> String {
    let plain = |char: char| {
        if char.is_ascii_alphanumeric() || char == '-' {
            char
        } else {
            '_'
        }
    };
    let begins_well = name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
    let first = if begins_well { "" } else { "_" };
    let mut short: String = first.chars().chain(name.chars().map(plain)).take(LONGEST - 9).collect();
    short.push('_');
    for byte in Sha256::digest(name.as_bytes()).iter().take(4) {
        short.push_str(&format!("{byte:02x}"));
    }
    short
}

/// The names of functions, by name space and name of their tools.
#[derive(Default)]
struct Names(HashMap<(Option<String>, String), String>);

impl Names {
    fn add(&mut self, tool: &Tool, flat: String) {
        self.0.insert((tool.namespace.clone(), tool.name.clone()), flat);
    }

    /// Returns the name of a tool's function: one that was given before, else one that no other tool has.
    fn of(&self, namespace: Option<&str>, name: &str) -> String {
        if let Some(flat) = self.0.get(&(namespace.map(str::to_owned), name.to_owned())) {
            return flat.clone();
        }
        let flat = flat_name(namespace, name);
        if self.0.values().any(|taken| *taken == flat) {
            return hashed(&format!("{}\n{name}", namespace.unwrap_or_default()));
        }
        flat
    }
}

fn function(tool: &Tool, name: String) -> Tool {
    let mut function = tool.clone();
    function.name = name;
    function.namespace = None;
    if let Some(format) = function.custom.take() {
        function.parameters = Some(free_text::schema());
        if let Some(definition) = format["definition"].as_str() {
            let syntax = format["syntax"]
                .as_str()
                .map_or(String::new(), |syntax| format!(" ({syntax})"));
            let description = function.description.get_or_insert_default();
            if !description.is_empty() {
                description.push_str("\n\n");
            }
            description.push_str(&format!("`input` follows this grammar{syntax}:\n{definition}"));
        }
    }
    function
}

fn flatten_call(call: &mut ToolCall, names: &Names) {
    call.name = names.of(call.namespace.take().as_deref(), &call.name);
    if call.is_custom {
        call.arguments = free_text::wrapped(&call.arguments);
        call.is_custom = false;
    }
}

/// Returns the tool that a function stands for, of the table that [`flatten`] returned.
#[must_use]
pub fn tool_of<'a>(table: &'a [(String, Tool)], name: &str) -> Option<&'a Tool> {
    table.iter().find(|(flat, _)| flat == name).map(|(_, tool)| tool)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::dialect::neutral::request::{Message, Role};

    fn tool(namespace: Option<&str>, name: &str, custom: Option<Value>) -> Tool {
        Tool {
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
            description: Some("d".to_owned()),
            parameters: None,
            strict: None,
            custom,
            cache: None,
        }
    }

    fn call(namespace: Option<&str>, name: &str, arguments: &str, is_custom: bool) -> PartKind {
        PartKind::ToolCall(ToolCall {
            id: "c".to_owned(),
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
            arguments: arguments.to_owned(),
            is_custom,
            signature: None,
        })
    }

    #[test]
    fn every_tool_becomes_a_function_and_its_calls_with_it() {
        let grammar = json!({"type": "grammar", "syntax": "lark", "definition": "start: x"});
        let mut request = Request {
            tools: vec![
                tool(None, "plain", None),
                tool(Some("a"), "f", None),
                tool(Some("a"), "g", Some(grammar)),
                tool(None, "x.y", None),
            ],
            messages: vec![Message {
                role: Role::Assistant,
                parts: vec![
                    call(Some("a"), "f", "{}", false).part(),
                    call(Some("a"), "g", "x\"", true).part(),
                    call(Some("b"), "gone", "{}", false).part(),
                    call(None, "x.y", "{}", false).part(),
                ],
            }],
            tool_choice: Some(ToolChoice::Named {
                names: vec!["g".to_owned()],
                optional: false,
            }),
            ..Request::default()
        };
        let before = request.tools.clone();
        let table = flatten(&mut request);
        assert_eq!(
            table,
            [
                ("a__f".to_owned(), before[1].clone()),
                ("a__g".to_owned(), before[2].clone()),
                (flat_name(None, "x.y"), before[3].clone()),
            ]
        );
        assert_eq!(request.tools[0], before[0]);
        assert_eq!(request.tools[2].parameters, Some(free_text::schema()));
        assert_eq!(
            request.tools[2].description.as_deref(),
            Some("d\n\n`input` follows this grammar (lark):\nstart: x")
        );
        let parts: Vec<PartKind> = request.messages[0].parts.iter().map(|part| part.kind.clone()).collect();
        let expected = [
            call(None, "a__f", "{}", false),
            call(None, "a__g", "{\"input\":\"x\\\"\"}", false),
            call(None, "b__gone", "{}", false),
            call(None, &flat_name(None, "x.y"), "{}", false),
        ];
        assert_eq!(parts, expected);
        assert_eq!(
            request.tool_choice,
            Some(ToolChoice::Named {
                names: vec!["a__g".to_owned()],
                optional: false
            })
        );
        assert!(tool_of(&table, "a__g").is_some_and(|tool| tool.custom.is_some()));
        assert!(tool_of(&table, "plain").is_none());
    }

    #[test]
    fn two_tools_never_become_one_function() {
        let mut request = Request {
            tools: vec![
                tool(Some("a__b"), "c", None),
                tool(Some("a"), "b__c", None),
                tool(None, "a__b__c", None),
            ],
            ..Request::default()
        };
        flatten(&mut request);
        let mut names: Vec<&String> = request.tools.iter().map(|tool| &tool.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 3);
    }

    #[test]
    fn a_name_is_short_and_plain() {
        assert_eq!(flat_name(None, "get_weather-2"), "get_weather-2");
        assert_eq!(flat_name(Some("ns"), "f"), "ns__f");
        for name in ["a.b:c", "7z", "-", "", "é"] {
            let flat = flat_name(None, name);
            assert_eq!(flat, flat_name(None, &flat), "{name}");
            assert!(
                flat.starts_with(|char: char| char.is_ascii_lowercase() || char == '_'),
                "{flat}"
            );
        }
        for (namespace, name) in [("n".repeat(40), "f".repeat(40)), ("a.b".to_owned(), "é".repeat(70))] {
            let flat = flat_name(Some(&namespace), &name);
            assert!(flat.len() <= LONGEST && flat.is_ascii(), "{flat}");
            assert!(!flat.contains(['.', ' ']), "{flat}");
            assert_ne!(flat, flat_name(Some(&namespace), &name[2..]));
        }
    }
}
