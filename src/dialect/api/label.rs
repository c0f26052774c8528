//! The names of endpoints in the log and in metrics: few and fixed, whatever clients write into a path.

/// Paths, as they stand behind `/v1/`, and their names. A path that is not listed has the name of the longest listed one
/// above it (OpenAI API reference, openai-openapi 2.3.0; Anthropic's messages; the usual way to rank texts).
const LABELS: [(&str, &str); 46] = [
    ("agents", "agents"),
    ("assistants", "assistants"),
    ("audio", "audio"),
    ("audio/speech", "audio_speech"),
    ("audio/transcriptions", "audio_transcriptions"),
    ("audio/translations", "audio_translations"),
    ("batches", "batches"),
    ("chat/completions", "chat_completions"),
    ("chatkit", "chatkit"),
    ("completions", "completions"),
    ("containers", "containers"),
    ("content_provenance_checks", "content_provenance_checks"),
    ("conversations", "conversations"),
    ("decisions", "decisions"),
    ("deployments", "deployments"),
    ("embeddings", "embeddings"),
    ("engines", "engines"),
    ("evals", "evals"),
    ("files", "files"),
    ("fine_tuning", "fine_tuning"),
    ("images", "images"),
    ("images/edits", "images_edits"),
    ("images/generations", "images_generations"),
    ("images/variations", "images_variations"),
    ("live", "live"),
    ("messages", "messages"),
    ("messages/count_tokens", "messages_count_tokens"),
    ("models", "model"),
    ("moderations", "moderations"),
    ("organization", "organization"),
    ("projects", "projects"),
    ("realtime", "realtime"),
    ("rerank", "rerank"),
    ("responses", "responses"),
    ("responses/compact", "responses_compact"),
    ("responses/input_tokens", "responses_input_tokens"),
    ("safety", "safety"),
    ("skills", "skills"),
    ("threads", "threads"),
    ("uploads", "uploads"),
    ("vaults", "vaults"),
    ("vector_stores", "vector_stores"),
    ("videos", "videos"),
    ("webhook_endpoints", "webhooks"),
    ("webhook_event_types", "webhooks"),
    ("webhooks", "webhooks"),
];

/// The name of every path that no row covers.
const OTHER: &str = "other";

/// Returns the name of the endpoint at `path`, which stands behind `/v1/`.
#[must_use]
pub fn label(path: &str) -> &'static str {
    let mut part = path;
    loop {
        if let Some((_, label)) = LABELS.iter().find(|(known, _)| *known == part) {
            return label;
        }
        match part.rsplit_once('/') {
            Some((above, _)) => part = above,
            None => return OTHER,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_endpoint_of_the_api_has_a_name_of_its_own_family() {
        let rows = include_str!("../../../tests/fixtures/openai-paths.tsv");
        for row in rows.lines() {
            let path = row.split('\t').nth(1).unwrap().trim_start_matches("/v1/");
            let family = path.split('/').next().unwrap().trim_end_matches('s');
            let family = family.split('_').next().unwrap();
            assert!(label(path).starts_with(family), "{path}: {}", label(path));
        }
    }

    #[test]
    fn names_are_few_and_say_nothing_of_what_a_client_wrote() {
        for (path, name) in [
            ("responses/resp_1/cancel", "responses"),
            ("responses/compact", "responses_compact"),
            ("chat/completions/chatcmpl-1", "chat_completions"),
            ("chat", OTHER),
            ("next_years_things/1", OTHER),
            ("", OTHER),
        ] {
            assert_eq!(label(path), name, "{path}");
        }
        let names: HashSet<&str> = LABELS.iter().map(|(_, label)| *label).collect();
        // With those of the gateway's own endpoints at most 60.
        assert!(names.len() <= 50, "{}", names.len());
    }
}
