//! A JSON request, checked by `ai_gateway::fuzz::json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ai_gateway::fuzz::json(input));
