//! The providers that the gateway knows by name. A provider is a row of the table, so one is added by adding a row.
//!
//! What a row says is meant to be true of everyone's account there. What differs between operators is a field of the route.

use super::formats::{ANTHROPIC, GEMINI, OPENAI, RESPONSES};
use super::key_header::KeyHeader;
use super::neutral::Format;

/// One provider.
#[derive(Debug, PartialEq, Eq)]
pub struct Provider {
    /// The value of the field `provider` of a route, and of the variable `PROVIDER`.
    pub name: &'static str,
    /// The address of its API; nothing where each operator has another one.
    pub base_url: Option<&'static str>,
    /// The wire format that it speaks.
    pub dialect: &'static Format,
    /// What else it speaks at this address, where its wire format is OpenAI's.
    pub has: Has,
    /// The header of its key.
    pub key_header: KeyHeader,
    /// Whether it works without a key, as local servers do.
    pub keyless: bool,
    /// Whether some of its endpoints are below a deployment that is part of the address, and others are not (Azure OpenAI).
    pub deployments: bool,
    /// Whether its rate limits are those of an account, so that another key of the account does not help.
    pub account_limits: bool,
    /// The variables that hold its key where the gateway is set up by variables, the first that is set counts. Where several
    /// providers name one, it belongs to the first of them.
    pub key_variables: &'static [&'static str],
    /// The variable in which its SDKs take another address. It goes with the key of `key_variables`.
    pub base_url_variable: Option<&'static str>,
    /// What stands before the names in its list of models. A request may name a model with it or without.
    pub model_prefix: Option<&'static str>,
}

/// Which other dialects an upstream of OpenAI's format speaks as they are, beside `/chat/completions`. Where that is not known,
/// it is found out: an upstream that has no such path answers 404 or 405.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Has {
    /// Whether `/responses` serves every model.
    pub responses: Option<bool>,
    /// Whether `/messages` serves every model.
    pub messages: Option<bool>,
}

impl Has {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        responses: None,
        messages: None,
    };

    /// Neither of them.
    pub const NEITHER: Self = Self {
        responses: Some(false),
        messages: Some(false),
    };

    /// Returns whether an upstream of the format `own` speaks `asked` as it is; nothing where that is not known.
    #[must_use]
    pub fn speaks(self, own: &Format, asked: &Format) -> Option<bool> {
        if own == OPENAI && asked == RESPONSES {
            self.responses
        } else if own == OPENAI && asked == ANTHROPIC {
            self.messages
        } else {
            Some(own == asked)
        }
    }
}

/// The built-in provider: the gateway answers by itself, without a network.
pub const ECHO: &str = "echo";

/// The one model that [`ECHO`] lists, and the default of its routes. It answers requests for any other as well.
pub const ECHO_MODEL: &str = "echo";

/// The provider of a route that names none.
pub const CUSTOM: &str = "custom";

/// Returns a provider with a key, as most of those on the internet are.
const fn hosted(name: &'static str, base_url: &'static str, key_variables: &'static [&'static str]) -> Provider {
    Provider {
        name,
        base_url: Some(base_url),
        dialect: OPENAI,
        has: Has::UNKNOWN,
        key_header: KeyHeader::Bearer,
        keyless: false,
        deployments: false,
        account_limits: false,
        key_variables,
        base_url_variable: None,
        model_prefix: None,
    }
}

/// Returns a provider without a key, as most of those on the operator's own machines are.
const fn local(name: &'static str, base_url: Option<&'static str>) -> Provider {
    Provider {
        name,
        base_url,
        dialect: OPENAI,
        has: Has::UNKNOWN,
        key_header: KeyHeader::Bearer,
        keyless: true,
        deployments: false,
        account_limits: false,
        key_variables: &[],
        base_url_variable: None,
        model_prefix: None,
    }
}

