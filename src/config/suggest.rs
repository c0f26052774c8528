//! "Did you mean": the known name that is nearest to a mistyped one, or means the same.

/// Names that others have for fields, dialects and providers, and ours. One word may stand for several of ours: what is asked
/// for decides.
const SYNONYMS: [(&str, &str); 31] = [
    ("url", "base_url"),
    ("endpoint", "base_url"),
    ("api_base", "base_url"),
    ("api_key", "api_keys"),
    ("key", "api_keys"),
    ("keys", "api_keys"),
    ("model", "default_model"),
    ("headers", "extra_headers"),
    ("retries", "max_attempts"),
    ("max_retries", "max_attempts"),
    ("model_aliases", "aliases"),
    ("fallback", "fallbacks"),
    ("chat", "openai"),
    ("chat_completions", "openai"),
    ("chat-completions", "openai"),
    ("openai-chat", "openai"),
    ("openai-compatible", "openai"),
    ("openai-completions", "openai"),
    ("openai-responses", "responses"),
    ("openai-responses", "openai"),
    ("openai_responses", "responses"),
    ("claude", "anthropic"),
    ("messages", "anthropic"),
    ("anthropic-messages", "anthropic"),
    ("google", "gemini"),
    ("google-ai", "gemini"),
    ("google-genai", "gemini"),
    ("google-generative-ai", "gemini"),
    ("generatecontent", "gemini"),
    ("gemini-native", "gemini"),
    ("responses", "openai"),
];

/// Returns a hint with the one of `known` that `word` was probably meant to be, else with all of them.
pub(super) fn did_you_mean(word: &str, known: &[&str]) -> String {
    let word = word.to_ascii_lowercase();
    let synonym = SYNONYMS
        .iter()
        .find(|(foreign, own)| *foreign == word && known.contains(own))
        .map(|(_, own)| *own);
    let near = || {
        known
            .iter()
            .copied()
            .map(|name| (distance(&word, name), name))
            .min()
            .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
    };
    match synonym.or_else(|| near().map(|(_, name)| name)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known are: {}", known.join(", ")),
    }
}

/// Returns the Levenshtein distance of two texts, in bytes.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b = b.as_bytes();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let substitution = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_foreign_words_are_understood() {
        let known = ["base_url", "api_keys", "timeout"];
        assert_eq!(did_you_mean("base_ulr", &known), "did you mean `base_url`?");
        assert_eq!(did_you_mean("api_key", &known), "did you mean `api_keys`?");
        assert_eq!(did_you_mean("URL", &known), "did you mean `base_url`?");
        assert_eq!(did_you_mean("colour", &known), "known are: base_url, api_keys, timeout");
    }
}
