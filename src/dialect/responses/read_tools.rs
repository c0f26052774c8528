//! The tools of a request, and which of them is to be called, read.

use serde_json::Value;

use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::request::{Tool, ToolChoice, Unsayable};
use crate::dialect::wire::build::json;

/// The tools that have been read.
#[derive(Default)]
pub(super) struct Tools {
    /// Those that the client runs.
    pub(super) tools: Vec<Tool>,
    /// Those that the upstream would have to run, by their paths: `tools.file_search`.
    pub(super) dropped: Vec<String>,
    /// Whether there was such a tool, noted or not.
    has_hosted: bool,
}

impl Tools {
    /// Reads the tools of a request, of an item that brings tools, or of a name space.
    pub(super) fn read(&mut self, list: Vec<Fields>, namespace: Option<&str>) {
        for mut tool in list {
            let kind = tool.required_text("type");
            match kind.as_str() {
                "function" | "custom" => {
                    let tool = read_tool(tool, &kind, namespace);
                    // Tools that an item brings may be there already.
                    let is_same = |known: &&mut Tool| known.name == tool.name && known.namespace == tool.namespace;
                    match self.tools.iter_mut().find(is_same) {
                        Some(known) => *known = tool,
                        None => self.tools.push(tool),
                    }
                }
                "namespace" if namespace.is_none() => {
                    let name = tool.required_text("name");
                    self.read(tool.objects("tools"), Some(&name));
                }
                _ => self.drop_hosted(&kind, tool),
            }
        }
    }

    /// Leaves a tool out that the upstream itself would have to run.
    fn drop_hosted(&mut self, kind: &str, mut tool: Fields) {
        self.has_hosted = true;
        // Codex always offers this one, and it never looks further than an index.
        if tool.take("external_web_access") == Some(Value::Bool(false)) {
            return;
        }
        let name = format!("tools.{kind}");
        if !self.dropped.contains(&name) {
            self.dropped.push(name);
        }
    }
}

fn read_tool(mut fields: Fields, kind: &str, namespace: Option<&str>) -> Tool {
    let mut tool = Tool {
        name: fields.required_text("name"),
        namespace: namespace.map(str::to_owned),
        description: fields.text("description").filter(|text| !text.is_empty()),
        parameters: None,
        strict: None,
        custom: None,
        cache: None,
    };
    if kind == "custom" {
        tool.custom = Some(fields.take("format").unwrap_or_default());
        return tool;
    }
    // What has no arguments is written so.
    let nothing = json!({"type": "object", "properties": {}});
    let parameters = fields
        .object("parameters")
        .map(|schema| Value::Object(schema.into_members()));
    tool.parameters = parameters.filter(|schema| *schema != nothing);
    tool.strict = fields.flag("strict").filter(|strict| *strict);
    tool
}

/// Reads `tool_choice`. A choice that none of `tools` can meet is refused.
pub(super) fn read_choice(request: &mut Fields, tools: &Tools) -> Option<ToolChoice> {
    let path = request.path("tool_choice");
    let mut choice = match request.take("tool_choice")? {
        Value::String(mode) => return read_mode(request, &mode, &path, tools),
        choice => request.inner(choice, path),
    };
    let kind = choice.required_text("type");
    match kind.as_str() {
        "function" | "custom" => Some(ToolChoice::Named {
            names: vec![choice.required_text("name")],
            optional: false,
        }),
        "allowed_tools" => {
            let mode = choice.text("mode");
            let mut names = Vec::new();
            for mut tool in choice.objects("tools") {
                if matches!(tool.text("type").as_deref(), Some("function" | "custom")) {
                    names.push(tool.required_text("name"));
                }
            }
            let optional = mode.as_deref() != Some("required");
            match (names.is_empty(), optional) {
                (true, true) => Some(ToolChoice::None),
                (true, false) => unmet(request, &kind),
                (false, _) => Some(ToolChoice::Named { names, optional }),
            }
        }
        _ => unmet(request, &kind),
    }
}

/// Notes that no tool of this kind can be called.
fn unmet(request: &Fields, kind: &str) -> Option<ToolChoice> {
    let message = format!("Tools of type `{kind}` are not supported by this gateway for this model.");
    request.refuse(Unsayable::unsupported("tool_choice", message));
    None
}

fn read_mode(request: &Fields, mode: &str, path: &str, tools: &Tools) -> Option<ToolChoice> {
    match mode {
        "auto" => return Some(ToolChoice::Auto),
        "none" => return Some(ToolChoice::None),
        "required" if tools.tools.is_empty() && tools.has_hosted => request.refuse(Unsayable::unsupported(
            path,
            "A tool has to be called, and none of `tools` is supported by this gateway for this model.",
        )),
        "required" => return Some(ToolChoice::Required),
        _ => request.refuse(Unsayable::invalid(
            path,
            format!("`{mode}` is not a choice: auto, none and required are."),
        )),
    }
    None
}
