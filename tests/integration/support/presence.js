// SPDX-License-Identifier: MIT
// What clients see of each other in a channel with presence.
import assert from 'node:assert/strict';
import { connectMany } from './client.js';
import { SCALE, until } from './wait.js';

export const ROOM = 'room:1';
export const TTL = 1000;
// Instrumented builds need some more patience with a heartbeat; no more than that, for much of this is waiting.
export const TTL_MS = TTL * Math.min(SCALE, 2);
export const CONFIG = {
  channels: [{ match: 'room:*', presence: true }],
  // The connections' TTL is long: nothing may hang on an entry that expires.
  registry: { connection_ttl: '1m', instance_ttl: `${TTL_MS}ms`, heartbeat: `${TTL_MS / 5}ms` },
};

export const idOf = (client) => client.welcome.connection;
export const idsOf = (clients) => clients.map(idOf).sort();

export async function members(client, channel) {
  const { members: found, connections } = await client.ok('presence', { channel });
  assert.equal(connections, found.length);
  return found.map((m) => m.connection).sort();
}

// Until the client's instance says that exactly these are there.
export async function untilThere(client, channel, clients, deadline = 5000) {
  const wanted = idsOf(clients).join();
  let last;
  await until(deadline, () => `${clients.length} members of ${channel}; last seen ${JSON.stringify(last)?.slice(0, 500)}`, async () => {
    const answer = await client.request('presence', { channel });
    last = answer.op === 'ok' ? answer.members.map((m) => m.connection).sort() : answer;
    return answer.op === 'ok' && last.join() === wanted;
  });
}

// What the client was told of the channel, in order: [['join', ID], ['leave', ID], ...]
export function told(client, channel) {
  return client.frames.items.map((f) => f.json).filter((m) => (m?.op === 'join' || m?.op === 'leave') && m.channel === channel)
    .map((m) => [m.op, m.member.connection ?? m.member.user]);
}

export const toldOf = (client, channel, other) => told(client, channel).filter(([, id]) => id === idOf(other)).map(([op]) => op).join(' ');

// Until the client has been told this of the other, such as 'join leave'.
export function untilTold(client, channel, other, story, deadline = 5000) {
  return until(deadline, () => `${idOf(other)}: "${story}"; told was "${toldOf(client, channel, other)}"`,
    () => toldOf(client, channel, other) === story);
}

// Nobody joins who is there, nobody leaves who is not, nobody is told of itself.
export function assertAlternating(client, channel) {
  const last = new Map();
  for (const [op, id] of told(client, channel)) {
    assert.notEqual(id, idOf(client), `told of itself: ${op}`);
    assert.notEqual(op, last.get(id), `${op} of ${id}, twice in a row`);
    last.set(id, op);
  }
}

// Three instances with `count` clients each, all of them in the room. `start`: of a configuration, a hub.
export async function crowd(t, start, { count = 2, ids = ['one', 'two', 'three'], config = {} } = {}) {
  const hubs = [];
  for (const instance_id of ids) hubs.push(await start({ ...CONFIG, instance_id, ...config }));
  const groups = [];
  for (const hub of hubs) groups.push(await connectMany(t, hub, count));
  const all = groups.flat();
  for (const [i, client] of all.entries()) {
    await client.subscribe(ROOM);
    await untilThere(client, ROOM, all.slice(0, i + 1)); // what its instance finds when it first looks is told to nobody
  }
  for (const client of all) await untilThere(client, ROOM, all);
  return { hubs, groups, all };
}

// How many joins and leaves each was told so far.
export const counts = (clients) => clients.map((c) => told(c, ROOM).length);

// Nobody is told anything more for longer than anybody's patience, and all are still there.
export async function assertQuiet(clients, there, before) {
  await new Promise((resolve) => setTimeout(resolve, 1.5 * TTL_MS));
  for (const client of clients) await untilThere(client, ROOM, there);
  assert.deepEqual(counts(clients), before);
}
