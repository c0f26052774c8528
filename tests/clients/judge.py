"""What the programs share that judge translation: the upstreams, and what they say under each model's name. The names are those of
recorded answers in tests/fixtures/dialects; tests/behaviour/translated/upstream.rs gives them out."""

import faulthandler
import json
import os

faulthandler.dump_traceback_later(240, exit=True)
GATEWAY = os.environ["GATEWAY"]
# Dialects of upstreams, and the token of the route to each.
TOKENS = json.loads(os.environ["TOKENS"])

HELLO = "Hello, world!"
UNICODE = 'Grüß 你好 👩\u200d👩\u200d👧 e\u0301 \u2028end "q" \\ \t\n'
REFUSAL = "I can't help with that."
SPLIT = {"city": 'São Pau"lo"', "note": "日本 \n ok"}
PARALLEL = [("get_weather", {"city": "Paris"}), ("get_time", {"tz": "Europe/Paris", "h24": True})]
MIXED = [("a", {"x": 1}), ("b", {"y": [1, 2]}), ("c", {})]
# Of Chat Completions only: two calls whose pieces come by turns.
INTERLEAVED = [("f", {"a": 1}), ("g", {"b": 2})]
ANSWER = {"answer": 42, "why": 'be"cause'}
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "integer"}, "why": {"type": "string"}},
    "required": ["answer", "why"],
    "additionalProperties": False,
}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def by_turns(upstream):
    """Returns the streamed model whose calls come by turns, where the upstream can do that, with its calls."""
    if upstream == "openai":
        return "x02_parallel_tools_interleaved", INTERLEAVED
    return "s04_parallel_tools", PARALLEL


def fails(kinds, call):
    """Returns the error of one of these classes that a call ends in."""
    try:
        call()
    except kinds as error:
        return error
    raise AssertionError(f"no {kinds}")


def judge(*parts):
    """Runs each part against each upstream. A part yields the name of each check that held."""
    for upstream, token in TOKENS.items():
        for part in parts:
            last = "its beginning"
            try:
                for last in part(upstream, token):
                    print(f"{upstream}: {last}", flush=True)
            except BaseException as error:
                error.add_note(f"upstream {upstream}, {part.__name__}, behind {last}")
                raise
