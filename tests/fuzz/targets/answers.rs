//! An upstream's answer, checked by `ai_gateway::fuzz::answers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ai_gateway::fuzz::answers(input));
