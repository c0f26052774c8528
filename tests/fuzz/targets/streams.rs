//! An event stream, checked by `ai_gateway::fuzz::streams`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ai_gateway::fuzz::streams(input));
