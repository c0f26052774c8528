//! Everything that was measured, by scenario, subject and round; medians of it, and ratios within a round.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::load::{Outcome, quantile};

/// Figures of one round.
pub(crate) type Round = BTreeMap<&'static str, f64>;

#[derive(Default)]
pub(crate) struct Figures {
    rounds: BTreeMap<(String, String), Vec<Round>>,
    /// What went wrong; anything makes the run void.
    pub(crate) errors: Vec<String>,
}

impl Figures {
    pub(crate) fn add(&mut self, scenario: &str, subject: &str, round: Round) {
        self.rounds
            .entry((scenario.to_owned(), subject.to_owned()))
            .or_default()
            .push(round);
    }

    /// Adds what a load showed.
    pub(crate) fn add_outcome(&mut self, scenario: &str, subject: &str, mut outcome: Outcome) {
        if let Some(error) = &outcome.tally.first_error {
            let count = outcome.tally.errors;
            self.errors
                .push(format!("{scenario}, {subject}: {count} errors, the first: {error}"));
        }
        self.add(scenario, subject, round_of(&mut outcome));
    }

    fn of(&self, scenario: &str, subject: &str) -> &[Round] {
        self.rounds
            .get(&(scenario.to_owned(), subject.to_owned()))
            .map_or(&[], Vec::as_slice)
    }

    pub(crate) fn median(&self, scenario: &str, subject: &str, figure: &str) -> Option<f64> {
        median(
            self.of(scenario, subject)
                .iter()
                .filter_map(|round| round.get(figure).copied())
                .collect(),
        )
    }

    /// The share of its core that something else than what was measured took, in the middle one of all loads.
    pub(crate) fn disturbance(&self) -> Option<f64> {
        let rounds = self.rounds.iter().filter(|((_, subject), _)| subject != "direct");
        median(
            rounds
                .flat_map(|(_, rounds)| rounds)
                .filter_map(|round| round.get("others_share").copied())
                .collect(),
        )
    }

    /// The median of the ratios of rounds that followed each other, so that a machine that slows down slows down both.
    pub(crate) fn ratio(&self, figure: &str, of: (&str, &str), to: (&str, &str)) -> Option<f64> {
        let pairs = self.of(of.0, of.1).iter().zip(self.of(to.0, to.1));
        let ratio = |(of, to): (&Round, &Round)| Some(of.get(figure)? / to.get(figure).filter(|value| **value > 0.0)?);
        median(pairs.filter_map(ratio).collect())
    }

    /// The median of the differences within rounds.
    pub(crate) fn added(&self, scenario: &str, figure: &str, subject: &str, to: &str) -> Option<f64> {
        median(self.differences(scenario, figure, subject, to))
    }

    /// The ratio of what two subjects add to a third.
    pub(crate) fn added_ratio(&self, scenario: &str, figure: &str, of: &str, to: &str, base: &str) -> Option<f64> {
        let [of, to] = [of, to].map(|subject| self.differences(scenario, figure, subject, base));
        median(
            of.iter()
                .zip(&to)
                .filter(|(_, to)| **to > 0.0)
                .map(|(of, to)| of / to)
                .collect(),
        )
    }

    fn differences(&self, scenario: &str, figure: &str, subject: &str, base: &str) -> Vec<f64> {
        let pairs = self.of(scenario, subject).iter().zip(self.of(scenario, base));
        pairs
            .filter_map(|(of, to)| Some(of.get(figure)? - to.get(figure)?))
            .collect()
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut scenarios = BTreeMap::<&str, BTreeMap<&str, &Vec<Round>>>::new();
        for ((scenario, subject), rounds) in &self.rounds {
            scenarios.entry(scenario).or_default().insert(subject, rounds);
        }
        json!({"void": !self.errors.is_empty(), "errors": self.errors, "scenarios": scenarios})
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

fn round_of(outcome: &mut Outcome) -> Round {
    let tally = &mut outcome.tally;
    let cpu = outcome.after.cpu.saturating_sub(outcome.before.cpu).as_secs_f64() * 1e6;
    let seconds = outcome.lasted.as_secs_f64();
    let core = outcome.after.core.saturating_sub(outcome.before.core).as_secs_f64();
    let mut round = Round::from([
        ("cpu_share", cpu / 1e6 / seconds),
        ("others_share", (core - cpu / 1e6).max(0.0) / seconds),
        ("answers", tally.answers as f64),
        ("answers_per_second", tally.answers as f64 / seconds),
        ("errors", tally.errors as f64),
        ("pss_mb", outcome.after.pss_kb as f64 / 1024.0),
        ("rss_mb", outcome.after.rss_kb as f64 / 1024.0),
        (
            "grown_pss_mb",
            (outcome.after.pss_kb as f64 - outcome.before.pss_kb as f64) / 1024.0,
        ),
        (
            "grown_rss_mb",
            (outcome.after.rss_kb as f64 - outcome.before.rss_kb as f64) / 1024.0,
        ),
    ]);
    if tally.answers > 0 {
        round.insert("cpu_us_per_answer", cpu / tally.answers as f64);
    }
    if tally.events > 0 {
        round.insert("cpu_us_per_event", cpu / tally.events as f64);
        round.insert("events_per_second", tally.events as f64 / seconds);
        round.insert("events_per_read", tally.events as f64 / tally.reads.max(1) as f64);
    }
    let times = [
        ("p50_us", "p99_us", &mut tally.latencies),
        ("first_event_p50_us", "first_event_p99_us", &mut tally.first_events),
        ("gap_p50_us", "gap_p99_us", &mut tally.gaps),
    ];
    for (half, nearly_all, values) in times {
        for (name, share) in [(half, 0.5), (nearly_all, 0.99)] {
            if let Some(value) = quantile(values, share) {
                round.insert(name, value.as_secs_f64() * 1e6);
            }
        }
    }
    round
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_rounds() {
        let mut figures = Figures::default();
        for (ours, theirs) in [(2.0, 1.0), (40.0, 10.0), (9.0, 3.0)] {
            figures.add("s", "a", Round::from([("x", ours)]));
            figures.add("s", "b", Round::from([("x", theirs)]));
        }
        assert_eq!(figures.ratio("x", ("s", "a"), ("s", "b")), Some(3.0));
        assert_eq!(figures.median("s", "a", "x"), Some(9.0));
        assert_eq!(figures.added("s", "x", "a", "b"), Some(6.0));
    }
}
