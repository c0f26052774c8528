//! Reads how much is to be thought, and what was thought in earlier turns. Providers have different members for both.

use serde_json::Value;

use crate::dialect::neutral::fields::Fields;
use crate::dialect::neutral::request::{Part, PartKind, Reasoning};

/// Takes how much is to be thought; nothing where nothing is said of it.
pub(super) fn read(fields: &mut Fields) -> Option<Reasoning> {
    let mut reasoning = Reasoning {
        effort: fields.text("reasoning_effort"),
        ..Reasoning::default()
    };
    // OpenRouter.
    if let Some(mut own) = fields.object("reasoning") {
        let effort = own.text("effort");
        reasoning.effort = reasoning.effort.or(effort);
        reasoning.budget = own.count("max_tokens");
        reasoning.is_disabled = own.flag("enabled") == Some(false);
        reasoning.wants_text = !own.flag("exclude").unwrap_or_default() && !reasoning.is_disabled;
    }
    reasoning.wants_text |= fields.flag("include_reasoning").unwrap_or_default();
    // Anthropic, DeepSeek, Moonshot, Zhipu.
    if let Some(mut thinking) = fields.object("thinking") {
        let budget = thinking.count("budget_tokens");
        reasoning.budget = reasoning.budget.or(budget);
        match thinking.text("type").as_deref() {
            Some("disabled") => reasoning.is_disabled = true,
            Some("enabled") if reasoning.budget.is_some() => {}
            Some("enabled" | "adaptive" | "auto") => reasoning.is_adaptive = true,
            _ => {}
        }
    }
    // Qwen, SiliconFlow.
    let budget = fields.count("thinking_budget");
    reasoning.budget = reasoning.budget.or(budget);
    match fields.flag("enable_thinking") {
        Some(true) => reasoning.is_adaptive |= reasoning.effort.is_none() && reasoning.budget.is_none(),
        Some(false) => reasoning.is_disabled = true,
        None => {}
    }
    Some(reasoning).filter(|reasoning| *reasoning != Reasoning::default())
}

/// Takes what was thought in an earlier turn: piece by piece with what proves it, or as one text.
pub(super) fn history(message: &mut Fields) -> Vec<Part> {
    let details = message.objects("reasoning_details");
    let blocks = message.objects("thinking_blocks");
    // What stands there as a text is the same once more.
    let texts = ["reasoning_content", "reasoning"].map(|name| message.take(name));
    let mut pieces = Pieces::default();
    for detail in details {
        pieces.read_detail(detail);
    }
    if pieces.0.is_empty() {
        for block in blocks {
            pieces.read_block(block);
        }
    }
    if pieces.0.is_empty() {
        let text = texts.into_iter().find_map(|text| match text {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        });
        pieces.0.extend(text.map(|text| Piece {
            text,
            ..Piece::default()
        }));
    }
    let parts = pieces.0.into_iter().map(|piece| {
        let kind = PartKind::Reasoning {
            text: piece.text,
            signature: piece.signature,
            encrypted: piece.encrypted,
        };
        kind.part()
    });
    parts.collect()
}

#[derive(Default)]
struct Pieces(Vec<Piece>);

#[derive(Default)]
struct Piece {
    index: Option<u64>,
    text: String,
    signature: Option<String>,
    encrypted: Option<String>,
}

impl Pieces {
    /// Reads an element of OpenRouter's list. A client that puts a stream together may have one for each of its events.
    fn read_detail(&mut self, mut detail: Fields) {
        let index = detail.count("index");
        let (text, summary) = (detail.text("text"), detail.text("summary"));
        let (signature, data) = (detail.text("signature"), detail.text("data"));
        let text = text.or(summary).unwrap_or_default();
        if text.is_empty() && signature.is_none() && data.is_none() {
            return;
        }
        let is_open = |last: &&mut Piece| {
            let is_same = data.is_some() || last.index == index || index.is_none();
            is_same && last.signature.is_none() && last.encrypted.is_none()
        };
        match self.0.last_mut().filter(is_open) {
            Some(last) => {
                last.text.push_str(&text);
                last.signature = signature;
                last.encrypted = data;
            }
            None => self.0.push(Piece {
                index,
                text,
                signature,
                encrypted: data,
            }),
        }
    }

    /// Reads a block of Anthropic's, which other gateways hand on in a list of its own.
    fn read_block(&mut self, mut block: Fields) {
        let piece = Piece {
            index: None,
            text: block.text("thinking").unwrap_or_default(),
            signature: block.text("signature"),
            encrypted: block.text("data"),
        };
        if !piece.text.is_empty() || piece.encrypted.is_some() {
            self.0.push(piece);
        }
    }
}
