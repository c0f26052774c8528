//! The list of models as Codex reads it. It asks with `client_version` in the query, and wants `models` in the answer, which may stand
//! beside `data`. An entry that lacks one of a dozen members spoils the whole list for it (0.171).

use super::entry::Entry;
use crate::dialect::wire::build::{json, json_text};

/// What Codex says to a model first. Every entry has to have such a text, and Codex says it instead of its own.
const INSTRUCTIONS: &str = "You are a coding agent in the Codex CLI, on the user's own computer. Work on the task until it is done: look before you change anything, make the smallest change that solves the problem, keep to the style of the code around it, and run what shows that it works. Run commands with the tool for commands; search with rg where it is there. A file AGENTS.md holds instructions for its folder and everything below it. Never undo changes that are not yours, and commit or delete only what you are asked to. Before longer work say in one sentence what you are about to do. In the end say briefly what you changed and where, and what you could not check.";

/// Returns Codex's entry of a model; nothing where it is not known how many tokens that takes, which is what the entry is for, and where the
/// model is OpenAI's own: Codex knows those better than any list, and an entry would replace what it knows.
pub(super) fn row(entry: &Entry<'_>) -> Option<String> {
    let name = entry.id.rsplit('/').next().unwrap_or_default();
    let is_codexs = (name.starts_with("gpt-") && !name.starts_with("gpt-oss")) || name.starts_with("codex-");
    let window = entry.most_input().filter(|_| !is_codexs)?;
    let row = json!({
        "slug": entry.id,
        "display_name": entry.title(),
        "supported_reasoning_levels": [],
        "shell_type": "default",
        "visibility": "list",
        "supported_in_api": true,
        "priority": 1,
        "base_instructions": INSTRUCTIONS,
        "support_verbosity": false,
        "truncation_policy": {"mode": "bytes", "limit": 10_000},
        "experimental_supported_tools": [],
        "context_window": window,
    });
    Some(json_text(&row))
}
