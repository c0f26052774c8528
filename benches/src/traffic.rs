//! What is sent and answered: one description for the mock upstream, which makes the answers, and for the load, which
//! knows from it to the byte what must arrive.
//!
//! The model's name says which answer is wanted. Clients ask by an alias; the gateway must replace it by the upstream's
//! name, and every answer names the model that the upstream saw. A plain proxy leaves the alias.

use std::str::FromStr;

use bytes::Bytes;
use memchr::memmem;

/// Clients show this token; the upstream wants one of these keys.
pub(crate) const TOKEN: &str = "bench";
pub(crate) const KEYS: [&str; 2] = ["k1", "k2"];

/// Where clients ask. The upstream has nothing at the second path.
pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const MESSAGES: &str = "/v1/messages";

/// Events of a stream, `[DONE]` included.
pub(crate) const EVENTS: usize = 200;

const PREFIX: &str = "vendor/bench-";
const CHAT_BYTES: usize = 1024;
const SINK_BYTES: usize = 1 << 20;
pub(crate) const DONE: &[u8] = b"data: [DONE]\n\n";

/// What clients of Messages get of such a stream: its words in as many events, and three each that begin and end it.
const TRANSLATED_EVENTS: usize = EVENTS - 2 + 6;
const STOP: &[u8] = b"data: {\"type\":\"message_stop\"}\n\n";

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A JSON answer of 1 KB.
    Chat,
    /// A stream as fast as it goes, sent in writes of so many events.
    Burst(usize),
    /// A stream with an event every so many milliseconds.
    Paced(u64),
    /// A stream that is silent after its first event.
    Held,
    /// A request of 1 MB; the answer tells its size.
    Sink,
}

impl Kind {
    /// All that route tables need aliases for.
    pub(crate) const ALL: [Self; 7] = [
        Self::Chat,
        Self::Burst(1),
        Self::Burst(4),
        Self::Paced(5),
        Self::Paced(20),
        Self::Held,
        Self::Sink,
    ];

    /// The name that clients use.
    pub(crate) fn alias(self) -> String {
        match self {
            Self::Chat => "chat".into(),
            Self::Burst(at_once) => format!("burst-{at_once}"),
            Self::Paced(pause) => format!("paced-{pause}"),
            Self::Held => "held".into(),
            Self::Sink => "sink".into(),
        }
    }

    /// The name that the upstream knows.
    pub(crate) fn upstream_name(self) -> String {
        format!("{PREFIX}{}", self.alias())
    }

    /// Either name.
    pub(crate) fn of_model(model: &str) -> Option<Self> {
        model.strip_prefix(PREFIX).unwrap_or(model).parse().ok()
    }

    pub(crate) fn streams(self) -> bool {
        matches!(self, Self::Burst(_) | Self::Paced(_) | Self::Held)
    }

