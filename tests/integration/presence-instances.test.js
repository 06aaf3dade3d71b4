// SPDX-License-Identifier: MIT
// Who is in a channel over several instances on one Redis: each join and each leave is told once to each client, also
// when an instance is killed, stands still or comes back, and when Redis forgets everything.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectMany } from './support/client.js';
import { pause } from './support/pause.js';
import { CONFIG, ROOM, TTL, TTL_MS, assertAlternating, assertQuiet, counts, crowd, idOf, idsOf, members, told, toldOf, untilThere, untilTold } from './support/presence.js';
import { startRedis } from './support/redis.js';
import { startHub } from './support/redis_hub.js';
import { SCALE, until } from './support/wait.js';

const startCrowd = (t, redis, options) => crowd(t, (config) => startHub(t, redis, config), options);

const entriesOf = async (redis, id) => {
  const keys = await redis.command('KEYS', 'ws:*');
  const values = await Promise.all(keys.map((key) => redis.command('TYPE', key).then((type) => (type === 'string' ? redis.command('GET', key) : ''))));
  return keys.filter((key, i) => String(values[i]).includes(`"instance":"${id}"`));
};

test('joins and leaves cross instances, each is told once', async (t) => {
  const redis = await startRedis(t);
  const { groups: [[a], [b], [c]], all } = await startCrowd(t, redis, { count: 1 });
  for (const client of all) for (const other of all) if (other !== client) assert.ok(['', 'join'].includes(toldOf(client, ROOM, other)));
  await untilTold(a, ROOM, b, 'join');
  await untilTold(a, ROOM, c, 'join');
  await untilTold(b, ROOM, c, 'join');
  assert.equal(toldOf(c, ROOM, a), '', 'who was there before has not joined');
  await c.unsubscribe(ROOM);
  for (const client of [a, b]) await untilTold(client, ROOM, c, 'join leave');
  for (const client of all) await untilThere(client, ROOM, [a, b]);
  await c.subscribe(ROOM);
  for (const client of [a, b]) await untilTold(client, ROOM, c, 'join leave join');
  await b.close();
  await untilTold(a, ROOM, b, 'join leave');
  await untilTold(c, ROOM, b, 'leave');
  for (const client of all) assertAlternating(client, ROOM);
  assert.equal((await a.ok('presence', { channel: ROOM, count: true })).connections, 2);
});

test('who comes and goes quickly is told in turns, and all agree at the end', async (t) => {
  const redis = await startRedis(t);
  const { groups: [[a], [b]], all } = await startCrowd(t, redis, { count: 1 });
  const done = [];
  for (let i = 0; i < 50; i++) done.push(b.unsubscribe(ROOM), b.subscribe(ROOM));
  await Promise.all(done);
  for (const client of all) await untilThere(client, ROOM, all);
  for (const client of all) assertAlternating(client, ROOM);
  await b.unsubscribe(ROOM);
  await until(5000, 'leave', () => told(a, ROOM).filter(([, id]) => id === idOf(b)).at(-1)?.[0] === 'leave');
  await untilThere(a, ROOM, all.filter((c) => c !== b));
});

test('an instance that is killed: its members leave within instance_ttl, once, and its entries are cleared away', async (t) => {
  const redis = await startRedis(t);
  const { hubs, groups: [as, bs, cs] } = await startCrowd(t, redis);
  const before = counts([...as, ...cs]);
  const killed = performance.now();
  await hubs[1].kill9();
  for (const client of [...as, ...cs]) await untilThere(client, ROOM, [...as, ...cs], TTL + 500);
  assert.ok(performance.now() - killed < TTL_MS + 300 * SCALE, `${performance.now() - killed} ms`);
  for (const [i, client] of [...as, ...cs].entries()) {
    await until(1000, 'the leaves', () => told(client, ROOM).length === before[i] + bs.length);
    for (const other of bs) assert.match(toldOf(client, ROOM, other), /^(join )?leave$/);
    assertAlternating(client, ROOM);
  }
  let left;
  await until(5000, () => `no entries of the dead: ${left}`, async () => (left = await entriesOf(redis, 'two')).length === 0);
  const reaped = await Promise.all([hubs[0], hubs[2]].map(async (hub) => (await hub.metrics()).sum('wshub_reaped_total')));
  assert.equal(reaped.filter((n) => n > 0).length, 1, `one has cleared away: ${reaped}`);
  // It comes back under the same name.
  const again = await startHub(t, redis, { ...CONFIG, instance_id: 'two' });
  const [fresh] = await connectMany(t, again, 1);
  await fresh.subscribe(ROOM);
  await untilThere(fresh, ROOM, [...as, ...cs, fresh]);
  await untilTold(as[0], ROOM, fresh, 'join');
});

