//! Prices of models that the operator sets: in the field `prices` of a table or a route, or in `GATEWAY_PRICES`.

use serde_json::value::RawValue;

use super::fields::Fields;
use super::model_pattern::ModelPattern;
use super::price::{Price, Rate, millionths};
use super::problem::shown;
use super::syntax;
use super::variables::{self, Reading};

/// The field of a table and of a route.
pub(super) const PRICES: &str = "prices";

const EXAMPLE: &str = "prices look like {\"gpt-4o-mini\": {\"input\": \"0.15\", \"output\": \"0.60\"}}";

/// Prices by names of models, in which `*` stands for any characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices(Vec<(ModelPattern, Price)>);

impl Prices {
    /// Returns the price of a model: that of its name, else the first whose pattern fits.
    #[must_use]
    pub fn of(&self, model: &str) -> Option<&Price> {
        let named = self.0.iter().find(|(pattern, _)| pattern.exact() == Some(model));
        let row = named.or_else(|| self.0.iter().find(|(pattern, _)| pattern.matches(model)));
        row.map(|(_, price)| price)
    }

    /// Adds prices, which count where these have none.
    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }
}

/// Reads the field `prices`.
pub(super) fn of_field(fields: &mut Fields<'_, '_>) -> Prices {
    let Some(value) = fields.raw(PRICES) else {
        return Prices::default();
    };
    of_object(&mut fields.part(PRICES, value, &[], EXAMPLE))
}

/// Reads `GATEWAY_PRICES`, into which the native shell has put what is in the file.
pub(super) fn of_variable(reading: &mut Reading<'_>) -> Prices {
    let path = reading.get(variables::PRICES_FILE);
    let Some(text) = reading.variables.text(variables::PRICES) else {
        return Prices::default();
    };
    let origin = path.unwrap_or(variables::PRICES);
    match syntax::json(origin, text, EXAMPLE) {
        Ok(whole) => of_object(&mut Fields::read(
            text,
            origin.to_owned(),
            whole,
            &[],
            EXAMPLE,
            &mut reading.problems,
        )),
        Err(problem) => {
            reading.problems.push(problem);
            Prices::default()
        }
    }
}

fn of_object(fields: &mut Fields<'_, '_>) -> Prices {
    let mut prices = Vec::new();
    for (name, value) in fields.all() {
        let place = shown(&name);
        if name.trim().is_empty() {
            fields.problem(None, "the name of a model is empty", "take it out");
        }
        let price = price(fields, &place, value);
        prices.push((ModelPattern::new(name.trim().to_owned()), price));
    }
    Prices(prices)
}

