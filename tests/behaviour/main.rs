//! What clients and upstreams see: every behaviour written once and run against the native binary and against the Worker
//! in bare workerd.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot set up fails"
)]

mod accounts;
mod admission;
mod agents;
mod allowed;
mod answered_websockets;
mod bodies;
mod browser;
mod bypasses;
mod classes;
mod clients;
mod compression;
mod connections;
mod cooldowns;
mod costs;
mod cuts;
mod dialect_endpoints;
mod dialect_lists;
mod echo;
mod endpoints;
mod ends;
mod failover;
mod faults;
mod files;
mod forms;
mod headers;
mod http2;
mod keys;
mod leavers;
mod life_cycle;
mod limits;
mod lines;
mod lingering;
mod log;
mod long_answers;
mod long_events;
mod loops;
mod memory;
mod messages;
mod misplaced;
mod models;
mod nginx;
mod odd_answers;
mod oddities;
mod only_native;
mod only_worker;
mod open_responses;
mod outages;
mod overflow;
mod passthrough;
mod prices;
mod providers;
mod proxies;
mod readme;
mod refusals;
mod reuse;
mod routes;
mod sessions;
#[cfg(target_os = "linux")]
mod shortage;
mod silent_readers;
mod slow_readers;
mod soak;
mod stored;
mod stream_options;
mod streams;
mod strict_heads;
#[path = "../support/mod.rs"]
mod support;
mod surface;
mod tls;
mod transfers;
mod translated;
mod trust;
mod unwritable;
mod waiting;
mod watched;
mod websockets;

/// Makes two tests of each behaviour. One that is not listed is dead code, which the lints refuse.
macro_rules! behaviours {
    ($($topic:ident { $($name:ident),+ $(,)? })+) => {
        mod native {
            $(mod $topic {
                $(#[test]
                fn $name() {
                    crate::$topic::$name(crate::support::Runtime::Native);
                })+
            })+
        }
        mod worker {
            $(mod $topic {
                $(#[test]
                fn $name() {
                    crate::$topic::$name(crate::support::Runtime::Worker);
                })+
            })+
        }
    };
}

