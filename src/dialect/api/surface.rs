//! The endpoints of the OpenAI API, as far as a gateway must know them (openai-openapi 2.3.0): which keys may serve them, and
//! where a model stands in their requests.
//!
//! A path that is not known belongs to the account of one key. For an endpoint that makes objects that is right, and for any
//! other it costs no more than the failover. So next year's endpoints work without a change here.

use http::Method;

use crate::dialect::wire::percent::decode;

/// Which keys may serve a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Any key.
    Stateless,
    /// One key: the request makes, reads or changes objects in its account.
    Stateful,
    /// One key, and only where the operator allows it: the request administers the organization that the account belongs to,
    /// its users, projects, keys and costs.
    Organization,
}

/// Endpoints that any key may serve, all by POST. Besides OpenAI's there are Anthropic's `messages`, and `rerank`, which many
/// providers have.
const STATELESS: [&str; 18] = [
    "audio/speech",
    "audio/transcriptions",
    "audio/translations",
    "chat/completions",
    "completions",
    "content_provenance_checks",
    "decisions",
    "embeddings",
    "images/edits",
    "images/generations",
    "images/variations",
    "messages",
    "messages/count_tokens",
    "moderations",
    "rerank",
    "responses",
    "responses/compact",
    "responses/input_tokens",
];

/// Other endpoints that stand at the end of an address in examples, where people take them for a part of the upstream's
/// address.
const OTHERS: [&str; 10] = [
    "assistants",
    "batches",
    "conversations",
    "files",
    "models",
    "realtime",
    "threads",
    "uploads",
    "vector_stores",
    "videos",
];

/// Returns the longest endpoint that an address ends in. `address` has neither a query nor a slash at its end.
#[must_use]
pub fn ending(address: &str) -> Option<&'static str> {
    let address = address.to_ascii_lowercase();
    let ends = |endpoint: &&str| address.strip_suffix(*endpoint).is_some_and(|rest| rest.ends_with('/'));
    let endpoints = STATELESS.into_iter().chain(OTHERS);
    endpoints.filter(ends).max_by_key(|endpoint| endpoint.len())
}

/// The families of endpoints that administer the organization.
const ORGANIZATION: [&str; 2] = ["organization", "projects"];

/// Returns which keys may serve a request. `path` is what stands behind `/v1/`.
#[must_use]
pub fn class(method: &Method, path: &str) -> Class {
    if administers(path) {
        Class::Organization
    } else if (method == Method::POST && STATELESS.contains(&path))
        || (method == Method::GET && path.split('/').next() == Some("models"))
    {
        Class::Stateless
    } else {
        Class::Stateful
    }
}

/// Whether any upstream may take a path for one that administers the organization. Upstreams differ: some ignore case, some
/// resolve escapes, some cut a name at a semicolon.
fn administers(path: &str) -> bool {
    let path = decode(path);
    let family = |part: &[u8]| -> String {
        let name = part
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
        name.map(|byte| char::from(byte.to_ascii_lowercase())).collect()
    };
    // Where the upstream's address ends before these, a client may write them.
    let leads = |family: &str| {
        let version = family.strip_prefix('v').unwrap_or_default();
        matches!(family, "" | "api" | "openai") || version.starts_with(|char: char| char.is_ascii_digit())
    };
    let mut families = path.split(|byte| *byte == b'/').map(family);
    families
        .find(|family| !leads(family))
        .is_some_and(|family| ORGANIZATION.contains(&&*family))
}

/// Endpoints that belong to one deployment where a provider has deployments (Azure OpenAI). Its SDK has the same list.
const DEPLOYED: [&str; 8] = [
    "audio/speech",
    "audio/transcriptions",
    "audio/translations",
    "chat/completions",
    "completions",
    "embeddings",
    "images/edits",
    "images/generations",
];

/// Whether an endpoint belongs to a deployment.
#[must_use]
pub fn is_deployed(path: &str) -> bool {
    DEPLOYED.contains(&path)
}

/// Whether a request makes a new object in a collection, so that the account of another key would do as well.
#[must_use]
pub fn creates(method: &Method, path: &str) -> bool {
    method == Method::POST && !path.contains('/')
}

/// Whether the gateway fills in the default model where a request names none. The endpoint has a `model`, or chooses one
/// itself.
#[must_use]
pub fn takes_default_model(path: &str) -> bool {
    STATELESS.contains(&path) && !matches!(path, "content_provenance_checks" | "decisions")
}

/// Whether a request to this endpoint may be a form with a `model` in it.
#[must_use]
pub fn names_model_in_form(path: &str) -> bool {
    takes_default_model(path) || path == "videos"
}

/// Whether the gateway adds the default model to the address of a WebSocket that names none. `/v1/realtime` needs one for a
/// new session, and none to join a call or to transcribe. Over `/v1/responses` every message names its own.
#[must_use]
pub fn takes_default_model_in_query(path: &str, query: Option<&str>) -> bool {
    let own = |pair: &str| ["call_id=", "intent="].iter().any(|name| pair.starts_with(name));
    path == "realtime" && !query.is_some_and(|query| query.split('&').any(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_of_the_api_has_its_class() {
        let rows = include_str!("../../../tests/fixtures/openai-paths.tsv");
        for row in rows.lines() {
            let mut fields = row.split('\t');
            let mut next = || fields.next().unwrap();
            let (method, path, class) = (next(), next(), next());
            let expected = match class {
                "stateless" => Class::Stateless,
                "stateful" => Class::Stateful,
                "organization" => Class::Organization,
                other => panic!("{other}"),
            };
            let path = path.trim_start_matches("/v1/");
            assert_eq!(super::class(&method.parse().unwrap(), path), expected, "{row}");
        }
        assert_eq!(rows.lines().count(), 304);
    }

    #[test]
    fn paths_of_the_organization_are_known_however_they_are_spelled() {
        for path in [
            "organization",
            "Organization/users",
            "PROJECTS",
            "%6frganization/users",
            "organization;a=b/users",
            "organization%3b/users",
            "projects%20/x",
            "projects./x",
            "organization%2fusers",
        ] {
            assert_eq!(class(&Method::GET, path), Class::Organization, "{path}");
        }
        for path in [
            "organizations",
            "projects_x/1",
            "files/organization",
            "%256frganization",
        ] {
            assert_eq!(class(&Method::GET, path), Class::Stateful, "{path}");
        }
    }

    #[test]
    fn what_is_not_known_belongs_to_an_account() {
        assert_eq!(class(&Method::POST, "next_years_things"), Class::Stateful);
        assert!(
            creates(&Method::POST, "files")
                && !creates(&Method::POST, "uploads/1/parts")
                && !creates(&Method::GET, "files")
        );
    }
}
