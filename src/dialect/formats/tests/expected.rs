//! What a client has to get of a recorded answer, and what it cannot get in its dialect.

use serde_json::{Value, json};

use super::pair::{ALL, Loss, Pair, folder, lose};
use crate::dialect::neutral::canonical::{Expected, Fixture, fixtures};

/// All that is lost, or becomes something else: of recorded answers, changed in the choices that the upstream's own library sees.
const LOSSES: &[Loss] = &[
    (
        "s08_refusal",
        &["anthropic", "gemini"],
        ALL,
        |choices| choices[0] = refused(),
        "these upstreams say why they do not answer as text, and end in a filter",
    ),
    (
        "s08_refusal",
        &["chat", "responses"],
        &["anthropic", "gemini"],
        |choices| choices[0] = refused(),
        "these clients know no refusal beside the text",
    ),
    (
        "x01_n2_choices_interleaved",
        ALL,
        &["anthropic", "responses"],
        only_first,
        "these clients know one answer only",
    ),
    (
        "x01_two_candidates",
        ALL,
        &["anthropic", "responses"],
        only_first,
        "these clients know one answer only",
    ),
    (
        "x04_custom_tool_call",
        ALL,
        &["anthropic", "gemini"],
        |choices| {
            let given = &mut choices[0]["tool_calls"][0]["arguments"];
            *given = json!({"input": given["_input"]});
        },
        "these clients know no call with free text: it stands in an object",
    ),
];

fn refused() -> Value {
    json!({"text": "I can't help with that.", "reasoning": "", "refusal": null, "tool_calls": [],
        "finish": "content_filter"})
}

fn only_first(choices: &mut Value) {
    choices.as_array_mut().unwrap().truncate(1);
}

/// Returns what the client has to get: the upstream's answer as far as its dialect goes. In a scenario that all dialects have this is
/// what the client's own dialect has for it.
pub(super) fn expected(pair: Pair, fixture: &Fixture) -> Expected {
    let scenario = scenario(fixture);
    let own = format!("{}/{scenario}", folder(pair.to));
    let expected = match fixtures(folder(pair.to)).into_iter().find(|known| known.name == own) {
        Some(known) if scenario.starts_with('s') && scenario != "s08_refusal" => known.expected,
        _ => fixture.expected.clone(),
    };
    match expected {
        Expected::Complete { mut choices, usage, .. } => {
            lose(LOSSES, scenario, pair, &mut choices);
            // Where an upstream says nothing of usage, some dialects want numbers.
            let usage = usage.filter(|usage| !usage.is_null());
            Expected::Complete {
                choices,
                usage,
                signatures: None,
            }
        }
        other => other,
    }
}

pub(super) fn scenario(fixture: &Fixture) -> &str {
    fixture.name.split_once('/').unwrap().1
}

#[test]
fn every_loss_has_its_stream() {
    let names: Vec<String> = ALL
        .iter()
        .flat_map(|dialect| fixtures(dialect))
        .map(|fixture| scenario(&fixture).to_owned())
        .collect();
    for (name, .., why) in LOSSES {
        assert!(names.iter().any(|known| known == name), "{name}");
        assert!(!why.is_empty());
    }
}