behaviours! {
    accounts {
        two_tokens_share_a_route_and_the_log_says_whose_a_request_is,
        a_token_that_has_expired_or_is_disabled_is_refused_before_its_body,
        a_token_is_used_from_its_addresses_only,
        a_token_has_models_of_its_own_within_those_of_the_route,
        a_body_is_read_where_the_tokens_own_models_are_limited,
        a_token_that_is_replaced_keeps_its_key,
    }
    agents {
        claude_code_writes_a_file_through_every_dialect,
        codex_writes_a_file_through_every_dialect,
        gemini_cli_writes_a_file_through_every_dialect,
        opencode_writes_a_file_through_every_dialect,
        no_agent_notices_what_fails_before_the_first_words,
        no_agent_takes_a_broken_answer_for_a_whole_one,
        an_agent_understands_that_its_prompt_is_too_long,
        claude_code_finds_the_models_of_the_gateway,
        codex_goes_on_with_conversations_over_several_accounts,
        codex_has_conversations_shortened_by_any_upstream,
        codex_speaks_over_a_websocket_with_any_upstream,
        codex_speaks_with_an_upstream_that_has_a_websocket_itself,
        codex_notices_nothing_over_a_websocket_of_what_fails_before_the_first_words,
        codex_asks_again_over_a_websocket_where_an_answer_breaks,
        codex_understands_over_a_websocket_that_its_prompt_is_too_long,
        codex_has_conversations_shortened_over_a_websocket,
    }
    bodies {
        only_the_model_changes_on_the_way_up,
        the_default_model_fills_a_missing_null_or_empty_one,
        an_alias_is_replaced_and_an_allow_list_is_kept,
        a_body_without_a_content_type_is_taken_for_json,
        embeddings_go_to_their_own_path,
        simple_chat_is_translated_both_ways,
        simple_chat_streams_chat_completions,
    }
    browser {
        a_page_of_another_origin_uses_the_sdk,
        only_pages_of_configured_origins_may_read_answers,
    }
    allowed {
        a_model_that_is_not_allowed_is_refused_wherever_it_stands,
        a_body_that_hides_its_model_is_refused,
        a_long_body_that_may_be_json_is_refused_where_models_are_limited,
        a_token_may_name_its_models_wherever_an_upstream_takes_them,
        what_must_be_read_has_a_limit_and_what_is_passed_has_none,
    }
    bypasses {
        paths_with_two_meanings_go_nowhere,
        dot_segments_never_leave_the_gateway,
        control_bytes_and_endless_paths_go_nowhere,
        the_administrators_part_is_refused_however_it_is_spelled,
        methods_that_a_path_does_not_have_are_told_which_it_has,
        an_unknown_token_gets_nowhere_in_any_class,
    }
    classes {
        every_endpoint_passes_byte_for_byte_both_ways,
        every_endpoint_of_the_administrator_is_refused_unless_the_route_opens_it,
        what_an_account_keeps_meets_one_key_and_everything_else_all_of_them,
        an_offer_of_a_call_is_answered_with_its_place,
        files_keep_their_name_their_length_and_their_bytes,
        a_file_that_looks_like_an_error_is_a_file,
        a_transcription_may_be_plain_text,
        streams_of_sound_and_of_images_pass_byte_for_byte,
        an_answer_without_a_body_stays_one,
        conditions_and_ranges_are_the_upstreams_business,
    }
    clients {
        the_python_sdk_works_unmodified,
        the_node_sdk_works_unmodified,
    }
    compression {
        what_is_passed_unread_may_be_compressed_as_the_client_likes,
        where_the_answer_is_read_it_is_asked_for_as_it_is,
        an_error_is_read_and_cleaned_even_where_it_came_compressed,
        an_error_that_stays_compressed_is_told_in_the_gateways_words,
        what_cannot_be_read_is_passed_at_once_and_breaks_where_it_breaks,
        a_compressed_stream_passes_unread_or_as_what_the_runtime_makes_of_it,
        a_compressed_answer_that_nobody_asked_for_reaches_the_client,
    }
    cuts {
        an_early_end_is_told_byte_for_byte_where_the_route_verifies_it,
        behind_the_news_of_a_cut_the_answer_is_over,
        a_stream_whose_choices_all_say_why_they_end_is_complete,
        a_break_is_told_behind_the_last_event,
        half_a_line_is_not_in_front_of_the_news_of_a_cut,
        a_stream_that_has_said_all_is_complete_however_it_ends,
        what_comes_behind_the_end_of_a_choice_makes_it_unfinished,
        behind_the_end_mark_a_break_is_no_news,
        behind_a_call_of_a_tool_nothing_is_asked_for_again,
        a_break_is_told_whatever_was_asked_for_and_whatever_has_come,
        a_stall_is_told_and_ends_the_request_upstream,
    }
    dialect_endpoints {
        every_refusal_has_the_shape_that_its_client_reads,
        what_only_the_shell_refuses_has_that_shape_too,
        the_key_in_the_address_is_the_token_where_google_has_its_keys,
        a_model_in_the_path_is_renamed_and_limited_like_any_other,
        whatever_else_google_has_reaches_its_upstreams_only,
        a_stream_that_is_an_array_comes_as_it_is_sent,
    }
    dialect_lists {
        every_client_reads_the_list_of_every_upstream,
        the_sdks_of_every_dialect_read_the_list_of_every_upstream,
        pages_of_a_list_are_its_upstreams_or_there_is_one,
        the_lists_of_upstreams_of_several_dialects_are_one,
        every_client_reads_how_many_tokens_a_model_takes,
        codex_reads_a_list_of_its_own_beside_the_upstreams,
    }
    echo {
        echo_says_the_same_in_every_dialect,
        echo_calls_tools_and_follows_schemas,
        echo_compacts_a_conversation_and_goes_on_with_it,
    }
    endpoints {
        health_and_home_need_no_token_and_tell_nothing,
        the_list_of_models_passes_unchanged,
        a_filtered_list_holds_what_is_allowed_and_the_aliases,
        one_model_is_asked_for_by_its_id,
        preflights_are_answered_for_every_path,
        pages_of_other_origins_have_no_part_in_the_administration,
        pages_may_read_whatever_limits_an_upstream_tells,
        a_chat_that_is_streamed_unasked_is_no_reply,
        configured_origins_are_the_only_ones,
        echo_answers_whole_and_word_by_word,
        echo_embeds_in_both_formats,
    }
    failover {
        failing_keys_are_stepped_over_unnoticed,
        a_connection_that_breaks_or_is_refused_moves_on_to_the_fallback,
        a_whole_answer_that_breaks_is_tried_elsewhere,
        the_clients_own_mistakes_come_back_untouched_after_one_attempt,
        the_clients_own_mistakes_need_not_be_told_in_json,
        when_everything_failed_the_cause_is_told,
        when_everything_failed_the_last_answer_of_an_upstream_is_told,
        a_rate_limit_on_every_key_keeps_its_retry_after,
        attempts_end_at_their_maximum,
        a_fallback_is_spared_an_attempt_where_no_maximum_is_set,
        an_upstream_that_does_not_know_stream_options_is_asked_without_them,
        an_upstream_that_failed_is_left_alone_while_its_fallback_serves,
        an_accounts_limit_burns_one_further_key,
        a_silent_upstream_is_ended_by_the_timeout,
        an_answer_that_stalls_is_ended_by_the_timeout,
    }
    faults {
        the_fault_matrix_is_as_written,
        with_a_fallback_no_fault_ends_in_a_false_success_where_every_piece_is_read,
    }
    forms {
        a_form_that_readers_differ_on_reaches_no_upstream,
        all_models_of_a_form_are_judged_and_replaced,
        a_default_model_stands_behind_the_preamble_of_a_form,
        a_form_whose_model_does_not_matter_passes_as_it_is,
    }
    headers {
        a_token_that_is_repeated_stays_here,
        of_two_content_types_the_first_counts,
        the_upstream_sees_the_allow_list_and_nothing_else,
        the_clients_headers_lose_against_the_operators,
        what_ends_with_the_clients_connection_is_not_passed_on,
        the_answer_keeps_what_matters_and_loses_what_is_hop_by_hop,
        a_safe_request_id_is_kept_and_another_replaced,
        every_answer_has_the_request_id_and_every_proxied_one_its_attempts,
        azure_gets_its_key_in_its_own_header,
    }
    keys {
        the_same_request_id_starts_with_the_same_key,
        sticky_rotation_keeps_a_conversation_on_its_key,
        no_key_is_tried_twice_for_one_request,
        every_key_has_its_rank_and_not_only_the_first,
        a_thousand_requests_with_two_of_three_keys_dead_see_no_error,
        keys_without_credit_are_no_keys_and_the_first_that_wakes_is_told,
        a_key_that_may_be_good_is_told_before_those_that_are_not,
        what_a_moderation_finds_in_a_request_costs_no_key_its_rest,
    }
    leavers {
        one_that_leaves_before_its_answer_is_told_once_and_asked_for_no_further,
        one_that_leaves_in_the_middle_of_its_body_is_told_as_one_that_left,
        one_that_leaves_a_stream_is_told_once_with_what_was_known,
    }
    long_answers {
        a_good_answer_of_any_length_passes_and_is_asked_for_once,
        a_long_answer_that_would_have_to_be_changed_is_asked_for_once,
        half_a_long_answer_does_not_look_whole,
        a_long_error_passes_without_secrets,
    }
    costs {
        a_request_costs_what_the_price_of_its_model_says,
        a_stream_has_its_cost_when_it_has_ended,
        what_the_upstream_says_that_it_cost_wins_in_every_dialect,
        the_route_that_answers_has_the_price,
        prices_for_all_routes_are_in_the_table_or_in_a_variable,
    }
    lines {
        a_path_that_leads_nowhere_is_in_the_log,
        the_clients_address_is_in_the_log_where_that_is_wanted,
    }
    loops {
        a_gateway_that_is_its_own_upstream_is_asked_once_more_and_no_further,
        two_gateways_that_are_each_others_fallback_find_out,
        replicas_with_one_table_are_one_gateway,
        gateways_in_a_row_are_no_loop,
        a_row_has_an_end_and_what_is_no_mark_goes_nowhere,
    }
    misplaced {
        a_body_of_responses_at_chat_completions_is_read_as_one,
        tools_without_a_function_around_them_are_tools,
        tools_among_the_items_go_where_the_upstream_takes_them,
    }
    models {
        the_lists_of_all_upstreams_are_one,
        a_list_is_given_out_again_while_it_is_fresh,
        a_list_outlives_its_upstream_for_a_while,
        an_upstream_without_a_list_gets_the_one_that_its_route_implies,
        a_model_with_slashes_is_found_in_the_list_where_it_has_no_page,
        a_list_of_another_shape_is_read_like_any_other,
    }
    ends {
        an_event_that_was_left_open_is_closed,
        each_endpoint_has_its_own_end,
    }
    lingering {
        behind_its_end_a_stream_is_ended_though_its_upstream_is_silent,
        behind_its_end_a_stream_is_ended_though_its_upstream_goes_on,
        a_stream_that_stalls_behind_its_last_words_is_complete,
        usage_that_comes_late_is_waited_for,
        a_slow_client_gets_all_of_a_stream_that_is_over,
    }
    long_events {
        a_long_error_is_a_failed_attempt_like_any_other,
        the_code_of_a_long_error_counts,
        a_long_error_shows_no_secret,
        what_says_nothing_yet_is_no_content_however_long_it_is,
        a_line_is_sent_when_it_is_complete_or_long,
    }
    odd_answers {
        a_whole_answer_that_cannot_be_read_passes_and_is_asked_for_once,
        a_refusal_in_front_of_the_upstream_lets_no_key_rest,
    }
    oddities {
        a_stream_that_begins_with_an_error_of_any_shape_is_tried_elsewhere,
        a_stream_of_unknown_type_that_begins_with_nothing_is_one,
        an_error_that_says_nothing_is_none,
        an_empty_reason_to_finish_is_none,
        a_long_event_is_read_at_both_ends,
        an_error_that_breaks_is_still_that_error,
        a_secret_that_comes_in_pieces_is_redacted,
        a_short_secret_is_left_in_a_stream_of_plain_text,
        an_error_that_is_cut_shows_no_secret,
        what_may_be_an_error_is_held_back_no_longer_than_its_line,
        a_message_that_breaks_ends_with_an_event_its_clients_know,
        a_thing_that_failed_is_an_answer_like_any_other,
        an_error_whose_words_do_not_come_is_still_that_error,
        a_beginning_without_content_is_not_kept_for_ever,
        when_a_fallback_is_limited_its_own_limit_is_told,
        waiting_helps_where_it_helps_one_of_the_keys,
        a_body_where_none_belongs_is_no_upstreams_fault,
    }
    open_responses {
        every_check_holds_with_one_key,
        every_check_holds_with_three_keys_of_which_one_is_limited,
        every_check_holds_with_sticky_rotation,
        every_check_holds_with_aliases,
        every_check_holds_with_an_allow_list,
        every_check_holds_where_the_upstream_has_chat_completions_only,
        every_check_holds_where_the_upstream_has_anthropics_messages,
        compat_canary_has_nothing_to_say_against_the_demo,
    }
    outages {
        an_outage_of_one_account_or_model_is_not_paid_for_by_every_request,
    }
    overflow {
        the_words_of_a_vendor_pass_untouched_to_its_own_clients,
        every_client_reads_its_own_vendors_words_whoever_says_so,
        where_nobody_says_how_many_tokens_there_are_the_table_of_models_helps,
        other_mistakes_of_clients_keep_their_words,
    }
    passthrough {
        any_method_and_path_is_passed_on_as_it_is,
        the_model_is_replaced_wherever_it_stands,
        answers_of_any_type_pass_byte_for_byte,
        the_operators_part_is_refused_unless_the_route_opens_it,
        what_lives_in_an_account_is_asked_of_its_key,
        a_response_stream_ends_with_its_own_event,
        a_long_upload_is_streamed_on,
        a_compressed_body_passes_where_nothing_is_read_in_it,
    }
    providers {
        azure_deployments_are_part_of_the_address,
        a_model_that_leads_to_another_address_is_refused,
        azures_newer_address_is_like_any_other,
        openrouters_own_fields_and_headers_pass,
        a_key_goes_upstream_in_the_header_of_the_dialect,
        local_servers_need_no_key,
        geminis_models_are_the_same_with_and_without_their_prefix,
        a_local_server_that_still_loads_is_an_upstream_that_fails,
        workers_ai_keeps_its_models_names_and_its_envelope,
    }
    readme {
        every_command_works_against_the_demo,
    }
    refusals {
        bodies_that_cannot_be_read_are_refused,
        paths_and_methods_that_do_not_exist_are_refused,
        callers_without_a_known_token_are_refused,
        a_known_token_beside_unknown_ones_suffices,
        heads_and_bodies_over_the_limit_are_refused,
        a_client_that_sends_65_megabytes_learns_why_they_are_refused,
        a_refusal_waits_for_no_body_that_does_not_come,
        a_secret_in_an_upstreams_error_is_redacted,
        a_secret_is_redacted_however_it_is_spelled,
        a_secret_in_a_streams_error_is_redacted,
        a_key_that_comes_back_in_a_header_stays_here,
    }
    cooldowns {
        the_log_says_how_long_each_failure_lets_a_key_rest,
        a_limited_key_is_passed_over_until_its_time_is_up,
        a_limit_holds_for_its_model_and_an_empty_quota_for_all,
        a_key_that_is_refused_rests_alone,
        a_key_that_serves_again_is_the_first_again,
        a_limited_key_that_serves_again_is_the_first_again,
        when_every_key_rests_the_one_that_wakes_first_is_tried,
        what_recovers_is_served_again_at_once_where_nothing_else_is_awake,
        what_recovers_is_served_again_at_once_where_its_fallback_rests_too,
        a_failed_upstream_rests_and_is_then_asked_by_one_request_at_a_time,
        a_failed_probe_doubles_an_upstreams_rest,
        a_timeout_lets_nobody_rest,
        an_accounts_limit_falls_back_and_lets_all_its_keys_rest,
    }
    reuse {
        a_key_does_not_meet_the_connection_that_another_ones_failure_closed,
    }
    routes {
        two_tokens_reach_two_upstreams,
        a_token_may_be_configured_as_its_digest,
        the_single_token_variables_still_work,
        the_key_named_after_the_provider_comes_first,
        the_key_of_openai_goes_where_its_sdks_would_send_it,
        what_is_set_and_passed_over_is_told,
        full_urls_replace_the_usual_ones,
        numbered_parts_are_joined,
    }
    sessions {
        a_session_keeps_its_key_whatever_the_rotation,
        what_a_client_says_of_its_conversation_has_an_order,
        thirty_conversations_over_three_accounts_keep_their_state,
        a_conversation_in_another_dialect_keeps_its_key,
        what_refers_to_an_account_meets_the_key_of_its_files,
        where_the_owner_of_the_state_has_died_the_conversation_goes_on_without_it,
        a_response_is_looked_for_with_the_other_keys,
    }
    slow_readers {
        a_client_that_does_not_read_slows_the_upstream_down,
    }
    waiting {
        a_stream_without_content_goes_to_the_fallback_after_first_token_timeout,
        a_request_waits_for_a_limited_key_as_long_as_the_route_says,
        a_client_that_leaves_ends_the_wait_for_a_key,
    }
    answered_websockets {
        a_message_is_answered_by_an_upstream_of_any_dialect,
        a_warm_up_asks_nobody_and_the_next_message_goes_on_from_it,
        what_a_token_may_use_holds_in_every_message,
        an_upstream_that_has_a_websocket_and_none_is_asked_once,
        an_error_is_a_message_and_the_connection_goes_on,
        an_unknown_response_is_one_that_is_not_found_where_nothing_is_stored,
        messages_that_come_at_once_are_answered_one_after_the_other,
        a_message_is_as_long_as_a_body_and_no_longer,
        a_client_that_leaves_ends_the_request_upstream,
        a_browser_gets_one_of_its_subprotocols,
    }
    websockets {
        both_sides_hear_each_other_and_how_the_other_closed,
        an_upstream_that_closes_says_why,
        a_browser_sends_its_token_as_a_subprotocol,
        a_failing_key_is_stepped_over_before_the_handshake,
        an_upstream_without_a_websocket_is_told_with_426,
        when_one_side_is_gone_the_other_is_let_go,
        a_plain_request_to_the_same_path_is_passed_on,
    }
    stream_options {
        every_shape_in_which_they_are_refused_is_understood,
        a_refusal_that_quotes_them_is_the_clients_own,
        they_stay_out_for_others_only_where_leaving_them_out_has_helped,
    }
    streams {
        a_stream_passes_byte_for_byte,
        every_event_arrives_before_the_next_is_sent,
        a_long_stream_in_odd_pieces_is_the_same_stream,
        a_stream_that_fails_behind_what_is_no_content_is_tried_elsewhere,
        a_response_that_fails_before_its_first_item_is_tried_elsewhere,
        a_stream_that_does_not_say_what_it_is_is_one,
        the_first_event_is_not_held_back_for_another_one,
        the_last_possible_attempts_head_goes_out_before_its_first_content,
        a_head_is_not_held_back_for_much_longer_than_15_seconds,
        a_lively_stream_is_not_bounded_by_any_timeout,
        before_its_first_content_a_stream_has_its_timeout,
        usage_is_read_on_the_way_and_goes_into_the_log,
        the_log_has_the_tokens_of_whole_answers_and_nothing_that_was_said,
        a_client_that_leaves_a_stream_ends_it_upstream,
        a_client_that_closes_a_lively_stream_ends_it_upstream,
        a_client_that_leaves_before_the_head_ends_the_request_upstream,
        a_request_upstream_ends_within_a_second_of_its_clients_leaving,
    }
    surface {
        the_python_sdk_reaches_the_whole_surface,
        the_node_sdk_reaches_the_whole_surface,
    }
    transfers {
        a_large_upload_and_a_large_download_pass_byte_for_byte,
        a_slow_upload_and_a_slow_download_outlast_the_timeout,
        an_upload_of_unknown_length_passes_byte_for_byte,
        an_answer_that_comes_before_the_upload_is_complete_is_handed_on,
        an_upstream_that_dies_in_the_middle_of_an_upload_is_told,
        a_client_that_leaves_in_the_middle_of_an_upload_ends_it_upstream,
        a_client_that_leaves_a_download_ends_it_upstream,
        half_a_download_does_not_look_whole,
        an_upload_whose_answer_stalls_ends_with_the_timeout,
    }
    translated {
        the_prompt_cache_of_a_conversation_stays_warm_in_every_dialect,
        a_conversation_is_compacted_in_front_of_every_upstream,
        a_summary_is_opened_by_its_owner_only,
        a_state_secret_opens_summaries_of_all_tokens_and_so_does_an_old_one,
        an_upstream_that_compacts_by_itself_is_let_do_so,
        an_upstream_that_knows_no_trigger_is_asked_in_words,
        what_is_wrong_with_a_request_for_a_summary_reaches_its_client,
        every_client_reaches_every_upstream,
        text_of_any_script_comes_whole_through_any_pieces,
        the_first_words_come_as_soon_as_the_upstreams,
        the_same_dialect_passes_byte_for_byte,
        a_gemini_client_may_want_one_array,
        what_keeps_a_connection_alive_has_the_clients_form,
        the_simple_chat_reaches_every_upstream,
        tokens_are_counted_by_the_upstream_or_estimated,
        lists_of_models_have_the_clients_shape,
        what_is_lost_is_named_in_a_header,
        at_most_twenty_names_are_told,
        a_strict_route_refuses_what_would_be_lost,
        what_an_upstream_would_have_to_remember_is_refused,
        what_an_upstream_cannot_be_asked_for_is_refused,
        what_has_another_name_is_carried,
        a_broken_stream_ends_in_the_clients_own_error,
        a_reset_ends_in_the_clients_own_error,
        an_array_that_breaks_has_the_error_at_its_end,
        an_upstreams_error_becomes_the_clients,
        a_key_that_an_upstream_rejects_is_no_fault_of_the_clients,
        the_gateways_own_errors_have_the_clients_dialect,
        secrets_are_taken_out_of_translated_errors,
        a_fallback_of_another_dialect_answers,
        a_whole_answer_that_is_none_is_the_gateways_error,
        a_missing_path_is_not_what_the_client_reads_of,
        a_path_that_is_missing_is_learned,
        a_path_that_is_there_is_used_untouched,
        a_model_that_is_missing_is_not_a_path_that_is,
        a_client_that_leaves_lets_the_upstream_go,
        models_are_chosen_as_in_every_dialect,
        a_gemini_client_may_spell_its_path_in_several_ways,
        translated_answers_are_in_the_log_with_their_tokens,
        a_stream_that_stalls_ends_in_the_clients_own_error,
        openais_python_sdk_reaches_every_dialect,
        openais_node_sdk_reaches_every_dialect,
        anthropics_python_sdk_reaches_every_dialect,
        anthropics_node_sdk_reaches_every_dialect,
        googles_python_sdk_reaches_every_dialect,
        googles_node_sdk_reaches_every_dialect,
    }
    watched {
        an_error_behind_content_is_cleaned_of_secrets_however_it_arrives,
        a_client_that_leaves_a_silent_stream_ends_it_upstream,
    }
}
