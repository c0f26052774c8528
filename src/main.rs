//! The `ai-gateway` binary. On wasm it is empty: there the library is the program.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    ai_gateway::native::run()
}

#[cfg(target_arch = "wasm32")]
fn main() {}
