//! The OpenAI API as far as a gateway must know it: which requests any key may serve, which belong to the account of one
//! key, and which are the operator's alone (openai-openapi 2.3.0). A path that is not known belongs to an account: that is
//! right for whatever makes objects, and costs the others their failover only.

use http::Method;

/// Whom a request may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Any key may answer.
    Stateless,
    /// It makes, reads or changes objects that live in the account of one key.
    Stateful,
    /// It administers the account itself.
    Admin,
}

/// What any key may answer, all of it by POST. Anthropic's messages and the usual way to rank texts are beside OpenAI's own.
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

/// What else people find at the end of an address in examples, and take for part of the upstream's.
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

/// The longest endpoint that an address ends in; `address` has neither a query nor a slash at its end.
#[must_use]
pub fn ending(address: &str) -> Option<&'static str> {
    let address = address.to_ascii_lowercase();
    let ends = |endpoint: &&str| address.strip_suffix(*endpoint).is_some_and(|rest| rest.ends_with('/'));
    let endpoints = STATELESS.into_iter().chain(OTHERS);
    endpoints.filter(ends).max_by_key(|endpoint| endpoint.len())
}

/// The families of the administrator.
const ADMIN: [&str; 2] = ["organization", "projects"];

/// The class of a request; `path` is what stands behind `/v1/`.
#[must_use]
pub fn class(method: &Method, path: &str) -> Class {
    if is_admin(path) {
        Class::Admin
    } else if (method == Method::POST && STATELESS.contains(&path))
        || (method == Method::GET && path.split('/').next() == Some("models"))
    {
        Class::Stateless
    } else {
        Class::Stateful
    }
}

/// Whether a path belongs to the administrator, for any upstream: one may tell capitals from small letters or not, resolve
/// escapes or not, and cut a name at a semicolon or not.
fn is_admin(path: &str) -> bool {
    let path = decode(path);
    let family = |part: &[u8]| -> String {
        let name = part
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
        name.map(|byte| char::from(byte.to_ascii_lowercase())).collect()
    };
    // An upstream's address need not have these in it, and then a client may.
    let leads = |family: &str| {
        let version = family.strip_prefix('v').unwrap_or_default();
        matches!(family, "" | "api" | "openai") || version.starts_with(|char: char| char.is_ascii_digit())
    };
    let mut families = path.split(|byte| *byte == b'/').map(family);
    families
        .find(|family| !leads(family))
        .is_some_and(|family| ADMIN.contains(&&*family))
}

/// `path` with its percent-escapes resolved; what is not an escape stays.
#[must_use]
pub fn decode(path: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = path.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.extend(u8::try_from(high * 16 + low));
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    decoded
}

/// What belongs to one deployment where a provider has such (Azure OpenAI); its SDK keeps the same list.
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

/// Whether a request makes a new object in a collection: another account may hold it just as well.
#[must_use]
pub fn creates(method: &Method, path: &str) -> bool {
    method == Method::POST && !path.contains('/')
}

/// Whether the request can do without a `model`, when none is configured, because the endpoint takes none or picks one.
#[must_use]
pub fn takes_default_model(path: &str) -> bool {
    STATELESS.contains(&path) && !matches!(path, "content_provenance_checks" | "decisions")
}

/// Whether the model of a request may stand in a form.
#[must_use]
pub fn names_model_in_form(path: &str) -> bool {
    takes_default_model(path) || path == "videos"
}

/// Whether a WebSocket takes the default model, in its address: `/v1/realtime` needs one for a new session, and none to
/// join a call or to transcribe. Over `/v1/responses` every message names its own.
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
        let rows = include_str!("../../tests/fixtures/openai-paths.tsv");
        for row in rows.lines() {
            let mut fields = row.split('\t');
            let mut next = || fields.next().unwrap();
            let (method, path, class) = (next(), next(), next());
            let expected = match class {
                "stateless" => Class::Stateless,
                "stateful" => Class::Stateful,
                "admin" => Class::Admin,
                other => panic!("{other}"),
            };
            let path = path.trim_start_matches("/v1/");
            assert_eq!(super::class(&method.parse().unwrap(), path), expected, "{row}");
        }
        assert_eq!(rows.lines().count(), 304);
    }

    #[test]
    fn the_administrators_part_is_known_however_it_is_spelled() {
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
            assert_eq!(class(&Method::GET, path), Class::Admin, "{path}");
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
    fn escapes_are_resolved_once() {
        assert_eq!(decode("a%2Fb%zz%2"), b"a/b%zz%2");
        assert_eq!(decode("%252e"), b"%2e");
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
