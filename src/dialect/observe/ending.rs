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
    /// In a way that is not known. Only a break is told.
    Unknown,
}

impl Ending {
    /// The events behind which nothing more is said.
    const fn last_events(self) -> &'static [&'static str] {
        match self {
            Self::Response => &["response.completed", "response.failed", "response.incomplete", "error"],
            Self::Message => &["message_stop", "error"],
            Self::Done | Self::Unknown => &[],
        }
    }

    /// Whether an event of this name is the last one.
    pub(super) fn is_last_name(self, name: &[u8]) -> bool {
        self.last_events().iter().any(|end| end.as_bytes() == name)
    }

    /// Whether this is the data of the last event, as it says itself: not every upstream names its events.
    pub(super) fn is_last(self, data: &[u8]) -> bool {
        #[derive(Deserialize)]
        struct Typed<'a> {
            #[serde(borrow, rename = "type")]
            kind: &'a str,
        }
        // Few events hold such a word, and only they are parsed.
        self.last_events()
            .iter()
            .any(|end| memmem::find(data, end.as_bytes()).is_some())
            && serde_json::from_slice::<Typed<'_>>(data).is_ok_and(|event| self.is_last_name(event.kind.as_bytes()))
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
