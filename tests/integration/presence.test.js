// SPDX-License-Identifier: MIT
// Who is in a channel, on one instance: on the built-in broker, and the same on Redis.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, startAuth } from './support/auth.js';
import { atEnd } from './support/cleanup.js';
import { connect, connectMany } from './support/client.js';
import { start } from './support/hub.js';
import { idOf, idsOf, members, told, untilTold } from './support/presence.js';
import { startRedis } from './support/redis.js';
import { startHub } from './support/redis_hub.js';
import { until } from './support/wait.js';

const RULES = {
  channels: [
    { match: 'room:*', presence: true },
    { match: 'quiet:*', presence: { events: false } },
    { match: 'plain:*' },
  ],
};

async function onMemory(t, config) {
  const hub = await start({ ...RULES, ...config });
  atEnd(t, () => hub.stop());
  return hub;
}

const onRedis = async (t, config) => startHub(t, await startRedis(t), { ...RULES, ...config });

for (const [name, startOn] of [['memory', onMemory], ['redis', onRedis]]) {
  test(`${name}: who is there, who comes and who goes`, async (t) => {
    const hub = await startOn(t, {});
    const [a, b, c] = await connectMany(t, hub, 3);
    await a.subscribe('room:1');
    assert.deepEqual(await members(a, 'room:1'), idsOf([a]));
    await b.subscribe('room:1');
    await untilTold(a, 'room:1', b, 'join');
    assert.deepEqual(await members(a, 'room:1'), idsOf([a, b]));
    assert.deepEqual(await members(c, 'room:1'), idsOf([a, b]), 'who is not there may ask');
    const counted = await c.ok('presence', { channel: 'room:1', count: true });
    assert.equal(counted.connections, 2);
    assert.equal(counted.users, 0);
    assert.ok(!('members' in counted));
    await b.unsubscribe('room:1');
    await untilTold(a, 'room:1', b, 'join leave');
    await b.subscribe('room:1');
    b.ws.terminate();
    await untilTold(a, 'room:1', b, 'join leave join leave');
    assert.deepEqual(told(b, 'room:1'), [], 'nobody is told of itself');
    assert.deepEqual(await members(a, 'room:1'), idsOf([a]));
    assert.deepEqual(await members(a, 'room:2'), []);
  });

  test(`${name}: without events there are members, and without presence neither`, async (t) => {
    const hub = await startOn(t, {});
    const [a, b] = await connectMany(t, hub, 2);
    await a.subscribe('quiet:1');
    await b.subscribe('quiet:1');
    await b.subscribe('plain:1');
    assert.deepEqual(await members(a, 'quiet:1'), idsOf([a, b]));
    await b.unsubscribe('quiet:1');
    await b.barrier();
    assert.deepEqual(await members(a, 'quiet:1'), idsOf([a]));
    assert.deepEqual(told(a, 'quiet:1'), []);
    await a.fails('unsupported', 'presence', { channel: 'plain:1' });
  });
}

test('users, what is known of them, and another identity', async (t) => {
  const redis = await startRedis(t);
  const table = ['token ann yes user=ann info={"name":"Ann"} grant=srp:*', 'token ann2 yes user=ann info={"name":"Anna"} grant=srp:*',
    'token bob yes user=bob grant=srp:*'];
  const hubs = [];
  for (const instance_id of ['one', 'two']) {
    hubs.push(await startAuth(t, table, {
      instance_id, brokers: [{ name: 'main', plugin: 'redis', options: { url: redis.url } }],
      channels: [{ match: 'room:*', presence: true }, { match: 'hall:*', presence: { per: 'user' } }],
    }));
  }
  const bob = await connect(t, hubs[0], bearer('bob'));
  const anns = [await connect(t, hubs[0], bearer('ann')), await connect(t, hubs[1], bearer('ann'))];
  for (const channel of ['room:1', 'hall:1']) {
    await bob.subscribe(channel);
    await bob.ok('presence', { channel });
    for (const ann of anns) await ann.subscribe(channel);
  }
  for (const ann of anns) await untilTold(bob, 'room:1', ann, 'join');
  const { json: joined } = await bob.waitFrame((m) => m.op === 'join' && m.channel === 'room:1' && m.member.connection === idOf(anns[1]));
  assert.deepEqual(joined.member, { connection: idOf(anns[1]), user: 'ann', info: { name: 'Ann' } });
  await until(5000, 'both in the hall', async () => (await bob.ok('presence', { channel: 'hall:1', count: true })).connections === 3);
  const hall = await bob.ok('presence', { channel: 'hall:1' });
  assert.deepEqual(hall.members.sort((a, b) => (a.user < b.user ? -1 : 1)), [{ user: 'ann', info: { name: 'Ann' } }, { user: 'bob' }]);
  assert.equal(hall.users, 2);
  await anns[0].close();
  await untilTold(bob, 'room:1', anns[0], 'join leave');
  await anns[1].ok('refresh', { token: 'ann2' });
  await untilTold(bob, 'room:1', anns[1], 'join leave join');
  assert.deepEqual((await bob.ok('presence', { channel: 'room:1' })).members.find((m) => m.user === 'ann').info, { name: 'Anna' });
  await until(5000, 'the other name in the hall', () => told(bob, 'hall:1').length === 3);
  assert.deepEqual(told(bob, 'hall:1'), [['join', 'ann'], ['leave', 'ann'], ['join', 'ann']]);
  await anns[1].close();
  await until(5000, 'nobody else in the hall', () => told(bob, 'hall:1').length === 4);
  assert.deepEqual((await bob.ok('presence', { channel: 'hall:1' })).members, [{ user: 'bob' }]);
});
