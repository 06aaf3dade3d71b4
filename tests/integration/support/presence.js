// SPDX-License-Identifier: MIT
// What clients see of each other in a channel with presence.
import assert from 'node:assert/strict';
import { until } from './wait.js';

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
