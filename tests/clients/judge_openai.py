"""What OpenAI's Python SDK makes of upstreams of every dialect, by Chat Completions and by Responses. One line per check; fails at the
first."""

import json

import openai
import pydantic
from judge import ANSWER, CITY, GATEWAY, HELLO, MIXED, PARALLEL, PIXEL, REFUSAL, SPLIT, UNICODE, by_turns, equal, fails, judge

MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
TOOL = {"name": "get_weather", "description": "Says the weather.", "parameters": CITY}


class Answer(pydantic.BaseModel):
    answer: int
    why: str


def client_of(token):
    return openai.OpenAI(base_url=f"{GATEWAY}/v1", api_key=token, max_retries=0, timeout=60)


def arguments(calls):
    return [(call.function.name, json.loads(call.function.arguments)) for call in calls]


def chat(upstream, token):
    client = client_of(token)
    tools = [{"type": "function", "function": TOOL}]

    def ask(model, messages=MESSAGES, **more):
        return client.chat.completions.create(model=model, messages=messages, **more)

    def stream(model, **more):
        with client.chat.completions.stream(model=model, messages=MESSAGES, **more) as events:
            return events.get_final_completion()

    answer = ask("by-another-name")
    choice = answer.choices[0]
    equal((choice.message.content, choice.finish_reason, choice.message.tool_calls), (HELLO, "stop", None))
    equal((answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens), (9, 4, 13))
    equal(answer.object, "chat.completion")
    if upstream != "openai":
        equal(answer.model, "by-another-name")
    yield "chat"

    chunks = list(ask("s02_text_unicode", stream=True, stream_options={"include_usage": True}))
    equal("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), UNICODE)
    equal((chunks[-1].choices, chunks[-1].usage.completion_tokens), ([], 14))
    equal(len({chunk.id for chunk in chunks}), 1)
    yield "chat, streamed"

    for final in (stream("s03_tool_args_split", tools=tools), ask("s03_tool_args_split", tools=tools)):
        equal(arguments(final.choices[0].message.tool_calls), [("get_weather", SPLIT)])
        equal(final.choices[0].finish_reason, "tool_calls")
    yield "chat, a tool"

    for final in (stream("s04_parallel_tools", tools=tools), ask("s04_parallel_tools", tools=tools)):
        equal(arguments(final.choices[0].message.tool_calls), PARALLEL)
        equal(len({call.id for call in final.choices[0].message.tool_calls}), 2)
    model, calls = by_turns(upstream)
    equal(arguments(stream(model, tools=tools).choices[0].message.tool_calls), calls)
    yield "chat, parallel tools"

    for final in (stream("s18_multi_text_think_tools"), ask("s18_multi_text_think_tools")):
        message = final.choices[0].message
        equal((message.content, message.reasoning_content), ("Step 1. ", "First plan."))
        equal(arguments(message.tool_calls), MIXED)
    yield "chat, text and thoughts and tools"

    more = {"reasoning_effort": "low"}
    for final in (stream("s06_reasoning_text", **more), ask("s06_reasoning_text", **more)):
        message = final.choices[0].message
        equal((message.content, message.reasoning_content), ("4", "The user wants 2+2."))
    equal(final.usage.completion_tokens_details.reasoning_tokens, 12)
    yield "chat, thoughts"

    choice = ask("s08_refusal").choices[0]
    if upstream in ("openai", "responses"):
        equal((choice.message.refusal, choice.message.content or ""), (REFUSAL, ""))
        equal(stream("s08_refusal").choices[0].message.refusal, REFUSAL)
    else:
        equal((choice.message.content, choice.finish_reason), (REFUSAL, "content_filter"))
        fails(openai.ContentFilterFinishReasonError, lambda: stream("s08_refusal"))
    yield "chat, a refusal"

    final = ask("s09_length", max_completion_tokens=5)
    equal((final.choices[0].message.content, final.choices[0].finish_reason), ("Once upon a time there", "length"))
    more = {"messages": MESSAGES, "response_format": Answer}
    fails(openai.LengthFinishReasonError, lambda: client.chat.completions.parse(model="s09_length", **more))
    yield "chat, the most tokens"

    usage = ask("s12_usage_cached").usage
    equal((usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.total_tokens), (2048, 1920, 2049))
    yield "chat, a cache"

    parsed = client.chat.completions.parse(model="s17_json_text", messages=MESSAGES, response_format=Answer)
    equal(parsed.choices[0].message.parsed.model_dump(), ANSWER)
    equal(stream("s17_json_text", response_format=Answer).choices[0].message.parsed.model_dump(), ANSWER)
    yield "chat, a schema"

    for model, marks in (("loop", "4 degrees"), ("loop-error", "Error: 4 degrees")):
        for first in (ask(model, tools=tools), stream(model, tools=tools)):
            message = first.choices[0].message
            equal(message.reasoning_content, "Need the weather.")
            call = message.tool_calls[0]
            history = [*MESSAGES, message, {"role": "tool", "tool_call_id": call.id, "content": marks}]
            equal(ask(model, history, tools=tools).choices[0].message.content, HELLO)
    yield "chat, a result"

    equal("".join(chunk.choices[0].delta.content or "" for chunk in ask("s15_keepalive", stream=True) if chunk.choices), "slow reply")
    yield "chat, a slow stream"

    for model in ("s14_truncated", "s11_midstream_error"):
        fails(openai.APIError, lambda: list(ask(model, stream=True)))
    yield "chat, broken streams"

    yield from errors(ask)
    equal([model.id for model in client.models.list()], ["s01_text", "model-b", "by-another-name"])
    yield "models"


def errors(ask):
    error = fails(openai.RateLimitError, lambda: ask("limited"))
    equal((error.code, error.response.headers["retry-after"]), ("rate_limit_exceeded", "17"))
    error = fails(openai.BadRequestError, lambda: ask("too-long"))
    equal(error.code, "context_length_exceeded")
    error = fails(openai.NotFoundError, lambda: ask("missing"))
    equal(error.code, "model_not_found")
    error = fails(openai.InternalServerError, lambda: ask("busy"))
    assert error.status_code in (503, 529), error.status_code
    error = fails(openai.InternalServerError, lambda: ask("rejected"))
    equal((error.status_code, error.code), (502, "upstream_auth_failed"))
    yield "errors"


def responses(upstream, token):
    client = client_of(token)
    tools = [{"type": "function", **TOOL, "strict": False}]
    more = {"store": False, "include": ["reasoning.encrypted_content"]}

    def ask(model, input="hi", **extra):
        return client.responses.create(model=model, input=input, instructions="Be brief.", **more, **extra)

    def stream(model, **extra):
        with client.responses.stream(model=model, input="hi", **more, **extra) as events:
            return events.get_final_response()

    answer = ask("by-another-name")
    equal((answer.output_text, answer.status, answer.object), (HELLO, "completed", "response"))
    equal((answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens), (9, 4, 13))
    if upstream != "responses":
        equal(answer.model, "by-another-name")
    yield "responses"

    equal(stream("s02_text_unicode").output_text, UNICODE)
    events = list(ask("s02_text_unicode", stream=True))
    equal([event.sequence_number for event in events], list(range(len(events))))
    equal((events[0].type, events[-1].type), ("response.created", "response.completed"))
    yield "responses, streamed"

    def called(response):
        calls = [item for item in response.output if item.type == "function_call"]
        return [(call.name, json.loads(call.arguments)) for call in calls]

    for model, calls in (
        ("s03_tool_args_split", [("get_weather", SPLIT)]),
        ("s04_parallel_tools", PARALLEL),
        ("s18_multi_text_think_tools", MIXED),
    ):
        for final in (stream(model, tools=tools), ask(model, tools=tools)):
            equal(called(final), calls)
    model, calls = by_turns(upstream)
    equal(called(stream(model, tools=tools)), calls)
    yield "responses, tools"

    for final in (stream("s06_reasoning_text"), ask("s06_reasoning_text", reasoning={"effort": "low", "summary": "auto"})):
        thought = final.output[0]
        equal((thought.type, thought.summary[0].text, final.output_text), ("reasoning", "The user wants 2+2.", "4"))
    equal(final.usage.output_tokens_details.reasoning_tokens, 12)
    yield "responses, thoughts"

    final = ask("s08_refusal")
    if upstream in ("openai", "responses"):
        equal(final.output[-1].content[0].refusal, REFUSAL)
    else:
        equal((final.output_text, final.incomplete_details.reason), (REFUSAL, "content_filter"))
    yield "responses, a refusal"

    final = ask("s09_length", max_output_tokens=16)
    equal((final.status, final.incomplete_details.reason), ("incomplete", "max_output_tokens"))
    equal(final.output_text, "Once upon a time there")
    yield "responses, the most tokens"

    usage = stream("s12_usage_cached").usage
    equal((usage.input_tokens, usage.input_tokens_details.cached_tokens), (2048, 1920))
    yield "responses, a cache"

    parsed = client.responses.parse(model="s17_json_text", input="hi", text_format=Answer, **more)
    equal(parsed.output_parsed.model_dump(), ANSWER)
    yield "responses, a schema"

    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"}
    for model, output in (
        ("loop", "4 degrees"),
        ("loop-error", "Error: 4 degrees"),
        ("loop-image", [{"type": "input_text", "text": "4 degrees"}, image]),
    ):
        for first in (ask(model, tools=tools), stream(model, tools=tools)):
            call = first.output[-1]
            items = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in first.output]
            result = {"type": "function_call_output", "call_id": call.call_id, "output": output}
            history = [{"role": "user", "content": "hi"}, *items, result]
            equal(ask(model, history, tools=tools).output_text, HELLO)
    yield "responses, a result"

    for model in ("s14_truncated", "s11_midstream_error"):
        try:
            last = list(ask(model, stream=True))[-1]
            assert last.type in ("response.failed", "error"), last
        except openai.APIError:
            pass
        fails((openai.APIError, RuntimeError), lambda: stream(model))
    yield "responses, broken streams"

    for name in errors(ask):
        yield f"responses, {name}"
    if upstream != "responses":
        error = fails(openai.BadRequestError, lambda: ask("s01_text", previous_response_id="resp_1"))
        equal((error.code, error.param), ("unsupported_parameter", "previous_response_id"))
    yield "responses, a memory"


def strangers(upstream, token):
    client = client_of("unknown")
    for call in (
        lambda: client.chat.completions.create(model="m", messages=MESSAGES),
        lambda: client.responses.create(model="m", input="hi"),
    ):
        equal(fails(openai.AuthenticationError, call).code, "invalid_api_key")
    yield "a stranger"


judge(chat, responses, strangers)