test('an instance that is stopped takes leave at once', async (t) => {
  const redis = await startRedis(t);
  const { hubs, groups: [as, bs, cs] } = await startCrowd(t, redis, { config: { registry: { ...CONFIG.registry, instance_ttl: '60s', heartbeat: '10s' } } });
  const before = counts([...as, ...cs]);
  await hubs[1].stop();
  for (const [i, client] of [...as, ...cs].entries()) {
    await untilThere(client, ROOM, [...as, ...cs], 1000);
    await until(1000, 'the leaves', () => told(client, ROOM).length === before[i] + bs.length);
  }
  assert.deepEqual(await entriesOf(redis, 'two'), []);
});

test('an instance that stands still for longer than its TTL leaves and comes back, each once', async (t) => {
  const redis = await startRedis(t);
  const { hubs, groups: [as, bs, cs], all } = await startCrowd(t, redis);
  const before = counts([...as, ...cs]);
  pause(hubs[1].child);
  for (const client of [...as, ...cs]) await untilThere(client, ROOM, [...as, ...cs], TTL + 1000);
  hubs[1].kill('SIGCONT');
  hubs[1].signalled = false;
  for (const client of [...as, ...cs]) await untilThere(client, ROOM, all);
  for (const [i, client] of [...as, ...cs].entries()) {
    await until(1000, 'leaves and joins', () => told(client, ROOM).length === before[i] + 2 * bs.length);
    assertAlternating(client, ROOM);
  }
  // Its own clients were there all the time, and so were the others.
  for (const client of bs) {
    assertAlternating(client, ROOM);
    assert.deepEqual(told(client, ROOM).filter(([op]) => op === 'leave'), []);
    assert.deepEqual(await members(client, ROOM), idsOf(all));
  }
});

test('all instances stand still: nobody is dead for the others', async (t) => {
  const redis = await startRedis(t);
  const { hubs, all } = await startCrowd(t, redis);
  const before = counts(all);
  for (const hub of hubs) pause(hub.child);
  await new Promise((resolve) => setTimeout(resolve, 1.2 * TTL_MS));
  for (const hub of hubs) { hub.kill('SIGCONT'); hub.signalled = false; }
  await assertQuiet(all, all, before);
});

for (const [name, forget] of [['FLUSHALL', (redis) => redis.command('FLUSHALL')], ['a restart', (redis) => redis.restart()]]) {
  test(`${name}: everything is entered anew, and nobody leaves`, async (t) => {
    const redis = await startRedis(t);
    const { groups: [as], all, hubs } = await startCrowd(t, redis);
    const before = counts(all);
    await forget(redis);
    await until(5000, 'all entries again', async () => (await redis.command('KEYS', 'ws:presence:*/*')).length === all.length);
    await assertQuiet(all, all, before);
    const [late] = await connectMany(t, hubs[2], 1);
    await late.subscribe(ROOM);
    await untilTold(as[0], ROOM, late, 'join');
    await untilThere(late, ROOM, [...all, late]);
  });
}

test('announcements that are lost: the list tells the difference', async (t) => {
  const redis = await startRedis(t);
  const { hubs, groups: [as, bs, cs] } = await startCrowd(t, redis, { count: 3 });
  // The subscriptions of the first instance are cut, and while they are, some come and go elsewhere.
  pause(hubs[0].child);
  await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await bs[0].unsubscribe(ROOM);
  cs[0].ws.terminate();
  const [late] = await connectMany(t, hubs[1], 1);
  await until(5000, 'subscribed', async () => (await late.request('subscribe', { channel: ROOM })).op === 'ok');
  hubs[0].kill('SIGCONT');
  hubs[0].signalled = false;
  const rest = [...as, ...bs.slice(1), ...cs.slice(1), late];
  for (const client of as) {
    await untilThere(client, ROOM, rest);
    await untilTold(client, ROOM, late, 'join');
    for (const other of [bs[0], cs[0]]) await until(2000, 'leave', () => toldOf(client, ROOM, other).endsWith('leave'));
    assertAlternating(client, ROOM);
  }
});
