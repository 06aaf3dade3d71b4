// SPDX-License-Identifier: MIT
// Redis dies, hangs, lies and refuses. After each fault: the hub lives, the log has said it once, operations in between
// failed at once, subscriptions and registry are back within five seconds of Redis being back, clients were told of the
// gap, messages flow, and the hub ends well.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectMany } from './support/client.js';
import { startProxy } from './support/proxy.js';
import { seeded, shuffle } from './support/random.js';
import { startRedis } from './support/redis.js';
import { assertFewComplaints, assertSaid, readiness, startHub, untilNotReady, untilReady, untilSubscribed } from './support/redis_hub.js';
import { stage, untilRetried } from './support/scene.js';
import { until, within } from './support/wait.js';

const PERIOD = 2000; // ms between two probes

async function behindProxy(t, { config = {}, redisConfig = {}, login } = {}) {
  const redis = await startRedis(t, { config: redisConfig, login });
  const proxy = await startProxy(t, redis);
  return { redis, proxy, scene: await stage(t, redis, proxy, config) };
}

// Asks `step` again and again while a fault lasts: how long it does is part of the fault.
async function during(ms, step) {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    await step();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// Under a fault an operation may fail, but it is answered.
async function answered(client, op, fields) {
  const answer = await client.request(op, fields, { deadline: 15000 });
  if (answer.op === 'ok') return true;
  assert.ok(['broker_unavailable', 'timeout', 'denied', 'internal'].includes(answer.code), JSON.stringify(answer));
  assert.equal(typeof answer.retry, 'boolean');
  return false;
}

// ---- gone ----------------------------------------------------------------------------------------------------------

test('killed and restarted empty, three times', async (t) => {
  const { redis, proxy, scene } = await behindProxy(t);
  for (let round = 0; round < 3; round++) {
    scene.mark();
    await redis.kill9();
    await scene.down();
    await scene.refusedAtOnce();
    await untilRetried(proxy, 6);
    await scene.refusedAtOnce();
    await redis.restart();
    await scene.recovered();
    scene.assertToldOnce();
  }
});

test('not there at the start: the hub listens, is not ready, and connects when Redis comes', async (t) => {
  const redis = await startRedis(t);
  await redis.kill9();
  const hub = await startHub(t, redis, {}, { ready: false });
  await hub.event('broker down');
  assert.equal(await readiness(hub), 503);
  const client = await connect(t, hub);
  await client.fails('broker_unavailable', 'subscribe', { channel: 'room' });
  await redis.restart();
  await untilReady(hub);
  await client.subscribe('room');
  await client.publish('room', 1);
  await client.waitMessage('room');
  assertSaid(hub, 'broker down', 1);
});

test('gone for good: the hub still drains and ends with 0', async (t) => {
  const redis = await startRedis(t);
  const scene = await stage(t, redis);
  await redis.kill9();
  await scene.down();
  await scene.hub.stop();
});

test('restarted while 1,000 subscribes are under way: each is answered, and those answered ok get their messages', async (t) => {
  const redis = await startRedis(t);
  const hub = await startHub(t, redis, { limits: { channels_per_connection: 1000 } });
  const clients = await connectMany(t, hub, 10);
  const results = new Map(); // channel -> { client, ok }
  const asked = clients.flatMap((client, i) => Array.from({ length: 100 }, async (_, n) => {
    const channel = `flight:${i}:${n}`;
    results.set(channel, { client, ok: await answered(client, 'subscribe', { channel }) });
  }));
  await until(5000, 'the first answer', () => results.size > 0);
  await redis.restart();
  await within(20000, 'all answers', Promise.all(asked));
  assert.equal(results.size, 1000);
  await untilReady(hub);
  const held = [...results].filter(([, { ok }]) => ok);
  await untilSubscribed(redis, Object.fromEntries([...results].map(([channel, { ok }]) => [channel, ok ? 1 : 0])));
  const publisher = await connect(t, hub);
  await Promise.all(held.map(([channel]) => publisher.publish(channel, 'after', { deadline: 15000 })));
  for (const [channel, { client }] of held) await client.waitMessage(channel, (data) => data === 'after');
  for (const [channel, { client, ok }] of results) if (!ok) { await client.subscribe(channel); break; } // nothing left in the way
});

test('a kill in the middle of publishes: each is answered, and what arrives is in order and once', async (t) => {
  const redis = await startRedis(t);
  const scene = await stage(t, redis);
  const [first] = scene.clients;
  const taken = [];
  const publishing = Array.from({ length: 200 }, async (_, n) => {
    if (await answered(scene.publisher, 'publish', { channel: 'all', data: n })) taken.push(n);
  });
  await until(5000, 'the first answer', () => taken.length > 0);
  await redis.kill9();
  await within(10000, 'all answers', Promise.all(publishing));
  await redis.restart();
  await scene.recovered();
  const got = first.messages('all').map((m) => m.data).filter((d) => typeof d === 'number');
  assert.deepEqual(got, [...new Set(got)].sort((x, y) => x - y), 'in order, each once');
});

// ---- hanging -------------------------------------------------------------------------------------------------------

test('P9: paused for 20 s, it turns the hub red within two probe periods, and green within 5 s of going on', async (t) => {
  const redis = await startRedis(t);
  const scene = await stage(t, redis);
  redis.pause();
  const since = performance.now();
  await untilNotReady(scene.hub, 2 * PERIOD + 1000);
  await scene.down({ deadline: 10000 });
  await during(20_000 - (performance.now() - since), () => scene.refusedAtOnce());
  assertSaid(scene.hub, 'broker down', 1, scene.logFrom);
  redis.resume();
  await scene.recovered();
  scene.assertToldOnce();
});

test('paused for a moment only: nothing is lost, nobody is told of a gap', async (t) => {
  const redis = await startRedis(t);
  const scene = await stage(t, redis);
  redis.pause();
  const publishing = Array.from({ length: 100 }, (_, n) => scene.publisher.publish('all', n));
  await scene.publisher.barrier();
  redis.resume();
  await Promise.all(publishing);
  await scene.recovered({ gap: false });
  for (const client of scene.clients) {
    assert.deepEqual(client.messages('all').map((m) => m.data).filter((d) => typeof d === 'number'), Array.from({ length: 100 }, (_, n) => n));
    assert.ok(!client.frames.items.some((f) => f.json.op === 'gap'));
  }
  assertSaid(scene.hub, 'broker down', 0, scene.logFrom);
});

test('a partition: nothing passes either way, then everything', async (t) => {
  const { proxy, scene } = await behindProxy(t);
  proxy.switch('blackhole');
  await scene.down({ deadline: 10000 });
  await untilNotReady(scene.hub);
  await scene.refusedAtOnce();
  await untilRetried(proxy, 2);
  proxy.switch('pass');
  await scene.recovered();
  scene.assertToldOnce();
});

for (const side of ['sub', 'pub']) {
  test(`P9: the ${side} connection alone goes silent, the other does not hide it`, async (t) => {
    const { proxy, scene } = await behindProxy(t);
    proxy.switch('stall', { where: (pair) => pair.sent.includes(`wshub-${scene.hub.id}-${side}`) });
    await untilNotReady(scene.hub, 2 * PERIOD + 1000);
    await scene.down({ deadline: 10000 });
    await scene.refusedAtOnce();
    proxy.switch('pass');
    await scene.recovered();
    assertFewComplaints(scene.hub, 6, scene.logFrom);
  });
}

// ---- a bad network -------------------------------------------------------------------------------------------------

for (const after of [1, 7, 40]) {
  test(`cut in the middle of a reply, after ${after} bytes`, async (t) => {
    const { proxy, scene } = await behindProxy(t);
    proxy.switch('cut', { after });
    const publishing = Array.from({ length: 50 }, (_, n) => answered(scene.publisher, 'publish', { channel: 'all', data: n }));
    await scene.down();
    await within(10000, 'all answers', Promise.all(publishing));
    proxy.switch('pass');
    await scene.recovered();
    scene.assertToldOnce();
  });
}

test('both connections reset at once, ten times', async (t) => {
  const { proxy, scene } = await behindProxy(t);
  for (let round = 0; round < 10; round++) {
    scene.mark();
    proxy.reset();
    await scene.down();
    await scene.recovered();
    scene.assertToldOnce();
  }
});

for (const name of ['pub', 'sub']) {
  test(`CLIENT KILL of the ${name} connection alone`, async (t) => {
    const redis = await startRedis(t);
    const scene = await stage(t, redis);
    const [victim] = await redis.clients(new RegExp(`-${name}$`));
    await redis.command('CLIENT', 'KILL', 'ID', victim.id);
    await scene.down();
    await scene.recovered();
    scene.assertToldOnce();
    assert.equal((await redis.clients()).length, 2, 'none is left over');
  });
}

test('replies that come 300 ms late are no fault', async (t) => {
  const { proxy, scene } = await behindProxy(t);
  proxy.switch('delay', { ms: 300 });
  await Promise.all(Array.from({ length: 100 }, (_, n) => scene.publisher.publish('all', n)));
  await scene.flows();
  proxy.switch('pass');
  await scene.recovered({ gap: false });
  assertSaid(scene.hub, 'broker down', 0, scene.logFrom);
  assertSaid(scene.hub, 'not ready', 0, scene.logFrom);
});

// Everything that makes Redis answer, on a hub whose operations may all fail.
async function stir(scene, random) {
  const steps = [];
  for (let n = 0; n < 20; n++) {
    steps.push(() => answered(scene.publisher, 'publish', { channel: 'all', data: n }));
    const channel = `stir:${n}`;
    steps.push(async () => {
      if (await answered(scene.publisher, 'subscribe', { channel })) await answered(scene.publisher, 'unsubscribe', { channel });
    });
  }
  await Promise.all(shuffle(random, steps).map((step) => step()));
}

const SEEDS = process.env.WSHUB_TEST_SEED ? [Number(process.env.WSHUB_TEST_SEED)] : [1, 2, 3, 4];
const BAD = [['truncate', { one: 5 }], ['garble', { one: 300 }], ['garble', { one: 10 }]];
for (const [mode, options] of BAD) {
  for (const seed of SEEDS) {
    test(`replies go wrong: ${mode} ${JSON.stringify(options)}, seed ${seed}`, async (t) => {
      // What was cut off is waited for until `timeout`, also when the network is well again.
      const { proxy, scene } = await behindProxy(t, { config: { timeouts: { broker: '2s' }, options: { timeout: '1s' } } });
      const from = proxy.connections;
      const random = seeded(seed);
      proxy.switch(mode, { ...options, seed });
      await untilNoticed(scene, random);
      for (let round = 0; round < 3; round++) await stir(scene, random);
      proxy.switch('pass');
      await scene.recovered();
      scene.assertToldOfChanges(proxy.connections - from + 1);
    });
  }
}

// Stirs until the bad network has been noticed.
async function untilNoticed(scene, random) {
  await until(30000, 'the link is lost', async () => {
    await stir(scene, random);
    return scene.hub.log.items.slice(scene.logFrom).some((r) => r.event === 'broker down');
  });
}

test('a reader too slow for client-output-buffer-limit is a lost link, and comes back', async (t) => {
  const { redis, proxy, scene } = await behindProxy(t, { config: { limits: { outbox: '256MiB' } } });
  await redis.command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 262144 0 0');
  const [sub] = await redis.clients(/-sub$/);
  proxy.switch('stall', { where: (pair) => pair.sent.includes('-sub') });
  const big = JSON.stringify('x'.repeat(100_000));
  await until(30000, 'Redis closes the slow reader', async () => {
    for (let n = 0; n < 10; n++) await redis.command('PUBLISH', 'all', big);
    return !(await redis.clients(/-sub$/)).some((c) => c.id === sub.id);
  });
  proxy.switch('pass');
  await scene.down();
  await scene.recovered();
  scene.assertToldOnce();
});

// ---- refusals ------------------------------------------------------------------------------------------------------

// A hub whose Redis does not let it in says so once, and comes in as soon as `allow` has been called.
async function refusedThenLetIn(t, { redis, proxy, hub, reason, allow }) {
  const down = await hub.event('broker down');
  assert.match(down.reason, reason);
  await untilRetried(proxy, 6);
  assertSaid(hub, 'broker down', 1);
  assertFewComplaints(hub, 4);
  assert.equal(await readiness(hub), 503);
  const client = await connect(t, hub);
  await client.fails('broker_unavailable', 'subscribe', { channel: 'room' });
  await allow();
  await untilReady(hub);
  await client.subscribe('room');
  await client.publish('room', 1);
  await client.waitMessage('room');
  assert.deepEqual(await redis.subscriptions('room'), { room: 1 });
  assertSaid(hub, 'broker up', 1);
  assertSaid(hub, 'broker down', 1);
}

test('a wrong password: said once, without the password, and right as soon as Redis takes it', async (t) => {
  const redis = await startRedis(t, { config: { requirepass: 'other' } });
  const proxy = await startProxy(t, redis);
  const hub = await startHub(t, proxy, { options: { password: 'sesame-open' } }, { ready: false });
  await refusedThenLetIn(t, { redis, proxy, hub, reason: /WRONGPASS|invalid password/i, allow: () => redis.command('CONFIG', 'SET', 'requirepass', 'sesame-open') });
  assert.ok(!hub.text.includes('sesame-open'), 'a secret in the log');
});

test('no password where one is needed', async (t) => {
  const redis = await startRedis(t, { config: { requirepass: 'secret' } });
  const proxy = await startProxy(t, redis);
  const hub = await startHub(t, proxy, {}, { ready: false });
  await refusedThenLetIn(t, { redis, proxy, hub, reason: /NOAUTH|password/i, allow: () => redis.command('CONFIG', 'SET', 'requirepass', '') });
});

test('the password changes while the hub runs: the link stays, and the next one says why it fails', async (t) => {
  const { redis, proxy, scene } = await behindProxy(t, { redisConfig: { requirepass: 'old' }, config: { options: { password: 'old' } } });
  await redis.command('CONFIG', 'SET', 'requirepass', 'new');
  await scene.flows();
  await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await hubSays(scene, /WRONGPASS|invalid password/i);
  await scene.refusedAtOnce();
  await untilRetried(proxy, 5);
  await redis.command('CONFIG', 'SET', 'requirepass', 'old');
  await scene.recovered();
  assertSaid(scene.hub, 'broker up', 1, scene.logFrom);
  assertFewComplaints(scene.hub, 4, scene.logFrom);
});

// A link that was lost for one reason may stay away for another, which is worth a line of its own.
function hubSays(scene, reason) {
  return scene.hub.log.next((r) => reason.test(r.reason ?? '') || reason.test(r.line), { from: scene.logFrom, what: `a line with ${reason}` });
}

test('maxclients reached: said, and back when there is room', async (t) => {
  const { redis, proxy, scene } = await behindProxy(t);
  await redis.command('CONFIG', 'SET', 'maxclients', 1);
  for (const { id } of await redis.clients()) await redis.command('CLIENT', 'KILL', 'ID', id);
  await hubSays(scene, /max number of clients/);
  await scene.refusedAtOnce();
  await untilRetried(proxy, 6);
  await redis.command('CONFIG', 'SET', 'maxclients', 1000);
  await scene.recovered();
  assertSaid(scene.hub, 'broker up', 1, scene.logFrom);
  assertFewComplaints(scene.hub, 4, scene.logFrom);
});

const USER = 'hub on >pw ~* &* +@all';
const asUser = { options: { username: 'hub', password: 'pw' } };

test('an ACL that forbids SUBSCRIBE: not ready, said once, and all subscriptions are back when it is allowed', async (t) => {
  const redis = await startRedis(t, { config: { user: [USER] } });
  const scene = await stage(t, redis, redis, asUser);
  await redis.command('ACL', 'SETUSER', 'hub', '-subscribe');
  const [sub] = await redis.clients(/-sub$/);
  await redis.command('CLIENT', 'KILL', 'ID', sub.id);
  await scene.down();
  await hubSays(scene, /NOPERM|subscribe/);
  await untilNotReady(scene.hub);
  await until(5000, 'the loss is counted', async () => (await scene.hub.metrics()).sum('wshub_channels_lost') > 0);
  assert.equal(await answered(scene.publisher, 'subscribe', { channel: 'new' }), false);
  await during(3 * PERIOD, async () => {
    assert.equal(await readiness(scene.hub), 503);
    await scene.publisher.barrier();
  });
  assertFewComplaints(scene.hub, 8, scene.logFrom);
  await redis.command('ACL', 'SETUSER', 'hub', '+subscribe');
  await scene.recovered();
});

test('an ACL that forbids PUBLISH: publishers are told so', async (t) => {
  const redis = await startRedis(t, { config: { user: [USER] } });
  const scene = await stage(t, redis, redis, asUser);
  await redis.command('ACL', 'SETUSER', 'hub', '-publish');
  await scene.publisher.fails('denied', 'publish', { channel: 'all', data: 1 });
  await untilNotReady(scene.hub, 2 * PERIOD + 1000); // it proves nothing any more
  assertFewComplaints(scene.hub, 5, scene.logFrom);
  await redis.command('ACL', 'SETUSER', 'hub', '+publish');
  await scene.recovered({ gap: false });
});

test('an ACL that forbids the registry: messages flow, and it is said once', async (t) => {
  const redis = await startRedis(t, { config: { user: [USER] } });
  const scene = await stage(t, redis, redis, asUser);
  await redis.command('ACL', 'SETUSER', 'hub', 'resetkeys');
  await during(3000, () => scene.flows());
  assert.equal(await readiness(scene.hub), 200);
  assertFewComplaints(scene.hub, 3, scene.logFrom);
  await redis.command('ACL', 'SETUSER', 'hub', '~*');
  await redis.command('FLUSHALL');
  await scene.recovered({ gap: false });
});

test('out of memory in Redis: no registry, but messages flow, and it is said once', async (t) => {
  const redis = await startRedis(t);
  const scene = await stage(t, redis);
  await redis.command('CONFIG', 'SET', 'maxmemory', 1);
  await during(2000, () => scene.flows());
  assert.equal(await readiness(scene.hub), 200);
  assertFewComplaints(scene.hub, 6, scene.logFrom);
  await redis.command('CONFIG', 'SET', 'maxmemory', 0);
  await redis.command('FLUSHALL');
  await scene.recovered({ gap: false });
});
