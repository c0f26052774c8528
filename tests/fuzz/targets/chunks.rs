//! A body in chunks, checked by `ai_gateway::fuzz::chunks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ai_gateway::fuzz::chunks(input));