/// The table. The addresses are those that providers document for OpenAI's format. Where the keys of several providers are
/// set as variables, the first row counts.
pub static PROVIDERS: &[Provider] = &[
    Provider {
        account_limits: true,
        has: Has {
            responses: Some(true),
            messages: Some(true),
        },
        ..hosted("openrouter", "https://openrouter.ai/api/v1", &["OPENROUTER_API_KEY"])
    },
    Provider {
        base_url_variable: Some("OPENAI_BASE_URL"),
        has: Has {
            responses: Some(true),
            messages: Some(false),
        },
        ..hosted("openai", "https://api.openai.com/v1", &["OPENAI_API_KEY"])
    },
    Provider {
        has: Has {
            messages: Some(true),
            ..Has::UNKNOWN
        },
        ..hosted("siliconflow", "https://api.siliconflow.cn/v1", &["SILICONFLOW_API_KEY"])
    },
    Provider {
        model_prefix: Some("models/"),
        ..hosted(
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            &["GEMINI_API_KEY"],
        )
    },
    // Its Messages are below https://api.deepseek.com/anthropic/v1.
    Provider {
        has: Has {
            messages: Some(false),
            ..Has::UNKNOWN
        },
        ..hosted("deepseek", "https://api.deepseek.com", &["DEEPSEEK_API_KEY"])
    },
    Provider {
        has: Has {
            responses: Some(true),
            ..Has::UNKNOWN
        },
        ..hosted("groq", "https://api.groq.com/openai/v1", &["GROQ_API_KEY"])
    },
    hosted("mistral", "https://api.mistral.ai/v1", &["MISTRAL_API_KEY"]),
    Provider {
        has: Has {
            responses: Some(true),
            ..Has::UNKNOWN
        },
        ..hosted("xai", "https://api.x.ai/v1", &["XAI_API_KEY"])
    },
    hosted("together", "https://api.together.xyz/v1", &["TOGETHER_API_KEY"]),
    // Its Messages are below https://api.moonshot.cn/anthropic/v1.
    Provider {
        has: Has {
            responses: Some(true),
            messages: Some(false),
        },
        ..hosted("moonshot", "https://api.moonshot.cn/v1", &["MOONSHOT_API_KEY"])
    },
    // Its Responses are below https://open.bigmodel.cn/api/v1, its Messages below .../api/anthropic/v1.
    Provider {
        has: Has::NEITHER,
        ..hosted("zhipu", "https://open.bigmodel.cn/api/paas/v4", &["ZHIPU_API_KEY"])
    },
    hosted(
        "dashscope",
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        &["DASHSCOPE_API_KEY"],
    ),
    Provider {
        has: Has {
            responses: Some(true),
            ..Has::UNKNOWN
        },
        ..hosted(
            "volcengine",
            "https://ark.cn-beijing.volces.com/api/v3",
            &["ARK_API_KEY"],
        )
    },
    // https://{resource}.openai.azure.com/openai/v1, or .../openai/deployments/{deployment}?api-version=...: each operator
    // has another resource.
    Provider {
        base_url: None,
        key_header: KeyHeader::ApiKey,
        deployments: true,
        ..hosted("azure", "", &["AZURE_OPENAI_API_KEY"])
    },
    // Which of them have `/responses` and `/messages` depends on their version.
    local("ollama", Some("http://localhost:11434/v1")),
    local("vllm", Some("http://localhost:8000/v1")),
    local("llamacpp", Some("http://localhost:8080/v1")),
    local("lmstudio", Some("http://localhost:1234/v1")),
    // https://api.cloudflare.com/client/v4/accounts/{account}/ai/v1: each operator has another account. `/responses` serves
    // gpt-oss only.
    Provider {
        base_url: None,
        has: Has {
            responses: Some(false),
            ..Has::UNKNOWN
        },
        ..hosted("workers-ai", "", &["CLOUDFLARE_API_TOKEN"])
    },
    // The variables of these two are set for other programs as well, so every other key comes first.
    Provider {
        dialect: ANTHROPIC,
        key_header: KeyHeader::XApiKey,
        ..hosted("anthropic", "https://api.anthropic.com/v1", &["ANTHROPIC_API_KEY"])
    },
    Provider {
        dialect: GEMINI,
        key_header: KeyHeader::XGoogApiKey,
        model_prefix: Some("models/"),
        ..hosted(
            "gemini-native",
            "https://generativelanguage.googleapis.com/v1beta",
            &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        )
    },
    Provider {
        has: Has::NEITHER,
        ..local(ECHO, None)
    },
    Provider {
        keyless: false,
        ..local(CUSTOM, None)
    },
];

/// Returns the provider called `name`. Case makes no difference.
#[must_use]
pub fn named(name: &str) -> Option<&'static Provider> {
    PROVIDERS
        .iter()
        .find(|provider| provider.name.eq_ignore_ascii_case(name))
}
