//! What an upstream says over a WebSocket.

use serde_json::{Value, json};
use tungstenite::Message;

use super::openai::{MODEL, RESPONSE};
use crate::websockets::WebSocket;

/// A session of Realtime: it says what it was set to, and one answer in two pieces.
pub(super) fn realtime(socket: &mut WebSocket) {
    let say = |socket: &mut WebSocket, event: Value| socket.send(Message::text(event.to_string())).is_ok();
    say(
        socket,
        json!({"type": "session.created", "event_id": "event_0", "session": {"type": "realtime", "model": MODEL}}),
    );
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else { continue };
        let event: Value = serde_json::from_str(&text).unwrap_or_default();
        let about = |kind: &str| json!({"type": kind, "event_id": "event_2", "response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0});
        match event["type"].as_str().unwrap_or_default() {
            "session.update" => {
                say(
                    socket,
                    json!({"type": "session.updated", "event_id": "event_1", "session": event["session"]}),
                );
            }
            "response.create" => {
                let with = |kind: &str, name: &str, value: Value| {
                    let mut event = about(kind);
                    event[name] = value;
                    event
                };
                say(
                    socket,
                    with(
                        "response.created",
                        "response",
                        json!({"id": "resp_1", "status": "in_progress"}),
                    ),
                );
                say(socket, with("response.output_text.delta", "delta", json!("你")));
                say(socket, with("response.output_text.delta", "delta", json!("好")));
                say(socket, with("response.output_text.done", "text", json!("你好")));
                say(
                    socket,
                    with(
                        "response.done",
                        "response",
                        json!({"id": "resp_1", "status": "completed"}),
                    ),
                );
            }
            other => {
                let error = json!({"type": "invalid_request_error", "code": "unknown_event", "message": other, "param": null, "event_id": null});
                say(socket, json!({"type": "error", "event_id": "event_3", "error": error}));
            }
        }
    }
}

/// A response for each `response.create`, its events as messages.
pub(super) fn respond(socket: &mut WebSocket) {
    while let Ok(message) = socket.read() {
        if matches!(&message, Message::Text(text) if text.contains("\"response.create\"")) {
            for data in RESPONSE.lines().filter_map(|line| line.strip_prefix("data: ")) {
                let _ = socket.send(Message::text(data));
            }
        }
    }
}
