//! The coding agents themselves, as npm has them: each in an empty home, with a folder to work in, and with the settings of
//! `docs/agents.md`.

#![expect(clippy::disallowed_types, reason = "a program that hangs is ended by a native clock")]

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

/// How long a program may take before it counts as one that hangs. No test depends on how long it does take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The model that they ask for.
pub(super) const MODEL: &str = "m";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agent {
    ClaudeCode,
    Codex,
    GeminiCli,
    OpenCode,
}

pub(super) const AGENTS: [Agent; 4] = [Agent::ClaudeCode, Agent::Codex, Agent::GeminiCli, Agent::OpenCode];

impl Agent {
    const fn command(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude",
            Self::Codex => "codex",
            Self::GeminiCli => "gemini",
            Self::OpenCode => "opencode",
        }
    }
}

/// What Codex takes the gateway for.
#[derive(Clone, Copy)]
pub(super) enum Provider {
    /// One of this name, which the settings describe. It treats one called `OpenAI` as the real one.
    Named(&'static str),
    /// The one that it has by itself, which it asks over a WebSocket.
    BuiltIn,
}

/// A home for an agent and a folder in which it works. A conversation can go on in it.
pub(super) struct Desk {
    agent: Agent,
    program: PathBuf,
    folder: TempDir,
    pub(super) provider: Provider,
    /// Further lines of Codex's settings, before any table.
    pub(super) settings: String,
    /// Further variables of its environment.
    pub(super) variables: Vec<(&'static str, &'static str)>,
}

/// What a program did.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) has_succeeded: bool,
    /// Everything that it wrote.
    pub(super) said: String,
}

impl Desk {
    /// A new home; nothing where the program is not installed.
    pub(super) fn of(agent: Agent) -> Option<Self> {
        let folder = env::var_os("AGENTS_DIR").map(PathBuf::from);
        let program = folder.map(|folder| folder.join("node_modules/.bin").join(agent.command()));
        let Some(program) = program.filter(|program| program.exists()) else {
            let _ = writeln!(io::stderr(), "SKIPPED: {} is not installed", agent.command());
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        for name in ["home", "work"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Some(Self {
            agent,
            program,
            folder,
            provider: Provider::Named("gateway"),
            settings: String::new(),
            variables: Vec::new(),
        })
    }

    /// Where it works.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Asks it for something, and waits until it is done. The gateway has this address, a host and a port.
    pub(super) fn ask(&self, gateway: &str, token: &str, prompt: &str) -> Finished {
        self.run(gateway, token, prompt, false)
    }

    /// Goes on with the last conversation.
    pub(super) fn ask_again(&self, gateway: &str, token: &str, prompt: &str) -> Finished {
        self.run(gateway, token, prompt, true)
    }

    fn run(&self, gateway: &str, token: &str, prompt: &str, goes_on: bool) -> Finished {
        let address = format!("http://{gateway}");
        let mut command = Command::new(&self.program);
        command.env_clear().env("HOME", self.home()).env("PATH", path());
        match self.agent {
            Agent::ClaudeCode => claude_code(&mut command, &address, token, goes_on),
            Agent::Codex => self.codex(&mut command, &address, token, goes_on),
            Agent::GeminiCli => self.gemini_cli(&mut command, &address, token),
            Agent::OpenCode => self.opencode(&mut command, &address, token, goes_on),
        }
        command.arg(prompt).envs(self.variables.iter().copied());
        self.finish(&mut command)
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn codex(&self, command: &mut Command, address: &str, token: &str, goes_on: bool) {
        let (which, table) = match self.provider {
            Provider::Named(name) => (
                "model_provider = \"gateway\"".to_owned(),
                format!(
                    "[model_providers.gateway]\nname = \"{name}\"\nbase_url = \"{address}/v1\"\n\
                     env_key = \"GATEWAY_TOKEN\"\nwire_api = \"responses\"\n"
                ),
            ),
            Provider::BuiltIn => {
                let key = json!({"auth_mode": "apikey", "OPENAI_API_KEY": token});
                self.write(".codex/auth.json", &key.to_string());
                (format!("openai_base_url = \"{address}/v1\""), String::new())
            }
        };
        // Without these two it asks its vendor and others for more.
        let alone = "features.plugins = false\nanalytics.enabled = false";
        let settings = format!("model = \"{MODEL}\"\n{which}\n{alone}\n{}\n{table}", self.settings);
        self.write(".codex/config.toml", &settings);
        let exec = [
            "exec",
            "--skip-git-repo-check",
            "--dangerously-bypass-approvals-and-sandbox",
        ];
        command.args(exec).env("GATEWAY_TOKEN", token);
        if goes_on {
            command.args(["resume", "--last"]);
        }
    }

    fn gemini_cli(&self, command: &mut Command, address: &str, token: &str) {
        let settings = json!({"security": {"auth": {"selectedType": "gemini-api-key"}}});
        self.write(".gemini/settings.json", &settings.to_string());
        command
            .args(["--model", MODEL, "--yolo", "--skip-trust", "--prompt"])
            .env("GOOGLE_GEMINI_BASE_URL", address)
            .env("GEMINI_API_KEY", token);
    }

    fn opencode(&self, command: &mut Command, address: &str, token: &str, goes_on: bool) {
        let model = format!("gateway/{MODEL}");
        let provider = json!({
            "npm": "@ai-sdk/openai-compatible", "name": "gateway",
            "options": {"baseURL": format!("{address}/v1"), "apiKey": token},
            "models": {MODEL: {"name": MODEL}},
        });
        let settings = json!({
            "provider": {"gateway": provider}, "model": model, "small_model": model, "autoupdate": false,
        });
        self.write(".config/opencode/opencode.json", &settings.to_string());
        command.args(["run", "--model", &model]);
        if goes_on {
            command.arg("--continue");
        }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.home().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs a program until it ends, or hangs.
    fn finish(&self, command: &mut Command) -> Finished {
        let said = self.folder.path().join("said");
        let file = File::create(&said).unwrap();
        let mut process = command
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            // Its children end with it.
            .process_group(0)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = process.try_wait().unwrap() {
                break Some(status);
            }
            if begun.elapsed() > PATIENCE {
                break None;
            }
            thread::sleep(Duration::from_millis(50));
        };
        let group = format!("-{}", process.id());
        let _ = Command::new("kill")
            .args(["-s", "KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        let _ = process.wait();
        let said = fs::read_to_string(said).unwrap_or_default();
        let status = status.unwrap_or_else(|| panic!("{:?} hangs: {said}", self.agent));
        Finished {
            has_succeeded: status.success(),
            said,
        }
    }
}

/// Where the programs find Node.
fn path() -> String {
    let node = env::var_os("NODE_BIN").unwrap_or_default();
    let node = Path::new(&node).parent().unwrap_or_else(|| Path::new("/usr/bin"));
    format!("{}:/usr/local/bin:/usr/bin:/bin", node.display())
}

fn claude_code(command: &mut Command, address: &str, token: &str, goes_on: bool) {
    command
        .args([
            "--model",
            MODEL,
            "--allowedTools",
            "Write",
            "--permission-mode",
            "acceptEdits",
        ])
        .env("ANTHROPIC_BASE_URL", address)
        .env("ANTHROPIC_AUTH_TOKEN", token)
        // What it tells its vendor, and looks for there.
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    if goes_on {
        command.arg("--continue");
    }
    command.arg("--print");
}
