//! How much somebody may use, as the table writes it: `limits`, `budget` and `per_model`.

use super::allowance::{Allowance, Budget, Limits, OnExhausted};
use super::fallbacks::Named;
use super::fields::{Fields, kind};
use super::model_pattern::ModelPattern;
use super::money::Money;
use super::problem::shown;
use super::suggest::did_you_mean;

pub(super) const LIMITS: &str = "limits";
pub(super) const BUDGET: &str = "budget";
pub(super) const PER_MODEL: &str = "per_model";
pub(super) const KEY_LIMITS: &str = "key_limits";

const ON_EXHAUSTED: &str = "on_exhausted";

/// The fields of `limits` and of `key_limits`.
const LIMIT_FIELDS: [&str; 4] = [
    "requests_per_minute",
    "tokens_per_minute",
    "concurrent",
    "requests_per_day",
];

/// The fields of `budget`.
const BUDGET_FIELDS: [&str; 5] = ["day", "month", "total", "tokens_per_day", ON_EXHAUSTED];

/// Reads `limits` and `budget` of an object. `own` is the route that it belongs to, which is not a fallback of its own.
pub(super) fn allowance(fields: &mut Fields<'_, '_>, routes: Named<'_>, own: Option<usize>) -> Allowance {
    Allowance {
        limits: limits(fields, LIMITS),
        budget: budget(fields, routes, own),
    }
}

/// Reads what an object may use of some models.
pub(super) fn per_model(fields: &mut Fields<'_, '_>, routes: Named<'_>, own: usize) -> Vec<(ModelPattern, Allowance)> {
    let mut all = Vec::new();
    for (pattern, value) in fields.members(PER_MODEL, "an object of objects") {
        let name = [PER_MODEL, ".", &shown(&pattern)].concat();
        let allowance = allowance(&mut fields.part(&name, value, &[LIMITS, BUDGET], ""), routes, Some(own));
        all.push((ModelPattern::new(pattern), allowance));
    }
    all
}

/// Reads the limits in the field `name`.
pub(super) fn limits(fields: &mut Fields<'_, '_>, name: &str) -> Limits {
    let Some(value) = fields.raw(name) else {
        return Limits::default();
    };
    let mut fields = fields.part(name, value, &LIMIT_FIELDS, "");
    let [requests_per_minute, tokens_per_minute, concurrent, requests_per_day] =
        LIMIT_FIELDS.map(|name| amount(&mut fields, name));
    Limits {
        requests_per_minute,
        tokens_per_minute,
        concurrent,
        requests_per_day,
    }
}

fn budget(fields: &mut Fields<'_, '_>, routes: Named<'_>, own: Option<usize>) -> Budget {
    let Some(value) = fields.raw(BUDGET) else {
        return Budget::default();
    };
    let mut fields = fields.part(BUDGET, value, &BUDGET_FIELDS, "");
    let [day, month, total] = ["day", "month", "total"].map(|name| money(&mut fields, name));
    Budget {
        day,
        month,
        total,
        tokens_per_day: amount(&mut fields, "tokens_per_day"),
        on_exhausted: on_exhausted(&mut fields, routes, own),
    }
}

/// Reads a whole number, or one of thousands or millions, as in `"200k"`.
fn amount(fields: &mut Fields<'_, '_>, name: &str) -> Option<u64> {
    let value = fields.raw(name)?;
    let number = whole(value.get().trim_matches('"'));
    if number.is_none() {
        let message = match kind(value).as_str() {
            "a number" | "a string" => "expected a whole number".to_owned(),
            other => format!("expected a whole number, found {other}"),
        };
        fields.problem(Some(name), message, "write 200000, \"200k\" or \"2M\"");
    }
    number
}

/// Returns the number that digits are, with `k` or `M` behind them or without.
fn whole(text: &str) -> Option<u64> {
    let (digits, factor) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1_000),
        b'm' | b'M' => (&text[..text.len() - 1], 1_000_000),
        _ => (text, 1),
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| is_number)?;
    number.checked_mul(factor)
}

/// Reads an amount of money.
fn money(fields: &mut Fields<'_, '_>, name: &str) -> Option<Money> {
    const WRITE: &str = "write it in quotes, as in \"1.00\": programs round numbers that are not";
    let text: String = fields.value(name, "an amount of money in quotes", WRITE)?;
    let money = Money::parse(text.trim()).filter(|money| *money >= Money::ZERO);
    if money.is_none() {
        let hint =
            "write digits with a point, as in \"1.00\": without a currency, and with at most nine behind the point";
        fields.problem(Some(name), "expected an amount of money", hint);
    }
    money
}

