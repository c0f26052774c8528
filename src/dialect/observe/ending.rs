//! How streams end, and what is said where one did not.

use memchr::memmem;
use serde::Deserialize;

use crate::dialect::openai;
use crate::error::{Error, Kind};

/// How the streams of an endpoint end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// With `[DONE]`, or when every choice said why it ended: Chat Completions, and the completions before them.
    #[default]
    Done,
    /// With an event that says that the response is complete, failed or incomplete, or why there is none: Responses.
    Response,
    /// With an event that says that the message stops, or why: Anthropic's Messages.
    Message,
    /// In a way that is not known, unless its events are of a kind whose last one is: [`Part`]. Only a break is told else.
    Unknown,
}

/// What an event is in a stream of images, of a transcription or of speech. There may be several images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// More is to come.
    Begins,
    /// It is complete, unless something comes behind it.
    Ends,
}

/// What the types of such events begin with, and the last one's.
const PARTS: [(&str, &str); 4] = [
    ("image_generation.", "image_generation.completed"),
    ("image_edit.", "image_edit.completed"),
    ("transcript.text.", "transcript.text.done"),
    ("speech.audio.", "speech.audio.done"),
];

/// An event that says itself what it is: not every upstream names its events.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    kind: &'a str,
}

impl Ending {
    /// The events behind which nothing more is said.
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
            Self::Done => &[],
        }
    }

    /// Whether an event of this name is the last one.
    pub(super) fn is_last_name(self, name: &[u8]) -> bool {
        self.last_events().iter().any(|end| end.as_bytes() == name)
    }

    /// Whether this is the data of the last event.
    pub(super) fn is_last(self, data: &[u8]) -> bool {
        // Few events hold such a word, and only they are parsed.
        self.last_events()
            .iter()
            .any(|end| memmem::find(data, end.as_bytes()).is_some())
            && serde_json::from_slice::<Typed<'_>>(data).is_ok_and(|event| self.is_last_name(event.kind.as_bytes()))
    }

    /// What the event with this data is a part of, where that has an end to look for.
    pub(super) fn part(self, data: &[u8]) -> Option<Part> {
        if self != Self::Unknown {
            return None;
        }
        let event: Typed<'_> = serde_json::from_slice(data).ok()?;
        let (_, last) = PARTS.iter().find(|(family, _)| event.kind.starts_with(family))?;
        Some(if event.kind == *last { Part::Ends } else { Part::Begins })
    }

    /// The event that tells of a stream that was cut. There is no end mark behind it.
    #[must_use]
    pub fn truncated(self) -> Vec<u8> {
        let message = "The upstream's stream ended before the answer was complete; what came before may be cut. Send the request again.";
        let error = openai::refusal(&Error::new(Kind::UpstreamStreamTruncated, message));
        if self == Self::Message {
            // Clients of Messages know events by their names.
            let members = error.strip_prefix(b"{").unwrap_or(&error);
            return [b"event: error\ndata: {\"type\":\"error\",", members, b"\n\n"].concat();
        }
        [b"data: ", error.as_slice(), b"\n\n"].concat()
    }
}
