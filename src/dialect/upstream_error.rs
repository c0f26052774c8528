//! What an upstream says of a failure, in whatever shape: OpenAI's object, Google's (also in an array), a bare code and
//! message, a string, FastAPI's `detail`, a list of errors.
//!
//! The body itself goes to the client. What is read here decides what the gateway does next: `policy::meaning` judges by it
//! whether a key, an account or the request is at fault.

mod fields;

use std::time::Duration;

use serde_json::Value;

use super::neutral::overflow;
use super::wire::json::parsed;
use super::wire::number::decimal;
use super::wire::shorten::shortened;
use super::wire::trim::trimmed;
use crate::dialect::wire::build::json_text;

/// A member of requests that some upstreams do not know, and answer with an error.
pub const STREAM_OPTIONS: &str = "stream_options";

/// What OpenAI calls state that the account does not have.
const STATE: [&str; 2] = ["invalid_encrypted_content", "previous_response_not_found"];

/// The longest body that is read as it is, in bytes. A longer one is read shortened.
pub(super) const PREFIX: usize = 64 * 1024;

/// The error of an upstream, whatever shape it had.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct UpstreamError {
    /// The text for people.
    pub message: String,
    /// `code`, `type`, `status` and each `reason`: what programs go by. Numbers are written as text.
    pub labels: Vec<String>,
    /// The last number among them that is a status of HTTP errors, 400 to 599.
    pub status: Option<u16>,
    /// How long to wait: Google's `RetryInfo`.
    pub retry_after: Option<Duration>,
    /// A quota of the day is used up: Google's `QuotaFailure`.
    pub daily: bool,
    /// The content of the request is not allowed: OpenRouter's moderation.
    pub flagged: bool,
    /// It is about the `stream_options` of the request.
    pub stream_options: bool,
    /// It is about state in the request that the account did not make, or has no more.
    pub state: bool,
}

impl UpstreamError {
    /// Reads the error in `body`; nothing where there is none.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        Self::of(&parsed(&shortened(trimmed(body), PREFIX))?)
    }

    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Array(list) => Self::of(list.first()?),
            Value::String(message) => Some(Self {
                message: message.clone(),
                ..Self::default()
            }),
            Value::Object(_) => {
                let error = inner(value)?;
                let mut read = Self::default();
                read.take(error);
                if error.is_string() {
                    // The text beside the code: {"code": "...", "error": "..."}
                    read.label(value.get("code"));
                }
                Some(read)
            }
            _ => None,
        }
    }

    /// Takes all that an error says.
    fn take(&mut self, error: &Value) {
        let text = |name: &str| {
            error
                .get(name)
                .map(|value| value.as_str().map_or_else(|| json_text(value), str::to_owned))
        };
        self.message = error
            .as_str()
            .map(str::to_owned)
            .or_else(|| text("message"))
            .or_else(|| text("detail"))
            .or_else(|| text("msg"))
            .unwrap_or_default();
        for name in ["code", "type", "status"] {
            self.label(error.get(name));
        }
        self.take_passed_on(error);
        self.flagged = error.get("metadata").is_some_and(|metadata| {
            ["flagged_input", "reasons"]
                .iter()
                .any(|name| !metadata[*name].is_null())
        });
        let named = fields::named(error);
        self.stream_options = if named.is_empty() {
            self.labels.iter().any(|label| label.contains(STREAM_OPTIONS))
                || fields::messages_are_about(error, STREAM_OPTIONS)
        } else {
            named.iter().any(|name| name == STREAM_OPTIONS)
        };
        self.state = self.is(&STATE) || is_about_state(&self.message);
        self.take_details(error);
    }

    /// Takes what OpenRouter passes on of its own upstream's error, where that says that the conversation is too long: its own
    /// message does not.
    fn take_passed_on(&mut self, error: &Value) {
        let raw = error.get("metadata").and_then(|metadata| metadata.get("raw"));
        if let Some(raw) = raw.and_then(Value::as_str) {
            let said = Self::read(raw.as_bytes()).map_or_else(|| raw.to_owned(), |error| error.message);
            if overflow::is_overflow(&said) {
                self.message = said;
            }
        }
    }

    /// Takes what Google puts into `details`.
    fn take_details(&mut self, error: &Value) {
        for detail in error.get("details").and_then(Value::as_array).into_iter().flatten() {
            self.label(detail.get("reason"));
            if let Some(delay) = detail.get("retryDelay").and_then(Value::as_str) {
                self.retry_after = duration(delay);
            }
            let quotas = detail.get("violations").and_then(Value::as_array).into_iter().flatten();
            self.daily |= quotas
                .filter_map(|quota| quota.get("quotaId").and_then(Value::as_str))
                .any(|quota| quota.contains("PerDay"));
        }
    }

    /// Takes a value that programs go by.
    fn label(&mut self, value: Option<&Value>) {
        match value {
            Some(Value::String(label)) => self.labels.push(label.clone()),
            Some(Value::Number(number)) => {
                let status = number.as_u64().and_then(|number| u16::try_from(number).ok());
                self.status = status.filter(|status| (400..600).contains(status)).or(self.status);
                self.labels.push(number.to_string());
            }
            _ => {}
        }
    }

    /// Whether the conversation is too long for the model.
    #[must_use]
    pub fn is_overflow(&self) -> bool {
        overflow::is_overflow(&self.message) || self.labels.iter().any(|label| overflow::is_code(label))
    }

    /// Whether it is about a model that there is not.
    #[must_use]
    pub fn is_about_a_model(&self) -> bool {
        self.is(&["model_not_found"]) || self.message.to_ascii_lowercase().contains("model")
    }

    /// Whether one of the labels is among `names`.
    #[must_use]
    pub fn is(&self, names: &[&str]) -> bool {
        self.labels.iter().any(|label| names.contains(&label.as_str()))
    }
}

