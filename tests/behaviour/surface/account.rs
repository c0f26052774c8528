//! What an upstream keeps in the account of a key: files, batches, responses and the like.

use serde_json::{Value, json};

use super::form::{Part, pattern};
use super::openai::{Answer, Expected, MODEL, RESPONSE, Request, list, unknown};
use super::sessions::{realtime, respond};

pub(super) fn objects(request: &Request<'_>, segments: &[&str]) -> Expected<Answer> {
    let file = || json!({"id": request.id("file"), "object": "file", "bytes": 200_000, "created_at": 1, "filename": "batch.jsonl", "purpose": "batch", "status": "processed"});
    let upload = |status: &str| json!({"id": request.id("upload"), "object": "upload", "bytes": 4, "created_at": 1, "expires_at": 2, "filename": "long.txt", "purpose": "assistants", "status": status});
    let batch = |status: &str| json!({"id": request.id("batch"), "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": request.id("file"), "completion_window": "24h", "created_at": 1, "status": status});
    let second = format!("after={}&limit=1", request.id("file"));
    Ok(match (request.method, segments, request.query.as_str()) {
        ("POST", ["files"], "") => {
            request.form(&[
                Part::field("purpose", "batch"),
                Part::file("file", "batch.jsonl", pattern(200_000)),
            ])?;
            Answer::Json(file())
        }
        ("GET", ["files"], "limit=1") => Answer::Json(json!({"object": "list", "data": [file()], "has_more": true})),
        ("GET", ["files"], query) if query == second => list(&json!([file()])),
        (_, ["files", id], "") => {
            request.finds("file", id)?;
            request.empty()?;
            match request.method {
                "GET" => Answer::Json(file()),
                "DELETE" => Answer::Json(json!({"id": id, "object": "file", "deleted": true})),
                _ => return unknown(request),
            }
        }
        ("GET", ["files", id, "content"], "") => {
            request.finds("file", id)?;
            Answer::Bytes("application/octet-stream", pattern(200_000))
        }
        ("POST", ["uploads"], "") => {
            request.json(
                &json!({"bytes": 4, "filename": "long.txt", "mime_type": "text/plain", "purpose": "assistants"}),
            )?;
            Answer::Json(upload("pending"))
        }
        ("POST", ["uploads", id, "parts"], "") => {
            request.finds("upload", id)?;
            request.form(&[Part::file("data", "part", pattern(4))])?;
            Answer::Json(json!({"id": request.id("part"), "object": "upload.part", "created_at": 1, "upload_id": id}))
        }
        ("POST", ["uploads", id, "complete"], "") => {
            request.finds("upload", id)?;
            request.json(&json!({"part_ids": [request.id("part")]}))?;
            Answer::Json(upload("completed"))
        }
        ("POST", ["batches"], "") => {
            request.json(&json!({"input_file_id": request.id("file"), "endpoint": "/v1/chat/completions", "completion_window": "24h"}))?;
            Answer::Json(batch("validating"))
        }
        ("GET", ["batches"], "limit=2") => list(&json!([batch("in_progress")])),
        ("GET", ["batches", id], "") => {
            request.finds("batch", id)?;
            Answer::Json(batch("in_progress"))
        }
        ("POST", ["batches", id, "cancel"], "") => {
            request.finds("batch", id)?;
            request.empty()?;
            Answer::Json(batch("cancelling"))
        }
        ("POST", ["vector_stores"], "") => {
            request.json(&json!({"name": "papers", "file_ids": [request.id("file")]}))?;
            let counts = json!({"in_progress": 1, "completed": 0, "failed": 0, "cancelled": 0, "total": 1});
            Answer::Json(
                json!({"id": request.id("vs"), "object": "vector_store", "created_at": 1, "name": "papers", "status": "in_progress", "usage_bytes": 0, "file_counts": counts, "last_active_at": null, "metadata": null}),
            )
        }
        ("POST", ["conversations"], "") => {
            request.json(&json!({"metadata": {"topic": "你好"}}))?;
            Answer::Json(
                json!({"id": request.id("conv"), "object": "conversation", "created_at": 1, "metadata": {"topic": "你好"}}),
            )
        }
        ("GET", ["fine_tuning", "jobs"], "limit=3") => list(&json!([{
            "id": request.id("ftjob"), "object": "fine_tuning.job", "created_at": 1, "model": MODEL, "organization_id": "org", "result_files": [], "seed": 1,
            "status": "running", "training_file": request.id("file"), "hyperparameters": {},
        }])),
        _ => return unknown(request),
    })
}

pub(super) fn responses(request: &Request<'_>, segments: &[&str]) -> Expected<Answer> {
    let upgrades = request.received.one("upgrade").is_some();
    let whole = |text: &str| {
        let content = json!([{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]);
        json!({
            "id": request.id("resp"), "object": "response", "created_at": 1, "status": "completed", "error": null, "incomplete_details": null, "model": MODEL,
            "output": [{"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": content}],
            "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "instructions": null, "metadata": {}, "temperature": 1.0, "top_p": 1.0,
        })
    };
    match (request.method, segments, request.query.as_str()) {
        ("GET", ["realtime"], "model=gpt-real") if upgrades => Ok(Answer::WebSocket(realtime)),
        ("GET", ["responses"], "") if upgrades => Ok(Answer::WebSocket(respond)),
        ("POST", ["responses"], "") => {
            let body: Value = serde_json::from_slice(&request.received.body).unwrap_or_default();
            if body["stream"] == true {
                request.json(&json!({"model": MODEL, "input": "hi", "stream": true}))?;
                Ok(Answer::Events(RESPONSE.into()))
            } else if body["previous_response_id"].is_null() {
                request.json(&json!({"model": MODEL, "input": "hi"}))?;
                Ok(Answer::Json(whole("你好")))
            } else {
                request.json(&json!({"model": MODEL, "input": "more", "store": false, "previous_response_id": request.id("resp")}))?;
                Ok(Answer::Json(whole("more")))
            }
        }
        ("GET", ["responses", id], query) => {
            request.finds("resp", id)?;
            match query {
                "" => Ok(Answer::Json(whole("你好"))),
                "starting_after=3&stream=true" => {
                    Ok(Answer::Events(RESPONSE.split_inclusive("\n\n").skip(4).collect()))
                }
                _ => unknown(request),
            }
        }
        ("GET", ["responses", id, "input_items"], "") => {
            request.finds("resp", id)?;
            let content = json!([{"type": "input_text", "text": "hi"}]);
            Ok(list(
                &json!([{"id": "msg_0", "type": "message", "role": "user", "status": "completed", "content": content}]),
            ))
        }
        ("DELETE", ["responses", id], "") => {
            request.finds("resp", id)?;
            Ok(Answer::Json(json!({"id": id, "object": "response", "deleted": true})))
        }
        _ => unknown(request),
    }
}
