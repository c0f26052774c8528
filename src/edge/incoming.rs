//! The runtime's request in the core's types.

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, Request, Uri};

use super::stream::{Message, Stream};
use super::{crossing, headers};

/// Returns the request in the core's types. Its body is not read.
pub(super) fn request(request: web_sys::Request) -> Request<Stream> {
    let text = crossing::request_head(&request);
    let mut lines = text.split('\n');
    let (method, url) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let headers = headers::read(lines);
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let mut core = Request::new(Stream::new(Message::Request(request), length, None));
    *core.uri_mut() = path_of(url);
    *core.method_mut() = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
    *core.headers_mut() = headers;
    core
}

/// Returns the path and the query of an absolute URL. A path that HTTP does not allow becomes one that no endpoint has.
fn path_of(url: &str) -> Uri {
    let path = url
        .splitn(4, '/')
        .nth(3)
        .map_or_else(|| "/".to_owned(), |path| format!("/{path}"));
    path.parse().unwrap_or_else(|_| Uri::from_static("/%00"))
}

/// Returns the address of the client, which Cloudflare puts into a header.
pub(super) fn client_address(headers: &HeaderMap) -> Option<String> {
    let address = headers.get("cf-connecting-ip")?;
    address.to_str().ok().map(str::to_owned)
}