/// Whether a message is about reasoning that the account cannot read, as Anthropic, Google and OpenAI say it.
fn is_about_state(message: &str) -> bool {
    let has = |text: &str| message.contains(text);
    let is_signature = || has("hought signature") || has("hought_signature");
    has("nvalid `signature` in `thinking`")
        || has("nvalid `data` in `redacted_thinking`")
        || is_signature() && !has("missing")
        || has("ncrypted content") && has("could not be")
}

/// Returns the error in an object: its `error`, that of one of its choices or of its `response`, the first of its `errors`, or
/// the object itself where it has a message.
fn inner(value: &Value) -> Option<&Value> {
    let is_error = |error: &&Value| !error.is_null();
    let choices = value.get("choices").and_then(Value::as_array).into_iter().flatten();
    let in_choice = || choices.filter_map(|choice| choice.get("error")).find(is_error);
    let in_response = || value.get("response")?.get("error").filter(is_error);
    let in_list = || value.get("errors").and_then(|errors| errors.get(0));
    let is_itself = || {
        ["message", "detail", "msg"]
            .iter()
            .any(|name| value.get(name).is_some())
    };
    value
        .get("error")
        .filter(is_error)
        .or_else(in_choice)
        .or_else(in_response)
        .or_else(in_list)
        .or_else(|| is_itself().then_some(value))
}

