//! Lists of models in the shape that each client reads, whatever its upstreams speak.

use serde_json::{Value, json};

use crate::clients::run;
use crate::support::upstream::{JSON, Upstream};
use crate::support::{Gateway, Runtime, TOKEN, request, route};

const OPENAI_LIST: &str = r#"{"object":"list","data":[{"id":"v/m","object":"model","created":1739923200,"owned_by":"v","context_length":1000}],"extra":1}"#;
const ANTHROPIC_LIST: &str = r#"{"data":[{"type":"model","id":"v/m","display_name":"M","created_at":"2025-02-19T00:00:00Z","max_input_tokens":1000,"x":1.0}],"has_more":false,"first_id":"v/m","last_id":"v/m"}"#;
const GEMINI_LIST: &str =
    r#"{"models":[{"name":"models/v/m","version":"1","displayName":"M","inputTokenLimit":1000,"x":1.0}],"y":1}"#;

/// How a client asks for its list: a path, and header fields.
type Way = (&'static str, &'static str);

/// Each dialect's list, the query with which its upstreams are asked for it, and how its clients ask for it.
const LISTS: [(&str, &str, &str, &[Way]); 3] = [
    ("openai", OPENAI_LIST, "", &[("/v1/models", "")]),
    (
        "anthropic",
        ANTHROPIC_LIST,
        "?limit=1000",
        &[("/v1/models", "anthropic-version: 2023-06-01\r\n")],
    ),
    (
        "gemini",
        GEMINI_LIST,
        "?pageSize=1000",
        &[
            ("/v1beta/models", ""),
            ("/v1alpha/models", ""),
            ("/v1/models", "x-goog-api-client: google-genai-sdk/3.6.1\r\n"),
        ],
    ),
];

/// An upstream of a dialect with this list, and no pages of single models.
fn listing(spoken: &'static str, list: &'static str) -> Upstream {
    let missing = match spoken {
        "anthropic" => r#"{"type":"error","error":{"type":"not_found_error","message":"no such page"}}"#,
        "gemini" => r#"{"error":{"code":404,"message":"no such page","status":"NOT_FOUND"}}"#,
        _ => r#"{"error":{"message":"no such page","type":"invalid_request_error","param":null,"code":null}}"#,
    };
    Upstream::start(move |received, to| match received.line().split(['?', ' ']).nth(1) {
        Some("/v1/models") => to.answer("200 OK", JSON, list),
        _ => to.answer("404 Not Found", JSON, missing),
    })
}

/// The one model that a list of a dialect has: its name, and how many tokens it takes where the list says so.
fn listed(dialect: &str, list: &Value) -> (Value, Value) {
    match dialect {
        "openai" => {
            assert_eq!(list["object"], "list", "{list}");
            let model = &list["data"][0];
            assert_eq!(
                (&model["object"], &model["owned_by"].is_string()),
                (&json!("model"), &true)
            );
            assert!(model["created"].is_u64(), "{list}");
            (model["id"].clone(), Value::Null)
        }
        "anthropic" => {
            assert_eq!(
                (&list["has_more"], &list["first_id"]),
                (&json!(false), &list["data"][0]["id"])
            );
            let model = &list["data"][0];
            assert_eq!(model["type"], "model");
            assert!(
                model["display_name"].is_string() && model["created_at"].is_string(),
                "{list}"
            );
            (model["id"].clone(), model["max_input_tokens"].clone())
        }
        _ => {
            let model = &list["models"][0];
            let methods = model["supportedGenerationMethods"].as_array().map(Vec::len);
            assert!(
                model["displayName"].is_string() && methods.is_none_or(|methods| methods == 3),
                "{list}"
            );
            let name = model["name"].as_str().unwrap().strip_prefix("models/").unwrap();
            (name.into(), model["inputTokenLimit"].clone())
        }
    }
}

