//! Where a request goes: the upstream's addresses, with what the client's request adds to them.

use http::Uri;

pub(super) fn with_query(url: &Uri, query: Option<&str>) -> Option<Uri> {
    let Some(query) = query else {
        return Some(url.clone());
    };
    let separator = if url.query().is_some() { '&' } else { '?' };
    format!("{url}{separator}{query}").parse().ok()
}

/// The address of the model `id` below the list of models, whose query is kept.
pub(super) fn below(url: &Uri, id: &str) -> Option<Uri> {
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
