//! A client's connection, checked by `ai_gateway::fuzz::requests`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ai_gateway::fuzz::requests(input));