/// Reads a duration as Go writes it, and so Google, and OpenAI in its rate-limit headers: `1s`, `120ms`, `6m0s`, `1h12m3.5s`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.')?;
        let number = decimal(&rest[..digits])?;
        let unit_end = rest[digits..]
            .find(|char: char| char.is_ascii_digit() || char == '.')
            .map_or(rest.len(), |end| digits + end);
        seconds += number
            * match &rest[digits..unit_end] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    if text.trim().is_empty() {
        None
    } else {
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_shape_of_the_field_is_understood() {
        let read = |body: &str| {
            let error = UpstreamError::read(body.as_bytes()).unwrap();
            (error.message, error.labels.join(" "), error.status)
        };
        for (body, message, labels, status) in [
            (
                r#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#,
                "m",
                "c t",
                None,
            ),
            (r#"{"error":{"code":402,"message":"m"}}"#, "m", "402", Some(402)),
            (
                r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#,
                "m",
                "429 RESOURCE_EXHAUSTED",
                Some(429),
            ),
            (r#"{"code":20012,"message":"m","data":null}"#, "m", "20012", None),
            (r#"{"code":"c","error":"m"}"#, "m", "c", None),
            (r#""Invalid token""#, "Invalid token", "", None),
            (r#"{"detail":[{"msg":"x"}]}"#, r#"[{"msg":"x"}]"#, "", None),
            (
                r#"{"object":"error","message":"m","type":"t","code":400}"#,
                "m",
                "400 t",
                Some(400),
            ),
            (
                r#"{"success":false,"errors":[{"code":7009,"message":"m"}]}"#,
                "m",
                "7009",
                None,
            ),
        ] {
            assert_eq!(read(body), (message.to_owned(), labels.to_owned(), status), "{body}");
        }
        assert_eq!(read("\u{feff}{\"code\":7,\"msg\":\"m\"}\0").0, "m");
        for body in ["", "<html>", "{}", "[]", "5", r#"{"choices":[],"error":null}"#] {
            assert_eq!(UpstreamError::read(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn what_an_error_is_about_is_said_by_its_fields_before_its_words() {
        let about = |body: &str| UpstreamError::read(body.as_bytes()).unwrap().stream_options;
        for body in [
            r#"{"error":{"message":"m","param":"stream_options"}}"#,
            r#"{"error":{"message":"m","param":"stream_options.include_usage","code":"unknown_parameter"}}"#,
            r#"{"error":{"message":"Unrecognized request argument supplied: stream_options","param":null,"code":null}}"#,
            r#"{"error":{"message":"m","code":"stream_options_unsupported"}}"#,
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"m","input":{}}]}"#,
            r#"{"detail":[{"loc":["body","n"]},{"loc":["body","stream_options","include_usage"]}]}"#,
            r#"{"detail":"Extra parameters ['stream_options'] are not allowed"}"#,
            r#"{"object":"error","message":{"detail":[{"loc":["body","stream_options"]}]},"param":null}"#,
            r#"{"object":"error","message":"[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options')}]","param":null}"#,
            r#"{"errors":[{"loc":["stream_options"],"msg":"m"}]}"#,
            r#"[{"error":{"code":400,"message":"m","details":[{"fieldViolations":[{"description":"Invalid JSON payload received. Unknown name \"stream_options\": Cannot find field."}]}]}}]"#,
        ] {
            assert!(about(body), "{body}");
        }
        for body in [
            r#"{"error":{"message":"Unknown parameter: 'stream_options'","param":"messages"}}"#,
            r#"{"error":{"message":"refused: \"what are stream_options?\"","param":null}}"#,
            r#"{"detail":[{"loc":["body","messages",0,"content"],"msg":"m","input":"stream_options"}]}"#,
            r#"{"detail":[{"loc":["body","messages",0,"stream_options"],"msg":"m"}]}"#,
            r#"{"message":{"detail":[{"loc":["body","messages",0,"stream_options"]}]}}"#,
            r#"{"error":{"details":[{"fieldViolations":[{"field":"messages[0]","description":"Unknown name \"stream_options\""}]}]}}"#,
        ] {
            assert!(!about(body), "{body}");
        }
    }

    #[test]
    fn state_of_another_account_is_known_in_the_words_of_each_vendor() {
        let about = |body: &str| UpstreamError::read(body.as_bytes()).unwrap().state;
        for body in [
            r#"{"error":{"message":"m","code":"invalid_encrypted_content"}}"#,
            r#"{"error":{"message":"The encrypted content gAAA could not be verified.","code":null}}"#,
            r#"{"error":{"message":"Previous response with id 'resp_1' not found.","code":"previous_response_not_found"}}"#,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `data` in `redacted_thinking` block"}}"#,
            r#"{"error":{"code":400,"message":"Corrupted thought signature.","status":"INVALID_ARGUMENT"}}"#,
            r#"[{"error":{"code":400,"message":"Thought signature is not valid","status":"INVALID_ARGUMENT"}}]"#,
        ] {
            assert!(about(body), "{body}");
        }
        for body in [
            r#"{"error":{"message":"Invalid value: 'input'","code":"invalid_value"}}"#,
            r#"{"error":{"message":"Function call is missing a thought_signature in functionCall parts"}}"#,
        ] {
            assert!(!about(body), "{body}");
        }
    }

    #[test]
    fn google_says_how_long_and_which_quota() {
        let body = br#"[{"error":{"code":429,"message":"m","details":[
            {"@type":"x/QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
            {"@type":"x/RetryInfo","retryDelay":"34.5s"},{"reason":"API_KEY_INVALID"}]}}]"#;
        let error = UpstreamError::read(body).unwrap();
        assert_eq!(error.retry_after, Some(Duration::from_millis(34_500)));
        assert!(error.daily && error.is(&["API_KEY_INVALID"]));
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, millis) in [
            ("1s", 1_000),
            ("120ms", 120),
            ("6m0s", 360_000),
            ("1h12m3.5s", 4_323_500),
            ("2m59.56s", 179_560),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "1x", "-1s", "1s?", "m5"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_body_and_no_duration_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC*") {
            let _ = UpstreamError::read(&bytes);
            let _ = UpstreamError::read(text.as_bytes());
            let _ = duration(&text);
        }
    }
}
