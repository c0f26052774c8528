// What the programs share that judge translation: see judge.py.

import assert from 'node:assert/strict';

const stuck = setTimeout(() => {
  console.error('stuck');
  process.exit(1);
}, 240_000);

export const { GATEWAY } = process.env;
const TOKENS = JSON.parse(process.env.TOKENS);

export const HELLO = 'Hello, world!';
export const UNICODE = 'Grüß 你好 👩\u200d👩\u200d👧 e\u0301 \u2028end "q" \\ \t\n';
export const REFUSAL = "I can't help with that.";
export const SPLIT = { city: 'São Pau"lo"', note: '日本 \n ok' };
export const PARALLEL = [['get_weather', { city: 'Paris' }], ['get_time', { tz: 'Europe/Paris', h24: true }]];
export const MIXED = [['a', { x: 1 }], ['b', { y: [1, 2] }], ['c', {}]];
export const ANSWER = { answer: 42, why: 'be"cause' };
export const SCHEMA = {
  type: 'object',
  properties: { answer: { type: 'integer' }, why: { type: 'string' } },
  required: ['answer', 'why'],
  additionalProperties: false,
};
export const CITY = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
export const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

export const equal = assert.deepEqual;

export const all = (list) => Array.fromAsync(list);

// The error of this class that a call ends in.
export async function fails(kind, call) {
  const error = await Promise.resolve().then(call).then(() => null, (error) => error);
  assert.ok(error instanceof kind, `no ${kind.name}, but ${error?.stack}`);
  return error;
}

// Runs each part against each upstream. A part yields the name of each check that held.
export async function judge(...parts) {
  for (const [upstream, token] of Object.entries(TOKENS)) {
    for (const part of parts) {
      let last = 'its beginning';
      try {
        for await (last of part(upstream, token)) console.log(`${upstream}: ${last}`);
      } catch (error) {
        console.error(`upstream ${upstream}, ${part.name}, behind ${last}`);
        throw error;
      }
    }
  }
  clearTimeout(stuck);
}