/// Reads the price of one model.
fn price<'a>(fields: &mut Fields<'a, '_>, place: &str, value: &'a RawValue) -> Price {
    const WRITE: &str = "write it in quotes, as in \"0.15\": programs round numbers that are not";
    let known = fields.problem_count();
    let mut fields = fields.part(place, value, &Rate::ALL.map(|(_, name)| name), EXAMPLE);
    let mut price = Price::default();
    for (rate, name) in Rate::ALL {
        let Some(text) = fields.value::<String>(name, "a price in quotes", WRITE) else {
            continue;
        };
        // Those of tokens are for a million, the others for one.
        let factor = match rate {
            Rate::Request | Rate::Second => 1_000_000,
            _ => 1,
        };
        match millionths(text.trim()).and_then(|price| price.checked_mul(factor)) {
            Some(value) => price.base.set(rate, value),
            None => fields.problem(
                Some(name),
                "expected a price",
                "write digits with a point, as in \"0.15\": without a currency, and with at most six behind the point",
            ),
        }
    }
    if price.base.is_empty() && fields.problem_count() == known {
        fields.problem(None, "there is no price in it", EXAMPLE);
    }
    price
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::problem::Problems;

    fn read(text: &str) -> (Prices, String) {
        let mut problems = Problems::default();
        let whole: &RawValue = serde_json::from_str(text).unwrap();
        let prices = of_object(&mut Fields::read(text, "P".into(), whole, &[], EXAMPLE, &mut problems));
        (prices, problems.to_string())
    }

    #[test]
    fn prices_are_read_to_the_last_digit() {
        let (prices, report) = read(
            r#"{"gpt-4o-mini": {"input": "0.15", "output": "0.60", "cache_read": "0.075", "cache_write": "0.1875", "cache_write_1h": "0.30", "request": "0.01"},
                "local/*": {"input": "0", "output": "0"}, "*": {"input": "0.000001", "output": "100"}, "whisper-1": {"second": "0.0001"}}"#,
        );
        assert_eq!(report, Problems::default().to_string());
        let rate = |model: &str, rate| prices.of(model).and_then(|price| price.base.own(rate));
        for (model, of, value) in [
            ("gpt-4o-mini", Rate::Input, Some(150_000)),
            ("gpt-4o-mini", Rate::Output, Some(600_000)),
            ("gpt-4o-mini", Rate::CacheRead, Some(75_000)),
            ("gpt-4o-mini", Rate::CacheWrite, Some(187_500)),
            ("gpt-4o-mini", Rate::CacheWriteHour, Some(300_000)),
            ("gpt-4o-mini", Rate::Request, Some(10_000_000_000)),
            ("gpt-4o-mini", Rate::Reasoning, None),
            ("local/llama", Rate::Input, Some(0)),
            ("other", Rate::Input, Some(1)),
            ("whisper-1", Rate::Second, Some(100_000_000)),
        ] {
            assert_eq!(rate(model, of), value, "{model} {of:?}");
        }
    }

    #[test]
    fn a_name_comes_before_patterns_and_the_first_pattern_counts() {
        let (mut prices, _) = read(r#"{"*": {"input": "1"}, "gpt-*": {"input": "2"}, "gpt-5": {"input": "3"}}"#);
        let (more, _) = read(r#"{"gpt-6": {"input": "4"}, "gpt-5": {"input": "5"}}"#);
        prices.extend(more);
        let input = |model: &str| prices.of(model).and_then(|price| price.base.own(Rate::Input)).unwrap() / 1_000_000;
        assert_eq!(["gpt-4", "gpt-5", "gpt-6", ""].map(input), [1, 3, 4, 1]);
        assert_eq!(Prices::default().of("gpt-5"), None);
    }

    #[test]
    fn a_price_that_cannot_be_meant_is_a_problem() {
        for (text, place, problem) in [
            (
                r#"{"m": {"input": 0.15}}"#,
                "P.m.input",
                "a price in quotes, found a number",
            ),
            (r#"{"m": {"input": "0,15"}}"#, "P.m.input", "expected a price"),
            (r#"{"m": {"input": "-1"}}"#, "P.m.input", "expected a price"),
            (r#"{"m": {"input": "$1"}}"#, "P.m.input", "expected a price"),
            (r#"{"m": {"input": "0.0000001"}}"#, "P.m.input", "six behind the point"),
            (r#"{"m": {"request": "1000000000"}}"#, "P.m.request", "expected a price"),
            (r#"{"m": {"inptu": "1"}}"#, "P.m.inptu", "did you mean `input`?"),
            (r#"{"m": {}}"#, "P.m", "there is no price in it"),
            (r#"{"m": "1"}"#, "P.m", "expected an object, found a string"),
            (r#"{"m": {"input": "1"}, "m": {"input": "2"}}"#, "P.m", "stands twice"),
            (r#"{" ": {"input": "1"}}"#, "P", "the name of a model is empty"),
            (r#"["m"]"#, "P", "expected an object"),
        ] {
            let (_, report) = read(text);
            assert!(
                report.starts_with("the configuration has 1 problem\n"),
                "{text}: {report}"
            );
            assert!(
                report.contains(&format!("  {place} (")) && report.contains(problem),
                "{text}: {report}"
            );
        }
    }
}
