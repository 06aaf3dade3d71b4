// SPDX-License-Identifier: MIT
// Messages to one connection and to one user, wherever they are: on one instance without a registry, and on two with
// Redis. Who may send, who is found, who is left out. And what grants say of histories and of members.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, startAuth } from './support/auth.js';
import { connect, connectMany } from './support/client.js';
import { start } from './support/hub.js';
import { startRedis } from './support/redis.js';
import { QUICK_REGISTRY } from './support/redis_hub.js';
import { SCALE, until } from './support/wait.js';

const NOBODY = '0123456789abcdef0123456789abcdef';
const TABLE = [
  'token ann yes user=ann grant=m:*',
  'token bob yes user=bob grant=m:ann grant=sh:room:* grant=s:hall:*',
  'token bob2 yes user=bob grant=m:ann grant=srh:room:*',
  'token cid yes user=cid grant=srh:room:* grant=s:hall:*',
  'token - yes',
];

const idOf = (client) => client.welcome.connection;
const directs = (client) => client.frames.items.map((f) => f.json).filter((m) => m?.op === 'direct');
const direct = (client, data) => client.waitFrame((m) => m.op === 'direct' && m.data === data, { what: `direct ${data}` });
const send = (client, to, data, more) => client.ok('send', { to, data, ...more });

// Sent again until it is found: a registry is written a moment after the welcome.
const untilSent = (client, to, data) => until(10000 * SCALE, 'somebody is found', async () => (await client.request('send', { to, data })).op === 'ok');

async function onMemory(t) {
  const hub = await startAuth(t, TABLE, { workers: 4 });
  return [hub, hub];
}

async function onRedis(t) {
  const redis = await startRedis(t);
  const brokers = [{ name: 'main', plugin: 'redis', options: { url: redis.url } }];
  const hubs = [];
  for (const instance_id of ['one', 'two']) hubs.push(await startAuth(t, TABLE, { instance_id, brokers, registry: QUICK_REGISTRY, workers: 2 }));
  return hubs;
}

for (const [name, startOn] of [['memory', onMemory], ['redis', onRedis]]) {
  test(`${name}: to a connection, to all of a user, and to nobody`, async (t) => {
    const [here, there] = await startOn(t);
    const ann = await connect(t, here, bearer('ann'));
    const bobs = [await connect(t, here, bearer('bob')), await connect(t, there, bearer('bob2')), await connect(t, there, bearer('bob'))];
    await untilSent(ann, { user: 'bob' }, 'hello');
    for (const bob of bobs) {
      await untilSent(ann, { connection: idOf(bob) }, idOf(bob));
      const { json } = await direct(bob, idOf(bob));
      assert.deepEqual(json, { op: 'direct', data: idOf(bob), from: { connection: idOf(ann), user: 'ann' } });
    }
    await send(ann, { user: 'bob' }, 'all of you');
    for (const bob of bobs) await direct(bob, 'all of you');
    await send(ann, { user: 'bob' }, 'but one', { exclude: [idOf(bobs[1])] });
    await send(ann, { user: 'bob' }, 'end');
    for (const bob of bobs) await direct(bob, 'end');
    assert.deepEqual(bobs.map((bob) => directs(bob).some((m) => m.data === 'but one')), [true, false, true]);
    for (const to of [{ user: 'nobody' }, { connection: NOBODY }]) {
      const error = await ann.fails('not_found', 'send', { to, data: 1 });
      assert.equal(error.retry, false);
    }
    await bobs[0].close();
    await until(10000 * SCALE, 'the connection is not found any more', async () =>
      (await ann.request('send', { to: { connection: idOf(bobs[0]) }, data: 1 })).code === 'not_found');
    await send(ann, { user: 'bob' }, 'the others');
    await direct(bobs[1], 'the others');
    await direct(bobs[2], 'the others');
    assert.equal(directs(bobs[2]).filter((m) => m.data === 'the others').length, 1);
  });
}

