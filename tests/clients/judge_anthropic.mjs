// What Anthropic's Node SDK makes of upstreams of every dialect. One line per check; fails at the first.

import Anthropic from '@anthropic-ai/sdk';
import { ANSWER, CITY, GATEWAY, HELLO, MIXED, PARALLEL, PIXEL, REFUSAL, SCHEMA, SPLIT, UNICODE, all, equal, fails, judge } from './judge.mjs';

const said = [{ role: 'user', content: 'hi' }];
const tools = [{ name: 'get_weather', description: 'Says the weather.', input_schema: CITY }];
const thinking = { type: 'enabled', budget_tokens: 2000 };
const clientOf = (apiKey) => new Anthropic({ baseURL: GATEWAY, apiKey, maxRetries: 0, timeout: 60_000 });

const blocks = (message, kind) => message.content.filter((block) => block.type === kind);
const called = (message) => blocks(message, 'tool_use').map((block) => [block.name, block.input]);
const textOf = (message) => blocks(message, 'text').map((block) => block.text).join('');
const thought = (message) => blocks(message, 'thinking').map((block) => block.thinking).join('');

async function* messages(upstream, token) {
  const client = clientOf(token);
  const ask = (model, more = {}) => client.messages.create({ model, max_tokens: 4000, messages: said, ...more });
  const stream = (model, more = {}) => client.messages.stream({ model, max_tokens: 4000, messages: said, ...more }).finalMessage();
  const both = async (model, more) => [await stream(model, more), await ask(model, more)];

  for (const message of await both('by-another-name', { system: 'Be brief.' })) {
    equal([textOf(message), message.stop_reason, message.role], [HELLO, 'end_turn', 'assistant']);
    equal([message.usage.input_tokens, message.usage.output_tokens], [9, 4]);
    if (upstream !== 'anthropic') equal(message.model, 'by-another-name');
  }
  yield 'messages';

  equal(textOf(await stream('s02_text_unicode')), UNICODE);
  yield 'streamed';

  for (const [model, calls] of [['s03_tool_args_split', [['get_weather', SPLIT]]], ['s04_parallel_tools', PARALLEL]]) {
    for (const message of await both(model, { tools })) equal([called(message), message.stop_reason], [calls, 'tool_use']);
  }
  yield 'tools';

  for (const message of await both('s18_multi_text_think_tools', { tools, thinking })) {
    equal([textOf(message), thought(message), called(message)], ['Step 1. ', 'First plan.', MIXED]);
  }
  yield 'text and thoughts and tools';

  for (const message of await both('s08_refusal')) equal(textOf(message), REFUSAL);
  for (const message of await both('s09_length')) equal(message.stop_reason, 'max_tokens');
  for (const { usage } of await both('s12_usage_cached')) equal(usage.cache_read_input_tokens, 1920);
  yield 'other ends';

  const output_config = { format: { type: 'json_schema', schema: SCHEMA } };
  equal(JSON.parse(textOf(await ask('s17_json_text', { output_config }))), ANSWER);
  yield 'a schema';

  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PIXEL } };
  for (const [model, result] of [
    ['loop', { content: '4 degrees' }],
    ['loop-error', { content: '4 degrees', is_error: true }],
    ['loop-image', { content: [{ type: 'text', text: '4 degrees' }, image] }],
  ]) {
    for (const first of await both(model, { tools, thinking })) {
      equal(thought(first), 'Need the weather.');
      const content = [{ type: 'tool_result', tool_use_id: first.content.at(-1).id, ...result }];
      const history = [...said, { role: 'assistant', content: first.content }, { role: 'user', content }];
      for (const second of await both(model, { tools, thinking, messages: history })) equal(textOf(second), HELLO);
    }
  }
  yield 'a result';

  for (const model of ['s14_truncated', 's11_midstream_error']) await fails(Anthropic.AnthropicError, () => stream(model));
  yield 'broken streams';

  const limited = await fails(Anthropic.RateLimitError, () => ask('limited'));
  equal([limited.error.error.type, limited.headers.get('retry-after')], ['rate_limit_error', '17']);
  const long = await fails(Anthropic.BadRequestError, () => ask('too-long'));
  equal(long.error.error.message, 'prompt is too long: 9000 tokens > 8192 maximum');
  equal((await fails(Anthropic.NotFoundError, () => ask('missing'))).error.error.type, 'not_found_error');
  equal((await fails(Anthropic.InternalServerError, () => ask('busy'))).error.error.type, 'overloaded_error');
  equal((await fails(Anthropic.InternalServerError, () => ask('rejected'))).status, 502);
  const stranger = await fails(Anthropic.AuthenticationError, () => clientOf('unknown').messages.create({ model: 'm', max_tokens: 1, messages: said }));
  equal(stranger.error.error.type, 'authentication_error');
  yield 'errors';

  const { input_tokens: tokens } = await client.messages.countTokens({ model: 's01_text', messages: said, tools });
  equal(tokens === 42 || (upstream === 'openai' && tokens > 5 && tokens < 200), true);
  yield 'tokens';

  equal((await all(client.models.list())).map((model) => model.id), ['s01_text', 'model-b', 'by-another-name']);
  yield 'models';
}

await judge(messages);
