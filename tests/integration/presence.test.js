// SPDX-License-Identifier: MIT
// Who is in a channel, on one instance: on the built-in broker, and the same on Redis.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atEnd } from './support/cleanup.js';
import { connectMany } from './support/client.js';
import { start } from './support/hub.js';
import { idOf, idsOf, members, told, untilTold } from './support/presence.js';
import { startRedis } from './support/redis.js';
import { startHub } from './support/redis_hub.js';

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
