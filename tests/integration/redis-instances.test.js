// SPDX-License-Identifier: MIT
// Several hubs on one Redis: messages cross, the registry tells who is where, and one that crashes or pauses harms nobody.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atEnd } from './support/cleanup.js';
import { connect, connectMany } from './support/client.js';
import { pause } from './support/pause.js';
import { startRedis } from './support/redis.js';
import { QUICK_REGISTRY, channelsOf, connectionKey, entriesAmong, keysOf, readiness, startHub, untilReady, untilRegistered, untilSubscribed, watchTtl } from './support/redis_hub.js';
import { until, within } from './support/wait.js';

async function startThree(t, redis, config = {}) {
  const hubs = [];
  for (const instance_id of ['one', 'two', 'three']) hubs.push(await startHub(t, redis, { instance_id, ...config }));
  return hubs;
}

// Some clients on each: [[c, c], [c, c], ...]
const clientsOf = (t, hubs, count) => Promise.all(hubs.map((hub) => connectMany(t, hub, count)));

test('a message published on one instance reaches the subscribers on all, exactly once', async (t) => {
  const redis = await startRedis(t);
  const hubs = await startThree(t, redis);
  const clients = await clientsOf(t, hubs, 3);
  await Promise.all(clients.flat().map((c) => c.subscribe('room')));
  assert.deepEqual(await redis.subscriptions('room'), { room: 3 });
  for (const [i, [first]] of clients.entries()) await first.publish('room', i);
  for (const client of clients.flat()) {
    for (const [i, [sender]] of clients.entries()) {
      const message = await client.waitMessage('room', (data) => data === i);
      assert.equal(message.from.connection, sender.welcome.connection);
    }
    await client.barrier();
    assert.equal(client.messages('room').length, 3);
  }
});

test('P1: an instance without a subscriber holds no subscription', async (t) => {
  const redis = await startRedis(t);
  const hubs = await startThree(t, redis);
  const [[a], [b]] = await clientsOf(t, hubs, 1);
  for (const [client, count] of [[a, 1], [b, 2]]) {
    await client.subscribe('room');
    assert.deepEqual(await redis.subscriptions('room'), { room: count });
  }
  await a.unsubscribe('room');
  await untilSubscribed(redis, { room: 1 });
  await a.publish('room', 'to the other');
  await b.waitMessage('room');
  await a.barrier();
  assert.deepEqual(a.messages('room'), []);
});

test('P2: what one instance publishes after the answer to a subscribe on another arrives, a hundred times over', async (t) => {
  const redis = await startRedis(t);
  const [, [b], [c]] = await clientsOf(t, await startThree(t, redis), 1);
  for (let i = 0; i < 100; i++) {
    await b.subscribe(`p2:${i}`);
    await c.publish(`p2:${i}`, i);
    await b.waitMessage(`p2:${i}`, (data) => data === i);
  }
});

test('P3: publishers on all instances, one order everywhere', async (t) => {
  const redis = await startRedis(t);
  const clients = await clientsOf(t, await startThree(t, redis), 2);
  await Promise.all(clients.flat().map((c) => c.subscribe('room')));
  const publishing = [];
  for (let n = 0; n < 200; n++) for (const [i, [client]] of clients.entries()) publishing.push(client.publish('room', `${i}:${n}`));
  await within(20000, 'all answers', Promise.all(publishing));
  const orders = await Promise.all(clients.flat().map(async (client) => {
    await until(5000, 'all messages', () => client.messages('room').length >= 600);
    await client.barrier();
    return client.messages('room').map((m) => m.data);
  }));
  assert.equal(orders[0].length, 600);
  for (const order of orders) assert.deepEqual(order, orders[0]);
  for (const i of [0, 1, 2])
    assert.deepEqual(orders[0].filter((d) => d.startsWith(`${i}:`)), Array.from({ length: 200 }, (_, n) => `${i}:${n}`));
});

test('exclude holds on every instance', async (t) => {
  const redis = await startRedis(t);
  const clients = await clientsOf(t, await startThree(t, redis), 2);
  const all = clients.flat();
  await Promise.all(all.map((c) => c.subscribe('room')));
  const out = clients.map(([, second]) => second);
  const exclude = out.map((c) => c.welcome.connection);
  await clients[0][0].ok('publish', { channel: 'room', data: 'some', exclude });
  await clients[1][0].ok('publish', { channel: 'room', data: 'none', exclude: all.map((c) => c.welcome.connection) });
  await clients[2][0].ok('publish', { channel: 'room', data: 'nobody is meant', exclude: ['0'.repeat(32)] });
  await clients[2][0].ok('publish', { channel: 'room', data: 'end', exclude: [] });
  for (const client of all) {
    await client.waitMessage('room', (data) => data === 'end');
    const wanted = [...(out.includes(client) ? [] : ['some']), 'nobody is meant', 'end'];
    assert.deepEqual(client.messages('room').map((m) => m.data), wanted);
  }
});

