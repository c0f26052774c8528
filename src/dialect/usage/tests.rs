use serde_json::json;

use super::*;

#[test]
fn what_was_cached_is_read_in_every_shape_and_stands_in_the_log() {
    for (usage, cached) in [
        (
            json!({"prompt_tokens": 8, "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0}}),
            Some(4),
        ),
        (
            json!({"input_tokens": 8, "input_tokens_details": {"cached_tokens": 6.0}}),
            Some(6),
        ),
        (json!({"prompt_tokens": 8, "prompt_cache_hit_tokens": 2}), Some(2)),
        (json!({"input_tokens": 2, "cache_read_input_tokens": 6}), Some(6)),
        (json!({"prompt_tokens": 8, "prompt_tokens_details": null}), None),
        (
            json!({"prompt_tokens": 8, "prompt_tokens_details": [{"cached_tokens": 1}]}),
            None,
        ),
        (json!({"prompt_tokens": 8, "prompt_tokens_details": "x"}), None),
        (json!({"prompt_tokens": 8}), None),
    ] {
        let read = Usage::read(&usage.to_string()).unwrap();
        assert_eq!((read.prompt_tokens, read.cached_tokens), (Some(8), cached), "{usage}");
    }
    let usage = Usage {
        prompt_tokens: Some(8),
        completion_tokens: Some(1),
        cached_tokens: Some(6),
        cache_write_tokens: Some(0),
        ..Usage::default()
    };
    let mut line = json!({"prompt_tokens": 8, "completion_tokens": 1, "cached_tokens": 6, "cached_percent": 75});
    assert_eq!(serde_json::to_value(usage).unwrap(), line);
    line["reasoning_tokens"] = 1.into();
    let thought = Usage {
        reasoning_tokens: Some(1),
        ..usage
    };
    assert_eq!(serde_json::to_value(thought).unwrap(), line);
    let nothing = json!({"prompt_tokens": 0, "completion_tokens": 0});
    assert_eq!(serde_json::to_value(Usage::default()).unwrap(), nothing);
}

#[test]
fn everything_that_has_a_price_of_its_own_is_read() {
    let some = |prompt, completion| Usage {
        prompt_tokens: Some(prompt),
        completion_tokens: Some(completion),
        ..Usage::default()
    };
    for (usage, expected) in [
        (
            json!({"prompt_tokens": 90, "completion_tokens": 20,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 5, "audio_tokens": 6, "image_tokens": 7},
                "completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 9}}),
            Usage {
                cached_tokens: Some(4),
                cache_write_tokens: Some(5),
                audio_prompt_tokens: Some(6),
                image_prompt_tokens: Some(7),
                reasoning_tokens: Some(8),
                audio_completion_tokens: Some(9),
                ..some(90, 20)
            },
        ),
        (
            json!({"input_tokens": 50, "output_tokens": 20, "total_tokens": 70,
                "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
                "output_tokens_details": {"image_tokens": 20, "text_tokens": 0}}),
            Usage {
                image_prompt_tokens: Some(40),
                image_completion_tokens: Some(20),
                ..some(50, 20)
            },
        ),
        (
            json!({"type": "tokens", "input_tokens": 14, "input_token_details": {"text_tokens": 0, "audio_tokens": 14}, "output_tokens": 3}),
            Usage {
                audio_prompt_tokens: Some(14),
                ..some(14, 3)
            },
        ),
        (
            json!({"type": "duration", "seconds": 12.5}),
            Usage {
                audio_ms: Some(12_500),
                ..Usage::default()
            },
        ),
        (
            json!({"input_tokens": 1, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 7, "output_tokens": 0,
                "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
                "output_tokens_details": {"thinking_tokens": 0}}),
            Usage {
                cached_tokens: Some(2),
                cache_write_tokens: Some(7),
                cache_write_hour_tokens: Some(4),
                reasoning_tokens: Some(0),
                ..some(10, 0)
            },
        ),
        // xAI's completion is without what was thought, as its total shows.
        (
            json!({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 15, "completion_tokens_details": {"reasoning_tokens": 5}}),
            Usage {
                reasoning_tokens: Some(5),
                ..some(7, 8)
            },
        ),
        (json!({"prompt_tokens": 0, "completion_tokens": 0}), some(0, 0)),
        (
            json!({"prompt_tokens": 5, "prompt_tokens_details": {"audio_tokens": "x"}}),
            Usage {
                completion_tokens: None,
                ..some(5, 0)
            },
        ),
        (json!({}), Usage::default()),
    ] {
        assert_eq!(Usage::read(&usage.to_string()), Some(expected), "{usage}");
    }
    assert_eq!(Usage::read(r#"{"prompt_tokens": "x"}"#), None);
}

#[test]
fn gemini_counts_sound_and_images_by_themselves() {
    let usage = json!({"promptTokenCount": 20, "candidatesTokenCount": 5, "thoughtsTokenCount": 2,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 4}, {"modality": "AUDIO", "tokenCount": 10}, {"modality": "IMAGE", "tokenCount": 6}],
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}]});
    let expected = Usage {
        prompt_tokens: Some(20),
        completion_tokens: Some(7),
        reasoning_tokens: Some(2),
        audio_prompt_tokens: Some(10),
        image_prompt_tokens: Some(6),
        audio_completion_tokens: Some(5),
        ..Usage::default()
    };
    assert_eq!(of_gemini(&usage.to_string()), Some(expected));
    assert_eq!(of_gemini("{}"), Some(Usage::default()));
}

#[test]
fn what_the_provider_says_that_it_cost_is_read_in_billionths() {
    for (usage, cost) in [
        (r#"{"cost": 0.00014}"#, Some(140_000)),
        (
            r#"{"cost": 1.4e-05, "is_byok": false, "cost_details": {"upstream_inference_cost": 1}}"#,
            Some(14_000),
        ),
        (
            r#"{"cost": 0.01, "is_byok": true, "cost_details": {"upstream_inference_cost": 0.2}}"#,
            Some(210_000_000),
        ),
        (
            r#"{"cost": 0, "is_byok": true, "cost_details": {"upstream_inference_cost": null}}"#,
            Some(0),
        ),
        (r#"{"cost_in_usd_ticks": 37756000}"#, Some(3_775_600)),
        (r#"{"cost_in_usd_ticks": 5}"#, Some(1)),
        (r#"{"cost": {"total_cost": 1}}"#, None),
        (r#"{"cost": -1}"#, None),
        (r#"{"cost": null}"#, None),
        (r#"{"cost": "1"}"#, None),
        ("{}", None),
    ] {
        assert_eq!(Usage::read(usage).unwrap().own_cost, cost, "{usage}");
    }
}

#[test]
fn another_reading_adds_what_is_missing_and_changes_nothing() {
    let one = Usage {
        prompt_tokens: Some(0),
        ..Usage::default()
    };
    let other = Usage {
        prompt_tokens: Some(5),
        own_cost: Some(7),
        ..Usage::default()
    };
    let both = Usage {
        own_cost: Some(7),
        ..one
    };
    assert_eq!((one.or(Some(other)), one.or(None)), (both, one));
}
