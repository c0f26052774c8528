// The whole API as a Node program reaches it with the OpenAI SDK through the gateway. One line per check; fails at the
// first. What the upstream answers, and what it insists on being sent, is in tests/behaviour/surface/openai.rs.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import OpenAI, { toFile } from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { ResponsesWS } from 'openai/resources/responses/ws';
import WebSocket from 'ws';

const stuck = setTimeout(() => {
  console.error('stuck');
  process.exit(1);
}, 240_000);
const { GATEWAY_URL: baseURL, GATEWAY_TOKEN: apiKey } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 60_000 });
const model = 'gpt-alias';

const pattern = (length) => Buffer.from(Uint8Array.from({ length }, (_, at) => at * 7 + Math.floor(at / 256)));
const audio = async () => ({ model, file: await toFile(pattern(50_000), 'speech.wav', { type: 'audio/wav' }) });
const all = (list) => Array.fromAsync(list);
const types = (events) => events.map((event) => event.type);

const vectors = (await client.embeddings.create({ model, input: ['a', 'b'] })).data;
const floats = vectors.map((vector) => vector.embedding.map((number) => Number(number.toFixed(6))));
assert.deepEqual(floats, [[0.5, -0.25, 0.001], [0, 1, -1]]);
console.log('embeddings');

const image = await client.images.generate({ model, prompt: 'a cat', n: 1 });
assert.equal(image.data[0].b64_json.length, 1336);
console.log('images');

const drawn = await all(await client.images.generate({ model, prompt: 'a cat', stream: true, partial_images: 1 }));
assert.deepEqual(types(drawn), ['image_generation.partial_image', 'image_generation.completed']);
assert.deepEqual(drawn.map((event) => event.b64_json.length), [1_200_000, 1_200_000]);
console.log('streamed images');

const pictures = ['a.png', 'b.png'].map((name) => toFile(pattern(20_000), name, { type: 'image/png' }));
const edited = await client.images.edit({ model, prompt: 'a hat', image: await Promise.all(pictures) });
assert.equal(edited.data.length, 1);
console.log('edited images');

const words = { model, input: 'hello', voice: 'alloy' };
const speech = await client.audio.speech.create(words);
assert.equal(speech.headers.get('content-type'), 'audio/mpeg');
assert.ok(pattern(300_000).equals(Buffer.from(await speech.arrayBuffer())));
console.log('speech');

const pieces = await all((await client.audio.speech.create(words)).body);
assert.ok(pattern(300_000).equals(Buffer.concat(pieces)));
console.log('streamed speech');

const granular = { ...await audio(), timestamp_granularities: ['word', 'segment'] };
const transcription = await client.audio.transcriptions.create(granular);
assert.deepEqual([transcription.text, transcription.usage.seconds], ['你好', 1]);
console.log('transcriptions');

assert.equal(await client.audio.transcriptions.create({ ...await audio(), response_format: 'text' }), '你好\n');
console.log('transcriptions as text');

const heard = await all(await client.audio.transcriptions.create({ ...await audio(), stream: true }));
assert.deepEqual(types(heard), ['transcript.text.delta', 'transcript.text.delta', 'transcript.text.done']);
assert.equal(heard[0].delta + heard[1].delta, heard[2].text);
console.log('streamed transcriptions');

assert.equal((await client.audio.translations.create(await audio())).text, 'hello');
console.log('translations');

const file = await client.files.create({ file: await toFile(pattern(200_000), 'batch.jsonl'), purpose: 'batch' });
assert.equal((await client.files.retrieve(file.id)).bytes, 200_000);
assert.deepEqual((await all(client.files.list({ limit: 1 }))).map((listed) => listed.id), [file.id, file.id]);
const content = await client.files.content(file.id);
assert.ok(pattern(200_000).equals(Buffer.from(await content.arrayBuffer())));
console.log('files');

const long = { bytes: 4, filename: 'long.txt', mime_type: 'text/plain', purpose: 'assistants' };
const upload = await client.uploads.create(long);
const part = await client.uploads.parts.create(upload.id, { data: await toFile(pattern(4), 'part') });
assert.equal((await client.uploads.complete(upload.id, { part_ids: [part.id] })).status, 'completed');
console.log('uploads');