/// Reads what happens when a budget is used up.
fn on_exhausted(fields: &mut Fields<'_, '_>, routes: Named<'_>, own: Option<usize>) -> OnExhausted {
    let Some(text) = fields.string(ON_EXHAUSTED) else {
        return OnExhausted::Refuse;
    };
    let (message, hint) = match text.split_once(':') {
        Some(("fallback", name)) => match routes.index_of(name.trim()) {
            Ok(index) if Some(index) != own => return OnExhausted::Fallback(index),
            Ok(_) => ("that is its own route".to_owned(), "name a cheaper one".to_owned()),
            Err(problem) => problem,
        },
        _ => match text.as_str() {
            "refuse" => return OnExhausted::Refuse,
            "cut" => return OnExhausted::Cut,
            "warn" => return OnExhausted::Warn,
            _ => (
                format!(
                    "expected what happens when the budget is used up, found `{}`",
                    shown(&text)
                ),
                did_you_mean(&text, &["refuse", "cut", "warn", "fallback:<route>"]),
            ),
        },
    };
    fields.problem(Some(ON_EXHAUSTED), message, &hint);
    OnExhausted::Refuse
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::config::problem::Problems;

    /// Reads the allowance of a token of the route `own`, and what it may use of some models.
    fn read(text: &str) -> (Allowance, Vec<(ModelPattern, Allowance)>, String) {
        let routes = [r#"{"name":"own"}"#, r#"{}"#, r#"{"name":"cheap"}"#]
            .map(|route| RawValue::from_string(route.into()).unwrap());
        let routes: Vec<&RawValue> = routes.iter().map(AsRef::as_ref).collect();
        let mut problems = Problems::default();
        let whole: &RawValue = serde_json::from_str(text).unwrap();
        let known = [LIMITS, BUDGET, PER_MODEL];
        let mut fields = Fields::read(text, "T".into(), whole, &known, "", &mut problems);
        let allowance = allowance(&mut fields, Named(&routes), Some(0));
        let per_model = per_model(&mut fields, Named(&routes), 0);
        (allowance, per_model, problems.to_string())
    }

    fn report(text: &str) -> String {
        let report = read(text).2;
        assert!(
            report.starts_with("the configuration has 1 problem\n"),
            "{text}: {report}"
        );
        report
    }

    #[test]
    fn limits_and_budgets_are_read_to_the_last_field() {
        let (allowance, per_model, report) = read(
            r#"{"limits":{"requests_per_minute":60,"tokens_per_minute":"200k","concurrent":4,"requests_per_day":"2000"},
            "budget":{"day":"1.00","month":"10","total":"0","tokens_per_day":"2M","on_exhausted":"fallback: cheap"},
            "per_model":{"*opus*":{"budget":{"day":"0.50"}},"gpt-*":{"limits":{"concurrent":0}}}}"#,
        );
        let limits = Limits {
            requests_per_minute: Some(60),
            tokens_per_minute: Some(200_000),
            concurrent: Some(4),
            requests_per_day: Some(2_000),
        };
        let budget = Budget {
            day: Money::parse("1"),
            month: Money::parse("10"),
            total: Some(Money::ZERO),
            tokens_per_day: Some(2_000_000),
            on_exhausted: OnExhausted::Fallback(2),
        };
        assert_eq!(allowance, Allowance { limits, budget });
        assert_eq!(report, Problems::default().to_string());
        let (opus, gpt) = (&per_model[0], &per_model[1]);
        assert!(opus.0.matches("claude-opus-4") && opus.1.limits == Limits::default());
        assert_eq!(
            (opus.1.budget.day, gpt.1.limits.concurrent),
            (Money::parse("0.5"), Some(0))
        );
    }

    #[test]
    fn what_happens_at_the_end_of_a_budget_is_one_of_four_words() {
        let read = |word: &str| {
            read(&format!(r#"{{"budget":{{"on_exhausted":"{word}"}}}}"#))
                .0
                .budget
                .on_exhausted
        };
        assert_eq!(
            ["refuse", "cut", "warn", "fallback:route-2"].map(read),
            [
                OnExhausted::Refuse,
                OnExhausted::Cut,
                OnExhausted::Warn,
                OnExhausted::Fallback(1)
            ]
        );
        let report = |word: &str| report(&format!(r#"{{"budget":{{"on_exhausted":"{word}"}}}}"#));
        assert!(report("warm").contains("T.budget.on_exhausted (line 1, column 27)"));
        assert!(report("warm").contains("did you mean `warn`?"));
        assert!(report("fallback").contains("known are: refuse, cut, warn, fallback:<route>"));
        assert!(report("fallback:chaep").contains("did you mean `cheap`?"));
        assert!(report("fallback:own").contains("its own route"));
    }

    #[test]
    fn an_amount_that_cannot_be_meant_is_a_problem() {
        for number in [
            "-1",
            "1.5",
            "1e3",
            "\"200 k\"",
            "\"k\"",
            "\"+5\"",
            "\"\"",
            "18446744073709551615000",
            "\"99999999999999999999M\"",
            "true",
            "[1]",
        ] {
            let report = report(&format!(r#"{{"limits":{{"concurrent":{number}}}}}"#));
            assert!(
                report.contains("T.limits.concurrent") && report.contains("expected a whole number"),
                "{report}"
            );
        }
        let money = |amount: &str| report(&format!(r#"{{"per_model":{{"a*":{{"budget":{{"day":{amount}}}}}}}}}"#));
        assert!(money("1.5").contains(
            "T.per_model.a*.budget.day (line 1, column 37): expected an amount of money in quotes, found a number"
        ));
        assert!(money("1.5").contains("write it in quotes"));
        for amount in ["\"-1\"", "\"$1\"", "\"1,50\"", "\"\"", "\"1 USD\""] {
            assert!(money(amount).contains("expected an amount of money\n"), "{amount}");
        }
        assert!(report(r#"{"budget":{"week":"1"}}"#).contains("unknown field"));
        assert!(report(r#"{"budget":{"months":"1"}}"#).contains("did you mean `month`?"));
        assert!(report(r#"{"limits":{"budget":{}}}"#).contains("T.limits.budget"));
        assert!(report(r#"{"limits":5}"#).contains("expected an object, found a number"));
        assert!(report(r#"{"per_model":{"a":{},"a":{}}}"#).contains("T.per_model.a"));
        assert!(report(r#"{"per_model":["a"]}"#).contains("expected an object of objects, found an array of strings"));
    }
}
