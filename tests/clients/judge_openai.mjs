// What OpenAI's Node SDK makes of upstreams of every dialect, by Chat Completions and by Responses. One line per check; fails at the
// first.

import OpenAI from 'openai';
import { ANSWER, CITY, GATEWAY, HELLO, MIXED, PARALLEL, PIXEL, REFUSAL, SCHEMA, SPLIT, UNICODE, all, equal, fails, judge } from './judge.mjs';

const messages = [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'hi' }];
const tool = { name: 'get_weather', description: 'Says the weather.', parameters: CITY };
const clientOf = (apiKey) => new OpenAI({ baseURL: `${GATEWAY}/v1`, apiKey, maxRetries: 0, timeout: 60_000 });
const called = (calls) => calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);

async function* chat(upstream, token) {
  const client = clientOf(token);
  const tools = [{ type: 'function', function: tool }];
  const ask = (model, more = {}) => client.chat.completions.create({ model, messages, ...more });
  const stream = (model, more = {}) => client.chat.completions.stream({ model, messages, ...more }).finalChatCompletion();
  const both = async (model, more) => [await stream(model, more), await ask(model, more)];

  const answer = await ask('by-another-name');
  equal([answer.choices[0].message.content, answer.choices[0].finish_reason], [HELLO, 'stop']);
  equal([answer.usage.prompt_tokens, answer.usage.completion_tokens], [9, 4]);
  if (upstream !== 'openai') equal(answer.model, 'by-another-name');
  yield 'chat';

  const chunks = await all(await ask('s02_text_unicode', { stream: true, stream_options: { include_usage: true } }));
  equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), UNICODE);
  equal(chunks.at(-1).usage.completion_tokens, 14);
  yield 'chat, streamed';

  for (const [model, calls] of [['s03_tool_args_split', [['get_weather', SPLIT]]], ['s04_parallel_tools', PARALLEL]]) {
    for (const final of await both(model, { tools })) {
      equal([called(final.choices[0].message.tool_calls), final.choices[0].finish_reason], [calls, 'tool_calls']);
    }
  }
  yield 'chat, tools';

  const [streamed, whole] = (await both('s18_multi_text_think_tools')).map((final) => final.choices[0].message);
  for (const message of [streamed, whole]) equal([message.content, called(message.tool_calls)], ['Step 1. ', MIXED]);
  // The helper for streams knows no thoughts, and keeps the last piece of them.
  equal(whole.reasoning_content, 'First plan.');
  yield 'chat, text and thoughts and tools';

  for (const final of await both('s08_refusal')) {
    const { message: { content, refusal }, finish_reason: reason } = final.choices[0];
    if (['openai', 'responses'].includes(upstream)) equal([refusal, content ?? ''], [REFUSAL, '']);
    else equal([content, reason], [REFUSAL, 'content_filter']);
  }
  equal((await ask('s09_length')).choices[0].finish_reason, 'length');
  yield 'chat, other ends';

  const { usage } = await ask('s12_usage_cached');
  equal([usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens], [2048, 1920]);
  yield 'chat, a cache';

  const format = { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: SCHEMA } };
  const parsed = await client.chat.completions.parse({ model: 's17_json_text', messages, response_format: format });
  equal(parsed.choices[0].message.parsed, ANSWER);
  yield 'chat, a schema';

  for (const [model, content] of [['loop', '4 degrees'], ['loop-error', 'Error: 4 degrees']]) {
    const { message } = (await ask(model, { tools })).choices[0];
    const result = { role: 'tool', tool_call_id: message.tool_calls[0].id, content };
    const second = await ask(model, { tools, messages: [...messages, message, result] });
    equal(second.choices[0].message.content, HELLO);
  }
  yield 'chat, a result';

  for (const model of ['s14_truncated', 's11_midstream_error']) {
    await fails(OpenAI.APIError, async () => all(await ask(model, { stream: true })));
    await fails(OpenAI.OpenAIError, () => stream(model));
  }
  yield 'chat, broken streams';

  await errors(ask);
  yield 'chat, errors';

  equal((await all(client.models.list())).map((model) => model.id), ['s01_text', 'model-b', 'by-another-name']);
  yield 'models';
}

