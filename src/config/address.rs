//! Where a route's requests go, and the headers that they always carry.

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::fields::Fields;
use super::parse::shown;
use super::{Addresses, Base, Upstream};
use crate::dialect::providers::{ECHO, Provider};

/// The upstream, and whether it is a local one.
pub(super) fn upstream(fields: &mut Fields<'_, '_>, row: Option<&'static Provider>) -> (Upstream, bool) {
    if row.is_some_and(|row| row.name == ECHO) {
        return (Upstream::Echo, true);
    }
    let written = fields.string("base_url");
    if written.is_none() && !fields.has("base_url") && row.is_some_and(|row| row.base_url.is_none()) {
        fields.problem(
            None,
            "a `base_url` is missing",
            "the address of the API, as in https://api.example/v1",
        );
    }
    let base = written
        .or_else(|| row.and_then(|row| row.base_url).map(str::to_owned))
        .unwrap_or_default();
    let base = base.trim().trim_end_matches('/').to_owned();
    for suffix in ["/chat/completions", "/models"] {
        if let Some(rest) = base.strip_suffix(suffix) {
            let hint = if rest.contains('@') {
                "leave it out".to_owned()
            } else {
                format!("write {}", shown(rest))
            };
            fields.problem(
                Some("base_url"),
                format!("it ends in {suffix}, which the gateway adds itself"),
                &hint,
            );
        }
    }
    let base_uri = url(fields, "base_url", &base);
    let deployments = row.is_some_and(|row| row.deployments);
    if base_uri.as_ref().is_some_and(|uri| uri.query().is_some()) && !deployments {
        fields.problem(
            Some("base_url"),
            "it has a query",
            "put a query into `chat_url` and `models_url`",
        );
    }
    let base = split(&base, deployments);
    let mut address = |name: &str| fields.string(name).and_then(|full| url(fields, name, &full));
    let chat_url = address("chat_url");
    let models_url = address("models_url").or_else(|| below(&base.account, "models", base.query.as_deref()));
    let local = chat_url
        .as_ref()
        .or(base_uri.as_ref())
        .and_then(Uri::host)
        .is_some_and(is_local);
    let addresses = Addresses {
        base,
        chat_url,
        models_url: models_url.unwrap_or_default(),
    };
    (Upstream::Http(Box::new(addresses)), local)
}

/// The parts of a base address. Where there may be `deployments`, what belongs to none of them is beside their folder:
/// `https://r.example/openai/deployments/{model}?api-version=1`.
fn split(base: &str, deployments: bool) -> Base {
    let (address, query) = base
        .split_once('?')
        .map_or((base, None), |(address, query)| (address, Some(query.to_owned())));
    let address = address.trim_end_matches('/');
    let account = address.split("/deployments/").next().filter(|_| deployments);
    let chat = below(address, "chat/completions", query.as_deref()).filter(|_| !address.contains(Base::MODEL));
    Base {
        url: address.to_owned(),
        account: account.unwrap_or(address).to_owned(),
        query,
        chat,
    }
}

fn below(address: &str, path: &str, query: Option<&str>) -> Option<Uri> {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{address}/{path}{query}").parse().ok()
}

/// What stands between the scheme and the path.
fn text_of(uri: &Uri) -> &str {
    uri.authority().map_or("", http::uri::Authority::as_str)
}

fn url(fields: &mut Fields<'_, '_>, name: &str, text: &str) -> Option<Uri> {
    if text.is_empty() {
        return None;
    }
    let uri = text.trim().parse::<Uri>().ok().filter(|uri| {
        let is_whole = |host: &str| !host.is_empty() && (uri.port().is_some() || text_of(uri).ends_with(host));
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(is_whole)
    });
    let Some(uri) = uri else {
        fields.problem(
            Some(name),
            "expected an http or https URL",
            "write the whole address, as in https://api.example/v1",
        );
        return None;
    };
    if text_of(&uri).contains('@') {
        fields.problem(
            Some(name),
            "it holds a user name or password",
            "keys belong into `api_keys` or `extra_headers`",
        );
        return None;
    }
    if text.contains('#') {
        fields.problem(Some(name), "it holds a fragment (`#`)", "take it out");
    }
    Some(uri)
}

fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<std::net::IpAddr>() {
        return match address {
            std::net::IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
            std::net::IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
        };
    }
    !host.contains('.') || host.ends_with(".local") || host.ends_with(".internal") || host.ends_with(".localhost")
}

/// The headers that go on every upstream request.
pub(super) fn extra_headers(fields: &mut Fields<'_, '_>) -> HeaderMap {
    const FORBIDDEN: [&str; 8] = [
        "host",
        "content-length",
        "connection",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "keep-alive",
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in fields.pairs("extra_headers") {
        let field = format!("extra_headers.{}", shown(&name));
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value)) {
            (Ok(name), _) if FORBIDDEN.contains(&name.as_str()) => {
                fields.problem(Some(&field), "this header belongs to the connection", "take it out");
            }
            (Ok(name), _) if headers.contains_key(&name) => {
                fields.problem(Some(&field), "this header stands twice", "keep one of them");
            }
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
            (Err(_), _) => fields.problem(Some(&field), "this is no name of a header", ""),
            (_, Err(_)) => fields.problem(
                Some(&field),
                "the value cannot stand in a header",
                "take out line breaks and other control characters",
            ),
        }
    }
    headers
}
