"""What Anthropic's Python SDK makes of upstreams of every dialect. One line per check; fails at the first."""

import json

import anthropic
from judge import ANSWER, CITY, GATEWAY, HELLO, MIXED, PARALLEL, PIXEL, REFUSAL, SCHEMA, SPLIT, UNICODE, by_turns, equal, fails, judge

MESSAGES = [{"role": "user", "content": "hi"}]
TOOLS = [{"name": "get_weather", "description": "Says the weather.", "input_schema": CITY}]
THINKING = {"type": "enabled", "budget_tokens": 2000}


def client_of(token, **more):
    return anthropic.Anthropic(base_url=GATEWAY, api_key=token, max_retries=0, timeout=60, **more)


def called(message):
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def thought(message):
    return "".join(block.thinking for block in message.content if block.type == "thinking")


def messages(upstream, token):
    client = client_of(token)

    def ask(model, history=MESSAGES, **more):
        return client.messages.create(model=model, max_tokens=4000, system="Be brief.", messages=history, **more)

    def stream(model, history=MESSAGES, **more):
        with client.messages.stream(model=model, max_tokens=4000, messages=history, **more) as events:
            return events.get_final_message()

    def both(model, **more):
        return stream(model, **more), ask(model, **more)

    for message in both("by-another-name"):
        equal((text_of(message), message.stop_reason, message.type, message.role), (HELLO, "end_turn", "message", "assistant"))
        equal((message.usage.input_tokens, message.usage.output_tokens), (9, 4))
        if upstream != "anthropic":
            equal(message.model, "by-another-name")
    yield "messages"

    equal(text_of(stream("s02_text_unicode")), UNICODE)
    with client.messages.stream(model="s02_text_unicode", max_tokens=100, messages=MESSAGES) as events:
        equal("".join(events.text_stream), UNICODE)
    yield "streamed"

    for model, calls in (("s03_tool_args_split", [("get_weather", SPLIT)]), ("s04_parallel_tools", PARALLEL)):
        for message in both(model, tools=TOOLS):
            equal((called(message), message.stop_reason), (calls, "tool_use"))
            ids = {block.id for block in message.content if block.type == "tool_use"}
            equal(len(ids), len(calls))
    model, calls = by_turns(upstream)
    equal(called(stream(model, tools=TOOLS)), calls)
    yield "tools"

    for message in both("s18_multi_text_think_tools", tools=TOOLS, thinking=THINKING):
        equal((text_of(message), thought(message), called(message)), ("Step 1. ", "First plan.", MIXED))
    yield "text and thoughts and tools"

    for message in both("s06_reasoning_text", thinking=THINKING):
        equal((text_of(message), thought(message), message.content[0].type), ("4", "The user wants 2+2.", "thinking"))
        assert message.content[0].signature
    equal(message.usage.output_tokens, 30)
    yield "thoughts"

    for message in both("s08_refusal"):
        equal(text_of(message), REFUSAL)
        if upstream not in ("openai", "responses"):
            equal(message.stop_reason, "refusal")
    yield "a refusal"

    for message in both("s09_length"):
        equal((text_of(message), message.stop_reason), ("Once upon a time there", "max_tokens"))
    yield "the most tokens"

    for message in both("s12_usage_cached"):
        usage = message.usage
        equal((usage.cache_read_input_tokens, usage.input_tokens + usage.cache_creation_input_tokens), (1920, 128))
    yield "a cache"

    message = ask("s17_json_text", output_config={"format": {"type": "json_schema", "schema": SCHEMA}})
    equal(json.loads(text_of(message)), ANSWER)
    yield "a schema"

    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    for model, result in (
        ("loop", {"content": "4 degrees"}),
        ("loop-error", {"content": "4 degrees", "is_error": True}),
        ("loop-image", {"content": [{"type": "text", "text": "4 degrees"}, image]}),
    ):
        for first in both(model, tools=TOOLS, thinking=THINKING):
            equal(thought(first), "Need the weather.")
            blocks = [{"type": "tool_result", "tool_use_id": first.content[-1].id, **result}]
            history = [*MESSAGES, {"role": "assistant", "content": first.content}, {"role": "user", "content": blocks}]
            for second in (ask(model, history, tools=TOOLS, thinking=THINKING), stream(model, history, tools=TOOLS)):
                equal(text_of(second), HELLO)
    yield "a result"

    equal(text_of(stream("s15_keepalive")), "slow reply")
    yield "a slow stream"

    for model in ("s14_truncated", "s11_midstream_error"):
        error = fails(anthropic.APIError, lambda: stream(model))
        assert isinstance(error, anthropic.APIStatusError), error
        equal(error.body["type"], "error")
    yield "broken streams"

    error = fails(anthropic.RateLimitError, lambda: ask("limited"))
    equal((error.body["error"]["type"], error.response.headers["retry-after"]), ("rate_limit_error", "17"))
    error = fails(anthropic.BadRequestError, lambda: ask("too-long"))
    equal(error.body["error"]["message"], "prompt is too long: 9000 tokens > 8192 maximum")
    equal(fails(anthropic.NotFoundError, lambda: ask("missing")).body["error"]["type"], "not_found_error")
    error = fails(anthropic.InternalServerError, lambda: ask("busy"))
    equal(error.body["error"]["type"], "overloaded_error")
    error = fails(anthropic.InternalServerError, lambda: ask("rejected"))
    equal((error.status_code, error.body["error"]["type"]), (502, "api_error"))
    error = fails(anthropic.AuthenticationError, lambda: client_of("unknown").messages.create(model="m", max_tokens=1, messages=MESSAGES))
    equal(error.body["error"]["type"], "authentication_error")
    yield "errors"

    older = client_of(None, auth_token=None, default_headers={"x-api-key": token, "anthropic-version": "2023-06-01", "authorization": anthropic.Omit()})
    equal(text_of(older.messages.create(model="s01_text", max_tokens=100, messages=MESSAGES, extra_body={"temperature": 0.5})), HELLO)
    yield "the older version"

    counted = client.messages.with_raw_response.count_tokens(model="s01_text", messages=MESSAGES, tools=TOOLS)
    tokens, is_estimated = counted.parse().input_tokens, counted.headers.get("x-gateway-estimated") == "true"
    equal(is_estimated, upstream == "openai")
    assert tokens == 42 or is_estimated and 5 < tokens < 200, tokens
    yield "tokens"

    equal([model.id for model in client.models.list()], ["s01_text", "model-b", "by-another-name"])
    yield "models"


judge(messages)
