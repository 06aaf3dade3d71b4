// SPDX-License-Identifier: MIT
// Who comes back with a position has everything once and in order, whatever was live meanwhile (P3, P6).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectMany } from './support/client.js';
import { start } from './support/hub.js';
import { startRedis } from './support/redis.js';
import { startHub, untilReady } from './support/redis_hub.js';
import { until } from './support/wait.js';

const CHANNELS = [{ match: 'room:*', history: { size: 5000, ttl: '1h' } }, { match: '*' }];

const offsets = (client, channel) => client.messages(channel).map((m) => m.offset);
const count = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('what was missed follows the ok, then what is live', async (t) => {
  const hub = await start({ channels: CHANNELS, workers: 2, unsubscribe_linger: '0s' }, { t });
  const [anna, bert] = await connectMany(t, hub, 2);
  const first = await bert.subscribe('room:1');
  assert.equal(first.position.offset, 0);
  assert.match(first.position.epoch, /^[!-~]{1,64}$/);
  for (let i = 1; i <= 3; i++) {
    const { position } = await anna.publish('room:1', i);
    assert.deepEqual(position, { epoch: first.position.epoch, offset: i });
  }
  await bert.waitMessage('room:1', (data) => data === 3);
  await bert.unsubscribe('room:1');
  for (let i = 4; i <= 8; i++) await anna.publish('room:1', i);
  const ok = await bert.ok('subscribe', { channel: 'room:1', since: { epoch: first.position.epoch, offset: 3 } });
  assert.equal(ok.recovered, true);
  assert.equal(ok.position.offset, 8);
  await anna.publish('room:1', 9);
  await bert.waitMessage('room:1', (data) => data === 9);
  assert.deepEqual(offsets(bert, 'room:1'), count(1, 9));
});

test('a position that the history cannot serve is told', async (t) => {
  const hub = await start({ channels: [{ match: '*', history: { size: 3, ttl: '1h' } }], unsubscribe_linger: '0s' }, { t });
  const [anna, bert] = await connectMany(t, hub, 2);
  for (let i = 1; i <= 5; i++) await anna.publish('a', i);
  const { position } = await anna.publish('a', 6);
  for (const since of [{ epoch: position.epoch, offset: 2 }, { epoch: 'another', offset: 6 }, { epoch: position.epoch, offset: 7 }]) {
    const ok = await bert.ok('subscribe', { channel: 'a', since });
    assert.equal(ok.recovered, false, JSON.stringify(since));
    assert.deepEqual(ok.position, position);
    await bert.unsubscribe('a');
  }
  assert.deepEqual(offsets(bert, 'a'), []);
  const ok = await bert.ok('subscribe', { channel: 'a', since: { epoch: position.epoch, offset: 3 } });
  assert.equal(ok.recovered, true);
  await bert.waitMessage('a', (data) => data === 6);
  assert.deepEqual(offsets(bert, 'a'), [4, 5, 6]);
});

// Each client leaves and comes back by turns while the others publish.
async function storm(t, hubs, { clients = 20, messages = 400, rounds = 4 } = {}) {
  const publishers = await Promise.all(hubs.map((hub) => connect(t, hub)));
  const seen = Array.from({ length: clients }, () => []);
  let going = true;
  const begin = (await publishers[0].publish('room:s', 0)).position;
  const reader = async (i) => {
    let since = begin;
    const take = (client) => {
      const messages = client.messages('room:s');
      seen[i].push(...messages.map((m) => m.data));
      assert.equal(client.frames.items.filter((f) => f.json?.op === 'gap').length, 0);
      if (messages.length) since = { epoch: begin.epoch, offset: messages.at(-1).offset };
    };
    for (let round = 0; round <= rounds; round++) {
      const client = await connect(t, hubs[(i + round) % hubs.length]);
      const ok = await client.ok('subscribe', { channel: 'room:s', since }, { deadline: 20000 });
      assert.equal(ok.recovered, true, JSON.stringify([since, ok]));
      if (round < rounds) {
        const far = Math.min(messages, (round + 1) * Math.floor(messages / (rounds + 2)));
        await client.waitMessage('room:s', (data) => data >= far, { deadline: 20000 });
      } else {
        await client.waitMessage('room:s', (data) => data === messages, { deadline: 20000 });
      }
      client.ws.terminate();
      await client.closed;
      take(client);
    }
  };
  const publish = (async () => {
    for (let i = 1; i <= messages && going; i++) await publishers[i % publishers.length].publish('room:s', i);
  })();
  await Promise.all([publish, ...Array.from({ length: clients }, (_, i) => reader(i))]).finally(() => { going = false; });
  for (const one of seen) {
    const wrong = one.findIndex((data, i) => data !== i + 1);
    assert.equal(wrong, -1, `at ${wrong} of ${one.length}: ${one.slice(Math.max(0, wrong - 3), wrong + 4)}`);
    assert.equal(one.length, messages);
  }
}

test('clients that come and go while messages flow miss none of them', async (t) => {
  const hub = await start({ channels: CHANNELS, workers: 4 }, { t });
  await storm(t, [hub]);
});

test('and so on Redis, from one instance to the other', async (t) => {
  const redis = await startRedis(t);
  const config = { channels: CHANNELS, workers: 2, unsubscribe_linger: '0s' };
  const hubs = [await startHub(t, redis, config), await startHub(t, redis, config)];
  for (const hub of hubs) await untilReady(hub);
  await storm(t, hubs);
  const metrics = await hubs[0].metrics();
  assert.ok(metrics.sum('wshub_recoveries_total', { result: 'recovered' }) > 0);
});

test('a link that was lost loses nothing', async (t) => {
  const redis = await startRedis(t);
  const config = { channels: CHANNELS, workers: 2 };
  const hubs = [await startHub(t, redis, config), await startHub(t, redis, config)];
  for (const hub of hubs) await untilReady(hub);
  const [anna, bert] = await Promise.all(hubs.map((hub) => connect(t, hub)));
  await bert.subscribe('room:1');
  for (let i = 1; i <= 50; i++) {
    await until(5000, 'published', async () => (await anna.request('publish', { channel: 'room:1', data: i, key: `k${i}` })).op === 'ok');
    if (i % 10 === 0) await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  }
  await bert.waitMessage('room:1', (data) => data === 50);
  assert.deepEqual(offsets(bert, 'room:1'), count(1, 50));
  assert.equal(bert.frames.items.filter((f) => f.json?.op === 'gap').length, 0);
});