const work = { input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' };
const batch = await client.batches.create(work);
assert.equal((await client.batches.retrieve(batch.id)).status, 'in_progress');
assert.deepEqual((await all(client.batches.list({ limit: 2 }))).map((listed) => listed.id), [batch.id]);
assert.equal((await client.batches.cancel(batch.id)).status, 'cancelling');
console.log('batches');

const store = await client.vectorStores.create({ name: 'papers', file_ids: [file.id] });
assert.equal(store.file_counts.total, 1);
console.log('vector stores');

assert.ok((await client.files.delete(file.id)).deleted);
console.log('deleted files');

const response = await client.responses.create({ model, input: 'hi' });
assert.equal(response.output_text, '你好');
const next = { model, input: 'more', store: false, previous_response_id: response.id };
assert.equal((await client.responses.create(next)).output_text, 'more');
console.log('responses');

const ORDER = [
  'created', 'in_progress',
  'output_item.added', 'content_part.added', 'output_text.delta', 'output_text.delta',
  'output_text.done', 'content_part.done', 'output_item.done',
  'output_item.added', 'function_call_arguments.delta', 'function_call_arguments.delta',
  'function_call_arguments.done', 'output_item.done',
  'completed',
];

function inOrder(events, start = 0) {
  assert.deepEqual(types(events).map((type) => type.replace('response.', '')), ORDER.slice(start));
  assert.deepEqual(events.map((event) => event.sequence_number), [...ORDER.keys()].slice(start));
}

inOrder(await all(await client.responses.create({ model, input: 'hi', stream: true })));
const final = await client.responses.stream({ model, input: 'hi' }).finalResponse();
assert.deepEqual([final.output_text, final.output[1].arguments], ["I'll look that up.", '{"q":"rust async","n":3}']);
console.log('streamed responses');

assert.equal((await client.responses.retrieve(response.id)).output_text, '你好');
const items = await all(client.responses.inputItems.list(response.id));
assert.deepEqual(items.map((item) => item.content[0].text), ['hi']);
console.log('stored responses');

inOrder(await all(await client.responses.retrieve(response.id, { stream: true, starting_after: 3 })), 4);
await client.responses.delete(response.id);
console.log('resumed responses');

const [result] = (await client.moderations.create({ model, input: '你好' })).results;
assert.deepEqual([result.flagged, result.category_scores.violence], [true, 0.75]);
console.log('moderations');

const listed = await all(client.models.list());
assert.deepEqual(listed.map((model) => model.id), ['gpt-real', 'vendor/model:free', model]);
for (const id of ['vendor/model:free', model]) assert.equal((await client.models.retrieve(id)).id, id);
console.log('models');

const conversation = await client.conversations.create({ metadata: { topic: '你好' } });
assert.deepEqual(conversation.metadata, { topic: '你好' });
console.log('conversations');

assert.deepEqual((await all(client.fineTuning.jobs.list({ limit: 3 }))).map((job) => job.status), ['running']);
console.log('fine-tuning jobs');

const told = await all(await client.completions.create({ model, prompt: 'once', stream: true }));
assert.deepEqual(told.map((chunk) => chunk.choices[0].text), [' upon', ' a time']);
const kept = await all(client.chat.completions.list({ limit: 1 }));
assert.deepEqual(kept.map((completion) => completion.choices[0].message.content), ['kept']);
console.log('completions');

// What a connection hears, one message after the other; what goes wrong with it is thrown.
function hear(socket) {
  const messages = [], waiting = [];
  const take = () => {
    while (messages.length && waiting.length) waiting.shift()(messages.shift());
  };
  socket.on('message', (data) => take(messages.push(JSON.parse(data))));
  socket.on('close', (code) => take(messages.push({ type: `closed with ${code}` })));
  return () => new Promise((resolve) => take(waiting.push(resolve)));
}

async function hearAll(next, count) {
  const events = [];
  while (events.length < count) events.push(await next());
  return events;
}

// The SDK insists on wss; TLS is the business of what stands in front of the gateway, and here nothing does.
const { hostname: host, port } = new URL(baseURL);
const plain = { createConnection: () => net.connect({ host, port }) };
const realtime = new OpenAIRealtimeWS({ model, options: plain }, client);
realtime.on('error', (error) => { throw error; });
const said = hear(realtime.socket);
assert.equal((await said()).type, 'session.created');
realtime.send({ type: 'session.update', session: { type: 'realtime', instructions: 'be brief' } });
assert.equal((await said()).session.instructions, 'be brief');
realtime.send({ type: 'response.create' });
const answer = await hearAll(said, 5);
const text = ['response.output_text.delta', 'response.output_text.delta', 'response.output_text.done'];
assert.deepEqual(types(answer), ['response.created', ...text, 'response.done']);
assert.equal(answer[1].delta + answer[2].delta, answer[3].text);
realtime.close();
console.log('realtime');

const address = `${baseURL.replace('http', 'ws')}/realtime?model=${model}`;
const socket = new WebSocket(address, ['realtime', `openai-insecure-api-key.${apiKey}`]);
const events = hear(socket);
await once(socket, 'open');
assert.equal(socket.protocol, 'realtime');
assert.equal((await events()).type, 'session.created');
socket.send('{"type":"nonsense"}');
assert.equal((await events()).error.code, 'unknown_event');
socket.close(4001, 'enough');
assert.equal((await once(socket, 'close'))[0], 4001);
console.log('websockets');

const connection = new ResponsesWS(client);
connection.on('error', (error) => { throw error; });
const responses = [];
const complete = new Promise((resolve) => {
  connection.on('event', (event) => {
    responses.push(event);
    if (event.type === 'response.completed') resolve();
  });
});
connection.send({ type: 'response.create', model: 'gpt-real', input: 'hi' });
await complete;
inOrder(responses);
connection.close();
console.log('responses over a websocket');
clearTimeout(stuck);
