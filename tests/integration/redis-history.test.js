// SPDX-License-Identifier: MIT
// Histories on real Redis servers, and what is told when one of them lost its data: nothing is presented as whole that
// may not be.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectMany } from './support/client.js';
import { startRedis } from './support/redis.js';
import { assertFewComplaints, readiness, startHub, untilReady } from './support/redis_hub.js';
import { until } from './support/wait.js';

const CHANNELS = [{ match: 'room:*', history: { size: 1000, ttl: '1h' } }, { match: '*' }];
const CONFIG = { channels: CHANNELS, workers: 2, unsubscribe_linger: '0s', recovery: { check: '1s' } };

async function startTwo(t, redis, options = {}) {
  const hubs = await Promise.all([0, 1].map(() => startHub(t, redis, { ...CONFIG, options: { reconnect_max: '200ms', ...options } })));
  await Promise.all(hubs.map((hub) => untilReady(hub)));
  return hubs;
}

const data = (client, channel) => client.messages(channel).map((m) => m.data);
const gaps = (client) => client.frames.items.filter((f) => f.json?.op === 'gap').map((f) => f.json);
const count = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

async function publishAll(client, channel, from, to) {
  let position;
  for (let i = from; i <= to; i++) ({ position } = await client.publish(channel, i));
  return position;
}

// After Redis was away: until a publish works again.
const published = (client, channel, value) => until(10000, `${value} is published`, async () => {
  const answer = await client.request('publish', { channel, data: value });
  return answer.op === 'ok' && answer;
});

const untilGap = (client, channel) => until(10000, 'a gap', () => gaps(client).find((gap) => gap.channel === channel));

test('one history for all instances, and a key counts for all', async (t) => {
  const redis = await startRedis(t);
  const [anna, bert] = await Promise.all((await startTwo(t, redis)).map((hub) => connect(t, hub)));
  const { position } = await bert.subscribe('room:1');
  assert.equal(position.offset, 0);
  const first = await anna.ok('publish', { channel: 'room:1', data: 1, key: 'k' });
  const again = await bert.ok('publish', { channel: 'room:1', data: 'repeated', key: 'k' });
  assert.deepEqual(again.position, first.position);
  assert.deepEqual(await bert.publish('room:1', 2).then((ok) => ok.position), { epoch: position.epoch, offset: 2 });
  await bert.waitMessage('room:1', (value) => value === 2);
  assert.deepEqual(data(bert, 'room:1'), [1, 2]);
  const history = await bert.ok('history', { channel: 'room:1' });
  assert.deepEqual(history.messages.map((m) => [m.offset, m.data]), [[1, 1], [2, 2]]);
  assert.equal(await redis.command('XLEN', 'ws:history:{room:1}'), 2);
});

for (const [name, options, config, kept] of [
  ['that may have lost something', {}, { appendonly: 'yes', appendfsync: 'everysec' }, false],
  ['that is said to lose nothing', { restarts: 'lossless' }, { appendonly: 'yes', appendfsync: 'always' }, true],
]) {
  test(`a restart of a server ${name}`, async (t) => {
    const redis = await startRedis(t, { config });
    const [anna, bert] = await Promise.all((await startTwo(t, redis, options)).map((hub) => connect(t, hub)));
    await bert.subscribe('room:1');
    const before = await publishAll(anna, 'room:1', 1, 5);
    await bert.waitMessage('room:1', (value) => value === 5);
    await redis.restart();
    if (!kept) await untilGap(bert, 'room:1'); // it would cover what is published before it
    await published(anna, 'room:1', 'after');
    await bert.waitMessage('room:1', (value) => value === 'after', { deadline: 10000 });
    assert.equal(gaps(bert).length > 0, !kept, JSON.stringify(gaps(bert)));
    await bert.unsubscribe('room:1');
    const ok = await bert.ok('subscribe', { channel: 'room:1', since: { epoch: before.epoch, offset: 3 } });
    assert.equal(ok.recovered, kept);
    assert.equal(ok.position.epoch === before.epoch, kept);
    const history = await anna.ok('history', { channel: 'room:1' });
    assert.deepEqual(history.messages.map((m) => m.data), [...count(1, 5), 'after']); // its messages are there in either case
    await bert.barrier();
    assert.deepEqual(data(bert, 'room:1'), [...count(1, 5), 'after', ...(kept ? [4, 5, 'after'] : [])]); // and none is news again
  });
}

test('a restart with nothing', async (t) => {
  const redis = await startRedis(t);
  const [anna, bert] = await Promise.all((await startTwo(t, redis)).map((hub) => connect(t, hub)));
  await bert.subscribe('room:1');
  const before = await publishAll(anna, 'room:1', 1, 5);
  await redis.restart();
  const gap = await untilGap(bert, 'room:1');
  const { position } = await published(anna, 'room:1', 'after');
  await bert.waitMessage('room:1', (value) => value === 'after', { deadline: 10000 });
  assert.notEqual(position.epoch, before.epoch);
  assert.equal(position.offset, 1);
  if (gap.position) assert.deepEqual(gap.position, { epoch: position.epoch, offset: 0 });
});

