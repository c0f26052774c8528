//! Where the requests of a route go, and the headers that they always have.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::character::{is_invisible, keyboard, named};
use super::fields::Fields;
use super::misplaced::Written;
use super::problem::shown;
use super::route::{Addresses, Base, Upstream};
use crate::dialect::formats::OPENAI;
use crate::dialect::neutral::Format;
use crate::dialect::providers::{ECHO, Provider};

/// Returns the upstream of a route, and whether it is on a local network, where keys are not required.
pub(super) fn upstream(
    fields: &mut Fields<'_, '_>,
    row: Option<&'static Provider>,
    dialect: &'static Format,
) -> (Upstream, bool) {
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
    let base = base.trim_end_matches('/').to_owned();
    let deployments = row.is_some_and(|row| row.deployments);
    let written = Written {
        base: &base,
        dialect,
        deployments,
        in_variables: fields.are_variables(),
    };
    let flaw = written.flaw().filter(|_| fields.has("base_url"));
    if let Some((message, hint)) = &flaw {
        fields.problem(Some("base_url"), message, hint);
    } else if let Some(remark) = written.remark() {
        fields.remark("base_url", &remark);
    }
    let base_uri = url(fields, "base_url", &base);
    if flaw.is_none() && base_uri.as_ref().is_some_and(|uri| uri.query().is_some()) && !deployments {
        let hint = if dialect == OPENAI {
            "put a query into `chat_url` and `models_url`"
        } else {
            "take it out; a key belongs into `api_keys`"
        };
        fields.problem(Some("base_url"), "it has a query", hint);
    }
    if dialect != OPENAI && fields.has("chat_url") {
        fields.problem(
            Some("chat_url"),
            format!("it is for the dialect `openai`, and the route has `{}`", dialect.name),
            "take it out: what stands before the endpoint belongs into `base_url`",
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

/// Splits a base address. With `deployments`, endpoints that do not belong to a deployment are beside the folder of
/// deployments, as in `https://r.example/openai/deployments/{model}?api-version=1`.
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

/// Returns the address of an endpoint below `address`.
fn below(address: &str, path: &str, query: Option<&str>) -> Option<Uri> {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{address}/{path}{query}").parse().ok()
}

/// Returns what is between the scheme and the path.
fn text_of(uri: &Uri) -> &str {
    uri.authority().map_or("", http::uri::Authority::as_str)
}

/// Reads the address in the field `name`. Reports one that is not whole, or that holds what belongs elsewhere.
fn url(fields: &mut Fields<'_, '_>, name: &str, text: &str) -> Option<Uri> {
    if text.is_empty() {
        return None;
    }
    // The one name in braces that the gateway replaces by a value.
    let filled = text.replace(Base::MODEL, "(model)");
    if let Some((at, char)) = filled.chars().enumerate().find(|(_, char)| is_foreign(*char)) {
        let message = format!(
            "expected an http or https URL: {} stands in it (character {})",
            named(char),
            at + 1
        );
        fields.problem(Some(name), message, &instead(char));
        return None;
    }
    let uri = text.parse::<Uri>().ok().filter(|uri| {
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

/// Whether a character is not allowed in addresses. Some readers pass it on as it is, others as an escape.
fn is_foreign(char: char) -> bool {
    !char.is_ascii_graphic() || "\\\"<>^`|{}".contains(char)
}

/// Returns what to do about a character that is not allowed in addresses.
fn instead(char: char) -> String {
    match keyboard(char) {
        _ if char == '\\' => "addresses have / only".to_owned(),
        _ if "<>{}".contains(char) => "put your own value in its place".to_owned(),
        Some(own) if own != ' ' => format!("type {own} instead"),
        None if !char.is_ascii() && !is_invisible(char) => {
            "write other letters as their escapes (%E4%B8%AD), and those of a host as xn--...".to_owned()
        }
        _ => "delete it: it came along when the address was copied".to_owned(),
    }
}

/// Whether a host is on a local network.
fn is_local(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<IpAddr>() {
        return match address {
            IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
            IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
        };
    }
    !host.contains('.') || host.ends_with(".local") || host.ends_with(".internal") || host.ends_with(".localhost")
}

/// Whether the host of an address is the machine that asks for it.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let is_loopback = |ip: IpAddr| ip.to_canonical().is_loopback();
    host == "localhost" || host.ends_with(".localhost") || host.parse().is_ok_and(is_loopback)
}

/// Reads the headers that go with every request upstream.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_names() {
        for host in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "api.localhost",
            "127.0.0.1",
            "127.8.8.8",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "localhost.example",
            "127.example",
            "10.0.0.1",
            "notlocalhost",
            "[::2]",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
