//! Routes that lead back to the gateway itself, as far as their addresses show that. The others are found by the mark on
//! requests.

use http::Uri;
use http::uri::Scheme;

use super::address::is_loopback;
use super::load::Config;
use super::route::{Route, Upstream};
use super::server::Server;

/// Returns a note for each route whose upstream is the gateway that listens where `server` says. Its requests would be
/// refused with 508.
#[must_use]
pub fn loops(config: &Config, server: &Server) -> Vec<String> {
    let returning = config
        .routes
        .iter()
        .enumerate()
        .filter(|(_, route)| leads_back(route, server));
    returning
        .map(|(index, route)| {
            let users = config.routes.iter().filter(|user| user.fallbacks.contains(&index));
            let users: Vec<String> = users.map(|user| format!("`{}`", user.name)).collect();
            let also = if users.is_empty() {
                String::new()
            } else {
                format!(", a fallback of {},", users.join(", "))
            };
            format!(
                "route `{}`{also} leads back to this gateway ({}:{}): its requests will be refused with 508; give the provider's address",
                route.name, server.host, server.port
            )
        })
        .collect()
}

fn leads_back(route: &Route, server: &Server) -> bool {
    let Upstream::Http(addresses) = &route.upstream else {
        return false;
    };
    let base = addresses.base.url.parse::<Uri>().ok();
    let all = [base.as_ref(), addresses.chat_url.as_ref(), Some(&addresses.models_url)];
    all.into_iter().flatten().any(|uri| is_own(uri, server))
}

fn is_own(uri: &Uri, server: &Server) -> bool {
    let default = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let bare = |host: &str| host.trim_matches(['[', ']']).to_ascii_lowercase();
    let (asked, own) = (bare(uri.host().unwrap_or_default()), bare(&server.host));
    let everywhere = |host: &str| matches!(host, "0.0.0.0" | "::");
    let here = |host: &str| is_loopback(host) || everywhere(host);
    uri.port_u16().unwrap_or(default) == server.port && (asked == own || here(&asked) && here(&own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::server::LogFormat;
    use crate::config::variables::Variables;

    #[test]
    fn an_address_of_the_gateway_itself_is_known() {
        let listens = |host: &str| {
            let variables = [("HOST".to_owned(), host.to_owned())].into_iter().collect();
            let server = Server::load(&variables).unwrap();
            assert!(server.port == 8000 && server.log_format == LogFormat::Json);
            server
        };
        for (host, url, own) in [
            ("127.0.0.1", "http://127.0.0.1:8000/v1", true),
            ("127.0.0.1", "http://localhost:8000/v1", true),
            ("0.0.0.0", "http://localhost:8000/v1", true),
            ("::", "http://[::1]:8000/v1", true),
            ("10.1.2.3", "http://10.1.2.3:8000/v1", true),
            ("gateway.internal", "http://GATEWAY.internal:8000/v1", true),
            ("127.0.0.1", "http://localhost:8001/v1", false),
            ("127.0.0.1", "http://localhost/v1", false),
            ("10.1.2.3", "http://localhost:8000/v1", false),
            ("127.0.0.1", "http://other.example:8000/v1", false),
        ] {
            let uri = url.parse().unwrap();
            assert_eq!(is_own(&uri, &listens(host)), own, "{host} {url}");
        }
    }

    #[test]
    fn who_falls_back_to_it_is_named() {
        let config = Config::of_routes(
            r#"[{"token":"a","name":"a","base_url":"https://a.example/v1","api_keys":["k"],"fallbacks":["b"]},
                {"token":"b","name":"b","base_url":"http://localhost:8000/v1","api_keys":["a"]}]"#,
        )
        .unwrap();
        let notes = loops(&config, &Server::load(&Variables::default()).unwrap());
        assert_eq!(notes.len(), 1);
        assert!(
            notes[0].starts_with("route `b`, a fallback of `a`, leads back"),
            "{}",
            notes[0]
        );
    }
}
