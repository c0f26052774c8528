"""Whether OpenAI's Python SDK finds every member that its types want, in the responses and events on standard input: one object a line.
Its client alone would not say so: it takes what it gets."""

import sys

import pydantic
from openai.types.responses import Response, ResponseStreamEvent

EVENT, WHOLE = pydantic.TypeAdapter(ResponseStreamEvent), pydantic.TypeAdapter(Response)

count = 0
for line in sys.stdin:
    judge = EVENT if '"sequence_number":' in line else WHOLE
    try:
        judge.validate_json(line)
    except pydantic.ValidationError as error:
        sys.exit(f"{error}\n{line}")
    count += 1
print(count)
