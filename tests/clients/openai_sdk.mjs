// What a Node program sees that uses the OpenAI SDK against the gateway. One line per check; fails at the first.

import assert from 'node:assert/strict';
import OpenAI from 'openai';

const { GATEWAY_URL: baseURL, GATEWAY_TOKEN: apiKey, ECHO_TOKEN } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const echo = new OpenAI({ baseURL, apiKey: ECHO_TOKEN, maxRetries: 0 });
const messages = [{ role: 'user', content: '你好 world' }];

const ask = (model, more = {}, by = client, options = {}) => by.chat.completions.create({ model, messages, ...more }, options);

async function fails(kind, call) {
  try {
    await call();
  } catch (error) {
    assert.equal(error.constructor, kind);
    return error;
  }
  assert.fail(`no ${kind.name}`);
}

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { chunks, text: chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? '').join('') };
}

const models = await client.models.list();
assert.deepEqual(models.data.map((model) => model.id), ['a']);
console.log('models');

const answer = await ask('text');
assert.equal(answer.choices[0].message.content, 'Hi');
assert.ok(answer._request_id);
console.log('chat');

const { text } = await collect(await ask('text', { stream: true }));
assert.ok(text && !text.includes('\ufffd'), text);
console.log('stream');

const tools = await client.chat.completions.stream({ model: 'tools', messages }).finalChatCompletion();
const calls = tools.choices[0].message.tool_calls;
assert.equal(calls.length, 2);
for (const call of calls) JSON.parse(call.function.arguments);
console.log('tool calls');

const echoed = await collect(await ask('echo', { stream: true, stream_options: { include_usage: true } }, echo));
assert.equal(echoed.text, messages[0].content);
assert.ok(echoed.chunks.at(-1).usage.total_tokens > 0);
console.log('echo');

const vectors = (await echo.embeddings.create({ model: 'echo', input: ['a', 'b'], dimensions: 8 })).data;
assert.deepEqual(vectors.map((vector) => vector.embedding.length), [8, 8]);
console.log('embeddings');

const stranger = new OpenAI({ baseURL, apiKey: 'unknown', maxRetries: 0 });
assert.equal((await fails(OpenAI.AuthenticationError, () => ask('text', {}, stranger))).code, 'invalid_api_key');
console.log('authentication error');

assert.equal((await fails(OpenAI.NotFoundError, () => ask('missing'))).code, 'model_not_found');
console.log('not found error');

const limited = await fails(OpenAI.RateLimitError, () => ask('limited'));
assert.equal(limited.headers.get('retry-after'), '17');
console.log('rate limit error');

await fails(OpenAI.APIConnectionTimeoutError, () => ask('silent', {}, client, { timeout: 1000 }));
console.log('timeout');

for (const cut of ['reset', 'between', 'half', 'stall', 'error']) {
  const error = await collect(await ask(`cut-${cut}`, { stream: true })).then(() => null, (error) => error);
  assert.ok(error, `${cut}: half an answer looked like a whole one`);
  assert.ok(error instanceof OpenAI.APIError || cut === 'half', `${cut}: ${error}`);
}
console.log('cut streams');

for (let n = 0; n < 20; n += 1) assert.ok((await collect(await ask('text', { stream: true }))).chunks.length > 2);
console.log('clean streams');
