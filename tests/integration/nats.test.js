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

test('names of every kind are subjects, one to one, and none is a pattern', async (t) => {
  const nats = await startNats(t);
  const hub = await startHub(t, nats);
  const [a, b] = await connectMany(t, hub, 2);
  const names = { 'chat:room:1': 'chat:room:1', 'a.b': 'a.b', 'é': 'é', 'x y': 'x%20y', '*': '%2A', '>': '%3E', 'a.*': 'a.%2A', '.': '%2E',
    'a..b': 'a.%2Eb', '%2E': '%252E', $SYS: '$SYS', '\u{1f600}': '\u{1f600}' };
  for (const name of Object.keys(names)) await a.subscribe(name);
  await untilSubjects(nats, Object.values(names).map((n) => `wshub.${n}`));
  for (const name of Object.keys(names)) await b.publish(name, name);
  for (const name of Object.keys(names)) assert.equal((await a.waitMessage(name)).data, name);
  await a.barrier();
  assert.equal(a.frames.items.filter((f) => f.json.op === 'message').length, Object.keys(names).length, 'each once');
  for (const name of Object.keys(names)) await a.unsubscribe(name);
  await untilSubjects(nats, []);
});

test('P3: a thousand messages of one connection arrive in its order on another hub', async (t) => {
  const nats = await startNats(t);
  const hubs = [await startHub(t, nats, { workers: 2 }), await startHub(t, nats)];
  const a = await connect(t, hubs[0]);
  const b = await connect(t, hubs[1]);
  await b.subscribe('room');
  await Promise.all(Array.from({ length: 1000 }, (_, n) => a.publish('room', n)));
  await until(5000, 'all messages', () => b.messages('room').length >= 1000);
  assert.deepEqual(b.messages('room').map((m) => m.data), Array.from({ length: 1000 }, (_, n) => n));
});

test('other programs: what they publish arrives as it is, and what the hub publishes has its metadata in headers', async (t) => {
  const nats = await startNats(t);
  const hub = await startHub(t, nats);
  const client = await connect(t, hub);
  const other = await nats.connect();
  const inbox = await other.subscribe('wshub.>');
  await client.subscribe('room');
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const foreign = [['{"a" : [1.0,\n2]}', { data: { a: [1, 2] } }], ['hello \u{1f600}', { text: 'hello \u{1f600}' }], ['', { text: '' }],
    [bytes, { base64: bytes.toString('base64') }]];
  for (const [payload, wanted] of foreign) {
    const from = client.frames.items.length;
    await other.publish('wshub.room', payload);
    const { json } = await client.frames.next((f) => f.json.op === 'message', { from });
    for (const [key, value] of Object.entries(wanted)) assert.deepEqual(json[key], value);
    assert.ok(!('from' in json));
  }
  await other.publish('wshub.room', '"with headers"', { headers: { Other: 'x', 'Wshub-Sender': 'me%', 'Nats-Sequence': '7' } });
  const message = await client.waitMessage('room', (data) => data === 'with headers');
  assert.equal(message.from.connection, 'me%');
  await client.ok('publish', { channel: 'room', data: 1, exclude: ['0123456789abcdef0123456789abcdef'] });
  const { headers, payload } = await inbox.next((m) => m.headers['Wshub-Exclude']);
  assert.equal(payload.toString(), '1');
  assert.deepEqual(headers, { 'Wshub-Sender': client.welcome.connection, 'Wshub-Exclude': '0123456789abcdef0123456789abcdef' });
});

test('prefix: two applications on one NATS never hear each other', async (t) => {
  const nats = await startNats(t);
  const clients = [];
  for (const prefix of ['a', 'b']) clients.push(await connect(t, await startHub(t, nats, { options: { prefix } })));
  for (const client of clients) await client.subscribe('room');
  await untilSubjects(nats, ['a.room', 'b.room']);
  for (const [i, client] of clients.entries()) await client.publish('room', i);
  for (const [i, client] of clients.entries()) {
    await client.waitMessage('room', (data) => data === i);
    await client.barrier();
    assert.deepEqual(client.messages('room').map((m) => m.data), [i]);
  }
});

test('max_payload: what the server does not take is refused as too large, and the link stays', async (t) => {
  const nats = await startNats(t, { config: { max_payload: 20000 } });
  const hub = await startHub(t, nats);
  const [a, b] = await connectMany(t, hub, 2);
  await b.subscribe('room');
  const answer = await a.request('publish', { channel: 'room', data: 'x'.repeat(20000) });
  assert.equal(answer.op, 'error');
  assert.match(answer.code, /too_large|too_big/);
  await a.publish('room', 'y'.repeat(19000));
  await b.waitMessage('room', (data) => data.length === 19000);
  await hub.event('broker up');
  assert.ok(hub.log.items.some((r) => /max_payload is 20000/.test(r.event)), hub.text);
  assert.ok(!hub.log.items.some((r) => r.event === 'broker down'));
});

test('permissions: what the server refuses is denied, all else goes on', async (t) => {
  const users = [{ user: 'hub', password: 'pw', permissions: { publish: { deny: ['wshub.mute'] }, subscribe: { deny: ['wshub.deaf'] } } }];
  const nats = await startNats(t, { config: { authorization: { users } } });
  const hub = await startHub(t, nats, { options: { user: 'hub', password: 'pw' } });
  const [a, b] = await connectMany(t, hub, 2);
  await a.fails('denied', 'subscribe', { channel: 'deaf' });
  await a.fails('denied', 'publish', { channel: 'mute', data: 1 });
  await b.subscribe('mute');
  await b.subscribe('room');
  await a.publish('room', 1);
  await b.waitMessage('room');
  // What was allowed is taken back: the hub hears of it, and subscribes again what it may.
  const from = hub.log.items.length;
  users[0].permissions.subscribe.deny.push('wshub.room');
  nats.reload({ authorization: { users } });
  await hub.event('broker up', { from, deadline: 10000 });
  await until(10000, 'subscriptions that are allowed', async () => (await nats.subjects()).join() === 'wshub.mute');
});

// The server quotes what cannot be printed: a publish that it has refused was answered as done.
test('permissions: what is refused under a name that cannot be printed is denied too', async (t) => {
  const users = [{ user: 'hub', password: 'pw', permissions: { publish: { deny: ['wshub.mute.>'] }, subscribe: { deny: ['wshub.mute.>'] } } }];
  const nats = await startNats(t, { config: { authorization: { users } } });
  const hub = await startHub(t, nats, { options: { user: 'hub', password: 'pw' } });
  const [a] = await connectMany(t, hub, 1);
  for (const name of ['a\u00a0b', '\u200b', '\ue000x', '\u{e0001}', '\u00ad', 'é', '\ufffd']) {
    await a.fails('denied', 'publish', { channel: `mute.${name}`, data: 1 });
    await a.fails('denied', 'subscribe', { channel: `mute.${name}` });
  }
});

test('permissions: without its inbox a hub cannot work, and says so', async (t) => {
  for (const way of ['publish', 'subscribe']) {
    const users = [{ user: 'hub', password: 'pw', permissions: { [way]: { deny: ['_INBOX.>'] } } }];
    const nats = await startNats(t, { config: { authorization: { users } } });
    const hub = await startHub(t, nats, { options: { user: 'hub', password: 'pw' } }, { ready: false });
    const { reason } = await hub.event('broker down');
    assert.match(reason, /permissions: .*_INBOX\.>/);
  }
});
