//! Where a request goes: the upstream's addresses, with what the client's request adds to them.

use http::Uri;

use super::translate::Translated;
use crate::config::{Addresses, Base};
use crate::dialect::api::{google, surface};
use crate::dialect::formats::OPENAI;
use crate::gateway::call::ClientRequest;
use crate::gateway::call::endpoint::Family;
use crate::gateway::call::query::{encoded, with_value};

/// Returns the address at which an upstream is asked for `model`, or nothing where no address can be made of what the request
/// adds to it. A `translated` request has a path of its own.
pub(super) fn address(
    request: &ClientRequest<'_>,
    addresses: &Addresses,
    translated: Option<&Translated>,
    model: Option<&str>,
) -> Option<Uri> {
    let Addresses {
        base,
        chat_url,
        models_url,
    } = addresses;
    let asked = match request.endpoint.family {
        // Its query is its own, not the API's.
        Family::SimpleChat => None,
        _ if translated.is_some() => None,
        _ => request.query,
    };
    let rewritten = model
        .filter(|_| request.is_websocket())
        .map(|model| with_value(asked.unwrap_or_default(), "model", model));
    let query = rewritten.as_deref().or(asked);
    let chat = chat_url.as_ref().or(base.chat.as_ref());
    if let Some(translated) = translated {
        let chat = chat.filter(|_| translated.path == OPENAI.paths.whole);
        return chat.cloned().or_else(|| within(base, &translated.path, model));
    }
    let path = match &request.endpoint.family {
        Family::Models => return with_query(models_url, query),
        Family::Model(id) => return with_query(&below(models_url, id)?, query),
        Family::Embeddings => "embeddings",
        Family::Passthrough(path) => path,
        Family::Generate { method, .. } => &format!("{}:{}", google::in_full(model?), method.name()),
        Family::ChatCompletions
        | Family::SimpleChat
        | Family::Home
        | Family::Health
        | Family::Hello
        | Family::Preflight => {
            if let Some(url) = chat {
                return with_query(url, query);
            }
            "chat/completions"
        }
    };
    with_query(&within(base, path, model)?, query)
}

/// Returns the address of the endpoint `path` of an upstream.
fn within(base: &Base, path: &str, model: Option<&str>) -> Option<Uri> {
    let folder = if surface::is_deployed(path) {
        &base.url
    } else {
        &base.account
    };
    let url = match model.filter(|_| folder.contains(Base::MODEL)) {
        Some(model) => format!("{}/{path}", folder.replace(Base::MODEL, &encoded(model))),
        None => format!("{folder}/{path}"),
    };
    with_query(&url.parse().ok()?, base.query.as_deref())
}

fn with_query(url: &Uri, query: Option<&str>) -> Option<Uri> {
    let Some(query) = query else {
        return Some(url.clone());
    };
    let separator = if url.query().is_some() { '&' } else { '?' };
    format!("{url}{separator}{query}").parse().ok()
}

/// Returns the address of the model `id` below the list of models, whose query is kept.
fn below(url: &Uri, id: &str) -> Option<Uri> {
    let text = url.to_string();
    let (path, query) = text
        .split_once('?')
        .map_or((text.as_str(), None), |(path, query)| (path, Some(query)));
    let path = format!("{}/{id}", path.trim_end_matches('/'));
    query
        .map_or_else(|| path.clone(), |query| format!("{path}?{query}"))
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_their_queries() {
        let plain: Uri = "https://a.example/v1/models".parse().unwrap();
        let versioned: Uri = "https://a.example/v1/models?api-version=1".parse().unwrap();
        assert_eq!(
            with_query(&plain, Some("a=b")).unwrap(),
            "https://a.example/v1/models?a=b"
        );
        assert_eq!(
            with_query(&versioned, Some("a=b")).unwrap(),
            "https://a.example/v1/models?api-version=1&a=b"
        );
        assert_eq!(with_query(&versioned, None).unwrap(), versioned);
        assert_eq!(below(&plain, "x/y:z").unwrap(), "https://a.example/v1/models/x/y:z");
        assert_eq!(
            below(&versioned, "x").unwrap(),
            "https://a.example/v1/models/x?api-version=1"
        );
    }
}