pub(crate) fn every_client_reads_the_list_of_every_upstream(runtime: Runtime) {
    for (spoken, list, query, _) in LISTS {
        let upstream = listing(spoken, list);
        let gateway = Gateway::to(
            runtime,
            &upstream,
            json!({"dialect": spoken, "api_keys": ["up-SECRET-1"]}),
        );
        for (read, _, _, ways) in LISTS {
            for (path, fields) in ways {
                let ask = |path: &str| gateway.raw(request("GET", path, TOKEN, fields, ""));
                let answer = ask(path);
                assert_eq!(answer.field("content-type"), Some("application/json"));
                let (name, tokens) = listed(read, &answer.json());
                assert_eq!(name, "v/m", "{spoken} {read}");
                assert!(tokens.is_null() || tokens == 1000, "{spoken} {read}: {tokens}");
                assert_eq!(answer.text() == list, spoken == read, "{}", answer.text());
                let one = ask(&format!("{path}/v%2Fm")).json();
                let member = if read == "gemini" { "name" } else { "id" };
                assert!(one[member].as_str().unwrap().ends_with("v/m"), "{spoken} {read}: {one}");
                let missing = ask(&format!("{path}/other"));
                let error = &missing.json()["error"];
                let shape = match read {
                    "anthropic" => error["type"] == "not_found_error",
                    "gemini" => error["status"] == "NOT_FOUND",
                    _ => error["type"] == "invalid_request_error",
                };
                assert!(
                    shape && missing.status == 404 && error["message"] == "no such page",
                    "{}",
                    missing.text()
                );
            }
        }
        let lists: Vec<String> = upstream
            .received()
            .iter()
            .map(|received| received.line().to_owned())
            .collect();
        // Once for each shape: it is kept for a minute.
        let asked = lists
            .iter()
            .filter(|line| **line == format!("GET /v1/models{query} HTTP/1.1"));
        assert_eq!(asked.count(), 3, "{lists:?}");
    }
}

pub(crate) fn the_sdks_of_every_dialect_read_the_list_of_every_upstream(runtime: Runtime) {
    let routes = LISTS.map(|(spoken, list, _, _)| {
        let upstream = listing(spoken, list);
        let token = format!("{TOKEN}-{spoken}");
        route(
            &token,
            &upstream,
            json!({"dialect": spoken, "api_keys": ["up-SECRET-1"]}),
        )
    });
    let gateway = Gateway::with_routes(runtime, &json!(routes));
    assert_eq!(run(&gateway, "PYTHON_BIN", "model_lists.py"), 44, "checks that ran");
}

pub(crate) fn pages_of_a_list_are_its_upstreams_or_there_is_one(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, ANTHROPIC_LIST);
    let fields = json!({"dialect": "anthropic", "api_keys": ["up-SECRET-1"]});
    let gateway = Gateway::to(runtime, &upstream, fields.clone());
    let version = "anthropic-version: 2023-06-01\r\n";
    gateway.raw(request("GET", "/v1/models?limit=1&after_id=a", TOKEN, version, ""));
    gateway.get("/v1beta/models?pageSize=1&pageToken=t");
    gateway.get("/v1/models?limit=5");
    let mut renamed = fields;
    renamed["aliases"] = json!({"fast": "v/m"});
    let gateway = Gateway::to(runtime, &upstream, renamed);
    let list = gateway
        .raw(request("GET", "/v1/models?limit=1&after_id=a", TOKEN, version, ""))
        .json();
    assert_eq!((&list["last_id"], &list["data"][0]["x"]), (&json!("fast"), &json!(1.0)));
    let lines: Vec<String> = upstream
        .received()
        .iter()
        .map(|received| received.line().to_owned())
        .collect();
    let expected = ["limit=1&after_id=a", "limit=1000", "limit=1000", "limit=1000"];
    assert_eq!(lines, expected.map(|query| format!("GET /v1/models?{query} HTTP/1.1")));
    for received in upstream.received() {
        assert_eq!(
            (received.one("x-api-key"), received.one("authorization")),
            (Some("up-SECRET-1"), None)
        );
        assert_eq!(received.one("anthropic-version"), Some("2023-06-01"));
    }
}