    /// The body of the request. The model comes last, where the Python SDK puts it.
    pub(crate) fn request_body(self) -> String {
        let stream = if self.streams() { r#","stream":true"# } else { "" };
        let model = self.alias();
        let frame = |text: &str| {
            format!(
                r#"{{"messages":[{{"role":"system","content":"You are a helpful assistant."}},{{"role":"user","content":"{text}"}}],"model":"{model}","temperature":0.7{stream}}}"#
            )
        };
        let wanted = if self == Self::Sink { SINK_BYTES } else { CHAT_BYTES };
        let words = "The quick brown fox \\\"jumps\\\" over the lazy dog.\\n";
        let room = wanted.saturating_sub(frame("").len());
        let mut text = words.repeat(room / words.len());
        text.push_str(&"x".repeat(room - text.len()));
        frame(&text)
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |prefix| text.strip_prefix(prefix)?.parse::<u64>().ok();
        match text {
            "chat" => Ok(Self::Chat),
            "held" => Ok(Self::Held),
            "sink" => Ok(Self::Sink),
            _ => number("paced-")
                .map(Self::Paced)
                .or_else(|| number("burst-").map(|at_once| Self::Burst(at_once as usize)))
                .ok_or_else(|| {
                    format!("no traffic is called {text}: chat, burst-EVENTS, paced-MILLISECONDS, held, sink")
                }),
        }
    }
}

/// The model named in a request, as these requests are written.
pub(crate) fn model_in(body: &[u8]) -> Option<&str> {
    const MEMBER: &[u8] = br#""model":""#;
    let start = memmem::rfind(body, MEMBER)? + MEMBER.len();
    let length = memchr::memchr(b'"', &body[start..])?;
    std::str::from_utf8(&body[start..start + length]).ok()
}

/// The answer to a chat that named `model`.
pub(crate) fn chat_answer(model: &str) -> Bytes {
    let frame = |text: &str| {
        format!(
            r#"{{"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012","object":"chat.completion","created":1764000000,"model":"{model}","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":240,"completion_tokens":120,"total_tokens":360}},"system_fingerprint":"fp_0123456789"}}"#
        )
    };
    let room = CHAT_BYTES.saturating_sub(frame("").len());
    frame(&"answer ".repeat(room / 7 + 1)[..room]).into()
}

/// The answer to a sink that was sent `length` bytes and named `model`.
pub(crate) fn sink_answer(model: &str, length: usize) -> Bytes {
    format!(r#"{{"object":"chat.completion","model":"{model}","received":{length}}}"#).into()
}

/// The events of a stream for a request that named `model`.
pub(crate) fn events(model: &str) -> Vec<Bytes> {
    let event = |delta: &str, reason: &str| {
        Bytes::from(format!(
            "data: {{\"id\":\"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,\"model\":\"{model}\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{reason}}}]}}\n\n"
        ))
    };
    let mut events = vec![event(r#"{"role":"assistant","content":"token"}"#, "null")];
    events.extend((1..EVENTS - 2).map(|_| event(r#"{"content":" token"}"#, "null")));
    events.push(event("{}", r#""stop""#));
    events.push(Bytes::from_static(DONE));
    events
}

/// What must arrive at the client.
#[derive(Clone)]
pub(crate) enum Expected {
    /// These bytes.
    Exactly(Bytes),
    /// A stream of so many events, and bytes where they are known, that ends so.
    Stream {
        events: usize,
        bytes: Option<u64>,
        end: &'static [u8],
    },
    /// This event, then silence.
    First(Bytes),
}

impl Expected {
    /// `replaced`: whether what stands in between gives the model the upstream's name.
    pub(crate) fn of(kind: Kind, replaced: bool) -> Self {
        let (alias, name) = (kind.alias(), kind.upstream_name());
        let model = if replaced { &name } else { &alias };
        match kind {
            Kind::Chat => Self::Exactly(chat_answer(model)),
            Kind::Sink => {
                let grown = if replaced { name.len() - alias.len() } else { 0 };
                Self::Exactly(sink_answer(model, SINK_BYTES + grown))
            }
            Kind::Burst(_) | Kind::Paced(_) => Self::Stream {
                events: EVENTS,
                bytes: Some(events(model).iter().map(|event| event.len() as u64).sum()),
                end: DONE,
            },
            Kind::Held => Self::First(events(model).swap_remove(0)),
        }
    }

    /// A stream that a client of Messages gets.
    pub(crate) const fn translated() -> Self {
        Self::Stream {
            events: TRANSLATED_EVENTS,
            bytes: None,
            end: STOP,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_its_size_and_names_its_model() {
        for kind in Kind::ALL {
            let body = kind.request_body();
            let size = if kind == Kind::Sink { SINK_BYTES } else { CHAT_BYTES };
            assert_eq!(body.len(), size);
            assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{body}");
            assert_eq!(model_in(body.as_bytes()), Some(kind.alias().as_str()));
        }
    }

    #[test]
    fn both_names_of_a_model_mean_the_same() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_model(&kind.alias()), Some(kind));
            assert_eq!(Kind::of_model(&kind.upstream_name()), Some(kind));
        }
    }

    #[test]
    fn a_stream_has_its_events_and_ends_with_done() {
        let events = events("m");
        assert_eq!(events.len(), EVENTS);
        assert_eq!(events.last().map(Bytes::as_ref), Some(DONE));
        assert_eq!(chat_answer("m").len(), CHAT_BYTES);
    }
}
