// SPDX-License-Identifier: MIT
// The hub on a real NATS: messages byte for byte, headers, names, what other programs publish, and sizes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectMany } from './support/client.js';
import { startNats } from './support/nats.js';
import { startHub, untilSubjects } from './support/nats_hub.js';
import { until } from './support/wait.js';

const PAYLOADS = [
  'null', 'false', '-0', '1.0', '123456789012345678901234567890', '""', '"\\u0041"', '"\\u0000"', '"\u2028\ufeff\x7f"', '{ }',
  '[1,\n\t 2 ,\r\n3]', '{"a":1,"a":2}', '"\\ud800"', '"\\r\\nPUB wshub.room 0\\r\\n"', JSON.stringify('x'.repeat(60000)),
];

test('data goes through NATS byte for byte', async (t) => {
  const nats = await startNats(t);
  const hub = await startHub(t, nats);
  const [a, b] = await connectMany(t, hub, 2);
  await b.subscribe('room');
  for (const raw of PAYLOADS) {
    const from = b.frames.items.length;
    await a.publishRaw('room', raw);
    const { text } = await b.frames.next((f) => f.json.op === 'message', { from, what: `message ${raw.slice(0, 80)}` });
    const behind = text.slice(text.indexOf('"data":') + 7);
    assert.ok(behind.startsWith(raw) && /^[,}]/.test(behind.slice(raw.length)), `sent ${raw.slice(0, 200)}, got ${text.slice(0, 300)}`);
  }
  await b.barrier();
  assert.equal(b.messages('room').length, PAYLOADS.length, 'each exactly once');
});

test('two hubs hear each other, each message once, with its sender, and without those it excludes', async (t) => {
  const nats = await startNats(t);
  const hubs = [await startHub(t, nats), await startHub(t, nats)];
  const clients = [];
  for (const hub of hubs) clients.push(...await connectMany(t, hub, 2));
  for (const client of clients) await client.subscribe('room');
  const [a, b, c, d] = clients;
  await a.ok('publish', { channel: 'room', data: 'not for you', exclude: [a.welcome.connection, c.welcome.connection] });
  await a.publish('room', 'for all');
  for (const client of clients) {
    await client.waitMessage('room', (data) => data === 'for all');
    await client.barrier();
    assert.deepEqual(client.messages('room').map((m) => m.data), client === b || client === d ? ['not for you', 'for all'] : ['for all']);
    assert.ok(client.messages('room').every((m) => m.from.connection === a.welcome.connection));
  }
});
