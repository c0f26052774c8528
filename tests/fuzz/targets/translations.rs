//! What is translated, checked by `ai_gateway::fuzz::translations`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ai_gateway::fuzz::translations(input));
