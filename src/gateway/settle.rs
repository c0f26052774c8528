//! The one end of a record: every request that came is settled once, on both runtimes, when its answer's last byte has gone
//! out or its client has left.
//!
//! What comes of it today is the line of the log; whatever counts what was used belongs here as well.

use serde::Serialize;

use super::held::Held;
use super::record::Record;
use crate::platform::{Millis, Moment};
use crate::policy::accounts::{Now, Used};
use crate::policy::price::Money;

/// How an answer went out, as far as the shell knows.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// Of the body, in bytes.
    pub bytes: u64,
    /// When the first of them went.
    pub first_byte: Option<Millis>,
    /// When the last of them had gone, or the client had left.
    pub end: Millis,
    /// When that was by the clock that only goes forward.
    pub moment: Moment,
    /// The whole body went out.
    pub complete: bool,
}

/// What the log says of a request.
#[derive(Debug, Serialize)]
pub struct Settled<'a> {
    /// What the gateway knows.
    #[serde(flatten)]
    pub record: &'a Record,
    /// How its answer went out; nothing where the runtime does not say.
    #[serde(flatten)]
    pub delivered: Option<Delivered>,
}

/// The fields of a line that tell how an answer went out. Milliseconds count from when the request came.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Delivered {
    /// Of the body, in bytes.
    pub bytes: u64,
    /// Until the first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<u64>,
    /// Until the last of them had gone, or the client had left.
    pub total_ms: u64,
    /// The whole body went out.
    pub complete: bool,
}

/// Settles a record. `delivery` is what the shell knows of the answer's way out.
pub fn settle(record: &mut Record, delivery: Option<Delivery>) -> Settled<'_> {
    if record.status == 0 {
        record.status = Record::CLIENT_LEFT;
    }
    record.cost = cost_of(record);
    // Who does not say when it ended drops what is held, which counts as estimated.
    if let (Some(held), Some(delivery)) = (record.held.take(), delivery) {
        let now = Now {
            wall: delivery.end,
            moment: delivery.moment,
        };
        end(held, now, record);
    }
    let start = record.start;
    let since_start = |end: Millis| u64::try_from(start.until(end).as_millis()).unwrap_or(u64::MAX);
    let delivered = delivery.map(|delivery| Delivered {
        bytes: delivery.bytes,
        first_byte_ms: delivery.first_byte.map(since_start),
        total_ms: since_start(delivery.end),
        complete: delivery.complete,
    });
    Settled { record, delivered }
}

/// Ends what a request held of the limits of its account.
fn end(held: Box<dyn Held>, now: Now, record: &Record) {
    let attempt = u32::try_from(record.attempts).unwrap_or(u32::MAX);
    let has_failed = record.status >= 400 && record.status != Record::CLIENT_LEFT;
    match &record.usage {
        _ if record.attempts == 0 => held.cancel(now),
        Some(usage) if !record.partial => held.count(now, attempt, usage, record.cost),
        None if has_failed => held.end(now, attempt, Used::Nothing),
        _ => held.end(now, attempt, Used::Unknown),
    }
}

/// Returns what a request cost, where that is known. A stored answer that is read again names no model, and costs nothing again.
fn cost_of(record: &Record) -> Option<Money> {
    let (usage, provider, model) = (record.usage?, record.provider.as_ref()?, record.model.as_ref()?);
    record.pricing.cost(provider, model, &usage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::usage::Usage;

    #[test]
    fn a_request_without_an_answer_is_one_whose_client_left() {
        let mut record = Record::new(Millis(1_000), "1".into());
        let settled = settle(&mut record, None);
        assert_eq!(settled.record.status, Record::CLIENT_LEFT);
        let line = serde_json::to_value(&settled).unwrap();
        assert!(line.get("bytes").is_none() && line["status"] == 499, "{line}");
    }

    #[test]
    fn milliseconds_count_from_when_the_request_came() {
        let mut record = Record::new(Millis(1_000), "1".into());
        record.status = 200;
        let delivery = Delivery {
            bytes: 5,
            first_byte: Some(Millis(1_250)),
            end: Millis(3_000),
            moment: Moment(3_000),
            complete: true,
        };
        let settled = settle(&mut record, Some(delivery));
        let line = serde_json::to_value(&settled).unwrap();
        assert_eq!(
            (&line["first_byte_ms"], &line["total_ms"]),
            (&250.into(), &2_000.into())
        );
        assert_eq!((&line["bytes"], &line["status"]), (&5.into(), &200.into()));
    }

    #[test]
    fn a_request_with_tokens_has_a_cost_where_the_price_is_known() {
        let usage = Usage {
            prompt_tokens: Some(1_000),
            completion_tokens: Some(100),
            ..Usage::default()
        };
        let own = Usage {
            own_cost: Some(70_000),
            ..usage
        };
        for (provider, model, usage, cost) in [
            ("openai", Some("gpt-4o-mini"), Some(usage), Some("0.00021")),
            ("openai", Some("gpt-4o-mini"), None, None),
            ("openai", Some("no-such-model"), Some(usage), None),
            ("openai", None, Some(usage), None),
            ("custom", Some("gpt-4o-mini"), Some(usage), None),
            ("custom", Some("gpt-4o-mini"), Some(own), Some("0.00007")),
        ] {
            let mut record = Record::new(Millis(1_000), "1".into());
            record.provider = Some(provider.to_owned());
            record.model = model.map(str::to_owned);
            record.usage = usage;
            let line = serde_json::to_value(settle(&mut record, None)).unwrap();
            assert_eq!(line.get("cost").and_then(serde_json::Value::as_str), cost, "{line}");
        }
    }
}
