"""What a Python program sees that uses the OpenAI SDK against the gateway. One line per check; fails at the first."""

import os

import openai

client = openai.OpenAI(base_url=os.environ["GATEWAY_URL"], api_key=os.environ["GATEWAY_TOKEN"], max_retries=0)
echo = openai.OpenAI(base_url=os.environ["GATEWAY_URL"], api_key=os.environ["ECHO_TOKEN"], max_retries=0)
MESSAGES = [{"role": "user", "content": "你好 world"}]


def fails(kind, call):
    try:
        call()
    except kind as error:
        assert type(error) is kind, type(error)
        return error
    raise AssertionError(f"no {kind.__name__}")


def ask(model, by=client, **more):
    return by.chat.completions.create(model=model, messages=MESSAGES, **more)


assert [model.id for model in client.models.list()] == ["a"]
print("models")

answer = ask("text")
assert answer.choices[0].message.content == "Hi" and answer.usage.total_tokens == 2 and answer._request_id
print("chat")

text = "".join(chunk.choices[0].delta.content or "" for chunk in ask("text", stream=True) if chunk.choices)
assert text and "\ufffd" not in text, text
print("stream")

with client.chat.completions.stream(model="tools", messages=MESSAGES) as stream:
    calls = stream.get_final_completion().choices[0].message.tool_calls
assert len(calls) == 2 and all(call.function.name and call.function.arguments.endswith("}") for call in calls), calls
print("tool calls")

chunks = list(ask("echo", by=echo, stream=True, stream_options={"include_usage": True}))
assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == MESSAGES[0]["content"]
assert chunks[-1].usage.total_tokens > 0
print("echo")

vectors = echo.embeddings.create(model="echo", input=["a", "b"], dimensions=8).data
assert [len(vector.embedding) for vector in vectors] == [8, 8] and vectors[0].embedding != vectors[1].embedding
print("embeddings")

stranger = openai.OpenAI(base_url=os.environ["GATEWAY_URL"], api_key="unknown", max_retries=0)
assert fails(openai.AuthenticationError, lambda: ask("text", by=stranger)).code == "invalid_api_key"
print("authentication error")

assert fails(openai.NotFoundError, lambda: ask("missing")).code == "model_not_found"
print("not found error")

limited = fails(openai.RateLimitError, lambda: ask("limited"))
assert limited.response.headers["retry-after"] == "17" and limited.code == "rate_limit_exceeded"
print("rate limit error")

fails(openai.APITimeoutError, lambda: ask("silent", timeout=1.0))
print("timeout")

for cut in ["reset", "between", "half", "stall", "error"]:
    fails_somehow = None
    try:
        list(ask(f"cut-{cut}", stream=True))
    except Exception as error:
        fails_somehow = error
    assert fails_somehow, f"{cut}: half an answer looked like a whole one"
    assert isinstance(fails_somehow, openai.APIError) or cut == "half", (cut, fails_somehow)
print("cut streams")

for _ in range(20):
    assert len(list(ask("text", stream=True))) > 2
print("clean streams")
