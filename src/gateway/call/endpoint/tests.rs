//! The table of endpoints.

use http::{HeaderMap, HeaderName, HeaderValue, Request};

use super::*;
use crate::dialect::formats::{ANTHROPIC, GEMINI, RESPONSES};

/// What a request without headers asks for.
fn of(method: Method, target: &str) -> Result<Endpoint, Error> {
    let request = Request::builder().method(method).uri(target).body(()).unwrap();
    Endpoint::of(&request.into_parts().0)
}

#[test]
fn the_table_is_the_whole_truth() {
    let get = |path| of(Method::GET, path).map(|endpoint| endpoint.family);
    assert_eq!(get("/").unwrap(), Family::Home);
    assert_eq!(
        get("/v1/models/openai/gpt-4o:free").unwrap(),
        Family::Model("openai/gpt-4o:free".into())
    );
    assert_eq!(
        get("/v1/models/openai%2Fgpt-4o").unwrap(),
        Family::Model("openai%2Fgpt-4o".into())
    );
    for path in [
        "/models",
        "/v1",
        "/v1/",
        "//v1/models",
        "/v1//models",
        "/v1/../health",
        "/V1/models",
        "/v1/models/",
        "/v1/models//x",
        "/v1/models/../chat",
        "/v1/models/%2e%2E/x",
        "/v1/models/a%2f%2e%2e%2fb",
        "/v1/models/a%00b",
        "/v1/models/a%5Cb",
        "/v1/files/",
        "/v1/files/..%2f..%2fadmin",
        "/v1/files/a%2fb",
        "/v1/files/a%0d%0ab",
        "/health/",
        "/v1beta",
        "/v1beta/",
        "/v1beta//models",
        "/v1beta/models/../files",
        "/v1beta/models/a%2f..%2fb",
        "/v1beta/models/..%2Fx:generateContent",
        "/v1beta/files/a%2fb",
        "/v1betas/models",
        "/upload/v1beta/files",
    ] {
        assert_eq!(get(path).unwrap_err().kind, Kind::NotFound, "{path}");
    }
}

#[test]
fn whatever_else_the_upstream_has_is_passed_on() {
    for (method, path, rest) in [
        (Method::GET, "/v1/chat/completions", "chat/completions"),
        (Method::DELETE, "/v1/models/ft:x", "models/ft:x"),
        (Method::POST, "/v1/files", "files"),
        (Method::PATCH, "/v1/next/years/things", "next/years/things"),
    ] {
        assert_eq!(of(method, path).unwrap().family, Family::Passthrough(rest.into()));
    }
}

#[test]
fn streams_of_each_family_end_in_their_own_way() {
    for (path, ending) in [
        ("/v1/chat/completions", Ending::Done),
        ("/v1/completions", Ending::Done),
        ("/v1/messages", Ending::Message),
        ("/v1/responses", Ending::Response),
        ("/v1/responses/compact", Ending::Response),
        ("/v1beta/models/m:streamGenerateContent?alt=sse", Ending::Candidates),
        ("/v1/models/m:generateContent", Ending::Candidates),
        ("/v1beta/models/m:embedContent", Ending::Unknown),
        ("/v1/images/generations", Ending::Unknown),
    ] {
        assert_eq!(of(Method::POST, path).unwrap().ending, ending, "{path}");
    }
}

#[test]
fn pages_may_use_the_api_and_not_the_administration() {
    for (path, is_for) in [
        ("/v1/files", true),
        ("/", true),
        ("/administrators", true),
        ("/admin", false),
    ] {
        assert_eq!(is_for_pages(path), is_for, "{path}");
    }
    for path in ["/admin/", "/admin/api/routes", "/metrics", "/metrics/x"] {
        assert!(!is_for_pages(path), "{path}");
    }
}

#[test]
fn another_method_is_told_which_ones_there_are() {
    let error = of(Method::PUT, "/v1/chat/completions").unwrap_err();
    assert_eq!(
        (error.kind, error.allow),
        (Kind::MethodNotAllowed, Some("POST, GET, OPTIONS"))
    );
    assert!(of(Method::HEAD, "/health").is_ok());
}

#[test]
fn google_writes_the_model_and_what_is_wanted_of_it_into_the_path() {
    for (target, method, wish, label, is_array) in [
        (
            "/v1beta/models/v/m:generateContent",
            ModelMethod::Generate,
            Wish::Answer,
            "generate_content",
            false,
        ),
        (
            "/v1/models/v%2Fm:countTokens?alt=sse",
            ModelMethod::Count,
            Wish::Count,
            "count_tokens",
            false,
        ),
        (
            "/v1alpha/models/v/m%3AstreamGenerateContent",
            ModelMethod::Stream,
            Wish::Answer,
            "stream_generate_content",
            true,
        ),
        (
            "/v1beta/models/v/m:streamGenerateContent?key=k&al%74=sse",
            ModelMethod::Stream,
            Wish::Answer,
            "stream_generate_content",
            false,
        ),
        (
            "/v1beta/models/v/m:streamGenerateContent?alt=json",
            ModelMethod::Stream,
            Wish::Answer,
            "stream_generate_content",
            true,
        ),
    ] {
        let endpoint = of(Method::POST, target).unwrap();
        let family = Family::Generate {
            model: "v/m".into(),
            method,
        };
        assert_eq!(
            (&endpoint.family, endpoint.wish, endpoint.label),
            (&family, wish, label),
            "{target}"
        );
        assert_eq!(
            (endpoint.dialect, endpoint.class, endpoint.body),
            (GEMINI, Class::Stateless, BodyRule::Json)
        );
        assert_eq!(endpoint.streams_array(), is_array, "{target}");
    }
}

