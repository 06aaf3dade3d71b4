// SPDX-License-Identifier: MIT
// P1 lazy, seen from Redis: one subscription for a channel while it has a local subscriber, none when it has none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectMany } from './support/client.js';
import { gather } from './support/crowd.js';
import { below, seeded, shuffle } from './support/random.js';
import { startRedis } from './support/redis.js';
import { channelsOf, probeOf, startHub, untilSubscribed } from './support/redis_hub.js';
import { until, within } from './support/wait.js';

const SEED = Number(process.env.WSHUB_TEST_SEED ?? 1);

// How often Redis was told so for the channel, of all that `monitor` has seen.
const told = (monitor, command, channel) => monitor.commands(command).filter((m) => m.args.includes(channel)).length;

// MONITOR has shown all that came before.
async function caughtUp(redis, monitor) {
  const mark = `mark ${Math.random()}`;
  await redis.command('ECHO', mark);
  await monitor.next((line) => line.includes(mark), { what: 'MONITOR to catch up' });
}

test('P1: the first subscriber makes the subscription, the last to leave ends it, those between change nothing', async (t) => {
  const redis = await startRedis(t);
  const monitor = await redis.monitor();
  const hub = await startHub(t, redis, { workers: 2 });
  const [a, b, c] = await connectMany(t, hub, 3);
  assert.deepEqual(await channelsOf(redis), []);
  await a.publish('room', 'a channel without subscribers needs no subscription');
  assert.deepEqual(await channelsOf(redis), []);
  for (const client of [a, b, c]) {
    await client.subscribe('room');
    assert.deepEqual(await redis.subscriptions('room'), { room: 1 });
  }
  await a.unsubscribe('room');
  await b.close();
  await c.publish('room', 'still there');
  await c.waitMessage('room');
  assert.deepEqual(await redis.subscriptions('room'), { room: 1 });
  c.ws.terminate();
  await untilSubscribed(redis, { room: 0 });
  await caughtUp(redis, monitor);
  assert.equal(told(monitor, 'SUBSCRIBE', 'room'), 1);
  assert.equal(told(monitor, 'UNSUBSCRIBE', 'room'), 1);
});

test('P1: who comes back within the linger causes no traffic', async (t) => {
  const redis = await startRedis(t);
  const monitor = await redis.monitor();
  const hub = await startHub(t, redis, { unsubscribe_linger: '2s' });
  const client = await connect(t, hub);
  await client.subscribe('page');
  for (let reload = 0; reload < 20; reload++) {
    await client.unsubscribe('page');
    await client.subscribe('page');
  }
  await caughtUp(redis, monitor);
  assert.equal(told(monitor, 'SUBSCRIBE', 'page'), 1);
  assert.equal(told(monitor, 'UNSUBSCRIBE', 'page'), 0);
  const since = performance.now();
  await client.unsubscribe('page');
  await untilSubscribed(redis, { page: 0 });
  assert.ok(performance.now() - since >= 1900, 'it lingers');
});

test('P1: 10,000 subscribers of one channel are one subscription, and each gets each message once', async (t) => {
  const COUNT = 10_000;
  const redis = await startRedis(t);
  const monitor = await redis.monitor();
  const hub = await startHub(t, redis, { limits: { connections: 15000 }, registry: { enabled: 'off' } });
  const crowd = await gather(t, hub, COUNT, 'stadium');
  assert.deepEqual(await redis.subscriptions('stadium'), { stadium: 1 });
  const client = await connect(t, hub);
  for (let n = 0; n < 5; n++) await client.publish('stadium', n);
  await crowd.each(5, 20000);
  await caughtUp(redis, monitor);
  assert.equal(told(monitor, 'SUBSCRIBE', 'stadium'), 1);
  assert.equal(told(monitor, 'PUBLISH', 'stadium'), 5);
  crowd.leave();
  await untilSubscribed(redis, { stadium: 0 }, 20000);
  await caughtUp(redis, monitor);
  assert.equal(told(monitor, 'UNSUBSCRIBE', 'stadium'), 1);
});

