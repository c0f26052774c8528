//! A whole answer: the events of a stream, put together.

use serde_json::Value;

use super::event::{Event, Finish, MOST_CHOICES, Usage};
use super::request::ToolCall;

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The upstream's id of it.
    pub id: String,
    /// The model that answered.
    pub model: String,
    /// One for each answer that was asked for.
    pub choices: Vec<Choice>,
    /// The tokens that were used, where the upstream said so.
    pub usage: Option<Usage>,
    /// The error in which it ended: message, code, status.
    pub error: Option<(String, Option<String>, Option<u16>)>,
    /// Nothing is missing.
    pub is_complete: bool,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// What was said, in order.
    pub blocks: Vec<Block>,
    /// Why it ended.
    pub finish: Option<Finish>,
    /// The text at which it ended.
    pub stop: Option<String>,
    /// Probabilities of its text, in Chat Completions' shape.
    pub logprobs: Vec<Value>,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Text, and the sources that were cited in it.
    Text {
        /// The text.
        text: String,
        /// Its sources, as events.
        citations: Vec<Event>,
    },
    /// What the model thought.
    Reasoning {
        /// The text.
        text: String,
        /// Proves that it is the upstream's own.
        signature: Option<String>,
        /// The whole of it, readable by its upstream only.
        encrypted: Option<String>,
    },
    /// Why the model did not answer.
    Refusal(String),
    /// A call of a tool, with all of its arguments.
    ToolCall(ToolCall),
}

impl Answer {
    /// Returns the answer that these events make.
    #[must_use]
    pub fn of(events: &[Event]) -> Self {
        let mut answer = Self::default();
        for event in events {
            answer.add(event);
        }
        answer
    }

    /// Adds what an event says.
    pub fn add(&mut self, event: &Event) {
        match event {
            Event::Start { id, model } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Error { message, code, status } => self.error = Some((message.clone(), code.clone(), *status)),
            Event::End => self.is_complete = true,
            Event::KeepAlive => {}
            _ => {
                let choice = event.choice().filter(|choice| *choice < MOST_CHOICES);
                if let Some(place) = choice.map(|choice| choice as usize) {
                    if self.choices.len() <= place {
                        self.choices.resize_with(place + 1, Choice::default);
                    }
                    self.choices[place].add(event);
                }
            }
        }
    }
}

impl Choice {
    fn add(&mut self, event: &Event) {
        match event {
            Event::Text { text, .. } => match self.blocks.last_mut() {
                Some(Block::Text { text: before, .. }) => before.push_str(text),
                _ => self.blocks.push(Block::Text {
                    text: text.clone(),
                    citations: Vec::new(),
                }),
            },
            Event::Citation { .. } => {
                if let Some(Block::Text { citations, .. }) = self.blocks.last_mut() {
                    citations.push(event.clone());
                }
            }
            Event::Reasoning { text, .. } => self.reasoning(|before, _, _| before.push_str(text)),
            Event::Signature { signature, .. } => self.reasoning(|_, known, _| *known = Some(signature.clone())),
            Event::Encrypted { data, .. } => self.reasoning(|_, _, known| *known = Some(data.clone())),
            Event::Refusal { text, .. } => match self.blocks.last_mut() {
                Some(Block::Refusal(before)) => before.push_str(text),
                _ => self.blocks.push(Block::Refusal(text.clone())),
            },
            Event::ToolStart { call, .. } => self.blocks.push(Block::ToolCall(call.clone())),
            Event::ToolArguments { index, text, .. } => {
                let mut calls = self.blocks.iter_mut().filter_map(|block| match block {
                    Block::ToolCall(call) => Some(call),
                    _ => None,
                });
                if let Some(call) = calls.nth(*index as usize) {
                    call.arguments.push_str(text);
                }
            }
            Event::Logprobs { content, .. } => self.logprobs.extend_from_slice(content),
            Event::Finish { reason, stop, .. } => {
                self.finish = Some(*reason);
                self.stop.clone_from(stop);
            }
            _ => {}
        }
    }

    /// Changes the reasoning that is still open: one that has a signature is complete, and another one begins behind it.
    fn reasoning(&mut self, change: impl FnOnce(&mut String, &mut Option<String>, &mut Option<String>)) {
        let open = self.blocks.last().is_some_and(|block| {
            matches!(
                block,
                Block::Reasoning {
                    signature: None,
                    encrypted: None,
                    ..
                }
            )
        });
        if !open {
            self.blocks.push(Block::Reasoning {
                text: String::new(),
                signature: None,
                encrypted: None,
            });
        }
        if let Some(Block::Reasoning {
            text,
            signature,
            encrypted,
        }) = self.blocks.last_mut()
        {
            change(text, signature, encrypted);
        }
    }
}