#[test]
fn an_array_passes_as_it_comes_and_its_error_is_read() {
    let array = of(Method::POST, "/v1beta/models/m:streamGenerateContent").unwrap();
    let events = of(Method::POST, "/v1beta/models/m:streamGenerateContent?alt=sse").unwrap();
    let answer = |status: u16| {
        let answer = Response::builder()
            .status(status)
            .header("content-type", "application/json; charset=UTF-8");
        answer.body(()).unwrap()
    };
    assert!(array.passes_raw(&answer(200)) && !array.is_unread());
    assert!(!array.passes_raw(&answer(429)) && !events.passes_raw(&answer(200)));
}

#[test]
fn whatever_else_google_has_is_passed_on() {
    for (method, path, family, label) in [
        (Method::GET, "/v1beta/models", Family::Models, "models"),
        (
            Method::GET,
            "/v1alpha/models/v/m:free",
            Family::Model("v/m:free".into()),
            "model",
        ),
        (
            Method::POST,
            "/v1beta/models/m:embedContent",
            Family::Passthrough("models/m:embedContent".into()),
            "model",
        ),
        (
            Method::POST,
            "/v1/models/m:embedContent",
            Family::Passthrough("models/m:embedContent".into()),
            "model",
        ),
        (
            Method::PATCH,
            "/v1beta/tunedModels/m",
            Family::Passthrough("tunedModels/m".into()),
            "other",
        ),
        (
            Method::POST,
            "/v1beta/messages",
            Family::Passthrough("messages".into()),
            "messages",
        ),
    ] {
        let endpoint = of(method, path).unwrap();
        assert_eq!((&endpoint.family, endpoint.label), (&family, label), "{path}");
        assert_eq!((endpoint.dialect, endpoint.wish), (GEMINI, Wish::Other), "{path}");
    }
}

#[test]
fn another_method_of_a_path_of_googles_is_told_which_ones_there_are() {
    for (method, path, allow) in [
        (Method::GET, "/v1beta/models/m:generateContent", "POST, OPTIONS"),
        (Method::GET, "/v1/models/m:countTokens", "POST, OPTIONS"),
        (Method::POST, "/v1beta/models/m", "GET, OPTIONS"),
        (Method::DELETE, "/v1beta/models", "GET, OPTIONS"),
        (Method::PUT, "/v1beta/models/m:embedContent", "GET, POST, OPTIONS"),
        (Method::POST, "/v1/models/ft:gpt-4o:my-org::7", "GET, DELETE, OPTIONS"),
    ] {
        let error = of(method, path).unwrap_err();
        assert_eq!(
            (error.kind, error.allow),
            (Kind::MethodNotAllowed, Some(allow)),
            "{path}"
        );
    }
}

#[test]
fn a_path_says_in_which_dialect_its_clients_read_errors_or_else_their_headers_do() {
    let headers = |name: Option<&'static str>| -> HeaderMap {
        let name = name.map(|name| (HeaderName::from_static(name), HeaderValue::from_static("x")));
        name.into_iter().collect()
    };
    let of = |path, name| dialect_of(path, &headers(name));
    for (path, plain, anthropics, googles, with_key) in [
        ("/v1beta", GEMINI, GEMINI, GEMINI, GEMINI),
        ("/v1alpha/nothing", GEMINI, GEMINI, GEMINI, GEMINI),
        ("/v1/models/m:generateContent", GEMINI, GEMINI, GEMINI, GEMINI),
        ("/v1/messages", ANTHROPIC, ANTHROPIC, ANTHROPIC, ANTHROPIC),
        ("/v1/messages/batches/x", ANTHROPIC, ANTHROPIC, ANTHROPIC, ANTHROPIC),
        ("/v1/responses", RESPONSES, RESPONSES, RESPONSES, RESPONSES),
        ("/v1/chat/completions", OPENAI, OPENAI, OPENAI, OPENAI),
        ("/chat", OPENAI, OPENAI, OPENAI, OPENAI),
        ("/v1/models", OPENAI, ANTHROPIC, GEMINI, GEMINI),
        ("/v1/models/x", OPENAI, ANTHROPIC, GEMINI, GEMINI),
        ("/v1/files/x", OPENAI, ANTHROPIC, GEMINI, OPENAI),
        ("/nothing", OPENAI, ANTHROPIC, GEMINI, OPENAI),
        ("", OPENAI, ANTHROPIC, GEMINI, OPENAI),
    ] {
        let expected = (plain, anthropics, googles, with_key);
        let found = (
            of(path, None),
            of(path, Some("anthropic-version")),
            of(path, Some("x-goog-api-client")),
            of(path, Some("x-goog-api-key")),
        );
        assert_eq!(found, expected, "{path}");
    }
}
