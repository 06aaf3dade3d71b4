// SPDX-License-Identifier: MIT
// Who is in a channel, on one instance: on the built-in broker, and the same on Redis.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectMany } from './support/client.js';
import { start } from './support/hub.js';
import { atEnd } from './support/cleanup.js';
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

const idOf = (client) => client.welcome.connection;
const members = async (client, channel) => (await client.ok('presence', { channel })).members.map((m) => m.connection).sort();
const idsOf = (clients) => clients.map(idOf).sort();

// Joins and leaves that the client was told, as "join ID".
function story(client, channel) {
  return client.frames.items.map((f) => f.json).filter((m) => (m?.op === 'join' || m?.op === 'leave') && m.channel === channel)
    .map((m) => `${m.op} ${m.member.connection}`);
}

const untilTold = (client, op, other, channel = 'room:1') => client.waitFrame((m) => m.op === op && m.channel === channel && m.member.connection === idOf(other),
  { what: `${op} of ${idOf(other)}` });

for (const [name, startOn] of [['memory', onMemory], ['redis', onRedis]]) {
  test(`${name}: who is there, who comes and who goes`, async (t) => {
    const hub = await startOn(t, {});
    const [a, b, c] = await connectMany(t, hub, 3);
    await a.subscribe('room:1');
    assert.deepEqual(await members(a, 'room:1'), idsOf([a]));
    await b.subscribe('room:1');
    await untilTold(a, 'join', b);
    assert.deepEqual(await members(a, 'room:1'), idsOf([a, b]));
    assert.deepEqual(await members(c, 'room:1'), idsOf([a, b]), 'who is not there may ask');
    const counted = await c.ok('presence', { channel: 'room:1', count: true });
    assert.equal(counted.connections, 2);
    assert.equal(counted.users, 0);
    assert.ok(!('members' in counted));
    await b.unsubscribe('room:1');
    await untilTold(a, 'leave', b);
    await b.subscribe('room:1');
    b.ws.terminate();
    await a.waitFrame((m) => m.op === 'leave', { from: a.frames.items.findLastIndex((f) => f.json?.op === 'leave') + 1, what: 'the second leave' }).catch(() => {});
    await a.barrier();
    assert.deepEqual(story(a, 'room:1'), [`join ${idOf(b)}`, `leave ${idOf(b)}`, `join ${idOf(b)}`, `leave ${idOf(b)}`]);
    assert.deepEqual(story(b, 'room:1'), [], 'nobody is told of itself');
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
    assert.deepEqual(story(a, 'quiet:1'), []);
    await a.fails('unsupported', 'presence', { channel: 'plain:1' });
  });
}
