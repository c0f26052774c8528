"""The whole API as a Python program reaches it with the OpenAI SDK through the gateway. One line per check; fails at the
first. What the upstream answers, and what it insists on being sent, is in tests/behaviour/surface/openai.rs."""

import faulthandler
import os

import openai
from websockets.sync.client import connect

faulthandler.dump_traceback_later(240, exit=True)
URL, TOKEN = os.environ["GATEWAY_URL"], os.environ["GATEWAY_TOKEN"]
MODEL = "gpt-alias"
client = openai.OpenAI(base_url=URL, api_key=TOKEN, max_retries=0, timeout=60)


def pattern(length):
    return bytes((at * 7 + at // 256) % 256 for at in range(length))


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def audio():
    return {"model": MODEL, "file": ("speech.wav", pattern(50_000), "audio/wav")}


vectors = client.embeddings.create(model=MODEL, input=["a", "b"]).data
equal([[round(number, 6) for number in vector.embedding] for vector in vectors], [[0.5, -0.25, 0.001], [0.0, 1.0, -1.0]])
print("embeddings")

image = client.images.generate(model=MODEL, prompt="a cat", n=1)
equal(len(image.data[0].b64_json), 1336)
print("images")

events = list(client.images.generate(model=MODEL, prompt="a cat", stream=True, partial_images=1))
equal([event.type for event in events], ["image_generation.partial_image", "image_generation.completed"])
equal([len(event.b64_json) for event in events], [1_200_000, 1_200_000])
print("streamed images")

pictures = [(name, pattern(20_000), "image/png") for name in ("a.png", "b.png")]
equal(len(client.images.edit(model=MODEL, prompt="a hat", image=pictures).data), 1)
print("edited images")

speech = {"model": MODEL, "input": "hello", "voice": "alloy"}
answer = client.audio.speech.create(**speech)
assert answer.content == pattern(300_000) and answer.response.headers["content-type"] == "audio/mpeg"
print("speech")

with client.audio.speech.with_streaming_response.create(**speech) as answer:
    assert b"".join(answer.iter_bytes()) == pattern(300_000)
print("streamed speech")

transcription = client.audio.transcriptions.create(**audio(), timestamp_granularities=["word", "segment"])
equal((transcription.text, transcription.usage.seconds), ("你好", 1))
print("transcriptions")

equal(client.audio.transcriptions.create(**audio(), response_format="text"), "你好\n")
print("transcriptions as text")

events = list(client.audio.transcriptions.create(**audio(), stream=True))
equal([event.type for event in events], ["transcript.text.delta"] * 2 + ["transcript.text.done"])
equal(events[0].delta + events[1].delta, events[2].text)
print("streamed transcriptions")

equal(client.audio.translations.create(**audio()).text, "hello")
print("translations")

file = client.files.create(file=("batch.jsonl", pattern(200_000)), purpose="batch")
equal(client.files.retrieve(file.id).bytes, 200_000)
equal([listed.id for listed in client.files.list(limit=1)], [file.id, file.id])
assert client.files.content(file.id).read() == pattern(200_000)
print("files")

upload = client.uploads.create(bytes=4, filename="long.txt", mime_type="text/plain", purpose="assistants")
part = client.uploads.parts.create(upload.id, data=("part", pattern(4)))
equal(client.uploads.complete(upload.id, part_ids=[part.id]).status, "completed")
print("uploads")

batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
equal(client.batches.retrieve(batch.id).status, "in_progress")
equal([listed.id for listed in client.batches.list(limit=2)], [batch.id])
equal(client.batches.cancel(batch.id).status, "cancelling")
print("batches")

store = client.vector_stores.create(name="papers", file_ids=[file.id])
equal(store.file_counts.total, 1)
print("vector stores")

assert client.files.delete(file.id).deleted
print("deleted files")

response = client.responses.create(model=MODEL, input="hi")
equal(response.output_text, "你好")
more = client.responses.create(model=MODEL, input="more", store=False, previous_response_id=response.id)
equal(more.output_text, "more")
print("responses")

ORDER = [
    "created", "in_progress",
    "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
    "output_text.done", "content_part.done", "output_item.done",
    "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
    "function_call_arguments.done", "output_item.done",
    "completed",
]  # fmt: skip


def in_order(events, start=0):
    equal([event.type.removeprefix("response.") for event in events], ORDER[start:])
    equal([event.sequence_number for event in events], list(range(start, len(ORDER))))


in_order(list(client.responses.create(model=MODEL, input="hi", stream=True)))
with client.responses.stream(model=MODEL, input="hi") as stream:
    final = stream.get_final_response()
equal((final.output_text, final.output[1].arguments), ("I'll look that up.", '{"q":"rust async","n":3}'))
print("streamed responses")

equal(client.responses.retrieve(response.id).output_text, "你好")
equal([item.content[0].text for item in client.responses.input_items.list(response.id)], ["hi"])
print("stored responses")

in_order(list(client.responses.retrieve(response.id, stream=True, starting_after=3)), start=4)
client.responses.delete(response.id)
print("resumed responses")

result = client.moderations.create(model=MODEL, input="你好").results[0]
assert result.flagged and result.category_scores.violence == 0.75
print("moderations")

equal([model.id for model in client.models.list()], ["gpt-real", "vendor/model:free", MODEL])
equal([client.models.retrieve(id).id for id in ("vendor/model:free", MODEL)], ["vendor/model:free", MODEL])
print("models")

equal(client.conversations.create(metadata={"topic": "你好"}).metadata, {"topic": "你好"})
print("conversations")

equal([job.status for job in client.fine_tuning.jobs.list(limit=3)], ["running"])
print("fine-tuning jobs")

words = [chunk.choices[0].text for chunk in client.completions.create(model=MODEL, prompt="once", stream=True)]
equal(words, [" upon", " a time"])
equal([kept.choices[0].message.content for kept in client.chat.completions.list(limit=1)], ["kept"])
print("completions")

TALK = ["response.created", "response.output_text.delta", "response.output_text.delta", "response.output_text.done"]
with client.realtime.connect(model=MODEL) as connection:
    equal(connection.recv().type, "session.created")
    connection.session.update(session={"type": "realtime", "instructions": "be brief"})
    equal(connection.recv().session.instructions, "be brief")
    connection.response.create()
    events = [connection.recv() for _ in range(5)]
    equal([event.type for event in events], [*TALK, "response.done"])
    equal(events[1].delta + events[2].delta, events[3].text)
print("realtime")

address = URL.replace("http", "ws", 1) + f"/realtime?model={MODEL}"
with connect(address, subprotocols=["realtime", f"openai-insecure-api-key.{TOKEN}"]) as socket:
    equal(socket.subprotocol, "realtime")
    assert "session.created" in socket.recv(timeout=60)
    socket.send('{"type":"nonsense"}')
    assert "unknown_event" in socket.recv(timeout=60)
print("websockets")

with client.responses.connect() as connection:
    connection.response.create(model="gpt-real", input="hi")
    in_order([connection.recv() for _ in ORDER])
print("responses over a websocket")