async function errors(ask) {
  const limited = await fails(OpenAI.RateLimitError, () => ask('limited'));
  equal([limited.code, limited.headers.get('retry-after')], ['rate_limit_exceeded', '17']);
  equal((await fails(OpenAI.BadRequestError, () => ask('too-long'))).code, 'context_length_exceeded');
  equal((await fails(OpenAI.NotFoundError, () => ask('missing'))).code, 'model_not_found');
  await fails(OpenAI.InternalServerError, () => ask('busy'));
  equal((await fails(OpenAI.InternalServerError, () => ask('rejected'))).code, 'upstream_auth_failed');
}

async function* responses(upstream, token) {
  const client = clientOf(token);
  const tools = [{ type: 'function', ...tool, strict: false }];
  const fixed = { instructions: 'Be brief.', store: false, include: ['reasoning.encrypted_content'] };
  const ask = (model, more = {}) => client.responses.create({ model, input: 'hi', ...fixed, ...more });
  const stream = (model, more = {}) => client.responses.stream({ model, input: 'hi', ...fixed, ...more }).finalResponse();
  const both = async (model, more) => [await stream(model, more), await ask(model, more)];

  for (const answer of await both('by-another-name')) {
    equal([answer.output_text, answer.status, answer.usage.total_tokens], [HELLO, 'completed', 13]);
    if (upstream !== 'responses') equal(answer.model, 'by-another-name');
  }
  equal((await stream('s02_text_unicode')).output_text, UNICODE);
  yield 'responses';

  for (const [model, calls] of [['s03_tool_args_split', [['get_weather', SPLIT]]], ['s04_parallel_tools', PARALLEL]]) {
    for (const final of await both(model, { tools })) {
      equal(final.output.map((item) => [item.name, JSON.parse(item.arguments)]), calls);
    }
  }
  yield 'responses, tools';

  for (const final of await both('s06_reasoning_text', { reasoning: { effort: 'low', summary: 'auto' } })) {
    equal([final.output[0].summary[0].text, final.output_text], ['The user wants 2+2.', '4']);
  }
  yield 'responses, thoughts';

  const long = await ask('s09_length');
  equal([long.status, long.incomplete_details.reason], ['incomplete', 'max_output_tokens']);
  yield 'responses, the most tokens';

  const text = { format: { type: 'json_schema', name: 'answer', strict: true, schema: SCHEMA } };
  equal((await client.responses.parse({ model: 's17_json_text', input: 'hi', text, ...fixed })).output_parsed, ANSWER);
  yield 'responses, a schema';

  const image = { type: 'input_image', image_url: `data:image/png;base64,${PIXEL}`, detail: 'auto' };
  for (const [model, output] of [
    ['loop', '4 degrees'],
    ['loop-error', 'Error: 4 degrees'],
    ['loop-image', [{ type: 'input_text', text: '4 degrees' }, image]],
  ]) {
    for (const first of await both(model, { tools })) {
      const items = first.output.map(({ parsed_arguments, ...item }) => item);
      const result = { type: 'function_call_output', call_id: items.at(-1).call_id, output };
      const second = await ask(model, { tools, input: [{ role: 'user', content: 'hi' }, ...items, result] });
      equal(second.output_text, HELLO);
    }
  }
  yield 'responses, a result';

  for (const model of ['s14_truncated', 's11_midstream_error']) {
    const events = await all(await ask(model, { stream: true })).catch((error) => error);
    if (!(events instanceof OpenAI.APIError)) equal(/response.failed|error/.test(events.at(-1).type), true);
  }
  yield 'responses, broken streams';

  await errors(ask);
  if (upstream !== 'responses') {
    const error = await fails(OpenAI.BadRequestError, () => ask('s01_text', { previous_response_id: 'resp_1' }));
    equal([error.code, error.param], ['unsupported_parameter', 'previous_response_id']);
  }
  const stranger = await fails(OpenAI.AuthenticationError, () => clientOf('unknown').responses.create({ model: 'm', input: 'hi' }));
  equal(stranger.code, 'invalid_api_key');
  yield 'responses, errors';
}

await judge(chat, responses);
