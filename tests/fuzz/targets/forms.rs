//! A form, checked by `ai_gateway::fuzz::forms`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ai_gateway::fuzz::forms(input));
