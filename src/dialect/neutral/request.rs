//! A request for an answer, whatever dialect it came in.

use std::ops::Deref;

use serde_json::{Map, Number, Value};

pub use super::quirks::Quirks;

/// A request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The model, where the body names it. (Gemini has it in the path.)
    pub model: Option<String>,
    /// Whether a stream is asked for. (Gemini says so in the path.)
    pub stream: bool,
    /// Everything that was said, in order. System and developer messages stand where the client put them.
    pub messages: Vec<Message>,
    /// What may be called.
    pub tools: Vec<Tool>,
    /// Whether it has to be.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once.
    pub parallel_tools: Option<bool>,
    /// The most tokens of the answer, reasoning included.
    pub max_tokens: Option<u64>,
    /// Numbers stay as they are written.
    pub temperature: Option<Number>,
    /// Nucleus sampling.
    pub top_p: Option<Number>,
    /// Sampling from so many tokens.
    pub top_k: Option<Number>,
    /// The random seed.
    pub seed: Option<Number>,
    /// Penalty for what has been said at all.
    pub presence_penalty: Option<Number>,
    /// Penalty for what has been said often.
    pub frequency_penalty: Option<Number>,
    /// Texts at which the answer ends.
    pub stop: Vec<String>,
    /// How many answers are asked for.
    pub choices: Option<u64>,
    /// Logarithms of probabilities are asked for, with so many alternatives.
    pub logprobs: Option<u64>,
    /// How much is to be thought.
    pub reasoning: Option<Reasoning>,
    /// What the answer has to look like.
    pub format: Option<Format>,
    /// `low`, `medium` or `high`.
    pub verbosity: Option<String>,
    /// Whom the request is for: an opaque name.
    pub user: Option<String>,
    /// What requests of one conversation have in common.
    pub cache_key: Option<String>,
    /// `auto`, `default`, `flex`, `priority`, ...
    pub service_tier: Option<String>,
    /// The client's own notes (Responses echoes them).
    pub metadata: Option<Map<String, Value>>,
    /// A streamed Chat Completions client wants the usage.
    pub include_usage: bool,
    /// A summary of the conversation is wanted, and nothing else.
    pub compaction: bool,
    /// What the client asked for and this vocabulary cannot say, by the client's names.
    pub dropped: Vec<String>,
}

/// One turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The operator.
    System,
    /// The operator, as OpenAI calls it for models that reason.
    Developer,
    /// The client. Results of tools are parts of such a message.
    User,
    /// The model. Calls of tools are parts of such a message.
    Assistant,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// The prompt up to here is to be kept in a cache, for `5m` or `1h` where that is said.
    pub cache: Option<Cache>,
}

/// A mark that says what to keep in a prompt cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// For how long: `5m`, `1h`.
    pub ttl: Option<String>,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq)]
pub enum PartKind {
    /// Text.
    Text(String),
    /// An image.
    Image {
        /// Where it is.
        source: Source,
        /// `low`, `high`, `auto`.
        detail: Option<String>,
    },
    /// A document, such as a PDF.
    Document {
        /// Where it is.
        source: Source,
        /// Its file name or title.
        name: Option<String>,
    },
    /// Sound.
    Audio {
        /// In base64.
        data: String,
        /// `wav`, `mp3`, ...
        format: String,
    },
    /// What the model thought.
    Reasoning {
        /// Its text, or a summary of it.
        text: String,
        /// Proves to its upstream that the text is its own.
        signature: Option<String>,
        /// The whole of it, readable by its upstream only.
        encrypted: Option<String>,
    },
    /// A call of a tool.
    ToolCall(ToolCall),
    /// What a tool said.
    ToolResult {
        /// The call's id.
        id: String,
        /// The tool's name, where the dialect says it.
        name: Option<String>,
        /// Texts, images and documents.
        parts: Vec<Part>,
        /// It says that the tool failed.
        is_error: bool,
    },
    /// Why the model did not answer.
    Refusal(String),
}

impl PartKind {
    /// Returns a part of this kind that is not marked.
    #[must_use]
    pub const fn part(self) -> Part {
        Part {
            kind: self,
            cache: None,
        }
    }
}

/// Where the bytes of an image or a document are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Here, in base64.
    Base64 {
        /// `image/png`.
        media_type: String,
        /// The bytes.
        data: String,
    },
    /// There.
    Url(String),
    /// With the upstream, under this id.
    File(String),
    /// Here, as plain text.
    Text(String),
}

