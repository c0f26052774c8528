//! What an upstream's error body says, whichever of the field's shapes it has: OpenAI's object, Google's (also in an
//! array), a bare code and message, a string, FastAPI's `detail`, a list of errors.

use std::time::Duration;

use serde_json::Value;

use super::fields;
use super::shorten::shortened;
use super::trim::trimmed;

/// A member of requests that some upstreams do not know.
pub const STREAM_OPTIONS: &str = "stream_options";

/// The longest body that is read as it is, in bytes.
pub(super) const PREFIX: usize = 64 * 1024;

/// An error in the words of its upstream.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The text for people.
    pub message: String,
    /// `code` and `type`, `status` and `reason`s: what programs tell errors apart by.
    pub labels: Vec<String>,
    /// A numeric code that is an HTTP error status.
    pub status: Option<u16>,
    /// Google's `RetryInfo`.
    pub retry_after: Option<Duration>,
    /// Google's `QuotaFailure` of a daily quota.
    pub daily: bool,
    /// OpenRouter's moderation: what the request says is not allowed.
    pub flagged: bool,
    /// It is about the request's `stream_options`.
    pub stream_options: bool,
}

impl Refusal {
    /// Reads the error in `body`; nothing if there is none.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        Self::of(&serde_json::from_slice(&shortened(trimmed(body), PREFIX)).ok()?)
    }

    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Array(list) => Self::of(list.first()?),
            Value::String(message) => Some(Self {
                message: message.clone(),
                ..Self::default()
            }),
            Value::Object(outer) => {
                let choices = outer.get("choices").and_then(Value::as_array).into_iter().flatten();
                let in_choice = || {
                    choices
                        .filter_map(|choice| choice.get("error"))
                        .find(|error| !error.is_null())
                };
                let error = match outer.get("error").filter(|error| !error.is_null()).or_else(in_choice) {
                    Some(error) => error,
                    None => match outer.get("errors").and_then(|errors| errors.get(0)) {
                        Some(error) => error,
                        None if outer.contains_key("message")
                            || outer.contains_key("detail")
                            || outer.contains_key("msg") =>
                        {
                            value
                        }
                        None => return None,
                    },
                };
                let mut refusal = Self::default();
                refusal.take(error);
                if error.is_string() {
                    // The text beside the code: {"code": "...", "error": "..."}
                    refusal.label(outer.get("code"));
                }
                Some(refusal)
            }
            _ => None,
        }
    }

    fn take(&mut self, error: &Value) {
        let text = |name: &str| {
            error
                .get(name)
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
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

    /// Whether one of the labels is among `names`.
    #[must_use]
    pub fn is(&self, names: &[&str]) -> bool {
        self.labels.iter().any(|label| names.contains(&label.as_str()))
    }
}

/// A duration as Go writes it, and so Google and OpenAI's rate-limit headers: `1s`, `120ms`, `6m0s`, `1h12m3.5s`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
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
            let refusal = Refusal::read(body.as_bytes()).unwrap();
            (refusal.message, refusal.labels.join(" "), refusal.status)
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
            assert_eq!(Refusal::read(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn what_an_error_is_about_is_told_by_its_fields_before_its_words() {
        let about = |body: &str| Refusal::read(body.as_bytes()).unwrap().stream_options;
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
    fn google_says_how_long_and_which_quota() {
        let body = br#"[{"error":{"code":429,"message":"m","details":[
            {"@type":"x/QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
            {"@type":"x/RetryInfo","retryDelay":"34.5s"},{"reason":"API_KEY_INVALID"}]}}]"#;
        let refusal = Refusal::read(body).unwrap();
        assert_eq!(refusal.retry_after, Some(Duration::from_millis(34_500)));
        assert!(refusal.daily && refusal.is(&["API_KEY_INVALID"]));
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
            let _ = Refusal::read(&bytes);
            let _ = Refusal::read(text.as_bytes());
            let _ = duration(&text);
        }
    }
}
