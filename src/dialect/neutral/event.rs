//! The events of an answer.
//!
//! Order, for each choice: whatever is said in the order in which it is said; a tool call begins with
//! [`Event::ToolStart`], has any number of [`Event::ToolArguments`] with its index, which other events may stand between, and ends with
//! [`Event::ToolEnd`]; [`Event::Finish`] is the choice's last. For the whole answer: [`Event::Start`] is first,
//! [`Event::Usage`] may come anywhere and replaces what came before it, [`Event::End`] or [`Event::Error`] is last. A stream that ends
//! without either was cut.

use serde_json::Value;

use super::request::ToolCall;

/// The most choices that are read and written. Nobody asks for so many: a number above it is one that no upstream means.
pub const MOST_CHOICES: u32 = 128;

/// One event. `choice` counts the answers to one request from 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The answer begins.
    Start {
        /// The upstream's id of it; may be empty.
        id: String,
        /// The model that answers.
        model: String,
    },
    /// More text.
    Text {
        /// The answer.
        choice: u32,
        /// Never empty.
        text: String,
    },
    /// More of what the model thinks.
    Reasoning {
        /// The answer.
        choice: u32,
        /// Never empty.
        text: String,
    },
    /// What proves that the reasoning before it is the upstream's own. Ends that piece of reasoning.
    Signature {
        /// The answer.
        choice: u32,
        /// Opaque.
        signature: String,
    },
    /// Reasoning that only its upstream can read (Anthropic's `redacted_thinking`, Responses' `encrypted_content`).
    Encrypted {
        /// The answer.
        choice: u32,
        /// Opaque.
        data: String,
    },
    /// More of why the model does not answer.
    Refusal {
        /// The answer.
        choice: u32,
        /// Never empty.
        text: String,
    },
    /// A tool call begins.
    ToolStart {
        /// The answer.
        choice: u32,
        /// Counts the calls of the choice from 0, without a gap.
        index: u32,
        /// What is known at once. Its arguments are empty: they follow.
        call: ToolCall,
    },
    /// More of a call's arguments.
    ToolArguments {
        /// The answer.
        choice: u32,
        /// The call.
        index: u32,
        /// A piece of the text of a JSON object. Never empty.
        text: String,
    },
    /// All of a call's arguments have come.
    ToolEnd {
        /// The answer.
        choice: u32,
        /// The call.
        index: u32,
    },
    /// A source of the text before it.
    Citation {
        /// The answer.
        choice: u32,
        /// The address of the source, if it has one.
        url: Option<String>,
        /// Its title.
        title: Option<String>,
        /// What is cited of it.
        text: Option<String>,
    },
    /// Probabilities of the text before it, in Chat Completions' shape (`logprobs.content`).
    Logprobs {
        /// The answer.
        choice: u32,
        /// An array.
        content: Vec<Value>,
    },
    /// A choice is complete.
    Finish {
        /// The answer.
        choice: u32,
        /// Why it ended.
        reason: Finish,
        /// The text at which it ended, where the upstream says which.
        stop: Option<String>,
    },
    /// The tokens used so far.
    Usage(Usage),
    /// Nothing new: the upstream keeps the connection alive.
    KeepAlive,
    /// The upstream reports an error. Nothing follows.
    Error {
        /// What it says, for people.
        message: String,
        /// What programs know it by: the upstream's code or type.
        code: Option<String>,
        /// The HTTP status that stands for it, where that is known.
        status: Option<u16>,
    },
    /// The answer is complete.
    End,
}

impl Event {
    /// Returns the answer that the event is about; nothing where it is about all of them.
    #[must_use]
    pub const fn choice(&self) -> Option<u32> {
        match self {
            Self::Text { choice, .. }
            | Self::Reasoning { choice, .. }
            | Self::Signature { choice, .. }
            | Self::Encrypted { choice, .. }
            | Self::Refusal { choice, .. }
            | Self::ToolStart { choice, .. }
            | Self::ToolArguments { choice, .. }
            | Self::ToolEnd { choice, .. }
            | Self::Citation { choice, .. }
            | Self::Logprobs { choice, .. }
            | Self::Finish { choice, .. } => Some(*choice),
            Self::Start { .. } | Self::Usage(_) | Self::KeepAlive | Self::Error { .. } | Self::End => None,
        }
    }
}

/// Why a choice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// All was said, or a stop text was met.
    Stop,
    /// The most tokens were used.
    Length,
    /// Tools are to be called.
    ToolCalls,
    /// What would have been said is not allowed.
    ContentFilter,
    /// The upstream pauses: the same conversation goes on where it is sent back (Anthropic's `pause_turn`).
    Pause,
}

/// The tokens of an answer. Each number is a part of what stands above it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of the request, all of it.
    pub input: u64,
    /// Of these, read from a cache.
    pub cached: u64,
    /// Of these, written to a cache.
    pub cache_write: u64,
    /// Of the answer, reasoning included.
    pub output: u64,
    /// Of these, reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// Returns the numbers with those that an upstream said to be greater than what they are a part of made as great as that.
    #[must_use]
    pub fn bounded(self) -> Self {
        let cached = self.cached.min(self.input);
        Self {
            cached,
            cache_write: self.cache_write.min(self.input - cached),
            reasoning: self.reasoning.min(self.output),
            ..self
        }
    }
}

/// Reads an upstream's stream. What it does not know it passes over.
pub trait ReadStream: Send + Sync {
    /// Reads one event of the stream, or one element of a JSON array, and appends what it says. `name` is the event's name, empty where
    /// it has none.
    fn read(&mut self, name: &str, data: &str, events: &mut Vec<Event>);

    /// Ends the stream: appends what its end says, which is [`Event::End`] where it is complete, and nothing where it was cut.
    fn end(&mut self, events: &mut Vec<Event>);
}

/// Writes a client's stream.
pub trait WriteStream: Send + Sync {
    /// Appends the bytes by which the client reads `event`. There may be none yet.
    fn write(&mut self, event: &Event, out: &mut Vec<u8>);
}

/// What a writer of answers knows besides the events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// The model that the client asked for: it stands in the answer.
    pub model: String,
    /// A new id, unique for the request: a UUID without a prefix.
    pub id: String,
    /// The time of the answer, in seconds since the epoch.
    pub created: u64,
    /// Chat Completions: a stream's usage is wanted.
    pub include_usage: bool,
    /// Gemini: the stream is a JSON array, not server-sent events.
    pub is_array: bool,
    /// The tools of the request that are not plain functions: `(name as the upstream knows it, the tool)`.
    pub tools: Vec<(String, super::request::Tool)>,
    /// Responses: members of the request that the answer repeats.
    pub echo: serde_json::Map<String, Value>,
}
