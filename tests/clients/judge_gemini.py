"""What Google's Python SDK makes of upstreams of every dialect. One line per check; fails at the first."""

import base64

import pydantic
from google import genai
from google.genai import errors, types
from judge import ANSWER, CITY, GATEWAY, HELLO, MIXED, PARALLEL, PIXEL, REFUSAL, SCHEMA, SPLIT, UNICODE, by_turns, equal, fails, judge

WEATHER = types.FunctionDeclaration(name="get_weather", description="Says the weather.", parameters_json_schema=CITY)
TOOLS = [types.Tool(function_declarations=[WEATHER])]
NOT_CALLED = types.AutomaticFunctionCallingConfig(disable=True)


class Answer(pydantic.BaseModel):
    answer: int
    why: str


def client_of(token, **options):
    return genai.Client(api_key=token, http_options=types.HttpOptions(base_url=GATEWAY, timeout=60_000, **options))


def parts_of(answer):
    content = answer.candidates[0].content
    return content and content.parts or []


def text_of(answers):
    return "".join(part.text for answer in answers for part in parts_of(answer) if part.text and not part.thought)


def thought(answers):
    return "".join(part.text for answer in answers for part in parts_of(answer) if part.text and part.thought)


def called(answers):
    calls = [part.function_call for answer in answers for part in parts_of(answer) if part.function_call]
    return [(call.name, call.args or {}) for call in calls]


def contents(upstream, token):
    client = client_of(token, api_version="v1beta")

    def config(**more):
        return types.GenerateContentConfig(system_instruction="Be brief.", automatic_function_calling=NOT_CALLED, **more)

    def ask(model, said="hi", **more):
        return client.models.generate_content(model=model, contents=said, config=config(**more))

    def stream(model, said="hi", **more):
        return list(client.models.generate_content_stream(model=model, contents=said, config=config(**more)))

    def both(model, **more):
        return stream(model, **more), [ask(model, **more)]

    for answers in both("by-another-name", temperature=0.5):
        last = answers[-1]
        equal((text_of(answers), last.candidates[0].finish_reason), (HELLO, types.FinishReason.STOP))
        usage = last.usage_metadata
        equal((usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count), (9, 4, 13))
        if upstream != "gemini":
            equal(last.model_version, "by-another-name")
    yield "contents"

    equal(text_of(stream("s02_text_unicode")), UNICODE)
    yield "streamed"

    # This SDK's own version of the paths.
    plain = client_of(token)
    equal(plain.models.generate_content(model="s01_text", contents="hi").text, HELLO)
    yield "v1"

    for model, calls in (("s03_tool_args_split", [("get_weather", SPLIT)]), ("s04_parallel_tools", PARALLEL)):
        for answers in both(model, tools=TOOLS):
            equal((called(answers), answers[-1].candidates[0].finish_reason), (calls, types.FinishReason.STOP))
    model, calls = by_turns(upstream)
    equal(called(stream(model, tools=TOOLS)), calls)
    yield "tools"

    thinking = types.ThinkingConfig(include_thoughts=True, thinking_budget=2000)
    for answers in both("s18_multi_text_think_tools", tools=TOOLS, thinking_config=thinking):
        equal((text_of(answers), thought(answers), called(answers)), ("Step 1. ", "First plan.", MIXED))
    yield "text and thoughts and tools"

    for answers in both("s06_reasoning_text", thinking_config=thinking):
        equal((text_of(answers), thought(answers)), ("4", "The user wants 2+2."))
        equal(answers[-1].usage_metadata.thoughts_token_count, 12)
    yield "thoughts"

    for answers in both("s08_refusal"):
        equal(text_of(answers), REFUSAL)
        if upstream not in ("openai", "responses"):
            equal(answers[-1].candidates[0].finish_reason, types.FinishReason.SAFETY)
    yield "a refusal"

    for answers in both("s09_length", max_output_tokens=5):
        equal((text_of(answers), answers[-1].candidates[0].finish_reason), ("Once upon a time there", types.FinishReason.MAX_TOKENS))
    yield "the most tokens"

    for answers in both("s12_usage_cached"):
        usage = answers[-1].usage_metadata
        equal((usage.prompt_token_count, usage.cached_content_token_count), (2048, 1920))
    yield "a cache"

    json_answer = {"response_mime_type": "application/json"}
    equal(ask("s17_json_text", response_schema=Answer, **json_answer).parsed.model_dump(), ANSWER)
    equal(ask("s17_json_text", response_json_schema=SCHEMA, **json_answer).parsed, ANSWER)
    yield "a schema"

    pixel = types.FunctionResponsePart(inline_data=types.FunctionResponseBlob(mime_type="image/png", data=base64.b64decode(PIXEL)))
    for model, response, media in (
        ("loop", {"result": "4 degrees"}, None),
        ("loop-error", {"error": "4 degrees"}, None),
        ("loop-image", {"result": "4 degrees"}, [pixel]),
    ):
        for is_stream in (False, True):
            chat = client.chats.create(model=model, config=config(tools=TOOLS, thinking_config=thinking))

            def send(message):
                return list(chat.send_message_stream(message)) if is_stream else [chat.send_message(message)]

            first = send("hi")
            equal((thought(first), called(first)), ("Need the weather.", [("get_weather", {"city": "Oslo"})]))
            call = next(part.function_call for answer in first for part in parts_of(answer) if part.function_call)
            result = types.FunctionResponse(id=call.id, name=call.name, response=response, parts=media)
            equal(text_of(send(types.Part(function_response=result))), HELLO)
    yield "a result"

    equal(text_of(stream("s15_keepalive")), "slow reply")
    yield "a slow stream"

    for model in ("s14_truncated", "s11_midstream_error"):
        fails(errors.APIError, lambda: stream(model))
    yield "broken streams"

    error = fails(errors.ClientError, lambda: ask("limited"))
    equal((error.code, error.status), (429, "RESOURCE_EXHAUSTED"))
    error = fails(errors.ClientError, lambda: ask("too-long"))
    equal((error.code, error.status), (400, "INVALID_ARGUMENT"))
    error = fails(errors.ClientError, lambda: ask("missing"))
    equal((error.code, error.status), (404, "NOT_FOUND"))
    error = fails(errors.ServerError, lambda: ask("busy"))
    equal(error.status, "UNAVAILABLE")
    error = fails(errors.ServerError, lambda: ask("rejected"))
    equal((error.code, error.status), (502, "UNAVAILABLE"))
    unknown = client_of("unknown", api_version="v1beta")
    error = fails(errors.ClientError, lambda: unknown.models.generate_content(model="m", contents="hi"))
    equal((error.code, error.status), (401, "UNAUTHENTICATED"))
    yield "errors"

    counted = client.models.count_tokens(model="s01_text", contents="How many tokens are these?")
    tokens, fields = counted.total_tokens, {name.lower(): value for name, value in counted.sdk_http_response.headers.items()}
    equal(fields.get("x-gateway-estimated") == "true", upstream == "openai")
    assert tokens == 42 or upstream == "openai" and 3 < tokens < 30, tokens
    yield "tokens"

    listed = [model.name for model in client.models.list()]
    equal(listed, ["models/s01_text", "models/model-b", "models/by-another-name"])
    yield "models"


judge(contents)
