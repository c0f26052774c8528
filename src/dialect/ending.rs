//! How the streams of an endpoint end, and the event that says that one was cut.

use std::borrow::Cow;

use memchr::memmem;

use super::openai;
use super::wire::json::text;
use super::wire::members::Members;
use crate::dialect::wire::build::{json, json_text};
use crate::error::{Error, Kind};

/// How the streams of an endpoint end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// With `[DONE]`, or when every choice has said why it ended: Chat Completions, and the older completions.
    #[default]
    Done,
    /// With an event that says that the response is complete, failed or incomplete, or with an error: Responses.
    Response,
    /// With an event that says that the message stops, or with an error: Anthropic's Messages.
    Message,
    /// When every candidate has said why it ended, or the prompt was refused, or with an error: Gemini.
    Candidates,
    /// In a way that is not known, unless the types of its events are known, as those of images and speech are. Where they
    /// are not, only a broken connection shows that the stream was cut.
    Unknown,
}

/// What an event means in a stream of images, of a transcription or of speech. There may be several images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// More is to come.
    Begins,
    /// It is complete, unless something comes behind it.
    Ends,
}

/// Types of such events: how they begin, and the one that comes last.
const PARTS: [(&str, &str); 4] = [
    ("image_generation.", "image_generation.completed"),
    ("image_edit.", "image_edit.completed"),
    ("transcript.text.", "transcript.text.done"),
    ("speech.audio.", "speech.audio.done"),
];

/// Returns the `type` of an event: not every upstream also writes a line `event:`.
fn kind_of(data: &[u8]) -> Option<Cow<'_, str>> {
    text(Members::of(data).ok()?.last("type")?)
}

/// Returns the error for a stream that was cut.
#[must_use]
pub fn truncated() -> Error {
    let message = "The upstream's stream ended before the answer was complete; what came before may be cut. Send the request again.";
    Error::new(Kind::UpstreamStreamTruncated, message)
}

impl Ending {
    /// Returns the names of the events that come last.
    const fn last_events(self) -> &'static [&'static str] {
        match self {
            Self::Response => &[
                "response.completed",
                "response.failed",
                "response.incomplete",
                "response.cancelled",
                "response.canceled",
                "error",
            ],
            Self::Message => &["message_stop", "error"],
            Self::Unknown => &["transcript.text.done", "speech.audio.done"],
            Self::Done | Self::Candidates => &[],
        }
    }

    /// Whether an event of this name comes last.
    pub(crate) fn is_last_name(self, name: &[u8]) -> bool {
        self.last_events().iter().any(|end| end.as_bytes() == name)
    }

    /// Whether this is the data of the last event.
    pub(crate) fn is_last(self, data: &[u8]) -> bool {
        // Few events hold such a word, and only they are parsed.
        self.last_events()
            .iter()
            .any(|end| memmem::find(data, end.as_bytes()).is_some())
            && kind_of(data).is_some_and(|kind| self.is_last_name(kind.as_bytes()))
    }

    /// Returns what the event with this data means, where its type is known.
    pub(crate) fn part(self, data: &[u8]) -> Option<Part> {
        if self != Self::Unknown {
            return None;
        }
        let kind = kind_of(data)?;
        let (_, last) = PARTS.iter().find(|(family, _)| kind.starts_with(family))?;
        Some(if kind == *last { Part::Ends } else { Part::Begins })
    }

    /// Returns the event that says that the stream was cut. No end mark follows it.
    #[must_use]
    pub fn truncated(self) -> Vec<u8> {
        let error = truncated();
        let data = match self {
            Self::Message => {
                // Clients of Messages know events by their names.
                let error = openai::error_body(&error);
                let members = error.strip_prefix(b"{").unwrap_or(&error);
                return [b"event: error\ndata: {\"type\":\"error\",", members, b"\n\n"].concat();
            }
            Self::Candidates => {
                let facts = error.kind.facts();
                let status = json!({"code": facts.status.as_u16(), "message": error.message, "status": "UNAVAILABLE"});
                json_text(&json!({ "error": status })).into_bytes()
            }
            Self::Done | Self::Response | Self::Unknown => openai::error_body(&error),
        };
        [b"data: ", data.as_slice(), b"\n\n"].concat()
    }
}