test('who may send, by grant', async (t) => {
  const [hub] = await onMemory(t);
  const [ann, bob, cid, anonymous] = [await connect(t, hub, bearer('ann')), await connect(t, hub, bearer('bob')),
    await connect(t, hub, bearer('cid')), await connect(t, hub)];
  await untilSent(bob, { user: 'ann' }, 1);
  const connection = idOf(ann);
  assert.equal((await bob.fails('denied', 'send', { to: { user: 'cid' }, data: 1 })).message, 'send to "cid" is not granted');
  assert.equal((await bob.fails('denied', 'send', { to: { connection }, data: 1 })).message, `send to "connection:${connection}" is not granted`);
  for (const client of [cid, anonymous]) await client.fails('denied', 'send', { to: { user: 'ann' }, data: 1 });
  await direct(ann, 1);
  assert.equal(directs(ann).length, 1);
});

test('who may send, where nobody is known', async (t) => {
  const closed = await start({}, { t });
  const [a] = await connectMany(t, closed, 1);
  await a.fails('denied', 'send', { to: { connection: idOf(a) }, data: 1 });
  const open = await start({ send: 'all' }, { t });
  const [b, c] = await connectMany(t, open, 2);
  await send(b, { connection: idOf(c) }, 'hello');
  await direct(c, 'hello');
  await send(b, { connection: idOf(b) }, 'myself');
  await direct(b, 'myself');
  await b.fails('not_found', 'send', { to: { user: 'ann' }, data: 1 });
  for (const wrong of [{}, { to: 1, data: 1 }, { to: {}, data: 1 }, { to: { user: 'a', connection: NOBODY }, data: 1 }, { to: { user: '' }, data: 1 },
    { to: { connection: 'x' }, data: 1 }, { to: { user: 'a' } }, { to: { user: 'a' }, data: 1, exclude: ['x'] }])
    await b.fails('bad_request', 'send', wrong);
});

test('who may read histories and see members, by grant', async (t) => {
  const hub = await startAuth(t, TABLE, {
    channels: [{ match: '*', subscribe: 'granted', publish: 'all', history: { size: 10, ttl: '1h' }, presence: true }],
  });
  const [ann, bob, cid] = [await connect(t, hub, bearer('ann')), await connect(t, hub, bearer('bob')), await connect(t, hub, bearer('cid'))];
  const { position: since } = await ann.publish('room:1', 1);
  await ann.publish('room:1', 2);
  assert.equal((await bob.ok('history', { channel: 'room:1' })).messages.length, 2);
  assert.equal((await bob.fails('denied', 'history', { channel: 'hall:1' })).message, 'history of "hall:1" is not granted');
  assert.equal((await bob.fails('denied', 'presence', { channel: 'room:1' })).message, 'presence of "room:1" is not granted');
  await ann.fails('denied', 'history', { channel: 'room:1' });
  // Who may subscribe may recover what it has missed; a history as such is another thing.
  assert.equal((await cid.ok('subscribe', { channel: 'room:1', since })).recovered, true);
  await bob.subscribe('room:1');
  await cid.waitFrame((m) => m.op === 'join' && m.member.user === 'bob');
  assert.equal((await cid.ok('presence', { channel: 'room:1' })).connections, 2);
  // A refresh gives the right to see members, and takes it away again.
  await bob.ok('refresh', { token: 'bob2' });
  await ann.ok('refresh', { token: 'ann' });
  const other = await connect(t, hub, bearer('cid'));
  await other.subscribe('room:1');
  await bob.waitFrame((m) => m.op === 'join' && m.member.connection === idOf(other));
  await bob.ok('refresh', { token: 'bob' });
  await other.close();
  await cid.waitFrame((m) => m.op === 'leave' && m.member.connection === idOf(other));
  await bob.barrier();
  assert.equal(bob.frames.items.some((f) => f.json.op === 'leave'), false);
});
