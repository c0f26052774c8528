// What Google's Node SDK makes of upstreams of every dialect. One line per check; fails at the first.

import { ApiError, GoogleGenAI } from '@google/genai';
import { ANSWER, CITY, GATEWAY, HELLO, MIXED, PARALLEL, PIXEL, REFUSAL, SCHEMA, SPLIT, UNICODE, all, equal, fails, judge } from './judge.mjs';

const tools = [{ functionDeclarations: [{ name: 'get_weather', description: 'Says the weather.', parametersJsonSchema: CITY }] }];
const thinkingConfig = { includeThoughts: true, thinkingBudget: 2000 };
const clientOf = (apiKey) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: GATEWAY, timeout: 60_000 } });

const parts = (answers) => answers.flatMap((answer) => answer.candidates[0].content?.parts ?? []);
const joined = (answers, isThought) => parts(answers).filter((part) => part.text && !!part.thought === isThought).map((part) => part.text).join('');
const called = (answers) => parts(answers).flatMap(({ functionCall: call }) => (call ? [[call.name, call.args ?? {}]] : []));
const reason = (answers) => answers.at(-1).candidates[0].finishReason;

async function* contents(upstream, token) {
  const client = clientOf(token);
  const ask = (model, config = {}) => client.models.generateContent({ model, contents: 'hi', config });
  const stream = async (model, config = {}) => all(await client.models.generateContentStream({ model, contents: 'hi', config }));
  const both = async (model, config) => [await stream(model, config), [await ask(model, config)]];

  for (const answers of await both('by-another-name', { systemInstruction: 'Be brief.', temperature: 0.5 })) {
    equal([joined(answers, false), reason(answers)], [HELLO, 'STOP']);
    const { promptTokenCount, candidatesTokenCount, totalTokenCount } = answers.at(-1).usageMetadata;
    equal([promptTokenCount, candidatesTokenCount, totalTokenCount], [9, 4, 13]);
    if (upstream !== 'gemini') equal(answers.at(-1).modelVersion, 'by-another-name');
  }
  yield 'contents';

  equal(joined(await stream('s02_text_unicode'), false), UNICODE);
  yield 'streamed';

  for (const [model, calls] of [['s03_tool_args_split', [['get_weather', SPLIT]]], ['s04_parallel_tools', PARALLEL]]) {
    for (const answers of await both(model, { tools })) equal([called(answers), reason(answers)], [calls, 'STOP']);
  }
  yield 'tools';

  for (const answers of await both('s18_multi_text_think_tools', { tools, thinkingConfig })) {
    equal([joined(answers, false), joined(answers, true), called(answers)], ['Step 1. ', 'First plan.', MIXED]);
  }
  yield 'text and thoughts and tools';

  for (const answers of await both('s08_refusal')) equal(joined(answers, false), REFUSAL);
  for (const answers of await both('s09_length')) equal(reason(answers), 'MAX_TOKENS');
  for (const answers of await both('s12_usage_cached')) equal(answers.at(-1).usageMetadata.cachedContentTokenCount, 1920);
  yield 'other ends';

  const schema = { responseMimeType: 'application/json', responseJsonSchema: SCHEMA };
  equal(JSON.parse((await ask('s17_json_text', schema)).text), ANSWER);
  yield 'a schema';

  const media = [{ inlineData: { mimeType: 'image/png', data: PIXEL } }];
  for (const [model, result] of [
    ['loop', { response: { result: '4 degrees' } }],
    ['loop-error', { response: { error: '4 degrees' } }],
    ['loop-image', { response: { result: '4 degrees' }, parts: media }],
  ]) {
    for (const isStream of [false, true]) {
      const chat = client.chats.create({ model, config: { tools, thinkingConfig } });
      const send = async (message) =>
        isStream ? all(await chat.sendMessageStream({ message })) : [await chat.sendMessage({ message })];
      const first = await send('hi');
      equal([joined(first, true), called(first)], ['Need the weather.', [['get_weather', { city: 'Oslo' }]]]);
      const { id, name } = parts(first).find((part) => part.functionCall).functionCall;
      equal(joined(await send({ functionResponse: { id, name, ...result } }), false), HELLO);
    }
  }
  yield 'a result';

  for (const model of ['s14_truncated', 's11_midstream_error']) await fails(ApiError, () => stream(model));
  yield 'broken streams';

  for (const [model, status, name] of [
    ['limited', [429], 'RESOURCE_EXHAUSTED'],
    ['too-long', [400], 'INVALID_ARGUMENT'],
    ['missing', [404], 'NOT_FOUND'],
    ['busy', [503, 529], 'UNAVAILABLE'],
    ['rejected', [502], 'UNAVAILABLE'],
  ]) {
    const error = await fails(ApiError, () => ask(model));
    equal([status.includes(error.status), JSON.parse(error.message).error.status], [true, name]);
  }
  const stranger = await fails(ApiError, () => clientOf('unknown').models.generateContent({ model: 'm', contents: 'hi' }));
  equal([stranger.status, JSON.parse(stranger.message).error.status], [401, 'UNAUTHENTICATED']);
  yield 'errors';

  const { totalTokens } = await client.models.countTokens({ model: 's01_text', contents: 'How many tokens are these?' });
  equal(totalTokens === 42 || (upstream === 'openai' && totalTokens > 3 && totalTokens < 30), true);
  yield 'tokens';

  const listed = (await all(await client.models.list())).map((model) => model.name);
  equal(listed, ['models/s01_text', 'models/model-b', 'models/by-another-name']);
  yield 'models';
}

await judge(contents);