test('exclude: what is not a list of connections is a bad request', async (t) => {
  const redis = await startRedis(t);
  const client = await connect(t, await startHub(t, redis));
  for (const exclude of ['x', 1, {}, [1], [null], [['x']], ['two words'], ['']])
    await client.fails('bad_request', 'publish', { channel: 'room', data: 1, exclude });
});

// ---- the registry --------------------------------------------------------------------------------------------------

test('P7: a killed instance expires from the registry, the others stay', async (t) => {
  const redis = await startRedis(t);
  const hubs = await startThree(t, redis, { registry: QUICK_REGISTRY });
  const clients = await clientsOf(t, hubs, 3);
  await Promise.all(clients.flat().map((c, i) => c.subscribe(`room:${i % 3}`)));
  const keys = hubs.map((hub, i) => keysOf(hub, clients[i]));
  await untilRegistered(redis, keys.flat());
  const check = watchTtl(t, redis);
  await hubs[1].kill9();
  await untilRegistered(redis, [...keys[0], ...keys[2]], 4000);
  await check();
  await clients[0][0].publish('room:2', 'go on');
  await clients[2][2].waitMessage('room:2');
  for (const hub of [hubs[0], hubs[2]]) assert.equal(await readiness(hub), 200);
});

test('P7: an instance that was paused beyond its TTL brings back what lives, and nothing that went meanwhile', async (t) => {
  const redis = await startRedis(t);
  const hubs = await startThree(t, redis, { registry: QUICK_REGISTRY });
  const clients = await clientsOf(t, hubs, 6);
  await Promise.all(clients.flat().map((c) => c.subscribe('room')));
  const keys = hubs.map((hub, i) => keysOf(hub, clients[i]));
  const others = [...keys[0], ...keys[2]];
  await untilRegistered(redis, keys.flat());
  const check = watchTtl(t, redis);
  pause(hubs[1].child);
  atEnd(t, () => hubs[1].child.kill('SIGCONT')); // whatever fails before it is resumed
  await untilRegistered(redis, others, 5000);
  const [gone, stay] = [clients[1].slice(0, 3), clients[1].slice(3)];
  for (const client of gone) client.ws.terminate();
  hubs[1].child.kill('SIGCONT');
  await untilReady(hubs[1]);
  await untilRegistered(redis, [...others, ...keysOf(hubs[1], stay)], 5000);
  await clients[0][0].publish('room', 'after');
  for (const client of [...clients[0], ...stay, ...clients[2]]) await client.waitMessage('room', (data) => data === 'after');
  await untilRegistered(redis, [...others, ...keysOf(hubs[1], stay)], 5000);
  await check();
});

test('P7, P8: an instance that stops takes its keys with it, the others keep theirs', async (t) => {
  const redis = await startRedis(t);
  const hubs = await startThree(t, redis); // with the TTLs of users: nothing goes by itself
  const clients = await clientsOf(t, hubs, 3);
  await Promise.all(clients.flat().map((c) => c.subscribe('room')));
  await untilRegistered(redis, hubs.flatMap((hub, i) => keysOf(hub, clients[i])));
  const left = hubs.slice();
  for (const hub of hubs) {
    await hub.stop();
    left.shift();
    const keys = entriesAmong(await redis.command('KEYS', 'ws:*'));
    assert.deepEqual(keys, left.flatMap((h) => keysOf(h, clients[hubs.indexOf(h)])).sort());
  }
  assert.deepEqual(await channelsOf(redis), []);
});

test('P7: a client that moves from one instance to another has one entry at a time', async (t) => {
  const redis = await startRedis(t);
  const hubs = await startThree(t, redis);
  let last;
  for (let move = 0; move < 9; move++) {
    const hub = hubs[move % 3];
    const client = await connect(t, hub);
    await last?.close();
    last = client;
    await untilRegistered(redis, [...hubs.flatMap((h) => keysOf(h, [])), connectionKey(hub, client)]);
  }
});
