//! The kinds of check that the public Open Responses compliance suite has, on every kind of route, and a few more of the same sort. What a
//! client gets is judged by the specification: each object, each event, and their order.

mod canary;
mod http;
mod judge;
mod route;
mod sdk;
mod sockets;
mod stream;
mod upstream;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub(crate) use self::canary::*;
use self::route::{Kind, Route};
use self::{http as over_http, sockets as over_websocket};
use crate::support::Runtime;

type Holds = fn(&Route);

/// A check: the name that the suite has for it, if it is one of its 17; what has to hold; and what holds instead where the upstream speaks
/// another dialect, if that cannot.
type Check = (&'static str, Holds, Option<Holds>);

/// Names a function and the check that it is.
macro_rules! checks {
    ($($suite:literal $holds:path $(, else $instead:path)?;)+) => {
        [$((concat!($suite, " ", stringify!($holds)), $holds as Holds, checks!(@instead $($instead)?))),+]
    };
    (@instead) => { None };
    (@instead $instead:path) => { Some($instead as Holds) };
}

const CHECKS: [Check; 29] = checks! {
    "basic-response" over_http::a_text_is_a_complete_response;
    "assistant-phase" over_http::phases_of_earlier_messages_are_taken;
    "response-output-phase-schema" over_http::phases_of_an_answer_come_through, else over_http::an_answer_without_phases_has_none;
    "streaming-response" over_http::a_stream_has_every_event_in_its_order;
    "system-prompt" over_http::a_system_prompt_reaches_the_model;
    "tool-calling" over_http::a_tool_is_called;
    "image-input" over_http::an_image_reaches_the_model;
    "multi-turn" over_http::earlier_messages_reach_the_model;
    "compact-response" over_http::a_conversation_is_compacted;
    "compact-missing-model" over_http::a_compaction_without_a_model_is_refused;
    "websocket-response" over_websocket::a_websocket_brings_the_same_events;
    "websocket-sequential-responses" over_websocket::a_websocket_answers_one_message_after_the_other;
    "websocket-continuation" over_websocket::a_websocket_goes_on_from_what_nobody_stores;
    "websocket-reconnect-store-false-recovery" over_websocket::a_new_websocket_does_not_know_what_nobody_stored;
    "websocket-previous-response-not-found" over_websocket::an_unknown_response_is_not_found;
    "websocket-failed-continuation-evicts-cache" over_websocket::a_response_that_could_not_be_gone_on_from_is_forgotten;
    "websocket-compact-new-chain" over_websocket::a_compacted_conversation_goes_on_over_a_websocket;
    // Behind the 17.
    "" over_http::usage_is_the_upstreams;
    "" over_http::a_streamed_call_of_a_tool_has_every_event_in_its_order;
    "" over_http::the_result_of_a_tool_goes_back;
    "" over_http::a_file_reaches_the_model;
    "" over_http::a_stored_response_is_gone_on_from, else over_http::a_stored_response_is_refused_with_what_to_do_instead;
    "" over_http::reasoning_has_a_summary;
    "" over_http::an_answer_follows_a_schema;
    "" over_http::an_answer_that_is_cut_is_incomplete;
    "" over_http::a_limit_is_told_with_the_time_to_wait;
    "" over_websocket::a_limit_over_a_websocket_is_a_response_that_failed;
    "" over_http::a_mistake_gets_an_error_object;
    "" over_websocket::a_warm_up_over_a_websocket_is_a_complete_response_without_output;
};

/// Runs all checks on a route, and tells of all that fail.
fn hold(runtime: Runtime, kind: Kind) {
    let route = Route::new(runtime, kind);
    let mut first = None;
    for (name, holds, instead) in CHECKS {
        let holds = instead.filter(|_| kind.is_translated()).unwrap_or(holds);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| holds(&route))) {
            eprintln!("FAILED on {kind:?}: {}", name.trim_start());
            first.get_or_insert(panic);
        }
    }
    if let Some(panic) = first {
        resume_unwind(panic);
    }
    if kind.is_translated() {
        sdk::reads(&route);
    }
}

pub(crate) fn every_check_holds_with_one_key(runtime: Runtime) {
    hold(runtime, Kind::OneKey);
}

pub(crate) fn every_check_holds_with_three_keys_of_which_one_is_limited(runtime: Runtime) {
    hold(runtime, Kind::ThreeKeys);
}

pub(crate) fn every_check_holds_with_sticky_rotation(runtime: Runtime) {
    hold(runtime, Kind::Sticky);
}

pub(crate) fn every_check_holds_with_aliases(runtime: Runtime) {
    hold(runtime, Kind::Aliases);
}

pub(crate) fn every_check_holds_with_an_allow_list(runtime: Runtime) {
    hold(runtime, Kind::AllowList);
}

pub(crate) fn every_check_holds_where_the_upstream_has_chat_completions_only(runtime: Runtime) {
    hold(runtime, Kind::ChatOnly);
}

pub(crate) fn every_check_holds_where_the_upstream_has_anthropics_messages(runtime: Runtime) {
    hold(runtime, Kind::Messages);
}