pub(crate) fn the_lists_of_upstreams_of_several_dialects_are_one(runtime: Runtime) {
    let gemini = Upstream::answering(
        "200 OK",
        JSON,
        r#"{"models":[{"name":"models/g-1"},{"name":"models/hidden"}]}"#,
    );
    let anthropic = Upstream::answering(
        "200 OK",
        JSON,
        r#"{"data":[{"type":"model","id":"c-1","display_name":"C"}]}"#,
    );
    let broken = Upstream::answering("200 OK", "content-type: text/html\r\n", "<html>");
    let routes = json!([
        route(
            TOKEN,
            &gemini,
            json!({
                "dialect": "gemini", "api_keys": ["up-SECRET-1"], "fallbacks": ["second", "third"], "models": ["g-*", "c-*", "fast"],
                "aliases": {"fast": "g-1"},
            })
        ),
        route(
            "gw-SECRET-2",
            &anthropic,
            json!({"name": "second", "dialect": "anthropic"})
        ),
        route(
            "gw-SECRET-3",
            &broken,
            json!({"name": "third", "api_keys": ["up-SECRET-3"]})
        ),
    ]);
    let gateway = Gateway::with_routes(runtime, &routes);
    let openai = gateway.get("/v1/models");
    let ids: Vec<Value> = openai.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].clone())
        .collect();
    assert_eq!(ids, ["g-1", "c-1", "fast"]);
    let google = gateway.get("/v1beta/models").json();
    let names: Vec<Value> = google["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["name"].clone())
        .collect();
    assert_eq!(names, ["models/g-1", "models/c-1", "models/fast"]);
    assert_eq!(
        google["models"][0],
        json!({"name": "models/g-1"}),
        "as its upstream wrote it"
    );
    assert_eq!(
        gateway.get("/v1beta/models/hidden").error_in("gemini"),
        (404, "model_not_found".into())
    );
    // A list that cannot be read is not one, and what the route names stands in for it.
    let odd = Upstream::answering("200 OK", JSON, r#"{"odd":1}"#);
    let gateway = Gateway::to(
        runtime,
        &odd,
        json!({"dialect": "gemini", "default_model": "d", "api_keys": ["up-SECRET-1"]}),
    );
    assert_eq!(gateway.get("/v1/models").json()["data"][0]["id"], "d");
    assert_eq!(gateway.get("/v1beta/models").text(), r#"{"odd":1}"#);
    let echo = Gateway::echo(runtime);
    assert_eq!(echo.get("/v1beta/models").json()["models"][0]["name"], "models/echo");
    assert_eq!(echo.get("/v1beta/models/echo").json()["displayName"], "echo");
}

pub(crate) fn every_client_reads_how_many_tokens_a_model_takes(runtime: Runtime) {
    let upstream = Upstream::answering(
        "200 OK",
        JSON,
        r#"{"object":"list","data":[{"id":"claude-opus-5"},{"id":"own","n":1.0}]}"#,
    );
    let fields = json!({"aliases": {"fast": "claude-opus-5", "other": "gemini-3-pro"}});
    let gateway = Gateway::to(runtime, &upstream, fields);
    let plain = gateway.get("/v1/models");
    let fast = r#"{"id":"fast","context_length":1000000,"max_completion_tokens":128000}"#;
    assert!(
        plain
            .text()
            .contains(&format!(r#"{{"id":"claude-opus-5"}},{{"id":"own","n":1.0}},{fast},"#)),
        "{}",
        plain.text()
    );
    assert!(plain.json().get("models").is_none());
    let google = gateway.get("/v1beta/models").json();
    let limits = |model: &Value| {
        (
            model["name"].clone(),
            model["inputTokenLimit"].clone(),
            model["outputTokenLimit"].clone(),
        )
    };
    assert_eq!(
        limits(&google["models"][0]),
        (json!("models/claude-opus-5"), json!(1_000_000), json!(128_000))
    );
    assert_eq!(
        limits(&google["models"][3]),
        (json!("models/other"), json!(1_048_576), json!(65_536))
    );
    let version = "anthropic-version: 2023-06-01\r\n";
    let anthropic = gateway.raw(request("GET", "/v1/models", TOKEN, version, "")).json();
    let fast = &anthropic["data"][2];
    assert_eq!(
        (&fast["id"], &fast["max_input_tokens"]),
        (&json!("fast"), &json!(1_000_000))
    );
}

pub(crate) fn codex_reads_a_list_of_its_own_beside_the_upstreams(runtime: Runtime) {
    let upstream = Upstream::answering("200 OK", JSON, OPENAI_LIST);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let answer = gateway.get("/v1/models?client_version=0.171.0");
    assert!(
        answer.text().starts_with(OPENAI_LIST.strip_suffix('}').unwrap()),
        "{}",
        answer.text()
    );
    let models = &answer.json()["models"];
    assert_eq!(
        (&models[0]["slug"], &models[0]["context_window"]),
        (&json!("v/m"), &json!(1000))
    );
    assert_eq!(gateway.get("/v1/models").text(), OPENAI_LIST);
    // An upstream that knows Codex has its own.
    let list = r#"{"data":[{"id":"m"}],"models":[{"slug":"m"}]}"#;
    let upstream = Upstream::answering("200 OK", JSON, list);
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    assert_eq!(gateway.get("/v1/models?client_version=0.171.0").text(), list);
    assert_eq!(upstream.only().line(), "GET /v1/models HTTP/1.1");
}
