//! The providers the gateway knows by name. A provider is a row of data; adding one is adding a row.

/// How a provider wants its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyHeader {
    /// `authorization: Bearer <key>`.
    Bearer,
    /// `api-key: <key>` (Azure OpenAI).
    ApiKey,
}

/// The wire format a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI Chat Completions.
    OpenAi,
}

/// One provider.
#[derive(Debug, PartialEq, Eq)]
pub struct Provider {
    /// The name used in `provider`.
    pub name: &'static str,
    /// Where its API lives; `None` where only the operator can know.
    pub base_url: Option<&'static str>,
    /// The wire format.
    pub dialect: Dialect,
    /// How the key is sent.
    pub key_header: KeyHeader,
    /// Whether it works without a key (local servers).
    pub keyless: bool,
    /// Whether some of its endpoints stand below a deployment that is part of the address, and others beside them.
    pub deployments: bool,
    /// Whether its rate limits hold for the whole account, whichever of its keys is used.
    pub account_limits: bool,
    /// The variable that usually holds its key in the single-token set-up.
    pub key_variable: Option<&'static str>,
    /// The variable in which its SDKs take another address, for the key of `key_variable`.
    pub base_url_variable: Option<&'static str>,
    /// What its list of models puts before their names, which works with and without it.
    pub model_prefix: Option<&'static str>,
}

/// The provider without a network: answers come from the gateway itself.
pub const ECHO: &str = "echo";

/// The provider of a route that names none.
pub const CUSTOM: &str = "custom";

const fn hosted(name: &'static str, base_url: &'static str, key_variable: &'static str) -> Provider {
    Provider {
        name,
        base_url: Some(base_url),
        dialect: Dialect::OpenAi,
        key_header: KeyHeader::Bearer,
        keyless: false,
        deployments: false,
        account_limits: false,
        key_variable: Some(key_variable),
        base_url_variable: None,
        model_prefix: None,
    }
}

const fn local(name: &'static str, base_url: Option<&'static str>) -> Provider {
    Provider {
        name,
        base_url,
        dialect: Dialect::OpenAi,
        key_header: KeyHeader::Bearer,
        keyless: true,
        deployments: false,
        account_limits: false,
        key_variable: None,
        base_url_variable: None,
        model_prefix: None,
    }
}

/// The table. Addresses are the providers' documented OpenAI-compatible ones. Where several keys are set for a single token,
/// that of the first row counts.
pub static PROVIDERS: &[Provider] = &[
    Provider {
        account_limits: true,
        ..hosted("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY")
    },
    Provider {
        base_url_variable: Some("OPENAI_BASE_URL"),
        ..hosted("openai", "https://api.openai.com/v1", "OPENAI_API_KEY")
    },
    hosted("siliconflow", "https://api.siliconflow.cn/v1", "SILICONFLOW_API_KEY"),
    Provider {
        model_prefix: Some("models/"),
        ..hosted(
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GEMINI_API_KEY",
        )
    },
    hosted("deepseek", "https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    hosted("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    hosted("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    hosted("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
    hosted("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    hosted("moonshot", "https://api.moonshot.cn/v1", "MOONSHOT_API_KEY"),
    hosted("zhipu", "https://open.bigmodel.cn/api/paas/v4", "ZHIPU_API_KEY"),
    hosted(
        "dashscope",
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        "DASHSCOPE_API_KEY",
    ),
    hosted("volcengine", "https://ark.cn-beijing.volces.com/api/v3", "ARK_API_KEY"),
    // https://{resource}.openai.azure.com/openai/v1, or .../openai/deployments/{deployment}?api-version=...: the resource is
    // the operator's.
    Provider {
        base_url: None,
        key_header: KeyHeader::ApiKey,
        deployments: true,
        ..hosted("azure", "", "AZURE_OPENAI_API_KEY")
    },
    local("ollama", Some("http://localhost:11434/v1")),
    local("vllm", Some("http://localhost:8000/v1")),
    local("llamacpp", Some("http://localhost:8080/v1")),
    local("lmstudio", Some("http://localhost:1234/v1")),
    // https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1: the account is the operator's.
    Provider {
        base_url: None,
        ..hosted("workers-ai", "", "CLOUDFLARE_API_TOKEN")
    },
    local(ECHO, None),
    Provider {
        keyless: false,
        ..local(CUSTOM, None)
    },
];

/// The provider called `name`, in whatever letters.
#[must_use]
pub fn named(name: &str) -> Option<&'static Provider> {
    PROVIDERS
        .iter()
        .find(|provider| provider.name.eq_ignore_ascii_case(name))
}