impl Source {
    /// Returns where the bytes behind an address are: here, if it is a `data:` URL in base64 (RFC 2397), else there.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        let is_data = url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
        let parts = url.get(5..).filter(|_| is_data).and_then(|rest| rest.split_once(','));
        let encoded = parts.and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data)));
        match encoded {
            Some((head, data)) => Self::Base64 {
                media_type: head.split(';').next().unwrap_or_default().to_owned(),
                data: data.to_owned(),
            },
            None => Self::Url(url.to_owned()),
        }
    }

    /// Returns the address of the bytes, a `data:` URL where they are here; nothing for a file of the upstream's and for text.
    #[must_use]
    pub fn to_url(&self) -> Option<String> {
        match self {
            Self::Base64 { media_type, data } => Some(format!("data:{media_type};base64,{data}")),
            Self::Url(url) => Some(url.clone()),
            Self::File(_) | Self::Text(_) => None,
        }
    }
}

/// A call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// What its result refers to.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The name space that it is in (Codex).
    pub namespace: Option<String>,
    /// A JSON object as text, or the free text of a custom tool.
    pub arguments: String,
    /// Its arguments are free text.
    pub is_custom: bool,
    /// Proves to its upstream that the call is its own (Gemini).
    pub signature: Option<String>,
}

/// A tool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// The name space that it is in (Codex).
    pub namespace: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// A JSON schema of its arguments; nothing where it takes none, or free text.
    pub parameters: Option<Value>,
    /// Its arguments follow the schema exactly.
    pub strict: Option<bool>,
    /// Its arguments are free text, in this format (Responses' `format` member; `null` for any text).
    pub custom: Option<Value>,
    /// The prompt up to here is to be kept in a cache.
    pub cache: Option<Cache>,
}

/// Which tool is to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// Any, or none.
    Auto,
    /// None.
    None,
    /// Any one of them.
    Required,
    /// One of these. A single name is that tool.
    Named {
        /// Names, as in [`Tool::name`].
        names: Vec<String>,
        /// None of them need be called.
        optional: bool,
    },
}

/// How much is to be thought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`.
    pub effort: Option<String>,
    /// The most tokens of it (Anthropic's and Gemini's budgets).
    pub budget: Option<u64>,
    /// The model decides by itself how much (Anthropic's `adaptive`, Gemini's budget of -1).
    pub is_adaptive: bool,
    /// It is switched off.
    pub is_disabled: bool,
    /// The client wants to read it: a summary at least.
    pub wants_text: bool,
    /// The client wants what it can send back (Responses' `reasoning.encrypted_content`).
    pub wants_encrypted: bool,
}

/// What an answer has to look like.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// A JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema {
        /// The schema's name.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The schema.
        schema: Value,
        /// It is followed exactly.
        strict: Option<bool>,
    },
}

/// Why a request cannot be read, or cannot be said in a dialect. It is as large as a pointer: every step of reading and writing may
/// return it, and nearly none does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsayable(Box<Why>);

/// What an [`Unsayable`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The member that is to blame, as the client wrote it: `input[3].type`.
    pub param: String,
    /// One or two sentences for a person.
    pub message: String,
    /// It is not wrong, but has no counterpart.
    pub is_unsupported: bool,
    /// It is encrypted, and its key is somebody else's.
    pub is_encrypted: bool,
}

impl Unsayable {
    /// Returns what is said of a member of the wrong shape.
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(param.into(), message.into(), false)
    }

    /// Returns what is said of a member that is right and has no counterpart.
    pub fn unsupported(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(param.into(), message.into(), true)
    }

    fn new(param: String, message: String, is_unsupported: bool) -> Self {
        Self(Box::new(Why {
            param,
            message,
            is_unsupported,
            is_encrypted: false,
        }))
    }

    /// Returns what is said of a member that only another upstream can read.
    pub fn encrypted(param: impl Into<String>, message: impl Into<String>) -> Self {
        let mut unsayable = Self::new(param.into(), message.into(), true);
        unsayable.0.is_encrypted = true;
        unsayable
    }

    /// Returns what it says.
    #[must_use]
    pub fn into_why(self) -> Why {
        *self.0
    }
}

impl Deref for Unsayable {
    type Target = Why;

    fn deref(&self) -> &Why {
        &self.0
    }
}

/// A request as an upstream gets it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// The body. The model stands in it where the dialect has it there.
    pub body: Map<String, Value>,
    /// What could not be said, by the vocabulary's names: `seed`, `tools.cache`, ...
    pub dropped: Vec<String>,
}

impl Written {
    /// Notes that something could not be said. A name stands there once.
    pub fn drop(&mut self, name: &str) {
        if !self.dropped.iter().any(|known| known == name) {
            self.dropped.push(name.to_owned());
        }
    }
}