// Every connection subscribes to all of its channels and leaves those that are not to be kept, in an order of its own:
// operations of one channel keep their order, those of different channels do not.
async function churn(random, clients, channels, kept) {
  const plans = clients.map(() => []);
  for (const channel of channels) {
    const visitors = 1 + below(random, 2);
    for (let v = 0; v < visitors; v++) plans[below(random, clients.length)].push(channel);
  }
  await Promise.all(clients.map(async (client, i) => {
    const mine = shuffle(random, [...new Set(plans[i])]);
    const leaving = shuffle(random, mine.filter((c) => !kept.has(c)));
    const answers = [];
    const ask = async (op, channel) => {
      answers.push(client.request(op, { channel }, { deadline: 30000 }));
      if (answers.length % 200 === 0) await answers.at(-1); // a window: more at once is not read by the hub
    };
    const entered = new Set();
    while (mine.length || leaving.length) {
      const enter = mine.length && (!leaving.length || !entered.has(leaving.at(-1)) || random() < 0.5);
      const channel = enter ? mine.pop() : leaving.pop();
      if (enter) entered.add(channel);
      await ask(enter ? 'subscribe' : 'unsubscribe', channel);
    }
    for (const answer of await Promise.all(answers)) assert.equal(answer.op, 'ok', JSON.stringify(answer));
  }));
}

test(`P1: 10,000 churning channels leave none behind (seed ${SEED})`, async (t) => {
  const random = seeded(SEED);
  const redis = await startRedis(t);
  const hub = await startHub(t, redis, { workers: 2, unsubscribe_linger: '100ms', limits: { channels_per_connection: 20000 } });
  const clients = await connectMany(t, hub, 8);
  const channels = Array.from({ length: 10_000 }, (_, i) => `churn:${i}`);
  const kept = new Set(channels.filter((_, i) => i % 100 === 0));
  await churn(random, clients, channels, kept);
  await untilSubscribed(redis, Object.fromEntries([...kept].map((c) => [c, 1])), 20000);
  assert.equal((await hub.metrics()).sum('wshub_channels'), kept.size);
  await Promise.all(clients.map((c) => c.close()));
  await untilSubscribed(redis, {});
  await until(5000, 'wshub_channels 0', async () => (await hub.metrics()).sum('wshub_channels') === 0);
  assert.deepEqual(await redis.command('PUBSUB', 'CHANNELS'), [probeOf(hub)]);
});

test(`P1: subscribes and unsubscribes of many clients that race converge on what is wanted (seed ${SEED})`, async (t) => {
  const random = seeded(SEED);
  const redis = await startRedis(t);
  const hub = await startHub(t, redis, { workers: 2 });
  const clients = await connectMany(t, hub, 10);
  const names = ['r:0', 'r:1', 'r:2', 'r:3'];
  const inside = clients.map(() => new Set());
  for (let round = 0; round < 20; round++) {
    const answers = [];
    for (let step = 0; step < 100; step++) {
      const i = below(random, clients.length);
      const channel = names[below(random, names.length)];
      const op = inside[i].delete(channel) ? 'unsubscribe' : (inside[i].add(channel), 'subscribe');
      answers.push(clients[i].ok(op, { channel }));
    }
    await within(10000, 'all answers', Promise.all(answers));
    await untilSubscribed(redis, Object.fromEntries(names.map((c) => [c, inside.some((set) => set.has(c)) ? 1 : 0])));
    for (const channel of names) await clients[0].publish(channel, round);
    for (const [i, client] of clients.entries())
      for (const channel of inside[i]) await client.waitMessage(channel, (data) => data === round);
  }
  await Promise.all(clients.map((c) => c.barrier()));
  for (const client of clients)
    for (const channel of names) {
      const rounds = client.messages(channel).map((m) => m.data);
      assert.deepEqual(rounds, [...new Set(rounds)].sort((x, y) => x - y), 'each once, in order');
    }
});

test('P1: a client that dies in the middle of its subscribes leaves nothing', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis, { limits: { channels_per_connection: 1000 } });
  for (let round = 0; round < 5; round++) {
    const client = await connect(t, hub);
    for (let i = 0; i < 500; i++) client.request('subscribe', { channel: `dying:${round}:${i}` }).catch(() => {});
    await client.waitFrame((m) => m.op === 'ok');
    client.ws.terminate();
  }
  await until(10000, 'no connection', async () => (await hub.metrics()).sum('wshub_connections') === 0);
  await untilSubscribed(redis, {});
  assert.equal((await hub.metrics()).sum('wshub_channels'), 0);
});

test('P8: after a drain Redis holds no subscription and no connection of the hub', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis);
  const clients = await connectMany(t, hub, 5);
  for (const [i, client] of clients.entries()) for (let n = 0; n < 50; n++) await client.subscribe(`d:${i}:${n}`);
  const monitor = await redis.monitor();
  await hub.stop();
  assert.deepEqual(await redis.command('PUBSUB', 'CHANNELS'), []);
  assert.deepEqual(await redis.clients(), []);
  assert.deepEqual(await redis.command('KEYS', '*'), []);
  await caughtUp(redis, monitor);
  const ended = new Set(monitor.commands('UNSUBSCRIBE').flatMap((m) => m.args.slice(1)));
  assert.ok(ended.size >= 250, `${ended.size} of 250 were unsubscribed properly`);
});
