//! Addresses that stand in examples, and are not that of an API as a route has it: those of one endpoint or one model, of another
//! dialect, and those to which SDKs add a version by themselves.

use http::Uri;

use super::problem::shown;
use crate::dialect::api::surface;
use crate::dialect::formats::{ANTHROPIC, GEMINI, OPENAI};
use crate::dialect::neutral::Format;
use crate::dialect::providers::PROVIDERS;

/// A `base_url`, and what is known about its route.
pub(super) struct Written<'a> {
    /// The address, without slashes at its end.
    pub(super) base: &'a str,
    /// The dialect of the route.
    pub(super) dialect: &'static Format,
    /// Whether the address may have a query.
    pub(super) deployments: bool,
    /// Whether the route is made of variables.
    pub(super) in_variables: bool,
}

/// What is wrong with an address in which a model stands.
const ONE_MODEL: &str = "it is the address of one model";

/// What is wrong with an address, and what to do about it.
type Flaw = (String, String);

impl Written<'_> {
    /// Returns what is wrong with the address.
    pub(super) fn flaw(&self) -> Option<Flaw> {
        let address = self.base.split('?').next().unwrap_or_default().trim_end_matches('/');
        self.model(address)
            .or_else(|| self.endpoint(address))
            .or_else(|| self.compatible(address))
            .or_else(|| self.without_version(address))
    }

    /// Returns a remark on an address that is rarely right: one without a path, as SDKs take it.
    pub(super) fn remark(&self) -> Option<String> {
        let version = version(self.dialect)?;
        let name = self.dialect.name;
        is_bare(self.base).then(|| format!("it has no path; APIs of the dialect {name} are usually below /{version}"))
    }

    /// Describes an address in which a model stands, as in Gemini's.
    fn model(&self, address: &str) -> Option<Flaw> {
        let lower = address.to_ascii_lowercase();
        let has_method = lower.contains("generatecontent") || lower.contains(":counttokens");
        if !has_method && self.dialect != GEMINI {
            return None;
        }
        let Some(at) = lower.rfind("/models/") else {
            let hint = "leave out what names the model, and what stands behind it";
            return has_method.then(|| (ONE_MODEL.to_owned(), hint.to_owned()));
        };
        let rest = &address[..at];
        let mut hint = write(rest);
        if self.dialect != GEMINI {
            if is_of(rest, GEMINI) {
                hint += "/openai, or that without /openai";
            }
            hint += &format!(" with {}", self.way("gemini-native", GEMINI));
        }
        Some((ONE_MODEL.to_owned(), hint))
    }

    /// Describes the address of one endpoint. Azure shows such an address, with its query.
    fn endpoint(&self, address: &str) -> Option<Flaw> {
        let lower = address.to_ascii_lowercase();
        let (suffix, behind) = if let Some(endpoint) = surface::ending(address) {
            (endpoint, "")
        } else if lower.ends_with("/v1/chat") {
            ("chat", "")
        } else {
            // Endpoints of Ollama's own API.
            let mut own = ["api/chat", "api/generate", "api/tags"].into_iter();
            (own.find(|own| lower.ends_with(&format!("/{own}")))?, "/v1")
        };
        let rest = address[..address.len() - suffix.len()].trim_end_matches('/');
        let message = match behind {
            "" => format!("it ends in /{suffix}, which the gateway adds itself"),
            _ => format!("it ends in /{suffix}, which is not OpenAI's API"),
        };
        let mut hint = write(&format!("{rest}{behind}"));
        if self.deployments && self.base.contains('?') {
            hint += ", and what stands behind the ? as before";
        }
        if suffix.starts_with("messages") && self.dialect != ANTHROPIC {
            let way = self.way("anthropic", ANTHROPIC);
            hint += &format!("; with {way} if it has no /chat/completions");
        }
        Some((message, hint))
    }

    /// Describes the address of Gemini's OpenAI-compatible API on a route of Gemini's own dialect.
    fn compatible(&self, address: &str) -> Option<Flaw> {
        let ending = "/openai";
        let is_there = self.dialect == GEMINI && address.to_ascii_lowercase().ends_with(ending);
        is_there.then(|| {
            let native = write(&address[..address.len() - ending.len()]);
            let hint = format!("{native}, or keep it with {}", self.way("gemini", OPENAI));
            (
                "the upstream speaks `openai` there, and the route has `gemini`".to_owned(),
                hint,
            )
        })
    }

    /// Describes an address as SDKs take it, which add the version of the API: Anthropic's and Google's own, and those of
    /// others for Anthropic's SDK.
    fn without_version(&self, address: &str) -> Option<Flaw> {
        let version = version(self.dialect)?;
        let is_vendors = is_bare(address) && is_of(address, self.dialect);
        let is_for_sdk = self.dialect == ANTHROPIC && address.to_ascii_lowercase().ends_with("/anthropic");
        (is_vendors || is_for_sdk).then(|| {
            let message = format!("/{version} is missing at its end: SDKs add that themselves, the gateway does not");
            (message, write(&format!("{address}/{version}")))
        })
    }

    /// Returns how the operator says that the upstream speaks `dialect`. Variables know providers only.
    fn way(&self, provider: &str, dialect: &Format) -> String {
        if self.in_variables {
            format!("PROVIDER={provider}")
        } else {
            format!("\"dialect\": \"{}\"", dialect.name)
        }
    }
}

/// Returns the version at the end of an address of this dialect, where SDKs add it by themselves.
fn version(dialect: &Format) -> Option<&'static str> {
    [(ANTHROPIC, "v1"), (GEMINI, "v1beta")]
        .into_iter()
        .find_map(|(versioned, version)| (versioned == dialect).then_some(version))
}

/// Whether an address has no path.
fn is_bare(address: &str) -> bool {
    let uri = address.parse::<Uri>().ok();
    uri.is_some_and(|uri| uri.host().is_some() && uri.path().trim_matches('/').is_empty())
}

/// Whether an address is at a host of those who made `dialect`.
fn is_of(address: &str, dialect: &Format) -> bool {
    let host = |text: &str| {
        text.parse::<Uri>()
            .ok()
            .and_then(|uri| uri.host().map(str::to_ascii_lowercase))
    };
    let own = PROVIDERS
        .iter()
        .filter(|row| row.dialect == dialect)
        .filter_map(|row| row.base_url);
    let written = host(address);
    written.is_some() && own.map(host).any(|own| own == written)
}

/// Returns what to do: to write this address. One with a password is not shown.
fn write(address: &str) -> String {
    if address.contains('@') {
        "leave it out".to_owned()
    } else {
        format!("write {}", shown(address))
    }
}
