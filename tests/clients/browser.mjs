// A page that uses the OpenAI SDK in a browser, against a gateway of another origin. What it sees, it tells its own
// origin: tests/behaviour/browser.rs.

import OpenAI from 'openai';

const { gateway, token, task } = Object.fromEntries(new URLSearchParams(location.search));
const messages = [{ role: 'user', content: 'hi' }];

const tell = (path, what) => fetch(path, { method: 'POST', body: JSON.stringify(what) });

const by = (apiKey) =>
  new OpenAI({ baseURL: `http://${gateway}/v1`, apiKey, maxRetries: 0, timeout: 60_000, dangerouslyAllowBrowser: true });

async function stream() {
  const asked = by(token).chat.completions.create({ model: 'text', messages, stream: true });
  const { data, response } = await asked.withResponse();
  const pieces = [];
  for await (const chunk of data) {
    pieces.push(chunk.choices[0]?.delta?.content ?? '');
    if (pieces.length === 1) await tell('/seen'); // the rest comes only then
  }
  return { pieces, id: response.headers.get('x-request-id') };
}

async function models() {
  return (await by(token).models.list()).data.map((model) => model.id);
}

async function failure(client, model) {
  const error = await client.chat.completions.create({ model, messages }).catch((error) => error);
  return [error.status, error.code, error.headers?.get('retry-after') ?? null];
}

function socket() {
  const protocols = ['realtime', `openai-insecure-api-key.${token}`];
  const socket = new WebSocket(`ws://${gateway}/v1/realtime?model=voice`, protocols);
  return new Promise((resolve) => {
    socket.onopen = () => socket.send('你好');
    socket.onmessage = ({ data }) => resolve([socket.protocol, data]);
    socket.onclose = ({ code }) => resolve([code]);
  }).finally(() => socket.close());
}

const tasks = {
  models,
  everything: async () => ({
    stream: await stream(),
    models: await models(),
    stranger: await failure(by('unknown'), 'text'),
    limited: await failure(by(token), 'limited'),
    socket: await socket(),
  }),
};

tasks[task]().then((seen) => tell('/told', seen), (error) => tell('/told', { error: `${error.constructor.name}: ${error}` }));