// Nobody tells a hub that this has happened: the next message does, or the check of positions.
for (const [name, lose] of [
  ['everything', (redis) => redis.command('FLUSHALL')],
  ['the position', (redis) => redis.command('DEL', 'ws:position:{room:1}')],
]) {
  test(`${name} is lost under a subscriber, who is told`, async (t) => {
    const redis = await startRedis(t);
    const hubs = await startTwo(t, redis);
    const [anna, bert] = await Promise.all(hubs.map((hub) => connect(t, hub)));
    await bert.subscribe('room:1');
    const before = await publishAll(anna, 'room:1', 1, 5);
    await bert.waitMessage('room:1', (value) => value === 5);
    await lose(redis);
    await untilGap(bert, 'room:1'); // by the check: nothing is published
    const after = await publishAll(anna, 'room:1', 6, 8);
    await bert.waitMessage('room:1', (value) => value === 8);
    assert.notEqual(after.epoch, before.epoch);
    assert.deepEqual(data(bert, 'room:1'), count(1, 8));
    const ok = await (await connect(t, hubs[0])).ok('subscribe', { channel: 'room:1', since: before });
    assert.equal(ok.recovered, false);
    assert.deepEqual(ok.position, after);
    assertFewComplaints(hubs[1], 2);
  });
}

test('the stream is lost: who has seen all has lost nothing, and the others are told', async (t) => {
  const redis = await startRedis(t);
  const hubs = await startTwo(t, redis);
  const [anna, bert] = await Promise.all(hubs.map((hub) => connect(t, hub)));
  await publishAll(anna, 'room:1', 1, 4);
  const { position } = await anna.publish('room:1', 5);
  await redis.command('DEL', 'ws:history:{room:1}');
  for (const [offset, recovered] of [[5, true], [4, false]]) {
    const ok = await bert.ok('subscribe', { channel: 'room:1', since: { epoch: position.epoch, offset } });
    assert.equal(ok.recovered, recovered, `since ${offset}`);
    assert.deepEqual(ok.position, position);
    await bert.unsubscribe('room:1');
  }
  assert.deepEqual(data(bert, 'room:1'), []);
});

test('out of memory in Redis: histories take nothing, other channels flow', async (t) => {
  const redis = await startRedis(t);
  const hubs = await startTwo(t, redis);
  const [anna, bert] = await Promise.all(hubs.map((hub) => connect(t, hub)));
  await bert.subscribe('room:1');
  await bert.subscribe('news');
  await publishAll(anna, 'room:1', 1, 3);
  await redis.command('CONFIG', 'SET', 'maxmemory', 1);
  for (let i = 0; i < 5; i++) await anna.fails('broker_unavailable', 'publish', { channel: 'room:1', data: 'refused' });
  await anna.publish('news', 1);
  await bert.waitMessage('news');
  const history = await bert.ok('history', { channel: 'room:1' });
  assert.deepEqual(history.messages.map((m) => m.data), [1, 2, 3]);
  assert.equal(await readiness(hubs[0]), 200);
  await redis.command('CONFIG', 'SET', 'maxmemory', 0);
  await publishAll(anna, 'room:1', 4, 5);
  await bert.waitMessage('room:1', (value) => value === 5);
  assert.deepEqual(data(bert, 'room:1'), count(1, 5));
  assert.deepEqual(gaps(bert), []);
  assertFewComplaints(hubs[0], 4);
});

test('scripts are flushed while two instances publish: nothing is lost or out of order', async (t) => {
  const redis = await startRedis(t);
  const hubs = await startTwo(t, redis);
  const publishers = await Promise.all(hubs.map((hub) => connect(t, hub)));
  const readers = (await Promise.all(hubs.map((hub) => connectMany(t, hub, 2)))).flat();
  await Promise.all(readers.map((reader) => reader.subscribe('room:1')));
  let going = true;
  const flushing = (async () => {
    while (going) await redis.command('SCRIPT', 'FLUSH');
  })();
  await Promise.all(publishers.map((client, i) => Promise.all(count(1, 400).map((n) => client.publish('room:1', [i, n])))));
  going = false;
  await flushing;
  for (const reader of readers) {
    await until(10000, () => `800 messages, there are ${data(reader, 'room:1').length}`, () => data(reader, 'room:1').length >= 800);
    assert.deepEqual(reader.messages('room:1').map((m) => m.offset), count(1, 800));
    assert.deepEqual(data(reader, 'room:1'), data(readers[0], 'room:1'));
    assert.deepEqual(gaps(reader), []);
  }
});
