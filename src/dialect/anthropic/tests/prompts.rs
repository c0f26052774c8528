//! What upstreams get.

mod conversation;
mod settings;

use super::*;
use crate::dialect::neutral::request::{
    Format, Message, Part, PartKind, Reasoning, Role, Source, Tool, ToolChoice, Unsayable,
};

fn said(text: &str) -> Part {
    PartKind::Text(text.into()).part()
}

fn message(role: Role, parts: impl IntoIterator<Item = Part>) -> Message {
    Message {
        role,
        parts: parts.into_iter().collect(),
    }
}

fn conversation(messages: impl IntoIterator<Item = Message>) -> Request {
    Request {
        messages: messages.into_iter().collect(),
        ..Request::default()
    }
}

fn hi() -> Request {
    conversation([message(Role::User, [said("hi")])])
}

fn called(id: &str, arguments: &str) -> Part {
    PartKind::ToolCall(tool_call(id, "f", arguments)).part()
}

fn result(id: &str, text: &str) -> Part {
    let kind = PartKind::ToolResult {
        id: id.into(),
        name: None,
        parts: vec![said(text)],
        is_error: false,
    };
    kind.part()
}

fn tool(name: &str, parameters: Option<Value>) -> Tool {
    Tool {
        name: name.into(),
        namespace: None,
        description: None,
        parameters,
        strict: None,
        custom: None,
        cache: None,
    }
}

fn with_tools(choice: Option<ToolChoice>) -> Request {
    Request {
        tools: vec![tool("f", None), tool("g", None)],
        tool_choice: choice,
        ..hi()
    }
}

fn unsayable(request: &Request) -> Unsayable {
    (FORMAT.write_request)(request, &Quirks::default()).unwrap_err()
}
